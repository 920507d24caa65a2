//! One key: what it may do, who uses it, and what became of it.

mod parts;

use std::ops::Range;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use control::{Definitions, UsageBy, UsagePart};
use http::StatusCode;
use model::keys::{KeyRecord, KeyStatus};
use model::people::Area;
use model::time::Timestamp;

use super::super::audit::{Line as AuditLine, about, name_of};
use super::super::forms::sentence;
use super::super::frame::{Frame, Section, page};
use super::super::times::Moment;
use super::super::usage::{Chart, Credit, DAYS, Networks, Part, Sums, credits_of, pool_name};
use super::super::visitor::InProject;
use super::grants::is_editable;
use super::once::watched;
use super::proofs::Proofs;
use super::words::GrantWords;
use super::{Here, Tag, kind, status};
use crate::api::keys::alerts;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;
use parts::{GrantLine, NetworkLine, Restriction, SecretLine, limits, restrictions};

/// The parameter `done` says what was done a moment ago.
pub(in super::super) const PARAMETERS: &[&str] = &["done"];

/// Entries of the audit that the page shows.
const ENTRIES: usize = 12;

struct AlertLine {
    since: Option<Moment>,
    detail: String,
}

/// Where the things are that can be done with the key.
struct Links {
    preview: String,
    settings: String,
    add: String,
    roll: String,
    end_grace: String,
    undo_roll: String,
    disable: String,
    enable: String,
    copy: String,
    quarantine: String,
    release: String,
    delete: String,
    audit: String,
    usage: String,
}

#[derive(Template)]
#[template(path = "console/key.html")]
struct Page {
    frame: Frame,
    back: String,
    done: Option<&'static str>,
    name: String,
    description: String,
    id: String,
    kind: &'static str,
    status: Tag,
    is_disabled: bool,
    is_expired: bool,
    is_held: bool,
    is_rolling: bool,
    /// Whether taking the roll back would be let through.
    is_undoable: bool,
    is_of_dialect: bool,
    made: Moment,
    made_by: String,
    used: Option<Moment>,
    issuer: Option<(String, Option<String>)>,
    proofs: Proofs,
    alerts: Vec<AlertLine>,
    grants: Vec<GrantLine>,
    restrictions: Vec<Restriction>,
    limits: Vec<Restriction>,
    credits: Vec<Credit>,
    secrets: Vec<SecretLine>,
    networks: Vec<NetworkLine>,
    counted: Option<Counted>,
    history: Option<Vec<AuditLine>>,
    links: Links,
}

/// The page of a key.
pub(in super::super) async fn read(
    page_of: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    let now = state.clock.now();
    let tomorrow = now.date().as_days() + 1;
    let days = tomorrow - DAYS..tomorrow;
    // The page is there all the same when the database takes nothing just now.
    let counted = match counted(&here, days.clone(), &state).await {
        Ok(counted) => Some(counted),
        Err(error) => {
            tracing::info!(?error, "usage was not told to a page");
            None
        }
    };
    let history = match here.page.caller(Area::Audit) {
        Ok(caller) => {
            let id = here.key.id().to_string();
            Some(about((&here.page, &state), &caller, &id, ENTRIES).await?)
        }
        // Who is held to some rows has no audit.
        Err(_) => None,
    };
    page(
        StatusCode::OK,
        &context(&here, &state, counted, (history, done(&parameters))),
    )
}

/// What the key did.
struct Counted {
    total: Part,
    chart: Option<Chart>,
    days: Vec<Part>,
    of_secrets: Vec<Part>,
    of_pools: Vec<Part>,
    networks: Networks,
}

async fn counted(here: &Here, days: Range<i32>, state: &AppState) -> Result<Counted, ApiError> {
    let key = Some(here.key.id());
    let definitions = here.caller.definitions(state);
    let name = |part| match part {
        UsagePart::Secret(id) => {
            let mut secrets = here.key.secrets().iter();
            let found = secrets.find(|secret| secret.id == id);
            let gone = || format!("{id} (ended)");
            (found.map_or_else(gone, |secret| secret.hint.clone()), None)
        }
        UsagePart::Pool(id) => (pool_name(&definitions, id), None),
        _ => (String::new(), None),
    };
    let networks = Networks::of(&here.caller, (days.clone(), here.key.id()), state).await?;
    let sums = Sums::of(&here.caller, (days, key), state).await?;
    let of_secrets = sums.parts(&here.caller, (key, UsageBy::Secret), &name, state);
    let of_secrets = of_secrets.await?;
    let of_pools = sums.parts(&here.caller, (key, UsageBy::Pool), &name, state);
    let of_pools = of_pools.await?;
    let chart = sums.chart_by_secret(&here.caller, here.key.id(), &name, state);
    Ok(Counted {
        total: sums.total(),
        chart: chart.await?,
        days: sums.by_day(),
        of_secrets,
        of_pools,
        networks,
    })
}

fn done(parameters: &Parameters) -> Option<&'static str> {
    Some(match parameters.get("done")? {
        "settings" => "The change is in force from the next request on.",
        "grant" => "What the key may do is in force from the next request on.",
        "disabled" => "The key is off: whoever brings it is refused from now on.",
        "enabled" => "The key is on again.",
        "grace" => "The old secret has ended. The newest one goes on.",
        "undone" => {
            "The roll is taken back: the new secret has ended, and the old one goes on without an end."
        }
        "held" => "The key goes on at a trickle, and from its usual networks alone.",
        "signing" => "The signing secret has ended.",
        "derived" => "The derived token is revoked.",
        "released" => "The key goes on as it did before.",
        _ => return None,
    })
}

fn context(
    here: &Here,
    state: &AppState,
    counted: Option<Counted>,
    (history, done): (Option<Vec<AuditLine>>, Option<&'static str>),
) -> Page {
    let (key, now) = (&here.key, state.clock.now());
    let draft = key.draft();
    let definitions = here.caller.definitions(state);
    let secrets = key.secrets().iter().rev();
    let secrets = secrets.filter_map(|secret| SecretLine::of(state, key, secret, now));
    let networks = state.control.networks_of(key.id());
    let mut networks: Vec<NetworkLine> = networks.all().iter().map(NetworkLine::of).collect();
    networks.reverse();
    Page {
        frame: Frame::of(draft.name.clone(), &here.page, Section::Keys),
        back: here.page.address("/keys"),
        done,
        name: draft.name.clone(),
        description: draft.description.clone(),
        id: key.id().to_string(),
        kind: kind(key),
        status: status(key, now),
        is_disabled: key.is_disabled(),
        is_expired: key.status(now) == KeyStatus::Expired,
        is_held: key
            .secrets()
            .iter()
            .any(|secret| secret.quarantine.is_some()),
        is_rolling: super::rolling::going_on(state, key).is_some(),
        is_undoable: state.control.undoable(key, now).is_ok(),
        is_of_dialect: here.is_of_dialect(),
        made: key.created_at().into(),
        made_by: name_of(&here.page, state, key.created_by()),
        used: state.control.last_used(key.id()).map(Moment::from),
        issuer: issuer_of(here, &definitions),
        proofs: Proofs::of(here, state),
        alerts: alert_lines(state, key, now),
        grants: key
            .grants()
            .iter()
            .map(|grant| grant_line(here, grant))
            .collect(),
        restrictions: restrictions(draft),
        limits: limits(state, key),
        credits: credits_of(&here.page, state, key),
        secrets: secrets.collect(),
        networks,
        counted,
        history,
        links: links(here),
    }
}

fn alert_lines(state: &AppState, key: &KeyRecord, now: Timestamp) -> Vec<AlertLine> {
    let alerts = alerts(state, key, now);
    let lines = alerts.iter().map(|alert| AlertLine {
        since: alert.since.map(Moment::from),
        detail: sentence(alert.detail),
    });
    lines.collect()
}

/// The name of the key that issued this one, and where it is.
fn issuer_of(here: &Here, definitions: &Definitions) -> Option<(String, Option<String>)> {
    let id = here.key.draft().issued_by?;
    let issuer = definitions.key(id);
    let issuer = issuer.filter(|key| here.page.access.knows(key));
    let href = issuer.map(|_| here.page.address(&format!("/keys/{id}")));
    let name = issuer.map_or_else(|| id.to_string(), |key| key.draft().name.clone());
    Some((name, href))
}

fn grant_line(here: &Here, grant: &model::grants::Grant) -> GrantLine {
    let own = format!("/grants/{}", grant.id);
    let may_edit = !here.is_of_dialect() && is_editable(grant);
    GrantLine {
        words: GrantWords::of(grant),
        watch: watched(&here.page, grant),
        edit: may_edit.then(|| here.address(&own)),
        remove: (!here.is_of_dialect()).then(|| here.address(&format!("{own}/remove"))),
    }
}

fn links(here: &Here) -> Links {
    let at = |below: &str| here.address(below);
    let id = here.key.id();
    Links {
        preview: at("/preview"),
        settings: at("/settings"),
        add: at("/grants/new"),
        roll: at("/roll"),
        end_grace: at("/end-grace"),
        undo_roll: at("/undo-roll"),
        disable: at("/disable"),
        enable: at("/enable"),
        copy: at("/copy"),
        quarantine: at("/quarantine"),
        release: at("/release"),
        delete: at("/delete"),
        audit: here.page.address(&format!("/audit?about={id}")),
        usage: here.page.address(&format!("/usage?of={id}")),
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::samples::{frame, moment, sample};
    let address = || crate::console::frame::address(text, "/x");
    let page = |is_full: bool| Page {
        frame: frame(text),
        back: address(),
        done: Some(""),
        name: text.to_owned(),
        description: text.to_owned(),
        id: text.to_owned(),
        kind: "secret",
        status: Tag {
            word: "active",
            class: "is-good",
        },
        is_disabled: is_full,
        is_expired: is_full,
        is_held: is_full,
        is_rolling: is_full,
        is_undoable: is_full,
        is_of_dialect: is_full,
        made: moment(text),
        made_by: text.to_owned(),
        used: is_full.then(|| moment(text)),
        issuer: is_full.then(|| (text.to_owned(), Some(address()))),
        proofs: match is_full {
            true => Proofs::sample(text),
            false => Proofs::default(),
        },
        alerts: vec![AlertLine {
            since: Some(moment(text)),
            detail: text.to_owned(),
        }],
        grants: parts::sample_grants(text, is_full),
        restrictions: vec![Restriction::sample(text)],
        limits: vec![Restriction::sample(text)],
        credits: vec![Credit::sample(text)],
        secrets: parts::sample_secrets(text, is_full),
        networks: parts::sample_networks(text, is_full),
        counted: is_full.then(|| Counted {
            total: Part::sample(text),
            chart: Some(Chart::sample(text)),
            days: vec![Part::sample(text)],
            of_secrets: vec![Part::sample(text), Part::sample(text)],
            of_pools: vec![Part::sample(text)],
            networks: Networks::sample(text),
        }),
        history: is_full.then(|| vec![crate::console::audit::line_sample(text)]),
        links: Links {
            preview: address(),
            settings: address(),
            add: address(),
            roll: address(),
            end_grace: address(),
            undo_roll: address(),
            disable: address(),
            enable: address(),
            copy: address(),
            quarantine: address(),
            release: address(),
            delete: address(),
            audit: address(),
            usage: address(),
        },
    };
    vec![
        sample("key.html", &page(true)),
        sample("key.html", &page(false)),
    ]
}

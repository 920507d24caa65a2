//! The list of keys: what each is for, and how much it is used.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use control::{UsageAsked, UsageBy, UsageCounts, UsagePart};
use http::StatusCode;
use model::grants::Action;
use model::ids::KeyId;
use model::keys::KeyRecord;
use model::people::Area;

use super::super::forms::Fields;
use super::super::frame::{Frame, Section, page, segment};
use super::super::shown::grouped;
use super::super::times::Moment;
use super::super::visitor::InProject;
use super::words::{Summary, summary};
use super::{Tag, kind, status};
use crate::api::keys::alerts;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

/// What is looked for, in which order, and where to go on.
pub(in super::super) const PARAMETERS: &[&str] = &["q", "sort", "after", "done"];

/// Keys of a page.
const KEYS: usize = 50;
/// Days of which the volume is told, today included.
pub(super) const VOLUME_DAYS: i32 = 30;

/// The orders, the usual one first.
const ORDERS: [(&str, &str); 4] = [
    ("name", "Name"),
    ("used", "Last used first"),
    ("volume", "Most requests first"),
    ("made", "Newest first"),
];

struct Line {
    name: String,
    href: String,
    kind: &'static str,
    status: Tag,
    does: Vec<Summary>,
    last: Option<Moment>,
    requests: String,
    records: String,
    alerts: usize,
}

struct Order {
    value: &'static str,
    label: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "console/keys.html")]
struct Page {
    frame: Frame,
    form: Fields,
    action: String,
    make: String,
    review: String,
    orders: Vec<Order>,
    lines: Vec<Line>,
    found: String,
    all: String,
    is_search: bool,
    /// Whether the volumes are known now.
    is_known: bool,
    /// Whether nobody but those who administer has a key yet.
    is_beginning: bool,
    done: Option<&'static str>,
    first: Option<String>,
    next: Option<String>,
}

fn number(of: usize) -> String {
    grouped(i128::try_from(of).unwrap_or(i128::MAX))
}

type Volumes = HashMap<KeyId, UsageCounts>;

/// The keys that the visitor may know.
pub(in super::super) async fn list(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Keys)?;
    let definitions = caller.definitions(&state);
    let known = definitions.keys().filter(|key| here.access.knows(key));
    let known: Vec<&Arc<KeyRecord>> = known.collect();
    let today = state.clock.now().date().as_days();
    let asked = UsageAsked {
        from: today - VOLUME_DAYS + 1,
        to: i32::MAX,
        key: None,
        limit: usize::MAX,
    };
    let sums = state.control.usage_sums(&caller.0, asked, UsageBy::Key);
    // The page is there all the same when the database takes nothing just now.
    let volumes = sums.await.ok().map(|sums| {
        let of_key = |(part, counts)| match part {
            UsagePart::Key(id) => Some((id, counts)),
            _ => None,
        };
        sums.into_iter().filter_map(of_key).collect::<Volumes>()
    });
    let is_known = volumes.is_some();
    let volumes = volumes.unwrap_or_default();
    let text = parameters.get("q").unwrap_or_default().trim();
    let sort = parameters.get("sort").unwrap_or("name");
    let mut found = known.clone();
    found.retain(|key| is_meant(key, text));
    put_in_order(&mut found, sort, &volumes, &state);
    let start = start_of(&found, parameters.get("after"));
    let shown = &found[start..found.len().min(start + KEYS)];
    let last = shown.last().filter(|_| start + shown.len() < found.len());
    let place = Place {
        own: here.address("/keys"),
        text,
        sort,
    };
    let orders = ORDERS.iter().map(|(value, label)| Order {
        value,
        label,
        is_chosen: *value == sort,
    });
    let shown = Page {
        frame: Frame::of("Keys", &here, Section::Keys),
        form: Fields::blank().with("q", text),
        action: here.address("/keys"),
        make: here.address("/keys/new"),
        review: here.address("/keys/review"),
        orders: orders.collect(),
        lines: shown
            .iter()
            .map(|key| line(&here, &state, key, &volumes))
            .collect(),
        found: number(found.len()),
        all: number(known.len()),
        is_search: !text.is_empty(),
        is_known,
        is_beginning: known.iter().all(|key| key.draft().is_admin()),
        done: done(&parameters),
        first: (start > 0).then(|| place.after(None)),
        next: last.map(|last| place.after(Some(last.id()))),
    };
    page(StatusCode::OK, &shown)
}

fn done(parameters: &Parameters) -> Option<&'static str> {
    match parameters.get("done")? {
        "deleted" => Some("The key is gone. Every request that brings it is refused from now on."),
        _ => None,
    }
}

/// The list that is looked at.
struct Place<'a> {
    own: String,
    text: &'a str,
    sort: &'a str,
}

impl Place<'_> {
    /// Its address, from behind a key on.
    fn after(&self, key: Option<KeyId>) -> String {
        let Self { own, text, sort } = self;
        let after = key.map_or_else(String::new, |key| format!("&after={key}"));
        format!("{own}?q={}&sort={}{after}", segment(text), segment(sort))
    }
}

/// Whether a key has the text in its name, its description, its id or its
/// secrets' ids, or in what it is on.
fn is_meant(key: &KeyRecord, text: &str) -> bool {
    let text = text.to_lowercase();
    let has = |within: &str| within.to_lowercase().contains(&text);
    let draft = key.draft();
    let of_secret = || {
        let mut secrets = key.secrets().iter();
        secrets.any(|secret| has(&secret.id.to_string()) || has(&secret.hint))
    };
    has(&draft.name)
        || has(&draft.description)
        || has(&key.id().to_string())
        || of_secret()
        || key.grants().iter().any(|grant| has(&grant.on.to_text().0))
}

fn put_in_order(keys: &mut [&Arc<KeyRecord>], sort: &str, volumes: &Volumes, state: &AppState) {
    let name = |key: &KeyRecord| (key.draft().name.to_lowercase(), key.id());
    keys.sort_by_cached_key(|key| name(key));
    match sort {
        "used" => keys.sort_by_key(|key| std::cmp::Reverse(state.control.last_used(key.id()))),
        "volume" => keys.sort_by_key(|key| {
            let volume = volumes.get(&key.id()).copied().unwrap_or_default();
            std::cmp::Reverse((volume.requests, volume.records))
        }),
        "made" => keys.sort_by_key(|key| std::cmp::Reverse((key.created_at(), key.id()))),
        _ => {}
    }
}

/// Where a page begins: behind the key that the one before ended with, or anew
/// when that is not in the list any more.
fn start_of(keys: &[&Arc<KeyRecord>], after: Option<&str>) -> usize {
    let after = after.and_then(|text| KeyId::parse(text).ok());
    let found = after.and_then(|after| keys.iter().position(|key| key.id() == after));
    found.map_or(0, |found| found + 1)
}

fn line(here: &InProject, state: &AppState, key: &KeyRecord, volumes: &Volumes) -> Line {
    let now = state.clock.now();
    let volume = volumes.get(&key.id()).copied().unwrap_or_default();
    let writes = key
        .grants()
        .iter()
        .any(|grant| grant.allows(Action::Ingest));
    Line {
        name: key.draft().name.clone(),
        href: here.address(&format!("/keys/{}", key.id())),
        kind: kind(key),
        status: status(key, now),
        does: summary(key.grants()),
        last: state.control.last_used(key.id()).map(Moment::from),
        requests: grouped(volume.requests.into()),
        records: match writes || volume.records > 0 {
            true => grouped(volume.records.into()),
            false => "–".to_owned(),
        },
        alerts: alerts(state, key, now).len(),
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::samples::{form, frame, moment, sample};
    let address = || crate::console::frame::address(text, "/x");
    let line = |last| Line {
        name: text.to_owned(),
        href: address(),
        kind: "secret",
        status: Tag {
            word: "active",
            class: "is-good",
        },
        does: vec![Summary {
            verb: "Reads",
            what: text.to_owned(),
            how: text.to_owned(),
        }],
        last,
        requests: text.to_owned(),
        records: text.to_owned(),
        alerts: 2,
    };
    let page = |lines: Vec<Line>, is_beginning| Page {
        frame: frame(text),
        form: form(text, &["q"]),
        action: address(),
        make: address(),
        review: address(),
        orders: vec![Order {
            value: "name",
            label: "Name",
            is_chosen: true,
        }],
        lines,
        found: text.to_owned(),
        all: text.to_owned(),
        is_search: true,
        is_known: false,
        is_beginning,
        done: Some(""),
        first: Some(address()),
        next: Some(address()),
    };
    vec![
        sample(
            "keys.html",
            &page(vec![line(Some(moment(text))), line(None)], false),
        ),
        sample("keys.html", &page(Vec::new(), true)),
    ]
}

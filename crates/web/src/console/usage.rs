//! Usage of the project: what keys did day by day, and what is left of their
//! credits.

mod chart;
mod counted;
mod networks;

pub(super) use chart::Chart;
pub(super) use counted::{Credit, Part, Sums, credits_of};
pub(super) use networks::Networks;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use control::{Definitions, UsageBy, UsagePart};
use model::ids::{KeyId, PoolId};
use model::keys::KeyRecord;
use model::people::Area;
use model::permit::Admin;
use model::time::Date;

use super::forms::Fields;
use super::frame::{Frame, Section};
use super::visitor::InProject;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

/// Which days, and of which key: no address of ours has a parameter `key`.
pub(super) const PARAMETERS: &[&str] = &["from", "to", "of"];

/// Days that are shown unless said, today included.
pub(super) const DAYS: i32 = 30;
/// Days that are shown at most.
const DAYS_MAX: i32 = 400;
/// Keys and pools that a page lists; the others are counted together.
const PARTS: usize = 25;
/// Keys that a page offers to choose from; with more of them they are chosen on
/// their own pages.
const CHOICES: usize = 100;

struct KeyChoice {
    id: String,
    name: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "console/usage.html")]
struct Page {
    frame: Frame,
    form: Fields,
    action: String,
    keys: Vec<KeyChoice>,
    /// Whether one key must be chosen: that of somebody who is held to some rows.
    is_held: bool,
    /// Where keys are chosen that there are too many of.
    more_keys: Option<String>,
    total: Option<Part>,
    chart: Option<Chart>,
    days: Vec<Part>,
    of_keys: Vec<Part>,
    of_pools: Vec<Part>,
    credits: Vec<Credit>,
    more_credits: usize,
}

/// What is asked for.
struct Asked {
    from: i32,
    to: i32,
    key: Option<KeyId>,
}

/// What was counted, and how much of each key and pool.
#[derive(Default)]
struct Counted {
    total: Option<Part>,
    chart: Option<Chart>,
    days: Vec<Part>,
    of_keys: Vec<Part>,
    of_pools: Vec<Part>,
}

/// Usage and credits.
pub(super) async fn read(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Keys)?;
    let (asked, form) = asked(&here, &caller, &parameters, &state)?;
    let is_nobodys = here.access.within().is_some() && asked.key.is_none();
    if form.is_wrong() || is_nobodys {
        return show(&here, &state, &caller, (form, &asked), Counted::default());
    }
    match counted(&here, &caller, &asked, &state).await {
        Ok(counted) => show(&here, &state, &caller, (form, &asked), counted),
        Err(error) => {
            let form = form.refused(error)?;
            show(&here, &state, &caller, (form, &asked), Counted::default())
        }
    }
}

async fn counted(
    here: &InProject,
    caller: &Caller<Admin>,
    asked: &Asked,
    state: &AppState,
) -> Result<Counted, ApiError> {
    let definitions = caller.definitions(state);
    let name = |part| match part {
        UsagePart::Key(id) => {
            let key = definitions.key(id).filter(|key| here.access.knows(key));
            match key {
                Some(key) => {
                    let href = here.address(&format!("/keys/{id}"));
                    (key.draft().name.clone(), Some(href))
                }
                None => (format!("{id}, which is gone"), None),
            }
        }
        UsagePart::Pool(id) => (pool_name(&definitions, id), None),
        _ => (String::new(), None),
    };
    let sums = Sums::of(caller, (asked.from..asked.to, asked.key), state).await?;
    let of_keys = sums.parts(caller, (asked.key, UsageBy::Key), &name, state);
    let of_keys = of_keys.await?;
    let of_pools = sums.parts(caller, (asked.key, UsageBy::Pool), &name, state);
    let of_pools = of_pools.await?;
    Ok(Counted {
        total: Some(sums.total()),
        chart: sums.chart(),
        days: sums.by_day(),
        of_keys,
        of_pools,
    })
}

/// What a pool is called in a table of usage.
pub(super) fn pool_name(definitions: &Definitions, id: Option<PoolId>) -> String {
    match id {
        None => "No pool".to_owned(),
        Some(id) => match definitions.pool_by_id(id) {
            Some(pool) => pool.draft.name.to_string(),
            None => format!("{id}, which is gone"),
        },
    }
}

fn known(here: &InProject, caller: &Caller<Admin>, state: &AppState) -> Vec<Arc<KeyRecord>> {
    let definitions = caller.definitions(state);
    let known = definitions.keys().filter(|key| here.access.knows(key));
    let mut known: Vec<_> = known.cloned().collect();
    known.sort_by_cached_key(|key| (key.draft().name.to_lowercase(), key.id()));
    known
}

fn asked(
    here: &InProject,
    caller: &Caller<Admin>,
    parameters: &Parameters,
    state: &AppState,
) -> Result<(Asked, Fields), ApiError> {
    let tomorrow = state.clock.now().date().as_days() + 1;
    let mut form = Fields::blank();
    let mut day = |name: &'static str, usual: i32, beyond: i32| {
        let text = parameters.get(name).unwrap_or_default().trim().to_owned();
        let day = Date::parse(&text).map(Date::as_days).ok();
        let is_wrong = day.is_none() && !text.is_empty();
        let told = match (day, is_wrong) {
            (None, false) => date(usual - beyond),
            _ => text,
        };
        form = std::mem::replace(&mut form, Fields::blank()).with(name, told);
        if is_wrong {
            let rule = "a day is written like 2026-05-31";
            form = std::mem::replace(&mut form, Fields::blank()).broken(name, rule);
        }
        day.map_or(usual, |day| day + beyond)
    };
    let from = day("from", tomorrow - DAYS, 0);
    let to = day("to", tomorrow, 1);
    if to <= from || to - from > DAYS_MAX {
        let rule =
            format!("the last day is that of the first or a later one, within {DAYS_MAX} days");
        form = form.broken("to", &rule);
    }
    let named = parameters.get("of").filter(|text| !text.is_empty());
    let named = named.map(KeyId::parse).transpose();
    let named = named.map_err(|_| ApiError::not_found())?;
    // Who is held to some rows knows of some keys, and asks for one of them.
    let first = || known(here, caller, state).first().map(|key| key.id());
    let key = match here.access.within() {
        Some(_) => named.or_else(first),
        None => named,
    };
    Ok((Asked { from, to, key }, form))
}

/// A day, as it is written.
fn date(day: i32) -> String {
    Date::from_days(day).map_or_else(String::new, |date| date.to_string())
}

fn show(
    here: &InProject,
    state: &AppState,
    caller: &Caller<Admin>,
    (form, asked): (Fields, &Asked),
    counted: Counted,
) -> Result<Response, ApiError> {
    let known = known(here, caller, state);
    let is_many = known.len() > CHOICES;
    let is_chosen = |key: &&Arc<KeyRecord>| asked.key == Some(key.id());
    let keys = known.iter().filter(|key| !is_many || is_chosen(key));
    let keys = keys.map(|key| KeyChoice {
        id: key.id().to_string(),
        name: key.draft().name.clone(),
        is_chosen: is_chosen(&key),
    });
    let credits = known
        .iter()
        .filter(|key| asked.key.is_none_or(|id| id == key.id()))
        .flat_map(|key| credits_of(here, state, key));
    let mut credits: Vec<Credit> = credits.collect();
    credits.sort_by_key(|credit| std::cmp::Reverse(credit.percent));
    let more_credits = credits.len().saturating_sub(PARTS);
    credits.truncate(PARTS);
    let shown = Page {
        frame: Frame::of("Usage", here, Section::Usage),
        action: here.address("/usage"),
        keys: keys.collect(),
        is_held: here.access.within().is_some(),
        more_keys: is_many.then(|| here.address("/keys")),
        total: counted.total,
        chart: counted.chart,
        days: counted.days,
        of_keys: counted.of_keys,
        of_pools: counted.of_pools,
        credits,
        more_credits,
        form,
    };
    shown.form.shown_in(&shown)
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<super::samples::Sample> {
    use super::samples::{form, frame, sample};
    let page = Page {
        frame: frame(text),
        form: form(text, &["from", "to", "of"]),
        action: super::frame::address(text, "/x"),
        keys: vec![KeyChoice {
            id: text.to_owned(),
            name: text.to_owned(),
            is_chosen: true,
        }],
        is_held: false,
        more_keys: Some(super::frame::address(text, "/x")),
        total: Some(Part::sample(text)),
        chart: Some(Chart::sample(text)),
        days: vec![Part::sample(text)],
        of_keys: vec![Part::sample(text)],
        of_pools: vec![Part::sample(text)],
        credits: vec![Credit::sample(text)],
        more_credits: 1,
    };
    let nothing = Page {
        frame: frame(text),
        form: form(text, &["from", "to", "of"]),
        action: super::frame::address(text, "/x"),
        keys: Vec::new(),
        is_held: true,
        more_keys: None,
        total: None,
        chart: None,
        days: Vec::new(),
        of_keys: Vec::new(),
        of_pools: Vec::new(),
        credits: Vec::new(),
        more_credits: 0,
    };
    vec![sample("usage.html", &page), sample("usage.html", &nothing)]
}

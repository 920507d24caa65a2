//! Usage of the project: what keys did day by day, and what is left of their
//! credits.

mod chart;
mod counted;

pub(super) use chart::Chart;
pub(super) use counted::{Credit, Days, Part, credits_of};

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use control::UsageAsked;
use model::ids::KeyId;
use model::limits::USAGE_ROWS_MAX;
use model::people::Area;
use model::permit::Admin;
use model::time::Date;

use super::forms::Fields;
use super::frame::{Frame, Section};
use super::visitor::InProject;
use crate::api::usage::rows;
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
/// Lines of the picture.
const LINES: usize = 6;

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
    total: Option<Part>,
    chart: Option<Chart>,
    days: Vec<Part>,
    of_keys: Vec<Part>,
    of_pools: Vec<Part>,
    credits: Vec<Credit>,
}

/// What is asked for.
struct Asked {
    from: i32,
    to: i32,
    key: Option<KeyId>,
}

/// Usage and credits.
pub(super) async fn read(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Keys)?;
    let (asked, form) = asked(&here, &caller, &parameters, &state);
    if form.is_wrong() || is_nobodys(&here, &asked) {
        return show(&here, &state, &caller, (form, &asked), None);
    }
    let range = UsageAsked {
        from: asked.from,
        to: asked.to,
        key: asked.key,
        limit: USAGE_ROWS_MAX,
    };
    match rows(&caller, range, &state).await {
        Ok(rows) => {
            let counted = Days::of(asked.from..asked.to, rows);
            show(&here, &state, &caller, (form, &asked), Some(&counted))
        }
        Err(error) => {
            let form = form.refused(error)?;
            show(&here, &state, &caller, (form, &asked), None)
        }
    }
}

/// Whether there is no key that somebody who is held to some rows may ask for.
fn is_nobodys(here: &InProject, asked: &Asked) -> bool {
    here.access.within().is_some() && asked.key.is_none()
}

fn known<'a>(
    here: &'a InProject,
    caller: &Caller<Admin>,
    state: &AppState,
) -> Vec<std::sync::Arc<model::keys::KeyRecord>> {
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
) -> (Asked, Fields) {
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
    let named = named.and_then(|text| KeyId::parse(text).ok());
    // Who is held to some rows knows of some keys, and asks for one of them.
    let first = || known(here, caller, state).first().map(|key| key.id());
    let key = match here.access.within() {
        Some(_) => named.or_else(first),
        None => named,
    };
    (Asked { from, to, key }, form)
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
    counted: Option<&Days>,
) -> Result<Response, ApiError> {
    let definitions = caller.definitions(state);
    let known = known(here, caller, state);
    let keys = known.iter().map(|key| KeyChoice {
        id: key.id().to_string(),
        name: key.draft().name.clone(),
        is_chosen: asked.key == Some(key.id()),
    });
    let credits = known
        .iter()
        .filter(|key| asked.key.is_none_or(|id| id == key.id()))
        .flat_map(|key| credits_of(here, state, key));
    let key_name = |id: KeyId| {
        let key = definitions.key(id).filter(|key| here.access.knows(key));
        match key {
            Some(key) => (
                key.draft().name.clone(),
                Some(here.address(&format!("/keys/{id}"))),
            ),
            None => (format!("{id}, which is gone"), None),
        }
    };
    let pool_name = |id| match definitions.pool_by_id(id) {
        Some(pool) => pool.draft.name.to_string(),
        None => format!("{id}, which is gone"),
    };
    let of_keys = counted.map(|counted| counted.of_keys(&key_name));
    let of_keys = of_keys.unwrap_or_default();
    let shown = Page {
        frame: Frame::of("Usage", here, Section::Usage),
        action: here.address("/usage"),
        keys: keys.collect(),
        is_held: here.access.within().is_some(),
        total: counted.map(Days::total),
        chart: counted.and_then(|counted| counted.chart_of_keys(&key_name, LINES)),
        days: counted.map(Days::by_day).unwrap_or_default(),
        of_keys: counted::cut(of_keys, PARTS),
        of_pools: counted
            .map(|counted| counted::cut(counted.of_pools(&pool_name), PARTS))
            .unwrap_or_default(),
        credits: credits.collect(),
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
        total: Some(Part::sample(text)),
        chart: Some(Chart::sample(text)),
        days: vec![Part::sample(text)],
        of_keys: vec![Part::sample(text)],
        of_pools: vec![Part::sample(text)],
        credits: vec![Credit::sample(text)],
    };
    let nothing = Page {
        frame: frame(text),
        form: form(text, &["from", "to", "of"]),
        action: super::frame::address(text, "/x"),
        keys: Vec::new(),
        is_held: true,
        total: None,
        chart: None,
        days: Vec::new(),
        of_keys: Vec::new(),
        of_pools: Vec::new(),
        credits: Vec::new(),
    };
    vec![sample("usage.html", &page), sample("usage.html", &nothing)]
}

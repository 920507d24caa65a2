//! The audit: who changed what, newest first, with search.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use control::AuditSearch;
use model::audit::ChainedEntry;
use model::people::Area;
use model::permit::Admin;
use model::time::Timestamp;

use super::forms::Fields;
use super::frame::{Frame, Section, segment};
use super::times::Moment;
use super::visitor::InProject;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

/// What is looked for, and where to go on.
pub(super) const PARAMETERS: &[&str] = &["about", "action", "by", "from", "to", "after"];

/// Those that say what is looked for.
const SEARCH: [&str; 5] = ["about", "action", "by", "from", "to"];

/// Entries of a page.
const ENTRIES: usize = 50;

/// An entry, as pages show it.
pub(super) struct Line {
    pub(super) at: Moment,
    pub(super) action: String,
    pub(super) subject: String,
    pub(super) about: String,
    pub(super) actor: String,
    pub(super) address: String,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

#[derive(Template)]
#[template(path = "console/audit.html")]
struct Page {
    frame: Frame,
    form: Fields,
    action: String,
    is_search: bool,
    is_continued: bool,
    lines: Vec<Line>,
    next: Option<String>,
}

/// A page of the audit.
pub(super) async fn list(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Audit)?;
    let mut form = Fields::blank();
    for name in SEARCH {
        form = form.with(name, parameters.get(name).unwrap_or_default());
    }
    let mut search = AuditSearch {
        actor: typed(&parameters, "by"),
        subject: typed(&parameters, "about"),
        action: typed(&parameters, "action"),
        from: None,
        to: None,
    };
    let mut is_wrong = false;
    for (name, place) in [("from", &mut search.from), ("to", &mut search.to)] {
        match day(&parameters, name) {
            Ok(day) => *place = day,
            Err(rule) => {
                is_wrong = true;
                form = form.broken(name, rule);
            }
        }
    }
    let own = here.address("/audit");
    let before = parameters.get("after").and_then(|text| text.parse().ok());
    let (mut lines, mut next) = (Vec::new(), None);
    if !is_wrong {
        let found = state
            .control
            .audit_page(&caller.0, &search, before, ENTRIES);
        let found = found.await?;
        lines = found
            .entries
            .iter()
            .map(|entry| line(&here, &state, entry))
            .collect();
        next = found.next.map(|next| further(&own, &parameters, next));
    }
    let shown = Page {
        frame: Frame::of("Audit", &here, Section::Audit),
        action: own,
        is_search: search != AuditSearch::default(),
        is_continued: before.is_some(),
        lines,
        next,
        form,
    };
    shown.form.shown_in(&shown)
}

/// The latest entries about one thing, for a caller who may read the audit.
///
/// # Errors
/// The database failed.
pub(super) async fn about(
    (here, state): (&InProject, &AppState),
    caller: &Caller<Admin>,
    subject: &str,
    entries: usize,
) -> Result<Vec<Line>, ApiError> {
    let search = AuditSearch {
        subject: Some(subject.to_owned()),
        ..AuditSearch::default()
    };
    let found = state
        .control
        .audit_page(&caller.0, &search, None, entries)
        .await?;
    let lines = found.entries.iter();
    Ok(lines.map(|entry| line(here, state, entry)).collect())
}

fn typed(parameters: &Parameters, name: &str) -> Option<String> {
    let text = parameters.get(name)?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The beginning of a day in UTC.
fn day(parameters: &Parameters, name: &str) -> Result<Option<Timestamp>, &'static str> {
    let Some(text) = typed(parameters, name) else {
        return Ok(None);
    };
    let moment = Timestamp::parse(&format!("{text}T00:00:00Z"));
    moment
        .map(Some)
        .map_err(|_| "a day is written like 2026-05-31")
}

/// The address of the entries before these.
fn further(own: &str, parameters: &Parameters, next: u64) -> String {
    let kept = SEARCH.into_iter().filter_map(|name| {
        let text = parameters.get(name)?;
        Some(format!("{name}={}&", segment(text)))
    });
    let kept: String = kept.collect();
    format!("{own}?{kept}after={next}")
}

fn line(here: &InProject, state: &AppState, chained: &ChainedEntry) -> Line {
    let entry = &chained.entry;
    Line {
        at: entry.at.into(),
        action: entry.action.clone(),
        subject: entry.subject_name.clone(),
        about: format!(
            "{}?about={}",
            here.address("/audit"),
            segment(&entry.subject_id)
        ),
        actor: name_of(here, state, &entry.actor),
        address: entry.address.map_or_else(String::new, |at| at.to_string()),
        before: entry.before.clone(),
        after: entry.after.clone(),
    }
}

/// Who it was, by name where the visitor may know it.
pub(super) fn name_of(here: &InProject, state: &AppState, actor: &str) -> String {
    let named = match actor.split_once(':') {
        Some(("person", id)) => {
            let caller = here.caller(Area::People).ok();
            let people = caller.and_then(|caller| state.control.people_of(&caller.0).ok());
            let mut people = people.unwrap_or_default().into_iter();
            let found = people.find(|person| person.id().to_string() == id);
            found.map(|person| person.parts().draft.name.clone())
        }
        Some(("key", id)) => {
            let mut keys = here.definitions.keys();
            let found = keys.find(|key| key.id().to_string() == id);
            let found = found.filter(|key| here.access.knows(key));
            found.map(|key| format!("key {}", key.draft().name))
        }
        // Whoever joins was nobody before.
        Some(("invitation", _)) => Some("an invitation".to_owned()),
        _ => None,
    };
    named.unwrap_or_else(|| actor.to_owned())
}

#[cfg(test)]
pub(super) fn line_sample(text: &str) -> Line {
    Line {
        at: super::samples::moment(text),
        action: text.to_owned(),
        subject: text.to_owned(),
        about: super::frame::address(text, "/x"),
        actor: text.to_owned(),
        address: text.to_owned(),
        before: Some(text.to_owned()),
        after: Some(text.to_owned()),
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<super::samples::Sample> {
    let page = Page {
        frame: super::samples::frame(text),
        form: super::samples::form(text, &SEARCH),
        action: super::frame::address(text, "/x"),
        is_search: true,
        is_continued: true,
        lines: vec![line_sample(text)],
        next: Some(super::frame::address(text, "/x")),
    };
    vec![super::samples::sample("audit.html", &page)]
}

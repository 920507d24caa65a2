//! Records as they come, until somebody holds them.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::analyses::{Analysis, Answer};
use model::people::Area;
use model::pools::Pool;
use model::time::Timestamp;
use model::value::{Object, Value};

use super::{Added, below, with_query};
use crate::console::asking::{self, ask};
use crate::console::frame::{Frame, Section, page};
use crate::console::shown::Table;
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

/// Whether it goes on by itself, how often it did, the newest record that was
/// there the last time, when the oldest one of them came, and whether records are shown with what
/// the server added to them.
pub(in crate::console) const PARAMETERS: &[&str] = &["live", "turn", "seen", "since", "added"];

/// Records that are shown.
const RECORDS: u64 = 50;
/// How often the page looks again by itself: for ten minutes. Whoever went away
/// is not kept signed in by it.
const TURNS_MAX: u32 = 200;

#[derive(Template)]
#[template(path = "console/tail.html")]
struct Page {
    frame: Frame,
    name: String,
    back: String,
    /// Where the next look is; `None` when it is held.
    next: Option<String>,
    is_over: bool,
    hold: String,
    go_on: String,
    added: Added,
    records: Table,
}

/// The records that came last, the newest first.
async fn newest(
    here: &InProject,
    pool: &Pool,
    since: Option<Timestamp>,
    state: &AppState,
) -> Result<Vec<Value>, ApiError> {
    let by_arrival = Object::new()
        .with("field", model::names::INGESTED_AT)
        .with("direction", "desc");
    let question = Object::new()
        .with("analysis", "extraction")
        .with("pool", pool.draft.name.as_str())
        .with("order_by", vec![by_arrival])
        .with("limit", RECORDS);
    // What came before is not looked through again.
    let question = match since {
        None => question,
        Some(since) => {
            let came = Object::new()
                .with("field", model::names::INGESTED_AT)
                .with("operator", "gte")
                .with("value", since.to_string());
            question.with("filters", vec![came])
        }
    };
    let question = Analysis::parse(&Value::Object(question))?;
    match ask(here, &question, state).await? {
        Answer::Rows(rows) => Ok(rows),
        _ => Err(ApiError::internal("an extraction without rows")),
    }
}

fn id_of(record: &Value) -> &str {
    let id = record
        .as_object()
        .and_then(|record| record.get(model::names::ID));
    id.and_then(Value::as_str).unwrap_or_default()
}

fn came_at(record: &Value) -> String {
    let at = record.as_object();
    let at = at.and_then(|record| record.get(model::names::INGESTED_AT));
    match at {
        Some(Value::DateTime(at)) => at.to_string(),
        _ => String::new(),
    }
}

/// The records of a pool as they come.
pub(in crate::console) async fn tail(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::ReadRecords)?;
    let pool = asking::pool_here(&here)?;
    let since = parameters.get("since");
    let since = since.and_then(|since| Timestamp::parse(since).ok());
    let rows = newest(&here, &pool, since, &state).await?;
    let is_live = parameters.get("live") != Some("no");
    let own = below(&here, &pool, "/records");
    let held = ("live", if is_live { "" } else { "no" });
    let added = Added::chosen(&parameters, &own, [held]);
    let mut records = added.table(&here, &rows);
    if let Some(seen) = parameters.get("seen") {
        let fresh = rows.iter().position(|row| id_of(row) == seen);
        let fresh = fresh.unwrap_or(rows.len());
        for line in records.rows.iter_mut().take(fresh) {
            line.is_new = true;
        }
    }
    let turn = parameters.get("turn").and_then(|turn| turn.parse().ok());
    let turn: u32 = turn.unwrap_or(0);
    let is_over = turn >= TURNS_MAX;
    let seen = rows.first().map_or("", id_of);
    let turned = turn.saturating_add(1).to_string();
    let since = rows.last().filter(|_| rows.len() as u64 == RECORDS);
    let since = since.map_or_else(String::new, came_at);
    let shows = ("added", if added.is_shown { "yes" } else { "" });
    let turned = ("turn", turned.as_str());
    let next = with_query(
        &own,
        [turned, ("seen", seen), ("since", since.as_str()), shows],
    );
    let shown = Page {
        frame: Frame::of(
            format!("Records of {}", pool.draft.name),
            &here,
            Section::Pools,
        ),
        name: pool.draft.name.to_string(),
        back: below(&here, &pool, ""),
        next: Some(next).filter(|_| is_live && !is_over),
        is_over,
        hold: with_query(&own, [("live", "no"), shows]),
        go_on: with_query(&own, [shows]),
        added,
        records,
    };
    page(StatusCode::OK, &shown)
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::frame::address;
    let place = || address(text, "/x");
    let page = Page {
        frame: crate::console::samples::frame(text),
        name: text.to_owned(),
        back: place(),
        next: Some(place()),
        is_over: true,
        hold: place(),
        go_on: place(),
        added: Added::sample(text),
        records: crate::console::shown::sample(text),
    };
    vec![crate::console::samples::sample("tail.html", &page)]
}

//! What a key sees: how many rows of each pool, view and stored question, and what it is answered.
//!
//! Everything here is a question of the person who looks, over the person's own
//! rows; what the key is held to is a condition of it. The rule, and why no access
//! of the key is made: `model::permit::Shown`.

mod latest;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::value::Value;

use super::super::frame::{Frame, Section, page};
use super::super::shown::grouped;
use super::super::visitor::InProject;
use super::Here;
use super::words::listed;
use crate::api::keys::{Counted, Told, Untold, simulated};
use crate::error::ApiError;
use crate::state::AppState;
use latest::{Latest, latest};

/// Of how many things a page shows the rows; of the others it says how many there are.
const TABLES: usize = 6;
/// What a key sees something of, in the order in which the simulation tells it.
const KINDS: [&str; 4] = ["pool", "view", "saved query", "dataset"];

/// What a change of a key gives and takes of a pool, view or stored question; or a change of
/// a view, of the view and of a key that reads it.
pub(in super::super) struct Change {
    pub(in super::super) kind: &'static str,
    pub(in super::super) name: String,
    pub(in super::super) reason: Option<String>,
    pub(in super::super) before: String,
    pub(in super::super) after: String,
    pub(in super::super) gained: Option<String>,
    pub(in super::super) lost: Option<String>,
    pub(in super::super) fields_gained: Option<String>,
    pub(in super::super) fields_lost: Option<String>,
}

/// What a change would change, of everything that the key sees before or
/// afterwards; nothing is saved.
///
/// # Errors
/// Those with which the change would be refused.
pub(super) async fn changes(
    here: &Here,
    state: &AppState,
    patch: &Value,
) -> Result<Vec<Change>, ApiError> {
    let seen = simulated(&here.caller, state, &here.key, Some(patch)).await?;
    let kinds = KINDS.into_iter().zip(&seen.told);
    let changes = kinds.flat_map(|(kind, told)| told.iter().map(move |told| changed(kind, told)));
    Ok(changes.collect())
}

fn changed(kind: &'static str, told: &Told) -> Change {
    Change::of(kind, told.name.to_string(), told.rows, told.fields.as_ref())
}

impl Change {
    /// In words: what is told of rows, and of fields that are seen, gained and lost.
    pub(in super::super) fn of(
        kind: &'static str,
        name: String,
        rows: Result<Counted, Untold>,
        fields: Option<&[Vec<String>; 3]>,
    ) -> Self {
        let count = |rows: u64| grouped(rows.into());
        let some = |rows: Option<u64>| rows.filter(|rows| *rows > 0).map(count);
        let names = |at: usize| {
            let names = fields.map(|fields| fields[at].as_slice());
            let names: Vec<&str> = names
                .unwrap_or_default()
                .iter()
                .map(String::as_str)
                .collect();
            (!names.is_empty()).then(|| listed(&names, "and"))
        };
        let mut shown = Self {
            kind,
            name,
            reason: None,
            before: String::new(),
            after: String::new(),
            gained: None,
            lost: None,
            fields_gained: names(1),
            fields_lost: names(2),
        };
        match rows {
            Err(why) => shown.reason = Some(reason(why).to_owned()),
            Ok(rows) => {
                let (after, gained, lost) = rows.change.unwrap_or((rows.now, None, None));
                shown.before = count(rows.now);
                shown.after = count(after);
                shown.gained = some(gained);
                shown.lost = some(lost);
            }
        }
        shown
    }
}

/// Why a number is not told, to a person.
fn reason(why: Untold) -> &'static str {
    match why {
        Untold::NotAsked | Untold::Hidden => {
            "not told to you: your role does not see these rows, or not what they are chosen by"
        }
        Untold::Several => {
            "not simulated: the question reads several pools, or one that is gone. What the key may read of it, it reads"
        }
        Untold::Late => "not counted: it took too long",
    }
}

/// A pool, view or stored question, and what the key sees of it.
struct Sight {
    kind: &'static str,
    name: String,
    /// How many rows, and among how many of the visitor's.
    rows: Option<(String, String)>,
    reason: Option<&'static str>,
    latest: Option<Latest>,
}

#[derive(Template)]
#[template(path = "console/key_preview.html")]
struct Page {
    frame: Frame,
    key: String,
    back: String,
    add: String,
    is_held: bool,
    sights: Vec<Sight>,
}

/// The page that shows what a key sees.
pub(in super::super) async fn preview(
    page_of: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let here = Here::find(page_of, &state)?;
    let seen = simulated(&here.caller, &state, &here.key, None).await?;
    let [pools, views, queries, datasets] = seen.told;
    let [pool, view, query, dataset] = KINDS;
    // What is made for readers first.
    let all = [
        (view, views),
        (query, queries),
        (dataset, datasets),
        (pool, pools),
    ];
    let all = all
        .into_iter()
        .flat_map(|(kind, told)| told.into_iter().map(move |told| (kind, told)));
    let mut sights = Vec::new();
    for (kind, told) in all {
        let is_shown = sights.len() < TABLES;
        let latest = match is_shown {
            true => latest(&here, &state, (kind, &told)).await?,
            false => None,
        };
        sights.push(sight(kind, &told, latest));
    }
    let shown = Page {
        frame: Frame::of("What the key sees", &here.page, Section::Keys),
        key: here.name().to_owned(),
        back: here.address(""),
        add: here.address("/grants/new"),
        is_held: here.page.access.within().is_some(),
        sights,
    };
    page(StatusCode::OK, &shown)
}

fn sight(kind: &'static str, told: &Told, latest: Option<Latest>) -> Sight {
    let count = |rows: u64| grouped(rows.into());
    Sight {
        kind,
        name: told.name.to_string(),
        rows: told
            .rows
            .ok()
            .map(|rows| (count(rows.now), count(rows.among))),
        reason: told.rows.err().map(reason),
        latest,
    }
}

#[cfg(test)]
impl Change {
    pub(in super::super) fn sample(text: &str) -> Self {
        let told = || Some(text.to_owned());
        Self {
            kind: "view",
            name: text.to_owned(),
            reason: None,
            before: text.to_owned(),
            after: text.to_owned(),
            gained: told(),
            lost: told(),
            fields_gained: told(),
            fields_lost: told(),
        }
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::samples::{frame, sample};
    let address = || crate::console::frame::address(text, "/x");
    let sight = |is_told: bool| Sight {
        kind: "view",
        name: text.to_owned(),
        rows: is_told.then(|| (text.to_owned(), text.to_owned())),
        reason: (!is_told).then_some(""),
        latest: is_told.then(|| Latest::sample(text)),
    };
    let page = Page {
        frame: frame(text),
        key: text.to_owned(),
        back: address(),
        add: address(),
        is_held: true,
        sights: vec![sight(true), sight(false)],
    };
    vec![sample("key_preview.html", &page)]
}

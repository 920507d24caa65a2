//! Pools: what there is, and how one is made, looked at, changed and dropped.

mod drop;
mod editor;
mod loss;
mod make;
mod one;
mod remove;
mod settings;
mod tail;
mod upload;

pub(super) use drop::{drop_form, drop_pool};
pub(super) use make::{create, create_form, infer, infer_form};
pub(super) use one::{PARAMETERS as ONE_PARAMETERS, read};
pub(super) use remove::{PARAMETERS as REMOVE_PARAMETERS, remove, remove_form};
pub(super) use settings::{change, change_form};
pub(super) use tail::{PARAMETERS as TAIL_PARAMETERS, tail};
pub(super) use upload::{upload, upload_form};

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::ids::KeyId;
use model::people::Area;
use model::pools::{Pool, SchemaMode};
use model::value::Value;

use super::asking::{self, Numbers};
use super::frame::{Frame, Section, page, query};
use super::paging::{self, Ways};
use super::shown::Table;
use super::times::Moment;
use super::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

/// What was done a moment ago, and which page of the list.
pub(super) const PARAMETERS: &[&str] = &["done", "page"];

/// A pool in a list.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) href: String,
    pub(super) description: String,
    pub(super) fields: usize,
    pub(super) is_open: bool,
    pub(super) records: String,
    pub(super) size: String,
    pub(super) last: Option<Moment>,
    /// Whether its numbers could be had.
    pub(super) is_known: bool,
}

impl Line {
    /// A pool with its numbers.
    pub(super) fn of(here: &InProject, pool: &Pool, numbers: Numbers) -> Self {
        // What a pool is defined as is for whom definitions are.
        let defines = here.may(Area::Definitions);
        Self {
            name: pool.draft.name.to_string(),
            href: here.address(&format!("/pools/{}", pool.id)),
            description: match defines {
                true => pool.draft.description.clone(),
                false => String::new(),
            },
            fields: pool.draft.schema.declared().len(),
            is_open: defines && pool.draft.schema.mode() == SchemaMode::Open,
            is_known: numbers.records.is_some(),
            records: numbers.records(),
            size: numbers.size(),
            last: numbers.last,
        }
    }
}

/// Pools with their numbers.
async fn lines(here: &InProject, pools: &[Arc<Pool>], state: &AppState) -> Vec<Line> {
    let numbers = Numbers::of_all(here, pools, state).await;
    let each = pools.iter().zip(numbers);
    let lines = each.map(|(pool, numbers)| Line::of(here, pool, numbers));
    lines.collect()
}

#[derive(Template)]
#[template(path = "console/pools.html")]
struct Page {
    frame: Frame,
    pools: Vec<Line>,
    ways: Ways,
    create: Option<String>,
    sample: String,
    done: Option<&'static str>,
}

/// The pools of the project.
pub(super) async fn list(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::ReadRecords)?;
    let may_define = here.may(Area::Definitions);
    let paged = paging::page(asking::pools(&here), (&here, "/pools"), &parameters);
    let shown = Page {
        frame: Frame::of("Pools", &here, Section::Pools),
        pools: lines(&here, &paged.items, &state).await,
        ways: paged.ways,
        create: may_define.then(|| here.address("/new-pool")),
        sample: here.address("/new-pool/sample"),
        done: parameters
            .get("done")
            .map(|_| "The pool is gone, with all of its records."),
    };
    page(StatusCode::OK, &shown)
}

/// A pool of the path, for somebody who may define pools.
fn defined(here: &InProject) -> Result<Arc<Pool>, ApiError> {
    here.require(Area::Definitions)?;
    asking::pool_here(here)
}

/// Whether a table of records has the fields that the server adds to them, and the address of
/// the page with the other choice.
struct Added {
    is_shown: bool,
    other: String,
}

impl Added {
    /// What the parameter `added` chooses; `below` is the page, and `rest` its other parameters.
    fn chosen<'a>(
        parameters: &Parameters,
        below: &str,
        rest: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let is_shown = parameters.get("added") == Some("yes");
        let other = [("added", if is_shown { "" } else { "yes" })];
        Self {
            is_shown,
            other: with_query(below, rest.into_iter().chain(other)),
        }
    }

    /// Records as a table; keys by their names, for whom keys are.
    fn table(&self, here: &InProject, records: &[Value]) -> Table {
        if !self.is_shown {
            return Table::of_records(records);
        }
        let mut table = Table::of_trees(records);
        let mut columns = table.columns.iter();
        let at = columns.position(|column| column.name == model::names::KEY);
        let Some(at) = at.filter(|_| here.may(Area::Keys)) else {
            return table;
        };
        for line in &mut table.rows {
            let Some(cell) = line.cells.get_mut(at) else {
                continue;
            };
            let key = KeyId::parse(&cell.text).ok();
            let key = key.and_then(|id| here.definitions.key(id));
            if let Some(key) = key.filter(|key| here.access.knows(key)) {
                cell.text = key.draft().name.clone();
            }
        }
        table
    }

    #[cfg(test)]
    fn sample(text: &str) -> Self {
        Self {
            is_shown: true,
            other: super::frame::address(text, "/x"),
        }
    }
}

/// An address with what is not empty of its query.
fn with_query<'a>(address: &str, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    match query(pairs) {
        pairs if pairs.is_empty() => address.to_owned(),
        pairs => format!("{address}?{pairs}"),
    }
}

/// The address of a page below the one of a pool.
fn below(here: &InProject, pool: &Pool, rest: &str) -> String {
    here.address(&format!("/pools/{}{rest}", pool.id))
}

#[cfg(test)]
pub(super) fn line(text: &str) -> Line {
    Line {
        name: text.to_owned(),
        href: super::frame::address(text, "/x"),
        description: text.to_owned(),
        fields: 1,
        is_open: true,
        records: text.to_owned(),
        size: text.to_owned(),
        last: Some(super::samples::moment(text)),
        is_known: true,
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<super::samples::Sample> {
    let place = || super::frame::address(text, "/x");
    let list = Page {
        frame: super::samples::frame(text),
        pools: vec![line(text)],
        ways: paging::sample(text),
        create: Some(place()),
        sample: place(),
        done: Some(""),
    };
    let mut all = vec![super::samples::sample("pools.html", &list)];
    for sample in [
        drop::sample,
        make::sample,
        one::sample,
        remove::sample,
        settings::sample,
        tail::sample,
        upload::sample,
    ] {
        all.extend(sample(text));
    }
    all
}

//! Views: what there is, and how one is built, looked at, changed and deleted.

mod as_key;
mod builder;
mod data;
mod impact;
mod make;
mod one;
mod save;
mod unsaved;

pub(super) use data::{
    ONE_PARAMETERS as ONE_CHART_PARAMETERS, PARAMETERS as CHART_PARAMETERS, chart, chart_of_one,
};
pub(super) use make::{PARAMETERS as BUILD_PARAMETERS, change_form, create_form};
pub(super) use one::{PARAMETERS as ONE_PARAMETERS, delete, delete_form, read};
pub(super) use save::{change, create};

pub(super) use as_key::for_key;
pub(super) use builder::Choice;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use futures::{StreamExt, stream};
use http::StatusCode;
use model::ids::ViewId;
use model::people::Area;
use model::permit::{ConstrainedQuery, On, Permit, Read};
use model::pools::Pool;
use model::value::Value;
use model::views::{Shape, View};

use super::frame::{Frame, Section, page};
use super::paging::{self, Ways};
use super::shown::grouped;
use super::visitor::InProject;
use crate::api::whoami::count;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

/// What was done a moment ago, and which page of the list.
pub(super) const PARAMETERS: &[&str] = &["done", "page"];

/// Counts that the list asks for at the same time.
const AT_ONCE: usize = 4;

struct Line {
    name: String,
    href: String,
    shape: &'static str,
    /// Its pool, and how many fields it has, for whom definitions are.
    defined: Option<(String, usize)>,
    rows: String,
}

#[derive(Template)]
#[template(path = "console/views.html")]
struct Page {
    frame: Frame,
    views: Vec<Line>,
    ways: Ways,
    create: Option<String>,
    done: Option<&'static str>,
}

fn shape_word(shape: &Shape) -> &'static str {
    match shape {
        Shape::Records => "records",
        Shape::Aggregated => "aggregated",
        Shape::TimeSeries { .. } => "time series",
    }
}

/// A view with its pool, and what lets the person read it.
#[derive(Clone)]
struct Readable {
    view: Arc<View>,
    pool: Arc<Pool>,
    permit: Permit<Read>,
}

impl Readable {
    fn of(here: &InProject, view: &Arc<View>, pool: &Arc<Pool>) -> Result<Self, ApiError> {
        let permit = here.access.permit(On::View(Some((view, pool))))?;
        Ok(Self {
            view: Arc::clone(view),
            pool: Arc::clone(pool),
            permit,
        })
    }

    /// The view that the segment `id` of the path names.
    fn here(here: &InProject) -> Result<Self, ApiError> {
        let id = ViewId::parse(here.segment("id")).map_err(|_| ApiError::not_found())?;
        let (view, pool) = here
            .definitions
            .view_by_id(id)
            .ok_or_else(ApiError::not_found)?;
        Self::of(here, view, pool)
    }

    /// The address of a page below its own.
    fn below(&self, here: &InProject, rest: &str) -> String {
        here.address(&format!("/views/{}{rest}", self.view.id))
    }
}

/// How many views the person may read.
pub(super) fn readable(here: &InProject) -> usize {
    let all = here.definitions.views();
    let may = |view: &(&Arc<View>, &Arc<Pool>)| {
        let permit: Result<Permit<Read>, _> = here.access.permit(On::View(Some(*view)));
        permit.is_ok()
    };
    all.filter(may).count()
}

async fn rows(question: ConstrainedQuery, state: &AppState) -> String {
    match count(state, question).await {
        Ok(Value::Integer(rows)) => grouped(rows),
        _ => "not known now".to_owned(),
    }
}

/// The views that the person may read.
pub(super) async fn list(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::ReadResults)?;
    let all = here.definitions.views();
    let all = all.filter_map(|(view, pool)| Readable::of(&here, view, pool).ok());
    let paged = paging::page(all.collect(), (&here, "/views"), &parameters);
    let all: Vec<Readable> = paged.items;
    let counts: Vec<_> = all.iter().map(|readable| readable.permit.count()).collect();
    let rows = stream::iter(counts).map(async |question| rows(question, &state).await);
    let rows: Vec<String> = rows.buffered(AT_ONCE).collect().await;
    let defines = here.may(Area::Definitions);
    let views = all.iter().zip(rows).map(|(readable, rows)| Line {
        name: readable.view.draft.name.to_string(),
        href: readable.below(&here, ""),
        shape: shape_word(&readable.view.draft.shape),
        defined: defines.then(|| {
            let pool = readable.pool.draft.name.to_string();
            (pool, readable.view.draft.fields.len())
        }),
        rows,
    });
    let shown = Page {
        frame: Frame::of("Views", &here, Section::Views),
        views: views.collect(),
        ways: paged.ways,
        create: here
            .may(Area::Definitions)
            .then(|| here.address("/new-view")),
        done: parameters
            .get("done")
            .map(|_| "The view is gone. The records that it read are where they were."),
    };
    page(StatusCode::OK, &shown)
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<super::samples::Sample> {
    let line = Line {
        name: text.to_owned(),
        href: super::frame::address(text, "/x"),
        shape: "records",
        defined: Some((text.to_owned(), 1)),
        rows: text.to_owned(),
    };
    let list = Page {
        frame: super::samples::frame(text),
        views: vec![line],
        ways: paging::sample(text),
        create: Some(super::frame::address(text, "/x")),
        done: Some(""),
    };
    let mut all = vec![super::samples::sample("views.html", &list)];
    all.extend(make::sample(text));
    all.extend(one::sample(text));
    all
}

//! The end of a pool.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use model::people::Area;
use model::pools::Pool;
use std::sync::Arc;

use super::{below, defined};
use crate::api;
use crate::console::asking::Numbers;
use crate::console::forms::{Fields, Sent};
use crate::console::frame::{Frame, Section};
use crate::console::go_to;
use crate::console::readers::{Made, Readers};
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "console/drop_pool.html")]
struct Page {
    frame: Frame,
    form: Fields,
    name: String,
    records: String,
    views: Vec<String>,
    /// Saved queries and datasets that read it, with what each is.
    stored: Vec<(&'static str, String)>,
    readers: Readers,
    action: String,
    back: String,
}

async fn show(
    here: &InProject,
    pool: &Arc<Pool>,
    form: Fields,
    state: &AppState,
) -> Result<Response, ApiError> {
    let numbers = Numbers::of(here, pool, state).await;
    let made = Made::of(here, pool);
    let queries = made.queries.iter();
    let queries = queries.map(|saved| ("saved query", saved.draft.name.to_string()));
    let datasets = made.datasets.iter();
    let datasets = datasets.map(|dataset| ("dataset", dataset.draft.name.to_string()));
    let views = made.views.iter();
    let shown = Page {
        frame: Frame::of(format!("Delete {}", pool.draft.name), here, Section::Pools),
        name: pool.draft.name.to_string(),
        records: numbers.records(),
        views: views.map(|view| view.draft.name.to_string()).collect(),
        stored: queries.chain(datasets).collect(),
        readers: Readers::of(here, state, |grant| made.is_touched_by(grant, pool)),
        action: below(here, pool, "/drop"),
        back: below(here, pool, ""),
        form,
    };
    shown.form.shown_in(&shown)
}

/// Asks before a pool goes.
pub(in crate::console) async fn drop_form(
    here: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let pool = defined(&here)?;
    show(&here, &pool, Fields::blank(), &state).await
}

/// Deletes a pool with all its records, once its name was typed.
pub(in crate::console) async fn drop_pool(
    State(state): State<AppState>,
    Sent(here, form): Sent<InProject>,
) -> Result<Response, ApiError> {
    let pool = defined(&here)?;
    let caller = here.caller(Area::Definitions)?;
    let fields = Fields::typed(&form, &["name"], &[]);
    if form.text("name").trim() != pool.draft.name.as_str() {
        let rule = "type the name of the pool, so that no other one goes";
        return show(&here, &pool, fields.broken("name", rule), &state).await;
    }
    match api::pools::drop_pool(&caller.0, &pool, &state).await {
        Ok(()) => Ok(go_to(&here.address("/pools?done=dropped"))),
        Err(error) => show(&here, &pool, fields.refused(error)?, &state).await,
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::frame::address;
    use crate::console::samples::{form, frame, sample};
    let page = Page {
        frame: frame(text),
        form: form(text, &["name"]),
        name: text.to_owned(),
        records: text.to_owned(),
        views: vec![text.to_owned()],
        stored: vec![("dataset", text.to_owned())],
        readers: Readers::sample(text),
        action: address(text, "/x"),
        back: address(text, "/x"),
    };
    vec![sample("drop_pool.html", &page)]
}

//! One dataset: what it keeps, where it is read, and its end.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::datasets::Dataset;
use model::ids::DatasetId;
use model::people::Area;
use model::permit::{On, SeeDataset};

use super::{Delete, in_words};
use crate::console::forms::{Fields, Sent};
use crate::console::frame::{Frame, Section, page, segment};
use crate::console::go_to;
use crate::console::keys;
use crate::console::shown::pretty;
use crate::console::snippets::{self, Snippet};
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

/// What was done a moment ago.
pub(in crate::console) const PARAMETERS: &[&str] = &["done"];

#[derive(Template)]
#[template(path = "console/dataset.html")]
struct Page {
    frame: Frame,
    name: String,
    question: String,
    index_by: String,
    pretty: String,
    endpoint: String,
    snippets: Vec<Snippet>,
    key: Option<String>,
    delete: Option<String>,
    back: String,
    done: Option<&'static str>,
}

/// The dataset that the segment `id` of the path names.
fn found(here: &InProject) -> Result<Arc<Dataset>, ApiError> {
    let id = DatasetId::parse(here.segment("id")).map_err(|_| ApiError::not_found())?;
    let mut datasets = here.definitions.datasets();
    let found = datasets.find(|dataset| dataset.item.id == id);
    here.access
        .permit::<SeeDataset>(On::Dataset(found.as_ref()))?;
    let found = found.ok_or_else(ApiError::not_found)?;
    Ok(Arc::clone(found.item))
}

fn below(here: &InProject, dataset: &Dataset, rest: &str) -> String {
    here.address(&format!("/datasets/{}{rest}", dataset.id))
}

/// A dataset.
pub(in crate::console) async fn read(
    here: InProject,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    here.require(Area::ReadResults)?;
    let dataset = found(&here)?;
    let draft = &dataset.draft;
    let name = draft.name.to_string();
    let fields: Vec<&str> = draft.index_by.iter().map(|path| path.as_str()).collect();
    let index = fields.iter().map(|field| format!("\"{field}\":\"VALUE\""));
    let index: Vec<String> = index.collect();
    let index = segment(&format!("{{{}}}", index.join(",")));
    let results = format!("/results?index_by={index}");
    let endpoint = snippets::path("datasets", &name, &results);
    let shown = Page {
        frame: Frame::of(name.clone(), &here, Section::Saved),
        question: in_words(&draft.analysis()),
        index_by: fields.join(", "),
        pretty: pretty(&draft.to_value()),
        snippets: snippets::reading(&endpoint),
        endpoint,
        key: keys::address_for(&here, "read", &format!("dataset:{name}")),
        delete: here
            .may(Area::Definitions)
            .then(|| below(&here, &dataset, "/delete")),
        back: here.address("/saved"),
        done: parameters.get("done").map(|_| "The dataset is made."),
        name,
    };
    page(StatusCode::OK, &shown)
}

fn show_delete(here: &InProject, dataset: &Dataset, form: Fields) -> Result<Response, ApiError> {
    let name = dataset.draft.name.to_string();
    let shown = Delete {
        frame: Frame::of(format!("Delete {name}"), here, Section::Saved),
        kind: "dataset",
        action: below(here, dataset, "/delete"),
        back: below(here, dataset, ""),
        name,
        form,
    };
    shown.form.shown_in(&shown)
}

/// Asks before a dataset goes.
pub(in crate::console) async fn delete_form(here: InProject) -> Result<Response, ApiError> {
    here.require(Area::Definitions)?;
    let dataset = found(&here)?;
    show_delete(&here, &dataset, Fields::blank())
}

/// Deletes a dataset.
pub(in crate::console) async fn delete(
    State(state): State<AppState>,
    Sent(here, _): Sent<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Definitions)?;
    let dataset = found(&here)?;
    let control = &state.control;
    let deleted = control.delete_dataset(&caller.0, dataset.id, Some(dataset.revision));
    match deleted.await {
        Ok(()) => Ok(go_to(&here.address("/saved?done=deleted"))),
        Err(error) => show_delete(&here, &dataset, Fields::blank().refused(error)?),
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::frame::address;
    use crate::console::samples::{frame, sample};
    let place = || address(text, "/x");
    let page = Page {
        frame: frame(text),
        name: text.to_owned(),
        question: text.to_owned(),
        index_by: text.to_owned(),
        pretty: text.to_owned(),
        endpoint: text.to_owned(),
        snippets: snippets::sample(text),
        key: Some(place()),
        delete: Some(place()),
        back: place(),
        done: Some(""),
    };
    vec![sample("dataset.html", &page)]
}

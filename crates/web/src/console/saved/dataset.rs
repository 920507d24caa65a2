//! One dataset: what it keeps, where it is read, and its end.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::datasets::Dataset;
use model::ids::DatasetId;
use model::limits::DATASET_INDEX_FIELDS_MAX;
use model::people::Area;
use model::permit::{On, SeeDataset};
use model::saved_queries::WithPools;

use super::series::{self, LookedAt};
use super::{Delete, in_words};
use crate::charts::Drawing;
use crate::console::again::{self, Kind};
use crate::console::definition::Definition;
use crate::console::explore::form_of;
use crate::console::forms::{Fields, Sent};
use crate::console::frame::{Frame, Section, page, query, segment};
use crate::console::go_to;
use crate::console::keys;
use crate::console::pictures::{self, Chart, Size, look_of};
use crate::console::readers::{self, Readers};
use crate::console::snippets::{self, Snippet};
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::metering::LetIn;
use crate::state::AppState;

/// The values whose series is looked at, in the order of the index.
const VALUES: [&str; DATASET_INDEX_FIELDS_MAX] = ["value_1", "value_2", "value_3", "value_4"];
/// What was done a moment ago, and whose series is looked at.
pub(in crate::console) const PARAMETERS: &[&str] =
    &["done", VALUES[0], VALUES[1], VALUES[2], VALUES[3]];
/// Whose series is drawn, and how it is to look.
pub(in crate::console) const CHART_PARAMETERS: &[&str] =
    &["theme", "size", VALUES[0], VALUES[1], VALUES[2], VALUES[3]];

#[derive(Template)]
#[template(path = "console/dataset.html")]
struct Page {
    frame: Frame,
    name: String,
    question: String,
    index_by: String,
    /// All that it is defined as.
    definition: Definition,
    index: Vec<IndexField>,
    looked_at: Option<LookedAt>,
    action: String,
    explore: Option<String>,
    endpoint: String,
    snippets: Vec<Snippet>,
    key: Option<String>,
    delete: Option<String>,
    back: String,
    done: Option<&'static str>,
}

/// A field of the index, and the value of it that is looked at.
pub(super) struct IndexField {
    name: &'static str,
    label: String,
    pub(super) value: String,
}

/// The dataset that the segment `id` of the path names.
fn found(here: &InProject) -> Result<WithPools<'_, Dataset>, ApiError> {
    let id = DatasetId::parse(here.segment("id")).map_err(|_| ApiError::not_found())?;
    let mut datasets = here.definitions.datasets();
    let found = datasets.find(|dataset| dataset.item.id == id);
    here.access
        .permit::<SeeDataset>(On::Dataset(found.as_ref()))?;
    found.ok_or_else(ApiError::not_found)
}

fn below(here: &InProject, dataset: &Dataset, rest: &str) -> String {
    here.address(&format!("/datasets/{}{rest}", dataset.id))
}

/// The fields of the index with what is typed for them.
fn index_fields(dataset: &Dataset, parameters: &Parameters) -> Vec<IndexField> {
    let fields = dataset.draft.index_by.iter().zip(VALUES);
    let fields = fields.map(|(field, name)| IndexField {
        name,
        label: field.to_string(),
        value: parameters.get(name).unwrap_or_default().trim().to_owned(),
    });
    fields.collect()
}

/// Where the series of these values is drawn; `None` of what is no number.
fn chart_of(
    here: &InProject,
    found: &WithPools<'_, Dataset>,
    fields: &[IndexField],
) -> Option<Chart> {
    let drawing = Drawing::of(
        &found.item.draft.analysis(),
        look_of(&Parameters::default()),
    );
    drawing.ok()?;
    let values = fields
        .iter()
        .map(|field| (field.name, field.value.as_str()));
    let rest = format!("/chart.svg?{}", query(values));
    let title = format!("Chart of {}", found.item.draft.name);
    let chart = Chart::at(&below(here, found.item, &rest), Size::Large, title);
    let analysis = found.item.draft.analysis();
    Some(chart.over_time(pictures::clock_of(&analysis)))
}

/// The chart of the series that is looked at.
pub(in crate::console) async fn chart(
    here: InProject,
    let_in: LetIn,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::ReadResults)?;
    let found = found(&here)?;
    let fields = index_fields(found.item, &parameters);
    let asked = (&fields[..], &parameters);
    let drawn = series::drawn(&here, &found, asked, (&let_in, &state)).await;
    Ok(pictures::svg(drawn, &parameters))
}

/// A dataset.
pub(in crate::console) async fn read(
    here: InProject,
    let_in: LetIn,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::ReadResults)?;
    let found = found(&here)?;
    let index_by = index_fields(found.item, &parameters);
    let chart = chart_of(&here, &found, &index_by);
    let series = series::looked_at(&here, &found, &index_by, chart, (&let_in, &state)).await;
    let series = series.transpose()?;
    let dataset = Arc::clone(found.item);
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
        definition: Definition::of(&draft.to_value()),
        index: index_by,
        looked_at: series,
        action: below(&here, &dataset, ""),
        explore: here.may(Area::Definitions).then(|| {
            let question = draft.analysis().to_value();
            let fields = form_of(&here, &question);
            let fields = query(fields.iter().map(|(name, value)| (*name, value.as_str())));
            here.address(&format!("/explore?{fields}"))
        }),
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

fn show_delete(
    here: &InProject,
    dataset: &Dataset,
    form: Fields,
    state: &AppState,
) -> Result<Response, ApiError> {
    let name = dataset.draft.name.to_string();
    let shown = Delete {
        frame: Frame::of(format!("Delete {name}"), here, Section::Saved),
        kind: "dataset",
        asks: in_words(&dataset.draft.analysis()),
        readers: Readers::of(here, state, |grant| readers::is_on_dataset(grant, dataset)),
        action: below(here, dataset, "/delete"),
        back: below(here, dataset, ""),
        name,
        form,
    };
    shown.form.shown_in(&shown)
}

/// Asks before a dataset goes.
pub(in crate::console) async fn delete_form(
    here: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::Definitions)?;
    let found = found(&here)?;
    let form = Fields::of_revision(found.item.revision);
    show_delete(&here, found.item, form, &state)
}

/// Deletes a dataset.
pub(in crate::console) async fn delete(
    State(state): State<AppState>,
    Sent(here, form): Sent<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Definitions)?;
    let dataset = Arc::clone(found(&here)?.item);
    let control = &state.control;
    let deleted = control.delete_dataset(&caller.0, dataset.id, Some(form.revision()));
    match deleted.await {
        Ok(()) => {
            let was = dataset.draft.to_value();
            Ok(go_to(&again::address(&here, &state, Kind::Dataset, &was)))
        }
        Err(error) => {
            let fields = Fields::of_revision(dataset.revision).refused(error)?;
            show_delete(&here, &dataset, fields, &state)
        }
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
        definition: crate::console::definition::sample(text),
        index: vec![IndexField {
            name: VALUES[0],
            label: text.to_owned(),
            value: text.to_owned(),
        }],
        looked_at: Some(series::sample(text)),
        action: place(),
        explore: Some(place()),
        endpoint: text.to_owned(),
        snippets: snippets::sample(text),
        key: Some(place()),
        delete: Some(place()),
        back: place(),
        done: Some(""),
    };
    vec![sample("dataset.html", &page)]
}

//! Cached datasets: their definitions, and their results.

mod schemas;

pub(crate) use schemas::schemas;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use control::ControlError;
use http::StatusCode;
use model::analyses::{AnswerText, Period};
use model::datasets::{Dataset, DatasetDraft};
use model::fault::{Fault, FaultCode, shorten};
use model::json::WideIntegers;
use model::permit::{Admin, ListDataset, On, Permit, SeeDataset};
use model::value::{Object, Value};

use super::saved_queries::{grant_of, refuse_unknown_pools};
use super::{CHANGE_ATTEMPTS, done, page, rows, tag, tagged, with_members};
use crate::analyses::written;
use crate::answers::AnswerFormat;
use crate::caller::{Authenticated, Caller, Named};
use crate::datasets::{self, Asked};
use crate::error::ApiError;
use crate::input::{IfMatch, JsonBody, Parameters};
use crate::metering::LetIn;
use crate::openapi::Operation;
use crate::state::AppState;

/// The query parameters of [`results`].
pub(crate) const RESULT_PARAMETERS: &[&str] =
    &["index_by", "timeframe", "from", "to", "grant", "integers"];

/// A dataset as the wire shows it.
fn show(dataset: &Dataset) -> Value {
    let front = Object::new().with("id", dataset.id.to_string());
    let members = with_members(front, dataset.draft.to_value());
    Value::Object(members.with("created_at", dataset.created_at.to_string()))
}

fn answer(status: StatusCode, dataset: &Dataset) -> Response {
    tagged(status, &show(dataset), &tag(dataset.id, dataset.revision))
}

/// Describes [`list`].
pub(crate) fn list_operation() -> Operation {
    Operation::new("listDatasets", "The datasets that the key may list.").lists("Dataset")
}

/// The datasets that the key may list.
pub(crate) async fn list(
    Authenticated(access): Authenticated,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let definitions = state.control.definitions(access.project());
    let may = |on: On<'_>| access.permit::<ListDataset>(on);
    // Whoever may list none is told so, whatever there is.
    if let Err(denied @ model::permit::Denied::NoGrant(_)) = may(On::Dataset(None)) {
        return Err(denied.into());
    }
    let datasets = definitions.datasets();
    let datasets = datasets.filter(|dataset| may(On::Dataset(Some(dataset))).is_ok());
    let datasets: Vec<_> = datasets.map(|dataset| dataset.item).collect();
    page(
        &parameters,
        &datasets,
        |dataset| dataset.id.to_bytes(),
        |dataset| show(dataset),
    )
}

/// Describes [`create`].
pub(crate) fn create_operation() -> Operation {
    Operation::new(
        "createDataset",
        "Makes a dataset: a series that is read by an index.",
    )
    .takes("DatasetDraft")
    .answers(201, "The dataset.", "Dataset")
    .problems([409, 507])
}

/// Makes a dataset.
pub(crate) async fn create(
    caller: Caller<Admin>,
    State(state): State<AppState>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let draft = DatasetDraft::parse(&body)?;
    refuse_unknown_pools(&caller.definitions(&state), &draft.analysis())?;
    let dataset = state.control.create_dataset(&caller.0, draft).await?;
    Ok(answer(StatusCode::CREATED, &dataset))
}

/// Describes [`read`].
pub(crate) fn read_operation() -> Operation {
    Operation::new("readDataset", "A dataset's definition.").answers(200, "The dataset.", "Dataset")
}

/// A dataset's definition.
pub(crate) async fn read(
    Authenticated(access): Authenticated,
    Named(name): Named,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let definitions = state.control.definitions(access.project());
    let dataset = definitions.dataset(&name);
    let _: Permit<SeeDataset> = access.permit(On::Dataset(dataset.as_ref()))?;
    let dataset = dataset.ok_or_else(ApiError::not_found)?;
    Ok(answer(StatusCode::OK, dataset.item))
}

/// Describes [`delete`].
pub(crate) fn delete_operation() -> Operation {
    Operation::new(
        "deleteDataset",
        "Deletes a dataset; its pool's records stay.",
    )
    .conditional()
    .answers_nothing()
    .problems([409, 507])
}

/// Deletes a dataset; its pool's records stay.
pub(crate) async fn delete(
    caller: Caller<Admin>,
    Named(name): Named,
    if_match: IfMatch,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    for _ in 0..CHANGE_ATTEMPTS {
        let definitions = caller.definitions(&state);
        let dataset = definitions.dataset(&name).ok_or_else(ApiError::not_found)?;
        if_match.check(&tag(dataset.item.id, dataset.item.revision))?;
        let deleted = state
            .control
            .delete_dataset(&caller.0, dataset.item.id, Some(dataset.item.revision))
            .await;
        match deleted {
            Err(ControlError::StaleRevision) => {}
            deleted => {
                deleted?;
                state.cells.forget(dataset.item.id);
                return Ok(done());
            }
        }
    }
    Err(ApiError::stale())
}

/// The values of the index that a text says: a JSON value, a list of one for
/// each field, an object that names the fields; or a plain text. What could be
/// a number or a text stands for both.
///
/// # Errors
/// A fault for an object that does not name each field, or names another.
pub(crate) fn index_of(text: &str, dataset: &Dataset) -> Result<Vec<Vec<Value>>, Fault> {
    let plain = || Value::from(text);
    let value = model::json::parse(text.as_bytes()).unwrap_or_else(|_| plain());
    match value {
        Value::Object(object) => {
            let is_index = |name: &str| {
                let mut fields = dataset.draft.index_by.iter();
                fields.any(|field| field.as_str() == name)
            };
            if let Some((name, _)) = object.iter().find(|(name, _)| !is_index(name)) {
                let detail = format!("the dataset is not indexed by {}", shorten(name));
                return Err(Fault::new(FaultCode::UnknownMember, detail).at("/index_by"));
            }
            let fields = dataset.draft.index_by.iter();
            let values = fields.map(|field| {
                let value = object.get(field.as_str()).cloned();
                let value = value.ok_or_else(|| {
                    let detail = format!("index_by has no value for {field}");
                    Fault::new(FaultCode::MissingMember, detail).at("/index_by")
                });
                value.map(|value| vec![value])
            });
            values.collect()
        }
        Value::Array(values) => Ok(values.into_iter().map(|value| vec![value]).collect()),
        Value::String(text) => Ok(vec![vec![Value::String(text)]]),
        other => Ok(vec![vec![plain(), other]]),
    }
}

/// Describes [`results`].
pub(crate) fn results_operation() -> Operation {
    schemas::results_operation()
}

/// The dataset's series for one index.
pub(crate) async fn results(
    Authenticated(access): Authenticated,
    let_in: LetIn,
    Named(name): Named,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let wide = rows::integers_of(&parameters)?;
    let grant = grant_of(&parameters)?;
    let definitions = state.control.definitions(access.project());
    let dataset = definitions.dataset(&name);
    // The right is asked for before anything is said of the dataset.
    let _: Permit<model::permit::RetrieveDataset> = access.permit(On::Dataset(dataset.as_ref()))?;
    let Some(found) = &dataset else {
        return Err(ApiError::not_found());
    };
    let index = parameters.get("index_by").ok_or_else(|| {
        let detail = "say which index: a value, or one for each field";
        Fault::new(FaultCode::MissingMember, detail).at("/index_by")
    })?;
    let calendar = found.item.draft.query.source.calendar.clone();
    let mut period = Object::new();
    for name in ["timeframe", "from", "to"] {
        if let Some(text) = parameters.get(name) {
            period = period.with(name, text);
        }
    }
    let asked = Asked {
        grant,
        index: index_of(index, found.item)?,
        period: Period::read(&Value::Object(period), &calendar)?,
        style: ("native", wide == WideIntegers::Strings),
    };
    let write = async |answer| -> Result<Bytes, ApiError> {
        let text = AnswerText::in_zone(calendar.zone.clone());
        Ok(written(answer, text, wide, &state).await?.into())
    };
    let bytes = datasets::read(&access, dataset.as_ref(), &asked, (&let_in, &state), write).await?;
    Ok(rows::respond(AnswerFormat::Json, Body::from(bytes)))
}

#[cfg(test)]
mod tests;

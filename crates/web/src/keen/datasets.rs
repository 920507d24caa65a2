//! Cached datasets.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{StatusCode, header};
use model::analyses::Analysis;
use model::datasets::{Dataset, DatasetDraft};
use model::fault::{Fault, FaultCode};
use model::json::WideIntegers;
use model::names::{FieldPath, Name};
use model::permit::{ListDataset, On, Permit, RetrieveDataset, SeeDataset};
use model::saved_queries::WithPools;
use model::value::{Object, Value};

use super::caller::Segments;
use super::parameters::value_of;
use super::queries::{SentObject, text};
use super::question::period_of;
use super::saved::question;
use super::{Caller, Parameters, failed, json};
use crate::analyses::written;
use crate::api::index_of;
use crate::datasets::{self, Asked};
use crate::error::{ApiError, Code};
use crate::input::Under;
use crate::state::AppState;

/// Datasets of one page of the list.
const PAGE: usize = 100;

fn show(caller: &Caller, dataset: &Dataset) -> Object {
    let project = caller.access.project().to_string();
    let draft = &dataset.draft;
    let said = draft.dialect.clone();
    let mut query = said.unwrap_or_else(|| {
        let native = draft.analysis().to_value();
        native.as_object().cloned().unwrap_or_default()
    });
    if query.get("filters").is_none_or(Value::is_null) {
        query.insert("filters", Value::Array(Vec::new()));
    }
    query.insert("project_id", Value::from(project.as_str()));
    let index_by: Vec<&str> = draft.index_by.iter().map(FieldPath::as_str).collect();
    let utc = model::time::TimeZone::utc();
    let made = dataset.created_at.in_zone(&utc);
    let made = made.in_milliseconds().to_string();
    Object::new()
        .with("project_id", project.as_str())
        .with("organization_id", project.as_str())
        .with("dataset_name", draft.name.as_str())
        .with("display_name", draft.display_name.as_str())
        .with("query", query)
        .with("index_by", index_by)
        .with("last_scheduled_date", made.as_str())
        .with("latest_subtimeframe_available", made.as_str())
        .with("milliseconds_behind", 0)
}

/// `GET P/datasets`.
pub(crate) async fn list(caller: Caller, parameters: Parameters) -> Result<Response, ApiError> {
    let may = |on: On<'_>| caller.access.permit::<ListDataset>(on);
    if let Err(denied @ model::permit::Denied::NoGrant(_)) = may(On::Dataset(None)) {
        return Err(denied.into());
    }
    let limit = parameters.text("limit").and_then(|text| text.parse().ok());
    let limit = limit.unwrap_or(PAGE).clamp(1, PAGE);
    let after = parameters.text("after_name").unwrap_or_default();
    let mut listed: Vec<_> = caller
        .definitions
        .datasets()
        .filter(|dataset| may(On::Dataset(Some(dataset))).is_ok())
        .map(|dataset| dataset.item)
        .collect();
    listed.sort_by(|a, b| a.draft.name.cmp(&b.draft.name));
    let count = listed.len();
    listed.retain(|dataset| dataset.draft.name.as_str() > after);
    let next = listed
        .get(limit.saturating_sub(1))
        .filter(|_| listed.len() > limit);
    let next = next.map(|last| {
        format!(
            "{}/datasets?limit={limit}&after_name={}",
            caller.base(),
            last.draft.name
        )
    });
    let shown: Vec<Object> = listed
        .iter()
        .take(limit)
        .map(|dataset| show(&caller, dataset))
        .collect();
    let answer = Object::new()
        .with("datasets", shown)
        .with("next_page_url", next)
        .with("count", count as u64);
    Ok(json(StatusCode::OK, &Value::Object(answer)))
}

/// `GET P/datasets/{name}`.
pub(crate) async fn read(caller: Caller, segments: Segments) -> Result<Response, ApiError> {
    let found = caller.definitions.dataset(segments.get("dataset"));
    let _: Permit<SeeDataset> = caller.access.permit(On::Dataset(found.as_ref()))?;
    let found = found.ok_or_else(ApiError::not_found)?;
    let shown = show(&caller, found.item);
    Ok(json(StatusCode::OK, &Value::Object(shown)))
}

fn draft(name: &str, sent: &Object) -> Result<DatasetDraft, ApiError> {
    let name = Name::parse(name)
        .map_err(|rule| Fault::new(FaultCode::InvalidName, rule.to_string()).at("/dataset_name"))?;
    let (question, said) = question(sent)?;
    let Analysis::Aggregation(query) = question.analysis else {
        let detail = "a dataset holds metrics over intervals";
        return Err(Fault::new(FaultCode::InvalidValue, detail)
            .at("/query/analysis_type")
            .into());
    };
    let index = sent.get("index_by").cloned().unwrap_or(Value::Null);
    let display_name = sent.get("display_name").and_then(Value::as_str);
    // The native reader says what a dataset must have.
    let definition = Object::new()
        .with("name", name.as_str())
        .with("display_name", display_name.unwrap_or_default())
        .with("query", Analysis::Aggregation(query).to_value())
        .with("index_by", index);
    let mut draft = DatasetDraft::parse(&Value::Object(definition)).map_err(inner)?;
    draft.dialect = Some(said);
    Ok(draft)
}

/// What is wrong with the question, by the parameter's name in the dialect.
fn inner(fault: Fault) -> Fault {
    let at = fault.pointer.strip_prefix("/query").map(str::to_owned);
    match at {
        Some(at) => fault.at(at),
        None => fault,
    }
}

/// `PUT P/datasets/{name}`: made once, and never changed.
pub(crate) async fn put(
    segments: Segments,
    State(state): State<AppState>,
    Under(caller, SentObject(sent)): Under<Caller, SentObject>,
) -> Result<Response, ApiError> {
    let by = caller.master()?;
    let draft = draft(segments.get("dataset"), &sent)?;
    let made = state.control.create_dataset(&by, draft).await?;
    let shown = show(&caller, &made);
    Ok(json(StatusCode::CREATED, &Value::Object(shown)))
}

/// `DELETE P/datasets/{name}`.
pub(crate) async fn delete(
    caller: Caller,
    segments: Segments,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let by = caller.master()?;
    let found = caller.definitions.dataset(segments.get("dataset"));
    let id = found.ok_or_else(ApiError::not_found)?.item.id;
    state.control.delete_dataset(&by, id, None).await?;
    state.cells.forget(id);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET P/datasets/{name}/results`.
pub(crate) async fn results(
    caller: Caller,
    segments: Segments,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let found = caller.definitions.dataset(segments.get("dataset"));
    let _: Permit<RetrieveDataset> = caller.access.permit(On::Dataset(found.as_ref()))?;
    let found = found.ok_or_else(ApiError::not_found)?;
    let asked = asked(&caller, &found, &parameters)?;
    let zone = found.item.draft.query.source.calendar.zone.clone();
    let write = async |answer| -> Result<Bytes, ApiError> {
        let text = text(&zone);
        Ok(written(answer, text, WideIntegers::Numbers, &state)
            .await?
            .into())
    };
    let read = datasets::read(
        &caller.access,
        Some(&found),
        &asked,
        (&caller.let_in, &state),
        write,
    );
    let result = read.await?;
    let request = ["index_by", "timeframe"];
    let request = request.iter().fold(Object::new(), |request, name| {
        let text = parameters.text(name).unwrap_or_default();
        let said = value_of(name, text).unwrap_or_else(|_| Value::from(text));
        request.with(*name, said)
    });
    let metadata = Object::new()
        .with("dataset", show(&caller, found.item))
        .with("request", request);
    let metadata = model::json::to_text(&Value::Object(metadata));
    let mut body = result.to_vec();
    // The result is an object; the metadata goes in before its last brace.
    body.pop();
    body.extend_from_slice(b",\"metadata\":");
    body.extend_from_slice(metadata.as_bytes());
    body.push(b'}');
    let json = header::HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, json)], Body::from(body)).into_response())
}

fn asked(
    caller: &Caller,
    found: &WithPools<'_, Dataset>,
    parameters: &Parameters,
) -> Result<Asked, ApiError> {
    let missing = |name: &str| {
        let detail = format!("the parameter {name} is needed");
        Fault::new(FaultCode::MissingMember, detail).at(format!("/{name}"))
    };
    let index = parameters
        .text("index_by")
        .ok_or_else(|| missing("index_by"))?;
    let index = index_of(index, found.item)?;
    check_allowed(caller, found.item, &index)?;
    let calendar = &found.item.draft.query.source.calendar;
    let period = period_of(parameters, &calendar.zone)?;
    Ok(Asked {
        grant: None,
        index,
        period: Some(period.ok_or_else(|| missing("timeframe"))?),
        style: ("keen", false),
    })
}

/// Refuses the values of an index that the key is not allowed. Without this
/// they would be answered as if nothing had them, which clients do not expect.
fn check_allowed(caller: &Caller, dataset: &Dataset, index: &[Vec<Value>]) -> Result<(), ApiError> {
    let key = caller.definitions.key(caller.access.key());
    let told = key.and_then(|key| key.draft().dialect.as_ref());
    let Some(fields) = told.and_then(|told| limits(told, dataset)) else {
        return Ok(());
    };
    let by = dataset.draft.index_by.iter().zip(index);
    for (field, values) in by {
        let Some(allowed) = fields.get(field.as_str()) else {
            continue;
        };
        let is_allowed = |value: &Value| match allowed {
            Value::Array(allowed) => allowed.contains(value),
            one => one == value,
        };
        if !values.iter().any(is_allowed) {
            return Err(failed(
                Code::ActionNotGranted,
                "RequestForbiddenError",
                "index value not allowed",
            ));
        }
    }
    Ok(())
}

/// What the key was told of the values that it may read a dataset by.
fn limits<'a>(told: &'a Object, dataset: &Dataset) -> Option<&'a Object> {
    let options = told.get("options")?.as_object()?;
    let datasets = options.get("datasets")?.as_object()?;
    let allowed = datasets.get("allowed")?.as_object()?;
    let limits = allowed.get(dataset.draft.name.as_str())?.as_object()?;
    limits.get("index_by")?.as_object()
}

#[cfg(test)]
mod tests;

//! The native API, a file for each noun; in each, in this order: the wire's
//! shape, the conversion, the handlers.

pub(crate) mod audit;
pub(crate) mod datasets;
pub(crate) mod keys;
pub(crate) mod notices;
pub(crate) mod people;
pub(crate) mod pools;
pub(crate) mod projects;
pub(crate) mod query;
pub(crate) mod records;
pub(crate) mod rows;
pub(crate) mod saved_queries;
pub(crate) mod sessions;
pub(crate) mod tickets;
pub(crate) mod usage;
pub(crate) mod version;
pub(crate) mod view_data;
pub(crate) mod views;
pub(crate) mod whoami;

pub(crate) use datasets::index_of;
pub(crate) use saved_queries::zone_of;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use model::fault::{Fault, FaultCode};
use model::ids::RawId;
use model::limits::{LIST_ITEMS_DEFAULT, LIST_ITEMS_MAX};
use model::value::{Object, Value};
use serde_json::Value as Json;

use crate::error::ApiError;
use crate::input::Parameters;

/// How often a change without `If-Match` is tried against a definition that
/// keeps changing.
const CHANGE_ATTEMPTS: usize = 8;

/// The schemas of all nouns.
pub(crate) fn schemas() -> [Json; 17] {
    [
        pools::schemas(),
        records::schemas(),
        views::schemas(),
        view_data::schemas(),
        query::schemas(),
        keys::schemas(),
        keys::leak_schemas(),
        projects::schemas(),
        saved_queries::schemas(),
        datasets::schemas(),
        tickets::schemas(),
        notices::schemas(),
        usage::schemas(),
        whoami::schemas(),
        audit::schemas(),
        people::schemas(),
        sessions::schemas(),
    ]
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, value: &Value) -> Response {
    let json = HeaderValue::from_static("application/json");
    let body = model::json::to_text(value);
    (status, [(header::CONTENT_TYPE, json)], body).into_response()
}

/// A JSON answer with an entity tag.
fn tagged(status: StatusCode, value: &Value, tag: &str) -> Response {
    let mut response = json(status, value);
    let tag = HeaderValue::from_str(tag).expect("a tag is an id and a number");
    response.headers_mut().insert(header::ETAG, tag);
    response
}

/// The entity tag of a definition: another one after every change, and never
/// that of a later definition of the same name.
fn tag(id: impl std::fmt::Display, revision: i64) -> String {
    format!("\"{id}.{revision}\"")
}

/// An answer with nothing in it.
pub(crate) fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// How many items a page of a list has at most.
pub(crate) fn limit_of(parameters: &Parameters) -> Result<usize, Fault> {
    let Some(text) = parameters.get("limit") else {
        return Ok(LIST_ITEMS_DEFAULT);
    };
    let limit = text.parse().ok();
    let limit = limit.filter(|limit| (1..=LIST_ITEMS_MAX).contains(limit));
    limit.ok_or_else(|| {
        let detail = format!("limit is a whole number from 1 to {LIST_ITEMS_MAX}");
        Fault::new(FaultCode::InvalidValue, detail).at("/limit")
    })
}

/// One page of a list whose items stand oldest first.
pub(crate) fn page<T>(
    parameters: &Parameters,
    items: &[T],
    id: impl Fn(&T) -> [u8; 16],
    show: impl Fn(&T) -> Value,
) -> Result<Response, ApiError> {
    let limit = limit_of(parameters)?;
    let mut rest = items;
    if let Some(after) = parameters.get("after") {
        let after = RawId::parse(after).map_err(|_| {
            Fault::new(
                FaultCode::InvalidCursor,
                "after is the \"next\" of an earlier page",
            )
            .at("/after")
        })?;
        let after = after.to_bytes();
        // What the cursor names may be gone by now; what came later has a later id.
        let start = items.iter().position(|item| id(item) == after);
        let start = start.map(|at| at + 1);
        let later = || items.iter().position(|item| id(item) > after);
        rest = &items[start.or_else(later).unwrap_or(items.len())..];
    }
    let shown = &rest[..limit.min(rest.len())];
    let next = shown.last().filter(|_| rest.len() > limit);
    let next = next.map(|item| RawId::from_bytes(id(item)).to_string());
    let shown: Vec<Value> = shown.iter().map(show).collect();
    let list = Object::new().with("items", shown).with("next", next);
    Ok(json(StatusCode::OK, &Value::Object(list)))
}

/// The members of `value` behind those of `front`.
fn with_members(front: Object, value: Value) -> Object {
    match value {
        Value::Object(object) => object
            .into_members()
            .into_iter()
            .fold(front, |object, (name, value)| object.with(name, value)),
        _ => front,
    }
}

#[cfg(test)]
mod tests;

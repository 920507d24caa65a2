//! Which collections there are, and which properties they have, over the rows
//! and fields that the key sees.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::answers::{SeenField, SeenType};
use model::fields::{FieldType, ScalarType};
use model::permit::{On, Permit, SeeSchema};
use model::pools::Pool;
use model::value::{Object, Value};

use super::caller::{Caller, Segments};
use super::{Parameters, json, writing};
use crate::error::ApiError;
use crate::state::AppState;

/// The collections that the key sees the schema of.
pub(crate) async fn list(
    caller: Caller,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    caller.may::<SeeSchema>()?;
    let with_properties = parameters.text("include_schema") != Some("false");
    let mut collections = Vec::new();
    for pool in caller.definitions.pools() {
        let Ok(permit) = caller.access.permit::<SeeSchema>(On::Pool(Some(pool))) else {
            continue;
        };
        let collection = Object::new().with("name", pool.draft.name.as_str());
        let collection = match with_properties {
            true => collection.with("properties", types(&seen(permit, &state).await?)),
            false => collection,
        };
        collections.push(collection.with("url", address(&caller, pool)));
    }
    Ok(json(StatusCode::OK, &Value::from(collections)))
}

/// A collection with its properties; with an event in the address, that is
/// stored instead.
pub(crate) async fn read_or_beacon(State(state): State<AppState>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let parameters = Parameters::parse(parts.uri.query().unwrap_or_default());
    if let Some(data) = parameters.text("data") {
        let data = data.to_owned();
        return writing::beacon(state, parts, data).await;
    }
    let caller = match Caller::from_request_parts(&mut parts, &state).await {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    let Ok(segments) = Segments::from_request_parts(&mut parts, &state).await else {
        return ApiError::not_found().into_response();
    };
    let answer = read(&caller, segments.get("collection"), &state).await;
    answer.unwrap_or_else(IntoResponse::into_response)
}

async fn read(caller: &Caller, name: &str, state: &AppState) -> Result<Response, ApiError> {
    let (permit, pool) = find(caller, name)?;
    let collection = Object::new()
        .with("name", pool.draft.name.as_str())
        .with("properties", types(&seen(permit, state).await?))
        .with("url", address(caller, &pool));
    Ok(json(StatusCode::OK, &Value::Object(collection)))
}

/// The properties of a collection.
pub(crate) async fn properties(
    caller: Caller,
    segments: Segments,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let (permit, pool) = find(&caller, segments.get("collection"))?;
    let seen = seen(permit, &state).await?;
    let shown = seen.iter().filter_map(|field| shown(&caller, &pool, field));
    Ok(json(
        StatusCode::OK,
        &Value::from(shown.collect::<Vec<_>>()),
    ))
}

/// One property of a collection.
pub(crate) async fn property(
    caller: Caller,
    segments: Segments,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let (permit, pool) = find(&caller, segments.get("collection"))?;
    let seen = seen(permit, &state).await?;
    let name = segments.get("property");
    let found = seen.iter().find(|field| field.path.as_str() == name);
    let found = found.and_then(|field| shown(&caller, &pool, field));
    let found = found.ok_or_else(ApiError::not_found)?;
    Ok(json(StatusCode::OK, &Value::Object(found)))
}

/// The permit to look at a collection; one that is not there and one that is
/// not for this key are answered alike.
fn find(caller: &Caller, name: &str) -> Result<(Permit<SeeSchema>, Arc<Pool>), ApiError> {
    let pool = caller.collection(name);
    let permit = caller.access.permit(On::Pool(pool))?;
    let pool = pool.ok_or_else(ApiError::not_found)?;
    Ok((permit, Arc::clone(pool)))
}

async fn seen(permit: Permit<SeeSchema>, state: &AppState) -> Result<Vec<SeenField>, ApiError> {
    Ok(state.plane.schema(permit.constrain(None)?).await?)
}

/// Each path with its type.
fn types(seen: &[SeenField]) -> Object {
    let typed = seen
        .iter()
        .filter_map(|field| Some((field, type_of(field)?)));
    typed.fold(Object::new(), |object, (field, kind)| {
        object.with(field.path.as_str(), kind)
    })
}

fn shown(caller: &Caller, pool: &Pool, field: &SeenField) -> Option<Object> {
    let path = field.path.as_str();
    let address = format!("{}/properties/{}", address(caller, pool), encoded(path));
    let shown = Object::new()
        .with("property_name", path)
        .with("type", type_of(field)?)
        .with("url", address);
    Some(shown)
}

/// The dialect's word for the type of a field. Of values of several kinds it
/// names the first; a field that holds only empty objects has none.
fn type_of(field: &SeenField) -> Option<&'static str> {
    if field.path.as_str() == "keen.location.coordinates" {
        return Some("geo");
    }
    match &field.seen {
        SeenType::Declared(FieldType::Array(_)) => Some("list"),
        SeenType::Declared(FieldType::Scalar(scalar)) => Some(match scalar {
            ScalarType::String | ScalarType::Uuid => "string",
            ScalarType::Boolean => "bool",
            ScalarType::Date | ScalarType::DateTime => "datetime",
            _ => "num",
        }),
        SeenType::Mixed(kinds) => kinds.iter().find_map(|kind| match *kind {
            "number" => Some("num"),
            "string" => Some("string"),
            "boolean" => Some("bool"),
            "array" => Some("list"),
            _ => None,
        }),
    }
}

/// The path of a collection.
pub(crate) fn address(caller: &Caller, pool: &Pool) -> String {
    format!(
        "{}/events/{}",
        caller.base(),
        encoded(pool.draft.name.as_str())
    )
}

/// A text as a segment of a path.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests;

//! Deleting events, collections and properties: for the master key alone.
//!
//! A collection goes as a whole only when nothing was said that could have
//! meant less than all of it.

use axum::extract::{FromRequestParts, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::document::expected;
use model::fault::{Fault, FaultCode, step};
use model::limits::DEFINITION_BYTES_MAX;
use model::names::FieldPath;
use model::permit::{Delete, On, SeeSchema};
use model::value::{Object, Value};

use super::Parameters;
use super::caller::{Caller, Segments};
use super::question::Removal;
use crate::dropping::drop_pool;
use crate::error::ApiError;
use crate::input::receive;
use crate::state::AppState;

/// What says which events are meant.
const CONDITIONS: [&str; 2] = ["filters", "timeframe"];
/// All that a request to delete may say.
const KNOWN: [&str; 3] = ["filters", "timeframe", "timezone"];

/// Deletes events of a collection, or the collection with its schema.
pub(crate) async fn events(
    caller: Caller,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    caller.master()?;
    let (mut parts, body) = request.into_parts();
    let sender = Some(caller.access.key());
    let received = receive(body, DEFINITION_BYTES_MAX, sender, &state).await?;
    // The body may have taken long to come, and the key may be revoked by now.
    let caller = Caller::from_request_parts(&mut parts, &state).await?;
    let by = caller.master()?;
    let parameters = Parameters::from_request_parts(&mut parts, &state).await?;
    refuse_look_alikes(&parameters)?;
    refuse_other_body(&received.bytes, &parameters)?;
    let is_all = !CONDITIONS.iter().any(|name| parameters.has(name));
    let removal = Removal::read(&parameters.to_object(&KNOWN)?)?;
    let segments = Segments::from_request_parts(&mut parts, &state).await?;
    let pool = caller.collection(segments.get("collection"));
    let permit = caller.access.permit::<Delete>(On::Pool(pool))?;
    let pool = pool.ok_or_else(ApiError::not_found)?;
    if is_all {
        state.control.delete_pool(&by, pool.id, None).await?;
        drop_pool(&state, pool.id).await?;
        return Ok(done());
    }
    let condition = removal.condition(&pool.time_field(), state.clock.now())?;
    let condition = condition.ok_or_else(nothing_said)?;
    state
        .plane
        .delete(permit.constrain(Some(condition))?)
        .await?;
    Ok(done())
}

fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

fn nothing_said() -> Fault {
    let rule = "filters and timeframe say nothing; leave them out to delete the whole collection";
    Fault::new(FaultCode::InvalidFilter, rule).at("/filters")
}

/// Refuses parameters that are not known and look as if they were meant to say
/// which events: they would be ignored, and all events would go.
fn refuse_look_alikes(parameters: &Parameters) -> Result<(), Fault> {
    let is_like = |name: &&str| {
        let name = name.to_ascii_lowercase();
        ["filter", "time", "start", "end"]
            .iter()
            .any(|known| name.starts_with(known))
    };
    let odd = parameters
        .names()
        .find(|name| is_like(name) && !KNOWN.contains(name));
    match odd {
        None => Ok(()),
        Some(name) => {
            let shown = model::fault::shorten(name);
            let rule =
                format!("{shown} is not known here; there are filters, timeframe and timezone");
            Err(Fault::new(FaultCode::UnknownMember, rule).at(step(name)))
        }
    }
}

/// Refuses a body that says which events are meant where the address does not:
/// clients repeat in it what the address says.
fn refuse_other_body(body: &[u8], parameters: &Parameters) -> Result<(), Fault> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(());
    }
    let body = model::json::parse(body)?;
    let body: &Object = body
        .as_object()
        .ok_or_else(|| expected("an object", &body))?;
    let said = |name: &&&str| body.get(name).is_some_and(|value| !Value::is_null(value));
    let missing = CONDITIONS
        .iter()
        .filter(said)
        .find(|name| !parameters.has(name));
    match missing {
        None => Ok(()),
        Some(name) => {
            let rule = format!("{name} stands in the body alone; send it in the address");
            Err(Fault::new(FaultCode::InvalidValue, rule).at(step(name)))
        }
    }
}

/// Deletes a property with all beneath it, from the schema and from what is
/// answered of events.
pub(crate) async fn property(
    caller: Caller,
    segments: Segments,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let by = caller.master()?;
    let pool = caller.collection(segments.get("collection"));
    let seen = caller.access.permit::<SeeSchema>(On::Pool(pool))?;
    let pool = pool.ok_or_else(ApiError::not_found)?;
    let path = FieldPath::parse(segments.get("property")).map_err(|_| ApiError::not_found())?;
    if path.is_at_or_below(&keen()) {
        let rule = "properties of keen are kept: they are the server's own";
        return Err(Fault::new(FaultCode::NotAvailable, rule)
            .on_field(&path)
            .into());
    }
    // A name that no event has is not remembered as a deleted one.
    let seen = state.plane.schema(seen.constrain(None)?).await?;
    if !seen.iter().any(|field| field.path.is_at_or_below(&path)) {
        return Err(ApiError::not_found());
    }
    state.control.delete_property(&by, pool.id, &path).await?;
    Ok(done())
}

/// Where the dialect keeps what is its own.
fn keen() -> FieldPath {
    FieldPath::parse("keen").expect("a legal path")
}

#[cfg(test)]
mod tests;

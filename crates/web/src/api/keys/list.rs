//! The list of a project's keys.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use model::fault::{Fault, FaultCode};
use model::ids::KeyId;
use model::keys::KeyRecord;
use model::permit::Admin;
use model::value::Value;

use super::shown::show;
use crate::api::page;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::openapi::{Operation, refer};
use crate::state::AppState;

/// The query parameters of [`list`].
pub(crate) const PARAMETERS: &[&str] = &["limit", "after", "issued_by"];

/// Describes [`list`].
pub(crate) fn list_operation() -> Operation {
    Operation::new("listKeys", "The project's keys, without their tokens.")
        .parameter(
            "issued_by",
            "Those alone that are held to this key, which issued them.",
            refer("Id"),
        )
        .lists("Key")
}

/// The project's keys.
pub(crate) async fn list(
    caller: Caller<Admin>,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let definitions = caller.definitions(&state);
    let access = caller.0.access();
    let issuer = parameters.get("issued_by").map(|text| {
        KeyId::parse(text).map_err(|_| {
            Fault::new(FaultCode::InvalidValue, "issued_by is the id of a key").at("/issued_by")
        })
    });
    let issuer = issuer.transpose()?;
    let is_meant = |key: &&Arc<KeyRecord>| {
        access.knows(key) && (issuer.is_none() || key.draft().issued_by == issuer)
    };
    let keys: Vec<&Arc<KeyRecord>> = definitions.keys().filter(is_meant).collect();
    page(
        &parameters,
        &keys,
        |key| key.id().to_bytes(),
        |key| Value::Object(show(&state, key)),
    )
}

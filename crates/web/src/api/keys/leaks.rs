//! Leaked tokens: reporting one, and what their keys are held to.

use axum::extract::State;
use axum::response::Response;
use control::{LeakReport, Leaked};
use http::StatusCode;
use model::document::Document;
use model::limits::SESSION_AGENT_CHARS_MAX;
use model::permit::Admin;
use model::value::{Object, Value};
use serde_json::{Value as Json, json};

use super::{KeyPath, answer, schemas};
use crate::api;
use crate::caller::{Caller, Seen};
use crate::error::ApiError;
use crate::input::{JsonBody, OptionalJsonBody};
use crate::openapi::Operation;
use crate::state::AppState;
use crate::step_up;

/// The schemas of these calls.
pub(crate) fn leak_schemas() -> Json {
    json!({
        "LeakReport": {
            "type": "object", "required": ["token"], "additionalProperties": false,
            "properties": {
                "token": { "type": "string", "description": "The whole token that was found, of a key or derived from one." },
                "found_at": { "type": ["string", "null"],
                    "description": format!("Where, for its owner: the first {SESSION_AGENT_CHARS_MAX} characters are kept.") },
            },
        },
        "LeakReported": {
            "type": "object", "required": ["valid"],
            "properties": {
                "valid": { "type": "boolean",
                    "description": "Whether it is a token of this server. Whose, nobody is told." },
            },
        },
    })
}

/// Describes [`report`].
pub(crate) fn report_operation() -> Operation {
    Operation::new(
        "reportLeak",
        "Puts the secret of a token that leaked into quarantine, and revokes a derived one, at once; whoever has the token may do that.",
    )
    .takes("LeakReport")
    .answers(200, "Whether it is a token of this server.", "LeakReported")
    .problems([429, 507])
}

/// Puts the secret of a token that leaked into quarantine.
pub(crate) async fn report(
    seen: Seen,
    State(state): State<AppState>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let mut document = Document::new(&body)?;
    let token = Leaked::read(document.text("token")?.trim());
    let found_at = document.optional_text("found_at")?.map(str::to_owned);
    document.finish()?;
    let report = LeakReport {
        token,
        found_at,
        address: seen.circumstances().address(),
    };
    let valid = state.control.report_leak(report).await?;
    let answer = Object::new().with("valid", valid);
    Ok(api::json(StatusCode::OK, &Value::Object(answer)))
}

/// Describes [`quarantine`].
pub(crate) fn quarantine_operation() -> Operation {
    Operation::new(
        "quarantineKey",
        "Lets a key go on at a trickle from its usual networks alone, at once.",
    )
    .takes_content(false, schemas::empty_object())
    .answers(200, "The key.", "Key")
    .problems([409, 507])
}

/// Puts a key into quarantine.
pub(crate) async fn quarantine(
    caller: Caller<Admin>,
    path: KeyPath,
    State(state): State<AppState>,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, ApiError> {
    Document::new(&body)?.finish()?;
    let id = path.find(&caller, &caller.definitions(&state))?.id();
    let key = state.control.quarantine_key(&caller.0, id).await?;
    Ok(answer(&state, &key))
}

/// Describes [`release`].
pub(crate) fn release_operation() -> Operation {
    Operation::new("releaseKey", "Ends the quarantine of a key.")
        .takes_content(false, schemas::proof())
        .answers(200, "The key.", "Key")
        .problems([409, 429, 507])
}

/// Ends the quarantine of a key.
pub(crate) async fn release(
    caller: Caller<Admin>,
    path: KeyPath,
    State(state): State<AppState>,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, ApiError> {
    let (body, proof) = step_up::split(body)?;
    Document::new(&body)?.finish()?;
    let id = path.find(&caller, &caller.definitions(&state))?.id();
    let control = state.control.proving(proof);
    let key = control.release_key(&caller.0, id).await;
    let key = key.map(|key| answer(&state, &key));
    Ok(step_up::finish(&control, key.map_err(ApiError::from)))
}

#[cfg(test)]
mod tests;

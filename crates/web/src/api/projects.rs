//! The caller's project.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use model::document::Document;
use model::permit::Admin;
use model::value::{Object, Value};
use serde_json::{Value as Json, json};

use crate::caller::{Caller, Named};
use crate::error::ApiError;
use crate::input::OptionalJsonBody;
use crate::openapi::{Operation, refer};
use crate::state::AppState;

/// The schemas of this file.
pub(crate) fn schemas() -> Json {
    let key = || json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" });
    json!({
        "KeenProject": {
            "type": "object",
            "required": ["project_id", "master_key", "write_key", "read_key"],
            "properties": {
                "project_id": refer("Id"),
                "master_key": key(),
                "write_key": key(),
                "read_key": key(),
            },
        },
    })
}

/// Describes [`keen`].
pub(crate) fn keen_operation() -> Operation {
    Operation::new(
        "switchKeenOn",
        "Switches the Keen dialect on. No other answer holds its three keys.",
    )
    .takes_content(false, super::keys::empty_object())
    .answers(
        201,
        "The keys that clients of Keen are given.",
        "KeenProject",
    )
    .problems([409, 507])
}

/// Switches the Keen dialect on.
pub(crate) async fn keen(
    caller: Caller<Admin>,
    Named(project): Named,
    State(state): State<AppState>,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, ApiError> {
    let id = caller.0.access().project().to_string();
    if project != id && project != caller.definitions(&state).project().name {
        return Err(ApiError::not_found());
    }
    Document::new(&body)?.finish()?;
    let keys = state.control.switch_keen_on(&caller.0).await?;
    let answer = Object::new()
        .with("project_id", id)
        .with("master_key", keys.master.reveal())
        .with("write_key", keys.write.reveal())
        .with("read_key", keys.read.reveal());
    let mut response = super::json(StatusCode::CREATED, &Value::Object(answer));
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}

#[cfg(test)]
mod tests;

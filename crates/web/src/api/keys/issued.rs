//! Keys that keys make: within what their maker may, and for their maker to end.

use axum::extract::State;
use axum::response::Response;
use model::document::Document;
use model::keys::{KeyDraft, Roll};
use model::permit::Issue;
use model::value::Value;

use super::once::{self, Sent, finish_made};
use super::rolling::read_force;
use super::{KeyPath, answer, done, page, schemas, show};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::input::{JsonBody, OptionalJsonBody, Parameters};
use crate::openapi::Operation;
use crate::state::AppState;

/// Describes [`list`].
pub(crate) fn list_operation() -> Operation {
    Operation::new(
        "listIssuedKeys",
        "The keys that the calling key issued, without their tokens.",
    )
    .lists("Key")
}

/// The keys that the calling key issued.
pub(crate) async fn list(
    caller: Caller<Issue>,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let keys = state.control.issued_keys(&caller.0);
    page(
        &parameters,
        &keys,
        |key| key.id().to_bytes(),
        |key| Value::Object(show(&state, key)),
    )
}

/// Describes [`issue`].
pub(crate) fn issue_operation() -> Operation {
    let operation = Operation::new(
        "issueKey",
        "Makes a key that reaches no further than the calling one. No other answer holds its token.",
    );
    once::once(operation.takes("KeyDraft"))
        .answers(201, "The key with its token.", "NewKey")
        .problems([409, 507])
}

/// Makes a key that reaches no further than the calling one.
pub(crate) async fn issue(
    caller: Caller<Issue>,
    sent: Sent,
    State(state): State<AppState>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let lookup = state.control.issue_lookup(&caller.0);
    let draft = KeyDraft::parse(&body, &lookup)?;
    let once = sent.once(&body);
    let made = state.control.issue_key(&caller.0, draft, once).await;
    Ok(finish_made(&state, &state.control, made))
}

/// Describes [`read`].
pub(crate) fn read_operation() -> Operation {
    Operation::new("readIssuedKey", "A key that the calling key issued.")
        .answers(200, "The key.", "Key")
}

/// A key that the calling key issued.
pub(crate) async fn read(
    caller: Caller<Issue>,
    KeyPath(id): KeyPath,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let id = id.ok_or_else(ApiError::not_found)?;
    Ok(answer(&state, &*state.control.issued_key(&caller.0, id)?))
}

/// Describes [`delete`].
pub(crate) fn delete_operation() -> Operation {
    Operation::new(
        "deleteIssuedKey",
        "Deletes a key that the calling key issued; final, and in force at once.",
    )
    .parameter(
        "force",
        "Delete it although it was used a short while ago.",
        serde_json::json!({ "enum": ["true", "false"] }),
    )
    .answers_nothing()
    .problems([409, 507])
}

/// Deletes a key that the calling key issued.
pub(crate) async fn delete(
    caller: Caller<Issue>,
    KeyPath(id): KeyPath,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let force = super::read_force(&parameters)?;
    let id = id.ok_or_else(ApiError::not_found)?;
    state.control.delete_issued(&caller.0, id, force).await?;
    Ok(done())
}

/// Describes [`disable`].
pub(crate) fn disable_operation() -> Operation {
    Operation::new(
        "disableIssuedKey",
        "Switches a key off that the calling key issued, at once. An administrator switches it on again.",
    )
    .takes_content(false, schemas::empty_object())
    .answers(200, "The key.", "Key")
    .problems([409, 507])
}

/// Switches a key off that the calling key issued.
pub(crate) async fn disable(
    caller: Caller<Issue>,
    KeyPath(id): KeyPath,
    State(state): State<AppState>,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, ApiError> {
    Document::new(&body)?.finish()?;
    let id = id.ok_or_else(ApiError::not_found)?;
    let key = state.control.disable_issued(&caller.0, id).await?;
    Ok(answer(&state, &key))
}

/// Describes [`roll`].
pub(crate) fn roll_operation() -> Operation {
    let operation = Operation::new(
        "rollIssuedKey",
        "Makes a new secret for a key that the calling key issued; the old one goes on for a grace of at most seven days.",
    );
    once::once(operation.takes_content(true, schemas::roll_issued_request()))
        .answers(201, "The key with its new token.", "NewKey")
        .problems([409, 507])
}

/// Makes a new secret for a key that the calling key issued.
pub(crate) async fn roll(
    caller: Caller<Issue>,
    KeyPath(id): KeyPath,
    sent: Sent,
    State(state): State<AppState>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let mut document = Document::new(&body)?;
    let roll = Roll::read(&mut document)?;
    document.finish()?;
    let id = id.ok_or_else(ApiError::not_found)?;
    let once = sent.once(&body);
    let made = state.control.roll_issued(&caller.0, id, roll, once).await;
    Ok(finish_made(&state, &state.control, made))
}

/// Describes [`end_grace`].
pub(crate) fn end_grace_operation() -> Operation {
    Operation::new(
        "endIssuedGrace",
        "Ends the grace of the old secret of a key that the calling key issued, at once.",
    )
    .takes_content(false, schemas::force_request())
    .answers(200, "The key.", "Key")
    .problems([409, 507])
}

/// Ends the grace of the old secret.
pub(crate) async fn end_grace(
    caller: Caller<Issue>,
    KeyPath(id): KeyPath,
    State(state): State<AppState>,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, ApiError> {
    let force = read_force(&body)?;
    let id = id.ok_or_else(ApiError::not_found)?;
    let key = state.control.end_grace_issued(&caller.0, id, force).await?;
    Ok(answer(&state, &key))
}

/// Describes [`undo_roll`].
pub(crate) fn undo_roll_operation() -> Operation {
    Operation::new(
        "undoIssuedRoll",
        "Takes a roll of a key that the calling key issued back within the grace: the new secret ends at once.",
    )
    .takes_content(false, schemas::force_request())
    .answers(200, "The key.", "Key")
    .problems([409, 507])
}

/// Takes a roll back.
pub(crate) async fn undo_roll(
    caller: Caller<Issue>,
    KeyPath(id): KeyPath,
    State(state): State<AppState>,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, ApiError> {
    let force = read_force(&body)?;
    let id = id.ok_or_else(ApiError::not_found)?;
    let key = state.control.undo_roll_issued(&caller.0, id, force).await?;
    Ok(answer(&state, &key))
}

#[cfg(test)]
mod tests;

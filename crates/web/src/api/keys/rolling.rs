//! Rolling a key, ending the grace of its old secret, and taking a roll back.

use axum::extract::State;
use axum::response::Response;
use model::document::Document;
use model::keys::Roll;
use model::permit::Admin;
use model::value::Value;

use super::once::{self, Sent, finish_made};
use super::{KeyPath, answer, schemas};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::input::{JsonBody, OptionalJsonBody};
use crate::openapi::Operation;
use crate::state::AppState;
use crate::step_up;

/// Reads whether something is to end although somebody uses it.
pub(super) fn read_force(body: &Value) -> Result<bool, ApiError> {
    let mut document = Document::new(body)?;
    let force = document.optional_boolean("force")?;
    document.finish()?;
    Ok(force == Some(true))
}

/// Describes [`roll`].
pub(crate) fn roll_operation() -> Operation {
    let operation = Operation::new(
        "rollKey",
        "Makes a new secret; the old one goes on for a grace of at most seven days.",
    );
    once::once(operation.takes_content(true, schemas::roll_request()))
        .answers(201, "The key with its new token.", "NewKey")
        .problems([409, 429, 507])
}

/// Makes a new secret beside the old one.
pub(crate) async fn roll(
    caller: Caller<Admin>,
    path: KeyPath,
    sent: Sent,
    State(state): State<AppState>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let (body, proof) = step_up::split(body)?;
    let mut document = Document::new(&body)?;
    let roll = Roll::read(&mut document)?;
    document.finish()?;
    let id = path.find(&caller, &caller.definitions(&state))?.id();
    let (control, once) = (state.control.proving(proof), sent.once(&body));
    let made = control.roll_key(&caller.0, id, roll, once).await;
    Ok(finish_made(&state, &control, made))
}

/// Describes [`end_grace`].
pub(crate) fn end_grace_operation() -> Operation {
    Operation::new("endGrace", "Ends the grace of the old secret, at once.")
        .takes_content(false, schemas::force_request())
        .answers(200, "The key.", "Key")
        .problems([409, 507])
}

/// Ends the grace of the old secret.
pub(crate) async fn end_grace(
    caller: Caller<Admin>,
    path: KeyPath,
    State(state): State<AppState>,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, ApiError> {
    let force = read_force(&body)?;
    let id = path.find(&caller, &caller.definitions(&state))?.id();
    let key = state.control.end_grace(&caller.0, id, force).await?;
    Ok(answer(&state, &key))
}

/// Describes [`undo_roll`].
pub(crate) fn undo_roll_operation() -> Operation {
    Operation::new(
        "undoRoll",
        "Takes a roll back within the grace: the new secret ends at once, the old one goes on.",
    )
    .takes_content(false, schemas::undo_request())
    .answers(200, "The key.", "Key")
    .problems([409, 429, 507])
}

/// Takes a roll back.
pub(crate) async fn undo_roll(
    caller: Caller<Admin>,
    path: KeyPath,
    State(state): State<AppState>,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, ApiError> {
    let (body, proof) = step_up::split(body)?;
    let force = read_force(&body)?;
    let id = path.find(&caller, &caller.definitions(&state))?.id();
    let control = state.control.proving(proof);
    let key = control.undo_roll(&caller.0, id, force).await;
    let key = key.map(|key| answer(&state, &key));
    Ok(step_up::finish(&control, key.map_err(ApiError::from)))
}

#[cfg(test)]
mod tests;

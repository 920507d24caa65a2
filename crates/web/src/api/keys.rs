//! Keys. A token's text leaves the server in one answer: that of the call
//! that made it.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::response::Response;
use control::{ControlError, Definitions};
use http::StatusCode;
use http::request::Parts;
use model::credits::Tier;
use model::document::{Document, merge_patch};
use model::fault::{Fault, FaultCode};
use model::grants::Action;
use model::ids::KeyId;
use model::keys::{KeyCopy, KeyDraft, KeyRecord};
use model::permit::{Admin, Denied};
use model::value::{Object, Value};

use super::{CHANGE_ATTEMPTS, done, page, tag, tagged};
use crate::caller::{Authenticated, Caller, Named, may_be_public};
use crate::error::ApiError;
use crate::input::{IfMatch, JsonBody, OptionalJsonBody, Parameters};
use crate::openapi::Operation;
use crate::state::AppState;
use crate::step_up;

mod derived;
mod issued;
mod leaks;
mod list;
mod once;
mod review;
mod rolling;
mod schemas;
mod shown;
mod signing;
mod simulate;

pub(crate) use derived::{
    list as list_derived, list_operation as list_derived_operation, list_own as list_own_derived,
    list_own_operation as list_own_derived_operation, revoke as revoke_derived,
    revoke_operation as revoke_derived_operation, revoke_own as revoke_own_derived,
    revoke_own_operation as revoke_own_derived_operation,
};
pub(crate) use issued::{
    delete as delete_issued, delete_operation as delete_issued_operation,
    disable as disable_issued, disable_operation as disable_issued_operation,
    end_grace as end_grace_issued, end_grace_operation as end_grace_issued_operation, issue,
    issue_operation, list as list_issued, list_operation as list_issued_operation,
    read as read_issued, read_operation as read_issued_operation, roll as roll_issued,
    roll_operation as roll_issued_operation, undo_roll as undo_roll_issued,
    undo_roll_operation as undo_roll_issued_operation,
};
pub(crate) use leaks::{
    leak_schemas, quarantine, quarantine_operation, release, release_operation, report,
    report_operation,
};
pub(crate) use list::{PARAMETERS as LIST_PARAMETERS, list, list_operation};
pub(crate) use review::{PARAMETERS as REVIEW_PARAMETERS, advised, review, review_operation};
pub(crate) use rolling::{
    end_grace, end_grace_operation, roll, roll_operation, undo_roll, undo_roll_operation,
};
pub(crate) use schemas::{empty_object, schemas};
pub(crate) use shown::alerts;
pub(crate) use signing::{
    create as make_signing, create_operation as make_signing_operation, delete as delete_signing,
    delete_operation as delete_signing_operation, list as list_signing,
    list_operation as list_signing_operation,
};
pub(crate) use simulate::{
    Counted, Told, Untold, compared, number, shown_by, simulate, simulate_operation, simulated,
    with_fields, with_rows,
};

use once::{Sent, finish_made};
use shown::show;

/// The variable segment of the path as a key's id; `None` for a text that can
/// be no id, which means nothing just like an unused one.
#[derive(Debug)]
pub(crate) struct KeyPath(Option<KeyId>);

impl FromRequestParts<AppState> for KeyPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let Named(text) = Named::from_request_parts(parts, state).await?;
        Ok(Self(KeyId::parse(&text).ok()))
    }
}

impl KeyPath {
    /// What this segment of a path means.
    pub(crate) fn of(segment: &str) -> Self {
        Self(KeyId::parse(segment).ok())
    }

    /// The key that is meant, if the caller may know of it.
    pub(crate) fn find<'a>(
        &self,
        caller: &Caller<Admin>,
        definitions: &'a Definitions,
    ) -> Result<&'a Arc<KeyRecord>, ApiError> {
        let key = self.0.and_then(|id| definitions.key(id));
        let key = key.filter(|key| caller.0.access().knows(key));
        key.ok_or_else(ApiError::not_found)
    }
}

/// What of a key's limits is left now.
pub(super) fn left(state: &AppState, key: &KeyRecord) -> Object {
    let left = state.control.limits_left(key);
    let credits = state.control.credits_left(key);
    let of_tier = |tier: Tier| {
        let now = credits.iter().find(|credits| credits.tier == tier)?;
        Some(
            Object::new()
                .with("spent", now.spent)
                .with("reserved", now.reserved)
                .with("left", now.left())
                .with("resets_at", now.resets_at.to_string())
                .with("alert", now.alert()),
        )
    };
    let credits = (!credits.is_empty()).then(|| {
        let tiers = Tier::ALL.into_iter();
        tiers.fold(Object::new(), |object, tier| {
            object.with(tier.name(), of_tier(tier))
        })
    });
    Object::new()
        .with("requests_per_second", left.requests_per_second)
        .with("concurrent_queries", left.concurrent_queries)
        .with("credits", credits)
}

/// The same for whoever is not to know what others leave of the key.
pub(super) fn nothing_left_to_tell() -> Object {
    let members = ["requests_per_second", "concurrent_queries", "credits"];
    let members = members.into_iter();
    members.fold(Object::new(), |object, name| object.with(name, Value::Null))
}

fn answer(state: &AppState, key: &KeyRecord) -> Response {
    let shown = Value::Object(show(state, key));
    tagged(StatusCode::OK, &shown, &tag(key.id(), key.revision()))
}

/// What a body says that a key is to be, or is to become.
pub(crate) fn draft(
    caller: &Caller<Admin>,
    state: &AppState,
    value: &Value,
    before: Option<&KeyRecord>,
) -> Result<KeyDraft, Fault> {
    let project = caller.0.access().project();
    let held = before.map(|key| &**key.grants()).unwrap_or_default();
    let lookup = state.control.grant_lookup(project, held);
    match before {
        None => KeyDraft::parse(value, &lookup),
        Some(key) => KeyDraft::parse_change(value, &lookup, key.draft()),
    }
}

/// Describes [`create`].
pub(crate) fn create_operation() -> Operation {
    let operation = Operation::new("createKey", "Makes a key. No other answer holds its token.");
    once::once(operation.takes("KeyDraft"))
        .answers(201, "The key with its token.", "NewKey")
        .problems([409, 429, 507])
}

/// Makes a key.
pub(crate) async fn create(
    caller: Caller<Admin>,
    sent: Sent,
    State(state): State<AppState>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let (body, proof) = step_up::split(body)?;
    let draft = draft(&caller, &state, &body, None)?;
    let (control, once) = (state.control.proving(proof), sent.once(&body));
    let made = control.create_key_once(&caller.0, draft, once).await;
    Ok(finish_made(&state, &control, made))
}

/// Describes [`read`].
pub(crate) fn read_operation() -> Operation {
    Operation::new("readKey", "A key, without its token.").answers(200, "The key.", "Key")
}

/// A key.
pub(crate) async fn read(
    caller: Caller<Admin>,
    path: KeyPath,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let definitions = caller.definitions(&state);
    Ok(answer(&state, path.find(&caller, &definitions)?))
}

/// Describes [`change`].
pub(crate) fn change_operation() -> Operation {
    Operation::new(
        "changeKey",
        "Changes a key. A grant that is sent with its id keeps what it is on.",
    )
    .patches("KeyPatch")
    .answers(200, "The key.", "Key")
    .problems([409, 429, 507])
}

/// Changes a key by a merge patch.
pub(crate) async fn change(
    caller: Caller<Admin>,
    path: KeyPath,
    if_match: IfMatch,
    State(state): State<AppState>,
    JsonBody(patch): JsonBody,
) -> Result<Response, ApiError> {
    let (patch, proof) = step_up::split(patch)?;
    let control = state.control.proving(proof);
    for _ in 0..CHANGE_ATTEMPTS {
        let definitions = caller.definitions(&state);
        let key = path.find(&caller, &definitions)?;
        if_match.check(&tag(key.id(), key.revision()))?;
        let merged = merge_patch(&key.draft().to_value(), &patch);
        let draft = draft(&caller, &state, &merged, Some(key))?;
        let changed = control
            .change_key(&caller.0, key.id(), Some(key.revision()), draft)
            .await;
        match changed {
            Err(ControlError::StaleRevision) => {}
            changed => {
                let changed = changed.map(|key| answer(&state, &key));
                return Ok(step_up::finish(&control, changed.map_err(ApiError::from)));
            }
        }
    }
    Err(ApiError::stale())
}

/// Describes [`delete`].
pub(crate) fn delete_operation() -> Operation {
    Operation::new("deleteKey", "Deletes a key; final, and in force at once.")
        .parameter(
            "force",
            "Delete it although it was used a short while ago.",
            serde_json::json!({ "enum": ["true", "false"] }),
        )
        .conditional()
        .answers_nothing()
        .problems([409, 507])
}

/// Deletes a key.
pub(crate) async fn delete(
    caller: Caller<Admin>,
    path: KeyPath,
    if_match: IfMatch,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let force = read_force(&parameters)?;
    for _ in 0..CHANGE_ATTEMPTS {
        let definitions = caller.definitions(&state);
        let key = path.find(&caller, &definitions)?;
        if_match.check(&tag(key.id(), key.revision()))?;
        let deleted = state
            .control
            .end_key(&caller.0, key.id(), Some(key.revision()), force)
            .await;
        match deleted {
            Err(ControlError::StaleRevision) => {}
            deleted => {
                deleted?;
                return Ok(done());
            }
        }
    }
    Err(ApiError::stale())
}

/// Whether the parameters say that something is to end although somebody uses it.
pub(super) fn read_force(parameters: &Parameters) -> Result<bool, Fault> {
    match parameters.get("force") {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Fault::new(FaultCode::InvalidValue, "force is true or false").at("/force")),
    }
}

/// Describes [`revoke`].
pub(crate) fn revoke_operation() -> Operation {
    Operation::new(
        "revokePresentedSecret",
        "Ends the secret that is presented, for good; every key may do that.",
    )
    .answers_nothing()
    .problems([409, 507])
}

/// Ends the secret that is presented. Its key keeps all else.
pub(crate) async fn revoke(
    Authenticated(access): Authenticated,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    // Everybody who opens the page has the token: its end is for who administers.
    if may_be_public(&access) {
        return Err(Denied::NoGrant(Action::Admin).into());
    }
    state.control.revoke_presented(&access).await?;
    Ok(done())
}

/// Describes [`disable`].
pub(crate) fn disable_operation() -> Operation {
    Operation::new("disableKey", "Switches a key off, at once.")
        .takes_content(false, schemas::empty_object())
        .answers(200, "The key.", "Key")
        .problems([409, 507])
}

/// Switches a key off.
pub(crate) async fn disable(
    caller: Caller<Admin>,
    path: KeyPath,
    State(state): State<AppState>,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, ApiError> {
    switch(&caller, &path, &state, &body, true).await
}

/// Describes [`enable`].
pub(crate) fn enable_operation() -> Operation {
    Operation::new("enableKey", "Switches a key on again.")
        .takes_content(false, schemas::proof())
        .answers(200, "The key.", "Key")
        .problems([409, 429, 507])
}

/// Switches a key on again.
pub(crate) async fn enable(
    caller: Caller<Admin>,
    path: KeyPath,
    State(state): State<AppState>,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, ApiError> {
    switch(&caller, &path, &state, &body, false).await
}

async fn switch(
    caller: &Caller<Admin>,
    path: &KeyPath,
    state: &AppState,
    body: &Value,
    disabled: bool,
) -> Result<Response, ApiError> {
    let (body, proof) = step_up::split(body.clone())?;
    Document::new(&body)?.finish()?;
    let id = path.find(caller, &caller.definitions(state))?.id();
    let control = state.control.proving(proof);
    let key = control.set_key_disabled(&caller.0, id, disabled).await;
    let key = key.map(|key| answer(state, &key));
    Ok(step_up::finish(&control, key.map_err(ApiError::from)))
}

/// Describes [`copy`].
pub(crate) fn copy_operation() -> Operation {
    let operation = Operation::new(
        "copyKey",
        "Makes a key with the same grants and a life of its own.",
    );
    once::once(operation.takes_content(false, schemas::copy_request()))
        .answers(201, "The new key with its token.", "NewKey")
        .problems([409, 429, 507])
}

/// Makes a key with the same grants and a life of its own.
pub(crate) async fn copy(
    caller: Caller<Admin>,
    path: KeyPath,
    sent: Sent,
    State(state): State<AppState>,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, ApiError> {
    let (body, proof) = step_up::split(body)?;
    let mut document = Document::new(&body)?;
    let asked = KeyCopy::read(&mut document)?;
    document.finish()?;
    let id = path.find(&caller, &caller.definitions(&state))?.id();
    let (control, once) = (state.control.proving(proof), sent.once(&body));
    let made = control.copy_key_once(&caller.0, id, asked, once).await;
    Ok(finish_made(&state, &control, made))
}

#[cfg(test)]
mod tests;

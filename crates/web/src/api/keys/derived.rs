//! The derived tokens of a key: which are in use, and ending one of them. They
//! are made without the server.

use axum::extract::{FromRequestParts, Path, State};
use axum::response::Response;
use control::DerivedUse;
use http::StatusCode;
use http::request::Parts;
use model::credits::Tier;
use model::fault::{Fault, FaultCode};
use model::grants::Action;
use model::ids::KeyId;
use model::keys::{DerivedId, KeyKind};
use model::permit::{Access, Admin, Denied};
use model::value::{Object, Value};
use serde_json::{Value as Json, json};

use super::{KeyPath, done};
use crate::api::limit_of;
use crate::caller::{Authenticated, Caller};
use crate::error::ApiError;
use crate::input::Parameters;
use crate::openapi::{Operation, refer};
use crate::state::AppState;

/// The schema of a derived token as it is listed.
pub(super) fn schema() -> Json {
    let time = json!({ "type": ["string", "null"], "format": "date-time" });
    let count = json!({ "type": "integer", "minimum": 0 });
    json!({
        "type": "object",
        "required": ["id", "expires_at", "first_used_at", "last_used_at", "requests",
            "credits_spent", "revoked_at"],
        "properties": {
            "id": { "type": "string", "description": "Its claim jti." },
            "expires_at": refer("Time"),
            "first_used_at": time,
            "last_used_at": time,
            "requests": count,
            "credits_spent": {
                "type": "object", "required": ["core", "premium"],
                "description": "Of the credits that the token is held to by itself.",
                "properties": { "core": count, "premium": count },
            },
            "revoked_at": time,
        },
    })
}

fn show(token: &DerivedUse) -> Value {
    let time = |at: Option<model::time::Timestamp>| at.map(|at| at.to_string());
    let spent = Tier::ALL.into_iter().zip(token.spent);
    let spent = spent.fold(Object::new(), |object, (tier, spent)| {
        object.with(tier.name(), spent)
    });
    let shown = Object::new()
        .with("id", token.id.as_str())
        .with("expires_at", token.id.ends().to_string())
        .with("first_used_at", time(token.first_used))
        .with("last_used_at", time(token.last_used))
        .with("requests", token.requests)
        .with("credits_spent", spent)
        .with("revoked_at", time(token.revoked));
    Value::Object(shown)
}

/// The last variable segment of the path as a derived token's id; `None` for a
/// text that can be none, which names nothing.
#[derive(Debug)]
pub(crate) struct DerivedPath(Option<KeyId>, Option<DerivedId>);

impl FromRequestParts<AppState> for DerivedPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let segments = Path::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let segments = segments.map_or_else(|_| Vec::new(), |Path(segments)| segments);
        let named = |name: &str| {
            let mut segments = segments.iter();
            let found = segments.find(|(known, _)| known == name);
            found.map(|(_, text)| text.as_str())
        };
        Ok(Self(
            named("id").and_then(|text| KeyId::parse(text).ok()),
            named("jti").and_then(DerivedId::parse),
        ))
    }
}

/// The caller as the holder of a key that makes derived tokens, and not of one
/// of these.
///
/// # Errors
/// As for a right that no grant gives: a key in a page has everybody for a
/// holder, and a derived token manages no others.
fn maker(access: &Access, state: &AppState) -> Result<(), ApiError> {
    let definitions = state.control.definitions(access.project());
    let key = definitions.key(access.key());
    let makes = key.is_some_and(|key| key.draft().derived_tokens);
    match makes && access.kind() == KeyKind::Secret && access.derived_token().is_none() {
        true => Ok(()),
        false => Err(Denied::NoGrant(Action::Admin).into()),
    }
}

fn list_of(state: &AppState, parameters: &Parameters, key: KeyId) -> Result<Response, ApiError> {
    let limit = limit_of(parameters)?;
    let after = match parameters.get("after") {
        None => None,
        Some(text) => Some(DerivedId::parse(text).ok_or_else(|| {
            let detail = "after is the \"next\" of an earlier page";
            Fault::new(FaultCode::InvalidCursor, detail).at("/after")
        })?),
    };
    let tokens = state.control.derived_tokens(key);
    let rest =
        tokens.partition_point(|token| after.as_ref().is_some_and(|after| token.id <= *after));
    let rest = &tokens[rest..];
    let shown = &rest[..limit.min(rest.len())];
    let next = shown.last().filter(|_| rest.len() > limit);
    let next = next.map(|token| token.id.to_string());
    let items: Vec<Value> = shown.iter().map(show).collect();
    let list = Object::new().with("items", items).with("next", next);
    Ok(crate::api::json(StatusCode::OK, &Value::Object(list)))
}

/// Describes [`list`].
pub(crate) fn list_operation() -> Operation {
    Operation::new(
        "listDerivedTokens",
        "The derived tokens of a key that were used or revoked and have not ended, those that end first in front.",
    )
    .lists("DerivedToken")
}

/// The derived tokens of a key.
pub(crate) async fn list(
    caller: Caller<Admin>,
    path: KeyPath,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let key = path.find(&caller, &caller.definitions(&state))?.id();
    list_of(&state, &parameters, key)
}

/// Describes [`list_own`].
pub(crate) fn list_own_operation() -> Operation {
    Operation::new(
        "listOwnDerivedTokens",
        "The same of the calling key; for every secret key that makes derived tokens.",
    )
    .lists("DerivedToken")
}

/// The derived tokens of the calling key.
pub(crate) async fn list_own(
    Authenticated(access): Authenticated,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    if access.person().is_some() {
        return Err(control::Refusal::NeedsKey.into());
    }
    maker(&access, &state)?;
    list_of(&state, &parameters, access.key())
}

/// Describes [`revoke`].
pub(crate) fn revoke_operation() -> Operation {
    Operation::new(
        "revokeDerivedToken",
        "Ends one derived token of a key, at once and for good, also one that was not used yet.",
    )
    .answers_nothing()
    .problems([409, 507])
}

/// Ends one derived token of a key.
pub(crate) async fn revoke(
    caller: Caller<Admin>,
    DerivedPath(key, id): DerivedPath,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let definitions = caller.definitions(&state);
    let key = KeyPath(key).find(&caller, &definitions)?;
    let id = id.ok_or_else(ApiError::not_found)?;
    state
        .control
        .revoke_derived(&caller.0, key.id(), &id)
        .await?;
    Ok(done())
}

/// Describes [`revoke_own`].
pub(crate) fn revoke_own_operation() -> Operation {
    Operation::new(
        "revokeOwnDerivedToken",
        "The same of the calling key; for every secret key that makes derived tokens.",
    )
    .answers_nothing()
    .problems([409, 507])
}

/// Ends one derived token of the calling key.
pub(crate) async fn revoke_own(
    Authenticated(access): Authenticated,
    DerivedPath(_, id): DerivedPath,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    if access.person().is_some() {
        return Err(control::Refusal::NeedsKey.into());
    }
    maker(&access, &state)?;
    let id = id.ok_or_else(ApiError::not_found)?;
    state.control.revoke_own_derived(&access, &id).await?;
    Ok(done())
}

#[cfg(test)]
mod tests;

//! Access keys: made and looked after by the holder of a master key.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use control::Definitions;
use http::StatusCode;
use model::fault::{Fault, FaultCode};
use model::grants::parse_grants;
use model::keys::{KeyDraft, KeyKind, KeyLimits, KeyRecord, Restrictions};
use model::limits::KEY_NAME_CHARS_MAX;
use model::permit::{Admin, Permit};
use model::secrets::SecretId;
use model::value::{Object, Value};

use super::caller::Segments;
use super::policy::Policy;
use super::queries::SentObject;
use super::{Caller, Parameters, json};
use crate::error::ApiError;
use crate::input::Under;
use crate::state::AppState;

/// A key as the dialect shows it. Whole it is shown once, when it is made;
/// afterwards zeros stand for the secret part.
fn show(key: &KeyRecord, token: Option<&str>) -> Object {
    let hint = key.secrets().last().map(|secret| secret.hint.as_str());
    let none = Object::new();
    let told = key.draft().dialect.as_ref().unwrap_or(&none);
    let front = Object::new()
        .with("key", token.or(hint).unwrap_or_default())
        .with("project_id", key.project().to_string())
        .with("name", key.draft().name.as_str())
        .with("is_active", !key.is_disabled());
    let policy = Policy::shown(told).into_members();
    policy
        .into_iter()
        .fold(front, |object, (name, value)| object.with(name, value))
}

fn answer(status: StatusCode, key: &KeyRecord) -> Response {
    json(status, &Value::Object(show(key, None)))
}

/// What a client says of a key.
struct Sent {
    draft: KeyDraft,
    is_active: bool,
}

/// Reads a key. Whatever is wrong, no key is made or changed.
fn read(sent: &Object, by: &Permit<Admin>, state: &AppState) -> Result<Sent, Fault> {
    let name = sent.get("name").and_then(Value::as_str).unwrap_or_default();
    if name.is_empty() || name.chars().count() > KEY_NAME_CHARS_MAX {
        let detail = format!("a key's name has 1 to {KEY_NAME_CHARS_MAX} characters");
        return Err(Fault::new(FaultCode::InvalidName, detail).at("/name"));
    }
    let is_active = match sent.get("is_active") {
        None | Some(Value::Null) => true,
        Some(Value::Boolean(is_active)) => *is_active,
        Some(_) => {
            let detail = "is_active is true or false";
            return Err(Fault::new(FaultCode::WrongType, detail).at("/is_active"));
        }
    };
    let policy = Policy::read(sent)?;
    let grants = Value::Array(policy.grants()?);
    let lookup = state.control.grant_lookup(by.access().project(), &[]);
    let grants = parse_grants(&grants, &lookup).map_err(|fault| fault.under("/options"))?;
    Ok(Sent {
        draft: KeyDraft {
            name: name.to_owned(),
            description: String::new(),
            kind: KeyKind::Legacy,
            grants,
            expires_at: None,
            restrictions: Restrictions::NONE,
            limits: KeyLimits::NONE,
            rotate_after: None,
            derived_tokens: false,
            issued_by: None,
            dialect: Some(policy.told()),
        },
        is_active,
    })
}

/// The access key that a path names, by its whole text or by what is shown of
/// it later.
fn find(definitions: &Definitions, segments: &Segments) -> Result<Arc<KeyRecord>, ApiError> {
    let id = SecretId::of_keen(segments.get("key")).ok_or_else(ApiError::not_found)?;
    let mut keys = access_keys(definitions);
    let found = keys.find(|key| key.secrets().iter().any(|secret| secret.id == id));
    found.cloned().ok_or_else(ApiError::not_found)
}

/// The keys that the dialect made; the three default keys are not among them.
fn access_keys(definitions: &Definitions) -> impl Iterator<Item = &Arc<KeyRecord>> {
    definitions
        .keys()
        .filter(|key| key.draft().kind == KeyKind::Legacy && key.draft().dialect.is_some())
}

/// `POST P/keys`.
pub(crate) async fn create(
    State(state): State<AppState>,
    Under(caller, SentObject(sent)): Under<Caller, SentObject>,
) -> Result<Response, ApiError> {
    let by = caller.master()?;
    let Sent { draft, is_active } = read(&sent, &by, &state)?;
    let (key, secret) = state.control.create_key(&by, draft).await?;
    let key = match is_active {
        true => key,
        false => state.control.set_key_disabled(&by, key.id(), true).await?,
    };
    let shown = show(&key, Some(secret.reveal()));
    Ok(json(StatusCode::CREATED, &Value::Object(shown)))
}

/// `GET P/keys`: a bare list, of one name when that is said.
pub(crate) async fn list(caller: Caller, parameters: Parameters) -> Result<Response, ApiError> {
    caller.master()?;
    let name = parameters.text("name");
    let keys = access_keys(&caller.definitions);
    let keys = keys.filter(|key| name.is_none_or(|name| key.draft().name == name));
    let keys: Vec<Object> = keys.map(|key| show(key, None)).collect();
    Ok(json(StatusCode::OK, &Value::from(keys)))
}

/// `GET P/keys/{key}`.
pub(crate) async fn get(caller: Caller, segments: Segments) -> Result<Response, ApiError> {
    caller.master()?;
    let key = find(&caller.definitions, &segments)?;
    Ok(answer(StatusCode::OK, &key))
}

/// `POST P/keys/{key}`: everything that is said of the key, said anew.
pub(crate) async fn change(
    segments: Segments,
    State(state): State<AppState>,
    Under(caller, SentObject(sent)): Under<Caller, SentObject>,
) -> Result<Response, ApiError> {
    let by = caller.master()?;
    let before = find(&caller.definitions, &segments)?;
    let Sent {
        mut draft,
        is_active,
    } = read(&sent, &by, &state)?;
    draft.description = before.draft().description.clone();
    draft.expires_at = before.draft().expires_at;
    // The dialect knows no restrictions, so its clients do not lift any.
    draft.restrictions = before.draft().restrictions.clone();
    draft.limits = before.draft().limits;
    draft.rotate_after = before.draft().rotate_after;
    // Rights are taken away before they are given.
    let control = &state.control;
    if !is_active {
        control.set_key_disabled(&by, before.id(), true).await?;
    }
    let key = control.change_key(&by, before.id(), None, draft).await?;
    let key = match is_active {
        true => control.set_key_disabled(&by, before.id(), false).await?,
        false => key,
    };
    Ok(answer(StatusCode::OK, &key))
}

/// `POST P/keys/{key}/revoke`.
pub(crate) async fn revoke(
    caller: Caller,
    segments: Segments,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    switch(&caller, &segments, &state, true).await
}

/// `POST P/keys/{key}/unrevoke`.
pub(crate) async fn unrevoke(
    caller: Caller,
    segments: Segments,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    switch(&caller, &segments, &state, false).await
}

async fn switch(
    caller: &Caller,
    segments: &Segments,
    state: &AppState,
    disabled: bool,
) -> Result<Response, ApiError> {
    let by = caller.master()?;
    let key = find(&caller.definitions, segments)?;
    let key = state
        .control
        .set_key_disabled(&by, key.id(), disabled)
        .await?;
    Ok(answer(StatusCode::OK, &key))
}

/// `DELETE P/keys/{key}`.
pub(crate) async fn delete(
    caller: Caller,
    segments: Segments,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let by = caller.master()?;
    let key = find(&caller.definitions, &segments)?;
    state.control.delete_key(&by, key.id(), None).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[cfg(test)]
mod tests;

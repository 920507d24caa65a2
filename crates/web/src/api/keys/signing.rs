//! Signing secrets of a key. One leaves the server in the answer of the call
//! that made it, and in no other.

use axum::extract::{FromRequestParts, Path, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use model::document::Document;
use model::ids::KeyId;
use model::keys::{KeyRecord, SigningRecord};
use model::permit::Admin;
use model::secrets::SecretId;
use model::value::{Object, Value};
use serde_json::{Value as Json, json};

use super::{KeyPath, done, schemas};
use crate::api;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::input::{OptionalJsonBody, Parameters};
use crate::openapi::{Operation, refer};
use crate::state::AppState;
use crate::step_up;

/// The schemas of these calls.
pub(super) fn signing_schemas() -> [(&'static str, Json); 3] {
    let shown = json!({
        "id": { "type": "string", "description": "The public part, which Credential says." },
        "hint": { "type": "string" },
        "created_at": refer("Time"),
        "last_used_at": { "type": ["string", "null"], "format": "date-time" },
    });
    let required = ["id", "hint", "created_at", "last_used_at"];
    let kept = json!({ "type": "object", "required": required, "properties": shown });
    let mut made = kept.clone();
    made["required"] = json!(["id", "hint", "created_at", "last_used_at", "signing_secret"]);
    made["properties"]["signing_secret"] = json!({ "type": "string", "description": "What requests are signed with; shown this once." });
    let list = json!({
        "type": "object", "required": ["items"],
        "properties": { "items": { "type": "array", "items": refer("SigningSecret") } },
    });
    [
        ("SigningSecret", kept),
        ("NewSigningSecret", made),
        ("SigningSecrets", list),
    ]
}

fn show(state: &AppState, signing: &SigningRecord) -> Object {
    let last_used = state.control.secret_last_used(signing.id);
    Object::new()
        .with("id", signing.id.to_string())
        .with("hint", signing.hint.as_str())
        .with("created_at", signing.created_at.to_string())
        .with("last_used_at", last_used.map(|at| at.to_string()))
}

/// The signing secrets of a key, without what is secret of them.
pub(super) fn show_all(state: &AppState, key: &KeyRecord) -> Vec<Object> {
    let all = key.signing_secrets().iter();
    all.map(|signing| show(state, signing)).collect()
}

/// The last variable segment of the path as the id of a signing secret; `None`
/// for a text that can be none, which names nothing.
#[derive(Debug)]
pub(crate) struct SigningPath(Option<KeyId>, Option<SecretId>);

impl FromRequestParts<AppState> for SigningPath {
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
            named("secret").and_then(SecretId::parse),
        ))
    }
}

/// Describes [`list`].
pub(crate) fn list_operation() -> Operation {
    Operation::new(
        "listSigningSecrets",
        "The signing secrets of a key, oldest first, without what is secret of them.",
    )
    .answers(200, "They, two at most.", "SigningSecrets")
}

/// The signing secrets of a key.
pub(crate) async fn list(
    caller: Caller<Admin>,
    path: KeyPath,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let definitions = caller.definitions(&state);
    let key = path.find(&caller, &definitions)?;
    let list = Object::new().with("items", show_all(&state, key));
    Ok(api::json(StatusCode::OK, &Value::Object(list)))
}

/// Describes [`create`].
pub(crate) fn create_operation() -> Operation {
    Operation::new(
        "makeSigningSecret",
        "Makes a secret that requests of the key are signed with by HMAC; two at most. No other answer holds it.",
    )
    .takes_content(false, schemas::proof())
    .answers(201, "It, shown this once.", "NewSigningSecret")
    .problems([409, 429, 507])
}

/// Makes a signing secret.
pub(crate) async fn create(
    caller: Caller<Admin>,
    path: KeyPath,
    State(state): State<AppState>,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, ApiError> {
    let (body, proof) = step_up::split(body)?;
    Document::new(&body)?.finish()?;
    let id = path.find(&caller, &caller.definitions(&state))?.id();
    let control = state.control.proving(proof);
    let made = control.make_signing_secret(&caller.0, id).await;
    let answer = made.map(|(signing, secret)| {
        let shown = show(&state, &signing).with("signing_secret", secret.reveal());
        api::json(StatusCode::CREATED, &Value::Object(shown))
    });
    Ok(step_up::finish(&control, answer.map_err(ApiError::from)))
}

/// Describes [`delete`].
pub(crate) fn delete_operation() -> Operation {
    Operation::new(
        "deleteSigningSecret",
        "Ends a signing secret, at once and for good.",
    )
    .parameter(
        "force",
        "true ends one although it was used a short while ago.",
        json!({ "enum": ["true", "false"] }),
    )
    .answers_nothing()
    .problems([409, 507])
}

/// Ends a signing secret.
pub(crate) async fn delete(
    caller: Caller<Admin>,
    SigningPath(key, id): SigningPath,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let definitions = caller.definitions(&state);
    let key = KeyPath(key).find(&caller, &definitions)?.id();
    let id = id.ok_or_else(ApiError::not_found)?;
    let force = super::read_force(&parameters)?;
    let ended = state
        .control
        .delete_signing_secret(&caller.0, key, id, force);
    ended.await?;
    Ok(done())
}

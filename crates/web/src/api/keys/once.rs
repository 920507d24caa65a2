//! Calls that answer a token: carried out once for each `Idempotency-Key`.

use axum::extract::FromRequestParts;
use axum::response::Response;
use control::{Control, ControlError, Made, Once};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use model::value::Value;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::show;
use crate::api::{tag, tagged};
use crate::error::ApiError;
use crate::input::idempotency_key;
use crate::openapi::Operation;
use crate::state::AppState;
use crate::step_up;

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What its sender calls a request.
#[derive(Debug)]
pub(crate) struct Sent {
    path: String,
    name: Option<String>,
}

impl FromRequestParts<AppState> for Sent {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        let name = idempotency_key(&parts.headers)?.map(str::to_owned);
        let path = parts.uri.path().to_owned();
        Ok(Self { path, name })
    }
}

impl Sent {
    /// What makes a repetition with this body the same request, when its
    /// sender named it.
    pub(super) fn once(self, body: &Value) -> Option<Once> {
        let fingerprint = Sha256::digest(model::json::to_text(body));
        self.name.map(|name| Once {
            path: self.path,
            name,
            fingerprint: fingerprint.into(),
        })
    }
}

/// Describes the header, and the answer to a repetition.
pub(super) fn once(operation: Operation) -> Operation {
    operation
        .header(
            "Idempotency-Key",
            "Makes a repetition within 24 h do nothing; it is answered the key without its token.",
            json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" }),
        )
        .answers(
            200,
            "A repetition: the key as it is now. Its token was in the first answer and is in no other.",
            "RepeatedKey",
        )
        .problems([422])
}

/// The answer to a call that makes a token, which may have been proven.
pub(super) fn finish_made(
    state: &AppState,
    control: &Control,
    made: Result<Made, ControlError>,
) -> Response {
    let answer = made.map(|made| answer_made(state, &made));
    step_up::finish(control, answer.map_err(ApiError::from))
}

/// The answer that holds the token, or to a repetition the one that says that
/// it cannot be had again.
fn answer_made(state: &AppState, made: &Made) -> Response {
    let (key, shown) = (made.key(), show(state, made.key()));
    let tag = tag(key.id(), key.revision());
    match made {
        Made::Now(_, secret) => {
            let shown = shown.with("token", secret.reveal());
            tagged(StatusCode::CREATED, &Value::Object(shown), &tag)
        }
        Made::Before(_) => {
            let shown = shown.with("repeated", true);
            let mut response = tagged(StatusCode::OK, &Value::Object(shown), &tag);
            let replayed = HeaderValue::from_static("true");
            response.headers_mut().insert(REPLAYED, replayed);
            response
        }
    }
}

//! What owners of keys are told of them.

use axum::extract::State;
use axum::response::Response;
use control::{Definitions, Notice, NoticeKind};
use http::StatusCode;
use model::document::Document;
use model::fault::{Fault, FaultCode};
use model::ids::NoticeId;
use model::permit::Admin;
use model::value::{Object, Value};
use serde_json::{Value as Json, json};

use super::page;
use crate::caller::{Caller, Named};
use crate::error::ApiError;
use crate::input::{OptionalJsonBody, Parameters};
use crate::openapi::{Operation, refer};
use crate::state::AppState;

/// The query parameters of [`list`].
pub(crate) const PARAMETERS: &[&str] = &["limit", "after", "dismissed"];

/// The schemas of this file.
pub(crate) fn schemas() -> Json {
    let kinds = NoticeKind::ALL.map(NoticeKind::name);
    json!({
        "Notice": {
            "type": "object",
            "required": ["id", "kind", "key", "detail", "first_at", "last_at", "times", "dismissed_at"],
            "properties": {
                "id": refer("Id"),
                "kind": { "enum": kinds },
                "key": {
                    "type": "object", "required": ["id", "name"],
                    "properties": {
                        "id": refer("Id"),
                        "name": { "type": ["string", "null"], "description": "Null when it is gone." },
                    },
                },
                "detail": { "type": "string",
                    "description": "What was seen first. Parts of it anybody may have written." },
                "first_at": refer("Time"),
                "last_at": refer("Time"),
                "times": { "type": "integer", "minimum": 1,
                    "description": "How often it was seen; 1 for a state." },
                "dismissed_at": { "type": ["string", "null"], "format": "date-time" },
            },
        },
    })
}

fn show(definitions: &Definitions, notice: &Notice) -> Value {
    let key = definitions.key(notice.key);
    let key = Object::new()
        .with("id", notice.key.to_string())
        .with("name", key.map(|key| key.draft().name.as_str()));
    let shown = Object::new()
        .with("id", notice.id.to_string())
        .with("kind", notice.kind.name())
        .with("key", key)
        .with("detail", notice.detail.as_str())
        .with("first_at", notice.first_at.to_string())
        .with("last_at", notice.last_at.to_string())
        .with("times", notice.times)
        .with("dismissed_at", notice.dismissed_at.map(|at| at.to_string()));
    Value::Object(shown)
}

/// Describes [`list`].
pub(crate) fn list_operation() -> Operation {
    Operation::new("listNotices", "What owners are told of the project's keys.")
        .parameter(
            "dismissed",
            "Only those that are dismissed, or only those that are not.",
            json!({ "enum": ["true", "false"] }),
        )
        .lists("Notice")
        .problems([507])
}

/// The notices of the project.
pub(crate) async fn list(
    caller: Caller<Admin>,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let dismissed = match parameters.get("dismissed") {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => {
            let detail = "dismissed is true or false";
            return Err(Fault::new(FaultCode::InvalidValue, detail)
                .at("/dismissed")
                .into());
        }
    };
    let mut notices = state.control.notices(&caller.0).await?;
    notices.retain(|notice| dismissed.is_none_or(|is| notice.dismissed_at.is_some() == is));
    let definitions = caller.definitions(&state);
    page(
        &parameters,
        &notices,
        |notice| notice.id.to_bytes(),
        |notice| show(&definitions, notice),
    )
}

/// Describes [`dismiss`].
pub(crate) fn dismiss_operation() -> Operation {
    Operation::new("dismissNotice", "Says that a notice is dealt with.")
        .takes_content(false, super::keys::empty_object())
        .answers(200, "The notice.", "Notice")
        .problems([409, 507])
}

/// Notes that a notice is dealt with.
pub(crate) async fn dismiss(
    caller: Caller<Admin>,
    Named(id): Named,
    State(state): State<AppState>,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, ApiError> {
    Document::new(&body)?.finish()?;
    let id = NoticeId::parse(&id).map_err(|_| ApiError::not_found())?;
    let notice = state.control.dismiss_notice(&caller.0, id).await?;
    let shown = show(&caller.definitions(&state), &notice);
    Ok(super::json(StatusCode::OK, &shown))
}

#[cfg(test)]
mod tests;

//! What this server speaks; the same for everyone.

use std::sync::LazyLock;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use model::value::{Object, Value};
use serde_json::json;

use crate::api;
use crate::openapi::{self, Operation};
use crate::state::AppState;

/// Describes [`read`].
pub(crate) fn read_operation() -> Operation {
    let content = json!({ "application/json": { "schema": {
        "type": "object",
        "required": ["name", "version", "api"],
        "properties": {
            "name": { "const": "tidegate" },
            "version": { "type": "string" },
            "api": { "const": "v1" },
        },
    } } });
    Operation::new("readVersion", "Which server and version this is.").answers_content(
        200,
        "The version.",
        content,
    )
}

/// Describes [`openapi`].
pub(crate) fn openapi_operation() -> Operation {
    let content = json!({ "application/json": { "schema": { "type": "object" } } });
    Operation::new("readOpenApi", "This document.").answers_content(200, "The document.", content)
}

/// Which server and version this is.
pub(crate) async fn read(State(state): State<AppState>) -> Response {
    let version = Object::new()
        .with("name", "tidegate")
        .with("version", state.version)
        .with("api", "v1");
    api::json(StatusCode::OK, &Value::Object(version))
}

/// The OpenAPI document.
pub(crate) async fn openapi() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(|| openapi::document().to_string());
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], TEXT.as_str()).into_response()
}

//! What pages of any origin are told: the dialect's keys are meant for them,
//! and its clients read the bodies of errors too (CORS).

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

/// How long a browser may remember what it was told, in seconds.
const PREFLIGHT_SECONDS: &str = "86400";

/// Whether the path is one of the dialect.
pub(crate) fn serves(path: &str) -> bool {
    path.strip_prefix("/3.0")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Lets pages of any origin read the answer. No cookie is ever looked at, so
/// this gives away nothing that the key in the request does not.
pub(crate) fn share(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("X-Request-Id, Retry-After"),
    );
}

/// The answer to a browser that asks before it sends, whatever the address.
pub(crate) fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    for (name, value) in [
        (
            header::ACCESS_CONTROL_ALLOW_METHODS,
            "GET, POST, PUT, DELETE, HEAD, OPTIONS",
        ),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Content-Type, Keen-Sdk",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

//! What pages of any origin are told: the dialect's keys are meant for them,
//! and its clients read the bodies of errors too (CORS).

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use model::ids::RequestId;

use super::error;
use crate::error::Problem;

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

/// The function that a script asked to be called with the answer.
#[derive(Clone, Debug)]
pub(crate) struct Callback(pub(crate) String);

/// An answer that a script runs: it calls the function with this JSON text.
pub(crate) fn script(Callback(name): &Callback, json: &str) -> Response {
    let script = HeaderValue::from_static("application/javascript");
    // No JSON text ends a script, nor a line of one, before it ends itself.
    let json = json
        .replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029");
    let body = format!("{name}({json})");
    ([(header::CONTENT_TYPE, script)], body).into_response()
}

/// Gives an error its status and body. A script is told of it by its own
/// function, with a status at which it runs.
pub(crate) fn finish_error(response: &mut Response, problem: &Problem, request: RequestId) {
    let body = error::body(problem, request);
    if let Some(callback) = response.extensions_mut().remove::<Callback>() {
        *response = script(&callback, &String::from_utf8_lossy(&body));
        return;
    }
    *response.status_mut() = error::status(problem);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    *response.body_mut() = Body::from(body);
}

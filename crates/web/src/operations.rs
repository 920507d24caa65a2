//! What operators ask, on a listener of its own.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};

use crate::state::AppState;

/// `/healthz`: the process answers. `/readyz`: it takes requests, else 503.
/// `/metrics`: counters in Prometheus' text format, without any name or key.
pub fn operations_router(state: AppState) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(state)
}

async fn ready(State(state): State<AppState>) -> (StatusCode, &'static str) {
    if state.is_ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

async fn metrics(State(state): State<AppState>) -> Response {
    let (kept, cells) = (state.kept.counts(), state.cells.counts());
    let text = state
        .metrics
        .text(&state.plane.metrics(), state.version, kept, cells);
    let format = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, format)], text).into_response()
}

//! What a project is, for those who hold its master key.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::value::{Object, Value};

use super::caller::{Caller, OwnCaller};
use super::{json, schema};
use crate::error::ApiError;
use crate::state::AppState;

/// The projects of a master key: its own.
pub(crate) async fn list(
    OwnCaller(caller): OwnCaller,
    State(_): State<AppState>,
) -> Result<Response, ApiError> {
    caller.master()?;
    let projects = vec![project(&caller)];
    Ok(json(StatusCode::OK, &Value::from(projects)))
}

/// A project.
pub(crate) async fn read(caller: Caller) -> Result<Response, ApiError> {
    caller.master()?;
    Ok(json(StatusCode::OK, &Value::Object(project(&caller))))
}

fn project(caller: &Caller) -> Object {
    let saved = caller.definitions.saved_queries().map(|saved| {
        let name = saved.item.draft.name.as_str();
        let address = format!("{}/queries/saved/{}", caller.base(), schema::encoded(name));
        Object::new().with("name", name).with("url", address)
    });
    let saved: Vec<Object> = saved.collect();
    let (id, base) = (caller.access.project().to_string(), caller.base());
    let events = caller.definitions.pools().map(|pool| {
        Object::new()
            .with("name", pool.draft.name.as_str())
            .with("url", schema::address(caller, pool))
    });
    Object::new()
        .with("id", id.as_str())
        .with("name", caller.definitions.project().name.as_str())
        // A key is shown once, when it is made, and never again.
        .with("api_key", Value::Null)
        .with("url", base.as_str())
        .with("events_url", format!("{base}/events"))
        .with("queries_url", format!("{base}/queries"))
        .with("saved_queries", saved)
        .with("events", events.collect::<Vec<_>>())
}

/// How many cached queries there are. There is no limit of their own.
fn cached_queries(caller: &Caller) -> u64 {
    let saved = caller.definitions.saved_queries();
    saved.filter(|saved| saved.item.is_cached()).count() as u64
}

/// How much of what may be kept is kept, in the older form.
pub(crate) async fn limits(caller: Caller) -> Result<Response, ApiError> {
    caller.master()?;
    let cached = Object::new()
        .with("organization_limit", Value::Null)
        .with("in_use", cached_queries(&caller));
    let limits = Object::new().with("cached_queries", cached);
    Ok(json(StatusCode::OK, &Value::Object(limits)))
}

/// How much of what may be kept is kept.
pub(crate) async fn usage(caller: Caller) -> Result<Response, ApiError> {
    caller.master()?;
    let cached = Object::new()
        .with("limited", false)
        .with("limit", Value::Null)
        .with("current_usage", cached_queries(&caller));
    let usage = Object::new().with("cached_queries", cached);
    Ok(json(StatusCode::OK, &Value::Object(usage)))
}

//! Views: their definitions. What they answer is in `view_data.rs`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use control::{ControlError, Definitions};
use http::StatusCode;
use model::document::merge_patch;
use model::fault::{Fault, FaultCode};
use model::permit::Admin;
use model::pools::Pool;
use model::value::{Object, Value};
use model::views::{View, ViewDraft};
use serde_json::{Value as Json, json};

use super::{CHANGE_ATTEMPTS, done, page, tag, tagged, with_members};
use crate::caller::{Caller, Named};
use crate::error::ApiError;
use crate::input::{IfMatch, JsonBody, Parameters};
use crate::openapi::{Operation, refer};
use crate::state::AppState;

/// The schemas of this file.
pub(crate) fn schemas() -> Json {
    let members = || {
        json!({
            "name": refer("Name"),
            "pool": refer("Name"),
            "shape": { "enum": ["records", "aggregated", "time_series"] },
            "fields": { "type": "array", "minItems": 1, "maxItems": 200, "items": refer("ViewField") },
            "interval_field": { "type": ["string", "null"] },
            "filters": { "anyOf": [refer("Filters"), { "type": "null" }] },
            "order_by": { "anyOf": [refer("OrderBy"), { "type": "null" }] },
            "grouped_output": { "type": ["boolean", "null"] },
            "tier": { "enum": ["core", null] },
            "public": { "enum": [false, null] },
        })
    };
    json!({
        "ViewField": {
            "type": "object", "additionalProperties": false,
            "properties": {
                "field": { "type": ["string", "null"], "minLength": 1, "maxLength": 256 },
                "as": { "type": ["string", "null"], "minLength": 1, "maxLength": 256 },
                "group": { "type": ["boolean", "null"] },
                "aggregate": { "enum": ["count", "count_unique", "sum", "average", "minimum",
                    "maximum", "median", "percentile", "first", "last", "standard_deviation",
                    null] },
                "percentile": { "type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 100 },
            },
        },
        "ViewDraft": {
            "type": "object", "required": ["name", "pool", "shape", "fields"],
            "additionalProperties": false, "properties": members(),
        },
        "ViewPatch": { "type": "object", "additionalProperties": false, "properties": members() },
        "View": {
            "type": "object",
            "required": ["id", "name", "pool", "shape", "fields", "grouped_output", "created_at"],
            "properties": {
                "id": refer("Id"),
                "name": refer("Name"),
                "pool": refer("Name"),
                "shape": { "enum": ["records", "aggregated", "time_series"] },
                "fields": { "type": "array", "items": refer("ViewField") },
                "interval_field": { "type": "string" },
                "filters": refer("Filters"),
                "order_by": refer("OrderBy"),
                "grouped_output": { "type": "boolean" },
                "created_at": refer("Time"),
            },
        },
    })
}

/// A view's definition; the pool under the name that it has now.
fn definition(view: &View, pool: &Pool) -> Value {
    let mut draft = view.draft.clone();
    draft.pool = pool.draft.name.clone();
    draft.to_value()
}

/// A view as the wire shows it.
fn show(view: &View, pool: &Pool) -> Value {
    let front = Object::new().with("id", view.id.to_string());
    let members = with_members(front, definition(view, pool));
    Value::Object(members.with("created_at", view.created_at.to_string()))
}

fn answer(status: StatusCode, view: &View, pool: &Pool) -> Response {
    tagged(status, &show(view, pool), &tag(view.id, view.revision))
}

/// Reads a definition against the pool that it names.
fn draft(definitions: &Definitions, body: &Value) -> Result<ViewDraft, Fault> {
    let name = ViewDraft::pool_name(body)?;
    let pool = definitions.pool(name.as_str()).ok_or_else(|| {
        Fault::new(
            FaultCode::UnknownResource,
            format!("the project has no pool {name}"),
        )
        .at("/pool")
    })?;
    ViewDraft::parse(body, &pool.draft.schema)
}

type Found<'a> = (&'a Arc<View>, &'a Arc<Pool>);

fn find<'a>(definitions: &'a Definitions, name: &str) -> Result<Found<'a>, ApiError> {
    definitions.view(name).ok_or_else(ApiError::not_found)
}

/// The answer with a view that a change left behind.
fn answer_changed(status: StatusCode, view: &View, caller: &Caller<Admin>, state: &AppState) -> Result<Response, ApiError> {
    let definitions = caller.definitions(state);
    let pool = definitions.pool_by_id(view.pool);
    Ok(answer(status, view, pool.ok_or_else(ApiError::not_found)?))
}

/// Describes [`list`].
pub(crate) fn list_operation() -> Operation {
    Operation::new("listViews", "The project's views.").lists("View")
}

/// The project's views.
pub(crate) async fn list(
    caller: Caller<Admin>,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let definitions = caller.definitions(&state);
    let views: Vec<Found<'_>> = definitions.views().collect();
    page(
        &parameters,
        &views,
        |(view, _)| view.id.to_bytes(),
        |(view, pool)| show(view, pool),
    )
}

/// Describes [`create`].
pub(crate) fn create_operation() -> Operation {
    Operation::new("createView", "Makes a view of a pool.")
        .takes("ViewDraft")
        .answers(201, "The view.", "View")
        .problems([409, 507])
}

/// Makes a view of a pool.
pub(crate) async fn create(
    caller: Caller<Admin>,
    State(state): State<AppState>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let draft = draft(&caller.definitions(&state), &body)?;
    let view = state.control.create_view(&caller.0, draft).await?;
    answer_changed(StatusCode::CREATED, &view, &caller, &state)
}

/// Describes [`read`].
pub(crate) fn read_operation() -> Operation {
    Operation::new("readView", "A view's definition.").answers(200, "The view.", "View")
}

/// A view's definition.
pub(crate) async fn read(
    caller: Caller<Admin>,
    Named(name): Named,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let definitions = caller.definitions(&state);
    let (view, pool) = find(&definitions, &name)?;
    Ok(answer(StatusCode::OK, view, pool))
}

/// Describes [`change`].
pub(crate) fn change_operation() -> Operation {
    Operation::new("changeView", "Changes a view's definition.")
        .patches("ViewPatch")
        .answers(200, "The view.", "View")
        .problems([409, 507])
}

/// Changes a view's definition by a merge patch.
pub(crate) async fn change(
    caller: Caller<Admin>,
    Named(name): Named,
    if_match: IfMatch,
    State(state): State<AppState>,
    JsonBody(patch): JsonBody,
) -> Result<Response, ApiError> {
    for _ in 0..CHANGE_ATTEMPTS {
        let definitions = caller.definitions(&state);
        let (view, pool) = find(&definitions, &name)?;
        if_match.check(&tag(view.id, view.revision))?;
        let merged = merge_patch(&definition(view, pool), &patch);
        let draft = draft(&definitions, &merged)?;
        let changed = state
            .control
            .change_view(&caller.0, view.id, Some(view.revision), draft)
            .await;
        match changed {
            Err(ControlError::StaleRevision) => {}
            changed => return answer_changed(StatusCode::OK, &*changed?, &caller, &state),
        }
    }
    Err(ApiError::stale())
}

/// Describes [`delete`].
pub(crate) fn delete_operation() -> Operation {
    Operation::new("deleteView", "Deletes a view; its pool's records stay.")
        .conditional()
        .answers_nothing()
        .problems([409, 507])
}

/// Deletes a view; its pool's records stay.
pub(crate) async fn delete(
    caller: Caller<Admin>,
    Named(name): Named,
    if_match: IfMatch,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    for _ in 0..CHANGE_ATTEMPTS {
        let definitions = caller.definitions(&state);
        let (view, _) = find(&definitions, &name)?;
        if_match.check(&tag(view.id, view.revision))?;
        let deleted = state
            .control
            .delete_view(&caller.0, view.id, Some(view.revision))
            .await;
        match deleted {
            Err(ControlError::StaleRevision) => {}
            deleted => {
                deleted?;
                return Ok(done());
            }
        }
    }
    Err(ApiError::stale())
}

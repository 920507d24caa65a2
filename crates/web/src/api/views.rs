//! Views: their definitions. What they answer is in `view_data.rs`.

mod simulate;

pub(crate) use simulate::{Simulation, Stopped, Whom, simulate, simulate_operation, simulated};

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use control::{ControlError, Definitions};
use http::StatusCode;
use model::document::merge_patch;
use model::fault::{Fault, FaultCode};
use model::permit::Admin;
use model::value::{Object, Value};
use model::views::{View, ViewDraft};
use serde_json::{Value as Json, json};

use super::{CHANGE_ATTEMPTS, done, page, tag, tagged, with_members};
use crate::caller::{Caller, Named};
use crate::error::ApiError;
use crate::input::{IfMatch, JsonBody, Parameters};
use crate::openapi::{Operation, refer};
use crate::state::AppState;
use crate::step_up;

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
            "tier": { "enum": ["core", "premium", null] },
            "public": {
                "type": ["boolean", "null"],
                "description": "Whether keys that live in pages may read it without a constraint.",
            },
        })
    };
    let mut schemas = json!({
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
                "tier": { "enum": ["core", "premium"],
                    "description": "As of its pool where it is not shown." },
                "public": { "type": "boolean", "description": "Shown where it is true." },
                "created_at": refer("Time"),
            },
        },
    });
    schemas["ViewSimulation"] = simulate::schema();
    for changes in ["ViewDraft", "ViewPatch"] {
        step_up::describe(&mut schemas[changes]);
    }
    schemas
}

/// A view as the wire shows it.
fn show(view: &View) -> Value {
    let front = Object::new().with("id", view.id.to_string());
    let members = with_members(front, view.draft.to_value());
    Value::Object(members.with("created_at", view.created_at.to_string()))
}

fn answer(status: StatusCode, view: &View) -> Response {
    tagged(status, &show(view), &tag(view.id, view.revision))
}

/// Reads a definition against the pool that it names.
pub(crate) fn draft(definitions: &Definitions, body: &Value) -> Result<ViewDraft, Fault> {
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

fn find<'a>(definitions: &'a Definitions, name: &str) -> Result<&'a Arc<View>, ApiError> {
    let found = definitions.view(name).map(|(view, _)| view);
    found.ok_or_else(ApiError::not_found)
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
    let views: Vec<&Arc<View>> = definitions.views().map(|(view, _)| view).collect();
    page(
        &parameters,
        &views,
        |view| view.id.to_bytes(),
        |view| show(view),
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
    let (body, proof) = step_up::split(body)?;
    let draft = draft(&caller.definitions(&state), &body)?;
    let control = state.control.proving(proof);
    let made = control.create_view(&caller.0, draft).await;
    let made = made.map(|view| answer(StatusCode::CREATED, &view));
    Ok(step_up::finish(&control, made.map_err(ApiError::from)))
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
    Ok(answer(StatusCode::OK, find(&definitions, &name)?))
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
    let (patch, proof) = step_up::split(patch)?;
    let control = state.control.proving(proof);
    for _ in 0..CHANGE_ATTEMPTS {
        let definitions = caller.definitions(&state);
        let view = find(&definitions, &name)?;
        if_match.check(&tag(view.id, view.revision))?;
        let merged = merge_patch(&view.draft.to_value(), &patch);
        let draft = draft(&definitions, &merged)?;
        let changed = control
            .change_view(&caller.0, view.id, Some(view.revision), draft)
            .await;
        match changed {
            Err(ControlError::StaleRevision) => {}
            changed => {
                let changed = changed.map(|view| answer(StatusCode::OK, &view));
                return Ok(step_up::finish(&control, changed.map_err(ApiError::from)));
            }
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
        let view = find(&definitions, &name)?;
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

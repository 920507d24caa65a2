//! Pools: their definitions, and what a key sees of their fields.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use control::{ControlError, Definitions, Refusal};
use http::StatusCode;
use model::answers::{SeenField, SeenType};
use model::fault::{Fault, FaultCode};
use model::fields::ScalarType;
use model::ids::GrantId;
use model::limits::{RETENTION_DAYS_MAX, STORAGE_BYTES_MAX, UNIQUE_FIELDS_MAX};
use model::permit::{Access, Admin, Permit, SeeSchema};
use model::pools::{FileLayout, Pool, PoolDraft};
use model::value::{Object, Value};
use serde_json::{Value as Json, json};

use super::{CHANGE_ATTEMPTS, done, page, tag, tagged, with_members};
use crate::caller::{Caller, Named, OnPool};
use crate::dropping;
use crate::error::{ApiError, Code};
use crate::input::{IfMatch, JsonBody, Parameters};
use crate::openapi::{Operation, refer};
use crate::state::AppState;
use crate::step_up;
use crate::storage;

/// The query parameters of [`schema`].
pub(crate) const SCHEMA_PARAMETERS: &[&str] = &["grant"];

/// The schemas of this file.
pub(crate) fn schemas() -> Json {
    let types: Vec<String> = ScalarType::ALL.iter().map(ToString::to_string).collect();
    let pattern = format!("^({0}|Array\\(({0})\\))$", types.join("|"));
    let layouts = FileLayout::ALL.map(FileLayout::name);
    let [shared, apart] = layouts;
    let members = |field: &str| {
        json!({
            "name": refer("Name"),
            "description": { "type": ["string", "null"], "maxLength": 4096 },
            "schema": { "enum": ["strict", "open"] },
            "fields": { "type": ["array", "null"], "maxItems": 1000, "items": refer(field) },
            "isolation_field": { "type": ["string", "null"] },
            "time_field": { "type": ["string", "null"] },
            "unique": {
                "type": ["array", "null"], "minItems": 1, "maxItems": UNIQUE_FIELDS_MAX,
                "items": { "type": "string" },
                "description": "A record replaces those of its customer that agree with it in these fields.",
            },
            "retention_days": {
                "type": ["integer", "null"], "minimum": 1, "maximum": RETENTION_DAYS_MAX,
                "description": "Counted from the time field, or else from the time of ingestion.",
            },
            "tier": { "enum": ["core", "premium", null] },
            "storage_bytes": {
                "type": ["integer", "null"], "minimum": 0, "maximum": STORAGE_BYTES_MAX,
                "description": "From how many stored bytes on nothing more is stored in it.",
            },
            "layout": { "enum": [shared, apart, null] },
            "public": {
                "type": ["boolean", "null"],
                "description": "Whether keys that live in pages may read it without a constraint.",
            },
        })
    };
    let mut schemas = json!({
        "PoolField": {
            "type": "object", "required": ["name", "type"], "additionalProperties": false,
            "properties": {
                "name": { "type": "string", "minLength": 1, "maxLength": 256 },
                "type": { "type": "string", "pattern": pattern },
                "required": { "type": ["boolean", "null"] },
            },
        },
        "PoolFieldChange": {
            "type": "object", "required": ["name", "type"], "additionalProperties": false,
            "properties": {
                "name": { "type": "string", "minLength": 1, "maxLength": 256 },
                "type": { "type": "string", "pattern": pattern },
                "required": { "type": ["boolean", "null"] },
                "renamed_from": {
                    "type": ["string", "null"],
                    "description": "The name that the field has until now; not in the list any more.",
                },
            },
        },
        "PoolDraft": {
            "type": "object", "required": ["name", "schema"], "additionalProperties": false,
            "properties": members("PoolField"),
        },
        "PoolPatch": {
            "type": "object", "additionalProperties": false,
            "properties": members("PoolFieldChange"),
        },
        "Pool": {
            "type": "object",
            "required": ["id", "name", "description", "schema", "fields", "isolation_field",
                "time_field", "unique", "retention_days", "layout", "created_at"],
            "properties": {
                "id": refer("Id"),
                "name": refer("Name"),
                "description": { "type": "string" },
                "schema": { "enum": ["strict", "open"] },
                "fields": { "type": "array", "items": refer("PoolField") },
                "isolation_field": { "type": ["string", "null"] },
                "time_field": { "type": ["string", "null"] },
                "unique": { "type": ["array", "null"], "items": { "type": "string" } },
                "retention_days": { "type": ["integer", "null"] },
                "layout": { "enum": layouts },
                "tier": { "enum": ["core", "premium"], "description": "Shown where it is not core." },
                "public": { "type": "boolean", "description": "Shown where it is true." },
                "storage_bytes": { "type": "integer", "description": "Shown where there is a quota." },
                "stored_bytes": {
                    "type": "integer",
                    "description": "What it takes now: files, indexes and records in memory. Shown \
                        to whom all of its rows are shown.",
                },
                "created_at": refer("Time"),
            },
        },
        "SeenFields": {
            "type": "object", "required": ["fields"],
            "properties": { "fields": { "type": "array", "items": {
                "type": "object", "required": ["name", "type", "declared", "required"],
                "properties": {
                    "name": { "type": "string" },
                    "type": {
                        "type": ["string", "array"],
                        "description": "The declared type, or the kinds of the values that the key sees.",
                    },
                    "declared": { "type": "boolean" },
                    "required": { "type": "boolean" },
                },
            } } },
        },
    });
    for changes in ["PoolDraft", "PoolPatch"] {
        step_up::describe(&mut schemas[changes]);
    }
    schemas
}

/// A pool as the wire shows it.
fn show(state: &AppState, access: &Access, pool: &Arc<Pool>) -> Value {
    let front = Object::new().with("id", pool.id.to_string());
    let members = with_members(front, pool.draft.to_value());
    let members = match storage::shown(state, access, pool) {
        None => members,
        Some(bytes) => members.with("stored_bytes", bytes),
    };
    Value::Object(members.with("created_at", pool.created_at.to_string()))
}

fn answer((state, access): (&AppState, &Access), status: StatusCode, pool: &Arc<Pool>) -> Response {
    let tag = tag(pool.id, pool.revision);
    tagged(status, &show(state, access, pool), &tag)
}

fn show_field(seen: &SeenField) -> Value {
    let (shown, declared) = match &seen.seen {
        SeenType::Declared(field_type) => (Value::from(field_type.to_string()), true),
        SeenType::Mixed(kinds) => (Value::from(kinds.clone()), false),
    };
    Value::Object(
        Object::new()
            .with("name", seen.path.as_str())
            .with("type", shown)
            .with("declared", declared)
            .with("required", seen.required),
    )
}

fn find<'a>(definitions: &'a Definitions, name: &str) -> Result<&'a Arc<Pool>, ApiError> {
    definitions.pool(name).ok_or_else(ApiError::not_found)
}

/// Describes [`list`].
pub(crate) fn list_operation() -> Operation {
    Operation::new("listPools", "The project's pools.").lists("Pool")
}

/// The project's pools.
pub(crate) async fn list(
    caller: Caller<Admin>,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let definitions = caller.definitions(&state);
    let pools: Vec<&Arc<Pool>> = definitions.pools().collect();
    page(
        &parameters,
        &pools,
        |pool| pool.id.to_bytes(),
        |pool| show(&state, caller.0.access(), pool),
    )
}

/// Describes [`create`].
pub(crate) fn create_operation() -> Operation {
    Operation::new("createPool", "Makes a pool.")
        .takes("PoolDraft")
        .answers(201, "The pool.", "Pool")
        .problems([409, 507])
}

/// Makes a pool.
pub(crate) async fn create(
    Caller(by): Caller<Admin>,
    State(state): State<AppState>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let (body, proof) = step_up::split(body)?;
    let draft = PoolDraft::parse(&body)?;
    let control = state.control.proving(proof);
    let made = control.create_pool(&by, draft).await;
    let made = made.map(|pool| answer((&state, by.access()), StatusCode::CREATED, &pool));
    Ok(step_up::finish(&control, made.map_err(ApiError::from)))
}

/// Describes [`read`].
pub(crate) fn read_operation() -> Operation {
    Operation::new("readPool", "A pool's definition.").answers(200, "The pool.", "Pool")
}

/// A pool's definition.
pub(crate) async fn read(
    caller: Caller<Admin>,
    Named(name): Named,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let definitions = caller.definitions(&state);
    let pool = find(&definitions, &name)?;
    let shown_to = (&state, caller.0.access());
    Ok(answer(shown_to, StatusCode::OK, pool))
}

/// Describes [`change`].
pub(crate) fn change_operation() -> Operation {
    Operation::new(
        "changePool",
        "Changes a pool's definition. \
        The fields sent are the whole new list; a field that has another name says its old one.",
    )
    .patches("PoolPatch")
    .answers(200, "The pool.", "Pool")
    .problems([409, 507])
}

/// Changes a pool's definition by a merge patch.
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
        let pool = find(&definitions, &name)?;
        if pool.is_usage() {
            return Err(ControlError::from(Refusal::KeptByServer).into());
        }
        if_match.check(&tag(pool.id, pool.revision))?;
        let draft = pool.draft.patched(&patch)?;
        let changed = control
            .change_pool(&caller.0, pool.id, Some(pool.revision), draft)
            .await;
        match changed {
            Err(ControlError::StaleRevision) => {}
            changed => {
                let changed =
                    changed.map(|pool| answer((&state, caller.0.access()), StatusCode::OK, &pool));
                return Ok(step_up::finish(&control, changed.map_err(ApiError::from)));
            }
        }
    }
    Err(ApiError::stale())
}

/// Describes [`delete`].
pub(crate) fn delete_operation() -> Operation {
    Operation::new("deletePool", "Deletes a pool with all its records.")
        .conditional()
        .answers_nothing()
        .problems([409, 507])
}

/// Deletes a pool with all its records.
pub(crate) async fn delete(
    caller: Caller<Admin>,
    Named(name): Named,
    if_match: IfMatch,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    for _ in 0..CHANGE_ATTEMPTS {
        let definitions = caller.definitions(&state);
        let pool = find(&definitions, &name)?;
        if_match.check(&tag(pool.id, pool.revision))?;
        match drop_pool(&caller.0, pool, &state).await {
            Err(error) if error.problem().code() == Code::StaleRevision => {}
            dropped => return dropped.map(|()| done()),
        }
    }
    Err(ApiError::stale())
}

/// Deletes a pool as it was looked up, with all its records.
///
/// # Errors
/// [`Code::StaleRevision`] when it is another one by now; what the control
/// plane refuses.
pub(crate) async fn drop_pool(
    by: &Permit<Admin>,
    pool: &Pool,
    state: &AppState,
) -> Result<(), ApiError> {
    let deleted = state.control.delete_pool(by, pool.id, Some(pool.revision));
    deleted.await?;
    dropping::drop_pool(state, pool.id).await
}

/// Describes [`schema`].
pub(crate) fn schema_operation() -> Operation {
    Operation::new(
        "readSchema",
        "The fields that the key sees, over the rows that it sees.",
    )
    .parameter("grant", "Which of the key's grants is meant.", refer("Id"))
    .answers(200, "The fields.", "SeenFields")
}

/// The fields that the key sees, over the rows that it sees.
pub(crate) async fn schema(
    OnPool(permit, _): OnPool<SeeSchema>,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let grant = parameters.get("grant").map(|text| {
        GrantId::parse(text).map_err(|_| {
            Fault::new(FaultCode::InvalidValue, "grant is the id of a grant").at("/grant")
        })
    });
    let question = permit.constrain(grant.transpose()?)?;
    let seen = state.plane.schema(question).await?;
    let fields: Vec<Value> = seen.iter().map(show_field).collect();
    let fields = Object::new().with("fields", fields);
    Ok(super::json(StatusCode::OK, &Value::Object(fields)))
}

#[cfg(test)]
mod tests;

//! Making, renaming and deleting projects.

use axum::extract::State;
use axum::response::Response;
use control::Definitions;
use http::StatusCode;
use model::document::Document;
use model::fault::{Fault, FaultCode};
use model::ids::ProjectId;
use model::limits::STORAGE_BYTES_MAX;
use model::names::Name;
use model::permit::Admin;
use model::pools::read_storage;
use model::usage::usage_pool_id;
use model::value::{Object, Value};
use serde_json::{Value as Json, json};

use crate::api::{done, json as answer, page};
use crate::caller::{Caller, Named};
use crate::dropping::drop_pool;
use crate::error::ApiError;
use crate::input::{JsonBody, Parameters};
use crate::openapi::{Operation, refer};
use crate::state::AppState;
use crate::step_up;
use crate::storage;

/// The schemas of this file.
pub(super) fn schemas() -> Json {
    let mut schemas = json!({
        "Project": {
            "type": "object", "required": ["id", "name", "keen"],
            "properties": {
                "id": refer("Id"), "name": refer("Name"), "keen": { "type": "boolean" },
                "storage_bytes": { "type": "integer", "description": "Shown where there is a quota." },
                "stored_bytes": {
                    "type": "integer",
                    "description": "What its pools take now, of the caller's own project, where there is a \
                        quota. Shown to whom all rows are shown.",
                },
            },
        },
        "NewProject": {
            "type": "object", "required": ["id", "name", "keen", "token"],
            "properties": {
                "id": refer("Id"), "name": refer("Name"), "keen": { "type": "boolean" },
                "token": { "type": "string", "description": "Of the project's master key." },
            },
        },
        "ProjectDraft": {
            "type": "object", "required": ["name"], "additionalProperties": false,
            "properties": { "name": refer("Name") },
        },
        "ProjectPatch": {
            "type": "object", "additionalProperties": false,
            "properties": {
                "name": refer("Name"),
                "storage_bytes": {
                    "type": ["integer", "null"], "minimum": 0, "maximum": STORAGE_BYTES_MAX,
                    "description": "From how many stored bytes on nothing more is stored in its pools. \
                        Set by those who may make projects.",
                },
            },
        },
    });
    step_up::describe(&mut schemas["ProjectDraft"]);
    schemas
}

fn show(id: ProjectId, definitions: &Definitions) -> Object {
    let project = definitions.project();
    let object = Object::new()
        .with("id", id.to_string())
        .with("name", project.name.as_str())
        .with("keen", project.keen);
    match project.storage_bytes {
        None => object,
        Some(bytes) => object.with("storage_bytes", bytes),
    }
}

/// The same with what is stored, as far as the caller may be told.
fn show_to(
    caller: &Caller<Admin>,
    state: &AppState,
    id: ProjectId,
    definitions: &Definitions,
) -> Value {
    let object = show(id, definitions);
    let stored = storage::shown_of_project(state, caller.0.access(), id);
    Value::Object(match stored {
        None => object,
        Some(bytes) => object.with("stored_bytes", bytes),
    })
}

fn name(text: &str) -> Result<Name, Fault> {
    Name::parse(text)
        .map_err(|rule| Fault::new(FaultCode::InvalidName, rule.to_string()).at("/name"))
}

/// The project of this id or name, among those that the caller knows of.
fn find(caller: &Caller<Admin>, state: &AppState, text: &str) -> Result<ProjectId, ApiError> {
    let known = state.control.known_projects(&caller.0);
    let by_id = known.iter().find(|(id, _)| id.to_string() == text);
    let found = by_id.or_else(|| known.iter().find(|(_, found)| found.project().name == text));
    found.map(|(id, _)| *id).ok_or_else(ApiError::not_found)
}

fn shown(caller: &Caller<Admin>, state: &AppState, id: ProjectId) -> Response {
    let definitions = state.control.definitions(id);
    let shown = show_to(caller, state, id, &definitions);
    answer(StatusCode::OK, &shown)
}

/// Describes [`list`].
pub(crate) fn list_operation() -> Operation {
    Operation::new(
        "listProjects",
        "The projects that the caller manages; of a key its own.",
    )
    .lists("Project")
}

/// The projects that the caller manages.
pub(crate) async fn list(
    caller: Caller<Admin>,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let known = state.control.known_projects(&caller.0);
    page(
        &parameters,
        &known,
        |(id, _)| id.to_bytes(),
        |(id, definitions)| show_to(&caller, &state, *id, definitions),
    )
}

/// Describes [`create`].
pub(crate) fn create_operation() -> Operation {
    Operation::new(
        "createProject",
        "Makes a project. No other answer holds the token of its master key.",
    )
    .takes("ProjectDraft")
    .answers(
        201,
        "The project with its master key's token.",
        "NewProject",
    )
    .problems([409, 429, 507])
}

/// Makes a project.
pub(crate) async fn create(
    caller: Caller<Admin>,
    State(state): State<AppState>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let (body, proof) = step_up::split(body)?;
    let mut document = Document::new(&body)?;
    let name = name(document.text("name")?)?;
    document.finish()?;
    let control = state.control.proving(proof);
    let made = control.create_project(&caller.0, &name).await;
    let made = made.map(|(id, secret)| {
        let shown = show(id, &state.control.definitions(id)).with("token", secret.reveal());
        answer(StatusCode::CREATED, &Value::Object(shown))
    });
    Ok(step_up::finish(&control, made.map_err(ApiError::from)))
}

/// Describes [`read`].
pub(crate) fn read_operation() -> Operation {
    Operation::new("readProject", "A project.").answers(200, "The project.", "Project")
}

/// A project.
pub(crate) async fn read(
    caller: Caller<Admin>,
    Named(text): Named,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let id = find(&caller, &state, &text)?;
    Ok(shown(&caller, &state, id))
}

/// Describes [`change`].
pub(crate) fn change_operation() -> Operation {
    let content = json!({ "schema": refer("ProjectPatch") });
    let both = json!({ "application/merge-patch+json": content, "application/json": content });
    Operation::new(
        "changeProject",
        "Renames a project, or sets its quota of storage.",
    )
    .takes_content(true, both)
    .answers(200, "The project.", "Project")
    .problems([409, 507])
}

/// Changes a project.
pub(crate) async fn change(
    caller: Caller<Admin>,
    Named(text): Named,
    State(state): State<AppState>,
    JsonBody(patch): JsonBody,
) -> Result<Response, ApiError> {
    let id = find(&caller, &state, &text)?;
    let mut document = Document::new(&patch)?;
    let new = document.optional_text("name")?.map(name).transpose()?;
    let says_storage = patch
        .as_object()
        .and_then(|patch| patch.get("storage_bytes"));
    let storage_bytes = read_storage(&mut document)?;
    document.finish()?;
    let storage_bytes = says_storage.map(|_| storage_bytes);
    let control = &state.control;
    control
        .change_project(&caller.0, id, new.as_ref(), storage_bytes)
        .await?;
    Ok(shown(&caller, &state, id))
}

/// Describes [`delete`].
pub(crate) fn delete_operation() -> Operation {
    Operation::new(
        "deleteProject",
        "Deletes a project that has no pools any more, with its keys, questions and usage.",
    )
    .answers_nothing()
    .problems([409, 507])
}

/// Deletes a project.
pub(crate) async fn delete(
    caller: Caller<Admin>,
    Named(text): Named,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let id = find(&caller, &state, &text)?;
    state.control.delete_project(&caller.0, id).await?;
    drop_pool(&state, usage_pool_id(id)).await?;
    Ok(done())
}

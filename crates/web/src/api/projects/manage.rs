//! Making, renaming and deleting projects.

use axum::extract::State;
use axum::response::Response;
use control::Definitions;
use http::StatusCode;
use model::document::Document;
use model::fault::{Fault, FaultCode};
use model::ids::ProjectId;
use model::names::Name;
use model::permit::Admin;
use model::value::{Object, Value};
use serde_json::{Value as Json, json};

use crate::api::{done, json as answer, page};
use crate::caller::{Caller, Named};
use crate::error::ApiError;
use crate::input::{JsonBody, Parameters};
use crate::openapi::{Operation, refer};
use crate::state::AppState;
use crate::step_up;

/// The schemas of this file.
pub(super) fn schemas() -> Json {
    let mut schemas = json!({
        "Project": {
            "type": "object", "required": ["id", "name", "keen"],
            "properties": { "id": refer("Id"), "name": refer("Name"), "keen": { "type": "boolean" } },
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
            "properties": { "name": refer("Name") },
        },
    });
    step_up::describe(&mut schemas["ProjectDraft"]);
    schemas
}

fn show(id: ProjectId, definitions: &Definitions) -> Object {
    let project = definitions.project();
    Object::new()
        .with("id", id.to_string())
        .with("name", project.name.as_str())
        .with("keen", project.keen)
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

fn shown(state: &AppState, id: ProjectId) -> Response {
    let definitions = state.control.definitions(id);
    answer(StatusCode::OK, &Value::Object(show(id, &definitions)))
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
        |(id, definitions)| Value::Object(show(*id, definitions)),
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
    Ok(shown(&state, id))
}

/// Describes [`change`].
pub(crate) fn change_operation() -> Operation {
    let content = json!({ "schema": refer("ProjectPatch") });
    let both = json!({ "application/merge-patch+json": content, "application/json": content });
    Operation::new("changeProject", "Renames a project.")
        .takes_content(true, both)
        .answers(200, "The project.", "Project")
        .problems([409, 507])
}

/// Renames a project.
pub(crate) async fn change(
    caller: Caller<Admin>,
    Named(text): Named,
    State(state): State<AppState>,
    JsonBody(patch): JsonBody,
) -> Result<Response, ApiError> {
    let id = find(&caller, &state, &text)?;
    let mut document = Document::new(&patch)?;
    let new = document.optional_text("name")?.map(name).transpose()?;
    document.finish()?;
    if let Some(new) = new {
        state.control.rename_project(&caller.0, id, &new).await?;
    }
    Ok(shown(&state, id))
}

/// Describes [`delete`].
pub(crate) fn delete_operation() -> Operation {
    Operation::new(
        "deleteProject",
        "Deletes a project that has no pools any more, with its keys and questions.",
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
    Ok(done())
}

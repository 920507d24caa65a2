//! Saved queries: their definitions, and their results.

mod schemas;

pub(crate) use schemas::schemas;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use control::{ControlError, Definitions};
use http::StatusCode;
use model::analyses::{Analysis, AnswerText};
use model::document::merge_patch;
use model::fault::{Fault, FaultCode};
use model::ids::GrantId;
use model::json::WideIntegers;
use model::permit::Admin;
use model::saved_queries::{SavedQuery, SavedQueryDraft};
use model::time::TimeZone;
use model::value::{Object, Value};

use super::{CHANGE_ATTEMPTS, done, page, rows, tag, tagged, with_members};
use crate::analyses::written_with;
use crate::answers::AnswerFormat;
use crate::caller::{Authenticated, Caller, Named};
use crate::error::ApiError;
use crate::input::{IfMatch, JsonBody, Parameters};
use crate::metering::LetIn;
use crate::openapi::Operation;
use crate::saved::{self, Ran};
use crate::state::AppState;

/// The query parameters of [`result`].
pub(crate) const RESULT_PARAMETERS: &[&str] = &["grant", "integers"];

/// A saved query as the wire shows it.
fn show(saved: &SavedQuery) -> Value {
    let front = Object::new().with("id", saved.id.to_string());
    let members = with_members(front, saved.draft.to_value());
    Value::Object(
        members
            .with("created_at", saved.created_at.to_string())
            .with("changed_at", saved.changed_at.to_string()),
    )
}

fn answer(status: StatusCode, saved: &SavedQuery) -> Response {
    tagged(status, &show(saved), &tag(saved.id, saved.revision))
}

/// Reads a definition. The pools that it reads must be there: natively a name
/// that stands for nothing is a slip.
pub(crate) fn draft(definitions: &Definitions, body: &Value) -> Result<SavedQueryDraft, Fault> {
    let draft = SavedQueryDraft::parse(body)?;
    refuse_unknown_pools(definitions, &draft.query)?;
    Ok(draft)
}

/// Refuses a question about a pool that is not there.
///
/// # Errors
/// A fault that names the pool.
pub(crate) fn refuse_unknown_pools(
    definitions: &Definitions,
    query: &Analysis,
) -> Result<(), Fault> {
    for source in query.sources() {
        if definitions.pool(source.pool.as_str()).is_none() {
            let detail = format!("the project has no pool {}", source.pool);
            return Err(Fault::new(FaultCode::UnknownResource, detail).at("/query/pool"));
        }
    }
    Ok(())
}

fn find(definitions: &Definitions, name: &str) -> Result<Arc<SavedQuery>, ApiError> {
    let found = definitions.saved_query(name);
    found
        .map(|saved| Arc::clone(saved.item))
        .ok_or_else(ApiError::not_found)
}

/// Describes [`list`].
pub(crate) fn list_operation() -> Operation {
    Operation::new("listSavedQueries", "The project's saved queries.").lists("SavedQuery")
}

/// The project's saved queries.
pub(crate) async fn list(
    caller: Caller<Admin>,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let definitions = caller.definitions(&state);
    let saved: Vec<_> = definitions
        .saved_queries()
        .map(|saved| saved.item)
        .collect();
    page(
        &parameters,
        &saved,
        |saved| saved.id.to_bytes(),
        |saved| show(saved),
    )
}

/// Describes [`create`].
pub(crate) fn create_operation() -> Operation {
    Operation::new("createSavedQuery", "Saves a question under a name.")
        .takes("SavedQueryDraft")
        .answers(201, "The saved query.", "SavedQuery")
        .problems([409, 507])
}

/// Saves a question under a name.
pub(crate) async fn create(
    caller: Caller<Admin>,
    State(state): State<AppState>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let draft = draft(&caller.definitions(&state), &body)?;
    let saved = state.control.create_saved_query(&caller.0, draft).await?;
    Ok(answer(StatusCode::CREATED, &saved))
}

/// Describes [`read`].
pub(crate) fn read_operation() -> Operation {
    Operation::new("readSavedQuery", "A saved query's definition.").answers(
        200,
        "The saved query.",
        "SavedQuery",
    )
}

/// A saved query's definition.
pub(crate) async fn read(
    caller: Caller<Admin>,
    Named(name): Named,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let definitions = caller.definitions(&state);
    Ok(answer(StatusCode::OK, &*find(&definitions, &name)?))
}

/// Describes [`change`].
pub(crate) fn change_operation() -> Operation {
    Operation::new("changeSavedQuery", "Changes a saved query's definition.")
        .patches("SavedQueryPatch")
        .answers(200, "The saved query.", "SavedQuery")
        .problems([409, 507])
}

/// Changes a saved query's definition by a merge patch.
pub(crate) async fn change(
    caller: Caller<Admin>,
    Named(name): Named,
    if_match: IfMatch,
    State(state): State<AppState>,
    JsonBody(patch): JsonBody,
) -> Result<Response, ApiError> {
    for _ in 0..CHANGE_ATTEMPTS {
        let definitions = caller.definitions(&state);
        let saved = find(&definitions, &name)?;
        if_match.check(&tag(saved.id, saved.revision))?;
        let merged = merge_patch(&saved.draft.to_value(), &patch);
        let mut draft = draft(&definitions, &merged)?;
        if draft.query == saved.draft.query {
            draft.dialect = saved.draft.dialect.clone();
        }
        let changed = state
            .control
            .change_saved_query(&caller.0, saved.id, Some(saved.revision), draft)
            .await;
        match changed {
            Err(ControlError::StaleRevision) => {}
            changed => return Ok(answer(StatusCode::OK, &*changed?)),
        }
    }
    Err(ApiError::stale())
}

/// Describes [`delete`].
pub(crate) fn delete_operation() -> Operation {
    Operation::new("deleteSavedQuery", "Deletes a saved query.")
        .conditional()
        .answers_nothing()
        .problems([409, 507])
}

/// Deletes a saved query.
pub(crate) async fn delete(
    caller: Caller<Admin>,
    Named(name): Named,
    if_match: IfMatch,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    for _ in 0..CHANGE_ATTEMPTS {
        let definitions = caller.definitions(&state);
        let saved = find(&definitions, &name)?;
        if_match.check(&tag(saved.id, saved.revision))?;
        let deleted = state
            .control
            .delete_saved_query(&caller.0, saved.id, Some(saved.revision))
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

/// The grant that a parameter names.
///
/// # Errors
/// A fault for a text that is no id.
pub(super) fn grant_of(parameters: &Parameters) -> Result<Option<GrantId>, Fault> {
    let named = parameters.get("grant").map(|text| {
        GrantId::parse(text)
            .map_err(|rule| Fault::new(FaultCode::InvalidValue, rule.to_string()).at("/grant"))
    });
    named.transpose()
}

/// Describes [`result`].
pub(crate) fn result_operation() -> Operation {
    schemas::result_operation()
}

/// The saved query's result over the rows that the caller's grant on it says.
pub(crate) async fn result(
    Authenticated(access): Authenticated,
    let_in: LetIn,
    Named(name): Named,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let wide = rows::integers_of(&parameters)?;
    let grant = grant_of(&parameters)?;
    let definitions = state.control.definitions(access.project());
    let found = definitions.saved_query(&name);
    let ran = saved::run(&access, found.as_ref(), grant, &let_in, &state).await?;
    let zone = found.map_or_else(TimeZone::utc, |found| zone_of(&found.item.draft.query));
    respond(ran, zone, wide, &state).await
}

/// A result, with times in this zone, and of a kept one when it was made.
///
/// # Errors
/// A failure of ours alone.
pub(super) async fn respond(
    ran: Ran,
    zone: TimeZone,
    wide: WideIntegers,
    state: &AppState,
) -> Result<Response, ApiError> {
    let run = match &ran {
        Ran::Now(_) => Object::new(),
        Ran::Kept(kept) => Object::new().with(
            "run",
            Object::new()
                .with("at", kept.at.to_string())
                .with("refresh_rate", kept.rate().as_secs()),
        ),
    };
    let text = AnswerText::in_zone(zone);
    let bytes = written_with(ran.into_answer(), text, wide, run, state).await?;
    Ok(rows::respond(AnswerFormat::Json, Body::from(bytes)))
}

/// The zone of times in the answer: that of the question, of a funnel that of its first step.
pub(crate) fn zone_of(query: &Analysis) -> TimeZone {
    let first = query.sources().into_iter().next();
    first.map_or_else(TimeZone::utc, |source| source.calendar.zone.clone())
}

#[cfg(test)]
mod tests;

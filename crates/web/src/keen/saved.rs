//! Saved and cached queries.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::analyses::{Analysis, Answer};
use model::fault::{Fault, FaultCode};
use model::grants::Action;
use model::names::{ID, INGESTED_AT, KEY, Name};
use model::permit::{Denied, On, ReadCached, RunSaved};
use model::saved_queries::{SavedQuery, SavedQueryDraft};
use model::time::Timestamp;
use model::value::{Object, Value};

use super::caller::Segments;
use super::queries::{SentObject, text, with_steps};
use super::{Caller, Question, failed, json};
use crate::error::{ApiError, Code};
use crate::input::Under;
use crate::saved::{self, Ran};
use crate::state::AppState;

/// The least and the most seconds that a cached query keeps its answer.
const REFRESH_SECONDS: std::ops::RangeInclusive<i64> = 14_400..=86_400;
/// What a query is shown with, whether or not it was said.
const SHOWN: [&str; 3] = ["interval", "group_by", "timezone"];

/// A time in the dialect's form for definitions.
pub(super) fn date(at: Timestamp) -> String {
    let micros = at.as_microsecond().rem_euclid(1_000_000);
    let whole = at.to_string();
    let whole = whole.split(['.', 'Z']).next().unwrap_or_default();
    format!("{whole}.{micros:06}+00:00")
}

/// The question in the words that it was saved in; one that was saved natively
/// is shown in those.
fn words(saved: &SavedQuery) -> Object {
    let said = saved.draft.dialect.clone();
    let query = said.unwrap_or_else(|| {
        let native = saved.draft.query.to_value();
        native.as_object().cloned().unwrap_or_default()
    });
    let mut query = query;
    if query.get("filters").is_none_or(Value::is_null) {
        query.insert("filters", Value::Array(Vec::new()));
    }
    for name in SHOWN {
        if query.get(name).is_none() {
            query.insert(name, Value::Null);
        }
    }
    query
}

fn show(caller: &Caller, saved: &SavedQuery, ran: Option<&Ran>) -> Object {
    let at = format!("{}/queries/saved/{}", caller.base(), saved.draft.name);
    let urls = Object::new()
        .with("cached_query_url", at.as_str())
        .with("cached_query_results_url", format!("{at}/result"));
    let run = match ran {
        Some(Ran::Kept(kept)) => Value::Object(
            Object::new()
                .with("last_run_date", date(kept.at))
                .with("last_run_status", "200")
                .with("last_run_message", "OK")
                .with("last_run_duration", duration(kept.took)),
        ),
        Some(Ran::Now(_)) | None => Value::Null,
    };
    Object::new()
        .with("query_name", saved.draft.name.as_str())
        .with("query", words(saved))
        .with("metadata", saved.draft.metadata.clone())
        .with(
            "refresh_rate",
            saved.draft.refresh_rate.map_or(0, |rate| rate.as_secs()),
        )
        .with("created_date", date(saved.created_at))
        .with("last_modified_date", date(saved.changed_at))
        .with("user_last_modified_date", date(saved.changed_at))
        .with("urls", urls)
        .with("run_information", run)
}

/// Milliseconds, rounded up to 50 as everywhere where time is shown.
fn duration(took: std::time::Duration) -> u64 {
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    millis.div_ceil(50).max(1).saturating_mul(50)
}

/// `GET P/queries/saved`.
pub(crate) async fn list(caller: Caller) -> Result<Response, ApiError> {
    caller.master()?;
    let saved = caller.definitions.saved_queries();
    let saved: Vec<Object> = saved.map(|saved| show(&caller, saved.item, None)).collect();
    Ok(json(StatusCode::OK, &Value::from(saved)))
}

/// `GET P/queries/saved/{name}`.
pub(crate) async fn read(caller: Caller, segments: Segments) -> Result<Response, ApiError> {
    caller.master()?;
    let saved = caller.definitions.saved_query(segments.get("saved"));
    let saved = saved.ok_or_else(ApiError::not_found)?;
    let shown = show(&caller, saved.item, None);
    Ok(json(StatusCode::OK, &Value::Object(shown)))
}

/// Reads the question of a definition.
///
/// # Errors
/// As of a question that is asked, and when none is said.
pub(super) fn question(sent: &Object) -> Result<(Question, Object), ApiError> {
    let query = sent
        .get("query")
        .and_then(Value::as_object)
        .ok_or_else(|| {
            Fault::new(FaultCode::MissingMember, "the parameter query is needed").at("/query")
        })?;
    let kind = query.get("analysis_type").and_then(Value::as_str);
    let kind = kind.ok_or_else(|| {
        let detail = "query.analysis_type names the analysis";
        Fault::new(FaultCode::MissingMember, detail).at("/query/analysis_type")
    })?;
    let question = Question::read(kind, query).map_err(|error| match error.problem().code() {
        Code::NotFound => failed(
            Code::InvalidValue,
            "InvalidParameterError",
            "there is no such analysis",
        ),
        _ => error,
    })?;
    Ok((question, query.clone()))
}

fn draft(name: &str, sent: &Object) -> Result<SavedQueryDraft, ApiError> {
    let name = Name::parse(name)
        .map_err(|rule| Fault::new(FaultCode::InvalidName, rule.to_string()).at("/query_name"))?;
    let (question, said) = question(sent)?;
    let metadata = match sent.get("metadata") {
        None | Some(Value::Null) => Object::new(),
        Some(Value::Object(metadata)) => metadata.clone(),
        Some(_) => {
            let detail = "metadata is an object";
            return Err(Fault::new(FaultCode::WrongType, detail)
                .at("/metadata")
                .into());
        }
    };
    let seconds = match sent.get("refresh_rate") {
        None | Some(Value::Null) => 0,
        Some(Value::Integer(seconds)) => i64::try_from(*seconds).unwrap_or(-1),
        Some(_) => -1,
    };
    if seconds != 0 && !REFRESH_SECONDS.contains(&seconds) {
        let detail = format!(
            "refresh_rate is 0 for a query that is not cached, or from {} to {} seconds",
            REFRESH_SECONDS.start(),
            REFRESH_SECONDS.end()
        );
        return Err(Fault::new(FaultCode::InvalidValue, detail)
            .at("/refresh_rate")
            .into());
    }
    Ok(SavedQueryDraft {
        name,
        query: question.analysis,
        metadata,
        refresh_rate: u64::try_from(seconds)
            .ok()
            .filter(|seconds| *seconds > 0)
            .map(std::time::Duration::from_secs),
        dialect: Some(said),
    })
}

/// `PUT P/queries/saved/{name}`: the whole definition, made or said anew.
pub(crate) async fn put(
    segments: Segments,
    State(state): State<AppState>,
    Under(caller, SentObject(sent)): Under<Caller, SentObject>,
) -> Result<Response, ApiError> {
    let by = caller.master()?;
    let draft = draft(segments.get("saved"), &sent)?;
    let before = caller.definitions.saved_query(draft.name.as_str());
    let control = &state.control;
    let (status, saved) = match before {
        None => {
            let made = control.create_saved_query(&by, draft).await?;
            (StatusCode::CREATED, made)
        }
        Some(before) => {
            let id = before.item.id;
            let changed = control.change_saved_query(&by, id, None, draft).await?;
            (StatusCode::OK, changed)
        }
    };
    Ok(json(status, &Value::Object(show(&caller, &saved, None))))
}

/// `DELETE P/queries/saved/{name}`.
pub(crate) async fn delete(
    caller: Caller,
    segments: Segments,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let by = caller.master()?;
    let saved = caller.definitions.saved_query(segments.get("saved"));
    let id = saved.ok_or_else(ApiError::not_found)?.item.id;
    state.control.delete_saved_query(&by, id, None).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET P/queries/saved/{name}/result`.
pub(crate) async fn result(
    caller: Caller,
    segments: Segments,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let found = caller.definitions.saved_query(segments.get("saved"));
    let ran = saved::run(&caller.access, found.as_ref(), None, &caller.let_in, &state).await;
    let ran = ran.map_err(|error| refused(&caller, error))?;
    let found = found.ok_or_else(ApiError::not_found)?.item;
    let shown = show(&caller, found, Some(&ran));
    let at = match &ran {
        Ran::Kept(kept) => kept.at,
        Ran::Now(_) => state.clock.now(),
    };
    let answer = ran.into_answer();
    let result = shape(found, &answer, at)?;
    let shown = shown.with("result", result);
    Ok(json(StatusCode::OK, &Value::Object(shown)))
}

/// The result as the dialect nests it: that of a funnel is an object, whose
/// steps are those of the moment when it was asked.
fn shape(saved: &SavedQuery, answer: &Answer, at: Timestamp) -> Result<Value, ApiError> {
    let question = match &saved.draft.dialect {
        Some(said) => {
            let kind = said.get("analysis_type").and_then(Value::as_str);
            Some(Question::read(kind.unwrap_or_default(), said)?)
        }
        None => None,
    };
    let zone = question.as_ref().map_or_else(
        || crate::api::zone_of(&saved.draft.query),
        |question| question.zone.clone(),
    );
    let answer = match &question {
        Some(question) => with_steps(answer.clone(), question, at),
        None => answer.clone(),
    };
    let members = answer.to_members(&text(&zone));
    Ok(match &saved.draft.query {
        Analysis::Funnel(_) => Value::Object(members),
        Analysis::Extraction(_) => events(members),
        _ => members.get("result").cloned().unwrap_or(Value::Null),
    })
}

/// The events of an extraction, without what the house keeps with them.
fn events(members: Object) -> Value {
    let own = |name: &str| [ID, INGESTED_AT, KEY].contains(&name);
    let event = |event: Value| match event {
        Value::Object(event) => {
            let members = event.into_members().into_iter();
            let members = members.filter(|(name, _)| !own(name));
            Value::Object(members.fold(Object::new(), |event, (name, value)| {
                event.with(name, value)
            }))
        }
        other => other,
    };
    let rows = members.into_members().into_iter();
    let rows = { rows }.find_map(|(name, value)| (name == "result").then_some(value));
    match rows {
        Some(Value::Array(rows)) => Value::Array(rows.into_iter().map(event).collect()),
        _ => Value::Array(Vec::new()),
    }
}

/// A key that holds one of the two classes alone is told that the other is not
/// permitted, and the same of a query that does not exist: so the refusal does
/// not tell which queries there are.
fn refused(caller: &Caller, error: ApiError) -> ApiError {
    let lacks_saved = caller.access.permit::<RunSaved>(On::Saved(None)).err()
        == Some(Denied::NoGrant(Action::Run));
    let lacks_cached = caller.access.permit::<ReadCached>(On::Cached(None)).err()
        == Some(Denied::NoGrant(Action::Read));
    let class = match (error.problem().code(), lacks_saved, lacks_cached) {
        (Code::NotFound, true, false) => "saved_queries",
        (Code::NotFound, false, true) => "cached_queries",
        _ => return error,
    };
    failed(
        Code::ActionNotGranted,
        "RequestForbiddenError",
        format!("{class} is not permitted for this key"),
    )
}

#[cfg(test)]
mod tests;

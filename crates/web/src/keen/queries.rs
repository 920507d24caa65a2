//! Asking.

mod answer;
mod metadata;

use axum::body::Body;
use axum::extract::{FromRequest, Request, State};
use axum::response::Response;
use http::StatusCode;
use model::analyses::Analysis;
use model::fault::{Fault, FaultCode};
use model::limits::DEFINITION_BYTES_MAX;
use model::permit::{AskPool, Extract};
use model::value::{Object, Value};

use super::{Caller, Parameters, Question, Segments, json};
use crate::error::ApiError;
use crate::input::{Under, receive, sender};
use crate::state::AppState;

pub(crate) use answer::{ask, text, with_steps};

/// The names under which [`list`] shows each analysis; their irregular
/// endings are the vendor's.
const LISTED: [(&str, &str); 11] = [
    ("count_url", "count"),
    ("count_unique_url", "count_unique"),
    ("minimum", "minimum"),
    ("maximum", "maximum"),
    ("sum", "sum"),
    ("average", "average"),
    ("median", "median"),
    ("percentile", "percentile"),
    ("select_unique_url", "select_unique"),
    ("extraction_url", "extraction"),
    ("funnel_url", "funnel"),
];

/// A JSON object, whatever type it is sent under; nothing is an empty one.
#[derive(Debug)]
pub(crate) struct SentObject(pub(crate) Object);

impl FromRequest<AppState> for SentObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let sender = sender(request.extensions());
        let body: Body = request.into_body();
        let body = receive(body, DEFINITION_BYTES_MAX, sender, state).await?;
        if body.bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(Object::new()));
        }
        match model::json::parse(&body.bytes)? {
            Value::Object(object) => Ok(Self(object)),
            other => {
                let detail = format!("the body is an object, not {}", other.kind());
                Err(Fault::new(FaultCode::WrongType, detail).into())
            }
        }
    }
}

/// `GET P/queries`: where each analysis is asked for.
pub(crate) async fn list(caller: Caller) -> Result<Response, ApiError> {
    caller.may::<AskPool>()?;
    let base = format!("{}/queries", caller.base());
    let links = LISTED
        .iter()
        .fold(Object::new(), |links, (name, analysis)| {
            links.with(*name, format!("{base}/{analysis}"))
        });
    Ok(json(StatusCode::OK, &Value::Object(links)))
}

/// `GET P/queries/{analysis}`.
pub(crate) async fn get(
    caller: Caller,
    segments: Segments,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let kind = segments.get("analysis");
    may_ask(&caller, kind)?;
    let question = Question::of_parameters(kind, &parameters)?;
    respond(&caller, question, &state).await
}

/// `POST P/queries/{analysis}`.
pub(crate) async fn post(
    segments: Segments,
    State(state): State<AppState>,
    Under(caller, SentObject(sent)): Under<Caller, SentObject>,
) -> Result<Response, ApiError> {
    let kind = segments.get("analysis");
    may_ask(&caller, kind)?;
    let question = Question::read(kind, &sent)?;
    respond(&caller, question, &state).await
}

/// The right is asked for before anything is said of the question.
fn may_ask(caller: &Caller, kind: &str) -> Result<(), ApiError> {
    match kind {
        "extraction" => caller.may::<Extract>(),
        _ => caller.may::<AskPool>(),
    }
}

async fn respond(
    caller: &Caller,
    question: Question,
    state: &AppState,
) -> Result<Response, ApiError> {
    let answered = ask(caller, &question, state).await?;
    let query = Object::new().with("query", question.echo);
    answered.respond(&Object::new(), &query).await
}

impl Question {
    /// Whether the answer is rows as they are.
    pub(crate) fn is_extraction(&self) -> bool {
        matches!(self.analysis, Analysis::Extraction(_))
    }
}

#[cfg(test)]
mod tests;

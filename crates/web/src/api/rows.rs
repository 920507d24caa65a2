//! What all answers of rows have in common: formats, integers, cursors.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, header};
use model::fault::{Fault, FaultCode};
use model::json::WideIntegers;
use model::permit::ConstrainedQuery;
use model::queries::{Query, Side};
use model::time::Timestamp;
use serde_json::json;

use crate::answers::{AnswerFormat, Offered};
use crate::error::{ApiError, Code};
use crate::input::Parameters;
use crate::openapi::{Operation, refer};
use crate::state::AppState;

/// The query parameters that say how an answer is written.
pub(crate) const PARAMETERS: &[&str] = &["format", "integers"];

/// Adds [`PARAMETERS`] and an answer of rows, in JSON of this schema.
pub(crate) fn describe(operation: Operation, answer: &str, schema: &str) -> Operation {
    let text = || json!({ "schema": { "type": "string" } });
    let binary = || json!({ "schema": { "type": "string", "format": "binary" } });
    let content = json!({
        "application/json": { "schema": refer(schema) },
        "application/x-ndjson": text(),
        "text/csv": text(),
        "application/vnd.apache.parquet": binary(),
        "application/vnd.apache.arrow.stream": binary(),
    });
    operation
        .parameter(
            "format",
            "The format of the answer, before what Accept says.",
            json!({ "enum": ["json", "ndjson", "csv", "parquet", "arrow"] }),
        )
        .parameter(
            "integers",
            "How integers beyond 2^53 are written in JSON.",
            json!({ "enum": ["number", "string"] }),
        )
        .answers_content(200, answer, content)
        .problems([406])
}

/// How integers are written.
///
/// # Errors
/// A parameter that is neither of the two words.
pub(crate) fn integers_of(parameters: &Parameters) -> Result<WideIntegers, Fault> {
    match parameters.get("integers") {
        None | Some("number") => Ok(WideIntegers::Numbers),
        Some("string") => Ok(WideIntegers::Strings),
        Some(_) => {
            Err(Fault::new(FaultCode::InvalidValue, "integers is number or string").at("/integers"))
        }
    }
}

/// The format to answer in.
///
/// # Errors
/// A parameter that names another, and [`Code::NotAcceptable`] when `Accept`
/// takes none.
pub(crate) fn format_of(
    offered: Offered,
    parameters: &Parameters,
    headers: &HeaderMap,
) -> Result<AnswerFormat, ApiError> {
    let accept: Option<Vec<&str>> = headers
        .get_all(header::ACCEPT)
        .iter()
        .map(|value| value.to_str().ok())
        .collect();
    let accept = accept.map(|all| all.join(","));
    let named = parameters.get("format");
    AnswerFormat::choose(offered, named, accept.as_deref()).map_err(|fault| match named {
        Some(_) => fault.into(),
        None => ApiError::new(Code::NotAcceptable, fault.detail),
    })
}

/// The question from the row of its cursor on, when the request has one.
///
/// # Errors
/// A cursor that was not given out for this question of this key.
pub(crate) fn continued(
    question: ConstrainedQuery,
    cursor: Option<(&str, Side)>,
    binding: &[u8; 32],
    now: Timestamp,
    state: &AppState,
) -> Result<ConstrainedQuery, ApiError> {
    let Some((cursor, side)) = cursor else {
        return Ok(question);
    };
    let Query::Records(query) = question.query() else {
        let detail = "only a view of records has pages and cursors";
        return Err(Fault::new(FaultCode::InvalidCursor, detail).into());
    };
    let values = query.order.len();
    let seek = state.cursors.open(cursor, binding, values, side, now)?;
    Ok(question.starting_at(seek))
}

/// An answer of the format.
pub(crate) fn respond(format: AnswerFormat, body: Body) -> Response {
    let content_type = HeaderValue::from_static(format.content_type());
    ([(header::CONTENT_TYPE, content_type)], body).into_response()
}

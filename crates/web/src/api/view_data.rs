//! What views answer.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use model::fault::{Fault, FaultCode};
use model::permit::{Permit, Read};
use model::queries::{Query, Side};
use model::value::{Object, Value};
use model::views::{View, ViewRequest};
use serde_json::{Value as Json, json};

use super::rows;
use crate::answers::{self, AnswerFormat, Layout, Offered, Style};
use crate::caller::OnView;
use crate::error::ApiError;
use crate::input::{OptionalJsonBody, Parameters, Under};
use crate::metering::{LetIn, cost_of};
use crate::openapi::{Operation, refer};
use crate::plane::{Answer, ByteStream};
use crate::state::AppState;

/// The query parameters of [`get`].
pub(crate) const GET_PARAMETERS: &[&str] = &[
    "conditions",
    "interval",
    "from",
    "to",
    "timeframe",
    "timezone",
    "limit",
    "after",
    "before",
    "order_by",
    "grant",
    "format",
    "integers",
];

/// The schemas of this file.
pub(crate) fn schemas() -> Json {
    let text = || json!({ "type": ["string", "null"] });
    let time = || json!({ "type": ["string", "null"], "format": "date-time" });
    json!({
        "OrderBy": { "type": "array", "maxItems": 16, "items": {
            "type": "object", "required": ["field"], "additionalProperties": false,
            "properties": {
                "field": { "type": "string", "minLength": 1, "maxLength": 256 },
                "direction": { "enum": ["asc", "desc", null] },
            },
        } },
        "ViewRequest": {
            "type": "object", "additionalProperties": false,
            "properties": {
                "conditions": { "anyOf": [refer("Filters"), { "type": "null" }] },
                "interval": text(),
                "from": time(),
                "to": time(),
                "timeframe": text(),
                "timezone": text(),
                "limit": { "type": ["integer", "null"], "minimum": 1, "maximum": 1_000_000 },
                "after": text(),
                "before": text(),
                "order_by": { "anyOf": [refer("OrderBy"), { "type": "null" }] },
                "grant": { "anyOf": [refer("Id"), { "type": "null" }] },
            },
        },
        "ViewData": { "anyOf": [
            {
                "description": "Rows; those of a records view with cursors.",
                "type": "object", "required": ["data"],
                "properties": {
                    "data": { "type": "array", "items": { "type": "object" } },
                    "before": text(),
                    "after": text(),
                },
            },
            {
                "description": "Grouped output: groups in groups, and rows in the innermost.",
                "type": "object",
                "additionalProperties": { "type": ["object", "array"] },
            },
        ] },
    })
}

/// The parameters of a GET as the body that a POST would have.
fn body_of(parameters: &Parameters) -> Result<Value, Fault> {
    let mut body = Object::new();
    for (name, text) in parameters.iter() {
        let value = match name {
            "format" | "integers" => continue,
            "conditions" => json_text(text, "/conditions")?,
            "order_by" if text.trim_start().starts_with('[') => json_text(text, "/order_by")?,
            "order_by" => Value::from(text.split(',').map(order_of).collect::<Vec<_>>()),
            "limit" => text.parse::<i64>().map(Value::from).map_err(|_| {
                Fault::new(FaultCode::WrongType, "limit is a whole number").at("/limit")
            })?,
            _ => Value::from(text),
        };
        body = body.with(name, value);
    }
    Ok(Value::Object(body))
}

fn json_text(text: &str, pointer: &str) -> Result<Value, Fault> {
    model::json::parse(text.as_bytes()).map_err(|fault| fault.under(pointer))
}

/// `field`, `field:asc` or `field:desc`.
fn order_of(text: &str) -> Object {
    let directed = text.rsplit_once(':');
    match directed.filter(|(_, direction)| ["asc", "desc"].contains(direction)) {
        None => Object::new().with("field", text),
        Some((field, direction)) => Object::new()
            .with("field", field)
            .with("direction", direction),
    }
}

fn describe(operation: Operation) -> Operation {
    rows::describe(operation, "The rows that the key sees.", "ViewData")
}

/// Describes [`get`].
pub(crate) fn get_operation() -> Operation {
    let text = json!({ "type": "string" });
    let operation = Operation::new("readViewData", "The view's rows that the key sees.");
    let operation = operation
        .parameter(
            "conditions",
            "A list of filters as JSON text.",
            text.clone(),
        )
        .parameter(
            "order_by",
            "`field:desc,other`, or a list as JSON text.",
            text.clone(),
        )
        .parameter(
            "limit",
            "Rows at most.",
            json!({ "type": "integer", "minimum": 1, "maximum": 1_000_000 }),
        )
        .parameter("grant", "Which of the key's grants is meant.", refer("Id"));
    let others = [
        ("interval", "The length of a time series' intervals."),
        ("from", "The first instant."),
        ("to", "The first instant after the range."),
        ("timeframe", "The range in words."),
        (
            "timezone",
            "The zone of intervals and of times in the answer.",
        ),
        ("after", "The cursor to continue after."),
        ("before", "The cursor to go back from."),
    ];
    let operation = others
        .into_iter()
        .fold(operation, |operation, (name, words)| {
            operation.parameter(name, words, text.clone())
        });
    describe(operation)
}

/// The view's rows that the key sees.
pub(crate) async fn get(
    OnView(permit, view): OnView<Read>,
    let_in: LetIn,
    parameters: Parameters,
    headers: HeaderMap,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let body = body_of(&parameters)?;
    let sent = (&parameters, &headers, &body);
    answer(&permit, &view, sent, &let_in, &state).await
}

/// Describes [`post`].
pub(crate) fn post_operation() -> Operation {
    let body = json!({ "application/json": { "schema": refer("ViewRequest") } });
    describe(
        Operation::new("queryView", "The view's rows that the key sees.")
            .takes_content(false, body),
    )
}

/// The view's rows that the key sees.
pub(crate) async fn post(
    let_in: LetIn,
    parameters: Parameters,
    headers: HeaderMap,
    State(state): State<AppState>,
    Under(OnView(permit, view), OptionalJsonBody(body)): Under<OnView<Read>, OptionalJsonBody>,
) -> Result<Response, ApiError> {
    let sent = (&parameters, &headers, &body);
    answer(&permit, &view, sent, &let_in, &state).await
}

async fn answer(
    permit: &Permit<Read>,
    view: &View,
    (parameters, headers, body): (&Parameters, &HeaderMap, &Value),
    let_in: &LetIn,
    state: &AppState,
) -> Result<Response, ApiError> {
    let format = rows::format_of(Offered::Rows, parameters, headers)?;
    let wide = rows::integers_of(parameters)?;
    let request = ViewRequest::parse(body)?;
    let now = state.clock.now();
    let question = permit.constrain(&request, format.delivery(), now)?;
    let binding = question.page_digest();
    let question = rows::continued(question, cursor(&request), &binding, now, state)?;
    let_in.touch(question.pool().id, Some(view.id));
    let tier = view.tier(question.pool());
    let cost = cost_of(&question, format == AnswerFormat::Json);
    let_in.reserve(state, permit.access(), tier, cost)?;
    let style = Style {
        zone: request.zone(),
        wide,
    };
    let bytes: ByteStream = match format {
        AnswerFormat::Columnar(columnar) => state.plane.export(question, columnar).await?,
        AnswerFormat::Json => {
            let bytes = match question.query().clone() {
                Query::Records(query) => {
                    let page = state.plane.page(question).await?;
                    let layout = Layout::new(&view.draft, &page.columns, style);
                    let seal = |seek: &_| {
                        let cursor = state.cursors.seal(seek, &binding, now, &*state.random);
                        cursor.map(Some)
                    };
                    answers::page(&page, "data", &layout, &query, seal)?
                }
                Query::Aggregate(_) | Query::Actors(_) => {
                    let answer = state.plane.query(question).await?;
                    let layout = Layout::new(&view.draft, &answer.columns, style);
                    answers::summary(answer, &layout).await?
                }
            };
            return Ok(rows::respond(format, Body::from(bytes)));
        }
        AnswerFormat::Ndjson | AnswerFormat::Csv => {
            let answer: Answer = state.plane.query(question).await?;
            let layout = Layout::new(&view.draft, &answer.columns, style);
            match format {
                AnswerFormat::Csv => answers::csv(answer, layout),
                _ => answers::ndjson(answer, layout),
            }
        }
    };
    let bytes = answers::started(bytes).await?;
    Ok(rows::respond(format, Body::from_stream(bytes)))
}

/// Where the request goes on from.
fn cursor(request: &ViewRequest) -> Option<(&str, Side)> {
    let after = request.after.as_deref().map(|after| (after, Side::After));
    let before = request.before.as_deref();
    after.or_else(|| before.map(|before| (before, Side::Before)))
}

#[cfg(test)]
mod tests;

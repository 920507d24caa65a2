//! Questions of analytics about pools: functions over rows, funnels, and rows
//! as they are.

mod schemas;

pub(crate) use schemas::schemas;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use model::analyses::{Analysis, AnswerText, Cursor, Extraction, Selection};
use model::credits::DOCUMENT_COST;
use model::permit::ConstrainedAnalysis;
use model::queries::{Query, Side};
use model::time::{TimeZone, Timestamp};

use super::rows;
use crate::analyses;
use crate::answers::{self, AnswerFormat, Layout, Offered, Style, Trees};
use crate::caller::Asker;
use crate::error::ApiError;
use crate::input::{JsonBody, Parameters, Under};
use crate::metering::{LetIn, cost_of};
use crate::openapi::Operation;
use crate::state::AppState;

/// The formats that an analysis is answered in: a table only where there are rows.
fn offered(analysis: &Analysis) -> Offered {
    match analysis {
        Analysis::Extraction(_) => Offered::Rows,
        Analysis::Aggregation(_) | Analysis::Funnel(_) => Offered::Document,
    }
}

/// The zone of times in the answer: that of the question, of a funnel that of its first step.
fn zone(analysis: &Analysis) -> TimeZone {
    let first = analysis.sources().into_iter().next();
    first.map_or_else(TimeZone::utc, |source| source.calendar.zone.clone())
}

/// Where an extraction goes on from.
fn cursor(extraction: &Extraction) -> Option<(&str, Side)> {
    match &extraction.selection {
        Selection::Ordered {
            cursor: Some(cursor),
            ..
        } => Some(match cursor {
            Cursor::After(text) => (text, Side::After),
            Cursor::Before(text) => (text, Side::Before),
        }),
        Selection::Ordered { .. } | Selection::Latest(_) => None,
    }
}

/// Describes [`ask`].
pub(crate) fn ask_operation() -> Operation {
    let operation = Operation::new(
        "ask",
        "Answers a question of analytics over the rows that the key sees.",
    )
    .takes_content(true, schemas::question());
    rows::describe(operation, schemas::ANSWER, "QueryAnswer").problems([404])
}

/// Answers a question of analytics over the rows that the key sees.
pub(crate) async fn ask(
    let_in: LetIn,
    parameters: Parameters,
    headers: HeaderMap,
    State(state): State<AppState>,
    Under(Asker(access), JsonBody(body)): Under<Asker, JsonBody>,
) -> Result<Response, ApiError> {
    let analysis = Analysis::parse(&body)?;
    let format = rows::format_of(offered(&analysis), &parameters, &headers)?;
    let style = Style {
        zone: zone(&analysis),
        wide: rows::integers_of(&parameters)?,
    };
    let now = state.clock.now();
    let definitions = state.control.definitions(access.project());
    let asked = analyses::constrain(&access, &definitions, &analysis, format.delivery(), now)?;
    let is_page = format == AnswerFormat::Json;
    let costs = asked.parts().iter().map(|part| cost_of(part, is_page));
    let cost = costs.max().unwrap_or(DOCUMENT_COST);
    let_in.reserve_for(&state, &access, &asked, cost)?;
    let body = match (&analysis, format) {
        (Analysis::Extraction(extraction), AnswerFormat::Json) => {
            page(extraction, asked, style, now, &state).await?
        }
        (Analysis::Extraction(_), _) => stream(asked, format, style, &state).await?,
        _ => {
            let answer = state.plane.analyse(asked).await?;
            let text = AnswerText::in_zone(style.zone);
            let bytes = analyses::written(answer, text, style.wide, &state).await?;
            Body::from(bytes)
        }
    };
    Ok(rows::respond(format, body))
}

fn not_rows() -> ApiError {
    ApiError::internal("an extraction without rows")
}

/// A page of an extraction. The latest rows are one page, with none before or after it.
async fn page(
    extraction: &Extraction,
    asked: ConstrainedAnalysis,
    style: Style,
    now: Timestamp,
    state: &AppState,
) -> Result<Body, ApiError> {
    let (question, form) = asked.into_rows().ok_or_else(not_rows)?;
    let binding = question.page_digest();
    let question = rows::continued(question, cursor(extraction), &binding, now, state)?;
    let Query::Records(query) = question.query().clone() else {
        return Err(not_rows());
    };
    let found = state.plane.page(question).await?;
    let trees = Trees::new(form, style);
    let is_whole = matches!(extraction.selection, Selection::Latest(_));
    let seal = |seek: &_| match is_whole {
        true => Ok(None),
        false => {
            let cursor = state.cursors.seal(seek, &binding, now, &*state.random);
            cursor.map(Some)
        }
    };
    let page = answers::page(&found, "result", &trees, &query, seal)?;
    Ok(Body::from(page))
}

/// All rows of an extraction, as they come.
async fn stream(
    asked: ConstrainedAnalysis,
    format: AnswerFormat,
    style: Style,
    state: &AppState,
) -> Result<Body, ApiError> {
    let bytes = match format {
        AnswerFormat::Columnar(columnar) => state.plane.export_rows(asked, columnar).await?,
        _ => {
            let (question, form) = asked.into_rows().ok_or_else(not_rows)?;
            let answer = state.plane.query(question).await?;
            match format {
                AnswerFormat::Csv => {
                    let table = answers::table(answer, form);
                    let layout = Layout::of_table(&table.columns, style);
                    answers::csv(table, layout)
                }
                _ => answers::ndjson(answer, Trees::new(form, style)),
            }
        }
    };
    Ok(Body::from_stream(answers::started(bytes).await?))
}

#[cfg(test)]
mod tests;

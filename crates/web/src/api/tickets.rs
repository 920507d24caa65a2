//! Tickets: the answer to one saved query for pages of one origin, as a chart
//! and as it is, without a key in the page.

mod schemas;
mod visit;

pub(crate) use schemas::schemas;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use model::analyses::{Analysis, Answer};
use model::document::Document;
use model::fault::{Fault, FaultCode};
use model::ids::GrantId;
use model::limits::{TICKET_SECONDS_DEFAULT, TICKET_SECONDS_MAX};
use model::origins::Origin;
use model::permit::Denied;
use model::tickets::Terms;
use model::value::{Object, Value};

use super::saved_queries::respond;
use super::{json, rows};
use crate::analyses::at_hand;
use crate::caller::Authenticated;
use crate::charts::{self, Drawing, Look, Theme};
use crate::error::{ApiError, Code};
use crate::input::{JsonBody, Parameters};
use crate::metering::LetIn;
use crate::openapi::Operation;
use crate::saved::{self, May};
use crate::state::AppState;
use visit::Visit;

/// The query parameters of [`chart`].
pub(crate) const CHART_PARAMETERS: &[&str] = &["width", "height", "theme", "title", "metric"];
/// The query parameters of [`result`].
pub(crate) const RESULT_PARAMETERS: &[&str] = &["integers"];

const SVG: &str = "image/svg+xml";

/// What a ticket is asked for with.
struct Draft {
    saved_query: String,
    terms: Terms,
}

impl Draft {
    fn parse(body: &Value) -> Result<Self, Fault> {
        let mut document = Document::new(body)?;
        let saved_query = document.text("saved_query")?.to_owned();
        let origin = Origin::parse(document.text("origin")?)
            .map_err(|rule| Fault::new(FaultCode::InvalidValue, rule.to_string()).at("/origin"))?;
        let longest = i64::try_from(TICKET_SECONDS_MAX).unwrap_or(i64::MAX);
        let seconds = document.optional_integer("expires_in", 1..=longest)?;
        let life = seconds.map_or(TICKET_SECONDS_DEFAULT, i64::unsigned_abs);
        let grant = document.optional_text("grant")?.map(GrantId::parse);
        let grant = grant
            .transpose()
            .map_err(|rule| Fault::new(FaultCode::InvalidValue, rule.to_string()).at("/grant"))?;
        document.finish()?;
        let terms = Terms {
            origin,
            life: Duration::from_secs(life),
            grant,
        };
        Ok(Self { saved_query, terms })
    }
}

/// Describes [`create`].
pub(crate) fn create_operation() -> Operation {
    schemas::create_operation()
}

/// Makes a ticket for a saved query that the caller may ask. Nothing is stored.
pub(crate) async fn create(
    Authenticated(access): Authenticated,
    State(state): State<AppState>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let Draft { saved_query, terms } = Draft::parse(&body)?;
    if access.restrictions().signed_requests {
        let detail = "the key takes signed requests alone, and a page with a ticket signs nothing; use another key";
        return Err(Fault::new(FaultCode::NotAvailable, detail).into());
    }
    let definitions = state.control.definitions(access.project());
    let found = definitions.saved_query(&saved_query);
    let may = May::of(&access, found.as_ref()).map_err(|denied| match denied {
        Denied::NoGrant(_) | Denied::Quarantined(_) => ApiError::from(denied),
        Denied::NotFound | Denied::KeptByServer => {
            ApiError::not_found().at("/saved_query".to_owned())
        }
    })?;
    let ticket = may.ticket(terms, state.clock.now())?;
    let text = ticket.seal(&state.tickets, &*state.random);
    let shown = Object::new()
        .with("ticket", text.as_str())
        .with("url", format!("/v1/tickets/{text}/chart.svg"))
        .with("expires_at", ticket.ends().to_string());
    Ok(json(StatusCode::CREATED, &Value::Object(shown)))
}

/// Describes [`result`].
pub(crate) fn result_operation() -> Operation {
    schemas::result_operation()
}

/// The saved query's result, to a page that has a ticket.
pub(crate) async fn result(
    visit: Visit,
    let_in: LetIn,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Response {
    let (shown, may) = visit.split();
    let answered = async {
        let wide = rows::integers_of(&parameters)?;
        let ran = saved::ask(may, shown.grant(), &let_in, &state).await?;
        respond(ran, shown.zone(), wide, &state).await
    };
    let answered = answered.await.into_response();
    shown.to_its_page(answered, None, state.clock.now())
}

/// Describes [`chart`].
pub(crate) fn chart_operation() -> Operation {
    schemas::chart_operation()
}

/// The saved query's result as a picture, to a page that has a ticket.
pub(crate) async fn chart(
    visit: Visit,
    let_in: LetIn,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Response {
    let (shown, may) = visit.split();
    let look = look_of(&parameters);
    let theme = look.as_ref().ok().map(|look| look.theme);
    let drawn = async {
        let drawing = Drawing::of(shown.query(), look?).map_err(no_chart)?;
        let drawing = drawing.drawn_as(shown.kind());
        let ran = saved::ask(may, shown.grant(), &let_in, &state).await?;
        let svg = draw(drawing, ran.into_answer(), &state).await?;
        let svg_type = HeaderValue::from_static(SVG);
        Ok::<_, ApiError>(([(header::CONTENT_TYPE, svg_type)], svg).into_response())
    };
    let drawn = drawn.await.into_response();
    shown.to_its_page(drawn, theme, state.clock.now())
}

/// Why a question's answer is not drawn. It depends on the question alone.
fn no_chart(reason: charts::NoChart) -> ApiError {
    match reason {
        charts::NoChart::NoNumbers => ApiError::new(Code::NoChart, reason.to_string()),
        charts::NoChart::NoMetric(_) => {
            let fault = Fault::new(FaultCode::InvalidValue, reason.to_string());
            fault.at("/metric").into()
        }
    }
}

/// Draws a small answer at once, and a large one where no request waits for it.
async fn draw(drawing: Drawing, answer: Arc<Answer>, state: &AppState) -> Result<String, ApiError> {
    if at_hand(&answer) {
        return Ok(drawing.draw(&answer));
    }
    let drawn = state.threads.spawn_blocking(move || drawing.draw(&answer));
    let drawn = drawn.await;
    drawn.map_err(|_| ApiError::internal("drawing a chart panicked"))
}

fn look_of(parameters: &Parameters) -> Result<Look, Fault> {
    let side = |name: &'static str, range: std::ops::RangeInclusive<u32>, usual: u32| {
        let Some(text) = parameters.get(name) else {
            return Ok(usual);
        };
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            let (least, most) = range.into_inner();
            let detail = format!("{name} is a whole number of pixels from {least} to {most}");
            Fault::new(FaultCode::InvalidValue, detail).at(format!("/{name}"))
        })
    };
    let theme = match parameters.get("theme") {
        None => Theme::OfReader,
        Some("light") => Theme::Light,
        Some("dark") => Theme::Dark,
        Some(_) => {
            let detail = "theme is light or dark; without it, it is what the reader prefers";
            return Err(Fault::new(FaultCode::InvalidValue, detail).at("/theme"));
        }
    };
    let title = parameters.get("title").map(str::to_owned);
    if title
        .as_ref()
        .is_some_and(|title| title.chars().count() > charts::TITLE_CHARS_MAX)
    {
        let detail = format!("title has at most {} characters", charts::TITLE_CHARS_MAX);
        return Err(Fault::new(FaultCode::InvalidValue, detail).at("/title"));
    }
    Ok(Look {
        fits: false,
        width: side("width", charts::WIDTHS, charts::WIDTH)?,
        height: side("height", charts::HEIGHTS, charts::HEIGHT)?,
        theme,
        title,
        metric: parameters.get("metric").map(str::to_owned),
    })
}

/// Whose zone times of an answer are in.
fn zone_of(query: &Analysis) -> model::time::TimeZone {
    super::zone_of(query)
}

#[cfg(test)]
mod tests;

//! From a question to the bytes of its answer.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use http::{HeaderValue, header};
use model::analyses::{Answer, AnswerText, RowsForm, Step, TimeText};
use model::credits::DOCUMENT_COST;
use model::json::WideIntegers;
use model::names::{ID, INGESTED_AT, KEY};
use model::permit::ConstrainedAnalysis;
use model::queries::Row;
use model::time::{TimeZone, Timestamp};
use model::value::{Object, Value};
use model::views::Delivery;

use super::super::question::shown_step;
use super::super::{Caller, Question};
use super::metadata::{Effort, Tally};
use crate::analyses::{constrain, written};
use crate::answers::started;
use crate::error::ApiError;
use crate::metering::cost_of;
use crate::plane::{ByteStream, PlaneError};
use crate::state::AppState;

/// The answer to a question, not yet written out as a whole.
pub(crate) struct Answered {
    result: Outcome,
    effort: Effort,
    state: AppState,
}

enum Outcome {
    /// The members of the answer as JSON text.
    Members(Vec<u8>),
    /// The events of an extraction, as they come.
    Events(BoxStream<'static, Result<Vec<Row>, PlaneError>>, RowsForm),
}

/// How times stand in answers: bounds in the question's zone, what events hold
/// in UTC.
pub(crate) fn text(zone: &TimeZone) -> AnswerText {
    AnswerText {
        bounds: zone.clone(),
        values: TimeZone::utc(),
        digits: TimeText::Milliseconds,
    }
}

/// Asks over the rows that the caller's key sees. A collection that is absent
/// and one that the key may not see are alike: they have no events.
///
/// # Errors
/// The key may ask no collection at all; what is wrong with the question; and
/// what the data plane fails with.
pub(crate) async fn ask(
    caller: &Caller,
    question: &Question,
    state: &AppState,
) -> Result<Answered, ApiError> {
    let (access, definitions) = (&caller.access, &*caller.definitions);
    let now = state.clock.now();
    let asked = constrain(
        access,
        definitions,
        &question.analysis,
        Delivery::Stream,
        now,
    )?;
    let costs = asked.parts().iter().map(|part| cost_of(part, false));
    let cost = costs.max().unwrap_or(DOCUMENT_COST);
    caller.let_in.reserve_for(state, access, &asked, cost)?;
    let tally = match question.has_metadata {
        true => Some(Tally::of(access, definitions, question, now, state).await?),
        false => None,
    };
    let effort = Effort::new(tally, now);
    let result = if question.is_extraction() {
        events(asked, state).await?
    } else {
        let answer = answered(asked, state).await?;
        let answer = with_steps(answer, question, now);
        let text = text(&question.zone);
        Outcome::Members(written(answer, text, WideIntegers::Numbers, state).await?)
    };
    Ok(Answered {
        result,
        effort,
        state: state.clone(),
    })
}

/// The answer to anything but an extraction.
pub(super) async fn answered(
    asked: ConstrainedAnalysis,
    state: &AppState,
) -> Result<Answer, ApiError> {
    if asked.parts().is_empty() {
        // Nothing that is asked for is there.
        return Ok(asked.answer(Vec::new()).map_err(PlaneError::from)?);
    }
    Ok(state.plane.analyse(asked).await?)
}

async fn events(asked: ConstrainedAnalysis, state: &AppState) -> Result<Outcome, ApiError> {
    let is_nowhere = asked.parts().is_empty();
    if is_nowhere {
        return Ok(Outcome::Members(br#"{"result":[]}"#.to_vec()));
    }
    let (question, form) = asked
        .into_rows()
        .ok_or_else(|| ApiError::internal("an extraction without rows"))?;
    let answer = state.plane.query(question).await?;
    Ok(Outcome::Events(answer.rows, form))
}

/// A funnel repeats its steps as the caller said them.
pub(crate) fn with_steps(answer: Answer, question: &Question, now: Timestamp) -> Answer {
    let (Answer::Funnel { tally, .. }, model::analyses::Analysis::Funnel(funnel)) =
        (&answer, &question.analysis)
    else {
        return answer;
    };
    let steps = funnel.steps.iter().zip(&question.steps);
    let steps = steps.map(|(step, told): (&Step, _)| shown_step(step, told, now));
    Answer::Funnel {
        tally: tally.clone(),
        steps: steps.collect(),
    }
}

impl Answered {
    /// The answer: the members of `front`, then the result, then what it took
    /// when that was asked for, then the members of `back`.
    ///
    /// # Errors
    /// What the first events fail with. Later, the body breaks off.
    pub(crate) async fn respond(self, front: &Object, back: &Object) -> Result<Response, ApiError> {
        let body = match self.result {
            Outcome::Members(result) => {
                let took = self.effort.took(self.state.clock.now(), None);
                Body::from(joined(front, &result, &[&took, back]))
            }
            Outcome::Events(rows, form) => {
                let writer = EventWriter::new(form, joined(front, br#"{"result":["#, &[]));
                let (effort, state, back) = (self.effort, self.state, back.clone());
                let end = move |seen: Seen| {
                    let took = effort.took(state.clock.now(), Some(seen));
                    joined(&Object::new(), b"]", &[&took, &back])
                };
                Body::from_stream(started(stream_of(rows, writer, end)).await?)
            }
        };
        let json = HeaderValue::from_static("application/json");
        Ok(([(header::CONTENT_TYPE, json)], body).into_response())
    }

    /// The members of the answer as a value, for whoever keeps it.
    ///
    /// # Errors
    /// What the events fail with, and more than `bytes` bytes of them.
    #[cfg_attr(not(test), expect(dead_code, reason = "saved questions come next"))]
    pub(crate) async fn into_members(self, bytes: usize) -> Result<Object, ApiError> {
        let text = match self.result {
            Outcome::Members(text) => text,
            Outcome::Events(rows, form) => {
                let writer = EventWriter::new(form, br#"{"result":["#.to_vec());
                let mut stream = stream_of(rows, writer, |_| b"]}".to_vec());
                let mut whole = Vec::new();
                while let Some(piece) = stream.next().await {
                    whole.extend_from_slice(&piece?);
                    if whole.len() > bytes {
                        let limit = format!("an answer that is kept has at most {bytes} bytes");
                        return Err(PlaneError::LimitExceeded { limit }.into());
                    }
                }
                whole
            }
        };
        match model::json::parse(&text)? {
            Value::Object(members) => Ok(members),
            _ => Err(ApiError::internal("an answer that is no object")),
        }
    }
}

/// JSON text with members of objects before and behind what it holds. A text
/// that is not closed yet stays open at its end when nothing follows.
fn joined(front: &Object, text: &[u8], behind: &[&Object]) -> Vec<u8> {
    let members = |object: &Object| {
        let text = model::json::to_text(&object.clone().into());
        text[1..text.len() - 1].to_owned()
    };
    let mut out = Vec::with_capacity(text.len() + 256);
    let mut rest = text;
    if let Some(inner) = text.strip_prefix(b"{") {
        out.push(b'{');
        let front = members(front);
        if !front.is_empty() {
            out.extend_from_slice(front.as_bytes());
            out.push(b',');
        }
        rest = inner;
    }
    if behind.is_empty() {
        out.extend_from_slice(rest);
        return out;
    }
    out.extend_from_slice(rest.strip_suffix(b"}").unwrap_or(rest));
    for object in behind {
        let more = members(object);
        if !more.is_empty() {
            out.push(b',');
            out.extend_from_slice(more.as_bytes());
        }
    }
    out.push(b'}');
    out
}

/// What was seen of the events that were answered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// How many.
    pub(super) events: u64,
    /// The most properties that one of them has.
    pub(super) properties: u64,
}

/// Writes events as they come.
struct EventWriter {
    form: RowsForm,
    text: AnswerText,
    /// What stands before the first event, until it is written.
    head: Vec<u8>,
    seen: Seen,
}

impl EventWriter {
    fn new(form: RowsForm, head: Vec<u8>) -> Self {
        Self {
            form,
            text: text(&TimeZone::utc()),
            head,
            seen: Seen::default(),
        }
    }

    fn write(&mut self, rows: Vec<Row>) -> Vec<u8> {
        let mut out = std::mem::take(&mut self.head);
        let trees = rows.into_iter();
        let trees = trees.map(|row| without_system(self.form.tree(row)));
        let members = Answer::Rows(trees.collect()).to_members(&self.text);
        let events = members.get("result").and_then(Value::as_array);
        for event in events.unwrap_or_default() {
            if self.seen.events > 0 {
                out.push(b',');
            }
            self.seen.events += 1;
            self.seen.properties = self.seen.properties.max(leaves(event));
            out.extend_from_slice(model::json::to_text(event).as_bytes());
        }
        out
    }
}

/// The event without the fields of the server's own, which the dialect has
/// others for.
fn without_system(tree: Value) -> Value {
    let Value::Object(object) = tree else {
        return tree;
    };
    let mut members = object.into_members();
    members.retain(|(name, _)| ![ID, INGESTED_AT, KEY].contains(&name.as_str()));
    Object::from_members(members).unwrap_or_default().into()
}

/// The values of a tree, those in lists counted as one.
fn leaves(value: &Value) -> u64 {
    match value {
        Value::Object(object) => object.iter().map(|(_, value)| leaves(value)).sum(),
        _ => 1,
    }
}

/// The events as bytes, and what `end` makes of what was seen behind them.
fn stream_of(
    rows: BoxStream<'static, Result<Vec<Row>, PlaneError>>,
    writer: EventWriter,
    end: impl FnOnce(Seen) -> Vec<u8> + Send + 'static,
) -> ByteStream {
    let state = Some((rows, writer, end));
    stream::unfold(state, async |state| {
        let (mut rows, mut writer, end) = state?;
        loop {
            match rows.next().await {
                Some(Ok(chunk)) if chunk.is_empty() => {}
                Some(Ok(chunk)) => {
                    let bytes = Bytes::from(writer.write(chunk));
                    return Some((Ok(bytes), Some((rows, writer, end))));
                }
                Some(Err(error)) => return Some((Err(error), None)),
                None => {
                    let mut bytes = std::mem::take(&mut writer.head);
                    bytes.extend(end(writer.seen));
                    return Some((Ok(Bytes::from(bytes)), None));
                }
            }
        }
    })
    .boxed()
}

#[cfg(test)]
mod tests;

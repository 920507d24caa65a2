//! The series of a dataset that is looked at: as a table, and as a picture.

use bytes::Bytes;
use model::analyses::{Answer, AnswerText};
use model::datasets::Dataset;
use model::json::WideIntegers;
use model::saved_queries::WithPools;
use model::time::{Interval, TimeZone, Timestamp};
use model::value::{Object, Value};

use super::dataset::IndexField;
use crate::analyses::written;
use crate::charts::{Drawing, interval_name};
use crate::console::asking::EXTRACTED;
use crate::console::forms::sentence;
use crate::console::pictures::{Chart, look_of, style_of};
use crate::console::shown::{Table, rows_of};
use crate::console::times::interval_head;
use crate::console::visitor::InProject;
use crate::datasets::{self, Asked};
use crate::error::ApiError;
use crate::input::Parameters;
use crate::metering::LetIn;
use crate::state::AppState;

/// A series, or why there is none.
#[derive(Default)]
pub(super) struct LookedAt {
    pub(super) table: Table,
    pub(super) size: String,
    pub(super) chart: Option<Chart>,
    pub(super) fault: Option<String>,
}

/// What a text may stand for: itself, and a number or a truth.
fn candidates(text: &str) -> Vec<Value> {
    let read = model::json::parse(text.as_bytes()).ok();
    let read =
        read.filter(|value| value.as_number().is_some() || matches!(value, Value::Boolean(_)));
    std::iter::once(Value::from(text)).chain(read).collect()
}

/// The members of an object, behind those that are there already.
fn with_members(all: Object, more: &Value) -> Object {
    let members = more.as_object().into_iter().flat_map(Object::iter);
    members.fold(all, |all, (name, value)| all.with(name, value.clone()))
}

/// A result, or the groups of one, as rows.
fn results(of: &Object, value: &Value) -> Vec<Value> {
    match value {
        Value::Array(groups) => {
            let rows = groups.iter().map(|group| with_members(of.clone(), group));
            rows.map(Value::Object).collect()
        }
        Value::Object(_) => vec![Value::Object(with_members(of.clone(), value))],
        value => vec![Value::Object(of.clone().with("result", value.clone()))],
    }
}

/// The start of an interval as the API wrote it, as a table names the interval.
fn named(start: Value, (interval, zone): (Option<Interval>, &TimeZone)) -> Value {
    let read = start.as_str().and_then(|text| Timestamp::parse(text).ok());
    match (read, interval) {
        (Some(start), Some(interval)) => Value::from(interval_name(start, zone, interval)),
        _ => start,
    }
}

/// The rows of an answer as the API writes it: one for each group of each interval, which is
/// named by the clock of the series.
fn flat(answer: &Value, cut: (Option<Interval>, &TimeZone)) -> Vec<Value> {
    let member = |value: &'_ Value, name: &str| value.as_object()?.get(name).cloned();
    let Some(result) = member(answer, "result") else {
        return Vec::new();
    };
    let intervals = result.as_array().unwrap_or_default();
    if intervals
        .iter()
        .all(|one| member(one, "timeframe").is_none())
    {
        return results(&Object::new(), &result);
    }
    let rows = intervals.iter().flat_map(|interval| {
        let frame = member(interval, "timeframe").unwrap_or(Value::Null);
        let start = member(&frame, "start").unwrap_or(Value::Null);
        let of = Object::new().with(interval_head(cut.0), named(start, cut));
        let value = member(interval, "value").unwrap_or(Value::Null);
        results(&of, &value)
    });
    rows.collect()
}

/// What is read for these values; `style` is how the answer is written.
fn asked(fields: &[IndexField], style: &'static str) -> Asked {
    let values = fields.iter().map(|field| candidates(&field.value));
    Asked {
        grant: None,
        index: values.collect(),
        period: None,
        style: (style, false),
    }
}

/// The picture of the series of these values.
pub(super) async fn drawn(
    here: &InProject,
    found: &WithPools<'_, Dataset>,
    (fields, parameters): (&[IndexField], &Parameters),
    (let_in, state): (&LetIn, &AppState),
) -> Result<String, ApiError> {
    let drawing = Drawing::of(&found.item.draft.analysis(), look_of(parameters));
    let drawing = drawing.map_err(|reason| ApiError::internal(reason.to_string()))?;
    // Pictures are kept beside the text of the same answer, each by itself.
    let asked = asked(fields, style_of(parameters));
    let draw =
        async |answer: Answer| -> Result<Bytes, ApiError> { Ok(drawing.draw(&answer).into()) };
    let picture = datasets::read(&here.access, Some(found), &asked, (let_in, state), draw).await?;
    String::from_utf8(picture.into()).map_err(|_| ApiError::internal("a picture is no text"))
}

/// The series of the values that were typed; `None` while there are none.
pub(super) async fn looked_at(
    here: &InProject,
    found: &WithPools<'_, Dataset>,
    fields: &[IndexField],
    chart: Option<Chart>,
    (let_in, state): (&LetIn, &AppState),
) -> Option<Result<LookedAt, ApiError>> {
    fields.iter().find(|field| !field.value.is_empty())?;
    let asked = asked(fields, "native");
    let query = &found.item.draft.query;
    let zone = &query.source.calendar.zone;
    let read = async {
        let write = async |answer| -> Result<Bytes, ApiError> {
            let text = AnswerText::in_zone(zone.clone());
            Ok(written(answer, text, WideIntegers::Numbers, state)
                .await?
                .into())
        };
        let text =
            datasets::read(&here.access, Some(found), &asked, (let_in, state), write).await?;
        Ok::<Value, ApiError>(model::json::parse(&text)?)
    };
    let looked_at = match read.await {
        Ok(answer) => {
            let mut rows = flat(&answer, (query.interval, zone));
            let size = rows_of(rows.len(), rows.len().min(EXTRACTED));
            rows.truncate(EXTRACTED);
            LookedAt {
                size,
                table: Table::of_trees(&rows),
                chart: chart.filter(|_| !rows.is_empty()),
                fault: None,
            }
        }
        Err(error) if error.problem().status().is_server_error() => return Some(Err(error)),
        Err(error) => LookedAt {
            fault: Some(sentence(error.problem().detail())),
            ..LookedAt::default()
        },
    };
    Some(Ok(looked_at))
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> LookedAt {
    LookedAt {
        table: crate::console::shown::sample(text),
        size: text.to_owned(),
        chart: Some(crate::console::pictures::sample(text)),
        fault: Some(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(answer: &str) -> Vec<String> {
        let answer = model::json::parse(answer.as_bytes()).expect("JSON");
        let zone = TimeZone::parse("Asia/Tokyo").expect("a zone");
        let rows = flat(&answer, (Interval::parse("daily").ok(), &zone));
        rows.iter().map(model::json::to_text).collect()
    }

    #[test]
    fn each_group_of_each_interval_is_a_row() {
        // The day that begins in Tokyo is not over in Greenwich.
        let frame = r#""timeframe":{"start":"2026-03-01T15:00:00Z","end":"2026-03-02T15:00:00Z"}"#;
        let one = format!(r#"{{"result":[{{{frame},"value":3}}]}}"#);
        assert_eq!(rows(&one), [r#"{"day":"2 Mar 2026","result":3}"#]);
        let groups = format!(
            r#"{{"result":[{{{frame},"value":[{{"sku":"x","result":1}},{{"sku":"y","result":2}}]}}]}}"#
        );
        let expected = [
            r#"{"day":"2 Mar 2026","sku":"x","result":1}"#,
            r#"{"day":"2 Mar 2026","sku":"y","result":2}"#,
        ];
        assert_eq!(rows(&groups), expected);
        let several = format!(r#"{{"result":[{{{frame},"value":{{"n":1,"sum":2.5}}}}]}}"#);
        let expected = [r#"{"day":"2 Mar 2026","n":1,"sum":2.5}"#];
        assert_eq!(rows(&several), expected);
        assert_eq!(rows(r#"{"result":4}"#), [r#"{"result":4}"#]);
        let plain = r#"{"result":[{"sku":"x","result":1}]}"#;
        assert_eq!(rows(plain), [r#"{"sku":"x","result":1}"#]);
        assert_eq!(rows(r#"{"result":[]}"#), Vec::<String>::new());
    }
}

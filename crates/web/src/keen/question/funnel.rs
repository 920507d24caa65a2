//! Funnels.

use model::analyses::{AnswerText, Calendar, Funnel, Period, Step, TimeText};
use model::document::expected;
use model::fault::Fault;
use model::time::Timestamp;
use model::value::{Object, Value};

use super::reader::{Reader, missing};
use super::{source, times};

/// What the caller said of a step, which the answer repeats.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    filters: Value,
    timezone: Value,
}

/// The funnel, and what was said of its steps. A step without a timeframe or
/// a zone has those of the funnel.
pub(super) fn read(reader: &Reader<'_>) -> Result<(Funnel, Vec<Told>), Fault> {
    let value = reader.value("steps").ok_or_else(|| missing("steps"))?;
    let values = value
        .as_array()
        .ok_or_else(|| expected("a list of steps", value).at("/steps"))?;
    let calendar = times::calendar(times::zone(reader)?);
    let period = times::period(reader, &calendar.zone)?;
    let (mut steps, mut told) = (Vec::new(), Vec::new());
    for (at, value) in values.iter().enumerate() {
        let read = step(value, period, &calendar, reader.value("timezone"));
        let (step, said) = read.map_err(|f| f.under(&format!("/steps/{at}")))?;
        steps.push(step);
        told.push(said);
    }
    Ok((Funnel { steps }, told))
}

fn step(
    value: &Value,
    outer: Option<Period>,
    calendar: &Calendar,
    outer_zone: Option<&Value>,
) -> Result<(Step, Told), Fault> {
    let object = value
        .as_object()
        .ok_or_else(|| expected("an object", value))?;
    let reader = Reader::new(object);
    reader.required("event_collection")?;
    let actor = reader.path("actor_property")?;
    let zone = times::zone(&reader)?;
    let calendar = zone.map_or_else(|| calendar.clone(), |zone| times::calendar(Some(zone)));
    let period = times::period(&reader, &calendar.zone)?.or(outer);
    let step = Step {
        source: source(&reader, period, calendar)?,
        actor,
        inverted: reader.truth("inverted")?.unwrap_or(false),
        optional: reader.truth("optional")?.unwrap_or(false),
        with_actors: reader.truth("with_actors")?.unwrap_or(false),
    };
    let filters = reader.value("filters").cloned();
    let timezone = reader.value("timezone").or(outer_zone).cloned();
    let told = Told {
        filters: filters.unwrap_or_else(|| Value::Array(Vec::new())),
        timezone: timezone.into(),
    };
    Ok((step, told))
}

/// A step as the answer repeats it; its timeframe is the one meant at `now`.
pub(crate) fn shown(step: &Step, told: &Told, now: Timestamp) -> Value {
    let calendar = &step.source.calendar;
    let text = AnswerText {
        digits: TimeText::Milliseconds,
        ..AnswerText::in_zone(calendar.zone.clone())
    };
    let range = step.source.period.map(|period| period.range(now, calendar));
    let range = range.and_then(|range| range.ok().flatten());
    let timeframe = range.map(|range| text.range(range));
    let object = Object::new()
        .with("event_collection", step.source.pool.as_str())
        .with("actor_property", step.actor.as_str())
        .with("filters", told.filters.clone())
        .with("timeframe", timeframe)
        .with("timezone", told.timezone.clone())
        .with("inverted", step.inverted)
        .with("optional", step.optional)
        .with("with_actors", step.with_actors);
    object.into()
}

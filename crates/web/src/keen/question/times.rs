//! Timeframes and zones.

use model::analyses::{Calendar, Period};
use model::document::expected;
use model::fault::{Fault, FaultCode};
use model::time::{TimeError, TimeRange, TimeZone, Timeframe, Timestamp, WeekStart};
use model::value::{Number, Object, Value};

use super::reader::{self, Reader};

/// The fault of a question without a timeframe.
pub(super) fn needed() -> Fault {
    let detail = "a timeframe is required, such as this_14_days, or an object of start and end";
    Fault::new(FaultCode::MissingMember, detail).at("/timeframe")
}

/// The calendar of a zone: the dialect's weeks start on Sunday.
pub(super) fn calendar(zone: Option<TimeZone>) -> Calendar {
    Calendar {
        zone: zone.unwrap_or_else(TimeZone::utc),
        week_start: WeekStart::Sunday,
    }
}

/// The zone: a name, or whole seconds ahead of UTC.
pub(super) fn zone(reader: &Reader<'_>) -> Result<Option<TimeZone>, Fault> {
    let Some(value) = reader.value("timezone") else {
        return Ok(None);
    };
    let refuse = |detail: String| Fault::new(FaultCode::UnknownTimezone, detail).at("/timezone");
    if let Some(Number::Integer(seconds)) = reader::number(value) {
        let seconds = i32::try_from(seconds).ok();
        let zone = seconds.and_then(TimeZone::from_offset_seconds);
        let rule = "a timezone in seconds is whole minutes and less than a day, such as -28800";
        return zone.map(Some).ok_or_else(|| refuse(rule.to_owned()));
    }
    let text = value.as_str();
    let text = text.ok_or_else(|| expected("a name or seconds", value).at("/timezone"))?;
    let zone = TimeZone::parse(text).map_err(|error| refuse(error.to_string()));
    zone.map(Some)
}

/// The timeframe: in words, or from a start to an end. Times without an
/// offset are of the zone's clock.
pub(super) fn period(reader: &Reader<'_>, zone: &TimeZone) -> Result<Option<Period>, Fault> {
    let period = match reader.value("timeframe") {
        None => return Ok(None),
        Some(Value::String(text)) => relative(text).map_err(|error| invalid(&error)),
        Some(Value::Object(object)) => absolute(object, zone),
        Some(other) => Err(expected(
            "words such as this_14_days, or an object of start and end",
            other,
        )),
    };
    period.map(Some).map_err(|fault| fault.at("/timeframe"))
}

fn invalid(error: &TimeError) -> Fault {
    Fault::new(FaultCode::InvalidValue, error.to_string())
}

/// `last_…` is an older word for `previous_…`.
fn relative(text: &str) -> Result<Period, TimeError> {
    let text = text.trim();
    let timeframe = match text.strip_prefix("last_") {
        Some(rest) => Timeframe::parse(&format!("previous_{rest}")),
        None => Timeframe::parse(text),
    };
    timeframe.map(Period::Relative)
}

fn absolute(object: &Object, zone: &TimeZone) -> Result<Period, Fault> {
    let side = |name: &str| -> Result<Timestamp, Fault> {
        let text = object.get(name).and_then(Value::as_str);
        let text = text.ok_or_else(|| {
            let rule =
                format!("a timeframe has start and end, both times in ISO 8601; {name} is none");
            Fault::new(FaultCode::InvalidValue, rule)
        })?;
        zone.read(text.trim()).map_err(|error| invalid(&error))
    };
    let (from, to) = (side("start")?, side("end")?);
    TimeRange::new(from, to)
        .map_err(|_| Fault::new(FaultCode::InvalidValue, "a timeframe ends after its start"))?;
    Ok(Period::Absolute {
        from: Some(from),
        to: Some(to),
    })
}

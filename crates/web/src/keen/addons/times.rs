//! The parts of a date and time, as they stand on the clock that wrote it.

use model::time::Timestamp;
use model::value::Object;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// 1970-01-01 was a Thursday.
const DAYS: [&str; 7] = [
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
];

/// The parts of an ISO-8601 text, by the conventions of the older helper in
/// JavaScript: weeks begin with Sunday as day 1, months count from 1. `None`
/// when the text is none.
pub(crate) fn parts(text: &str) -> Option<Object> {
    let text = text.trim();
    let instant = Timestamp::parse(text).ok()?;
    let (offset, zone) = offset(text);
    let local = instant.as_microsecond() + offset * MINUTE;
    // What the clock showed, as if it had shown UTC.
    let shown = Timestamp::from_microsecond(local)?.to_string();
    let number = |from: usize, to: usize| shown.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let clock = local.rem_euclid(DAY);
    let weekday = usize::try_from(local.div_euclid(DAY).rem_euclid(7)).ok()?;
    let day_of_week = i64::try_from((weekday + 4) % 7 + 1).ok()?;
    Some(
        Object::new()
            .with("second", clock / SECOND % 60)
            .with("minute", clock / MINUTE % 60)
            .with("hour", clock / HOUR)
            .with("hour_of_day", clock / HOUR)
            .with("day", day)
            .with("day_of_month", day)
            .with("day_of_week", day_of_week)
            .with("day_of_week_string", DAYS[weekday])
            .with("month", month)
            .with("quarter", (month - 1) / 3 + 1)
            .with("year", year)
            .with("timezone", zone),
    )
}

/// How many minutes the clock was ahead of UTC, and the same as `+HH:MM`.
fn offset(text: &str) -> (i64, String) {
    let utc = || (0, "+00:00".to_owned());
    let clock = text.get(10..).unwrap_or_default();
    let Some(at) = clock.rfind(['+', '-']) else {
        return utc();
    };
    let digits: String = clock[at + 1..]
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    let number = |from: usize, to: usize| {
        digits
            .get(from..to)
            .and_then(|text| text.parse::<i64>().ok())
    };
    let (Some(hours), Some(minutes)) = (number(0, 2), number(2, 4)) else {
        return utc();
    };
    let sign = if clock[at..].starts_with('-') { -1 } else { 1 };
    let shown = format!(
        "{}{hours:02}:{minutes:02}",
        if sign < 0 { '-' } else { '+' }
    );
    (sign * (hours * 60 + minutes), shown)
}

#[cfg(test)]
mod tests;

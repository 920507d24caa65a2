//! Time zones, and the local clock that they set.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use jiff::tz;

use super::local::Calendar;
use super::text::{Scanner, serde_as_text};
use super::{Date, TimeError, Timestamp, civil};

/// Names under which the database knows UTC itself.
const UTC_NAMES: [&str; 8] = [
    "UTC",
    "Etc/UTC",
    "Etc/UCT",
    "Etc/Universal",
    "Etc/Zulu",
    "UCT",
    "Universal",
    "Zulu",
];

/// The largest offset written as four digits behind a sign; beyond it, such a
/// text is read as seconds.
const FOUR_DIGIT_MINUTES_MAX: i64 = 14 * 60 + 59;

/// A time zone: one of the IANA database that is compiled in, or a fixed
/// offset from UTC of whole minutes and less than 24 hours.
///
/// Its text is the database's own spelling of the name, `UTC` for a fixed
/// offset of zero, or the offset as `+02:00`. Two zones are equal when their
/// texts are; two names of one zone (`UTC` and `Etc/UTC`) are not.
#[derive(Clone)]
pub struct TimeZone {
    name: Arc<str>,
    rules: tz::TimeZone,
}

impl TimeZone {
    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self {
            name: Arc::from("UTC"),
            rules: tz::TimeZone::UTC,
        }
    }

    /// The zone that is always `seconds` ahead of UTC, or behind it when
    /// negative; `None` unless that is whole minutes and less than 24 hours.
    pub fn from_offset_seconds(seconds: i32) -> Option<Self> {
        if seconds == 0 {
            return Some(Self::utc());
        }
        if seconds % 60 != 0 || seconds.abs() >= 86_400 {
            return None;
        }
        let sign = if seconds < 0 { '-' } else { '+' };
        let minutes = seconds.abs() / 60;
        let name = format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60);
        let offset = tz::Offset::from_seconds(seconds).ok()?;
        Some(Self {
            name: Arc::from(name),
            rules: offset.to_time_zone(),
        })
    }

    /// Reads an IANA name in any letter case, an offset as `+02:00` or
    /// `-0330`, or seconds of offset as an integer such as `-28800`. A sign
    /// with four digits is hours and minutes up to 14:59, and seconds beyond.
    ///
    /// # Errors
    /// [`TimeError::UnknownTimeZone`] for any other text.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let zone = match offset_seconds(text) {
            Some(seconds) => Self::from_offset_seconds(seconds),
            None => Self::named(text),
        };
        zone.ok_or_else(|| TimeError::unknown_time_zone(text))
    }

    fn named(text: &str) -> Option<Self> {
        let rules = tz::TimeZoneDatabase::bundled().get(text).ok()?;
        // The database also answers a placeholder for "zone not known".
        if rules.is_unknown() {
            return None;
        }
        let name = Arc::from(rules.iana_name()?);
        Some(Self { name, rules })
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The first instant of a date on the local clock: its midnight, or the
    /// first moment after it where the clock skips midnight.
    pub fn start_of(&self, date: Date) -> Timestamp {
        let instant = Calendar::new(self).first_instant(i64::from(date.as_days()));
        Timestamp::from_microsecond(instant).unwrap_or(Timestamp::MIN)
    }

    /// Reads a time. Without an offset it is what the local clock shows, and a
    /// date is its first instant. Of a moment that the clock shows twice the
    /// first is meant; one that it skips is read as if it did not.
    ///
    /// # Errors
    /// As [`Timestamp::parse`].
    pub fn read(&self, text: &str) -> Result<Timestamp, TimeError> {
        if let Ok(date) = Date::parse(text) {
            return Ok(self.start_of(date));
        }
        let instant = Timestamp::parse(text)?;
        let clock = text.get("0000-00-00".len()..).unwrap_or_default();
        if clock.ends_with(['Z', 'z']) || clock.contains(['+', '-']) {
            return Ok(instant);
        }
        let shown = instant.as_microsecond();
        // A day before, every zone still has the earlier of its offsets.
        let early = self.offset_micros(shown - civil::DAY);
        let at = shown - early;
        let offset = match self.offset_micros(at) == early {
            true => early,
            false => self.offset_micros(shown - self.offset_micros(at)),
        };
        Timestamp::from_microsecond(shown - offset).ok_or(TimeError::OutOfRange)
    }

    pub(super) fn is_utc(&self) -> bool {
        UTC_NAMES.contains(&self.as_str())
    }

    /// How far the local clock is ahead of UTC at `instant`, in microseconds.
    pub(super) fn offset_micros(&self, instant: i64) -> i64 {
        i64::from(self.rules.to_offset(look_up(instant)).seconds()) * civil::SECOND
    }

    /// The stretch of constant offset that holds `instant`.
    pub(super) fn segment(&self, instant: i64) -> Segment {
        let at = look_up(instant);
        let micros =
            |transition: tz::TimeZoneTransition<'_>| transition.timestamp().as_microsecond();
        // `preceding` answers what lies strictly before, so ask from just after.
        let just_after = look_up(instant.saturating_add(1));
        Segment {
            start: self
                .rules
                .preceding(just_after)
                .next()
                .map_or(i64::MIN, micros),
            end: self.rules.following(at).next().map_or(i64::MAX, micros),
            offset: self.offset_micros(instant),
        }
    }
}

/// A stretch of time in which the local clock runs without a jump, in
/// microseconds since the Unix epoch. It includes `start` and excludes `end`;
/// a side without a jump is `i64::MIN` or `i64::MAX`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) offset: i64,
}

/// The instant to ask the database for. Its range ends a day before ours does,
/// and no zone changes its clock in that day.
fn look_up(instant: i64) -> jiff::Timestamp {
    let nearest = if instant < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    };
    jiff::Timestamp::from_microsecond(instant).unwrap_or(nearest)
}

/// The offset that a text writes as an offset or as seconds, unless it does
/// neither.
fn offset_seconds(text: &str) -> Option<i32> {
    let mut scanner = Scanner::new(text);
    let sign = match scanner.one_of(b"+-") {
        Some(b'-') => -1,
        Some(_) => 1,
        None => return plain_integer(text),
    };
    let has_colon = text.contains(':');
    let clock = scanner.offset_minutes().filter(|_| scanner.at_end());
    match clock.filter(|minutes| has_colon || *minutes <= FOUR_DIGIT_MINUTES_MAX) {
        Some(minutes) => i32::try_from(sign * minutes * 60).ok(),
        None => plain_integer(&text[1..]).map(|seconds| if sign < 0 { -seconds } else { seconds }),
    }
}

/// A non-negative integer without leading zeros.
fn plain_integer(text: &str) -> Option<i32> {
    let padded = text.len() > 1 && text.starts_with('0');
    let digits = !padded && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

impl PartialEq for TimeZone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for TimeZone {}

impl Hash for TimeZone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl FromStr for TimeZone {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        Self::parse(text)
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

serde_as_text!(TimeZone, "a time zone, such as `Europe/Berlin`");

#[cfg(test)]
mod tests;

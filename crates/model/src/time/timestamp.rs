//! The instant.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::text::{Scanner, serde_as_text};
use super::{Date, TimeError, TimeZone, civil};

/// An instant with microsecond precision in the years 0001 to 9999 (UTC).
///
/// Its text is RFC 3339 in UTC with `Z` and the fewest of 0, 3 or 6 fraction
/// digits that lose nothing; equal instants have equal texts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 0001-01-01T00:00:00Z.
    pub const MIN: Self = Self(civil::days_from_civil(1, 1, 1) * civil::DAY);
    /// 9999-12-31T23:59:59.999999Z.
    pub const MAX: Self = Self(civil::days_from_civil(10_000, 1, 1) * civil::DAY - 1);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// The instant `micros` microseconds after the Unix epoch; `None` outside
    /// the years 0001 to 9999.
    pub const fn from_microsecond(micros: i64) -> Option<Self> {
        if micros < Self::MIN.0 || micros > Self::MAX.0 {
            return None;
        }
        Some(Self(micros))
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_microsecond(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 with any offset, also without the offset's colon. A
    /// date-time without an offset is taken as UTC, and a plain date as
    /// midnight UTC. Digits below the microsecond are dropped, which rounds
    /// down; a leap second is read as the second before it.
    ///
    /// # Errors
    /// [`TimeError::NotATime`] for other text and for dates or clock times
    /// that do not exist, [`TimeError::OutOfRange`] outside the years 0001 to
    /// 9999 in UTC.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let micros = scan(text).ok_or_else(|| TimeError::not_a_time(text))?;
        Self::from_microsecond(micros).ok_or(TimeError::OutOfRange)
    }

    /// The instant `duration` later, or `None` after the year 9999. What
    /// `duration` has below the microsecond is dropped.
    pub fn checked_add(self, duration: Duration) -> Option<Self> {
        let micros = i64::try_from(duration.as_micros()).ok()?;
        Self::from_microsecond(self.0.checked_add(micros)?)
    }

    /// How long ago `earlier` was; nothing, when it was not.
    pub fn since(self, earlier: Self) -> Duration {
        let micros = self
            .as_microsecond()
            .saturating_sub(earlier.as_microsecond());
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    /// The instant `duration` earlier, or `None` before the year 0001. What
    /// `duration` has below the microsecond is dropped.
    pub fn checked_sub(self, duration: Duration) -> Option<Self> {
        let micros = i64::try_from(duration.as_micros()).ok()?;
        Self::from_microsecond(self.0.checked_sub(micros)?)
    }

    /// The date of this instant in UTC.
    pub fn date(self) -> Date {
        Date::containing(self)
    }

    /// Shows the local clock of `zone` with its offset at this instant, such
    /// as `2026-03-29T00:00:00+01:00`; `Z` when the zone is UTC itself. The
    /// text always names exactly this instant: where the offset has seconds,
    /// which RFC 3339 cannot say, the clock is shown at the whole minute of
    /// offset next to it on the side of zero.
    pub fn in_zone(self, zone: &TimeZone) -> InZone<'_> {
        InZone {
            instant: self,
            zone,
            fraction: Fraction::Shortest,
        }
    }
}

/// The microseconds that a text names, or `None` if it names no time.
fn scan(text: &str) -> Option<i64> {
    let mut scanner = Scanner::new(text);
    let midnight = scanner.date()? * civil::DAY;
    if scanner.at_end() {
        return Some(midnight);
    }
    scanner.one_of(b"Tt ")?;
    let hours = scanner.number(2).filter(|hours| *hours < 24)?;
    scanner.one_of(b":")?;
    let minutes = scanner.number(2).filter(|minutes| *minutes < 60)?;
    scanner.one_of(b":")?;
    let seconds = scanner.number(2).filter(|seconds| *seconds <= 60)?.min(59);
    let fraction = match scanner.one_of(b".") {
        Some(_) => scanner.fraction_micros()?,
        None => 0,
    };
    let offset_minutes = match scanner.one_of(b"Zz+-") {
        Some(b'+') => scanner.offset_minutes()?,
        Some(b'-') => -scanner.offset_minutes()?,
        _ => 0,
    };
    scanner.finish()?;
    let clock = hours * civil::HOUR + minutes * civil::MINUTE + seconds * civil::SECOND + fraction;
    Some(midnight + clock - offset_minutes * civil::MINUTE)
}

/// How many digits a text gives to the fraction of a second.
#[derive(Clone, Copy, Debug)]
enum Fraction {
    /// The fewest of 0, 3 or 6 that lose nothing.
    Shortest,
    /// Three; what lies below is dropped, which rounds down.
    Milliseconds,
}

/// Writes the date and clock that lie `micros` after 1970-01-01T00:00.
fn write_clock(f: &mut fmt::Formatter<'_>, micros: i64, fraction: Fraction) -> fmt::Result {
    let (year, month, day) = civil::civil_from_days(micros.div_euclid(civil::DAY));
    let clock = micros.rem_euclid(civil::DAY);
    let (hours, minutes) = (clock / civil::HOUR, clock / civil::MINUTE % 60);
    let (seconds, micros) = (clock / civil::SECOND % 60, clock % civil::SECOND);
    // An answer has thousands of them, and one formatting for each part takes longer than all else.
    let mut text = *b"0000-00-00T00:00:00.000000";
    let parts = [
        (0..4, year),
        (5..7, month),
        (8..10, day),
        (11..13, hours),
        (14..16, minutes),
        (17..19, seconds),
        (20..26, micros),
    ];
    for (place, mut number) in parts {
        for digit in text[place].iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }
    let length = match (fraction, micros) {
        (Fraction::Shortest, 0) => 19,
        (Fraction::Shortest, _) if micros % 1_000 != 0 => 26,
        _ => 23,
    };
    // East of UTC the last hours are of the year 10000.
    let begin = match year {
        0..=9_999 => 0,
        _ => write!(f, "{year}").map(|()| 4)?,
    };
    f.write_str(std::str::from_utf8(&text[begin..length]).map_err(|_| fmt::Error)?)
}

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        Self::parse(text)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_clock(f, self.0, Fraction::Shortest)?;
        f.write_str("Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

serde_as_text!(
    Timestamp,
    "a time in RFC 3339, such as `2026-01-31T09:30:00Z`"
);

/// An instant shown on the local clock of a zone; see [`Timestamp::in_zone`].
#[derive(Clone, Copy, Debug)]
pub struct InZone<'a> {
    instant: Timestamp,
    zone: &'a TimeZone,
    fraction: Fraction,
}

impl InZone<'_> {
    /// The same with three digits of the fraction of a second, always. What
    /// lies below the millisecond is dropped.
    #[must_use]
    pub fn in_milliseconds(self) -> Self {
        Self {
            fraction: Fraction::Milliseconds,
            ..self
        }
    }
}

impl fmt::Display for InZone<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.zone.is_utc() {
            write_clock(f, self.instant.0, self.fraction)?;
            return f.write_str("Z");
        }
        let minutes = self.zone.offset_micros(self.instant.0) / civil::MINUTE;
        write_clock(f, self.instant.0 + minutes * civil::MINUTE, self.fraction)?;
        let sign = if minutes < 0 { '-' } else { '+' };
        let minutes = minutes.abs();
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

#[cfg(test)]
mod tests;

//! The date.

use std::fmt;
use std::str::FromStr;

use super::text::{Scanner, serde_as_text};
use super::{TimeError, Timestamp, civil};

/// A date of the proleptic Gregorian calendar in the years 0001 to 9999,
/// without a time zone. Its text is `YYYY-MM-DD`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i32);

#[expect(
    clippy::cast_possible_truncation,
    reason = "the days of the years 0001 and 10000 fit"
)]
const fn days(year: i64) -> i32 {
    civil::days_from_civil(year, 1, 1) as i32
}

impl Date {
    /// 0001-01-01.
    pub const MIN: Self = Self(days(1));
    /// 9999-12-31.
    pub const MAX: Self = Self(days(10_000) - 1);

    /// The date `days` after 1970-01-01; `None` outside the years 0001 to
    /// 9999.
    pub const fn from_days(days: i32) -> Option<Self> {
        if days < Self::MIN.0 || days > Self::MAX.0 {
            return None;
        }
        Some(Self(days))
    }

    /// Days since 1970-01-01.
    pub const fn as_days(self) -> i32 {
        self.0
    }

    /// Reads `YYYY-MM-DD`.
    ///
    /// # Errors
    /// [`TimeError::NotADate`] for other text and for dates that do not
    /// exist, [`TimeError::OutOfRange`] for the year 0000.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let mut scanner = Scanner::new(text);
        let days = scanner.date().filter(|_| scanner.at_end());
        let days = days.ok_or_else(|| TimeError::not_a_date(text))?;
        i32::try_from(days)
            .ok()
            .and_then(Self::from_days)
            .ok_or(TimeError::OutOfRange)
    }

    /// The first instant of this date in UTC.
    pub fn midnight(self) -> Timestamp {
        Timestamp::from_microsecond(i64::from(self.0) * civil::DAY)
            .expect("a date and an instant cover the same years")
    }

    /// The days of this date's month, counted from 1970-01-01.
    pub fn month(self) -> std::ops::Range<i32> {
        let (year, month, day) = civil::civil_from_days(i64::from(self.0));
        let length = |number: i64| i32::try_from(number).unwrap_or_default();
        let first = self.0 - length(day - 1);
        first..first + length(civil::days_in_month(year, month))
    }

    /// The date of an instant in UTC.
    pub(super) fn containing(instant: Timestamp) -> Self {
        i32::try_from(instant.as_microsecond().div_euclid(civil::DAY))
            .map(Self)
            .expect("a date and an instant cover the same years")
    }
}

impl FromStr for Date {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        Self::parse(text)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil::civil_from_days(i64::from(self.0));
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

serde_as_text!(Date, "a date, such as `2026-01-31`");

#[cfg(test)]
mod tests;

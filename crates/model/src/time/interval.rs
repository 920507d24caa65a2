//! The interval that a time series is cut into.

use std::fmt;
use std::str::FromStr;

use super::text::{count, serde_as_text};
use super::{TimeError, Unit, WeekStart};

/// The largest N of `every_N_<units>`.
pub const INTERVAL_COUNT_MAX: u32 = 1_000;

/// The width of the buckets of a time series: a count from 1 to
/// [`INTERVAL_COUNT_MAX`] of one unit.
///
/// Its text is `minutely`, `hourly`, `daily`, `weekly`, `monthly` or `yearly`
/// for a count of one, and `every_N_<units>` otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interval {
    count: u32,
    unit: Unit,
}

impl Interval {
    /// An interval of `count` units, or `None` unless `count` is from 1 to
    /// [`INTERVAL_COUNT_MAX`].
    pub const fn new(count: u32, unit: Unit) -> Option<Self> {
        if count == 0 || count > INTERVAL_COUNT_MAX {
            return None;
        }
        Some(Self { count, unit })
    }

    /// How many units one interval spans.
    pub const fn count(self) -> u32 {
        self.count
    }

    /// The unit.
    pub const fn unit(self) -> Unit {
        self.unit
    }

    /// The same interval where weeks start on this day.
    #[must_use]
    pub const fn with_weeks_from(self, start: WeekStart) -> Self {
        Self {
            unit: start.unit(self.unit),
            ..self
        }
    }

    /// Reads an interval, its weeks from Monday; `every_N_<units>` takes the unit in the singular
    /// too.
    ///
    /// # Errors
    /// [`TimeError::UnknownInterval`] for any other text.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let single = Unit::ALL.into_iter().find(|unit| adverb(*unit) == text);
        let interval = match single {
            Some(unit) => Self::new(1, unit),
            None => text.strip_prefix("every_").and_then(|rest| {
                let (number, unit) = rest.split_once('_')?;
                Self::new(count(number)?, Unit::parse(unit)?)
            }),
        };
        interval.ok_or_else(|| TimeError::unknown_interval(text))
    }
}

const fn adverb(unit: Unit) -> &'static str {
    match unit {
        Unit::Minute => "minutely",
        Unit::Hour => "hourly",
        Unit::Day => "daily",
        Unit::Week | Unit::SundayWeek => "weekly",
        Unit::Month => "monthly",
        Unit::Year => "yearly",
    }
}

impl FromStr for Interval {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        Self::parse(text)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => f.write_str(adverb(self.unit)),
            count => write!(f, "every_{count}_{}s", self.unit.singular()),
        }
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

serde_as_text!(Interval, "an interval, such as `daily`");

#[cfg(test)]
mod tests;

//! Ranges that are named relative to the present.

use std::fmt;
use std::str::FromStr;

use super::local::{Calendar, ClockSteps, unit_start};
use super::text::{count, serde_as_text};
use super::{Date, TimeError, TimeRange, TimeZone, Timestamp, Unit, WeekStart};

/// The largest N of `this_N_<units>` and `previous_N_<units>`.
pub const TIMEFRAME_COUNT_MAX: u32 = 1_000_000;

/// A range relative to the present: the current unit with the ones before it,
/// or only the complete ones before it.
///
/// Its text is `this_<unit>` or `previous_<unit>` for one unit, and
/// `this_N_<units>` or `previous_N_<units>` for more.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timeframe {
    includes_current: bool,
    count: u32,
    unit: Unit,
}

impl Timeframe {
    /// The current, unfinished unit and the `count - 1` before it; `None`
    /// unless `count` is from 1 to [`TIMEFRAME_COUNT_MAX`].
    pub const fn this(count: u32, unit: Unit) -> Option<Self> {
        Self::new(true, count, unit)
    }

    /// The `count` complete units before the current one; `None` unless
    /// `count` is from 1 to [`TIMEFRAME_COUNT_MAX`].
    pub const fn previous(count: u32, unit: Unit) -> Option<Self> {
        Self::new(false, count, unit)
    }

    const fn new(includes_current: bool, count: u32, unit: Unit) -> Option<Self> {
        if count == 0 || count > TIMEFRAME_COUNT_MAX {
            return None;
        }
        Some(Self {
            includes_current,
            count,
            unit,
        })
    }

    /// The same timeframe where weeks start on this day.
    #[must_use]
    pub const fn with_weeks_from(self, start: WeekStart) -> Self {
        Self {
            unit: start.unit(self.unit),
            ..self
        }
    }

    /// Reads a timeframe, its weeks from Monday, with the unit in the singular or the plural. `today`
    /// is `this_day` and `yesterday` is `previous_day`.
    ///
    /// # Errors
    /// [`TimeError::UnknownTimeframe`] for any other text.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        scan(text).ok_or_else(|| TimeError::unknown_timeframe(text))
    }

    /// The range that is meant at the instant `now` on the local clock of
    /// `zone`. With the current unit it reaches to that unit's end, otherwise
    /// to its start.
    ///
    /// Minutes and hours are counted back as elapsed time, and then out to the
    /// start of the unit that this reaches. A day that the zone skipped is
    /// not an answer to `yesterday`; the day before it is.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] if the range reaches outside the years 0001
    /// to 9999.
    pub fn resolve(self, now: Timestamp, zone: &TimeZone) -> Result<TimeRange, TimeError> {
        let now = now.as_microsecond();
        let back = i64::from(self.count) - i64::from(self.includes_current);
        let (from, to) = match self.unit.clock_micros() {
            Some(micros) => {
                let current = unit_start(zone, self.unit, now);
                let end = if self.includes_current {
                    let steps = ClockSteps::anchored_at(zone, now, micros, 1);
                    steps.after(now).next().ok_or(TimeError::OutOfRange)?
                } else {
                    current
                };
                (unit_start(zone, self.unit, current - back * micros), end)
            }
            None => self.resolve_calendar(back, now, zone)?,
        };
        let instant = |micros| Timestamp::from_microsecond(micros).ok_or(TimeError::OutOfRange);
        TimeRange::new(instant(from)?, instant(to)?)
    }

    fn resolve_calendar(
        self,
        back: i64,
        now: i64,
        zone: &TimeZone,
    ) -> Result<(i64, i64), TimeError> {
        let mut calendar = Calendar::new(zone);
        let current = self.unit.first_date(calendar.date_at(now));
        let end = self.unit.add(current, i64::from(self.includes_current));
        let mut first = self.unit.add(current, -back);
        if first < i64::from(Date::MIN.as_days()) {
            return Err(TimeError::OutOfRange);
        }
        let to = calendar.first_instant(end);
        while calendar.first_instant(first) == to {
            first = self.unit.add(first, -1);
        }
        Ok((calendar.first_instant(first), to))
    }
}

fn scan(text: &str) -> Option<Timeframe> {
    match text {
        "today" => return Timeframe::this(1, Unit::Day),
        "yesterday" => return Timeframe::previous(1, Unit::Day),
        _ => {}
    }
    let (word, rest) = text.split_once('_')?;
    let includes_current = match word {
        "this" => true,
        "previous" => false,
        _ => return None,
    };
    let (count, unit) = match rest.split_once('_') {
        Some((number, unit)) => (count(number)?, unit),
        None => (1, rest),
    };
    Timeframe::new(includes_current, count, Unit::parse(unit)?)
}

impl FromStr for Timeframe {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        Self::parse(text)
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.includes_current {
            "this"
        } else {
            "previous"
        };
        match self.count {
            1 => write!(f, "{word}_{}", self.unit.singular()),
            count => write!(f, "{word}_{count}_{}s", self.unit.singular()),
        }
    }
}

impl fmt::Debug for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

serde_as_text!(Timeframe, "a timeframe, such as `this_14_days`");

#[cfg(test)]
mod tests;

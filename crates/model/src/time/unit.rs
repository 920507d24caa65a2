//! The units that intervals and timeframes count in.

use super::civil;

/// A unit of the local clock or calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// A minute of the clock.
    Minute,
    /// An hour of the clock.
    Hour,
    /// A day of the calendar.
    Day,
    /// Seven days from a Monday.
    Week,
    /// Seven days from a Sunday. It is called a week too: which of the two is
    /// meant is said beside the text, by a [`WeekStart`].
    SundayWeek,
    /// A month of the calendar.
    Month,
    /// A year of the calendar.
    Year,
}

/// The day that weeks start on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WeekStart {
    /// As in ISO 8601.
    #[default]
    Monday,
    /// As in most of America.
    Sunday,
}

impl WeekStart {
    /// The day's name, such as `monday`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Monday => "monday",
            Self::Sunday => "sunday",
        }
    }

    /// The day of this name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Monday, Self::Sunday]
            .into_iter()
            .find(|start| start.name() == text)
    }

    /// The unit that is meant where weeks start on this day.
    pub(super) const fn unit(self, unit: Unit) -> Unit {
        match (unit, self) {
            (Unit::Week | Unit::SundayWeek, Self::Monday) => Unit::Week,
            (Unit::Week | Unit::SundayWeek, Self::Sunday) => Unit::SundayWeek,
            (other, _) => other,
        }
    }
}

impl Unit {
    /// The units that texts name.
    pub(super) const ALL: [Self; 6] = [
        Self::Minute,
        Self::Hour,
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Year,
    ];

    /// The unit's name, such as `day`.
    pub(super) const fn singular(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week | Self::SundayWeek => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The unit that a text names, in the singular or the plural.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let singular = text.strip_suffix('s').unwrap_or(text);
        Self::ALL
            .into_iter()
            .find(|unit| unit.singular() == singular)
    }

    /// The length in microseconds of a unit of the clock; `None` for units of
    /// the calendar.
    pub(super) const fn clock_micros(self) -> Option<i64> {
        match self {
            Self::Minute => Some(civil::MINUTE),
            Self::Hour => Some(civil::HOUR),
            Self::Day | Self::Week | Self::SundayWeek | Self::Month | Self::Year => None,
        }
    }

    /// The mean length in microseconds, over 400 years of the calendar.
    pub(super) const fn mean_micros(self) -> i64 {
        match self {
            Self::Minute => civil::MINUTE,
            Self::Hour => civil::HOUR,
            Self::Day => civil::DAY,
            Self::Week | Self::SundayWeek => 7 * civil::DAY,
            Self::Month => 2_629_746 * civil::SECOND,
            Self::Year => 31_556_952 * civil::SECOND,
        }
    }

    /// The first date of the unit that holds the date `days`. A date, for
    /// units of the clock.
    pub(super) const fn first_date(self, days: i64) -> i64 {
        let (year, month, _) = civil::civil_from_days(days);
        match self {
            Self::Minute | Self::Hour | Self::Day => days,
            // 1970-01-01 was a Thursday, three days after a Monday.
            Self::Week => days - (days + 3).rem_euclid(7),
            Self::SundayWeek => days - (days + 4).rem_euclid(7),
            Self::Month => civil::days_from_civil(year, month, 1),
            Self::Year => civil::days_from_civil(year, 1, 1),
        }
    }

    /// The first date of the unit that lies `count` units after the one that
    /// begins on the date `first`. Days, for units of the clock.
    pub(super) const fn add(self, first: i64, count: i64) -> i64 {
        let (year, month, _) = civil::civil_from_days(first);
        match self {
            Self::Minute | Self::Hour | Self::Day => first + count,
            Self::Week | Self::SundayWeek => first + 7 * count,
            Self::Month => {
                let months = year * 12 + month - 1 + count;
                civil::days_from_civil(months.div_euclid(12), months.rem_euclid(12) + 1, 1)
            }
            Self::Year => civil::days_from_civil(year + count, 1, 1),
        }
    }
}

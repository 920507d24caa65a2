//! What a text about time can do wrong.

use thiserror::Error;

use crate::fault::shorten;

/// Why a time, date, range, zone, interval or timeframe is refused. The text
/// that was refused is repeated up to 64 characters.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TimeError {
    /// The text is not a time.
    #[error(
        "`{0}` is not a time; write RFC 3339, such as `2026-01-31T09:30:00Z`, or a date, \
         such as `2026-01-31`"
    )]
    NotATime(String),
    /// The text is not a date.
    #[error("`{0}` is not a date of the calendar; write it as `2026-01-31`")]
    NotADate(String),
    /// The time or date lies outside the years that the house can hold.
    #[error("the time is outside the years 0001 to 9999; use one inside them")]
    OutOfRange,
    /// The end of a range does not lie after its start.
    #[error("a range must end after it starts; use a later `to` or an earlier `from`")]
    EmptyRange,
    /// The text names no time zone.
    #[error(
        "`{0}` is not a time zone; use an IANA name such as `Europe/Berlin`, `UTC`, an offset such as \
         `+02:00`, or whole minutes as seconds such as `-28800`"
    )]
    UnknownTimeZone(String),
    /// The text is not an interval.
    #[error(
        "`{0}` is not an interval; use minutely, hourly, daily, weekly, monthly, yearly, or \
         every_N_<minutes, hours, days, weeks, months or years> with N from 1 to 1000"
    )]
    UnknownInterval(String),
    /// The text is not a relative timeframe.
    #[error(
        "`{0}` is not a timeframe; use today, yesterday, or this_N_<units> or previous_N_<units> \
         with N from 1 to 1000000 and units minutes, hours, days, weeks, months or years"
    )]
    UnknownTimeframe(String),
}

impl TimeError {
    pub(super) fn not_a_time(text: &str) -> Self {
        Self::NotATime(shorten(text))
    }

    pub(super) fn not_a_date(text: &str) -> Self {
        Self::NotADate(shorten(text))
    }

    pub(super) fn unknown_time_zone(text: &str) -> Self {
        Self::UnknownTimeZone(shorten(text))
    }

    pub(super) fn unknown_interval(text: &str) -> Self {
        Self::UnknownInterval(shorten(text))
    }

    pub(super) fn unknown_timeframe(text: &str) -> Self {
        Self::UnknownTimeframe(shorten(text))
    }
}

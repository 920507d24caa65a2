//! Moments, as pages show them: for readers without a script in UTC, and for the
//! script that puts them into the reader's own zone.

use model::time::{Interval, Timestamp, Unit};

/// What a table calls the column that names its intervals.
pub(super) fn interval_head(interval: Option<Interval>) -> &'static str {
    match interval.map(|interval| (interval.count(), interval.unit())) {
        Some((1, Unit::Minute)) => "minute",
        Some((1, Unit::Hour)) => "hour",
        Some((1, Unit::Day)) => "day",
        Some((1, Unit::Week | Unit::SundayWeek)) => "week",
        Some((1, Unit::Month)) => "month",
        Some((1, Unit::Year)) => "year",
        _ => "from",
    }
}

/// A moment.
pub(super) struct Moment {
    /// For machines.
    pub(super) iso: String,
    /// For people, in UTC.
    pub(super) text: String,
}

impl From<Timestamp> for Moment {
    fn from(moment: Timestamp) -> Self {
        let iso = moment.to_string();
        let text = match (iso.get(..10), iso.get(11..16)) {
            (Some(date), Some(time)) => format!("{date} {time} UTC"),
            _ => iso.clone(),
        };
        Self { iso, text }
    }
}

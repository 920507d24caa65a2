//! Moments, as pages show them: for readers without a script in UTC, and for the
//! script that puts them into the reader's own zone.

use model::time::{Interval, Timestamp, Unit};

use crate::charts::MONTHS;

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

/// A date that is written `YYYY-MM-DD`, as people write it: `2 Dec 2026`, and beside a date of the
/// same year `2 Dec`.
pub(super) fn day_of(date: &str, beside: &str) -> String {
    let number = |digits: Option<&str>| digits.and_then(|digits| digits.parse::<usize>().ok());
    let month = number(date.get(5..7)).and_then(|month| MONTHS.get(month.wrapping_sub(1)).copied());
    let (day, year) = (number(date.get(8..10)), date.get(..4));
    let (Some(day), Some(month), Some(year)) = (day, month, year) else {
        return date.to_owned();
    };
    match beside.starts_with(year) {
        true => format!("{day} {month}"),
        false => format!("{day} {month} {year}"),
    }
}

/// A text with the moments in it as people write them: `1 Jan 2027, 00:00 UTC`.
pub(super) fn with_days(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let iso = word.trim_end_matches([',', ';', ':', '.']);
        let is_moment = iso.contains('T') && Timestamp::parse(iso).is_ok();
        match iso.get(11..16).filter(|_| is_moment) {
            Some(clock) => format!("{}, {clock} UTC{}", day_of(iso, ""), &word[iso.len()..]),
            None => word.to_owned(),
        }
    });
    words.collect::<Vec<String>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_moments_are_written_as_people_write_them() {
        assert_eq!(day_of("2026-12-02", "2026-12-31"), "2 Dec");
        assert_eq!(day_of("2026-12-02", "2027-01-01"), "2 Dec 2026");
        assert_eq!(day_of("soon", ""), "soon");
        let told =
            "the secret T1 ends at 2027-01-01T00:00:00Z, and goes over; 2026-12-02T09:05:06.7Z";
        assert_eq!(
            with_days(told),
            "the secret T1 ends at 1 Jan 2027, 00:00 UTC, and goes over; 2 Dec 2026, 09:05 UTC"
        );
    }
}

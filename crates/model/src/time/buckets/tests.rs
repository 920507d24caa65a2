use super::*;

mod limits;
mod properties;

fn range(from: &str, to: &str) -> TimeRange {
    TimeRange::new(
        Timestamp::parse(from).unwrap(),
        Timestamp::parse(to).unwrap(),
    )
    .unwrap()
}

fn cut(zone: &str, interval: &str, from: &str, to: &str) -> Vec<String> {
    let zone = TimeZone::parse(zone).unwrap();
    let interval = Interval::parse(interval).unwrap();
    let buckets = buckets(range(from, to), interval, &zone, BUCKETS_MAX).unwrap();
    (0..)
        .map_while(|index| buckets.label(index, &zone))
        .collect()
}

/// Compares labels with a list in which a line without a date repeats the
/// date of the line before.
#[track_caller]
fn check(zone: &str, interval: &str, from: &str, to: &str, expected: &str) {
    let mut date = "";
    let expected: Vec<String> = expected
        .split_whitespace()
        .map(|label| match label.split_once('T') {
            Some((day, clock)) => {
                date = day;
                format!("{day}T{clock}")
            }
            None => format!("{date}T{label}"),
        })
        .collect();
    assert_eq!(cut(zone, interval, from, to), expected, "{zone} {interval}");
}

#[test]
fn days_have_23_or_25_hours_when_the_clocks_change() {
    let zone = "Europe/Berlin";
    check(
        zone,
        "daily",
        "2026-03-28T10:00:00+01:00",
        "2026-03-31T00:00:00+02:00",
        "2026-03-28T00:00:00+01:00 2026-03-29T00:00:00+01:00 2026-03-30T00:00:00+02:00",
    );
    check(
        zone,
        "daily",
        "2026-10-25T00:00:00+02:00",
        "2026-10-27T00:00:00+01:00",
        "2026-10-25T00:00:00+02:00 2026-10-26T00:00:00+01:00",
    );
}

#[test]
fn an_hour_that_the_clock_repeats_has_two_buckets() {
    check(
        "Europe/Berlin",
        "hourly",
        "2026-10-25T01:30:00+02:00",
        "2026-10-25T03:00:01+01:00",
        "2026-10-25T01:00:00+02:00 02:00:00+02:00 02:00:00+01:00 03:00:00+01:00",
    );
    check(
        "Europe/Berlin",
        "every_30_minutes",
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T03:00:00+01:00",
        "2026-10-25T02:00:00+02:00 02:30:00+02:00 02:00:00+01:00 02:30:00+01:00",
    );
    // From the second of the two hours.
    check(
        "Europe/Berlin",
        "hourly",
        "2026-10-25T02:10:00+01:00",
        "2026-10-25T03:00:00+01:00",
        "2026-10-25T02:00:00+01:00",
    );
}

#[test]
fn an_hour_that_the_clock_skips_has_none() {
    check(
        "Europe/Berlin",
        "hourly",
        "2026-03-29T01:00:00+01:00",
        "2026-03-29T04:00:00+02:00",
        "2026-03-29T01:00:00+01:00 03:00:00+02:00",
    );
    // Six hours of the clock, five of them real.
    check(
        "Europe/Berlin",
        "every_6_hours",
        "2026-03-29T00:10:00+01:00",
        "2026-03-29T18:00:00+02:00",
        "2026-03-29T00:00:00+01:00 06:00:00+02:00 12:00:00+02:00",
    );
    // The step's own first hour is skipped.
    check(
        "Europe/Berlin",
        "every_2_hours",
        "2026-03-29T00:00:00+01:00",
        "2026-03-29T06:00:00+02:00",
        "2026-03-29T00:00:00+01:00 03:00:00+02:00 04:00:00+02:00",
    );
}

#[test]
fn shifts_of_half_an_hour() {
    let zone = "Australia/Lord_Howe";
    // 02:00 becomes 02:30.
    check(
        zone,
        "hourly",
        "2026-10-04T01:00:00+10:30",
        "2026-10-04T04:00:00+11:00",
        "2026-10-04T01:00:00+10:30 02:30:00+11:00 03:00:00+11:00",
    );
    // 02:00 becomes 01:30: the hour from 01:00 lasts 90 minutes.
    check(
        zone,
        "hourly",
        "2026-04-05T00:00:00+11:00",
        "2026-04-05T03:00:00+10:30",
        "2026-04-05T00:00:00+11:00 01:00:00+11:00 02:00:00+10:30",
    );
    check(
        zone,
        "hourly",
        "2026-04-05T01:45:00+10:30",
        "2026-04-05T02:00:00+10:30",
        "2026-04-05T01:00:00+11:00",
    );
    check(
        zone,
        "daily",
        "2026-04-05T12:00:00+10:30",
        "2026-04-06T12:00:00+10:30",
        "2026-04-05T00:00:00+11:00 2026-04-06T00:00:00+10:30",
    );
}

#[test]
fn offsets_of_30_and_45_minutes() {
    check(
        "Asia/Kolkata",
        "hourly",
        "2026-01-01T00:00:00Z",
        "2026-01-01T02:00:00Z",
        "2026-01-01T05:00:00+05:30 06:00:00+05:30 07:00:00+05:30",
    );
    check(
        "Asia/Kathmandu",
        "daily",
        "2026-01-01T18:14:59Z",
        "2026-01-01T18:15:01Z",
        "2026-01-01T00:00:00+05:45 2026-01-02T00:00:00+05:45",
    );
    check(
        "Pacific/Chatham",
        "every_30_minutes",
        "2026-06-01T00:00:00Z",
        "2026-06-01T00:45:00Z",
        "2026-06-01T12:45:00+12:45 13:15:00+12:45",
    );
    check(
        "-03:30",
        "daily",
        "2026-01-01T00:00:00Z",
        "2026-01-01T03:31:00Z",
        "2025-12-31T00:00:00-03:30 2026-01-01T00:00:00-03:30",
    );
}

#[test]
fn a_day_without_midnight_begins_at_its_first_instant() {
    check(
        "America/Sao_Paulo",
        "daily",
        "2018-11-03T12:00:00-03:00",
        "2018-11-05T12:00:00-02:00",
        "2018-11-03T00:00:00-03:00 2018-11-04T01:00:00-02:00 2018-11-05T00:00:00-02:00",
    );
    check(
        "Asia/Beirut",
        "daily",
        "2022-03-26T12:00:00+02:00",
        "2022-03-28T12:00:00+03:00",
        "2022-03-26T00:00:00+02:00 2022-03-27T01:00:00+03:00 2022-03-28T00:00:00+03:00",
    );
}

#[test]
fn a_day_with_two_midnights_begins_at_the_first() {
    check(
        "America/Havana",
        "daily",
        "2026-11-01T00:30:00-05:00",
        "2026-11-02T12:00:00-05:00",
        "2026-11-01T00:00:00-04:00 2026-11-02T00:00:00-05:00",
    );
    // 00:01 becomes 23:01 of the day before, which does not begin again.
    check(
        "America/St_Johns",
        "daily",
        "2010-11-06T12:00:00-02:30",
        "2010-11-08T12:00:00-03:30",
        "2010-11-06T00:00:00-02:30 2010-11-07T00:00:00-02:30 2010-11-08T00:00:00-03:30",
    );
    check(
        "America/St_Johns",
        "hourly",
        "2010-11-06T23:00:00-02:30",
        "2010-11-07T01:00:00-03:30",
        "2010-11-06T23:00:00-02:30 2010-11-07T00:00:00-02:30 2010-11-06T23:01:00-03:30 2010-11-07T00:00:00-03:30",
    );
}

#[test]
fn a_skipped_day_has_no_bucket() {
    let zone = "Pacific/Apia";
    check(
        zone,
        "daily",
        "2011-12-28T12:00:00-10:00",
        "2012-01-01T12:00:00+14:00",
        "2011-12-28T00:00:00-10:00 2011-12-29T00:00:00-10:00 2011-12-31T00:00:00+14:00 2012-01-01T00:00:00+14:00",
    );
    check(
        zone,
        "every_2_days",
        "2011-12-28T12:00:00-10:00",
        "2012-01-02T12:00:00+14:00",
        "2011-12-28T00:00:00-10:00 2011-12-31T00:00:00+14:00 2012-01-01T00:00:00+14:00",
    );
    check(
        zone,
        "hourly",
        "2011-12-29T23:00:00-10:00",
        "2011-12-31T01:00:00+14:00",
        "2011-12-29T23:00:00-10:00 2011-12-31T00:00:00+14:00",
    );
}

#[test]
fn weeks_months_and_years_follow_the_calendar() {
    check(
        "Europe/Berlin",
        "weekly",
        "2026-03-26T12:00:00+01:00",
        "2026-04-06T00:00:00+02:00",
        "2026-03-23T00:00:00+01:00 2026-03-30T00:00:00+02:00",
    );
    check(
        "UTC",
        "monthly",
        "2024-01-31",
        "2024-04-01",
        "2024-01-01T00:00:00Z 2024-02-01T00:00:00Z 2024-03-01T00:00:00Z",
    );
    check(
        "America/New_York",
        "yearly",
        "2024-01-01T00:00:00Z",
        "2025-01-01T05:00:01Z",
        "2023-01-01T00:00:00-05:00 2024-01-01T00:00:00-05:00 2025-01-01T00:00:00-05:00",
    );
}

#[test]
fn every_n_counts_from_the_unit_that_holds_the_start() {
    check(
        "UTC",
        "every_7_minutes",
        "2026-01-01T10:03:30Z",
        "2026-01-01T10:20:00Z",
        "2026-01-01T10:03:00Z 10:10:00Z 10:17:00Z",
    );
    check(
        "Europe/Berlin",
        "every_2_weeks",
        "2026-03-26",
        "2026-04-19",
        "2026-03-23T00:00:00+01:00 2026-04-06T00:00:00+02:00",
    );
    check(
        "UTC",
        "every_5_months",
        "2025-10-20",
        "2026-09-01",
        "2025-10-01T00:00:00Z 2026-03-01T00:00:00Z 2026-08-01T00:00:00Z",
    );
    check(
        "UTC",
        "every_10_years",
        "2016-05-05",
        "2026-01-02",
        "2016-01-01T00:00:00Z 2026-01-01T00:00:00Z",
    );
    // Counted on the clock: still at noon and midnight after the change.
    check(
        "Europe/Berlin",
        "every_12_hours",
        "2026-10-24T12:00:00+02:00",
        "2026-10-26T00:00:00+01:00",
        "2026-10-24T12:00:00+02:00 2026-10-25T00:00:00+02:00 12:00:00+01:00",
    );
}

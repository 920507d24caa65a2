use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

fn day(text: &str) -> i32 {
    Date::parse(text).expect("a date").as_days()
}

#[test]
fn periods_are_those_of_the_calendar_in_utc() {
    let cases = [
        (
            Period::Day,
            "2026-05-31T23:59:59.999999Z",
            "2026-05-31",
            "2026-06-01",
        ),
        (
            Period::Day,
            "2026-06-01T00:00:00Z",
            "2026-06-01",
            "2026-06-02",
        ),
        // A Sunday and a Monday.
        (
            Period::Week,
            "2026-05-31T12:00:00Z",
            "2026-05-25",
            "2026-06-01",
        ),
        (
            Period::Week,
            "2026-06-01T00:00:00Z",
            "2026-06-01",
            "2026-06-08",
        ),
        (
            Period::Week,
            "1969-12-31T00:00:00Z",
            "1969-12-29",
            "1970-01-05",
        ),
        (
            Period::Month,
            "2026-05-31T23:59:59Z",
            "2026-05-01",
            "2026-06-01",
        ),
        (
            Period::Month,
            "2028-02-29T00:00:00Z",
            "2028-02-01",
            "2028-03-01",
        ),
        (
            Period::Month,
            "2026-12-01T00:00:00Z",
            "2026-12-01",
            "2027-01-01",
        ),
        (
            Period::Month,
            "2026-12-31T01:00:00+02:00",
            "2026-12-01",
            "2027-01-01",
        ),
    ];
    for (period, now, first, next) in cases {
        assert_eq!(period.days(at(now)), day(first)..day(next), "{now}");
        let ends = Date::parse(next).expect("a date").midnight();
        assert_eq!(period.ends(at(now)), ends, "{now}");
    }
}

#[test]
fn every_day_is_in_one_period_of_each_kind() {
    for period in Period::ALL {
        let mut known = period.days(at("2023-12-15T00:00:00Z"));
        for days in day("2024-01-01")..day("2029-01-01") {
            let now = Date::from_days(days).expect("a date").midnight();
            let found = period.days(now);
            assert!(found.contains(&days));
            assert!(found == known || found.start == known.end || days == day("2024-01-01"));
            known = found;
        }
    }
}

#[test]
fn costs_follow_from_the_call() {
    let streams = [Some(1), Some(1_000), Some(1_001), Some(u64::MAX), None];
    assert_eq!(streams.map(stream_cost), [1, 1, 2, 1_000, 1_000]);
    assert_eq!(
        [0, 1, 1_000, 1_001, 100_000].map(ingest_cost),
        [0, 1, 1, 2, 100]
    );
}

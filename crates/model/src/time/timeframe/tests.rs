use proptest::prelude::*;

use super::*;

fn resolved(timeframe: &str, now: &str, zone: &str) -> String {
    let zone = TimeZone::parse(zone).unwrap();
    let now = Timestamp::parse(now).unwrap();
    match Timeframe::parse(timeframe).unwrap().resolve(now, &zone) {
        Ok(range) => format!(
            "{} {}",
            range.from().in_zone(&zone),
            range.to().in_zone(&zone)
        ),
        Err(error) => error.to_string(),
    }
}

#[test]
fn texts_that_name_a_timeframe() {
    for (text, expected, shown) in [
        (
            "this_14_days",
            Timeframe::this(14, Unit::Day),
            "this_14_days",
        ),
        (
            "previous_3_months",
            Timeframe::previous(3, Unit::Month),
            "previous_3_months",
        ),
        (
            "previous_3_month",
            Timeframe::previous(3, Unit::Month),
            "previous_3_months",
        ),
        (
            "this_minute",
            Timeframe::this(1, Unit::Minute),
            "this_minute",
        ),
        ("this_1_hours", Timeframe::this(1, Unit::Hour), "this_hour"),
        (
            "previous_weeks",
            Timeframe::previous(1, Unit::Week),
            "previous_week",
        ),
        ("today", Timeframe::this(1, Unit::Day), "this_day"),
        (
            "yesterday",
            Timeframe::previous(1, Unit::Day),
            "previous_day",
        ),
        (
            "this_1000000_years",
            Timeframe::this(1_000_000, Unit::Year),
            "this_1000000_years",
        ),
    ] {
        let timeframe = Timeframe::parse(text).unwrap();
        assert_eq!(Some(timeframe), expected, "{text}");
        assert_eq!(timeframe.to_string(), shown);
    }
}

#[test]
fn texts_that_name_no_timeframe() {
    for text in [
        "",
        "Today",
        "tomorrow",
        "this",
        "this_",
        "this_0_days",
        "this_1000001_days",
        "this_07_days",
        "this_-1_days",
        "this_2_",
        "this_2",
        "this_2_days_",
        "this_2_seconds",
        "last_2_days",
        "next_2_days",
        "previous_2_2_days",
        "this_18446744073709551617_days",
    ] {
        assert_eq!(
            Timeframe::parse(text),
            Err(TimeError::UnknownTimeframe(text.to_owned()))
        );
    }
}

#[test]
fn ranges_on_an_ordinary_day() {
    // A Thursday.
    let now = "2026-07-16T10:20:30.5Z";
    for (timeframe, range) in [
        ("this_minute", "2026-07-16T10:20:00Z 2026-07-16T10:21:00Z"),
        (
            "this_2_minutes",
            "2026-07-16T10:19:00Z 2026-07-16T10:21:00Z",
        ),
        (
            "previous_minute",
            "2026-07-16T10:19:00Z 2026-07-16T10:20:00Z",
        ),
        ("this_hour", "2026-07-16T10:00:00Z 2026-07-16T11:00:00Z"),
        (
            "previous_24_hours",
            "2026-07-15T10:00:00Z 2026-07-16T10:00:00Z",
        ),
        ("today", "2026-07-16T00:00:00Z 2026-07-17T00:00:00Z"),
        ("yesterday", "2026-07-15T00:00:00Z 2026-07-16T00:00:00Z"),
        ("this_14_days", "2026-07-03T00:00:00Z 2026-07-17T00:00:00Z"),
        (
            "previous_14_days",
            "2026-07-02T00:00:00Z 2026-07-16T00:00:00Z",
        ),
        ("this_week", "2026-07-13T00:00:00Z 2026-07-20T00:00:00Z"),
        (
            "previous_2_weeks",
            "2026-06-29T00:00:00Z 2026-07-13T00:00:00Z",
        ),
        ("this_month", "2026-07-01T00:00:00Z 2026-08-01T00:00:00Z"),
        (
            "previous_8_months",
            "2025-11-01T00:00:00Z 2026-07-01T00:00:00Z",
        ),
        (
            "this_13_months",
            "2025-07-01T00:00:00Z 2026-08-01T00:00:00Z",
        ),
        ("this_year", "2026-01-01T00:00:00Z 2027-01-01T00:00:00Z"),
        (
            "previous_2_years",
            "2024-01-01T00:00:00Z 2026-01-01T00:00:00Z",
        ),
    ] {
        assert_eq!(resolved(timeframe, now, "UTC"), range, "{timeframe}");
    }
}

#[test]
fn ranges_follow_the_clock_of_the_zone() {
    for (timeframe, now, zone, range) in [
        (
            "today",
            "2026-03-29T22:30:00Z",
            "Europe/Berlin",
            "2026-03-30T00:00:00+02:00 2026-03-31T00:00:00+02:00",
        ),
        (
            "yesterday",
            "2026-03-29T22:30:00Z",
            "Europe/Berlin",
            "2026-03-29T00:00:00+01:00 2026-03-30T00:00:00+02:00",
        ),
        // The second of the two hours from 02:00 to 03:00.
        (
            "this_2_hours",
            "2026-10-25T01:30:00Z",
            "Europe/Berlin",
            "2026-10-25T02:00:00+02:00 2026-10-25T03:00:00+01:00",
        ),
        (
            "this_hour",
            "2026-10-25T00:30:00Z",
            "Europe/Berlin",
            "2026-10-25T02:00:00+02:00 2026-10-25T02:00:00+01:00",
        ),
        // No midnight on this day.
        (
            "today",
            "2018-11-04T12:00:00Z",
            "America/Sao_Paulo",
            "2018-11-04T01:00:00-02:00 2018-11-05T00:00:00-02:00",
        ),
        // No 30th of December.
        (
            "yesterday",
            "2011-12-31T12:00:00+14:00",
            "Pacific/Apia",
            "2011-12-29T00:00:00-10:00 2011-12-31T00:00:00+14:00",
        ),
        (
            "today",
            "2011-12-29T12:00:00-10:00",
            "Pacific/Apia",
            "2011-12-29T00:00:00-10:00 2011-12-31T00:00:00+14:00",
        ),
        (
            "this_hour",
            "2026-01-01T00:00:00Z",
            "Asia/Kathmandu",
            "2026-01-01T05:00:00+05:45 2026-01-01T06:00:00+05:45",
        ),
    ] {
        assert_eq!(resolved(timeframe, now, zone), range, "{timeframe} {zone}");
    }
}

#[test]
fn ranges_outside_the_years_of_the_house_are_refused() {
    let refusal = TimeError::OutOfRange.to_string();
    for timeframe in [
        "this_1000000_years",
        "previous_1000000_months",
        "previous_2026_years",
        "this_1000000_days",
        "previous_1000000_weeks",
    ] {
        assert_eq!(
            resolved(timeframe, "2026-01-01", "UTC"),
            refusal,
            "{timeframe}"
        );
    }
    assert_eq!(
        resolved("this_2026_years", "2026-01-01", "UTC"),
        "0001-01-01T00:00:00Z 2027-01-01T00:00:00Z"
    );
    assert_eq!(resolved("today", "9999-12-31", "UTC"), refusal);
    assert_eq!(
        resolved("this_minute", "9999-12-31T23:59:59Z", "UTC"),
        refusal
    );
    assert_eq!(resolved("today", "0001-01-01", "Asia/Tokyo"), refusal);
    assert_eq!(resolved("previous_minute", "0001-01-01", "UTC"), refusal);
}

#[test]
fn weeks_start_on_the_day_that_is_said() {
    // 2026-03-01 was a Sunday.
    let now = Timestamp::parse("2026-03-01T12:00:00Z").unwrap();
    let zone = TimeZone::parse("America/Los_Angeles").unwrap();
    let cases = [
        (WeekStart::Monday, "this_week", "2026-02-23", "2026-03-02"),
        (WeekStart::Sunday, "this_week", "2026-03-01", "2026-03-08"),
        (
            WeekStart::Sunday,
            "previous_2_weeks",
            "2026-02-15",
            "2026-03-01",
        ),
        (WeekStart::Sunday, "this_month", "2026-03-01", "2026-04-01"),
    ];
    for (start, text, from, to) in cases {
        let timeframe = Timeframe::parse(text).unwrap().with_weeks_from(start);
        let range = timeframe.resolve(now, &zone).unwrap();
        let side = |date| zone.start_of(Date::parse(date).unwrap());
        assert_eq!((range.from(), range.to()), (side(from), side(to)), "{text}");
        assert_eq!(timeframe.to_string(), text);
        assert_eq!(WeekStart::parse(start.name()), Some(start));
        let monday = timeframe.with_weeks_from(WeekStart::Monday);
        assert_eq!(monday, Timeframe::parse(text).unwrap());
    }
}

proptest! {
    #[test]
    fn reading_what_is_shown_gives_the_same_timeframe(
        count in 1..=TIMEFRAME_COUNT_MAX,
        unit in prop::sample::select(Unit::ALL.to_vec()),
        this in any::<bool>(),
    ) {
        let timeframe = Timeframe::new(this, count, unit).unwrap();
        prop_assert_eq!(Timeframe::parse(&timeframe.to_string()), Ok(timeframe));
        let json = serde_json::to_string(&timeframe).unwrap();
        prop_assert_eq!(serde_json::from_str::<Timeframe>(&json).unwrap(), timeframe);
    }

    #[test]
    fn this_holds_the_present_and_previous_ends_before_it(
        now in -2_000_000_000..4_000_000_000_i64,
        count in 1..500_u32,
        unit in prop::sample::select([&Unit::ALL[..], &[Unit::SundayWeek]].concat()),
        zone in prop::sample::select(vec![
            "UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo",
        ]),
    ) {
        let zone = TimeZone::parse(zone).unwrap();
        let now = Timestamp::from_microsecond(now * 1_000_000 + 7).unwrap();
        let this = Timeframe::this(count, unit).unwrap().resolve(now, &zone).unwrap();
        prop_assert!(this.contains(now));
        let previous = Timeframe::previous(count, unit).unwrap().resolve(now, &zone).unwrap();
        prop_assert!(previous.to() <= now);
        let current = Timeframe::this(1, unit).unwrap().resolve(now, &zone).unwrap();
        prop_assert_eq!(previous.to(), current.from());
        prop_assert_eq!(this.to(), current.to());
        prop_assert!(previous.from() <= this.from());
    }
}

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[test]
fn texts_that_name_a_time() {
    for (text, shown) in [
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("2026-01-01", "2026-01-01T00:00:00Z"),
        ("2026-01-01T10:00:00", "2026-01-01T10:00:00Z"),
        ("2026-01-01t10:00:00z", "2026-01-01T10:00:00Z"),
        ("2026-01-01 10:00:00+02:00", "2026-01-01T08:00:00Z"),
        ("2026-01-01T10:00:00-0330", "2026-01-01T13:30:00Z"),
        ("2026-01-01T10:00:00-00:00", "2026-01-01T10:00:00Z"),
        ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00Z"),
        ("2024-02-29T23:59:59.5Z", "2024-02-29T23:59:59.500Z"),
        ("2026-01-01T00:00:00.120Z", "2026-01-01T00:00:00.120Z"),
        ("2026-01-01T00:00:00.1234Z", "2026-01-01T00:00:00.123400Z"),
        ("2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:00.000001Z"),
        (
            "2026-01-01T00:00:00.123456999Z",
            "2026-01-01T00:00:00.123456Z",
        ),
        (
            "1969-12-31T23:59:59.9999999Z",
            "1969-12-31T23:59:59.999999Z",
        ),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
        ("0000-12-31T23:30:00-01:00", "0001-01-01T00:30:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        (
            "9999-12-31T23:59:59.999999999Z",
            "9999-12-31T23:59:59.999999Z",
        ),
    ] {
        assert_eq!(at(text).to_string(), shown, "{text}");
    }
}

#[test]
fn texts_that_name_no_time() {
    for text in [
        "",
        "now",
        "2026",
        "2026-01",
        "2026-1-1",
        "2026-02-29",
        "2026-13-01",
        "2026-00-10",
        "2026-01-00",
        "2026-01-01Z",
        "2026-01-01T",
        "2026-01-01T10",
        "2026-01-01T10:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T10:60:00Z",
        "2026-01-01T10:00:61Z",
        "2026-01-01T10:00:00.Z",
        "2026-01-01T10:00:00,5Z",
        "2026-01-01T10:00:00+24:00",
        "2026-01-01T10:00:00+02:60",
        "2026-01-01T10:00:00+2:00",
        "2026-01-01T10:00:00+02",
        "2026-01-01T10:00:00Zulu",
        "2026-01-01T10:00:00[Europe/Berlin]",
        " 2026-01-01",
        "2026-01-01 ",
        "+2026-01-01",
        "-026-01-01",
        "20260101",
        "٢٠٢٦-٠١-٠١",
        "2026-01-01T10:00:0é",
    ] {
        assert_eq!(
            Timestamp::parse(text),
            Err(TimeError::NotATime(text.to_owned())),
            "{text}"
        );
    }
    for text in [
        "0000-12-31T23:59:59Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    ] {
        assert_eq!(Timestamp::parse(text), Err(TimeError::OutOfRange), "{text}");
    }
}

#[test]
fn a_refusal_repeats_at_most_64_characters() {
    let message = Timestamp::parse(&"é".repeat(10_000))
        .unwrap_err()
        .to_string();
    assert!(
        message.contains(&"é".repeat(64)) && !message.contains(&"é".repeat(65)),
        "{message}"
    );
}

#[test]
fn the_range_is_the_years_0001_to_9999() {
    assert_eq!(Timestamp::MIN.to_string(), "0001-01-01T00:00:00Z");
    assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999999Z");
    assert_eq!(
        Timestamp::from_microsecond(Timestamp::MIN.as_microsecond() - 1),
        None
    );
    assert_eq!(
        Timestamp::from_microsecond(Timestamp::MAX.as_microsecond() + 1),
        None
    );
    assert_eq!(Timestamp::from_microsecond(0), Some(Timestamp::EPOCH));

    let micro = Duration::from_micros(1);
    assert_eq!(Timestamp::MAX.checked_add(micro), None);
    assert_eq!(Timestamp::MIN.checked_sub(micro), None);
    assert_eq!(Timestamp::EPOCH.checked_add(Duration::MAX), None);
    assert_eq!(Timestamp::EPOCH.checked_sub(Duration::MAX), None);
    assert_eq!(
        Timestamp::EPOCH.checked_add(micro),
        Timestamp::from_microsecond(1)
    );
    assert_eq!(
        Timestamp::EPOCH.checked_sub(micro),
        Timestamp::from_microsecond(-1)
    );
}

#[test]
fn a_zone_shows_its_clock_and_offset() {
    for (instant, zone, shown) in [
        (
            "2026-03-28T23:00:00Z",
            "Europe/Berlin",
            "2026-03-29T00:00:00+01:00",
        ),
        (
            "2026-03-29T01:00:00Z",
            "Europe/Berlin",
            "2026-03-29T03:00:00+02:00",
        ),
        ("2026-03-29T01:00:00.5Z", "UTC", "2026-03-29T01:00:00.500Z"),
        ("2026-03-29T01:00:00Z", "Etc/UTC", "2026-03-29T01:00:00Z"),
        (
            "2026-01-01T00:00:00Z",
            "Europe/London",
            "2026-01-01T00:00:00+00:00",
        ),
        (
            "2026-01-01T00:00:00Z",
            "-03:30",
            "2025-12-31T20:30:00-03:30",
        ),
        (
            "2026-01-01T00:00:00Z",
            "-00:30",
            "2025-12-31T23:30:00-00:30",
        ),
        (
            "2026-01-01T00:00:00Z",
            "Asia/Kathmandu",
            "2026-01-01T05:45:00+05:45",
        ),
        // Offsets of +00:53:28 and -04:56:02: RFC 3339 has no seconds of offset.
        (
            "1890-01-01T00:00:00Z",
            "Europe/Berlin",
            "1890-01-01T00:53:00+00:53",
        ),
        (
            "1880-01-01T00:00:00Z",
            "America/New_York",
            "1879-12-31T19:04:00-04:56",
        ),
        (
            "0001-01-01T00:00:00Z",
            "-01:00",
            "0000-12-31T23:00:00-01:00",
        ),
    ] {
        let zone = TimeZone::parse(zone).unwrap();
        assert_eq!(at(instant).in_zone(&zone).to_string(), shown);
        assert_eq!(at(shown), at(instant));
    }
}

#[test]
fn milliseconds_are_three_digits_always() {
    let cases = [
        ("2024-03-04T09:00:00Z", "UTC", "2024-03-04T09:00:00.000Z"),
        (
            "2024-03-05T23:59:59.999999Z",
            "Etc/UTC",
            "2024-03-05T23:59:59.999Z",
        ),
        (
            "2024-03-04T00:00:00.0004Z",
            "US/Pacific",
            "2024-03-03T16:00:00.000-08:00",
        ),
        // Before 1970 too, what is dropped rounds down.
        (
            "1969-12-31T23:59:59.000001Z",
            "+01:00",
            "1970-01-01T00:59:59.000+01:00",
        ),
    ];
    for (instant, zone, shown) in cases {
        let zone = TimeZone::parse(zone).unwrap();
        let text = at(instant).in_zone(&zone).in_milliseconds().to_string();
        assert_eq!(text, shown);
    }
}

#[test]
fn serde_uses_the_text() {
    let instant = at("2026-01-01T00:00:00.5Z");
    let json = serde_json::to_string(&instant).unwrap();
    assert_eq!(json, "\"2026-01-01T00:00:00.500Z\"");
    assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), instant);
    for bad in ["0", "null", "\"soon\"", "{}"] {
        assert!(serde_json::from_str::<Timestamp>(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn reading_what_is_shown_gives_the_same_instant(
        micros in Timestamp::MIN.as_microsecond()..=Timestamp::MAX.as_microsecond(),
        coarse in prop::sample::select(vec![1, 1_000, 1_000_000]),
        offset in -1_439..1_440_i32,
    ) {
        let micros = micros - micros.rem_euclid(coarse);
        let instant = Timestamp::from_microsecond(micros).unwrap();
        prop_assert_eq!(at(&instant.to_string()), instant);

        let zone = TimeZone::from_offset_seconds(offset * 60).unwrap();
        let shown = instant.in_zone(&zone).to_string();
        let local = micros + i64::from(offset) * 60_000_000;
        if (Timestamp::MIN.as_microsecond()..=Timestamp::MAX.as_microsecond()).contains(&local) {
            prop_assert_eq!(at(&shown), instant);
        }
    }

    #[test]
    fn texts_agree_with_another_library(micros in -62_000_000_000_000_000..253_000_000_000_000_000_i64) {
        let instant = Timestamp::from_microsecond(micros).unwrap();
        let other = jiff::Timestamp::from_microsecond(micros).unwrap();
        prop_assert_eq!(instant.to_string().parse::<jiff::Timestamp>().unwrap(), other);
        prop_assert_eq!(at(&other.to_string()), instant);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}", near in "[0-9T:.Z+ -]{0,32}") {
        for text in [text, near] {
            if let Ok(instant) = Timestamp::parse(&text) {
                prop_assert_eq!(at(&instant.to_string()), instant);
            }
        }
    }
}

#[test]
fn a_clock_east_of_utc_reaches_the_year_10000_and_one_west_of_it_the_year_0() {
    let shown = |at: Timestamp, minutes: i32| {
        let zone = crate::time::TimeZone::from_offset_seconds(minutes * 60).unwrap();
        at.in_zone(&zone).to_string()
    };
    let east = shown(Timestamp::MAX, 120);
    assert_eq!(east, "10000-01-01T01:59:59.999999+02:00");
    let west = shown(Timestamp::MIN, -210);
    assert_eq!(west, "0000-12-31T20:30:00-03:30");
}

use super::*;

fn canonical(text: &str) -> String {
    TimeZone::parse(text).unwrap().to_string()
}

#[test]
fn texts_that_name_a_zone() {
    for (text, shown) in [
        ("UTC", "UTC"),
        ("utc", "UTC"),
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("US/Pacific", "US/Pacific"),
        (
            "America/Argentina/Buenos_Aires",
            "America/Argentina/Buenos_Aires",
        ),
        ("Etc/UTC", "Etc/UTC"),
        ("Etc/GMT+5", "Etc/GMT+5"),
        ("+02:00", "+02:00"),
        ("-0330", "-03:30"),
        ("+1459", "+14:59"),
        ("+23:59", "+23:59"),
        ("+00:00", "UTC"),
        ("-00:00", "UTC"),
        ("0", "UTC"),
        ("-28800", "-08:00"),
        ("+20700", "+05:45"),
        ("3600", "+01:00"),
        // A sign with four digits is a clock time only where a zone can be.
        ("-3600", "-01:00"),
        ("-1800", "-00:30"),
        ("-900", "-00:15"),
    ] {
        assert_eq!(canonical(text), shown, "{text}");
        assert_eq!(canonical(shown), shown);
    }
}

#[test]
fn texts_that_name_no_zone() {
    for text in [
        "",
        "Berlin",
        "Europe/Atlantis",
        "Etc/Unknown",
        " UTC",
        "Z",
        "+",
        "-",
        "+2",
        "+02",
        "+2:00",
        "+24:00",
        "+02:60",
        "+02:00:00",
        "02:00",
        "0330",
        "00",
        "61",
        "86400",
        "-86400",
        "99999999999",
        "1.5",
        "+é",
        "EST5EDT,M3.2.0,M11.1.0",
        "../Europe/Berlin",
    ] {
        assert_eq!(
            TimeZone::parse(text),
            Err(TimeError::UnknownTimeZone(text.to_owned()))
        );
    }
    let message = TimeZone::parse(&"x".repeat(500)).unwrap_err().to_string();
    assert!(message.contains(&"x".repeat(64)) && !message.contains(&"x".repeat(65)));
    for form in ["Europe/Berlin", "UTC", "+02:00", "-28800"] {
        assert!(message.contains(form), "{message}");
    }
}

#[test]
fn every_zone_of_the_database_reads_its_own_text() {
    let mut seen = 0;
    for name in tz::TimeZoneDatabase::bundled().available() {
        let zone = TimeZone::parse(name.as_str()).unwrap();
        assert_eq!(zone.as_str(), name.as_str());
        assert_eq!(TimeZone::parse(zone.as_str()), Ok(zone));
        seen += 1;
    }
    assert!(seen > 400, "{seen}");
}

#[test]
fn every_fixed_offset_reads_its_own_text() {
    for minutes in -1_439..=1_439 {
        let zone = TimeZone::from_offset_seconds(minutes * 60).unwrap();
        assert_eq!(TimeZone::parse(zone.as_str()).unwrap(), zone);
        let json = serde_json::to_string(&zone).unwrap();
        assert_eq!(serde_json::from_str::<TimeZone>(&json).unwrap(), zone);
        assert_eq!(zone.offset_micros(0), i64::from(minutes) * civil::MINUTE);
    }
    for seconds in [1, 3_601, 86_400, -86_400, i32::MIN, i32::MAX] {
        assert_eq!(TimeZone::from_offset_seconds(seconds), None);
    }
}

#[test]
fn segments_cover_all_time_without_gap() {
    for name in [
        "UTC",
        "+05:30",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
    ] {
        let zone = TimeZone::parse(name).unwrap();
        let mut segment = zone.segment(i64::MIN / 2);
        assert_eq!(segment.start, i64::MIN);
        while segment.end != i64::MAX {
            let next = zone.segment(segment.end);
            assert_eq!(next.start, segment.end, "{name}");
            assert!(next.end > next.start);
            let last = zone.segment(segment.end - 1);
            assert_eq!(
                (last.start, last.end),
                (segment.start, segment.end),
                "{name}"
            );
            assert_eq!(zone.offset_micros(segment.end - 1), segment.offset);
            segment = next;
        }
    }
}

#[test]
fn a_time_without_an_offset_is_one_of_the_local_clock() {
    let berlin = TimeZone::parse("Europe/Berlin").unwrap();
    for (text, expected) in [
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"),
        ("2026-03-01T12:00:00-05:00", "2026-03-01T17:00:00Z"),
        ("2026-03-01T12:00:00+0130", "2026-03-01T10:30:00Z"),
        ("2026-03-01T12:00:00", "2026-03-01T11:00:00Z"),
        ("2026-03-01", "2026-02-28T23:00:00Z"),
        ("2026-03-29T01:59:59.5", "2026-03-29T00:59:59.500Z"),
        // The clock skips it.
        ("2026-03-29T02:30:00", "2026-03-29T01:30:00Z"),
        ("2026-03-29T12:00:00", "2026-03-29T10:00:00Z"),
        // The clock shows it twice.
        ("2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
        ("2026-10-25T03:30:00", "2026-10-25T02:30:00Z"),
    ] {
        assert_eq!(berlin.read(text).unwrap().to_string(), expected, "{text}");
    }
    for text in ["", "noon", "2026-13-01T00:00:00", "0001-01-01T00:00:00"] {
        assert!(berlin.read(text).is_err(), "{text}");
    }
}

//! How many buckets, the ends of time, and the ends of the range.

use super::*;
use crate::time::TimeError;

#[test]
fn too_many_buckets_are_refused_with_their_number() {
    let count = |interval: &str, from, to, zone: &str, max| {
        let interval = Interval::parse(interval).unwrap();
        let zone = TimeZone::parse(zone).unwrap();
        buckets(range(from, to), interval, &zone, max).map(|buckets| buckets.starts().len())
    };
    let (from, to) = ("2026-01-01", "2026-01-08");
    assert_eq!(count("minutely", from, to, "UTC", 10_080), Ok(10_080));
    let refusal = count("minutely", from, to, "UTC", BUCKETS_MAX).unwrap_err();
    assert_eq!(
        refusal,
        TooManyBuckets {
            needed: 10_080,
            max: 10_000
        }
    );
    assert_eq!(
        refusal.to_string(),
        "the range has 10080 buckets of this interval, and at most 10000 are allowed; use a longer interval or a \
         shorter range"
    );
    assert_eq!(count("daily", from, to, "UTC", 7), Ok(7));
    assert_eq!(count("daily", from, to, "UTC", 6).unwrap_err().needed, 7);
    assert_eq!(count("daily", from, to, "UTC", 0).unwrap_err().needed, 7);
    // A month of 31 days is longer than the mean month, but one bucket.
    assert_eq!(
        count("monthly", "2026-07-01", "2026-08-01", "UTC", 1),
        Ok(1)
    );
    // Both ends are cut in a zone whose days begin elsewhere.
    assert_eq!(
        count("daily", from, to, "Europe/Berlin", 7)
            .unwrap_err()
            .needed,
        8
    );
}

#[test]
fn the_work_is_bounded_for_the_longest_range() {
    let all = TimeRange::new(Timestamp::MIN, Timestamp::MAX).unwrap();
    for name in [
        "UTC",
        "Europe/Berlin",
        "Africa/Casablanca",
        "Australia/Lord_Howe",
    ] {
        let zone = TimeZone::parse(name).unwrap();
        let cut = |text: &str| buckets(all, Interval::parse(text).unwrap(), &zone, BUCKETS_MAX);
        // Building these would take more memory than any machine here has.
        assert_eq!(cut("minutely").unwrap_err().needed, 5_258_964_960);
        assert_eq!(cut("hourly").unwrap_err().needed, 87_649_416);
        assert_eq!(cut("daily").unwrap_err().needed, 3_652_059);
        assert!(cut("weekly").is_err() && cut("monthly").is_err());
        let years = cut("yearly").unwrap();
        assert!((9_999..=10_000).contains(&years.starts().len()), "{name}");
        assert!(
            (10..=11).contains(&cut("every_1000_years").unwrap().starts().len()),
            "{name}"
        );
        let hours = cut("every_1000_hours");
        assert!(hours.unwrap_err().needed > 80_000);
        assert!(cut("every_1000_days").is_ok());
    }
}

#[test]
fn the_ends_of_time_have_buckets_too() {
    check(
        "UTC",
        "weekly",
        "0001-01-01",
        "0001-01-09",
        "0001-01-01T00:00:00Z 0001-01-08T00:00:00Z",
    );
    // The day began in the year 0000, which no instant can name.
    check(
        "+09:00",
        "daily",
        "0001-01-01T00:00:00Z",
        "0001-01-02T00:00:00Z",
        "0001-01-01T09:00:00+09:00 0001-01-02T00:00:00+09:00",
    );
    let last = "9999-12-31T23:59:59.999999Z";
    check(
        "Europe/Berlin",
        "hourly",
        "9999-12-31T22:30:00Z",
        last,
        "9999-12-31T23:00:00+01:00 10000-01-01T00:00:00+01:00",
    );
    check(
        "UTC",
        "every_1000_years",
        "9999-12-31",
        last,
        "9999-01-01T00:00:00Z",
    );
}

#[test]
fn an_instant_finds_its_bucket_only_inside_the_range() {
    let zone = TimeZone::utc();
    let range = range("2026-01-01T12:00:00Z", "2026-01-03T12:00:00Z");
    let buckets = buckets(range, Interval::parse("daily").unwrap(), &zone, BUCKETS_MAX).unwrap();
    assert_eq!(buckets.range(), range);
    assert_eq!(buckets.starts().len(), 3);
    for (instant, index) in [
        ("2026-01-01T00:00:00Z", None),
        ("2026-01-01T11:59:59.999999Z", None),
        ("2026-01-01T12:00:00Z", Some(0)),
        ("2026-01-01T23:59:59.999999Z", Some(0)),
        ("2026-01-02T00:00:00Z", Some(1)),
        ("2026-01-03T11:59:59.999999Z", Some(2)),
        ("2026-01-03T12:00:00Z", None),
    ] {
        assert_eq!(
            buckets.index_of(Timestamp::parse(instant).unwrap()),
            index,
            "{instant}"
        );
    }
    assert_eq!(buckets.label(2, &zone).unwrap(), "2026-01-03T00:00:00Z");
    assert_eq!(buckets.label(3, &zone), None);
    assert_eq!(buckets.label(u32::MAX, &zone), None);
}

#[test]
fn a_range_is_never_empty() {
    let (early, late) = (Timestamp::EPOCH, Timestamp::MAX);
    assert_eq!(TimeRange::new(late, early), Err(TimeError::EmptyRange));
    assert_eq!(TimeRange::new(early, early), Err(TimeError::EmptyRange));
    assert!(TimeRange::new(early, late).is_ok());
}

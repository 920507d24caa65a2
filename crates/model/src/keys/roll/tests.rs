use std::time::Duration;

use super::*;
use crate::fixtures::refusal;
use crate::json;
use crate::keys::Silence;

fn read(text: &str) -> Result<Roll, Fault> {
    let value = json::parse(text.as_bytes()).expect("JSON");
    let mut document = Document::new(&value)?;
    let roll = Roll::read(&mut document)?;
    document.finish()?;
    Ok(roll)
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

const NOW: &str = "2026-06-01T12:00:00Z";

#[test]
fn a_roll_says_exactly_one_end_that_is_at_most_seven_days_away() {
    for (text, expected) in [
        (r#"{"grace":"0s"}"#, "accepted"),
        (r#"{"grace":"7d"}"#, "accepted"),
        (r#"{"grace":"168h","end_after_silence":10080}"#, "accepted"),
        (
            r#"{"ends_at":"2026-06-02T00:00:00Z","end_after_silence":1}"#,
            "accepted",
        ),
        (r#"{}"#, "MissingMember /grace"),
        (r#"{"grace":null}"#, "MissingMember /grace"),
        (r#"{"grace":"604801s"}"#, "InvalidValue /grace"),
        (r#"{"grace":"8d"}"#, "InvalidValue /grace"),
        (r#"{"grace":"-1s"}"#, "InvalidValue /grace"),
        (r#"{"grace":24}"#, "WrongType /grace"),
        (
            r#"{"grace":"1h","ends_at":"2026-06-02T00:00:00Z"}"#,
            "InvalidValue /ends_at",
        ),
        (r#"{"ends_at":"tomorrow"}"#, "InvalidValue /ends_at"),
        (
            r#"{"grace":"0s","end_after_silence":5}"#,
            "InvalidValue /end_after_silence",
        ),
        (
            r#"{"grace":"0h","end_after_silence":5}"#,
            "InvalidValue /end_after_silence",
        ),
        (
            r#"{"grace":"1h","end_after_silence":0}"#,
            "InvalidValue /end_after_silence",
        ),
        (
            r#"{"grace":"1h","end_after_silence":10081}"#,
            "InvalidValue /end_after_silence",
        ),
        (r#"{"grace":"1h","force":true}"#, "accepted"),
        (r#"{"grace":"1h","forced":true}"#, "UnknownMember /forced"),
    ] {
        assert_eq!(refusal(read(text)), expected, "{text}");
    }
}

#[test]
fn k6_no_grace_outlives_the_key_or_seven_days() {
    let now = at(NOW);
    let end = |text: &str, key: Option<&str>| {
        let roll = read(text).expect("a roll");
        match roll.ends_at(now, key.map(at)) {
            Ok(end) => end.map_or("at once".to_owned(), |end| end.to_string()),
            Err(fault) => format!("{:?} {}", fault.code, fault.pointer),
        }
    };
    let late = "InvalidValue /ends_at";
    for (text, key, expected) in [
        (r#"{"grace":"24h"}"#, None, "2026-06-02T12:00:00Z"),
        (
            r#"{"grace":"24h"}"#,
            Some("2026-06-02T12:00:00.001Z"),
            "2026-06-02T12:00:00Z",
        ),
        (
            r#"{"grace":"24h"}"#,
            Some("2026-06-02T11:59:59.999Z"),
            "2026-06-02T11:59:59.999Z",
        ),
        (
            r#"{"grace":"24h"}"#,
            Some("2026-06-01T12:00:00Z"),
            "at once",
        ),
        (r#"{"grace":"0s"}"#, None, "at once"),
        (r#"{"ends_at":"2026-06-01T12:00:00Z"}"#, None, late),
        (
            r#"{"ends_at":"2026-06-01T12:00:00.001Z"}"#,
            None,
            "2026-06-01T12:00:00.001Z",
        ),
        (
            r#"{"ends_at":"2026-06-08T12:00:00Z"}"#,
            None,
            "2026-06-08T12:00:00Z",
        ),
        (r#"{"ends_at":"2026-06-08T12:00:00.001Z"}"#, None, late),
        (
            r#"{"ends_at":"2026-06-02T00:00:00Z"}"#,
            Some("2026-06-02T00:00:00Z"),
            "2026-06-02T00:00:00Z",
        ),
        (
            r#"{"ends_at":"2026-06-02T00:00:00.001Z"}"#,
            Some("2026-06-02T00:00:00Z"),
            late,
        ),
    ] {
        assert_eq!(end(text, key), expected, "{text} {key:?}");
    }
}

#[test]
fn silence_is_counted_from_the_end_of_the_step_of_the_last_use() {
    let silence = Silence {
        since: at(NOW),
        minutes: 5,
    };
    for (used, end) in [
        (None, "2026-06-01T12:05:10Z"),
        (Some("2026-06-01T11:00:00Z"), "2026-06-01T12:05:10Z"),
        (Some("2026-06-01T12:00:09.999999Z"), "2026-06-01T12:05:10Z"),
        (Some("2026-06-01T12:00:10Z"), "2026-06-01T12:05:20Z"),
    ] {
        let used = used.map(at);
        assert_eq!(silence.ends_at(used), at(end), "{used:?}");
        assert!(used.is_none_or(|used| !silence.is_moved_by(Some(used), used)));
    }
    assert!(!silence.is_moved_by(None, at("2026-06-01T12:00:09.999999Z")));
    assert!(silence.is_moved_by(None, at("2026-06-01T12:00:10Z")));
}

#[test]
fn a_silence_that_is_shortened_ends_as_the_sooner_of_the_two() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let after = |by: u64| at(NOW).checked_add(minutes(by)).expect("a time");
    let known = Silence {
        since: at(NOW),
        minutes: 60,
    };
    for asked in [1, 5, 30, 59, 60, 61, 300] {
        for (rolled, used) in [
            (0, None),
            (20, None),
            (59, None),
            (20, Some(7)),
            (90, Some(40)),
        ] {
            let (now, used) = (after(rolled), used.map(after));
            let shortened = known.shortened(asked, now, used);
            let fresh = Silence {
                since: now,
                minutes: asked,
            };
            for later in [
                used,
                Some(now),
                Some(after(rolled + 3)),
                Some(after(rolled + 45)),
            ] {
                let sooner = known.ends_at(later).min(fresh.ends_at(later));
                assert_eq!(
                    shortened.ends_at(later),
                    sooner,
                    "{asked} {rolled} {later:?}"
                );
            }
        }
    }
}

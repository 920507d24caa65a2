use super::*;
use crate::filters::Constraint;
use crate::fixtures::{Project, access_of, at, json, noon};
use crate::permit::{AskPool, On};
use crate::records::Record;

fn window(text: &str) -> TimeWindow {
    TimeWindow::parse(&json(text)).expect("a legal window")
}

/// Whether the rows of a grant with this window hold one of this time, when it is `now`.
fn admits(text: &str, time: Value, now: Timestamp) -> bool {
    let project = Project::new();
    let record = Record::restore(vec![(crate::fixtures::path("at"), time)]).expect("once");
    let schema = &project.strict().draft.schema;
    let predicate = schema.resolve(&window(text).at(now)).expect("it resolves");
    predicate.admits(&record)
}

fn time(text: &str) -> Value {
    Value::DateTime(at(text))
}

#[test]
fn from_is_in_the_window_and_to_is_not() {
    let text = r#"{"field":"at","from":"2026-01-01T00:00:00Z","to":"2026-02-01T00:00:00Z"}"#;
    for (instant, is_in) in [
        ("2025-12-31T23:59:59.999999Z", false),
        ("2026-01-01T00:00:00Z", true),
        ("2026-01-31T23:59:59.999999Z", true),
        ("2026-02-01T00:00:00Z", false),
    ] {
        assert_eq!(admits(text, time(instant), noon()), is_in, "{instant}");
    }
    assert!(!admits(text, Value::Null, noon()), "a row without a time");
}

#[test]
fn the_last_days_move_with_time_and_never_begin_early() {
    // Noon of the first of March 2026.
    for (text, now, first) in [
        ("1d", "2026-03-01T12:00:00Z", "2026-02-28T12:00:00Z"),
        ("1d", "2026-03-01T12:00:00.000001Z", "2026-02-28T12:01:00Z"),
        ("90m", "2026-03-01T12:00:59Z", "2026-03-01T10:31:00Z"),
        ("6d", "2026-03-01T12:00:01Z", "2026-02-23T12:01:00Z"),
        ("7d", "2026-03-01T12:00:01Z", "2026-02-22T13:00:00Z"),
        ("168h", "2026-03-01T12:00:00Z", "2026-02-22T12:00:00Z"),
        ("36500d", "1980-03-01T12:00:00.5Z", "1880-03-25T13:00:00Z"),
    ] {
        let (text, now, first) = (
            format!(r#"{{"field":"at","last":"{text}"}}"#),
            at(now),
            at(first),
        );
        let before = Timestamp::from_microsecond(first.as_microsecond() - 1).expect("in range");
        assert!(
            admits(&text, Value::DateTime(first), now),
            "{text} at {now}"
        );
        assert!(
            !admits(&text, Value::DateTime(before), now),
            "{text} at {now}"
        );
    }
}

#[test]
fn texts_that_look_like_times_are_in_no_window() {
    let project = Project::new();
    let open = project.pools[0].draft.schema.clone();
    let filter = window(r#"{"field":"at","last":"1d"}"#).at(noon());
    let predicate = open.resolve(&filter).expect("it resolves");
    let holds = |value: Value| {
        let record = Record::restore(vec![(crate::fixtures::path("at"), value)]);
        predicate.admits(&record.expect("once"))
    };
    assert!(!holds(Value::from("2026-03-01T11:00:00Z")));
    assert!(!holds(Value::from("9999-03-01T11:00:00+14:00")));
    assert!(!holds(Value::Integer(i128::MAX)));
}

#[test]
fn a_caller_asks_over_its_window_as_of_when_it_was_let_in() {
    let project = Project::new();
    let text = r#"[{"on":"pool:strict","actions":["query"],"constraints":"all_rows",
        "time":[{"field":"at","last":"1d"},{"field":"_ingested_at","to":"2027-01-01T00:00:00Z"}]}]"#;
    let grants = project.grants(text).expect("legal");
    let access = access_of(grants.clone());
    let permit = access.permit::<AskPool>(On::Pool(Some(project.strict())));
    let counted = permit.expect("covered").count();
    let Constraint::Rows(rows) = counted.rows() else {
        panic!("all rows");
    };
    let expected = [window(r#"{"field":"at","last":"1d"}"#).at(noon())];
    let mut parts = Vec::new();
    rows.for_each_comparison(&mut |comparison| parts.push(comparison.clone()));
    assert!(
        expected
            .iter()
            .all(|one| matches!(one, Filter::Compare(c) if parts.contains(c)))
    );
    assert_eq!(parts.len(), 2, "both windows hold");
    // What it is compared with when the key has changed meanwhile stays what was written.
    assert_eq!(access.grants_of_key(), grants);
}

#[test]
fn a_cursor_outlives_the_minute_and_a_kept_answer_does_not() {
    let rows = |now: &str| {
        let window = window(r#"{"field":"at","last":"1d"}"#);
        Constraint::Rows(window.at(at(now)))
    };
    let (first, later) = (rows("2026-03-01T12:00:00Z"), rows("2026-03-01T12:07:00Z"));
    assert_eq!(first.digest_at_any_time(), later.digest_at_any_time());
    assert_ne!(first.digest(), later.digest());
    let fixed = |from: &str| {
        let text = format!(r#"{{"field":"at","from":"{from}"}}"#);
        Constraint::Rows(window(&text).at(noon()))
    };
    let (first, later) = (fixed("2026-03-01T12:00:00Z"), fixed("2026-03-01T12:07:00Z"));
    assert_ne!(first.digest_at_any_time(), later.digest_at_any_time());
}

/// Whatever the instant and the time of a row: what a window within another one admits, that admits, too.
#[test]
fn a_window_within_another_one_is_about_none_but_its_rows() {
    let now = noon();
    let bounds = [
        "",
        r#","from":"2026-01-01T00:00:00Z""#,
        r#","from":"2026-01-02T00:00:00Z""#,
    ];
    let ends = [
        "",
        r#","to":"2026-03-01T00:00:00Z""#,
        r#","to":"2026-04-01T00:00:00Z""#,
    ];
    let spans = ["", "1h", "61m", "10079m", "7d", "169h", "8d"];
    let mut texts = Vec::new();
    for (from, to) in bounds.iter().flat_map(|from| ends.map(|to| (*from, to))) {
        for span in spans {
            let last = format!(r#","last":"{span}""#);
            let last = if span.is_empty() { "" } else { &last };
            let bounds = format!("{from}{to}{last}");
            if !bounds.is_empty() {
                texts.push(format!(r#"{{"field":"at"{bounds}}}"#));
            }
        }
    }
    let marks = [
        "2025-12-31T23:59:59Z",
        "2026-01-01T00:00:00Z",
        "2026-01-02T00:00:00Z",
        "2026-03-01T00:00:00Z",
        "2026-04-01T00:00:00Z",
    ]
    .map(at);
    // About where each span begins, to the minute.
    let starts = spans.into_iter().filter_map(Span::parse).flat_map(|span| {
        let begins = now
            .checked_sub(Duration::from_secs(span.seconds()))
            .expect("a time");
        (0..=61).filter_map(move |minute| begins.checked_add(Duration::from_secs(60 * minute)))
    });
    let times: Vec<_> = marks.into_iter().chain(starts).collect();
    let project = Project::new();
    let schema = &project.strict().draft.schema;
    let records: Vec<_> = times
        .iter()
        .map(|time| {
            let cells = vec![(crate::fixtures::path("at"), Value::DateTime(*time))];
            Record::restore(cells).expect("once")
        })
        .collect();
    let admitted = |text: &String| -> Vec<bool> {
        let predicate = schema.resolve(&window(text).at(now)).expect("it resolves");
        records
            .iter()
            .map(|record| predicate.admits(record))
            .collect()
    };
    let all: Vec<_> = texts
        .iter()
        .map(|text| (window(text), admitted(text)))
        .collect();
    let mut within = 0;
    for ((one, shown), text) in all.iter().zip(&texts) {
        assert!(one.is_within(one), "{text}");
        for ((other, of_other), said) in all.iter().zip(&texts) {
            if one.is_within(other) {
                within += 1;
                let is_more = shown
                    .iter()
                    .zip(of_other)
                    .any(|(own, other)| *own && !other);
                assert!(!is_more, "{text} lies in {said}");
            }
        }
    }
    assert!(within > 3 * all.len(), "{within} of {}", all.len());
    let last = |span: &str| window(&format!(r#"{{"field":"at","last":"{span}"}}"#));
    assert!(last("30d").is_within(&last("90d")) && !last("90d").is_within(&last("30d")));
    // This begins with a minute and that with an hour, which may come later.
    assert!(!last("10079m").is_within(&last("7d")));
    let elsewhere = window(r#"{"field":"_ingested_at","last":"1h"}"#);
    assert!(!elsewhere.is_within(&last("90d")));
}

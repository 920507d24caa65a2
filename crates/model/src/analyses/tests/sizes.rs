//! Answers that would be too large, known before they are made.

use super::examples::{ALL_ROWS, access, constrain};
use super::*;
use crate::fixtures::{at, pool};
use crate::limits::{RESULT_TEXT_BYTES_MAX, RESULT_VALUES_MAX};
use crate::permit::ConstrainedAnalysis;
use crate::queries::Row;

/// 10,000 minutes of groups by `a`, with so many functions.
fn minutes(functions: usize) -> ConstrainedAnalysis {
    let labels = (0..functions).map(|at| format!(r#""l{at}":{{"analysis":"count"}}"#));
    let labels: Vec<String> = labels.collect();
    let asked = analysis(&format!(
        r#"{{"analysis":"multi_analysis","pool":"p","analyses":{{{}}},"group_by":["a"],"limit":1,
        "interval":"minutely","from":"2026-03-01T00:00:00Z","to":"2026-03-07T22:40:00Z"}}"#,
        labels.join(",")
    ));
    let pools = vec![(pool(1, r#"{"name":"p","schema":"open"}"#), Vec::new())];
    let now = at("2026-03-01T12:00:00Z");
    constrain(&asked, &access(ALL_ROWS), &pools, now).unwrap()
}

/// What is said of these groups, each seen in one minute.
fn said(functions: usize, keys: &[String]) -> String {
    let row = |key: &String| -> Row {
        let start = [
            Value::DateTime(at("2026-03-02T00:00:00Z")),
            key.as_str().into(),
        ];
        let results = std::iter::repeat_n(Value::Integer(1), functions);
        start.into_iter().chain(results).collect()
    };
    let answer = minutes(functions).answer(vec![keys.iter().map(row).collect()]);
    answer.map_or_else(|limit| limit.to_string(), |_| "answered".to_owned())
}

#[test]
fn groups_of_all_intervals_and_functions_are_bounded_together() {
    let keys = |count: usize| (0..count).map(|key| key.to_string()).collect::<Vec<_>>();
    assert_eq!(said(1, &keys(2)), "answered");
    let refused = said(64, &keys(7));
    assert!(
        refused.contains(&RESULT_VALUES_MAX.to_string()),
        "{refused}"
    );
    let refused = said(1, &keys(101));
    assert!(refused.contains("1000000 rows"), "{refused}");
}

#[test]
fn a_long_text_that_groups_is_counted_in_every_interval() {
    let long = |bytes: usize| vec!["x".repeat(bytes)];
    assert_eq!(said(1, &long(10)), "answered");
    let refused = said(1, &long(RESULT_TEXT_BYTES_MAX / 10_000 + 1));
    assert!(
        refused.contains(&RESULT_TEXT_BYTES_MAX.to_string()),
        "{refused}"
    );
}

#[test]
fn the_lists_of_a_funnel_are_bounded_together() {
    let funnel = |steps: usize| -> Funnel {
        let step = r#"{"pool":"p","actor":"u","with_actors":true}"#;
        let steps = vec![step; steps].join(",");
        match analysis(&format!(r#"{{"analysis":"funnel","steps":[{steps}]}}"#)) {
            Analysis::Funnel(funnel) => funnel,
            other => panic!("{other:?}"),
        }
    };
    let mut actors = Actors::default();
    let many = Value::Array(vec![Value::Null; RESULT_VALUES_MAX / 4]);
    actors.add(&many, u64::MAX);
    let listed = funnel(3).tally(&actors).unwrap();
    assert_eq!(listed.counts, [1, 1, 1]);
    assert_eq!(listed.actors[2], Some(vec![many]));
    let refused = funnel(4).tally(&actors).unwrap_err().to_string();
    assert!(
        refused.contains(&RESULT_VALUES_MAX.to_string()),
        "{refused}"
    );
}

//! From groups to rows, on groups made by hand.

use model::filters::{Filter, parse_list};
use model::pools::{Field, SchemaMode};
use model::queries::{GroupField, Series};
use model::time::{BUCKETS_MAX, Interval, TimeRange, TimeZone, Timestamp, buckets};

use super::*;

fn path(text: &str) -> FieldPath {
    FieldPath::parse_readable(text).unwrap()
}

fn schema() -> Schema {
    let field = |name: &str, scalar| {
        let field_type = FieldType::Scalar(scalar);
        Field::new(path(name), field_type, false)
    };
    let fields = vec![
        field("at", ScalarType::DateTime),
        field("region", ScalarType::String),
        field("n", ScalarType::Int64),
        field("x", ScalarType::Float32),
    ];
    Schema::new(SchemaMode::Open, fields)
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn series(from: &str, to: &str, interval: &str, zone: &str) -> Series {
    let range = TimeRange::new(at(from), at(to)).unwrap();
    let interval = Interval::parse(interval).unwrap();
    let zone = TimeZone::parse(zone).unwrap();
    Series {
        name: "at".to_owned(),
        field: path("at"),
        buckets: buckets(range, interval, &zone, BUCKETS_MAX).unwrap(),
        filled: true,
    }
}

fn measure(name: &str, aggregate: Aggregate) -> Measure {
    Measure {
        name: name.to_owned(),
        aggregate,
        field: Some(path("n")),
    }
}

/// `region`, the count of rows, a sum and a mean.
fn query(series: Option<Series>, grouped: bool) -> AggregateQuery {
    let groups = grouped.then(|| GroupField {
        name: "region".to_owned(),
        field: path("region"),
        bins: None,
    });
    let group = grouped.then(|| "region".to_owned());
    let names = ["total", "rows", "mean"].map(str::to_owned);
    AggregateQuery {
        columns: names.into_iter().chain(group).collect(),
        series,
        groups: groups.into_iter().collect(),
        measures: vec![
            Measure {
                field: None,
                ..measure("rows", Aggregate::Count)
            },
            measure("total", Aggregate::Sum),
            measure("mean", Aggregate::Average),
        ],
        filter: None,
        range: None,
        having: None,
        order: Vec::new(),
        limit: None,
    }
}

fn group(bucket: Option<u32>, keys: Vec<Value>, rows: i32, total: i32) -> Group {
    let mean = Value::float(f64::from(total) / f64::from(rows)).unwrap();
    Group {
        bucket,
        keys,
        results: vec![rows.into(), total.into(), mean],
    }
}

/// Rows in words.
fn told(rows: &[Row]) -> Vec<String> {
    let cell = |value: &Value| model::json::to_text(value).replace('"', "");
    rows.iter()
        .map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" "))
        .collect()
}

fn by(field: &str, direction: Direction) -> OrderBy<String> {
    OrderBy {
        field: field.to_owned(),
        direction,
    }
}

fn having(text: &str) -> Option<Filter> {
    Some(parse_list(&model::json::parse(text.as_bytes()).unwrap()).unwrap())
}

fn finished(query: &AggregateQuery, groups: Vec<Group>) -> Vec<String> {
    told(&finish(query, &schema(), groups).unwrap())
}

#[test]
fn groups_come_in_value_order_and_missing_values_last() {
    let of = |key: Value| group(None, vec![key], 1, 2);
    let keys = [
        Value::Null,
        "b".into(),
        Value::Integer(10),
        Value::from(true),
        Value::Integer(-1),
        Value::float(1.5).unwrap(),
        "a".into(),
        "".into(),
    ];
    let rows = finished(&query(None, true), keys.into_iter().map(of).collect());
    let keys: Vec<_> = rows
        .iter()
        .map(|row| row.strip_prefix("2 1 2.0 ").unwrap())
        .collect();
    assert_eq!(keys, ["true", "-1", "1.5", "10", "", "a", "b", "null"]);
}

#[test]
fn columns_come_in_the_order_of_the_view_and_the_interval_first() {
    let daily = series(
        "2026-03-01T00:00:00Z",
        "2026-03-02T00:00:00Z",
        "daily",
        "UTC",
    );
    let rows = finished(
        &query(Some(daily), true),
        vec![group(Some(0), vec!["eu".into()], 2, 6)],
    );
    assert_eq!(rows, ["2026-03-01T00:00:00Z 6 2 3.0 eu"]);
}

#[test]
fn every_interval_is_answered_for_every_group_seen_and_for_no_other() {
    let daily = series(
        "2026-03-01T00:00:00Z",
        "2026-03-04T00:00:00Z",
        "daily",
        "UTC",
    );
    let groups = vec![
        group(Some(2), vec!["eu".into()], 1, 5),
        group(Some(0), vec![Value::Null], 1, 7),
    ];
    let rows = finished(&query(Some(daily), true), groups);
    assert_eq!(
        rows,
        [
            "2026-03-01T00:00:00Z 0 0 null eu",
            "2026-03-01T00:00:00Z 7 1 7.0 null",
            "2026-03-02T00:00:00Z 0 0 null eu",
            "2026-03-02T00:00:00Z 0 0 null null",
            "2026-03-03T00:00:00Z 5 1 5.0 eu",
            "2026-03-03T00:00:00Z 0 0 null null",
        ]
    );
}

#[test]
fn without_group_fields_there_is_one_group_seen_or_not() {
    let daily = series(
        "2026-03-01T00:00:00Z",
        "2026-03-03T00:00:00Z",
        "daily",
        "UTC",
    );
    let rows = finished(&query(Some(daily), false), Vec::new());
    assert_eq!(
        rows,
        [
            "2026-03-01T00:00:00Z 0 0 null",
            "2026-03-02T00:00:00Z 0 0 null"
        ]
    );
}

#[test]
fn with_group_fields_and_no_rows_there_is_no_group() {
    let daily = series(
        "2026-03-01T00:00:00Z",
        "2026-03-03T00:00:00Z",
        "daily",
        "UTC",
    );
    assert!(finished(&query(Some(daily), true), Vec::new()).is_empty());
    assert!(finished(&query(None, true), Vec::new()).is_empty());
}

#[test]
fn what_counts_is_zero_where_nothing_is_and_the_rest_is_null() {
    use Aggregate as A;
    let all = [
        (A::Count, "0"),
        (A::CountUnique, "0"),
        (A::Sum, "0"),
        (A::Average, "null"),
        (A::Minimum, "null"),
        (A::Maximum, "null"),
        (A::Percentile(5_000), "null"),
        (A::First, "null"),
        (A::Last, "null"),
        (A::StandardDeviation, "null"),
    ];
    for (aggregate, zero) in all {
        let hour = series(
            "2026-03-01T00:00:00Z",
            "2026-03-01T01:00:00Z",
            "hourly",
            "UTC",
        );
        let query = AggregateQuery {
            columns: vec!["m".to_owned()],
            measures: vec![measure("m", aggregate)],
            ..query(Some(hour), false)
        };
        let row = format!("2026-03-01T00:00:00Z {zero}");
        assert_eq!(finished(&query, Vec::new()), [row], "{aggregate:?}");
    }
}

#[test]
fn the_sum_of_no_doubles_is_a_double() {
    let hour = series(
        "2026-03-01T00:00:00Z",
        "2026-03-01T01:00:00Z",
        "hourly",
        "UTC",
    );
    let sum = Measure {
        field: Some(path("x")),
        ..measure("m", Aggregate::Sum)
    };
    let query = AggregateQuery {
        columns: vec!["m".to_owned()],
        measures: vec![sum],
        ..query(Some(hour), false)
    };
    assert_eq!(finished(&query, Vec::new()), ["2026-03-01T00:00:00Z 0.0"]);
}

/// The intervals' starts and their lengths in hours.
fn days(from: &str, to: &str, zone: &str) -> Vec<(String, i64)> {
    let daily = series(from, to, "daily", zone);
    let starts = daily.buckets.starts().to_vec();
    let rows = finish(&query(Some(daily), false), &schema(), Vec::new()).unwrap();
    assert_eq!(rows.len(), starts.len());
    let ends = starts[1..].iter().copied().chain([at(to)]);
    let hours = |(start, end): (&Timestamp, Timestamp)| {
        (end.as_microsecond() - start.as_microsecond()) / 3_600_000_000
    };
    let hours = starts.iter().zip(ends).map(hours);
    told(&rows)
        .into_iter()
        .map(|row| row[..20].to_owned())
        .zip(hours)
        .collect()
}

#[test]
fn days_of_23_and_25_hours_are_one_interval_each() {
    let spring = days(
        "2026-03-27T23:00:00Z",
        "2026-03-30T22:00:00Z",
        "Europe/Berlin",
    );
    let spring: Vec<_> = spring
        .iter()
        .map(|(start, hours)| (start.as_str(), *hours))
        .collect();
    assert_eq!(
        spring,
        [
            ("2026-03-27T23:00:00Z", 24),
            ("2026-03-28T23:00:00Z", 23),
            ("2026-03-29T22:00:00Z", 24),
        ]
    );
    let autumn = days(
        "2026-10-24T22:00:00Z",
        "2026-10-26T23:00:00Z",
        "Europe/Berlin",
    );
    let autumn: Vec<_> = autumn
        .iter()
        .map(|(start, hours)| (start.as_str(), *hours))
        .collect();
    assert_eq!(
        autumn,
        [("2026-10-24T22:00:00Z", 25), ("2026-10-25T23:00:00Z", 24)]
    );
}

#[test]
fn hours_of_a_day_that_is_set_back_are_25() {
    let hours = series(
        "2026-10-24T22:00:00Z",
        "2026-10-25T23:00:00Z",
        "hourly",
        "Europe/Berlin",
    );
    assert_eq!(finished(&query(Some(hours), false), Vec::new()).len(), 25);
}

#[test]
fn conditions_on_results_choose_rows_after_the_filling() {
    let daily = || {
        series(
            "2026-03-01T00:00:00Z",
            "2026-03-04T00:00:00Z",
            "daily",
            "UTC",
        )
    };
    let groups = || vec![group(Some(1), vec!["eu".into()], 2, 8)];
    let with = |text: &str| {
        let query = AggregateQuery {
            having: having(text),
            ..query(Some(daily()), true)
        };
        finished(&query, groups())
    };
    assert_eq!(
        with(r#"[{"field":"total","operator":"gt","value":7.5}]"#).len(),
        1
    );
    assert_eq!(
        with(r#"[{"field":"rows","operator":"eq","value":0}]"#).len(),
        2
    );
    // The mean of nothing is missing: neither equal nor different.
    assert_eq!(
        with(r#"[{"field":"mean","operator":"ne","value":1}]"#).len(),
        1
    );
    assert_eq!(
        with(r#"[{"field":"mean","operator":"exists","value":false}]"#).len(),
        2
    );
    let either = r#"[{"any":[{"field":"total","operator":"gt","value":7},
        {"field":"at","operator":"lt","value":"2026-03-02T00:00:00Z"}]}]"#;
    assert_eq!(with(either).len(), 2);
    assert!(with(r#"[{"field":"region","operator":"eq","value":"us"}]"#).is_empty());
}

#[test]
fn order_puts_missing_values_last_in_both_directions_and_keeps_ties() {
    let groups = || {
        vec![
            group(None, vec!["b".into()], 1, 5),
            group(None, vec!["a".into()], 1, 5),
            group(None, vec!["c".into()], 2, 9),
            Group {
                bucket: None,
                keys: vec!["d".into()],
                results: vec![1.into(), Value::Null, Value::Null],
            },
        ]
    };
    let ordered = |order: Vec<OrderBy<String>>| -> Vec<String> {
        let query = AggregateQuery {
            order,
            ..query(None, true)
        };
        let rows = finished(&query, groups());
        rows.iter()
            .map(|row| row.rsplit(' ').next().unwrap().to_owned())
            .collect()
    };
    use Direction::{Ascending, Descending};
    assert_eq!(ordered(vec![by("total", Ascending)]), ["a", "b", "c", "d"]);
    assert_eq!(ordered(vec![by("total", Descending)]), ["c", "a", "b", "d"]);
    let both = vec![by("total", Ascending), by("region", Descending)];
    assert_eq!(ordered(both), ["b", "a", "c", "d"]);
    assert_eq!(ordered(vec![by("rows", Descending)]), ["c", "a", "b", "d"]);
}

#[test]
fn the_limit_counts_rows_after_order_and_conditions() {
    let query = AggregateQuery {
        having: having(r#"[{"field":"total","operator":"lt","value":9}]"#),
        order: vec![by("total", Direction::Descending)],
        limit: Some(1),
        ..query(None, true)
    };
    let groups = vec![
        group(None, vec!["a".into()], 1, 9),
        group(None, vec!["b".into()], 1, 8),
        group(None, vec!["c".into()], 1, 7),
    ];
    assert_eq!(finished(&query, groups), ["8 1 8.0 b"]);
    assert!(
        finished(
            &AggregateQuery {
                limit: Some(0),
                ..query
            },
            Vec::new()
        )
        .is_empty()
    );
}

#[test]
fn more_rows_than_an_answer_may_have_are_refused_before_they_are_made() {
    let minutes = series(
        "2026-03-01T00:00:00Z",
        "2026-03-07T22:40:00Z",
        "minutely",
        "UTC",
    );
    assert_eq!(minutes.buckets.starts().len(), 10_000);
    let seen = |count: i32| -> Vec<Group> {
        (0..count)
            .map(|key| group(Some(0), vec![key.into()], 1, 1))
            .collect()
    };
    let query = query(Some(minutes), true);
    let refused = finish(&query, &schema(), seen(101)).unwrap_err();
    assert!(matches!(refused, LakeError::LimitExceeded(_)), "{refused}");
    let allowed = AggregateQuery {
        limit: Some(3),
        ..query
    };
    assert_eq!(finish(&allowed, &schema(), seen(2)).unwrap().len(), 3);
}

/// 200 minutes, for groups with this key.
fn minutes_of(key: &str, measures: usize) -> std::result::Result<usize, String> {
    let minutes = series(
        "2026-03-01T00:00:00Z",
        "2026-03-01T03:20:00Z",
        "minutely",
        "UTC",
    );
    let many = |one: &Value| vec![one.clone(); measures];
    let groups = (0..400).map(|number| Group {
        bucket: Some(3),
        keys: vec![format!("{key}{number:03}").into()],
        results: many(&1.into()),
    });
    let query = AggregateQuery {
        measures: vec![measure("total", Aggregate::Sum); measures],
        limit: Some(1),
        ..query(Some(minutes), true)
    };
    let rows = finish(&query, &schema(), groups.collect());
    rows.map(|rows| rows.len())
        .map_err(|error| error.to_string())
}

#[test]
fn an_answer_of_too_many_values_or_texts_is_refused_before_it_is_filled() {
    let says = |refused: std::result::Result<usize, String>, limit: usize| {
        let said = refused.unwrap_err();
        assert!(said.contains(&limit.to_string()), "{said}");
    };
    // 80,000 rows of a key and results.
    assert_eq!(minutes_of("", 1), Ok(1));
    says(minutes_of("", 50), model::limits::RESULT_VALUES_MAX);
    let text = model::limits::RESULT_TEXT_BYTES_MAX / 80_000;
    says(
        minutes_of(&"x".repeat(text), 1),
        model::limits::RESULT_TEXT_BYTES_MAX,
    );
}

#[test]
fn what_no_filling_is_asked_of_comes_with_its_rows_alone() {
    let daily = series(
        "2026-03-01T00:00:00Z",
        "2026-03-04T00:00:00Z",
        "daily",
        "UTC",
    );
    let plain = Series {
        filled: false,
        ..daily
    };
    let groups = vec![group(Some(2), vec!["eu".into()], 1, 5)];
    let rows = finished(&query(Some(plain.clone()), true), groups);
    assert_eq!(rows, ["2026-03-03T00:00:00Z 5 1 5.0 eu"]);
    assert!(finished(&query(Some(plain), false), Vec::new()).is_empty());
}

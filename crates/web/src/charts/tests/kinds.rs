//! Kinds of charts that somebody chooses.

use super::*;

/// Two functions at once, over intervals of days.
fn several() -> Json {
    json!({ "analysis": "multi_analysis", "pool": "p", "interval": "daily",
        "timeframe": "this_14_days", "analyses": {
            "sold": { "analysis": "sum", "field": "f" }, "rows": { "analysis": "count" } } })
}

#[test]
fn which_kinds_fit_follows_from_the_question() {
    let series = [Kind::Area, Kind::Line, Kind::Bars];
    let funnel = json!({ "analysis": "funnel", "steps": [{ "pool": "p", "actor": "a" }] });
    for (asked, expected) in [
        (count(false, None), &[Kind::Figures][..]),
        (count(true, None), &[Kind::Bars]),
        (count(false, Some("daily")), &series),
        (count(true, Some("daily")), &series[1..]),
        (several(), &series[1..]),
        (funnel, &[Kind::Funnel]),
    ] {
        assert_eq!(drawing(&asked, look()).kinds(), expected, "{asked}");
    }
    // Of several functions one is chosen.
    let metric = Some("rows".to_owned());
    let one = drawing(&several(), Look { metric, ..look() });
    assert_eq!(one.kinds(), series);
}

#[test]
fn every_kind_is_known_by_its_name() {
    for kind in Kind::ALL {
        assert_eq!(Kind::parse(kind.name()), Some(kind));
        let metadata = model::value::Object::new().with(Kind::MEMBER, kind.name());
        assert_eq!(Kind::kept_in(&metadata), Some(kind));
    }
    for word in ["", "pie", "Line", "bars "] {
        assert_eq!(Kind::parse(word), None, "{word}");
    }
    let other = model::value::Object::new().with(Kind::MEMBER, true);
    assert_eq!(Kind::kept_in(&other), None);
}

fn drawn(asked: &Json, answer: &Answer, kind: Option<Kind>) -> (String, String) {
    let svg = drawing(asked, look()).drawn_as(kind).draw(answer);
    let texts = checked(&svg, &look());
    (svg, texts)
}

/// How many areas, lines and columns are in a picture.
fn parts(svg: &str) -> [usize; 3] {
    [
        "<path class=\"a f0\"",
        "<path class=\"l l0\"",
        "<rect class=\"f0\"",
    ]
    .map(|part| svg.matches(part).count())
}

#[test]
fn a_series_is_drawn_as_what_is_chosen_and_as_nothing_that_does_not_fit() {
    let asked = count(false, Some("daily"));
    let answer = days([3, 0, -5, 4].map(Value::from));
    for (kind, expected) in [
        (None, [1, 1, 0]),
        (Some(Kind::Area), [1, 1, 0]),
        (Some(Kind::Line), [0, 1, 0]),
        // Zero has no column.
        (Some(Kind::Bars), [0, 0, 3]),
        (Some(Kind::Figures), [1, 1, 0]),
        (Some(Kind::Funnel), [1, 1, 0]),
        (Some(Kind::Table), [1, 1, 0]),
    ] {
        let (svg, _) = drawn(&asked, &answer, kind);
        assert_eq!(parts(&svg), expected, "{kind:?}: {svg}");
    }
    // Columns without a pixel for each are a line.
    let many = days((0..2_000_i64).map(Value::from));
    let (svg, _) = drawn(&asked, &many, Some(Kind::Bars));
    assert_eq!(parts(&svg), [1, 1, 0]);
}

#[test]
fn what_is_filled_begins_at_zero_however_far_the_values_are() {
    let asked = count(false, Some("daily"));
    let answer = days([1_000, 1_001, 1_003].map(Value::from));
    for (kind, has_zero) in [
        (None, false),
        (Some(Kind::Line), false),
        (Some(Kind::Area), true),
        (Some(Kind::Bars), true),
    ] {
        let (svg, texts) = drawn(&asked, &answer, kind);
        let is_there = texts.lines().any(|line| line == "0");
        assert_eq!(is_there, has_zero, "{kind:?}: {texts}");
        assert_eq!(parts(&svg)[0] > 0, kind == Some(Kind::Area), "{svg}");
    }
}

#[test]
fn columns_of_several_lines_stand_beside_each_other() {
    let results = [[1, 2], [3, 4]].map(|both| both.map(Value::from).to_vec());
    let ranges = ranges("2026-03-01T00:00:00Z", DAY, 2);
    let intervals = ranges.into_iter().zip(results);
    let labels = Some(&["sold", "rows"][..]);
    let answer = measured(labels, Results::Intervals(intervals.collect()));
    let (svg, texts) = drawn(&several(), &answer, Some(Kind::Bars));
    let document = roxmltree::Document::parse(&svg).expect("XML");
    let mut columns: Vec<(f64, f64)> = document
        .descendants()
        .filter(|node| ["f0", "f1"].contains(&node.attribute("class").unwrap_or_default()))
        .map(|node| {
            let number = |name: &str| -> f64 {
                let text = node.attribute(name).expect("it is there");
                text.parse().expect("a number")
            };
            (number("x"), number("width"))
        })
        .collect();
    columns.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert_eq!(columns.len(), 4, "{svg}");
    for pair in columns.windows(2) {
        assert!(pair[0].0 + pair[0].1 <= pair[1].0 + 0.2, "{columns:?}");
    }
    assert!(texts.contains("sold") && texts.contains("rows"), "{texts}");
}

//! Names and numbers that somebody chose to break a picture.

use proptest::prelude::*;

use super::*;

const NAMES: &[&str] = &[
    "</text><script>alert(1)</script>",
    "]]>",
    "<![CDATA[x]]>",
    "<!--",
    "&amp;&#0;&lol;",
    "\" onload=\"alert(1)",
    "' x='",
    "\0\u{1}\u{8}\u{b}\u{1f}\u{7f}\u{85}",
    "\u{fffe}\u{ffff}\u{fdd0}\u{1ffff}",
    "\t\r\n",
    "\u{202e}desrever\u{202c}",
    "\u{2067}שלום\u{2069}",
    "مرحبا",
    "👩‍👩‍👧‍👦🏳️‍🌈",
    "e\u{301}\u{301}\u{301}\u{301}",
    "漢字かな交じり文",
    "",
    "   ",
    "]]></style><style>*{display:none}",
    "%PDF-1.4",
    "{{7*7}}",
];

fn every_kind(name: &str, value: &Value) -> Vec<(Json, Answer)> {
    let step = json!({ "pool": name, "inverted": false }).to_string();
    let step = model::json::parse(step.as_bytes()).expect("JSON");
    let range = ranges("2026-03-01T00:00:00Z", DAY, 2);
    let groups = || {
        vec![
            group(name.into(), value.clone()),
            group("other".into(), 1.into()),
        ]
    };
    let several = json!({ "analysis": "multi_analysis", "pool": "p", "analyses": {
        "a": { "analysis": "count" }, "b": { "analysis": "count" } } });
    let mut lines = several.clone();
    lines["interval"] = json!("daily");
    lines["timeframe"] = json!("this_14_days");
    let both = || vec![value.clone(), 1.into()];
    vec![
        (
            count(false, None),
            measured(None, Results::Whole(vec![name.into()])),
        ),
        (
            several,
            measured(Some(&[name, "b"]), Results::Whole(both())),
        ),
        (count(true, None), measured(None, Results::Groups(groups()))),
        (
            lines,
            measured(
                Some(&[name, "b"]),
                Results::Intervals(range.iter().map(|range| (*range, both())).collect()),
            ),
        ),
        (
            count(true, Some("daily")),
            measured(
                None,
                Results::GroupsOfIntervals(range.iter().map(|range| (*range, groups())).collect()),
            ),
        ),
        (
            json!({ "analysis": "funnel", "steps": [{ "pool": "p", "actor": "a" }] }),
            Answer::Funnel {
                tally: Tally {
                    counts: vec![5, 3],
                    actors: vec![None, None],
                },
                steps: vec![step.clone(), step],
            },
        ),
    ]
}

fn check(name: &str, value: &Value, look: &Look) {
    for (asked, answer) in every_kind(name, value) {
        for kind in [None, Some(Kind::Line), Some(Kind::Area), Some(Kind::Bars)] {
            let svg = drawing(&asked, look.clone()).drawn_as(kind).draw(&answer);
            let texts = checked(&svg, look);
            assert!(svg.len() < 40_000, "{} bytes", svg.len());
            let forbidden =
                |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
            assert!(!svg.contains(forbidden), "{texts:?}");
        }
    }
}

#[test]
fn no_name_breaks_a_picture() {
    let long = "x".repeat(10_000);
    let wide = "漢".repeat(10_000);
    for name in NAMES.iter().copied().chain([&*long, &*wide]) {
        let titled = Look {
            title: Some(name.chars().take(TITLE_CHARS_MAX).collect()),
            ..look()
        };
        check(name, &3.into(), &titled);
    }
}

#[test]
fn a_name_is_shown_as_it_is() {
    let answer = measured(
        None,
        Results::Groups(vec![group("</text><b>&]]>".into(), 1.into())]),
    );
    let shown = texts(&count(true, None), &answer);
    assert!(
        shown.lines().any(|line| line == "</text><b>&]]>"),
        "{shown}"
    );
    let answer = measured(
        None,
        Results::Groups(vec![group("a\0b\u{fffe}c\td".into(), 1.into())]),
    );
    let shown = texts(&count(true, None), &answer);
    assert!(
        shown.lines().any(|line| line == "a\u{fffd}b\u{fffd}c d"),
        "{shown}"
    );
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<f64>().prop_map(|number| Value::float(number).unwrap_or(Value::Null)),
        any::<i128>().prop_map(Value::Integer),
        (-50_i64..50).prop_map(Value::from),
        Just(Value::Null),
        Just(float(f64::MAX)),
        Just(float(f64::MIN)),
        Just(float(5e-324)),
        any::<String>().prop_map(Value::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_answer_breaks_a_picture(
        name in any::<String>(), value in any_value(), title in prop::option::of(any::<String>()),
        width in WIDTHS, height in HEIGHTS,
    ) {
        let title = title.map(|title| title.chars().take(TITLE_CHARS_MAX).collect());
        check(&name, &value, &Look { width, height, title, ..look() });
    }

    #[test]
    fn no_series_breaks_a_picture(
        values in prop::collection::vec(any_value(), 0..40),
        width in WIDTHS, height in HEIGHTS,
    ) {
        let look = Look { width, height, ..look() };
        for kind in [None, Some(Kind::Bars)] {
            let drawing = drawing(&count(false, Some("daily")), look.clone()).drawn_as(kind);
            checked(&drawing.draw(&days(values.clone())), &look);
        }
        let groups = values.into_iter().enumerate();
        let groups = groups.map(|(at, value)| group(at.to_string().into(), value));
        let answer = measured(None, Results::Groups(groups.collect()));
        checked(&drawing(&count(true, None), look.clone()).draw(&answer), &look);
    }
}

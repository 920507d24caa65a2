mod colours;
mod hostile;
mod kinds;
mod samples;

use model::analyses::{GroupResult, Measured, Results, Tally};
use model::time::{TimeRange, Timestamp};
use model::value::Value;
use serde_json::{Value as Json, json};

use super::*;

fn look() -> Look {
    Look {
        width: WIDTH,
        height: HEIGHT,
        fits: false,
        theme: Theme::OfReader,
        title: None,
        metric: None,
    }
}

fn question(question: &Json) -> Analysis {
    let read = model::json::parse(question.to_string().as_bytes()).expect("JSON");
    Analysis::parse(&read).expect("legal")
}

fn drawing(asked: &Json, look: Look) -> Drawing {
    Drawing::of(&question(asked), look).expect("it has a chart")
}

/// A question over all rows, by groups, by intervals, or by both.
fn count(group_by: bool, interval: Option<&str>) -> Json {
    let mut asked = json!({ "analysis": "count", "pool": "p" });
    if group_by {
        asked["group_by"] = json!(["g"]);
    }
    if let Some(interval) = interval {
        asked["interval"] = json!(interval);
        asked["timeframe"] = json!("this_14_days");
    }
    asked
}

fn measured(labels: Option<&[&str]>, results: Results) -> Answer {
    Answer::Measured(Measured {
        groups: vec!["g".to_owned()],
        labels: labels.map(|labels| labels.iter().map(|label| (*label).to_owned()).collect()),
        results,
    })
}

fn group(key: Value, result: Value) -> GroupResult {
    GroupResult {
        keys: vec![key],
        results: vec![result],
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

/// So many ranges of so many seconds.
fn ranges(from: &str, seconds: i64, count: usize) -> Vec<TimeRange> {
    let from = at(from).as_microsecond();
    let bound = |index: usize| {
        let index = i64::try_from(index).expect("small");
        Timestamp::from_microsecond(from + index * seconds * 1_000_000).expect("in range")
    };
    let ranges = (0..count).map(|index| TimeRange::new(bound(index), bound(index + 1)));
    ranges.map(|range| range.expect("ascending")).collect()
}

fn float(number: f64) -> Value {
    Value::float(number).expect("finite")
}

const DAY: i64 = 86_400;

fn days(values: impl IntoIterator<Item = Value>) -> Answer {
    let values: Vec<Value> = values.into_iter().collect();
    let ranges = ranges("2026-03-01T00:00:00Z", DAY, values.len());
    let intervals = ranges
        .into_iter()
        .zip(values.into_iter().map(|value| vec![value]));
    measured(None, Results::Intervals(intervals.collect()))
}

/// The picture, known to be one that XML and browsers read, of known parts,
/// and with everything in it.
#[track_caller]
fn checked(svg: &str, look: &Look) -> String {
    let document = roxmltree::Document::parse(svg).unwrap_or_else(|error| panic!("{error}: {svg}"));
    let root = document.root_element();
    assert_eq!(root.attribute("role"), Some("img"));
    let parts: Vec<&str> = root
        .children()
        .filter(|n| n.is_element())
        .map(|n| n.tag_name().name())
        .collect();
    assert_eq!(parts[..3], ["title", "desc", "style"]);
    let mut texts = Vec::new();
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        let name = node.tag_name().name();
        assert_eq!(
            node.tag_name().namespace(),
            Some("http://www.w3.org/2000/svg")
        );
        let known = [
            "svg", "title", "desc", "style", "rect", "line", "path", "circle", "text",
        ];
        assert!(known.contains(&name), "{name}");
        for attribute in node.attributes() {
            check_attribute(&node, attribute.name(), attribute.value(), look);
        }
        if name == "text" {
            texts.push(node.text().unwrap_or_default().to_owned());
        }
    }
    for text in ["title", "desc"] {
        let node = root
            .children()
            .find(|node| node.has_tag_name(("http://www.w3.org/2000/svg", text)));
        assert!(
            node.and_then(|node| node.text())
                .is_some_and(|text| !text.is_empty())
        );
    }
    texts.join("\n")
}

fn check_attribute(node: &roxmltree::Node<'_, '_>, name: &str, value: &str, look: &Look) {
    match name {
        "x" | "x1" | "x2" | "cx" => check_within(value, look.width),
        "y" | "y1" | "y2" | "cy" => check_within(value, look.height),
        "width" if node.tag_name().name() == "rect" => check_within(value, look.width),
        "height" if node.tag_name().name() == "rect" => check_within(value, look.height),
        "d" => {
            let numbers = value
                .split(['M', 'L', 'Z', ' '])
                .filter(|part| !part.is_empty());
            let most = look.width.max(look.height);
            numbers.for_each(|number| check_within(number, most));
        }
        "class" => {
            let known = ["a", "b", "d", "g", "k", "l", "m", "s", "t", "v", "x", "z"];
            for class in value.split(' ') {
                let is_line = class.len() == 2 && class.starts_with(['l', 'f']);
                assert!(known.contains(&class) || is_line, "{class}");
            }
        }
        _ => {
            let known = [
                "width",
                "height",
                "viewBox",
                "role",
                "rx",
                "r",
                "text-anchor",
                "font-size",
            ];
            assert!(known.contains(&name), "{name}");
        }
    }
}

fn check_within(number: &str, most: u32) {
    let number: f64 = number.parse().unwrap_or_else(|_| panic!("{number}"));
    assert!(
        (-1.0..=f64::from(most) + 1.0).contains(&number),
        "{number} of {most}"
    );
}

fn texts(asked: &Json, answer: &Answer) -> String {
    texts_in(asked, answer, look())
}

fn texts_in(asked: &Json, answer: &Answer, look: Look) -> String {
    let svg = drawing(asked, look.clone()).draw(answer);
    checked(&svg, &look)
}

#[test]
fn what_has_no_numbers_has_no_chart_whatever_the_answer() {
    let of = |asked: Json, metric: Option<&str>| {
        let metric = metric.map(str::to_owned);
        let look = Look { metric, ..look() };
        Drawing::of(&question(&asked), look).map(|drawing| drawing.metrics)
    };
    let list = json!({ "analysis": "select_unique", "pool": "p", "field": "f" });
    let rows = json!({ "analysis": "extraction", "pool": "p", "latest": 1 });
    assert_eq!(of(list, None), Err(NoChart::NoNumbers));
    assert_eq!(of(rows, None), Err(NoChart::NoNumbers));
    let several = |group_by: Json| {
        json!({ "analysis": "multi_analysis", "pool": "p", "group_by": group_by, "analyses": {
            "list": { "analysis": "select_unique", "field": "f" },
            "sum": { "analysis": "sum", "field": "f" }, "rows": { "analysis": "count" } } })
    };
    let labels = || Err(NoChart::NoMetric(vec!["sum".to_owned(), "rows".to_owned()]));
    assert_eq!(of(several(Json::Null), None), Ok(vec![1, 2]));
    assert_eq!(of(several(json!(["g"])), None), Ok(vec![1]));
    assert_eq!(of(several(json!(["g"])), Some("rows")), Ok(vec![2]));
    assert_eq!(of(several(json!(["g"])), Some("list")), labels());
    assert_eq!(of(several(Json::Null), Some("x")), labels());
    let none = || Err(NoChart::NoMetric(Vec::new()));
    assert_eq!(of(count(false, None), Some("result")), none());
    let funnel = json!({ "analysis": "funnel", "steps": [{ "pool": "p", "actor": "a" }] });
    assert_eq!(of(funnel.clone(), None), Ok(Vec::new()));
    assert_eq!(of(funnel, Some("result")), none());
}

#[test]
fn nothing_is_said_to_be_nothing() {
    let nothings = [
        (
            count(true, None),
            measured(None, Results::Groups(Vec::new())),
        ),
        (count(false, Some("daily")), days([])),
        (
            count(false, Some("daily")),
            days([Value::Null, Value::Null]),
        ),
        (
            count(true, Some("daily")),
            measured(None, Results::GroupsOfIntervals(Vec::new())),
        ),
    ];
    for (asked, answer) in nothings {
        assert_eq!(texts(&asked, &answer), "No data");
    }
    let none = measured(None, Results::Whole(vec![Value::Null]));
    assert_eq!(texts(&count(false, None), &none), "–");
}

/// Of several functions by groups one is drawn, and the picture says which.
#[test]
fn what_groups_are_drawn_of_is_said() {
    let asked = json!({ "analysis": "multi_analysis", "pool": "p", "group_by": ["g"], "analyses": {
        "sold": { "analysis": "sum", "field": "f" }, "rows": { "analysis": "count" } } });
    let mut one = group("a".into(), 5.into());
    one.results.push(9.into());
    let answer = measured(Some(&["sold", "rows"]), Results::Groups(vec![one]));
    assert_eq!(texts(&asked, &answer), "sold\na\n5");
    let rows = Look {
        metric: Some("rows".to_owned()),
        ..look()
    };
    assert_eq!(texts_in(&asked, &answer, rows), "rows\na\n9");
}

#[test]
fn figures_are_read_at_a_glance() {
    let shown = |value: Value| {
        let answer = measured(None, Results::Whole(vec![value]));
        texts(&count(false, None), &answer)
    };
    for (value, text) in [
        (Value::Integer(0), "0"),
        (Value::Integer(-1_234_567), "−1\u{202f}234\u{202f}567"),
        (Value::Integer(i128::MAX), "1.701e38"),
        (
            Value::Integer(999_999_999_999_999),
            "999\u{202f}999\u{202f}999\u{202f}999\u{202f}999",
        ),
        (Value::Integer(-1_000_000_000_000_000), "−1e15"),
        (float(0.1), "0.1"),
        (float(1234.567), "1234.57"),
        (float(12_345.678), "12\u{202f}345.68"),
        (float(0.012_345_678), "0.01235"),
        (float(-0.000_1), "−0.0001"),
        (float(0.000_099_9), "9.99e−5"),
        (float(1e300), "1e300"),
        (float(5e-324), "4.941e−324"),
        (float(99.999), "100"),
        (float(-0.001), "−0.001"),
        (Value::from("text"), "text"),
        (Value::Boolean(true), "true"),
    ] {
        assert_eq!(shown(value), text);
    }
}

/// A number of which the end is missing is another number.
#[test]
fn no_figure_is_cut_where_fewer_have_room() {
    let labels = ["a", "b", "c", "d"];
    let analyses = labels.map(|label| (label, json!({ "analysis": "count" })));
    let analyses: Json = analyses
        .into_iter()
        .map(|(l, a)| (l.to_owned(), a))
        .collect();
    let asked = json!({ "analysis": "multi_analysis", "pool": "p", "analyses": analyses });
    let results = [8_412, 391_204_000, 46, 1_907].map(Value::Integer);
    let answer = measured(Some(&labels), Results::Whole(results.to_vec()));
    let mut shown = Vec::new();
    for (width, height) in [(200, 120), (240, 150), (480, 200), (2_000, 120)] {
        let look = Look {
            width,
            height,
            ..look()
        };
        let texts = texts_in(&asked, &answer, look);
        assert!(!texts.contains('…'), "{texts}");
        let figures = texts.lines().filter(|line| labels.contains(line));
        shown.push(figures.count());
    }
    assert_eq!(shown, [1, 4, 4, 4]);
}

#[test]
fn a_gap_is_a_gap_and_a_point_between_two_a_dot() {
    let values = [1, 3, -1, 2, -1, 4, 5].map(|value| match value {
        -1 => Value::Null,
        value => Value::Integer(value),
    });
    let svg = drawing(&count(false, Some("daily")), look()).draw(&days(values));
    let document = roxmltree::Document::parse(&svg).expect("XML");
    let named = |name: &str| {
        document
            .descendants()
            .filter(|n| n.has_tag_name(("http://www.w3.org/2000/svg", name)))
            .count()
    };
    assert_eq!(
        (named("path"), named("circle")),
        (4, 1),
        "two areas, two lines, a dot: {svg}"
    );
    let one = days([Value::Integer(7)]);
    let svg = drawing(&count(false, Some("daily")), look()).draw(&one);
    assert_eq!(svg.matches("<circle").count(), 1);
    assert!(checked(&svg, &look()).contains("1 Mar\n2026"));
}

#[test]
fn the_highest_groups_have_lines_and_the_others_are_counted() {
    let series = |groups: i64| {
        let of_day = |day: i64| {
            let groups = 0..groups;
            groups
                .map(|g| group(format!("group {g}").into(), Value::from(g * day)))
                .collect()
        };
        let ranges = ranges("2026-03-01T00:00:00Z", DAY, 3);
        let intervals = ranges.into_iter().zip([of_day(1), of_day(2), of_day(1)]);
        measured(None, Results::GroupsOfIntervals(intervals.collect()))
    };
    let asked = count(true, Some("daily"));
    let shown = texts(&asked, &series(20));
    assert!(shown.contains("8 lines of 20"), "{shown}");
    for (at, is_shown) in (0..20).map(|at| (at, at >= 12)) {
        let named = shown.lines().any(|line| line == format!("group {at}"));
        assert_eq!(named, is_shown, "{at}: {shown}");
    }
    assert!(!texts(&asked, &series(8)).contains("lines of"));
    // Where there is room for the names of few, the highest of them are drawn.
    let small = Look {
        width: 200,
        height: 140,
        ..look()
    };
    let svg = drawing(&asked, small.clone()).draw(&series(8));
    let shown = checked(&svg, &small);
    let mut names = shown.lines().filter(|line| line.starts_with("group"));
    assert_eq!(
        (names.next(), names.next()),
        (Some("group 7"), None),
        "{shown}"
    );
    assert!(shown.contains("1 line of 8"), "{shown}");
    assert_eq!(svg.matches("<path").count(), 2, "a line on its area: {svg}");
}

#[test]
fn a_group_that_is_not_in_an_interval_has_a_gap_there() {
    let ranges = ranges("2026-03-01T00:00:00Z", DAY, 3);
    let of = |names: &[&str]| {
        names
            .iter()
            .map(|name| group((*name).into(), 1.into()))
            .collect()
    };
    let groups = [of(&["a", "b"]), of(&["a"]), of(&["a", "b"])];
    let answer = measured(
        None,
        Results::GroupsOfIntervals(ranges.into_iter().zip(groups).collect()),
    );
    let svg = drawing(&count(true, Some("daily")), look()).draw(&answer);
    checked(&svg, &look());
    assert_eq!(
        (svg.matches("<path").count(), svg.matches("<circle").count()),
        (1, 2),
        "{svg}"
    );
}

#[test]
fn bars_show_as_many_groups_as_there_is_room_for() {
    let groups = (0..300).map(|at| group(format!("g{at}").into(), Value::Integer(300 - at)));
    let answer = measured(None, Results::Groups(groups.collect()));
    for (height, shown) in [(120, 3), (360, 15), (2_000, 97)] {
        let look = Look { height, ..look() };
        let svg = drawing(&count(true, None), look.clone()).draw(&answer);
        let texts = checked(&svg, &look);
        assert!(
            texts.contains(&format!("The first {shown} groups of 300")),
            "{texts}"
        );
        assert_eq!(svg.matches("class=\"f0\"").count(), shown);
    }
}

#[test]
fn few_bars_are_no_planks_and_leave_no_room_empty() {
    for few in 1..=8 {
        let groups = (0..few).map(|at| group(format!("g{at}").into(), Value::Integer(9 - at)));
        let answer = measured(None, Results::Groups(groups.collect()));
        for fits in [true, false] {
            for title in [None, Some("A title".to_owned())] {
                let look = Look {
                    fits,
                    title,
                    ..look()
                };
                let svg = drawing(&count(true, None), look.clone()).draw(&answer);
                let number = |text: &str| text.parse::<f64>().expect("a number");
                let after = |text: &str, name: &str| {
                    let value = text
                        .split(&format!(" {name}=\""))
                        .nth(1)
                        .expect("it has one");
                    number(value.split('"').next().expect("a value"))
                };
                let high = after(&svg, "height");
                let bars: Vec<&str> = svg
                    .split("<rect")
                    .filter(|r| r.contains("\"f0\""))
                    .collect();
                let tops = bars.iter().map(|bar| after(bar, "y"));
                let tops: Vec<f64> = tops.collect();
                let thick = after(bars[0], "height");
                assert!((12.0..=28.0).contains(&thick), "{few} bars of {thick}");
                let above = tops[0];
                let below = high - (tops[tops.len() - 1] + thick);
                let most = if look.title.is_some() { 80.0 } else { 50.0 };
                match fits {
                    true => assert!(
                        above.max(below) < most,
                        "{few}: {above} and {below} of {high}"
                    ),
                    // A page said how high it is: they stand in the middle of that.
                    false => {
                        let top = if look.title.is_some() { 28.0 } else { 0.0 };
                        assert!((above - top - below).abs() < 1.0, "{few}: {above}, {below}");
                    }
                }
                if !fits {
                    checked(&svg, &look);
                }
            }
        }
    }
}

#[test]
fn steps_have_their_share_of_the_first() {
    let steps = ["visits", "orders", "orders"].map(|pool| {
        let step = json!({ "pool": pool, "inverted": pool == "orders" }).to_string();
        model::json::parse(step.as_bytes()).expect("JSON")
    });
    let tally = |counts: [u64; 3]| Answer::Funnel {
        tally: Tally {
            counts: counts.to_vec(),
            actors: vec![None; 3],
        },
        steps: steps.to_vec(),
    };
    let asked = json!({ "analysis": "funnel", "steps": [{ "pool": "visits", "actor": "a" }] });
    let shown = texts(&asked, &tally([2_000, 1_000, 34]));
    for text in [
        "1. visits",
        "2. without orders",
        "2000",
        "100 %",
        "50 %",
        "34",
        "1.7 %",
        "50 % of step 1",
        "3.4 % of step 2",
    ] {
        assert!(shown.lines().any(|line| line == text), "{text}: {shown}");
    }
    assert!(texts(&asked, &tally([0, 0, 0])).contains('–'));
    let most = tally([u64::MAX, u64::MAX, 0]);
    assert!(texts(&asked, &most).contains("100 %"));
}

#[test]
fn axes_have_round_numbers_round_all_values() {
    let axis = |values: &[f64]| {
        let axis = scale::Axis::over(values.iter().copied(), 5.0);
        for value in values {
            assert!((0.0..=1.0).contains(&axis.share(*value)), "{values:?}");
        }
        let ticks = axis.ticks.iter().map(|tick| tick.text.as_str());
        ticks.collect::<Vec<_>>().join(" ")
    };
    for (values, ticks) in [
        (&[][..], "0 1"),
        (&[0.0], "0 1"),
        (&[1.0, 2.0, 3.0], "0 1 2 3"),
        (&[7.0], "0 2 4 6 8"),
        (&[0.3], "0 0.1 0.2 0.3"),
        (&[-4.0, 9.0], "−5 0 5 10"),
        (&[-3.0, -1.0], "−3 −2 −1 0"),
        (&[9_999.0], "0 2k 4k 6k 8k 10k"),
        (&[4_999.0], "0 1000 2000 3000 4000 5000"),
        (&[12_000.0], "0 5k 10k 15k"),
        (&[2_500_000.0], "0 0.5M 1.0M 1.5M 2.0M 2.5M"),
        (&[998.0, 1_003.0], "998 999 1000 1001 1002 1003"),
        (&[1e300], "0 2e299 4e299 6e299 8e299 1e300"),
        (&[1e-300], "0 2e−301 4e−301 6e−301 8e−301 1e−300"),
        (&[5e-324], "0 1e−324 2e−324 3e−324 4e−324 5e−324"),
    ] {
        assert_eq!(axis(values), ticks);
    }
    axis(&[f64::MAX, f64::MIN]);
    axis(&[1e15, 1e15 + 1.0]);
    axis(&[1e-7, -1e200]);
}

#[test]
fn intervals_are_named_by_what_they_begin_with() {
    let zone = TimeZone::parse("Asia/Tokyo").expect("a zone");
    for (start, interval, name) in [
        ("2026-03-01T15:00:00Z", "hourly", "2 Mar 2026 00:00"),
        ("2026-03-01T15:00:00Z", "daily", "2 Mar 2026"),
        ("2026-03-01T15:00:00Z", "weekly", "2 Mar 2026"),
        ("2026-02-28T15:00:00Z", "monthly", "Mar 2026"),
        ("2026-02-28T15:00:00Z", "every_3_months", "Mar 2026"),
        ("2025-12-31T15:00:00Z", "yearly", "2026"),
        // A part of a month or of a year says where it begins.
        ("2026-03-01T15:00:00Z", "monthly", "2 Mar 2026"),
        ("2026-02-28T15:00:00Z", "yearly", "1 Mar 2026"),
    ] {
        let start = Timestamp::parse(start).expect("a time");
        let interval = Interval::parse(interval).expect("an interval");
        assert_eq!(interval_name(start, &zone, interval), name);
    }
}

#[test]
fn words_beneath_the_axis_of_time_stand_at_round_times() {
    let marks = |from: &str, seconds: i64, count: usize, interval: &str, zone: &str, most| {
        let zone = TimeZone::parse(zone).expect("a zone");
        let starts = ranges(from, seconds, count);
        let starts: Vec<_> = starts
            .iter()
            .map(|range| dates::Moment::of(range.from(), &zone))
            .collect();
        let interval = Interval::parse(interval).expect("an interval");
        let marks = dates::marks(&starts, dates::Pace::of(Some(interval)), most);
        let words = marks.iter().map(|mark| match &mark.part_of {
            Some(part_of) => format!("{} ({part_of})", mark.text),
            None => mark.text.clone(),
        });
        words.collect::<Vec<_>>().join(", ")
    };
    let cases = [
        (
            marks("2026-03-01T00:00:00Z", DAY, 14, "daily", "UTC", 8),
            "1 Mar (2026), 3 Mar, 5 Mar, 7 Mar, 9 Mar, 11 Mar, 13 Mar",
        ),
        (
            marks("2025-12-15T00:00:00Z", DAY, 90, "daily", "UTC", 8),
            "15 Dec (2025), 29 Dec, 12 Jan (2026), 26 Jan, 9 Feb, 23 Feb, 9 Mar",
        ),
        (
            marks("2025-01-01T00:00:00Z", DAY, 365, "daily", "UTC", 6),
            "1 Jan (2025), 1 Apr, 1 Jul, 1 Oct",
        ),
        (
            marks(
                "2026-03-01T22:00:00Z",
                3_600,
                24,
                "hourly",
                "Europe/Berlin",
                5,
            ),
            "00:00 (2 Mar), 06:00, 12:00, 18:00",
        ),
        (
            marks("2026-03-01T00:00:00Z", 3_600, 96, "hourly", "UTC", 5),
            "1 Mar (2026), 2 Mar, 3 Mar, 4 Mar",
        ),
        (
            marks("2026-03-01T10:00:00Z", 60, 60, "minutely", "UTC", 5),
            "10:00 (1 Mar), 10:15, 10:30, 10:45",
        ),
        (
            marks("2026-01-01T00:00:00Z", 31 * DAY, 12, "monthly", "UTC", 12),
            "Jan (2026), Feb, Mar, Apr, May, Jun, Jul, Aug, Sep, Oct, Nov, Dec",
        ),
        (
            marks("2026-01-05T00:00:00Z", 7 * DAY, 10, "weekly", "UTC", 5),
            "5 Jan (2026), 19 Jan, 2 Feb, 16 Feb, 2 Mar",
        ),
        (
            marks("2000-01-02T00:00:00Z", 366 * DAY, 26, "yearly", "UTC", 7),
            "2000, 2005, 2010, 2015, 2020, 2025",
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}

/// Ten thousand intervals of eight groups are a picture that is sent in no time.
#[test]
fn a_long_series_is_as_large_as_its_picture() {
    let ranges = ranges("2026-03-01T00:00:00Z", 60, 10_000);
    let intervals = ranges.into_iter().enumerate().map(|(at, range)| {
        let groups = (0..8_u64).map(|g| {
            let value = (at as u64 * 2_654_435_761 + g * 40_503) % 1_000;
            group(
                format!("g{g}").into(),
                i64::try_from(value).expect("small").into(),
            )
        });
        (range, groups.collect())
    });
    let answer = measured(None, Results::GroupsOfIntervals(intervals.collect()));
    let svg = drawing(&count(true, Some("minutely")), look()).draw(&answer);
    checked(&svg, &look());
    assert!(svg.len() < 300_000, "{} bytes", svg.len());
}

#[test]
fn a_theme_is_the_readers_or_the_one_that_is_asked_for() {
    let of = |theme| {
        drawing(&count(false, None), Look { theme, ..look() })
            .draw(&measured(None, Results::Whole(vec![1.into()])))
    };
    let (light, dark) = (style::LIGHT.ground, style::DARK.ground);
    for (theme, has) in [
        (Theme::Light, [true, false, false]),
        (Theme::Dark, [false, true, false]),
        (Theme::OfReader, [true, true, true]),
    ] {
        let svg = of(theme);
        let found = [light, dark, "prefers-color-scheme:dark"].map(|text| svg.contains(text));
        assert_eq!(found, has, "{theme:?}");
    }
}

use serde_json::json;

use super::*;
use crate::output::table;

/// The answer as a table.
fn shown(question: Value, answer: Value) -> String {
    let answered = Answered {
        question: &question,
        answer: &answer,
    };
    let grid = answered.grid().expect("a table");
    let headers: Vec<&str> = grid.headers.iter().map(String::as_str).collect();
    table::render(&headers, &grid.rows, false)
}

fn drawn(question: Value, answer: Value) -> Result<String, String> {
    let answered = Answered {
        question: &question,
        answer: &answer,
    };
    answered.plot(48).map_err(|error| error.to_string())
}

fn interval(day: u8, value: Value) -> Value {
    json!({ "timeframe": {
        "start": format!("2026-04-0{day}T00:00:00+02:00"),
        "end": format!("2026-04-0{}T00:00:00+02:00", day + 1),
    }, "value": value })
}

fn grouped_series() -> (Value, Value) {
    let group =
        |a: Value, b: Value| json!([{ "sku": "a", "result": a }, { "sku": null, "result": b }]);
    let question = json!({ "analysis": "sum", "interval": "daily", "group_by": ["sku"] });
    let answer = json!({ "result": [
        interval(1, group(json!(2), json!(0))),
        interval(2, group(json!(4), json!("9007199254740993"))),
    ] });
    (question, answer)
}

fn funnel() -> (Value, Value) {
    let question = json!({ "analysis": "funnel" });
    let answer = json!({ "result": [40, 10, 1], "actors": [null, null, ["ada"]], "steps": [
        { "pool": "visits", "actor": "user" }, { "pool": "carts", "actor": "user" },
        { "pool": "orders", "actor": "user", "with_actors": true } ] });
    (question, answer)
}

#[test]
fn every_shape_of_results_is_a_table() {
    let several = json!({ "analysis": "multi_analysis", "analyses": {
        "n": { "analysis": "count" }, "top": { "analysis": "maximum", "field": "x" } } });
    insta::assert_snapshot!(shown(several.clone(), json!({ "result": { "n": 3, "top": 1.5 } })), @r"
┌───┬─────┐
│ n ┆ top │
╞═══╪═════╡
│ 3 ┆ 1.5 │
└───┴─────┘
");
    let mut grouped = several;
    grouped["group_by"] = json!([{ "field": "total", "as": "size", "bin_size": 10 }]);
    insta::assert_snapshot!(shown(grouped, json!({ "result": [
        { "size": 0, "n": 1, "top": null }, { "size": 10, "n": 2, "top": 12.25 } ] })), @r"
┌──────┬───┬───────┐
│ size ┆ n ┆   top │
╞══════╪═══╪═══════╡
│    0 ┆ 1 ┆       │
│   10 ┆ 2 ┆ 12.25 │
└──────┴───┴───────┘
");
    let series = json!({ "analysis": "count", "interval": "daily" });
    insta::assert_snapshot!(shown(series, json!({ "result": [
        interval(1, json!(7)), interval(2, json!(0)) ] })), @r"
┌────────────┬────────┐
│ interval   ┆ result │
╞════════════╪════════╡
│ 2026-04-01 ┆      7 │
│ 2026-04-02 ┆      0 │
└────────────┴────────┘
");
    let (question, answer) = grouped_series();
    insta::assert_snapshot!(shown(question, answer), @r"
┌────────────┬─────┬──────────────────┐
│ interval   ┆ sku ┆           result │
╞════════════╪═════╪══════════════════╡
│ 2026-04-01 ┆ a   ┆                2 │
│ 2026-04-01 ┆     ┆                0 │
│ 2026-04-02 ┆ a   ┆                4 │
│ 2026-04-02 ┆     ┆ 9007199254740993 │
└────────────┴─────┴──────────────────┘
");
    let values = json!({ "analysis": "select_unique", "field": "sku" });
    insta::assert_snapshot!(shown(values, json!({ "result": ["a", "b\u{1b}[2J", null] })), @r"
┌────────────┐
│ sku        │
╞════════════╡
│ a          │
│ b\u{1b}[2J │
│            │
└────────────┘
");
    let (question, answer) = funnel();
    insta::assert_snapshot!(shown(question, answer), @r#"
┌──────┬────────┬────────┬──────────────┬─────────┐
│ step ┆ pool   ┆ actors ┆ of the first ┆ who     │
╞══════╪════════╪════════╪══════════════╪═════════╡
│    1 ┆ visits ┆     40 ┆ 100.0 %      ┆         │
│    2 ┆ carts  ┆     10 ┆ 25.0 %       ┆         │
│    3 ┆ orders ┆      1 ┆ 2.5 %        ┆ ["ada"] │
└──────┴────────┴────────┴──────────────┴─────────┘
"#);
}

#[test]
fn a_single_value_is_no_table() {
    for value in [json!(3), json!("2026-01-01"), Value::Null, json!([1, 2])] {
        let (question, answer) = (json!({ "analysis": "maximum" }), json!({ "result": value }));
        let answered = Answered {
            question: &question,
            answer: &answer,
        };
        assert_eq!(answered.grid(), None);
    }
}

#[test]
fn intervals_and_groups_and_steps_are_drawn() {
    let series = json!({ "analysis": "average", "interval": "daily" });
    let days = json!({ "result": [interval(1, json!(7.5)), interval(2, json!(null)),
        interval(3, json!(15)), interval(4, json!(0))] });
    insta::assert_snapshot!(drawn(series, days).expect("a chart"), @r"
15 ▕                ███████
   ▕                ███████
   ▕                ███████
   ▕                ███████
   ▕                ███████
   ▕███████         ███████
   ▕███████         ███████
   ▕███████         ███████
   ▕███████         ███████
 0 ▕███████ ······· ███████
    2026-04-01           2026-04-04
");
    let (question, answer) = grouped_series();
    insta::assert_snapshot!(drawn(question, answer).expect("a chart"), @r"
a
9.007e15 ▕
         ▕
         ▕
       0 ▕▁▁▁▁▁▁▁ ▁▁▁▁▁▁▁
(none)
9.007e15 ▕        ███████
         ▕        ███████
         ▕        ███████
       0 ▕        ███████
          2026-04-01 … 2026-04-02
");
    let groups = json!({ "analysis": "sum", "group_by": ["sku", "land"] });
    let sums = json!({ "result": [{ "sku": "lamp", "land": "CH", "result": 640.5 },
        { "sku": "desk", "land": null, "result": 80 }, { "sku": "x", "land": 3, "result": null }] });
    insta::assert_snapshot!(drawn(groups, sums).expect("a chart"), @r"
lamp, CH     ▕████████████████████████████ 640.5
desk, (none) ▕███▌ 80
x, 3         ▕
");
    let (question, answer) = funnel();
    insta::assert_snapshot!(drawn(question, answer).expect("a chart"), @r"
1 visits ▕███████████████████████████████████ 40
2 carts  ▕████████▊ 10
3 orders ▕▉ 1
");
    let several = json!({ "group_by": ["g"], "analyses": { "n": {}, "m": {} } });
    let labels = json!({ "result": [{ "g": 1, "n": 1, "m": 2 }] });
    insta::assert_snapshot!(drawn(several, labels).expect("a chart"), @r"
n
1 ▕███████████████████████████████████████████ 1

m
1 ▕███████████████████████████████████████████ 2
");
}

#[test]
fn groups_that_a_limit_leaves_out_keep_their_place() {
    let question = json!({ "interval": "daily", "group_by": ["g"], "limit": 1 });
    let only = |g: Value, result: i64| json!([{ "g": g, "result": result }]);
    let answer = json!({ "result": [
        interval(1, only(json!(1), 4)), interval(2, only(json!("1"), 2)), interval(3, only(json!(1), 1)) ] });
    insta::assert_snapshot!(drawn(question, answer).expect("a chart"), @r"
1
4 ▕███████
  ▕███████
  ▕███████
0 ▕███████ ······· ███████
1
4 ▕
  ▕
  ▕        ███████
0 ▕······· ███████ ·······
   2026-04-01   2026-04-03
");
}

#[test]
fn what_is_no_number_is_not_drawn() {
    for (question, answer, told) in [
        (
            json!({ "analysis": "count" }),
            json!({ "result": 3 }),
            "one value is not drawn",
        ),
        (
            json!({ "analysis": "minimum", "group_by": ["g"] }),
            json!({ "result": [{ "g": 1, "result": "text" }] }),
            "only numbers are drawn",
        ),
        (
            json!({ "analysis": "select_unique", "interval": "daily" }),
            json!({ "result": [interval(1, json!(["a"]))] }),
            "only numbers are drawn",
        ),
    ] {
        let refused = drawn(question, answer).expect_err(told);
        assert!(refused.starts_with(told), "{refused}");
    }
}

#[test]
fn an_answer_that_shows_nothing_says_why() {
    let series = json!({ "interval": "daily" });
    let days = |value: Value| json!({ "result": [interval(1, value.clone()), interval(2, value)] });
    for (question, answer, told) in [
        (json!({}), json!({ "result": 0 }), None),
        (
            json!({}),
            json!({ "result": null }),
            Some("there is no value"),
        ),
        (
            json!({ "group_by": ["g"] }),
            json!({ "result": [] }),
            Some("no row that"),
        ),
        (series.clone(), days(json!(0)), Some("no row that")),
        (series.clone(), days(json!(null)), Some("no row that")),
        (series.clone(), days(json!(1)), None),
        (
            json!({ "interval": "daily", "group_by": ["g"] }),
            days(json!([])),
            Some("no row that"),
        ),
        (
            json!({}),
            json!({ "result": [0, 0], "steps": [{}, {}] }),
            Some("nobody is in"),
        ),
        (
            json!({}),
            json!({ "result": [1, 0], "steps": [{}, {}] }),
            None,
        ),
    ] {
        let answered = Answered {
            question: &question,
            answer: &answer,
        };
        let remark = answered.remark();
        let fits = match (remark, told) {
            (Some(remark), Some(told)) => remark.starts_with(told),
            (remark, told) => remark.is_none() && told.is_none(),
        };
        assert!(fits, "{question} {answer}: {remark:?}");
    }
}

#[test]
fn rows_are_flat_by_their_paths() {
    let rows = [json!({ "a": { "b": 1, "c": { "d": [1] } }, "e": {}, "f": null })];
    assert_eq!(
        flattened(&rows),
        [json!({ "a.b": 1, "a.c.d": [1], "e": {}, "f": null })]
    );
}

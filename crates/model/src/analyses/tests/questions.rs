//! Random questions as a client may send them. Other crates' tests include
//! this file, so it names the model from outside.

use model::value::{Object, Value};

use super::dice::Dice;

fn pick<T: Copy>(dice: &mut Dice<'_>, from: &[T]) -> T {
    from[dice(from.len())]
}

fn chance(dice: &mut Dice<'_>, percent: usize) -> bool {
    dice(100) < percent
}

fn json(text: &str) -> Value {
    model::json::parse(text.as_bytes()).unwrap()
}

const FUNCTIONS: [&str; 10] = [
    "count",
    "count_unique",
    "minimum",
    "maximum",
    "sum",
    "average",
    "median",
    "percentile",
    "standard_deviation",
    "select_unique",
];
const ZONES: [&str; 5] = [
    "UTC",
    "Europe/Berlin",
    "US/Pacific",
    "Asia/Kathmandu",
    "-03:30",
];

/// A question over pools called `p` and `q` with some of these fields.
pub(crate) fn any(dice: &mut Dice<'_>, fields: &[&str]) -> Value {
    match dice(10) {
        0..=6 => aggregation(dice, fields),
        7 => extraction(dice, fields),
        _ => funnel(dice, fields),
    }
}

/// The function with its field.
fn metric(dice: &mut Dice<'_>, object: Object, fields: &[&str]) -> Object {
    let name = pick(dice, &FUNCTIONS);
    let mut object = object.with("analysis", name);
    if name != "count" || chance(dice, 40) {
        object = object.with("field", pick(dice, fields));
    }
    if name == "percentile" {
        object = object.with(
            "percentile",
            json(pick(dice, &["1", "25", "50", "99.99", "100", "0.01"])),
        );
    }
    object
}

/// A filter over the fields, of every operator in turn.
fn filter(dice: &mut Dice<'_>, fields: &[&str], depth: usize) -> Value {
    if depth > 0 && chance(dice, 35) {
        let parts = |dice: &mut Dice<'_>| {
            let count = 1 + dice(3);
            let parts = (0..count).map(|_| filter(dice, fields, depth - 1));
            parts.collect::<Vec<_>>()
        };
        return Value::Object(match dice(3) {
            0 => Object::new().with("all", parts(dice)),
            1 => Object::new().with("any", parts(dice)),
            _ => Object::new().with("not", filter(dice, fields, depth - 1)),
        });
    }
    let scalars = [
        "0",
        "1",
        "2",
        "10",
        "2.5",
        "true",
        "\"x\"",
        "\"xy\"",
        "\"2026-03-28\"",
    ];
    let (operator, value) = match dice(9) {
        0 => ("exists", pick(dice, &["true", "false"]).to_owned()),
        1 => {
            let list = format!("[{},{}]", pick(dice, &scalars), pick(dice, &scalars));
            (pick(dice, &["in", "not_in"]), list)
        }
        2 => (
            pick(dice, &["starts_with", "ends_with", "regex"]),
            pick(dice, &["\"x\"", "\"\"", "\"y\""]).to_owned(),
        ),
        3 => (
            "within",
            r#"{"center":[13.4,52.5],"radius_meters":1000000}"#.to_owned(),
        ),
        _ => (
            pick(
                dice,
                &[
                    "eq",
                    "ne",
                    "lt",
                    "lte",
                    "gt",
                    "gte",
                    "contains",
                    "not_contains",
                ],
            ),
            pick(dice, &scalars).to_owned(),
        ),
    };
    let object = Object::new().with("field", pick(dice, fields));
    Value::Object(
        object
            .with("operator", operator)
            .with("value", json(&value)),
    )
}

fn filters(dice: &mut Dice<'_>, object: Object, fields: &[&str]) -> Object {
    if chance(dice, 60) {
        return object;
    }
    let count = 1 + dice(2);
    let list = (0..count).map(|_| filter(dice, fields, 2));
    object.with("filters", list.collect::<Vec<_>>())
}

/// A period with both sides, of days around 2026-03-28, or one with an open side, or none.
fn period(dice: &mut Dice<'_>, mut object: Object, both: bool) -> Object {
    if chance(dice, 50) {
        object = object.with("timezone", pick(dice, &ZONES));
    }
    if chance(dice, 20) {
        object = object.with("week_start", pick(dice, &["sunday", "monday"]));
    }
    let kind = if both { 2 + dice(2) } else { dice(4) };
    let from = pick(
        dice,
        &[
            "2026-03-20",
            "2026-03-27T05:30:00Z",
            "2026-03-28T23:00:00+01:00",
        ],
    );
    let to = pick(dice, &["2026-03-30", "2026-04-02T00:00:00.000001Z"]);
    match kind {
        0 => object,
        1 if chance(dice, 50) => object.with("from", from),
        1 => object.with("to", to),
        2 => object.with("from", from).with("to", to),
        _ => {
            let frames = [
                "today",
                "yesterday",
                "this_3_days",
                "previous_2_weeks",
                "this_month",
            ];
            object.with("timeframe", pick(dice, &frames))
        }
    }
}

fn group(dice: &mut Dice<'_>, field: &str) -> Value {
    let object = Object::new().with("field", field);
    let ranges = r#"[{"to":0},{"from":0,"to":2,"as":"few"},{"from":2.5}]"#;
    Value::Object(match dice(5) {
        0 => object.with(
            "bin_size",
            json(pick(dice, &["1", "10", "0.5", "0.1", "2.0"])),
        ),
        1 => object.with("ranges", json(ranges)),
        2 => object.with("as", format!("{field} too")),
        _ => return field.into(),
    })
}

/// Functions over groups and intervals.
pub(crate) fn aggregation(dice: &mut Dice<'_>, fields: &[&str]) -> Value {
    let mut names = Vec::new();
    let mut object = if chance(dice, 70) {
        names.push("result".to_owned());
        metric(dice, Object::new(), fields)
    } else {
        let count = 1 + dice(3);
        let mut analyses = Object::new();
        for number in 0..count {
            let label = format!("m{}", (number + 2) % 3);
            analyses = analyses.with(label.as_str(), metric(dice, Object::new(), fields));
            names.push(label);
        }
        Object::new()
            .with("analysis", "multi_analysis")
            .with("analyses", analyses)
    };
    object = filters(dice, object.with("pool", "p"), fields);
    let is_series = chance(dice, 45);
    object = period(dice, object, is_series);
    if is_series {
        let intervals = [
            "daily",
            "every_2_days",
            "weekly",
            "every_6_hours",
            "monthly",
        ];
        object = object.with("interval", pick(dice, &intervals));
    }
    let first = dice(fields.len());
    let count = dice(3);
    if count == 0 {
        return object.into();
    }
    let groups = (0..count).map(|at| fields[(first + at) % fields.len()]);
    let groups: Vec<Value> = groups.map(|field| group(dice, field)).collect();
    for group in &groups {
        let of = |object: &Object| {
            let name = object.get("as").or(object.get("field"));
            name.and_then(Value::as_str).unwrap().to_owned()
        };
        names.push(
            group
                .as_object()
                .map_or_else(|| group.as_str().unwrap().to_owned(), of),
        );
    }
    object = object.with("group_by", groups);
    if chance(dice, 50) {
        let count = 1 + dice(2);
        let by = (0..count).map(|_| order(dice, &names));
        object = object.with("order_by", by.collect::<Vec<_>>());
    }
    if chance(dice, 30) {
        object = object.with("limit", pick(dice, &[1, 2, 3, 100]));
    }
    object.into()
}

fn order<T: AsRef<str>>(dice: &mut Dice<'_>, names: &[T]) -> Value {
    let field = names[dice(names.len())].as_ref();
    let object = Object::new().with("field", field);
    Value::Object(match dice(3) {
        0 => object,
        1 => object.with("direction", "asc"),
        _ => object.with("direction", "desc"),
    })
}

/// Rows as they are.
pub(crate) fn extraction(dice: &mut Dice<'_>, fields: &[&str]) -> Value {
    let object = Object::new()
        .with("analysis", "extraction")
        .with("pool", "p");
    let object = filters(dice, object, fields);
    let mut object = period(dice, object, false);
    if chance(dice, 50) {
        let count = 1 + dice(fields.len());
        object = object.with("fields", fields[..count].to_vec());
    }
    if chance(dice, 40) {
        return object.with("latest", pick(dice, &[1, 2, 5, 100])).into();
    }
    if chance(dice, 50) {
        object = object.with("order_by", vec![order(dice, fields)]);
    }
    if chance(dice, 50) {
        object = object.with("limit", pick(dice, &[1, 2, 5, 100]));
    }
    object.into()
}

/// Steps over the pools `p` and `q`.
pub(crate) fn funnel(dice: &mut Dice<'_>, fields: &[&str]) -> Value {
    let count = 1 + dice(4);
    let steps = (0..count).map(|at| {
        let object = Object::new().with("pool", pick(dice, &["p", "p", "q"]));
        let object = filters(dice, object.with("actor", fields[0]), fields);
        let mut object = if chance(dice, 40) {
            period(dice, object, false)
        } else {
            object
        };
        for (flag, percent) in [("inverted", 30), ("optional", 30)] {
            if at > 0 && chance(dice, percent) {
                object = object.with(flag, true);
            }
        }
        if chance(dice, 50) {
            object = object.with("with_actors", true);
        }
        Value::Object(object)
    });
    let steps: Vec<Value> = steps.collect();
    let object = Object::new().with("analysis", "funnel");
    let object = period(dice, object, false);
    object.with("steps", steps).into()
}

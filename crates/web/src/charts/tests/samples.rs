//! Pictures that people look at: `docs/charts` has them.

use std::path::Path;

use super::*;
use crate::testing::committed;

/// A wave with some noise, the same each time.
fn wave(at: usize, high: f64, shift: f64) -> f64 {
    let at = f64::from(u32::try_from(at).expect("small"));
    let noise = ((at * 12.9898 + shift * 78.233).sin() * 43_758.545_3).fract();
    high * (0.55 + 0.3 * (at / 3.5 + shift).sin() + 0.12 * noise)
}

fn whole(number: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
    Value::Integer(number.round() as i128)
}

fn series() -> (Json, Answer) {
    let values = (0..30).map(|at| whole(wave(at, 4_200.0, 1.0)));
    (count(false, Some("daily")), days(values))
}

fn lines() -> (Json, Answer) {
    let names = ["Berlin", "Hamburg", "München", "Köln", "Leipzig"];
    let ranges = ranges("2026-03-01T23:00:00Z", 3_600, 72);
    let intervals = ranges.into_iter().enumerate().map(|(at, range)| {
        let groups = names.iter().enumerate().map(|(g, name)| {
            let shift = f64::from(u32::try_from(g).expect("small"));
            let value = match g == 1 && (30..36).contains(&at) {
                true => Value::Null,
                false => float(wave(at, 40.0 - 6.0 * shift, 1.9 * shift)),
            };
            group((*name).into(), value)
        });
        (range, groups.collect())
    });
    let mut asked = count(true, Some("hourly"));
    asked["timezone"] = json!("Europe/Berlin");
    (
        asked,
        measured(None, Results::GroupsOfIntervals(intervals.collect())),
    )
}

fn bars() -> (Json, Answer) {
    let groups = [
        ("Espresso beans, 1 kg", 18_240),
        ("Filter coffee", 12_900),
        ("Decaf", 7_315),
        ("Cold brew", 4_020),
        ("Milk jug", 1_999),
        ("Returned goods", -2_480),
        ("", 310),
    ];
    let groups = groups.map(|(name, value)| group(name.into(), Value::Integer(value)));
    (
        count(true, None),
        measured(None, Results::Groups(groups.to_vec())),
    )
}

fn funnel() -> (Json, Answer) {
    let steps = ["visits", "carts", "orders", "reviews"];
    let steps = steps.map(|pool| {
        let step = json!({ "pool": pool, "actor": "visitor" }).to_string();
        model::json::parse(step.as_bytes()).expect("JSON")
    });
    let answer = Answer::Funnel {
        tally: Tally {
            counts: vec![18_420, 6_212, 2_871, 96],
            actors: vec![None; 4],
        },
        steps: steps.to_vec(),
    };
    let asked =
        json!({ "analysis": "funnel", "steps": [{ "pool": "visits", "actor": "visitor" }] });
    (asked, answer)
}

fn figure() -> (Json, Answer) {
    let answer = measured(None, Results::Whole(vec![Value::Integer(1_284_093)]));
    (count(false, None), answer)
}

fn figures() -> (Json, Answer) {
    let asked = json!({ "analysis": "multi_analysis", "pool": "p", "analyses": {
        "orders": { "analysis": "count" },
        "revenue": { "analysis": "sum", "field": "total" },
        "average": { "analysis": "average", "field": "total" },
        "customers": { "analysis": "count_unique", "field": "c" } } });
    let labels = ["orders", "revenue", "average", "customers"];
    let results = vec![
        Value::Integer(8_412),
        float(391_204.5),
        float(46.505_5),
        Value::Integer(1_907),
    ];
    (asked, measured(Some(&labels), Results::Whole(results)))
}

type Sample = (&'static str, &'static str, (u32, u32), (Json, Answer));

fn samples() -> [Sample; 6] {
    [
        ("series", "Orders a day", (720, 320), series()),
        ("lines", "Requests a second, by city", (720, 340), lines()),
        ("bars", "Revenue by product, €", (720, 280), bars()),
        ("funnel", "From visit to review", (720, 240), funnel()),
        ("figure", "Records", (240, 140), figure()),
        ("figures", "March", (480, 200), figures()),
    ]
}

#[test]
fn the_committed_pictures_are_what_is_drawn() {
    for (name, title, (width, height), (asked, answer)) in samples() {
        let look = Look {
            width,
            height,
            title: Some(title.to_owned()),
            ..look()
        };
        let svg = drawing(&asked, look.clone()).draw(&answer);
        checked(&svg, &look);
        committed(Path::new(&format!("charts/{name}.svg")), &svg);
    }
}

//! Random events and questions, hostile and foolish ones among them. Other
//! crates' tests include this file, so it names nothing of this one.

use model::random::{RandomSource, SeededRandom};
use serde_json::{Value as Json, json};

use super::cases::event;

/// What hidden events hold, and no visible one.
pub(crate) const CANARY: &str = "canary-7f3a";

fn pick(random: &SeededRandom, bound: usize) -> usize {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    usize::try_from(u64::from_le_bytes(bytes) % bound as u64).expect("small")
}

fn one<T: Clone>(random: &SeededRandom, of: &[T]) -> T {
    of[pick(random, of.len())].clone()
}

/// Events of two customers; each with whether it is one of `c1`, and what is
/// left of it for a key that does not see `secret`.
pub(crate) fn events(random: &SeededRandom) -> Vec<(Json, bool)> {
    let amounts = [
        json!(1),
        json!(2.5),
        json!(-7),
        json!("text"),
        json!(true),
        json!([1, "x"]),
        Json::Null,
    ];
    let each = (0..60).map(|at| {
        let customer = one(random, &["c1", "c2"]);
        let visible = customer == "c1";
        let mut members = json!({
            "customer": { "id": customer },
            "amount": one(random, &amounts),
            "sku": one(random, &[json!("a"), json!("b"), Json::Null]),
            "user": format!("u{}", pick(random, 6)),
            "secret": pick(random, 9),
        });
        if !visible {
            members["sku"] = json!(CANARY);
            members["user"] = json!(CANARY);
            members[CANARY] = json!(CANARY);
        }
        let time = format!("2024-03-{:02}T{:02}:00:{at:02}Z", 1 + at % 9, at % 24);
        (event(&time, &members), visible)
    });
    each.collect()
}

fn property(random: &SeededRandom) -> Json {
    json!(one(
        random,
        &[
            "amount",
            "sku",
            "user",
            "secret",
            "customer.id",
            "keen.timestamp",
            "nowhere",
            CANARY
        ]
    ))
}

fn filter(random: &SeededRandom) -> Json {
    let operator = one(
        random,
        &[
            "eq",
            "ne",
            "lt",
            "gte",
            "contains",
            "not_contains",
            "exists",
            "in",
        ],
    );
    let value = match operator {
        "exists" => json!(pick(random, 2) == 0),
        "in" => json!(["a", 1, null]),
        _ => one(
            random,
            &[
                json!("a"),
                json!("b"),
                json!(1),
                json!(2.5),
                json!("u3"),
                json!(CANARY),
            ],
        ),
    };
    let filter =
        json!({ "property_name": property(random), "operator": operator, "property_value": value });
    match pick(random, 4) {
        0 => {
            json!({ "operator": "or", "operands": [filter, { "property_name": property(random), "operator": "eq", "property_value": null }] })
        }
        _ => filter,
    }
}

fn timed(random: &SeededRandom, mut body: Json) -> Json {
    body["timeframe"] = one(
        random,
        &[
            json!({ "start": "2024-03-01", "end": "2024-03-10" }),
            json!({ "start": "2024-03-02T05:00:00", "end": "2024-03-06T00:00:00Z" }),
            json!("previous_27_months"),
        ],
    );
    if pick(random, 2) == 0 {
        body["timezone"] = one(random, &[json!("US/Pacific"), json!(3600), json!("UTC")]);
    }
    if pick(random, 2) == 0 {
        body["filters"] = (0..=pick(random, 2)).map(|_| filter(random)).collect();
    }
    body
}

const METRICS: [&str; 9] = [
    "count",
    "count_unique",
    "minimum",
    "maximum",
    "sum",
    "average",
    "median",
    "standard_deviation",
    "select_unique",
];

/// A question, legal or not, and its kind.
pub(crate) fn question(random: &SeededRandom) -> (&'static str, Json) {
    let collection = one(random, &["orders", "visits", "absent"]);
    let mut body = timed(random, json!({ "event_collection": collection }));
    if pick(random, 3) == 0 {
        body["include_metadata"] = true.into();
    }
    let kind = match pick(random, 10) {
        0 => "extraction",
        1 => "funnel",
        2 => "multi_analysis",
        _ => one(random, &METRICS),
    };
    match kind {
        "extraction" => {
            if pick(random, 2) == 0 {
                body["property_names"] = (0..=pick(random, 2)).map(|_| property(random)).collect();
            }
            if pick(random, 2) == 0 {
                body["latest"] = (1 + pick(random, 9)).into();
            }
            return (kind, body);
        }
        "funnel" => {
            let steps = (0..=pick(random, 3)).map(|at| {
                let collection = one(random, &["orders", "visits", "absent"]);
                let actor = one(random, &["user", "secret", "customer.id"]);
                let step = json!({ "event_collection": collection, "actor_property": actor,
                    "inverted": at > 0 && pick(random, 4) == 0, "optional": at > 0 && pick(random, 4) == 0,
                    "with_actors": pick(random, 2) == 0 });
                timed(random, step)
            });
            body["steps"] = steps.collect();
            return (kind, body);
        }
        "multi_analysis" => {
            body["analyses"] = json!({ "b": { "analysis_type": "count" },
                "a": { "analysis_type": one(random, &METRICS), "target_property": property(random) } });
        }
        _ => body["target_property"] = property(random),
    }
    if pick(random, 2) == 0 {
        let group = property(random);
        body["group_by"] = match pick(random, 3) {
            0 => json!([group, property(random)]),
            1 => json!({ "property_name": group, "buckets": { "size": 2 } }),
            _ => group.clone(),
        };
        if pick(random, 2) == 0 {
            body["order_by"] = one(
                random,
                &[
                    json!("result"),
                    json!({ "property_name": group, "direction": "DESC" }),
                ],
            );
            body["limit"] = (1 + pick(random, 4)).into();
        }
    }
    if pick(random, 3) == 0 {
        body["interval"] = one(random, &["daily", "every_3_hours", "weekly", "monthly"]).into();
    }
    (kind, body)
}

/// The events without the property that the key does not see.
pub(crate) fn visible(events: &[(Json, bool)]) -> Vec<Json> {
    let visible = events.iter().filter(|(_, visible)| *visible);
    let visible = visible.map(|(event, _)| {
        let mut event = event.clone();
        event
            .as_object_mut()
            .expect("an object")
            .shift_remove("secret");
        event
    });
    visible.collect()
}

/// The grants of a key that sees these rows and not `secret`.
pub(crate) fn grants(constraints: &Json) -> Json {
    json!([{ "on": "pool:*", "actions": ["query", "extract"], "constraints": constraints,
        "fields": { "deny": ["secret"] } }])
}

//! Two servers, one with all events, one with those alone that a key sees and
//! without the properties that it does not: it gets the same bytes from both.

use model::random::{RandomSource, SeededRandom};
use serde_json::{Value as Json, json};

use super::super::super::tests::{base, send, speaking};
use super::{event, fill, parameters};
use crate::testing::World;

const CANARY: &str = "canary-7f3a";
const QUESTIONS: usize = 400;

fn pick(random: &SeededRandom, bound: usize) -> usize {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    usize::try_from(u64::from_le_bytes(bytes) % bound as u64).expect("small")
}

fn one<T: Clone>(random: &SeededRandom, of: &[T]) -> T {
    of[pick(random, of.len())].clone()
}

/// Events of two customers; each with whether the key sees it.
fn events(random: &SeededRandom) -> Vec<(Json, bool)> {
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

/// A server with these collections, and the token of the key.
async fn server(collections: &[(&str, Vec<Json>)], grants: &Json) -> (World, String) {
    let world = speaking(World::new().await).await;
    for (name, events) in collections {
        fill(&world, name, events.clone()).await;
    }
    let (_, token) = world.key(grants.clone()).await;
    (world, token)
}

/// Both servers with the key's token on either. What the key sees is what
/// these grants say, which admit events of `c1` without `secret`.
async fn worlds(random: &SeededRandom, grants: &Json) -> [(World, String); 2] {
    let (mut all, mut seen) = (Vec::new(), Vec::new());
    for name in ["orders", "visits"] {
        let events = events(random);
        let visible = events.iter().filter(|(_, visible)| *visible);
        let visible = visible.map(|(event, _)| {
            let mut event = event.clone();
            event
                .as_object_mut()
                .expect("an object")
                .shift_remove("secret");
            event
        });
        seen.push((name, visible.collect()));
        all.push((name, events.into_iter().map(|(event, _)| event).collect()));
    }
    [server(&all, grants).await, server(&seen, grants).await]
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
fn question(random: &SeededRandom) -> (&'static str, Json) {
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

/// The status and the body of the answer, without the project and the request.
async fn asked(
    (world, token): &(World, String),
    kind: &str,
    body: &Json,
    by_get: bool,
) -> (u16, String) {
    let path = format!("{}/queries/{kind}", base(world));
    let (call, sent) = match by_get {
        true => (format!("GET {path}?{}", parameters(body)), Json::Null),
        false => (format!("POST {path}"), body.clone()),
    };
    let reply = send(world, token, &call, &sent).await;
    assert!(reply.status < 500, "{kind} {body}: {}", reply.text());
    (reply.status, reply.text())
}

fn grants(constraints: &Json) -> Json {
    json!([{ "on": "pool:*", "actions": ["query", "extract"], "constraints": constraints,
        "fields": { "deny": ["secret"] } }])
}

/// What came of some questions.
struct Compared {
    alike: usize,
    answered: usize,
    /// Those whose results show a hidden event.
    shows: usize,
    /// The first that are not alike.
    differences: Vec<String>,
}

/// Asks the same of both.
async fn compared(seed: u64, grants: &Json) -> Compared {
    let random = SeededRandom::new(seed);
    let [full, seen] = worlds(&random, grants).await;
    let (mut alike, mut answered, mut shows, mut differences) = (0, 0, 0, Vec::new());
    for at in 0..QUESTIONS {
        let (kind, body) = question(&random);
        let by_get = at % 2 == 0;
        let one = asked(&full, kind, &body, by_get).await;
        let other = asked(&seen, kind, &body, by_get).await;
        alike += usize::from(one == other);
        answered += usize::from(one.0 == 200);
        // What the caller sent himself is no leak.
        let result = one
            .1
            .split("\"query\":")
            .next()
            .unwrap_or_default()
            .to_owned();
        let sends = body.to_string().contains(CANARY);
        shows += usize::from(!sends && result.contains(CANARY));
        if one != other && differences.len() < 3 {
            differences.push(format!("{kind} {body}\n{one:?}\n{other:?}"));
        }
    }
    Compared {
        alike,
        answered,
        shows,
        differences,
    }
}

#[tokio::test]
async fn a_key_is_answered_alike_with_and_without_hidden_events() {
    let own = json!([{ "field": "customer.id", "operator": "eq", "value": "c1" }]);
    for seed in 0..2 {
        let found = compared(seed, &grants(&own)).await;
        let differences = found.differences.join("\n");
        assert_eq!(found.alike, QUESTIONS, "seed {seed}: {differences}");
        assert_eq!(found.shows, 0, "seed {seed}");
        assert!(
            found.answered > QUESTIONS / 2,
            "{} answered",
            found.answered
        );
    }
}

#[tokio::test]
async fn a_key_that_sees_all_is_found_out() {
    let found = compared(0, &grants(&json!("all_rows"))).await;
    assert!(found.alike < QUESTIONS - 50, "{} alike", found.alike);
    assert!(found.shows > 10, "{} show", found.shows);
}

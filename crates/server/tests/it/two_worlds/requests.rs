//! Random records, constraints and requests.

use model::random::SeededRandom;
use serde_json::{Value, json};

/// A request of a reading key.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) accept: &'static str,
    pub(crate) body: Option<Value>,
}

/// A number below `bound`.
pub(crate) fn pick(random: &SeededRandom, bound: usize) -> usize {
    usize::try_from(random.next_u64() % bound as u64).expect("small")
}

fn one<T: Clone>(random: &SeededRandom, of: &[T]) -> T {
    of[pick(random, of.len())].clone()
}

/// Whether a record is the key's.
pub(crate) type Sees = fn(&Value) -> bool;

/// How many constraints there are.
pub(crate) const CONSTRAINTS: usize = 4;

/// A constraint, and the same said in Rust.
pub(crate) fn constraints(random: &SeededRandom) -> (Value, Sees) {
    constraint(pick(random, CONSTRAINTS))
}

/// The one of this number.
pub(crate) fn constraint(which: usize) -> (Value, Sees) {
    let all: [(Value, Sees); CONSTRAINTS] = [
        (
            json!([{"field": "customer", "operator": "eq", "value": "a"}]),
            |r| r["customer"] == "a",
        ),
        (
            json!([{"field": "customer", "operator": "in", "value": ["a", "b"]},
                {"field": "n", "operator": "gte", "value": 0}]),
            |r| {
                (r["customer"] == "a" || r["customer"] == "b")
                    && r["n"].as_i64().is_some_and(|n| n >= 0)
            },
        ),
        (
            json!([{"any": [{"field": "customer", "operator": "eq", "value": "c"},
                         {"not": {"field": "customer", "operator": "ne", "value": "a"}}]}]),
            |r| r["customer"] == "c" || r["customer"] == "a",
        ),
        (
            json!([{"field": "owner", "operator": "starts_with", "value": "al"}]),
            |r| {
                r["owner"]
                    .as_str()
                    .is_some_and(|owner| owner.starts_with("al"))
            },
        ),
    ];
    all[which].clone()
}

/// Records with hostile values, each with whether the key sees it. Hidden
/// records carry the canary, and fields that no visible record has.
pub(crate) fn records(random: &SeededRandom, canary: &str, sees: Sees) -> Vec<(Value, bool)> {
    let amounts = [
        json!(0.1),
        json!(-2.5),
        json!(1e300),
        json!(1e-300),
        json!(0),
        json!(7),
        Value::Null,
    ];
    let numbers = [
        json!(0),
        json!(-1),
        json!(5),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(42),
        Value::Null,
    ];
    let notes = [
        json!("x"),
        json!("ÄÖ"),
        json!(3),
        json!(3.5),
        json!(true),
        json!([1, "x"]),
        json!({"k": 1}),
    ];
    (0..20 + pick(random, 60))
        .map(|index| {
            let mut record = json!({
                "at": format!("2026-01-{:02}T{:02}:{:02}:00Z", 1 + index % 20, index / 20, index % 60),
                "customer": one(random, &["a", "b", "c", "d"]),
                "owner": one(random, &["alice", "albert", "bob"]),
                "amount": one(random, &amounts),
                "n": one(random, &numbers),
                "tag": one(random, &["red", "green", "", "1/0"]),
                "note": one(random, &notes),
                "extra": {"deep": one(random, &notes)},
            });
            let visible = sees(&record);
            if !visible {
                record["note"] = json!(canary);
                record[canary] = json!(canary);
                record["tag"] = json!(canary);
                record["extra"]["deep"] = json!({ canary: canary });
            }
            (record, visible)
        })
        .collect()
}

fn condition(random: &SeededRandom) -> Value {
    let all = [
        json!({"field": "tag", "operator": "=", "value": "red"}),
        json!({"field": "tag", "operator": "!=", "value": "red"}),
        json!({"field": "tag", "operator": "regex", "value": "^(r|g)"}),
        json!({"field": "tag", "operator": "exists", "value": true}),
        json!({"field": "tag", "operator": "in", "value": ["red", ""]}),
        json!({"any": [{"field": "tag", "operator": "eq", "value": "green"},
                       {"not": {"field": "tag", "operator": "contains", "value": "e"}}]}),
    ];
    one(random, &all)
}

fn data(random: &SeededRandom, pool: &str, shape: &str) -> Request {
    let mut body = json!({});
    if pick(random, 2) == 0 {
        body["conditions"] = json!([condition(random)]);
    }
    match shape {
        "records" => {
            if pick(random, 2) == 0 {
                body["limit"] = json!(1 + pick(random, 9));
            }
            if pick(random, 2) == 0 {
                let field = one(random, &["amount", "n", "tag", "note", "deep"]);
                let direction = one(random, &["asc", "desc"]);
                body["order_by"] =
                    json!([{"field": field, "direction": direction}, {"field": "at"}]);
            }
        }
        "time_series" => {
            body["interval"] = json!(one(random, &["daily", "every_6_hours", "weekly"]));
            body["from"] = json!("2026-01-02T03:00:00Z");
            body["to"] = json!("2026-01-19T00:00:00Z");
            body["timezone"] = json!(one(random, &["UTC", "Europe/Berlin", "+05:45"]));
        }
        _ => {
            if pick(random, 2) == 0 {
                body["conditions"] =
                    json!([{"field": "count", "operator": ">", "value": pick(random, 4)}]);
            }
            if pick(random, 2) == 0 {
                body["order_by"] = json!([{"field": one(random, &["count", "amount", "p90", "notes"]), "direction": "desc"}]);
            }
        }
    }
    let accept = one(
        random,
        &[
            "application/json",
            "application/json",
            "application/x-ndjson",
            "text/csv",
            "application/vnd.apache.parquet",
            "application/vnd.apache.arrow.stream",
        ],
    );
    Request {
        method: "POST",
        path: format!("/v1/views/{pool}-{shape}/data"),
        accept,
        body: Some(body),
    }
}

/// A period, or none.
fn period(random: &SeededRandom, question: &mut Value) {
    let zone = one(random, &["UTC", "Europe/Berlin", "+05:45"]);
    question["timezone"] = json!(zone);
    match pick(random, 3) {
        0 => {}
        1 => question["from"] = json!("2026-01-05T03:00:00Z"),
        _ => {
            question["from"] = json!("2026-01-02T03:00:00Z");
            question["to"] = json!("2026-01-19T00:00:00Z");
        }
    }
}

/// A function, now and then over a field that no visible row has.
fn function(random: &SeededRandom) -> Value {
    let field = one(
        random,
        &[
            "amount",
            "n",
            "tag",
            "note",
            "extra.deep",
            "owner",
            "nowhere",
        ],
    );
    match one(
        random,
        &[
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
        ],
    ) {
        "count" if pick(random, 2) == 0 => json!({"analysis": "count"}),
        "percentile" => json!({"analysis": "percentile", "percentile": 90, "field": field}),
        // Over a declared text these are refused, alike in both worlds.
        name => json!({"analysis": name, "field": field}),
    }
}

fn aggregation(random: &SeededRandom, pool: &str) -> Value {
    let mut question = match pick(random, 3) {
        0 => json!({"analysis": "multi_analysis",
            "analyses": {"one": function(random), "other": function(random)}}),
        _ => function(random),
    };
    question["pool"] = json!(pool);
    period(random, &mut question);
    if pick(random, 2) == 0 {
        question["filters"] = json!([condition(random)]);
    }
    if question.get("to").is_some() && pick(random, 2) == 0 {
        question["interval"] = json!(one(random, &["daily", "every_6_hours", "weekly"]));
    }
    if pick(random, 2) == 0 {
        let groups = [
            json!(["tag"]),
            json!(["owner", "note"]),
            json!([{"field": "amount", "as": "size", "bin_size": 2.5}]),
            json!([{"field": "n", "ranges": [{"to": 0}, {"from": 0, "to": 6}, {"from": 6}]}]),
        ];
        question["group_by"] = one(random, &groups);
        if pick(random, 2) == 0 && question.get("analyses").is_none() {
            question["order_by"] = json!([{"field": "result", "direction": "desc"}]);
            question["limit"] = json!(1 + pick(random, 3));
        }
    }
    question
}

fn extraction(random: &SeededRandom, pool: &str, accept: &str) -> Value {
    let mut question = json!({"analysis": "extraction", "pool": pool});
    period(random, &mut question);
    // What is random stands in bytes of other formats.
    if accept != "application/json" || pick(random, 2) == 0 {
        let fields = [
            json!(["at", "note", "extra"]),
            json!(["tag", "amount", "n"]),
            json!(["extra.deep", "nowhere"]),
        ];
        question["fields"] = one(random, &fields);
    }
    if pick(random, 2) == 0 {
        question["filters"] = json!([condition(random)]);
    }
    match pick(random, 3) {
        0 => question["latest"] = json!(1 + pick(random, 9)),
        1 => {
            let field = one(random, &["amount", "n", "tag", "note", "extra.deep"]);
            let direction = one(random, &["asc", "desc"]);
            question["order_by"] =
                json!([{"field": field, "direction": direction}, {"field": "at"}]);
            question["limit"] = json!(1 + pick(random, 9));
        }
        _ => question["limit"] = json!(1 + pick(random, 9)),
    }
    question
}

/// A funnel over a pool and the one beside it, which has another constraint.
fn funnel(random: &SeededRandom, pool: &str, side: &str) -> Value {
    let actor = one(random, &["owner", "tag", "n", "note"]);
    let steps = (0..2 + pick(random, 3)).map(|at| {
        let mut step = json!({"pool": one(random, &[pool, side]), "actor": actor});
        if pick(random, 2) == 0 {
            step["filters"] = json!([condition(random)]);
        }
        if at > 0 && pick(random, 3) == 0 {
            step[one(random, &["inverted", "optional"])] = json!(true);
        }
        if pick(random, 2) == 0 {
            step["with_actors"] = json!(true);
        }
        step
    });
    let mut question = json!({"analysis": "funnel", "steps": steps.collect::<Vec<_>>()});
    period(random, &mut question);
    question
}

/// Questions of every analysis, refused ones included.
pub(crate) fn analyses(random: &SeededRandom, pool: &str, side: &str) -> Vec<Request> {
    let ask = |accept: &'static str, body: Value| Request {
        method: "POST",
        path: "/v1/query".to_owned(),
        accept,
        body: Some(body),
    };
    let json = "application/json";
    let mut all: Vec<Request> = Vec::new();
    all.extend((0..8).map(|_| ask(json, aggregation(random, pool))));
    all.extend((0..4).map(|_| ask(json, funnel(random, pool, side))));
    all.extend((0..4).map(|_| ask(json, extraction(random, pool, json))));
    for accept in [
        "application/x-ndjson",
        "text/csv",
        "application/vnd.apache.parquet",
        "application/vnd.apache.arrow.stream",
    ] {
        all.push(ask(accept, extraction(random, pool, accept)));
    }
    for body in [
        // The key may not take rows there, nor see that the other is absent.
        json!({"analysis": "extraction", "pool": side}),
        json!({"analysis": "count", "pool": "none"}),
        json!({"analysis": "funnel", "steps": [{"pool": pool, "actor": "owner"}, {"pool": "none", "actor": "owner"}]}),
        json!({"analysis": "extraction", "pool": pool, "after": "not a cursor"}),
        json!({"analysis": "sum", "field": "customer", "pool": pool}),
        json!({"analysis": "count", "pool": pool, "interval": "minutely", "timeframe": "this_1_years"}),
    ] {
        all.push(ask(json, body));
    }
    all
}

fn plain(method: &'static str, path: String) -> Request {
    Request {
        method,
        path,
        accept: "*/*",
        body: None,
    }
}

/// One request for every route there is, from the committed API description:
/// a new route is in the matrix by being there.
pub(crate) fn every_route(pool: &str) -> Vec<Request> {
    const DOCUMENT: &str = include_str!("../../../../../docs/openapi.json");
    let document: Value = serde_json::from_str(DOCUMENT).expect("an OpenAPI document");
    let mut all = Vec::new();
    for (pattern, operations) in document["paths"].as_object().expect("paths") {
        // It ends the key that asks, which has more to ask.
        if pattern == "/v1/keys/self/revoke" {
            continue;
        }
        for method in ["GET", "POST", "PATCH", "DELETE", "PUT"] {
            if operations.get(method.to_lowercase()).is_none() {
                continue;
            }
            let path = pattern
                .replace("{pool}", pool)
                .replace("{view}", &format!("{pool}-records"))
                .replace("{saved}", &format!("{pool}-kept-0"))
                .replace("{dataset}", &format!("{pool}-totals"))
                .replace("{project}", "default")
                .replace("{ticket}", "none")
                .replace("{jti}", "1777637700-0123456789abcdef")
                .replace("{secret}", "AAAAAAAAAAAA")
                .replace("{id}", "01ARZ3NDEKTSV4RRFFQ69G5FAV");
            assert!(
                !path.contains('{'),
                "{pattern} has a parameter that this test does not know"
            );
            let body = (method != "GET").then(|| json!({}));
            all.push(Request {
                method,
                path,
                accept: "*/*",
                body,
            });
        }
    }
    assert!(all.len() >= 20, "the document lists the routes");
    all
}

/// Every door that a reading key can knock at, refused ones included.
pub(crate) fn requests(random: &SeededRandom, pool: &str, needs_n: bool) -> Vec<Request> {
    let mut all = Vec::new();
    for shape in ["records", "aggregated", "time_series"] {
        all.extend((0..8).map(|_| data(random, pool, shape)));
        all.push(plain("GET", format!("/v1/views/{pool}-{shape}/data")));
        all.push(plain("GET", format!("/v1/views/{pool}-{shape}")));
    }
    all.push(plain("GET", format!("/v1/pools/{pool}/schema")));
    all.push(plain("GET", "/v1/whoami".to_owned()));
    all.push(plain("GET", format!("/v1/pools/{pool}")));
    all.push(plain("GET", "/v1/pools".to_owned()));
    all.push(plain("GET", "/v1/keys".to_owned()));
    all.push(plain("GET", "/v1/views/none/data".to_owned()));
    all.push(plain("GET", "/v1/pools/none/schema".to_owned()));
    let bad = |path: String, body: Value| Request {
        method: "POST",
        path,
        accept: "*/*",
        body: Some(body),
    };
    let view = format!("/v1/views/{pool}-records/data");
    for body in [
        json!({"conditions": [{"field": "customer", "operator": "eq", "value": "a"}]}),
        json!({"conditions": [{"field": "nowhere", "operator": "eq", "value": "a"}]}),
        json!({"conditions": [{"field": "n", "operator": "eq", "value": "text"}]}),
        json!({"order_by": [{"field": "owner"}]}),
        json!({"after": "not a cursor"}),
        json!({"timezone": "Mars/Olympus"}),
        json!({"unknown": 1}),
    ] {
        all.push(bad(view.clone(), body));
    }
    all.push(bad(format!("/v1/pools/{pool}/records"), json!({"a": 1})));
    all.push(bad(
        format!("/v1/pools/{pool}/delete"),
        json!({"filters": []}),
    ));
    let gone = if needs_n {
        json!({"field": "n", "operator": "eq", "value": 42})
    } else {
        condition(random)
    };
    all.push(bad(
        format!("/v1/pools/{pool}/delete"),
        json!({"filters": [gone]}),
    ));
    all.push(plain("GET", "/v1/whoami".to_owned()));
    all.push(data(random, pool, "aggregated"));
    all.push(bad(
        format!("/v1/pools/{pool}/delete"),
        json!({"all": true}),
    ));
    all.push(plain("GET", "/v1/whoami".to_owned()));
    all.push(data(random, pool, "time_series"));
    all
}

//! Saved and cached queries, datasets and what a key is told of itself: two
//! servers, of which one holds no more than an access key's filters admit.

#[path = "../../../../model/src/secrets/scoped/made.rs"]
mod made;

use model::random::SeededRandom;
use serde_json::{Value, json};

use super::Speaking;
use super::questions::filled;
use super::questions::random::{CANARY, events};

const DATASETS: [&str; 2] = ["daily", "users"];

/// The questions that are saved, each kept and not.
fn questions() -> [Value; 5] {
    let timeframe = json!({ "start": "2024-03-01T00:00:00Z", "end": "2024-03-12T00:00:00Z" });
    let of = |kind: &str, rest: Value| {
        let mut query = json!({ "analysis_type": kind, "event_collection": "orders",
            "timeframe": timeframe });
        for (name, value) in rest.as_object().expect("an object") {
            query[name] = value.clone();
        }
        query
    };
    let step = |name: &str| json!({ "event_collection": name, "actor_property": "user", "timeframe": timeframe, "with_actors": true });
    [
        of(
            "sum",
            json!({ "target_property": "amount", "group_by": "sku" }),
        ),
        of("select_unique", json!({ "target_property": "user" })),
        of("count", json!({ "interval": "daily", "group_by": ["sku"] })),
        of("extraction", json!({ "latest": 9 })),
        json!({ "analysis_type": "funnel", "steps": [step("orders"), step("visits")] }),
    ]
}

fn define(speaking: &Speaking) {
    let put = |path: &str, body: &Value| {
        let reply = speaking.send(&speaking.master, "PUT", path, Some(body));
        assert_eq!(reply.status, 201, "{path}: {}", reply.text());
    };
    for (at, query) in questions().iter().enumerate() {
        for (kind, rate) in [("now", 0), ("kept", 86_400)] {
            let body = json!({ "query": query, "refresh_rate": rate });
            put(&format!("queries/saved/{kind}{at}"), &body);
        }
    }
    for (name, property) in DATASETS.iter().zip(["sku", "user"]) {
        let query = json!({ "analysis_type": "select_unique", "event_collection": "orders",
            "target_property": property, "timeframe": "this_120_months", "interval": "monthly" });
        put(
            &format!("datasets/{name}"),
            &json!({ "query": query, "index_by": "customer.id" }),
        );
    }
}

/// An access key of a customer; of all of them without one.
fn key(speaking: &Speaking, customer: Option<&str>) -> String {
    let filters = customer.map(|customer| {
        json!([{ "property_name": "customer.id", "operator": "eq", "property_value": customer }])
    });
    let body = json!({ "name": "reader", "is_active": true,
        "permitted": ["queries", "saved_queries", "cached_queries", "datasets", "schema"],
        "options": { "queries": { "filters": filters }, "saved_queries": { "filters": filters } } });
    let made = speaking.send(&speaking.master, "POST", "keys", Some(&body));
    let made = made.expect(201);
    made["key"].as_str().expect("a key").to_owned()
}

/// A scoped key of a customer, made without the server's knowledge.
fn scoped(speaking: &Speaking, customer: &str) -> String {
    let body = json!({ "scoped_keys": true, "master_key": speaking.master });
    let server = &speaking.server;
    server
        .post(&server.master(), "/v1/projects/default/keen", &body)
        .expect(200);
    let said = json!({ "allowed_operations": ["read"], "filters": [
        { "property_name": "customer.id", "operator": "eq", "property_value": customer }] });
    made::scoped(&speaking.master, &said.to_string(), [7; 16])
}

/// Every door to what is stored, the refused ones as well; results twice, so
/// that what is kept is told.
fn doors() -> Vec<(&'static str, String)> {
    let get = |path: String| ("GET", path);
    let mut all = Vec::new();
    for _ in 0..2 {
        for at in 0..questions().len() {
            for kind in ["now", "kept"] {
                all.push(get(format!("queries/saved/{kind}{at}/result")));
            }
        }
        for name in DATASETS {
            for index in ["c1", "c2", "nobody", "%7B%22customer.id%22:%22c1%22%7D"] {
                all.push(get(format!(
                    "datasets/{name}/results?index_by={index}&timeframe=this_100_months"
                )));
            }
        }
    }
    for path in [
        "datasets",
        "datasets/daily",
        "datasets/nothing",
        "datasets/nothing/results?index_by=c1&timeframe=this_2_months",
        "datasets/daily/results?timeframe=this_2_months",
        "queries/saved",
        "queries/saved/kept0",
        "queries/saved/nothing/result",
        "events",
        "events/orders",
        "events/orders/properties/amount",
        "keys",
        "keys/0000000000000000000000000000000000000000000000000000000000000000",
        "",
    ] {
        all.push(get(path.to_owned()));
    }
    for path in ["queries/saved/kept0", "datasets/daily"] {
        all.push(("PUT", path.to_owned()));
        all.push(("DELETE", path.to_owned()));
    }
    for path in ["keys", "keys/none/revoke", "keys/none/unrevoke"] {
        all.push(("POST", path.to_owned()));
    }
    all
}

/// The status and the text, without the project and the times of definitions
/// and of runs, which are those of either server.
fn asked(speaking: &Speaking, key: &str, (method, path): &(&str, String)) -> (u16, String) {
    let body = (*method != "GET").then(|| json!({}));
    let reply = speaking.send(key, method, path, body.as_ref());
    assert!(reply.status < 500, "{method} {path}: {}", reply.text());
    let text = reply.text();
    let project = speaking.base.rsplit('/').next().expect("a project");
    let text = text.replace(project, "PROJECT");
    let Ok(mut body) = serde_json::from_str(&text) else {
        return (reply.status, text);
    };
    take_out_times(&mut body);
    (reply.status, body.to_string())
}

fn take_out_times(value: &mut Value) {
    const TIMES: [&str; 7] = [
        "created_date",
        "last_modified_date",
        "user_last_modified_date",
        "last_run_date",
        "last_run_duration",
        "last_scheduled_date",
        "latest_subtimeframe_available",
    ];
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match TIMES.contains(&name.as_str()) {
                    true => *value = json!("a time"),
                    false => take_out_times(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(take_out_times),
        _ => {}
    }
}

#[test]
fn what_is_kept_and_stored_is_told_alike_with_and_without_hidden_events() {
    let random = SeededRandom::new(23);
    let (mut all, mut visible) = (Vec::new(), Vec::new());
    for name in ["orders", "visits"] {
        let events = events(&random);
        let seen = events.iter().filter(|(_, visible)| *visible);
        visible.push((name, seen.map(|(event, _)| event.clone()).collect()));
        all.push((name, events.into_iter().map(|(event, _)| event).collect()));
    }
    let worlds = [filled(&all), filled(&visible)];
    worlds.iter().for_each(define);
    // Keys of all customers and of the other one are the first to ask.
    let mut canaries = 0;
    for customer in [None, Some("c2")] {
        for speaking in &worlds {
            let filler = key(speaking, customer);
            for door in doors() {
                let (_, text) = asked(speaking, &filler, &door);
                canaries += usize::from(text.contains(CANARY));
            }
        }
    }
    assert!(canaries > 20, "{canaries} answers show hidden events");
    let keys = worlds.each_ref().map(|speaking| key(speaking, Some("c1")));
    let scoped = worlds.each_ref().map(|speaking| scoped(speaking, "c1"));
    for keys in [&keys, &scoped] {
        let mut answered = 0;
        for door in doors() {
            let [full, seen] = [0, 1].map(|at| asked(&worlds[at], &keys[at], &door));
            assert_eq!(full, seen, "{door:?}");
            assert!(!full.1.contains(CANARY), "{door:?}: {}", full.1);
            answered += usize::from(full.0 == 200);
        }
        assert!(answered > doors().len() / 2, "{answered} were answered");
    }
    // What a delete took from the visible events is in no kept answer.
    let path = "events/orders?filters=%5B%7B%22property_name%22:%22sku%22,\
                %22operator%22:%22eq%22,%22property_value%22:%22a%22%7D%5D";
    for speaking in &worlds {
        let deleted = speaking.send(&speaking.master, "DELETE", path, None);
        assert_eq!(deleted.status, 204, "{}", deleted.text());
    }
    for keys in [&keys, &scoped] {
        for door in doors() {
            let [full, seen] = [0, 1].map(|at| asked(&worlds[at], &keys[at], &door));
            assert_eq!(full, seen, "{door:?}");
        }
    }
    let sum = ("GET", "queries/saved/kept0/result".to_owned());
    let (_, text) = asked(&worlds[0], &keys[0], &sum);
    assert!(!text.contains(r#""sku":"a""#), "{text}");
}

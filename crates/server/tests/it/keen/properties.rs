//! A property is deleted while there are events: no door shows it again, and
//! what comes under its name later is shown alone.

use std::path::Path;

use serde_json::{Value, json};

use super::Speaking;
use crate::offline::run;
use crate::support::Server;

const CANARY: &str = "canary-of-a-property";

/// What every door shows of a property, one text each; none holds what was deleted.
fn doors(speaking: &Speaking) -> Vec<String> {
    let (server, read) = (&speaking.server, &speaking.read);
    let ask = |kind: &str, rest: Value| {
        let mut body = json!({ "event_collection": "orders", "timeframe": "this_100_years" });
        for (name, value) in rest.as_object().expect("members") {
            body[name] = value.clone();
        }
        let reply = speaking.send(read, "POST", &format!("queries/{kind}"), Some(&body));
        let mut answer = reply.expect(200);
        answer.as_object_mut().expect("an answer").remove("query");
        answer.to_string()
    };
    let has = |name: &str| json!([{ "property_name": name, "operator": "exists", "property_value": true }]);
    let mut told = vec![
        ask("extraction", json!({})),
        ask(
            "extraction",
            json!({ "property_names": ["n", "customer.name"] }),
        ),
        ask("count", json!({ "filters": has("customer.name") })),
        ask("count", json!({ "filters": has("customer.home.city") })),
        ask("count", json!({ "group_by": ["customer.name"] })),
        ask(
            "select_unique",
            json!({ "target_property": "customer.home.city" }),
        ),
    ];
    for path in ["events/orders", "events/orders/properties"] {
        told.push(speaking.send(read, "GET", path, None).text());
    }
    let master = server.master();
    for accept in ["application/json", "application/x-ndjson", "text/csv"] {
        let body =
            json!({ "analysis": "extraction", "pool": "orders", "order_by": [{ "field": "n" }] });
        let body = body.to_string().into_bytes();
        let headers = [("accept", accept), ("content-type", "application/json")];
        let reply = server.send(&master, "POST", "/v1/query", &headers, Some(&body));
        let reply = reply.expect("an answer");
        assert_eq!(reply.status, 200, "{}", reply.text());
        // Ids and times are not told.
        let text = reply.text();
        told.push(format!(
            "{} {}",
            text.contains("customer"),
            text.contains(CANARY)
        ));
    }
    let view = json!({ "name": "now", "pool": "orders", "shape": "records",
        "fields": [{ "field": "n" }, { "field": "customer.name" }] });
    server.post(&master, "/v1/views", &view).expect(201);
    let by = json!({ "order_by": [{ "field": "n", "direction": "asc" }] });
    let rows = server.post(&master, "/v1/views/now/data", &by).expect(200);
    told.push(rows["data"].to_string());
    server.call(&master, "DELETE", "/v1/views/now", None);
    told
}

fn write(speaking: &Speaking, event: Value) {
    let made = speaking.send(&speaking.write, "POST", "events/orders", Some(&event));
    made.expect(201);
}

fn delete(speaking: &Speaking, property: &str) -> u16 {
    let path = format!("events/orders/properties/{property}");
    speaking
        .send(&speaking.master, "DELETE", &path, None)
        .status
}

fn live(options: &[&str], next: impl Fn(Speaking) -> Speaking) {
    let mut speaking = Speaking::start_with(options);
    for n in 0..4 {
        let customer = json!({ "name": CANARY, "home": { "city": CANARY } });
        write(
            &speaking,
            json!({ "n": n, "customer": customer, "sku": "a" }),
        );
    }
    speaking = next(speaking);
    assert!(doors(&speaking).iter().any(|told| told.contains(CANARY)));
    assert_eq!(delete(&speaking, "customer"), 204);
    let gone = doors(&speaking);
    for told in &gone {
        assert!(!told.contains(CANARY) && !told.contains("city"), "{told}");
    }
    assert_eq!(delete(&speaking, "customer"), 404);
    speaking = next(speaking);
    assert_eq!(doors(&speaking), gone);
    write(&speaking, json!({ "n": 9, "customer": { "name": "new" } }));
    let came = doors(&speaking);
    assert_eq!(came[2], r#"{"result":1}"#);
    assert_eq!(came[3], r#"{"result":0}"#);
    speaking = next(speaking);
    assert_eq!(doors(&speaking), came);
    assert!(came.iter().all(|told| !told.contains(CANARY)), "{came:?}");
}

impl Speaking {
    /// The same project after its server ended and `between` was done with its data.
    fn again(self, options: &[&str], between: impl Fn(&Path)) -> Self {
        let Self {
            server,
            base,
            master,
            write,
            read,
            _home,
        } = self;
        server.terminate();
        between(_home.path());
        Self {
            server: Server::start_with(_home.path(), options),
            base,
            master,
            write,
            read,
            _home,
        }
    }
}

#[test]
fn a_deleted_property_is_gone_from_memory_and_after_a_restart() {
    live(&[], |speaking| speaking.again(&[], |_| {}));
}

#[test]
fn a_deleted_property_is_gone_from_files_and_from_merged_ones_for_good() {
    live(&[], |speaking| {
        speaking.again(&[], |home| {
            run(home, &["compact", "--data-dir", "data", "--flush"]).expect(0);
        })
    });
}

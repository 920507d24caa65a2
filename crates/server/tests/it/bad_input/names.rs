//! What a key may not see is, for that key, what does not exist.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::definitions;
use crate::support::{Reply, Server};

/// The bytes of an answer, without what is random or the time of day, and
/// without whether the connection ends, which depends on when a refused body arrived.
fn bytes(reply: &Reply) -> (u16, BTreeSet<(String, String)>, String) {
    let random = reply.header("x-request-id").unwrap_or("none").to_owned();
    let headers = reply.headers.iter();
    let headers = headers
        .filter(|(name, _)| !["date", "x-request-id", "connection"].contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), format!("{value:?}")));
    (
        reply.status,
        headers.collect(),
        reply.text().replace(&random, "id"),
    )
}

#[test]
fn absent_and_forbidden_are_one_answer_byte_for_byte() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    let master = server.master();
    definitions(&server);
    // Names of one length, so that nothing but knowledge could tell them apart.
    server
        .post(
            &master,
            "/v1/pools",
            &json!({"name": "hidden", "schema": "open"}),
        )
        .expect(201);
    let hidden = json!({"name": "hidden", "pool": "hidden", "shape": "records",
        "fields": [{"field": "a"}]});
    server.post(&master, "/v1/views", &hidden).expect(201);
    let hidden_key = server
        .post(&master, "/v1/keys", &json!({"name": "k", "grants": []}))
        .expect(201);
    let hidden_key = hidden_key["id"].as_str().expect("an id").to_owned();
    let absent_key = "01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned();
    let constraints = json!([{"field": "customer.id", "operator": "eq", "value": "93i"}]);
    let reader = server.key("reader", &json!([
        {"on": "view:rows", "actions": ["read"], "constraints": constraints,
         "fields": {"deny": ["amount"]}},
        {"on": "pool:sales", "actions": ["schema", "delete", "ingest"], "constraints": constraints}]));
    let mut compared = 0;
    let mut compare = |method: &str, hidden: &str, absent: &str, body: Option<&[u8]>| {
        let ask = |path: &str| {
            server
                .send(&reader, method, path, &[], body)
                .expect("an answer")
        };
        let (forbidden, missing) = (ask(hidden), ask(absent));
        assert!(
            (400..500).contains(&forbidden.status),
            "{method} {hidden} {}",
            forbidden.text()
        );
        assert_eq!(bytes(&forbidden), bytes(&missing), "{method} {hidden}");
        assert!(!forbidden.text().contains("hidden"), "{}", forbidden.text());
        compared += 1;
    };
    let bodies: [Option<&[u8]>; 4] = [None, Some(b"{}"), Some(b"{"), Some(b"{\"x\": 1}")];
    for body in bodies {
        for (method, call) in [
            ("GET", ""),
            ("PATCH", ""),
            ("DELETE", ""),
            ("GET", "/schema"),
            ("POST", "/records"),
            ("POST", "/delete"),
            ("PUT", "/delete"),
        ] {
            let path = |name: &str| format!("/v1/pools/{name}{call}");
            compare(method, &path("hidden"), &path("absent"), body);
        }
        for (method, call) in [
            ("GET", ""),
            ("PATCH", ""),
            ("DELETE", ""),
            ("GET", "/data"),
            ("POST", "/data"),
            ("GET", "/data?format=nope"),
        ] {
            let path = |name: &str| format!("/v1/views/{name}{call}");
            compare(method, &path("hidden"), &path("absent"), body);
        }
        for (method, call) in [
            ("GET", ""),
            ("PATCH", ""),
            ("DELETE", ""),
            ("POST", "/disable"),
            ("POST", "/copy"),
            ("POST", "/roll"),
        ] {
            let path = |id: &str| format!("/v1/keys/{id}{call}");
            compare(method, &path(&hidden_key), &path(&absent_key), body);
        }
    }
    assert_eq!(compared, 4 * 19);
    // Fields of a view that the key may not see, beside fields that there are not.
    let ask = |body: &Value| server.post(&reader, "/v1/views/rows/data", body);
    for question in [
        |field: &str| json!({"order_by": [{"field": field}]}),
        |field: &str| json!({"conditions": [{"field": field, "operator": "gt", "value": 1}]}),
        |field: &str| json!({"conditions": [{"field": field, "operator": "regex", "value": "x"}]}),
    ] {
        let (denied, missing) = (ask(&question("amount")), ask(&question("absent")));
        assert_eq!(denied.status, 400);
        let denied = bytes(&denied);
        let denied = (denied.0, denied.1, denied.2.replace("amount", "absent"));
        assert_eq!(denied, bytes(&missing));
    }
}

//! The fields of a strict pool are added, renamed and dropped while it holds
//! records; what a dropped field held is never shown again.

use serde_json::{Value, json};

use crate::support::Server;

fn change(server: &Server, fields: &Value) {
    let patch = json!({ "fields": fields });
    let changed = server.call(&server.master(), "PATCH", "/v1/pools/sales", Some(&patch));
    changed.expect(200);
}

/// The rows of every field that the pool has now, in the order of `n`.
fn rows(server: &Server, token: &str, fields: &[&str]) -> Value {
    let shown = fields.iter().map(|field| json!({ "field": field }));
    let view = json!({"name": "now", "pool": "sales", "shape": "records",
        "fields": shown.collect::<Vec<_>>()});
    let master = server.master();
    server.post(&master, "/v1/views", &view).expect(201);
    let ask = json!({"order_by": [{"field": "n", "direction": "asc"}]});
    let answer = server.post(token, "/v1/views/now/data", &ask).expect(200);
    server.call(&master, "DELETE", "/v1/views/now", None);
    answer["data"].clone()
}

fn put(server: &Server, records: &Value) {
    let told = server.post(&server.master(), "/v1/pools/sales/records", records);
    assert_eq!(told.expect(200)["rejected"], 0);
}

/// Fills, changes and asks a pool; `next` is given the server between the steps.
fn live(mut server: Server, next: impl Fn(Server) -> Server) {
    let customer = json!({"name": "customer", "type": "String"});
    let number = json!({"name": "n", "type": "Int64"});
    let fields = json!([customer, number, {"name": "note", "type": "String"}]);
    let pool = json!({"name": "sales", "schema": "strict", "isolation_field": "customer",
        "fields": fields});
    server
        .post(&server.master(), "/v1/pools", &pool)
        .expect(201);
    let constraints = json!([{"field": "customer", "operator": "eq", "value": "a"}]);
    let a = server.key(
        "a",
        &json!([{"on": "view:*", "actions": ["read"], "constraints": constraints},
            {"on": "pool:sales", "actions": ["query"], "constraints": constraints}]),
    );
    put(
        &server,
        &json!([{"customer": "a", "n": 1, "note": "secret"},
            {"customer": "b", "n": 2, "note": "secret"}]),
    );
    server = next(server);

    // A field comes and one goes.
    let price = json!({"name": "price", "type": "Float64"});
    change(&server, &json!([customer, number, price]));
    put(&server, &json!([{"customer": "a", "n": 3, "price": 1.5}]));
    let expected = json!([{"n": 1, "price": null}, {"n": 3, "price": 1.5}]);
    assert_eq!(rows(&server, &a, &["n", "price"]), expected);
    server = next(server);
    assert_eq!(rows(&server, &a, &["n", "price"]), expected);

    // The dropped name comes back with another type, and a field is renamed.
    let amount = json!({"name": "amount", "type": "Float64", "renamed_from": "price"});
    let note = json!({"name": "note", "type": "Int64"});
    change(&server, &json!([customer, number, amount, note]));
    put(
        &server,
        &json!([{"customer": "a", "n": 4, "amount": 2.5, "note": 7}]),
    );
    let expected = json!([{"n": 1, "amount": null, "note": null},
        {"n": 3, "amount": 1.5, "note": null}, {"n": 4, "amount": 2.5, "note": 7}]);
    let fields = ["n", "amount", "note"];
    assert_eq!(rows(&server, &a, &fields), expected);
    server = next(server);
    assert_eq!(rows(&server, &a, &fields), expected);
    let all = rows(&server, &server.master(), &fields);
    assert_eq!(all.as_array().map(Vec::len), Some(4));
    assert!(!all.to_string().contains("secret"), "{all}");

    // What a key's constraint is built on stays.
    let gone = json!({ "fields": [number] });
    let refused = server.call(&server.master(), "PATCH", "/v1/pools/sales", Some(&gone));
    assert_eq!(refused.expect(409)["code"], "in_use");
}

#[test]
fn fields_change_while_there_are_records() {
    let home = tempfile::tempdir().expect("a directory");
    live(Server::start(home.path()), |server| server);
}

#[test]
fn fields_that_changed_mean_the_same_after_a_restart() {
    let home = tempfile::tempdir().expect("a directory");
    live(Server::start(home.path()), |server| {
        server.kill();
        Server::start(home.path())
    });
}

//! Questions of analytics over HTTP, against values that were computed by hand.

mod page;

use serde_json::{Value, json};

use crate::support::Server;

/// What two customers ordered, and who looked at what on two sites.
fn filled(home: &std::path::Path) -> Server {
    let server = Server::start(home);
    let master = server.master();
    let pool = json!({"name": "orders", "schema": "open", "isolation_field": "customer", "time_field": "at",
        "fields": [{"name": "at", "type": "DateTime"}, {"name": "customer", "type": "String"},
            {"name": "user", "type": "String"}, {"name": "sku", "type": "String"},
            {"name": "units", "type": "Int64"}, {"name": "total", "type": "Float64"}]});
    server.post(&master, "/v1/pools", &pool).expect(201);
    let visits = json!({"name": "visits", "schema": "open"});
    server.post(&master, "/v1/pools", &visits).expect(201);
    let order = |at: &str, customer: &str, user: &str, sku: &str, units: i64, total: f64| {
        json!({"at": format!("2026-03-{at}:00Z"), "customer": customer, "user": user, "sku": sku,
            "units": units, "total": total, "extra": {"gift": units == 3, "code": units}})
    };
    let orders = json!([
        order("01T09:00", "ada", "u1", "lamp", 1, 20.5),
        order("01T17:30", "ada", "u2", "desk", 2, 640.0),
        order("02T12:00", "bo", "u9", "lamp", 5, 99.0),
        order("03T08:00", "ada", "u1", "lamp", 3, 60.0),
        order("03T22:30", "ada", "u3", "chair", 1, 120.0),
        order("04T01:00", "bo", "u2", "safe", 1, 9000.0),
    ]);
    server
        .post(&master, "/v1/pools/orders/records", &orders)
        .expect(200);
    let visit = |user: &str, site: &str| json!({"user": user, "site": site});
    let visits = json!([
        visit("u1", "shop"),
        visit("u2", "shop"),
        visit("u3", "shop"),
        visit("u4", "shop"),
        visit("u9", "shop"),
        visit("u5", "other"),
        visit("u1", "shop"),
        json!({"site": "shop"}),
    ]);
    server
        .post(&master, "/v1/pools/visits/records", &visits)
        .expect(200);
    server
}

/// A key that sees Ada's orders, and the visits of one site.
fn ada(server: &Server) -> String {
    server.key(
        "ada",
        &json!([
            {"on": "pool:orders", "actions": ["query", "extract"],
             "constraints": [{"field": "customer", "operator": "eq", "value": "ada"}]},
            {"on": "pool:visits", "actions": ["query"],
             "constraints": [{"field": "site", "operator": "eq", "value": "shop"}]},
        ]),
    )
}

fn with(mut question: Value, more: Value) -> Value {
    if let (Value::Object(members), Value::Object(more)) = (&mut question, more) {
        members.extend(more);
    }
    question
}

#[test]
fn every_function_is_what_it_is_by_hand() {
    let home = tempfile::tempdir().expect("a directory");
    let server = filled(home.path());
    let token = ada(&server);
    let over =
        |name: &str, field: &str| json!({"analysis": name, "field": field, "pool": "orders"});
    let of_lamps = json!({"filters": [{"field": "sku", "operator": "eq", "value": "lamp"}]});
    let days = json!({"interval": "daily", "from": "2026-03-01", "to": "2026-03-04"});
    let day = |day: u8, value: Value| {
        json!({"timeframe": {"start": format!("2026-03-0{day}T00:00:00Z"),
            "end": format!("2026-03-0{}T00:00:00Z", day + 1)}, "value": value})
    };
    let sku = |sku: &str, result: Value| json!({"sku": sku, "result": result});
    for (question, expected) in [
        (json!({"analysis": "count", "pool": "orders"}), json!(4)),
        (
            with(over("count", "extra.gift"), of_lamps.clone()),
            json!(2),
        ),
        (over("count_unique", "user"), json!(3)),
        (over("minimum", "total"), json!(20.5)),
        (over("maximum", "at"), json!("2026-03-03T22:30:00Z")),
        (over("sum", "total"), json!(840.5)),
        (over("sum", "extra.code"), json!(7)),
        (over("average", "total"), json!(210.125)),
        // 20.5, 60, 120, 640: the second of four.
        (over("median", "total"), json!(60.0)),
        (
            with(over("percentile", "total"), json!({"percentile": 75.5})),
            json!(640.0),
        ),
        // 1, 2, 3, 1: the mean is 1.75, the mean square of what is off it 0.6875.
        (
            over("standard_deviation", "units"),
            json!(0.6875_f64.sqrt()),
        ),
        (
            over("select_unique", "sku"),
            json!(["chair", "desk", "lamp"]),
        ),
        (
            with(over("average", "total"), json!({"to": "2026-01-01"})),
            json!(null),
        ),
        (
            with(
                over("sum", "units"),
                json!({"group_by": ["sku"],
                "order_by": [{"field": "result", "direction": "desc"}, {"field": "sku"}], "limit": 2}),
            ),
            json!([sku("lamp", json!(4)), sku("desk", json!(2))]),
        ),
        (
            with(
                over("count", "total"),
                json!({"group_by": [{"field": "total", "as": "size", "bin_size": 50}]}),
            ),
            json!([{"size": 0, "result": 1}, {"size": 50, "result": 1}, {"size": 100, "result": 1}, {"size": 600, "result": 1}]),
        ),
        (
            with(over("sum", "total"), days.clone()),
            json!([
                day(1, json!(660.5)),
                day(2, json!(0.0)),
                day(3, json!(180.0))
            ]),
        ),
        (
            with(
                over("maximum", "units"),
                with(
                    days,
                    json!({"group_by": ["sku"], "filters": of_lamps["filters"]}),
                ),
            ),
            json!([
                day(1, json!([sku("lamp", json!(1))])),
                day(2, json!([sku("lamp", json!(null))])),
                day(3, json!([sku("lamp", json!(3))])),
            ]),
        ),
        (
            json!({"analysis": "multi_analysis", "pool": "orders", "analyses": {
                "orders": {"analysis": "count"}, "units": {"analysis": "sum", "field": "units"}}}),
            json!({"orders": 4, "units": 7}),
        ),
    ] {
        let answer = server.post(&token, "/v1/query", &question).expect(200);
        assert_eq!(answer, json!({"result": expected}), "{question}");
    }
}

#[test]
fn a_funnel_over_two_pools_is_held_to_two_constraints() {
    let home = tempfile::tempdir().expect("a directory");
    let server = filled(home.path());
    let question = |orders: Value| {
        let orders = with(json!({"pool": "orders", "actor": "user"}), orders);
        json!({"analysis": "funnel", "steps": [
            {"pool": "visits", "actor": "user", "with_actors": true},
            with(orders, json!({"with_actors": true}))]})
    };
    let large = json!({"filters": [{"field": "total", "operator": "gte", "value": 100}]});
    let shop = ["u1", "u2", "u3", "u4", "u9"];
    // Ada sees no order of u9 and no visit of u5; the master key sees all.
    for (token, orders, counts, actors) in [
        (
            ada(&server),
            json!({}),
            [5, 3],
            json!([shop, ["u1", "u2", "u3"]]),
        ),
        (
            ada(&server),
            large.clone(),
            [5, 2],
            json!([shop, ["u2", "u3"]]),
        ),
        (
            ada(&server),
            json!({"inverted": true}),
            [5, 2],
            json!([shop, ["u4", "u9"]]),
        ),
        (
            server.master(),
            json!({}),
            [6, 4],
            json!([
                ["u1", "u2", "u3", "u4", "u5", "u9"],
                ["u1", "u2", "u3", "u9"]
            ]),
        ),
    ] {
        let answer = server
            .post(&token, "/v1/query", &question(orders.clone()))
            .expect(200);
        assert_eq!(answer["result"], json!(counts), "{orders}");
        assert_eq!(answer["actors"], actors, "{orders}");
        assert_eq!(answer["steps"].as_array().map(Vec::len), Some(2));
    }
    let elsewhere = server.key(
        "elsewhere",
        &json!([{"on": "pool:visits", "actions": ["query"], "constraints": "all_rows"}]),
    );
    let refused = server.post(&elsewhere, "/v1/query", &question(json!({})));
    assert_eq!(refused.expect(404)["pointer"], "/steps/1/pool");
}

#[test]
fn rows_are_extracted_page_by_page_and_in_every_format() {
    let home = tempfile::tempdir().expect("a directory");
    let server = filled(home.path());
    let (token, master) = (ada(&server), server.master());
    let question = json!({"analysis": "extraction", "pool": "orders", "fields": ["total", "extra"], "limit": 3});
    let first = server.post(&token, "/v1/query", &question).expect(200);
    let row = |total: f64, gift: bool, code: i64| json!({"total": total, "extra": {"gift": gift, "code": code}});
    assert_eq!(
        first["result"],
        json!([
            row(20.5, false, 1),
            row(640.0, false, 2),
            row(60.0, true, 3)
        ])
    );
    let rest = with(question, json!({"after": first["after"]}));
    let rest = server.post(&token, "/v1/query", &rest).expect(200);
    assert_eq!(rest["result"], json!([row(120.0, false, 1)]));
    assert_eq!(rest["after"], Value::Null);
    let whole = json!({"analysis": "extraction", "pool": "orders", "fields": ["at", "sku", "total", "units"]});
    for (format, content_type) in [
        ("ndjson", "application/x-ndjson"),
        ("csv", "text/csv"),
        ("parquet", "application/vnd.apache.parquet"),
        ("arrow", "application/vnd.apache.arrow.stream"),
    ] {
        // What was taken is sent to another pool, and asked there.
        let rows = server.post(&token, &format!("/v1/query?format={format}"), &whole);
        assert_eq!(rows.status, 200, "{}", rows.text());
        let pool = json!({"name": format, "schema": "strict", "fields": [
            {"name": "at", "type": "DateTime"}, {"name": "sku", "type": "String"},
            {"name": "total", "type": "Float64"}, {"name": "units", "type": "Int64"}]});
        server.post(&master, "/v1/pools", &pool).expect(201);
        let path = format!("/v1/pools/{format}/records");
        let headers = [("content-type", content_type)];
        let stored = server.send(&master, "POST", &path, &headers, Some(&rows.body));
        let stored = stored.expect("an answer").expect(200);
        assert_eq!(
            stored,
            json!({"accepted": 4, "rejected": 0, "errors": []}),
            "{format}"
        );
        let sum = json!({"analysis": "sum", "field": "total", "pool": format, "group_by": ["sku"]});
        assert_eq!(
            server.post(&master, "/v1/query", &sum).expect(200)["result"],
            json!([{"sku": "chair", "result": 120.0}, {"sku": "desk", "result": 640.0}, {"sku": "lamp", "result": 80.5}]),
            "{format}"
        );
    }
    let rest = json!({"analysis": "extraction", "pool": "orders", "latest": 1});
    let rest = server.post(&token, "/v1/query?format=csv", &rest).text();
    let header = "at,customer,user,sku,units,total,_id,_ingested_at,_key,_rest\r\n";
    assert!(rest.starts_with(header), "{rest}");
    assert!(
        rest.ends_with("\"{\"\"extra.code\"\":1,\"\"extra.gift\"\":false}\"\r\n"),
        "{rest}"
    );
}

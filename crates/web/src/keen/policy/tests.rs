use model::value::Value;
use serde_json::{Value as Json, json};

use super::*;

mod properties;

fn object(json: &Json) -> Object {
    let value = model::json::parse(json.to_string().as_bytes()).expect("JSON");
    value.as_object().expect("an object").clone()
}

fn policy(permitted: Json, options: Json) -> Result<Policy, Fault> {
    Policy::read(&object(
        &json!({ "permitted": permitted, "options": options }),
    ))
}

fn grants(permitted: Json, options: Json) -> Json {
    let grants = policy(permitted, options).expect("legal").grants();
    let text = model::json::to_text(&Value::Array(grants.expect("legal")));
    serde_json::from_str(&text).expect("JSON")
}

fn filters() -> Json {
    json!({ "filters": [{ "property_name": "customer.id", "operator": "eq",
        "property_value": "c1" }] })
}

fn rows() -> Json {
    json!([{ "field": "customer.id", "operator": "eq", "value": "c1" }])
}

#[test]
fn what_is_permitted_and_nothing_else_is_granted() {
    assert_eq!(grants(json!([]), json!({})), json!([]));
    let all = json!({ "queries": filters(), "writes": { "autofill": { "a": 1 } },
        "saved_queries": filters(), "cached_queries": { "allowed": ["x"] },
        "datasets": { "operations": ["read"] } });
    assert_eq!(grants(json!([]), all), json!([]), "options open nothing");
    let one = |class: &str, on: &str, actions: Json| {
        let expected = json!([{ "on": on, "actions": actions, "constraints": "all_rows" }]);
        assert_eq!(grants(json!([class]), json!({})), expected, "{class}");
    };
    one("queries", "pool:*", json!(["query", "extract"]));
    one("saved_queries", "saved:*", json!(["run"]));
    one("cached_queries", "cached:*", json!(["read"]));
    one("schema", "pool:*", json!(["schema"]));
    let write = json!([{ "on": "pool:*", "actions": ["ingest"] }]);
    assert_eq!(grants(json!(["writes"]), json!({ "writes": null })), write);
}

#[test]
fn the_example_of_the_contract_is_two_grants() {
    let options = json!({ "queries": filters(),
        "writes": { "autofill": { "customer": { "id": "c1" } } } });
    let expected = json!([
        { "on": "pool:*", "actions": ["ingest"], "injections": { "customer.id": "c1" } },
        { "on": "pool:*", "actions": ["query", "extract"], "constraints": rows() },
    ]);
    assert_eq!(grants(json!(["queries", "writes"]), options), expected);
}

#[test]
fn a_key_of_a_customer_sees_its_rows_alone_where_the_vendor_had_no_filter() {
    let options = json!({ "queries": filters() });
    let classes = json!(["schema", "cached_queries", "datasets"]);
    let mut all = classes.as_array().expect("a list").clone();
    all.push(json!("saved_queries"));
    for grant in grants(json!(all), options).as_array().expect("a list") {
        assert_eq!(grant["constraints"], rows(), "{grant}");
    }
    // Unless the key names what it may read.
    let options = json!({ "queries": filters(), "cached_queries": { "allowed": ["all"] },
        "datasets": { "allowed": { "daily": {}, "own": { "index_by": { "shop": "s" } } },
            "blocked": { "daily2": {} } } });
    let expected = json!([
        { "on": "pool:*", "actions": ["schema"], "constraints": rows() },
        { "on": "cached:*", "actions": ["read"], "only": ["all"], "constraints": "all_rows" },
        { "on": "dataset:*", "actions": ["read", "list", "retrieve"], "except": ["daily2"],
            "only": ["daily"], "constraints": "all_rows" },
        { "on": "dataset:*", "actions": ["read", "list", "retrieve"], "except": ["daily2"],
            "only": ["own"], "index_by": { "shop": ["s"] } },
    ]);
    assert_eq!(grants(classes, options), expected);
}

#[test]
fn names_are_allowed_and_blocked_and_no_operation_is_no_grant() {
    let options = json!({
        "saved_queries": { "allowed": [], "blocked": ["b"], "filters": filters()["filters"] },
        "datasets": { "operations": [] },
    });
    let expected = json!([{ "on": "saved:*", "actions": ["run"], "only": [], "except": ["b"],
        "constraints": rows() }]);
    assert_eq!(
        grants(json!(["saved_queries", "datasets"]), options),
        expected
    );
    // To be listed touches no rows, so that no rows are said.
    let options = json!({ "queries": filters(), "datasets": { "operations": ["list"] } });
    let expected = json!([{ "on": "dataset:*", "actions": ["list"], "except": [] }]);
    assert_eq!(grants(json!(["datasets"]), options), expected);
}

#[test]
fn what_no_filter_is_said_for_is_held_to_all_filters_of_the_key() {
    let region = json!([{ "property_name": "region", "operator": "eq", "property_value": "x" }]);
    let options = json!({ "queries": filters(), "saved_queries": { "filters": region } });
    let region = json!({ "field": "region", "operator": "eq", "value": "x" });
    let both = json!([rows()[0], region]);
    let held = grants(
        json!(["saved_queries", "cached_queries", "datasets"]),
        options,
    );
    assert_eq!(held[0]["constraints"], json!([region]));
    assert_eq!(held[1]["constraints"], both);
    assert_eq!(held[2]["constraints"], both);
}

#[test]
fn what_is_not_understood_makes_no_key() {
    let cases = [
        (json!("queries"), json!({}), "/permitted"),
        (json!(["reads"]), json!({}), "/permitted"),
        (json!([]), json!([]), "/options"),
        (json!([]), json!({ "other": {} }), "/options/other"),
        (json!([]), json!({ "queries": [] }), "/options/queries"),
    ];
    for (permitted, options, at) in cases {
        let fault = policy(permitted, options).expect_err(at);
        assert_eq!(&*fault.pointer, at);
    }
    let cases = [
        (
            json!({ "queries": { "filters": "x" } }),
            "/options/queries/filters",
        ),
        (
            json!({ "queries": { "filters": [{ "property_name": "a", "operator": "is",
                "property_value": 1 }] } }),
            "/options/queries/filters/0/operator",
        ),
        (
            json!({ "writes": { "autofill": [] } }),
            "/options/writes/autofill",
        ),
        (
            json!({ "writes": { "autofill": { "a": [1] } } }),
            "/options/writes/autofill/a",
        ),
        (
            json!({ "writes": { "autofill": { "a": { "b": "${keen.ip}" } } } }),
            "/options/writes/autofill",
        ),
        (
            json!({ "writes": { "autofill": { "keen": {} } } }),
            "/options/writes/autofill/keen",
        ),
        (
            json!({ "saved_queries": { "allowed": "a" } }),
            "/options/saved_queries/allowed",
        ),
        (
            json!({ "cached_queries": { "blocked": [1] } }),
            "/options/cached_queries/blocked",
        ),
        (
            json!({ "datasets": { "operations": ["drop"] } }),
            "/options/datasets/operations",
        ),
        (
            json!({ "datasets": { "allowed": ["d"] } }),
            "/options/datasets/allowed",
        ),
        (
            json!({ "datasets": { "allowed": { "d": { "index_by": "x" } } } }),
            "/options/datasets/allowed/d/index_by",
        ),
    ];
    for (options, at) in cases {
        let fault = policy(json!([]), options).expect("legal").grants();
        assert_eq!(&*fault.expect_err(at).pointer, at);
    }
}

#[test]
fn a_key_is_shown_with_all_groups() {
    let read = policy(json!(["queries"]), json!({ "queries": filters() })).expect("legal");
    let shown = Policy::shown(&read.told());
    let text = model::json::to_text(&Value::Object(shown));
    let expected = json!({ "permitted": ["queries"], "options": { "writes": null,
        "queries": filters(), "saved_queries": null, "cached_queries": null, "datasets": null } });
    let shown: Json = serde_json::from_str(&text).expect("JSON");
    assert_eq!(shown, expected);
}

//! Definitions, questions, and what is around them.

use serde_json::{Value, json};

use super::{Case, case, check, definitions};
use crate::support::Server;

fn pool(extra: &Value) -> String {
    let mut pool = json!({"name": "new", "schema": "open"});
    merge(&mut pool, extra);
    pool.to_string()
}

fn view(extra: &Value) -> String {
    let mut view =
        json!({"name": "new", "pool": "sales", "shape": "records", "fields": [{"field": "n"}]});
    merge(&mut view, extra);
    view.to_string()
}

fn key(extra: &Value) -> String {
    let mut key = json!({"name": "new", "grants": []});
    merge(&mut key, extra);
    key.to_string()
}

fn grant(extra: &Value) -> String {
    let mut grant = json!({"on": "view:rows", "actions": ["read"], "constraints": "all_rows"});
    merge(&mut grant, extra);
    key(&json!({"grants": [grant]}))
}

fn merge(target: &mut Value, extra: &Value) {
    for (name, value) in extra.as_object().expect("members") {
        target[name] = value.clone();
    }
}

/// What is wrong with any JSON body, wherever it goes.
fn broken_bodies() -> Vec<Case> {
    let mut cases = Vec::new();
    for path in [
        "/v1/pools",
        "/v1/views",
        "/v1/keys",
        "/v1/pools/sales/delete",
    ] {
        let to = |body: &[u8], code| case("POST", path, body, 400, code);
        cases.extend([
            to(b"", "malformed_body"),
            to(b"{", "malformed_body"),
            to(b"{} {}", "malformed_body"),
            to(b"{\"a\": nope}", "malformed_body"),
            to(b"{\"a\": 01}", "malformed_body"),
            to(b"{\"a\": NaN}", "malformed_body"),
            to(b"{\"a\": 1e400}", "malformed_body"),
            to(b"{'a': 1}", "malformed_body"),
            to(b"{\"a\": \"\xff\"}", "malformed_body"),
            to(b"{\"a\": \"\\ud800\"}", "malformed_body"),
            to(b"\xef\xbb\xbf{}", "malformed_body"),
            to(b"[]", "wrong_type"),
            to(b"null", "wrong_type"),
            to(b"7", "wrong_type"),
            to(b"{\"name\": 1, \"name\": 2}", "duplicate_member").at("/name"),
            to(b"{\"name\": 1, \"n\\u0061me\": 2}", "duplicate_member").at("/name"),
        ]);
        cases.push(
            case("POST", path, "{}", 415, "unsupported_media_type")
                .with("content-type", "text/plain"),
        );
        cases
            .push(case("POST", path, "{}", 415, "unsupported_media_type").with("content-type", ""));
        cases.push(
            case("POST", path, "{}", 415, "unsupported_media_type")
                .with("content-encoding", "gzip"),
        );
    }
    cases
}

fn pools() -> Vec<Case> {
    let bad = |extra: Value, code, at| case("POST", "/v1/pools", pool(&extra), 400, code).at(at);
    let typed = |name: &str, of: &str| json!({"fields": [{"name": name, "type": of}]});
    vec![
        case("POST", "/v1/pools", "{}", 400, "missing_member").at("/name"),
        case(
            "POST",
            "/v1/pools",
            r#"{"name": "new"}"#,
            400,
            "missing_member",
        )
        .at("/schema"),
        case(
            "POST",
            "/v1/pools",
            pool(&json!({"name": "sales"})),
            409,
            "name_taken",
        ),
        bad(json!({"nmae": 1}), "unknown_member", "/nmae"),
        bad(json!({"a/b~c": 1}), "unknown_member", "/a~1b~0c"),
        bad(json!({"name": 7}), "wrong_type", "/name"),
        bad(json!({"name": ""}), "invalid_name", "/name"),
        bad(json!({"name": "a/b"}), "invalid_name", "/name"),
        bad(json!({"name": "_system"}), "invalid_name", "/name"),
        bad(json!({"name": ".."}), "invalid_name", "/name"),
        bad(json!({"name": "pool:*"}), "invalid_name", "/name"),
        bad(json!({"name": "naïve"}), "invalid_name", "/name"),
        bad(json!({"name": "a\u{0}b"}), "invalid_name", "/name"),
        bad(json!({"schema": "loose"}), "invalid_value", "/schema"),
        bad(json!({"fields": {}}), "wrong_type", "/fields"),
        bad(json!({"fields": [7]}), "wrong_type", "/fields/0"),
        bad(
            json!({"fields": [{"type": "String"}]}),
            "missing_member",
            "/fields/0/name",
        ),
        bad(
            json!({"fields": [{"name": "a"}]}),
            "missing_member",
            "/fields/0/type",
        ),
        bad(typed("a", "Text"), "invalid_value", "/fields/0/type").field("a"),
        bad(
            typed("a", "Array(Array(String))"),
            "invalid_value",
            "/fields/0/type",
        )
        .field("a"),
        bad(typed("_id", "String"), "invalid_name", "/fields/0/name").field("_id"),
        bad(typed("a..b", "String"), "invalid_name", "/fields/0/name").field("a..b"),
        bad(typed("", "String"), "invalid_name", "/fields/0/name").field(""),
        bad(
            json!({"fields": [{"name": "a", "type": "String"}, {"name": "a", "type": "Int8"}]}),
            "invalid_value",
            "/fields/1/name",
        )
        .field("a"),
        bad(
            json!({"fields": [{"name": "a", "type": "String"}, {"name": "a.b", "type": "Int8"}]}),
            "invalid_value",
            "/fields/1/name",
        )
        .field("a.b"),
        bad(json!({"time_field": "at"}), "unknown_field", "/time_field").field("at"),
        bad(
            json!({"schema": "strict", "isolation_field": "customer",
                "fields": [{"name": "a", "type": "String"}]}),
            "unknown_field",
            "/isolation_field",
        )
        .field("customer"),
    ]
}

fn views() -> Vec<Case> {
    let bad = |extra: Value, code, at| case("POST", "/v1/views", view(&extra), 400, code).at(at);
    let fields = |fields: Value| json!({"fields": fields});
    let summing = |field: Value| json!({"shape": "aggregated", "fields": [field]});
    let filter = |filter: Value| json!({"filters": [filter]});
    vec![
        bad(json!({"pool": "absent"}), "unknown_resource", "/pool"),
        bad(json!({"shape": "round"}), "invalid_value", "/shape"),
        bad(json!({"colour": 1}), "unknown_member", "/colour"),
        bad(fields(json!([])), "invalid_value", "/fields"),
        bad(fields(json!([{"field": "absent"}])), "unknown_field", "/fields/0/field").field("absent"),
        bad(fields(json!([{"field": "n"}, {"field": "u", "as": "n"}])), "invalid_value", "/fields/1")
            .field("n"),
        bad(fields(json!([{"field": "n", "aggregate": "sum"}])), "invalid_value", "/fields/0"),
        bad(summing(json!({"field": "n", "aggregate": "total"})), "invalid_value", "/fields/0/aggregate"),
        bad(summing(json!({"aggregate": "sum"})), "missing_member", "/fields/0/field"),
        bad(summing(json!({"field": "tags", "aggregate": "sum"})), "wrong_type", "/fields/0/aggregate")
            .field("tags"),
        bad(summing(json!({"field": "n", "aggregate": "percentile"})), "invalid_value",
            "/fields/0/percentile"),
        bad(summing(json!({"field": "n", "aggregate": "percentile", "percentile": 101})),
            "invalid_value", "/fields/0/percentile"),
        bad(summing(json!({"field": "n", "group": true})), "invalid_value", "/fields"),
        bad(json!({"shape": "time_series", "fields": [{"aggregate": "count"}], "interval_field": "n"}),
            "wrong_type", "/interval_field").field("n"),
        bad(json!({"filters": []}), "invalid_filter", "/filters"),
        bad(filter(json!({"field": "n", "operator": "like", "value": 1})), "invalid_filter",
            "/filters/0/operator"),
        bad(filter(json!({"field": "n", "operator": "eq", "value": null})), "invalid_filter",
            "/filters/0/value").field("n"),
        bad(filter(json!({"field": "n", "operator": "in", "value": []})), "invalid_filter",
            "/filters/0/value").field("n"),
        bad(filter(json!({"all": []})), "invalid_filter", "/filters/0/all"),
        bad(filter(json!({"any": []})), "invalid_filter", "/filters/0/any"),
        bad(filter(json!({"not": {"field": "n"}})), "missing_member", "/filters/0/not/operator"),
        bad(filter(json!({"field": "n", "operator": "eq", "value": 1, "x": 2})), "unknown_member",
            "/filters/0/x"),
        bad(filter(json!({"field": "customer.id", "operator": "regex", "value": "("})),
            "invalid_filter", "/filters/0/value").field("customer.id"),
        bad(filter(json!({"field": "customer.id", "operator": "regex",
            "value": "(((a{100}){100}){100})"})), "invalid_filter", "/filters/0/value").field("customer.id"),
        bad(filter(json!({"field": "customer.id", "operator": "regex", "value": "a".repeat(1_025)})),
            "invalid_filter", "/filters/0/value").field("customer.id"),
        bad(filter(json!({"field": "n", "operator": "eq", "value": "x"})), "wrong_type", "/filters")
            .field("n"),
        bad(filter(json!({"field": "absent", "operator": "eq", "value": 1})), "unknown_field",
            "/filters").field("absent"),
    ]
}

fn keys() -> Vec<Case> {
    let bad = |extra: Value, code, at| case("POST", "/v1/keys", grant(&extra), 400, code).at(at);
    let made = |extra: Value, code, at| case("POST", "/v1/keys", key(&extra), 400, code).at(at);
    vec![
        case("POST", "/v1/keys", "{}", 400, "missing_member").at("/name"),
        made(json!({"grants": null}), "missing_member", "/grants"),
        made(json!({"grants": {}}), "wrong_type", "/grants"),
        made(json!({"kind": "public"}), "invalid_value", "/kind"),
        made(json!({"scopes": []}), "unknown_member", "/scopes"),
        made(
            json!({"restrictions": {"expires_at": "tomorrow"}}),
            "invalid_value",
            "/restrictions/expires_at",
        ),
        made(
            json!({"restrictions": {"expires": null}}),
            "unknown_member",
            "/restrictions/expires",
        ),
        bad(
            json!({"on": "view:absent"}),
            "unknown_resource",
            "/grants/0/on",
        ),
        bad(json!({"on": "views:rows"}), "invalid_value", "/grants/0/on"),
        bad(json!({"on": "view:"}), "invalid_name", "/grants/0/on"),
        bad(json!({"actions": []}), "invalid_value", "/grants/0/actions"),
        bad(
            json!({"actions": ["ingest"]}),
            "invalid_value",
            "/grants/0/actions/0",
        ),
        bad(
            json!({"constraints": null}),
            "missing_member",
            "/grants/0/constraints",
        ),
        bad(
            json!({"constraints": []}),
            "invalid_filter",
            "/grants/0/constraints",
        ),
        bad(
            json!({"constraints": "everything"}),
            "wrong_type",
            "/grants/0/constraints",
        ),
        bad(
            json!({"constraints": [{"field": "customer.id", "operator": "eq", "value": null}]}),
            "invalid_filter",
            "/grants/0/constraints/0/value",
        )
        .field("customer.id"),
        bad(
            json!({"constraints": [{"field": "customer", "operator": "eq", "value": "93i"}]}),
            "unknown_field",
            "/grants/0/constraints",
        )
        .field("customer"),
        bad(
            json!({"except": ["rows"]}),
            "invalid_value",
            "/grants/0/except",
        ),
        bad(json!({"fields": {}}), "invalid_value", "/grants/0/fields"),
        bad(
            json!({"fields": {"allow": []}}),
            "invalid_value",
            "/grants/0/fields",
        ),
        bad(
            json!({"injections": {"n": 1}}),
            "invalid_value",
            "/grants/0/injections",
        ),
        bad(
            json!({"id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}),
            "invalid_value",
            "/grants/0/id",
        ),
        made(
            json!({"grants": [{"on": "pool:sales", "actions": ["ingest"],
            "injections": {"customer.id": null}}]}),
            "wrong_type",
            "/grants/0/injections/customer.id",
        )
        .field("customer.id"),
        made(
            json!({"grants": [{"on": "pool:open", "actions": ["ingest"],
            "injections": {"a": 1, "a.b": 2}}]}),
            "invalid_value",
            "/grants/0/injections/a.b",
        )
        .field("a.b"),
        made(
            json!({"grants": [{"on": "pool:open", "actions": ["ingest"]},
            {"on": "pool:*", "actions": ["ingest"]}]}),
            "invalid_value",
            "/grants/1",
        ),
    ]
}

fn questions() -> Vec<Case> {
    let rows = "/v1/views/rows/data";
    let days = "/v1/views/days/data";
    let ask = |path, body: Value, code, at| case("POST", path, body.to_string(), 400, code).at(at);
    let get = |query: &str, code, at| case("GET", &format!("{rows}?{query}"), "", 400, code).at(at);
    let range = |extra: Value| {
        let mut body = json!({"interval": "daily", "from": "2026-01-01", "to": "2026-02-01"});
        merge(&mut body, &extra);
        body
    };
    vec![
        ask(rows, json!({"page": 2}), "unknown_member", "/page"),
        ask(rows, json!({"limit": 0}), "invalid_value", "/limit"),
        ask(rows, json!({"limit": 1001}), "limit_exceeded", "/limit"),
        ask(rows, json!({"limit": "ten"}), "wrong_type", "/limit"),
        ask(rows, json!({"limit": 1.5}), "wrong_type", "/limit"),
        case("POST", rows, r#"{"after": "x"}"#, 400, "invalid_cursor").at("/after"),
        case(
            "POST",
            rows,
            json!({"after": "A".repeat(200)}).to_string(),
            400,
            "invalid_cursor",
        )
        .at("/after"),
        case(
            "POST",
            "/v1/views/sums/data",
            r#"{"after": "x"}"#,
            400,
            "invalid_value",
        )
        .at("/after"),
        ask(
            rows,
            json!({"after": "x", "before": "x"}),
            "invalid_value",
            "/before",
        ),
        ask(
            rows,
            json!({"timezone": "Mars/Olympus"}),
            "unknown_timezone",
            "/timezone",
        ),
        ask(
            rows,
            json!({"timezone": "../../etc/passwd"}),
            "unknown_timezone",
            "/timezone",
        ),
        ask(rows, json!({"from": "yesterday"}), "invalid_value", "/from"),
        ask(
            rows,
            json!({"from": "2026-02-30T00:00:00Z"}),
            "invalid_value",
            "/from",
        ),
        ask(
            rows,
            json!({"from": "2026-02-03", "to": "2026-02-01"}),
            "invalid_value",
            "/to",
        ),
        ask(
            rows,
            json!({"timeframe": "this_14_days", "to": "2026-02-01"}),
            "invalid_value",
            "/timeframe",
        ),
        ask(
            rows,
            json!({"timeframe": "last_week"}),
            "invalid_value",
            "/timeframe",
        ),
        ask(
            rows,
            json!({"timeframe": "previous_99999999999_days"}),
            "invalid_value",
            "/timeframe",
        ),
        ask(rows, json!({"grant": "x"}), "invalid_value", "/grant"),
        ask(
            rows,
            json!({"order_by": [{"field": "flag"}]}),
            "field_not_in_view",
            "/order_by/0/field",
        )
        .field("flag"),
        ask(
            rows,
            json!({"order_by": [{"field": "absent"}]}),
            "field_not_in_view",
            "/order_by/0/field",
        )
        .field("absent"),
        ask(
            rows,
            json!({"order_by": [{"field": "n", "direction": "up"}]}),
            "invalid_value",
            "/order_by/0/direction",
        ),
        ask(
            rows,
            json!({"conditions": [{"field": "flag", "operator": "eq", "value": true}]}),
            "field_not_in_view",
            "/conditions",
        )
        .field("flag"),
        ask(
            rows,
            json!({"conditions": [{"field": "absent", "operator": "eq", "value": true}]}),
            "field_not_in_view",
            "/conditions",
        )
        .field("absent"),
        ask(
            rows,
            json!({"conditions": []}),
            "invalid_filter",
            "/conditions",
        ),
        ask(
            rows,
            json!({"conditions": [{"field": "n", "operator": "eq", "value": null}]}),
            "invalid_filter",
            "/conditions/0/value",
        )
        .field("n"),
        ask(
            rows,
            json!({"conditions": {"field": "n"}}),
            "wrong_type",
            "/conditions",
        ),
        ask(
            rows,
            json!({"interval": "daily"}),
            "invalid_value",
            "/interval",
        ),
        ask(
            days,
            json!({"interval": "daily"}),
            "missing_member",
            "/timeframe",
        ),
        ask(
            days,
            range(json!({"interval": null})),
            "missing_member",
            "/interval",
        ),
        ask(
            days,
            range(json!({"interval": "fortnightly"})),
            "invalid_value",
            "/interval",
        ),
        ask(
            days,
            range(json!({"interval": "every_0_days"})),
            "invalid_value",
            "/interval",
        ),
        ask(
            days,
            range(json!({"interval": "minutely"})),
            "limit_exceeded",
            "/interval",
        ),
        get("limit=ten", "wrong_type", "/limit"),
        get("conditions=nope", "malformed_body", "/conditions"),
        get("page=2", "unknown_member", "/page"),
        get("limit=1&limit=2", "duplicate_member", "/limit"),
        get("format=xml", "invalid_value", "/format"),
        get("integers=roman", "invalid_value", "/integers"),
        case(
            "GET",
            &format!("{rows}?limit=%ZZ"),
            "",
            400,
            "malformed_body",
        ),
        case(
            "GET",
            &format!("{rows}?limit=%ff"),
            "",
            400,
            "malformed_body",
        ),
        case("GET", rows, "", 406, "not_acceptable").with("accept", "image/png"),
        case("GET", rows, "", 406, "not_acceptable").with("accept", "application/json;q=0"),
    ]
}

fn around() -> Vec<Case> {
    let key_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    vec![
        case("GET", "/", "", 404, "not_found"),
        case("GET", "/v1/nothing", "", 404, "not_found"),
        case("GET", "/v1/pools/", "", 404, "not_found"),
        case("GET", "/v2/pools", "", 404, "not_found"),
        case("GET", "/v1/pools/absent", "", 404, "not_found"),
        case("GET", "/v1/pools/%ff", "", 404, "not_found"),
        case("GET", "/v1/pools/..%2fkeys", "", 404, "not_found"),
        case("GET", "/v1/views/absent/data", "", 404, "not_found"),
        case("GET", "/v1/keys/nothing", "", 404, "not_found"),
        case(
            "POST",
            &format!("/v1/keys/{key_id}/disable"),
            "",
            404,
            "not_found",
        ),
        case("PUT", "/v1/pools/sales", "{}", 405, "method_not_allowed"),
        case("DELETE", "/v1/pools", "", 405, "method_not_allowed"),
        case("FROB", "/v1/whoami", "{}", 405, "method_not_allowed"),
        case("GET", "/v1/pools?colour=1", "", 400, "unknown_member").at("/colour"),
        case("GET", "/v1/pools?limit=0", "", 400, "invalid_value").at("/limit"),
        case("GET", "/v1/pools?limit=1001", "", 400, "invalid_value").at("/limit"),
        case("GET", "/v1/pools?after=x", "", 400, "invalid_cursor").at("/after"),
        case("GET", "/v1/whoami?token=x", "", 400, "key_in_query"),
        case("GET", "/v1/whoami?API_KEY=x", "", 400, "key_in_query"),
        case("GET", "/v1/whoami?%74oken=x", "", 400, "key_in_query"),
        case("PATCH", "/v1/pools/sales", "{}", 400, "invalid_value").with("if-match", "unquoted"),
        case("PATCH", "/v1/pools/sales", "{}", 412, "stale_revision").with("if-match", "\"other\""),
        case("PATCH", "/v1/pools/sales", "{}", 412, "stale_revision")
            .with("if-match", "W/\"other\""),
        case("DELETE", "/v1/pools/sales", "", 412, "stale_revision").with("if-match", "\"other\""),
        case("DELETE", "/v1/pools/sales", "", 409, "in_use"),
        case("PATCH", "/v1/pools/sales", "[]", 400, "wrong_type"),
        case(
            "PATCH",
            "/v1/pools/sales",
            r#"{"name": null}"#,
            400,
            "missing_member",
        )
        .at("/name"),
        case(
            "PATCH",
            "/v1/views/rows",
            r#"{"pool": "open", "x": 1}"#,
            400,
            "unknown_member",
        )
        .at("/x"),
        case(
            "POST",
            "/v1/pools/sales/delete",
            "{}",
            400,
            "missing_member",
        ),
        case(
            "POST",
            "/v1/pools/sales/delete",
            r#"{"all": false}"#,
            400,
            "invalid_value",
        )
        .at("/all"),
        case(
            "POST",
            "/v1/pools/sales/delete",
            r#"{"all": true, "filters": []}"#,
            400,
            "invalid_value",
        ),
        case(
            "POST",
            "/v1/pools/sales/delete",
            r#"{"filters": []}"#,
            400,
            "invalid_filter",
        )
        .at("/filters"),
        case(
            "POST",
            "/v1/pools/sales/delete",
            r#"{"filters": null}"#,
            400,
            "wrong_type",
        )
        .at("/filters"),
        case("GET", "/v1/whoami", "", 403, "origin_not_allowed")
            .with("origin", "https://a.example"),
    ]
}

#[test]
fn every_bad_request_names_its_fault_and_changes_nothing() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    let master = server.master();
    definitions(&server);
    server
        .post(&master, "/v1/pools/sales/records", &super::record())
        .expect(200);
    let everything = || {
        let lists = ["/v1/pools", "/v1/views", "/v1/keys"].map(|list| {
            let mut list = server.get(&master, list).expect(200);
            for item in list["items"].as_array_mut().expect("items") {
                for used in ["last_used_at", "secrets", "alerts", "networks"] {
                    item[used] = Value::Null;
                }
            }
            list
        });
        (lists, super::count(&server, "sales"))
    };
    let before = everything();
    let mut cases = broken_bodies();
    for more in [pools(), views(), keys(), questions(), around()] {
        cases.extend(more);
    }
    assert!(cases.len() > 200, "{}", cases.len());
    check(&server, &master, &cases);
    assert_eq!(everything(), before, "nothing was changed");
}

#[test]
fn whoever_is_not_let_in_gets_one_answer() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    let master = server.master();
    let dead = server
        .post(&master, "/v1/keys", &json!({"name": "k", "grants": []}))
        .expect(201);
    let id = dead["id"].as_str().expect("an id");
    let dead = dead["token"].as_str().expect("a token");
    server
        .call(
            &master,
            "DELETE",
            &format!("/v1/keys/{id}?force=true"),
            None,
        )
        .expect(204);
    let last = if master.ends_with('A') { "B" } else { "A" };
    let typo = format!("{}{last}", &master[..master.len() - 1]);
    let basic = format!("Basic {master}");
    let mut answers = Vec::new();
    for (token, headers) in [
        ("", vec![]),
        ("nonsense", vec![]),
        (typo.as_str(), vec![]),
        (dead, vec![]),
        ("", vec![("authorization", basic.as_str())]),
        ("", vec![("authorization", master.as_str())]),
        (master.as_str(), vec![("authorization", "Bearer x")]),
    ] {
        let reply = server
            .send(token, "GET", "/v1/whoami", &headers, None)
            .expect("an answer");
        let fault = case("GET", "/v1/whoami", "", 401, "unauthenticated").fault(&reply);
        assert_eq!(fault, None);
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        let mut document = reply.json();
        document["request_id"] = Value::Null;
        answers.push(document);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

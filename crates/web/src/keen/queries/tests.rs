//! The questions of the contract's worked examples, by GET and by POST, and
//! what its clients do beside.

mod cases;
mod questions;
mod worlds;

use serde_json::{Value as Json, json};

use super::super::tests::{base, error_code, send, speaking};
use super::*;
use crate::plane::PlaneError;
use crate::testing::World;
use cases::{cases, collection, collections, orders, parameters, tf};

/// A world with the collections of the examples.
pub(super) async fn world() -> World {
    let world = speaking(World::new().await).await;
    for (name, events) in collections() {
        fill(&world, name, events).await;
    }
    world
}

async fn fill(world: &World, name: &str, events: Vec<Json>) {
    let pool = collection(name);
    world.post("/v1/pools", &pool).await.expect(201);
    let path = format!("/v1/pools/{name}/records");
    world.post(&path, &Json::Array(events)).await.expect(200);
}

/// The members of the answer but `query`, which is the same by GET and by POST.
async fn asked(world: &World, key: &str, kind: &str, body: &Json) -> String {
    let path = format!("{}/queries/{kind}", base(world));
    let mut texts = Vec::new();
    for (call, sent) in [
        (format!("POST {path}"), body.clone()),
        (format!("GET {path}?&{}&", parameters(body)), Json::Null),
    ] {
        let reply = send(world, key, &call, &sent).await.expect(200);
        assert_eq!(reply.header("content-type"), "application/json");
        let mut answer = reply.json();
        let query = answer
            .as_object_mut()
            .and_then(|members| members.shift_remove("query"));
        assert_eq!(query.expect("a query")["analysis_type"], kind);
        texts.push(answer.to_string());
    }
    assert_eq!(texts[0], texts[1], "{kind} {body}");
    texts.swap_remove(0)
}

#[tokio::test]
async fn worked_examples_are_answered_word_for_word() {
    let world = world().await;
    for (kind, rest, expected) in cases() {
        let answer = asked(&world, &world.admin, kind, &orders(&rest)).await;
        assert_eq!(answer, expected, "{kind} {rest}");
    }
}

#[tokio::test]
async fn example_17_is_answered_word_for_word() {
    let world = world().await;
    let step =
        |collection: &str| json!({ "event_collection": collection, "actor_property": "user" });
    let mut last = step("refunds");
    last["inverted"] = true.into();
    last["with_actors"] = true.into();
    let body = json!({ "timeframe": tf(), "steps": [step("visits"), step("signups"), last] });
    let shown = |collection: &str, flags: &str| {
        format!(
            r#"{{"event_collection":"{collection}","actor_property":"user","filters":[],"timeframe":{{"start":"2024-03-04T00:00:00.000Z","end":"2024-03-07T00:00:00.000Z"}},"timezone":null,{flags}}}"#
        )
    };
    let plain = r#""inverted":false,"optional":false,"with_actors":false"#;
    let steps = [
        shown("visits", plain),
        shown("signups", plain),
        shown(
            "refunds",
            r#""inverted":true,"optional":false,"with_actors":true"#,
        ),
    ];
    let answer = asked(&world, &world.admin, "funnel", &body).await;
    assert_eq!(
        answer,
        format!(
            r#"{{"result":[4,2,1],"actors":[null,null,["u1"]],"steps":[{}]}}"#,
            steps.join(",")
        )
    );
    // The timeframe may stand with each step alone.
    let mut body = json!({ "steps": [step("visits"), step("signups")] });
    body["steps"][0]["timeframe"] = tf();
    body["steps"][1]["timeframe"] = tf();
    let answer = asked(&world, &world.admin, "funnel", &body).await;
    assert!(
        answer.starts_with(r#"{"result":[4,2],"steps":"#),
        "{answer}"
    );
}

/// The key of example 19.
async fn ak1(world: &World) -> String {
    let grants = json!([{ "on": "pool:orders", "actions": ["query", "extract"],
        "constraints": [{ "field": "customer.id", "operator": "eq", "value": "c1" }] }]);
    world.key(grants).await.1
}

#[tokio::test]
async fn example_19_a_filter_of_the_key_cannot_be_escaped_or_seen() {
    let world = world().await;
    let key = ak1(&world).await;
    let filter = |operator: &str, value: &str| json!({ "property_name": "customer.id", "operator": operator, "property_value": value });
    for (kind, rest, expected) in [
        ("count", json!({}), r#"{"result":2}"#),
        (
            "count",
            json!({ "filters": [filter("eq", "c2")] }),
            r#"{"result":0}"#,
        ),
        (
            "count",
            json!({ "filters": [filter("ne", "c1")] }),
            r#"{"result":0}"#,
        ),
        (
            "count",
            json!({ "filters": [{ "operator": "or", "operands": [filter("eq", "c2"), filter("eq", "c1")] }] }),
            r#"{"result":2}"#,
        ),
        (
            "select_unique",
            json!({ "target_property": "customer.id" }),
            r#"{"result":["c1"]}"#,
        ),
        (
            "extraction",
            json!({ "property_names": "amount" }),
            r#"{"result":[{"amount":10},{"amount":30}]}"#,
        ),
        ("count", json!({ "max_age": 600 }), r#"{"result":2}"#),
    ] {
        let answer = asked(&world, &key, kind, &orders(&rest)).await;
        assert_eq!(answer, expected, "{kind} {rest}");
    }
    let path = format!("POST {}/queries/count", base(&world));
    let reply = send(&world, &key, &path, &orders(&json!({}))).await;
    let query = reply.json()["query"].clone();
    assert_eq!(
        query,
        json!({ "analysis_type": "count", "event_collection": "orders", "timeframe": tf() })
    );
    // Of collections that it may not see, it learns what it would of absent ones.
    for name in ["visits", "absent"] {
        let mut body = orders(&json!({ "interval": "daily" }));
        body["event_collection"] = name.into();
        let answer = asked(&world, &key, "count", &body).await;
        let values: Vec<&str> = answer
            .split("\"value\":")
            .skip(1)
            .map(|v| &v[..1])
            .collect();
        assert_eq!(values, ["0", "0", "0"], "{name}");
        let step = |name: &str| json!({ "event_collection": name, "actor_property": "customer.id", "with_actors": true });
        let body = json!({ "timeframe": tf(), "steps": [step("orders"), step(name)] });
        let answer = asked(&world, &key, "funnel", &body).await;
        assert!(
            answer.starts_with(r#"{"result":[1,0],"actors":[["c1"],[]],"#),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_collection_that_is_not_there_has_no_events() {
    let world = world().await;
    for (kind, rest, expected) in [
        ("count", json!({}), "0"),
        ("count_unique", json!({ "target_property": "x" }), "0"),
        ("sum", json!({ "target_property": "x" }), "0"),
        ("minimum", json!({ "target_property": "x" }), "null"),
        ("average", json!({ "target_property": "x" }), "null"),
        (
            "percentile",
            json!({ "target_property": "x", "percentile": 9 }),
            "null",
        ),
        ("select_unique", json!({ "target_property": "x" }), "[]"),
        ("count", json!({ "group_by": "x" }), "[]"),
        ("extraction", json!({ "latest": 3 }), "[]"),
        (
            "multi_analysis",
            json!({ "analyses": { "b": { "analysis_type": "count" }, "a": { "analysis_type": "maximum", "target_property": "x" } } }),
            r#"{"b":0,"a":null}"#,
        ),
    ] {
        let mut body = orders(&rest);
        body["event_collection"] = "User posts.new".into();
        let answer = asked(&world, &world.admin, kind, &body).await;
        assert_eq!(
            answer,
            format!(r#"{{"result":{expected}}}"#),
            "{kind} {rest}"
        );
    }
}

#[tokio::test]
async fn functions_and_filters_fail_on_no_value() {
    let world = world().await;
    for (kind, rest, expected) in [
        ("average", json!({ "target_property": "sku" }), "null"),
        ("sum", json!({ "target_property": "sku" }), "0"),
        ("minimum", json!({ "target_property": "sku" }), "null"),
        (
            "maximum",
            json!({ "target_property": "keen.timestamp" }),
            "null",
        ),
        ("maximum", json!({ "target_property": "amount" }), "30"),
        ("median", json!({ "target_property": "keen.id" }), "null"),
        (
            "standard_deviation",
            json!({ "target_property": "nowhere" }),
            "null",
        ),
        (
            "count",
            json!({ "filters": [{ "property_name": "keen.timestamp", "operator": "gt", "property_value": 7 }] }),
            "0",
        ),
        (
            "count",
            json!({ "filters": [{ "property_name": "keen.timestamp", "operator": "gte", "property_value": "2024-03-05T00:00:00Z" }] }),
            "2",
        ),
        (
            "count",
            json!({ "filters": [{ "property_name": "sku", "operator": "ne", "property_value": "a" }] }),
            "2",
        ),
    ] {
        let answer = asked(&world, &world.admin, kind, &orders(&rest)).await;
        assert_eq!(
            answer,
            format!(r#"{{"result":{expected}}}"#),
            "{kind} {rest}"
        );
    }
}

#[tokio::test]
async fn whole_events_are_trees_without_fields_of_the_server() {
    let world = world().await;
    let answer = asked(&world, &world.admin, "extraction", &orders(&json!({}))).await;
    let answer: Json = serde_json::from_str(&answer).expect("JSON");
    let events = answer["result"].as_array().expect("a list");
    assert_eq!(events.len(), 4);
    assert_eq!(
        events[0],
        json!({ "keen": { "timestamp": "2024-03-04T09:00:00.000Z", "created_at": "2024-03-04T09:00:00.000Z",
            "id": "id-2024-03-04T09:00:00.000Z" }, "customer": { "id": "c1" }, "amount": 10, "sku": "a", "tags": ["x", "y"] })
    );
    let times = events
        .iter()
        .map(|event| event["keen"]["timestamp"].as_str());
    assert!(times.is_sorted());
}

#[tokio::test]
async fn what_a_question_took_is_told_over_visible_events() {
    let world = world().await;
    let key = ak1(&world).await;
    let filters = json!([{ "property_name": "sku", "operator": "eq", "property_value": "a" }]);
    for (who, kind, rest, scanned, each) in [
        (&world.admin, "count", json!({ "filters": filters }), 4, 2),
        (&key, "count", json!({ "filters": filters }), 2, 2),
        (
            &key,
            "sum",
            json!({ "target_property": "amount", "group_by": "sku" }),
            2,
            3,
        ),
        (
            &key,
            "extraction",
            json!({ "property_names": "amount" }),
            2,
            2,
        ),
        (&key, "extraction", json!({}), 2, 7),
    ] {
        let mut rest = rest.clone();
        rest["include_metadata"] = true.into();
        let answer = asked(&world, who, kind, &orders(&rest)).await;
        let answer: Json = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(
            answer["execution_metadata"],
            json!({ "events_scanned": scanned, "properties_per_event": each,
                "total_properties_scanned": scanned * each, "total_processing_time": 50 }),
            "{kind} {rest}"
        );
    }
    let answer = asked(
        &world,
        &key,
        "count",
        &orders(&json!({ "include_metadata": false })),
    )
    .await;
    assert_eq!(answer, r#"{"result":2}"#);
}

#[tokio::test]
async fn example_25_errors_have_their_names() {
    let world = world().await;
    let base = base(&world);
    for (call, body, status, code) in [
        (
            "GET queries/count?event_collection=orders",
            Json::Null,
            400,
            "TimeframeDefinitionError",
        ),
        (
            "GET queries/count?event_collection=orders&timeframe=today&timeframe=today",
            Json::Null,
            400,
            "TimeframeDefinitionError",
        ),
        (
            "GET queries/count?event_collection=orders&timeframe=today&filters=notjson",
            Json::Null,
            400,
            "InvalidFilterError",
        ),
        (
            "GET queries/count?event_collection=orders&timeframe=today&filters=%5Bnotjson",
            Json::Null,
            400,
            "InvalidFilterError",
        ),
        (
            "GET queries/funnel?steps=%5B%7B%7D%5D",
            Json::Null,
            400,
            "MissingParameterError",
        ),
        (
            "POST queries/funnel",
            json!({ "steps": [{ "timeframe": "today" }] }),
            400,
            "MissingParameterError",
        ),
        (
            "POST queries/count",
            json!([1]),
            400,
            "InvalidParameterError",
        ),
        (
            "POST queries/count",
            json!({ "event_collection": "orders", "timeframe": "this_100_years", "interval": "minutely" }),
            400,
            "InvalidParameterError",
        ),
        (
            "GET queries/counts",
            Json::Null,
            404,
            "ResourceNotFoundError",
        ),
    ] {
        let (method, path) = call.split_once(' ').expect("METHOD path");
        let call = format!("{method} {base}/{path}");
        let reply = send(&world, &world.admin, &call, &body)
            .await
            .expect(status);
        assert_eq!(error_code(&reply), code, "{call}");
    }
    let call = format!("POST {base}/queries/count");
    let (_, writer) = world
        .key(json!([{ "on": "pool:orders", "actions": ["ingest"] }]))
        .await;
    let reply = send(&world, &writer, &call, &json!({})).await.expect(403);
    assert_eq!(error_code(&reply), "RequestForbiddenError");
}

#[tokio::test]
async fn a_body_is_json_under_any_type() {
    let world = world().await;
    let call = format!("POST {}/queries/count", base(&world));
    let mut sent = crate::testing::request(&world.admin, &call, &orders(&json!({})));
    let plain = "text/plain;charset=UTF-8".parse().expect("visible text");
    sent.headers_mut().insert(http::header::CONTENT_TYPE, plain);
    world.send(sent).await.expect(200);
    let reply = send(&world, &world.admin, &call, &Json::Null)
        .await
        .expect(400);
    assert_eq!(error_code(&reply), "MissingParameterError");
    let mut sent = crate::testing::request(&world.admin, &call, &Json::Null);
    *sent.body_mut() = Body::from("{not json");
    let reply = world.send(sent).await.expect(400);
    assert_eq!(error_code(&reply), "InvalidJsonError");
}

#[tokio::test]
async fn failures_of_the_plane_have_their_statuses() {
    let world = world().await;
    let base = base(&world);
    for (failure, status, code) in [
        (
            PlaneError::Deadline(std::time::Duration::from_secs(9)),
            504,
            "QueryTimeoutError",
        ),
        (
            PlaneError::Busy {
                retry_after: std::time::Duration::from_secs(2),
            },
            503,
            "ServiceUnavailableError",
        ),
        (
            PlaneError::LimitExceeded {
                limit: "too much".to_owned(),
            },
            400,
            "InvalidParameterError",
        ),
        (
            PlaneError::Internal("rack 7".to_owned()),
            500,
            "InternalServerError",
        ),
    ] {
        *world.plane.failure.lock().expect("not poisoned") = Some(failure);
        for kind in ["count", "extraction"] {
            let call = format!("POST {base}/queries/{kind}");
            let reply = send(&world, &world.admin, &call, &orders(&json!({}))).await;
            let reply = reply.expect(status);
            assert_eq!(error_code(&reply), code, "{kind}");
            assert!(!reply.text().contains("rack"));
        }
    }
}

#[tokio::test]
async fn weeks_start_on_sunday() {
    let world = world().await;
    // The world's clock shows a Friday.
    let body =
        json!({ "event_collection": "orders", "timeframe": "this_2_weeks", "interval": "weekly" });
    let answer = asked(&world, &world.admin, "count", &body).await;
    let range = |start: &str, end: &str| {
        format!(
            r#"{{"timeframe":{{"start":"{start}T00:00:00.000Z","end":"{end}T00:00:00.000Z"}},"value":0}}"#
        )
    };
    let weeks = [
        range("2026-04-19", "2026-04-26"),
        range("2026-04-26", "2026-05-03"),
    ];
    assert_eq!(answer, format!(r#"{{"result":[{}]}}"#, weeks.join(",")));
}

/// The first key as it is let in.
pub(super) fn access(world: &World) -> model::permit::Access {
    let secret = model::secrets::Secret::parse(&world.admin).expect("a token");
    world
        .state
        .control
        .authenticate(&secret, &model::keys::Circumstances::unknown())
        .expect("let in")
}

/// A question over the orders of the examples, read.
pub(super) fn orders_question(kind: &str, rest: &str) -> Question {
    let rest = serde_json::from_str(rest).expect("JSON");
    let body = orders(&rest).to_string();
    match model::json::parse(body.as_bytes()) {
        Ok(Value::Object(body)) => Question::read(kind, &body).expect("a question"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_kept_answer_has_the_members_of_a_sent_one() {
    let world = world().await;
    let access = access(&world);
    let caller = Caller {
        definitions: world.state.control.definitions(access.project()),
        access,
        let_in: crate::metering::LetIn::arrived_at(world.state.clock.now()),
    };
    for (kind, expected) in [
        ("count", "4"),
        (
            "extraction",
            r#"[{"amount":10},{"amount":20},{"amount":30},{"amount":5}]"#,
        ),
    ] {
        let question = orders_question(kind, r#"{"property_names":"amount"}"#);
        let ask = async || ask(&caller, &question, &world.state).await;
        let members = ask().await.expect("an answer").into_members(1_000).await;
        let text = model::json::to_text(&members.expect("small").into());
        assert_eq!(text, format!(r#"{{"result":{expected}}}"#));
        let kept = ask().await.expect("an answer").into_members(20).await;
        assert_eq!(kept.is_err(), kind == "extraction");
    }
}

use serde_json::{Value as Json, json};

use crate::keen::tests::{base, error_code, send, speaking};
use crate::testing::{World, text};

async fn orders() -> World {
    let world = speaking(World::new().await).await;
    let call = format!("POST {}/events/orders", base(&world));
    for (amount, customer) in [(10, "c1"), (20, "c2"), (35, "c1")] {
        let event = json!({ "amount": amount, "customer": { "id": customer } });
        send(&world, &world.admin, &call, &event).await.expect(201);
    }
    world
}

fn total(rate: u32) -> Json {
    json!({ "query": { "analysis_type": "sum", "event_collection": "orders",
        "target_property": "amount", "timeframe": "this_1_days" },
        "metadata": { "display_name": "Total" }, "refresh_rate": rate })
}

async fn call(world: &World, key: &str, call: &str, body: Json) -> crate::testing::Reply {
    let (method, rest) = call.split_once(' ').expect("a method and a path");
    let call = format!("{method} {}/queries/saved{rest}", base(world));
    send(world, key, &call, &body).await
}

async fn key(world: &World, permitted: Json, options: Json) -> String {
    let path = format!("POST {}/keys", base(world));
    let body = json!({ "name": "k", "permitted": permitted, "options": options });
    let made = send(world, &world.admin, &path, &body)
        .await
        .expect(201)
        .json();
    text(&made, "/key").to_owned()
}

fn of_c1() -> Json {
    json!({ "filters": [{ "property_name": "customer.id", "operator": "eq",
        "property_value": "c1" }] })
}

#[tokio::test]
async fn a_query_is_saved_shown_and_run() {
    let world = orders().await;
    let admin = &world.admin;
    let made = call(&world, admin, "PUT /orders-total", total(0))
        .await
        .expect(201)
        .json();
    assert_eq!(made["query_name"], "orders-total");
    assert_eq!(
        made["query"],
        json!({ "analysis_type": "sum", "event_collection": "orders",
        "target_property": "amount", "timeframe": "this_1_days", "filters": [],
        "interval": null, "group_by": null, "timezone": null })
    );
    assert_eq!(made["created_date"], "2026-05-01T12:00:00.000000+00:00");
    assert_eq!(made["run_information"], Json::Null);
    let ran = call(
        &world,
        admin,
        "GET /orders-total/result?api_key=undefined&",
        Json::Null,
    )
    .await;
    let ran = ran.expect(200).json();
    assert_eq!(
        (&ran["result"], &ran["query_name"]),
        (&json!(65), &json!("orders-total"))
    );
    // What was shown is taken back, nulls included.
    let again = call(&world, admin, "PUT /orders-total", made.clone())
        .await
        .expect(200)
        .json();
    assert_eq!(again["query"], made["query"]);
    let listed = call(&world, admin, "GET ?analysis_type=saved", Json::Null).await;
    assert_eq!(listed.expect(200).json().as_array().map(Vec::len), Some(1));
    call(&world, admin, "DELETE /orders-total", Json::Null)
        .await
        .expect(204);
    let gone = call(&world, admin, "GET /orders-total", Json::Null)
        .await
        .expect(404);
    assert_eq!(error_code(&gone), "ResourceNotFoundError");
}

#[tokio::test]
async fn each_key_is_answered_over_its_rows_kept_or_not() {
    let world = orders().await;
    let admin = &world.admin;
    for rate in [0, 14_400] {
        call(&world, admin, "PUT /total", total(rate)).await;
        let all = call(&world, admin, "GET /total/result", Json::Null).await;
        let all = all.expect(200).json();
        assert_eq!(all["result"], 65);
        assert_eq!(all["run_information"].is_null(), rate == 0);
        let c1 = key(
            &world,
            json!(["saved_queries", "cached_queries"]),
            json!({ "saved_queries": of_c1() }),
        );
        let c1 = c1.await;
        let own = call(&world, &c1, "GET /total/result", Json::Null).await;
        assert_eq!(own.expect(200).json()["result"], 45);
    }
}

#[tokio::test]
async fn a_class_that_is_not_permitted_is_forbidden_whatever_there_is() {
    let world = orders().await;
    call(&world, &world.admin, "PUT /kept", total(14_400))
        .await
        .expect(201);
    let saved = key(&world, json!(["saved_queries"]), json!({})).await;
    let mut messages = Vec::new();
    for name in ["kept", "nowhere"] {
        let path = format!("GET /{name}/result");
        let refused = call(&world, &saved, &path, Json::Null).await.expect(403);
        assert_eq!(error_code(&refused), "RequestForbiddenError");
        messages.push(refused.json()["message"].clone());
    }
    assert_eq!(messages[0], "cached_queries is not permitted for this key");
    assert_eq!(messages[0], messages[1]);
    let both = json!(["saved_queries", "cached_queries"]);
    let blocked = key(
        &world,
        both,
        json!({ "cached_queries": { "blocked": ["kept"] } }),
    )
    .await;
    for name in ["kept", "nowhere"] {
        let path = format!("GET /{name}/result");
        call(&world, &blocked, &path, Json::Null).await.expect(404);
    }
}

#[tokio::test]
async fn saved_events_are_shown_as_they_were_written() {
    let world = orders().await;
    let rows = json!({ "query": { "analysis_type": "extraction", "event_collection": "orders",
        "timeframe": "this_1_days", "latest": 1 } });
    call(&world, &world.admin, "PUT /rows", rows)
        .await
        .expect(201);
    let ran = call(&world, &world.admin, "GET /rows/result", Json::Null).await;
    let ran = ran.expect(200).json();
    let event = ran["result"][0].as_object().expect("an event");
    let mut names: Vec<&String> = event.keys().collect();
    names.sort();
    assert_eq!(names, ["amount", "customer", "keen"]);
}

#[tokio::test]
async fn a_saved_funnel_is_nested_and_what_is_wrong_is_named() {
    let world = orders().await;
    let step = json!({ "event_collection": "orders", "actor_property": "customer.id",
        "timeframe": "this_1_days" });
    let funnel = json!({ "query": { "analysis_type": "funnel", "steps": [step.clone(), step] } });
    call(&world, &world.admin, "PUT /funnel", funnel)
        .await
        .expect(201);
    let ran = call(&world, &world.admin, "GET /funnel/result", Json::Null).await;
    let ran = ran.expect(200).json();
    assert_eq!(ran["result"]["result"], json!([2, 2]));
    assert_eq!(ran["result"]["steps"].as_array().map(Vec::len), Some(2));
    let mut fast = total(0);
    fast["refresh_rate"] = json!(60);
    let mut other = total(0);
    other["query"]["analysis_type"] = json!("mode");
    for (body, code) in [
        (json!({ "metadata": {} }), "MissingParameterError"),
        (fast, "InvalidParameterError"),
        (other, "InvalidParameterError"),
    ] {
        let refused = call(&world, &world.admin, "PUT /x", body).await.expect(400);
        assert_eq!(error_code(&refused), code);
    }
}

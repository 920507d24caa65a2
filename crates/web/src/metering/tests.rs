//! Limits of keys over the router, on every road that lets somebody in.

mod credits;

use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;
use serde_json::{Value as Json, json};
use tower::ServiceExt;

use super::*;
use crate::keen;
use crate::keen::tests::{base, error_code, send};
use crate::routes::ROUTES;
use crate::testing::{Reply, World, request, text};

fn everything() -> Json {
    json!([
        { "on": "project", "actions": ["admin"] },
        { "on": "pool:*", "actions": ["ingest", "query", "schema"], "constraints": "all_rows" },
        { "on": "view:*", "actions": ["read"], "constraints": "all_rows" },
        { "on": "saved:*", "actions": ["run"], "constraints": "all_rows" },
    ])
}

/// A key with these limits: its id and token.
async fn key(world: &World, limits: Json) -> (String, String) {
    let body = json!({ "name": "k", "grants": everything(), "limits": limits });
    let made = world.post("/v1/keys", &body).await.expect(201).json();
    let member = |name: &str| made[name].as_str().expect("text").to_owned();
    (member("id"), member("token"))
}

async fn limit(world: &World, id: &str, limits: Json) {
    let call = format!("PATCH /v1/keys/{id}");
    let body = json!({ "limits": limits });
    world.call(&world.admin, &call, &body).await.expect(200);
}

async fn whoami(world: &World, token: &str) -> Reply {
    world.call(token, "GET /v1/whoami", &Json::Null).await
}

#[tokio::test]
async fn k17_who_waits_as_long_as_it_is_told_is_let_in() {
    let world = World::with_sales().await;
    let (_, token) = key(&world, json!({ "requests_per_second": 3 })).await;
    for left in [2, 1, 0] {
        let reply = whoami(&world, &token).await.expect(200).json();
        assert_eq!(reply["left"]["requests_per_second"], left);
        world.clock.advance(Duration::from_millis(300));
    }
    for _ in 0..5 {
        let reply = whoami(&world, &token).await.expect(429);
        assert_eq!(reply.code(), "rate_limited");
        assert_eq!(reply.header("retry-after"), "1");
    }
    world.clock.advance(Duration::from_secs(1));
    whoami(&world, &token).await.expect(200);
}

#[tokio::test]
async fn a_request_counts_once_and_one_without_a_right_counts_too() {
    let world = World::with_sales().await;
    let (id, token) = key(&world, json!({ "requests_per_second": 2 })).await;
    // The caller of an ingest is looked up again when its body is there.
    let call = "POST /v1/pools/sales/records";
    let record = json!([{ "customer": "a" }]);
    world.call(&token, call, &record).await.expect(200);
    let shown = world.get(&format!("/v1/keys/{id}")).await.json();
    assert_eq!(shown["left"]["requests_per_second"], 1);
    let call = "POST /v1/pools/none/records";
    world.call(&token, call, &record).await.expect(404);
    whoami(&world, &token).await.expect(429);
}

#[tokio::test]
async fn k17_the_fields_of_the_draft_are_behind_a_switch() {
    let mut world = World::with_sales().await;
    let (_, token) = key(&world, json!({ "requests_per_second": 2 })).await;
    let quiet = whoami(&world, &token).await.expect(200);
    assert_eq!(
        (quiet.header("ratelimit"), quiet.header("ratelimit-policy")),
        ("", "")
    );
    world.router = crate::router(world.state.clone().with_rate_headers(true));
    for status in [200, 429] {
        let reply = whoami(&world, &token).await.expect(status);
        assert_eq!(reply.header("ratelimit"), "\"second\";r=0;t=1");
        assert_eq!(reply.header("ratelimit-policy"), "\"second\";q=2;w=1");
    }
    let unlimited = world.get("/v1/whoami").await.expect(200);
    assert_eq!(unlimited.header("ratelimit"), "");
}

/// L8: at each instant the fields say the same, whether or not rows that the key does not see are
/// there.
#[tokio::test]
async fn l8_no_field_of_the_rate_tells_of_hidden_rows() {
    let mut told = Vec::new();
    for is_with_hidden in [false, true] {
        let mut world = World::with_sales().await;
        world.router = crate::router(world.state.clone().with_rate_headers(true));
        let of =
            |customer: &str| json!([{ "field": "customer", "operator": "eq", "value": customer }]);
        if !is_with_hidden {
            let hidden = json!({ "filters": of("b") });
            let path = "/v1/pools/sales/delete";
            world.post(path, &hidden).await.expect(200);
        }
        let grants = json!([
            { "on": "pool:sales", "actions": ["query", "extract", "schema", "delete"],
                "constraints": of("a") },
            { "on": "pool:sales", "actions": ["ingest"], "injections": { "customer": "a" } },
            { "on": "view:all", "actions": ["read"], "constraints": of("a") },
        ]);
        let body = json!({ "name": "k", "grants": grants, "limits": { "requests_per_second": 9 } });
        let made = world.post("/v1/keys", &body).await.expect(201).json();
        let token = text(&made, "/token");
        let large = json!({ "filters": [{ "field": "amount", "operator": "gte", "value": 4 }] });
        let calls = [
            ("GET /v1/whoami", Json::Null),
            ("GET /v1/views/all/data", Json::Null),
            (
                "POST /v1/query",
                json!({ "analysis": "count", "pool": "sales" }),
            ),
            (
                "POST /v1/pools/sales/records",
                json!([{ "customer": "b", "amount": 9 }]),
            ),
            ("POST /v1/pools/sales/delete", large),
            ("GET /v1/pools/sales/schema", Json::Null),
            ("GET /v1/views/none/data", Json::Null),
        ];
        let mut fields = Vec::new();
        for _ in 0..3 {
            for (call, body) in &calls {
                let reply = world.call(token, call, body).await;
                let field = |name: &str| reply.header(name).to_owned();
                let names = ["ratelimit", "ratelimit-policy", "retry-after"];
                fields.push((*call, reply.status, names.map(field)));
                world.clock.advance(Duration::from_millis(70));
            }
        }
        told.push(fields);
    }
    let is_told = |[rate, policy, _]: &[String; 3]| {
        rate.starts_with("\"second\";r=") && policy == "\"second\";q=9;w=1"
    };
    assert!(told[0].iter().all(|(.., fields)| is_told(fields)));
    for status in [200, 404, 429] {
        assert!(told[0].iter().any(|(_, answered, _)| *answered == status));
    }
    assert_eq!(told[0], told[1]);
}

/// Every route of the dialect, by a key of its own and by a scoped one.
#[tokio::test]
async fn k17_keys_of_the_dialect_are_limited_on_every_route() {
    let (world, master) = crate::keen::scoped::tests::scoping(World::with_sales().await).await;
    let scoped = crate::keen::scoped::tests::key(
        &master,
        &json!({ "allowed_operations": ["read"], "filters": [] }),
    );
    let keys = world.get("/v1/keys").await.expect(200).json();
    let keys = keys["items"].as_array().expect("a list");
    let id = keys.iter().find(|key| {
        let grants = key["grants"].as_array().expect("a list");
        key["kind"] == "legacy" && grants.iter().any(|grant| grant["on"] == "project")
    });
    let id = text(id.expect("a master key"), "/id").to_owned();
    limit(&world, &id, json!({ "requests_per_second": 1 })).await;
    let count = format!(
        "GET {}/queries/count?event_collection=sales&timeframe=this_1_days",
        base(&world)
    );
    send(&world, &scoped, &count, &Json::Null).await.expect(200);
    for key in [&master, &scoped] {
        for route in keen::ROUTES.iter().filter(|route| route.pattern != "/3.0") {
            if route.pattern == "/3.0/projects" && key == &scoped {
                continue; // A scoped key belongs to the project that is named beside it.
            }
            let project = keen::tests::project(&world);
            let path = route.pattern.replace("{project}", &project);
            let path = path.replace("{analysis}", "count").replace(['{', '}'], "");
            let call = format!("{} {path}", route.method);
            let reply = send(&world, key, &call, &Json::Null).await;
            assert_eq!(reply.status, 429, "{call} {}", reply.text());
            assert_eq!(error_code(&reply), "TooManyRequestsError");
            assert_eq!(reply.header("retry-after"), "1");
        }
    }
}

#[tokio::test]
async fn k17_a_ticket_takes_of_its_key() {
    let world = World::with_sales().await;
    let saved = json!({ "name": "total", "query": { "analysis": "count", "pool": "sales" } });
    world.post("/v1/saved-queries", &saved).await.expect(201);
    let (_, token) = key(&world, json!({ "requests_per_second": 2 })).await;
    let body = json!({ "saved_query": "total", "origin": "https://shop.example" });
    let made = world
        .call(&token, "POST /v1/tickets", &body)
        .await
        .expect(201);
    let path = format!("GET /v1/tickets/{}/result", text(&made.json(), "/ticket"));
    let visit = || {
        let mut visit = request("", &path, &Json::Null);
        let shop = HeaderValue::from_static("https://shop.example");
        visit.headers_mut().insert(http::header::ORIGIN, shop);
        visit
    };
    world.send(visit()).await.expect(200);
    assert_eq!(world.send(visit()).await.expect(429).code(), "rate_limited");
    whoami(&world, &token).await.expect(429);
}

/// A streamed answer holds its place until it is read to its end or given up.
#[tokio::test]
async fn a_place_is_held_until_the_answer_is_sent_or_given_up() {
    let world = World::with_sales().await;
    let (_, token) = key(&world, json!({ "concurrent_queries": 1 })).await;
    let stream = || async {
        let call = request(&token, "GET /v1/views/all/data?format=ndjson", &Json::Null);
        let answer = world.router.clone().oneshot(call).await;
        answer.expect("the router always answers")
    };
    let query = json!({ "analysis": "count", "pool": "sales" });
    let ask = || world.call(&token, "POST /v1/query", &query);
    for is_read in [true, false] {
        let answer = stream().await;
        assert_eq!(answer.status(), 200);
        let refused = ask().await.expect(429);
        assert_eq!(refused.code(), "too_many_queries");
        assert_eq!(refused.header("retry-after"), "1");
        // What asks for no rows goes on.
        world
            .call(&token, "GET /v1/pools/sales", &Json::Null)
            .await
            .expect(200);
        if is_read {
            let body = answer.into_body().collect().await.expect("a whole body");
            assert!(!body.to_bytes().is_empty());
        } else {
            drop(answer);
        }
        ask().await.expect(200);
    }
    let left = whoami(&world, &token).await.expect(200).json();
    // The question itself is one.
    assert_eq!(left["left"]["concurrent_queries"], 0);
}

/// A client that goes away before its answer begins gives its place back, too.
#[tokio::test]
async fn a_place_is_given_back_when_the_client_goes_away() {
    let world = World::with_sales().await;
    let (_, token) = key(&world, json!({ "concurrent_queries": 1 })).await;
    let call = request(&token, "POST /v1/query", &json!({}));
    let (mut parts, _) = call.into_parts();
    parts.headers.remove(http::header::CONTENT_LENGTH);
    let never_ends = Body::from_stream(futures::stream::pending::<
        Result<bytes::Bytes, std::io::Error>,
    >());
    let waiting = http::Request::from_parts(parts, never_ends);
    let mut answer = Box::pin(world.router.clone().oneshot(waiting));
    assert!(futures::poll!(&mut answer).is_pending());
    whoami(&world, &token).await.expect(429);
    drop(answer);
    whoami(&world, &token).await.expect(200);
}

#[test]
fn which_calls_ask() {
    let native = ROUTES.iter().map(|route| (route.method, route.pattern));
    let dialect = keen::ROUTES
        .iter()
        .map(|route| (route.method, route.pattern));
    let asking = native.chain(dialect).filter(|(_, pattern)| asks(pattern));
    let asking: Vec<String> = asking
        .map(|(method, pattern)| format!("{method} {pattern}"))
        .collect();
    insta::assert_snapshot!(asking.join("\n"));
}

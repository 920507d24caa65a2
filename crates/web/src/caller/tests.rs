use axum::body::Body;
use http::Request;
use serde_json::{Value as Json, json};

use super::*;
use crate::testing::{World, request};

fn with_authorization(value: &str) -> Request<Body> {
    Request::builder()
        .uri("/v1/whoami")
        .header(header::AUTHORIZATION, value)
        .body(Body::empty())
        .expect("a request")
}

#[tokio::test]
async fn only_one_whole_bearer_token_is_let_in() {
    let world = World::new().await;
    let token = world.admin.clone();
    for good in [
        format!("Bearer {token}"),
        format!("bearer {token}"),
        format!("BEARER  {token} "),
    ] {
        world.send(with_authorization(&good)).await.expect(200);
    }
    let mut mistyped = token.clone();
    let last = if mistyped.pop() == Some('a') {
        'b'
    } else {
        'a'
    };
    mistyped.push(last);
    let reference = world.call("", "GET /v1/whoami", &Json::Null).await;
    for bad in [
        token.clone(),
        format!("Basic {token}"),
        format!("Bearer{token}"),
        format!("Bearer {token} {token}"),
        format!("Bearer {mistyped}"),
        "Bearer ".to_owned(),
        "Bearer".to_owned(),
    ] {
        let reply = world.send(with_authorization(&bad)).await.expect(401);
        assert_eq!(reply.code(), "unauthenticated");
        assert_eq!(reply.header("www-authenticate"), "Bearer");
        assert_eq!(reply.json()["detail"], reference.json()["detail"], "{bad}");
        assert!(!reply.text().contains("tg_sk"), "{}", reply.text());
    }
    let mut twice = with_authorization(&format!("Bearer {token}"));
    let value = twice.headers()[header::AUTHORIZATION].clone();
    twice.headers_mut().append(header::AUTHORIZATION, value);
    world.send(twice).await.expect(401);
}

#[tokio::test]
async fn k22_a_key_in_an_address_is_refused_and_named_by_its_public_part() {
    let world = World::new().await;
    let token = world.admin.clone();
    let id = Secret::parse(&token).expect("a token").id().to_string();
    let encoded = token.replace('_', "%5F");
    for address in [
        format!("/v1/pools?limit={token}"),
        format!("/v1/pools?limit=1&x=Bearer+{token}"),
        format!("/v1/version?{encoded}"),
        format!("/v1/keys/{token}"),
        format!("/nowhere?a=%22{encoded}%22"),
    ] {
        let reply = world.get(&address).await.expect(400);
        assert_eq!(reply.code(), "key_in_query", "{address}");
        let detail = reply.json()["detail"].as_str().expect("text").to_owned();
        assert!(detail.contains(&id) && !detail.contains(&token), "{detail}");
    }
    for name in ["api_key", "API_KEY", "key", "token", "access%5Ftoken"] {
        let reply = world.get(&format!("/v1/pools?{name}=x")).await.expect(400);
        assert_eq!(reply.code(), "key_in_query", "{name}");
    }
    let innocent = world.get("/v1/pools?after=tg_sk_nothing").await.expect(400);
    assert_eq!(innocent.code(), "invalid_cursor");
}

#[tokio::test]
async fn k15_a_secret_key_in_a_page_is_refused() {
    let world = World::new().await;
    let mut from_page = request(&world.admin, "GET /v1/whoami", &Json::Null);
    let origin = "https://example.com".parse().expect("a value");
    from_page.headers_mut().insert(header::ORIGIN, origin);
    let reply = world.send(from_page).await.expect(403);
    assert_eq!(reply.code(), "origin_not_allowed");
    assert!(reply.header("access-control-allow-origin").is_empty());
    let mut public = request("", "GET /v1/version", &Json::Null);
    let origin = "https://example.com".parse().expect("a value");
    public.headers_mut().insert(header::ORIGIN, origin);
    world.send(public).await.expect(200);
}

#[tokio::test]
async fn absent_and_hidden_are_the_same_byte_for_byte() {
    let world = World::with_sales().await;
    let other = json!({ "name": "other", "schema": "open" });
    world.post("/v1/pools", &other).await.expect(201);
    let (_, token) = world
        .key(json!([{ "on": "pool:other", "actions": ["ingest"] },
            { "on": "pool:other", "actions": ["delete", "schema"], "constraints": "all_rows" }]))
        .await;
    for call in [
        "POST /v1/pools/{}/records",
        "POST /v1/pools/{}/delete",
        "GET /v1/pools/{}/schema",
    ] {
        let mut answers = Vec::new();
        for name in ["sales", "absent", "%FF", "_id", "a%2Fb"] {
            let call = call.replace("{}", name);
            let reply = world.call(&token, &call, &Json::Null).await.expect(404);
            let mut problem = reply.json();
            problem["request_id"] = Json::Null;
            let mut headers = reply.headers.clone();
            headers.remove("x-request-id");
            answers.push((problem.to_string(), format!("{headers:?}")));
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{call}: {answers:#?}");
    }
    // Nor does a definition leak through a call that only an admin has.
    for call in [
        "GET /v1/pools/sales",
        "GET /v1/pools/absent",
        "GET /v1/views/all",
    ] {
        let reply = world.call(&token, call, &Json::Null).await.expect(403);
        assert_eq!(reply.code(), "action_not_granted");
        assert!(!reply.text().contains("sales"), "{}", reply.text());
    }
}

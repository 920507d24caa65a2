use http::Method;
use model::time::Timestamp;
use serde_json::{Value as Json, json};

use super::*;
use crate::plane::PlaneError;
use crate::testing::{Log, World, request};

#[tokio::test]
async fn every_answer_has_its_id_and_is_kept_by_nobody() {
    let world = World::with_sales().await;
    let mut ids = std::collections::BTreeSet::new();
    for call in [
        "GET /v1/version",
        "GET /v1/whoami",
        "HEAD /v1/whoami",
        "GET /v1/views/all/data",
        "GET /v1/pools/absent",
        "GET /nowhere",
        "PUT /v1/pools",
        "OPTIONS /v1/pools",
        "GET /v1/pools?key=1",
    ] {
        let reply = world.call(&world.admin, call, &Json::Null).await;
        assert_eq!(reply.header("cache-control"), "no-store", "{call}");
        assert_eq!(
            reply.header("vary"),
            "Authorization, Origin, Accept",
            "{call}"
        );
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{call}");
        assert!(
            reply.header("access-control-allow-origin").is_empty(),
            "{call}"
        );
        let id = reply.header("x-request-id").to_owned();
        assert!(RequestId::parse(&id).is_ok(), "{call}: {id}");
        assert!(ids.insert(id), "{call}: the id was used before");
    }
}

#[tokio::test]
async fn browsers_are_told_to_come_by_tls_when_that_is_set() {
    const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);
    let mut world = World::new().await;
    for (period, told) in [(None, ""), (Some(DAY * 30), "max-age=2592000")] {
        let state = world.state.clone().with_strict_transport(period);
        world.router = crate::router(state);
        for call in [
            "GET /v1/pools",
            "GET /v1/nothing",
            "GET /console/sign-in",
            "GET /",
        ] {
            let reply = world.call(&world.admin, call, &Json::Null).await;
            assert_eq!(reply.header("strict-transport-security"), told, "{call}");
        }
    }
}

#[tokio::test]
async fn what_no_route_takes_is_a_problem_too() {
    let world = World::new().await;
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v1/pools/",
        "/v1/nothing",
        "/v1/pools/a/b/c",
    ] {
        assert_eq!(
            world.get(path).await.expect(404).code(),
            "not_found",
            "{path}"
        );
    }
    for (call, allow) in [
        ("PUT /v1/pools", "GET,HEAD,POST"),
        ("OPTIONS /v1/pools/x", "GET,HEAD,PATCH,DELETE"),
        ("GET /v1/pools/x/records", "POST"),
    ] {
        let reply = world
            .call(&world.admin, call, &Json::Null)
            .await
            .expect(405);
        assert_eq!(reply.code(), "method_not_allowed");
        assert_eq!(reply.header("allow"), allow, "{call}");
    }
    let head = world
        .call(&world.admin, "HEAD /v1/pools/absent", &Json::Null)
        .await
        .expect(404);
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn an_answer_that_breaks_off_leaves_its_cause_in_the_log() {
    let (log, _guard) = Log::start();
    let id = RequestId::from_bytes([1; 16]);
    let cause = PlaneError::Internal("the cause".to_owned());
    let pieces = futures::stream::iter([Ok("piece"), Err(cause)]);
    let let_in = LetIn::arrived_at(Timestamp::MAX);
    let body = logging_its_end(Body::from_stream(pieces), id, let_in);
    BodyExt::collect(body).await.expect_err("it breaks off");
    let text = log.text();
    assert_eq!(text.matches("the cause").count(), 1, "{text}");
    assert!(text.contains(&id.to_string()), "{text}");
}

#[tokio::test]
async fn the_log_has_each_cause_once_and_no_token_query_or_row() {
    let (log, _guard) = Log::start();
    let world = World::with_sales().await;
    let (key, token) = world
        .key(json!([{ "on": "view:all", "actions": ["read"], "constraints": "all_rows" }]))
        .await;
    for call in [
        "GET /v1/views/all/data?limit=3&timezone=Canary%2FQuery",
        "GET /v1/views/all/data?limit=3",
        "GET /v1/pools/canary-name",
    ] {
        world.call(&token, call, &Json::Null).await;
    }
    world.get(&format!("/v1/pools?x={token}")).await.expect(400);
    let canary = json!({ "customer": "canary-row", "amount": "canary-value" });
    world
        .post("/v1/pools/sales/records", &canary)
        .await
        .expect(200);
    let failure = PlaneError::Internal("the cause".to_owned());
    *world.plane.failure.lock().expect("not poisoned") = Some(failure);
    let failed = world.get("/v1/views/all/data").await.expect(500);
    let text = log.text();
    let secret = token.rsplit('_').next().expect("the last part");
    for hidden in [secret, "limit=3", "canary", "Canary", "example.com"] {
        assert!(!text.contains(hidden), "{hidden} stands in\n{text}");
    }
    assert_eq!(text.matches("the cause").count(), 1, "{text}");
    let id = failed.header("x-request-id");
    let cause = text.lines().find(|line| line.contains("the cause"));
    assert!(cause.expect("a line").contains(id), "{text}");
    for shown in [key.as_str(), "/v1/views/{view}/data", "status=403"] {
        assert!(text.contains(shown), "{shown} is missing from\n{text}");
    }
}

#[tokio::test]
async fn operators_see_counters_without_names() {
    let world = World::with_sales().await;
    world.get("/v1/views/all/data").await.expect(200);
    world.get("/v1/views/canary/data").await.expect(404);
    let operations = crate::operations_router(world.state.clone());
    let ask = async |path: &str| {
        let request = request("", &format!("GET {path}"), &Json::Null);
        let reply = tower::ServiceExt::oneshot(operations.clone(), request).await;
        let (parts, body) = reply.expect("an answer").into_parts();
        let body = http_body_util::BodyExt::collect(body)
            .await
            .expect("a body");
        let text = String::from_utf8(body.to_bytes().to_vec()).expect("text");
        (parts.status.as_u16(), text)
    };
    assert_eq!(ask("/healthz").await.0, 200);
    assert_eq!(ask("/readyz").await.0, 503);
    world.state.set_ready(true);
    assert_eq!(ask("/readyz").await.0, 200);
    let (status, text) = ask("/metrics").await;
    assert_eq!(status, 200);
    let requests = format!(
        "tidegate_http_requests_total{{route=\"/v1/views/{{view}}/data\",method=\"{}\"",
        Method::GET
    );
    for line in [
        format!("{requests},status=\"2xx\"}} 1\n"),
        format!("{requests},status=\"4xx\"}} 1\n"),
        "tidegate_records_stored_total 7\n".to_owned(),
        "tidegate_build_info{version=\"1.2.3\"} 1\n".to_owned(),
    ] {
        assert!(text.contains(&line), "{line} is missing from\n{text}");
    }
    assert!(
        !text.contains("canary") && !text.contains("sales"),
        "{text}"
    );
}

mod callers;
mod restricted;

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value as Json, json};

use crate::testing::{Log, Reply, World, request};

/// The world with the dialect switched on.
pub(crate) async fn speaking(world: World) -> World {
    let path = "/v1/projects/default/keen";
    world.post(path, &json!({})).await.expect(201);
    world
}

/// The project of the first key.
pub(crate) fn project(world: &World) -> String {
    let secret = model::secrets::Secret::parse(&world.admin).expect("a token");
    let access = world
        .state
        .control
        .authenticate(&secret, &model::keys::Circumstances::unknown())
        .expect("let in");
    access.project().to_string()
}

/// The path that everything of the first key's project is under.
pub(crate) fn base(world: &World) -> String {
    format!("/3.0/projects/{}", project(world))
}

/// Sends a call with the raw key as the dialect's clients do.
pub(crate) async fn send(world: &World, key: &str, call: &str, body: &Json) -> Reply {
    let mut sent = request("", call, body);
    if !key.is_empty() {
        let value = key.parse().expect("visible text");
        sent.headers_mut()
            .insert(http::header::AUTHORIZATION, value);
    }
    world.send(sent).await
}

/// The `error_code`, of a body that holds it and a message and nothing else.
pub(crate) fn error_code(reply: &Reply) -> String {
    assert_eq!(reply.header("content-type"), "application/json");
    let json = reply.json();
    let members = json.as_object().expect("an object");
    let names: Vec<&String> = members.keys().collect();
    assert_eq!(names, ["message", "error_code"], "{json}");
    assert!(
        json["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
    json["error_code"].as_str().expect("a code").to_owned()
}

#[tokio::test]
async fn a_project_without_the_dialect_does_not_exist() {
    let world = World::new().await;
    let call = format!("GET {}/queries", base(&world));
    let reply = send(&world, &world.admin, &call, &Json::Null).await;
    assert_eq!(error_code(&reply.expect(404)), "ResourceNotFoundError");
    let world = speaking(world).await;
    let reply = send(&world, &world.admin, &call, &Json::Null).await;
    reply.expect(200);
}

#[tokio::test]
async fn a_project_answers_before_a_key_does() {
    let world = speaking(World::new().await).await;
    let path = format!("GET {}/queries", base(&world));
    for nowhere in [
        "/3.0/projects/riker/queries".to_owned(),
        "/3.0/projects/01ARZ3NDEKTSV4RRFFQ69G5FAV/queries".to_owned(),
        "/3.0/projects/%FF/queries".to_owned(),
    ] {
        for key in ["whatever", "", &world.admin] {
            let reply = send(&world, key, &format!("GET {nowhere}"), &Json::Null).await;
            let reply = reply.expect(404);
            assert_eq!(error_code(&reply), "ResourceNotFoundError");
            assert_eq!(reply.json()["message"], "there is no such project");
        }
    }
    for key in ["whatever", "", "Basic abc"] {
        let reply = send(&world, key, &path, &Json::Null).await.expect(401);
        assert_eq!(error_code(&reply), "InvalidApiKeyError");
    }
    send(&world, &world.admin, &path, &Json::Null)
        .await
        .expect(200);
    let bearer = format!("Bearer {}", world.admin);
    send(&world, &bearer, &path, &Json::Null).await.expect(200);
    let lower = path.to_ascii_lowercase().replacen("get", "GET", 1);
    send(&world, &world.admin, &lower, &Json::Null)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_key_may_stand_in_the_address_and_the_header_wins() {
    let world = speaking(World::new().await).await;
    let (key, path) = (&world.admin, format!("GET {}/queries", base(&world)));
    let ask = async |header: &str, query: &str| {
        let call = format!("{path}{query}");
        send(&world, header, &call, &Json::Null).await.status
    };
    for (header, query, status) in [
        ("", format!("?api_key={key}"), 200),
        ("", format!("?&api_key={key}&"), 200),
        ("", format!("?x=1&&api_key={key}&"), 200),
        ("", "?api_key=undefined".to_owned(), 401),
        ("", "?api_key=".to_owned(), 401),
        (key, "?api_key=undefined".to_owned(), 200),
        (key, "?api_key=wrong".to_owned(), 200),
        ("wrong", format!("?api_key={key}"), 401),
    ] {
        assert_eq!(ask(header, &query).await, status, "{header} {query}");
    }
    // Nowhere else.
    let native = format!("GET /v1/whoami?api_key={key}");
    let reply = world.call(key, &native, &Json::Null).await.expect(400);
    assert_eq!(reply.code(), "key_in_query");
    for path in ["/3.0x/a", "/3", "/v1/3.0/x"] {
        let call = format!("GET {path}?api_key={key}");
        let reply = world.call(key, &call, &Json::Null).await.expect(400);
        assert_eq!(reply.code(), "key_in_query", "{path}");
    }
}

#[tokio::test]
async fn k22_no_log_holds_a_key_of_an_address() {
    let world = speaking(World::new().await).await;
    let (log, _guard) = Log::start();
    let base = base(&world);
    for path in ["/queries", "/nowhere", "/queries/saved/x"] {
        let call = format!("GET {base}{path}?api_key={}", world.admin);
        send(&world, "", &call, &Json::Null).await;
        let call = format!("GET {base}/keys/{}", world.admin);
        send(&world, "", &call, &Json::Null).await;
    }
    let text = log.text();
    assert!(text.contains("/3.0/projects/{project}/queries"), "{text}");
    assert!(
        !text.contains(&world.admin) && !text.contains("api_key"),
        "{text}"
    );
}

#[tokio::test]
async fn pages_of_any_origin_may_read_every_answer() {
    let world = speaking(World::new().await).await;
    let base = base(&world);
    for (call, status) in [
        (format!("GET {base}/queries"), 200),
        (format!("HEAD {base}/queries"), 200),
        (format!("DELETE {base}/queries"), 405),
        (format!("GET {base}/nowhere"), 404),
        ("GET /3.0/projects/riker/queries".to_owned(), 404),
        ("GET /3.0".to_owned(), 200),
    ] {
        let reply = send(&world, &world.admin, &call, &Json::Null).await;
        let reply = reply.expect(status);
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{call}");
        assert_eq!(reply.header("cache-control"), "no-store", "{call}");
        if status >= 400 {
            assert_eq!(error_code(&reply), "ResourceNotFoundError", "{call}");
        }
    }
    for path in [&base, "/3.0", "/3.0/anything/at/all"] {
        let asked = Request::builder()
            .method(Method::OPTIONS)
            .uri(path)
            .header("origin", "https://shop.example")
            .header("access-control-request-method", "POST")
            .body(Body::empty())
            .expect("a request");
        let reply = world.send(asked).await.expect(204);
        assert!(reply.body.is_empty());
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        let methods = reply.header("access-control-allow-methods");
        for method in ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"] {
            assert!(methods.contains(method), "{methods}");
        }
        let headers = reply.header("access-control-allow-headers");
        for header in ["Authorization", "Content-Type", "Keen-Sdk"] {
            assert!(headers.contains(header), "{headers}");
        }
    }
}

#[tokio::test]
async fn a_native_secret_key_is_refused_from_a_page() {
    let world = speaking(World::new().await).await;
    let call = format!("GET {}/queries", base(&world));
    let mut sent = request(&world.admin, &call, &Json::Null);
    let origin = "https://shop.example".parse().expect("visible text");
    sent.headers_mut().insert(http::header::ORIGIN, origin);
    let reply = world.send(sent).await.expect(403);
    assert_eq!(error_code(&reply), "RequestForbiddenError");
}

#[tokio::test]
async fn a_key_without_the_right_is_told_so() {
    let world = speaking(World::with_sales().await).await;
    let grants = json!([{ "on": "pool:sales", "actions": ["ingest"] }]);
    let (_, writer) = world.key(grants).await;
    let call = format!("GET {}/queries", base(&world));
    let reply = send(&world, &writer, &call, &Json::Null).await.expect(403);
    assert_eq!(error_code(&reply), "RequestForbiddenError");
}

#[tokio::test]
async fn the_analyses_are_listed_with_their_addresses() {
    let world = speaking(World::new().await).await;
    let base = base(&world);
    let call = format!("GET {base}/queries");
    let reply = send(&world, &world.admin, &call, &Json::Null).await;
    let links = reply.expect(200).json();
    assert_eq!(links["count_url"], format!("{base}/queries/count"));
    assert_eq!(links["minimum"], format!("{base}/queries/minimum"));
    assert_eq!(links.as_object().map(serde_json::Map::len), Some(11));
}

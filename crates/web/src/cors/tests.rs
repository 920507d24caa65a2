use axum::body::Body;
use http::Request;
use serde_json::{Value as Json, json};

use super::*;
use crate::testing::{Reply, World, request, text};

const SHOP: &str = "https://shop.example";
const EVIL: &str = "https://shop.example.evil.org";

fn from(page: &str, mut request: Request<Body>) -> Request<Body> {
    let page = page.parse().expect("a value");
    request.headers_mut().insert(header::ORIGIN, page);
    request
}

async fn ask_first(world: &World, page: &str, method: &str, path: &str) -> Reply {
    let mut request = from(page, request("", &format!("OPTIONS {path}"), &Json::Null));
    let method = method.parse().expect("a value");
    let name = header::ACCESS_CONTROL_REQUEST_METHOD;
    request.headers_mut().insert(name, method);
    world.send(request).await
}

fn own() -> Json {
    json!([{ "field": "customer", "operator": "eq", "value": "a" }])
}

/// A key for pages that has all that such a key may read: its id and token.
async fn publishable(world: &World, domains: Json) -> (String, String) {
    let body = json!({ "name": "page", "kind": "publishable",
        "restrictions": { "allowed_domains": domains },
        "grants": [
            { "on": "view:all", "actions": ["read"], "constraints": own() },
            { "on": "pool:*", "actions": ["query", "extract", "schema"], "constraints": own() },
            { "on": "saved:*", "actions": ["run"], "constraints": own() },
            { "on": "cached:*", "actions": ["read"], "constraints": own() },
        ] });
    let made = world.post("/v1/keys", &body).await.expect(201).json();
    let token = text(&made, "/token").to_owned();
    assert!(token.starts_with("tg_pk_"), "{made}");
    (text(&made, "/id").to_owned(), token)
}

/// What no answer says, whoever asks.
fn check_never(reply: &Reply) {
    assert_eq!(reply.header("access-control-allow-credentials"), "");
    assert_ne!(reply.header("access-control-allow-origin"), "*");
    assert!(
        reply.header("vary").contains("Origin"),
        "{:?}",
        reply.headers
    );
}

#[tokio::test]
async fn k14_a_browser_is_told_of_listed_pages_alone() {
    let world = World::with_sales().await;
    let path = "/v1/views/all/data";
    ask_first(&world, SHOP, "GET", path).await.expect(405);
    let (id, _) = publishable(&world, json!([SHOP, "*.apps.example:8443"])).await;
    for page in [
        SHOP,
        "https://a.apps.example:8443",
        "http://a.b.apps.example:8443",
    ] {
        let told = ask_first(&world, page, "POST", path).await.expect(204);
        check_never(&told);
        assert_eq!(told.header("access-control-allow-origin"), page);
        assert_eq!(told.header("access-control-allow-methods"), "POST");
        assert!(
            told.header("access-control-allow-headers")
                .contains("Authorization")
        );
        assert_eq!(told.header("access-control-max-age"), "600");
    }
    for (page, method, path) in [
        (EVIL, "POST", path),
        ("http://shop.example", "POST", path),
        ("https://shop.example:8443", "POST", path),
        ("https://apps.example:8443", "POST", path),
        ("https://a.apps.example", "POST", path),
        ("null", "POST", path),
        (SHOP, "DELETE", path),
        (SHOP, "GET", "/v1/keys"),
        (SHOP, "POST", "/v1/pools"),
        (SHOP, "GET", "/v1/nowhere"),
    ] {
        let told = ask_first(&world, page, method, path).await;
        check_never(&told);
        assert!([404, 405].contains(&told.status), "{page} {method} {path}");
        assert_eq!(told.header("access-control-allow-origin"), "", "{page}");
    }
    let call = format!("PATCH /v1/keys/{id}");
    let other = json!({ "restrictions": { "allowed_domains": ["https://other.example"] } });
    world.call(&world.admin, &call, &other).await.expect(200);
    ask_first(&world, SHOP, "GET", path).await.expect(405);
    ask_first(&world, "https://other.example", "GET", path)
        .await
        .expect(204);
    world
        .call(&world.admin, &format!("DELETE /v1/keys/{id}"), &Json::Null)
        .await
        .expect(204);
    ask_first(&world, "https://other.example", "GET", path)
        .await
        .expect(405);
}

#[tokio::test]
async fn k14_only_pages_of_the_list_are_let_in_and_told() {
    let world = World::with_sales().await;
    let (_, token) = publishable(&world, json!([SHOP])).await;
    let call = |token: &str| request(token, "GET /v1/views/all/data", &Json::Null);
    let shown = world.send(from(SHOP, call(&token))).await.expect(200);
    check_never(&shown);
    assert_eq!(shown.header("access-control-allow-origin"), SHOP);
    // A page may read why it is refused, once its key is known to be for it.
    let missing = request(&token, "GET /v1/views/other/data", &Json::Null);
    let missing = world.send(from(SHOP, missing)).await.expect(404);
    assert_eq!(missing.header("access-control-allow-origin"), SHOP);
    let mut by_referer = call(&token);
    let page = "https://shop.example/cart?x=1".parse().expect("a value");
    by_referer.headers_mut().insert(header::REFERER, page);
    world.send(by_referer).await.expect(200);
    for refused in [
        from(EVIL, call(&token)),
        from("null", call(&token)),
        call(&token),
    ] {
        let reply = world.send(refused).await.expect(403);
        check_never(&reply);
        assert_eq!(reply.code(), "origin_not_allowed");
        assert_eq!(reply.header("access-control-allow-origin"), "");
    }
    let wrong = world
        .send(from(SHOP, call("tg_pk_nothing")))
        .await
        .expect(401);
    assert_eq!(wrong.header("access-control-allow-origin"), "");
    // A key of servers is for no page, whatever it says.
    let secret = world.send(from(SHOP, call(&world.admin))).await.expect(403);
    assert_eq!(secret.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn k14_a_header_that_anybody_can_write_gains_nothing_more() {
    let world = World::with_sales().await;
    let (_, token) = publishable(&world, json!([SHOP])).await;
    let forged = from(SHOP, request(&token, "GET /v1/views/all/data", &Json::Null));
    let rows = world.send(forged).await.expect(200).json();
    let rows = rows["data"].as_array().expect("rows").clone();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row["customer"] == "a"));
    for (call, body, status) in [
        (
            "POST /v1/pools/sales/records",
            json!([{ "customer": "a" }]),
            403,
        ),
        ("POST /v1/pools/sales/delete", json!({ "all": true }), 403),
        ("GET /v1/keys", Json::Null, 403),
        ("GET /v1/datasets", Json::Null, 403),
    ] {
        let reply = world.send(from(SHOP, request(&token, call, &body))).await;
        assert_eq!(reply.status, status, "{call}");
    }
}

#[tokio::test]
async fn k15_a_key_for_pages_administers_nothing_and_its_page_is_told_nothing_of_it() {
    let world = World::with_sales().await;
    let (_, token) = publishable(&world, Json::Null).await;
    for route in ROUTES {
        // It only takes away, and nothing would be left to ask with.
        if route.pattern == "/v1/keys/self/revoke" {
            continue;
        }
        let path = route.pattern.replace("{project}", "default");
        let path = path.replace("{pool}", "sales").replace("{view}", "all");
        let call = format!("{} {path}", route.method);
        let body = if route.method == "GET" {
            Json::Null
        } else {
            json!({})
        };
        let reply = world.send(from(SHOP, request(&token, &call, &body))).await;
        let told = ask_first(&world, SHOP, route.method, &path).await;
        check_never(&told);
        if route.needs == Needs::Right(Action::Admin) {
            assert_eq!(reply.status, 403, "{call}");
            assert_eq!(reply.header("access-control-allow-origin"), "", "{call}");
            assert_eq!(told.header("access-control-allow-origin"), "", "{call}");
        }
        if matches!(route.needs, Needs::Right(Action::Ingest | Action::Delete)) {
            assert_eq!(reply.status, 403, "{call}");
        }
    }
}

#[tokio::test]
async fn k15_the_kind_is_fixed_at_birth() {
    let world = World::with_sales().await;
    let (id, token) = publishable(&world, Json::Null).await;
    let (secret, _) = world.key(json!([])).await;
    for (key, patch, pointer) in [
        (&id, json!({ "kind": "secret" }), "/kind"),
        (&secret, json!({ "kind": "publishable" }), "/kind"),
        (
            &id,
            json!({ "grants": [{ "on": "project", "actions": ["admin"] }] }),
            "/grants/0/actions",
        ),
        (
            &id,
            json!({ "grants": [{ "on": "view:all", "actions": ["read"], "constraints": "all_rows" }] }),
            "/grants/0/constraints",
        ),
    ] {
        let reply = world
            .call(&world.admin, &format!("PATCH /v1/keys/{key}"), &patch)
            .await;
        assert_eq!(
            text(&reply.expect(400).json(), "/pointer"),
            pointer,
            "{patch}"
        );
    }
    let copy = world.post(&format!("/v1/keys/{id}/copy"), &json!({})).await;
    assert_eq!(copy.expect(201).json()["kind"], "publishable");
    let own = request(&token, "GET /v1/whoami", &Json::Null);
    assert_eq!(
        world.send(from(SHOP, own)).await.expect(200).json()["kind"],
        "publishable"
    );
}

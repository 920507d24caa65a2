//! Restrictions by circumstances, on every road on which somebody is let in.

use axum::body::Body;
use http::Request;
use http::{HeaderMap, header};
use serde_json::{Value as Json, json};

use crate::proxies::Proxies;
use crate::testing::{Reply, World, request, text};

/// Sends a request over a connection from this address; `None` for a listener
/// that does not say.
pub(crate) async fn from(
    world: &World,
    address: Option<&str>,
    mut request: Request<Body>,
) -> Reply {
    if let Some(address) = address {
        let address = address.parse().expect("an address");
        let client = Proxies::default().client(address, &HeaderMap::new());
        request.extensions_mut().insert(client);
    }
    world.send(request).await
}

pub(crate) async fn restrict(world: &World, key: &str, restrictions: Json) -> Reply {
    let patch = json!({ "restrictions": restrictions });
    let call = format!("PATCH /v1/keys/{key}");
    world.call(&world.admin, &call, &patch).await
}

pub(crate) const INSIDE: Option<&str> = Some("192.0.2.7");
pub(crate) const OUTSIDE: [Option<&str>; 4] = [
    Some("192.0.3.7"),
    Some("2001:db8::1"),
    Some("127.0.0.1"),
    None,
];

#[tokio::test]
async fn k13_a_key_lets_nobody_in_from_outside_its_networks() {
    let world = World::with_sales().await;
    let (id, token) = world
        .key(json!([{ "on": "view:all", "actions": ["read"], "constraints": "all_rows" }]))
        .await;
    let call = |token: &str| request(token, "GET /v1/views/all/data", &Json::Null);
    from(&world, Some("198.51.100.1"), call(&token))
        .await
        .expect(200);
    let ranges = json!({ "ip_ranges": ["192.0.2.0/24"] });
    let shown = restrict(&world, &id, ranges).await.expect(200).json();
    assert_eq!(shown["restrictions"]["ip_ranges"], json!(["192.0.2.0/24"]));
    for inside in [INSIDE, Some("::ffff:192.0.2.255")] {
        from(&world, inside, call(&token)).await.expect(200);
    }
    let used = world.get(&format!("/v1/keys/{id}")).await.json()["last_used_at"].clone();
    world.clock.advance(std::time::Duration::from_secs(60));
    for outside in OUTSIDE {
        let reply = from(&world, outside, call(&token)).await.expect(403);
        assert_eq!(reply.code(), "address_not_allowed", "{outside:?}");
        // A header says nothing where no proxy is ours.
        let mut forged = call(&token);
        let inside = "192.0.2.7".parse().expect("a value");
        forged.headers_mut().insert("x-forwarded-for", inside);
        from(&world, outside, forged).await.expect(403);
    }
    let after = world.get(&format!("/v1/keys/{id}")).await.json()["last_used_at"].clone();
    assert_eq!(used, after, "who is refused has not used the key");
    // Only the holder of the secret is told.
    let mut wrong = token.clone();
    wrong.replace_range(20..21, if &token[20..21] == "a" { "b" } else { "a" });
    from(&world, OUTSIDE[0], call(&wrong)).await.expect(401);
    restrict(&world, &id, json!({ "ip_ranges": null }))
        .await
        .expect(200);
    for address in OUTSIDE {
        from(&world, address, call(&token)).await.expect(200);
    }
}

#[tokio::test]
async fn k13_what_is_no_network_changes_no_key() {
    let world = World::new().await;
    let (id, _) = world.key(json!([])).await;
    restrict(&world, &id, json!({ "ip_ranges": ["192.0.2.0/24"] }))
        .await
        .expect(200);
    for (ranges, pointer) in [
        (json!([]), "/restrictions/ip_ranges"),
        (json!("any"), "/restrictions/ip_ranges"),
        (
            json!(["192.0.2.0/24", "192.0.2.1/24"]),
            "/restrictions/ip_ranges/1",
        ),
        (json!(["fe80::1%eth0"]), "/restrictions/ip_ranges/0"),
        (json!([4]), "/restrictions/ip_ranges/0"),
    ] {
        let reply = restrict(&world, &id, json!({ "ip_ranges": ranges })).await;
        let problem = reply.expect(400).json();
        assert_eq!(text(&problem, "/pointer"), pointer);
    }
    let key = world.get(&format!("/v1/keys/{id}")).await.json();
    assert_eq!(key["restrictions"]["ip_ranges"], json!(["192.0.2.0/24"]));
}

#[tokio::test]
async fn k13_a_ticket_is_held_to_the_networks_of_its_key() {
    let world = World::with_sales().await;
    let query = json!({ "name": "total", "refresh_rate": 0,
        "query": { "analysis": "sum", "pool": "sales", "field": "amount" } });
    world.post("/v1/saved-queries", &query).await.expect(201);
    let run = json!([{ "on": "saved:total", "actions": ["run"], "constraints": "all_rows" }]);
    let (id, token) = world.key(run).await;
    let body = json!({ "saved_query": "total", "origin": "https://shop.example" });
    let made = world
        .call(&token, "POST /v1/tickets", &body)
        .await
        .expect(201);
    let ticket = text(&made.json(), "/ticket").to_owned();
    let visit = || {
        let mut visit = request("", &format!("GET /v1/tickets/{ticket}/result"), &Json::Null);
        let origin = "https://shop.example".parse().expect("a value");
        visit.headers_mut().insert(header::ORIGIN, origin);
        visit
    };
    from(&world, None, visit()).await.expect(200);
    restrict(&world, &id, json!({ "ip_ranges": ["192.0.2.0/24"] }))
        .await
        .expect(200);
    from(&world, INSIDE, visit()).await.expect(200);
    for outside in OUTSIDE {
        from(&world, outside, visit()).await.expect(401);
    }
}

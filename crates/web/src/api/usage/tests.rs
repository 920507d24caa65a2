use std::time::Duration;

use axum::body::Body;
use http::Request;

use crate::caller::seen::tests::from;
use crate::proxies::Proxies;
use crate::testing::derived::derive;
use crate::testing::{World, request, text};

use super::*;

/// Day, pool, view, and how many requests, refusals and records.
type UsageRow = (String, Option<String>, Option<String>, [u64; 3]);

fn rows(usage: &Json) -> Vec<UsageRow> {
    let name = |item: &Json, member: &str| item[member]["name"].as_str().map(str::to_owned);
    let count = |item: &Json, member: &str| item[member].as_u64().expect("a number");
    let items = usage["items"].as_array().expect("a list").iter();
    let rows = items.map(|item| {
        let counts = ["requests", "refused", "records"].map(|member| count(item, member));
        let day = item["day"].as_str().expect("a day").to_owned();
        (day, name(item, "pool"), name(item, "view"), counts)
    });
    rows.collect()
}

#[tokio::test]
async fn people_are_not_counted_and_may_see_what_is() {
    let world = World::with_sales().await;
    let owner = crate::testing::people::first_signed_in(&world).await;
    owner
        .call(&world, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
    for _ in 0..2 {
        let usage = owner.call(&world, "GET /v1/usage", &Json::Null).await;
        let usage = rows(&usage.expect(200).json());
        assert!(!usage.is_empty(), "the first key made the pool");
    }
}

#[tokio::test]
async fn usage_is_told_by_day_secret_pool_and_view() {
    let world = World::with_sales().await;
    let all = serde_json::json!([
        { "on": "pool:sales", "actions": ["ingest", "query"], "constraints": "all_rows" },
        { "on": "view:all", "actions": ["read"], "constraints": "all_rows" },
    ]);
    let (id, token) = world.key(all).await;
    let record = json!([{ "customer": "a" }, { "customer": "b" }, { "customer": 1 }]);
    let count = json!({ "analysis": "count", "pool": "sales" });
    for _ in 0..2 {
        for (call, body) in [
            ("GET /v1/views/all/data", &Json::Null),
            ("GET /v1/views/all/data?limit=0", &Json::Null),
            ("POST /v1/pools/sales/records", &record),
            ("POST /v1/query", &count),
            ("GET /v1/pools", &Json::Null),
        ] {
            world.call(&token, call, body).await;
        }
        world.clock.advance(Duration::from_secs(86_400));
    }
    let usage = world
        .get(&format!("/v1/usage?key_id={id}"))
        .await
        .expect(200)
        .json();
    let of_day = |day: &str| {
        let (pool, view) = (Some("sales".to_owned()), Some("all".to_owned()));
        vec![
            (day.to_owned(), None, None, [2, 2, 0]),
            (day.to_owned(), pool.clone(), None, [2, 0, 2]),
            (day.to_owned(), pool, view, [1, 0, 0]),
        ]
    };
    assert_eq!(
        rows(&usage),
        [of_day("2026-05-01"), of_day("2026-05-02")].concat()
    );
    assert_eq!(text(&usage, "/items/0/key/id"), id);
    assert_eq!(text(&usage, "/items/0/key/name"), "k");
    // Of one day, and after the key is gone.
    let call = format!("DELETE /v1/keys/{id}");
    world
        .call(&world.admin, &call, &Json::Null)
        .await
        .expect(204);
    let path = format!("/v1/usage?key_id={id}&from=2026-05-02&to=2026-05-03");
    let usage = world.get(&path).await.expect(200).json();
    assert_eq!(rows(&usage), of_day("2026-05-02"));
    assert_eq!(usage["items"][0]["key"]["name"], Json::Null);
    let none = world
        .get("/v1/usage?from=2026-05-03&key_id=01ARZ3NDEKTSV4RRFFQ69G5FAV")
        .await;
    assert!(rows(&none.expect(200).json()).is_empty());
    for (parameter, pointer) in [
        ("from=today", "/from"),
        ("to=1", "/to"),
        ("key_id=k", "/key_id"),
    ] {
        let refused = world
            .get(&format!("/v1/usage?{parameter}"))
            .await
            .expect(400);
        assert_eq!(text(&refused.json(), "/pointer"), pointer);
    }
}

#[tokio::test]
async fn a_question_over_several_pools_is_usage_of_each_and_costs_once() {
    let world = World::with_sales().await;
    let pool = json!({ "name": "visits", "schema": "open" });
    world.post("/v1/pools", &pool).await.expect(201);
    let grants = json!([{ "on": "pool:*", "actions": ["query"], "constraints": "all_rows" }]);
    let body = json!({ "name": "k", "grants": grants,
        "limits": { "credits": { "core": { "amount": 100, "period": "day" } } } });
    let made = world.post("/v1/keys", &body).await.expect(201).json();
    let (id, token) = (text(&made, "/id"), text(&made, "/token"));
    let step = |pool: &str| json!({ "pool": pool, "actor": "customer" });
    let funnel = |pools: &[&str]| {
        let steps: Vec<Json> = pools.iter().map(|pool| step(pool)).collect();
        json!({ "analysis": "funnel", "steps": steps })
    };
    for pools in [
        &["visits", "sales"][..],
        // One that it comes to twice is one pool of it.
        &["sales", "sales", "visits"],
        &["sales", "sales"],
    ] {
        let asked = funnel(pools);
        world
            .call(token, "POST /v1/query", &asked)
            .await
            .expect(200);
    }
    // What has no credits left is refused for both.
    let limits = json!({ "limits": { "credits": { "core": { "amount": 0, "period": "day" } } } });
    let patch = format!("PATCH /v1/keys/{id}");
    world.call(&world.admin, &patch, &limits).await.expect(200);
    let asked = funnel(&["visits", "sales"]);
    world
        .call(token, "POST /v1/query", &asked)
        .await
        .expect(402);
    let usage = world.get(&format!("/v1/usage?key_id={id}")).await;
    let of = |pool: &str, counts| {
        let pool = Some(pool.to_owned());
        ("2026-05-01".to_owned(), pool, None, counts)
    };
    let mut found = rows(&usage.expect(200).json());
    found.sort();
    assert_eq!(found, [of("sales", [4, 1, 0]), of("visits", [3, 1, 0])]);
    let shown = world.get(&format!("/v1/keys/{id}")).await.expect(200);
    assert_eq!(shown.json()["left"]["credits"]["core"]["spent"], 3);
}

/// Kind, network, and how many requests, refusals and records, of one key.
async fn by_network(world: &World, id: &str) -> Vec<(String, Option<String>, [u64; 3])> {
    let usage = world.get(&format!("/v1/usage?key_id={id}")).await;
    let usage = usage.expect(200).json();
    let all: [u64; 3] = rows(&usage)
        .iter()
        .fold([0; 3], |sum: [u64; 3], (_, _, _, counts)| {
            std::array::from_fn(|at| sum[at] + counts[at])
        });
    let items = usage["by_network"].as_array().expect("a list").iter();
    let items = items.map(|item| {
        assert_eq!(item["day"], "2026-05-01");
        let network = item["network"].as_str().map(str::to_owned);
        let counts = ["requests", "refused", "records"];
        let counts = counts.map(|member| item[member].as_u64().expect("a number"));
        (text(item, "/kind").to_owned(), network, counts)
    });
    let items: Vec<_> = items.collect();
    let told = items.iter().fold([0; 3], |sum: [u64; 3], (_, _, counts)| {
        std::array::from_fn(|at| sum[at] + counts[at])
    });
    assert_eq!(told, all, "what is told by network is all that is told");
    items
}

fn with(mut request: Request<Body>, name: &'static str, value: &str) -> Request<Body> {
    let value = value.parse().expect("a header");
    request.headers_mut().insert(name, value);
    request
}

#[tokio::test]
async fn usage_of_a_key_is_told_by_the_networks_of_the_addresses_that_restrictions_go_by() {
    let world = World::with_sales().await;
    let grant = json!({ "on": "pool:sales", "actions": ["ingest"] });
    let (id, token) = world.key(json!([grant])).await;
    let whoami = || request(&token, "GET /v1/whoami", &Json::Null);
    // No proxy is ours: what is said to be forwarded is not read.
    for address in ["192.0.2.7", "192.0.2.200", "2001:db8:1::5"] {
        let forged = with(whoami(), "x-forwarded-for", "203.0.113.1");
        from(&world, Some(address), forged).await.expect(200);
    }
    let refused = request(&token, "GET /v1/keys", &Json::Null);
    from(&world, Some("192.0.2.7"), refused).await.expect(403);
    let record = json!([{ "customer": "a" }, { "customer": "b" }]);
    let stores = request(&token, "POST /v1/pools/sales/records", &record);
    from(&world, Some("192.0.2.7"), stores).await.expect(200);
    // Behind ours the last address is meant that is not ours.
    let mut proxied = with(
        whoami(),
        "x-forwarded-for",
        "203.0.113.9, 198.51.100.1, 10.0.0.2",
    );
    let proxies = Proxies::new(vec!["10.0.0.0/8".parse().expect("a network")]);
    let peer = "10.0.0.1".parse().expect("an address");
    let client = proxies.client(peer, proxied.headers());
    proxied.extensions_mut().insert(client);
    world.send(proxied).await.expect(200);
    // From where nobody knows, and from a page.
    world.send(whoami()).await.expect(200);
    let page = with(whoami(), "origin", "https://shop.example");
    from(&world, Some("192.0.2.7"), page).await.expect(403);
    let network =
        |network: &str, counts: [u64; 3]| ("network".to_owned(), Some(network.to_owned()), counts);
    assert_eq!(
        by_network(&world, &id).await,
        [
            ("not_kept".to_owned(), None, [2, 1, 0]),
            network("192.0.2.0/24", [4, 1, 2]),
            network("198.51.100.0/24", [1, 0, 0]),
            network("2001:db8:1::/48", [1, 0, 0]),
        ]
    );
    // Of all keys at once it is not told, and of one that is gone nothing is left.
    let all = world.get("/v1/usage").await.expect(200).json();
    assert_eq!(all.get("by_network"), None);
    let call = format!("DELETE /v1/keys/{id}");
    world.clock.advance(Duration::from_secs(86_400));
    let gone = world.call(&world.admin, &call, &Json::Null).await;
    gone.expect(204);
    let usage = world.get(&format!("/v1/usage?key_id={id}")).await;
    assert_eq!(usage.expect(200).json()["by_network"], json!([]));
}

#[tokio::test]
async fn of_visitors_and_of_what_was_made_of_a_key_no_network_is_kept() {
    let world = World::with_sales().await;
    let query = json!({ "name": "total", "refresh_rate": 0,
        "query": { "analysis": "sum", "pool": "sales", "field": "amount" } });
    world.post("/v1/saved-queries", &query).await.expect(201);
    let run = json!([{ "on": "saved:total", "actions": ["run"], "constraints": "all_rows" }]);
    let (id, token) = world.deriving(json!({ "grants": run })).await;
    let body = json!({ "saved_query": "total", "origin": "https://shop.example" });
    let made = world.call(&token, "POST /v1/tickets", &body).await;
    let ticket = text(&made.expect(201).json(), "/ticket").to_owned();
    let visit = request("", &format!("GET /v1/tickets/{ticket}/result"), &Json::Null);
    let visit = with(visit, "origin", "https://shop.example");
    from(&world, Some("192.0.2.7"), visit).await.expect(200);
    let derived = derive(&token, &world.project().await, 1, json!({}));
    let derived = request(&derived, "GET /v1/whoami", &Json::Null);
    from(&world, Some("192.0.2.7"), derived).await.expect(200);
    assert_eq!(
        by_network(&world, &id).await,
        [("not_kept".to_owned(), None, [3, 0, 0])]
    );
}

//! Resources that are public, and grants on tiers, over the wire.

use serde_json::{Value as Json, json};

use crate::testing::people::{FIRST, first_signed_in};
use crate::testing::{Reply, World, text};

/// Makes a key of the kind with these grants: its id and its token.
async fn key(world: &World, kind: &str, grants: &Json) -> (String, String) {
    let body = json!({ "name": "k", "kind": kind, "grants": grants });
    let made = world.post("/v1/keys", &body).await.expect(201).json();
    (
        text(&made, "/id").to_owned(),
        text(&made, "/token").to_owned(),
    )
}

async fn patch(world: &World, path: &str, change: Json) -> Json {
    let call = format!("PATCH {path}");
    let reply = world.call(&world.admin, &call, &change).await;
    reply.expect(200).json()
}

/// What is the same of two answers, whatever the request.
fn told(reply: &Reply) -> String {
    let text = reply.text().replace(reply.header("x-request-id"), "");
    format!("{} {text}", reply.status)
}

const READ: &str = "GET /v1/views/all/data";
const COUNT: &str = "POST /v1/query";
const SCHEMA: &str = "GET /v1/pools/sales/schema";

fn count(pool: &str) -> Json {
    json!({ "analysis": "count", "pool": pool })
}

#[tokio::test]
async fn k15_a_page_reads_what_is_public_as_long_as_it_is() {
    let world = World::with_sales().await;
    let all = json!([
        { "on": "view:all", "actions": ["read"], "constraints": "all_rows" },
        { "on": "pool:sales", "actions": ["query", "schema"], "constraints": "all_rows" },
    ]);
    let body = json!({ "name": "k", "kind": "publishable", "grants": all });
    let refused = world.post("/v1/keys", &body).await.expect(400);
    assert_eq!(text(&refused.json(), "/pointer"), "/grants/0/constraints");

    let changed = patch(&world, "/v1/views/all", json!({ "public": true })).await;
    assert_eq!(changed["public"], true);
    let refused = world.post("/v1/keys", &body).await.expect(400);
    assert_eq!(text(&refused.json(), "/pointer"), "/grants/1/constraints");
    let changed = patch(&world, "/v1/pools/sales", json!({ "public": true })).await;
    assert_eq!(changed["public"], true);
    let (id, token) = key(&world, "publishable", &all).await;
    let held = json!([{ "on": "view:all", "actions": ["read"],
        "constraints": [{ "field": "customer", "operator": "eq", "value": "a" }] }]);
    let (_, constrained) = key(&world, "publishable", &held).await;

    let rows = world.call(&token, READ, &Json::Null).await.expect(200);
    assert_eq!(rows.json()["data"].as_array().map(Vec::len), Some(5));
    let counted = world.call(&token, COUNT, &count("sales")).await.expect(200);
    assert_eq!(counted.json()["result"], 5);
    world.call(&token, SCHEMA, &Json::Null).await.expect(200);
    let me = world.call(&token, "GET /v1/whoami", &Json::Null).await;
    let me = me.expect(200).json();
    assert_eq!(
        (&me["pools"][0]["rows"], &me["views"][0]["rows"]),
        (&json!(5), &json!(5))
    );

    // Each by itself: the view stays what it is when the pool is closed.
    let changed = patch(&world, "/v1/pools/sales", json!({ "public": null })).await;
    assert_eq!(changed["public"], Json::Null);
    let hidden = world.call(&token, COUNT, &count("sales")).await.expect(404);
    let absent = world
        .call(&token, COUNT, &count("nopool"))
        .await
        .expect(404);
    assert_eq!(told(&hidden), told(&absent));
    let hidden = world.call(&token, SCHEMA, &Json::Null).await.expect(404);
    let absent = world
        .call(&token, "GET /v1/pools/nopool/schema", &Json::Null)
        .await;
    assert_eq!(told(&hidden), told(&absent));
    world.call(&token, READ, &Json::Null).await.expect(200);
    patch(&world, "/v1/views/all", json!({ "public": false })).await;
    let hidden = world.call(&token, READ, &Json::Null).await.expect(404);
    let absent = world
        .call(&token, "GET /v1/views/noview/data", &Json::Null)
        .await;
    assert_eq!(told(&hidden), told(&absent));
    let me = world.call(&token, "GET /v1/whoami", &Json::Null).await;
    let me = me.expect(200).json();
    assert_eq!((&me["pools"], &me["views"]), (&json!([]), &json!([])));
    // What is under a constraint goes on, and so does a key that is kept secret.
    let rows = world
        .call(&constrained, READ, &Json::Null)
        .await
        .expect(200);
    assert_eq!(rows.json()["data"].as_array().map(Vec::len), Some(3));
    world.get("/v1/views/all/data").await.expect(200);
    // The key can be changed as ever, and gets nothing anew.
    patch(
        &world,
        &format!("/v1/keys/{id}"),
        json!({ "description": "d" }),
    )
    .await;
    world.call(&token, READ, &Json::Null).await.expect(404);
    patch(&world, "/v1/views/all", json!({ "public": true })).await;
    world.call(&token, READ, &Json::Null).await.expect(200);
}

#[tokio::test]
async fn a_tier_grant_shows_its_tier_and_hides_every_other_resource() {
    let world = World::with_sales().await;
    let gold = json!({ "name": "gold", "schema": "open", "tier": "premium" });
    world.post("/v1/pools", &gold).await.expect(201);
    let records = json!([{ "customer": "a" }, { "customer": "b" }]);
    world
        .post("/v1/pools/gold/records", &records)
        .await
        .expect(200);
    let grants = json!([{ "on": "tier:premium", "actions": ["query", "schema", "read"],
        "constraints": [{ "field": "customer", "operator": "eq", "value": "a" }] }]);
    let (_, token) = key(&world, "secret", &grants).await;
    let counted = |pool: &'static str| {
        let (world, token) = (&world, &token);
        async move { world.call(token, COUNT, &count(pool)).await }
    };
    assert_eq!(counted("gold").await.expect(200).json()["result"], 1);
    assert_eq!(
        told(&counted("sales").await),
        told(&counted("nopool").await)
    );
    assert_eq!(counted("sales").await.status, 404);
    let hidden = world.call(&token, READ, &Json::Null).await.expect(404);
    let absent = world
        .call(&token, "GET /v1/views/noview/data", &Json::Null)
        .await;
    assert_eq!(told(&hidden), told(&absent));
    let hidden = world.call(&token, SCHEMA, &Json::Null).await.expect(404);
    let absent = world
        .call(&token, "GET /v1/pools/nopool/schema", &Json::Null)
        .await;
    assert_eq!(told(&hidden), told(&absent));
    let me = world.call(&token, "GET /v1/whoami", &Json::Null).await;
    let me = me.expect(200).json();
    assert_eq!(me["pools"], json!([{ "name": "gold", "rows": 1 }]));
    assert_eq!(me["views"], json!([]));

    // A view of its own tier, a pool that changes it with the views that say none, and what is made later.
    patch(&world, "/v1/views/all", json!({ "tier": "premium" })).await;
    let rows = world.call(&token, READ, &Json::Null).await.expect(200);
    assert_eq!(rows.json()["data"].as_array().map(Vec::len), Some(3));
    assert_eq!(counted("sales").await.status, 404);
    patch(&world, "/v1/views/all", json!({ "tier": null })).await;
    world.call(&token, READ, &Json::Null).await.expect(404);
    patch(&world, "/v1/pools/sales", json!({ "tier": "premium" })).await;
    world.call(&token, READ, &Json::Null).await.expect(200);
    assert_eq!(counted("sales").await.expect(200).json()["result"], 3);
    let later = json!({ "name": "later", "schema": "open", "tier": "premium" });
    world.post("/v1/pools", &later).await.expect(201);
    assert_eq!(counted("later").await.expect(200).json()["result"], 0);
    patch(&world, "/v1/pools/sales", json!({ "tier": "core" })).await;
    assert_eq!(counted("sales").await.status, 404);

    // The tier of another project is another one.
    let made = world
        .post("/v1/projects", &json!({ "name": "elsewhere" }))
        .await;
    let other = text(&made.expect(201).json(), "/token").to_owned();
    let body = json!({ "name": "k", "grants": grants });
    let made = world
        .call(&other, "POST /v1/keys", &body)
        .await
        .expect(201)
        .json();
    let there = text(&made, "/token");
    let found = world.call(there, COUNT, &count("gold")).await.expect(404);
    let absent = world.call(there, COUNT, &count("nopool")).await;
    assert_eq!(told(&found), told(&absent));
    let me = world.call(there, "GET /v1/whoami", &Json::Null).await;
    assert_eq!(me.expect(200).json()["pools"], json!([]));
}

#[tokio::test]
async fn a_key_gives_a_tier_that_it_has_or_has_all_of() {
    let world = World::with_sales().await;
    let admin = json!({ "on": "project", "actions": ["admin"] });
    let tier = |tier: &str| json!({ "on": format!("tier:{tier}"), "actions": ["query", "read"], "constraints": "all_rows" });
    let pools = json!({ "on": "pool:*", "actions": ["query"], "constraints": "all_rows" });
    let views = json!({ "on": "view:*", "actions": ["read"], "constraints": "all_rows" });
    let gold = json!({ "on": "pool:sales", "actions": ["query"], "constraints": "all_rows" });
    for (own, given, status) in [
        (
            json!([admin, tier("premium")]),
            json!([tier("premium")]),
            201,
        ),
        (json!([admin, tier("premium")]), json!([tier("core")]), 400),
        // It is of the tier now, and may not be later.
        (json!([admin, tier("core")]), json!([gold]), 400),
        (json!([admin, tier("core")]), json!([pools]), 400),
        (json!([admin, pools, views]), json!([tier("core")]), 201),
        (json!([admin, pools]), json!([tier("core")]), 400),
    ] {
        let (_, maker) = world.key(own.clone()).await;
        let body = json!({ "name": "k", "grants": given });
        let made = world.call(&maker, "POST /v1/keys", &body).await;
        assert_eq!(made.status, status, "{own} {given} {}", made.text());
    }
}

#[tokio::test]
async fn k8_a_person_sends_a_code_to_make_a_resource_public_and_the_audit_tells() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    for path in ["/v1/pools/sales", "/v1/views/all"] {
        let call = format!("PATCH {path}");
        let mut change = json!({ "public": true });
        let refused = ada.call(&world, &call, &change).await.expect(403);
        assert_eq!(refused.code(), "code_needed");
        let before = ada.cookie();
        change["code"] = json!(ada.code(&world));
        let made = ada.call(&world, &call, &change).await.expect(200).json();
        assert_eq!(made["public"], true);
        assert_ne!(
            ada.cookie(),
            before,
            "a session has another cookie after it"
        );
        let none = json!({ "public": false });
        ada.call(&world, &call, &none).await.expect(200);
        // With a key it is a person's code, too.
        let mut change = json!({ "public": true, "person": FIRST });
        change["code"] = json!(ada.code(&world));
        world.call(&world.admin, &call, &change).await.expect(200);
    }
    for (path, name) in [("/v1/pools", "born"), ("/v1/views", "born")] {
        let mut body = json!({ "name": name, "public": true });
        match path {
            "/v1/pools" => body["schema"] = json!("open"),
            _ => {
                body["pool"] = json!("sales");
                body["shape"] = json!("records");
                body["fields"] = json!([{ "field": "amount" }]);
            }
        }
        let refused = ada.call(&world, &format!("POST {path}"), &body).await;
        assert_eq!(refused.expect(403).code(), "code_needed");
        body["code"] = json!(ada.code(&world));
        let made = ada.call(&world, &format!("POST {path}"), &body).await;
        made.expect(201);
    }
    let audit = world.get("/v1/audit?limit=100").await.expect(200).json();
    let entries = audit["items"].as_array().expect("entries").iter();
    let opened = entries.filter(|entry| {
        let action = text(entry, "/action");
        ["pool.change", "view.change"].contains(&action) && entry["after"]["public"] == true
    });
    assert_eq!(opened.count(), 4);
}

//! Quotas over the router. The plane of these tests takes 100 bytes for a record.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::testing::{Reply, World, text};

async fn patch(world: &World, path: &str, change: Json) -> Json {
    let call = format!("PATCH {path}");
    let reply = world.call(&world.admin, &call, &change).await;
    reply.expect(200).json()
}

async fn store(world: &World, token: &str, pool: &str, records: usize) -> Reply {
    let records = vec![json!({ "customer": "a", "amount": 1 }); records];
    let call = format!("POST /v1/pools/{pool}/records");
    world.call(token, &call, &json!(records)).await
}

async fn rows(world: &World) -> usize {
    let all = world.get("/v1/views/all/data").await.expect(200).json();
    all["data"].as_array().expect("rows").len()
}

#[tokio::test]
async fn a_pool_at_its_quota_takes_nothing_more_until_something_goes() {
    let world = World::with_sales().await;
    let made = world.get("/v1/pools/sales").await.expect(200).json();
    assert_eq!(
        (&made["storage_bytes"], &made["stored_bytes"]),
        (&Json::Null, &Json::Null)
    );
    let changed = patch(&world, "/v1/pools/sales", json!({ "storage_bytes": 700 })).await;
    assert_eq!(
        (&changed["storage_bytes"], &changed["stored_bytes"]),
        (&json!(700), &json!(500))
    );
    // It is not reached: what comes may pass it once, as a whole.
    store(&world, &world.admin, "sales", 3).await.expect(200);
    let refused = store(&world, &world.admin, "sales", 1).await.expect(409);
    assert_eq!(refused.code(), "quota_reached");
    let told = refused.json();
    // Who sees all rows is told the numbers; of a key that writes: below.
    let detail = text(&told, "/detail");
    assert!(
        detail.contains("storage_bytes is 700 and 800 bytes are stored")
            && detail.contains("Delete records"),
        "{told}"
    );
    assert_eq!(rows(&world).await, 8);
    // Nothing of a request is stored, nor charged, and what is refused anyway is told as ever.
    let bad = json!([{ "customer": 1 }]);
    let receipt = world
        .post("/v1/pools/sales/records", &bad)
        .await
        .expect(200);
    assert_eq!(receipt.json()["rejected"], 1);
    // Reading, deleting and other pools go on.
    let other = json!({ "name": "other", "schema": "open" });
    world.post("/v1/pools", &other).await.expect(201);
    store(&world, &world.admin, "other", 1).await.expect(200);
    let some = json!({ "filters": [{ "field": "customer", "operator": "eq", "value": "b" }] });
    let deleted = world
        .post("/v1/pools/sales/delete", &some)
        .await
        .expect(200);
    assert_eq!(deleted.json()["deleted"], 2);
    store(&world, &world.admin, "sales", 1).await.expect(200);
    store(&world, &world.admin, "sales", 1).await.expect(409);
    patch(&world, "/v1/pools/sales", json!({ "storage_bytes": null })).await;
    store(&world, &world.admin, "sales", 1).await.expect(200);
    patch(&world, "/v1/pools/sales", json!({ "storage_bytes": 0 })).await;
    store(&world, &world.admin, "sales", 1).await.expect(409);
    for (quota, code) in [
        (json!(-1), "invalid_value"),
        (json!("1"), "wrong_type"),
        (json!(1.5), "wrong_type"),
    ] {
        let change = json!({ "storage_bytes": quota });
        let refused = world
            .call(&world.admin, "PATCH /v1/pools/sales", &change)
            .await
            .expect(400);
        assert_eq!(
            (refused.code().as_str(), text(&refused.json(), "/pointer")),
            (code, "/storage_bytes")
        );
    }
}

#[tokio::test]
async fn a_projects_quota_is_over_all_of_its_pools_and_over_no_other_project() {
    let world = World::with_sales().await;
    // The oldest project is the first one.
    world.clock.advance(Duration::from_secs(1));
    let made = world
        .post("/v1/projects", &json!({ "name": "elsewhere" }))
        .await;
    let other = text(&made.expect(201).json(), "/token").to_owned();
    let pool = json!({ "name": "more", "schema": "open" });
    world.post("/v1/pools", &pool).await.expect(201);
    world
        .call(&other, "POST /v1/pools", &pool)
        .await
        .expect(201);
    let set = patch(
        &world,
        "/v1/projects/default",
        json!({ "storage_bytes": 600 }),
    )
    .await;
    assert_eq!(
        (&set["storage_bytes"], &set["stored_bytes"]),
        (&json!(600), &json!(500))
    );
    store(&world, &world.admin, "more", 1).await.expect(200);
    for pool in ["more", "sales"] {
        let refused = store(&world, &world.admin, pool, 1).await.expect(409);
        assert_eq!(refused.code(), "quota_reached");
    }
    store(&world, &other, "more", 9).await.expect(200);
    let there = world
        .call(
            &other,
            "PATCH /v1/projects/elsewhere",
            &json!({ "storage_bytes": 1 }),
        )
        .await;
    assert_eq!(there.status, 403, "{}", there.text());
    let renamed = patch(&world, "/v1/projects/default", json!({ "name": "mine" })).await;
    assert_eq!(renamed["storage_bytes"], 600);
    let lifted = patch(
        &world,
        "/v1/projects/mine",
        json!({ "storage_bytes": null }),
    )
    .await;
    assert_eq!(lifted["storage_bytes"], Json::Null);
    store(&world, &world.admin, "sales", 1).await.expect(200);
}

#[tokio::test]
async fn numbers_of_storage_are_for_who_sees_all_rows() {
    let world = World::with_sales().await;
    patch(&world, "/v1/pools/sales", json!({ "storage_bytes": 600 })).await;
    patch(
        &world,
        "/v1/projects/default",
        json!({ "storage_bytes": 600 }),
    )
    .await;
    let admin = json!({ "on": "project", "actions": ["admin"] });
    let rows = |rows: Json| json!({ "on": "pool:*", "actions": ["query"], "constraints": rows });
    let some = json!([{ "field": "customer", "operator": "eq", "value": "a" }]);
    for (grants, sees) in [
        (json!([admin]), false),
        (json!([admin, rows(some)]), false),
        (json!([admin, rows(json!("all_rows"))]), true),
    ] {
        let (_, token) = world.key(grants.clone()).await;
        for path in ["/v1/pools/sales", "/v1/projects/default"] {
            let shown = world
                .call(&token, &format!("GET {path}"), &Json::Null)
                .await;
            let shown = shown.expect(200).json();
            assert_eq!(shown["storage_bytes"], 600, "{path}");
            assert_eq!(shown["stored_bytes"] == json!(500), sees, "{grants} {path}");
            assert_eq!(
                shown["stored_bytes"] == Json::Null,
                !sees,
                "{grants} {path}"
            );
        }
        let list = world.call(&token, "GET /v1/pools", &Json::Null).await;
        let list = list.expect(200).json();
        assert_eq!(
            list["items"][0]["stored_bytes"] == json!(500),
            sees,
            "{grants}"
        );
    }
}

#[tokio::test]
async fn what_is_refused_for_room_costs_nothing() {
    let world = World::with_sales().await;
    patch(&world, "/v1/pools/sales", json!({ "storage_bytes": 1 })).await;
    let body = json!({ "name": "k", "grants": [{ "on": "pool:sales", "actions": ["ingest"] }],
        "limits": { "credits": { "core": { "amount": 5, "period": "day" }, "premium": null } } });
    let made = world.post("/v1/keys", &body).await.expect(201).json();
    let token = text(&made, "/token");
    store(&world, token, "sales", 1).await.expect(409);
    let me = world
        .call(token, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200)
        .json();
    assert_eq!(
        (
            &me["left"]["credits"]["core"]["spent"],
            &me["left"]["credits"]["core"]["left"]
        ),
        (&json!(0), &json!(5))
    );
}

async fn send(world: &World, token: &str, name: &str, amount: u64) -> Reply {
    let request = http::Request::post("/v1/pools/sales/records")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .header("idempotency-key", name)
        .body(axum::body::Body::from(
            json!({ "customer": "a", "amount": amount }).to_string(),
        ));
    world.send(request.expect("a request")).await
}

/// K19: what is stored is answered again, whatever limit was reached since.
#[tokio::test]
async fn a_repetition_gets_its_answer_while_a_limit_is_reached_and_nothing_new_does() {
    let world = World::with_sales().await;
    let body = json!({ "name": "k", "grants": [{ "on": "pool:sales", "actions": ["ingest"] }],
        "limits": { "credits": { "core": { "amount": 1, "period": "day" }, "premium": null } } });
    let made = world.post("/v1/keys", &body).await.expect(201).json();
    let poor = text(&made, "/token").to_owned();
    let rich = world
        .key(json!([{ "on": "pool:sales", "actions": ["ingest"] }]))
        .await
        .1;
    for token in [&poor, &rich] {
        send(&world, token, "first", 1).await.expect(200);
    }
    assert_eq!(rows(&world).await, 7);
    // The credit of the one is spent, and then the quota of the pool is reached.
    let refusals = [
        ("credits_spent", json!({ "storage_bytes": null })),
        ("quota_reached", json!({ "storage_bytes": 1 })),
    ];
    for (code, change) in refusals {
        patch(&world, "/v1/pools/sales", change).await;
        let refused = send(&world, &poor, "second", 2).await;
        assert_eq!(refused.code(), code);
        let again = send(&world, &poor, "first", 1).await.expect(200).json();
        assert_eq!(again["accepted"], 1);
        let other = send(&world, &poor, "first", 2).await.expect(422);
        assert_eq!(other.code(), "idempotency_mismatch");
    }
    let refused = send(&world, &rich, "second", 2).await.expect(409);
    // A key that sees no rows is told no numbers, and not whose quota it is.
    let told = refused.json();
    let detail = text(&told, "/detail");
    assert!(
        detail.contains("of the pool, or of its project") && !detail.contains("700"),
        "{told}"
    );
    send(&world, &rich, "first", 1).await.expect(200);
    assert_eq!(rows(&world).await, 7);
}

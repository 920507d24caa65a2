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
    let refused = store(&world, &world.admin, "sales", 1).await.expect(507);
    assert_eq!(refused.code(), "quota_reached");
    let told = refused.json();
    assert!(
        !refused.text().contains("700") && text(&told, "/detail").contains("storage_bytes"),
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
    store(&world, &world.admin, "sales", 1).await.expect(507);
    patch(&world, "/v1/pools/sales", json!({ "storage_bytes": null })).await;
    store(&world, &world.admin, "sales", 1).await.expect(200);
    patch(&world, "/v1/pools/sales", json!({ "storage_bytes": 0 })).await;
    store(&world, &world.admin, "sales", 1).await.expect(507);
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
        let refused = store(&world, &world.admin, pool, 1).await.expect(507);
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
    store(&world, token, "sales", 1).await.expect(507);
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

use http::header;
use serde_json::json;

use super::super::scoped::tests::{key, scoping};
use super::{base, send};
use crate::caller::seen::tests::{INSIDE, OUTSIDE, from, restrict};
use crate::testing::{World, request, text};

#[tokio::test]
async fn k13_keys_of_the_keen_dialect_are_held_to_their_networks() {
    let (world, master) = scoping(World::with_sales().await).await;
    let keys = world.get("/v1/keys").await.json();
    let keys = keys["items"].as_array().expect("a list");
    let found = keys
        .iter()
        .find(|key| key["kind"] == "legacy" && key["grants"].to_string().contains("admin"));
    let id = text(found.expect("the master key"), "/id").to_owned();
    restrict(&world, &id, json!({ "ip_ranges": ["192.0.2.0/24"] }))
        .await
        .expect(200);
    let scoped = key(&master, &json!({ "allowed_operations": ["write"] }));
    let base = base(&world);
    for token in [master.as_str(), scoped.as_str()] {
        let send = || {
            let mut sent = request(
                "",
                &format!("POST {base}/events/orders"),
                &json!({ "n": 1 }),
            );
            let value = token.parse().expect("a value");
            sent.headers_mut().insert(header::AUTHORIZATION, value);
            sent
        };
        from(&world, INSIDE, send()).await.expect(201);
        for outside in OUTSIDE {
            let reply = from(&world, outside, send()).await.expect(403);
            assert_eq!(reply.json()["error_code"], "RequestForbiddenError");
        }
    }
    // The master key in a body lets its sender do something, too.
    let body = json!({ "scoped_keys": true, "master_key": master });
    for (address, status) in [(INSIDE, 200), (OUTSIDE[0], 400)] {
        let sent = request(&world.admin, "POST /v1/projects/default/keen", &body);
        from(&world, address, sent).await.expect(status);
    }
}

#[tokio::test]
async fn k13_a_change_by_the_dialect_lifts_no_restriction() {
    let (world, master) = scoping(World::new().await).await;
    let path = format!("{}/keys", base(&world));
    let body = json!({ "name": "w", "permitted": ["writes"] });
    let made = send(&world, &master, &format!("POST {path}"), &body).await;
    let made = made.expect(201).json();
    let keys = world.get("/v1/keys").await.json();
    let keys = keys["items"].as_array().expect("a list");
    let found = keys.iter().find(|key| key["name"] == "w");
    let id = text(found.expect("the key"), "/id").to_owned();
    let ranges = json!(["192.0.2.0/24"]);
    restrict(&world, &id, json!({ "ip_ranges": ranges }))
        .await
        .expect(200);
    let call = format!("POST {path}/{}", text(&made, "/key"));
    let body = json!({ "name": "renamed", "permitted": ["writes"] });
    send(&world, &master, &call, &body).await.expect(200);
    let after = world.get(&format!("/v1/keys/{id}")).await.json();
    assert_eq!(after["name"], "renamed");
    assert_eq!(after["restrictions"]["ip_ranges"], ranges);
}

use serde_json::json;

use crate::testing::{World, text};

#[tokio::test]
async fn keys_of_the_dialect_are_shown_once_and_administer_nothing_natively() {
    let world = World::with_sales().await;
    world
        .post("/v1/projects/other/keen", &json!({}))
        .await
        .expect(404);
    let made = world.post("/v1/projects/default/keen", &json!({})).await;
    let made = made.expect(201);
    assert_eq!(made.header("cache-control"), "no-store");
    let keys = made.json();
    let again = world.post("/v1/projects/default/keen", &json!({})).await;
    assert_eq!(again.expect(409).code(), "already_on");

    let whoami = |member: &str| text(&keys, &format!("/{member}")).to_owned();
    let master = whoami("master_key");
    let read = world.call(&master, "GET /v1/whoami", &json!(null)).await;
    assert_eq!(read.expect(200).json()["kind"], "legacy");
    let refused = world.call(&master, "GET /v1/keys", &json!(null)).await;
    assert_eq!(refused.expect(403).code(), "action_not_granted");
}

#[tokio::test]
async fn a_key_of_a_dialect_is_changed_natively_but_for_what_the_dialect_says() {
    let world = World::with_sales().await;
    let path = "/v1/projects/default/keen";
    world.post(path, &json!({})).await.expect(201);
    let keys = world.get("/v1/keys").await.expect(200).json();
    let keys = keys["items"].as_array().expect("a list").clone();
    let key = keys.iter().find(|key| key["kind"] == "legacy");
    let key = key.expect("the dialect's");
    let patch = format!("PATCH /v1/keys/{}", text(key, "/id"));
    let change = async |change| world.call(&world.admin, &patch, &change).await;
    let renamed = change(json!({ "name": "of the shop" })).await;
    assert_eq!(renamed.expect(200).json()["name"], "of the shop");
    let other = change(json!({ "kind": "secret" })).await;
    assert_eq!(other.expect(400).json()["pointer"], "/kind");
    let told = change(json!({ "dialect": { "permitted": ["writes"] } })).await;
    assert_eq!(told.expect(400).json()["pointer"], "/dialect");
}

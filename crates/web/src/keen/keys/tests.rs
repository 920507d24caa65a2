use serde_json::{Value as Json, json};

use crate::keen::tests::{base, error_code, project, send, speaking};
use crate::testing::{World, text};

fn customer() -> Json {
    json!({ "name": "customer c1", "is_active": true, "permitted": ["queries", "writes"],
        "options": {
            "queries": { "filters": [{ "property_name": "customer.id", "operator": "eq",
                "property_value": "c1" }] },
            "writes": { "autofill": { "customer": { "id": "c1" } } },
        } })
}

async fn made(world: &World, body: &Json) -> Json {
    let call = format!("POST {}/keys", base(world));
    send(world, &world.admin, &call, body)
        .await
        .expect(201)
        .json()
}

async fn count(world: &World, key: &str) -> crate::testing::Reply {
    let body = json!({ "event_collection": "orders", "timeframe": "this_1_days" });
    let call = format!("POST {}/queries/count", base(world));
    send(world, key, &call, &body).await
}

#[tokio::test]
async fn the_example_survives_create_get_and_update() {
    let world = speaking(World::new().await).await;
    let made = made(&world, &customer()).await;
    let key = text(&made, "/key").to_owned();
    assert_eq!(
        (key.len(), &made["project_id"]),
        (64, &json!(project(&world)))
    );
    let mut expected = customer();
    for group in ["saved_queries", "cached_queries", "datasets"] {
        expected["options"][group] = Json::Null;
    }
    let same = |shown: &Json| {
        for member in ["name", "is_active", "permitted", "options"] {
            assert_eq!(shown[member], expected[member]);
        }
    };
    same(&made);
    // By its whole text and by what is shown of it later.
    let later = format!("{}{}", &key[..24], "0".repeat(40));
    for named in [&key, &later] {
        let path = format!("{}/keys/{named}", base(&world));
        let read = send(&world, &world.admin, &format!("GET {path}"), &Json::Null).await;
        let read = read.expect(200).json();
        assert_eq!(read["key"], json!(later), "the secret is shown once");
        same(&read);
        let update = send(&world, &world.admin, &format!("POST {path}"), &read).await;
        same(&update.expect(200).json());
    }
    let listed = format!("GET {}/keys?name=customer%20c1&", base(&world));
    let listed = send(&world, &world.admin, &listed, &Json::Null)
        .await
        .expect(200)
        .json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    let other = format!("GET {}/keys?name=other", base(&world));
    let other = send(&world, &world.admin, &other, &Json::Null).await;
    assert_eq!(other.expect(200).json(), json!([]));
    let call = format!("GET {}/queries", base(&world));
    send(&world, &later, &call, &Json::Null).await.expect(401);
}

#[tokio::test]
async fn a_revoked_key_is_refused_until_it_is_restored() {
    let world = speaking(World::new().await).await;
    let key = text(&made(&world, &customer()).await, "/key").to_owned();
    count(&world, &key).await.expect(200);
    let path = format!("{}/keys/{key}", base(&world));
    let call = async |call: &str, body: Json| {
        let call = call.replace("KEY", &path);
        send(&world, &world.admin, &call, &body).await
    };
    let revoked = call("POST KEY/revoke", Json::Null).await.expect(200).json();
    assert_eq!(revoked["is_active"], false);
    assert_eq!(
        error_code(&count(&world, &key).await.expect(401)),
        "InvalidApiKeyError"
    );
    call("POST KEY/unrevoke", json!({})).await.expect(200);
    count(&world, &key).await.expect(200);
    let mut body = customer();
    body["permitted"] = json!(["writes"]);
    call("POST KEY", body).await.expect(200);
    assert_eq!(
        error_code(&count(&world, &key).await.expect(403)),
        "RequestForbiddenError"
    );
    let deleted = call("DELETE KEY", Json::Null).await.expect(204);
    assert!(deleted.text().is_empty());
    call("GET KEY", Json::Null).await.expect(404);
    count(&world, &key).await.expect(401);
}

#[tokio::test]
async fn keys_are_made_by_the_master_alone_and_not_of_words_without_force() {
    let world = speaking(World::new().await).await;
    let key = text(&made(&world, &customer()).await, "/key").to_owned();
    let call = format!("POST {}/keys", base(&world));
    send(&world, &key, &call, &customer()).await.expect(403);
    for (member, value) in [
        ("permitted", json!(["admin"])),
        (
            "options",
            json!({ "queries": { "filters": [{ "property_name": "a" }] } }),
        ),
        ("name", json!("")),
        ("is_active", json!("yes")),
    ] {
        let mut body = customer();
        body[member] = value;
        send(&world, &world.admin, &call, &body).await.expect(400);
    }
    let listed = send(
        &world,
        &world.admin,
        &call.replace("POST", "GET"),
        &Json::Null,
    )
    .await;
    assert_eq!(listed.expect(200).json().as_array().map(Vec::len), Some(1));
}

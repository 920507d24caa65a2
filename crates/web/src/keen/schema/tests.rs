use serde_json::{Value as Json, json};

use crate::keen::tests::{base, error_code, send, speaking};
use crate::testing::World;

async fn world() -> (World, String) {
    let world = speaking(World::new().await).await;
    let base = base(&world);
    let call = format!("POST {base}/events/orders");
    send(&world, &world.admin, &call, &json!({ "amount": 1 }))
        .await
        .expect(201);
    let call = format!("POST {base}/events/User%20posts.new");
    send(&world, &world.admin, &call, &json!({}))
        .await
        .expect(201);
    (world, base)
}

#[tokio::test]
async fn collections_are_shown_with_their_properties_and_addresses() {
    let (world, base) = world().await;
    let get = async |path: &str| {
        let call = format!("GET {base}{path}");
        send(&world, &world.admin, &call, &Json::Null).await
    };
    let types =
        json!({ "keen.timestamp": "datetime", "keen.created_at": "datetime", "keen.id": "string" });
    let mut orders =
        json!({ "name": "orders", "properties": types, "url": format!("{base}/events/orders") });
    orders["properties"]["amount"] = json!("num");
    let posts = json!({ "name": "User posts.new", "properties": types,
        "url": format!("{base}/events/User%20posts.new") });
    assert_eq!(
        get("/events").await.expect(200).json(),
        json!([orders, posts])
    );
    assert_eq!(get("/events/orders").await.expect(200).json(), orders);
    assert_eq!(
        get("/events/User%20posts.new").await.expect(200).json(),
        posts
    );
    let short = get("/events?include_schema=false").await.expect(200).json();
    assert_eq!(
        short[0],
        json!({ "name": "orders", "url": format!("{base}/events/orders") })
    );
    let property = json!({ "property_name": "keen.id", "type": "string",
        "url": format!("{base}/events/orders/properties/keen.id") });
    assert_eq!(
        get("/events/orders/properties").await.expect(200).json()[2],
        property
    );
    assert_eq!(
        get("/events/orders/properties/keen.id")
            .await
            .expect(200)
            .json(),
        property
    );
    for nothing in [
        "/events/nowhere",
        "/events/nowhere/properties",
        "/events/orders/properties/nothing",
    ] {
        assert_eq!(
            error_code(&get(nothing).await.expect(404)),
            "ResourceNotFoundError",
            "{nothing}"
        );
    }
}

#[tokio::test]
async fn a_key_sees_its_collections_alone_and_a_hidden_one_is_not_there() {
    let (world, base) = world().await;
    let grants = json!([{ "on": "pool:orders", "actions": ["schema"], "constraints": "all_rows" }]);
    let (_, key) = world.key(grants).await;
    let get = async |key: &str, path: &str| {
        send(&world, key, &format!("GET {base}{path}"), &Json::Null).await
    };
    let seen = get(&key, "/events").await.expect(200).json();
    assert_eq!(seen.as_array().map(Vec::len), Some(1));
    let hidden = get(&key, "/events/User%20posts.new").await.expect(404);
    assert_eq!(
        hidden.json(),
        get(&key, "/events/nowhere").await.expect(404).json()
    );
    let (_, blind) = world
        .key(json!([{ "on": "pool:*", "actions": ["ingest"] }]))
        .await;
    for path in [
        "/events",
        "/events/orders",
        "/events/orders/properties",
        "/events/nowhere",
    ] {
        let refused = get(&blind, path).await.expect(403);
        assert_eq!(error_code(&refused), "RequestForbiddenError", "{path}");
    }
}

#[test]
fn types_have_the_words_of_the_dialect() {
    use super::*;
    use model::names::FieldPath;
    let field = |path: &str, seen| SeenField {
        path: FieldPath::parse(path).expect("a path"),
        seen,
        required: false,
    };
    let mixed = |kinds: &[&'static str]| SeenType::Mixed(kinds.to_vec());
    for (path, seen, word) in [
        ("a", mixed(&["number"]), Some("num")),
        ("a", mixed(&["string", "array"]), Some("string")),
        ("a", mixed(&["boolean"]), Some("bool")),
        ("a", mixed(&["array"]), Some("list")),
        ("a", mixed(&["object"]), None),
        ("keen.location.coordinates", mixed(&["array"]), Some("geo")),
        (
            "a",
            SeenType::Declared(FieldType::Scalar(ScalarType::Float32)),
            Some("num"),
        ),
        (
            "a",
            SeenType::Declared(FieldType::Scalar(ScalarType::Date)),
            Some("datetime"),
        ),
        (
            "a",
            SeenType::Declared(FieldType::Array(ScalarType::Int8)),
            Some("list"),
        ),
    ] {
        assert_eq!(type_of(&field(path, seen)), word);
    }
}

#[tokio::test]
async fn a_project_is_shown_to_its_master_key_alone() {
    let (world, base) = world().await;
    let (_, reader) = world
        .key(json!([{ "on": "pool:*", "actions": ["schema"], "constraints": "all_rows" }]))
        .await;
    let get =
        async |key: &str, path: &str| send(&world, key, &format!("GET {path}"), &Json::Null).await;
    let project = get(&world.admin, &base).await.expect(200).json();
    assert_eq!(project["url"], base.as_str());
    assert_eq!(project["name"], "default");
    assert_eq!(
        project["events"][1],
        json!({ "name": "User posts.new", "url": format!("{base}/events/User%20posts.new") })
    );
    let query = json!({ "query": { "analysis_type": "count", "event_collection": "orders",
        "timeframe": "this_1_days" }, "refresh_rate": 14_400 });
    let call = format!("PUT {base}/queries/saved/a%20b");
    send(&world, &world.admin, &call, &query).await.expect(201);
    let project = get(&world.admin, &base).await.expect(200).json();
    assert_eq!(
        project["saved_queries"],
        json!([{ "name": "a b", "url": format!("{base}/queries/saved/a%20b") }])
    );
    for (path, member) in [
        ("limits", "in_use"),
        ("organization-usage", "current_usage"),
    ] {
        let shown = get(&world.admin, &format!("{base}/{path}")).await;
        assert_eq!(
            shown.expect(200).json()["cached_queries"][member],
            1,
            "{path}"
        );
    }
    let all = get(&world.admin, "/3.0/projects").await.expect(200).json();
    assert_eq!(all, json!([project]));
    let links = get("", "/3.0").await.expect(200).json();
    assert_eq!(links, json!({ "projects_resource_url": "/3.0/projects" }));
    for path in [
        &base,
        "/3.0/projects",
        &format!("{base}/limits"),
        &format!("{base}/organization-usage"),
    ] {
        get(&world.admin, path).await.expect(200);
        let refused = get(&reader, path).await.expect(403);
        assert_eq!(error_code(&refused), "RequestForbiddenError");
        get("", path).await.expect(401);
    }
}

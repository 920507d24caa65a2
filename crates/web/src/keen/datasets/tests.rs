use serde_json::{Value as Json, json};

use crate::keen::tests::{base, error_code, send, speaking};
use crate::testing::{World, text};

const TF: &str = "%7B%22start%22%3A%222026-04-28T00%3A00%3A00Z%22%2C%22end%22%3A%222026-05-01T00%3A00%3A00Z%22%7D";

async fn world() -> World {
    let world = speaking(World::new().await).await;
    let call = format!("POST {}/events/orders", base(&world));
    for (day, customer) in [("28", "c1"), ("28", "c2"), ("29", "c1")] {
        let event = json!({ "customer": { "id": customer },
            "keen": { "timestamp": format!("2026-04-{day}T10:00:00Z") } });
        send(&world, &world.admin, &call, &event).await.expect(201);
    }
    let definition = json!({ "display_name": "Orders per customer", "index_by": "customer.id",
        "query": { "analysis_type": "count", "event_collection": "orders",
            "timeframe": "this_500_days", "interval": "daily" } });
    let call = format!("PUT {}/datasets/by-customer", base(&world));
    let made = send(&world, &world.admin, &call, &definition)
        .await
        .expect(201)
        .json();
    assert_eq!(made["dataset_name"], "by-customer");
    assert_eq!(made["index_by"], json!(["customer.id"]));
    assert_eq!(made["query"]["timeframe"], "this_500_days");
    world
}

async fn results(world: &World, key: &str, index: &str) -> crate::testing::Reply {
    let path = format!("{}/datasets/by-customer/results", base(world));
    let call = format!("GET {path}?index_by={index}&timeframe={TF}&name=by-customer");
    send(world, key, &call, &Json::Null).await
}

#[tokio::test]
async fn results_are_of_the_index_and_of_the_key() {
    let world = world().await;
    let options = json!({ "datasets": { "operations": ["retrieve"],
        "allowed": { "by-customer": { "index_by": { "customer.id": ["c1"] } } } } });
    let body = json!({ "name": "k", "permitted": ["datasets"], "options": options });
    let call = format!("POST {}/keys", base(&world));
    let made = send(&world, &world.admin, &call, &body)
        .await
        .expect(201)
        .json();
    let key = text(&made, "/key");
    let object = "%7B%22customer.id%22%3A%22c1%22%7D";
    for (key, index) in [(key, object), (key, "c1"), (&*world.admin, "%22c1%22")] {
        let answer = results(&world, key, index).await.expect(200).json();
        let values: Vec<_> = answer["result"]
            .as_array()
            .expect("a list")
            .iter()
            .collect();
        let counts: Vec<_> = values.iter().map(|interval| &interval["value"]).collect();
        assert_eq!(counts, [1, 1, 0]);
        let first =
            json!({ "start": "2026-04-28T00:00:00.000Z", "end": "2026-04-29T00:00:00.000Z" });
        assert_eq!(values[0]["timeframe"], first);
        assert_eq!(answer["metadata"]["dataset"]["dataset_name"], "by-customer");
        assert_eq!(
            answer["metadata"]["request"]["timeframe"]["start"],
            "2026-04-28T00:00:00Z"
        );
    }
    let refused = results(&world, key, "c2").await.expect(403);
    assert_eq!(error_code(&refused), "RequestForbiddenError");
    assert_eq!(refused.json()["message"], "index value not allowed");
    let path = format!("GET {}/datasets", base(&world));
    send(&world, key, &path, &Json::Null).await.expect(403);
    let path = format!("{path}/by-customer");
    send(&world, key, &path, &Json::Null).await.expect(403);
    let gone = format!("{path}/nowhere/results?index_by=x&timeframe=this_1_days");
    send(&world, key, &gone.replace("by-customer/", ""), &Json::Null)
        .await
        .expect(404);
}

#[tokio::test]
async fn definitions_are_listed_and_made_once() {
    let world = world().await;
    let listed = format!("GET {}/datasets", base(&world));
    let listed = send(&world, &world.admin, &listed, &Json::Null)
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&listed["count"], &listed["next_page_url"]),
        (&json!(1), &Json::Null)
    );
    let call = format!("PUT {}/datasets/by-customer", base(&world));
    let again = json!({ "index_by": "sku", "query": { "analysis_type": "count",
        "event_collection": "orders", "timeframe": "this_5_days", "interval": "daily" } });
    send(&world, &world.admin, &call, &again).await.expect(409);
    let call = format!("PUT {}/datasets/x", base(&world));
    let without = json!({ "index_by": "sku", "query": { "analysis_type": "count",
        "event_collection": "orders", "timeframe": "this_5_days" } });
    send(&world, &world.admin, &call, &without)
        .await
        .expect(400);
    let path = format!("{}/datasets/by-customer/results", base(&world));
    for query in [
        "",
        "?index_by=c1",
        "?timeframe=this_2_days",
        "?index_by=c1&timeframe=soon",
    ] {
        let call = format!("GET {path}{query}");
        send(&world, &world.admin, &call, &Json::Null)
            .await
            .expect(400);
    }
    let call = format!("DELETE {}/datasets/by-customer", base(&world));
    send(&world, &world.admin, &call, &Json::Null)
        .await
        .expect(204);
}

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::testing::{World, text};

const PATH: &str = "/v1/datasets";

async fn daily(world: &World) {
    let dataset = json!({ "name": "daily", "display_name": "By day", "index_by": "customer",
        "query": { "analysis": "sum", "field": "amount", "pool": "sales", "interval": "daily",
            "timeframe": "this_60_days" } });
    world.post(PATH, &dataset).await.expect(201);
}

async fn reader(world: &World, grant: Json) -> String {
    let mut grant = grant;
    grant["on"] = json!("dataset:daily");
    grant["actions"] = json!(["read", "list", "retrieve"]);
    world.key(json!([grant])).await.1
}

/// The values of the days that are not 0, by day of April.
async fn days(world: &World, key: &str, query: &str) -> Vec<(String, Json)> {
    let call = format!("GET {PATH}/daily/results?{query}");
    let answer = world.call(key, &call, &Json::Null).await.expect(200).json();
    let intervals = answer["result"].as_array().expect("a list").clone();
    let shown = intervals.iter().filter(|interval| interval["value"] != 0);
    let shown = shown.map(|interval| {
        let start = text(interval, "/timeframe/start")[..10].to_owned();
        (start, interval["value"].clone())
    });
    shown.collect()
}

fn day(day: u8, value: i64) -> (String, Json) {
    (format!("2026-04-0{day}"), json!(value))
}

#[tokio::test]
async fn a_definition_is_seen_by_those_who_may() {
    let world = World::with_sales().await;
    daily(&world).await;
    let reader = reader(&world, json!({ "index_by": { "customer": ["a"] } })).await;
    let read = world
        .call(&reader, "GET /v1/datasets/daily", &Json::Null)
        .await;
    let read = read.expect(200).json();
    assert_eq!(read["index_by"], json!(["customer"]));
    assert_eq!(read["display_name"], "By day");
    let listed = world.call(&reader, "GET /v1/datasets", &Json::Null).await;
    assert_eq!(
        listed.expect(200).json()["items"].as_array().map(Vec::len),
        Some(1)
    );
    let other = world.key(json!([{ "on": "dataset:*", "except": ["daily"], "actions": ["list"] }]));
    let other = other.await.1;
    let listed = world.call(&other, "GET /v1/datasets", &Json::Null).await;
    assert_eq!(listed.expect(200).json()["items"], json!([]));
    world
        .call(&reader, "DELETE /v1/datasets/daily", &Json::Null)
        .await
        .expect(403);
    world
        .call(&world.admin, "DELETE /v1/datasets/daily", &Json::Null)
        .await
        .expect(204);
    world
        .call(&reader, "GET /v1/datasets/daily", &Json::Null)
        .await
        .expect(404);
}

#[tokio::test]
async fn an_index_shows_its_rows_and_a_grant_no_others() {
    let world = World::with_sales().await;
    daily(&world).await;
    let all = reader(&world, json!({ "constraints": "all_rows" })).await;
    let of_a = [day(1, 1), day(2, 2), day(4, 4)];
    let of_b = [day(3, 3), day(5, 5)];
    for index in [
        "index_by=a",
        "index_by=%22a%22",
        "index_by=%5B%22a%22%5D",
        "index_by=%7B%22customer%22%3A%22a%22%7D",
    ] {
        assert_eq!(days(&world, &all, index).await, of_a, "{index}");
    }
    assert_eq!(days(&world, &all, "index_by=b").await, of_b);
    let rows = json!([{ "field": "customer", "operator": "eq", "value": "a" }]);
    for grant in [
        json!({ "index_by": { "customer": ["a"] } }),
        json!({ "constraints": rows }),
    ] {
        let one = reader(&world, grant).await;
        assert_eq!(days(&world, &one, "index_by=a").await, of_a);
        assert_eq!(days(&world, &one, "index_by=b").await, []);
    }
    let some = "index_by=a&from=2026-04-02T00:00:00Z&to=2026-04-04T00:00:00Z";
    assert_eq!(days(&world, &all, some).await, [day(2, 2)]);
    assert_eq!(
        days(&world, &all, "index_by=a&timeframe=this_3_days").await,
        []
    );
    let before = "index_by=a&from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z";
    assert_eq!(days(&world, &all, before).await, []);
}

#[tokio::test]
async fn records_come_into_it_after_a_while_and_go_from_it_at_once() {
    let world = World::with_sales().await;
    daily(&world).await;
    let key = reader(&world, json!({ "constraints": "all_rows" })).await;
    let of_b = [day(3, 3), day(5, 5)];
    assert_eq!(days(&world, &key, "index_by=b").await, of_b);
    let record = json!([{ "customer": "b", "at": "2026-04-05T01:00:00Z", "amount": 10 }]);
    world
        .post("/v1/pools/sales/records", &record)
        .await
        .expect(200);
    assert_eq!(days(&world, &key, "index_by=b").await, of_b);
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(
        days(&world, &key, "index_by=b").await,
        [day(3, 3), day(5, 15)]
    );
    let filters = json!({ "filters": [{ "field": "amount", "operator": "eq", "value": 5 }] });
    world
        .post("/v1/pools/sales/delete", &filters)
        .await
        .expect(200);
    assert_eq!(
        days(&world, &key, "index_by=b").await,
        [day(3, 3), day(5, 10)]
    );
    // The range moves with the present.
    world.clock.advance(Duration::from_secs(30 * 86_400));
    assert_eq!(
        days(&world, &key, "index_by=b").await,
        [day(3, 3), day(5, 10)]
    );
    world.clock.advance(Duration::from_secs(86_400));
    world.clock.advance(Duration::from_secs(86_400));
    assert_eq!(days(&world, &key, "index_by=b").await, [day(5, 10)]);
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let world = World::with_sales().await;
    daily(&world).await;
    let cases = [
        ("", "/index_by"),
        ("index_by=%5B%22a%22,1%5D", "/index_by"),
        ("index_by=null", "/index_by"),
        ("index_by=%7B%22shop%22:1%7D", "/index_by"),
        ("index_by=a&timeframe=soon", "/timeframe"),
        (
            "index_by=a&timeframe=this_2_days&from=2026-01-01T00:00:00Z",
            "/timeframe",
        ),
        ("index_by=a&grant=x", "/grant"),
        ("index_by=a&more=1", "/more"),
    ];
    for (query, pointer) in cases {
        let path = format!("{PATH}/daily/results?{query}");
        let problem = world.get(&path).await.expect(400).json();
        assert_eq!(text(&problem, "/pointer"), pointer, "{query}");
    }
}

use serde_json::{Value as Json, json};

use super::*;
use crate::testing::World;

const RESULTS: &str = "GET /v1/datasets/daily/results?index_by=";

/// A dataset by days of 10 days, and a key that may read all of it.
async fn world() -> (World, String) {
    let world = World::with_sales().await;
    let dataset = json!({ "name": "daily", "index_by": "customer", "query": { "analysis": "sum",
        "field": "amount", "pool": "sales", "interval": "daily", "timeframe": "this_40_days" } });
    world.post("/v1/datasets", &dataset).await.expect(201);
    let grant = json!([{ "on": "dataset:*", "actions": ["retrieve"], "constraints": "all_rows" }]);
    let key = world.key(grant).await.1;
    (world, key)
}

async fn read(world: &World, key: &str, index: &str) -> Json {
    let call = format!("{RESULTS}{index}");
    let reply = world.call(key, &call, &Json::Null).await.expect(200);
    let intervals = reply.json()["result"].as_array().expect("a list").clone();
    let values = intervals.iter().map(|interval| interval["value"].clone());
    values.filter(|value| *value != 0).collect()
}

async fn made(world: &World) -> usize {
    let all: Vec<Arc<Series>> = {
        let all = world.state.cells.series.lock().expect("not poisoned");
        all.values().cloned().collect()
    };
    let mut made = 0;
    for series in all {
        made += series.held.lock().await.made;
    }
    made
}

async fn send(world: &World, at: &str, amount: i64) {
    let record = json!([{ "customer": "a", "at": at, "amount": amount }]);
    let path = "/v1/pools/sales/records";
    world.post(path, &record).await.expect(200);
}

#[tokio::test]
async fn those_intervals_alone_are_made_anew_that_records_came_into() {
    let (world, key) = world().await;
    assert_eq!(read(&world, &key, "a").await, json!([1, 2, 4]));
    assert_eq!(made(&world).await, 40);
    assert_eq!(read(&world, &key, "a").await, json!([1, 2, 4]));
    assert_eq!(made(&world).await, 40, "nothing is made twice");
    send(&world, "2026-04-02T10:00:00Z", 5).await;
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(read(&world, &key, "a").await, json!([1, 7, 4]));
    assert_eq!(made(&world).await, 41);
    // A record without a time is in no interval.
    let record = json!([{ "customer": "a", "amount": 9 }]);
    let path = "/v1/pools/sales/records";
    world.post(path, &record).await.expect(200);
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(read(&world, &key, "a").await, json!([1, 7, 4]));
    assert_eq!(made(&world).await, 41);
    read(&world, &key, "b").await;
    assert_eq!(made(&world).await, 81, "another index has its own");
}

#[tokio::test]
async fn what_is_read_is_counted_and_cells_of_a_deleted_dataset_are_freed() {
    let (world, key) = world().await;
    for _ in 0..3 {
        read(&world, &key, "a").await;
    }
    send(&world, "2026-04-02T10:00:00Z", 5).await;
    world.clock.advance(Duration::from_secs(10));
    read(&world, &key, "a").await;
    let counts = world.state.cells.counts();
    let counted = (counts.served, counts.refreshed, counts.made, counts.evicted);
    assert_eq!(counted, (2, 2, 41, 0));
    assert!(counts.bytes > SERIES_BYTES as u64, "{counts:?}");
    let call = "DELETE /v1/datasets/daily";
    world
        .call(&world.admin, call, &Json::Null)
        .await
        .expect(204);
    let after = world.state.cells.counts();
    assert_eq!(after, CellCounts { bytes: 0, ..counts });
}

#[tokio::test]
async fn a_new_interval_is_of_the_moment_of_all_others() {
    let (world, key) = world().await;
    world.clock.set(time("2026-05-01T23:59:58Z"));
    read(&world, &key, "a").await;
    let both = json!([{ "customer": "a", "at": "2026-05-01T23:59:59Z", "amount": 50 },
        { "customer": "a", "at": "2026-05-02T00:00:01Z", "amount": 60 }]);
    let path = "/v1/pools/sales/records";
    world.post(path, &both).await.expect(200);
    world.clock.set(time("2026-05-02T00:00:02Z"));
    assert_eq!(read(&world, &key, "a").await, json!([1, 2, 4, 50, 60]));
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

#[tokio::test]
async fn a_reading_that_fails_leaves_no_text_of_before() {
    let (world, key) = world().await;
    assert_eq!(read(&world, &key, "a").await, json!([1, 2, 4]));
    let gone = json!({ "filters": [{ "field": "amount", "operator": "eq", "value": 2 }] });
    let path = "/v1/pools/sales/delete";
    world.post(path, &gone).await.expect(200);
    let busy = PlaneError::Internal("no".to_owned());
    *world.plane.failure.lock().expect("not poisoned") = Some(busy);
    let call = format!("{RESULTS}a");
    world.call(&key, &call, &Json::Null).await.expect(500);
    *world.plane.failure.lock().expect("not poisoned") = None;
    assert_eq!(read(&world, &key, "a").await, json!([1, 4]));
}

#[tokio::test]
async fn an_index_is_read_by_the_values_that_its_field_can_hold() {
    let (world, key) = world().await;
    let record = json!([{ "customer": "5", "at": "2026-04-20T00:00:00Z", "amount": 3 }]);
    let path = "/v1/pools/sales/records";
    world.post(path, &record).await.expect(200);
    assert_eq!(read(&world, &key, "5").await, json!([3]));
    assert_eq!(read(&world, &key, "true").await, json!([]));
    let call = format!("{RESULTS}%7B%22customer%22:%22a%22,%22shop%22:1%7D");
    let refused = world.call(&key, &call, &Json::Null).await.expect(400);
    assert_eq!(refused.json()["pointer"], "/index_by");
}

#[tokio::test]
async fn what_was_not_read_for_longest_makes_room() {
    let (world, key) = world().await;
    for index in ["a", "b", "c"] {
        read(&world, &key, index).await;
        world.clock.advance(Duration::from_secs(1));
    }
    read(&world, &key, "a").await;
    let mut all = world.state.cells.series.lock().expect("not poisoned");
    let sizes: Vec<usize> = all.values().map(|series| series.size()).collect();
    let whole: usize = sizes.iter().sum();
    let text = *sizes.iter().min().expect("three");
    assert!(text > SERIES_BYTES + 40 * size_of::<Cell>(), "texts count");
    fit(&mut all, whole);
    assert_eq!(all.len(), 3);
    fit(&mut all, whole - 1);
    assert_eq!(all.len(), 2, "the oldest goes");
    fit(&mut all, 0);
    assert_eq!(all.len(), 0);
}

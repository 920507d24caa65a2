use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::testing::{World, text};

const PATH: &str = "/v1/saved-queries";

async fn saved(world: &World, name: &str, rate: u64, query: Json) {
    let body = json!({ "name": name, "query": query, "refresh_rate": rate,
        "metadata": { "title": "Sales" } });
    world.post(PATH, &body).await.expect(201);
}

fn total() -> Json {
    json!({ "analysis": "sum", "pool": "sales", "field": "amount" })
}

async fn runner(world: &World, on: &str, action: &str, customer: &str) -> String {
    let rows = json!([{ "field": "customer", "operator": "eq", "value": customer }]);
    let grants = json!([{ "on": on, "actions": [action], "constraints": rows }]);
    world.key(grants).await.1
}

async fn result(world: &World, key: &str, name: &str) -> Json {
    let call = format!("GET {PATH}/{name}/result");
    world.call(key, &call, &Json::Null).await.expect(200).json()
}

#[tokio::test]
async fn a_definition_is_made_read_changed_listed_and_deleted() {
    let world = World::with_sales().await;
    saved(&world, "total", 0, total()).await;
    let path = format!("{PATH}/total");
    let read = world.get(&path).await.expect(200);
    let tag = read.header("etag").to_owned();
    let read = read.json();
    assert_eq!(read["query"], total());
    assert_eq!(read["metadata"], json!({ "title": "Sales" }));
    assert_eq!(read["refresh_rate"], 0);
    let patch = json!({ "refresh_rate": 60, "metadata": { "title": null, "tags": [1] } });
    let call = format!("PATCH {path}");
    let changed = world.call(&world.admin, &call, &patch).await.expect(200);
    assert_ne!(changed.header("etag"), tag);
    assert_eq!(changed.json()["metadata"], json!({ "tags": [1] }));
    let unknown = json!({ "name": "x", "query": { "analysis": "count", "pool": "nowhere" } });
    let refused = world.post(PATH, &unknown).await.expect(400);
    assert_eq!(text(&refused.json(), "/pointer"), "/query/pool");
    let listed = world.get(PATH).await.expect(200).json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    let call = format!("DELETE {path}");
    world
        .call(&world.admin, &call, &Json::Null)
        .await
        .expect(204);
    world.get(&path).await.expect(404);
}

#[tokio::test]
async fn each_key_is_answered_over_its_rows() {
    let world = World::with_sales().await;
    saved(&world, "total", 0, total()).await;
    for (customer, sum) in [("a", 7), ("b", 8), ("c", 0)] {
        let key = runner(&world, "saved:total", "run", customer).await;
        assert_eq!(
            result(&world, &key, "total").await,
            json!({ "result": sum })
        );
    }
    let rows = json!({ "analysis": "extraction", "pool": "sales", "fields": ["amount"],
        "latest": 2 });
    saved(&world, "rows", 0, rows.clone()).await;
    saved(&world, "kept", 60, rows).await;
    let key = runner(&world, "saved:*", "run", "a").await;
    let answer = result(&world, &key, "rows").await;
    assert_eq!(
        answer,
        json!({ "result": [{ "amount": 4 }, { "amount": 2 }] })
    );
    let key = runner(&world, "cached:*", "read", "a").await;
    let kept = result(&world, &key, "kept").await;
    assert_eq!(kept["result"], answer["result"], "and no row more");
}

#[tokio::test]
async fn a_kept_answer_is_of_its_constraint_and_goes_with_its_time_or_a_delete() {
    let world = World::with_sales().await;
    saved(&world, "total", 60, total()).await;
    let [a, b] = ["a", "b"];
    let a = runner(&world, "cached:*", "read", a).await;
    let b = runner(&world, "cached:*", "read", b).await;
    let sum = async |key: &str| result(&world, key, "total").await["result"].clone();
    assert_eq!((sum(&a).await, sum(&b).await), (json!(7), json!(8)));
    let record = json!([{ "customer": "a", "amount": 100 }, { "customer": "b", "amount": 200 }]);
    world
        .post("/v1/pools/sales/records", &record)
        .await
        .expect(200);
    assert_eq!(
        (sum(&a).await, sum(&b).await),
        (json!(7), json!(8)),
        "they are kept"
    );
    let answer = result(&world, &a, "total").await;
    let run = json!({ "at": "2026-05-01T12:00:00Z", "refresh_rate": 60 });
    assert_eq!(answer["run"], run);
    // Another key of the same rows is given the same answer, one of others is not.
    let twin = runner(&world, "cached:total", "read", "a").await;
    assert_eq!(sum(&twin).await, json!(7));
    let third = runner(&world, "cached:total", "read", "c").await;
    assert_eq!(sum(&third).await, json!(0));

    world.clock.advance(Duration::from_secs(60));
    assert_eq!((sum(&a).await, sum(&b).await), (json!(107), json!(208)));
    let filters = json!({ "filters": [{ "field": "amount", "operator": "eq", "value": 100 }] });
    world
        .post("/v1/pools/sales/delete", &filters)
        .await
        .expect(200);
    assert_eq!(sum(&a).await, json!(7), "what is deleted is in no answer");
}

#[tokio::test]
async fn due_answers_are_made_again_for_keys_that_may_still_ask() {
    let world = World::with_sales().await;
    saved(&world, "total", 60, total()).await;
    let rows = json!([{ "field": "customer", "operator": "eq", "value": "a" }]);
    let grants = json!([{ "on": "cached:*", "actions": ["read"], "constraints": rows }]);
    let (id, key) = world.key(grants).await;
    result(&world, &key, "total").await;
    let record = json!([{ "customer": "a", "amount": 100 }]);
    world
        .post("/v1/pools/sales/records", &record)
        .await
        .expect(200);
    crate::refresh(&world.state).await;
    assert_eq!(world.state.kept.counts(), (0, 1), "nothing is due");
    world.clock.advance(Duration::from_secs(61));
    crate::refresh(&world.state).await;
    assert_eq!(result(&world, &key, "total").await["result"], 107);
    assert_eq!(
        world.state.kept.counts(),
        (1, 2),
        "it was made by the refresh"
    );

    world.clock.advance(Duration::from_secs(61));
    let disable = format!("/v1/keys/{id}/disable");
    world.post(&disable, &Json::Null).await.expect(200);
    crate::refresh(&world.state).await;
    assert_eq!(world.state.kept.counts(), (1, 2), "nobody may ask any more");
}

#[tokio::test]
async fn what_is_absent_and_what_is_not_granted_are_alike() {
    let world = World::with_sales().await;
    saved(&world, "total", 0, total()).await;
    saved(&world, "kept", 60, total()).await;
    for (on, action) in [("saved:total", "run"), ("cached:kept", "read")] {
        let key = runner(&world, on, action, "a").await;
        let other = if on == "saved:total" { "kept" } else { "total" };
        let of = async |name: &str| {
            let call = format!("GET {PATH}/{name}/result");
            let reply = world.call(&key, &call, &Json::Null).await.expect(404);
            let mut problem = reply.json();
            problem["request_id"] = Json::Null;
            problem
        };
        assert_eq!(of(other).await, of("nowhere").await);
    }
    let key = runner(&world, "pool:sales", "query", "a").await;
    for name in ["total", "kept", "nowhere"] {
        let call = format!("GET {PATH}/{name}/result");
        world.call(&key, &call, &Json::Null).await.expect(403);
    }
}

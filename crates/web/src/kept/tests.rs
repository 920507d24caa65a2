mod machine;

use serde_json::json;

use super::*;
use crate::testing::{World, text};

/// An answer of so many bytes that was asked for at this second.
fn answer(permit: &Permit<ReadCached>, second: u64, bytes: usize) -> Arc<KeptAnswer> {
    let at = Timestamp::MIN
        .checked_add(Duration::from_secs(second))
        .expect("in range");
    Arc::new(KeptAnswer {
        answer: Arc::new(Answer::Rows(Vec::new())),
        at,
        took: Duration::ZERO,
        sources: Vec::new(),
        bytes,
        rate: Duration::from_secs(60),
        asker: (permit.clone(), None),
        last_asked: AtomicI64::new(at.as_microsecond()),
    })
}

/// Answers of a key that may read every cached query; `total` is one.
async fn world() -> (World, Permit<ReadCached>, Vec<KeptUnder>) {
    let world = World::with_sales().await;
    let saved = json!({ "name": "total", "refresh_rate": 60,
        "query": { "analysis": "sum", "pool": "sales", "field": "amount" } });
    world.post("/v1/saved-queries", &saved).await.expect(201);
    let mut permits = Vec::new();
    for customer in ["a", "b", "c"] {
        let rows = json!([{ "field": "customer", "operator": "eq", "value": customer }]);
        let grants = json!([{ "on": "cached:*", "actions": ["read"], "constraints": rows }]);
        let (_, token) = world.key(grants).await;
        let token = model::secrets::Secret::parse(&token).expect("a token");
        let access = world
            .state
            .control
            .authenticate(&token, &model::keys::Circumstances::unknown())
            .expect("a key");
        let definitions = world.state.control.definitions(access.project());
        let saved = definitions.saved_query("total").expect("it is there");
        let permit: Permit<ReadCached> = access.permit(On::Cached(Some(&saved))).expect("granted");
        permits.push(permit);
    }
    let now = world.state.clock.now();
    let unders = permits
        .iter()
        .map(|permit| permit.constrain(None, now).expect("legal").1);
    let unders = unders.collect();
    let permit = permits.swap_remove(0);
    (world, permit, unders)
}

#[tokio::test]
async fn what_was_not_asked_for_longest_makes_room() {
    let (_world, permit, unders) = world().await;
    let mut held = Held::default();
    for (under, second) in unders.iter().zip([20, 10, 30]) {
        held.insert(*under, answer(&permit, second, 100));
    }
    held.insert(unders[0], answer(&permit, 20, 150));
    assert_eq!(held.bytes, 350, "one takes the place of another");
    held.fit(350);
    assert_eq!(held.answers.len(), 3);
    held.fit(320);
    assert_eq!(held.bytes, 250, "the oldest goes");
    assert!(!held.answers.contains_key(&unders[1]));
    held.fit(10);
    assert_eq!((held.answers.len(), held.bytes), (0, 0));
}

#[tokio::test]
async fn small_answers_take_room_too() {
    let (world, ..) = world().await;
    world
        .get("/v1/saved-queries/total/result")
        .await
        .expect(200);
    assert!(world.state.kept.lock().bytes >= ENTRY_BYTES);
}

/// A delete whose filter has a first and a last instant touches these alone,
/// and is one all the same.
#[tokio::test]
async fn a_delete_of_some_days_is_in_no_kept_answer() {
    let (world, ..) = world().await;
    let sum = async || {
        let answer = world.get("/v1/saved-queries/total/result").await;
        answer.expect(200).json()["result"].clone()
    };
    assert_eq!(sum().await, 15);
    let day = json!({ "filters": [
        { "field": "at", "operator": "gte", "value": "2026-04-05T00:00:00Z" },
        { "field": "at", "operator": "lt", "value": "2026-04-06T00:00:00Z" }] });
    let deleted = world.post("/v1/pools/sales/delete", &day).await;
    assert_eq!(deleted.expect(200).json()["deleted"], 1);
    assert_eq!(sum().await, 10);
}

#[tokio::test]
async fn a_clock_that_is_set_back_is_not_followed() {
    let (world, ..) = world().await;
    let run = async || {
        let answer = world.get("/v1/saved-queries/total/result").await;
        text(&answer.expect(200).json(), "/run/at").to_owned()
    };
    let first = run().await;
    let now = world.state.clock.now();
    let before = now.checked_sub(Duration::from_secs(3_600));
    world.clock.set(before.expect("in range"));
    assert_eq!(first, "2026-05-01T12:00:00Z");
    assert_eq!(run().await, "2026-05-01T12:00:00Z");
}

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::caller::seen::tests::from;
use crate::testing::{World, people, request, text};

#[tokio::test]
async fn advice_names_key_rule_and_remedy() {
    let world = World::with_sales().await;
    let both = json!([
        { "on": "pool:sales", "actions": ["ingest", "query"], "constraints":
            [{ "field": "customer", "operator": "eq", "value": "a" }] },
    ]);
    let (id, token) = world.key(both).await;
    let review = async |query: &str| {
        let reply = world.get(&format!("/v1/keys/review{query}")).await;
        reply.expect(200).json()
    };
    let found = |review: &Json| -> Vec<(String, String)> {
        let items = review["items"].as_array().expect("items").iter();
        items
            .map(|item| {
                (
                    text(item, "/key").to_owned(),
                    text(item, "/rule").to_owned(),
                )
            })
            .collect()
    };
    let of = |rule: &str| (id.clone(), rule.to_owned());
    let now = review("").await;
    let expected = [of("writes_and_reads"), of("field_writable_by_others")];
    assert_eq!(found(&now), expected);
    assert_eq!(now["total"], 2);
    assert_eq!(now["items"][0]["name"], "k");
    assert!(text(&now, "/items/1/why").contains("customer"), "{now}");
    assert!(!text(&now, "/items/1/remedy").is_empty());
    let one = review("?limit=1").await;
    assert_eq!(
        (found(&one), &one["total"]),
        (expected[..1].to_vec(), &json!(2))
    );
    // A month later nobody has used it; the one that asks is in use.
    world.clock.advance(Duration::from_secs(31 * 24 * 60 * 60));
    let unused = review("?rule=unused").await;
    assert_eq!(found(&unused), [of("unused")]);
    world
        .call(&token, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
    assert_eq!(found(&review("?rule=unused").await), []);
    let refused = world.get("/v1/keys/review?rule=none").await.expect(400);
    assert_eq!(refused.json()["pointer"], "/rule");
    // Other calls of an address that could be a key's stay what they are.
    let patched = world
        .call(&world.admin, "PATCH /v1/keys/review", &json!({}))
        .await;
    assert_eq!(patched.status, 405);
}

#[tokio::test]
async fn a_person_whose_sessions_are_used_from_two_places_at_once_is_named() {
    let world = World::with_sales().await;
    let ada = people::first_signed_in(&world).await;
    let bob = people::joined(&world, &ada, "bob", json!([{ "role": "viewer" }])).await;
    let admin = people::joined(&world, &ada, "cy", json!([{ "role": "admin" }])).await;
    // Uses the session of somebody from an address.
    let uses = async |cookie: &str, address: &str| {
        let mut visit = request("", "GET /v1/whoami", &Json::Null);
        let headers = visit.headers_mut();
        headers.insert("cookie", cookie.parse().expect("a value"));
        headers.insert("user-agent", "agent/1".parse().expect("a value"));
        from(&world, Some(address), visit).await.expect(200);
    };
    let minutes = async |cookies: &[(&str, &str)], minutes: u64| {
        for _ in 0..minutes {
            world.clock.advance(Duration::from_secs(60));
            for (cookie, address) in cookies {
                uses(cookie, address).await;
            }
        }
    };
    let review = async |query: &str| {
        let reply = world.get(&format!("/v1/keys/review{query}")).await;
        reply.expect(200).json()
    };
    let named = |review: &Json| -> Vec<String> {
        let people = review["people"].as_array().expect("a list").iter();
        people.map(|one| text(one, "/sign_in").to_owned()).collect()
    };
    let nobody: [String; 0] = [];
    let (adas, bobs) = (ada.cookie(), bob.cookie());
    // Each from one place; and one of them goes to another one.
    minutes(&[(&adas, "192.0.2.1"), (&bobs, "198.51.100.1")], 12).await;
    minutes(&[(&adas, "203.0.113.1")], 5).await;
    assert_eq!(named(&review("").await), nobody);
    // Bob's cookie is used in two places: it was handed on.
    minutes(&[(&bobs, "192.0.2.9"), (&bobs, "198.51.100.1")], 12).await;
    let found = review("?rule=shared_account").await;
    assert_eq!(named(&found), ["bob@example.com"]);
    assert_eq!((&found["items"], &found["total"]), (&json!([]), &json!(0)));
    // A key is not told where somebody is; a person is.
    let why = text(&found, "/people/0/why");
    assert!(!why.contains("192.0.2") && !why.contains("agent"), "{why}");
    let told = admin.call(&world, "GET /v1/keys/review", &Json::Null).await;
    let told = told.expect(200).json();
    let why = text(&told, "/people/0/why");
    for said in ["192.0.2.0/24 (agent/1)", "198.51.100.0/24 (agent/1)"] {
        assert!(why.contains(said), "{why}");
    }
    assert_eq!(text(&found, "/people/0/person"), bob.id);
    assert_eq!(named(&review("?rule=unused").await), nobody);
    // It outlives a restart, as the session does.
    world.state.control.save_last_used().await.expect("saved");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("control");
    world.left_behind_whole(&file);
    let again = World::over(&file).await;
    let now = world.state.clock.now();
    again.clock.advance(now.since(again.state.clock.now()));
    let told = again
        .call(&world.admin, "GET /v1/keys/review", &Json::Null)
        .await;
    assert_eq!(named(&told.expect(200).json()), ["bob@example.com"]);
    // Whoever knows of no people, or of not this one, is not told.
    let held = json!([{ "project": world.project().await, "role": "admin",
        "constraints": [{ "field": "customer", "operator": "eq", "value": "a" }] }]);
    let dan = people::joined(&world, &admin, "dan", held).await;
    let told = dan.call(&world, "GET /v1/keys/review", &Json::Null).await;
    assert_eq!(named(&told.expect(200).json()), nobody);
    let end = "DELETE /v1/sessions/current";
    bob.call(&world, end, &Json::Null).await.expect(204);
    assert_eq!(named(&review("").await), nobody);
}

#[tokio::test]
async fn a_grant_on_a_stored_question_that_nobody_asked_is_named() {
    let world = World::with_sales().await;
    let mut query = json!({ "analysis": "count", "pool": "sales" });
    for (name, rate) in [("total", 0), ("kept", 60)] {
        let saved = json!({ "name": name, "query": query, "refresh_rate": rate });
        world.post("/v1/saved-queries", &saved).await.expect(201);
    }
    query["interval"] = "daily".into();
    query["timeframe"] = "this_30_days".into();
    let daily = json!({ "name": "daily", "index_by": "customer", "query": query });
    world.post("/v1/datasets", &daily).await.expect(201);
    let grants = [
        ("saved:total", "run"),
        ("cached:kept", "read"),
        ("dataset:daily", "retrieve"),
    ];
    let grants = grants
        .map(|(on, action)| json!({ "on": on, "actions": [action], "constraints": "all_rows" }));
    let (id, token) = world.key(json!(grants)).await;
    let key = world.get(&format!("/v1/keys/{id}")).await.expect(200);
    let key = key.json();
    world.clock.advance(Duration::from_secs(32 * 24 * 60 * 60));
    world
        .call(&token, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
    // Which of its grants are named, by their places.
    let named = async || {
        let review = world.get("/v1/keys/review?rule=wider_than_used").await;
        let review = review.expect(200).json();
        let items = review["items"].as_array().expect("items").iter();
        let of_key = items.filter(|item| item["key"] == id.as_str());
        let why: String = of_key.map(|item| text(item, "/why")).collect();
        let is_named = |at: &usize| why.contains(text(&key, &format!("/grants/{at}/id")));
        (0..grants.len()).filter(is_named).collect::<Vec<_>>()
    };
    assert_eq!(named().await, [0_usize, 1, 2]);
    // What was said otherwise a short while ago may have read another pool before.
    let patch = json!({ "metadata": { "a": 1 } });
    world
        .call(&world.admin, "PATCH /v1/saved-queries/total", &patch)
        .await
        .expect(200);
    assert_eq!(named().await, [1_usize, 2]);
    // Which of them read the pool is not told apart.
    let result = "GET /v1/saved-queries/kept/result";
    world.call(&token, result, &Json::Null).await.expect(200);
    assert_eq!(named().await, [0_usize; 0]);
}

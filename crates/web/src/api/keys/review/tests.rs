use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::testing::{World, text};

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

//! Notices over HTTP.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::caller::seen::tests::from;
use crate::testing::{NOW, World, request, text};

const DAY: Duration = Duration::from_secs(24 * 3_600);

async fn list(world: &World, query: &str) -> Vec<Json> {
    let list = world
        .get(&format!("/v1/notices{query}"))
        .await
        .expect(200)
        .json();
    list["items"].as_array().expect("a list").clone()
}

async fn from_page(world: &World, token: &str, origin: &str) {
    let mut sent = request(token, "GET /v1/whoami", &Json::Null);
    let origin = origin.parse().expect("a header");
    sent.headers_mut().insert("origin", origin);
    world.send(sent).await.expect(403);
}

#[tokio::test]
async fn a_secret_from_a_page_is_told_of_once_a_day_and_counted() {
    let world = World::new().await;
    let (id, token) = world.key(json!([])).await;
    assert_eq!(list(&world, "").await, [] as [Json; 0]);
    from_page(&world, &token, "https://shop.example").await;
    world.clock.advance(Duration::from_secs(60));
    from_page(&world, &token, "https://other.example").await;
    let told = list(&world, "").await;
    assert_eq!(told.len(), 1);
    let told = &told[0];
    for (pointer, expected) in [
        ("/kind", json!("used_from_page")),
        ("/key", json!({ "id": id, "name": "k" })),
        ("/first_at", json!(NOW)),
        ("/last_at", json!("2026-05-01T12:01:00Z")),
        ("/times", json!(2)),
        ("/dismissed_at", Json::Null),
    ] {
        assert_eq!(told.pointer(pointer), Some(&expected), "{pointer}");
    }
    let detail = text(told, "/detail");
    assert!(detail.contains("(https://shop.example)"), "{detail}");
    assert!(!detail.contains(&token), "{detail}");
    // Written, read and counted on.
    from_page(&world, &token, "https://shop.example").await;
    assert_eq!(list(&world, "").await[0]["times"], 3);
    world.clock.advance(DAY);
    from_page(&world, &token, "https://shop.example").await;
    assert_eq!(list(&world, "").await.len(), 2);
}

#[tokio::test]
async fn a_notice_is_dismissed_once_and_its_dismissal_is_in_the_audit() {
    let world = World::new().await;
    let (_, token) = world.key(json!([])).await;
    from_page(&world, &token, "https://shop.example").await;
    let id = text(&list(&world, "").await[0], "/id").to_owned();
    assert_eq!(list(&world, "?dismissed=true").await.len(), 0);
    let path = format!("/v1/notices/{id}/dismiss");
    let dismissed = world.post(&path, &json!({})).await.expect(200).json();
    assert_eq!(dismissed["dismissed_at"], NOW);
    world.clock.advance(DAY / 2);
    // It stays, counts on, and is not told of as if it were new.
    let again = world.post(&path, &json!({})).await.expect(200).json();
    assert_eq!(again["dismissed_at"], NOW);
    assert_eq!(list(&world, "?dismissed=false").await.len(), 0);
    assert_eq!(list(&world, "?dismissed=true").await.len(), 1);
    let audit = world
        .get("/v1/audit?action=notice.dismiss")
        .await
        .expect(200)
        .json();
    assert_eq!(audit["items"].as_array().map(Vec::len), Some(1));
    for wrong in ["x", "01M7Y10TZ72KNZQ9P103ZET2FZ"] {
        let path = format!("/v1/notices/{wrong}/dismiss");
        world.post(&path, &json!({})).await.expect(404);
    }
    let refused = world.get("/v1/notices?dismissed=x").await.expect(400);
    assert_eq!(refused.json()["pointer"], "/dismissed");
    // A key without the action learns nothing.
    world
        .call(&token, "GET /v1/notices", &Json::Null)
        .await
        .expect(403);
}

#[tokio::test]
async fn k21_a_key_from_a_new_network_is_told_of_once_its_usual_ones_are_known() {
    let world = World::new().await;
    let (id, token) = world.key(json!([])).await;
    let ask = async |address: &str| {
        let sent = request(&token, "GET /v1/whoami", &Json::Null);
        from(&world, Some(address), sent).await.expect(200);
    };
    ask("192.0.2.7").await;
    ask("198.51.100.1").await;
    assert_eq!(list(&world, "").await.len(), 0);
    world.clock.advance(DAY);
    ask("192.0.2.8").await;
    assert_eq!(list(&world, "").await.len(), 0);
    ask("203.0.113.9").await;
    ask("2001:db8::1").await;
    ask("203.0.113.10").await;
    let told = list(&world, "").await;
    assert_eq!(
        (told.len(), &told[0]["kind"], &told[0]["times"]),
        (1, &json!("new_network"), &json!(2))
    );
    assert_eq!(told[0]["key"]["id"], id);
    assert!(text(&told[0], "/detail").contains("203.0.113.0/24"));
}

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::testing::derived::derive;
use crate::testing::{World, request, text};

const EXPIRES: &str = "tidegate-secret-expires";

/// However long its grace, and also where the key is given an end after the roll.
#[tokio::test]
async fn k6_a_replaced_secret_is_everywhere_said_to_end_no_later_than_its_key() {
    let world = World::with_sales().await;
    let (id, old) = world.key(json!([])).await;
    let path = format!("/v1/keys/{id}");
    let roll = json!({ "grace": "7d", "end_after_silence": 600 });
    world.post(&format!("{path}/roll"), &roll).await.expect(201);
    let end = "2026-05-01T13:00:00Z";
    let change = json!({ "restrictions": { "expires_at": end } });
    let call = format!("PATCH {path}");
    world.call(&world.admin, &call, &change).await.expect(200);
    let told = world.call(&old, "GET /v1/whoami", &Json::Null).await;
    assert_eq!(told.header(EXPIRES), end);
    let shown = world.get(&path).await.expect(200).json();
    for member in ["expires_at", "ends_if_silent_at"] {
        assert_eq!(shown["secrets"][0][member], end, "{member} of {shown}");
    }
    // The key may be given a later end, and the secret has its own then.
    let change = json!({ "restrictions": { "expires_at": Json::Null } });
    world.call(&world.admin, &call, &change).await.expect(200);
    let shown = world.get(&path).await.expect(200).json();
    assert_eq!(shown["secrets"][0]["expires_at"], "2026-05-08T12:00:00Z");
}

#[tokio::test]
async fn k6_the_old_secret_is_told_its_end_with_every_answer_and_the_new_one_is_not() {
    let world = World::with_sales().await;
    let grants = json!([{ "on": "view:all", "actions": ["read"], "constraints": "all_rows" }]);
    let (id, old) = world.key(grants).await;
    let before = world
        .get(&format!("/v1/keys/{id}"))
        .await
        .expect(200)
        .json();
    let roll = format!("/v1/keys/{id}/roll");
    let rolled = world
        .post(&roll, &json!({ "grace": "24h" }))
        .await
        .expect(201);
    assert_eq!(rolled.header("cache-control"), "no-store");
    let rolled = rolled.json();
    let new = text(&rolled, "/token").to_owned();
    let end = "2026-05-02T12:00:00Z";
    for call in [
        "GET /v1/whoami",
        "GET /v1/views/all/data",
        "GET /v1/keys",
        "GET /v1/views/none/data",
    ] {
        let reply = world.call(&old, call, &Json::Null).await;
        assert_eq!(reply.header(EXPIRES), end, "{call}");
        let reply = world.call(&new, call, &Json::Null).await;
        assert_eq!(reply.header(EXPIRES), "", "{call}");
    }
    let shown = world.get(&format!("/v1/keys/{id}")).await.expect(200);
    assert!(!shown.text().contains(&new[20..]));
    let shown = shown.json();
    for (pointer, value) in [
        ("/secrets/0/replaced", json!(true)),
        ("/secrets/0/expires_at", json!(end)),
        ("/secrets/0/last_used_at", json!(crate::testing::NOW)),
        ("/secrets/0/end_after_silence", Json::Null),
        ("/secrets/1/replaced", json!(false)),
        ("/secrets/1/expires_at", Json::Null),
    ] {
        assert_eq!(shown.pointer(pointer), Some(&value), "{pointer} of {shown}");
    }
    for member in [
        "id",
        "name",
        "grants",
        "restrictions",
        "limits",
        "created_at",
        "created_by",
    ] {
        assert_eq!(shown[member], before[member], "{member}");
    }
    world.clock.advance(Duration::from_secs(86_400));
    world
        .call(&old, "GET /v1/whoami", &Json::Null)
        .await
        .expect(401);
    world
        .call(&new, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
    let shown = world
        .get(&format!("/v1/keys/{id}"))
        .await
        .expect(200)
        .json();
    assert_eq!(shown["secrets"].as_array().map(Vec::len), Some(1));
}

/// Whoever has what was made of a secret has no secret to replace.
#[tokio::test]
async fn k6_holders_of_derived_tokens_and_tickets_are_told_nothing_of_the_secret() {
    let world = World::with_sales().await;
    let saved = json!({ "name": "q", "query": { "analysis": "count", "pool": "sales" },
        "refresh_rate": 0 });
    world.post("/v1/saved-queries", &saved).await.expect(201);
    let (id, old) = world
        .deriving(json!({ "grants": [
            { "on": "view:all", "actions": ["read"], "constraints": "all_rows" },
            { "on": "saved:q", "actions": ["run"], "constraints": "all_rows" },
        ] }))
        .await;
    let derived = derive(&old, &world.project().await, 1, json!({}));
    let ticket = json!({ "saved_query": "q", "origin": "https://shop.example",
        "expires_in": 3_600 });
    let made = world.call(&old, "POST /v1/tickets", &ticket).await;
    let made = made.expect(201).json();
    let result = format!("GET /v1/tickets/{}/result", text(&made, "/ticket"));
    let roll = format!("/v1/keys/{id}/roll");
    world
        .post(&roll, &json!({ "grace": "24h" }))
        .await
        .expect(201);
    let data = "GET /v1/views/all/data";
    let shown = world.call(&old, data, &Json::Null).await.expect(200);
    assert_ne!(shown.header(EXPIRES), "");
    let shown = world.call(&derived, data, &Json::Null).await.expect(200);
    assert_eq!(shown.header(EXPIRES), "");
    let mut visit = request("", &result, &Json::Null);
    let page = http::HeaderValue::from_static("https://shop.example");
    visit.headers_mut().insert("origin", page);
    let shown = world.send(visit).await.expect(200);
    assert_eq!(shown.header(EXPIRES), "");
}

#[tokio::test]
async fn what_a_roll_cannot_mean_is_refused_and_the_key_is_as_it_was() {
    let world = World::new().await;
    let (id, token) = world.key(json!([])).await;
    let key = format!("/v1/keys/{id}");
    let before = world.get(&key).await.expect(200).json();
    for (body, code, pointer) in [
        (json!({}), "missing_member", "/grace"),
        (json!({ "grace": "8d" }), "invalid_value", "/grace"),
        (
            json!({ "grace": "1h", "code": "12345" }),
            "invalid_value",
            "/code",
        ),
        (
            json!({ "grace": "1h", "person": "ada@shop.example" }),
            "missing_member",
            "/code",
        ),
        (
            json!({ "ends_at": "2026-04-01T00:00:00Z" }),
            "invalid_value",
            "/ends_at",
        ),
        (
            json!({ "grace": "1h", "forced": true }),
            "unknown_member",
            "/forced",
        ),
    ] {
        let reply = world.post(&format!("{key}/roll"), &body).await.expect(400);
        assert_eq!(reply.code(), code, "{body}");
        assert_eq!(reply.json()["pointer"], pointer, "{body}");
    }
    for call in ["end-grace", "undo-roll"] {
        let reply = world
            .post(&format!("{key}/{call}"), &Json::Null)
            .await
            .expect(409);
        assert_eq!(reply.code(), "not_rolling");
    }
    assert_eq!(world.get(&key).await.expect(200).json(), before);
    world
        .call(&token, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
}

#[tokio::test]
async fn k6_a_roll_that_did_not_end_the_old_secret_is_not_taken_back_and_says_why() {
    let world = World::new().await;
    let (id, old) = world.key(json!([])).await;
    let key = format!("/v1/keys/{id}");
    let roll = json!({ "grace": "24h" });
    let rolled = world.post(&format!("{key}/roll"), &roll).await.expect(201);
    let new = text(&rolled.json(), "/token").to_owned();
    let revoke = "POST /v1/keys/self/revoke";
    world.call(&new, revoke, &Json::Null).await.expect(204);
    let undo = format!("{key}/undo-roll");
    let force = json!({ "force": true });
    let refused = world.post(&undo, &force).await.expect(409);
    assert_eq!(refused.code(), "not_rolling");
    let told = refused.json();
    assert!(text(&told, "/detail").contains("roll the key"), "{told}");
    // The next roll is another one, and taking it back would make the old one permanent.
    world.post(&format!("{key}/roll"), &roll).await.expect(201);
    let before = world.get(&key).await.expect(200).json();
    let refused = world.post(&undo, &force).await.expect(409);
    assert_eq!(refused.code(), "not_rolling");
    let told = refused.json();
    assert!(text(&told, "/detail").contains("end its grace"), "{told}");
    assert_eq!(world.get(&key).await.expect(200).json(), before);
    let end = "2026-05-02T12:00:00Z";
    assert_eq!(text(&before, "/secrets/0/expires_at"), end);
    world.clock.advance(Duration::from_secs(86_400));
    let late = world.call(&old, "GET /v1/whoami", &Json::Null);
    late.await.expect(401);
}

#[tokio::test]
async fn who_uses_what_would_end_is_told_and_force_ends_it() {
    let world = World::new().await;
    let (id, old) = world.key(json!([])).await;
    let key = format!("/v1/keys/{id}");
    let roll = json!({ "grace": "1h", "end_after_silence": 30 });
    world.post(&format!("{key}/roll"), &roll).await.expect(201);
    let again = world.post(&format!("{key}/roll"), &roll).await.expect(409);
    assert_eq!(again.code(), "rolling");
    world
        .call(&old, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
    let end = format!("{key}/end-grace");
    let refused = world
        .post(&end, &json!({ "force": false }))
        .await
        .expect(409);
    assert_eq!(refused.code(), "recently_used");
    let problem = refused.json();
    let told = text(&problem, "/errors/0/detail");
    assert!(
        told.contains(old.split('_').nth(2).expect("the id")),
        "{told}"
    );
    let ended = world
        .post(&end, &json!({ "force": true }))
        .await
        .expect(200);
    assert_eq!(ended.json()["secrets"].as_array().map(Vec::len), Some(1));
    world
        .call(&old, "GET /v1/whoami", &Json::Null)
        .await
        .expect(401);
}

#[tokio::test]
async fn k4_a_repeated_create_copy_or_roll_answers_the_key_without_its_token() {
    let world = World::new().await;
    let (id, _) = world.key(json!([])).await;
    let named = async |path: &str, name: &str, body: &Json| {
        let mut request = request(&world.admin, &format!("POST {path}"), body);
        let name = name.parse().expect("a header");
        request.headers_mut().insert("idempotency-key", name);
        world.send(request).await
    };
    let create = json!({ "name": "Ada", "grants": [] });
    let roll = json!({ "grace": "1h" });
    for (path, body) in [
        ("/v1/keys".to_owned(), &create),
        (format!("/v1/keys/{id}/copy"), &json!({})),
        (format!("/v1/keys/{id}/roll"), &roll),
    ] {
        let first = named(&path, "a", body).await.expect(201);
        let token = text(&first.json(), "/token").to_owned();
        for _ in 0..3 {
            let again = named(&path, "a", body).await.expect(200);
            assert_eq!(again.header("idempotency-replayed"), "true");
            assert!(!again.text().contains(&token[20..]), "{path}");
            let again = again.json();
            assert_eq!(again["repeated"], true);
            assert_eq!(again["id"], first.json()["id"]);
            assert_eq!(again.get("token"), None);
        }
        let other = named(&path, "a", &json!({ "name": "other", "grants": [] })).await;
        assert!(
            [400, 422].contains(&other.status),
            "{path}: {}",
            other.text()
        );
    }
    let other = named("/v1/keys", "a", &json!({ "name": "other", "grants": [] })).await;
    assert_eq!(other.expect(422).code(), "idempotency_mismatch");
    named("/v1/keys", "b", &create).await.expect(201);
    let bad = named("/v1/keys", "a b", &create).await.expect(400);
    assert_eq!(bad.code(), "invalid_value");
    let keys = world.get("/v1/keys").await.expect(200).json();
    assert_eq!(keys["items"].as_array().map(Vec::len), Some(5));
}

#[tokio::test]
async fn a_secret_that_is_older_than_its_owner_wants_raises_an_alert() {
    let world = World::new().await;
    let body = json!({ "name": "k", "grants": [], "rotate_after": "90d" });
    let made = world.post("/v1/keys", &body).await.expect(201).json();
    assert_eq!(
        (&made["rotate_after"], &made["alerts"]),
        (&json!("90d"), &json!([]))
    );
    world.clock.advance(Duration::from_secs(90 * 86_400));
    let key = format!("/v1/keys/{}", text(&made, "/id"));
    let due = world.get(&key).await.expect(200).json();
    assert_eq!(text(&due, "/alerts/0/code"), "rotation_due");
    world
        .post(&format!("{key}/roll"), &json!({ "grace": "0s" }))
        .await
        .expect(201);
    assert_eq!(
        world.get(&key).await.expect(200).json()["alerts"],
        json!([])
    );
    for bad in ["0d", "23h", "3651d", "soon"] {
        let body = json!({ "name": "k", "grants": [], "rotate_after": bad });
        let refused = world.post("/v1/keys", &body).await.expect(400).json();
        assert_eq!(refused["pointer"], "/rotate_after", "{bad}");
    }
}

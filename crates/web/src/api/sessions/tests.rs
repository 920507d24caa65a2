use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use model::people::Totp;
use serde_json::{Value as Json, json};

use crate::testing::people::{FIRST, PASSWORD, first_owner, first_signed_in};
use crate::testing::{World, text};

#[tokio::test]
async fn what_is_malformed_is_named_and_uses_nothing_up() {
    let world = World::new().await;
    let made = world
        .post("/v1/people/first", &first_owner())
        .await
        .expect(201)
        .json();
    let recovery = made["recovery_codes"][0].clone();
    let good = json!({ "sign_in": FIRST, "password": PASSWORD, "recovery_code": recovery });
    for (member, value, pointer) in [
        ("sign_in", json!("ada"), "/sign_in"),
        ("password", json!("x".repeat(257)), "/password"),
        ("recovery_code", json!("short"), "/recovery_code"),
        ("recovery_code", Json::Null, "/code"),
        ("code", json!("123456"), "/recovery_code"),
        ("remember", json!(true), "/remember"),
    ] {
        let mut body = good.clone();
        body[member] = value;
        let reply = world.call("", "POST /v1/sessions", &body).await.expect(400);
        assert_eq!(reply.json()["pointer"], pointer, "{member}");
    }
    let entered = world
        .call("", "POST /v1/sessions", &good)
        .await
        .expect(201)
        .json();
    assert_eq!(entered["person"]["recovery_codes_left"], 9);
    let again = world.call("", "POST /v1/sessions", &good).await.expect(401);
    assert_eq!(again.code(), "sign_in_refused");
}

#[tokio::test]
async fn k8_after_five_wrong_attempts_the_answer_says_how_long_to_wait() {
    let world = World::new().await;
    world
        .post("/v1/people/first", &first_owner())
        .await
        .expect(201);
    let wrong = json!({ "sign_in": FIRST, "password": "not the password at all",
        "code": "123456" });
    for _ in 0..5 {
        world
            .call("", "POST /v1/sessions", &wrong)
            .await
            .expect(401);
    }
    let reply = world
        .call("", "POST /v1/sessions", &wrong)
        .await
        .expect(429);
    assert_eq!(reply.header("retry-after"), "30");
    assert_eq!(reply.code(), "too_many_attempts");
}

/// The one thread on which passwords are compared is taken, so that whatever was
/// let in to it stays there.
#[test]
fn k10_whoever_comes_while_two_passwords_are_compared_may_come_again_in_a_second() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(1).build();
    runtime.expect("a runtime").block_on(async {
        let world = World::new().await;
        world
            .post("/v1/people/first", &first_owner())
            .await
            .expect(201);
        let (freed, until_freed) = std::sync::mpsc::channel::<()>();
        let taken = tokio::task::spawn_blocking(move || until_freed.recv().is_err());
        let guess = |number: usize| {
            let world = &world;
            async move {
                let body = json!({ "sign_in": format!("n{number}@example.com"),
                    "password": "not the password at all", "code": "123456" });
                world.call("", "POST /v1/sessions", &body).await
            }
        };
        let mut guesses: FuturesUnordered<_> = (0..5).map(guess).collect();
        for _ in 0..3 {
            // Not for the comparison that never ends: who waits for one is wrong.
            let answer = tokio::time::timeout(Duration::from_secs(60), guesses.next()).await;
            let answer = answer.expect("it waits for no other").expect("a guess");
            let refused = answer.expect(429);
            assert_eq!(refused.code(), "too_many_attempts");
            assert_eq!(refused.header("retry-after"), "1");
        }
        drop(freed);
        assert!(taken.await.expect("it ends"));
        while let Some(answer) = guesses.next().await {
            assert_eq!(answer.expect(401).code(), "sign_in_refused");
        }
        // Both places are free again.
        guess(5).await.expect(401);
    });
}

#[tokio::test]
async fn k10_short_and_common_passwords_are_refused_by_name() {
    let world = World::new().await;
    for password in ["fourteen chars", "passwordpassword", FIRST] {
        let mut body = first_owner();
        body["password"] = json!(password);
        let reply = world.post("/v1/people/first", &body).await.expect(400);
        assert_eq!(reply.json()["pointer"], "/password", "{password}");
    }
    let people = world.get("/v1/people").await.expect(200).json();
    assert_eq!(people["items"], json!([]));
}

#[tokio::test]
async fn k9_new_factors_are_shown_once_and_count_when_the_new_app_shows_its_code() {
    let world = World::new().await;
    let ada = first_signed_in(&world).await;
    let body = ada.proving(&world, json!({}));
    let offered = ada
        .call(&world, "POST /v1/people/me/factors", &body)
        .await
        .expect(200);
    assert_eq!(offered.header("set-cookie"), "", "nothing has changed yet");
    assert_eq!(offered.header("cache-control"), "no-store");
    let shown = offered.json();
    assert_ne!(text(&shown, "/app/secret"), ada.app.reveal().as_str());
    assert_eq!(shown["recovery_codes"].as_array().expect("codes").len(), 10);
    let confirm = async |code: &str| {
        let body = json!({ "code": code });
        ada.call(&world, "POST /v1/people/me/factors/confirm", &body)
            .await
    };
    let malformed = confirm("12").await.expect(400);
    assert_eq!(malformed.json()["pointer"], "/code");
    let old = ada.app.shown_at(world.state.clock.now());
    let refused = confirm(&old).await.expect(403);
    assert_eq!(refused.code(), "code_refused");
    let app = Totp::parse(text(&shown, "/app/secret")).expect("a secret");
    let code = app.shown_at(world.state.clock.now());
    let changed = confirm(&code).await.expect(200);
    assert!(changed.header("set-cookie").starts_with("__Host-tidegate="));
    let again = confirm(&code).await.expect(409);
    assert_eq!(again.code(), "nothing_offered");
    // The browser has the new session, and the one before has ended.
    let sessions = ada.call(&world, "GET /v1/sessions", &Json::Null).await;
    let sessions = sessions.expect(200).json();
    assert_eq!(sessions["items"].as_array().expect("a list").len(), 1);
    // The old app's next code is of no use.
    let mut body = ada.proving(&world, json!({}));
    body["sign_in"] = json!(FIRST);
    world.call("", "POST /v1/sessions", &body).await.expect(401);
}

//! Leaked tokens (K21): reported, held, told of, and let go again.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::caller::seen::tests::from;
use crate::testing::derived::{derive, id as testing_id};
use crate::testing::people::first_signed_in;
use crate::testing::{Log, Reply, World, request, text};

const HOME: &str = "192.0.2.7";
const THIEF: &str = "203.0.113.9";
const FINDER: &str = "198.51.100.1";
const DAY: Duration = Duration::from_secs(24 * 3_600);
const SECOND: Duration = Duration::from_secs(1);

async fn send(world: &World, address: &str, token: &str, call: &str, body: &Json) -> Reply {
    from(world, Some(address), request(token, call, body)).await
}

async fn read(world: &World, address: &str, token: &str) -> Reply {
    send(world, address, token, "GET /v1/views/all/data", &Json::Null).await
}

async fn report(world: &World, token: &str) -> Reply {
    let body = json!({ "token": token });
    send(world, FINDER, "", "POST /v1/keys/report", &body).await
}

fn valid(is: bool) -> Json {
    json!({ "valid": is })
}

/// A key that was used from its network for longer than a day.
async fn settled(world: &World, grants: Json) -> (String, String) {
    let (id, token) = world.key(grants).await;
    send(world, HOME, &token, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
    world.clock.advance(DAY);
    (id, token)
}

fn reader() -> Json {
    json!([{ "on": "view:all", "actions": ["read"], "constraints": "all_rows" }])
}

async fn key(world: &World, id: &str) -> Json {
    world
        .get(&format!("/v1/keys/{id}"))
        .await
        .expect(200)
        .json()
}

async fn notices(world: &World) -> Vec<Json> {
    let list = world.get("/v1/notices").await.expect(200).json();
    list["items"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn k21_a_reported_token_is_held_before_the_answer_and_its_owner_is_told() {
    let world = World::with_sales().await;
    let (log, guard) = Log::start();
    let grants = json!([
        { "on": "project", "actions": ["admin"] },
        { "on": "view:all", "actions": ["read"], "constraints": "all_rows" },
        { "on": "pool:sales", "actions": ["ingest", "delete"], "constraints": "all_rows" },
    ]);
    let (id, token) = settled(&world, grants).await;
    read(&world, THIEF, &token).await.expect(200);

    let found =
        json!({ "token": format!(" {token}\n"), "found_at": "https://git.example/\u{202e}a" });
    let reported = send(&world, FINDER, "", "POST /v1/keys/report", &found).await;
    assert_eq!(reported.expect(200).json(), valid(true));

    // At once: nothing from elsewhere, and at home what the grants say, at a trickle.
    let refused = read(&world, THIEF, &token).await.expect(403);
    assert_eq!(refused.code(), "quarantined");
    read(&world, HOME, &token).await.expect(200);
    let second = read(&world, "192.0.2.200", &token).await.expect(429);
    assert_eq!(
        (second.code().as_str(), second.header("retry-after")),
        ("rate_limited", "1")
    );
    for (call, body) in [
        ("GET /v1/keys", Json::Null),
        ("POST /v1/keys", json!({ "name": "mine", "grants": [] })),
        ("POST /v1/pools/sales/delete", json!({ "all": true })),
    ] {
        world.clock.advance(SECOND);
        let refused = send(&world, HOME, &token, call, &body).await.expect(403);
        assert_eq!(refused.code(), "quarantined", "{call}");
    }
    world.clock.advance(SECOND);
    let record = json!({ "customer": "a" });
    let written = send(
        &world,
        HOME,
        &token,
        "POST /v1/pools/sales/records",
        &record,
    );
    written.await.expect(200);

    let shown = key(&world, &id).await;
    assert_eq!(
        (&shown["status"], &shown["alerts"][0]["code"]),
        (&json!("quarantined"), &json!("leaked"))
    );
    let secret = text(&shown, "/secrets/0/id").to_owned();
    assert!(shown["secrets"][0]["quarantined_at"].is_string());
    let told = notices(&world).await;
    let leaked: Vec<&Json> = told
        .iter()
        .filter(|told| told["kind"] == "leaked")
        .collect();
    assert_eq!((leaked.len(), &leaked[0]["key"]["id"]), (1, &json!(id)));
    let detail = text(leaked[0], "/detail");
    assert!(
        detail.contains(&secret) && detail.contains("https://git.example/\u{fffd}a"),
        "{detail}"
    );
    let audit = world
        .get("/v1/audit?action=key.quarantine")
        .await
        .expect(200)
        .json();
    let entry = &audit["items"][0];
    assert_eq!(
        (
            &entry["actor"],
            &entry["address"],
            &entry["secret"],
            &entry["subject_id"]
        ),
        (&json!("report"), &json!(FINDER), &json!(secret), &json!(id)),
        "{entry}"
    );
    drop(guard);
    assert!(log.text().contains("reported as leaked"));
    assert!(
        !log.text().contains(&token[20..]),
        "the token is in the log"
    );

    // A second report changes nothing and is answered alike.
    assert_eq!(report(&world, &token).await.expect(200).json(), valid(true));
    assert_eq!(key(&world, &id).await, shown);

    // The new secret is whole at once; the old one stays held until its grace ends.
    let path = format!("/v1/keys/{id}");
    let rolled = world
        .post(&format!("{path}/roll"), &json!({ "grace": "1h" }))
        .await;
    let new = text(&rolled.expect(201).json(), "/token").to_owned();
    for _ in 0..3 {
        send(&world, THIEF, &new, "GET /v1/keys", &Json::Null)
            .await
            .expect(200);
    }
    assert_eq!(
        read(&world, THIEF, &token).await.expect(403).code(),
        "quarantined"
    );
    let shown = key(&world, &id).await;
    assert_eq!(
        (&shown["status"], &shown["alerts"][0]["code"]),
        (&json!("active"), &json!("leaked"))
    );
    // Taking the roll back lets nothing out of quarantine.
    world
        .post(&format!("{path}/undo-roll"), &json!({ "force": true }))
        .await
        .expect(200);
    assert_eq!(key(&world, &id).await["status"], "quarantined");
    world
        .post(&format!("{path}/roll"), &json!({ "grace": "1h" }))
        .await
        .expect(201);
    world
        .post(&format!("{path}/end-grace"), &json!({ "force": true }))
        .await
        .expect(200);
    let shown = key(&world, &id).await;
    assert_eq!(
        (&shown["status"], &shown["alerts"]),
        (&json!("active"), &json!([]))
    );
}

#[tokio::test]
async fn k21_whoever_reports_learns_whether_a_token_is_ours_and_nothing_else() {
    let world = World::with_sales().await;
    let (_, token) = settled(&world, reader()).await;
    let last = if token.ends_with('0') { "1" } else { "0" };
    let typo = format!("{}{last}", &token[..token.len() - 1]);
    let random = model::random::SeededRandom::new(99);
    let other = model::secrets::Secret::generate(model::keys::KeyKind::Secret, &random);
    let other = other.reveal();
    let before = world.get("/v1/audit").await.expect(200).json();
    let mut answers = Vec::new();
    for unknown in ["", "x", &typo, other, &"0".repeat(64), "tg_sk_"] {
        let answer = report(&world, unknown).await.expect(200);
        let mut headers = answer.headers.clone();
        headers.remove("x-request-id");
        answers.push((answer.json(), headers));
    }
    assert_eq!(answers[0].0, valid(false));
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    assert_eq!(world.get("/v1/audit").await.expect(200).json(), before);
    let answer = report(&world, &token).await.expect(200);
    let mut headers = answer.headers.clone();
    headers.remove("x-request-id");
    headers.remove("content-length");
    answers[0].1.remove("content-length");
    assert_eq!(
        (answer.json(), headers),
        (valid(true), answers[0].1.clone())
    );
    for (body, code) in [
        (json!({}), "missing_member"),
        (json!({ "token": [token] }), "wrong_type"),
        (json!({ "token": token, "key": "x" }), "unknown_member"),
    ] {
        world.clock.advance(SECOND);
        let refused = send(&world, FINDER, "", "POST /v1/keys/report", &body).await;
        let refused = refused.expect(400);
        assert_eq!(refused.code(), code);
        assert!(!refused.text().contains(&token));
    }
}

#[tokio::test]
async fn a_report_of_a_key_out_of_use_is_kept_for_when_it_comes_back_and_one_for_pages_stays() {
    let world = World::with_sales().await;
    let (id, token) = settled(&world, reader()).await;
    let path = format!("/v1/keys/{id}");
    world
        .post(&format!("{path}/disable"), &json!({}))
        .await
        .expect(200);
    assert_eq!(report(&world, &token).await.expect(200).json(), valid(true));
    assert_eq!(key(&world, &id).await["status"], "disabled");
    world
        .post(&format!("{path}/enable"), &json!({}))
        .await
        .expect(200);
    assert_eq!(key(&world, &id).await["status"], "quarantined");
    assert_eq!(
        read(&world, THIEF, &token).await.expect(403).code(),
        "quarantined"
    );

    let page = json!({ "name": "page", "kind": "publishable", "grants": [
        { "on": "view:all", "actions": ["read"],
          "constraints": [{ "field": "customer", "operator": "eq", "value": "a" }] }] });
    let page = world.post("/v1/keys", &page).await.expect(201).json();
    let (id, token) = (text(&page, "/id"), text(&page, "/token"));
    assert_eq!(report(&world, token).await.expect(200).json(), valid(true));
    assert_eq!(key(&world, id).await["status"], "active");
    read(&world, THIEF, token).await.expect(200);

    // A key that has no usual network yet lets nobody in.
    let (id, token) = world.key(reader()).await;
    read(&world, HOME, &token).await.expect(200);
    report(&world, &token).await.expect(200);
    assert_eq!(
        read(&world, HOME, &token).await.expect(403).code(),
        "quarantined"
    );
    world
        .call(
            &world.admin,
            &format!("DELETE /v1/keys/{id}?force=true"),
            &Json::Null,
        )
        .await
        .expect(204);
    assert_eq!(
        report(&world, &token).await.expect(200).json(),
        valid(false)
    );
}

#[tokio::test]
async fn of_two_secrets_the_one_that_leaked_is_held() {
    let world = World::with_sales().await;
    let (id, old) = settled(&world, reader()).await;
    let path = format!("/v1/keys/{id}");
    let rolled = world
        .post(&format!("{path}/roll"), &json!({ "grace": "24h" }))
        .await;
    let new = text(&rolled.expect(201).json(), "/token").to_owned();
    report(&world, &old).await.expect(200);
    assert_eq!(key(&world, &id).await["status"], "active");
    for _ in 0..3 {
        read(&world, THIEF, &new).await.expect(200);
    }
    read(&world, THIEF, &old).await.expect(403);
    read(&world, HOME, &old).await.expect(200);
    read(&world, HOME, &old).await.expect(429);
    // The other one, too: both take of one trickle.
    report(&world, &new).await.expect(200);
    assert_eq!(key(&world, &id).await["status"], "quarantined");
    read(&world, THIEF, &new).await.expect(403);
    read(&world, HOME, &new).await.expect(429);
    world.clock.advance(SECOND);
    read(&world, HOME, &new).await.expect(200);
    read(&world, HOME, &old).await.expect(429);
}

#[tokio::test]
async fn reports_of_one_network_are_bounded_and_hinder_no_other() {
    let world = World::new().await;
    let (_, token) = settled(&world, json!([])).await;
    for _ in 0..10 {
        report(&world, "x").await.expect(200);
    }
    let refused = report(&world, &token).await.expect(429);
    assert_eq!(
        (refused.code().as_str(), refused.header("retry-after")),
        ("too_many_attempts", "1")
    );
    send(&world, HOME, &token, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
    let body = json!({ "token": token });
    let elsewhere = send(&world, THIEF, "", "POST /v1/keys/report", &body).await;
    assert_eq!(elsewhere.expect(200).json(), valid(true));
    world.clock.advance(SECOND);
    report(&world, "x").await.expect(200);
}

#[tokio::test]
async fn k8_a_key_goes_into_quarantine_without_a_code_and_out_of_it_with_one() {
    let world = World::with_sales().await;
    let (id, token) = settled(&world, reader()).await;
    let owner = first_signed_in(&world).await;
    let quarantine = format!("POST /v1/keys/{id}/quarantine");
    let shown = owner
        .call(&world, &quarantine, &json!({}))
        .await
        .expect(200)
        .json();
    assert_eq!(shown["status"], "quarantined");
    read(&world, THIEF, &token).await.expect(403);
    let release = format!("POST /v1/keys/{id}/release");
    for (body, code) in [
        (json!({}), "code_needed"),
        (json!({ "code": "000000" }), "code_refused"),
    ] {
        let refused = owner.call(&world, &release, &body).await.expect(403);
        assert_eq!(refused.code(), code);
        assert_eq!(key(&world, &id).await["status"], "quarantined");
    }
    let body = json!({ "code": owner.code(&world) });
    let shown = owner.call(&world, &release, &body).await.expect(200).json();
    assert_eq!(
        (&shown["status"], &shown["alerts"]),
        (&json!("active"), &json!([]))
    );
    for _ in 0..3 {
        read(&world, THIEF, &token).await.expect(200);
    }
    // Who is the only one to administer stays; who leaked is held all the same.
    let own = world.get("/v1/whoami").await.expect(200).json();
    let quarantine = format!("/v1/keys/{}/quarantine", text(&own, "/id"));
    assert_eq!(
        world.post(&quarantine, &json!({})).await.expect(409).code(),
        "last_admin"
    );
    assert_eq!(
        report(&world, &world.admin).await.expect(200).json(),
        valid(true)
    );
    assert_eq!(
        world.get("/v1/keys").await.expect(403).code(),
        "quarantined"
    );
}

#[tokio::test]
async fn k21_a_reported_derived_token_is_revoked_alone_before_the_answer_and_its_owner_is_told() {
    let world = World::with_sales().await;
    let (log, guard) = Log::start();
    let (id, secret) = world
        .deriving(json!({ "name": "derives", "grants": reader() }))
        .await;
    let project = world.project().await;
    let token = derive(&secret, &project, 1, json!({}));
    let other = derive(&secret, &project, 2, json!({}));
    for text in [&token, &other] {
        read(&world, THIEF, text).await.expect(200);
    }
    // What is none, and what nobody here signed, learns as little as ever.
    let (signed, signature) = token.rsplit_once('.').expect("parts");
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{signed}.{first}{}", &signature[1..]);
    let foreign = report(&world, "tg_sk_of_nobody").await.expect(200);
    for text in [forged.as_str(), "a.b.c", &format!("{token}x")] {
        let answer = report(&world, text).await.expect(200);
        assert_eq!(answer.text(), foreign.text(), "{text}");
    }
    read(&world, THIEF, &token).await.expect(200);

    let found = json!({ "token": format!("{token}\n"), "found_at": "a page" });
    for _ in 0..2 {
        let reported = send(&world, FINDER, "", "POST /v1/keys/report", &found).await;
        assert_eq!(reported.expect(200).json(), valid(true));
    }
    read(&world, THIEF, &token).await.expect(401);
    // Alone: neither its key nor what else is derived from it.
    read(&world, THIEF, &other).await.expect(200);
    read(&world, THIEF, &secret).await.expect(200);
    assert_eq!(key(&world, &id).await["status"], "active");
    let told = notices(&world).await;
    let jti = testing_id(1);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (&told[0]["kind"], &told[0]["key"]["id"]),
        (&json!("leaked"), &json!(id))
    );
    let detail = text(&told[0], "/detail");
    assert!(
        detail.contains(&jti) && detail.contains("a page"),
        "{detail}"
    );
    assert!(!told[0].to_string().contains(&token));
    let audit = world.get("/v1/audit?action=key.revoke_derived").await;
    let audit = audit.expect(200).json();
    assert_eq!(audit["items"].as_array().map(Vec::len), Some(1), "{audit}");
    assert_eq!(audit["items"][0]["actor"], "report");
    drop(guard);
    assert!(!log.text().contains(&token) && !log.text().contains(signature));

    // One that has ended needs nothing, and is ours all the same.
    world.clock.advance(DAY);
    assert_eq!(report(&world, &other).await.expect(200).json(), valid(true));
    assert_eq!(notices(&world).await.len(), 1);
}

#[tokio::test]
async fn k21_a_derived_token_that_is_meant_for_pages_stays_as_it_is() {
    let world = World::with_sales().await;
    let some = json!([{ "field": "customer", "operator": "eq", "value": "a" }]);
    let grants = json!([{ "on": "view:all", "actions": ["read"], "constraints": some }]);
    let draft = json!({ "name": "pages", "kind": "publishable", "grants": grants });
    let (_, secret) = world.deriving(draft).await;
    let token = derive(&secret, &world.project().await, 1, json!({}));
    read(&world, THIEF, &token).await.expect(200);
    assert_eq!(report(&world, &token).await.expect(200).json(), valid(true));
    read(&world, THIEF, &token).await.expect(200);
    assert_eq!(notices(&world).await.len(), 0);
}

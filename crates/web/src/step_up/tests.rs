use http::HeaderValue;
use serde_json::{Value as Json, json};

use crate::testing::people::{FIRST, first_signed_in};
use crate::testing::{World, text};

fn admin_key() -> Json {
    json!({ "name": "an admin", "grants": [{ "on": "project", "actions": ["admin"] }] })
}

#[tokio::test]
async fn a_proof_is_read_and_named_where_it_is_malformed() {
    let world = World::new().await;
    for (member, value, pointer) in [
        ("code", json!("12345"), "/code"),
        ("code", json!(123_456), "/code"),
        ("person", json!("ada"), "/person"),
        ("person", json!(FIRST), "/code"),
    ] {
        let mut body = admin_key();
        body[member] = value;
        let reply = world.post("/v1/keys", &body).await.expect(400);
        assert_eq!(reply.json()["pointer"], pointer, "{member}");
    }
    // Without people nobody could give a code, and none is asked for.
    world.post("/v1/keys", &admin_key()).await.expect(201);
}

#[tokio::test]
async fn k8_a_key_sends_a_person_and_that_persons_code_to_widen_something() {
    let world = World::new().await;
    let ada = first_signed_in(&world).await;
    let reply = world.post("/v1/keys", &admin_key()).await.expect(403);
    assert_eq!(reply.code(), "code_needed");
    let mut body = admin_key();
    body["person"] = json!(FIRST);
    body["code"] = json!("000000");
    let reply = world.post("/v1/keys", &body).await.expect(403);
    assert_eq!(reply.code(), "code_refused");
    body["code"] = json!(ada.code(&world));
    let made = world.post("/v1/keys", &body).await.expect(201);
    assert_eq!(made.header("set-cookie"), "");
    let id = text(&made.json(), "/id").to_owned();
    let again = world.post("/v1/keys", &body).await.expect(403);
    assert_eq!(again.code(), "code_refused");
    // Switching off needs none, switching on does; so do a copy and a wider grant.
    let path = |what: &str| format!("/v1/keys/{id}/{what}");
    world.post(&path("disable"), &Json::Null).await.expect(200);
    for call in ["enable", "copy"] {
        let reply = world.post(&path(call), &Json::Null).await.expect(403);
        assert_eq!(reply.code(), "code_needed", "{call}");
        let proof = json!({ "person": FIRST, "code": ada.code(&world) });
        let reply = world.post(&path(call), &proof).await;
        assert!(
            [200, 201].contains(&reply.status),
            "{call}: {}",
            reply.text()
        );
    }
    let (plain, _) = world.key(json!([])).await;
    let call = format!("PATCH /v1/keys/{plain}");
    let mut patch = json!({ "grants": admin_key()["grants"] });
    let reply = world.call(&world.admin, &call, &patch).await.expect(403);
    assert_eq!(reply.code(), "code_needed");
    patch["person"] = json!(FIRST);
    patch["code"] = json!(ada.code(&world));
    world.call(&world.admin, &call, &patch).await.expect(200);
    let narrow = json!({ "grants": [] });
    world.call(&world.admin, &call, &narrow).await.expect(200);
}

/// A key that is held to rows, fields, networks, an end and limits: its path.
async fn held(world: &World) -> String {
    let body = json!({ "name": "k", "grants": grants(own_rows(), json!({ "deny": ["email"] })),
        "restrictions": { "ip_ranges": ["192.0.2.0/24"], "expires_at": "2027-01-01T00:00:00Z" },
        "limits": { "requests_per_second": 5,
            "credits": { "core": { "amount": 10, "period": "day" } } } });
    let made = world.post("/v1/keys", &body).await.expect(201).json();
    format!("/v1/keys/{}", text(&made, "/id"))
}

fn own_rows() -> Json {
    json!([{ "field": "customer", "operator": "eq", "value": "a" }])
}

fn grants(rows: Json, fields: Json) -> Json {
    json!([{ "on": "view:all", "actions": ["read"], "constraints": rows, "fields": fields }])
}

#[tokio::test]
async fn k8_a_key_is_let_do_no_more_without_a_code_or_by_a_wrong_one() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let restricted = |ranges: Json, end: Json| {
        let restrictions = json!({ "ip_ranges": ranges, "expires_at": end });
        json!({ "restrictions": restrictions })
    };
    let limited = |requests: u32, amount: u64| {
        json!({ "limits": { "requests_per_second": requests,
            "credits": { "core": { "amount": amount, "period": "day" } } } })
    };
    let (near, end) = (json!(["192.0.2.0/24"]), json!("2027-01-01T00:00:00Z"));
    let cases = [
        ("roll", json!({ "grace": "1h" })),
        ("roll", json!({ "grace": "0s" })),
        (
            "",
            json!({ "grants": grants(json!("all_rows"), json!({ "deny": ["email"] })) }),
        ),
        ("", json!({ "grants": grants(own_rows(), Json::Null) })),
        ("", restricted(Json::Null, end.clone())),
        ("", restricted(json!(["192.0.0.0/16"]), end.clone())),
        ("", restricted(near.clone(), Json::Null)),
        ("", restricted(near, json!("2027-01-01T00:00:01Z"))),
        ("", limited(6, 10)),
        ("", limited(5, 11)),
        ("", json!({ "derived_tokens": true })),
    ];
    let count = cases.len();
    for (what, change) in cases {
        let path = held(&world).await;
        let call = match what {
            "" => format!("PATCH {path}"),
            what => format!("POST {path}/{what}"),
        };
        let before = world.get(&path).await.expect(200);
        let mut wrong = change.clone();
        wrong["code"] = json!("000000");
        for (body, code) in [(&change, "code_needed"), (&wrong, "code_refused")] {
            let refused = ada.call(&world, &call, body).await.expect(403);
            assert_eq!(refused.code(), code, "{call} {body}");
            let after = world.get(&path).await.expect(200);
            assert_eq!(after.header("etag"), before.header("etag"), "{call} {body}");
            assert_eq!(after.json(), before.json(), "{call} {body}");
        }
        let mut proven = change;
        proven["code"] = json!(ada.code(&world));
        let done = ada.call(&world, &call, &proven).await;
        assert!([200, 201].contains(&done.status), "{call}: {}", done.text());
    }
    let audit = world
        .get("/v1/audit?action=person.code_refused&limit=1000")
        .await
        .expect(200)
        .json();
    assert_eq!(audit["items"].as_array().map(Vec::len), Some(count));
}

#[tokio::test]
async fn k8_what_lets_a_key_do_less_needs_no_code_and_taking_that_back_does() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let call = format!("PATCH {}", held(&world).await);
    let of = |fields: Json, time: Json| {
        let mut grants = grants(own_rows(), fields);
        grants[0]["time"] = time;
        json!({ "grants": grants })
    };
    let last = |span: &str| json!({ "field": "_ingested_at", "last": span });
    let narrower = [
        of(json!({ "deny": ["email", "phone"] }), Json::Null),
        of(json!({ "deny": ["email", "phone"] }), last("90d")),
        of(json!({ "deny": ["email", "phone"] }), last("30d")),
        of(json!({ "allow": ["amount", "customer"] }), last("30d")),
        of(
            json!({ "allow": ["amount"] }),
            json!([last("30d"), { "field": "_ingested_at", "from": "2026-01-01T00:00:00Z" }]),
        ),
    ];
    for change in &narrower {
        ada.call(&world, &call, change).await.expect(200);
    }
    for change in narrower.iter().rev().skip(1) {
        let refused = ada.call(&world, &call, change).await.expect(403);
        assert_eq!(refused.code(), "code_needed", "{change}");
    }
}

#[tokio::test]
async fn k10_a_step_up_gives_the_browser_another_cookie_and_a_refusal_gives_none() {
    let world = World::new().await;
    let ada = first_signed_in(&world).await;
    let before = ada.cookie();
    let mut body = admin_key();
    body["code"] = json!("000000");
    let refused = ada.call(&world, "POST /v1/keys", &body).await.expect(403);
    assert_eq!(refused.header("set-cookie"), "");
    body["code"] = json!(ada.code(&world));
    let made = ada.call(&world, "POST /v1/keys", &body).await.expect(201);
    assert!(
        made.header("set-cookie")
            .ends_with("; Secure; HttpOnly; SameSite=Lax")
    );
    assert_ne!(ada.cookie(), before);
    ada.call(&world, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
    let mut request = crate::testing::request("", "GET /v1/whoami", &Json::Null);
    let value = HeaderValue::from_str(&before).expect("a header");
    request.headers_mut().insert("cookie", value);
    assert_eq!(world.send(request).await.status, 401);
}

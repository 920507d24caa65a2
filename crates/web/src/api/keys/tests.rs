use serde_json::{Value as Json, json};

use crate::testing::{World, text};

#[tokio::test]
async fn no_change_is_lost_to_another_at_the_same_time() {
    let world = World::with_sales().await;
    let (id, _) = world.key(json!([])).await;
    let call = format!("PATCH /v1/keys/{id}");
    let changes = (0..8).map(async |number| {
        let member = ["name", "description"][number % 2];
        let patch = json!({ member: format!("changed {number}") });
        world.call(&world.admin, &call, &patch).await.expect(200)
    });
    futures::future::join_all(changes).await;
    let key = world.get(&format!("/v1/keys/{id}")).await.expect(200);
    for member in ["name", "description"] {
        let value = key.json()[member].to_string();
        assert!(value.contains("changed"), "{member} is {value}");
    }
    assert!(
        key.header("etag").ends_with(".9\""),
        "{}",
        key.header("etag")
    );
}

#[tokio::test]
async fn a_token_is_in_the_answer_that_made_it_and_in_no_other() {
    let world = World::with_sales().await;
    let grants = json!([{ "on": "view:all", "actions": ["read"],
        "constraints": [{ "field": "customer", "operator": "eq", "value": "a" }] }]);
    let body = json!({ "name": "Ada", "kind": "secret", "grants": grants,
        "restrictions": { "ip_ranges": null, "expires_at": "2027-01-01T00:00:00Z" },
        "limits": { "requests_per_second": null, "credits": { "core": null } } });
    let made = world.post("/v1/keys", &body).await.expect(201);
    assert_eq!(made.header("cache-control"), "no-store");
    let key = made.json();
    let (id, token) = (
        text(&key, "/id").to_owned(),
        text(&key, "/token").to_owned(),
    );
    for (pointer, value) in [
        ("/name", json!("Ada")),
        ("/status", json!("active")),
        ("/restrictions/expires_at", json!("2027-01-01T00:00:00Z")),
        ("/grants/0/constraints/0/value", json!("a")),
        ("/limits/credits", Json::Null),
        ("/secrets/0/last_used_at", Json::Null),
        ("/last_used_at", Json::Null),
    ] {
        assert_eq!(key.pointer(pointer), Some(&value), "{pointer} of {key}");
    }
    assert!(token.contains(text(&key, "/secrets/0/id")));
    let path = format!("/v1/keys/{id}");
    let mut later = vec![
        world
            .call(&token, "GET /v1/whoami", &Json::Null)
            .await
            .expect(200),
        world
            .call(&token, "GET /v1/views/all/data", &Json::Null)
            .await
            .expect(200),
        world
            .call(&token, "GET /v1/keys", &Json::Null)
            .await
            .expect(403),
        world.get(&path).await.expect(200),
        world.get("/v1/keys").await.expect(200),
        world
            .call(
                &world.admin,
                &format!("PATCH {path}"),
                &json!({ "name": "B" }),
            )
            .await
            .expect(200),
        world
            .post(&format!("{path}/disable"), &Json::Null)
            .await
            .expect(200),
        world
            .post(&format!("{path}/enable"), &json!({}))
            .await
            .expect(200),
        world
            .post(&format!("{path}/copy"), &json!({ "name": "copy" }))
            .await
            .expect(201),
        world
            .post(&format!("{path}/simulate"), &json!({}))
            .await
            .expect(200),
    ];
    assert_eq!(later[3].json()["last_used_at"], crate::testing::NOW);
    let copy = later[8].json();
    let copied = text(&copy, "/token").to_owned();
    assert_ne!(copied, token);
    let rows = world
        .call(&copied, "GET /v1/views/all/data", &Json::Null)
        .await
        .expect(200);
    assert_eq!(rows.json()["data"].as_array().map(Vec::len), Some(3));
    later.push(
        world
            .call(
                &world.admin,
                &format!("DELETE {path}?force=true"),
                &Json::Null,
            )
            .await
            .expect(204),
    );
    later.push(
        world
            .call(&token, "GET /v1/whoami", &Json::Null)
            .await
            .expect(401),
    );
    let secret = &token[token.len() - 49..];
    for reply in later {
        assert!(!reply.text().contains(secret), "{}", reply.text());
    }
}

#[tokio::test]
async fn what_is_not_enforced_is_not_accepted() {
    let world = World::with_sales().await;
    for (change, pointer) in [
        (json!({ "kind": "legacy" }), "/kind"),
        (
            json!({ "grants": [{ "on": "pool:*", "actions": ["search"],
            "constraints": "all_rows" }] }),
            "/grants/0/actions/0",
        ),
    ] {
        let mut body = json!({ "name": "k", "grants": [] });
        for (member, value) in change.as_object().expect("members") {
            body[member] = value.clone();
        }
        let reply = world.post("/v1/keys", &body).await.expect(400);
        assert_eq!(reply.code(), "not_available", "{body}");
        assert_eq!(text(&reply.json(), "/pointer"), pointer);
    }
    let (id, _) = world.key(json!([])).await;
    for (path, body, code) in [
        ("disable", json!({ "for": "1h" }), "unknown_member"),
        ("copy", json!({ "name": 1 }), "wrong_type"),
        ("copy", json!({ "name": "" }), "invalid_name"),
        ("simulate", json!({ "changes": {} }), "unknown_member"),
    ] {
        let reply = world.post(&format!("/v1/keys/{id}/{path}"), &body).await;
        assert_eq!(reply.expect(400).code(), code, "{path} {body}");
    }
    for id in ["x", "01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        let reply = world.get(&format!("/v1/keys/{id}")).await.expect(404);
        assert_eq!(reply.code(), "not_found");
    }
}

#[tokio::test]
async fn the_last_admin_stays_and_grants_are_kept_by_their_id() {
    let world = World::with_sales().await;
    let me = world.get("/v1/whoami").await.expect(200).json();
    let path = format!("/v1/keys/{}", text(&me, "/id"));
    for (call, body) in [
        (format!("DELETE {path}?force=true"), Json::Null),
        (format!("POST {path}/disable"), Json::Null),
        (format!("PATCH {path}"), json!({ "grants": [] })),
    ] {
        let reply = world.call(&world.admin, &call, &body).await.expect(409);
        assert_eq!(reply.code(), "last_admin", "{call}");
    }
    let (id, token) = world
        .key(json!([{ "on": "view:all", "actions": ["read"], "constraints": "all_rows" }]))
        .await;
    let path = format!("/v1/keys/{id}");
    let key = world.get(&path).await.expect(200).json();
    let mut grants = key["grants"].clone();
    grants[0]["constraints"] = json!([{ "field": "customer", "operator": "eq", "value": "b" }]);
    let patch = json!({ "grants": grants });
    let patched = world
        .call(&world.admin, &format!("PATCH {path}"), &patch)
        .await;
    let patched = patched.expect(200).json();
    assert_eq!(patched["grants"][0]["id"], key["grants"][0]["id"]);
    let rows = world
        .call(&token, "GET /v1/views/all/data", &Json::Null)
        .await
        .expect(200);
    assert_eq!(
        rows.json()["data"].as_array().map(Vec::len),
        Some(2),
        "in force at once"
    );
    let expires = json!({ "restrictions": { "expires_at": crate::testing::NOW } });
    let patched = world
        .call(&world.admin, &format!("PATCH {path}"), &expires)
        .await;
    assert_eq!(patched.expect(200).json()["status"], "expired");
    world
        .call(&token, "GET /v1/whoami", &Json::Null)
        .await
        .expect(401);
}

#[tokio::test]
async fn any_token_ends_itself_and_nothing_else() {
    let world = World::with_sales().await;
    // Whoever opens a page has the token in it.
    let body = json!({ "name": "page", "kind": "publishable",
        "grants": [{ "on": "pool:sales", "actions": ["ingest"] }] });
    let page = world.post("/v1/keys", &body).await.expect(201).json();
    let page = text(&page, "/token").to_owned();
    let refused = world.call(&page, "POST /v1/keys/self/revoke", &Json::Null);
    assert_eq!(refused.await.expect(403).code(), "action_not_granted");
    let (id, token) = world.key(json!([])).await;
    let revoke = "POST /v1/keys/self/revoke";
    world.call("", revoke, &Json::Null).await.expect(401);
    world.call(&token, revoke, &Json::Null).await.expect(204);
    world.call(&token, revoke, &Json::Null).await.expect(401);
    world
        .call(&token, "GET /v1/whoami", &Json::Null)
        .await
        .expect(401);
    let key = world.get(&format!("/v1/keys/{id}")).await.expect(200);
    let key = key.json();
    assert_eq!(key["secrets"], json!([]));
    assert_eq!(text(&key, "/alerts/0/code"), "no_secret");
    world
        .call(&world.admin, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_key_in_use_is_deleted_with_force_alone() {
    let world = World::new().await;
    let (id, token) = world.key(json!([])).await;
    world
        .call(&token, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
    for (parameters, status, code) in [
        ("", 409, "recently_used"),
        ("?force=false", 409, "recently_used"),
        ("?force=yes", 400, "invalid_value"),
        ("?forced=true", 400, "unknown_member"),
    ] {
        let call = format!("DELETE /v1/keys/{id}{parameters}");
        let reply = world.call(&world.admin, &call, &Json::Null).await;
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
    }
    let call = format!("DELETE /v1/keys/{id}?force=true");
    world
        .call(&world.admin, &call, &Json::Null)
        .await
        .expect(204);
}

#[tokio::test]
async fn k15_the_owner_is_told_that_a_secret_came_from_a_page() {
    let world = World::new().await;
    let (id, token) = world.key(json!([])).await;
    let mut from_page = crate::testing::request(&token, "GET /v1/whoami", &Json::Null);
    let origin = "https://shop.example".parse().expect("a header");
    from_page.headers_mut().insert("origin", origin);
    let refused = world.send(from_page).await.expect(403);
    assert_eq!(refused.code(), "origin_not_allowed");
    let path = format!("/v1/keys/{id}");
    let key = world.get(&path).await.expect(200).json();
    assert_eq!(
        text(&key, "/secrets/0/used_from_page_at"),
        crate::testing::NOW
    );
    assert_eq!(text(&key, "/alerts/0/code"), "used_from_page");
    let roll = json!({ "grace": "0s", "force": true });
    world.post(&format!("{path}/roll"), &roll).await.expect(201);
    let key = world.get(&path).await.expect(200).json();
    assert_eq!(key["alerts"], json!([]));
}

#[tokio::test]
async fn each_secret_shows_from_where_it_was_last_used() {
    let world = World::new().await;
    let (id, old) = world.key(json!([])).await;
    let path = format!("/v1/keys/{id}");
    let key = world.get(&path).await.expect(200).json();
    assert_eq!(key["secrets"][0]["last_used_from"], Json::Null);
    assert_eq!(key["networks"], json!([]));
    let roll = json!({ "grace": "24h" });
    let rolled = world.post(&format!("{path}/roll"), &roll).await.expect(201);
    let new = text(&rolled.json(), "/token").to_owned();
    let uses = [
        (&old, "192.0.2.7", Some("cron/1\tnightly")),
        (&new, "2001:db8:1::5", None),
    ];
    for (token, address, agent) in uses {
        let mut request = crate::testing::request(token, "GET /v1/whoami", &Json::Null);
        if let Some(agent) = agent {
            let agent = agent.parse().expect("a header");
            request.headers_mut().insert("user-agent", agent);
        }
        crate::caller::seen::tests::from(&world, Some(address), request)
            .await
            .expect(200);
    }
    let key = world.get(&path).await.expect(200).json();
    let secrets = key["secrets"].as_array().expect("a list");
    let of = |replaced: bool| {
        let mut found = secrets
            .iter()
            .filter(|secret| secret["replaced"] == replaced);
        found.next().expect("is there")["last_used_from"].clone()
    };
    let told = json!({ "address": "192.0.2.7", "agent": "cron/1\u{fffd}nightly" });
    assert_eq!(of(true), told);
    let told = json!({ "address": "2001:db8:1::5", "agent": null });
    assert_eq!(of(false), told);
    let now = crate::testing::NOW;
    let network =
        |network: &str| json!({ "network": network, "first_used_at": now, "last_used_at": now });
    let networks = json!([network("192.0.2.0/24"), network("2001:db8:1::/48")]);
    assert_eq!(key["networks"], networks);
}

#[tokio::test]
async fn k13_a_change_with_a_bad_member_names_it_and_leaves_the_key_as_it_was() {
    let world = World::with_sales().await;
    let body = json!({ "name": "Ada", "rotate_after": "90d",
        "grants": [{ "on": "view:all", "actions": ["read"], "constraints": "all_rows" }],
        "restrictions": { "ip_ranges": ["192.0.2.0/24"], "expires_at": "2027-01-01T00:00:00Z" },
        "limits": { "requests_per_second": 5,
            "credits": { "core": { "amount": 10, "period": "day" } } } });
    let made = world.post("/v1/keys", &body).await.expect(201).json();
    let path = format!("/v1/keys/{}", text(&made, "/id"));
    let before = world.get(&path).await.expect(200);
    let (tag, before) = (before.header("etag").to_owned(), before.json());
    let restricted = |member: &str, value: Json| json!({ "restrictions": { member: value } });
    let limited = |credits: Json| json!({ "limits": { "credits": { "core": credits } } });
    for (patch, pointer) in [
        (
            restricted("ip_ranges", json!(["192.0.2.0/33"])),
            "/restrictions/ip_ranges",
        ),
        (
            restricted("ip_ranges", json!(["10.0.0.1", "010.0.0.1"])),
            "/restrictions/ip_ranges",
        ),
        (
            restricted("ip_ranges", json!(["fe80::1%eth0"])),
            "/restrictions/ip_ranges",
        ),
        (
            restricted("ip_ranges", json!([])),
            "/restrictions/ip_ranges",
        ),
        (
            restricted("allowed_domains", json!(["https://www.example.com/x"])),
            "/restrictions/allowed_domains",
        ),
        (
            restricted("allowed_domains", json!(["*.*.example.com"])),
            "/restrictions/allowed_domains",
        ),
        (
            restricted("expires_at", json!("tomorrow")),
            "/restrictions/expires_at",
        ),
        (
            restricted("signed_requests", json!("yes")),
            "/restrictions/signed_requests",
        ),
        (
            limited(json!({ "amount": 10, "period": "fortnight" })),
            "/limits/credits/core/period",
        ),
        (
            limited(json!({ "amount": -1, "period": "day" })),
            "/limits/credits/core/amount",
        ),
        (
            json!({ "limits": { "requests_per_second": 0 } }),
            "/limits/requests_per_second",
        ),
        (json!({ "rotate_after": "soon" }), "/rotate_after"),
        // Of several members one is good: none of them counts.
        (
            json!({ "name": "Bob", "rotate_after": "0d" }),
            "/rotate_after",
        ),
        (
            json!({ "name": "Bob", "grants": [{ "on": "view:none", "actions": ["read"],
                "constraints": "all_rows" }] }),
            "/grants/0/on",
        ),
    ] {
        let call = format!("PATCH {path}");
        let refused = world.call(&world.admin, &call, &patch).await.expect(400);
        let refused = refused.json();
        assert!(
            text(&refused, "/pointer").starts_with(pointer),
            "{patch}: {refused}"
        );
        let after = world.get(&path).await.expect(200);
        assert_eq!(after.header("etag"), tag, "{patch}");
        assert_eq!(after.json(), before, "{patch}");
    }
    let audit = world.get("/v1/audit?action=key.change").await.expect(200);
    assert_eq!(audit.json()["items"], json!([]));
}

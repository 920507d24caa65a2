use serde_json::{Value as Json, json};

use crate::testing::{Reply, World, request, text};

const NONE: Json = Json::Null;
const ISSUE: &str = "POST /v1/issued-keys";

fn only(customer: &str) -> Json {
    json!([{ "field": "customer", "operator": "eq", "value": customer }])
}

fn reads() -> Json {
    json!({ "on": "view:all", "actions": ["read"], "constraints": "all_rows" })
}

/// A key of customer `a` that issues: its id and its token.
async fn maker(world: &World, more: Json) -> (String, String) {
    let mut draft = json!({ "name": "maker", "grants": [
        { "on": "project", "actions": ["issue"] },
        { "on": "view:all", "actions": ["read"], "constraints": only("a") },
        { "on": "pool:sales", "actions": ["ingest"], "injections": { "customer": "a" } }] });
    for (name, value) in more.as_object().expect("members") {
        draft[name] = value.clone();
    }
    let made = world.post("/v1/keys", &draft).await.expect(201).json();
    (
        text(&made, "/id").to_owned(),
        text(&made, "/token").to_owned(),
    )
}

async fn issue(world: &World, maker: &str, draft: Json) -> Json {
    let mut body = draft;
    body["name"] = "issued".into();
    world.call(maker, ISSUE, &body).await.expect(201).json()
}

/// A call of a maker that keeps to five changes in a second.
async fn calmly(world: &World, maker: &str, call: &str, body: &Json) -> Reply {
    world.clock.advance(std::time::Duration::from_millis(200));
    world.call(maker, call, body).await
}

async fn rows(world: &World, token: &str) -> Reply {
    world.call(token, "GET /v1/views/all/data", &NONE).await
}

fn count(reply: Reply) -> usize {
    let rows = reply.expect(200).json();
    rows["data"].as_array().expect("rows").len()
}

#[tokio::test]
async fn an_issued_key_reaches_no_further_than_its_maker() {
    let world = World::with_sales().await;
    let (id, token) = maker(&world, json!({})).await;
    let writes =
        json!({ "on": "pool:sales", "actions": ["ingest"], "injections": { "email": "x" } });
    let made = issue(&world, &token, json!({ "grants": [reads(), writes] })).await;
    assert_eq!(made["issued_by"], id);
    assert_eq!(made["created_by"], format!("key:{id}"));
    assert_eq!(made["grants"][0]["constraints"], only("a"));
    let issued = text(&made, "/token");
    assert_eq!(count(rows(&world, issued).await), 3);
    let record = json!([{ "customer": "b", "amount": 9 }]);
    world
        .call(issued, "POST /v1/pools/sales/records", &record)
        .await
        .expect(200);
    let all = world.get("/v1/views/all/data").await.expect(200).json();
    let stored = all["data"]
        .as_array()
        .expect("rows")
        .iter()
        .find(|row| row["amount"] == 9);
    assert_eq!(stored.expect("stored")["customer"], "a");
    assert_eq!(stored.expect("stored")["email"], "x");
    // It administers nothing, and neither does its maker.
    for caller in [issued, &token] {
        world.call(caller, "GET /v1/keys", &NONE).await.expect(403);
    }
    let again = json!({ "name": "k", "grants": [] });
    assert_eq!(
        world.call(issued, ISSUE, &again).await.expect(403).code(),
        "action_not_granted"
    );
}

#[tokio::test]
async fn what_a_maker_cannot_give_is_refused() {
    let world = World::with_sales().await;
    let other = json!({ "name": "other", "schema": "open" });
    world.post("/v1/pools", &other).await.expect(201);
    let (_, token) = maker(&world, json!({
        "restrictions": { "ip_ranges": null, "expires_at": "2026-06-01T00:00:00Z" },
        "limits": { "requests_per_second": 50, "credits": { "core": { "amount": 10, "period": "day" } } },
    })).await;
    let asked = async |more: Json| {
        let mut body = json!({ "name": "k", "grants": [] });
        for (name, value) in more.as_object().expect("members") {
            body[name] = value.clone();
        }
        calmly(&world, &token, ISSUE, &body).await
    };
    let grant = |on: &str, action: &str| {
        let rows = (action != "ingest" && on != "project").then_some("all_rows");
        json!({ "grants": [{ "on": on, "actions": [action], "constraints": rows }] })
    };
    for (more, pointer) in [
        (grant("project", "admin"), "/grants/0/actions"),
        (grant("project", "issue"), "/grants/0/actions"),
        (grant("pool:sales", "query"), "/grants/0/actions"),
        (grant("pool:*", "ingest"), "/grants/0/actions"),
        (grant("view:*", "read"), "/grants/0/actions"),
        (
            json!({ "restrictions": { "expires_at": "2026-06-01T00:00:01Z" } }),
            "/restrictions/expires_at",
        ),
        (
            json!({ "limits": { "requests_per_second": 51 } }),
            "/limits/requests_per_second",
        ),
        (
            json!({ "limits": { "credits": { "core": { "amount": 11, "period": "day" } } } }),
            "/limits/credits/core",
        ),
        (
            json!({ "limits": { "credits": { "core": { "amount": 1, "period": "month" } } } }),
            "/limits/credits/core",
        ),
        (json!({ "derived_tokens": true }), "/derived_tokens"),
        (
            json!({ "issued_by": "01ARZ3NDEKTSV4RRFFQ69G5FAV" }),
            "/issued_by",
        ),
    ] {
        let refused = asked(more.clone()).await.expect(400).json();
        assert_eq!(refused["pointer"], pointer, "{more}: {refused}");
    }
    // What the maker does not reach is as what is not there.
    let there = asked(grant("pool:other", "ingest"))
        .await
        .expect(400)
        .json();
    let absent = asked(grant("pool:nosuch", "ingest"))
        .await
        .expect(400)
        .json();
    assert_eq!(there["code"], "unknown_resource");
    let told = |answer: &Json| {
        answer["detail"]
            .as_str()
            .expect("text")
            .replace("other", "nosuch")
    };
    assert_eq!(told(&there), told(&absent));
    // What is not said is the maker's.
    let made = asked(json!({})).await.expect(201).json();
    assert_eq!(made["restrictions"]["expires_at"], "2026-06-01T00:00:00Z");
    assert_eq!(made["limits"]["requests_per_second"], 50);
    assert_eq!(made["limits"]["credits"]["core"]["amount"], 10);
}

#[tokio::test]
async fn a_maker_lists_and_ends_its_own_keys_and_no_others() {
    let world = World::with_sales().await;
    let (_, token) = maker(&world, json!({})).await;
    let (_, other) = maker(&world, json!({})).await;
    let first = issue(&world, &token, json!({ "grants": [reads()] })).await;
    let second = issue(&world, &token, json!({ "grants": [] })).await;
    let others = issue(&world, &other, json!({ "grants": [] })).await;
    let id = |key: &Json| text(key, "/id").to_owned();
    let copy = world
        .post(&format!("/v1/keys/{}/copy", id(&first)), &json!({}))
        .await;
    let copy = copy.expect(201).json();
    assert_eq!(copy["issued_by"], first["issued_by"]);
    let list = calmly(&world, &token, "GET /v1/issued-keys", &NONE)
        .await
        .expect(200)
        .json();
    let listed: Vec<&str> = list["items"]
        .as_array()
        .expect("keys")
        .iter()
        .map(|key| text(key, "/id"))
        .collect();
    assert_eq!(listed, [id(&first), id(&second)]);
    assert!(!list.to_string().contains(text(&first, "/token")));
    // Another's, an administrator's copy, the maker itself and nobody's are alike.
    let me = calmly(&world, &token, "GET /v1/whoami", &NONE)
        .await
        .expect(200)
        .json();
    for id in [
        id(&others),
        id(&copy),
        id(&me),
        "01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(),
        "x".to_owned(),
    ] {
        for call in [
            format!("GET /v1/issued-keys/{id}"),
            format!("DELETE /v1/issued-keys/{id}"),
            format!("POST /v1/issued-keys/{id}/disable"),
        ] {
            assert_eq!(
                calmly(&world, &token, &call, &NONE)
                    .await
                    .expect(404)
                    .code(),
                "not_found",
                "{call}"
            );
        }
    }
    // Who administers sees all that are held to a key under it.
    let under = format!("/v1/keys?issued_by={}", text(&first, "/issued_by"));
    let under = world.get(&under).await.expect(200).json();
    let under = under["items"].as_array().expect("keys").iter();
    let under: Vec<&str> = under.map(|key| text(key, "/id")).collect();
    assert_eq!(under, [id(&first), id(&second), id(&copy)]);
    let refused = world.get("/v1/keys?issued_by=x").await.expect(400).json();
    assert_eq!(refused["pointer"], "/issued_by");
    let issued = text(&first, "/token");
    let path = format!("/v1/issued-keys/{}", id(&first));
    calmly(&world, &token, &format!("GET {path}"), &NONE)
        .await
        .expect(200);
    assert_eq!(count(rows(&world, issued).await), 3);
    let off = calmly(&world, &token, &format!("POST {path}/disable"), &NONE)
        .await
        .expect(200);
    assert_eq!(off.json()["status"], "disabled");
    rows(&world, issued).await.expect(401);
    // On again is for an administrator.
    calmly(&world, &token, &format!("POST {path}/enable"), &NONE)
        .await
        .expect(404);
    world
        .post(&format!("/v1/keys/{}/enable", id(&first)), &NONE)
        .await
        .expect(200);
    assert_eq!(count(rows(&world, issued).await), 3);
    let recent = calmly(&world, &token, &format!("DELETE {path}"), &NONE).await;
    assert_eq!(recent.expect(409).code(), "recently_used");
    assert_eq!(count(rows(&world, issued).await), 3);
    let forced = format!("DELETE {path}?force=true");
    calmly(&world, &token, &forced, &NONE).await.expect(204);
    rows(&world, issued).await.expect(401);
    calmly(&world, &token, &format!("GET {path}"), &NONE)
        .await
        .expect(404);
}

#[tokio::test]
async fn what_issued_keys_use_up_is_taken_out_of_their_makers_balance() {
    let world = World::with_sales().await;
    let credits = json!({ "credits": { "core": { "amount": 10, "period": "day" } } });
    let (id, token) = maker(&world, json!({ "limits": credits })).await;
    let slice = json!({ "credits": { "core": { "amount": 4, "period": "day" } } });
    let small = issue(
        &world,
        &token,
        json!({ "grants": [reads()], "limits": slice }),
    )
    .await;
    let whole = issue(&world, &token, json!({ "grants": [reads()] })).await;
    let (small, whole) = (
        text(&small, "/token").to_owned(),
        text(&whole, "/token").to_owned(),
    );
    let spent = async || {
        let shown = world
            .get(&format!("/v1/keys/{id}"))
            .await
            .expect(200)
            .json();
        assert_eq!(shown["left"]["credits"]["core"]["reserved"], 0);
        shown["left"]["credits"]["core"]["spent"]
            .as_u64()
            .expect("a number")
    };
    let calls = (0..32).map(|_| rows(&world, &small));
    let replies = futures::future::join_all(calls).await;
    assert_eq!(
        replies.iter().filter(|reply| reply.status == 200).count(),
        4
    );
    assert_eq!(spent().await, 4);
    rows(&world, &token).await.expect(200);
    let calls = (0..32).map(|_| rows(&world, &whole));
    let replies = futures::future::join_all(calls).await;
    assert_eq!(
        replies.iter().filter(|reply| reply.status == 200).count(),
        5
    );
    assert_eq!(spent().await, 10);
    assert_eq!(
        rows(&world, &token).await.expect(402).code(),
        "credits_spent"
    );
}

#[tokio::test]
async fn issued_keys_end_with_their_maker_and_are_pointed_out() {
    let world = World::with_sales().await;
    let (id, token) = maker(&world, json!({})).await;
    let made = issue(&world, &token, json!({ "grants": [reads()] })).await;
    let issued = text(&made, "/token");
    let key = format!("/v1/keys/{}", text(&made, "/id"));
    let pointed_out = async || {
        let list = "/v1/keys/review?rule=issuer_ended";
        let list = world.get(list).await.expect(200).json();
        let shown = world.get(&key).await.expect(200).json();
        assert_eq!(shown["status"], "active");
        let codes = shown["alerts"].as_array().expect("alerts").iter();
        let alerts = codes
            .filter(|alert| alert["code"] == "issuer_ended")
            .count();
        (list["items"].as_array().expect("advice").len(), alerts)
    };
    assert_eq!(pointed_out().await, (0, 0));
    let off = format!("/v1/keys/{id}/disable");
    world.post(&off, &NONE).await.expect(200);
    // As a key that does not exist, to the byte.
    let ended = rows(&world, issued).await.expect(401).json();
    let absent = rows(&world, &token).await.expect(401).json();
    assert_eq!(ended["detail"], absent["detail"]);
    assert_eq!(pointed_out().await, (1, 1));
    let on = format!("/v1/keys/{id}/enable");
    world.post(&on, &NONE).await.expect(200);
    assert_eq!(count(rows(&world, issued).await), 3);
    let call = format!("DELETE /v1/keys/{id}?force=true");
    world.call(&world.admin, &call, &NONE).await.expect(204);
    rows(&world, issued).await.expect(401);
    assert_eq!(pointed_out().await, (1, 1));
}

#[tokio::test]
async fn what_is_taken_from_a_maker_its_keys_are_told_they_have_not() {
    let world = World::with_sales().await;
    let (id, token) = maker(&world, json!({})).await;
    let made = issue(&world, &token, json!({ "grants": [reads()] })).await;
    let issued = text(&made, "/token");
    assert_eq!(count(rows(&world, issued).await), 3);
    let narrowed = json!({ "grants": [{ "on": "view:all", "actions": ["read"],
        "constraints": only("b"), "fields": { "deny": ["amount"] } }] });
    let call = format!("PATCH /v1/keys/{id}");
    world.call(&world.admin, &call, &narrowed).await.expect(200);
    // It was given the rows of a, and its maker has those of b now.
    assert_eq!(count(rows(&world, issued).await), 0);
    let me = world.call(issued, "GET /v1/whoami", &NONE).await;
    let me = me.expect(200).json();
    assert_eq!(me["issued_by"], id);
    let held = me["grants"][0]["constraints"].to_string();
    assert!(held.contains("\"a\"") && held.contains("\"b\""), "{held}");
    assert_eq!(me["grants"][0]["fields"]["deny"], json!(["amount"]));
    // An administrator is told the same of it.
    let simulated = format!("/v1/keys/{}/simulate", text(&made, "/id"));
    let simulated = world.post(&simulated, &json!({})).await.expect(200).json();
    assert_eq!(simulated["views"][0]["rows"], 0, "{simulated}");
    let none = json!({ "grants": [] });
    world.call(&world.admin, &call, &none).await.expect(200);
    assert_eq!(
        rows(&world, issued).await.expect(403).code(),
        "action_not_granted"
    );
}

#[tokio::test]
async fn a_maker_gives_by_its_tier_what_it_has_by_its_tier() {
    let world = World::with_sales().await;
    let draft = json!({ "name": "maker", "grants": [
        { "on": "project", "actions": ["issue"] },
        { "on": "tier:core", "actions": ["read"], "constraints": only("a") }] });
    let made = world.post("/v1/keys", &draft).await.expect(201).json();
    let token = text(&made, "/token");
    let by_tier = json!({ "on": "tier:core", "actions": ["read"], "constraints": "all_rows" });
    let made = issue(&world, token, json!({ "grants": [by_tier] })).await;
    assert_eq!(made["grants"][0]["constraints"], only("a"));
    assert_eq!(count(rows(&world, text(&made, "/token")).await), 3);
    // By name it could keep what leaves the tier.
    let by_name = json!({ "name": "k", "grants": [reads()] });
    let refused = world.call(token, ISSUE, &by_name).await.expect(400).json();
    assert_eq!(refused["pointer"], "/grants/0/actions");
    assert_eq!(refused["code"], "invalid_value");
}

#[tokio::test]
async fn a_repetition_issues_nothing_and_administrators_change_issued_keys() {
    let world = World::with_sales().await;
    let (id, token) = maker(&world, json!({})).await;
    let send = async || {
        let mut request = request(&token, ISSUE, &json!({ "name": "k", "grants": [] }));
        let name = http::HeaderValue::from_static("once");
        request.headers_mut().insert("idempotency-key", name);
        world.send(request).await
    };
    let first = send().await.expect(201).json();
    let again = send().await.expect(200).json();
    assert_eq!(
        (&again["id"], &again["repeated"]),
        (&first["id"], &true.into())
    );
    let path = format!("/v1/keys/{}", text(&first, "/id"));
    let patch = format!("PATCH {path}");
    let renamed = world
        .call(&world.admin, &patch, &json!({ "name": "renamed" }))
        .await;
    assert_eq!(renamed.expect(200).json()["issued_by"], id);
    let moved = json!({ "issued_by": null });
    let refused = world
        .call(&world.admin, &patch, &moved)
        .await
        .expect(400)
        .json();
    assert_eq!(refused["pointer"], "/issued_by");
}

#[tokio::test]
async fn a_maker_rolls_the_keys_that_it_issued_and_no_others_and_without_a_code() {
    let world = World::with_sales().await;
    let (maker_id, token) = maker(&world, json!({})).await;
    let made = issue(&world, &token, json!({ "grants": [reads()] })).await;
    let (id, old) = (text(&made, "/id"), text(&made, "/token").to_owned());
    // There is somebody who could give a code: a program cannot.
    crate::testing::people::first_signed_in(&world).await;
    let path = |id: &str, what: &str| format!("POST /v1/issued-keys/{id}/{what}");
    let grace = json!({ "grace": "1h" });
    let roll = async || calmly(&world, &token, &path(id, "roll"), &grace).await;
    let rolled = roll().await.expect(201);
    assert_eq!(rolled.header("cache-control"), "no-store");
    let rolled = rolled.json();
    let new = text(&rolled, "/token").to_owned();
    for member in ["id", "grants", "issued_by", "created_by", "limits"] {
        assert_eq!(rolled[member], made[member], "{member}");
    }
    for secret in [&old, &new] {
        assert_eq!(count(rows(&world, secret).await), 3);
    }
    assert_eq!(roll().await.expect(409).code(), "rolling");
    let force = json!({ "force": true });
    let undone = calmly(&world, &token, &path(id, "undo-roll"), &force).await;
    undone.expect(200);
    rows(&world, &new).await.expect(401);
    let again = roll().await.expect(201).json();
    let recent = calmly(&world, &token, &path(id, "end-grace"), &json!({})).await;
    assert_eq!(recent.expect(409).code(), "recently_used");
    let ended = calmly(&world, &token, &path(id, "end-grace"), &force).await;
    ended.expect(200);
    rows(&world, &old).await.expect(401);
    assert_eq!(count(rows(&world, text(&again, "/token")).await), 3);
    // One that ends at once is asked after, too.
    let now = json!({ "grace": "0s" });
    let recent = calmly(&world, &token, &path(id, "roll"), &now).await;
    assert_eq!(recent.expect(409).code(), "recently_used");
    let now = json!({ "grace": "0s", "force": true });
    let last = calmly(&world, &token, &path(id, "roll"), &now).await;
    let last = last.expect(201).json();
    rows(&world, text(&again, "/token")).await.expect(401);
    assert_eq!(count(rows(&world, text(&last, "/token")).await), 3);
    // The audit names the maker; what an administrator does takes a code as ever.
    let audit = world.get("/v1/audit?action=key.roll").await.expect(200);
    let actor = format!("key:{maker_id}");
    assert_eq!(audit.json()["items"][0]["actor"], actor);
    let by_admin = world.post(&format!("/v1/keys/{id}/roll"), &grace).await;
    assert_eq!(by_admin.expect(403).code(), "code_needed");
    // Every other key is none: its own, one that an administrator made, another maker's.
    let (other_id, other) = (text(&made, "/issued_by"), world.key(json!([])).await.0);
    for id in [other_id, &other, "01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        for (what, body) in [
            ("roll", &grace),
            ("end-grace", &force),
            ("undo-roll", &force),
        ] {
            let refused = calmly(&world, &token, &path(id, what), body).await;
            refused.expect(404);
        }
    }
    // A code is not taken along, as nothing asks for it.
    let proven = json!({ "grace": "1h", "person": "ada@example.com", "code": "123456" });
    let refused = calmly(&world, &token, &path(id, "roll"), &proven).await;
    refused.expect(400);
}

#[tokio::test]
async fn a_repeated_roll_of_an_issued_key_is_one_roll() {
    let world = World::with_sales().await;
    let (_, token) = maker(&world, json!({})).await;
    let made = issue(&world, &token, json!({ "grants": [reads()] })).await;
    let path = format!("POST /v1/issued-keys/{}/roll", text(&made, "/id"));
    let send = async || {
        let mut sent = request(&token, &path, &json!({ "grace": "1h" }));
        let name = "once".parse().expect("a value");
        sent.headers_mut().insert("idempotency-key", name);
        world.send(sent).await
    };
    assert!(send().await.expect(201).json()["token"].is_string());
    let again = send().await.expect(200).json();
    assert_eq!(
        (&again["repeated"], again.get("token")),
        (&json!(true), None)
    );
}

#[tokio::test]
async fn a_key_that_does_not_administer_changes_five_in_a_second() {
    let world = World::with_sales().await;
    let (_, token) = maker(&world, json!({})).await;
    for _ in 0..4 {
        issue(&world, &token, json!({ "grants": [] })).await;
    }
    let made = issue(&world, &token, json!({ "grants": [] })).await;
    let path = format!("/v1/issued-keys/{}", text(&made, "/id"));
    for call in [
        ISSUE.to_owned(),
        format!("DELETE {path}"),
        format!("POST {path}/disable"),
        format!("POST {path}/roll"),
    ] {
        let late = world.call(&token, &call, &NONE).await.expect(429);
        assert_eq!(late.code(), "rate_limited", "{call}");
        assert_eq!(late.header("retry-after"), "1", "{call}");
    }
    world
        .call(&token, &format!("GET {path}"), &NONE)
        .await
        .expect(200);
    world.clock.advance(std::time::Duration::from_secs(1));
    let gone = world.call(&token, &format!("DELETE {path}"), &NONE).await;
    gone.expect(204);
}

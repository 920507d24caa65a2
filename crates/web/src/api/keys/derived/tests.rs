use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::testing::derived::{SECOND, derive, id};
use crate::testing::{Reply, World, request, text};

const NONE: Json = Json::Null;

fn all() -> Json {
    json!([
        { "on": "view:all", "actions": ["read"], "constraints": "all_rows" },
        { "on": "pool:sales", "actions": ["query", "ingest", "delete"], "constraints": "all_rows" },
    ])
}

fn only(customer: &str) -> Json {
    json!([{ "field": "customer", "operator": "eq", "value": customer }])
}

/// A world with a key that derives: its id, its token and its project.
async fn deriving() -> (World, String, String, String) {
    let world = World::with_sales().await;
    let (id, token) = world.deriving(json!({ "grants": all() })).await;
    let project = world.project().await;
    (world, id, token, project)
}

async fn rows(world: &World, token: &str) -> Reply {
    world.call(token, "GET /v1/views/all/data", &NONE).await
}

fn count(reply: Reply) -> usize {
    let rows = reply.expect(200).json();
    rows["data"].as_array().expect("rows").len()
}

#[tokio::test]
async fn a_derived_token_shows_what_it_leaves_of_its_key() {
    let (world, _, token, project) = deriving().await;
    let grants = world
        .call(&token, "GET /v1/whoami", &NONE)
        .await
        .expect(200);
    let grants = grants.json()["grants"].clone();
    let (view, pool) = (text(&grants, "/0/id"), text(&grants, "/1/id"));
    let derived = |number, more| derive(&token, &project, number, more);
    let b = derived(1, json!({ "constraints": only("b") }));
    assert_eq!(count(rows(&world, &b).await), 2);
    let none = derived(
        2,
        json!({ "constraints": only("b"), "grants": [
        { "id": view, "constraints": only("a") }] }),
    );
    assert_eq!(count(rows(&world, &none).await), 0, "all of them must hold");
    let a = derived(
        3,
        json!({ "grants": [{ "id": view, "constraints": only("a"),
        "fields": { "deny": ["email"] } }], "fields": { "deny": ["at"] } }),
    );
    let shown = rows(&world, &a).await.expect(200).json();
    let mut shown = shown["data"].as_array().expect("rows").clone();
    // Where the time is not shown, no order goes by it.
    shown.sort_by_key(|row| row["amount"].as_i64());
    let row = |amount| json!({ "customer": "a", "amount": amount });
    assert_eq!(shown, [row(1), row(2), row(4)]);
    let asks = json!({ "analysis": "count", "pool": "sales" });
    let asked = world.call(&a, "POST /v1/query", &asks).await.expect(403);
    assert_eq!(asked.code(), "action_not_granted");
    let writes = derived(
        4,
        json!({ "grants": [{ "id": pool, "actions": ["ingest"],
        "injections": { "customer": "c" } }] }),
    );
    let record = json!([{ "customer": "a", "amount": 9 }]);
    let records = "POST /v1/pools/sales/records";
    world.call(&writes, records, &record).await.expect(200);
    assert_eq!(
        world
            .call(&writes, "POST /v1/query", &asks)
            .await
            .expect(403)
            .code(),
        "action_not_granted"
    );
    let shown = rows(&world, &token).await.expect(200).json();
    let of_c = shown["data"].as_array().expect("rows").iter();
    assert_eq!(
        of_c.filter(|row| row["customer"] == "c" && row["amount"] == 9)
            .count(),
        1
    );
    let elsewhere = derived(5, json!({ "grants": [{ "id": view, "only": ["other"] }] }));
    assert_eq!(
        rows(&world, &elsewhere).await.expect(403).code(),
        "action_not_granted"
    );
    let here = derived(6, json!({ "grants": [{ "id": view, "only": ["all"] }] }));
    assert_eq!(count(rows(&world, &here).await), 6);
    // What it may do, told to itself.
    let me = world
        .call(&a, "GET /v1/whoami", &NONE)
        .await
        .expect(200)
        .json();
    assert_eq!(me["grants"].as_array().map(Vec::len), Some(1));
    assert_eq!(me["grants"][0]["id"], view);
    assert_eq!(me["grants"][0]["constraints"], only("a"));
    assert_eq!(me["derived"]["id"], id(3));
    assert_eq!(me["derived_tokens"], false);
    assert_eq!(me["expires_at"], "2026-05-01T12:15:00Z");
    assert_eq!(me["views"], json!([{ "name": "all", "rows": 3 }]));
    assert_eq!(me["pools"], json!([]));
}

#[tokio::test]
async fn keys_derive_nothing_until_their_owner_says_so() {
    let world = World::with_sales().await;
    let (plain, token) = world.key(all()).await;
    let project = world.project().await;
    let derived = derive(&token, &project, 1, json!({}));
    assert_eq!(
        rows(&world, &derived).await.expect(401).code(),
        "derived_token_refused"
    );
    let call = format!("PATCH /v1/keys/{plain}");
    let on = json!({ "derived_tokens": true });
    world.call(&world.admin, &call, &on).await.expect(200);
    assert_eq!(count(rows(&world, &derived).await), 5);
    let off = json!({ "derived_tokens": false });
    world.call(&world.admin, &call, &off).await.expect(200);
    rows(&world, &derived).await.expect(401);
    // Of another project, as it says itself.
    world.call(&world.admin, &call, &on).await.expect(200);
    let other = derive(&token, "01ARZ3NDEKTSV4RRFFQ69G5FAV", 2, json!({}));
    let refused = rows(&world, &other).await.expect(401);
    assert_eq!(refused.code(), "derived_token_refused");
    assert!(text(&refused.json(), "/detail").contains("aud"));
    // One sentence for whoever is nobody, and for what has ended.
    let stranger = derive(
        "tg_sk_AbCdEfGhIjKl_000000000000000000000000000000000000000000709H3UK",
        &project,
        1,
        json!({}),
    );
    assert_eq!(
        rows(&world, &stranger).await.expect(401).code(),
        "unauthenticated"
    );
    world.clock.advance(Duration::from_secs(900));
    assert_eq!(
        rows(&world, &derived).await.expect(401).code(),
        "unauthenticated"
    );
}

#[tokio::test]
async fn what_ends_or_narrows_the_key_does_it_to_its_derived_tokens_at_once() {
    for how in ["disable", "delete", "roll", "narrow", "grants"] {
        let (world, key, token, project) = deriving().await;
        let derived = derive(&token, &project, 1, json!({}));
        assert_eq!(count(rows(&world, &derived).await), 5, "{how}");
        let key = format!("/v1/keys/{key}");
        let (call, body) = match how {
            "disable" => (format!("POST {key}/disable"), NONE),
            "delete" => (format!("DELETE {key}?force=true"), NONE),
            "roll" => (
                format!("POST {key}/roll"),
                json!({ "grace": "0s", "force": true }),
            ),
            "narrow" => (
                format!("PATCH {key}"),
                json!({ "grants": [
                { "on": "view:all", "actions": ["read"], "constraints": only("b") }] }),
            ),
            _ => (format!("PATCH {key}"), json!({ "grants": [] })),
        };
        let changed = world.call(&world.admin, &call, &body).await;
        assert!(
            (200..300).contains(&changed.status),
            "{how}: {}",
            changed.text()
        );
        let now = rows(&world, &derived).await;
        match how {
            "narrow" => assert_eq!(count(now), 2),
            "grants" => assert_eq!(now.expect(403).code(), "action_not_granted"),
            _ => assert_eq!(now.expect(401).code(), "unauthenticated", "{how}"),
        }
    }
}

#[tokio::test]
async fn a_roll_with_a_grace_lets_derived_tokens_go_on_until_its_end() {
    let (world, key, token, project) = deriving().await;
    let derived = derive(&token, &project, 1, json!({}));
    let roll = json!({ "grace": "5m" });
    world
        .post(&format!("/v1/keys/{key}/roll"), &roll)
        .await
        .expect(201);
    assert_eq!(count(rows(&world, &derived).await), 5);
    world.clock.advance(Duration::from_secs(299));
    assert_eq!(count(rows(&world, &derived).await), 5);
    world.clock.advance(Duration::from_secs(1));
    rows(&world, &derived).await.expect(401);
}

#[tokio::test]
async fn each_is_ended_alone_by_an_administrator_its_key_or_itself() {
    let (world, key, token, project) = deriving().await;
    let tokens: Vec<String> = (0..5)
        .map(|n| derive(&token, &project, n, json!({})))
        .collect();
    for derived in &tokens[..4] {
        assert_eq!(count(rows(&world, derived).await), 5);
    }
    let by_admin = format!("POST /v1/keys/{key}/derived/{}/revoke", id(0));
    let own = |n: u32| format!("POST /v1/keys/self/derived/{}/revoke", id(n));
    // A derived token ends no other one, and lists none.
    let refused = world.call(&tokens[1], &own(0), &NONE).await.expect(403);
    assert_eq!(refused.code(), "action_not_granted");
    world
        .call(&tokens[1], "GET /v1/keys/self/derived", &NONE)
        .await
        .expect(403);
    world.call(&tokens[1], &by_admin, &NONE).await.expect(403);
    world
        .call(&tokens[1], &format!("GET /v1/keys/{key}/derived"), &NONE)
        .await
        .expect(403);
    world.call(&world.admin, &by_admin, &NONE).await.expect(204);
    world.call(&token, &own(1), &NONE).await.expect(204);
    // It ends itself, and its key goes on.
    world
        .call(&tokens[2], "POST /v1/keys/self/revoke", &NONE)
        .await
        .expect(204);
    // And one that nobody has used.
    world.call(&token, &own(4), &NONE).await.expect(204);
    for n in [0, 1, 2, 4] {
        let refused = rows(&world, &tokens[n]).await.expect(401);
        assert_eq!(refused.code(), "unauthenticated", "{n}");
    }
    assert_eq!(count(rows(&world, &tokens[3]).await), 5);
    assert_eq!(count(rows(&world, &token).await), 5);
    // Again is no mistake, and what is no id names nothing.
    world.call(&token, &own(1), &NONE).await.expect(204);
    world
        .call(&token, "POST /v1/keys/self/derived/x/revoke", &NONE)
        .await
        .expect(404);
    let nobodys = format!(
        "POST /v1/keys/01ARZ3NDEKTSV4RRFFQ69G5FAV/derived/{}/revoke",
        id(3)
    );
    world.call(&world.admin, &nobodys, &NONE).await.expect(404);
    let audit = world.get("/v1/audit?limit=3").await.expect(200).json();
    let entries = audit["items"].as_array().expect("entries");
    assert!(
        entries
            .iter()
            .all(|entry| entry["action"] == "key.revoke_derived"),
        "{audit}"
    );
}

#[tokio::test]
async fn a_key_shows_its_derived_tokens() {
    let (world, key, token, project) = deriving().await;
    let later = json!({ "exp": SECOND + 1_800, "jti": format!("{}-{:0>16}", SECOND + 1_800, 1) });
    let tokens = [
        derive(&token, &project, 0, json!({})),
        derive(&token, &project, 0, later),
        derive(&token, &project, 2, json!({})),
    ];
    rows(&world, &tokens[1]).await.expect(200);
    rows(&world, &tokens[0]).await.expect(200);
    world.clock.advance(Duration::from_secs(5));
    rows(&world, &tokens[0]).await.expect(200);
    rows(&world, &tokens[2]).await.expect(200);
    let revoke = format!("POST /v1/keys/self/derived/{}/revoke", id(2));
    world.call(&token, &revoke, &NONE).await.expect(204);
    let address = format!("/v1/keys/{key}/derived");
    let first = world
        .get(&format!("{address}?limit=2"))
        .await
        .expect(200)
        .json();
    let none = json!({ "core": 0, "premium": 0 });
    let shown = |id: &str, ends: &str, first: &str, last: &str, n: i32, revoked: Json| {
        json!({ "id": id, "expires_at": ends, "first_used_at": first, "last_used_at": last,
            "requests": n, "credits_spent": none, "revoked_at": revoked })
    };
    let (early, late) = ("2026-05-01T12:00:00Z", "2026-05-01T12:00:05Z");
    assert_eq!(
        first["items"][0],
        shown(&id(0), "2026-05-01T12:15:00Z", early, late, 2, NONE)
    );
    assert_eq!(
        first["items"][1],
        shown(&id(2), "2026-05-01T12:15:00Z", late, late, 1, late.into())
    );
    let next = text(&first, "/next");
    let rest = world
        .get(&format!("{address}?after={next}"))
        .await
        .expect(200)
        .json();
    let last = format!("{}-{:0>16}", SECOND + 1_800, 1);
    assert_eq!(
        rest["items"],
        json!([shown(&last, "2026-05-01T12:30:00Z", early, early, 1, NONE)])
    );
    let own = world.call(&token, "GET /v1/keys/self/derived", &NONE).await;
    assert_eq!(
        own.expect(200).json()["items"].as_array().map(Vec::len),
        Some(3)
    );
    // What has ended is gone.
    world.clock.advance(Duration::from_secs(895));
    let left = world.get(&address).await.expect(200).json();
    assert_eq!(left["items"].as_array().map(Vec::len), Some(1));
    // And its key's usage counts for the key.
    let usage = world
        .get(&format!("/v1/usage?key_id={key}"))
        .await
        .expect(200)
        .json();
    assert!(
        usage["items"]
            .as_array()
            .is_some_and(|items| !items.is_empty()),
        "{usage}"
    );
}

#[tokio::test]
async fn a_cursor_belongs_to_the_rows_that_its_token_shows() {
    let (world, _, token, project) = deriving().await;
    let derived = |number, more| derive(&token, &project, number, more);
    let (wide, narrow) = (
        derived(1, json!({})),
        derived(2, json!({ "constraints": only("a") })),
    );
    let page = world
        .call(&wide, "GET /v1/views/all/data?limit=2", &NONE)
        .await;
    let page = page.expect(200).json();
    let next = format!(
        "GET /v1/views/all/data?limit=2&after={}",
        text(&page, "/after")
    );
    world.call(&wide, &next, &NONE).await.expect(200);
    let refused = world.call(&narrow, &next, &NONE).await.expect(400);
    assert_eq!(refused.code(), "invalid_cursor");
    // Another token that leaves the same may go on.
    let same = derived(3, json!({}));
    world.call(&same, &next, &NONE).await.expect(200);
}

#[tokio::test]
async fn a_request_is_repeated_under_the_same_policy_alone() {
    let (world, _, token, project) = deriving().await;
    let me = world
        .call(&token, "GET /v1/whoami", &NONE)
        .await
        .expect(200)
        .json();
    let pool = text(&me, "/grants/1/id").to_owned();
    let stamps = |number, customer: &str| {
        let grants =
            json!([{ "id": pool, "actions": ["ingest"], "injections": { "customer": customer } }]);
        derive(&token, &project, number, json!({ "grants": grants }))
    };
    let send = async |token: &str| {
        let mut request = request(
            token,
            "POST /v1/pools/sales/records",
            &json!([{ "amount": 7 }]),
        );
        let name = http::HeaderValue::from_static("once");
        request.headers_mut().insert("idempotency-key", name);
        world.send(request).await
    };
    send(&stamps(1, "x")).await.expect(200);
    send(&stamps(2, "x")).await.expect(200);
    // Another customer's token stores its own, and learns of no other's.
    let other = send(&stamps(3, "y")).await.expect(200);
    assert_eq!(other.header("idempotency-replayed"), "");
    let shown = rows(&world, &token).await.expect(200).json();
    let stored = shown["data"].as_array().expect("rows").iter();
    let mut of: Vec<&str> = stored
        .filter(|row| row["amount"] == 7)
        .map(|row| row["customer"].as_str().expect("a text"))
        .collect();
    of.sort_unstable();
    assert_eq!(of, ["x", "y"], "{shown}");
}

#[tokio::test]
async fn a_slice_of_the_credits_is_exact_and_taken_out_of_the_keys() {
    let world = World::with_sales().await;
    let limits = json!({ "credits": { "core": { "amount": 10, "period": "day" } } });
    let (key, token) = world
        .deriving(json!({ "grants": all(), "limits": limits }))
        .await;
    let project = world.project().await;
    let slice = json!({ "limits": { "credits": { "core": 4 } } });
    let held = derive(&token, &project, 1, slice.clone());
    let calls = (0..32).map(|_| rows(&world, &held));
    let replies = futures::future::join_all(calls).await;
    let statuses = |status| {
        replies
            .iter()
            .filter(|reply| reply.status == status)
            .count()
    };
    assert_eq!((statuses(200), statuses(402)), (4, 28));
    let refused = rows(&world, &held).await.expect(402);
    assert_eq!(refused.code(), "credits_spent");
    assert!(
        refused.header("retry-after").is_empty(),
        "it does not come back"
    );
    let me = world
        .call(&held, "GET /v1/whoami", &NONE)
        .await
        .expect(200)
        .json();
    assert_eq!(
        me["derived"]["credits"],
        json!({ "core": { "amount": 4, "left": 0 }, "premium": null })
    );
    // Others use the key, too: what they leave of it is not told.
    let nothing =
        json!({ "requests_per_second": null, "concurrent_queries": null, "credits": null });
    assert_eq!(me["left"], nothing);
    let spent = async || {
        let shown = world
            .get(&format!("/v1/keys/{key}"))
            .await
            .expect(200)
            .json();
        assert_eq!(shown["left"]["credits"]["core"]["reserved"], 0);
        shown["left"]["credits"]["core"]["spent"]
            .as_u64()
            .expect("a number")
    };
    assert_eq!(spent().await, 4);
    // What the key has left is less than the next token's slice.
    let next = derive(
        &token,
        &project,
        2,
        json!({ "limits": { "credits": { "core": 100 } } }),
    );
    for _ in 0..6 {
        rows(&world, &next).await.expect(200);
    }
    let refused = rows(&world, &next).await.expect(402);
    assert!(text(&refused.json(), "/detail").contains("the key of the token"));
    assert_eq!(spent().await, 10);
    let list = world
        .get(&format!("/v1/keys/{key}/derived"))
        .await
        .expect(200)
        .json();
    let spent: Vec<&Json> = list["items"]
        .as_array()
        .expect("tokens")
        .iter()
        .map(|t| &t["credits_spent"]["core"])
        .collect();
    assert_eq!(spent, [4, 6]);
}

#[tokio::test]
async fn a_rate_of_its_own_is_within_that_of_its_key() {
    let world = World::with_sales().await;
    let limits = json!({ "requests_per_second": 3 });
    let (_, token) = world
        .deriving(json!({ "grants": all(), "limits": limits }))
        .await;
    let project = world.project().await;
    let own = json!({ "limits": { "requests_per_second": 1 } });
    let slow = derive(&token, &project, 1, own);
    let fast = derive(
        &token,
        &project,
        2,
        json!({ "limits": { "requests_per_second": 50 } }),
    );
    rows(&world, &slow).await.expect(200);
    let refused = rows(&world, &slow).await.expect(429);
    assert!(text(&refused.json(), "/detail").contains("derived token's limit"));
    assert_eq!(refused.header("retry-after"), "1");
    // What was refused took nothing of the key's three.
    rows(&world, &fast).await.expect(200);
    rows(&world, &fast).await.expect(200);
    let refused = rows(&world, &fast).await.expect(429);
    assert!(text(&refused.json(), "/detail").contains("the key's limit"));
}

#[tokio::test]
async fn derived_tokens_make_no_tickets_and_stand_in_no_page_or_address() {
    let (world, key, token, project) = deriving().await;
    let run = json!([{ "on": "saved:*", "actions": ["run"], "constraints": "all_rows" }]);
    let saved = json!({ "name": "total", "query": { "analysis": "count", "pool": "sales" } });
    world.post("/v1/saved-queries", &saved).await.expect(201);
    let patch = format!("PATCH /v1/keys/{key}");
    world
        .call(&world.admin, &patch, &json!({ "grants": run }))
        .await
        .expect(200);
    let derived = derive(&token, &project, 1, json!({}));
    world
        .call(&derived, "GET /v1/saved-queries/total/result", &NONE)
        .await
        .expect(200);
    let ticket = json!({ "saved_query": "total", "origin": "https://shop.example" });
    let refused = world
        .call(&derived, "POST /v1/tickets", &ticket)
        .await
        .expect(400);
    assert_eq!(refused.code(), "not_available");
    let mut from_page = request(&derived, "GET /v1/whoami", &NONE);
    let origin = http::HeaderValue::from_static("https://shop.example");
    from_page.headers_mut().insert(http::header::ORIGIN, origin);
    assert_eq!(
        world.send(from_page).await.expect(403).code(),
        "origin_not_allowed"
    );
    let call = format!("GET /v1/views/all/data?limit={derived}");
    let refused = world.call("", &call, &NONE).await.expect(400);
    assert_eq!(refused.code(), "key_in_query");
}

#[tokio::test]
async fn a_publishable_key_derives_for_pages_of_its_own() {
    let world = World::with_sales().await;
    let draft = json!({ "kind": "publishable", "restrictions": { "allowed_domains": ["*.shop.example"] },
        "grants": [{ "on": "view:all", "actions": ["read"], "constraints": only("a") }] });
    let (key, token) = world.deriving(draft).await;
    let project = world.project().await;
    let pages =
        json!({ "restrictions": { "allowed_domains": ["one.shop.example", "evil.example"] } });
    let derived = derive(&token, &project, 1, pages);
    let from = async |origin: &'static str| {
        let mut request = request(&derived, "GET /v1/views/all/data", &NONE);
        request
            .headers_mut()
            .insert(http::header::ORIGIN, http::HeaderValue::from_static(origin));
        world.send(request).await
    };
    let let_in = from("https://one.shop.example").await.expect(200);
    assert_eq!(
        let_in.header("access-control-allow-origin"),
        "https://one.shop.example"
    );
    assert_eq!(
        from("https://two.shop.example").await.expect(403).code(),
        "origin_not_allowed"
    );
    assert_eq!(
        from("https://evil.example").await.expect(403).code(),
        "origin_not_allowed"
    );
    // Everybody who opens the page has such a key: it manages no tokens.
    let mut own = request(&token, "GET /v1/keys/self/derived", &NONE);
    own.headers_mut().insert(
        http::header::ORIGIN,
        http::HeaderValue::from_static("https://one.shop.example"),
    );
    world.send(own).await.expect(403);
    let revoke = format!("POST /v1/keys/{key}/derived/{}/revoke", id(1));
    world.call(&world.admin, &revoke, &NONE).await.expect(204);
    from("https://one.shop.example").await.expect(401);
}

#[tokio::test]
async fn uses_of_a_derived_token_say_nothing_of_its_keys_owner_and_count_once() {
    let (world, key, token, project) = deriving().await;
    let derived = derive(&token, &project, 1, json!({}));
    rows(&world, &derived).await.expect(200);
    let record = json!([{ "customer": "a", "amount": 9 }]);
    let records = "POST /v1/pools/sales/records";
    world.call(&derived, records, &record).await.expect(200);
    let mut from_page = request(&derived, "GET /v1/whoami", &NONE);
    let origin = http::HeaderValue::from_static("https://shop.example");
    from_page.headers_mut().insert(http::header::ORIGIN, origin);
    world.send(from_page).await.expect(403);
    let shown = world.get(&format!("/v1/keys/{key}")).await.expect(200);
    let shown = shown.json();
    assert_eq!(shown["networks"], json!([]));
    assert_eq!(shown["secrets"][0]["last_used_from"], NONE);
    assert_eq!(
        shown["secrets"][0]["used_from_page_at"], NONE,
        "the secret was in no page"
    );
    let list = world.get(&format!("/v1/keys/{key}/derived")).await;
    let list = list.expect(200).json();
    assert_eq!(list["items"][0]["requests"], 2, "{list}");
}

#[tokio::test]
async fn what_no_token_can_be_yet_is_not_revoked() {
    let (world, _, token, _) = deriving().await;
    let days = |days: i64| format!("{}-{:0>16}", SECOND + days * 86_400, 1);
    for (ends, status) in [(31, 204), (32, 400)] {
        let revoke = format!("POST /v1/keys/self/derived/{}/revoke", days(ends));
        world.call(&token, &revoke, &NONE).await.expect(status);
    }
}

/// Each is a row and an entry of the audit, for ids that anybody can invent.
#[tokio::test]
async fn a_key_that_does_not_administer_revokes_five_in_a_second() {
    let (world, key, token, _) = deriving().await;
    let revoke = |of: &str, number: u32| {
        let id = format!("{}-{number:0>16}", SECOND + 60);
        format!("POST /v1/keys/{of}/derived/{id}/revoke")
    };
    for second in 0..2 {
        for number in 0..5 {
            let call = revoke("self", 10 * second + number);
            world.call(&token, &call, &NONE).await.expect(204);
        }
        let call = revoke("self", 10 * second + 5);
        let late = world.call(&token, &call, &NONE).await.expect(429);
        assert_eq!(late.code(), "rate_limited");
        assert_eq!(late.header("retry-after"), "1");
        world.clock.advance(Duration::from_secs(1));
    }
    let audit = world.get("/v1/audit?action=key.revoke_derived").await;
    let audit = audit.expect(200).json();
    assert_eq!(audit["items"].as_array().expect("entries").len(), 10);
    // Whoever administers ends as many as it likes.
    for number in 20..40 {
        world
            .call(&world.admin, &revoke(&key, number), &NONE)
            .await
            .expect(204);
    }
}

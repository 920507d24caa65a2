use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::testing::{Log, NOW, Reply, World, text};

const SHOP: &str = "https://shop.example";

fn total() -> Json {
    json!({ "analysis": "sum", "pool": "sales", "field": "amount" })
}

async fn saved(world: &World, name: &str, rate: u64, query: Json) {
    let body = json!({ "name": name, "query": query, "refresh_rate": rate });
    world.post("/v1/saved-queries", &body).await.expect(201);
}

fn grants(on: &str, action: &str, customer: &str) -> Json {
    let rows = json!([{ "field": "customer", "operator": "eq", "value": customer }]);
    json!([{ "on": on, "actions": [action], "constraints": rows }])
}

/// The queries `total`, and `kept`, which is cached.
async fn world() -> World {
    let world = World::with_sales().await;
    saved(&world, "total", 0, total()).await;
    saved(&world, "kept", 60, total()).await;
    world
}

/// Customer a's key: its id and its token.
async fn key(world: &World) -> (String, String) {
    world.key(grants("saved:*", "run", "a")).await
}

async fn ask(world: &World, token: &str, body: &Json) -> Reply {
    world.call(token, "POST /v1/tickets", body).await
}

/// A ticket for pages of the shop.
async fn ticket(world: &World, token: &str, saved: &str) -> String {
    let body = json!({ "saved_query": saved, "origin": SHOP, "expires_in": 3_600 });
    let made = ask(world, token, &body).await.expect(201).json();
    text(&made, "/ticket").to_owned()
}

async fn visit_with(world: &World, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).expect("a request");
    world.send(request).await
}

/// What a script of a page of the shop gets.
async fn visit(world: &World, ticket: &str, what: &str) -> Reply {
    let path = format!("/v1/tickets/{ticket}/{what}");
    visit_with(world, &path, &[("origin", SHOP)]).await
}

async fn result(world: &World, ticket: &str) -> Json {
    visit(world, ticket, "result").await.expect(200).json()
}

/// The one answer for every ticket that does not count.
async fn assert_ended(world: &World, ticket: &str, why: &str) {
    for what in ["result", "chart.svg"] {
        let reply = visit(world, ticket, what).await;
        assert_eq!(reply.status, 401, "{why}: {}", reply.text());
        assert_eq!(reply.code(), "unauthenticated", "{why}");
        let garbage = visit(world, "garbage", what).await.json();
        let problem = reply.json();
        assert_eq!(
            text(&problem, "/detail"),
            text(&garbage, "/detail"),
            "{why}"
        );
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(reply.header("access-control-allow-origin"), "");
    }
}

#[tokio::test]
async fn a_ticket_is_answered_as_its_key_is() {
    let world = world().await;
    for (customer, sum) in [("a", 7), ("b", 8)] {
        let run = grants("saved:total", "run", customer);
        let read = grants("cached:kept", "read", customer);
        for (name, grants) in [("total", run), ("kept", read)] {
            let (_, token) = world.key(grants).await;
            let call = format!("GET /v1/saved-queries/{name}/result");
            let own = world.call(&token, &call, &Json::Null).await.expect(200);
            let ticket = ticket(&world, &token, name).await;
            let reply = visit(&world, &ticket, "result").await.expect(200);
            assert_eq!(reply.text(), own.text());
            assert_eq!(reply.json()["result"], sum);
            let chart = visit(&world, &ticket, "chart.svg").await.expect(200);
            assert_eq!(chart.header("content-type"), "image/svg+xml");
            assert!(
                chart.text().contains(&format!(">{sum}</text>")),
                "{}",
                chart.text()
            );
        }
    }
}

#[tokio::test]
async fn a_ticket_says_when_it_ends_and_then_ends() {
    let world = world().await;
    let (_, token) = key(&world).await;
    let body = json!({ "saved_query": "total", "origin": SHOP });
    let made = ask(&world, &token, &body).await.expect(201);
    assert_eq!(made.header("cache-control"), "no-store");
    let made = made.json();
    assert_eq!(text(&made, "/expires_at"), "2026-05-01T12:10:00Z");
    let ticket = text(&made, "/ticket");
    let url = format!("/v1/tickets/{ticket}/chart.svg");
    assert_eq!(text(&made, "/url"), url);
    world.clock.advance(Duration::from_secs(555));
    let late = visit(&world, ticket, "chart.svg").await.expect(200);
    assert_eq!(late.header("cache-control"), "private, max-age=45");
    world.clock.advance(Duration::from_secs(45));
    assert_ended(&world, ticket, "its time is over").await;
}

/// What the policy says of the style sheet in a picture: its digest, and none of what has none.
fn styled(body: &str) -> String {
    let Some((_, rest)) = body.split_once("<style>") else {
        return String::new();
    };
    let (sheet, _) = rest.split_once("</style>").expect("the end of the sheet");
    let digest = STANDARD.encode(Sha256::digest(sheet));
    format!(" style-src 'sha256-{digest}';")
}

#[tokio::test]
async fn what_browsers_are_told() {
    let world = world().await;
    let (_, token) = key(&world).await;
    let ticket = ticket(&world, &token, "total").await;
    for what in [
        "result",
        "chart.svg",
        "chart.svg?theme=light",
        "chart.svg?theme=dark",
    ] {
        let reply = visit(&world, &ticket, what).await.expect(200);
        for (name, value) in [
            ("cache-control", "private, max-age=60"),
            ("vary", "Origin, Referer"),
            ("access-control-allow-origin", SHOP),
            ("cross-origin-resource-policy", "cross-origin"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(reply.header(name), value, "{what}: {name}");
        }
        let style = styled(&reply.text());
        assert_eq!(style.is_empty(), what == "result", "{what}");
        assert_eq!(
            reply.header("content-security-policy"),
            format!("default-src 'none';{style} frame-ancestors {SHOP}; sandbox"),
            "{what}"
        );
        // What a policy of digests forbids, no picture has.
        assert!(!reply.text().contains(" style="), "{what}");
        assert_eq!(reply.header("access-control-allow-credentials"), "");
    }
    // A refusal that comes after the page was let in can be read by it, and is not kept.
    let path = format!("/v1/tickets/{ticket}/chart.svg?width=1");
    let refused = visit_with(&world, &path, &[("origin", SHOP)])
        .await
        .expect(400);
    assert_eq!(refused.header("access-control-allow-origin"), SHOP);
    assert_eq!(refused.header("cache-control"), "no-store");
    assert_eq!(
        refused.header("content-security-policy"),
        format!("default-src 'none'; frame-ancestors {SHOP}; sandbox")
    );
    assert_eq!(refused.code(), "invalid_value");
}

#[tokio::test]
async fn pages_of_one_origin_alone_are_served() {
    let world = world().await;
    let (_, token) = key(&world).await;
    let ticket = ticket(&world, &token, "total").await;
    let path = format!("/v1/tickets/{ticket}/chart.svg");
    let served: [&[(&str, &str)]; 5] = [
        &[("origin", SHOP)],
        &[("origin", SHOP), ("referer", "https://elsewhere.example/")],
        &[("referer", "https://shop.example/")],
        &[("referer", "https://shop.example/orders?week=3")],
        &[("referer", SHOP), ("sec-fetch-site", "cross-site")],
    ];
    for headers in served {
        let reply = visit_with(&world, &path, headers).await;
        assert_eq!(reply.status, 200, "{headers:?}: {}", reply.text());
    }
    let refused: [&[(&str, &str)]; 11] = [
        &[],
        &[("sec-fetch-site", "same-origin")],
        &[("origin", "null")],
        &[("origin", "")],
        &[("origin", "https://evil.example")],
        &[("origin", "https://evil.example"), ("referer", SHOP)],
        &[("origin", "http://shop.example")],
        &[("origin", SHOP), ("origin", SHOP)],
        &[("referer", "https://shop.example.evil.example/")],
        &[("referer", "https://evil.example/https://shop.example/")],
        &[("referer", SHOP), ("referer", SHOP)],
    ];
    for headers in refused {
        let reply = visit_with(&world, &path, headers).await;
        assert_eq!(reply.status, 403, "{headers:?}: {}", reply.text());
        assert_eq!(reply.code(), "origin_not_allowed");
        assert_eq!(reply.header("access-control-allow-origin"), "");
    }
}

#[tokio::test]
async fn a_changed_key_changes_or_ends_its_tickets_at_once() {
    let world = world().await;
    let (id, token) = key(&world).await;
    let ticket = ticket(&world, &token, "total").await;
    let key = format!("/v1/keys/{id}");
    let change = async |grants: Json| {
        let call = format!("PATCH {key}");
        let body = json!({ "grants": grants });
        world.call(&world.admin, &call, &body).await.expect(200);
    };
    assert_eq!(result(&world, &ticket).await["result"], 7);
    let mut narrower = grants("saved:*", "run", "a");
    let small = json!({ "field": "amount", "operator": "lt", "value": 4 });
    let rows = narrower[0]["constraints"].as_array_mut();
    rows.expect("a list").push(small);
    change(narrower).await;
    assert_eq!(result(&world, &ticket).await["result"], 3);
    change(grants("saved:kept", "run", "a")).await;
    assert_ended(&world, &ticket, "the grant covers another query").await;
    change(grants("cached:*", "read", "a")).await;
    assert_ended(&world, &ticket, "the grant is on the other class").await;
    change(json!([])).await;
    assert_ended(&world, &ticket, "the key has no grants").await;
    change(grants("saved:*", "run", "a")).await;
    world
        .post(&format!("{key}/disable"), &Json::Null)
        .await
        .expect(200);
    assert_ended(&world, &ticket, "the key is disabled").await;
    world
        .post(&format!("{key}/enable"), &Json::Null)
        .await
        .expect(200);
    assert_eq!(result(&world, &ticket).await["result"], 7);
    let expires = json!({ "restrictions": { "expires_at": NOW } });
    let call = format!("PATCH {key}");
    world.call(&world.admin, &call, &expires).await.expect(200);
    assert_ended(&world, &ticket, "the key has expired").await;
    let call = format!("DELETE {key}?force=true");
    world
        .call(&world.admin, &call, &Json::Null)
        .await
        .expect(204);
    assert_ended(&world, &ticket, "the key is deleted").await;
}

#[tokio::test]
async fn a_changed_query_ends_its_tickets() {
    let world = world().await;
    let (_, token) = key(&world).await;
    let path = "/v1/saved-queries/total";
    for (call, body) in [
        (
            format!("PATCH {path}"),
            json!({ "query": { "analysis": "count", "field": null } }),
        ),
        (format!("PATCH {path}"), json!({ "refresh_rate": 60 })),
        (format!("DELETE {path}"), Json::Null),
    ] {
        let ticket = ticket(&world, &token, "total").await;
        visit(&world, &ticket, "result").await.expect(200);
        world.call(&world.admin, &call, &body).await;
        assert_ended(&world, &ticket, &call).await;
        if body["refresh_rate"] == 60 {
            let back = json!({ "refresh_rate": 0 });
            world.call(&world.admin, &call, &back).await.expect(200);
            assert_ended(&world, &ticket, "it was changed back").await;
        }
    }
    saved(&world, "total", 0, total()).await;
    let ticket = ticket(&world, &token, "total").await;
    world
        .call(&world.admin, &format!("DELETE {path}"), &Json::Null)
        .await
        .expect(204);
    saved(&world, "total", 0, total()).await;
    assert_ended(&world, &ticket, "another one has its name").await;
}

#[tokio::test]
async fn a_ticket_opens_nothing_else() {
    let world = world().await;
    let all = json!([
        { "on": "project", "actions": ["admin"] },
        { "on": "pool:*", "actions": ["query", "extract"], "constraints": "all_rows" },
        { "on": "saved:*", "actions": ["run"], "constraints": "all_rows" },
    ]);
    let (_, token) = world.key(all).await;
    let ticket = ticket(&world, &token, "total").await;
    for call in [
        "GET /v1/whoami",
        "GET /v1/pools",
        "GET /v1/saved-queries/total/result",
        "POST /v1/query",
        "POST /v1/tickets",
    ] {
        let body = match call.starts_with("POST") {
            true => json!({ "analysis": "count", "pool": "sales" }),
            false => Json::Null,
        };
        let reply = world.call(&ticket, call, &body).await.expect(401);
        assert_eq!(reply.code(), "unauthenticated", "{call}");
    }
    // Nor is a key a ticket; and nobody needs one besides.
    for segment in [&token["tg_sk_".len()..], "x", "A"] {
        visit(&world, segment, "result").await.expect(401);
    }
    let path = format!("/v1/tickets/{token}/result");
    let refused = visit_with(&world, &path, &[("origin", SHOP)])
        .await
        .expect(400);
    assert_eq!(refused.code(), "key_in_query");
    for place in [0, 1, 30, ticket.len() - 1] {
        let mut altered = ticket.clone();
        let other = if altered.as_bytes()[place] == b'A' {
            "B"
        } else {
            "A"
        };
        altered.replace_range(place..=place, other);
        assert_ended(&world, &altered, "it was altered").await;
    }
    let other = self::world().await;
    let elsewhere = self::ticket(&other, &key(&other).await.1, "total").await;
    assert_ne!(elsewhere, ticket);
}

#[tokio::test]
async fn who_may_not_ask_gets_no_ticket() {
    let world = world().await;
    let (_, token) = key(&world).await;
    let body = json!({ "saved_query": "total", "origin": SHOP });
    let with = |name: &str, value: Json| {
        let mut body = body.clone();
        body[name] = value;
        body
    };
    // Hidden and absent are alike, in the other class, too.
    for name in ["kept", "absent", "", "a/b"] {
        let reply = ask(&world, &token, &with("saved_query", json!(name))).await;
        assert_eq!(reply.expect(404).code(), "not_found", "{name}");
    }
    let (_, other) = world
        .key(json!([{ "on": "pool:*", "actions": ["query"], "constraints": "all_rows" }]))
        .await;
    assert_eq!(
        ask(&world, &other, &body).await.expect(403).code(),
        "action_not_granted"
    );
    assert_eq!(
        ask(&world, "", &body).await.expect(401).code(),
        "unauthenticated"
    );
    for (name, value, pointer) in [
        ("saved_query", json!(1), "/saved_query"),
        ("saved_query", Json::Null, "/saved_query"),
        ("origin", Json::Null, "/origin"),
        ("origin", json!("*"), "/origin"),
        ("origin", json!("null"), "/origin"),
        ("origin", json!("https://shop.example/"), "/origin"),
        (
            "origin",
            json!("https://shop.example; script-src *"),
            "/origin",
        ),
        ("origin", json!([SHOP]), "/origin"),
        ("expires_in", json!(0), "/expires_in"),
        ("expires_in", json!(3_601), "/expires_in"),
        ("expires_in", json!(1.5), "/expires_in"),
        ("expires_in", json!("60"), "/expires_in"),
        ("grant", json!("x"), "/grant"),
        ("rows", json!("all"), "/rows"),
    ] {
        let refused = ask(&world, &token, &with(name, value)).await.expect(400);
        assert_eq!(text(&refused.json(), "/pointer"), pointer);
    }
}

#[tokio::test]
async fn a_ticket_holds_the_grant_that_it_was_made_for() {
    let world = world().await;
    saved(
        &world,
        "rows",
        0,
        json!({ "analysis": "extraction", "pool": "sales", "latest": 1 }),
    )
    .await;
    let mut both = ["a", "b"].map(|customer| grants("saved:*", "run", customer)[0].clone());
    both[1]["fields"] = json!({ "deny": ["email"] });
    let (id, token) = world.key(json!(both)).await;
    let made = world
        .get(&format!("/v1/keys/{id}"))
        .await
        .expect(200)
        .json();
    let body = |grant: Json| json!({ "saved_query": "rows", "origin": SHOP, "grant": grant });
    let refused = ask(&world, &token, &body(Json::Null)).await.expect(400);
    assert_eq!(refused.code(), "grant_ambiguous");
    for (at, customer) in [(0, "a"), (1, "b")] {
        let grant = &made["grants"][at]["id"];
        let ticket = ask(&world, &token, &body(grant.clone()))
            .await
            .expect(201)
            .json();
        let ticket = text(&ticket, "/ticket").to_owned();
        let told = result(&world, &ticket).await;
        assert_eq!(text(&told, "/result/0/customer"), customer);
        assert_eq!(told["result"][0].get("email").is_some(), at == 0);
        if at == 1 {
            let call = format!("PATCH /v1/keys/{id}");
            let one = json!({ "grants": [made["grants"][0]] });
            world.call(&world.admin, &call, &one).await.expect(200);
            assert_ended(&world, &ticket, "its grant is gone").await;
        }
    }
}

#[tokio::test]
async fn a_chart_is_of_the_kind_that_is_kept_with_the_query_where_that_fits() {
    let world = world().await;
    let query = json!({ "analysis": "count", "pool": "sales", "interval": "daily",
        "from": "2026-04-01", "to": "2026-04-06" });
    let (area, bars) = ("<path class=\"a f0\"", "<rect class=\"f0\"");
    let (_, token) = key(&world).await;
    for (name, metadata, drawn) in [
        ("plain", json!({ "title": "mine" }), area),
        ("bars", json!({ "chart": "bars" }), bars),
        ("funnel", json!({ "chart": "funnel" }), area),
        ("table", json!({ "chart": "table" }), area),
        ("other", json!({ "chart": { "kind": "bars" } }), area),
    ] {
        let body = json!({ "name": name, "query": query, "metadata": metadata });
        world.post("/v1/saved-queries", &body).await.expect(201);
        let ticket = ticket(&world, &token, name).await;
        let svg = visit(&world, &ticket, "chart.svg").await.expect(200).text();
        let has = [area, bars].map(|part| svg.contains(part));
        assert_eq!(has, [area == drawn, bars == drawn], "{name}: {svg}");
    }
}

#[tokio::test]
async fn a_chart_needs_numbers_and_knows_its_parameters() {
    let world = world().await;
    let rows = json!({ "analysis": "extraction", "pool": "sales", "latest": 2 });
    let list = json!({ "analysis": "select_unique", "pool": "sales", "field": "email" });
    let two = json!({ "analysis": "multi_analysis", "pool": "sales", "analyses": {
        "sum": { "analysis": "sum", "field": "amount" }, "rows": { "analysis": "count" } } });
    saved(&world, "rows", 0, rows).await;
    saved(&world, "list", 0, list).await;
    saved(&world, "two", 0, two).await;
    let (_, token) = key(&world).await;
    for name in ["rows", "list"] {
        let ticket = ticket(&world, &token, name).await;
        let refused = visit(&world, &ticket, "chart.svg").await.expect(422);
        assert_eq!(refused.code(), "no_chart", "{name}");
        visit(&world, &ticket, "result").await.expect(200);
    }
    let ticket = ticket(&world, &token, "two").await;
    let both = visit(&world, &ticket, "chart.svg").await.expect(200).text();
    assert!(
        both.contains(">7</text>") && both.contains(">3</text>"),
        "{both}"
    );
    let one = visit(
        &world,
        &ticket,
        "chart.svg?metric=rows&title=Rows%20%3C3&width=200&height=120&theme=dark",
    )
    .await;
    let one = one.expect(200).text();
    assert!(
        !one.contains(">7</text>") && one.contains(">3</text>"),
        "{one}"
    );
    assert!(
        one.contains("<title>Rows &lt;3</title>") && one.contains("width=\"200\""),
        "{one}"
    );
    let long = format!("title={}", "x".repeat(121));
    for (parameter, pointer) in [
        ("width=199", "/width"),
        ("width=2001", "/width"),
        ("width=1e3", "/width"),
        ("height=119", "/height"),
        ("height=-1", "/height"),
        ("theme=blue", "/theme"),
        ("metric=none", "/metric"),
        (&long, "/title"),
        ("integers=string", "/integers"),
    ] {
        let what = format!("chart.svg?{parameter}");
        let refused = visit(&world, &ticket, &what).await.expect(400).json();
        assert_eq!(text(&refused, "/pointer"), pointer, "{parameter}");
    }
}

#[tokio::test]
async fn no_log_has_a_ticket_and_the_key_is_noted() {
    let (log, _guard) = Log::start();
    let world = world().await;
    let (id, token) = key(&world).await;
    let ticket = ticket(&world, &token, "total").await;
    visit(&world, &ticket, "chart.svg").await.expect(200);
    visit(&world, &ticket, "chart.svg?width=1")
        .await
        .expect(400);
    visit_with(&world, &format!("/v1/tickets/{ticket}/result"), &[])
        .await
        .expect(403);
    visit(&world, &format!("{ticket}A"), "result")
        .await
        .expect(401);
    world.clock.advance(Duration::from_secs(3_600));
    visit(&world, &ticket, "result").await.expect(401);
    let log = log.text();
    assert!(
        !log.contains(&ticket[..20]) && !log.contains("shop.example"),
        "{log}"
    );
    let shown = log
        .lines()
        .filter(|line| line.contains("/v1/tickets/{ticket}/chart.svg"));
    assert!(
        shown.filter(|line| line.contains(&id)).count() == 2,
        "{log}"
    );
    assert!(
        log.contains("the ticket has ended") && log.contains("was not made here"),
        "{log}"
    );
    let read = world
        .get(&format!("/v1/keys/{id}"))
        .await
        .expect(200)
        .json();
    assert_eq!(text(&read, "/last_used_at"), NOW);
}

/// A key is narrowed and disabled while pages ask by its ticket, from several
/// threads: what is asked after the change was acknowledged sees the change.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_asked_after_a_change_sees_it() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    let world = Arc::new(world().await);
    let (id, token) = world.key(grants("cached:*", "read", "a")).await;
    let ticket = ticket(&world, &token, "kept").await;
    // After an odd number of changes customer b is the key's, after an even one a.
    let [begun, acknowledged, read] = [(); 3].map(|()| Arc::new(AtomicU64::new(0)));
    let over = Arc::new(AtomicBool::new(false));
    let mut readers = Vec::new();
    for _ in 0..4 {
        let (world, ticket) = (world.clone(), ticket.clone());
        let (begun, acknowledged) = (begun.clone(), acknowledged.clone());
        let (read, over) = (read.clone(), over.clone());
        readers.push(tokio::spawn(async move {
            let mut exact = 0;
            while !over.load(Ordering::SeqCst) {
                // Nothing here waits, and the change needs a thread as well.
                tokio::task::yield_now().await;
                let before = acknowledged.load(Ordering::SeqCst);
                let told = result(&world, &ticket).await["result"].clone();
                read.fetch_add(1, Ordering::SeqCst);
                if begun.load(Ordering::SeqCst) == before {
                    let expected = if before % 2 == 0 { 7 } else { 8 };
                    assert_eq!(told, expected, "after change {before}");
                    exact += 1;
                }
            }
            exact
        }));
    }
    let call = format!("PATCH /v1/keys/{id}");
    for change in 1..=20 {
        begun.store(change, Ordering::SeqCst);
        let customer = if change % 2 == 0 { "a" } else { "b" };
        let body = json!({ "grants": grants("cached:*", "read", customer) });
        world.call(&world.admin, &call, &body).await.expect(200);
        acknowledged.store(change, Ordering::SeqCst);
        let until = read.load(Ordering::SeqCst) + 12;
        let are_reading = || !readers.iter().any(tokio::task::JoinHandle::is_finished);
        while read.load(Ordering::SeqCst) < until && are_reading() {
            tokio::task::yield_now().await;
        }
    }
    over.store(true, Ordering::SeqCst);
    let mut exact = 0;
    for reader in readers {
        exact += reader.await.expect("no wrong answer");
    }
    // Of the answers to each change at most one of each reader was asked for before.
    assert!(exact >= 20, "{exact} answers between two changes");
}

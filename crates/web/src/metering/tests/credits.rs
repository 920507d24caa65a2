//! Credits over the router: what calls cost, and what refusals do not.

use model::answers::AppendReceipt;
use model::keys::Circumstances;

use super::*;
use crate::metering::storing::Sent;
use crate::testing::NOW;

async fn paying(world: &World, amount: u64) -> (String, String) {
    let allowance = json!({ "amount": amount, "period": "day" });
    key(world, json!({ "credits": { "core": allowance } })).await
}

async fn spent(world: &World, id: &str) -> u64 {
    let shown = world
        .get(&format!("/v1/keys/{id}"))
        .await
        .expect(200)
        .json();
    let core = &shown["left"]["credits"]["core"];
    assert_eq!(core["reserved"], 0, "{shown}");
    core["spent"].as_u64().expect("a number")
}

async fn saved(world: &World) {
    for (name, rate) in [("total", 0), ("kept", 60)] {
        let query = json!({ "analysis": "count", "pool": "sales" });
        let saved = json!({ "name": name, "query": query, "refresh_rate": rate });
        world.post("/v1/saved-queries", &saved).await.expect(201);
    }
}

#[tokio::test]
async fn k16_what_calls_cost_and_that_refusals_cost_nothing() {
    let world = World::with_sales().await;
    saved(&world).await;
    let grants = json!([
        { "on": "project", "actions": ["admin"] },
        { "on": "pool:*", "actions": ["ingest", "query", "extract", "schema", "delete"], "constraints": "all_rows" },
        { "on": "view:*", "actions": ["read"], "constraints": "all_rows" },
        { "on": "saved:*", "actions": ["run"], "constraints": "all_rows" },
        { "on": "cached:*", "actions": ["read"], "constraints": "all_rows" },
    ]);
    let body = json!({ "name": "k", "grants": grants,
        "limits": { "credits": { "core": { "amount": 1_000_000, "period": "month" } } } });
    let made = world.post("/v1/keys", &body).await.expect(201).json();
    let (id, token) = (text(&made, "/id"), text(&made, "/token"));
    let none = Json::Null;
    let count = json!({ "analysis": "count", "pool": "sales" });
    let rows = json!({ "analysis": "extraction", "pool": "sales" });
    let record = json!([{ "customer": "a" }]);
    let bad = json!([{ "customer": 1 }]);
    let many: Vec<Json> = (0..1_001).map(|_| json!({ "customer": "a" })).collect();
    let many = Json::from(many);
    let cases: [(&str, &Json, u16, u64); 24] = [
        ("GET /v1/views/all/data", &none, 200, 1),
        ("GET /v1/views/all/data?limit=1000", &none, 200, 1),
        (
            "GET /v1/views/all/data?format=ndjson&limit=1000",
            &none,
            200,
            1,
        ),
        (
            "GET /v1/views/all/data?format=ndjson&limit=1001",
            &none,
            200,
            2,
        ),
        ("GET /v1/views/all/data?format=csv", &none, 200, 1_000),
        (
            "GET /v1/views/all/data?format=arrow&limit=5000",
            &none,
            200,
            5,
        ),
        ("POST /v1/query", &count, 200, 1),
        ("POST /v1/query", &rows, 200, 1),
        ("POST /v1/query?format=ndjson", &rows, 200, 1_000),
        ("GET /v1/saved-queries/total/result", &none, 200, 1),
        ("GET /v1/saved-queries/kept/result", &none, 200, 1),
        ("GET /v1/saved-queries/kept/result", &none, 200, 1),
        ("POST /v1/pools/sales/records", &record, 200, 1),
        ("POST /v1/pools/sales/records", &many, 200, 2),
        ("POST /v1/pools/sales/records", &bad, 200, 0),
        (
            "POST /v1/pools/sales/delete",
            &json!({ "all": true }),
            200,
            0,
        ),
        ("GET /v1/whoami", &none, 200, 0),
        ("GET /v1/pools", &none, 200, 0),
        ("GET /v1/pools/sales/schema", &none, 200, 0),
        ("GET /v1/views/none/data", &none, 404, 0),
        ("GET /v1/views/all/data?limit=0", &none, 400, 0),
        ("GET /v1/views/all/data?after=nonsense", &none, 400, 0),
        (
            "POST /v1/query",
            &json!({ "analysis": "count", "pool": "none" }),
            404,
            0,
        ),
        (
            "POST /v1/query",
            &json!({ "analysis": "sum", "pool": "sales", "field": "nowhere" }),
            400,
            0,
        ),
    ];
    for (call, body, status, cost) in cases {
        let before = spent(&world, id).await;
        let reply = world.call(token, call, body).await;
        assert_eq!(reply.status, status, "{call} {}", reply.text());
        assert_eq!(spent(&world, id).await - before, cost, "{call}");
    }
    // What the data plane fails with costs nothing either.
    let before = spent(&world, id).await;
    world.plane.fail_after(0);
    let failed = world.call(token, "POST /v1/pools/sales/records", &record);
    failed.await.expect(507);
    assert_eq!(spent(&world, id).await, before);
}

#[tokio::test]
async fn k16_when_they_are_used_up_the_answer_says_when_they_come_back() {
    let world = World::with_sales().await;
    let (id, token) = paying(&world, 2).await;
    let data = || world.call(&token, "GET /v1/views/all/data", &Json::Null);
    data().await.expect(200);
    data().await.expect(200);
    let refused = data().await.expect(402);
    assert_eq!(refused.code(), "credits_spent");
    assert!(NOW.contains("T12:00:00"));
    assert_eq!(refused.header("retry-after"), (12 * 3_600).to_string());
    assert!(
        refused.text().contains("2026-05-02T00:00:00Z"),
        "{}",
        refused.text()
    );
    let record = json!([{ "customer": "a" }]);
    let before = world.get("/v1/views/all/data").await.json();
    let write = world
        .call(&token, "POST /v1/pools/sales/records", &record)
        .await;
    assert_eq!(write.expect(402).code(), "credits_spent");
    assert_eq!(
        world.get("/v1/views/all/data").await.json(),
        before,
        "nothing was stored"
    );
    let shown = whoami(&world, &token).await.expect(200).json();
    let core = &shown["left"]["credits"]["core"];
    assert_eq!((&core["left"], &core["alert"]), (&json!(0), &json!(100)));
    assert_eq!(spent(&world, &id).await, 2);
    world.clock.advance(Duration::from_secs(12 * 3_600));
    data().await.expect(200);
}

#[tokio::test]
async fn a_write_whose_saved_answer_is_repeated_is_not_charged_again() {
    let world = World::with_sales().await;
    let (id, token) = paying(&world, 10).await;
    let secret = model::secrets::Secret::parse(&token).expect("a token");
    let access = world
        .state
        .control
        .authenticate(&secret, &Circumstances::unknown())
        .expect("let in");
    for (repeated, cost) in [(true, 0), (false, 1)] {
        let reserved = world.state.control.reserve(&access, Tier::Core, 1);
        let receipt = AppendReceipt {
            accepted: 1,
            rejected: 0,
            faults: Vec::new(),
            repeated,
            saved_at: None,
        };
        let let_in = LetIn::arrived_at(world.state.clock.now());
        let definitions = world.state.control.definitions(access.project());
        let pool = definitions.pool("sales").expect("a pool").id;
        let sent = Sent {
            pool,
            tier: Tier::Core,
            key: access.key(),
            named: None,
        };
        let reserved = (reserved.expect("is left"), sent);
        let settled = let_in.stored(&world.state, reserved, &receipt).await;
        settled.expect("charged");
        assert_eq!(spent(&world, &id).await, cost);
    }
}

#[tokio::test]
async fn tiers_are_paid_apart() {
    let world = World::with_sales().await;
    let view = json!({ "name": "gold", "pool": "sales", "shape": "records", "tier": "premium",
        "fields": [{ "field": "amount" }] });
    let made = world.post("/v1/views", &view).await.expect(201).json();
    assert_eq!(made["tier"], "premium");
    let day = |amount: u64| json!({ "amount": amount, "period": "day" });
    let credits = json!({ "credits": { "core": day(3), "premium": day(1) } });
    let (id, token) = key(&world, credits).await;
    let data = |view: &str| format!("GET /v1/views/{view}/data");
    world
        .call(&token, &data("gold"), &Json::Null)
        .await
        .expect(200);
    world
        .call(&token, &data("gold"), &Json::Null)
        .await
        .expect(402);
    world
        .call(&token, &data("all"), &Json::Null)
        .await
        .expect(200);
    assert_eq!(spent(&world, &id).await, 1);
    let patch = json!({ "tier": "premium" });
    let pool = "PATCH /v1/pools/sales";
    world.call(&world.admin, pool, &patch).await.expect(200);
    for call in [data("all"), "POST /v1/pools/sales/records".to_owned()] {
        world
            .call(&token, &call, &json!([{ "customer": "a" }]))
            .await;
    }
    let refused = world.call(&token, &data("all"), &Json::Null).await;
    assert!(refused.expect(402).text().contains("premium"));
    let query = json!({ "analysis": "count", "pool": "sales" });
    world
        .call(&token, "POST /v1/query", &query)
        .await
        .expect(402);
    world
        .call(&world.admin, pool, &json!({ "tier": null }))
        .await
        .expect(200);
    world
        .call(&token, "POST /v1/query", &query)
        .await
        .expect(200);
    assert_eq!(spent(&world, &id).await, 2);
}

/// L8: whatever a key does, it is charged the same whether or not rows that it
/// does not see are there.
#[tokio::test]
async fn l8_no_price_tells_of_hidden_rows() {
    let mut told = Vec::new();
    for is_with_hidden in [false, true] {
        let world = World::with_sales().await;
        saved(&world).await;
        if !is_with_hidden {
            let hidden =
                json!({ "filters": [{ "field": "customer", "operator": "eq", "value": "b" }] });
            world
                .post("/v1/pools/sales/delete", &hidden)
                .await
                .expect(200);
        }
        let rows = json!([{ "field": "customer", "operator": "eq", "value": "a" }]);
        let grants = json!([
            { "on": "pool:sales", "actions": ["query", "extract"], "constraints": rows },
            { "on": "view:all", "actions": ["read"], "constraints": rows },
            { "on": "saved:*", "actions": ["run"], "constraints": rows },
            { "on": "cached:*", "actions": ["read"], "constraints": rows },
        ]);
        let body = json!({ "name": "k", "grants": grants,
            "limits": { "credits": { "core": { "amount": 3_005, "period": "day" } } } });
        let made = world.post("/v1/keys", &body).await.expect(201).json();
        let (id, token) = (text(&made, "/id"), text(&made, "/token"));
        let mut charged = Vec::new();
        for call in [
            "GET /v1/views/all/data",
            "GET /v1/views/all/data?format=csv",
            "GET /v1/views/all/data?format=ndjson&limit=2000",
            "GET /v1/saved-queries/kept/result",
            "GET /v1/saved-queries/kept/result",
            "GET /v1/views/all/data?format=csv",
            "GET /v1/views/all/data?format=csv",
            "GET /v1/saved-queries/total/result",
        ] {
            let reply = world.call(token, call, &Json::Null).await;
            charged.push((call, reply.status, spent(&world, id).await));
        }
        assert!(charged.iter().any(|(_, status, _)| *status == 402));
        told.push(charged);
    }
    assert_eq!(told[0], told[1]);
}

/// Every road to an answer is charged, the dialect's too.
#[tokio::test]
async fn k16_every_road_is_charged() {
    let (world, master) = crate::keen::scoped::tests::scoping(World::with_sales().await).await;
    let keys = world.get("/v1/keys").await.expect(200).json();
    let keys = keys["items"].as_array().expect("a list");
    let id = keys.iter().find(|key| {
        let grants = key["grants"].as_array().expect("a list");
        key["kind"] == "legacy" && grants.iter().any(|grant| grant["on"] == "project")
    });
    let id = text(id.expect("a master key"), "/id").to_owned();
    let allowance = json!({ "credits": { "core": { "amount": 1_004, "period": "day" } } });
    limit(&world, &id, allowance).await;
    let base = base(&world);
    let event = json!({ "customer": "a" });
    let steps = [
        (format!("POST {base}/events/orders"), event.clone(), 201, 1),
        (
            format!("POST {base}/events"),
            json!({ "orders": [event] }),
            200,
            1,
        ),
        (
            format!("GET {base}/queries/count?event_collection=orders&timeframe=this_1_days"),
            Json::Null,
            200,
            1,
        ),
        (
            format!("GET {base}/queries/extraction?event_collection=orders&timeframe=this_1_days"),
            Json::Null,
            200,
            1_000,
        ),
        (
            format!("GET {base}/queries/nonsense?event_collection=orders&timeframe=this_1_days"),
            Json::Null,
            404,
            0,
        ),
        (
            format!(
                "GET {base}/queries/extraction?event_collection=orders&timeframe=this_1_days&latest=5"
            ),
            Json::Null,
            200,
            1,
        ),
        (
            format!("GET {base}/queries/count?event_collection=orders&timeframe=this_1_days"),
            Json::Null,
            402,
            0,
        ),
    ];
    for (call, body, status, cost) in steps {
        let before = spent(&world, &id).await;
        let reply = send(&world, &master, &call, &body).await;
        let is_refusal = reply.status >= 400;
        assert_eq!(is_refusal, status >= 400, "{call} {}", reply.text());
        assert_eq!(spent(&world, &id).await - before, cost, "{call}");
        if status == 402 {
            assert_eq!(error_code(&reply.expect(402)), "CreditsSpentError");
        }
    }
}

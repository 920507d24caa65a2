use std::time::Duration;

use http::Method;
use model::permit::{Permit, Upkeep};
use model::usage::{usage_pool, usage_pool_id};
use serde_json::{Value as Json, json};

use super::*;
use crate::testing::people::{first_signed_in, joined};
use crate::testing::{Reply, World, text};

/// A world in which two keys did something, with ids and tokens of both.
async fn used() -> (World, [(String, String); 2]) {
    let world = World::with_sales().await;
    let mut keys = Vec::new();
    for customer in ["a", "b"] {
        let rows = json!([{ "field": "customer", "operator": "eq", "value": customer }]);
        let grants = json!([
            { "on": "pool:sales", "actions": ["ingest"], "injections": { "customer": customer } },
            { "on": "view:all", "actions": ["read"], "constraints": rows },
        ]);
        keys.push(world.key(grants).await);
    }
    let keys = <[(String, String); 2]>::try_from(keys).expect("two");
    for (_, token) in &keys {
        work(&world, token).await;
    }
    (world, keys)
}

/// A day of a customer: something is read, something stored, something refused.
async fn work(world: &World, token: &str) {
    let record = json!([{ "amount": 1 }, { "amount": 2 }]);
    for (call, body, status) in [
        ("GET /v1/views/all/data", &Json::Null, 200),
        ("POST /v1/pools/sales/records", &record, 200),
        ("GET /v1/pools", &Json::Null, 403),
    ] {
        world.call(token, call, body).await.expect(status);
    }
}

/// What usage is told of, and how much.
type Told = (String, [String; 4], [i64; 3]);

/// A row of `GET /v1/usage` or of the pool; `id` is how either names things.
fn told(row: &Json, id: impl Fn(&Json) -> String) -> Told {
    let count = |name: &str| row[name].as_i64().expect("a number");
    (
        text(row, "/day").to_owned(),
        ["key", "secret", "pool", "view"].map(|name| id(&row[name])),
        ["requests", "refused", "records"].map(count),
    )
}

/// What `GET /v1/usage` says, in order.
async fn counted(world: &World) -> Vec<Told> {
    let usage = world.get("/v1/usage").await.expect(200).json();
    let id = |value: &Json| match value {
        Json::String(id) => id.clone(),
        of => of["id"].as_str().unwrap_or_default().to_owned(),
    };
    let rows = usage["items"].as_array().expect("a list").iter();
    let mut rows: Vec<Told> = rows.map(|row| told(row, id)).collect();
    rows.sort();
    rows
}

const ALL: &str = r#"{"analysis":"extraction","pool":"_usage","limit":1000}"#;

fn all() -> Json {
    serde_json::from_str(ALL).expect("JSON")
}

/// What the pool says, in order.
async fn stored(world: &World) -> Vec<Told> {
    let rows = world.post("/v1/query", &all()).await.expect(200).json();
    let id = |value: &Json| value.as_str().expect("a text").to_owned();
    let rows = rows["result"].as_array().expect("a list").iter();
    let mut rows: Vec<Told> = rows.map(|row| told(row, id)).collect();
    rows.sort();
    rows
}

/// The project of the world.
fn project(world: &World) -> ProjectId {
    let secret = model::secrets::Secret::parse(&world.admin).expect("a token");
    let seen = model::keys::Circumstances::unknown();
    let access = world.state.control.authenticate(&secret, &seen);
    access.expect("let in").project()
}

#[tokio::test]
async fn the_pool_says_what_usage_says() {
    let (world, keys) = used().await;
    let first = counted(&world).await;
    assert_eq!(stored(&world).await, first);
    let of = |id: &str| first.iter().filter(|row| row.1[0] == id).count();
    assert_eq!((of(&keys[0].0), of(&keys[1].0)), (3, 3), "{first:?}");
    // More on the same day replaces what stood there; another day is another row.
    work(&world, &keys[0].1).await;
    world.clock.advance(Duration::from_secs(86_400));
    work(&world, &keys[1].1).await;
    let later = counted(&world).await;
    assert_eq!(stored(&world).await, later);
    let requests = |day: &str, id: &str| {
        let rows = later.iter().filter(|row| row.0 == day && row.1[0] == id);
        rows.map(|row| row.2[0]).sum::<i64>()
    };
    assert_eq!(requests("2026-05-01", &keys[0].0), 6);
    assert_eq!(requests("2026-05-02", &keys[1].0), 3);
    assert!(later.len() > first.len());
    // The timer brings it there, too, from what is in the database.
    work(&world, &keys[0].1).await;
    let before = stored(&world).await;
    publish(&world.state).await;
    assert_eq!(
        stored(&world).await,
        before,
        "what is not saved is not brought there"
    );
    world.state.control.save_last_used().await.expect("saved");
    publish(&world.state).await;
    let after = stored(&world).await;
    let own = |rows: Vec<Told>| {
        let rows = rows.into_iter().filter(|row| row.1[0] == keys[0].0);
        rows.collect::<Vec<_>>()
    };
    assert_ne!(after, before);
    assert_eq!(own(after), own(counted(&world).await));
}

#[tokio::test]
async fn what_was_stored_and_not_noted_is_stored_once_more_and_stands_there_once() {
    let (world, _) = used().await;
    world.state.control.save_last_used().await.expect("saved");
    // As a kill leaves it: the records are there, and nobody noted that.
    let project = project(&world);
    let totals = world
        .state
        .control
        .unpublished_usage(control::Unpublished::All)
        .await;
    let totals = totals.expect("read");
    assert!(totals.len() > 5);
    let ours = Permit::<Upkeep>::ours();
    let batch = ours.usage_totals(
        project,
        &totals,
        world.state.clock.now(),
        &*world.state.random,
    );
    world.state.plane.append(batch).await.expect("stored");
    publish(&world.state).await;
    let pool = usage_pool_id(project);
    assert_eq!(world.plane.records(pool).len(), totals.len());
    // What grew between storing and noting is not noted as stored.
    let (_, token) = world.key(json!([])).await;
    world.call(&token, "GET /v1/whoami", &Json::Null).await;
    world.state.control.save_last_used().await.expect("saved");
    let older = world
        .state
        .control
        .unpublished_usage(control::Unpublished::All)
        .await
        .expect("read");
    world.call(&token, "GET /v1/whoami", &Json::Null).await;
    world.state.control.save_last_used().await.expect("saved");
    world
        .state
        .control
        .usage_is_published(older.clone())
        .await
        .expect("noted");
    let left = world
        .state
        .control
        .unpublished_usage(control::Unpublished::All)
        .await
        .expect("read");
    let grown = left
        .iter()
        .filter(|(of, _)| older.iter().any(|(old, _)| old == of));
    assert!(grown.count() > 0);
    // And when all is there, nothing more is to be done.
    publish(&world.state).await;
    assert_eq!(
        world
            .state
            .control
            .unpublished_usage(control::Unpublished::All)
            .await
            .expect("read"),
        []
    );
}

#[tokio::test]
async fn what_cannot_be_stored_is_stored_the_next_time_and_fails_nobody() {
    let (world, _) = used().await;
    *world.plane.failure.lock().expect("not poisoned") = Some(PlaneError::Full);
    let told = counted(&world).await;
    *world.plane.failure.lock().expect("not poisoned") = None;
    assert_eq!(stored(&world).await, []);
    publish(&world.state).await;
    assert_eq!(stored(&world).await, told);
}

/// A world with a view, a saved query, a cached one and a dataset over usage.
async fn read_by_much() -> (World, [(String, String); 2]) {
    let (world, keys) = used().await;
    let view = json!({ "name": "v", "pool": "_usage", "shape": "aggregated",
        "fields": [{ "field": "key", "group": true }, { "field": "requests", "aggregate": "sum" }] });
    world.post("/v1/views", &view).await.expect(201);
    let count = json!({ "analysis": "count", "pool": "_usage" });
    for (name, rate) in [("s", 0), ("c", 60)] {
        let saved = json!({ "name": name, "query": count, "refresh_rate": rate });
        world.post("/v1/saved-queries", &saved).await.expect(201);
    }
    let dataset = json!({ "name": "d", "index_by": "key", "query": { "analysis": "sum",
        "field": "requests", "pool": "_usage", "interval": "daily", "timeframe": "this_3_days" } });
    world.post("/v1/datasets", &dataset).await.expect(201);
    world.get("/v1/usage").await.expect(200);
    (world, keys)
}

/// Every way to usage, each with the same way to what is not there.
fn ways() -> Vec<(String, Json, String, Json)> {
    let query = |analysis: Json, pool: &str| {
        let mut query = analysis;
        query["pool"] = json!(pool);
        query
    };
    let mut ways = Vec::new();
    for analysis in [
        json!({ "analysis": "count" }),
        json!({ "analysis": "extraction" }),
        json!({ "analysis": "sum", "field": "requests" }),
    ] {
        let call = "POST /v1/query".to_owned();
        let of = |pool| query(analysis.clone(), pool);
        ways.push((call.clone(), of("_usage"), call, of("nothing")));
    }
    for (usage, nothing) in [
        (
            "GET /v1/pools/_usage/schema",
            "GET /v1/pools/nothing/schema",
        ),
        ("GET /v1/views/v/data", "GET /v1/views/nothing/data"),
        (
            "GET /v1/saved-queries/s/result",
            "GET /v1/saved-queries/nothing/result",
        ),
        (
            "GET /v1/saved-queries/c/result",
            "GET /v1/saved-queries/nothing/result",
        ),
        ("GET /v1/datasets/d", "GET /v1/datasets/nothing"),
        (
            "GET /v1/datasets/d/results?index_by=x",
            "GET /v1/datasets/nothing/results?index_by=x",
        ),
    ] {
        ways.push((usage.to_owned(), Json::Null, nothing.to_owned(), Json::Null));
    }
    ways
}

/// All of an answer but what names the request.
fn said(reply: &Reply) -> (u16, Json) {
    let mut body = reply.json();
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
    }
    (reply.status, body)
}

#[tokio::test]
async fn no_grant_on_a_star_or_a_tier_opens_usage_or_what_reads_it() {
    let (world, _) = read_by_much().await;
    let all = "all_rows";
    let stars = json!([
        { "on": "pool:*", "actions": ["query", "extract", "schema", "delete", "ingest"], "constraints": all },
        { "on": "view:*", "actions": ["read"], "constraints": all },
        { "on": "saved:*", "actions": ["run"], "constraints": all },
        { "on": "cached:*", "actions": ["read"], "constraints": all },
        { "on": "dataset:*", "actions": ["read", "list", "retrieve"], "constraints": all },
        { "on": "tier:core", "actions": ["query", "extract", "schema", "read"], "constraints": all },
        { "on": "tier:premium", "actions": ["query", "extract", "schema", "read"], "constraints": all },
    ]);
    let (_, token) = world.key(stars).await;
    for (usage, usage_body, nothing, nothing_body) in ways() {
        let hidden = world.call(&token, &usage, &usage_body).await;
        let absent = world.call(&token, &nothing, &nothing_body).await;
        assert_eq!(said(&hidden), said(&absent), "{usage} {usage_body}");
        assert_eq!(hidden.status, 404, "{usage}");
    }
    let record = json!({ "x": 1 });
    let write = world
        .call(&token, "POST /v1/pools/_usage/records", &record)
        .await;
    write.expect(404);
    // Nothing of it is listed: neither to such a key nor to who administers.
    let listed = world.call(&token, "GET /v1/datasets", &Json::Null).await;
    assert_eq!(listed.expect(200).json()["items"], json!([]));
    let seen = world
        .call(&token, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
    assert!(!seen.text().contains("_usage"), "{}", seen.text());
    let pools = world.get("/v1/pools").await.expect(200);
    assert!(!pools.text().contains("_usage"));
}

#[tokio::test]
async fn who_may_ask_for_usage_may_ask_its_pool_and_who_may_not_does_not() {
    let (world, _) = read_by_much().await;
    let (_, admin) = world
        .key(json!([{ "on": "project", "actions": ["admin"] }]))
        .await;
    for token in [&world.admin, &admin] {
        for (usage, body, ..) in ways() {
            world.call(token, &usage, &body).await.expect(200);
        }
    }
    let project = project(&world).to_string();
    let owner = first_signed_in(&world).await;
    let mut people = vec![(owner, true)];
    for (role, sees) in [
        ("admin", true),
        ("developer", false),
        ("analyst", false),
        ("viewer", false),
    ] {
        let roles = json!([{ "role": role }]);
        let person = joined(&world, &people[0].0, role, roles).await;
        people.push((person, sees));
    }
    // A customer's own admin sees the customer's rows, and usage is none of them.
    let held = json!([{ "role": "admin", "project": project,
        "constraints": [{ "field": "key", "operator": "exists", "value": true }] }]);
    people.push((joined(&world, &people[0].0, "held", held).await, false));
    for (person, sees) in people {
        for (usage, body, ..) in ways() {
            let status = person.call(&world, &usage, &body).await.status;
            match sees {
                true => assert_eq!(status, 200, "{usage}"),
                false => assert!([403, 404].contains(&status), "{usage} {status}"),
            }
        }
    }
}

/// What a key of a customer is told of usage: by each road, without what is
/// drawn at random.
async fn told_to(world: &World, token: &str) -> Vec<Json> {
    let count = json!({ "analysis": "count", "pool": "_usage" });
    let sum = json!({ "analysis": "sum", "field": "requests", "pool": "_usage",
        "group_by": ["day", "pool"] });
    let rows = json!({ "analysis": "extraction", "pool": "_usage",
        "fields": ["day", "key", "pool", "view", "requests", "refused", "records"],
        "order_by": [{ "field": "pool", "direction": "asc" }, { "field": "view", "direction": "asc" }] });
    let mut told = Vec::new();
    for (call, body) in [
        ("POST /v1/query", &count),
        ("POST /v1/query", &sum),
        ("POST /v1/query", &rows),
        ("GET /v1/views/v/data", &Json::Null),
        ("GET /v1/pools/_usage/schema", &Json::Null),
    ] {
        told.push(world.call(token, call, body).await.expect(200).json());
    }
    let left = world.call(token, "GET /v1/whoami", &Json::Null).await;
    told.push(left.expect(200).json());
    told
}

#[tokio::test]
async fn a_customers_key_is_told_its_own_usage_alike_with_and_without_that_of_others() {
    let mut worlds = Vec::new();
    for others_work in [true, false] {
        let (world, keys) = read_by_much().await;
        let own = &keys[0].0;
        let rows = json!([{ "field": "key", "operator": "eq", "value": own }]);
        let body = json!({ "name": "customer", "limits": { "credits": { "core": { "amount": 100, "period": "day" } } },
            "grants": [
                { "on": "pool:_usage", "actions": ["query", "extract", "schema"], "constraints": rows },
                { "on": "view:v", "actions": ["read"], "constraints": rows },
            ] });
        let made = world.post("/v1/keys", &body).await.expect(201).json();
        if others_work {
            for _ in 0..3 {
                work(&world, &keys[1].1).await;
            }
        }
        world.get("/v1/usage").await.expect(200);
        let told = told_to(&world, text(&made, "/token")).await;
        assert_eq!(
            told[0]["result"], 3,
            "a row without a pool, one of it, one of its view"
        );
        assert!(told[5].to_string().contains("_usage"), "{}", told[5]);
        worlds.push((world, told));
    }
    assert_eq!(worlds[0].1, worlds[1].1);
    // The others did more in the one, which who sees all is told.
    let all = |world: &World| {
        let pool = usage_pool_id(project(world));
        let records = world.plane.records(pool);
        let requests = records
            .iter()
            .filter_map(|record| record.get("requests").cloned());
        requests.map(|n| format!("{n:?}")).collect::<Vec<_>>()
    };
    assert_ne!(all(&worlds[0].0), all(&worlds[1].0));
}

#[tokio::test]
async fn nobody_writes_to_the_pool_changes_it_or_takes_its_name() {
    let (world, keys) = used().await;
    let before = counted(&world).await;
    let everything = json!({ "all": true });
    let own = json!([{ "on": "pool:_usage", "actions": ["query"], "constraints": "all_rows" },
        { "on": "pool:*", "actions": ["ingest", "delete"], "constraints": "all_rows" }]);
    let (_, granted) = world.key(own).await;
    let record = json!([{ "day": "2026-05-01", "at": "2026-05-01T00:00:00Z", "key": keys[0].0,
        "secret": "s", "pool": "", "view": "", "requests": 0, "refused": 0, "records": 0 }]);
    for token in [&world.admin, &granted] {
        for (call, body) in [
            ("POST /v1/pools/_usage/records", &record),
            ("POST /v1/pools/_usage/delete", &everything),
        ] {
            let refused = world.call(token, call, body).await.expect(403);
            assert_eq!(refused.code(), "kept_by_server", "{call}");
        }
    }
    for (call, body) in [
        ("PATCH /v1/pools/_usage", json!({ "description": "mine" })),
        ("PATCH /v1/pools/_usage", json!({ "name": "mine" })),
        ("DELETE /v1/pools/_usage", Json::Null),
    ] {
        let refused = world.call(&world.admin, call, &body).await.expect(403);
        assert_eq!(refused.code(), "kept_by_server", "{call}");
    }
    let definition = world.get("/v1/pools/_usage").await.expect(200).json();
    assert_eq!(
        definition["unique"],
        json!(["key", "day", "pool", "secret", "view"])
    );
    for name in ["_usage", "_other"] {
        let pool = json!({ "name": name, "schema": "open" });
        let refused = world.post("/v1/pools", &pool).await.expect(400);
        assert_eq!(refused.code(), "invalid_name");
    }
    let renamed = world
        .call(
            &world.admin,
            "PATCH /v1/pools/sales",
            &json!({ "name": "_usage" }),
        )
        .await;
    assert_eq!(renamed.expect(400).code(), "invalid_name");
    let grant = json!([{ "on": "pool:_usage", "actions": ["ingest"], "injections": {} }]);
    let body = json!({ "name": "k", "grants": grant });
    let refused = world.post("/v1/keys", &body).await.expect(400).json();
    assert_eq!(text(&refused, "/pointer"), "/grants/0/actions/0");
    let view = json!({ "name": "p", "pool": "_usage", "shape": "records", "public": true,
        "fields": [{ "field": "key" }] });
    let refused = world.post("/v1/views", &view).await.expect(400).json();
    assert_eq!(text(&refused, "/pointer"), "/public");
    let after = stored(&world).await;
    assert!(before.iter().all(|row| after.contains(row)));
}

#[tokio::test]
async fn the_usage_of_a_deleted_project_goes_with_all_that_reads_it() {
    let (world, _) = used().await;
    let owner = first_signed_in(&world).await;
    let body = json!({ "name": "second", "code": owner.code(&world) });
    let made = owner
        .call(&world, "POST /v1/projects", &body)
        .await
        .expect(201)
        .json();
    let (id, token) = (text(&made, "/id"), text(&made, "/token"));
    let view = json!({ "name": "v", "pool": "_usage", "shape": "records", "fields": [{ "field": "key" }] });
    world.call(token, "POST /v1/views", &view).await.expect(201);
    world
        .call(token, "GET /v1/usage", &Json::Null)
        .await
        .expect(200);
    let pool = usage_pool_id(ProjectId::parse(id).expect("an id"));
    assert_eq!(world.plane.records(pool).len(), 1);
    // Counted, and not brought to the pool when the project goes.
    world
        .call(token, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
    let call = format!("{} /v1/projects/{id}", Method::DELETE);
    owner.call(&world, &call, &Json::Null).await.expect(204);
    assert_eq!(*world.plane.dropped.lock().expect("not poisoned"), [pool]);
    world.state.control.save_last_used().await.expect("saved");
    publish(&world.state).await;
    assert_eq!(world.plane.records(pool).len(), 0);
    let left = world
        .state
        .control
        .unpublished_usage(control::Unpublished::All)
        .await
        .expect("read");
    assert_eq!(left, []);
    // That of the first one is whole.
    let told = counted(&world).await;
    assert_eq!(stored(&world).await, told);
}

#[tokio::test]
async fn usage_takes_nothing_of_a_quota_and_writes_itself_where_one_is_reached() {
    let (world, keys) = used().await;
    let zero = json!({ "storage_bytes": 0 });
    world
        .call(&world.admin, "PATCH /v1/projects/default", &zero)
        .await
        .expect(200);
    let record = json!([{ "amount": 1 }]);
    let refused = world
        .call(&keys[0].1, "POST /v1/pools/sales/records", &record)
        .await;
    assert_eq!(refused.expect(409).code(), "quota_reached");
    let told = counted(&world).await;
    assert_eq!(stored(&world).await, told);
    let usage = usage_pool(project(&world));
    assert_eq!(usage.draft.storage_bytes, None);
}

#[tokio::test]
async fn a_stored_question_over_usage_and_other_records_shows_who_administers_no_other_records() {
    let (world, _) = used().await;
    let step = |pool: &str, actor: &str| json!({ "pool": pool, "actor": actor });
    let funnel = json!({ "analysis": "funnel",
        "steps": [step("_usage", "key"), step("sales", "customer")] });
    let saved = json!({ "name": "both", "query": funnel });
    let made = world.post("/v1/saved-queries", &saved).await;
    made.expect(201);
    let by_star = json!([{ "on": "saved:*", "actions": ["run"], "constraints": "all_rows" }]);
    let by_name = json!([{ "on": "saved:both", "actions": ["run"],
        "constraints": "all_rows" }]);
    let admin = json!([{ "on": "project", "actions": ["admin"] }]);
    for (grants, status) in [(by_star, 404), (by_name, 200), (admin, 403)] {
        let (_, token) = world.key(grants).await;
        let call = "GET /v1/saved-queries/both/result";
        world.call(&token, call, &Json::Null).await.expect(status);
    }
}

/// A second project beside that of the world: the token of its first key.
async fn another_project(world: &World) -> String {
    let ada = first_signed_in(world).await;
    let made = json!({ "name": "elsewhere", "code": ada.code(world) });
    let made = ada.call(world, "POST /v1/projects", &made).await;
    text(&made.expect(201).json(), "/token").to_owned()
}

/// What is left to be brought, by project.
async fn left(world: &World, which: control::Unpublished) -> usize {
    let left = world.state.control.unpublished_usage(which).await;
    left.expect("read").len()
}

#[tokio::test]
async fn a_project_that_takes_long_holds_up_neither_another_one_nor_a_stop() {
    let world = World::with_sales().await;
    let other = another_project(&world).await;
    let own = project(&world);
    let query = json!({ "name": "visits", "schema": "open" });
    world
        .call(&other, "POST /v1/pools", &query)
        .await
        .expect(201);
    world.state.control.save_last_used().await.expect("saved");
    *world.plane.stuck.lock().expect("not poisoned") = Some(usage_pool_id(own));
    // One publishes and comes to no end.
    let mut publishing = tokio::spawn({
        let state = world.state.clone();
        async move { publish(&state).await }
    });
    tokio::task::yield_now().await;
    let waits = tokio::time::timeout(Duration::from_millis(50), &mut publishing).await;
    assert!(waits.is_err(), "it is stuck");
    // The other project is told of its usage all the same, and its pool has it.
    let told = world
        .call(&other, "GET /v1/usage", &Json::Null)
        .await
        .expect(200)
        .json();
    assert!(!told["items"].as_array().expect("a list").is_empty());
    let count = json!({ "analysis": "count", "pool": "_usage" });
    let counted = world.call(&other, "POST /v1/query", &count).await;
    assert!(counted.expect(200).json()["result"].as_u64() > Some(0));
    // A stop gives it up, and nothing is lost by that.
    publishing.abort();
    assert!(publishing.await.is_err());
    *world.plane.stuck.lock().expect("not poisoned") = None;
    assert!(left(&world, Unpublished::Of(own)).await > 0);
    publish(&world.state).await;
    assert_eq!(left(&world, Unpublished::Of(own)).await, 0);
}

#[tokio::test]
async fn what_a_kill_leaves_of_a_deleted_project_goes_at_the_next_start() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let made = json!({ "name": "elsewhere", "code": ada.code(&world) });
    let made = ada.call(&world, "POST /v1/projects", &made).await;
    let made = made.expect(201).json();
    let other = model::ids::ProjectId::parse(text(&made, "/id")).expect("an id");
    let deletes = "DELETE /v1/projects/elsewhere";
    // The process ends between the two steps: the records are not dropped.
    *world.plane.failure.lock().expect("not poisoned") = Some(PlaneError::Full);
    let failed = ada.call(&world, deletes, &Json::Null).await;
    assert!(failed.status >= 500, "{}", failed.text());
    let gone = ada.call(&world, deletes, &Json::Null).await;
    gone.expect(404);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("control");
    world.left_behind_whole(&file);
    let again = World::over(&file).await;
    let pool = usage_pool_id(other);
    let dropped = |world: &World| world.plane.dropped.lock().expect("not poisoned").clone();
    assert_eq!(dropped(&again), []);
    crate::drop_left_over(&again.state).await;
    assert_eq!(dropped(&again), [pool]);
    // Once it is noted it is done.
    crate::drop_left_over(&again.state).await;
    assert_eq!(dropped(&again), [pool]);
    // What is deleted without a kill leaves nothing to do.
    *world.plane.failure.lock().expect("not poisoned") = None;
    crate::drop_left_over(&world.state).await;
    let pool = json!({ "name": "brief", "schema": "open" });
    world.post("/v1/pools", &pool).await.expect(201);
    let deletes = "DELETE /v1/pools/brief";
    let gone = world.call(&world.admin, deletes, &Json::Null).await;
    gone.expect(204);
    let to_drop = world.state.control.pools_to_drop().await;
    assert_eq!(to_drop.expect("read"), []);
}

#[tokio::test]
async fn a_right_that_follows_from_administering_makes_no_tickets() {
    let (world, _) = read_by_much().await;
    for saved in ["s", "c"] {
        let body = json!({ "saved_query": saved, "origin": "https://shop.example" });
        let refused = world.post("/v1/tickets", &body).await.expect(400);
        assert_eq!(refused.code(), "not_available");
        assert!(refused.text().contains("by its name"), "{}", refused.text());
        // By a grant on it the same query has tickets that let in.
        let (on, action) = match saved {
            "s" => ("saved:s", "run"),
            _ => ("cached:c", "read"),
        };
        let grants = json!([{ "on": on, "actions": [action], "constraints": "all_rows" }]);
        let (_, token) = world.key(grants).await;
        let made = world.call(&token, "POST /v1/tickets", &body).await;
        let made = made.expect(201).json();
        let visit = format!("GET /v1/tickets/{}/result", text(&made, "/ticket"));
        let mut visit = crate::testing::request("", &visit, &Json::Null);
        let origin = "https://shop.example".parse().expect("a value");
        visit.headers_mut().insert(http::header::ORIGIN, origin);
        world.send(visit).await.expect(200);
    }
}

#[tokio::test]
async fn whoami_and_simulations_tell_of_usage_what_the_key_can_read() {
    let (world, _) = read_by_much().await;
    let ada = first_signed_in(&world).await;
    let all = |on: &str, actions: &[&str]| json!({ "on": on, "actions": actions, "constraints": "all_rows" });
    let rows = json!([{ "field": "customer", "operator": "eq", "value": "a" }]);
    let held =
        json!([{ "project": project(&world).to_string(), "role": "admin", "constraints": rows }]);
    let cara = joined(&world, &ada, "cara", held).await;
    // Somebody held to some rows makes a key that says of usage what it likes.
    let draft = json!({ "name": "held", "grants": [all("view:all", &["read"])] });
    let made = cara.call(&world, "POST /v1/keys", &draft).await;
    let made = made.expect(201).json();
    let (held_id, held_token) = (text(&made, "/id"), text(&made, "/token"));
    let widened = json!({ "grants": [all("view:all", &["read"]), all("view:v", &["read"]),
        all("pool:_usage", &["query"])], "code": ada.code(&world) });
    let patch = format!("PATCH /v1/keys/{held_id}");
    ada.call(&world, &patch, &widened).await.expect(200);
    let (named_id, named_token) = world
        .key(json!([
            all("view:v", &["read"]),
            all("pool:_usage", &["query"])
        ]))
        .await;
    let (wild_id, wild_token) = world
        .key(json!([all("view:*", &["read"]), all("pool:*", &["query"])]))
        .await;
    for (id, token, sees) in [
        (held_id, held_token, false),
        (&named_id[..], &named_token[..], true),
        (&wild_id[..], &wild_token[..], false),
    ] {
        let me = world.call(token, "GET /v1/whoami", &Json::Null).await;
        let me = me.expect(200).json();
        let simulated = ada
            .call(&world, &format!("POST /v1/keys/{id}/simulate"), &json!({}))
            .await
            .expect(200)
            .json();
        for (list, name, call, body) in [
            ("views", "v", "GET /v1/views/v/data", Json::Null),
            (
                "pools",
                "_usage",
                "POST /v1/query",
                json!({ "analysis": "count", "pool": "_usage" }),
            ),
        ] {
            let reads = world.call(token, call, &body).await.status == 200;
            assert_eq!(reads, sees, "{id} {name}");
            for told in [&me, &simulated] {
                let items = told[list].as_array().expect("a list").iter();
                let named: Vec<&str> = items.map(|item| text(item, "/name")).collect();
                assert_eq!(named.contains(&name), sees, "{id} {name}: {told}");
            }
        }
    }
    // Whoever sees usage by administering is told of what was granted alone, and
    // each view that anybody is told of can be read.
    for caller in [&ada, &cara] {
        let me = caller.call(&world, "GET /v1/whoami", &Json::Null).await;
        let me = me.expect(200).json();
        for view in me["views"].as_array().expect("a list") {
            let path = format!("GET /v1/views/{}/data", text(view, "/name"));
            caller.call(&world, &path, &Json::Null).await.expect(200);
        }
    }
    let admin = world.get("/v1/whoami").await.expect(200).json();
    let views = admin["views"].as_array().expect("a list");
    assert!(views.iter().all(|view| view["name"] != "v"), "{admin}");
}

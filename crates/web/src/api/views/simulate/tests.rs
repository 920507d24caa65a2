use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::limits::SIMULATED_KEYS_MAX;
use model::time::{Clock, ManualClock, Timestamp};
use serde_json::{Value as Json, json};

use crate::testing::people::{first_signed_in, joined};
use crate::testing::{World, text};

fn rows_of(customer: &str) -> Json {
    json!([{ "field": "customer", "operator": "eq", "value": customer }])
}

fn reads(on: &str, rows: Json) -> Json {
    json!([{ "on": on, "actions": ["read"], "constraints": rows }])
}

async fn simulate(world: &World, token: &str, change: &Json) -> Json {
    let body = json!({ "change": change });
    let call = "POST /v1/views/all/simulate";
    world.call(token, call, &body).await.expect(200).json()
}

/// What is told of each key, by its id.
fn by_id(told: &Json) -> BTreeMap<String, Json> {
    let keys = told["keys"].as_array().expect("keys are told").iter();
    keys.map(|key| (text(key, "/id").to_owned(), key.clone()))
        .collect()
}

/// How many rows of the only view the holder of the token sees.
async fn own(world: &World, token: &str) -> u64 {
    let me = world.call(token, "GET /v1/whoami", &Json::Null).await;
    me.expect(200).json()["views"][0]["rows"]
        .as_u64()
        .unwrap_or(0)
}

/// What is told of every key before a change is what the key is told itself, before and after it.
#[tokio::test]
async fn what_is_told_of_each_key_is_what_it_is_told_before_and_after() {
    let world = World::with_sales().await;
    let public = json!({ "public": true });
    let patch = "PATCH /v1/views/all";
    let patched = world.call(&world.admin, patch, &public).await;
    patched.expect(200);
    let mut keys = Vec::new();
    for grants in [
        reads("view:all", rows_of("a")),
        reads("view:all", json!("all_rows")),
        reads("tier:premium", rows_of("b")),
        reads("tier:core", rows_of("b")),
        json!([{ "on": "view:*", "except": ["all"], "actions": ["read"], "constraints": "all_rows" }]),
        json!([{ "on": "view:*", "only": ["else"], "actions": ["read"], "constraints": "all_rows" }]),
    ] {
        keys.push(world.key(grants).await);
    }
    let page = json!({ "name": "page", "kind": "publishable",
        "grants": reads("view:all", json!("all_rows")) });
    let page = world.post("/v1/keys", &page).await.expect(201).json();
    keys.push((
        text(&page, "/id").to_owned(),
        text(&page, "/token").to_owned(),
    ));
    let later = json!([{ "field": "amount", "operator": "gte", "value": 3 }]);
    let (mut gained, mut lost) = (0, 0);
    for change in [
        json!({ "filters": later }),
        json!({ "filters": [{ "field": "amount", "operator": "lt", "value": 4 }] }),
        json!({ "filters": null, "tier": "premium" }),
        json!({ "public": false }),
        json!({ "order_by": [{ "field": "amount", "direction": "desc" }] }),
        json!({ "name": "else" }),
    ] {
        let told = simulate(&world, &world.admin, &change).await;
        let told = by_id(&told);
        let mut before = Vec::new();
        for (_, token) in &keys {
            before.push(own(&world, token).await);
        }
        world.call(&world.admin, patch, &change).await.expect(200);
        for ((id, token), before) in keys.iter().zip(before) {
            let after = own(&world, token).await;
            let Some(told) = told.get(id) else {
                assert_eq!((before, after), (0, 0), "{change}: {id} is not told");
                continue;
            };
            assert_eq!(told["rows"], before, "{change}: {told}");
            assert_eq!(told["rows_after"], after, "{change}: {told}");
            let number = |name: &str| told[name].as_u64().expect("is told");
            let (more, less) = (number("rows_gained"), number("rows_lost"));
            assert_eq!(before + more, after + less, "{change}: {told}");
            assert!(more <= after && less <= before, "{change}: {told}");
            gained += more;
            lost += less;
        }
    }
    // Rows 3 to 5 of five, and then 1 to 3: the same number is not the same rows.
    assert!(gained > 10 && lost > 10, "{gained} {lost}");
}

#[tokio::test]
async fn the_view_itself_is_told_with_its_fields_tier_and_whether_it_is_public() {
    let world = World::with_sales().await;
    let denied = json!([{ "on": "view:all", "actions": ["read"], "constraints": "all_rows",
        "fields": { "deny": ["email"] } }]);
    let (id, _) = world.key(denied).await;
    let before = world.get("/v1/views/all").await.expect(200).json();
    let change = json!({ "tier": "premium", "public": true,
        "fields": [{ "field": "customer" }, { "field": "email", "as": "amount" },
            { "field": "amount", "as": "n" }],
        "filters": [{ "field": "amount", "operator": "gt", "value": 3 }] });
    let told = simulate(&world, &world.admin, &change).await;
    let expected = json!({ "changed": true, "tier": "core", "tier_after": "premium",
        "public": false, "public_after": true,
        "among": 5, "rows": 5, "rows_after": 2, "rows_gained": 0, "rows_lost": 3,
        "fields": ["customer", "at", "amount", "email"], "fields_gained": ["amount", "n"],
        "fields_lost": ["at", "amount", "email"], "keys_left": 0, "stopped": null });
    for (member, value) in expected.as_object().expect("an object") {
        assert_eq!(&told[member], value, "{member}: {told}");
    }
    let key = &by_id(&told)[&id];
    assert_eq!(key["fields"], json!(["customer", "at", "amount"]));
    assert_eq!(key["fields_gained"], json!(["n"]));
    assert_eq!(key["fields_lost"], json!(["at", "amount"]));
    // Nothing is saved, and without a change it is told what is.
    let after = world.get("/v1/views/all").await.expect(200).json();
    assert_eq!(after, before);
    let call = "POST /v1/views/all/simulate";
    let now = world.call(&world.admin, call, &Json::Null).await;
    let now = now.expect(200).json();
    assert_eq!((&now["changed"], &now["rows"]), (&json!(false), &json!(5)));
    let key = &by_id(&now)[&id];
    assert_eq!(key["rows"], 5);
    assert!(key.get("rows_after").is_none(), "{now}");
}

#[tokio::test]
async fn what_could_not_be_saved_is_refused_as_it_would_be_then() {
    let world = World::with_sales().await;
    let other = json!({ "name": "other", "pool": "sales", "shape": "records",
        "fields": [{ "field": "at" }] });
    world.post("/v1/views", &other).await.expect(201);
    let pool = json!({ "name": "elsewhere", "schema": "open" });
    world.post("/v1/pools", &pool).await.expect(201);
    for change in [
        json!({ "name": "other" }),
        json!({ "pool": "elsewhere" }),
        json!({ "pool": "none" }),
        json!({ "fields": [] }),
        json!({ "fields": [{ "field": "nothing" }] }),
        json!({ "filters": [{ "field": "nothing", "operator": "eq", "value": 1 }] }),
        json!({ "views": 1 }),
    ] {
        let body = json!({ "change": change });
        let told = world.post("/v1/views/all/simulate", &body).await;
        let saved = world.call(&world.admin, "PATCH /v1/views/all", &change);
        let saved = saved.await;
        assert!(saved.status >= 400, "{change}");
        assert_eq!(
            (told.status, told.code(), &told.json()["pointer"]),
            (saved.status, saved.code(), &saved.json()["pointer"]),
            "{change}"
        );
    }
    let none = world.post("/v1/views/none/simulate", &json!({})).await;
    assert_eq!(none.status, 404);
}

/// An administrator is told of their own rows alone, and nothing by a field that they do not see.
#[tokio::test]
async fn nobody_is_told_of_rows_beyond_their_own() {
    let world = World::with_sales().await;
    let limited = json!([
        { "on": "project", "actions": ["admin"] },
        { "on": "pool:sales", "actions": ["query"], "constraints": rows_of("a"),
            "fields": { "deny": ["email"] } },
    ]);
    let (_, limited) = world.key(limited).await;
    let (_, blind) = world
        .key(json!([{ "on": "project", "actions": ["admin"] }]))
        .await;
    let (reader, _) = world.key(reads("view:all", json!("all_rows"))).await;
    let by_amount = json!({ "filters": [{ "field": "amount", "operator": "gte", "value": 3 }] });
    let told = simulate(&world, &limited, &by_amount).await;
    let key = &by_id(&told)[&reader];
    assert_eq!((&told["among"], &told["rows_lost"]), (&json!(3), &json!(2)));
    assert_eq!((&key["rows"], &key["rows_lost"]), (&json!(3), &json!(2)));
    // By a field that it does not see: whatever is there, the answer is the same.
    let by_email = |value: &str| json!({ "filters": [{ "field": "email", "operator": "eq", "value": value }] });
    let there = simulate(&world, &limited, &by_email("a1@example.com")).await;
    let absent = simulate(&world, &limited, &by_email("nobody@example.com")).await;
    assert_eq!(there, absent);
    assert_eq!(by_id(&there)[&reader]["rows"], Json::Null, "{there}");
    assert!(by_id(&there)[&reader]["reason"].is_string(), "{there}");
    // The proof can fail: who sees the field is told.
    let told = simulate(&world, &world.admin, &by_email("a1@example.com")).await;
    assert_eq!(by_id(&told)[&reader]["rows_after"], 1, "{told}");
    let told = simulate(&world, &blind, &by_amount).await;
    assert_eq!((&told["among"], &told["rows"]), (&Json::Null, &Json::Null));
    assert_eq!(by_id(&told)[&reader]["rows"], Json::Null, "{told}");
}

#[tokio::test]
async fn keys_are_told_to_whom_keys_are() {
    let world = World::with_sales().await;
    let (id, _) = world.key(reads("view:all", rows_of("a"))).await;
    let ada = first_signed_in(&world).await;
    let change = json!({ "change": { "filters": rows_of("b") } });
    let call = "POST /v1/views/all/simulate";
    let told = ada.call(&world, call, &change).await.expect(200).json();
    assert_eq!(by_id(&told)[&id]["rows_lost"], 3, "{told}");
    let dev = joined(&world, &ada, "dev", json!([{ "role": "developer" }])).await;
    let told = dev.call(&world, call, &change).await.expect(200).json();
    assert_eq!(
        (&told["keys"], &told["rows_after"]),
        (&Json::Null, &json!(2))
    );
    assert!(!told.to_string().contains(&id), "{told}");
    let projects = world.get("/v1/projects").await.expect(200).json();
    let project = text(&projects, "/items/0/id");
    let held = json!([{ "role": "admin", "project": project, "constraints": rows_of("a") }]);
    for (name, roles) in [("ann", json!([{ "role": "analyst" }])), ("bea", held)] {
        let person = joined(&world, &ada, name, roles).await;
        let refused = person.call(&world, call, &change).await;
        assert_eq!(refused.status, 403, "{name}");
    }
}

/// Of more keys than it counts, it counts those for which something changes, and says how many
/// are left.
#[tokio::test]
async fn a_simulation_counts_so_many_keys_and_says_that_there_are_more() {
    let world = World::with_sales().await;
    let hides = json!([{ "on": "view:all", "actions": ["read"], "constraints": "all_rows",
        "fields": { "deny": ["email"] } }]);
    let (same, _) = world.key(hides).await;
    // The first key reads it, too.
    for _ in 1..SIMULATED_KEYS_MAX {
        world.key(reads("view:all", rows_of("b"))).await;
    }
    let change = json!({ "fields": [{ "field": "customer" }, { "field": "at" },
        { "field": "amount" }] });
    let told = simulate(&world, &world.admin, &change).await;
    assert_eq!(
        (&told["keys_left"], &told["stopped"]),
        (&json!(1), &json!("keys"))
    );
    let keys = by_id(&told);
    assert_eq!(keys.len(), SIMULATED_KEYS_MAX);
    assert!(!keys.contains_key(&same), "nothing changes for it");
    for key in keys.values() {
        assert_eq!(key["fields_lost"], json!(["email"]), "{key}");
    }
}

/// A clock that moves whenever it is read.
#[derive(Debug)]
struct Leaping(Arc<ManualClock>);

impl Clock for Leaping {
    fn now(&self) -> Timestamp {
        self.0.advance(Duration::from_secs(3))
    }
}

#[tokio::test]
async fn a_simulation_that_takes_too_long_says_so() {
    let mut world = World::with_sales().await;
    // With the first key, six.
    for _ in 0..5 {
        world.key(reads("view:all", rows_of("b"))).await;
    }
    let change = json!({ "filters": rows_of("a") });
    let whole = simulate(&world, &world.admin, &change).await;
    assert_eq!(
        (by_id(&whole).len(), &whole["stopped"]),
        (6, &Json::Null),
        "{whole}"
    );
    world.state.clock = Arc::new(Leaping(Arc::clone(&world.clock)));
    world.router = crate::router(world.state.clone());
    let told = simulate(&world, &world.admin, &change).await;
    let counted = by_id(&told).len();
    assert!((1..6).contains(&counted), "{told}");
    assert_eq!(told["keys_left"], 6 - counted, "{told}");
    assert_eq!(told["stopped"], "time", "{told}");
}

/// A count that takes longer than a question may ends the counting; what was counted is told.
#[tokio::test]
async fn a_count_that_has_no_answer_in_time_ends_the_counting() {
    let world = World::with_sales().await;
    let (slow, _) = world.key(reads("view:all", rows_of("slowly"))).await;
    *world.plane.slow_about.lock().expect("not poisoned") = Some("slowly".to_owned());
    let change = json!({ "filters": [{ "field": "amount", "operator": "gte", "value": 3 }] });
    let told = simulate(&world, &world.admin, &change).await;
    assert_eq!((&told["among"], &told["rows"]), (&json!(5), &json!(5)));
    let keys = by_id(&told);
    assert!(!keys.contains_key(&slow), "{told}");
    // With the first key, two.
    assert_eq!(told["keys_left"], 2 - keys.len(), "{told}");
    assert_eq!(told["stopped"], "time", "{told}");
    // Not even the view's own rows are counted in time.
    let change = json!({ "filters": rows_of("slowly") });
    let told = simulate(&world, &world.admin, &change).await;
    assert_eq!((&told["rows"], &told["keys"]), (&Json::Null, &json!([])));
    assert!(text(&told, "/reason").contains("took longer"), "{told}");
    assert_eq!(told["keys_left"], 2, "{told}");
    assert_eq!(told["stopped"], "time", "{told}");
}

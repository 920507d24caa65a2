use serde_json::{Value as Json, json};

use crate::testing::World;

fn rows_of(customer: &str) -> Json {
    json!([{ "field": "customer", "operator": "eq", "value": customer }])
}

fn reads(customer: &str) -> Json {
    json!([
        { "on": "view:all", "actions": ["read"], "constraints": rows_of(customer) },
        { "on": "pool:sales", "actions": ["query"], "constraints": rows_of(customer),
            "fields": { "deny": ["email"] } },
    ])
}

async fn simulate(world: &World, token: &str, id: &str, body: &Json) -> Json {
    let call = format!("POST /v1/keys/{id}/simulate");
    world.call(token, &call, body).await.expect(200).json()
}

#[tokio::test]
async fn a_simulation_says_what_the_key_is_told_itself() {
    let world = World::with_sales().await;
    let (id, token) = world.key(reads("a")).await;
    let told = simulate(&world, &world.admin, &id, &json!({})).await;
    let own = world.call(&token, "GET /v1/whoami", &Json::Null).await;
    let own = own.expect(200).json();
    for member in ["pools", "views"] {
        assert_eq!(told[member][0]["name"], own[member][0]["name"]);
        assert_eq!(told[member][0]["rows"], own[member][0]["rows"]);
        assert_eq!(told[member][0]["rows"], 3);
        assert_eq!(told[member][0]["among"], 5);
        assert_eq!(told[member].as_array().expect("a list").len(), 1);
    }
    assert_eq!(told["changed"], false);
    assert_eq!(
        told["pools"][0]["fields"],
        json!(["customer", "at", "amount"])
    );
}

#[tokio::test]
async fn a_change_is_shown_by_what_is_gained_and_lost_and_not_saved() {
    let world = World::with_sales().await;
    let (id, _) = world.key(reads("a")).await;
    let before = world
        .get(&format!("/v1/keys/{id}"))
        .await
        .expect(200)
        .json();
    let wider = json!([{ "on": "pool:sales", "actions": ["query"], "constraints": "all_rows" }]);
    for (grants, pool, view) in [
        (reads("b"), (2, 2, 3), Some((2, 2, 3))),
        (reads("a"), (3, 0, 0), Some((3, 0, 0))),
        (wider, (5, 2, 0), Some((0, 0, 3))),
        (json!([]), (0, 0, 3), Some((0, 0, 3))),
    ] {
        let body = json!({ "change": { "grants": grants } });
        let told = simulate(&world, &world.admin, &id, &body).await;
        assert_eq!(told["changed"], true);
        for (member, expected) in [("pools", Some(pool)), ("views", view)] {
            let (after, gained, lost) = expected.expect("is told");
            let told = &told[member][0];
            assert_eq!(told["rows"], 3, "{told}");
            assert_eq!(told["rows_after"], after, "{told}");
            assert_eq!(told["rows_gained"], gained, "{told}");
            assert_eq!(told["rows_lost"], lost, "{told}");
        }
    }
    let body = json!({ "change": { "grants": [{ "on": "pool:sales", "actions": ["query"],
        "constraints": "all_rows" }] } });
    let told = simulate(&world, &world.admin, &id, &body).await;
    assert_eq!(told["pools"][0]["fields_gained"], json!(["email"]));
    assert_eq!(told["pools"][0]["fields_lost"], json!([]));
    let after = world
        .get(&format!("/v1/keys/{id}"))
        .await
        .expect(200)
        .json();
    assert_eq!(after, before);
    // What could not be saved is refused as it would be then.
    let call = format!("POST /v1/keys/{id}/simulate");
    let body = json!({ "change": { "grants": [{ "on": "pool:none", "actions": ["query"] }] } });
    let refused = world.call(&world.admin, &call, &body).await;
    let patch = format!("PATCH /v1/keys/{id}");
    let saved = world.call(&world.admin, &patch, &body["change"]).await;
    assert_eq!(
        (refused.status, refused.code()),
        (saved.status, saved.code())
    );
}

/// An administrator is told of their own rows alone, and nothing by a field
/// that they do not see: not whether it is there, and not how many rows have a
/// value in it.
#[tokio::test]
async fn nobody_is_told_of_rows_and_fields_beyond_their_own() {
    let world = World::with_sales().await;
    let limited = json!([
        { "on": "project", "actions": ["admin"] },
        { "on": "pool:sales", "actions": ["query"], "constraints": rows_of("a"),
            "fields": { "deny": ["email"] } },
    ]);
    let (_, limited) = world.key(limited).await;
    let blind = json!([{ "on": "project", "actions": ["admin"] }]);
    let (_, blind) = world.key(blind).await;
    let (all, _) = world
        .key(json!([{ "on": "pool:sales", "actions": ["query"], "constraints": "all_rows" }]))
        .await;
    let (of_b, _) = world.key(reads("b")).await;
    let by_email = |value: &str| {
        json!([{ "on": "pool:sales", "actions": ["query"], "constraints":
            [{ "field": "email", "operator": "eq", "value": value }] }])
    };
    let (there, _) = world.key(by_email("a1@example.com")).await;
    let (absent, _) = world.key(by_email("nobody@example.com")).await;
    let body = json!({});
    let told = simulate(&world, &limited, &all, &body).await;
    assert_eq!(told["pools"][0]["rows"], 3, "of three that it sees");
    assert_eq!(told["pools"][0]["among"], 3);
    assert_eq!(
        told["pools"][0]["fields"],
        json!(["customer", "at", "amount"])
    );
    let told = simulate(&world, &limited, &of_b, &body).await;
    assert_eq!(
        told["pools"][0]["rows"], 0,
        "b has rows, which are not its own"
    );
    let mut answers = Vec::new();
    for id in [&there, &absent] {
        let mut told = simulate(&world, &limited, id, &body).await;
        assert_eq!(told["pools"][0]["rows"], Json::Null, "{told}");
        told["key"] = Json::Null;
        answers.push(told);
    }
    assert_eq!(answers[0], answers[1]);
    // The proof can fail: who sees the field is told.
    let told = simulate(&world, &world.admin, &there, &body).await;
    assert_eq!(told["pools"][0]["rows"], 1);
    for id in [&all, &of_b, &there] {
        let told = simulate(&world, &blind, id, &body).await;
        assert_eq!(told["pools"][0]["rows"], Json::Null, "{told}");
        assert_eq!(told["pools"][0]["among"], Json::Null, "{told}");
    }
}

//! A customer's own administrator: a role that administers, held to some rows.

use crate::testing::people::FIRST;
use crate::testing::{Reply, request};

use super::*;

fn rows_of(customer: &str) -> Json {
    json!([{ "field": "customer", "operator": "eq", "value": customer }])
}

/// A role in the project, held to a customer's rows.
fn held(project: &str, role: &str, customer: &str) -> Json {
    json!({ "role": role, "project": project, "constraints": rows_of(customer) })
}

async fn ok(by: &SignedIn, world: &World, call: &str, body: &Json) -> Json {
    let reply = by.call(world, call, body).await;
    assert!(
        reply.status < 300,
        "{call}: {} {}",
        reply.status,
        reply.text()
    );
    match reply.body.is_empty() {
        true => Json::Null,
        false => reply.json(),
    }
}

fn told(reply: &Reply) -> String {
    let text = reply.text().replace(reply.header("x-request-id"), "");
    format!("{} {text}", reply.status)
}

/// A server with Ada, who owns it, and Cara and Ben, who administer for the
/// customers a and b.
async fn with_admins() -> (World, SignedIn, SignedIn, SignedIn) {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let project = project_of(&world).await;
    let cara = joined(&world, &ada, "cara", json!([held(&project, "admin", "a")])).await;
    let ben = joined(&world, &ada, "ben", json!([held(&project, "admin", "b")])).await;
    (world, ada, cara, ben)
}

async fn project_of(world: &World) -> String {
    let projects = world.get("/v1/projects").await.expect(200).json();
    text(&projects, "/items/0/id").to_owned()
}

#[tokio::test]
async fn a_customers_admin_sees_the_customers_rows_and_gives_no_others() {
    let (world, _, cara, _) = with_admins().await;
    let me = ok(&cara, &world, "GET /v1/whoami", &Json::Null).await;
    assert_eq!(
        (&me["pools"][0]["rows"], &me["views"][0]["rows"]),
        (&json!(3), &json!(3))
    );
    let wide = json!({ "name": "reader", "grants": [
        { "on": "pool:sales", "actions": ["query"], "constraints": "all_rows" },
        { "on": "view:all", "actions": ["read"],
          "constraints": [{ "field": "customer", "operator": "eq", "value": "b" }] }] });
    let made = ok(&cara, &world, "POST /v1/keys", &wide).await;
    assert_eq!(made["grants"][0]["constraints"], rows_of("a"));
    let token = text(&made, "/token");
    let count = json!({ "analysis": "count", "pool": "sales" });
    let counted = world
        .call(token, "POST /v1/query", &count)
        .await
        .expect(200);
    assert_eq!(counted.json()["result"], 3);
    let none = world
        .call(token, "GET /v1/views/all/data", &Json::Null)
        .await;
    assert_eq!(none.expect(200).json()["data"], json!([]));
    // What its keys write is the customer's, whatever they send; so is what it writes itself.
    let writer =
        json!({ "name": "writer", "grants": [{ "on": "pool:sales", "actions": ["ingest"] }] });
    let made = ok(&cara, &world, "POST /v1/keys", &writer).await;
    let token = text(&made, "/token");
    let foreign = json!([{ "customer": "b", "amount": 1 }]);
    let stored = world
        .call(token, "POST /v1/pools/sales/records", &foreign)
        .await;
    stored.expect(200);
    ok(&cara, &world, "POST /v1/pools/sales/records", &foreign).await;
    let me = ok(&cara, &world, "GET /v1/whoami", &Json::Null).await;
    assert_eq!(me["pools"][0]["rows"], json!(5));
    let other = json!({ "name": "w", "grants": [{ "on": "pool:sales", "actions": ["ingest"],
        "injections": { "customer": "b" } }] });
    let refused = cara.call(&world, "POST /v1/keys", &other).await.expect(400);
    assert_eq!(text(&refused.json(), "/pointer"), "/grants/0/injections");
    // Deleting reaches the customer's records alone.
    let deleted = ok(
        &cara,
        &world,
        "POST /v1/pools/sales/delete",
        &json!({ "all": true }),
    )
    .await;
    assert_eq!(deleted["deleted"], 5);
    let left = world.get("/v1/views/all/data").await.expect(200).json();
    assert_eq!(left["data"].as_array().map(Vec::len), Some(2));
    // It gives nobody the administration, with a code or without.
    let mut admin = json!({ "name": "k", "grants": [{ "on": "project", "actions": ["admin"] }] });
    admin["code"] = json!(cara.code(&world));
    let refused = cara.call(&world, "POST /v1/keys", &admin).await.expect(400);
    assert_eq!(text(&refused.json(), "/pointer"), "/grants/0/actions");
}

#[tokio::test]
async fn a_customers_admin_knows_of_keys_made_within_its_rows_alone() {
    let (world, ada, cara, ben) = with_admins().await;
    let reader = |rows: Json| {
        json!({ "name": "reader", "grants": [
        { "on": "pool:sales", "actions": ["query"], "constraints": rows }] })
    };
    let all = json!("all_rows");
    let of = |made: &Json| text(made, "/id").to_owned();
    let own = of(&ok(&cara, &world, "POST /v1/keys", &reader(all.clone())).await);
    let bens = of(&ok(&ben, &world, "POST /v1/keys", &reader(all.clone())).await);
    // Of the same rows, but made by somebody who is held to none.
    let adas = of(&ok(&ada, &world, "POST /v1/keys", &reader(rows_of("a"))).await);
    let list = ok(&cara, &world, "GET /v1/keys", &Json::Null).await;
    let listed: Vec<&str> = list["items"]
        .as_array()
        .expect("keys")
        .iter()
        .map(|key| text(key, "/id"))
        .collect();
    assert_eq!(listed, [own.as_str()]);
    let nobodys = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let calls = [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", "?force=true"),
        ("POST", "/disable"),
        ("POST", "/enable"),
        ("POST", "/copy"),
        ("POST", "/roll"),
        ("POST", "/end-grace"),
        ("POST", "/undo-roll"),
        ("POST", "/quarantine"),
        ("POST", "/release"),
        ("POST", "/simulate"),
        ("GET", "/signing-secrets"),
        ("POST", "/signing-secrets"),
        ("DELETE", "/signing-secrets/AAAAAAAAAAAA"),
    ];
    for (method, rest) in calls {
        let body = match (method, rest) {
            ("GET" | "DELETE", _) => Json::Null,
            ("POST", "/roll") => json!({ "grace": "1h" }),
            _ => json!({}),
        };
        let absent = cara
            .call(&world, &format!("{method} /v1/keys/{nobodys}{rest}"), &body)
            .await;
        for foreign in [&bens, &adas] {
            let hidden = cara
                .call(&world, &format!("{method} /v1/keys/{foreign}{rest}"), &body)
                .await;
            assert_eq!(told(&hidden), told(&absent), "{method} {rest}");
            assert_eq!(hidden.status, 404, "{method} {rest}");
        }
    }
    let hidden = cara
        .call(&world, &format!("GET /v1/usage?key_id={bens}"), &Json::Null)
        .await;
    assert_eq!(hidden.status, 404);
    let unnamed = cara
        .call(&world, "GET /v1/usage", &Json::Null)
        .await
        .expect(400);
    assert_eq!(text(&unnamed.json(), "/pointer"), "/key_id");
    ok(
        &cara,
        &world,
        &format!("GET /v1/usage?key_id={own}"),
        &Json::Null,
    )
    .await;
    let advice = ok(&cara, &world, "GET /v1/keys/review", &Json::Null).await;
    let advice = advice.to_string();
    assert!(
        !advice.contains(&bens) && !advice.contains(&adas),
        "{advice}"
    );
    for key in [&own, &bens, &adas] {
        let quarantine = format!("POST /v1/keys/{key}/quarantine");
        ok(&ada, &world, &quarantine, &json!({})).await;
    }
    let all = ok(&ada, &world, "GET /v1/notices", &Json::Null).await;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(3));
    let known = ok(&cara, &world, "GET /v1/notices", &Json::Null).await;
    let known = known["items"].as_array().expect("notices").clone();
    assert_eq!((known.len(), text(&known[0], "/key/id")), (1, own.as_str()));
    for notice in all["items"].as_array().expect("notices") {
        let dismiss = format!("POST /v1/notices/{}/dismiss", text(notice, "/id"));
        let status = cara.call(&world, &dismiss, &json!({})).await.status;
        let is_own = notice["key"]["id"] == json!(own);
        assert_eq!(status, if is_own { 200 } else { 404 });
    }
    let released = json!({ "code": ada.code(&world) });
    ok(
        &ada,
        &world,
        &format!("POST /v1/keys/{own}/release"),
        &released,
    )
    .await;
    // Its own key it changes as ever, and sees what that shows.
    let seen = ok(
        &cara,
        &world,
        &format!("POST /v1/keys/{own}/simulate"),
        &json!({}),
    )
    .await;
    assert_eq!(seen["pools"][0]["rows"], 3);
    ok(
        &cara,
        &world,
        &format!("POST /v1/keys/{own}/disable"),
        &Json::Null,
    )
    .await;
    let copied = json!({ "code": cara.code(&world) });
    ok(
        &cara,
        &world,
        &format!("POST /v1/keys/{own}/enable"),
        &copied,
    )
    .await;
    let copy = of(&ok(
        &cara,
        &world,
        &format!("POST /v1/keys/{own}/copy"),
        &json!({}),
    )
    .await);
    ok(
        &cara,
        &world,
        &format!("DELETE /v1/keys/{copy}"),
        &Json::Null,
    )
    .await;
    // Whoever gives one of them more takes it out of its sight.
    let mut wider = json!({ "grants": [{ "on": "pool:sales", "actions": ["query"], "constraints": "all_rows" }] });
    wider["code"] = json!(ada.code(&world));
    ok(&ada, &world, &format!("PATCH /v1/keys/{own}"), &wider).await;
    let gone = cara
        .call(&world, &format!("GET /v1/keys/{own}"), &Json::Null)
        .await;
    assert_eq!(gone.status, 404);
}

#[tokio::test]
async fn a_customers_admin_changes_nothing_that_is_not_the_customers() {
    let (world, ada, cara, ben) = with_admins().await;
    let pool = json!({ "name": "p", "schema": "open" });
    for (call, body) in [
        ("GET /v1/audit", Json::Null),
        ("GET /v1/audit/checkpoint", Json::Null),
        ("GET /v1/pools", Json::Null),
        ("POST /v1/pools", pool),
        ("PATCH /v1/pools/sales", json!({ "description": "d" })),
        ("DELETE /v1/views/all", Json::Null),
        ("POST /v1/views/all/simulate", json!({})),
        (
            "POST /v1/saved-queries",
            json!({ "name": "s", "query": { "analysis": "count", "pool": "sales" } }),
        ),
        ("GET /v1/projects", Json::Null),
        ("POST /v1/projects", json!({ "name": "x" })),
        ("POST /v1/projects/default/keen", Json::Null),
        ("PATCH /v1/projects/default", json!({ "name": "x" })),
    ] {
        let refused = cara.call(&world, call, &body).await;
        assert_eq!(
            (refused.status, refused.code()),
            (403, "role_not_allowed".to_owned()),
            "{call}"
        );
    }
    // People: those of the same customer, or narrower.
    let list = ok(&cara, &world, "GET /v1/people", &Json::Null).await;
    let known: Vec<&str> = list["items"]
        .as_array()
        .expect("people")
        .iter()
        .map(|one| text(one, "/id"))
        .collect();
    assert_eq!(known, [cara.id.as_str()]);
    let nobodys = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    for method in ["GET", "PATCH", "DELETE"] {
        let body = if method == "PATCH" {
            json!({ "name": "n" })
        } else {
            Json::Null
        };
        let absent = cara
            .call(&world, &format!("{method} /v1/people/{nobodys}"), &body)
            .await;
        for other in [&ada.id, &ben.id] {
            let hidden = cara
                .call(&world, &format!("{method} /v1/people/{other}"), &body)
                .await;
            assert_eq!(told(&hidden), told(&absent), "{method}");
        }
    }
    let out = |id: &str| format!("DELETE /v1/people/{id}/sessions");
    let absent = cara.call(&world, &out(nobodys), &Json::Null).await;
    for other in [&ada, &ben] {
        let hidden = cara.call(&world, &out(&other.id), &Json::Null).await;
        assert_eq!(told(&hidden), told(&absent));
        ok(other, &world, "GET /v1/whoami", &Json::Null).await;
    }
    let project = project_of(&world).await;
    let role = |customer: &str, role: &str| held(&project, role, customer);
    let wide = json!({ "role": "viewer", "project": role("a", "viewer")["project"] });
    for roles in [
        json!([wide]),
        json!([{ "role": "viewer" }]),
        json!([role("b", "viewer")]),
        json!([{ "role": "viewer", "constraints": rows_of("a") }]),
        json!([role("a", "admin"), { "role": "viewer" }]),
    ] {
        let mut draft = json!({ "sign_in": "dan@example.com", "roles": roles });
        draft["code"] = json!(cara.code(&world));
        let refused = cara.call(&world, "POST /v1/invitations", &draft).await;
        assert_eq!(refused.status, 403, "{roles} {}", refused.text());
    }
    let mut narrower = role("a", "developer");
    narrower["constraints"] = json!([{ "field": "customer", "operator": "eq", "value": "a" },
        { "field": "amount", "operator": "gt", "value": 1 }]);
    let dan = joined(&world, &cara, "dan", json!([narrower])).await;
    let list = ok(&cara, &world, "GET /v1/people", &Json::Null).await;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
    let seen = ok(&dan, &world, "GET /v1/whoami", &Json::Null).await;
    assert_eq!(seen["pools"][0]["rows"], json!(2));
    let refused = dan.call(&world, "GET /v1/keys", &Json::Null).await;
    assert_eq!(refused.code(), "action_not_granted");
    // Rows that no value stamps are not written by who is held to them.
    let record = json!([{ "customer": "a", "amount": 9 }]);
    let refused = dan
        .call(&world, "POST /v1/pools/sales/records", &record)
        .await;
    assert_eq!(refused.code(), "action_not_granted");
    // A wider role takes an owner and a code; it is in force at once.
    let wider = json!({ "roles": [role("b", "admin")] });
    let refused = cara
        .call(&world, &format!("PATCH /v1/people/{}", dan.id), &wider)
        .await;
    assert_eq!(refused.code(), "role_not_allowed");
    let unheld =
        json!({ "roles": [{ "role": "admin", "project": role("a", "admin")["project"] }] });
    let refused = ada
        .call(&world, &format!("PATCH /v1/people/{}", cara.id), &unheld)
        .await;
    assert_eq!(refused.code(), "code_needed");
    let mut proven = unheld;
    proven["code"] = json!(ada.code(&world));
    ok(
        &ada,
        &world,
        &format!("PATCH /v1/people/{}", cara.id),
        &proven,
    )
    .await;
    let me = ok(&cara, &world, "GET /v1/whoami", &Json::Null).await;
    assert_eq!(me["pools"][0]["rows"], json!(5));
    ok(&cara, &world, "GET /v1/pools", &Json::Null).await;
}

#[tokio::test]
async fn a_code_of_who_is_held_to_rows_stands_behind_no_change_by_a_key() {
    let (world, ada, cara, _) = with_admins().await;
    let mut admin = json!({ "name": "k", "grants": [{ "on": "project", "actions": ["admin"] }] });
    admin["person"] = json!("cara@example.com");
    admin["code"] = json!(cara.code(&world));
    let refused = world.post("/v1/keys", &admin).await.expect(403);
    assert_eq!(refused.code(), "code_refused");
    admin["person"] = json!(FIRST);
    admin["code"] = json!(ada.code(&world));
    world.post("/v1/keys", &admin).await.expect(201);
}

#[tokio::test]
async fn a_repeat_shows_no_key_that_its_maker_may_not_know_of_any_more() {
    let (world, ada, cara, _) = with_admins().await;
    let draft = json!({ "name": "reader", "grants": [
        { "on": "pool:sales", "actions": ["query"], "constraints": "all_rows" }] });
    let send = async |status: u16| {
        let mut request = request("", "POST /v1/keys", &draft);
        let headers = request.headers_mut();
        headers.insert("cookie", cara.cookie().parse().expect("a cookie"));
        headers.insert("sec-fetch-site", "same-origin".parse().expect("a word"));
        headers.insert("idempotency-key", "once".parse().expect("a name"));
        world.send(request).await.expect(status)
    };
    let made = send(201).await.json();
    send(200).await;
    let mut wide = json!({ "grants": [
        { "on": "pool:sales", "actions": ["query"], "constraints": "all_rows" }] });
    wide["code"] = json!(ada.code(&world));
    let patch = format!("PATCH /v1/keys/{}", text(&made, "/id"));
    ok(&ada, &world, &patch, &wide).await;
    let shown = send(404).await;
    assert!(!shown.text().contains("reader"), "{}", shown.text());
}

#[tokio::test]
async fn an_invitation_tells_a_customers_admin_of_no_other_project() {
    let (world, ada, cara, _) = with_admins().await;
    let project = project_of(&world).await;
    let mut other = json!({ "name": "other" });
    other["code"] = json!(ada.code(&world));
    let other = ok(&ada, &world, "POST /v1/projects", &other).await;
    let roles = json!([
        held(&project, "analyst", "a"),
        held(text(&other, "/id"), "admin", "globex"),
    ]);
    let mut draft = json!({ "sign_in": "dora@example.com", "roles": roles });
    draft["code"] = json!(ada.code(&world));
    ok(&ada, &world, "POST /v1/invitations", &draft).await;
    let list = ok(&cara, &world, "GET /v1/invitations", &Json::Null).await;
    assert_eq!(list["items"][0]["sign_in"], "dora@example.com");
    assert_eq!(
        list["items"][0]["roles"],
        json!([held(&project, "analyst", "a")])
    );
}

//! Sessions over the router: the cookie, where requests must come from, and
//! what each role reaches.

use std::fmt::Write as _;
use std::path::Path;

use http::HeaderValue;
use model::people::Role;
use serde_json::{Value as Json, json};

use super::*;
use crate::routes::{Needs, ROUTES, Route};
use crate::testing::people::{SignedIn, first_signed_in, joined};
use crate::testing::{World, committed, request, text};

mod held;
mod joining;
mod leaving;

#[tokio::test]
async fn k10_the_cookie_goes_to_this_host_over_tls_alone_and_to_no_script() {
    let world = World::new().await;
    let ada = first_signed_in(&world).await;
    let body = ada.proving(&world, json!({ "sign_in": "ada@example.com" }));
    let entered = world.call("", "POST /v1/sessions", &body).await.expect(201);
    let cookie = entered.header("set-cookie").to_owned();
    let (pair, attributes) = cookie.split_once("; ").expect("attributes");
    let (name, value) = pair.split_once('=').expect("a value");
    assert_eq!(name, "__Host-tidegate");
    // 256 bits, none of them from the session before.
    assert_eq!(value.len(), 43);
    assert_ne!(pair, ada.cookie());
    assert_eq!(
        attributes,
        "Path=/; Max-Age=86400; Secure; HttpOnly; SameSite=Lax"
    );
    assert_eq!(entered.header("cache-control"), "no-store");
    // The value is in the cookie alone.
    assert!(!entered.text().contains(value));
    let ended = ada
        .call(&world, "DELETE /v1/sessions/current", &Json::Null)
        .await;
    let gone = ended.expect(204).header("set-cookie").to_owned();
    assert_eq!(
        gone,
        "__Host-tidegate=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"
    );
    let after = ada.call(&world, "GET /v1/whoami", &Json::Null).await;
    assert_eq!(after.expect(401).code(), "unauthenticated");
}

/// What a request says of where it comes from, and whether it counts.
const SITES: [(&[(&str, &str)], bool); 16] = [
    (&[("sec-fetch-site", "same-origin")], true),
    (
        &[
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://evil.example"),
        ],
        true,
    ),
    (&[("sec-fetch-site", "same-site")], false),
    (&[("sec-fetch-site", "cross-site")], false),
    (&[("sec-fetch-site", "none")], false),
    (&[("sec-fetch-site", "Same-Origin")], false),
    (
        &[
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "cross-site"),
        ],
        false,
    ),
    (
        &[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://tide.example"),
        ],
        false,
    ),
    (&[("origin", "https://tide.example")], true),
    (&[("origin", "https://TIDE.example")], true),
    (&[("origin", "https://tide.example.evil.example")], false),
    (&[("origin", "https://tide.example:8443")], false),
    (&[("origin", "null")], false),
    (&[("origin", "https://evil.example")], false),
    (
        &[
            ("origin", "https://tide.example"),
            ("origin", "https://evil.example"),
        ],
        false,
    ),
    (&[], false),
];

#[tokio::test]
async fn k23_a_session_changes_something_from_the_servers_own_pages_alone() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    for (said, counts) in SITES {
        for (call, body, done) in [
            ("PATCH /v1/pools/sales", json!({}), 200),
            (
                "POST /v1/sessions",
                json!({ "sign_in": "x@example.com", "password": "x",
                "code": "123456" }),
                401,
            ),
        ] {
            let mut request = request("", call, &body);
            let headers = request.headers_mut();
            headers.insert("host", HeaderValue::from_static("tide.example"));
            headers.insert("cookie", ada.cookie().parse().expect("a header"));
            for (name, value) in said {
                headers.append(*name, HeaderValue::from_static(value));
            }
            let reply = world.send(request).await;
            // Whoever signs in has no session yet that another site could use, and
            // a client that is no browser says nothing of sites.
            let is_sign_in = call == "POST /v1/sessions";
            if counts || is_sign_in && said.is_empty() {
                world.clock.advance(std::time::Duration::from_secs(900));
                // Keeps the session in use.
                ada.call(&world, "GET /v1/sessions", &Json::Null)
                    .await
                    .expect(200);
                assert_eq!(reply.status, done, "{said:?} {call}: {}", reply.text());
            } else {
                assert_eq!(reply.expect(403).code(), "cross_site", "{said:?} {call}");
            }
        }
    }
}

#[tokio::test]
async fn a_request_with_two_sessions_or_with_a_key_uses_no_session() {
    let world = World::new().await;
    let ada = first_signed_in(&world).await;
    for cookie in [
        format!("{0}; {0}", ada.cookie()),
        format!("x{}", ada.cookie()),
        ada.cookie().replace('=', ""),
        ada.cookie()[..ada.cookie().len() - 1].to_owned(),
    ] {
        let mut request = request("", "GET /v1/whoami", &Json::Null);
        let value = cookie.parse().expect("a header");
        request.headers_mut().insert("cookie", value);
        assert_eq!(world.send(request).await.status, 401, "{cookie}");
    }
    let mut request = request(&world.admin, "GET /v1/whoami", &Json::Null);
    let value = format!("a=b; {}", ada.cookie()).parse().expect("a header");
    request.headers_mut().insert("cookie", value);
    let reply = world.send(request).await.expect(200).json();
    assert_eq!(text(&reply, "/kind"), "secret");
    let reply = ada
        .call(&world, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200)
        .json();
    assert_eq!(
        (text(&reply, "/kind"), text(&reply, "/role")),
        ("person", "owner")
    );
}

#[tokio::test]
async fn a_role_with_a_constraint_sees_its_rows_on_every_road() {
    let world = World::with_sales().await;
    let ada = first_signed_in(&world).await;
    let of_a = json!([{ "role": "analyst",
        "constraints": [{ "field": "customer", "operator": "eq", "value": "a" }] }]);
    let bob = joined(&world, &ada, "bob", of_a).await;
    let rows = |reply: &Json| reply["data"].as_array().expect("rows").len();
    for (who, seen) in [(&ada, 5), (&bob, 3)] {
        let view = who
            .call(&world, "GET /v1/views/all/data", &Json::Null)
            .await;
        assert_eq!(rows(&view.expect(200).json()), seen);
        let query = json!({ "analysis": "count", "pool": "sales" });
        let count = who.call(&world, "POST /v1/query", &query).await.expect(200);
        assert_eq!(count.json()["result"], json!(seen), "{}", count.text());
        let me = who
            .call(&world, "GET /v1/whoami", &Json::Null)
            .await
            .expect(200);
        assert_eq!(me.json()["pools"][0]["rows"], json!(seen));
    }
    for (role, member) in [
        ("owner", "constraints"),
        ("admin", "project"),
        ("developer", "project"),
    ] {
        let held = json!({ "sign_in": "x@example.com", "roles": [{ "role": role,
            "constraints": [{ "field": "customer", "operator": "eq", "value": "a" }] }] });
        let reply = ada
            .call(&world, "POST /v1/invitations", &held)
            .await
            .expect(400);
        assert_eq!(reply.code(), "invalid_value");
        assert_eq!(reply.json()["pointer"], format!("/roles/0/{member}"));
    }
}

#[tokio::test]
async fn a_session_makes_no_ticket_and_speaks_no_dialect() {
    let world = World::with_sales().await;
    world
        .post("/v1/projects/default/keen", &Json::Null)
        .await
        .expect(201);
    let ada = first_signed_in(&world).await;
    let saved = json!({ "name": "total", "query": { "analysis": "count", "pool": "sales" } });
    ada.call(&world, "POST /v1/saved-queries", &saved)
        .await
        .expect(201);
    let ticket = json!({ "saved_query": "total", "origin": "https://shop.example" });
    let reply = ada
        .call(&world, "POST /v1/tickets", &ticket)
        .await
        .expect(400);
    assert_eq!(reply.code(), "not_available");
    let me = ada
        .call(&world, "GET /v1/whoami", &Json::Null)
        .await
        .expect(200);
    let events = format!("GET /3.0/projects/{}/events", text(&me.json(), "/project"));
    let dialect = ada.call(&world, &events, &Json::Null).await;
    assert_eq!(dialect.status, 401, "{}", dialect.text());
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_person_alone() {
    let world = World::new().await;
    let ada = first_signed_in(&world).await;
    let bob = joined(&world, &ada, "bob", json!([{ "role": "viewer" }])).await;
    let list = bob
        .call(&world, "GET /v1/sessions", &Json::Null)
        .await
        .expect(200)
        .json();
    assert_eq!(list["items"].as_array().expect("a list").len(), 1);
    assert_eq!(list["items"][0]["current"], true);
    let id = text(&list, "/items/0/id").to_owned();
    let call = format!("DELETE /v1/sessions/{id}");
    let foreign = ada.call(&world, &call, &Json::Null).await.expect(404);
    assert_eq!(foreign.code(), "not_found");
    bob.call(&world, &call, &Json::Null).await.expect(204);
    bob.call(&world, "GET /v1/sessions", &Json::Null)
        .await
        .expect(401);
}

#[test]
fn the_committed_matrix_says_which_role_has_what() {
    let mut table = String::from(
        "What each role of a person has. Written by the tests of `web`; a change here is a change of \
         what people may do.\n\n",
    );
    let _ = write!(table, "{:<14}", "");
    for role in Role::ALL {
        let _ = write!(table, " {:<10}", role.name());
    }
    table = table.trim_end().to_owned() + "\n";
    for area in Area::ALL {
        let mut line = format!("{:<14}", area.name());
        for role in Role::ALL {
            let project = model::ids::ProjectId::from_bytes([1; 16]);
            let held = role != Role::Owner
                && {
                    let grant = format!(
                        r#"{{"project":"{project}","role":"{}","constraints":[{{"field":"a","operator":"eq","value":1}}]}}"#,
                        role.name()
                    );
                    let grant = model::json::parse(grant.as_bytes()).expect("JSON");
                    let grant = model::people::RoleGrant::parse(&grant);
                    grant.expect("a role").may(area)
                };
            let has = match (role.may(area), held) {
                (true, true) => "yes, held",
                (true, false) => "yes",
                (false, _) => "no",
            };
            let _ = write!(line, " {has:<10}");
        }
        table += line.trim_end();
        table.push('\n');
    }
    table += "\nheld: also with constraints in the role, within their rows.\n";
    committed(Path::new("role-by-action.txt"), &table);
}

/// A call of the route that changes nothing that a later one needs.
async fn tried(
    world: &World,
    owner: &SignedIn,
    route: &Route,
    by: &SignedIn,
    role: Role,
) -> String {
    let name = format!("{}-{}", role.name(), route.method);
    let fresh = |path: &'static str, body: Json| async move {
        let made = world.post(path, &body).await;
        made.expect(201)
    };
    let is_delete = route.method == "DELETE";
    let mut path = route.pattern.to_owned();
    if is_delete && path.contains("{project}") {
        let project = json!({ "name": name, "code": owner.code(world) });
        owner
            .call(world, "POST /v1/projects", &project)
            .await
            .expect(201);
        path = path.replace("{project}", &name);
    }
    path = path.replace("{project}", "default");
    if path.contains("/keys/{id}") {
        path = path.replace("{id}", &world.key(json!([])).await.0);
    }
    if path.contains("/invitations/{id}") {
        let draft = json!({ "sign_in": format!("{name}-back@example.com"),
            "roles": [{ "role": "viewer" }] });
        let made = owner
            .call(world, "POST /v1/invitations", &draft)
            .await
            .expect(201);
        path = path.replace("{id}", text(&made.json(), "/id"));
    }
    if path.contains("/people/{id}") {
        let whom = if is_delete {
            let is_out = path.ends_with("/sessions");
            let leaves = format!("{name}-{}", if is_out { "out" } else { "leaves" });
            joined(world, owner, &leaves, json!([{ "role": "viewer" }]))
                .await
                .id
        } else {
            by.id.clone()
        };
        path = path.replace("{id}", &whom);
    }
    let query = json!({ "analysis": "count", "pool": "sales" });
    if is_delete && path.contains("{pool}") {
        fresh("/v1/pools", json!({ "name": name, "schema": "open" })).await;
        path = path.replace("{pool}", &name);
    }
    if is_delete && path.contains("{view}") {
        let view = json!({ "name": name, "pool": "sales", "shape": "records",
            "fields": [{ "field": "amount" }] });
        fresh("/v1/views", view).await;
        path = path.replace("{view}", &name);
    }
    if is_delete && path.contains("{saved}") {
        fresh("/v1/saved-queries", json!({ "name": name, "query": query })).await;
        path = path.replace("{saved}", &name);
    }
    let dataset = |name: &str| {
        json!({ "name": name, "index_by": "customer", "query": { "analysis": "count",
            "pool": "sales", "interval": "daily", "timeframe": "this_30_days" } })
    };
    if is_delete && path.contains("{dataset}") {
        fresh("/v1/datasets", dataset(&name)).await;
        path = path.replace("{dataset}", &name);
    }
    let path = path
        .replace("{pool}", "sales")
        .replace("{view}", "all")
        .replace("{saved}", "total")
        .replace("{dataset}/results", "daily/results?index_by=a")
        .replace("{dataset}", "daily");
    let body = match (route.method, route.pattern) {
        ("POST", "/v1/pools") => json!({ "name": name, "schema": "open" }),
        ("POST", "/v1/views") => json!({ "name": name, "pool": "sales", "shape": "records",
            "fields": [{ "field": "amount" }] }),
        ("POST", "/v1/keys") => json!({ "name": name, "grants": [] }),
        ("POST", "/v1/saved-queries") => json!({ "name": name, "query": query }),
        ("POST", "/v1/datasets") => dataset(&name),
        ("POST", "/v1/people/first") => crate::testing::people::first_owner(),
        ("POST", "/v1/invitations") => json!({ "sign_in": format!("{name}@example.com"),
            "roles": [{ "role": "viewer" }] }),
        ("POST", "/v1/tickets") => json!({ "saved_query": "total",
            "origin": "https://shop.example" }),
        ("POST", "/v1/pools/{pool}/records") => json!([{ "customer": "a" }]),
        ("POST", "/v1/pools/{pool}/delete") => json!({ "filters":
            [{ "field": "customer", "operator": "eq", "value": "nobody" }] }),
        ("POST", "/v1/query") => query,
        ("POST", "/v1/views/{view}/data") | ("PATCH", _) => json!({}),
        ("POST", "/v1/projects") => json!({ "name": name, "code": by.code(world) }),
        ("POST", "/v1/keys/{id}/signing-secrets") => json!({ "code": by.code(world) }),
        ("POST", "/v1/projects/{project}/keen") => json!({ "code": by.code(world) }),
        _ => Json::Null,
    };
    let reply = by
        .call(world, &format!("{} {path}", route.method), &body)
        .await;
    match reply.status {
        200..300 => reply.status.to_string(),
        status => format!("{status} {}", reply.code()),
    }
}

#[tokio::test]
async fn the_committed_table_says_what_each_role_gets_from_each_call() {
    let world = World::with_sales().await;
    let query = json!({ "analysis": "count", "pool": "sales" });
    let saved = json!({ "name": "total", "query": query });
    world.post("/v1/saved-queries", &saved).await.expect(201);
    let dataset = json!({ "name": "daily", "index_by": "customer", "query": { "analysis": "count",
        "pool": "sales", "interval": "daily", "timeframe": "this_30_days" } });
    world.post("/v1/datasets", &dataset).await.expect(201);
    let owner = first_signed_in(&world).await;
    let mut people = Vec::new();
    for role in Role::ALL {
        let roles = json!([{ "role": role.name() }]);
        let name = format!("the-{}", role.name());
        people.push((role, joined(&world, &owner, &name, roles).await));
    }
    let mut table = String::from(
        "What each role of a person gets from each call, from the narrowest to the widest. Written by \
         the tests of `web`; a change here is a change of what people may do.\n\n",
    );
    let _ = write!(table, "{:<6} {:<30}", "method", "path");
    for (role, _) in people.iter().rev() {
        let _ = write!(table, " {:<23}", role.name());
    }
    table = table.trim_end().to_owned() + "\n";
    let of_key =
        |route: &&Route| !matches!(route.needs, Needs::Nothing | Needs::Session | Needs::Ticket);
    for route in ROUTES.iter().filter(of_key) {
        let mut line = format!("{:<6} {:<30}", route.method, route.pattern);
        for (role, by) in people.iter().rev() {
            let status = tried(&world, &owner, route, by, *role).await;
            let area = area_of(route.pattern);
            if route.needs == Needs::Right(model::grants::Action::Admin)
                && route.pattern != "/v1/people/first"
            {
                let may = area.is_some_and(|area| role.may(area));
                assert_eq!(
                    may,
                    !status.starts_with("403"),
                    "{role:?} {}: {status}",
                    route.pattern
                );
            }
            let _ = write!(line, " {status:<23}");
        }
        table += line.trim_end();
        table.push('\n');
    }
    committed(Path::new("route-by-role.txt"), &table);
}

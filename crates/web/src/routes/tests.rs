mod golden;
mod isolation;

use std::fmt::Write as _;
use std::path::Path;

use http::HeaderValue;
use model::secrets::Pepper;
use model::tickets::{Ticket, TicketKey};
use serde_json::{Value as Json, json};

use super::*;
use crate::testing::people::{self, FIRST};
use crate::testing::{Reply, World, committed, request, text};

/// The callers of the table, in the order of its columns.
const CALLERS: [&str; 8] = [
    "nobody",
    "unknown",
    "disabled",
    "expired",
    "no-action",
    "elsewhere",
    "over-limit",
    "right",
];

/// A body with which the call succeeds for the right caller.
fn body(route: &Route, needs: Needs) -> Json {
    match (route.method, route.pattern) {
        ("POST", "/v1/pools") => json!({ "name": "made", "schema": "open" }),
        ("POST", "/v1/views") => json!({ "name": "made", "pool": "sales", "shape": "records",
            "fields": [{ "field": "amount" }] }),
        ("POST", "/v1/keys" | "/v1/issued-keys") => json!({ "name": "made", "grants": [] }),
        ("POST", "/v1/saved-queries") => json!({ "name": "made",
            "query": { "analysis": "count", "pool": "sales" } }),
        ("POST", "/v1/datasets") => dataset("made", "sales"),
        ("POST", "/v1/people/first") => people::first_owner(),
        ("POST", "/v1/invitations") => json!({ "sign_in": "bob@example.com",
            "roles": [{ "role": "viewer" }] }),
        ("POST", "/v1/invitations/accept") => json!({ "token": "A".repeat(43), "name": "Bob",
            "password": people::PASSWORD }),
        ("POST", "/v1/sessions") => json!({ "sign_in": FIRST, "password": people::PASSWORD,
            "code": "123456" }),
        ("POST", "/v1/projects") => json!({ "name": "made" }),
        ("POST", "/v1/keys/report") => json!({ "token": "x" }),
        ("POST", "/v1/keys/{id}/roll" | "/v1/issued-keys/{id}/roll") => json!({ "grace": "1h" }),
        ("PATCH", _) => json!({ "name": "renamed" }),
        ("POST", "/v1/pools/{pool}/records") => json!([{ "customer": "a" }]),
        ("POST", "/v1/pools/{pool}/delete") => json!({ "all": true }),
        ("POST", "/v1/views/{view}/data") => json!({}),
        ("POST", "/v1/tickets") => json!({ "origin": "https://shop.example",
            "saved_query": if needs == Needs::Right(Action::Read) { "kept" } else { "total" } }),
        ("POST", "/v1/query") if needs == Needs::Right(Action::Extract) => {
            json!({ "analysis": "extraction", "pool": "sales" })
        }
        ("POST", "/v1/query") => json!({ "analysis": "count", "pool": "sales" }),
        _ => Json::Null,
    }
}

/// A dataset of a pool.
fn dataset(name: &str, pool: &str) -> Json {
    json!({ "name": name, "index_by": "customer", "query": { "analysis": "count", "pool": pool,
        "interval": "daily", "timeframe": "this_30_days" } })
}

/// A world with two pools, and of each a view, a saved query, a cached one and
/// a dataset.
async fn world() -> World {
    let world = World::with_sales().await;
    let other = json!({ "name": "other", "schema": "open" });
    world.post("/v1/pools", &other).await.expect(201);
    let view = json!({ "name": "other", "pool": "other", "shape": "records",
        "fields": [{ "field": "x" }] });
    world.post("/v1/views", &view).await.expect(201);
    for (pool, names) in [
        ("sales", ["total", "kept", "daily"]),
        ("other", ["other", "other_kept", "other"]),
    ] {
        let query = json!({ "analysis": "count", "pool": pool });
        for (name, rate) in [(names[0], 0), (names[1], 60)] {
            let saved = json!({ "name": name, "query": query, "refresh_rate": rate });
            world.post("/v1/saved-queries", &saved).await.expect(201);
        }
        let dataset = dataset(names[2], pool);
        world.post("/v1/datasets", &dataset).await.expect(201);
    }
    world
}

/// The statuses of one route for every kind of caller. Those without the
/// right share a world, which they must leave as it is.
async fn statuses(route: &Route, needs: Needs, shared: &World) -> Vec<String> {
    let mut all = Vec::new();
    for caller in CALLERS {
        let own;
        // Where there are people, keys that administer are made with a code alone.
        let has_people = route.pattern.starts_with("/v1/people/{id}");
        let world = if caller == "right" || has_people {
            own = world().await;
            &own
        } else {
            shared
        };
        if needs == Needs::Ticket {
            all.push(shown(&visit(world, route, caller).await));
            continue;
        }
        if needs == Needs::Session {
            all.push(in_session(route, caller).await);
            continue;
        }
        let Some(token) = token(world, (route, needs), caller).await else {
            all.push("-".to_owned());
            continue;
        };
        let id = match has_people {
            true => people::first_person(world).await,
            false if route.pattern.starts_with("/v1/notices/") => notice(world).await,
            // One that the caller made itself.
            false if route.pattern.contains("issued-keys/{id}") && caller == "right" => {
                let body = json!({ "name": "made", "grants": [] });
                let made = world.call(&token, "POST /v1/issued-keys", &body).await;
                text(&made.expect(201).json(), "/id").to_owned()
            }
            false => world.key(json!([])).await.0,
        };
        let ends_a_roll = ["end-grace", "undo-roll"];
        if ends_a_roll.iter().any(|end| route.pattern.ends_with(end)) {
            let roll = json!({ "grace": "1h" });
            let path = format!("/v1/keys/{id}/roll");
            world.post(&path, &roll).await.expect(201);
        }
        let mut signing = String::new();
        if route.pattern.contains("{secret}") {
            let path = format!("/v1/keys/{id}/signing-secrets");
            let made = world.post(&path, &Json::Null).await.expect(201).json();
            signing = text(&made, "/id").to_owned();
        }
        let mut pool = "sales";
        if (route.method, route.pattern) == ("DELETE", "/v1/pools/{pool}") && caller == "right" {
            // One that no view reads.
            pool = "unread";
            let unread = json!({ "name": pool, "schema": "open" });
            world.post("/v1/pools", &unread).await.expect(201);
        }
        let path = route
            .pattern
            .replace("{pool}", pool)
            .replace("{view}", "all")
            .replace("{project}", "default")
            .replace(
                "{saved}",
                if needs == Needs::Right(Action::Read) {
                    "kept"
                } else {
                    "total"
                },
            )
            .replace("{dataset}/results", "daily/results?index_by=a")
            .replace("{dataset}", "daily")
            .replace("{jti}", &crate::testing::derived::id(1))
            .replace("{secret}", &signing)
            .replace("{id}", &id);
        let call = format!("{} {path}", route.method);
        let reply = world.call(&token, &call, &body(route, needs)).await;
        all.push(shown(&reply));
    }
    all
}

/// The id of a notice.
async fn notice(world: &World) -> String {
    let (_, token) = world.key(json!([])).await;
    let mut from_page = request(&token, "GET /v1/whoami", &Json::Null);
    let origin = HeaderValue::from_static("https://shop.example");
    from_page.headers_mut().insert(http::header::ORIGIN, origin);
    world.send(from_page).await.expect(403);
    let notices = world.get("/v1/notices").await.expect(200).json();
    text(&notices, "/items/0/id").to_owned()
}

fn shown(reply: &Reply) -> String {
    match reply.status {
        200..300 => reply.status.to_string(),
        status => format!("{status} {}", reply.code()),
    }
}

/// A page with a ticket: none, one of another server, of a key that is
/// disabled, expired or has lost the right, and of a page of another origin.
async fn visit(world: &World, route: &Route, caller: &str) -> Reply {
    let run = json!([{ "on": "saved:total", "actions": ["run"], "constraints": "all_rows" }]);
    let (id, token) = world.key(run).await;
    let body = json!({ "saved_query": "total", "origin": "https://shop.example" });
    let made = world
        .call(&token, "POST /v1/tickets", &body)
        .await
        .expect(201);
    let mut ticket = text(&made.json(), "/ticket").to_owned();
    let key = format!("/v1/keys/{id}");
    let patch = format!("PATCH {key}");
    match caller {
        "nobody" => ticket = "none".to_owned(),
        "unknown" => {
            let now = world.state.clock.now();
            let read = Ticket::open(&ticket, &world.state.tickets, now).expect("own ticket");
            let other = TicketKey::new(&Pepper::from_bytes([1; 32]));
            ticket = read.seal(&other, &*world.state.random);
        }
        "disabled" => {
            let path = format!("{key}/disable");
            world.post(&path, &Json::Null).await.expect(200);
        }
        // The ticket was asked for with the one request of this second.
        "over-limit" => {
            let body = json!({ "limits": { "requests_per_second": 1 } });
            world.call(&world.admin, &patch, &body).await.expect(200);
            let again = json!({ "saved_query": "total", "origin": "https://shop.example" });
            world
                .call(&token, "POST /v1/tickets", &again)
                .await
                .expect(201);
        }
        "expired" => {
            let body = json!({ "restrictions": { "expires_at": crate::testing::NOW } });
            world.call(&world.admin, &patch, &body).await.expect(200);
        }
        "no-action" => {
            let body = json!({ "grants": [] });
            world.call(&world.admin, &patch, &body).await.expect(200);
        }
        _ => {}
    }
    let origin = match caller {
        "elsewhere" => "https://elsewhere.example",
        _ => "https://shop.example",
    };
    let path = route.pattern.replace("{ticket}", &ticket);
    let mut request = request("", &format!("GET {path}"), &Json::Null);
    let origin = HeaderValue::from_static(origin);
    request.headers_mut().insert(http::header::ORIGIN, origin);
    world.send(request).await
}

/// A person's call: without a session, with one that nobody has, one that was
/// ended or has run out, and from a page of another site.
async fn in_session(route: &Route, caller: &str) -> String {
    let is_read = route.method == "GET";
    // A person has no limits.
    if caller == "no-action" || caller == "over-limit" || caller == "elsewhere" && is_read {
        return "-".to_owned();
    }
    let world = World::new().await;
    let mut signed_in = people::first_signed_in(&world).await;
    match caller {
        "nobody" => *signed_in.cookie.get_mut().expect("nobody panicked") = String::new(),
        "unknown" => {
            let cookie = signed_in.cookie.get_mut().expect("nobody panicked");
            *cookie = format!("__Host-tidegate={}", "A".repeat(43));
        }
        "disabled" => {
            let ended = signed_in.call(&world, "DELETE /v1/sessions/current", &Json::Null);
            ended.await.expect(204);
        }
        "expired" => {
            world.clock.advance(std::time::Duration::from_secs(3_600));
        }
        _ => {}
    }
    let path = route.pattern.replace("{id}", "current");
    let body = match route.pattern {
        "/v1/people/me/password" => signed_in.proving(
            &world,
            json!({
            "new_password": "amber orchard over stone" }),
        ),
        "/v1/people/me/factors" => signed_in.proving(&world, json!({})),
        "/v1/people/me/factors/confirm" => json!({ "code": "123456" }),
        _ => Json::Null,
    };
    let call = format!("{} {path}", route.method);
    if caller == "elsewhere" {
        signed_in.site = "cross-site";
    }
    shown(&signed_in.call(&world, &call, &body).await)
}

/// The token of such a caller; `None` where there can be none.
async fn token(world: &World, (route, needs): (&Route, Needs), caller: &str) -> Option<String> {
    let wrong = match needs {
        Needs::Right(Action::Query) => "extract",
        _ => "query",
    };
    let wrong_action = json!([{ "on": "pool:sales", "actions": [wrong],
        "constraints": "all_rows" }]);
    let everything = json!([
        { "on": "project", "actions": ["admin", "issue"] },
        { "on": "pool:*", "actions": ["ingest", "query", "extract", "schema", "delete"],
            "constraints": "all_rows" },
        { "on": "view:*", "actions": ["read"], "constraints": "all_rows" },
        { "on": "saved:*", "actions": ["run"], "constraints": "all_rows" },
        { "on": "cached:*", "actions": ["read"], "constraints": "all_rows" },
        { "on": "dataset:*", "actions": ["read", "list", "retrieve"], "constraints": "all_rows" },
    ]);
    Some(match caller {
        "nobody" => String::new(),
        "unknown" => {
            let kind = model::keys::KeyKind::Secret;
            let random = model::random::SeededRandom::new(99);
            model::secrets::Secret::generate(kind, &random)
                .reveal()
                .to_owned()
        }
        "disabled" => {
            let (id, token) = world.key(everything).await;
            let path = format!("/v1/keys/{id}/disable");
            world.post(&path, &Json::Null).await.expect(200);
            token
        }
        "expired" => {
            let body = json!({ "name": "k", "grants": everything,
                "restrictions": { "expires_at": crate::testing::NOW } });
            let made = world.post("/v1/keys", &body).await.expect(201).json();
            made["token"].as_str().expect("a token").to_owned()
        }
        "over-limit" if needs == Needs::Nothing => return None,
        "over-limit" => {
            let body = json!({ "name": "k", "grants": everything,
                "limits": { "requests_per_second": 1 } });
            let made = world.post("/v1/keys", &body).await.expect(201).json();
            let token = made["token"].as_str().expect("a token").to_owned();
            let first = world.call(&token, "GET /v1/whoami", &Json::Null).await;
            first.expect(200);
            token
        }
        "no-action" if needs == Needs::Key => return None,
        "no-action" => world.key(wrong_action).await.1,
        "elsewhere" => {
            let on = match needs {
                Needs::Right(Action::Run) => "saved:other",
                Needs::Right(Action::Read)
                    if route.pattern.contains("saved") || route.pattern.contains("tickets") =>
                {
                    "cached:other_kept"
                }
                Needs::Right(Action::Read | Action::Retrieve)
                    if route.pattern.contains("dataset") =>
                {
                    "dataset:other"
                }
                Needs::Right(Action::Read) => "view:other",
                Needs::Right(Action::Admin | Action::Issue | Action::List)
                | Needs::Key
                | Needs::Session
                | Needs::Nothing => {
                    return None;
                }
                Needs::Right(_) | Needs::OneOf(_) | Needs::Ticket => "pool:other",
            };
            let Needs::Right(action) = needs else {
                return None;
            };
            let mut grant = json!({ "on": on, "actions": [action.name()] });
            if action.touches_rows() {
                grant["constraints"] = json!("all_rows");
            }
            world.key(json!([grant])).await.1
        }
        // Whatever else it may do, a key lists its derived tokens if it makes some.
        _ if route.pattern.contains("/self/derived") => {
            let draft = json!({ "grants": everything });
            world.deriving(draft).await.1
        }
        _ => world.key(everything).await.1,
    })
}

/// A route with each right that a call of it may need.
fn rights(route: &Route) -> Vec<(&Route, Needs)> {
    match route.needs {
        Needs::OneOf(actions) => {
            let actions = actions.iter();
            actions
                .map(|action| (route, Needs::Right(*action)))
                .collect()
        }
        needs => vec![(route, needs)],
    }
}

#[tokio::test]
async fn the_committed_table_says_who_gets_which_status() {
    let mut table = String::from(
        "Who gets which status from which call. Written by the tests of `web`; a change here is a \
         change of what a key may do.\n\n",
    );
    let _ = write!(table, "{:<6} {:<30} {:<8}", "method", "path", "needs");
    for caller in CALLERS {
        let _ = write!(table, " {caller:<20}");
    }
    table = table.trim_end().to_owned() + "\n";
    let shared = world().await;
    for (route, needs) in ROUTES.iter().flat_map(rights) {
        let named = match needs {
            Needs::Nothing => "nothing",
            Needs::Key => "a key",
            Needs::Ticket => "a ticket",
            Needs::Session => "session",
            Needs::Right(action) => action.name(),
            Needs::OneOf(_) => panic!("each of them has its own line"),
        };
        let mut line = format!("{:<6} {:<30} {named:<8}", route.method, route.pattern);
        for status in statuses(route, needs, &shared).await {
            let _ = write!(line, " {status:<20}");
        }
        table += line.trim_end();
        table.push('\n');
        check_line(needs, &line);
    }
    committed(Path::new("route-by-caller.txt"), &table);
}

/// Each route is asked by each caller above, so this holds for all of them: see `World::send`.
#[tokio::test]
#[should_panic(expected = "'unsafe-inline'")]
async fn k23_a_route_that_lets_anything_inline_count_would_be_found() {
    let mut world = World::new().await;
    let inline = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
    let told = [(http::header::CONTENT_SECURITY_POLICY, inline)];
    let route = axum::routing::get(move || async move { told });
    world.router = axum::Router::new().route("/", route);
    world.send(request("", "GET /", &Json::Null)).await;
}

/// What no edit of the table may say.
fn check_line(needs: Needs, line: &str) {
    let refused = line.matches("401 unauthenticated").count();
    let expected = match needs {
        Needs::Nothing => 0,
        // One that its key has lost the right for is one that has ended.
        Needs::Ticket => 5,
        _ => 4,
    };
    assert_eq!(refused, expected, "{line}");
    let is_limited = line.contains("429 rate_limited");
    let has_limits = !matches!(needs, Needs::Nothing | Needs::Session);
    assert_eq!(is_limited, has_limits, "{line}");
    if let Needs::Right(action) = needs {
        assert!(line.contains("403 action_not_granted"), "{line}");
        let elsewhere = line.contains("404 not_found");
        // A list leaves out what is elsewhere.
        let is_one = !matches!(action, Action::Admin | Action::Issue | Action::List);
        assert_eq!(elsewhere, is_one, "{line}");
    }
}

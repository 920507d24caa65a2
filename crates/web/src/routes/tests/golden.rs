//! Keys as earlier versions stored them, replayed against all routes of this
//! one, those of the Keen dialect too: a capability that is added is granted to no
//! existing key (K15).
//!
//! `routes/golden` has for each version of the stored form the control plane of
//! a server of then, the tokens of its keys, and what these opened then; in a file
//! of its own what they opened in the dialect. Files that are there are never
//! written again. Those of a form that is new in [`FORMS`] are made by a run with
//! `TIDEGATE_WRITE_DOCS`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::caller::signed::tests::Call;
use crate::keen;
use crate::testing::derived::derive;
use crate::testing::keyed::Keyed;
use crate::testing::listed::Listed;

/// The stored forms: each by the number of its last migration. One has keys
/// whose holders send no token of a key: what they send is signed.
const FORMS: [&str; 6] = ["0004", "0017", "0019", "0020", SIGNING, "0022"];
const SIGNING: &str = "0020-signing";

/// A key, a method and a pattern, for each call that was carried out.
type Opened = BTreeSet<String>;

fn file(form: &str, end: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/routes/golden");
    folder.join(format!("{form}.{end}"))
}

/// Makes the control plane of a form, with a key of every sort: their names
/// with their tokens.
async fn make(form: &str) -> Json {
    std::fs::create_dir_all(file(form, "").parent().expect("a folder")).expect("a folder");
    let world = world().await;
    let tokens = match form {
        SIGNING => make_signing(&world).await,
        _ => make_showing(&world).await,
    };
    let text = serde_json::to_string_pretty(&tokens).expect("JSON");
    std::fs::write(file(form, "json"), text + "\n").expect("a writable checkout");
    world.into_control_file(&file(form, "sqlite")).await;
    tokens
}

/// Keys whose holders sign: each name with what is signed with, and a derived
/// token, which is signed itself.
async fn make_signing(world: &World) -> Json {
    let rows = json!([{ "field": "customer", "operator": "eq", "value": "a" }]);
    let grants = json!([{ "on": "view:all", "actions": ["read"], "constraints": rows },
        { "on": "pool:sales", "actions": ["ingest"], "injections": { "customer": "a" } }]);
    let signs = json!({ "name": "signs", "grants": grants,
        "restrictions": { "signed_requests": true } });
    let made = world.post("/v1/keys", &signs).await.expect(201).json();
    let keyed = world.post("/v1/keys", &signs).await.expect(201).json();
    let path = format!("/v1/keys/{}/signing-secrets", text(&keyed, "/id"));
    let keyed = world.post(&path, &Json::Null).await.expect(201).json();
    let (_, deriving) = world.deriving(json!({ "grants": grants })).await;
    let project = world.project().await;
    json!({
        "derived": derive(&deriving, &project, 1, json!({})),
        "signed": { "signed": made["token"] },
        "keyed": { "keyed": keyed["signing_secret"] },
    })
}

/// What the holder of a key sends, signed where it is to be.
async fn call_as(
    world: &World,
    holder: &Json,
    (method, path): (&'static str, &str),
    body: &Json,
) -> Reply {
    static SENT: AtomicU64 = AtomicU64::new(1);
    let is_empty = body.is_null();
    let sent = if is_empty {
        String::new()
    } else {
        body.to_string()
    };
    if let Some(token) = holder.get("signed").and_then(Json::as_str) {
        let nonce = SENT.fetch_add(1, Ordering::Relaxed).to_string();
        let mut call = Call {
            method,
            path: path.to_owned(),
            body: sent,
            ..Call::post(world, token, &nonce)
        };
        if is_empty {
            call.content_type = None;
            call.components = vec!["@method", "@target-uri", "content-digest"];
        }
        return call.send(world, token).await;
    }
    if let Some(secret) = holder.get("keyed").and_then(Json::as_str) {
        // The same call counts once in a second.
        world.clock.advance(Duration::from_secs(1));
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let call = Keyed {
            query: query.to_owned(),
            body: sent,
            ..Keyed::now(world, secret, method, path)
        };
        return call.send(world).await;
    }
    if let Some(secret) = holder.get("listed").and_then(Json::as_str) {
        world.clock.advance(Duration::from_secs(1));
        let call = Listed {
            body: sent,
            ..Listed::now(world, secret, method, path)
        };
        return call.send(world).await;
    }
    let token = holder.as_str().expect("a token");
    world.call(token, &format!("{method} {path}"), body).await
}

/// Keys of every sort whose holders show their token.
async fn make_showing(world: &World) -> Json {
    let rows = json!([{ "field": "customer", "operator": "eq", "value": "a" }]);
    let mut tokens = json!({ "first": world.admin });
    for (name, grants) in [
        ("nothing", json!([])),
        ("admin", json!([{ "on": "project", "actions": ["admin"] }])),
        (
            "reader",
            json!([{ "on": "view:all", "actions": ["read"], "constraints": rows }]),
        ),
        (
            "asker",
            json!([{ "on": "pool:*", "actions": ["query", "extract", "schema"], "constraints": "all_rows" }]),
        ),
        (
            "writer",
            json!([{ "on": "pool:sales", "actions": ["ingest"], "injections": { "customer": "a" } }]),
        ),
        (
            "deleter",
            json!([{ "on": "pool:*", "actions": ["delete"], "constraints": rows }]),
        ),
        (
            "runner",
            json!([{ "on": "saved:*", "actions": ["run"], "constraints": rows },
                { "on": "cached:*", "actions": ["read"], "constraints": rows }]),
        ),
        (
            "datasets",
            json!([{ "on": "dataset:*", "actions": ["read", "list", "retrieve"], "constraints": "all_rows" }]),
        ),
        (
            "disabled",
            json!([{ "on": "project", "actions": ["admin"] }]),
        ),
    ] {
        let (id, token) = world.key(grants).await;
        if name == "disabled" {
            let path = format!("/v1/keys/{id}/disable");
            world.post(&path, &Json::Null).await.expect(200);
        }
        tokens[name] = token.into();
    }
    for (name, draft) in later_sorts(&rows) {
        let made = world.post("/v1/keys", &draft).await.expect(201).json();
        tokens[name] = made["token"].clone();
    }
    let issuer = text(&tokens, "/issuer").to_owned();
    let own = json!({ "name": "issued", "grants": [{ "on": "view:all", "actions": ["read"],
        "constraints": rows }] });
    let issued = world.call(&issuer, "POST /v1/issued-keys", &own).await;
    tokens["issued"] = issued.expect(201).json()["token"].clone();
    let keen = world
        .post("/v1/projects/default/keen", &json!({}))
        .await
        .expect(201)
        .json();
    for name in ["master_key", "write_key", "read_key"] {
        tokens[name] = keen[name].clone();
    }
    tokens
}

/// Sorts of keys that came after the first form.
fn later_sorts(rows: &Json) -> [(&'static str, Json); 4] {
    let reads = json!([{ "on": "view:all", "actions": ["read"], "constraints": rows }]);
    let credits = json!({ "amount": 100_000, "period": "month" });
    let limits = json!({ "requests_per_second": 1_000, "concurrent_queries": 100,
        "credits": { "core": credits, "premium": credits } });
    [
        (
            "page",
            json!({ "name": "page", "kind": "publishable", "grants": reads }),
        ),
        (
            "deriving",
            json!({ "name": "deriving", "derived_tokens": true, "grants": reads }),
        ),
        (
            "limited",
            json!({ "name": "limited", "limits": limits, "grants": [{ "on": "tier:core",
                "actions": ["query", "extract"], "constraints": "all_rows" }] }),
        ),
        (
            "issuer",
            json!({ "name": "issuer", "grants": [{ "on": "project", "actions": ["issue"] },
                { "on": "view:all", "actions": ["read"], "constraints": "all_rows" }] }),
        ),
    ]
}

/// What the keys of a form open now.
async fn opened(form: &str, tokens: &Json) -> Opened {
    let mut opened = Opened::new();
    let shared = World::over(&file(form, "sqlite")).await;
    for (name, holder) in tokens.as_object().expect("tokens by name") {
        for (route, needs) in ROUTES.iter().flat_map(rights) {
            if matches!(needs, Needs::Nothing | Needs::Session | Needs::Ticket) {
                continue;
            }
            // It only takes away, and nothing would be left to ask with.
            if route.pattern == "/v1/keys/self/revoke" {
                continue;
            }
            // Whoever administers leaves nothing as it was.
            let own;
            let world = if ["first", "admin"].contains(&name.as_str()) {
                own = World::over(&file(form, "sqlite")).await;
                &own
            } else {
                &shared
            };
            let saved = match needs {
                Needs::Right(Action::Read) => "kept",
                _ => "total",
            };
            let path = route
                .pattern
                .replace("{pool}", "sales")
                .replace("{view}", "all")
                .replace("{project}", "default")
                .replace("{saved}", saved)
                .replace("{dataset}/results", "daily/results?index_by=a")
                .replace("{dataset}", "daily")
                .replace("{jti}", "1777637700-0123456789abcdef")
                .replace("{secret}", "AAAAAAAAAAAA")
                .replace("{id}", "01ARZ3NDEKTSV4RRFFQ69G5FAV");
            let reply = call_as(world, holder, (route.method, &path), &body(route, needs)).await;
            // A key that is none is not who may not: that id names nothing.
            let is_let_through = ![401, 403].contains(&reply.status)
                && (reply.status != 404 || route.pattern.contains("{id}"));
            if is_let_through {
                opened.insert(format!("{name} {} {}", route.method, route.pattern));
            }
        }
    }
    opened
}

/// The calls of the dialect that need a right, each with its path and its body. No
/// access key is there, so that the path names none.
fn dialect_calls(project: &str) -> Vec<(&'static keen::Route, String, Json)> {
    let mut calls = Vec::new();
    for route in keen::ROUTES {
        let actions = match route.needs {
            Needs::Right(action) => vec![action],
            Needs::OneOf(actions) => actions.to_vec(),
            Needs::Nothing | Needs::Key | Needs::Session | Needs::Ticket => continue,
        };
        for action in actions {
            let of = |there| if route.method == "PUT" { "made" } else { there };
            let analysis = match action {
                Action::Extract => "extraction",
                _ => "count",
            };
            let saved = match action {
                Action::Read => "kept",
                _ => of("total"),
            };
            let (query, body) = said_in_dialect(route);
            let path = route
                .pattern
                .replace("{project}", project)
                .replace("{analysis}", analysis)
                .replace("{collection}", "sales")
                .replace("{property}", "amount")
                .replace("{saved}", saved)
                .replace("{dataset}", of("daily"))
                .replace("{key}", &"0".repeat(64));
            assert!(
                !path.contains('{'),
                "{path} has a segment that is not known"
            );
            calls.push((route, path + query, body));
        }
    }
    calls
}

/// The parameters and the body with which a call of the dialect succeeds.
fn said_in_dialect(route: &keen::Route) -> (&'static str, Json) {
    let question = json!({ "analysis_type": "count", "event_collection": "sales",
        "timeframe": "this_3_days" });
    let pattern = route.pattern.trim_start_matches("/3.0/projects/{project}");
    match (route.method, pattern) {
        ("GET", "/queries/{analysis}") => {
            ("?event_collection=sales&timeframe=this_3_days", Json::Null)
        }
        ("POST", "/queries/{analysis}") => ("", question),
        ("PUT", "/queries/saved/{saved}") => ("", json!({ "query": question })),
        ("PUT", "/datasets/{dataset}") => {
            let mut daily = question;
            daily["interval"] = "daily".into();
            ("", json!({ "index_by": "customer", "query": daily }))
        }
        ("GET", "/datasets/{dataset}/results") => ("?index_by=a&timeframe=this_3_days", Json::Null),
        ("POST", "/events") => ("", json!({ "sales": [{ "amount": 1 }] })),
        ("POST", "/events/{collection}") => ("", json!({ "amount": 1 })),
        ("POST", "/keys" | "/keys/{key}") => ("", json!({ "name": "made" })),
        _ => ("", Json::Null),
    }
}

/// Keys that administer in the dialect.
const MASTERS: [&str; 3] = ["first", "admin", "master_key"];

/// What the keys of a form open now of the dialect.
async fn opened_in_dialect(form: &str, tokens: &Json) -> Opened {
    let mut opened = Opened::new();
    let shared = World::over(&file(form, "sqlite")).await;
    let tokens = tokens.as_object().expect("tokens by name");
    let somebody = tokens.values().next().expect("a token");
    let me = call_as(&shared, somebody, ("GET", "/v1/whoami"), &Json::Null).await;
    let me = me.expect(200).json();
    let calls = dialect_calls(text(&me, "/project"));
    for (name, holder) in tokens {
        for (route, path, body) in &calls {
            // Whoever administers leaves nothing as it was.
            let own;
            let world = if MASTERS.contains(&name.as_str()) {
                own = World::over(&file(form, "sqlite")).await;
                &own
            } else {
                &shared
            };
            let reply = call_as(world, holder, (route.method, path), body).await;
            // That there is no such key is told to who may ask for keys.
            let is_nowhere = !route.pattern.contains("{key}")
                || reply.text().contains("there is no such project");
            let is_let_through =
                !([401, 403].contains(&reply.status) || reply.status == 404 && is_nowhere);
            if is_let_through {
                opened.insert(format!("{name} {} {}", route.method, route.pattern));
            }
        }
    }
    opened
}

/// What keys of a form opened then; now, where it was not written and is to be.
fn golden(form: &str, end: &str, now: &Opened) -> Opened {
    let path = file(form, end);
    if !path.exists() && std::env::var_os("TIDEGATE_WRITE_DOCS").is_some() {
        let lines: String = now.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(&path, lines).expect("a writable checkout");
    }
    let then = std::fs::read_to_string(path).expect("a golden file");
    then.lines().map(str::to_owned).collect()
}

/// Keys open what they opened; whoever administers a project administers what is
/// added to it, too.
fn compare(form: &str, (then, now): (&Opened, &Opened), masters: &[&str], of_masters: &Opened) {
    let administers = |line: &&String| {
        let parts = line.split_once(' ');
        parts.is_some_and(|(key, call)| masters.contains(&key) && of_masters.contains(call))
    };
    let gained = now.difference(then).filter(|line| !administers(line));
    let gained: Vec<_> = gained.collect();
    let lost: Vec<_> = then.difference(now).collect();
    assert!(
        gained.is_empty(),
        "{form}: {gained:?} is open to keys that were made before it"
    );
    assert!(
        lost.is_empty(),
        "{form}: {lost:?} is shut for keys that had it"
    );
}

/// The calls that need to administer.
fn of_masters(routes: impl Iterator<Item = (&'static str, &'static str, Needs)>) -> Opened {
    let routes = routes.filter(|(_, _, needs)| *needs == Needs::Right(Action::Admin));
    routes
        .map(|(method, pattern, _)| format!("{method} {pattern}"))
        .collect()
}

/// The tokens of the keys of a form.
async fn tokens(form: &str) -> Json {
    let is_new = !file(form, "sqlite").exists();
    if is_new && std::env::var_os("TIDEGATE_WRITE_DOCS").is_some() {
        return make(form).await;
    }
    let text = std::fs::read_to_string(file(form, "json")).expect("a golden file");
    serde_json::from_str(&text).expect("tokens by name")
}

#[tokio::test]
async fn k15_keys_of_earlier_versions_gain_no_route() {
    for form in FORMS {
        let tokens = tokens(form).await;
        check_native(form, &tokens).await;
        check_dialect(form, &tokens).await;
    }
}

async fn check_native(form: &str, tokens: &Json) {
    let routes = ROUTES.iter();
    let admin = of_masters(routes.map(|route| (route.method, route.pattern, route.needs)));
    let now = opened(form, tokens).await;
    let then = golden(form, "txt", &now);
    compare(form, (&then, &now), &["first", "admin"], &admin);
    let readers: &[&str] = match form {
        SIGNING => &["derived", "signed", "keyed"],
        _ => &["reader"],
    };
    for reader in readers {
        assert!(then.contains(&format!("{reader} GET /v1/views/{{view}}/data")));
    }
    assert!(
        !then
            .iter()
            .any(|line| line.starts_with("nothing") && !line.ends_with("whoami"))
    );
}

async fn check_dialect(form: &str, tokens: &Json) {
    let routes = keen::ROUTES.iter();
    let admin = of_masters(routes.map(|route| (route.method, route.pattern, route.needs)));
    let now = opened_in_dialect(form, tokens).await;
    // A project that does not speak it is not there, whoever asks.
    let then = match form {
        SIGNING => Opened::new(),
        _ => golden(form, "keen.txt", &now),
    };
    compare(form, (&then, &now), &MASTERS, &admin);
    let of_admin = then.iter().filter_map(|line| line.split_once(' '));
    let of_admin = of_admin.filter(|(_, call)| admin.contains(*call));
    let (masters, others): (Vec<&str>, Vec<&str>) = of_admin
        .map(|(key, _)| key)
        .partition(|key| MASTERS.contains(key));
    assert_eq!(others, [""; 0], "{form}");
    assert_eq!(masters.is_empty(), form == SIGNING);
    let idle = ["nothing ", "disabled "];
    assert!(
        !then
            .iter()
            .any(|line| idle.iter().any(|key| line.starts_with(key)))
    );
}

/// What was made before there was the second scheme by HMAC is no more by it.
#[tokio::test]
async fn k15_a_signing_secret_opens_the_same_in_either_scheme() {
    let read = |end| std::fs::read_to_string(file(SIGNING, end)).expect("a golden file");
    let tokens: Json = serde_json::from_str(&read("json")).expect("tokens by name");
    let listed = json!({ "keyed": { "listed": tokens["keyed"]["keyed"] } });
    let now = opened(SIGNING, &listed).await;
    let then = read("txt");
    let then = then.lines().filter(|line| line.starts_with("keyed "));
    let then: Opened = then.map(str::to_owned).collect();
    assert_eq!(now, then);
}

//! Who gets which status from which call of the dialect: a text file in git.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::super::scoped::tests as scoped;
use super::super::{ROUTES, Route};
use super::{base, error_code, send};
use crate::routes::Needs;
use crate::testing::{World, committed};

/// The callers of the table, in the order of its columns. The keys of the
/// dialect are those that a project begins with; `elsewhere` may ask and write
/// to another collection; scoped keys are made out of the master key.
const CALLERS: [&str; 9] = [
    "nobody",
    "unknown",
    "disabled",
    "write",
    "read",
    "elsewhere",
    "scoped to write",
    "scoped to read",
    "master",
];

/// The parameters and the body with which the call succeeds for the right caller.
fn sent(route: &Route) -> (&'static str, Json) {
    match (route.method, route.pattern) {
        ("GET", "/3.0/projects/{project}/queries/{analysis}") => {
            ("?event_collection=sales&timeframe=this_1_days", Json::Null)
        }
        ("PUT", "/3.0/projects/{project}/queries/saved/{saved}") => (
            "",
            json!({ "query": { "analysis_type": "count", "event_collection": "sales",
                "timeframe": "this_1_days" } }),
        ),
        ("PUT", "/3.0/projects/{project}/datasets/{dataset}") => ("", dataset()),
        ("GET", "/3.0/projects/{project}/datasets/{dataset}/results") => {
            ("?index_by=a&timeframe=this_1_days", Json::Null)
        }
        ("POST", "/3.0/projects/{project}/keys" | "/3.0/projects/{project}/keys/{key}") => {
            ("", json!({ "name": "made", "permitted": ["queries"] }))
        }
        ("POST", "/3.0/projects/{project}/events") => ("", json!({ "made": [{ "amount": 1 }] })),
        ("POST", "/3.0/projects/{project}/events/{collection}") => ("", json!({ "amount": 1 })),
        ("POST", "/3.0/projects/{project}/queries/{analysis}") => (
            "",
            json!({ "event_collection": "sales", "timeframe": "this_1_days" }),
        ),
        _ => ("", Json::Null),
    }
}

fn dataset() -> Json {
    json!({ "index_by": "customer", "query": { "analysis_type": "count",
        "event_collection": "sales", "timeframe": "this_3_days", "interval": "daily" } })
}

/// A world that speaks the dialect, with the keys that its project begins with,
/// a saved query, a dataset and an access key.
async fn world() -> (World, Json) {
    let world = World::with_sales().await;
    let body = json!({ "scoped_keys": true });
    let keys = world.post("/v1/projects/default/keen", &body).await;
    let keys = keys.expect(201).json();
    let other = json!({ "name": "other", "schema": "open" });
    world.post("/v1/pools", &other).await.expect(201);
    let event = json!([{ "amount": 1 }]);
    world
        .post("/v1/pools/other/records", &event)
        .await
        .expect(200);
    let saved = json!({ "name": "total", "query": { "analysis": "count", "pool": "sales" } });
    world.post("/v1/saved-queries", &saved).await.expect(201);
    let call = format!("PUT {}/datasets/daily", base(&world));
    send(&world, &world.admin, &call, &dataset())
        .await
        .expect(201);
    let call = format!("POST {}/keys", base(&world));
    let body = json!({ "name": "k", "permitted": ["writes"] });
    let made = send(&world, &world.admin, &call, &body).await;
    let made = made.expect(201).json();
    (
        world,
        json!({ "master_key": keys["master_key"], "write_key": keys["write_key"],
        "read_key": keys["read_key"], "access_key": made["key"] }),
    )
}

async fn token(world: &World, keys: &Json, caller: &str) -> String {
    match caller {
        "nobody" => String::new(),
        "unknown" => "0".repeat(64),
        "disabled" => {
            let grants = json!([{ "on": "pool:*", "actions": ["ingest", "query", "extract", "schema", "delete"],
                "constraints": "all_rows" }, { "on": "project", "actions": ["admin"] }]);
            let (id, token) = world.key(grants).await;
            let path = format!("/v1/keys/{id}/disable");
            world.post(&path, &Json::Null).await.expect(200);
            token
        }
        "elsewhere" => {
            let grants = json!([{ "on": "pool:other", "actions": ["ingest", "query", "extract", "schema"],
                "constraints": "all_rows" }]);
            world.key(grants).await.1
        }
        "scoped to write" | "scoped to read" => {
            let operation = &caller["scoped to ".len()..];
            let said = json!({ "allowed_operations": [operation], "filters": [] });
            scoped::key(keys["master_key"].as_str().expect("a key"), &said)
        }
        own => {
            let key = keys[format!("{own}_key")].as_str();
            key.expect("a key").to_owned()
        }
    }
}

/// The statuses of one route in a world of its own. The master key, which may
/// take something away, comes last.
async fn statuses(route: &Route) -> Vec<String> {
    let mut all = Vec::new();
    let (world, keys) = world().await;
    for caller in CALLERS {
        let token = token(&world, &keys, caller).await;
        let path = route
            .pattern
            .replace("/3.0/projects/{project}", &base(&world));
        let of = |there| if route.method == "PUT" { "made" } else { there };
        let collection = match route.method {
            "POST" => "made",
            // One that no view reads.
            "DELETE" => "other",
            _ => "sales",
        };
        let path = path
            .replace("{analysis}", "count")
            .replace("{collection}", collection)
            .replace("{property}", "amount")
            .replace("{saved}", of("total"))
            .replace("{dataset}", of("daily"))
            .replace("{key}", keys["access_key"].as_str().expect("a key"));
        assert!(
            !path.contains('{'),
            "{path} has a segment that this test does not know"
        );
        let (query, body) = sent(route);
        let call = format!("{} {path}{query}", route.method);
        let reply = send(&world, &token, &call, &body).await;
        all.push(match reply.status {
            200..400 => reply.status.to_string(),
            status => format!("{status} {}", error_code(&reply)),
        });
    }
    all
}

#[tokio::test]
async fn the_committed_table_says_who_gets_which_status() {
    let mut table = String::from(
        "Who gets which status from which call of the Keen dialect. Written by the tests of `web`; a \
         change here is a change of what a key may do.\n\n",
    );
    let _ = write!(table, "{:<6} {:<72} {:<14}", "method", "path", "needs");
    for caller in CALLERS {
        let _ = write!(table, " {caller:<25}");
    }
    table = table.trim_end().to_owned() + "\n";
    for route in ROUTES {
        let needs = match route.needs {
            Needs::Nothing => "nothing".to_owned(),
            Needs::Key => "a key".to_owned(),
            Needs::Session => "a session".to_owned(),
            Needs::Ticket => "a ticket".to_owned(),
            Needs::Right(action) => action.name().to_owned(),
            Needs::OneOf(actions) => {
                let names: Vec<&str> = actions.iter().map(|action| action.name()).collect();
                names.join("/")
            }
        };
        let mut line = format!("{:<6} {:<72} {needs:<14}", route.method, route.pattern);
        for status in statuses(route).await {
            let _ = write!(line, " {status:<25}");
        }
        let refused = line.matches("401 InvalidApiKeyError").count();
        // A scoped key belongs to the project that the path names.
        let expected = match (route.needs, route.pattern) {
            (Needs::Nothing, _) => 0,
            (_, "/3.0/projects") => 5,
            _ => 3,
        };
        assert_eq!(refused, expected, "{line}");
        table += line.trim_end();
        table.push('\n');
    }
    committed(Path::new("keen-by-caller.txt"), &table);
}

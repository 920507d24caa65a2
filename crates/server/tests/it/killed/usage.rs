//! The pool `_usage` says what `GET /v1/usage` says, each total once, however
//! often the process is killed while totals go there.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::Sender;

use model::random::SeededRandom;
use serde_json::{Value, json};

use super::killed_at_work;
use crate::support::{Address, BINARY, Server, cases};

const CLIENTS: usize = 3;

type Client<'a> = Box<dyn FnOnce(Address, Sender<()>) + Send + 'a>;

/// Asks and writes by turns until the server is gone.
fn work(server: &Address, token: &str, told: &Sender<()>) {
    for turn in 0_u64.. {
        let write = json!({ "n": turn }).to_string();
        let reply = match turn % 2 {
            0 => server.send(token, "GET", "/v1/views/all/data", &[], None),
            _ => server.send(
                token,
                "POST",
                "/v1/pools/events/records",
                &[],
                Some(write.as_bytes()),
            ),
        };
        match reply {
            Ok(reply) => assert_eq!(reply.status, 200, "{}", reply.text()),
            Err(_) => return,
        }
        // Nobody may count any more.
        let _ = told.send(());
    }
}

/// Has usage written down and brought to its pool, again and again.
fn save(server: &Address, token: &str, told: &Sender<()>) {
    while let Ok(reply) = server.send(token, "GET", "/v1/usage", &[], None) {
        assert_eq!(reply.status, 200, "{}", reply.text());
        let _ = told.send(());
    }
}

/// A total of one of these keys: what it is of, and how much.
type Total = (Vec<String>, Vec<i64>);

fn total(row: &Value, id: impl Fn(&Value) -> String) -> Total {
    let of = ["day", "key", "secret", "pool", "view"].map(|name| id(&row[name]));
    let counts =
        ["requests", "refused", "records"].map(|name| row[name].as_i64().expect("a number"));
    (of.to_vec(), counts.to_vec())
}

fn totals(rows: &Value, keys: &[(String, String)], id: impl Fn(&Value) -> String) -> Vec<Total> {
    let rows = rows.as_array().expect("a list").iter();
    let rows = rows.map(|row| total(row, &id));
    let mut rows: Vec<Total> = rows
        .filter(|(of, _)| keys.iter().any(|(key, _)| *key == of[1]))
        .collect();
    rows.sort();
    rows
}

/// Both ways tell the same of the clients' keys, which do nothing meanwhile;
/// answers how many totals there are.
fn same(server: &Server, master: &str, keys: &[(String, String)]) -> usize {
    let counted = server.get(master, "/v1/usage").expect(200);
    let counted = totals(&counted["items"], keys, |value| match value {
        Value::String(text) => text.clone(),
        of => of["id"].as_str().unwrap_or_default().to_owned(),
    });
    let query = json!({ "analysis": "extraction", "pool": "_usage", "limit": 1000 });
    let stored = server.post(master, "/v1/query", &query).expect(200);
    let stored = totals(&stored["result"], keys, |value| {
        value.as_str().expect("a text").to_owned()
    });
    assert_eq!(stored, counted);
    let of: BTreeSet<&Vec<String>> = stored.iter().map(|(of, _)| of).collect();
    assert_eq!(of.len(), stored.len(), "each total stands there once");
    stored.len()
}

fn offline(home: &Path, arguments: &[&str]) -> String {
    let mut command = std::process::Command::new(BINARY);
    command.args(arguments).current_dir(home).env_clear();
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said} {errors}");
    said
}

#[test]
fn usage_stands_in_its_pool_once_and_whole_through_kills_files_and_restarts() {
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    let random = SeededRandom::new(5);
    let mut server = Server::start(home);
    let master = server.master();
    let pool = json!({"name": "events", "schema": "open"});
    server.post(&master, "/v1/pools", &pool).expect(201);
    for (name, pool) in [("all", "events"), ("usage", "_usage")] {
        let view = json!({"name": name, "pool": pool, "shape": "aggregated",
            "fields": [{"aggregate": "count", "as": "n"}]});
        server.post(&master, "/v1/views", &view).expect(201);
    }
    let grants = json!([{"on": "pool:events", "actions": ["ingest"]},
        {"on": "view:all", "actions": ["read"], "constraints": "all_rows"}]);
    let keys: Vec<(String, String)> = (0..CLIENTS)
        .map(|number| {
            let body = json!({"name": format!("client {number}"), "grants": grants});
            let made = server.post(&master, "/v1/keys", &body).expect(201);
            let text = |name: &str| made[name].as_str().expect("a text").to_owned();
            (text("id"), text("token"))
        })
        .collect();
    for _ in 0..cases(4, 40) {
        let saver = &master;
        let mut clients: Vec<Client<'_>> = Vec::new();
        clients.push(Box::new(move |address, told| save(&address, saver, &told)));
        for (_, token) in &keys {
            clients.push(Box::new(move |address, told| work(&address, token, &told)));
        }
        let until = 20 + usize::try_from(random.next_u64() % 80).expect("small");
        server = killed_at_work(home, server, clients, until);
        assert!(same(&server, &master, &keys) >= CLIENTS);
    }
    // In files, and replaced from there.
    assert_eq!(server.terminate(), Some(0));
    offline(home, &["compact", "--data-dir", "data", "--flush-only"]);
    let found = offline(home, &["check", "--data-dir", "data"]);
    assert!(found.contains("_usage"), "{found}");
    assert!(found.contains("1 pools"), "{found}");
    let server = Server::start(home);
    let totals = same(&server, &master, &keys);
    let (_, token) = &keys[0];
    server.get(token, "/v1/views/all/data").expect(200);
    assert_eq!(same(&server, &master, &keys), totals);
    let seen = server.get(&master, "/v1/views/usage/data").expect(200);
    assert!(seen["data"][0]["n"].as_u64() >= u64::try_from(totals).ok());
    offline_restored(home, server, &master, &keys);
}

/// What is put back from a backup says the same.
fn offline_restored(home: &Path, server: Server, master: &str, keys: &[(String, String)]) {
    assert_eq!(server.terminate(), Some(0));
    offline(home, &["backup", "--data-dir", "data", "--to", "copy"]);
    let other = tempfile::tempdir().expect("a directory");
    let copy = home.join("copy");
    let from = copy.to_string_lossy();
    offline(
        other.path(),
        &["restore", "--from", &from, "--data-dir", "data"],
    );
    let pepper = "data.pepper";
    std::fs::copy(home.join(pepper), other.path().join(pepper)).expect("a copy");
    let server = Server::start(other.path());
    assert!(same(&server, master, keys) >= CLIENTS);
}

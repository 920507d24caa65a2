//! A token is in one answer and nowhere else.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::Server;

/// Every byte of every file below a directory.
fn files(directory: &Path, visit: &mut impl FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, visit);
        } else {
            visit(&path, &std::fs::read(&path).expect("a file"));
        }
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// The part of a token that nobody may keep: its secret characters.
fn secret_part(token: &str) -> &str {
    &token[token.len() - 49..token.len() - 6]
}

/// What a server of ours gave out once, each with what nobody may keep of it.
struct Given(Vec<(&'static str, String)>);

impl Given {
    fn add(&mut self, name: &'static str, token: &Value) -> String {
        let token = token.as_str().expect("a token").to_owned();
        self.0.push((name, token.clone()));
        token
    }

    /// The names of those that are in these bytes.
    fn found_in(&self, bytes: &[u8]) -> Vec<&'static str> {
        let held = self.0.iter().filter(|(_, token)| {
            let secret = match token.starts_with("tg_") {
                true => secret_part(token),
                // A key of a dialect has no public part.
                false => token,
            };
            holds(bytes, secret)
        });
        held.map(|(name, _)| *name).collect()
    }
}

/// Makes keys by every call that gives a token out.
fn every_token(server: &Server, master: &str) -> (Given, String) {
    let mut given = Given(Vec::new());
    let post = |token: &str, path: &str, body: &Value| {
        let reply = server.post(token, path, body);
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
        reply.json()
    };
    let issuer = json!([{ "on": "project", "actions": ["issue"] }]);
    let made = post(master, "/v1/keys", &json!({"name": "k", "grants": issuer}));
    let token = given.add("key", &made["token"]);
    let path = format!("/v1/keys/{}", made["id"].as_str().expect("an id"));
    let copied = post(master, &format!("{path}/copy"), &json!({}));
    given.add("copy", &copied["token"]);
    let rolled = post(master, &format!("{path}/roll"), &json!({ "grace": "1h" }));
    given.add("rolled", &rolled["token"]);
    let issued = json!({"name": "issued", "grants": []});
    given.add("issued", &post(&token, "/v1/issued-keys", &issued)["token"]);
    let project = post(master, "/v1/projects", &json!({ "name": "other" }));
    given.add("project", &project["token"]);
    let keen = post(master, "/v1/projects/default/keen", &json!({}));
    for (name, member) in [("keen master", "master_key"), ("keen write", "write_key")] {
        given.add(name, &keen[member]);
    }
    (given, path)
}

#[test]
fn the_token_of_a_key_appears_in_exactly_one_response() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    let master = server.master();
    let (given, path) = every_token(&server, &master);
    assert_eq!(given.0.len(), 7);
    let token = |of: &str| {
        let found = given.0.iter().find(|(name, _)| *name == of);
        found.expect("a token").1.clone()
    };
    let (key, write) = (token("key"), token("keen write"));
    let describe = json!({ "description": "d" });
    let asked = [
        server.get(&master, "/v1/keys"),
        server.get(&master, &path),
        server.get(&key, "/v1/whoami"),
        server.get(&key, "/v1/issued-keys"),
        server.call(&master, "PATCH", &path, Some(&describe)),
        server.post(&master, &format!("{path}/disable"), &json!({})),
        server.get(&key, "/v1/whoami"),
        server.post(&master, &format!("{path}/enable"), &json!({})),
        server.get(&key, &format!("/v1/whoami?token={key}")),
        server.get(&format!("{key}x"), "/v1/whoami"),
        server.post(&key, "/v1/keys", &json!({"name": key, "grants": [key]})),
        server.get("", &format!("/v1/pools/{key}")),
        // The one dialect whose clients put a key into an address.
        server.get("", &format!("/3.0/projects/default/events?api_key={write}")),
        server.get(
            "",
            &format!("/3.0/projects/default/nothing?api_key={write}"),
        ),
        server.get(&master, "/v1/audit?limit=1000"),
        server.get(&master, "/v1/projects/default/keen"),
    ];
    for reply in &asked {
        assert_eq!(given.found_in(&reply.body), [""; 0], "{}", reply.text());
        for value in reply.headers.values() {
            assert_eq!(given.found_in(value.as_bytes()), [""; 0]);
        }
    }
    let metrics = format!("{}/metrics", server.operations);
    let metrics = crate::support::send(&metrics, "", "GET", &[], None).expect("metrics");
    assert_eq!(given.found_in(&metrics.body), [""; 0]);
    assert_eq!(server.terminate(), Some(0));
    let backup = ["backup", "--data-dir", "data", "--to", "backup"];
    crate::offline::run(home.path(), &backup).expect(0);
    let (mut scanned, mut logged) = (0, false);
    let master = Given(vec![("master", master)]);
    files(home.path(), &mut |path, bytes| {
        scanned += bytes.len();
        logged |= holds(bytes, "/3.0/projects/{project}/events");
        assert_eq!(given.found_in(bytes), [""; 0], "{}", path.display());
        let is_handed_over = path == home.path().join("token");
        assert!(
            is_handed_over || master.found_in(bytes).is_empty(),
            "{}",
            path.display()
        );
    });
    assert!(
        scanned > 4 << 20 && logged,
        "the journal, the database, the backup and the log were read"
    );
}

#[test]
fn a_copy_of_the_data_directory_lets_nobody_in_without_the_pepper() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    let master = server.master();
    assert_eq!(server.terminate(), Some(0));
    let pepper = home.path().join("data.pepper");
    std::fs::rename(&pepper, home.path().join("kept")).expect("moved away");
    let refused = std::process::Command::new(crate::support::BINARY)
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
            "--data-dir",
        ])
        .arg(home.path().join("data"))
        .output()
        .expect("it runs");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("pepper"));
    std::fs::write(&pepper, "00".repeat(32)).expect("another pepper");
    let mut mode = std::fs::metadata(&pepper).expect("a file").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o600);
    std::fs::set_permissions(&pepper, mode).expect("mode");
    let server = Server::start(home.path());
    server.get(&master, "/v1/whoami").expect(401);
}

#[test]
fn a_lost_master_token_is_recovered_offline_and_audited() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    let recover = || {
        std::process::Command::new(crate::support::BINARY)
            .args(["keys", "recover", "--data-dir"])
            .arg(home.path().join("data"))
            .arg("--admin-token-file")
            .arg(home.path().join("new-token"))
            .output()
            .expect("it runs")
    };
    let running = recover();
    assert!(!running.status.success(), "not while the server runs");
    assert_eq!(server.terminate(), Some(0));
    let done = recover();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let token = std::fs::read_to_string(home.path().join("new-token")).expect("a token");
    let server = Server::start(home.path());
    server.get(token.trim(), "/v1/keys").expect(200);
}

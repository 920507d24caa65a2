//! A token is in one answer and nowhere else.

mod memory;
mod replays;

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

const PASSWORD: &str = "violet harbour under glass";

/// What a key signs with, what its holder derives, and all that people are given.
/// It comes last: where there are people, changes take a code.
fn every_other_secret(server: &Server, master: &str, given: &mut Given) {
    let shown_once = |token: &str, headers: &[(&str, &str)], path: &str, body: &Value| {
        let body = body.to_string();
        let reply = server.send(token, "POST", path, headers, Some(body.as_bytes()));
        let reply = reply.expect("an answer");
        assert_eq!(reply.status, 201, "{path}: {}", reply.text());
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
        reply
    };
    let draft = json!({ "name": "derives", "derived_tokens": true, "grants": [] });
    let key = shown_once(master, &[], "/v1/keys", &draft).json();
    let token = given.add("deriving", &key["token"]);
    let path = format!("/v1/keys/{}/signing-secrets", text(&key["id"]));
    let signing = shown_once(master, &[], &path, &json!({})).json();
    given.add("signing secret", &signing["signing_secret"]);
    let (derived, signature) = derived(server, &token);
    server.get(&derived, "/v1/whoami").expect(200);
    given.0.push(("derived token", signature));
    let owner = json!({ "sign_in": "ada@example.com", "name": "Ada", "password": PASSWORD });
    let ada = shown_once(master, &[], "/v1/people/first", &owner).json();
    given.add("app", &ada["app"]["secret"]);
    for code in ada["recovery_codes"].as_array().expect("codes") {
        given.add("recovery code", code);
    }
    // Signing in uses one of the codes up, and gives a session.
    let own_page = [("sec-fetch-site", "same-origin")];
    let asked = json!({ "sign_in": "ada@example.com", "password": PASSWORD,
        "recovery_code": ada["recovery_codes"][0] });
    let entered = shown_once("", &own_page, "/v1/sessions", &asked);
    let cookie = entered.header("set-cookie").expect("a session");
    let cookie = cookie.split(';').next().expect("a cookie");
    let (_, session) = cookie.split_once('=').expect("a value");
    given.0.push(("session", session.to_owned()));
    let asked = server.send("", "GET", "/v1/sessions", &[("cookie", cookie)], None);
    asked.expect("an answer").expect(200);
    let invited = json!({ "sign_in": "bob@example.com", "roles": [{ "role": "viewer" }] });
    let by_ada = [("cookie", cookie), own_page[0]];
    let invited = shown_once("", &by_ada, "/v1/invitations", &invited).json();
    given.add("invitation", &invited["token"]);
    // In an address, and in the place of a token.
    let wrong = format!("/v1/pools/{session}");
    let _ = server.send("", "GET", &wrong, &[("cookie", cookie)], None);
    server.get(session, "/v1/whoami").expect(401);
    given.0.push(("password", PASSWORD.to_owned()));
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// A token that the holder of another one derives from it, and its signature.
fn derived(server: &Server, token: &str) -> (String, String) {
    let who = server.get(token, "/v1/whoami").expect(200);
    let now = crate::support::clock::seconds();
    let ends = now + 600;
    let claims = json!({ "aud": who["project"], "iat": now, "exp": ends,
        "jti": format!("{ends}-0123456789abcdef"), "grants": "all_grants" });
    let claims = model::json::parse(claims.to_string().as_bytes()).expect("JSON");
    let secret = model::secrets::Secret::parse(token).expect("a token");
    let derived = model::keys::Envelope::sign(&secret, &claims);
    let (_, signature) = derived.rsplit_once('.').expect("three parts");
    (derived.clone(), signature.to_owned())
}

#[test]
fn k4_whatever_lets_somebody_in_appears_in_exactly_one_response() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    let master = server.master();
    let (mut given, path) = every_token(&server, &master);
    assert_eq!(given.0.len(), 7);
    every_other_secret(&server, &master, &mut given);
    assert_eq!(given.0.len(), 7 + 3 + 1 + 10 + 3);
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
        server.get(&master, "/v1/people"),
        server.get(&master, "/v1/invitations"),
        server.get(&master, "/v1/notices"),
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
fn k2_a_copy_of_the_data_directory_lets_nobody_in_without_the_pepper() {
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

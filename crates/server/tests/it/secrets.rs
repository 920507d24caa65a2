//! A token is in one answer and nowhere else.

use std::path::Path;

use serde_json::json;

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

#[test]
fn the_token_of_a_key_appears_in_exactly_one_response() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    let master = server.master();
    let made = server.post(&master, "/v1/keys", &json!({"name": "k", "grants": []}));
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let made = made.expect(201);
    let token = made["token"].as_str().expect("a token").to_owned();
    let id = made["id"].as_str().expect("an id").to_owned();
    let copied = server
        .post(&master, &format!("/v1/keys/{id}/copy"), &json!({}))
        .expect(201);
    let copy = copied["token"].as_str().expect("a token").to_owned();
    assert_ne!(token, copy);
    let asked = [
        server.get(&master, "/v1/keys"),
        server.get(&master, &format!("/v1/keys/{id}")),
        server.get(&token, "/v1/whoami"),
        server.call(
            &master,
            "PATCH",
            &format!("/v1/keys/{id}"),
            Some(&json!({"description": "d"})),
        ),
        server.post(&master, &format!("/v1/keys/{id}/disable"), &json!({})),
        server.get(&token, "/v1/whoami"),
        server.post(&master, &format!("/v1/keys/{id}/enable"), &json!({})),
        server.get(&token, &format!("/v1/whoami?token={token}")),
        server.get(&format!("{token}x"), "/v1/whoami"),
        server.post(
            &token,
            "/v1/keys",
            &json!({"name": token, "grants": [token]}),
        ),
        server.get("", &format!("/v1/pools/{token}")),
    ];
    for reply in &asked {
        for token in [&token, &copy, &master] {
            assert!(!holds(&reply.body, secret_part(token)), "{}", reply.text());
            for value in reply.headers.values() {
                assert!(!holds(value.as_bytes(), secret_part(token)));
            }
        }
    }
    let operations = crate::support::send(
        &format!("{}/metrics", server.operations),
        "",
        "GET",
        &[],
        None,
    );
    assert!(!holds(
        &operations.expect("metrics").body,
        secret_part(&token)
    ));
    assert_eq!(server.terminate(), Some(0));
    let mut scanned = 0;
    files(home.path(), &mut |path, bytes| {
        scanned += bytes.len();
        for (name, token) in [("key", &token), ("copy", &copy), ("master", &master)] {
            let is_handed_over = name == "master" && path == home.path().join("token");
            assert!(
                is_handed_over || !holds(bytes, secret_part(token)),
                "{name} in {}",
                path.display()
            );
        }
    });
    assert!(
        scanned > 4 << 20,
        "the journal, the database and the log were read"
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

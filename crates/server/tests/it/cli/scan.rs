//! `tidegate scan`: K21, with the tokens of a real server.

use std::fs;

use serde_json::json;

use super::{Desk, Ran, command, ran, with_input};
use crate::support::Address;

/// Runs `scan` where no server is.
fn scan(home: &std::path::Path, args: &[&str]) -> Ran {
    let nowhere = Address("http://127.0.0.1:1".to_owned());
    let args = [&["scan"], args].concat();
    ran(&mut command(&nowhere, "", home, &args))
}

#[test]
fn k21_tokens_are_found_in_a_tree_and_never_shown() {
    let desk = Desk::new();
    let token = desk.server.master();
    let id = token.split('_').nth(2).expect("an id");
    let tree = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        let path = tree.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("makes");
        fs::write(path, text).expect("writes");
    };
    write("README.md", "no token here, tg_sk_ or not\n");
    let clean = scan(tree.path(), &["."]).expect(0);
    assert_eq!((clean.out.as_str(), clean.err.as_str()), ("", ""));
    write("deep/.env", &format!("A=1\nTIDEGATE_TOKEN={token}\n"));
    write("ignored/old.env", &token);
    write(".git/config", &token);
    write(".gitignore", "ignored/\n");
    let mut mistyped = token.clone();
    mistyped.replace_range(30..31, if &token[30..31] == "x" { "y" } else { "x" });
    write("mistyped", &mistyped);
    let found = scan(tree.path(), &["."]).expect(1);
    assert_eq!(
        found.out,
        format!("./deep/.env:2: secret token, secret {id}\n")
    );
    assert_eq!(found.err, "tidegate: 1 token was found\n");
    let all = scan(tree.path(), &["--json", "--no-ignore", "."]).expect(1);
    let report = all.json();
    let files: Vec<_> = report["tokens"]
        .as_array()
        .expect("tokens")
        .iter()
        .collect();
    assert_eq!(files.len(), 2, "{report}");
    for found in [&found, &all] {
        assert!(!found.out.contains(&token[20..32]) && !found.err.contains(&token[20..32]));
    }
    let nowhere = scan(tree.path(), &["nowhere"]).expect(4);
    assert!(nowhere.err.contains("nowhere"), "{}", nowhere.err);
}

#[test]
fn k21_tokens_are_found_in_standard_input() {
    let desk = Desk::new();
    let token = desk.server.master();
    let nowhere = Address("http://127.0.0.1:1".to_owned());
    let home = tempfile::tempdir().expect("a directory");
    for args in [&["scan"][..], &["scan", "-"]] {
        let mut scan = command(&nowhere, "", home.path(), args);
        let found = with_input(&mut scan, &format!("+ key = \"{token}\"\n"));
        let found = found.expect(1);
        assert!(
            found.out.starts_with("-:1: secret token, secret "),
            "{}",
            found.out
        );
        let mut scan = command(&nowhere, "", home.path(), args);
        with_input(&mut scan, "+ key = \"\"\n").expect(0);
    }
}

#[test]
fn k21_what_is_found_is_reported_and_in_quarantine_at_once() {
    let desk = Desk::new();
    let url = desk.server.address.0.clone();
    let token = desk.server.master();
    let tree = tempfile::tempdir().expect("a directory");
    fs::write(tree.path().join("a.env"), format!("A={token}\nB={token}\n")).expect("writes");
    let id = token.split('_').nth(2).expect("an id");
    let listed = desk.server.get(&token, "/v1/keys");
    listed.expect(200);
    let found = scan(tree.path(), &["--report", &url, "."]).expect(1);
    let line = |line: u8| format!("./a.env:{line}: secret token, secret {id}, reported\n");
    assert_eq!(found.out, line(1) + &line(2));
    assert!(!found.out.contains(&token[20..32]) && !found.err.contains(&token[20..32]));
    let refused = desk.server.get(&token, "/v1/keys");
    assert_eq!(refused.expect(403)["code"], "quarantined");
    // Not in the clear to elsewhere, and a server that is not there is said.
    let clear = scan(tree.path(), &["--report", "http://192.0.2.1", "."]).expect(2);
    assert!(clear.err.contains("https"), "{}", clear.err);
    let nowhere = scan(tree.path(), &["--report", "http://127.0.0.1:1", "."]);
    assert!(nowhere.err.contains("cannot be reached"), "{}", nowhere.err);
}

fn with_checksum(body: &str) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut left = crc32fast::hash(body.as_bytes()) as usize;
    let mut sum = [b'0'; 6];
    for digit in sum.iter_mut().rev() {
        *digit = DIGITS[left % 62];
        left /= 62;
    }
    format!("{body}{}", String::from_utf8_lossy(&sum))
}

/// Each whole token is asked about, also where another one has its public part.
#[test]
fn k21_a_look_alike_keeps_no_token_from_being_reported() {
    let desk = Desk::new();
    let url = desk.server.address.0.clone();
    let key = json!({ "name": "leaks", "grants": [] });
    let made = desk.server.post(&desk.master, "/v1/keys", &key).expect(201);
    let token = made["token"].as_str().expect("a token");
    // The same kind and id, another secret, and the checksum that goes with it.
    let (head, rest) = token.split_at(token.len() - 49);
    let turned: String = rest[1..43].chars().rev().collect();
    let body = format!("{head}{}{turned}", &rest[..1]);
    let like = with_checksum(&body);
    assert!(
        model::secrets::Secret::parse(&like).is_some(),
        "of the form"
    );
    let tree = tempfile::tempdir().expect("a directory");
    let text = format!("A={like}\nB={token}\n");
    fs::write(tree.path().join("a.env"), text).expect("writes");
    let found = scan(tree.path(), &["--report", &url, "--json", "."]).expect(1);
    let report = found.json();
    let valid = |at: usize| report["tokens"][at]["valid"].clone();
    assert_eq!(
        (valid(0), valid(1)),
        (json!(false), json!(true)),
        "{report}"
    );
    assert_eq!(report["tokens"][0]["secret"], report["tokens"][1]["secret"]);
    desk.server.get(token, "/v1/whoami").expect(403);
}

#[test]
fn k21_derived_tokens_are_found_and_reported_alone() {
    let desk = Desk::new();
    let url = desk.server.address.0.clone();
    let key = json!({ "name": "derives", "grants": [], "derived_tokens": true });
    let made = desk.server.post(&desk.master, "/v1/keys", &key).expect(201);
    let token = made["token"].as_str().expect("a token");
    let id = token.split('_').nth(2).expect("an id");
    let me = desk.server.get(token, "/v1/whoami").expect(200);
    let project = me["project"].as_str().expect("an id");
    let args = ["keys", "derive", "--project", project];
    let derive = || {
        ran(&mut command(
            &desk.server.address,
            token,
            desk.home.path(),
            &args,
        ))
    };
    let (derived, other) = (derive().expect(0).out, derive().expect(0).out);
    let derived = derived.trim();
    desk.server.get(derived, "/v1/whoami").expect(200);
    let tree = tempfile::tempdir().expect("a directory");
    let text =
        format!("// one\nfetch(url, {{ headers: {{ authorization: \"Bearer {derived}\" }} }})\n");
    fs::write(tree.path().join("page.js"), text).expect("writes");
    let found = scan(tree.path(), &["."]).expect(1);
    let line = format!("./page.js:2: derived token, secret {id}");
    assert_eq!(found.out, format!("{line}\n"));
    let found = scan(tree.path(), &["--report", &url, "."]).expect(1);
    assert_eq!(found.out, format!("{line}, reported\n"));
    assert!(!found.out.contains(&derived[..40]) && !found.err.contains(&derived[..40]));
    desk.server.get(derived, "/v1/whoami").expect(401);
    for lives in [token, other.trim()] {
        desk.server.get(lives, "/v1/whoami").expect(200);
    }
}

#[test]
fn k21_signing_secrets_are_found_and_end_when_they_are_reported() {
    let desk = Desk::new();
    let url = desk.server.address.0.clone();
    let key = json!({ "name": "signs", "grants": [] });
    let made = desk.server.post(&desk.master, "/v1/keys", &key).expect(201);
    let path = format!(
        "/v1/keys/{}/signing-secrets",
        made["id"].as_str().expect("an id")
    );
    let made = desk.server.post(&desk.master, &path, &json!({}));
    let made = made.expect(201);
    let secret = made["signing_secret"].as_str().expect("a secret");
    let id = made["id"].as_str().expect("an id");
    let tree = tempfile::tempdir().expect("a directory");
    let text = format!("# signs\nSECRET={secret}\n");
    fs::write(tree.path().join("a.env"), text).expect("writes");
    let found = scan(tree.path(), &["."]).expect(1);
    let line = format!("./a.env:2: signing token, secret {id}");
    assert_eq!(found.out, format!("{line}\n"));
    let found = scan(tree.path(), &["--report", &url, "."]).expect(1);
    assert_eq!(found.out, format!("{line}, reported\n"));
    assert!(!found.out.contains(&secret[19..]));
    let left = desk.server.get(&desk.master, &path).expect(200);
    assert_eq!(left["items"], json!([]));
}

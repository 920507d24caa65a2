//! K24: a server speaks when it is spoken to. No call, and nothing that it does
//! by itself, makes a connection or sends a packet to anybody.

mod packets;

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::Server;
use crate::support::launch::{Launch, SMALL_LIMITS};
use crate::support::needs::{expect_strace, may_use};

fn traced(calls: &Path, becomes: bool) -> Vec<String> {
    let way = if becomes { &["-D"][..] } else { &[] };
    let of = calls.display().to_string();
    let rest = ["-f", "-qq", "-o", &of, "-e", "trace=network"];
    let command = ["strace"].iter().chain(way).chain(&rest);
    command.map(|part| (*part).to_owned()).collect()
}

/// System calls that reach out to an address of a network.
fn outward(calls: &Path) -> Vec<String> {
    let text = std::fs::read(calls).expect("what was seen");
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(text.contains("socket("), "nothing was seen");
    let reaches = |line: &&str| {
        let by = ["connect(", "sendto(", "sendmsg(", "sendmmsg("];
        line.contains("AF_INET") && by.iter().any(|call| line.contains(call))
    };
    text.lines().filter(reaches).map(str::to_owned).collect()
}

/// Asks a new server for everything in which an address may be followed; what
/// its owner is shown.
fn work(server: &Server) -> Value {
    let master = server.master();
    let post = |path: &str, body: &Value| server.post(&master, path, body);
    post("/v1/pools", &json!({ "name": "p", "schema": "open" })).expect(201);
    // Values and names that would be fetched by whoever fetches anything.
    let address = "http://192.0.2.1:9/x";
    let records = json!([{ "url": address, "n": 1 }, { "url": "\\\\192.0.2.1\\x", "n": 2 }]);
    post("/v1/pools/p/records", &records).expect(200);
    let view =
        json!({ "name": "v", "pool": "p", "shape": "records", "fields": [{ "field": "n" }] });
    post("/v1/views", &view).expect(201);
    post("/v1/views/v/data", &json!({})).expect(200);
    let grants = json!([{ "on": "view:v", "actions": ["read"], "constraints": "all_rows" }]);
    let key = json!({ "name": address, "description": address, "grants": grants, "derived_tokens": true });
    let key = post("/v1/keys", &key).expect(201);
    let (id, token) = (&key["id"], key["token"].as_str().expect("a token"));
    let pages = json!({ "name": "pages", "kind": "publishable", "grants": [],
        "restrictions": { "allowed_domains": ["192.0.2.1"] } });
    post("/v1/keys", &pages).expect(201);
    server.get(token, "/v1/whoami").expect(200);
    let simulated = format!("/v1/keys/{}/simulate", id.as_str().expect("an id"));
    post(&simulated, &json!({})).expect(200);
    for path in [
        "/v1/keys/review",
        "/v1/notices",
        "/v1/usage",
        "/v1/audit",
        "/v1/openapi.json",
    ] {
        server.get(&master, path).expect(200);
    }
    let found = json!({ "token": token, "found_at": address });
    server.post("", "/v1/keys/report", &found).expect(200);
    let invited = json!({ "sign_in": "ada@192.0.2.1", "name": "Ada", "password": "violet harbour under glass" });
    let owner = post("/v1/people/first", &invited).expect(201);
    // What comes from elsewhere names addresses, too.
    let headers = [
        ("origin", "http://192.0.2.1"),
        ("referer", address),
        ("x-forwarded-for", "192.0.2.1"),
    ];
    let from_page = server.send(token, "GET", "/v1/whoami", &headers, None);
    assert!(from_page.expect("an answer").status >= 400);
    post("/v1/pools/p/delete", &json!({ "all": true })).expect(200);
    owner
}

#[test]
fn k24_a_server_makes_no_connection() {
    if !may_use("strace") {
        return;
    }
    expect_strace();
    let home = tempfile::tempdir().expect("a directory");
    let calls = home.path().join("calls");
    let launch = Launch::at(home.path()).options(SMALL_LIMITS);
    let server = launch.under(traced(&calls, true)).start();
    let server = server.unwrap_or_else(|ended| panic!("{}", ended.log));
    work(&server);
    assert_eq!(server.terminate(), Some(0));
    assert_eq!(outward(&calls), Vec::<String>::new());
}

/// What would be found, if there were something.
#[test]
fn k24_a_connection_is_seen() {
    if !may_use("strace") {
        return;
    }
    expect_strace();
    let home = tempfile::tempdir().expect("a directory");
    let calls = home.path().join("calls");
    let under = traced(&calls, false);
    let knocks = ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/1"];
    let mut command = Command::new(&under[0]);
    let ran = command.args(&under[1..]).args(knocks).output();
    assert!(!ran.expect("it runs").status.success());
    assert!(!outward(&calls).is_empty());
}

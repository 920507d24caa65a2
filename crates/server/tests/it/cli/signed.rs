//! Keys that take signed requests alone, by the command line and by the
//! program of docs/restrictions.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{Desk, Ran, command, ran, with_input};
use crate::support::needs::{expect_cryptography, may_use};

/// A desk with a pool, and a key for signed requests: its token.
fn desk() -> (Desk, String) {
    let desk = Desk::new();
    let (master, server) = (&desk.master, &desk.server);
    let pool = json!({"name": "events", "schema": "open"});
    server.post(master, "/v1/pools", &pool).expect(201);
    let body = json!({"name": "signs", "restrictions": {"signed_requests": true}, "grants": [
        {"on": "pool:*", "actions": ["ingest", "schema", "query", "extract"], "constraints": "all_rows"}]});
    let made = server.post(master, "/v1/keys", &body).expect(201);
    let token = made["token"].as_str().expect("a token").to_owned();
    (desk, token)
}

fn run(desk: &Desk, token: &str, args: &[&str]) -> Ran {
    ran(&mut command(
        &desk.server.address,
        token,
        desk.home.path(),
        args,
    ))
}

#[test]
fn commands_sign_and_each_batch_of_an_import_is_a_request_of_its_own() {
    let (desk, token) = desk();
    let shown = run(&desk, &token, &["whoami"]).expect(1);
    assert!(shown.err.contains("signature_required"), "{}", shown.err);
    let me = run(&desk, &token, &["whoami", "--sign", "--json"])
        .expect(0)
        .json();
    assert_eq!(me["name"], "signs");
    let by_variable = &mut command(&desk.server.address, &token, desk.home.path(), &["whoami"]);
    ran(by_variable.env("TIDEGATE_SIGN", "true")).expect(0);
    let records = (0..4_000).fold(String::new(), |mut text, n| {
        writeln!(text, r#"{{"n": {n}, "text": "größer & {n}%"}}"#).expect("in memory");
        text
    });
    desk.write("events.ndjson", records);
    let import = [
        "import",
        "events.ndjson",
        "--batch-size",
        "100",
        "--connections",
        "4",
    ];
    run(&desk, &token, &import).expect(1);
    assert_eq!(desk.count("events"), (0, 0));
    let signed = [&import[..], &["--sign"]].concat();
    run(&desk, &token, &signed).expect(0);
    assert_eq!(desk.count("events"), (4_000, 4_000));
    // Again: new signatures under the same idempotency keys, and nothing twice.
    run(&desk, &token, &signed).expect(0);
    assert_eq!(desk.count("events"), (4_000, 4_000));
    let asked = run(
        &desk,
        &token,
        &["query", "--pool", "events", "count", "--sign", "--json"],
    );
    assert!(asked.expect(0).out.contains("4000"));
    let told = run(&desk, "no-token-of-ours", &["whoami", "--sign"]).expect(2);
    assert!(!told.err.contains("no-token-of-ours"), "{}", told.err);
    // The server never saw the token; what it logs of each request is no secret either.
    let log = std::fs::read_to_string(desk.home.path().join("log")).expect("a log");
    assert!(!log.contains(&token));
}

#[test]
fn the_program_of_the_documentation_signs_as_the_server_demands() {
    if !may_use("cryptography") {
        return;
    }
    expect_cryptography();
    let (desk, token) = desk();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/restrictions/sign.py");
    let sign = |method: &str, path: &str, body: Option<&Value>| {
        let mut command = Command::new("python3");
        command
            .arg(&program)
            .args([method, &format!("{}{path}", desk.server.address.0)])
            .env("TIDEGATE_TOKEN", &token)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        match body {
            None => ran(&mut command),
            Some(body) => with_input(command.arg("application/json"), &body.to_string()),
        }
    };
    let me = sign("GET", "/v1/whoami", None).expect(0).json();
    assert_eq!(me["name"], "signs");
    let records = json!([{"n": 1, "text": "größer"}, {"n": 2}]);
    let stored = sign("POST", "/v1/pools/events/records", Some(&records))
        .expect(0)
        .json();
    assert_eq!(stored["accepted"], 2);
    assert_eq!(desk.count("events"), (2, 2));
    let question = json!({"analysis": "count", "pool": "events"});
    sign("POST", "/v1/query?ignored=%20a", Some(&question)).expect(1);
    let counted = sign("POST", "/v1/query", Some(&question)).expect(0);
    assert!(counted.out.contains('2'), "{}", counted.out);
    let refused = sign("GET", "/v1/keys", None).expect(1);
    assert!(refused.err.contains("403"), "{}", refused.err);
}

//! Files lie by the field that keys carry, where the pool names none.

use serde_json::json;

use super::*;

const CHECK: [&str; 3] = ["check", "--data-dir", "data"];

/// Asks the server for its metrics until it is so.
fn until(server: &Server, what: &str, is_so: impl Fn(&str) -> bool) {
    const TRIES: usize = 200_000;
    let url = format!("{}/metrics", server.operations);
    let done = (0..TRIES).any(|_| {
        let metrics = crate::support::send(&url, "", "GET", &[], None);
        is_so(&metrics.expect("an answer").text())
    });
    assert!(done, "not within {TRIES} tries: {what}");
}

fn has_files(metrics: &str, files: u64) -> bool {
    metrics.contains(&format!("\ntidegate_table_files {files}\n"))
}

fn check(home: &Path) -> Value {
    let report = run(home, &[&CHECK[..], &["--json"]].concat());
    pool_of(&report.expect(0).json(), "notes")
}

#[test]
fn a_running_server_learns_from_its_keys_and_compact_brings_old_files_into_the_order() {
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    let server = Server::start_with(home, &["--flush-after", "1ms"]);
    let master = server.master();
    let pool = json!({"name": "notes", "schema": "open"});
    server.post(&master, "/v1/pools", &pool).expect(201);
    let note = |customer: &str| json!({"customer": customer, "text": "x"});
    let records: Vec<_> = (0..20).map(|n| note(&format!("c{}", n % 5))).collect();
    let path = "/v1/pools/notes/records";
    server.post(&master, path, &json!(records)).expect(200);
    until(&server, "the first file", |metrics| has_files(metrics, 1));

    let writer =
        json!([{"on": "pool:notes", "actions": ["ingest"], "injections": {"customer": "c1"}}]);
    let reader = json!([{"on": "pool:notes", "actions": ["query"],
        "constraints": [{"field": "customer", "operator": "eq", "value": "c1"}]}]);
    let writer = server.key("writer", &writer);
    let reader = server.key("reader", &reader);
    let log = home.join("log");
    until(&server, "learned", |_| {
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        log.contains("lie by another field")
    });
    server
        .post(&writer, path, &json!([{"text": "y"}]))
        .expect(200);
    until(&server, "the second file", |metrics| has_files(metrics, 2));
    let rows = |server: &Server| {
        let told = server.get(&reader, "/v1/whoami").expect(200);
        told["pools"][0]["rows"].clone()
    };
    assert_eq!(rows(&server), 5);
    let shown = server.get(&master, "/v1/pools/notes").expect(200);
    assert_eq!(
        shown["isolation_field"],
        Value::Null,
        "it is not the pool's word"
    );
    assert_eq!(server.terminate(), Some(0));

    let learned = json!({"field": "customer", "learned": true});
    let before = check(home);
    assert_eq!(
        (&before["isolation"], &before["files"]),
        (&learned, &json!(2)),
        "{before}"
    );
    assert_eq!(before["files_otherwise"], 1, "{before}");
    run(home, &["compact", "--data-dir", "data", "--flush"]).expect(0);
    let after = check(home);
    assert_eq!(
        (&after["isolation"], &after["files"]),
        (&learned, &json!(1)),
        "{after}"
    );
    assert_eq!(after["files_otherwise"], 0, "{after}");
    let table = run(home, &CHECK).expect(0).out;
    assert!(table.contains("customer (learned)"), "{table}");
    let server = Server::start(home);
    assert_eq!(rows(&server), 5);
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn what_a_pool_names_and_what_readers_of_its_views_carry_is_said() {
    let (home, _) = stopped();
    run(home.path(), &["compact", "--data-dir", "data", "--flush"]).expect(0);
    let report = run(home.path(), &[&CHECK[..], &["--json"]].concat());
    let report = report.expect(0).json();
    let isolation = |pool| pool_of(&report, pool)["isolation"].clone();
    let by = |learned: bool| json!({"field": "customer.id", "learned": learned});
    assert_eq!(isolation("orders"), by(false), "{report}");
    assert_eq!(isolation("notes"), by(true), "{report}");
}

//! What a start after a crash costs: the journal is read from its first segment on.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::support::clock::Stopwatch;
use crate::support::launch::Launch;
use crate::support::needs::note;
use crate::support::{Server, cases};

/// So that all records stay in the journal and in memory.
const IN_THE_JOURNAL: [&str; 6] = [
    "--buffer-bytes",
    "6GiB",
    "--flush-bytes",
    "6GiB",
    "--flush-after",
    "1h",
];
const RECORDS_IN_BATCH: usize = 2_000;
const MEGABYTE: u64 = 1_000_000;
/// What a start may take for each 100 MB.
const MAY_TAKE: Duration = Duration::from_secs(2);

fn start(home: &Path) -> Server {
    let started = Launch::at(home).options(&IN_THE_JOURNAL).start();
    started.unwrap_or_else(|ended| panic!("no start: {}", ended.log))
}

/// Bytes that the journal took since the server started.
fn journal_bytes(server: &Server) -> u64 {
    let url = format!("{}/metrics", server.operations);
    let metrics = crate::support::send(&url, "", "GET", &[], None).expect("an answer");
    let metrics = metrics.text();
    let mut lines = metrics.lines();
    let bytes = lines.find_map(|line| line.strip_prefix("tidegate_journal_bytes_total "));
    bytes.expect("a number").parse().expect("a number")
}

/// Records as a shop's may be, of about 380 bytes.
fn batch(first: usize) -> String {
    let mut lines = String::new();
    for n in first..first + RECORDS_IN_BATCH {
        let record = json!({
            "customer": {"id": format!("customer-{:05}", n * 7_919 % 20_000)},
            "at": format!("2026-03-{:02}T{:02}:{:02}:{:02}.{:06}Z",
                1 + n / 1_000 % 28, n % 24, n / 24 % 60, n / 1_440 % 60, n % 1_000_000),
            "page": format!("/products/{}/variants/{}", n * 31 % 5_000, n % 12),
            "agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "referrer": format!("https://search.example/?q={:x}", n * 2_654_435_761 % 1_000_000_007),
            "user": format!("user-{:08}", n * 104_729 % 3_000_000),
            "amount": n as f64 * 0.01, "count": n % 17, "paid": n.is_multiple_of(3),
        });
        let _infallible = writeln!(lines, "{record}");
    }
    lines
}

/// Bar D5: at most 2 s for each 100 MB of the journal. The long proof says how
/// long it took and compares it; the short one sees that all records are back.
#[test]
fn a_start_after_a_crash_reads_a_long_journal_at_its_pace() {
    let home = tempfile::tempdir().expect("a directory");
    let server = start(home.path());
    let master = server.master();
    let pool = json!({"name": "events", "schema": "open", "isolation_field": "customer.id"});
    server.post(&master, "/v1/pools", &pool).expect(201);
    let wanted = cases(4, 330) as u64 * MEGABYTE;
    let mut sent = 0;
    while journal_bytes(&server) < wanted {
        let headers = [("content-type", "application/x-ndjson")];
        let body = batch(sent);
        let path = "/v1/pools/events/records";
        let reply = server.send(&master, "POST", path, &headers, Some(body.as_bytes()));
        let accepted = reply.expect("an answer").expect(200);
        assert_eq!(accepted["accepted"], RECORDS_IN_BATCH);
        sent += RECORDS_IN_BATCH;
    }
    let bytes = journal_bytes(&server);
    server.kill();
    let watch = Stopwatch::start();
    let server = start(home.path());
    let took = watch.elapsed();
    let query = json!({"analysis": "count", "pool": "events"});
    let found = server.post(&master, "/v1/query", &query).expect(200);
    assert_eq!(found["result"], sent, "{found}");
    let megabytes = bytes as f64 / MEGABYTE as f64;
    let each = took.as_secs_f64() * 100.0 / megabytes;
    note(&format!(
        "a start over {megabytes:.0} MB of journal, {sent} records: {:.2} s, {each:.2} s for each 100 MB",
        took.as_secs_f64()
    ));
    let is_long = cases(0, 1) == 1;
    assert!(
        !is_long || each <= MAY_TAKE.as_secs_f64(),
        "{each:.2} s for each 100 MB"
    );
}

//! Few files may be open, and a question asks for many.

use std::net::TcpStream;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::launch::Launch;
use crate::support::upkeep::{Upkeep, table_files};

/// More customers, each with a file, than the process may have files open.
const CUSTOMERS: usize = 1_100;

fn groups(answer: &Value) -> usize {
    answer["result"].as_array().map_or(0, Vec::len)
}

fn limited(home: &std::path::Path) -> crate::support::Server {
    let under = ["sh", "-c", "ulimit -n 1024 && exec \"$0\" \"$@\""].map(str::to_owned);
    let launch = Launch::at(home).under(under.to_vec());
    let launch = launch.options(&["--flush-bytes", "16KiB", "--flush-after", "1ms"]);
    launch
        .start()
        .unwrap_or_else(|ended| panic!("it starts: {}", ended.log))
}

#[test]
fn a_question_over_more_files_than_may_be_open_is_answered_and_the_server_goes_on() {
    let home = tempfile::tempdir().expect("a directory");
    let server = limited(home.path());
    let master = server.master();
    let pool = json!({"name": "p", "schema": "open", "isolation_field": "c",
        "layout": "file_per_customer", "fields": [{"name": "c", "type": "String"}]});
    server.post(&master, "/v1/pools", &pool).expect(201);
    let records = (0..CUSTOMERS).map(|n| json!({"c": format!("c{n}"), "n": n}));
    let records: Vec<Value> = records.collect();
    let path = "/v1/pools/p/records";
    server.post(&master, path, &json!(records)).expect(200);
    // Each customer has a file, which has its name soon after its records are in it.
    let named = || {
        let files = table_files(&home.path().join("data")).into_iter();
        let is_index = |file: &PathBuf| file.extension().is_some_and(|ending| ending == "index");
        files.filter(is_index).count()
    };
    Upkeep::wait_for(&server, |upkeep| {
        upkeep.waiting == 0 && named() >= CUSTOMERS
    });

    let question =
        json!({"analysis": "sum", "field": "n", "pool": "p", "group_by": ["c"], "limit": 5_000});
    let ask = || server.post(&master, "/v1/query", &question);
    // As many idle clients as it lets in, beside those that wait.
    let authority = server.address.0.trim_start_matches("http://").to_owned();
    let idle: Vec<_> = (0..300)
        .map(|_| TcpStream::connect(&authority).expect("connected"))
        .collect();
    for _ in 0..3 {
        let answer = ask().expect(200);
        assert_eq!(groups(&answer), CUSTOMERS);
        // And the journal takes what comes, its next segment included.
        let more = json!([{"c": "c0", "n": 0, "filler": "x".repeat(500_000)}]);
        server.post(&master, path, &more).expect(200);
    }
    drop(idle);
    assert_eq!(server.terminate(), Some(0));
    // The next start finds all of it.
    let server = limited(home.path());
    let answer = server
        .post(&server.master(), "/v1/query", &question)
        .expect(200);
    assert_eq!(groups(&answer), CUSTOMERS);
}

//! `tidegate demo`: what it shows, and that nothing is left of it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Address, BINARY};

/// Flights of United, of JetBlue, and of all sixteen airlines.
const FLIGHTS: [(&str, u64); 2] = [("UA", 4_637), ("B6", 4_427)];
const ALL: u64 = 27_004;

fn demo(temporary: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .arg("demo")
        .args(options)
        .env_clear()
        .env("TMPDIR", temporary)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[track_caller]
fn assert_empty(directory: &Path) {
    let left: Vec<_> = std::fs::read_dir(directory).expect("a directory").collect();
    assert!(left.is_empty(), "{left:?}");
}

fn interrupt(child: &Child) {
    let told = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(
        told.expect("kill runs").success(),
        "the process takes the signal"
    );
}

fn sum(rows: &Value) -> u64 {
    let rows = rows.as_array().expect("rows").iter();
    rows.map(|row| row["flights"].as_u64().expect("a count"))
        .sum()
}

#[test]
fn each_key_sees_its_own_flights_and_nothing_is_left() {
    let temporary = tempfile::tempdir().expect("a directory");
    let output = demo(temporary.path(), &["--exit", "--json"])
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert_empty(temporary.path());
    let shown: Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!(shown["flights"], ALL);
    assert_eq!(shown["airlines"], 16);
    let keys = shown["keys"].as_array().expect("keys");
    assert_eq!(keys.len(), 3);
    for (carrier, flights) in FLIGHTS {
        let key = keys
            .iter()
            .find(|key| key["carrier"] == carrier)
            .expect("a key of the airline");
        assert_eq!(key["flights"], flights, "{carrier}");
        let views = &key["views"];
        assert_eq!(sum(&views["flights_by_destination"]), flights, "{carrier}");
        assert_eq!(sum(&views["flights_by_day"]), flights, "{carrier}");
        assert_eq!(key["delays"]["flights"], flights, "{carrier}");
        assert!(key["delays"]["median"].is_i64(), "{carrier}");
        let records = views["flights"].as_array().expect("records");
        assert!(!records.is_empty());
        assert!(
            records.iter().all(|record| record["carrier"] == carrier),
            "{records:?}"
        );
    }
    let all = keys
        .iter()
        .find(|key| key["carrier"].is_null())
        .expect("a key of all rows");
    assert_eq!(all["flights"], ALL);
    assert_eq!(sum(&all["views"]["flights_by_destination"]), ALL);
    assert_eq!(sum(&all["views"]["flights_by_day"]), ALL);
    assert_eq!(all["delays"]["flights"], ALL);
    let address = Address(shown["url"].as_str().expect("an address").to_owned());
    let token = all["token"].as_str().expect("a token");
    address
        .send(token, "GET", "/v1/whoami", &[], None)
        .expect_err("nothing runs any more");
}

/// Reads lines until one holds `last`.
fn read_until(lines: &mut impl BufRead, last: &str) -> String {
    let mut text = String::new();
    loop {
        let before = text.len();
        assert!(
            lines.read_line(&mut text).expect("lines") > 0,
            "it ended early: {text}"
        );
        if text[before..].contains(last) {
            return text;
        }
    }
}

/// What follows `name=` in the text.
fn variable<'a>(text: &'a str, name: &str) -> &'a str {
    let (_, rest) = text
        .split_once(&format!("{name}="))
        .expect("the variable is printed");
    rest.split_whitespace().next().expect("a value")
}

#[test]
fn the_printed_tokens_work_while_it_runs_and_an_interrupt_ends_it() {
    let temporary = tempfile::tempdir().expect("a directory");
    let mut child = demo(temporary.path(), &[]).spawn().expect("it starts");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut notes = BufReader::new(child.stderr.take().expect("a pipe"));
    let text = read_until(&mut out, "TIDEGATE_URL=");
    read_until(&mut notes, "runs until Ctrl-C");
    for shown in ["27004 flights of 16 airlines", "4637", "4427", "27004"] {
        assert!(text.contains(shown), "{shown} in {text}");
    }
    let address = Address(variable(&text, "TIDEGATE_URL").to_owned());
    let ask = |token: &str, path: &str, body: &Value| {
        let body = body.to_string();
        let reply = address.send(token, "POST", path, &[], Some(body.as_bytes()));
        reply.expect("an answer").expect(200)
    };
    for ((carrier, flights), name) in FLIGHTS.into_iter().zip(["UNITED", "JETBLUE"]) {
        let token = variable(&text, name);
        let by_destination = ask(token, "/v1/views/flights_by_destination/data", &json!({}));
        assert_eq!(sum(&by_destination["data"]), flights, "{carrier}");
        let all = address.send(token, "GET", "/v1/views/flights/data?format=csv", &[], None);
        let all = all.expect("an answer");
        assert_eq!(all.status, 200);
        let mut rows = csv::Reader::from_reader(all.body.as_slice());
        let at = rows
            .headers()
            .expect("a header")
            .iter()
            .position(|name| name == "carrier");
        let at = at.expect("the column");
        let carriers: Vec<String> = rows
            .records()
            .map(|row| row.expect("a row")[at].to_owned())
            .collect();
        assert_eq!(carriers.len() as u64, flights, "{carrier}");
        assert_eq!(
            carriers.into_iter().collect::<BTreeSet<_>>(),
            [carrier.to_owned()].into()
        );
        let other = if carrier == "UA" { "B6" } else { "UA" };
        let foreign =
            json!({"conditions": [{"field": "carrier", "operator": "eq", "value": other}]});
        let none = ask(token, "/v1/views/flights/data", &foreign);
        assert_eq!(none["data"], json!([]), "{carrier}");
        let refused = address
            .send(token, "GET", "/v1/keys", &[], None)
            .expect("an answer");
        assert_eq!(refused.status, 403);
    }
    interrupt(&child);
    assert_eq!(child.wait().expect("ended").code(), Some(0));
    assert_empty(temporary.path());
    let token = variable(&text, "ALL_ROWS");
    address
        .send(token, "GET", "/v1/whoami", &[], None)
        .expect_err("nothing runs any more");
}

#[test]
fn an_interrupt_while_it_loads_leaves_nothing() {
    let temporary = tempfile::tempdir().expect("a directory");
    let child = demo(temporary.path(), &[]).spawn().expect("it starts");
    // Its directory appears once the signals are taken.
    while std::fs::read_dir(temporary.path())
        .expect("a directory")
        .next()
        .is_none()
    {
        std::thread::yield_now();
    }
    interrupt(&child);
    let output = child.wait_with_output().expect("ended");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("interrupted"), "{told}");
    assert_empty(temporary.path());
}

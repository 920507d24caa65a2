//! `tidegate import`: every format, once each, whatever is killed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Child;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::{Desk, command, count, ran};
use crate::support::Server;

fn ndjson(records: u64) -> String {
    (0..records).fold(String::new(), |mut text, n| {
        writeln!(
            text,
            r#"{{"n": {n}, "at": "2026-01-01T00:00:00Z", "customer": {{"id": "c{}"}}}}"#,
            n % 7
        )
        .expect("in memory");
        text
    })
}

fn csv(records: u64) -> String {
    (0..records).fold("n,at,zip,price\n".to_owned(), |mut text, n| {
        writeln!(text, "{n},2026-01-01T00:00:00Z,0{},{n}.25", 1_000 + n % 7).expect("in memory");
        text
    })
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("in memory");
    encoder.finish().expect("in memory")
}

#[test]
fn every_format_is_read_and_its_pool_inferred() {
    let desk = Desk::new();
    desk.write("events.ndjson", ndjson(3_000));
    // Without agreement nothing is made, but what would be is shown.
    let asked = desk.run(&["import", "events.ndjson"]).expect(2);
    for shown in [
        "events",
        "customer.id",
        "String",
        "DateTime",
        "Int",
        "--yes",
    ] {
        assert!(asked.err.contains(shown), "{shown} in {}", asked.err);
    }
    desk.run(&["pools", "get", "events"]).expect(1);
    let done = desk.run(&[
        "import",
        "events.ndjson",
        "--yes",
        "--isolation-field",
        "customer.id",
        "--json",
    ]);
    let done = done.expect(0).json();
    assert_eq!(
        (&done["pool"], &done["created"]),
        (&json!("events"), &json!(true))
    );
    assert_eq!(
        (&done["accepted"], &done["rejected"]),
        (&json!(3_000), &json!(0))
    );
    let events = desk.get("/v1/pools/events");
    assert_eq!(events["isolation_field"], "customer.id");
    assert_eq!(events["time_field"], "at", "the only DateTime field");
    assert_eq!(desk.count("events"), (3_000, 3_000));
    // The same file again adds nothing; under another label it does.
    desk.run(&["import", "events.ndjson"]).expect(0);
    assert_eq!(desk.count("events"), (3_000, 3_000));
    desk.run(&["import", "events.ndjson", "--label", "again"])
        .expect(0);
    assert_eq!(desk.count("events"), (6_000, 3_000));
    desk.write("zips.csv", csv(500));
    let told = desk
        .run(&["import", "zips.csv", "--yes", "--field", "zip:String!"])
        .expect(0);
    assert!(
        told.out.contains("stored in pool zips: 500; rejected: 0"),
        "{}",
        told.out
    );
    let zips = desk.get("/v1/pools/zips");
    assert_eq!(zips["schema"], "strict");
    let types = |name: &str| {
        let fields = zips["fields"].as_array().expect("fields");
        fields
            .iter()
            .find(|field| field["name"] == name)
            .expect("the field")["type"]
            .clone()
    };
    assert_eq!(
        (types("zip"), types("price"), types("at")),
        (json!("String"), json!("Float64"), json!("DateTime"))
    );
    assert_eq!(desk.count("zips"), (500, 500));
    desk.write("packed.csv.gz", gzip(&csv(700)));
    desk.write("lines.jsonl.gz", gzip(&ndjson(800)));
    desk.run(&["import", "packed.csv.gz", "--yes"]).expect(0);
    desk.run(&["import", "lines.jsonl.gz", "--yes"]).expect(0);
    assert_eq!(
        (desk.count("packed"), desk.count("lines")),
        ((700, 700), (800, 800))
    );
    // Out as Parquet and in again, the same rows.
    let view = json!({"name": "z", "pool": "zips", "shape": "records", "fields": [
        {"field": "n"}, {"field": "at"}, {"field": "zip"}, {"field": "price"}]});
    desk.server
        .post(&desk.master, "/v1/views", &view)
        .expect(201);
    desk.run(&[
        "query",
        "z",
        "--format",
        "parquet",
        "--output",
        "copy.parquet",
    ])
    .expect(0);
    desk.run(&["import", "copy.parquet", "--yes"]).expect(0);
    assert_eq!(desk.count("copy"), (500, 500));
    let copied = json!({"name": "c", "pool": "copy", "shape": "records", "fields": view["fields"]});
    desk.server
        .post(&desk.master, "/v1/views", &copied)
        .expect(201);
    let rows = |view: &str| {
        desk.run(&["query", view, "--order-by", "n", "--format", "csv"])
            .expect(0)
            .out
    };
    assert_eq!(rows("c"), rows("z"));
}

#[test]
fn rejected_records_are_listed_by_line_and_the_others_stored() {
    let desk = Desk::new();
    desk.run(&[
        "pools",
        "create",
        "--name",
        "p",
        "--field",
        "n:Int32!",
        "--field",
        "word:String",
    ])
    .expect(0);
    desk.write(
        "rows.csv",
        "n,word\n1,a\nx,b\n3,c\n99999999999,d\n5,e,f\n6,g\n",
    );
    let told = desk.run(&["import", "rows.csv", "--pool", "p"]).expect(1);
    assert!(
        told.out.contains("stored in pool p: 3; rejected: 3"),
        "{}",
        told.out
    );
    for shown in ["wrong_type", "malformed_record"] {
        assert!(told.err.contains(shown), "{}", told.err);
    }
    desk.write("rows.ndjson", "{\"n\": 11}\n\n{\"n\": \"x\"}\nnonsense\n{\"n\": 12, \"n\": 13}\n{\"n\": 14, \"q\": 1}\n{\"n\": 15}\n");
    let told = desk
        .run(&["import", "rows.ndjson", "--pool", "p", "--json"])
        .expect(1)
        .json();
    assert_eq!(
        (&told["accepted"], &told["rejected"]),
        (&json!(2), &json!(4))
    );
    let mut errors: Vec<_> = told["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| {
            (
                error["line"].as_u64().expect("a line"),
                error["code"].as_str().expect("a code"),
            )
        })
        .collect();
    errors.sort_unstable();
    let expected = [
        (3, "wrong_type"),
        (4, "malformed_record"),
        (5, "duplicate_member"),
        (6, "unknown_field"),
    ];
    assert_eq!(errors, expected);
    assert_eq!(desk.count("p"), (5, 5));
}

const RECORDS: u64 = 12_000;

/// Starts an import in small batches, and answers once some of it is stored.
fn start_import(desk: &Desk) -> Child {
    let args = ["import", "events.ndjson", "--yes", "--batch-size", "40"];
    let mut command = desk.command(&args);
    let child = command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn();
    let child = child.expect("it starts");
    while !desk.run(&["pools", "get", "events"]).out.contains("events") {}
    while desk.count("events").0 < RECORDS / 20 {}
    child
}

#[test]
fn an_import_that_was_killed_goes_on_without_loss_or_doubles() {
    let desk = Desk::new();
    desk.write("events.ndjson", ndjson(RECORDS));
    let mut child = start_import(&desk);
    child.kill().expect("killed");
    child.wait().expect("ended");
    let (stored, distinct) = desk.count("events");
    assert!(
        (1..RECORDS).contains(&stored),
        "{stored} were stored when it was killed"
    );
    assert_eq!(stored, distinct);
    let done = desk
        .run(&["import", "events.ndjson", "--yes", "--batch-size", "40"])
        .expect(0);
    assert!(
        done.out
            .contains(&format!("stored in pool events: {RECORDS}")),
        "{}",
        done.out
    );
    assert_eq!(desk.count("events"), (RECORDS, RECORDS));
}

#[test]
fn an_import_outlives_the_death_of_its_server() {
    let home = tempfile::tempdir().expect("a directory");
    // An address of its own, whose port nobody takes in between.
    let server = Server::start_at(home.path(), "127.0.0.77:0", &[]);
    let listen = crate::wire::authority(&server.address).to_owned();
    let master = server.master();
    let mut desk = Desk {
        home,
        server,
        master,
    };
    desk.write("events.ndjson", ndjson(RECORDS));
    let mut child = start_import(&desk);
    desk.server.kill();
    desk.server = Server::start_at(desk.home.path(), &listen, &[]);
    let (stored, _) = count(&desk.server, "events");
    assert!(
        (1..RECORDS).contains(&stored),
        "{stored} were stored when the server died"
    );
    assert_eq!(
        child.wait().expect("ended").code(),
        Some(0),
        "it tried again by itself"
    );
    assert_eq!(desk.count("events"), (RECORDS, RECORDS));
    let again = ["import", "events.ndjson", "--yes", "--batch-size", "40"];
    let address = desk.server.address.clone();
    ran(&mut command(
        &address,
        &desk.master,
        desk.home.path(),
        &again,
    ))
    .expect(0);
    assert_eq!(desk.count("events"), (RECORDS, RECORDS));
}

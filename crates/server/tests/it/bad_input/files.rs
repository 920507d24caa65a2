//! Bad values and bad columns in Parquet and Arrow bodies.

use serde_json::Value;

use super::{Case, case, check, count, definitions};
use crate::injections::{ARROW, PARQUET, file};
use crate::support::Server;

const PATH: &str = "/v1/pools/sales/records";

/// Files of three records, and the field that the second has wrong.
const WRONG: &[(&str, &str)] = &[
    ("amount_nan", "amount"),
    ("amount_infinite", "amount"),
    ("amount_negative_infinite", "amount"),
    ("n_beyond_int32", "n"),
    ("u_negative", "u"),
    ("wide_huge_float", "wide"),
    ("day_beyond_the_calendar", "day"),
    ("day_30_february", "day"),
    ("key_no_uuid", "key"),
    ("at_beyond_the_calendar", "at"),
];

#[test]
fn a_value_that_no_field_may_hold_rejects_its_record_alone() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    definitions(&server);
    for (name, field) in WRONG {
        let before = count(&server, "sales");
        let body = file(&format!("{name}.parquet"));
        let headers = [("content-type", PARQUET)];
        let reply = server.send(&server.master(), "POST", PATH, &headers, Some(&body));
        let receipt = reply.expect("an answer").expect(200);
        let told: Vec<&Value> = receipt["errors"]
            .as_array()
            .expect("errors")
            .iter()
            .collect();
        let places: Vec<_> = told
            .iter()
            .map(|e| (e["index"].as_u64(), e["code"].as_str(), e["field"].as_str()))
            .collect();
        assert_eq!(
            places,
            [(Some(1), Some("wrong_type"), Some(*field))],
            "{name} {receipt}"
        );
        assert_eq!(count(&server, "sales"), before + 2, "{name}");
    }
}

#[test]
fn a_file_that_is_broken_or_of_foreign_types_is_refused_whole() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    definitions(&server);
    let (good, stream) = (file("good.parquet"), file("good.arrow"));
    let bad = |content_type: &str, body: Vec<u8>| {
        case("POST", PATH, body, 400, "malformed_body").with("content-type", content_type)
    };
    let mut cases: Vec<Case> = Vec::new();
    for cut in [4, good.len() / 2, good.len() - 1] {
        cases.push(bad(PARQUET, good[..cut].to_vec()));
    }
    cases.push(bad(ARROW, stream[..10].to_vec()));
    cases.push(bad(PARQUET, stream.clone()));
    cases.push(bad(ARROW, good.clone()));
    let foreign = case(
        "POST",
        PATH,
        file("key_of_3_bytes.parquet"),
        400,
        "wrong_type",
    );
    cases.push(foreign.with("content-type", PARQUET).field("key"));
    let twice = case(
        "POST",
        PATH,
        file("n_twice.parquet"),
        400,
        "duplicate_member",
    );
    cases.push(twice.with("content-type", PARQUET).field("n"));
    check(&server, &server.master(), &cases);
    assert_eq!(count(&server, "sales"), 0);
}

/// Any one byte of a file changed: an answer below 500, and the server lives.
#[test]
fn a_damaged_file_never_makes_the_server_fail() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    definitions(&server);
    for (content_type, whole) in [(PARQUET, file("good.parquet")), (ARROW, file("good.arrow"))] {
        let step = crate::support::cases(7, 1);
        for at in (0..whole.len()).step_by(step) {
            for flip in [0x01, 0x80, 0xff] {
                let mut body = whole.clone();
                body[at] ^= flip;
                let headers = [("content-type", content_type)];
                let reply = server.send(&server.master(), "POST", PATH, &headers, Some(&body));
                let reply =
                    reply.unwrap_or_else(|_| panic!("no answer: byte {at} of {content_type}"));
                assert!(
                    reply.status < 500,
                    "byte {at} of {content_type}: {}",
                    reply.text()
                );
            }
        }
    }
    server.get(&server.master(), "/v1/whoami").expect(200);
}

//! Bad values and bad columns in Parquet and Arrow bodies.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, FixedSizeBinaryArray, Float64Array, Int64Array,
    StringArray, TimestampSecondArray, UInt64Array,
};
use serde_json::Value;

use super::{Case, case, check, count, definitions};
use crate::injections::{PARQUET, arrow_stream, parquet};
use crate::support::Server;

const PATH: &str = "/v1/pools/sales/records";

fn text(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// Three records, the second with this value of `field`.
fn with(field: &str, column: ArrayRef) -> Vec<u8> {
    let at = text(&["2026-01-01T00:00:00Z"; 3]);
    let customer = text(&["a"; 3]);
    parquet(&[("at", at), ("customer.id", customer), (field, column)])
}

#[test]
fn a_value_that_no_field_may_hold_rejects_its_record_alone() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    definitions(&server);
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "amount",
            Arc::new(Float64Array::from(vec![1.0, f64::NAN, 2.0])),
        ),
        (
            "amount",
            Arc::new(Float64Array::from(vec![1.0, f64::INFINITY, 2.0])),
        ),
        (
            "amount",
            Arc::new(Float64Array::from(vec![1.0, f64::NEG_INFINITY, 2.0])),
        ),
        (
            "n",
            Arc::new(Int64Array::from(vec![1, i64::from(i32::MAX) + 1, 2])),
        ),
        ("u", Arc::new(Int64Array::from(vec![1, -1, 2]))),
        ("wide", Arc::new(Float64Array::from(vec![1.0, 1e30, 2.0]))),
        ("day", Arc::new(Date32Array::from(vec![0, i32::MAX, 1]))),
        ("day", text(&["2026-01-01", "2026-02-30", "2026-01-02"])),
        (
            "key",
            text(&[
                "67e55044-10b1-426f-9247-bb680e5fe0c8",
                "x",
                "67e5504410b1426f9247bb680e5fe0c8",
            ]),
        ),
    ];
    for (field, column) in columns {
        let before = count(&server, "sales");
        let body = with(field, column.clone());
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
            [(Some(1), Some("wrong_type"), Some(field))],
            "{column:?} {receipt}"
        );
        assert_eq!(count(&server, "sales"), before + 2, "{field}");
    }
    // A time that its type can say and no calendar here.
    let far: ArrayRef = Arc::new(TimestampSecondArray::from(vec![0, i64::MAX / 2_000_000, 1]));
    let body = parquet(&[("at", far), ("customer.id", text(&["a"; 3]))]);
    let headers = [("content-type", PARQUET)];
    let reply = server.send(&server.master(), "POST", PATH, &headers, Some(&body));
    let reply = reply.expect("an answer");
    assert!(reply.status < 500, "{}", reply.text());
    let receipt = reply.expect(200);
    assert_eq!(
        (&receipt["accepted"], &receipt["rejected"]),
        (&2.into(), &1.into()),
        "{receipt}"
    );
}

#[test]
fn a_file_that_is_broken_or_of_foreign_types_is_refused_whole() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    definitions(&server);
    let good = with(
        "flag",
        Arc::new(BooleanArray::from(vec![true, false, true])),
    );
    let stream = arrow_stream(&[
        ("at", text(&["2026-01-01T00:00:00Z"])),
        ("customer.id", text(&["a"])),
    ]);
    let bad = |content_type: &str, body: Vec<u8>| {
        case("POST", PATH, body, 400, "malformed_body").with("content-type", content_type)
    };
    let mut cases: Vec<Case> = Vec::new();
    // Cut off, and with one byte changed in the footer.
    for cut in [4, good.len() / 2, good.len() - 1] {
        cases.push(bad(PARQUET, good[..cut].to_vec()));
    }
    let arrow = "application/vnd.apache.arrow.stream";
    cases.push(bad(arrow, stream[..10].to_vec()));
    cases.push(bad(PARQUET, stream.clone()));
    cases.push(bad(arrow, good.clone()));
    let odd: ArrayRef =
        Arc::new(FixedSizeBinaryArray::try_from_iter([[1_u8; 3]].iter()).expect("bytes"));
    let foreign = case("POST", PATH, parquet(&[("key", odd)]), 400, "wrong_type");
    cases.push(foreign.with("content-type", PARQUET).field("key"));
    let twice = parquet(&[
        ("n", Arc::new(UInt64Array::from(vec![1]))),
        ("n", text(&["x"])),
    ]);
    let twice = case("POST", PATH, twice, 400, "duplicate_member");
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
    let good = with("n", Arc::new(Int64Array::from(vec![1, 2, 3])));
    let stream = arrow_stream(&[
        ("at", text(&["2026-01-01T00:00:00Z"])),
        ("customer.id", text(&["a"])),
    ]);
    for (content_type, whole) in [
        (PARQUET, good),
        ("application/vnd.apache.arrow.stream", stream),
    ] {
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

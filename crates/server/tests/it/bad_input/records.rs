//! Bad records among good ones, in every text format.

use serde_json::{Value, json};

use super::{Case, case, check, count, definitions, record};
use crate::support::Server;

const PATH: &str = "/v1/pools/sales/records";

/// A bad record: its text, the code, and the field at fault.
type Bad = (&'static str, &'static str, Option<&'static str>);

/// Records that a strict pool rejects, as JSON text.
const BAD: &[Bad] = &[
    (
        r#"{"at": "2026-01-01T00:00:00Z", "customer": {"id": "a"}, "extra": 1}"#,
        "unknown_field",
        Some("extra"),
    ),
    (r#"{"customer": {"id": "a"}}"#, "missing_field", Some("at")),
    (
        r#"{"at": null, "customer": {"id": "a"}}"#,
        "missing_field",
        Some("at"),
    ),
    (
        r#"{"at": "2026-01-01T00:00:00Z"}"#,
        "missing_field",
        Some("customer.id"),
    ),
    (
        r#"{"at": "soon", "customer.id": "a"}"#,
        "wrong_type",
        Some("at"),
    ),
    (
        r#"{"at": "2026-02-30T00:00:00Z", "customer.id": "a"}"#,
        "wrong_type",
        Some("at"),
    ),
    (
        r#"{"at": "99999-01-01T00:00:00Z", "customer.id": "a"}"#,
        "wrong_type",
        Some("at"),
    ),
    (
        r#"{"at": "2026-01-01T00:00:00Z", "customer.id": 7}"#,
        "wrong_type",
        Some("customer.id"),
    ),
    (
        r#"{"at": "2026-01-01T00:00:00Z", "customer": "a"}"#,
        "unknown_field",
        Some("customer"),
    ),
    (
        r#"{"at": "2026-01-01T00:00:00Z", "customer.id": {"x": 1}}"#,
        "wrong_type",
        Some("customer.id"),
    ),
    (
        r#"{"at": "2026-01-01T00:00:00Z", "customer.id": "a", "n": 2147483648}"#,
        "wrong_type",
        Some("n"),
    ),
    (
        r#"{"at": "2026-01-01T00:00:00Z", "customer.id": "a", "n": 1.5}"#,
        "wrong_type",
        Some("n"),
    ),
    (
        r#"{"at": "2026-01-01T00:00:00Z", "customer.id": "a", "n": "x"}"#,
        "wrong_type",
        Some("n"),
    ),
    (
        r#"{"at": "2026-01-01T00:00:00Z", "customer.id": "a", "u": -1}"#,
        "wrong_type",
        Some("u"),
    ),
    (
        r#"{"at": "2026-01-01T00:00:00Z", "customer.id": "a", "u": 256}"#,
        "wrong_type",
        Some("u"),
    ),
    (
        r#"{"at": "2026-01-01T00:00:00Z", "customer.id": "a", "wide": 18446744073709551616}"#,
        "wrong_type",
        Some("wide"),
    ),
    (
        r#"{"at": "2026-01-01T00:00:00Z", "customer.id": "a", "day": "2026-13-01"}"#,
        "wrong_type",
        Some("day"),
    ),
    (
        r#"{"at": "2026-01-01T00:00:00Z", "customer.id": "a", "key": "not-a-uuid"}"#,
        "wrong_type",
        Some("key"),
    ),
    (
        r#"{"at": "2026-01-01T00:00:00Z", "customer.id": "a", "flag": "yes"}"#,
        "wrong_type",
        Some("flag"),
    ),
    (
        r#"{"at": "2026-01-01T00:00:00Z", "customer.id": "a", "tags": "x"}"#,
        "wrong_type",
        Some("tags"),
    ),
    (
        r#"{"at": "2026-01-01T00:00:00Z", "customer.id": "a", "tags": ["x", 1]}"#,
        "wrong_type",
        Some("tags"),
    ),
    (
        r#"{"at": "2026-01-01T00:00:00Z", "customer.id": "a", "amount": "NaN"}"#,
        "wrong_type",
        Some("amount"),
    ),
    (
        r#"{"at": "2026-01-01T00:00:00Z", "customer.id": "a", "_id": "x"}"#,
        "invalid_name",
        Some("_id"),
    ),
    (
        r#"{"at": "2026-01-01T00:00:00Z", "customer.id": "a", "_key": "x"}"#,
        "invalid_name",
        Some("_key"),
    ),
    (
        r#"{"at": "2026-01-01T00:00:00Z", "customer.id": "a", "n": 1, "n": 2}"#,
        "duplicate_member",
        Some("n"),
    ),
    (
        r#"{"at": "2026-01-01T00:00:00Z", "customer.id": "a", "n": 1, "\u006e": 2}"#,
        "duplicate_member",
        Some("n"),
    ),
    (
        r#"{"at": "2026-01-01T00:00:00Z", "customer.id": "a", "customer": {"id": "a"}}"#,
        "duplicate_member",
        Some("customer.id"),
    ),
    (r#""text""#, "not_an_object", None),
    (r#"7"#, "not_an_object", None),
    (r#"null"#, "not_an_object", None),
    (r#"[{"at": "2026-01-01T00:00:00Z"}]"#, "not_an_object", None),
];

/// Sends a body and expects these faults, at the even places, with the good
/// records at the odd places kept.
#[track_caller]
fn expect(server: &Server, content_type: &str, body: &str, bad: &[Bad]) {
    let before = count(server, "sales");
    let headers = [("content-type", content_type)];
    let reply = server.send(
        &server.master(),
        "POST",
        PATH,
        &headers,
        Some(body.as_bytes()),
    );
    let receipt = reply.expect("an answer").expect(200);
    assert_eq!(receipt["accepted"], bad.len(), "{receipt}");
    assert_eq!(receipt["rejected"], bad.len(), "{receipt}");
    let errors = receipt["errors"].as_array().expect("errors");
    let told: Vec<_> = errors
        .iter()
        .map(|e| (e["index"].as_u64(), e["code"].as_str(), e["field"].as_str()))
        .collect();
    let expected: Vec<_> = bad
        .iter()
        .enumerate()
        .map(|(at, (_, code, field))| (Some(2 * at as u64), Some(*code), *field))
        .collect();
    for (index, (told, expected)) in told.iter().zip(&expected).enumerate() {
        assert_eq!(told, expected, "{} {}", bad[index].0, errors[index]);
    }
    assert_eq!(told.len(), expected.len());
    assert!(
        errors
            .iter()
            .all(|error| error["message"].as_str().is_some_and(|m| !m.is_empty()))
    );
    assert_eq!(
        count(server, "sales"),
        before + bad.len() as u64,
        "the good ones are kept"
    );
}

#[test]
fn a_bad_record_is_named_and_the_good_ones_are_kept() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    definitions(&server);
    let good = record().to_string();
    let mixed = |between: &str| -> String {
        let pairs: Vec<_> = BAD
            .iter()
            .map(|(text, ..)| format!("{text}{between}{good}"))
            .collect();
        pairs.join(between)
    };
    expect(
        &server,
        "application/json",
        &format!("[{}]", mixed(",")),
        BAD,
    );
    let mut lines = mixed("\n");
    let broken: &[Bad] = &[
        ("{\"at\":", "malformed_record", None),
        ("nonsense", "malformed_record", None),
        ("{} {}", "malformed_record", None),
        ("{\"a\": 1e999}", "malformed_record", None),
    ];
    for (text, ..) in broken {
        lines.push_str(&format!("\n\n{text}\r\n{good}"));
    }
    let all: Vec<Bad> = BAD.iter().chain(broken).copied().collect();
    expect(&server, "application/x-ndjson", &lines, &all);
    let cells: &[Bad] = &[
        ("2026-01-01T00:00:00Z,a,x,", "wrong_type", Some("n")),
        (
            "2026-01-01T00:00:00Z,a,99999999999,",
            "wrong_type",
            Some("n"),
        ),
        ("2026-01-01T00:00:00Z,a,1.5,", "wrong_type", Some("n")),
        ("soon,a,1,", "wrong_type", Some("at")),
        (",a,1,", "missing_field", Some("at")),
        (
            "2026-01-01T00:00:00Z,,1,",
            "missing_field",
            Some("customer.id"),
        ),
        ("2026-01-01T00:00:00Z,a,1,NaN", "wrong_type", Some("amount")),
        ("2026-01-01T00:00:00Z,a,1,inf", "wrong_type", Some("amount")),
        (
            "2026-01-01T00:00:00Z,a,1,1e999",
            "wrong_type",
            Some("amount"),
        ),
        ("2026-01-01T00:00:00Z,a", "malformed_record", None),
        ("2026-01-01T00:00:00Z,a,1,2,3", "malformed_record", None),
        ("2026-01-01T00:00:00Z,a\"b,1,", "malformed_record", None),
    ];
    let lines: Vec<_> = cells
        .iter()
        .map(|(text, ..)| format!("{text}\n2026-05-04T03:02:01Z,93i,1,1.5\n"))
        .collect();
    let csv = format!("at,customer.id,n,amount\n{}", lines.concat());
    expect(&server, "text/csv", &csv, cells);
}

#[test]
fn a_body_whose_records_cannot_be_told_apart_is_refused_whole() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    definitions(&server);
    let good = record().to_string();
    let json = |body: String| case("POST", PATH, body, 400, "malformed_body");
    let of = |content_type: &str, body: &str| {
        case("POST", PATH, body, 400, "malformed_body").with("content-type", content_type)
    };
    let unsupported = |name, value: &str| {
        case("POST", PATH, good.clone(), 415, "unsupported_media_type").with(name, value)
    };
    let idempotency = |value: &str| {
        case("POST", PATH, good.clone(), 400, "invalid_value").with("idempotency-key", value)
    };
    let cases: Vec<Case> = vec![
        json(String::new()),
        json("{".to_owned()),
        json(format!("[{good}")),
        json(format!("[{good},]")),
        json(format!("[{good}] trailing")),
        json(format!("[{good}, nope]")),
        json(format!("{good}{good}")),
        json("\u{feff}{}".to_owned()),
        of("text/csv", ""),
        of("text/csv", "at,\"n\n1,2"),
        case("POST", PATH, "at,at\n1,2\n", 400, "duplicate_member")
            .with("content-type", "text/csv")
            .field("at"),
        of("application/vnd.apache.parquet", "PAR1 is not enough PAR1"),
        of("application/vnd.apache.parquet", ""),
        of("application/vnd.apache.arrow.stream", "ARROW1"),
        of("application/json", &good).with("content-encoding", "gzip"),
        of("application/json", &good).with("content-encoding", "zstd"),
        unsupported("content-encoding", "br"),
        unsupported("content-encoding", "gzip, zstd"),
        unsupported("content-type", "application/xml"),
        unsupported("content-type", "application/json; charset=utf-16"),
        unsupported("content-type", "multipart/form-data"),
        unsupported("content-type", ""),
        idempotency(""),
        idempotency("two words"),
        idempotency(&"k".repeat(256)),
        idempotency("naïve"),
        case(
            "POST",
            &format!("{PATH}?upsert=true"),
            good.clone(),
            400,
            "unknown_member",
        )
        .at("/upsert"),
    ];
    check(&server, &server.master(), &cases);
    assert_eq!(
        count(&server, "sales"),
        0,
        "nothing of a refused body is stored"
    );
}

#[test]
fn an_idempotency_key_is_for_one_request() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    let master = server.master();
    definitions(&server);
    let send = |body: &Value| {
        let headers = [("idempotency-key", "once")];
        let body = body.to_string();
        server
            .send(&master, "POST", PATH, &headers, Some(body.as_bytes()))
            .expect("an answer")
    };
    let mixed = json!([record(), {"at": 1}]);
    let first = send(&mixed).expect(200);
    assert_eq!(send(&mixed).expect(200), first, "the saved answer");
    let other = case("POST", PATH, "", 422, "idempotency_mismatch").fault(&send(&record()));
    assert_eq!(other, None);
    assert_eq!(count(&server, "sales"), 1);
}

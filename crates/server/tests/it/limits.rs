//! Every limit has its refusal, nothing slow holds the server up, and nothing
//! is accepted that is not enforced.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::support::{Reply, Server};
use crate::wire::{Connection, authority};

const RECORDS: &str = "/v1/pools/p/records";
const BODY_BYTES_MAX: usize = 64 << 20;

fn start() -> (tempfile::TempDir, Server) {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    let master = server.master();
    server
        .post(
            &master,
            "/v1/pools",
            &json!({"name": "p", "schema": "open"}),
        )
        .expect(201);
    let view = json!({"name": "v", "pool": "p", "shape": "records", "fields": [{"field": "n"}]});
    server.post(&master, "/v1/views", &view).expect(201);
    (home, server)
}

#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str, pointer: Option<&str>) {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
    let document = reply.json();
    assert_eq!(document["code"], code, "{document}");
    assert_eq!(document["pointer"].as_str(), pointer, "{document}");
}

fn send(server: &Server, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    server
        .send(&server.master(), "POST", RECORDS, headers, Some(body))
        .expect("an answer")
}

fn gzip(length: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b' '; length]).expect("in memory");
    encoder.finish().expect("in memory")
}

/// A zstd frame that unpacks to `blocks` times 128 KiB of spaces: each block
/// is one byte and how often it stands.
fn zstd(blocks: usize) -> Vec<u8> {
    const BLOCK_BYTES: u32 = 128 << 10;
    // No checksum, no content size, a window of 2 MiB.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 11 << 3];
    for block in 1..=blocks {
        let head = (BLOCK_BYTES << 3) | (1 << 1) | u32::from(block == blocks);
        frame.extend(&head.to_le_bytes()[..3]);
        frame.push(b' ');
    }
    frame
}

#[test]
fn a_body_is_bounded_before_and_after_decompression() {
    let (_home, server) = start();
    let gzipped = [("content-encoding", "gzip")];
    let zstandard = [("content-encoding", "zstd")];
    // The frame is a right one: a mebibyte of it is merely not JSON.
    refused(
        &send(&server, &zstandard, &zstd(8)),
        400,
        "malformed_body",
        None,
    );
    refused(
        &send(&server, &gzipped, &gzip(1 << 20)),
        400,
        "malformed_body",
        None,
    );
    for body in [gzip(BODY_BYTES_MAX + 1), gzip(16 << 20)] {
        refused(&send(&server, &gzipped, &body), 413, "limit_exceeded", None);
    }
    for blocks in [9, 513, 100_000] {
        refused(
            &send(&server, &zstandard, &zstd(blocks)),
            413,
            "limit_exceeded",
            None,
        );
    }
    // A body that announces too much is refused before any of it is sent.
    let mut connection = Connection::open(&server.address);
    let head = |framing: &str| {
        format!(
            "POST {RECORDS} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n{framing}\r\n\r\n",
            server.master()
        )
    };
    let announced = head(&format!("content-length: {}", BODY_BYTES_MAX + 1));
    connection.send(announced.as_bytes()).expect("sent");
    let answer = connection.answer().expect("an answer");
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (413, Some("limit_exceeded"))
    );
    // One that does not is refused where it goes beyond.
    let mut connection = Connection::open(&server.address);
    connection
        .send(head("transfer-encoding: chunked").as_bytes())
        .expect("sent");
    let piece = vec![b' '; 1 << 20];
    for _ in 0..BODY_BYTES_MAX / piece.len() {
        connection
            .send(format!("{:x}\r\n", piece.len()).as_bytes())
            .expect("sent");
        connection.send(&piece).expect("sent");
        connection.send(b"\r\n").expect("sent");
    }
    connection.send(b"1\r\n \r\n").expect("sent");
    let answer = connection.answer().expect("an answer");
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (413, Some("limit_exceeded"))
    );
    let definition = format!("{{\"name\": \"{}\"}}", "n".repeat(1 << 20));
    let reply = server.send(
        &server.master(),
        "POST",
        "/v1/pools",
        &[],
        Some(definition.as_bytes()),
    );
    refused(&reply.expect("an answer"), 413, "limit_exceeded", None);
    assert_eq!(rows(&server), 0);
}

/// Who sends a large body and is refused before it has arrived still reads why.
#[test]
fn an_early_refusal_reaches_whoever_is_still_sending() {
    let (_home, server) = start();
    let master = server.master();
    let body = vec![b' '; 12 << 20];
    for _ in 0..8 {
        for (token, method, path, status) in [
            (master.as_str(), "POST", "/v1/pools", 413),
            (master.as_str(), "POST", "/v1/pools/absent/records", 404),
            (master.as_str(), "PUT", RECORDS, 405),
            (master.as_str(), "POST", "/v1/nothing", 404),
            ("", "POST", RECORDS, 401),
        ] {
            let reply = server.send(token, method, path, &[], Some(&body));
            let reply = reply.unwrap_or_else(|_| panic!("no answer to {method} {path}"));
            assert_eq!(reply.status, status, "{}", reply.text());
        }
    }
}

fn rows(server: &Server) -> u64 {
    let me = server.get(&server.master(), "/v1/whoami").expect(200);
    me["pools"][0]["rows"].as_u64().expect("a count")
}

#[test]
fn depth_count_and_length_are_bounded() {
    let (_home, server) = start();
    let master = server.master();
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let post = |path: &str, body: String| {
        server
            .send(&master, "POST", path, &[], Some(body.as_bytes()))
            .expect("an answer")
    };
    refused(&post("/v1/pools", nested(65)), 400, "limit_exceeded", None);
    refused(
        &post("/v1/pools", nested(100_000)),
        400,
        "limit_exceeded",
        None,
    );
    // In a record it is that record that is rejected: the object is a level too.
    for (depth, accepted) in [(63, 2), (64, 1), (10_000, 1)] {
        let receipt = post(
            RECORDS,
            format!("[{{\"a\": {}}}, {{\"n\": 1}}]", nested(depth)),
        );
        let receipt = receipt.expect(200);
        assert_eq!(receipt["accepted"], accepted, "{depth} {receipt}");
        if accepted == 1 {
            assert_eq!(receipt["errors"][0]["index"], 0);
            assert_eq!(receipt["errors"][0]["code"], "too_large");
        }
    }
    let before = rows(&server);
    let many = format!("[{}]", vec!["{}"; 100_001].join(","));
    refused(&post(RECORDS, many), 413, "limit_exceeded", None);
    let lines = send(
        &server,
        &[("content-type", "application/x-ndjson")],
        "{}\n".repeat(100_001).as_bytes(),
    );
    refused(&lines, 413, "limit_exceeded", None);
    assert_eq!(rows(&server), before);
    let wide: serde_json::Map<_, _> = (0..1_001).map(|n| (format!("f{n}"), n.into())).collect();
    let long = json!({"text": "x".repeat(1 << 20)});
    let name = json!({"n".repeat(257): 1});
    let deep = json!({vec!["a"; 17].join("."): 1});
    let receipt = post(
        RECORDS,
        json!([Value::Object(wide), long, name, deep, {"n": 1}]).to_string(),
    );
    let receipt = receipt.expect(200);
    let told: Vec<_> = receipt["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| (error["index"].as_u64(), error["code"].as_str()))
        .collect();
    let (large, named) = (Some("too_large"), Some("invalid_name"));
    assert_eq!(
        told,
        [
            (Some(0), large),
            (Some(1), large),
            (Some(2), named),
            (Some(3), named)
        ]
    );
    assert_eq!(receipt["accepted"], 1);
    let pool = json!({"name": "n".repeat(65), "schema": "open"});
    refused(
        &post("/v1/pools", pool.to_string()),
        400,
        "invalid_name",
        Some("/name"),
    );
    let key = json!({"name": "n".repeat(257), "grants": []});
    refused(
        &post("/v1/keys", key.to_string()),
        400,
        "invalid_name",
        Some("/name"),
    );
    let grant = json!({"on": "view:v", "actions": ["read"], "constraints": "all_rows"});
    let key = json!({"name": "n", "grants": vec![grant; 101]});
    refused(
        &post("/v1/keys", key.to_string()),
        400,
        "limit_exceeded",
        Some("/grants"),
    );
}

#[test]
fn a_question_is_bounded() {
    let (_home, server) = start();
    let ask = |body: &Value| server.post(&server.master(), "/v1/views/v/data", body);
    let part = json!({"field": "n", "operator": "eq", "value": 1});
    let parts = |n: usize| json!({"conditions": vec![part.clone(); n]});
    ask(&parts(999)).expect(200);
    refused(
        &ask(&parts(1_001)),
        400,
        "limit_exceeded",
        Some("/conditions/1000"),
    );
    let mut deep = part.clone();
    for _ in 0..30 {
        deep = json!({"not": deep});
    }
    let reply = ask(&json!({"conditions": [deep]}));
    assert_eq!(
        (reply.status, reply.json()["code"].as_str()),
        (400, Some("limit_exceeded"))
    );
    let listed = |n: usize| {
        let values: Vec<_> = (0..n).collect();
        json!({"conditions": [{"field": "n", "operator": "in", "value": values}]})
    };
    ask(&listed(10_000)).expect(200);
    let reply = ask(&listed(10_001));
    assert_eq!(
        (reply.status, reply.json()["code"].as_str()),
        (400, Some("limit_exceeded"))
    );
    let order = json!({"order_by": vec![json!({"field": "n"}); 17]});
    refused(&ask(&order), 400, "limit_exceeded", Some("/order_by"));
    // A pattern that takes other engines for ever.
    let texts: Vec<_> = (0..50).map(|_| json!({"n": "a".repeat(5_000)})).collect();
    server
        .post(&server.master(), RECORDS, &json!(texts))
        .expect(200);
    let pattern = json!({"conditions": [{"field": "n", "operator": "regex", "value": "^(a+)+$b"}]});
    assert_eq!(ask(&pattern).expect(200)["data"], json!([]));
}

#[test]
fn a_head_is_bounded() {
    let (_home, server) = start();
    let long = "x".repeat(700_000);
    let many = "x: y\r\n".repeat(200);
    for (request, status) in [
        (
            format!("GET /v1/version HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n"),
            431,
        ),
        (
            format!("GET /v1/version HTTP/1.1\r\nhost: a\r\n{many}\r\n"),
            431,
        ),
        (
            format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", &long[..70_000]),
            414,
        ),
        ("GET /v1/version\u{1} HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("nonsense\r\n\r\n".to_owned(), 400),
    ] {
        let mut connection = Connection::open(&server.address);
        // The server may have closed before everything was sent.
        let _ = connection.send(request.as_bytes());
        if let Ok(answer) = connection.answer() {
            assert_eq!(answer.status, status);
        }
        connection.until_closed().expect("closed");
    }
    server.get(&server.master(), "/v1/whoami").expect(200);
}

const HTTP_2: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a client sends before it falls silent, and the status that it is
/// still told.
const SILENCES: [(&str, Option<u16>); 7] = [
    ("", None),
    ("G", None),
    // The first bytes of the preface of HTTP/2.
    ("PRI * HT", None),
    // All of it, after which the server sends its settings and waits.
    (HTTP_2, None),
    ("GET /v1/version HTTP/1.1\r\nhost: a\r\nx", None),
    ("GET /v1/version HTTP/1.1\r\nhost: a\r\n\r\n", Some(200)),
    ("POST BODY", Some(408)),
];

/// Takes as long as the server's patience, which is 10 seconds.
#[test]
fn whoever_falls_silent_is_closed_and_holds_nobody_up() {
    const IDLE: usize = 500;
    let (_home, server) = start();
    let master = server.master();
    let idle: Vec<TcpStream> = (0..IDLE)
        .map(|_| TcpStream::connect(authority(&server.address)).expect("a connection"))
        .collect();
    thread::scope(|scope| {
        for (sent, status) in SILENCES {
            let (server, master) = (&server, &master);
            scope.spawn(move || {
                let mut connection = Connection::open(&server.address);
                let body = format!(
                    "POST {RECORDS} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {master}\r\n\
                     content-length: 100\r\n\r\n{{"
                );
                let sent = if sent == "POST BODY" { &body } else { sent };
                connection.send(sent.as_bytes()).expect("sent");
                if let Some(status) = status {
                    assert_eq!(
                        connection.answer().expect("an answer").status,
                        status,
                        "{sent}"
                    );
                }
                let rest = connection.until_closed().expect("closed in time");
                assert_eq!(rest.is_empty(), sent != HTTP_2, "{sent}");
            });
        }
        for n in 0..200 {
            server.post(&master, RECORDS, &json!({"n": n})).expect(200);
        }
    });
    assert_eq!(rows(&server), 200);
    drop(idle);
}

#[test]
fn nothing_is_accepted_that_is_not_enforced() {
    let (_home, server) = start();
    let master = server.master();
    let mut asked = 0;
    let mut refuse = |path: &str, body: Value, pointer: Option<&str>| {
        refused(
            &server.post(&master, path, &body),
            400,
            "not_available",
            pointer,
        );
        asked += 1;
    };
    let key = |name: &str, value: Value| json!({"name": "new", "grants": [], name: value});
    refuse("/v1/keys", key("kind", json!("legacy")), Some("/kind"));
    let grant = json!({"on": "pool:*", "actions": ["search"], "constraints": "all_rows"});
    refuse(
        "/v1/keys",
        key("grants", json!([grant])),
        Some("/grants/0/actions/0"),
    );
    let made = server
        .post(&master, "/v1/keys", &key("description", json!("d")))
        .expect(201);
    let id = made["id"].as_str().expect("an id");
    // By a change they do not come in either.
    let path = format!("/v1/keys/{id}");
    let change = json!({"kind": "legacy"});
    let reply = server.call(&master, "PATCH", &path, Some(&change));
    refused(&reply, 400, "not_available", Some("/kind"));
    assert_eq!(asked, 2);
}

use axum::body::Body;
use http::Request;
use serde_json::{Value as Json, json};

use crate::testing::{Reply, World, request};

const PATH: &str = "/v1/pools/sales/records";

async fn send(world: &World, headers: &[(&str, &str)], body: impl Into<Body>) -> Reply {
    let mut sent = Request::builder()
        .method("POST")
        .uri(PATH)
        .header("authorization", format!("Bearer {}", world.admin));
    for (name, value) in headers {
        sent = sent.header(*name, *value);
    }
    world.send(sent.body(body.into()).expect("a request")).await
}

async fn rows(world: &World) -> usize {
    let data = world.get("/v1/views/all/data").await.expect(200).json();
    data["data"].as_array().expect("rows").len()
}

#[tokio::test]
async fn good_records_are_kept_and_bad_ones_listed() {
    let world = World::with_sales().await;
    let sent = json!([
        { "customer": "c", "amount": 1 },
        { "customer": "c", "amount": "one" },
        7,
        { "customer": "c", "colour": "red" },
        { "amount": 1 },
        { "customer": "c", "_id": "x" },
        { "customer": "c" },
    ]);
    let receipt = world.post(PATH, &sent).await.expect(200).json();
    assert_eq!(
        (&receipt["accepted"], &receipt["rejected"]),
        (&json!(2), &json!(5))
    );
    let faults: Vec<(u64, &str, &str)> = receipt["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|fault| {
            assert!(
                fault["message"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty())
            );
            let index = fault["index"].as_u64().expect("a number");
            let code = fault["code"].as_str().expect("a code");
            (index, code, fault["field"].as_str().unwrap_or("-"))
        })
        .collect();
    assert_eq!(
        faults,
        [
            (1, "wrong_type", "amount"),
            (2, "not_an_object", "-"),
            (3, "unknown_field", "colour"),
            (4, "missing_field", "customer"),
            (5, "invalid_name", "_id"),
        ]
    );
    assert_eq!(rows(&world).await, 7);
}

#[tokio::test]
async fn every_format_and_compression_is_read_and_others_are_named() {
    let world = World::with_sales().await;
    let line = "{\"customer\":\"c\"}";
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, line.as_bytes()).expect("memory");
        encoder.finish().expect("memory")
    };
    let zstd = zstd::encode_all(line.as_bytes(), 1).expect("memory");
    let lines = format!("{line}\n{line}\n");
    for (kind, encoding, body, accepted) in [
        ("application/json", "identity", line.as_bytes().to_vec(), 1),
        ("application/x-ndjson", "", lines.into_bytes(), 2),
        (
            "text/csv; charset=utf-8",
            "",
            b"customer,amount\nc,1\nc,2\n".to_vec(),
            2,
        ),
        (
            "application/vnd.apache.parquet",
            "",
            line.as_bytes().to_vec(),
            1,
        ),
        (
            "application/vnd.apache.arrow.stream",
            "",
            line.as_bytes().to_vec(),
            1,
        ),
        ("application/json", "gzip", gzip, 1),
        ("application/json", "zstd", zstd, 1),
    ] {
        let headers = [("content-type", kind), ("content-encoding", encoding)];
        let receipt = send(&world, &headers, body).await.expect(200).json();
        assert_eq!(receipt["accepted"], accepted, "{kind} {encoding}");
    }
    for headers in [
        &[("content-type", "image/png")][..],
        &[("content-type", "application/json; charset=latin1")],
        &[("content-type", "text/csv"), ("content-type", "text/csv")],
        &[
            ("content-type", "application/json"),
            ("content-encoding", "br"),
        ],
    ] {
        let reply = send(&world, headers, line).await.expect(415);
        assert_eq!(reply.code(), "unsupported_media_type", "{headers:?}");
    }
    for (kind, encoding, body) in [
        ("application/json", "", "{\"customer\":"),
        ("application/json", "", ""),
        ("application/json", "gzip", line),
        ("application/json", "zstd", line),
        ("application/vnd.apache.parquet", "", "PAR1"),
    ] {
        let headers = [("content-type", kind), ("content-encoding", encoding)];
        let reply = send(&world, &headers, body).await.expect(400);
        assert_eq!(reply.code(), "malformed_body", "{kind} {encoding} {body}");
    }
    let bomb = zstd::encode_all(&vec![b' '; 80 << 20][..], 1).expect("memory");
    let headers = [
        ("content-type", "application/json"),
        ("content-encoding", "zstd"),
    ];
    let reply = send(&world, &headers, bomb).await.expect(413);
    assert_eq!(reply.code(), "limit_exceeded");
}

#[tokio::test]
async fn k19_an_idempotency_key_means_one_request() {
    let world = World::with_sales().await;
    let json = ("content-type", "application/json");
    let (one, two) = ("{\"customer\":\"c\"}", "{\"customer\":\"d\"}");
    let key = ("idempotency-key", "import-1");
    let first = send(&world, &[json, key], one).await.expect(200);
    let again = send(&world, &[json, key], one).await.expect(200);
    assert_eq!(first.body, again.body);
    assert_eq!(rows(&world).await, 6);
    for headers in [
        &[json, key][..],
        &[("content-type", "application/x-ndjson"), key],
    ] {
        let body = if headers[0] == json { two } else { one };
        let reply = send(&world, headers, body).await.expect(422);
        assert_eq!(reply.code(), "idempotency_mismatch");
    }
    send(&world, &[json, ("idempotency-key", "import-2")], one)
        .await
        .expect(200);
    assert_eq!(rows(&world).await, 7);
    let long = "x".repeat(256);
    for bad in ["", "a b", "\u{e9}", &long] {
        let reply = send(&world, &[json, ("idempotency-key", bad)], one)
            .await
            .expect(400);
        assert_eq!(reply.code(), "invalid_value", "{bad}");
    }
    let reply = send(&world, &[json, key, key], one).await.expect(400);
    assert_eq!(reply.code(), "invalid_value");
    assert_eq!(rows(&world).await, 7);
}

#[tokio::test]
async fn an_empty_or_odd_deletion_is_refused_and_never_means_everything() {
    let world = World::with_sales().await;
    let path = "/v1/pools/sales/delete";
    let by = |customer: &str| json!([{ "field": "customer", "operator": "eq", "value": customer }]);
    for (body, code) in [
        (json!({}), "missing_member"),
        (json!({ "filters": [] }), "invalid_filter"),
        (json!({ "filters": null }), "wrong_type"),
        (json!({ "filters": {} }), "wrong_type"),
        (json!({ "filters": [{}] }), "missing_member"),
        (
            json!({ "filters": [{ "field": "nowhere", "operator": "eq", "value": 1 }] }),
            "unknown_field",
        ),
        (
            json!({ "filters": [{ "field": "amount", "operator": "eq", "value": "x" }] }),
            "wrong_type",
        ),
        (json!({ "filters": by("a"), "all": true }), "invalid_value"),
        (json!({ "filters": by("a"), "all": null }), "invalid_value"),
        (json!({ "all": false }), "invalid_value"),
        (json!({ "all": null }), "invalid_value"),
        (json!({ "all": "true" }), "invalid_value"),
        (json!({ "all": true, "dry": true }), "unknown_member"),
        (json!([]), "wrong_type"),
    ] {
        let reply = world.post(path, &body).await.expect(400);
        assert_eq!(reply.code(), code, "{body}");
    }
    let empty = Request::builder()
        .method("POST")
        .uri(path)
        .header("authorization", format!("Bearer {}", world.admin))
        .header("content-type", "application/json");
    let reply = world
        .send(empty.body(Body::empty()).expect("a request"))
        .await;
    assert_eq!(reply.expect(400).code(), "malformed_body");
    assert_eq!(rows(&world).await, 5);
    let (_, token) = world
        .key(json!([{ "on": "pool:sales", "actions": ["delete"], "constraints": by("a") }]))
        .await;
    let call = format!("POST {path}");
    let none = world
        .call(&token, &call, &json!({ "filters": by("b") }))
        .await;
    assert_eq!(none.expect(200).json(), json!({ "deleted": 0 }));
    let mine = world.call(&token, &call, &json!({ "all": true })).await;
    assert_eq!(mine.expect(200).json(), json!({ "deleted": 3 }));
    assert_eq!(rows(&world).await, 2, "the other customer's records stay");
}

#[tokio::test]
async fn an_injection_wins_over_what_is_sent() {
    let world = World::with_sales().await;
    let (_, token) = world
        .key(json!([{ "on": "pool:sales", "actions": ["ingest"], "injections": { "customer": "a" } }]))
        .await;
    let body = json!({ "customer": "b", "amount": 99 });
    world
        .call(&token, &format!("POST {PATH}"), &body)
        .await
        .expect(200);
    let data = world.get("/v1/views/all/data").await.expect(200).json();
    let stored = data["data"].as_array().expect("rows").iter();
    let stored: Vec<&Json> = stored.filter(|row| row["amount"] == 99).collect();
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0]["customer"], "a");
}

#[tokio::test]
async fn nothing_of_a_request_is_read_before_its_right_is_known() {
    let world = World::with_sales().await;
    let (_, token) = world.key(json!([])).await;
    for (token, status) in [("", 401), (token.as_str(), 403)] {
        let mut odd = request(token, &format!("POST {PATH}"), &json!(1));
        let png = "image/png".parse().expect("a header");
        odd.headers_mut().insert("content-type", png);
        *odd.body_mut() = Body::from_stream(futures::stream::pending::<
            Result<bytes::Bytes, std::io::Error>,
        >());
        world.send(odd).await.expect(status);
    }
}

/// A body that waits for room waits without an end.
#[tokio::test]
async fn k5_nothing_is_stored_for_a_key_that_ended_or_changed_while_its_body_waited() {
    let grants = |customer: &str| {
        json!([{ "on": "pool:sales", "actions": ["ingest"],
            "injections": { "customer": customer } }])
    };
    for (what, status) in [("disable", 401), ("narrow", 409), ("nothing", 200)] {
        let world = World::with_sales().await;
        let (id, token) = world.key(grants("a")).await;
        let bodies = world.state.large_bodies.clone();
        let all = u32::try_from(bodies.available_permits()).expect("bytes");
        let held = bodies.acquire_many(all).await.expect("room");
        let record = json!({ "amount": 1, "email": "x".repeat(100) });
        let records: Vec<&Json> = std::iter::repeat_n(&record, 1_000).collect();
        let sent = request(&token, &format!("POST {PATH}"), &json!(records));
        let mut answer = std::pin::pin!(world.send(sent));
        for _ in 0..100 {
            assert!(futures::poll!(&mut answer).is_pending(), "it waits");
            tokio::task::yield_now().await;
        }
        match what {
            "disable" => {
                let call = format!("/v1/keys/{id}/disable");
                world.post(&call, &Json::Null).await.expect(200);
            }
            "narrow" => {
                let call = format!("PATCH /v1/keys/{id}");
                let patch = json!({ "grants": grants("b") });
                world.call(&world.admin, &call, &patch).await.expect(200);
            }
            _ => {}
        }
        drop(held);
        let answer = answer.await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        let stored = if status == 200 { 1_005 } else { 5 };
        let count = json!({ "analysis": "count", "pool": "sales" });
        let count = world.post("/v1/query", &count).await.expect(200).json();
        assert_eq!(count["result"], stored, "{what}: {count}");
    }
}

#[tokio::test]
async fn a_body_larger_than_all_that_may_be_read_at_once_is_read_alone() {
    let world = World::with_sales().await;
    let state = world.state.clone().with_record_bytes(64 << 20);
    let alone = super::room_for(64 << 20, &state).await.expect("room");
    assert_eq!(alone.num_permits(), 8 << 20);
    assert_eq!(state.large_bodies.available_permits(), 0);
    assert!(super::room_for(1_000, &state).await.is_none());
    for (bytes, room) in [(0, 8 << 20), (1 << 30, 64 << 20), (u64::MAX, 128 << 20)] {
        let state = world.state.clone().with_record_bytes(bytes);
        assert_eq!(state.large_bodies.available_permits(), room);
    }
}

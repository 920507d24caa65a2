use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use http::HeaderValue;
use model::limits::BODY_BYTES_MAX;
use serde_json::json;

use super::receiving::room_of;
use super::*;
use crate::state::KEY_BODIES_BYTES_MAX;
use crate::testing::{World, request};

#[test]
fn query_strings_are_read_strictly() {
    let read = |query: &str| Parameters::parse(query, &["limit", "a b"]);
    let good = read("limit=1%2B&&a+b=%C3%A9").expect("known names");
    assert_eq!(
        (good.get("limit"), good.get("a b")),
        (Some("1+"), Some("é"))
    );
    assert_eq!(good.iter().count(), 2);
    let code = |query: &str| read(query).expect_err(query).code;
    assert_eq!(code("limit=1&limit=2"), FaultCode::DuplicateMember);
    assert_eq!(code("limit=1&li%6Dit=2"), FaultCode::DuplicateMember);
    assert_eq!(code("Limit=1"), FaultCode::UnknownMember);
    for broken in ["limit=%", "limit=%4", "limit=%zz", "limit=%+1", "limit=%FF"] {
        assert_eq!(code(broken), FaultCode::MalformedBody, "{broken}");
    }
    assert_eq!(
        Parameters::parse("x=1", &[])
            .expect_err("none are known")
            .pointer,
        "/x"
    );
}

#[test]
fn if_match_holds_strong_tags() {
    let parse = |value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, HeaderValue::from_static(value));
        IfMatch::parse(&headers)
    };
    assert_eq!(IfMatch::parse(&HeaderMap::new()), Some(IfMatch::Any));
    assert_eq!(parse("*"), Some(IfMatch::Any));
    let matches = |value, tag| parse(value).expect(value).check(tag).is_ok();
    assert!(matches("\"a.1\"", "\"a.1\""));
    assert!(matches("\"a.1\", \"a.2\"", "\"a.2\""));
    assert!(!matches("\"a.1\"", "\"a.2\""));
    assert!(!matches("W/\"a.1\"", "\"a.1\""), "a weak tag never matches");
    for broken in ["a.1", "\"a", "", "\"a\"b\""] {
        assert_eq!(parse(broken), None, "{broken}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_however_it_is_sent() {
    let world = World::with_sales().await;
    let announced = request(
        &world.admin,
        "POST /v1/pools",
        &json!("x".repeat(DEFINITION_BYTES_MAX)),
    );
    let reply = world.send(announced).await.expect(413);
    assert_eq!(reply.code(), "limit_exceeded");
    assert!(reply.text().contains("1048576 bytes"), "{}", reply.text());
    let chunk = Bytes::from(vec![b' '; 1 << 20]);
    let chunks =
        stream::iter(0..=BODY_BYTES_MAX >> 20).map(move |_| Ok::<_, std::io::Error>(chunk.clone()));
    let mut endless = request(&world.admin, "POST /v1/pools/sales/records", &json!(1));
    *endless.body_mut() = Body::from_stream(chunks);
    let reply = world.send(endless).await.expect(413);
    assert_eq!(reply.code(), "limit_exceeded");
}

#[tokio::test]
async fn a_body_that_stops_is_closed() {
    let mut world = World::with_sales().await;
    world.state.body_idle = Duration::from_millis(5);
    world.router = crate::router(world.state.clone());
    let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{"))]);
    let mut slow = request(&world.admin, "POST /v1/pools/sales/records", &json!(1));
    *slow.body_mut() = Body::from_stream(first.chain(stream::pending()));
    let reply = world.send(slow).await.expect(408);
    assert_eq!(reply.code(), "body_timeout");
    assert_eq!(reply.header("connection"), "close");
    let cut = stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]);
    let mut broken = request(&world.admin, "POST /v1/pools/sales/records", &json!(1));
    *broken.body_mut() = Body::from_stream(cut);
    let reply = world.send(broken).await.expect(400);
    assert_eq!(reply.code(), "malformed_body");
}

#[tokio::test]
async fn bodies_share_a_stated_room_and_give_it_back() {
    let world = World::with_sales().await;
    let all = u32::try_from(crate::BODIES_BYTES_MAX).expect("fits");
    let taken = world.state.bodies.try_acquire_many(all).expect("all of it");
    let record = json!({ "customer": "a" });
    let reply = world
        .post("/v1/pools/sales/records", &record)
        .await
        .expect(503);
    assert_eq!(
        (reply.code().as_str(), reply.header("retry-after")),
        ("busy", "1")
    );
    drop(taken);
    world
        .post("/v1/pools/sales/records", &record)
        .await
        .expect(200);
    assert_eq!(
        world.state.bodies.available_permits(),
        crate::BODIES_BYTES_MAX
    );
}

#[tokio::test]
async fn the_bodies_of_one_key_keep_no_other_key_out() {
    let world = World::with_sales().await;
    let grants = json!([{ "on": "pool:sales", "actions": ["ingest"] }]);
    let (id, token) = world.key(grants).await;
    let greedy = room_of(&world.state, KeyId::parse(&id).expect("an id"));
    let all = u32::try_from(KEY_BODIES_BYTES_MAX).expect("fits");
    let taken = greedy.try_acquire_many(all).expect("all of it");
    let (call, record) = ("POST /v1/pools/sales/records", json!({ "customer": "a" }));
    assert_eq!(
        world.call(&token, call, &record).await.expect(503).code(),
        "busy"
    );
    world.call(&world.admin, call, &record).await.expect(200);
    drop(taken);
    world.call(&token, call, &record).await.expect(200);
    drop(greedy);
    room_of(&world.state, KeyId::from_bytes([0; 16]));
    let known = world.state.bodies_of_keys.lock().expect("no panic").len();
    assert_eq!(known, 1, "keys that send nothing are forgotten");
}

#[tokio::test]
async fn a_key_that_is_revoked_while_its_body_comes_does_nothing_more() {
    let world = World::with_sales().await;
    let rows = json!("all_rows");
    let grants = json!([
        { "on": "pool:sales", "actions": ["ingest"] },
        { "on": "pool:sales", "actions": ["delete"], "constraints": rows },
        { "on": "view:all", "actions": ["read"], "constraints": rows },
    ]);
    for (call, body) in [
        ("POST /v1/pools/sales/records", json!({ "customer": "z" })),
        ("POST /v1/pools/sales/delete", json!({ "all": true })),
        ("POST /v1/views/all/data", json!({})),
    ] {
        let (id, token) = world.key(grants.clone()).await;
        let (send, rest) = futures::channel::oneshot::channel::<()>();
        let text = Bytes::from(body.to_string());
        let late = stream::once(async move {
            rest.await.expect("the test goes on");
            Ok::<_, std::io::Error>(text)
        });
        let mut sent = request(&token, call, &body);
        *sent.body_mut() = Body::from_stream(late);
        let revoke = async {
            let path = format!("/v1/keys/{id}/disable");
            world.post(&path, &json!({})).await.expect(200);
            // A question is given up at once, and its body is not waited for.
            let _ = send.send(());
        };
        let (reply, ()) = futures::join!(world.send(sent), revoke);
        assert_eq!(reply.expect(401).code(), "unauthenticated", "{call}");
    }
    let data = world.get("/v1/views/all/data").await.expect(200).json();
    assert_eq!(data["data"].as_array().map(Vec::len), Some(5));
}

#[tokio::test]
async fn bodies_of_definitions_are_plain_json() {
    let world = World::new().await;
    let body = json!({ "name": "p", "schema": "open" });
    for (name, value) in [
        (header::CONTENT_TYPE, "text/plain"),
        (header::CONTENT_TYPE, "application/merge-patch+json"),
        (header::CONTENT_ENCODING, "gzip"),
    ] {
        let mut odd = request(&world.admin, "POST /v1/pools", &body);
        odd.headers_mut()
            .insert(name, HeaderValue::from_static(value));
        let reply = world.send(odd).await.expect(415);
        assert_eq!(reply.code(), "unsupported_media_type", "{value}");
    }
    let mut good = request(&world.admin, "POST /v1/pools", &body);
    let json = HeaderValue::from_static("Application/JSON; charset=utf-8");
    good.headers_mut().insert(header::CONTENT_TYPE, json);
    world.send(good).await.expect(201);
    for (text, code) in [
        ("", "malformed_body"),
        ("{", "malformed_body"),
        ("{} x", "malformed_body"),
        ("\u{feff}{}", "malformed_body"),
        (r#"{"name":"a","name":"b"}"#, "duplicate_member"),
        ("[]", "wrong_type"),
        ("{}", "missing_member"),
        (r#"{"name":1,"schema":"open"}"#, "wrong_type"),
        (r#"{"name":"a/b","schema":"open"}"#, "invalid_name"),
        (r#"{"name":"a","schema":"free"}"#, "invalid_value"),
        (
            r#"{"name":"a","schema":"open","layout":"file_per_customer"}"#,
            "invalid_value",
        ),
        (
            r#"{"name":"a","schema":"open","tier":"gold"}"#,
            "invalid_value",
        ),
        (
            r#"{"name":"a","schema":"open","colour":1}"#,
            "unknown_member",
        ),
    ] {
        let mut bad = request(&world.admin, "POST /v1/pools", &body);
        *bad.body_mut() = Body::from(text.to_owned());
        let reply = world.send(bad).await.expect(400);
        assert_eq!(reply.code(), code, "{text}");
    }
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let mut bad = request(&world.admin, "POST /v1/pools", &body);
    *bad.body_mut() = Body::from(deep);
    assert_eq!(world.send(bad).await.expect(400).code(), "limit_exceeded");
}

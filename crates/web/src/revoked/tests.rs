mod races;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use axum::body::Body;
use futures::{FutureExt, StreamExt};
use http::{Request, header};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use crate::testing::World;
use crate::testing::derived::{self, derive};

const READ: &str = r#"[{ "on": "view:all", "actions": ["read"], "constraints": "all_rows" }]"#;

/// A world whose answers have no end, and a key that reads.
async fn endless() -> (World, String, String) {
    let world = World::with_sales().await;
    let (id, token) = world.key(serde_json::from_str(READ).expect("JSON")).await;
    world.plane.is_endless.store(true, Ordering::Relaxed);
    (world, id, token)
}

/// How the admin ends the key of this id, as far as what it may do now goes.
async fn end(world: &World, id: &str, how: &str) {
    let key = format!("/v1/keys/{id}");
    let reply = match how {
        "disable" => world.post(&format!("{key}/disable"), &Json::Null).await,
        "roll" => {
            world
                .post(
                    &format!("{key}/roll"),
                    &json!({ "grace": "0s", "force": true }),
                )
                .await
        }
        "delete" => {
            world
                .call(
                    &world.admin,
                    &format!("DELETE {key}?force=true"),
                    &Json::Null,
                )
                .await
        }
        "narrow" => {
            let patch = json!({ "grants": [] });
            world
                .call(&world.admin, &format!("PATCH {key}"), &patch)
                .await
        }
        "expire" => {
            let end = json!({ "restrictions": { "expires_at": "2026-05-01T12:00:01Z" } });
            let reply = world
                .call(&world.admin, &format!("PATCH {key}"), &end)
                .await;
            world.clock.advance(Duration::from_secs(1));
            reply
        }
        other => panic!("{other}"),
    };
    assert!(
        (200..300).contains(&reply.status),
        "{how}: {}",
        reply.text()
    );
}

const ENDS: [&str; 5] = ["disable", "roll", "delete", "narrow", "expire"];

async fn stream(world: &World, token: &str) -> axum::body::BodyDataStream {
    let request = Request::builder()
        .uri("/v1/views/all/data")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::ACCEPT, "application/x-ndjson")
        .body(Body::empty())
        .expect("a request");
    let answer = world
        .router
        .clone()
        .oneshot(request)
        .await
        .expect("answers");
    assert_eq!(answer.status(), 200);
    let mut body = answer.into_body().into_data_stream();
    assert!(matches!(body.next().await, Some(Ok(rows)) if !rows.is_empty()));
    body
}

/// Waits for the data plane to be rid of all answers; false when it is not in a second.
async fn is_rid_of_all(world: &World) -> bool {
    let rid = async {
        while Arc::strong_count(&world.plane.held) > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(1), rid)
        .await
        .is_ok()
}

#[tokio::test]
async fn k5_a_stream_ends_within_a_second_of_its_key() {
    for how in ENDS {
        let (world, id, token) = endless().await;
        let mut body = stream(&world, &token).await;
        assert!(
            body.next().now_or_never().is_none(),
            "it has no end of its own"
        );
        end(&world, &id, how).await;
        let next = tokio::time::timeout(Duration::from_secs(1), body.next()).await;
        assert!(matches!(next, Ok(Some(Err(_)))), "{how}: it breaks off");
        assert!(is_rid_of_all(&world).await, "{how}: and so does the work");
    }
}

#[tokio::test]
async fn k5_a_stream_ends_within_a_second_of_its_derived_token() {
    for how in ["revoke", "self", "key", "clock"] {
        let world = World::with_sales().await;
        let grants: Json = serde_json::from_str(READ).expect("JSON");
        let (id, token) = world.deriving(json!({ "grants": grants })).await;
        let project = world.project().await;
        world.plane.is_endless.store(true, Ordering::Relaxed);
        let derived = derive(&token, &project, 1, json!({}));
        let mut body = stream(&world, &derived).await;
        let mut other = stream(&world, &derive(&token, &project, 2, json!({}))).await;
        assert!(body.next().now_or_never().is_none());
        let revoke = format!("/v1/keys/{id}/derived/{}/revoke", derived::id(1));
        match how {
            "revoke" => drop(world.post(&revoke, &Json::Null).await.expect(204)),
            "self" => {
                let ended = world.call(&derived, "POST /v1/keys/self/revoke", &Json::Null);
                drop(ended.await.expect(204));
            }
            "key" => end(&world, &id, "disable").await,
            _ => {
                world.clock.advance(Duration::from_secs(900));
            }
        }
        let next = tokio::time::timeout(Duration::from_secs(1), body.next()).await;
        assert!(matches!(next, Ok(Some(Err(_)))), "{how}: it breaks off");
        if ["revoke", "self"].contains(&how) {
            assert!(
                other.next().now_or_never().is_none(),
                "{how}: the other one goes on"
            );
        } else {
            let next = tokio::time::timeout(Duration::from_secs(1), other.next()).await;
            assert!(matches!(next, Ok(Some(Err(_)))), "{how}: and the other one");
        }
    }
}

#[tokio::test]
async fn k5_work_for_a_client_that_reads_nothing_ends_too() {
    let (world, id, token) = endless().await;
    let body = stream(&world, &token).await;
    end(&world, &id, "disable").await;
    assert!(is_rid_of_all(&world).await);
    drop(body);
}

#[tokio::test]
async fn k5_a_question_without_an_answer_yet_is_given_up() {
    for how in ENDS {
        let (world, id, token) = endless().await;
        let asked = world.call(&token, "GET /v1/views/all/data", &Json::Null);
        let ending = async {
            while Arc::strong_count(&world.plane.held) == 1 {
                tokio::task::yield_now().await;
            }
            end(&world, &id, how).await;
        };
        let both = async { tokio::join!(asked, ending).0 };
        let reply = tokio::time::timeout(Duration::from_secs(5), both).await;
        let reply = reply.unwrap_or_else(|_| panic!("{how}: it is given up"));
        let (status, code) = match how {
            "narrow" => (409, "caller_changed"),
            _ => (401, "unauthenticated"),
        };
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (status, code),
            "{how}"
        );
        assert!(is_rid_of_all(&world).await, "{how}");
    }
}

#[tokio::test]
async fn what_happens_to_other_keys_and_other_members_breaks_nothing_off() {
    let (world, id, token) = endless().await;
    let mut body = stream(&world, &token).await;
    let (other, _) = world.key(json!([])).await;
    end(&world, &other, "disable").await;
    let patch = json!({ "description": "said of it later" });
    let call = format!("PATCH /v1/keys/{id}");
    world.call(&world.admin, &call, &patch).await.expect(200);
    let roll = json!({ "grace": "1h" });
    world
        .post(&format!("/v1/keys/{id}/roll"), &roll)
        .await
        .expect(201);
    let next = tokio::time::timeout(2 * super::LOOK_PERIOD, body.next()).await;
    assert!(next.is_err(), "it goes on");
    drop(body);
    assert!(is_rid_of_all(&world).await);
}

const READS: &str = "GET /v1/views/all/data";
const WRITES: &str = "POST /v1/pools/sales/records";

/// One request on a connection that is kept: whether it was let in.
async fn ask(connection: &mut TcpStream, token: &str, call: &str) -> bool {
    let body = match call {
        WRITES => r#"{"customer":"late"}"#,
        _ => "",
    };
    let length = body.len();
    let request = format!(
        "{call} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    connection
        .write_all(request.as_bytes())
        .await
        .expect("sends");
    let mut answer = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let read = connection.read(&mut piece).await.expect("receives");
        assert_ne!(read, 0, "the connection is kept");
        answer.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.parse().ok())?
        });
        let length: usize = length.expect("the answer has a length");
        if body.len() < length {
            continue;
        }
        return match head.split(' ').nth(1) {
            Some("200") => true,
            // Of a key with fewer grants it is said which action it lacks, and of
            // one that changed while the records came that it did.
            Some("401" | "403" | "409") => false,
            other => panic!("{other:?}"),
        };
    }
}

/// Of so many such requests over 64 connections that begin after the end of a
/// key was acknowledged, how many are let in all the same.
async fn late_of(how: &str, call: &'static str, requests: u32) -> u32 {
    const CONNECTIONS: u32 = 64;
    let world = World::with_sales().await;
    let mut grants: Json = serde_json::from_str(READ).expect("JSON");
    let writes = json!({ "on": "pool:sales", "actions": ["ingest"] });
    grants.as_array_mut().expect("grants").push(writes);
    let (id, token) = world.key(grants).await;
    let let_in = Arc::new(AtomicU32::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let serving = tokio::spawn(axum::serve(listener, world.router.clone()).into_future());
    let acknowledged = Arc::new(AtomicBool::new(false));
    let (before, after) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (token, acknowledged) = (token.clone(), acknowledged.clone());
            let (before, after) = (before.clone(), after.clone());
            let let_in = let_in.clone();
            tokio::spawn(async move {
                let mut connection = TcpStream::connect(address).await.expect("connects");
                let mut late = 0;
                while after.load(Ordering::Relaxed) < requests {
                    let is_after = acknowledged.load(Ordering::SeqCst);
                    let lets_in = ask(&mut connection, &token, call).await;
                    let_in.fetch_add(u32::from(lets_in), Ordering::Relaxed);
                    if is_after {
                        after.fetch_add(1, Ordering::Relaxed);
                        late += u32::from(lets_in);
                    } else {
                        before.fetch_add(u32::from(lets_in), Ordering::Relaxed);
                    }
                }
                late
            })
        })
        .collect();
    while before.load(Ordering::Relaxed) < 2 * CONNECTIONS {
        tokio::task::yield_now().await;
    }
    end(&world, &id, how).await;
    acknowledged.store(true, Ordering::SeqCst);
    let mut late = 0;
    for client in clients {
        late += client.await.expect("does not panic");
    }
    serving.abort();
    // What is answered is stored, and besides at most what was under way at the end.
    let query = json!({ "analysis": "count", "pool": "sales" });
    let count = world.post("/v1/query", &query).await.expect(200).json();
    let stored = count["result"].as_u64().expect("a number") - 5;
    let answered = match call {
        WRITES => u64::from(let_in.load(Ordering::Relaxed)),
        _ => 0,
    };
    let most = answered + u64::from(CONNECTIONS);
    assert!(
        (answered..=most).contains(&stored),
        "{how} {stored} {answered}"
    );
    late
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn k5_of_10000_requests_after_an_acknowledged_disable_none_succeeds() {
    assert_eq!(late_of("disable", READS, 10_000).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn k5_of_10000_writes_after_an_acknowledged_disable_none_is_stored() {
    assert_eq!(late_of("disable", WRITES, 10_000).await, 0);
}

/// A tenth of the requests without `TIDEGATE_PROOF=long`.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn k5_nor_does_any_after_another_end_of_the_key() {
    let requests = match std::env::var("TIDEGATE_PROOF").as_deref() {
        Ok("long") => 10_000,
        _ => 1_000,
    };
    for how in ENDS {
        for call in [READS, WRITES] {
            assert_eq!(late_of(how, call, requests).await, 0, "{how} {call}");
        }
    }
}

//! Requests beside a sign-out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::task::JoinHandle;

use crate::testing::people::sign_in_again;

use super::*;

/// Pages that are open at once, all with the same session.
const PAGES: u32 = 16;
/// Rounds of requests of each page that begin after the sign-out was answered.
const ROUNDS_AFTER: u32 = 20;
const MAKES: &str = "POST /v1/pools";

/// What the pages know of the sign-out, and how often they were let in.
#[derive(Debug, Default)]
struct Known {
    is_asked_for: AtomicBool,
    is_answered: AtomicBool,
    let_in: AtomicU32,
}

/// Reads and makes something all the time; answers how many pools it made. Before
/// the sign-out is asked for no refusal is right, and once it is answered nothing
/// else.
async fn page(world: Arc<World>, ada: Arc<SignedIn>, number: u32, known: Arc<Known>) -> usize {
    let (mut made, mut rounds) = (0, 0);
    while rounds < ROUNDS_AFTER {
        for call in ["GET /v1/whoami", "GET /v1/sessions", MAKES] {
            let pool = json!({ "name": format!("page {number} pool {made}"), "schema": "open" });
            let body = if call == MAKES { pool } else { Json::Null };
            let is_after = known.is_answered.load(Ordering::SeqCst);
            let reply = ada.call(&world, call, &body).await;
            let may_be_out = known.is_asked_for.load(Ordering::SeqCst);
            match reply.status {
                200 | 201 if !is_after => {
                    made += usize::from(call == MAKES);
                    known.let_in.fetch_add(1, Ordering::SeqCst);
                }
                401 if may_be_out => {}
                // The session ended while this was under way.
                409 if may_be_out && !is_after => assert_eq!(reply.code(), "caller_changed"),
                other => panic!("{call}: {other} {}", reply.text()),
            }
        }
        rounds += u32::from(known.is_answered.load(Ordering::SeqCst));
        // The sign-out needs a thread as well.
        tokio::task::yield_now().await;
    }
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn k10_of_requests_beside_a_sign_out_none_is_let_in_after_its_answer() {
    let world = Arc::new(World::new().await);
    let ada = Arc::new(first_signed_in(&world).await);
    let known = Arc::new(Known::default());
    let pools = async || {
        let pools = world.get("/v1/pools?limit=1000").await.expect(200).json();
        pools["items"].as_array().expect("a list").len()
    };
    let before = pools().await;
    let pages: Vec<JoinHandle<usize>> = (0..PAGES)
        .map(|number| {
            let (world, ada) = (Arc::clone(&world), Arc::clone(&ada));
            tokio::spawn(page(world, ada, number, Arc::clone(&known)))
        })
        .collect();
    let are_working = || !pages.iter().any(JoinHandle::is_finished);
    while known.let_in.load(Ordering::SeqCst) < 4 * PAGES && are_working() {
        tokio::task::yield_now().await;
    }
    known.is_asked_for.store(true, Ordering::SeqCst);
    let ended = ada
        .call(&world, "DELETE /v1/sessions/current", &Json::Null)
        .await;
    known.is_answered.store(true, Ordering::SeqCst);
    let mut made = 0;
    for page in pages {
        made += page.await.expect("no wrong answer");
    }
    ended.expect(204);
    // What was answered was made, and nothing besides.
    assert_eq!(pools().await, before + made);
    // The session is of no use any more, and is not on the list.
    for call in [
        "GET /v1/whoami",
        "GET /v1/sessions",
        "DELETE /v1/sessions/current",
    ] {
        let reply = ada.call(&world, call, &Json::Null).await.expect(401);
        assert_eq!(reply.code(), "unauthenticated", "{call}");
    }
    sign_in_again(&world, &ada).await;
    let sessions = ada.call(&world, "GET /v1/sessions", &Json::Null).await;
    let sessions = sessions.expect(200).json();
    assert_eq!(sessions["items"].as_array().map(Vec::len), Some(1));
}

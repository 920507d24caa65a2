//! Clients that go on while an administrator changes what they come with.

use tokio::sync::watch;

use super::*;

const CONNECTIONS: u32 = 64;

/// Numbers that look drawn, the same in each run.
struct Drawn(u64);

impl Drawn {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % end
    }
}

/// A roll that clients know of; the last one tells them to end.
#[derive(Clone)]
struct Rolled {
    round: u32,
    token: String,
    is_last: bool,
}

/// A client that asks all the time, and goes over to the newest token after some
/// more requests with the one before; then it says so. Answers how many requests
/// were refused, and how many there were.
async fn switching(
    address: std::net::SocketAddr,
    mut drawn: Drawn,
    (mut now, rolls): (Rolled, watch::Receiver<Rolled>),
    switched: Arc<AtomicU32>,
) -> (u32, u32) {
    let mut connection = TcpStream::connect(address).await.expect("connects");
    let (mut refused, mut asked) = (0, 0);
    loop {
        let newest = rolls.borrow().clone();
        let is_new = newest.round != now.round;
        let before = if is_new { drawn.below(4) } else { 1 };
        for _ in 0..before {
            refused += u32::from(!ask(&mut connection, &now.token, READS).await);
            asked += 1;
        }
        if is_new {
            now = newest;
            // From here on it comes with the old one no more.
            switched.fetch_add(1, Ordering::SeqCst);
        }
        if now.is_last {
            return (refused, asked);
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k6_of_64_connections_through_100_rolls_none_is_refused_that_switches_inside_the_grace() {
    const ROLLS: u32 = 100;
    let world = World::with_sales().await;
    let (id, first) = world.key(serde_json::from_str(READ).expect("JSON")).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let serving = tokio::spawn(axum::serve(listener, world.router.clone()).into_future());
    let start = Rolled {
        round: 0,
        token: first,
        is_last: false,
    };
    let (told, rolls) = watch::channel(start.clone());
    let switched = Arc::new(AtomicU32::new(0));
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let drawn = Drawn(u64::from(number) + 1);
            // Also who connects after the first roll goes over to it.
            let known = (start.clone(), rolls.clone());
            let client = switching(address, drawn, known, Arc::clone(&switched));
            tokio::spawn(client)
        })
        .collect();
    let path = format!("/v1/keys/{id}");
    for round in 1..=ROLLS {
        let old = rolls.borrow().token.clone();
        let roll = json!({ "grace": "1h" });
        let rolled = world.post(&format!("{path}/roll"), &roll).await;
        let rolled = rolled.expect(201).json();
        let token = rolled["token"].as_str().expect("a token").to_owned();
        told.send_replace(Rolled {
            round,
            token,
            is_last: round == ROLLS,
        });
        while switched.load(Ordering::SeqCst) < round * CONNECTIONS {
            tokio::task::yield_now().await;
        }
        // Nobody comes with the old one any more: it ends by the clock, or by hand.
        if round.is_multiple_of(2) {
            world.clock.advance(Duration::from_secs(3_600));
        } else {
            let force = json!({ "force": true });
            let ended = world.post(&format!("{path}/end-grace"), &force).await;
            ended.expect(200);
        }
        let late = world.call(&old, READS, &Json::Null).await;
        late.expect(401);
    }
    let (mut refused, mut asked) = (0, 0);
    for client in clients {
        let of_client = client.await.expect("does not panic");
        refused += of_client.0;
        asked += of_client.1;
    }
    serving.abort();
    assert_eq!(refused, 0, "of {asked}");
    assert!(asked >= ROLLS * CONNECTIONS, "{asked}");
}

/// What an administrator does who is about to be shut out, until all of it was
/// refused: how many keys were made, and how much was done that began after the
/// end was acknowledged.
async fn administers(
    world: Arc<World>,
    (token, other): (String, String),
    acknowledged: Arc<AtomicBool>,
    done: Arc<AtomicU32>,
) -> (u32, u32) {
    let calls = [
        (
            "POST /v1/keys".to_owned(),
            json!({ "name": "made in a race", "grants": [] }),
        ),
        (
            format!("POST /v1/keys/{other}/roll"),
            json!({ "grace": "0s", "force": true }),
        ),
        ("GET /v1/keys".to_owned(), Json::Null),
    ];
    let (mut made, mut late, mut is_out) = (0, 0, false);
    while !is_out {
        is_out = acknowledged.load(Ordering::SeqCst);
        for (call, body) in &calls {
            let is_after = acknowledged.load(Ordering::SeqCst);
            let reply = world.call(&token, call, body).await;
            let is_done = (200..300).contains(&reply.status);
            let is_refused = [401, 403, 409].contains(&reply.status);
            assert!(is_done || is_refused, "{call}: {}", reply.text());
            made += u32::from(is_done && call.ends_with("/keys") && *body != Json::Null);
            late += u32::from(is_after && is_done);
            done.fetch_add(u32::from(is_done), Ordering::SeqCst);
        }
    }
    (made, late)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k5_an_admin_key_makes_rolls_and_lists_nothing_once_its_own_end_is_acknowledged() {
    const ADMINS: u32 = 8;
    for how in ["disable", "delete", "narrow", "expire"] {
        let world = Arc::new(World::with_sales().await);
        let grants = json!([{ "on": "project", "actions": ["admin"] }]);
        let (id, token) = world.key(grants).await;
        let (other, _) = world.key(json!([])).await;
        let acknowledged = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicU32::new(0));
        let before = world.get("/v1/keys?limit=1000").await.expect(200).json();
        let count = |list: &Json| list["items"].as_array().map_or(0, Vec::len);
        let admins: Vec<_> = (0..ADMINS)
            .map(|_| {
                let with = (token.clone(), other.clone());
                let (ended, done) = (Arc::clone(&acknowledged), Arc::clone(&done));
                tokio::spawn(administers(Arc::clone(&world), with, ended, done))
            })
            .collect();
        while done.load(Ordering::SeqCst) < 4 * ADMINS {
            tokio::task::yield_now().await;
        }
        end(&world, &id, how).await;
        acknowledged.store(true, Ordering::SeqCst);
        let (mut made, mut late) = (0, 0);
        for admin in admins {
            let of_admin = admin.await.expect("does not panic");
            made += of_admin.0;
            late += of_admin.1;
        }
        assert_eq!(late, 0, "{how}");
        // Each key that was made was answered, and nothing was made besides.
        let after = world.get("/v1/keys?limit=1000").await.expect(200).json();
        let gone = usize::from(how == "delete");
        let made = usize::try_from(made).expect("few");
        assert_eq!(count(&after), count(&before) - gone + made, "{how}");
    }
}

//! K16: of N credits no more than N are ever answered, and what is lost is
//! what docs/limits.md says: calls that a kill cut off may have been charged.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;

use model::random::SeededRandom;
use serde_json::json;

use super::killed_at_work;
use crate::support::clock::seconds;
use crate::support::{Address, Server, cases};

const CLIENTS: usize = 16;
/// Clients that press at the limit.
const PRESSING: usize = 64;

#[derive(Debug, Default)]
struct Counted {
    answered: AtomicU64,
    refused: AtomicU64,
    unanswered: AtomicU64,
}

impl Counted {
    /// Asks and writes, by turns, until the credits or the server are gone.
    fn work(&self, server: &Address, token: &str, client: usize, told: &Sender<()>) {
        for turn in client.. {
            let write = json!({ "n": turn }).to_string();
            let reply = match turn % 2 {
                0 => server.send(token, "GET", "/v1/views/all/data", &[], None),
                _ => {
                    let path = "/v1/pools/events/records";
                    server.send(token, "POST", path, &[], Some(write.as_bytes()))
                }
            };
            let count = match reply.as_ref().map(|reply| reply.status) {
                Ok(200) => &self.answered,
                Ok(402) => &self.refused,
                Ok(status) => panic!("{status}"),
                Err(_) => &self.unanswered,
            };
            count.fetch_add(1, Ordering::SeqCst);
            match reply {
                Ok(reply) if reply.status == 200 => drop(told.send(())),
                _ => return,
            }
        }
    }
}

/// A period that does not begin anew while the test runs, but for one night a month.
fn period() -> &'static str {
    // 1970 began on a Thursday, a week on Monday.
    let is_sunday = (seconds() / 86_400 + 4).is_multiple_of(7);
    if is_sunday { "month" } else { "week" }
}

#[test]
fn k16_of_n_credits_no_more_than_n_are_answered_through_kills_and_none_is_lost() {
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    let random = SeededRandom::new(16);
    let kills = cases(6, 60);
    let mut server = Server::start(home);
    let master = server.master();
    let pool = json!({"name": "events", "schema": "open"});
    server.post(&master, "/v1/pools", &pool).expect(201);
    let view = json!({"name": "all", "pool": "events", "shape": "aggregated",
        "fields": [{"aggregate": "count", "as": "n"}]});
    server.post(&master, "/v1/views", &view).expect(201);
    // Enough for every round but the last, which uses them up.
    let amount = u64::try_from(kills * 400).expect("small");
    let body = json!({"name": "metered", "limits": {"credits": {
            "core": {"amount": amount, "period": period()}, "premium": null}},
        "grants": [{"on": "pool:events", "actions": ["ingest"]},
            {"on": "view:all", "actions": ["read"], "constraints": "all_rows"}]});
    let made = server.post(&master, "/v1/keys", &body).expect(201);
    let token = made["token"].as_str().expect("a token").to_owned();
    let counted = Counted::default();
    let clients = || {
        let client = |number| {
            let (counted, token) = (&counted, &token);
            move |address: Address, told: Sender<()>| counted.work(&address, token, number, &told)
        };
        (0..CLIENTS).map(client).collect::<Vec<_>>()
    };
    for _ in 0..kills {
        let until = 1 + usize::try_from(random.next_u64() % 60).expect("small");
        server = killed_at_work(home, server, clients(), until);
        let answered = counted.answered.load(Ordering::SeqCst);
        let left = server.get(&token, "/v1/whoami").expect(200);
        let left = left["left"]["credits"]["core"]["left"]
            .as_u64()
            .unwrap_or_else(|| {
                panic!("what is left: {left}");
            });
        let unanswered = counted.unanswered.load(Ordering::SeqCst);
        let charged = amount - left;
        assert!(
            charged >= answered,
            "{charged} charged, {answered} answered"
        );
        assert!(
            charged <= answered + unanswered,
            "{charged}, {answered} and {unanswered}"
        );
    }
    // The clients go on until each is refused, and one more kill changes nothing.
    server = killed_at_work(home, server, clients(), usize::MAX);
    for _ in 0..3 {
        let refused = server.get(&token, "/v1/views/all/data");
        assert_eq!(refused.status, 402, "{}", refused.text());
    }
    let [answered, refused, unanswered] =
        [&counted.answered, &counted.refused, &counted.unanswered]
            .map(|count| count.load(Ordering::SeqCst));
    assert_eq!(refused, u64::try_from(CLIENTS).expect("small"));
    assert!(answered <= amount, "{answered} of {amount}");
    assert!(
        answered + unanswered >= amount,
        "{answered} and {unanswered} of {amount}"
    );
    assert!(unanswered > 0, "kills cut calls off");
}

/// A key with so many credits: its token.
fn metered(server: &Server, amount: u64) -> String {
    let body = json!({"name": "metered", "limits": {"credits": {
            "core": {"amount": amount, "period": period()}, "premium": null}},
        "grants": [{"on": "pool:events", "actions": ["ingest"]},
            {"on": "view:all", "actions": ["read"], "constraints": "all_rows"}]});
    let made = server.post(&server.master(), "/v1/keys", &body).expect(201);
    made["token"].as_str().expect("a token").to_owned()
}

/// What the key used up, with nothing set aside for anybody.
fn spent(server: &Server, token: &str) -> u64 {
    let shown = server.get(token, "/v1/whoami").expect(200);
    let credits = &shown["left"]["credits"]["core"];
    assert_eq!(credits["reserved"], 0, "{shown}");
    credits["spent"].as_u64().expect("a number")
}

#[test]
fn k16_64_clients_that_press_at_the_limit_never_pass_it_through_kills() {
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    let random = SeededRandom::new(64);
    let mut server = Server::start(home);
    let master = server.master();
    let pool = json!({"name": "events", "schema": "open"});
    server.post(&master, "/v1/pools", &pool).expect(201);
    let view = json!({"name": "all", "pool": "events", "shape": "aggregated",
        "fields": [{"aggregate": "count", "as": "n"}]});
    server.post(&master, "/v1/views", &view).expect(201);
    let mut cut_off = 0;
    for run in 0..cases(5, 100) {
        // Fewer than clients, or a few for each: the first requests are at the limit already.
        let amount = 20 + random.next_u64() % 140;
        let token = metered(&server, amount);
        let counted = Counted::default();
        let clients = || {
            let client = |number| {
                let (counted, token) = (&counted, &token);
                move |address: Address, told: Sender<()>| {
                    counted.work(&address, token, number, &told);
                }
            };
            (0..PRESSING).map(client).collect::<Vec<_>>()
        };
        // Killed as the last ones are answered, and once more among those that were left.
        let until = amount - random.next_u64() % 8;
        let until = usize::try_from(until).expect("small");
        server = killed_at_work(home, server, clients(), until);
        let answered = || counted.answered.load(Ordering::SeqCst);
        let unanswered = counted.unanswered.load(Ordering::SeqCst);
        let charged = spent(&server, &token);
        assert!(charged <= amount, "run {run}: {charged} of {amount}");
        assert!(
            (answered()..=answered() + unanswered).contains(&charged),
            "run {run}: {charged} charged, {} answered, {unanswered} cut off",
            answered()
        );
        // Nothing is cut off now: each answer is one credit, to the last of them.
        let before = answered();
        server = killed_at_work(home, server, clients(), usize::MAX);
        assert_eq!(unanswered, counted.unanswered.load(Ordering::SeqCst));
        assert_eq!(charged + answered() - before, amount, "run {run}");
        assert_eq!(spent(&server, &token), amount, "run {run}");
        assert!(
            answered() <= amount,
            "run {run}: {} of {amount}",
            answered()
        );
        let refused = server.get(&token, "/v1/views/all/data");
        assert_eq!(refused.status, 402, "{}", refused.text());
        cut_off += unanswered;
    }
    assert!(cut_off > 0, "kills cut calls off");
}

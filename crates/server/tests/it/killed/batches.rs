//! K16: a batch that is stored when the process is killed, and not charged yet,
//! is charged when it is repeated under its idempotency key, and never twice.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::mpsc::Sender;

use model::random::SeededRandom;
use serde_json::json;

use super::killed_at_work;
use crate::support::{Address, Server, cases};

const CLIENTS: usize = 16;
const PATH: &str = "/v1/pools/events/records";

/// The batches that a client sent, by number, and those that it has no answer to.
#[derive(Debug, Default)]
struct Client {
    sent: usize,
    unanswered: VecDeque<usize>,
}

impl Client {
    /// Repeats what got no answer, and goes on, until there is none again.
    fn work(&mut self, server: &Address, token: &str, number: usize, told: &Sender<()>) {
        loop {
            let turn = self.unanswered.front().copied().unwrap_or(self.sent);
            if turn == self.sent {
                self.sent += 1;
                self.unanswered.push_back(turn);
            }
            if !write(server, token, (number, turn)) {
                return;
            }
            self.unanswered.pop_front();
            // Every third answer is not believed.
            if turn % 3 == 0 && !write(server, token, (number, turn)) {
                self.unanswered.push_back(turn);
                return;
            }
            let _ = told.send(());
        }
    }
}

/// Whether it was answered.
fn write(server: &Address, token: &str, (client, turn): (usize, usize)) -> bool {
    let named = format!("{client}-{turn}");
    let headers = [("idempotency-key", named.as_str())];
    let body = json!({ "client": client, "turn": turn }).to_string();
    let reply = server.send(token, "POST", PATH, &headers, Some(body.as_bytes()));
    match reply.map(|reply| reply.status) {
        Ok(200) => true,
        Ok(status) => panic!("{status}"),
        Err(_) => false,
    }
}

#[test]
fn k16_each_batch_under_an_idempotency_key_is_charged_once_through_kills() {
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    let random = SeededRandom::new(23);
    let mut server = Server::start(home);
    let master = server.master();
    let pool = json!({"name": "events", "schema": "open"});
    server.post(&master, "/v1/pools", &pool).expect(201);
    let amount = 10_000_000_u64;
    let body = json!({"name": "metered",
        "limits": {"credits": {"core": {"amount": amount, "period": "month"}, "premium": null}},
        "grants": [{"on": "pool:events", "actions": ["ingest"]}]});
    let made = server.post(&master, "/v1/keys", &body).expect(201);
    let token = made["token"].as_str().expect("a token").to_owned();
    let spent = |server: &Server| {
        let shown = server.get(&token, "/v1/whoami").expect(200);
        let left = &shown["left"]["credits"]["core"];
        assert_eq!(left["reserved"], 0, "{shown}");
        left["spent"].as_u64().expect("a number")
    };
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| Mutex::new(Client::default()))
        .collect();
    for _ in 0..cases(6, 60) {
        let until = 1 + usize::try_from(random.next_u64() % 60).expect("small");
        let work = clients.iter().enumerate().map(|(number, client)| {
            let token = &token;
            move |address: Address, told: Sender<()>| {
                let mut client = client.lock().expect("not poisoned");
                client.work(&address, token, number, &told);
            }
        });
        server = killed_at_work(home, server, work.collect(), until);
        // Whatever got no answer is repeated, twice.
        let mut sent = 0;
        for (number, client) in clients.iter().enumerate() {
            let mut client = client.lock().expect("not poisoned");
            for turn in std::mem::take(&mut client.unanswered) {
                for _ in 0..2 {
                    assert!(write(&server.address, &token, (number, turn)));
                }
            }
            sent += u64::try_from(client.sent).expect("small");
        }
        assert_eq!(spent(&server), sent, "one credit for each batch");
    }
    let query = json!({"analysis": "count", "pool": "events"});
    let stored = server.post(&master, "/v1/query", &query).expect(200);
    assert_eq!(stored["result"], spent(&server), "{stored}");
}

//! K11: a signed request that was let in is let in no more.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::random::SeededRandom;
use model::secrets::Secret;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::killed_at_work;
use crate::support::clock::seconds;
use crate::support::{Address, Reply, Server, Unanswered, cases};

const CLIENTS: usize = 8;
const PATH: &str = "/v1/pools/events/records";
/// What the signer calls the server, wherever it listens after a restart.
const HOST: &str = "data.example";

/// A signed request that was sent: as anybody on its way may have kept it.
#[derive(Debug)]
pub(crate) struct Sent {
    n: u64,
    headers: Vec<(&'static str, String)>,
    body: String,
    is_acknowledged: bool,
}

impl Sent {
    pub(crate) fn signed(secret: &Secret, n: u64) -> Self {
        let body = json!({ "n": n }).to_string();
        let digest = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(&body)));
        let params = format!(
            "(\"@method\" \"@target-uri\" \"content-digest\" \"content-type\");created={};nonce=\"{n:032}\";keyid=\"{}\"",
            seconds(),
            secret.id()
        );
        let base = format!(
            "\"@method\": POST\n\"@target-uri\": https://{HOST}{PATH}\n\"content-digest\": {digest}\n\"content-type\": application/json\n\"@signature-params\": {params}"
        );
        let signature = STANDARD.encode(secret.sign(base.as_bytes()));
        let headers = vec![
            ("host", HOST.to_owned()),
            ("content-type", "application/json".to_owned()),
            ("content-digest", digest),
            ("signature-input", format!("sig={params}")),
            ("signature", format!("sig=:{signature}:")),
        ];
        Self {
            n,
            headers,
            body,
            is_acknowledged: false,
        }
    }

    pub(crate) fn send(&self, server: &Address) -> Result<Reply, Unanswered> {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        server.send("", "POST", PATH, &headers, Some(self.body.as_bytes()))
    }
}

#[test]
fn k11_a_signed_request_counts_once_through_kills() {
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    let random = SeededRandom::new(11);
    let mut server = Server::start(home);
    let master = server.master();
    let pool = json!({"name": "events", "schema": "open"});
    server.post(&master, "/v1/pools", &pool).expect(201);
    let view = json!({"name": "by_n", "pool": "events", "shape": "aggregated",
        "fields": [{"field": "n", "group": true}, {"aggregate": "count", "as": "times"}]});
    server.post(&master, "/v1/views", &view).expect(201);
    let body = json!({"name": "signs", "restrictions": {"signed_requests": true},
        "grants": [{"on": "pool:events", "actions": ["ingest"]}]});
    let made = server.post(&master, "/v1/keys", &body).expect(201);
    let secret = Secret::parse(made["token"].as_str().expect("a token")).expect("a token");
    let (next, mut acknowledged) = (AtomicU64::new(0), Vec::new());
    for round in 0..cases(5, 60) {
        let kept: Mutex<Vec<Sent>> = Mutex::default();
        let client = |_| {
            let (secret, next, kept) = (&secret, &next, &kept);
            move |address: Address, told: Sender<()>| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let mut sent = Sent::signed(secret, n);
                    let reply = sent.send(&address);
                    if let Ok(reply) = &reply {
                        assert_eq!(reply.status, 200, "{}", reply.text());
                        sent.is_acknowledged = true;
                    }
                    kept.lock().expect("a list").push(sent);
                    if reply.is_err() || told.send(()).is_err() {
                        return;
                    }
                }
            }
        };
        let until = 1 + usize::try_from(random.next_u64() % 40).expect("small");
        let clients = (0..CLIENTS).map(client).collect();
        server = killed_at_work(home, server, clients, until);
        let kept = kept.into_inner().expect("a list");
        let replayed = |sent: &Sent| sent.send(&server.address).expect("an answer");
        for sent in &kept {
            let again = replayed(sent);
            match (sent.is_acknowledged, again.status) {
                (true, 401) => acknowledged.push(sent.n),
                // Nobody knows whether it was let in before; now it was.
                (false, 200 | 401) => {}
                other => panic!("round {round}: {other:?} {}", again.text()),
            }
            assert_eq!(replayed(sent).status, 401);
        }
    }
    let data = server.post(&master, "/v1/views/by_n/data", &json!({}));
    let rows = data.expect(200)["data"].as_array().expect("rows").clone();
    let number = |row: &Value, name: &str| row[name].as_u64().expect("a number");
    assert!(
        rows.iter().all(|row| number(row, "times") == 1),
        "none is there twice"
    );
    let stored: std::collections::BTreeSet<u64> = rows.iter().map(|row| number(row, "n")).collect();
    assert!(acknowledged.iter().all(|n| stored.contains(n)));
    assert!(acknowledged.len() >= cases(5, 60), "{}", acknowledged.len());
}

//! An acknowledged record survives `kill -9`, once; so does an acknowledged key.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use model::random::SeededRandom;
use serde_json::json;

use crate::support::launch::limits;
use crate::support::needs::note;
use crate::support::upkeep::Upkeep;
use crate::support::{Address, Server, cases};

const RECORDS_IN_BATCH: u64 = 7;
const CLIENTS: usize = 4;

/// What the clients did and know.
#[derive(Debug, Default)]
struct Clients {
    next: AtomicUsize,
    unanswered: Mutex<Vec<usize>>,
    acknowledged: Mutex<Vec<usize>>,
}

impl Clients {
    /// Sends batches until the server is gone; each acknowledgement is told.
    fn work(&self, server: &Address, token: &str, told: &mpsc::Sender<()>) {
        loop {
            let waiting = self.unanswered.lock().expect("clients").pop();
            let batch = waiting.unwrap_or_else(|| self.next.fetch_add(1, Ordering::Relaxed));
            if !send(server, token, batch) {
                self.unanswered.lock().expect("clients").push(batch);
                return;
            }
            self.acknowledged.lock().expect("clients").push(batch);
            let _ = told.send(());
        }
    }
}

/// Whether the server acknowledged the batch.
fn send(server: &Address, token: &str, batch: usize) -> bool {
    let records: Vec<_> = (0..RECORDS_IN_BATCH)
        .map(|n| json!({"batch": batch.to_string(), "n": n}))
        .collect();
    let body = json!(records).to_string();
    let key = format!("batch-{batch}");
    let headers = [("idempotency-key", key.as_str())];
    let reply = server.send(
        token,
        "POST",
        "/v1/pools/events/records",
        &headers,
        Some(body.as_bytes()),
    );
    match reply {
        Ok(reply) => {
            assert_eq!(reply.status, 200, "{}", reply.text());
            assert_eq!(reply.json()["accepted"], RECORDS_IN_BATCH);
            true
        }
        Err(_) => false,
    }
}

#[test]
fn d5_kill_9_under_load_loses_and_doubles_nothing() {
    let home = tempfile::tempdir().expect("a directory");
    let random = SeededRandom::new(5);
    let mut server = Server::start_with(home.path(), limits(0));
    let mut upkeep = Upkeep::default();
    let master = server.master();
    let pool = json!({"name": "events", "schema": "open", "isolation_field": "batch"});
    server.post(&master, "/v1/pools", &pool).expect(201);
    let view = json!({"name": "batches", "pool": "events", "shape": "aggregated", "fields": [
        {"field": "batch", "group": true}, {"aggregate": "count", "as": "records"},
        {"field": "n", "aggregate": "count_unique", "as": "distinct"}]});
    server.post(&master, "/v1/views", &view).expect(201);
    let writer = server.key(
        "writer",
        &json!([{"on": "pool:events", "actions": ["ingest"]}]),
    );
    let clients = Clients::default();
    let rounds = cases(100, 1_000);
    let mut keys = Vec::new();
    for round in 0..rounds {
        let name = format!("key of round {round}");
        keys.push(server.key(&name, &json!([])));
        let (told, acknowledgements) = mpsc::channel();
        let until = 1 + random.next_u64() % 12;
        server = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    let (clients, told, writer) = (&clients, told.clone(), &writer);
                    let address = server.address.clone();
                    scope.spawn(move || clients.work(&address, writer, &told))
                })
                .collect();
            for _ in 0..until {
                acknowledgements.recv().expect("clients work");
            }
            upkeep.add(Upkeep::of(&server));
            server.kill();
            workers
                .into_iter()
                .for_each(|worker| worker.join().expect("a client"));
            Server::start_with(home.path(), limits(round + 1))
        });
    }
    let waiting = std::mem::take(&mut *clients.unanswered.lock().expect("clients"));
    for batch in waiting {
        assert!(
            send(&server.address, &writer, batch),
            "the last server answers"
        );
        clients.acknowledged.lock().expect("clients").push(batch);
    }
    let acknowledged = clients.acknowledged.lock().expect("clients").clone();
    assert!(acknowledged.len() >= rounds, "the clients were at work");
    note(&format!("{upkeep:?}"));
    assert!(upkeep.flushes > 0 && upkeep.publishes > 0, "{upkeep:?}");
    // How far upkeep comes between two kills is a matter of time: of few there may be no merge.
    assert!(upkeep.merges > 0 || rounds < 1_000, "{upkeep:?}");
    check(&server, &master, &acknowledged);
    for key in keys {
        server.get(&key, "/v1/whoami").expect(200);
    }
}

fn check(server: &Server, master: &str, acknowledged: &[usize]) {
    let data = server
        .post(master, "/v1/views/batches/data", &json!({}))
        .expect(200);
    let rows = data["data"].as_array().expect("rows");
    let counts: BTreeMap<&str, (u64, u64)> = rows
        .iter()
        .map(|row| {
            let count = |name: &str| row[name].as_u64().expect("a count");
            (
                row["batch"].as_str().expect("a batch"),
                (count("records"), count("distinct")),
            )
        })
        .collect();
    for batch in acknowledged {
        let batch = batch.to_string();
        let found = counts.get(batch.as_str());
        assert_eq!(
            found,
            Some(&(RECORDS_IN_BATCH, RECORDS_IN_BATCH)),
            "batch {batch}"
        );
    }
    assert_eq!(
        counts.len(),
        acknowledged.len(),
        "no batch came from nowhere"
    );
}

#[test]
fn a_stopped_server_goes_on_where_it_was() {
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
    let record = json!({"a": {"b": 1}, "c": [1, "x", null]});
    server
        .post(&master, "/v1/pools/p/records", &record)
        .expect(200);
    assert_eq!(server.terminate(), Some(0));
    let server = Server::start(home.path());
    let me = server.get(&master, "/v1/whoami").expect(200);
    assert!(me.to_string().contains("\"rows\":1"), "{me}");
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let home = tempfile::tempdir().expect("a directory");
    let _server = Server::start(home.path());
    let second = std::process::Command::new(crate::support::BINARY)
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
            "--data-dir",
        ])
        .arg(home.path().join("data"))
        .output()
        .expect("it runs");
    assert_eq!(second.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another server"));
}

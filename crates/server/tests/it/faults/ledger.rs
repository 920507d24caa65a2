//! Clients that write while a server fails, and what they may then expect:
//! what was acknowledged is there, once and whole; what was not answered is
//! there whole or not at all; nothing else is there.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::support::{Address, Reply, Server, Unanswered};

const RECORDS_IN_BATCH: u64 = 7;
const CLIENTS: usize = 3;
/// Every so many batches a client changes a key as well.
const BATCHES_PER_KEY_CHANGE: usize = 4;

/// What is known of something that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// It was acknowledged.
    Done,
    /// No answer, or one that does not say that it was done.
    Open,
}

/// A key that was acknowledged.
#[derive(Clone, Debug)]
struct Key {
    id: String,
    token: String,
    /// Whether it was disabled, or somebody tried to.
    disabled: Option<Known>,
}

#[derive(Debug, Default)]
struct Book {
    batches: BTreeMap<u64, Known>,
    keys: Vec<Key>,
}

/// What the clients did, over any number of servers on the same data.
#[derive(Debug)]
pub(crate) struct Ledger {
    master: String,
    /// Bytes that each record has more than it needs.
    padding: usize,
    book: Mutex<Book>,
}

impl Ledger {
    /// Makes the pool and the view that the clients use.
    pub(crate) fn begin(server: &Server) -> Self {
        let master = server.master();
        let pool = json!({"name": "events", "schema": "open", "isolation_field": "batch"});
        server.post(&master, "/v1/pools", &pool).expect(201);
        let view = json!({"name": "batches", "pool": "events", "shape": "aggregated", "fields": [
            {"field": "batch", "group": true}, {"aggregate": "count", "as": "records"},
            {"field": "n", "aggregate": "count_unique", "as": "distinct"}]});
        server.post(&master, "/v1/views", &view).expect(201);
        Self {
            master,
            padding: 0,
            book: Mutex::default(),
        }
    }

    /// The same with records that are this much larger.
    pub(crate) fn padded(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    /// How many batches were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> usize {
        let book = self.book.lock().expect("the book");
        let done = book.batches.values().filter(|known| **known == Known::Done);
        done.count()
    }

    /// Says of a batch that was never sent that it was acknowledged, for
    /// proofs of the check itself.
    pub(crate) fn invent(&self) {
        let mut book = self.book.lock().expect("the book");
        book.batches.insert(u64::MAX, Known::Done);
    }

    /// Lets several clients send `requests` batches together, new ones and
    /// those without an answer, until the server is gone. `told` is called
    /// after each acknowledgement.
    pub(crate) fn work(&self, address: &Address, requests: usize, told: &(dyn Fn() + Sync)) {
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                scope.spawn(move || {
                    for turn in 0..requests.div_ceil(CLIENTS) {
                        if self.turn(address, client, turn, told).is_err() {
                            return;
                        }
                    }
                });
            }
        });
    }

    fn turn(
        &self,
        address: &Address,
        client: usize,
        turn: usize,
        told: &dyn Fn(),
    ) -> Result<(), Unanswered> {
        let batch = self.next_batch(client);
        if self.send(address, batch)? {
            self.note(batch, Known::Done);
            told();
        }
        if turn % BATCHES_PER_KEY_CHANGE == client {
            self.change_keys(address)?;
        }
        Ok(())
    }

    /// A batch of this client that waits for its answer, or a new one.
    fn next_batch(&self, client: usize) -> u64 {
        let mut book = self.book.lock().expect("the book");
        let mine = |batch: &u64| batch % CLIENTS as u64 == client as u64;
        let waiting = book
            .batches
            .iter()
            .find(|(batch, known)| mine(batch) && **known == Known::Open);
        if let Some((batch, _)) = waiting {
            return *batch;
        }
        let last = book
            .batches
            .keys()
            .rfind(|batch| mine(batch) && **batch != u64::MAX);
        let batch = last.map_or(client as u64, |last| last + CLIENTS as u64);
        book.batches.insert(batch, Known::Open);
        batch
    }

    fn note(&self, batch: u64, known: Known) {
        let mut book = self.book.lock().expect("the book");
        book.batches.insert(batch, known);
    }

    /// Whether the server acknowledged the batch.
    fn send(&self, address: &Address, batch: u64) -> Result<bool, Unanswered> {
        let padding = "p".repeat(self.padding);
        let records: Vec<_> = (0..RECORDS_IN_BATCH)
            .map(|n| json!({"batch": batch.to_string(), "n": n, "padding": padding}))
            .collect();
        let key = format!("batch-{batch}");
        let reply = address.send(
            &self.master,
            "POST",
            "/v1/pools/events/records",
            &[("idempotency-key", key.as_str())],
            Some(json!(records).to_string().as_bytes()),
        )?;
        if reply.status == 200 {
            assert_eq!(reply.json()["accepted"], RECORDS_IN_BATCH);
        } else {
            assert!(is_fault(&reply), "{} {}", reply.status, reply.text());
        }
        Ok(reply.status == 200)
    }

    /// Makes a key and disables the one before it.
    fn change_keys(&self, address: &Address) -> Result<(), Unanswered> {
        let post = |path: &str, body: &Value| {
            let body = body.to_string().into_bytes();
            address.send(&self.master, "POST", path, &[], Some(&body))
        };
        let made = post("/v1/keys", &json!({"name": "k", "grants": []}))?;
        if made.status != 201 {
            assert!(is_fault(&made), "{} {}", made.status, made.text());
            return Ok(());
        }
        let made = made.json();
        let text = |name: &str| made[name].as_str().expect("a text").to_owned();
        let (id, token) = (text("id"), text("token"));
        let before = {
            let mut book = self.book.lock().expect("the book");
            let before = book.keys.iter_mut().rev().find(|k| k.disabled.is_none());
            let before = before.map(|key| {
                key.disabled = Some(Known::Open);
                key.id.clone()
            });
            let disabled = None;
            book.keys.push(Key {
                id,
                token,
                disabled,
            });
            before
        };
        let Some(before) = before else { return Ok(()) };
        let reply = post(&format!("/v1/keys/{before}/disable"), &json!({}))?;
        if reply.status == 200 {
            let mut book = self.book.lock().expect("the book");
            let keys = book.keys.iter_mut().filter(|key| key.id == before);
            keys.for_each(|key| key.disabled = Some(Known::Done));
        } else {
            assert!(is_fault(&reply), "{} {}", reply.status, reply.text());
        }
        Ok(())
    }

    /// Compares what the server holds with what the clients know.
    pub(crate) fn check(&self, server: &Server) -> Result<(), String> {
        let book = self.book.lock().expect("the book");
        let mut found = stored(server, &self.master)?;
        for (batch, known) in &book.batches {
            match (known, found.remove(batch)) {
                (_, Some((RECORDS_IN_BATCH, RECORDS_IN_BATCH))) | (Known::Open, None) => {}
                (Known::Done, None) => return Err(format!("acknowledged batch {batch} is lost")),
                (_, Some((records, distinct))) => {
                    return Err(format!(
                        "batch {batch} ({known:?}) has {records} records, {distinct} distinct"
                    ));
                }
            }
        }
        if let Some((batch, _)) = found.first_key_value() {
            return Err(format!("batch {batch} was never sent"));
        }
        for key in &book.keys {
            let status = server.get(&key.token, "/v1/whoami").status;
            let expected: &[u16] = match key.disabled {
                None => &[200],
                Some(Known::Done) => &[401],
                Some(Known::Open) => &[200, 401],
            };
            if key.disabled.is_none() && status == 401 {
                return Err(format!("acknowledged key {} is lost", key.id));
            }
            if !expected.contains(&status) {
                let disabled = key.disabled;
                return Err(format!("key {} ({disabled:?}) answers {status}", key.id));
            }
        }
        Ok(())
    }

    /// Sends everything again that has no answer; a healthy server takes it.
    pub(crate) fn settle(&self, server: &Server) {
        let waiting: Vec<u64> = {
            let book = self.book.lock().expect("the book");
            let open = book.batches.iter().filter(|(_, k)| **k == Known::Open);
            open.map(|(batch, _)| *batch).collect()
        };
        for batch in waiting {
            let sent = self.send(&server.address, batch);
            assert!(sent.expect("an answer"), "batch {batch} is refused");
            self.note(batch, Known::Done);
        }
    }
}

/// Whether the answer says that the server, not the request, is at fault. A
/// key that was let in on an old state is told with 401 while the control
/// plane reads its database anew.
fn is_fault(reply: &Reply) -> bool {
    reply.status >= 500 || reply.status == 401
}

/// The records and the distinct records of each batch.
fn stored(server: &Server, master: &str) -> Result<BTreeMap<u64, (u64, u64)>, String> {
    let reply = server.post(master, "/v1/views/batches/data", &json!({}));
    if reply.status != 200 {
        return Err(format!(
            "the view answers {}: {}",
            reply.status,
            reply.text()
        ));
    }
    let data = reply.json();
    let rows = data["data"].as_array().expect("rows").iter();
    let row = |row: &Value| {
        let count = |name: &str| row[name].as_u64().expect("a count");
        let batch = row["batch"].as_str().expect("a batch").parse();
        let batch = batch.expect("the number of a batch");
        (batch, (count("records"), count("distinct")))
    };
    Ok(rows.map(row).collect())
}

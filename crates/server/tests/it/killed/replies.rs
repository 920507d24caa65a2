//! K19, D5: replies are lost on their way, the process is killed in between,
//! clients repeat what they have no answer to; each batch is stored and charged
//! once, and each key is made once, beside flushes and merges of files.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

use model::random::SeededRandom;
use serde_json::{Value, json};

use super::killed_at_work_with;
use crate::support::cutting::Cutting;
use crate::support::launch::limits;
use crate::support::needs::note;
use crate::support::upkeep::table_files;
use crate::support::{Address, Server, cases};

const CLIENTS: usize = 16;
const RECORDS_IN_BATCH: u64 = 3;
/// After so many batches a client makes a key and disables it.
const BATCHES_PER_KEY: usize = 25;

type Client<'a> = Box<dyn FnOnce(Address, Sender<()>) + Send + 'a>;

/// Something that has one effect, however often it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    Batch(usize),
    Key(usize),
}

/// All work that is to be done, and what of it got no answer in an earlier life.
#[derive(Debug)]
struct Work {
    batches: usize,
    next: AtomicUsize,
    unanswered: Mutex<VecDeque<Job>>,
    repeated: AtomicUsize,
    master: String,
    writer: String,
}

impl Work {
    /// Takes one job after the other until all are done or the server is gone.
    fn work(&self, proxy: &Cutting, told: &Sender<()>) {
        while let Some(job) = self.take() {
            if !self.is_done(proxy, job) {
                self.unanswered.lock().expect("the list").push_back(job);
                return;
            }
            if let Job::Batch(number) = job
                && number % BATCHES_PER_KEY == 0
            {
                let key = Job::Key(number);
                self.unanswered.lock().expect("the list").push_back(key);
            }
            let _ = told.send(());
        }
    }

    fn take(&self) -> Option<Job> {
        if let Some(job) = self.unanswered.lock().expect("the list").pop_front() {
            return Some(job);
        }
        let next = self.next.fetch_add(1, Ordering::SeqCst);
        (next < self.batches).then_some(Job::Batch(next))
    }

    /// Repeats the job until it is answered; false when the server is gone.
    fn is_done(&self, proxy: &Cutting, job: Job) -> bool {
        loop {
            if self.send(&proxy.address, job) {
                return true;
            }
            if proxy.is_gone() {
                return false;
            }
            self.repeated.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Whether it was answered; every answer says that it is done.
    fn send(&self, server: &Address, job: Job) -> bool {
        let (token, path, body, name) = match job {
            Job::Batch(number) => {
                let record = |n| json!({"batch": number.to_string(), "n": n});
                let records = (0..RECORDS_IN_BATCH).map(record);
                let body = Value::Array(records.collect());
                let name = format!("batch-{number}");
                (&self.writer, "/v1/pools/events/records", body, name)
            }
            Job::Key(number) => {
                let name = format!("key-{number}");
                let body = json!({"name": name, "grants": []});
                (&self.master, "/v1/keys", body, name)
            }
        };
        let headers = [("idempotency-key", name.as_str())];
        let body = body.to_string().into_bytes();
        let Ok(reply) = server.send(token, "POST", path, &headers, Some(&body)) else {
            return false;
        };
        assert!([200, 201].contains(&reply.status), "{}", reply.text());
        let Job::Key(_) = job else { return true };
        // Repeated as often as it likes, it stays disabled.
        let id = reply.json()["id"].as_str().expect("an id").to_owned();
        let path = format!("/v1/keys/{id}/disable");
        let disabled = server.send(token, "POST", &path, &[], Some(b"{}"));
        disabled.is_ok_and(|reply| {
            assert_eq!(reply.status, 200, "{}", reply.text());
            true
        })
    }
}

fn begin(server: &Server, batches: usize) -> Work {
    let master = server.master();
    let pool = json!({"name": "events", "schema": "open", "isolation_field": "batch"});
    server.post(&master, "/v1/pools", &pool).expect(201);
    let view = json!({"name": "batches", "pool": "events", "shape": "aggregated", "fields": [
        {"field": "batch", "group": true}, {"aggregate": "count", "as": "records"},
        {"field": "n", "aggregate": "count_unique", "as": "distinct"}]});
    server.post(&master, "/v1/views", &view).expect(201);
    let body = json!({"name": "metered", "limits": {"credits":
            {"core": {"amount": 10_000_000, "period": "month"}, "premium": null}},
        "grants": [{"on": "pool:events", "actions": ["ingest"]}]});
    let made = server.post(&master, "/v1/keys", &body).expect(201);
    Work {
        batches,
        next: AtomicUsize::new(0),
        unanswered: Mutex::default(),
        repeated: AtomicUsize::new(0),
        writer: made["token"].as_str().expect("a token").to_owned(),
        master,
    }
}

/// Everything is there exactly once.
fn check(server: &Server, work: &Work) {
    let mut found = BTreeMap::new();
    let data = server.post(&work.master, "/v1/views/batches/data", &json!({}));
    for row in data.expect(200)["data"].as_array().expect("rows") {
        let count = |name: &str| row[name].as_u64().expect("a count");
        let batch: usize = row["batch"]
            .as_str()
            .expect("a batch")
            .parse()
            .expect("one");
        found.insert(batch, (count("records"), count("distinct")));
    }
    let whole = (RECORDS_IN_BATCH, RECORDS_IN_BATCH);
    for batch in 0..work.batches {
        assert_eq!(found.remove(&batch), Some(whole), "batch {batch}");
    }
    assert!(found.is_empty(), "{found:?}");
    let shown = server.get(&work.writer, "/v1/whoami").expect(200);
    let credits = &shown["left"]["credits"]["core"];
    assert_eq!(credits["spent"], work.batches, "one credit for each batch");
    assert_eq!(credits["reserved"], 0);
    let listed = server.get(&work.master, "/v1/keys?limit=1000").expect(200);
    let mut keys = BTreeMap::new();
    for key in listed["items"].as_array().expect("keys") {
        let name = key["name"].as_str().expect("a name").to_owned();
        if name.starts_with("key-") {
            let is_disabled = key["status"] == "disabled";
            assert_eq!(keys.insert(name, is_disabled), None, "made once");
        }
    }
    let made = work.batches.div_ceil(BATCHES_PER_KEY);
    assert_eq!(keys.len(), made);
    assert!(keys.values().all(|is_disabled| *is_disabled), "{keys:?}");
}

#[test]
fn k19_what_is_repeated_over_lost_replies_and_kills_counts_once() {
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    let random = SeededRandom::new(19);
    let (batches, kills) = (cases(500, 10_000), cases(4, 100));
    let mut server = Server::start_with(home, limits(0));
    let work = begin(&server, batches);
    let proxy = Cutting::before(&server.address, 1_905);
    for life in 0..=kills {
        let mut clients: Vec<Client<'_>> = Vec::new();
        for _ in 0..CLIENTS {
            let (work, proxy) = (&work, &proxy);
            clients.push(Box::new(move |_, told| work.work(proxy, &told)));
        }
        // The last one works to the end, and is killed with all of it answered.
        let share = 2 * batches / (kills + 1);
        let until = match life < kills {
            true => 1 + usize::try_from(random.next_u64()).expect("64 bits") % share,
            false => usize::MAX,
        };
        let options = limits(life + 1);
        server = killed_at_work_with(home, server, clients, until, options);
        proxy.leads_to(&server.address);
    }
    let repeated = work.repeated.load(Ordering::SeqCst);
    let lost = proxy.lost();
    let files = table_files(&home.join("data")).len();
    note(&format!(
        "{lost} replies lost, {repeated} repeats, {files} files"
    ));
    assert!(files > 0, "records went to files meanwhile");
    assert!(lost > 0 && repeated > 0, "{lost} {repeated}");
    assert!(work.unanswered.lock().expect("the list").is_empty());
    check(&server, &work);
    // And a batch that is sent once more is answered as it was.
    assert!(work.send(&server.address, Job::Batch(0)));
    check(&server, &work);
}

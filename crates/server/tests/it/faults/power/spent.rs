//! What was used up stays used up through power cuts, once, and the audit is
//! whole: credits, one-time codes, nonces of signed requests, keys that were made.

mod people;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};

use lake::simulation::Random;
use model::secrets::Secret;
use serde_json::{Value, json};

use super::mount::{Disk, Syncs};
use super::{PATIENCE, mounted};
use crate::support::launch::Launch;
use crate::support::needs::{may_use, note};
use crate::support::signed::SignedPost;
use crate::support::{Address, BINARY, Reply, Server, Unanswered, cases};
use people::{Owner, Pair};

const RECORDS: &str = "/v1/pools/events/records";
const WRITERS: usize = 3;
const SIGNERS: usize = 2;
/// Those who send one code at once.
const SENDERS: usize = 3;
const CREDITS: u64 = 10_000_000;

/// What the clients did in all lives of the server, and what they were told of it.
struct Spent {
    master: String,
    /// The token of a key with credits: one for each batch.
    metered: String,
    signs: Secret,
    owner: Owner,
    batches: Mutex<Batches>,
    /// Signed requests of this life, each with whether it was acknowledged.
    signed: Mutex<Vec<(SignedPost, bool)>>,
    nonces: AtomicU64,
    /// The ids of keys that were acknowledged.
    made: Mutex<Vec<String>>,
}

#[derive(Debug, Default)]
struct Batches {
    sent: u64,
    acknowledged: u64,
    unanswered: Vec<u64>,
}

/// Whether it was done. Somebody whose power is cut says nothing, or that it
/// is at fault; one that reads its database anew knows no key.
fn is_done(reply: Result<Reply, Unanswered>, expected: u16) -> Option<Reply> {
    let reply = reply.ok()?;
    let is_fault = reply.status >= 500 || reply.status == 401;
    assert!(
        reply.status == expected || is_fault,
        "{} {}",
        reply.status,
        reply.text()
    );
    (reply.status == expected).then_some(reply)
}

impl Spent {
    fn begin(server: &Server) -> Self {
        let master = server.master();
        let pool = json!({"name": "events", "schema": "open"});
        server.post(&master, "/v1/pools", &pool).expect(201);
        let key = |body: Value| {
            let made = server.post(&master, "/v1/keys", &body).expect(201);
            made["token"].as_str().expect("a token").to_owned()
        };
        let grants = json!([{"on": "pool:events", "actions": ["ingest"]}]);
        let metered = key(json!({"name": "metered", "grants": grants,
            "limits": {"credits": {"core": {"amount": CREDITS, "period": "month"},
                "premium": null}}}));
        let signs = key(json!({"name": "signs", "grants": grants,
            "restrictions": {"signed_requests": true}}));
        Self {
            owner: Owner::begin(server),
            master,
            metered,
            signs: Secret::parse(&signs).expect("a token"),
            batches: Mutex::default(),
            signed: Mutex::default(),
            nonces: AtomicU64::new(0),
            made: Mutex::default(),
        }
    }

    fn batches(&self) -> std::sync::MutexGuard<'_, Batches> {
        self.batches.lock().expect("the book")
    }

    fn write(&self, server: &Address, batch: u64) -> Result<Reply, Unanswered> {
        let named = format!("batch-{batch}");
        let headers = [("idempotency-key", named.as_str())];
        let body = json!({ "batch": batch }).to_string().into_bytes();
        server.send(&self.metered, "POST", RECORDS, &headers, Some(&body))
    }

    /// Sends batches until one is not acknowledged.
    fn spend_credits(&self, server: &Address, told: &Sender<()>) {
        loop {
            let batch = {
                let mut batches = self.batches();
                batches.sent += 1;
                batches.sent
            };
            if is_done(self.write(server, batch), 200).is_none() {
                return self.batches().unanswered.push(batch);
            }
            self.batches().acknowledged += 1;
            let _ = told.send(());
        }
    }

    /// Sends signed requests until one is not acknowledged.
    fn spend_nonces(&self, server: &Address, told: &Sender<()>) {
        loop {
            let nonce = self.nonces.fetch_add(1, Ordering::Relaxed);
            let post = SignedPost::new(&self.signs, RECORDS, &json!({ "nonce": nonce }), nonce);
            let is_done = is_done(post.send(server), 200).is_some();
            self.signed.lock().expect("a list").push((post, is_done));
            if !is_done {
                return;
            }
            let _ = told.send(());
        }
    }

    /// Makes keys until one is not acknowledged.
    fn make_keys(&self, server: &Address, told: &Sender<()>) {
        let body = json!({"name": "k", "grants": []}).to_string();
        let make = || server.send(&self.master, "POST", "/v1/keys", &[], Some(body.as_bytes()));
        while let Some(reply) = is_done(make(), 201) {
            let id = reply.json()["id"].as_str().expect("an id").to_owned();
            self.made.lock().expect("a list").push(id);
            let _ = told.send(());
        }
    }

    /// Compares what the server holds with what the clients know.
    fn check(&self, server: &Server, pair: &Pair) -> Result<(), String> {
        pair.check(server)?;
        self.check_nonces(server)?;
        self.check_credits(server)?;
        self.check_audit(server)
    }

    fn check_nonces(&self, server: &Server) -> Result<(), String> {
        let signed = std::mem::take(&mut *self.signed.lock().expect("a list"));
        for (post, is_acknowledged) in &signed {
            let again = post.send(&server.address).expect("an answer").status;
            match (is_acknowledged, again) {
                // Nobody knows whether it was let in before; now it was.
                (true, 401) | (false, 200 | 401) => {}
                _ => return Err(format!("a nonce is let in again: {again} to {post:?}")),
            }
            let third = post.send(&server.address).expect("an answer").status;
            if third != 401 {
                return Err(format!("a nonce is let in again: {third} to {post:?}"));
            }
        }
        Ok(())
    }

    fn check_credits(&self, server: &Server) -> Result<(), String> {
        let spent = || -> Result<u64, String> {
            let reply = server.get(&self.metered, "/v1/whoami");
            if reply.status != 200 {
                return Err(format!("the key with credits is lost: {}", reply.text()));
            }
            let shown = reply.json();
            let core = &shown["left"]["credits"]["core"];
            assert_eq!(core["reserved"], 0, "{shown}");
            Ok(core["spent"].as_u64().expect("a number"))
        };
        let mut batches = self.batches();
        let (sent, acknowledged, found) = (batches.sent, batches.acknowledged, spent()?);
        if found < acknowledged || found > sent {
            return Err(format!(
                "credits are lost or doubled: {found} spent, {acknowledged} acknowledged of {sent}"
            ));
        }
        for batch in std::mem::take(&mut batches.unanswered) {
            for _ in 0..2 {
                let reply = self.write(&server.address, batch).expect("an answer");
                if reply.status != 200 {
                    return Err(format!("a batch that is repeated: {}", reply.text()));
                }
            }
            batches.acknowledged += 1;
        }
        match spent()? {
            found if found == sent => Ok(()),
            found => Err(format!(
                "credits are lost or doubled: {found} spent for {sent} batches"
            )),
        }
    }

    /// Whether every key that was acknowledged has one entry.
    fn check_audit(&self, server: &Server) -> Result<(), String> {
        let exported = server.get(&self.master, "/v1/audit/export");
        if exported.status != 200 {
            return Err(format!("no audit: {}", exported.text()));
        }
        let exported = exported.text();
        let mut entries: BTreeMap<String, usize> = BTreeMap::new();
        for line in exported.lines() {
            let entry: Value = serde_json::from_str(line).expect("an entry");
            if entry["action"] == "key.create" {
                let id = entry["subject_id"].as_str().expect("an id").to_owned();
                *entries.entry(id).or_default() += 1;
            }
        }
        for id in self.made.lock().expect("a list").iter() {
            match entries.get(id) {
                Some(1) => {}
                None => return Err(format!("the audit's entry of key {id} is lost")),
                Some(times) => return Err(format!("the audit has key {id} {times} times")),
            }
        }
        Ok(())
    }
}

/// Lets the binary verify the audit of a server that does not run.
fn verify_audit(home: &Path) -> Result<(), String> {
    let verified = Command::new(BINARY)
        .args(["audit", "verify", "--data-dir", "data", "--json"])
        .current_dir(home)
        .env_clear()
        .output()
        .expect("it runs");
    let said = [verified.stdout, verified.stderr].concat();
    match verified.status.code() {
        Some(0) => Ok(()),
        _ => Err(format!(
            "the audit is not whole: {}",
            String::from_utf8_lossy(&said)
        )),
    }
}

fn start(home: &Path) -> Result<Server, String> {
    let started = Launch::at(home).start();
    started.map_err(|ended| format!("no start after the cut: {}", ended.log))
}

/// What was spent in a life, and how often a cut came right after a code.
#[derive(Debug, Default)]
struct Life {
    batches: u64,
    nonces: u64,
    keys: usize,
    codes: usize,
}

/// Lets clients work until the power is cut: right after a code was let in,
/// or after so many acknowledgements of others.
fn work_until_cut(spent: &Spent, server: Server, disk: &Disk, pair: &Pair, until: Option<u64>) {
    let (told, acknowledgements) = mpsc::channel();
    let (entered, is_entered) = mpsc::channel();
    let server_at = &server.address.clone();
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            let told = told.clone();
            scope.spawn(move || spent.spend_credits(server_at, &told));
        }
        for _ in 0..SIGNERS {
            let told = told.clone();
            scope.spawn(move || spent.spend_nonces(server_at, &told));
        }
        let keys = told.clone();
        scope.spawn(move || spent.make_keys(server_at, &keys));
        for _ in 0..SENDERS {
            let entered = entered.clone();
            scope.spawn(move || pair.enter(server_at, &entered));
        }
        match until {
            None => is_entered.recv_timeout(PATIENCE).expect("a code is good"),
            Some(until) => {
                for _ in 0..until {
                    acknowledgements
                        .recv_timeout(PATIENCE)
                        .expect("clients work");
                }
            }
        }
        // From here on nothing is written any more, and nothing synced.
        disk.cut();
        server.kill();
    });
}

fn cut_again_and_again(cuts: usize, syncs: Syncs, seed: u64) -> Result<Life, String> {
    let mut life = Life::default();
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    let mut random = Random::new(seed);
    let mut disk = mounted(home);
    let mut server = start(home)?;
    let spent = Spent::begin(&server);
    for cut in 0..cuts {
        disk.set_syncs(Syncs::Work);
        let pair = spent.owner.invite(&server)?;
        disk.set_syncs(syncs);
        let until = (cut % 2 == 0).then(|| 1 + random.below(60));
        work_until_cut(&spent, server, &disk, &pair, until);
        life.codes += pair.entered();
        disk = disk.power_on(&mut random).expect("mounted again");
        verify_audit(home)?;
        server = start(home)?;
        spent.check(&server, &pair)?;
    }
    server.kill();
    drop(disk);
    life.batches = spent.batches().acknowledged;
    life.nonces = spent.nonces.load(Ordering::Relaxed);
    life.keys = spent.made.lock().expect("a list").len();
    Ok(life)
}

#[test]
fn power_cuts_bring_nothing_back_that_was_spent_and_the_audit_is_whole() {
    if !may_use("fuse") {
        return;
    }
    let lives = cases(2, 20) as u64;
    for seed in 0..lives {
        match cut_again_and_again(cases(4, 10), Syncs::Work, 100 + seed) {
            Ok(life) => {
                note(&format!("seed {seed}: {life:?}"));
                assert!(life.batches > 0 && life.nonces > 0 && life.codes > 0);
            }
            Err(loss) => panic!("seed {seed}: {loss}"),
        }
    }
}

/// The mutant: what is acknowledged is not on stable storage.
#[test]
fn a_disk_whose_syncs_do_nothing_brings_back_what_was_spent() {
    if !may_use("fuse") {
        return;
    }
    let mut found = (0..40).filter_map(|seed| cut_again_and_again(4, Syncs::Lie, seed).err());
    let is_meant = |found: &String| {
        let words = ["lost or doubled", "is let in again", "entry of key"];
        words.iter().any(|word| found.contains(word))
    };
    assert!(found.any(|found| is_meant(&found)), "nothing was found out");
}

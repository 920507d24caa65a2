//! Pools in which records replace others and grow too old.
//!
//! The one world is sent all records, the other those visible ones that no
//! hidden one replaces later: what a hidden record replaces is gone there, too.
//! Hidden records are replaced and deleted in the one world alone, and some
//! pools have no visible record that is too old.

use std::collections::{BTreeMap, BTreeSet};

use model::random::SeededRandom;
use model::time::Timestamp;
use serde_json::{Value, json};

use super::requests::{CONSTRAINTS, Request, Sees, analyses, constraint, pick, records, requests};
use super::{Limits, Tokens, Worlds, normal, stored, views};
use crate::support::clock::seconds;
use crate::support::launch::SMALL_LIMITS;
use crate::support::upkeep::Upkeep;
use crate::support::{Server, cases};

/// Records from before this time are too old in the end. It is far from those
/// of any record, since the days of a pool are whole and the clock goes on.
const KEPT_FROM: &str = "2025-12-15T00:00:00Z";
/// From here on ids are those of records that never come to be visible.
const HIDDEN_IDS: usize = 100;

/// What tells a record from others, in words.
type Key = (String, i64);

/// A pool of both worlds, and the key that asks it.
struct Case<'a> {
    worlds: &'a Worlds,
    number: usize,
    pool: String,
    canary: String,
    tokens: Tokens,
    random: SeededRandom,
    sees: Sees,
    is_in_files: bool,
}

fn post(path: String, body: Value) -> Request {
    Request {
        method: "POST",
        path,
        accept: "*/*",
        body: Some(body),
    }
}

fn key_of(record: &Value) -> Key {
    let customer = record["customer"].as_str().expect("a customer");
    (customer.to_owned(), record["id"].as_i64().expect("an id"))
}

/// Of each record whether the other world is sent it, and the keys of the hidden ones.
fn lasting(all: &[(Value, bool)]) -> (Vec<bool>, BTreeSet<Key>) {
    let (mut lasts, mut hidden) = (vec![false; all.len()], BTreeSet::new());
    for (at, (record, is_visible)) in all.iter().enumerate().rev() {
        let key = key_of(record);
        if *is_visible {
            lasts[at] = !hidden.contains(&key);
        } else {
            hidden.insert(key);
        }
    }
    (lasts, hidden)
}

impl<'a> Case<'a> {
    /// Defines a pool with what reads it, and its key.
    fn new(worlds: &'a Worlds, number: usize, is_in_files: bool) -> Self {
        let random = SeededRandom::new(1_000_000 + number as u64);
        let canary = format!("canary{:016x}{:016x}", random.next_u64(), random.next_u64());
        let pool = format!("replacing{number}");
        let (rows, sees) = constraint(number % CONSTRAINTS);
        let layout = ["shared", "file_per_customer"][number / 2 % 2];
        worlds.admin(
            "/v1/pools",
            &json!({"name": pool, "schema": "open", "time_field": "at", "layout": layout,
                "isolation_field": "customer", "unique": ["id"],
                "fields": [{"name": "at", "type": "DateTime"},
                    {"name": "customer", "type": "String"}, {"name": "id", "type": "Int64"},
                    {"name": "amount", "type": "Float64"}, {"name": "n", "type": "Int64"}]}),
        );
        for view in views(&pool, &Value::Null) {
            worlds.admin("/v1/views", &view);
        }
        stored::define(worlds, &pool);
        let mut grants = json!([
            {"on": format!("view:{pool}-records"), "actions": ["read"], "constraints": rows},
            {"on": format!("view:{pool}-aggregated"), "actions": ["read"], "constraints": rows},
            {"on": format!("view:{pool}-time_series"), "actions": ["read"], "constraints": rows},
            {"on": format!("pool:{pool}"), "constraints": rows,
                "actions": ["query", "extract", "schema", "delete"]},
            {"on": format!("pool:{pool}"), "actions": ["ingest"],
                "injections": {"customer": "a"}}]);
        let all = grants.as_array_mut().expect("a list");
        all.extend(stored::grants(&rows));
        let limits = Limits {
            credits: number % CONSTRAINTS == 1,
            rate: true,
        };
        let tokens = worlds.key("secret", &grants, limits);
        Self {
            worlds,
            number,
            pool,
            canary,
            tokens,
            random,
            sees,
            is_in_files,
        }
    }

    fn path(&self, what: &str) -> String {
        format!("/v1/pools/{}/{what}", self.pool)
    }

    /// Random records with few ids, some of them old. No two of all stages are of one time.
    fn records(&self, stage: usize) -> Vec<(Value, bool)> {
        let mut all = records(&self.random, &self.canary, self.sees);
        for (record, is_visible) in &mut all {
            let at = record["at"].as_str().expect("a time");
            let at = at.replace(":00Z", &format!(":{stage:02}Z"));
            // Every other pool has hidden records alone that are.
            let may_be_old = !*is_visible || (self.number / 2 + self.number / 8) % 2 == 1;
            record["at"] = match pick(&self.random, 3) {
                0 if may_be_old => json!(at.replace("2026-01", "2025-11")),
                _ => json!(at),
            };
            let is_apart = !*is_visible && pick(&self.random, 2) == 0;
            record["id"] = match is_apart {
                true => json!(HIDDEN_IDS + pick(&self.random, 4)),
                false => json!(pick(&self.random, 6)),
            };
        }
        all
    }

    /// Sends to a server what is to be stored, all of which is good.
    fn store(&self, server: &Server, records: &[&Value]) {
        if records.is_empty() {
            return;
        }
        let path = self.path("records");
        let stored = server.post(&server.master(), &path, &json!(records));
        let stored = stored.expect(200);
        assert_eq!(stored["accepted"], records.len(), "{stored}");
    }

    fn delete(&self, server: &Server, filter: &Value) {
        let body = json!({ "filters": [filter] });
        let deleted = server.post(&server.master(), &self.path("delete"), &body);
        deleted.expect(200);
    }

    /// Sends records to both worlds, as far as they are to hold them. In between
    /// records go to files and some are deleted. Answers how many visible ones
    /// were not sent to the other world.
    fn send(&self, stage: usize) -> usize {
        let all = self.records(stage);
        let (lasts, hidden) = lasting(&all);
        // What was visible of these keys until now is replaced by something hidden.
        if stage > 1 && !hidden.is_empty() {
            let each = hidden.iter().map(|(customer, id)| {
                json!({"all": [{"field": "customer", "operator": "eq", "value": customer},
                    {"field": "id", "operator": "eq", "value": id}]})
            });
            let any = each.collect::<Vec<_>>();
            self.delete(&self.worlds.seen, &json!({ "any": any }));
        }
        let replaced = all.iter().zip(&lasts);
        let replaced = replaced.filter(|((_, is_visible), lasts)| *is_visible && !**lasts);
        let replaced = replaced.count();
        let all: Vec<(&Value, bool)> = all.iter().map(|(record, _)| record).zip(lasts).collect();
        let mut rest = all.as_slice();
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(rest.len().min(1 + pick(&self.random, 20)));
            let whole: Vec<&Value> = batch.iter().map(|(record, _)| *record).collect();
            let some = batch.iter().filter(|(_, lasts)| *lasts);
            let some: Vec<&Value> = some.map(|(record, _)| *record).collect();
            self.store(&self.worlds.full, &whole);
            self.store(&self.worlds.seen, &some);
            rest = later;
            match pick(&self.random, 6) {
                0 => self.settle(),
                1 => {
                    let gone = json!({"field": "n", "operator": "eq", "value": 42});
                    self.delete(&self.worlds.full, &gone);
                    self.delete(&self.worlds.seen, &gone);
                }
                _ => {}
            }
        }
        replaced
    }

    /// Waits until records are in files, where they go there.
    fn settle(&self) {
        if self.is_in_files {
            for server in [&self.worlds.full, &self.worlds.seen] {
                Upkeep::wait_for(server, |upkeep| upkeep.waiting == 0);
            }
        }
    }

    /// Whether who asks is held to customers, and not to some of their records.
    fn is_held_to_customers(&self) -> bool {
        self.number.is_multiple_of(CONSTRAINTS)
    }

    /// A record that the key sees, whatever its constraint.
    fn seen_by_all(&self, id: usize, tag: &str) -> Value {
        json!({"customer": "a", "id": id, "at": format!("2026-01-09T22:00:{id:02}Z"),
            "owner": "alice", "amount": id, "n": 5, "tag": tag, "note": tag})
    }

    /// A record comes that replaces none: what is kept may go on without it.
    fn add_visible(&self) {
        let record = self.seen_by_all(50, "red");
        self.store(&self.worlds.full, &[&record]);
        self.store(&self.worlds.seen, &[&record]);
    }

    /// A delete that may concern anybody: nothing kept outlives this.
    fn close(&self) {
        let record = self.seen_by_all(51, "closing");
        let gone = json!({"field": "tag", "operator": "eq", "value": "closing"});
        for server in [&self.worlds.full, &self.worlds.seen] {
            self.store(server, &[&record]);
            self.delete(server, &gone);
        }
    }

    /// Replaces and deletes hidden records, of which the other world has none.
    fn change_hidden(&self) {
        let hidden = self.records(2).into_iter();
        let hidden = hidden.filter(|(_, is_visible)| !is_visible);
        let hidden: Vec<Value> = hidden
            .map(|(mut record, _)| {
                record["id"] = json!(HIDDEN_IDS + pick(&self.random, 4));
                record
            })
            .collect();
        let whole: Vec<&Value> = hidden.iter().collect();
        self.store(&self.worlds.full, &whole);
        let some = json!({"all": [{"field": "note", "operator": "eq", "value": self.canary},
            {"field": "customer", "operator": "in", "value": ["b", "d"]},
            {"field": "id", "operator": "gte", "value": HIDDEN_IDS + 2}]});
        self.delete(&self.worlds.full, &some);
    }

    /// Has the key write for its customer, bad records and repeated requests
    /// among them: it is told the same, whatever its records replace.
    fn write_as_the_key(&self, stage: usize) -> usize {
        let record = |index: usize| {
            json!({"id": index % 6, "at": format!("2026-01-07T23:{index:02}:{stage:02}Z"),
                "owner": "alice", "customer": "b", "amount": index, "n": 5, "tag": "green",
                "note": index})
        };
        let good: Vec<Value> = (0..9).map(record).collect();
        let mut bad = good.clone();
        bad[2] = json!({"owner": "alice"});
        bad[4]["id"] = json!("x");
        let sent = [
            ("a", &good),
            ("a", &good),
            ("a", &bad),
            ("b", &bad),
            ("b", &bad),
        ];
        for (name, records) in sent {
            let name = format!("{name}{stage}");
            let headers = [("idempotency-key", name.as_str())];
            let body = json!(records).to_string().into_bytes();
            let path = self.path("records");
            let [full, seen] = self.sides().map(|(server, token)| {
                let reply = server.send(token, "POST", &path, &headers, Some(&body));
                reply.expect("an answer")
            });
            assert!(matches!(full.status, 200 | 422), "{}", full.text());
            assert_eq!(normal(&full), normal(&seen), "{name}");
        }
        if self.tokens.is_metered {
            let left = self.worlds.left(&self.tokens);
            assert_eq!(left[0], left[1], "a write cost more by hidden rows");
        }
        sent.len()
    }

    fn sides(&self) -> [(&Server, &str); 2] {
        [
            (&self.worlds.full, self.tokens.full.as_str()),
            (&self.worlds.seen, self.tokens.seen.as_str()),
        ]
    }

    fn compare(&self, all: Vec<Request>) -> usize {
        let count = all.len();
        for request in all {
            self.worlds.compare(&self.tokens, &request, &self.canary);
        }
        count
    }

    /// How many records a server holds, and how many of them are old.
    fn held(&self, server: &Server) -> [u64; 2] {
        let whole = [("pool", json!(self.pool)), ("analysis", json!("count"))];
        let old = [
            ("from", json!("2025-11-01T00:00:00Z")),
            ("to", json!(KEPT_FROM)),
        ];
        let periods: [&[(&str, Value)]; 2] = [&[], &old];
        periods.map(|period| {
            let members = whole.iter().chain(period).cloned();
            let members = members.map(|(name, value)| (name.to_owned(), value));
            let question = Value::Object(members.collect());
            let counted = server.post(&server.master(), "/v1/query", &question);
            counted.expect(200)["result"].as_u64().expect("a number")
        })
    }

    /// From now on both worlds keep what is from [`KEPT_FROM`] on.
    fn retain(&self) {
        let from = Timestamp::parse(KEPT_FROM)
            .expect("a time")
            .as_microsecond()
            / 1_000_000;
        let days = (seconds() - u64::try_from(from).expect("after 1970")) / 86_400;
        let change = json!({ "retention_days": days });
        for server in [&self.worlds.full, &self.worlds.seen] {
            let path = format!("/v1/pools/{}", self.pool);
            let changed = server.call(&server.master(), "PATCH", &path, Some(&change));
            assert_eq!(changed.expect(200)["retention_days"], days);
        }
    }

    /// Waits until nothing old is left in either world.
    fn wait_for_retention(&self) {
        for server in [&self.worlds.full, &self.worlds.seen] {
            let mut looks = 0..100_000;
            assert!(looks.any(|_| self.held(server)[1] == 0), "old records go");
        }
    }

    /// What was counted of the key here and there, by pools and views.
    fn used(&self) -> [BTreeMap<String, [u64; 3]>; 2] {
        self.sides().map(|(server, token)| {
            let me = server.get(token, "/v1/whoami").expect(200);
            let id = me["id"].as_str().expect("an id");
            let path = format!("/v1/usage?key_id={id}");
            let listed = server.get(&server.master(), &path).expect(200);
            let mut used: BTreeMap<String, [u64; 3]> = BTreeMap::new();
            // A night may have fallen in between.
            for item in listed["items"].as_array().expect("a list") {
                let of = format!("{} {}", item["pool"]["name"], item["view"]["name"]);
                let sums = used.entry(of).or_default();
                for (sum, name) in sums.iter_mut().zip(["requests", "refused", "records"]) {
                    *sum += item[name].as_u64().expect("a number");
                }
            }
            used
        })
    }
}

#[test]
fn a_key_gets_the_same_bytes_whatever_hidden_rows_replace_or_outlive() {
    let homes = [(); 4].map(|()| tempfile::tempdir().expect("a directory"));
    let [full, seen, full_in_files, seen_in_files] = &homes;
    let in_memory = Worlds::start([full.path(), seen.path()], &[]);
    let in_files = Worlds::start([full_in_files.path(), seen_in_files.path()], SMALL_LIMITS);
    let (mut asked, mut shown, mut replaced, mut old_seen) = (0, 0, 0, 0);
    // Each constraint in turn; the longer form has each in memory and in files.
    let all: Vec<Case<'_>> = (0..cases(4, 40))
        .map(|number| {
            let is_in_files = (number + number / CONSTRAINTS) % 2 == 1;
            let worlds = if is_in_files { &in_files } else { &in_memory };
            Case::new(worlds, number, is_in_files)
        })
        .collect();
    for case in &all {
        replaced += case.send(1);
        case.settle();
        shown += usize::from(stored::fill(case.worlds, &case.pool, &case.canary) > 0);
        asked += case.compare(stored::results(&case.pool));
        // Nothing of this is to be noticed, by what is kept or by what is not.
        let mut results = stored::results(&case.pool);
        if case.is_held_to_customers() {
            // Not even by an answer that is younger than it had to be. How old
            // those of datasets are goes by the clock.
            case.add_visible();
            results.retain(|request| request.path.contains("/saved-queries/"));
        }
        case.change_hidden();
        asked += case.compare(results);
        replaced += case.send(3);
        asked += case.write_as_the_key(4);
        case.close();
        let pool = case.pool.as_str();
        asked += case.compare(analyses(&case.random, pool, pool));
        case.settle();
        asked += case.compare(stored::results(pool));
    }
    for case in &all {
        let [[full, full_old], [seen, seen_old]] =
            case.sides().map(|(server, _)| case.held(server));
        assert!(full > seen && seen > 0, "{full} and {seen} records");
        assert!(full_old > seen_old, "{full_old} and {seen_old} are old");
        old_seen += usize::from(seen_old > 0);
        case.retain();
    }
    all.iter().for_each(Case::wait_for_retention);
    for case in &all {
        let pool = case.pool.as_str();
        asked += case.compare(stored::results(pool));
        for request in requests(&case.random, pool, false) {
            let deletes = request.path.ends_with("/delete");
            asked += case.worlds.walk(&case.tokens, &request, &case.canary);
            if deletes && request.body != Some(json!({"filters": []})) {
                asked += case.compare(stored::results(pool));
            }
        }
        asked += case.write_as_the_key(5);
        let counted = post(
            "/v1/query".to_owned(),
            json!({"analysis": "count", "pool": pool}),
        );
        asked += case.compare(vec![counted]);
        let [full, seen] = case.used();
        assert_eq!(full, seen, "usage tells of hidden rows");
        assert!(full.values().any(|[.., records]| *records > 0), "{full:?}");
    }
    let count = all.len();
    assert!(asked >= count * 250, "{asked} comparisons were made");
    assert!(
        shown > count / 2,
        "{shown} pools were filled by a key that sees all"
    );
    assert!(
        replaced >= count,
        "{replaced} visible records were replaced by hidden ones"
    );
    assert!(
        old_seen >= count / 4,
        "{old_seen} pools have visible records that are too old"
    );
    println!("{asked} requests over {count} pools, no difference");
}

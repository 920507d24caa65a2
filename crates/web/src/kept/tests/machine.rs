//! Random lives of keys, records and stored questions over the whole router,
//! against a plain list of the records as they were at each moment, which the
//! plain interpreter is asked about.
//!
//! What is kept may be old, within its stated time, and never of before a
//! delete, of other rows, of other fields or of another question.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::analyses::Analysis;
use model::filters::{Constraint, parse_list};
use model::limits::DATASET_SECONDS_BEHIND_MAX;
use model::permit::KeptPart;
use model::pools::Pool;
use model::random::SeededRandom;
use model::records::Record;
use model::time::{TimeZone, Timestamp};
use model::value::{Object, Value};
use serde_json::{Value as Json, json};

use crate::keen::tests::{base, send, speaking};
use crate::kept::mutant::Wrong as Cache;
use crate::testing::naive::{self, Seen};
use crate::testing::{Reply, World, text};

const CUSTOMERS: [&str; 3] = ["a", "b", "c"];
/// The longest that an answer is kept here.
const RATE_MAX: u64 = 120;

/// The rows that a key may be held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    All,
    Of(&'static str),
    AOrB,
    LargeOfA,
}

/// What a key sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Policy {
    rows: Rows,
    hides_email: bool,
}

fn held<'r>(record: &'r Record, field: &str) -> Option<&'r Value> {
    record.get(field)
}

impl Policy {
    fn constraints(self) -> Json {
        let of = |operator: &str, value: Json| json!({ "field": "customer", "operator": operator, "value": value });
        match self.rows {
            Rows::All => json!("all_rows"),
            Rows::Of(customer) => json!([of("eq", json!(customer))]),
            Rows::AOrB => json!([of("in", json!(["a", "b"]))]),
            Rows::LargeOfA => json!([of("eq", json!("a")),
                { "field": "amount", "operator": "gte", "value": 3 }]),
        }
    }

    fn digest(self) -> [u8; 32] {
        let constraints = self.constraints().to_string();
        match self.rows {
            Rows::All => Constraint::AllRows,
            _ => {
                let list = model::json::parse(constraints.as_bytes()).expect("JSON");
                Constraint::Rows(parse_list(&list).expect("legal"))
            }
        }
        .digest()
    }

    fn admits(self, record: &Record) -> bool {
        let customer = held(record, "customer").and_then(Value::as_str);
        match self.rows {
            Rows::All => true,
            Rows::Of(other) => customer == Some(other),
            Rows::AOrB => customer == Some("a") || customer == Some("b"),
            Rows::LargeOfA => {
                let amount = held(record, "amount");
                customer == Some("a")
                    && matches!(amount, Some(Value::Integer(amount)) if *amount >= 3)
            }
        }
    }

    /// The record as such a key sees it.
    fn shown(self, record: &Record) -> Record {
        let fields = record.fields();
        let fields = fields.filter(|(path, _)| !(self.hides_email && path.as_str() == "email"));
        let fields = fields.map(|(path, value)| (path.clone(), value.clone()));
        Record::restore(fields.collect()).expect("each once")
    }

    fn seen(self, records: &[Record]) -> Vec<Record> {
        let admitted = records.iter().filter(|record| self.admits(record));
        admitted.map(|record| self.shown(record)).collect()
    }

    fn grants(self) -> Json {
        let grants = [
            ("saved:*", &["run"][..]),
            ("cached:*", &["read"]),
            ("dataset:*", &["retrieve"]),
        ];
        let grants = grants.iter().map(|(on, actions)| {
            let mut grant =
                json!({ "on": on, "actions": actions, "constraints": self.constraints() });
            if self.hides_email {
                grant["fields"] = json!({ "deny": ["email"] });
            }
            grant
        });
        grants.collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Active,
    Disabled,
    Deleted,
}

struct Key {
    id: String,
    token: String,
    policy: Policy,
    status: Status,
}

struct Stored {
    name: String,
    analysis: Analysis,
    /// For how many seconds an answer is kept; 0 for not at all.
    rate: u64,
    /// Its entity tag: another one after every change.
    tag: String,
}

/// A ticket, and what it was made for.
struct Given {
    ticket: String,
    key: String,
    tag: String,
    ends: Timestamp,
}

/// The records as they were.
struct Moment {
    at: Timestamp,
    records: Arc<Vec<Record>>,
}

/// What is wrong with the house.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    Nothing,
    Cache(Cache),
    /// Deletes are told as nothing.
    HidesDeletes,
}

struct Machine {
    world: World,
    base: String,
    random: SeededRandom,
    pool: Arc<Pool>,
    keys: Vec<Key>,
    saved: Vec<Stored>,
    datasets: Vec<Stored>,
    tickets: Vec<Given>,
    /// Since the last delete, as long as anything may be kept.
    moments: Vec<Moment>,
    named: usize,
    /// How many answers were compared, and how many of them were not of the present.
    compared: usize,
    old: usize,
    /// How many of them were read by a ticket, and how many tickets had ended.
    shown: usize,
    ended: usize,
}

const POOL: &str = "sales";
/// The origin that tickets are for.
const PAGE: &str = "https://shop.example";

impl Machine {
    async fn new(seed: u64, wrong: Wrong) -> Self {
        let world = speaking(World::new().await).await;
        let pool = json!({ "name": POOL, "schema": "open", "isolation_field": "customer",
            "time_field": "at", "fields": [{ "name": "customer", "type": "String" },
                { "name": "at", "type": "DateTime" }, { "name": "amount", "type": "Int64" }] });
        world.post("/v1/pools", &pool).await.expect(201);
        match wrong {
            Wrong::Nothing => {}
            Wrong::Cache(wrong) => {
                world.state.kept.mutant.set(wrong);
                world.state.cells.mutant.set(wrong);
            }
            Wrong::HidesDeletes => world.plane.hides_deletes.store(true, Ordering::Relaxed),
        }
        let token = model::secrets::Secret::parse(&world.admin).expect("a token");
        let access = world
            .state
            .control
            .authenticate(&token, &model::keys::Circumstances::unknown())
            .expect("let in");
        let definitions = world.state.control.definitions(access.project());
        let pool = definitions.pool(POOL).expect("a pool").clone();
        let mut machine = Self {
            base: base(&world),
            world,
            random: SeededRandom::new(seed),
            pool,
            keys: Vec::new(),
            saved: Vec::new(),
            datasets: Vec::new(),
            tickets: Vec::new(),
            moments: Vec::new(),
            named: 0,
            compared: 0,
            old: 0,
            shown: 0,
            ended: 0,
        };
        machine.note();
        for _ in 0..4 {
            machine.make_key().await;
            machine.make_saved().await;
        }
        machine.make_dataset().await;
        machine
    }

    fn below(&self, bound: usize) -> usize {
        usize::try_from(self.random.next_u64() % bound as u64).expect("small")
    }

    fn one<T: Copy>(&self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn now(&self) -> Timestamp {
        self.world.state.clock.now()
    }

    fn ago(&self, seconds: u64) -> Timestamp {
        let ago = Duration::from_secs(seconds);
        self.now().checked_sub(ago).expect("in range")
    }

    /// A key that reads: mostly one that may.
    fn reader(&self) -> usize {
        let any = self.below(self.keys.len());
        let mut active = (0..self.keys.len()).map(|at| (any + at) % self.keys.len());
        match self.below(8) {
            0 => any,
            _ => active
                .find(|at| self.keys[*at].status == Status::Active)
                .unwrap_or(any),
        }
    }

    fn name(&mut self) -> String {
        self.named += 1;
        format!("n{}", self.named)
    }

    fn policy(&self) -> Policy {
        let rows = [
            Rows::All,
            Rows::Of("a"),
            Rows::Of("a"),
            Rows::Of("b"),
            Rows::AOrB,
            Rows::LargeOfA,
        ];
        Policy {
            rows: self.one(&rows),
            hides_email: self.below(2) == 0,
        }
    }

    /// Notes the records as they are now.
    fn note(&mut self) {
        let (at, records) = (self.now(), self.world.plane.records(self.pool.id));
        let oldest = self.ago(RATE_MAX);
        self.moments.retain(|moment| moment.at > oldest);
        let known = self.moments.last();
        let records = match known.filter(|known| *known.records == records) {
            Some(known) if known.at == at => return,
            Some(known) => Arc::clone(&known.records),
            None => Arc::new(records),
        };
        self.moments.push(Moment { at, records });
    }

    async fn admin(&self, call: &str, body: Json) -> Reply {
        self.world.call(&self.world.admin, call, &body).await
    }

    async fn make_key(&mut self) {
        let policy = self.policy();
        let (id, token) = self.world.key(policy.grants()).await;
        let status = Status::Active;
        self.keys.push(Key {
            id,
            token,
            policy,
            status,
        });
        if self.keys.len() > 5 {
            let gone = self.keys.remove(self.below(5));
            if gone.status != Status::Deleted {
                let call = format!("DELETE /v1/keys/{}?force=true", gone.id);
                self.admin(&call, Json::Null).await.expect(204);
            }
        }
    }

    /// Narrows or widens a key.
    async fn change_key(&mut self) {
        let (at, policy) = (self.below(self.keys.len()), self.policy());
        let key = &self.keys[at];
        if key.status == Status::Deleted {
            return;
        }
        let call = format!("PATCH /v1/keys/{}", key.id);
        let grants = json!({ "grants": policy.grants() });
        self.admin(&call, grants).await.expect(200);
        self.keys[at].policy = policy;
    }

    async fn switch_key(&mut self) {
        let at = self.below(self.keys.len());
        let (call, status, code) = match (self.keys[at].status, self.below(6)) {
            (Status::Deleted, _) => {
                self.keys.remove(at);
                return self.make_key().await;
            }
            (_, 0) => ("DELETE /v1/keys/ID?force=true", Status::Deleted, 204),
            (Status::Active, _) => ("POST /v1/keys/ID/disable", Status::Disabled, 200),
            (Status::Disabled, _) => ("POST /v1/keys/ID/enable", Status::Active, 200),
        };
        let call = call.replace("ID", &self.keys[at].id);
        self.admin(&call, Json::Null).await.expect(code);
        self.keys[at].status = status;
    }

    async fn ingest(&self) {
        let records: Vec<Json> = (0..1 + self.below(4))
            .map(|_| {
                let amount = self.below(7);
                let customer = self.one(&CUSTOMERS);
                let mut record = json!({ "customer": customer, "amount": amount,
                    "email": format!("{customer}{amount}@example.com") });
                if self.below(8) > 0 {
                    let recent = [7_200, 86_400, 3 * 86_400];
                    let at = self.ago(self.below(self.one(&recent)) as u64);
                    record["at"] = json!(at.to_string());
                }
                record
            })
            .collect();
        let path = format!("/v1/pools/{POOL}/records");
        let receipt = self.world.post(&path, &json!(records)).await.expect(200);
        assert_eq!(receipt.json()["rejected"], 0);
    }

    async fn delete(&mut self) {
        let of = |field: &str, operator: &str, value: Json| json!({ "field": field, "operator": operator, "value": value });
        let from = self.ago(self.below(2 * 86_400) as u64);
        let to = from.checked_add(Duration::from_secs(6 * 3_600));
        let to = to.expect("in range").to_string();
        let filters = match self.below(3) {
            0 => json!([of("amount", "eq", json!(self.below(7)))]),
            1 => json!([
                of("at", "gte", json!(from.to_string())),
                of("at", "lt", json!(to))
            ]),
            _ => json!([
                of("customer", "eq", json!(self.one(&CUSTOMERS))),
                of("amount", "lt", json!(self.below(7))),
            ]),
        };
        let call = format!("POST /v1/pools/{POOL}/delete");
        let deleted = self.admin(&call, json!({ "filters": filters })).await;
        if deleted.expect(200).json()["deleted"] != 0 {
            self.moments.clear();
        }
    }

    fn question(&self) -> Json {
        let large = json!([{ "field": "amount", "operator": "gte", "value": 3 }]);
        let zone = self.one(&["UTC", "Asia/Kolkata", "America/New_York"]);
        match self.below(9) {
            0 => json!({ "analysis": "sum", "pool": POOL, "field": "amount" }),
            1 => json!({ "analysis": "count", "pool": POOL, "group_by": ["customer"] }),
            2 => json!({ "analysis": "sum", "pool": POOL, "field": "amount", "interval": "daily",
                "timeframe": "this_3_days", "timezone": zone }),
            3 | 8 => json!({ "analysis": "extraction", "pool": POOL, "latest": 5 }),
            4 => json!({ "analysis": "select_unique", "pool": POOL, "field": "customer",
                "filters": large }),
            5 => json!({ "analysis": "funnel", "steps": [
                { "pool": POOL, "actor": "customer" },
                { "pool": POOL, "actor": "customer", "filters": large, "with_actors": true }] }),
            6 => json!({ "analysis": "count", "pool": POOL, "timeframe": "this_2_hours",
                "group_by": ["customer"], "interval": "hourly", "timezone": zone }),
            _ => json!({ "analysis": "maximum", "pool": POOL, "field": "amount",
                "group_by": ["customer"], "filters": large }),
        }
    }

    fn parsed(question: &Json) -> Analysis {
        let question = model::json::parse(question.to_string().as_bytes()).expect("JSON");
        Analysis::parse(&question).expect("legal")
    }

    async fn make_saved(&mut self) {
        let (name, question) = (self.name(), self.question());
        let rate = self.one(&[0, 60, RATE_MAX, RATE_MAX]);
        let body = json!({ "name": name, "query": question, "refresh_rate": rate });
        let call = "POST /v1/saved-queries";
        let made = self.admin(call, body).await.expect(201);
        let analysis = Self::parsed(&question);
        self.saved.push(Stored {
            name,
            analysis,
            rate,
            tag: made.header("etag").to_owned(),
        });
        if self.saved.len() > 4 {
            let gone = self.saved.remove(self.below(4));
            let call = format!("DELETE /v1/saved-queries/{}", gone.name);
            self.admin(&call, Json::Null).await.expect(204);
        }
    }

    /// Another question under the same name, or another rate, or another name.
    async fn change_saved(&mut self) {
        let at = self.below(self.saved.len());
        let call = format!("PATCH /v1/saved-queries/{}", self.saved[at].name);
        let body = match self.below(4) {
            0 => {
                self.saved[at].rate = self.one(&[0, 60, RATE_MAX, RATE_MAX]);
                json!({ "refresh_rate": self.saved[at].rate })
            }
            1 => {
                self.saved[at].name = self.name();
                json!({ "name": self.saved[at].name })
            }
            _ => {
                let question = self.question();
                self.saved[at].analysis = Self::parsed(&question);
                // A patch leaves alone what it does not say.
                let mut patch = json!({ "field": null, "group_by": null, "interval": null,
                    "timeframe": null, "timezone": null, "latest": null, "filters": null,
                    "steps": null, "pool": null });
                for (name, value) in question.as_object().expect("an object") {
                    patch[name] = value.clone();
                }
                json!({ "query": patch })
            }
        };
        let changed = self.admin(&call, body).await.expect(200);
        changed.header("etag").clone_into(&mut self.saved[at].tag);
    }

    async fn make_dataset(&mut self) {
        let name = self.name();
        let zone = self.one(&["UTC", "Asia/Kolkata"]);
        let question = match self.below(3) {
            0 => json!({ "analysis": "sum", "pool": POOL, "field": "amount", "interval": "daily",
                "timeframe": "this_3_days", "timezone": zone }),
            1 => json!({ "analysis": "count", "pool": POOL, "interval": "hourly",
                "timeframe": "previous_5_hours", "group_by": ["amount"] }),
            _ => json!({ "analysis": "maximum", "pool": POOL, "field": "amount",
                "interval": "hourly", "timeframe": "this_4_hours" }),
        };
        let body = json!({ "name": name, "query": question, "index_by": "customer" });
        let made = self.admin("POST /v1/datasets", body).await.expect(201);
        let analysis = Self::parsed(&question);
        let rate = DATASET_SECONDS_BEHIND_MAX.unsigned_abs();
        self.datasets.push(Stored {
            name,
            analysis,
            rate,
            tag: made.header("etag").to_owned(),
        });
        if self.datasets.len() > 3 {
            let gone = self.datasets.remove(self.below(2));
            let call = format!("DELETE /v1/datasets/{}", gone.name);
            self.admin(&call, Json::Null).await.expect(204);
        }
    }

    /// What is asked over these records at a moment, in the words of the wire.
    fn plainly(&self, analysis: &Analysis, records: &[Record], now: Timestamp) -> Json {
        let pool = &self.pool;
        let records = records.iter().collect();
        let zone = zone_of(analysis);
        let members = naive::answer(analysis, &[Seen { pool, records }], now, &zone);
        let members = members.into_members().into_iter();
        let members = members.filter(|(name, _)| name != "steps");
        let members = Object::from_members(members.collect()).expect("distinct names");
        let text = model::json::to_text(&members.into());
        serde_json::from_str(&text).expect("JSON")
    }

    /// Whether it is an answer of some moment that may still be told.
    fn check(
        &mut self,
        what: &str,
        told: &Json,
        rate: u64,
        plainly: impl Fn(&Self, &Moment) -> Json,
    ) -> Result<(), String> {
        self.compared += 1;
        let oldest = self.ago(rate);
        let young = |moment: &&Moment| match rate {
            0 => false,
            _ => moment.at > oldest,
        };
        let (present, before) = self.moments.split_last().expect("the present is noted");
        if *told == plainly(self, present) {
            return Ok(());
        }
        let mut before = before.iter().rev().filter(young);
        if before.any(|moment| *told == plainly(self, moment)) {
            self.old += 1;
            return Ok(());
        }
        let expected = plainly(self, present);
        Err(format!("{what}: {told} instead of {expected}"))
    }

    /// Whether a key that is not active is let in; `None` for one that is.
    fn refused(key: &Key, reply: &Reply) -> Option<Result<(), String>> {
        match (key.status, reply.status) {
            (Status::Active, 200) => None,
            (Status::Disabled | Status::Deleted, 401) => Some(Ok(())),
            (status, code) => Some(Err(format!("{status:?}: {code} {}", reply.text()))),
        }
    }

    async fn read_saved(&mut self) -> Result<(), String> {
        let (key, saved) = (self.reader(), self.below(self.saved.len()));
        let (key, saved) = (&self.keys[key], &self.saved[saved]);
        let is_flat = matches!(saved.analysis, Analysis::Aggregation(_));
        let by_keen = is_flat && self.below(3) == 0;
        let reply = match by_keen {
            true => {
                let call = format!("GET {}/queries/saved/{}/result", self.base, saved.name);
                send(&self.world, &key.token, &call, &Json::Null).await
            }
            false => {
                let call = format!("GET /v1/saved-queries/{}/result", saved.name);
                self.world.call(&key.token, &call, &Json::Null).await
            }
        };
        if let Some(refused) = Self::refused(key, &reply) {
            return refused;
        }
        let (policy, saved) = (key.policy, (saved.analysis.clone(), saved.rate));
        self.check_saved(&reply, policy, saved, by_keen)
    }

    /// Whether it is an answer to a saved query that such a key may be given now.
    fn check_saved(
        &mut self,
        reply: &Reply,
        policy: Policy,
        (analysis, rate): (Analysis, u64),
        by_keen: bool,
    ) -> Result<(), String> {
        let mut told = plain(reply.json());
        let at = told["run"]["at"].as_str().map(str::to_owned);
        let mut told = json!({ "result": told["result"].take(), "actors": told["actors"].take() });
        if told["actors"].is_null() {
            told.as_object_mut().expect("an object").remove("actors");
        }
        let what = format!("{policy:?} {analysis:?} by_keen {by_keen}");
        if rate > 0 && !by_keen {
            // It says of which moment it is.
            let at = Timestamp::parse(&at.ok_or("no moment")?).expect("a time");
            let oldest = self.ago(rate);
            let moments = self.moments.iter();
            let mut moments = moments.filter(|moment| moment.at == at && at > oldest);
            let is_told = |moment: &Moment| {
                told == self.plainly(&analysis, &policy.seen(&moment.records), moment.at)
            };
            if !moments.any(is_told) {
                return Err(format!("{what}: {told} is not of {at}"));
            }
        }
        self.check(&what, &told, rate, |machine, moment| {
            machine.plainly(&analysis, &policy.seen(&moment.records), moment.at)
        })
    }

    /// Makes a ticket now and then, and shows a page what it opens.
    async fn read_ticket(&mut self) -> Result<(), String> {
        if self.tickets.is_empty() || self.below(3) == 0 {
            let (key, saved) = (self.reader(), self.below(self.saved.len()));
            let (key, saved) = (&self.keys[key], &self.saved[saved]);
            let life = self.one(&[30, 600, 3_600]);
            let body = json!({ "saved_query": saved.name, "origin": PAGE, "expires_in": life });
            let made = self.world.call(&key.token, "POST /v1/tickets", &body).await;
            match (key.status, made.status) {
                (Status::Active, 201) => {}
                (Status::Disabled | Status::Deleted, 401) => return Ok(()),
                (status, code) => return Err(format!("{status:?}: {code} {}", made.text())),
            }
            let ends = self.now().checked_add(Duration::from_secs(life));
            let given = Given {
                ticket: text(&made.json(), "/ticket").to_owned(),
                key: key.id.clone(),
                tag: saved.tag.clone(),
                ends: ends.expect("in range"),
            };
            self.tickets.push(given);
        }
        let at = self.below(self.tickets.len());
        let given = &self.tickets[at];
        let call = format!("GET /v1/tickets/{}/result", given.ticket);
        let mut request = crate::testing::request("", &call, &Json::Null);
        let page = http::HeaderValue::from_static(PAGE);
        request.headers_mut().insert(http::header::ORIGIN, page);
        let reply = self.world.send(request).await;
        let active = |key: &&Key| key.id == given.key && key.status == Status::Active;
        let key = self.keys.iter().find(active);
        let saved = self.saved.iter().find(|saved| saved.tag == given.tag);
        let (Some(key), Some(saved), true) = (key, saved, self.now() < given.ends) else {
            self.ended += 1;
            // Some of them are tried again: what has ended stays ended.
            if self.below(3) > 0 {
                self.tickets.remove(at);
            }
            let is_refused = reply.status == 401;
            return is_refused
                .then_some(())
                .ok_or_else(|| format!("a ticket that has ended: {}", reply.text()));
        };
        if reply.status != 200 {
            return Err(format!("a ticket that counts: {}", reply.text()));
        }
        self.shown += 1;
        let (policy, saved) = (key.policy, (saved.analysis.clone(), saved.rate));
        self.check_saved(&reply, policy, saved, false)
    }

    async fn read_dataset(&mut self) -> Result<(), String> {
        let key = self.reader();
        let dataset = self.below(self.datasets.len());
        let (key, dataset) = (&self.keys[key], &self.datasets[dataset]);
        let index = self.one(&CUSTOMERS);
        let by_keen = self.below(3) == 0;
        let reply = match by_keen {
            true => {
                let whole = "%7B%22start%22:%222020-01-01T00:00:00Z%22,\
                             %22end%22:%222030-01-01T00:00:00Z%22%7D";
                let call = format!(
                    "GET {}/datasets/{}/results?index_by={index}&timeframe={whole}",
                    self.base, dataset.name
                );
                send(&self.world, &key.token, &call, &Json::Null).await
            }
            false => {
                let call = format!("GET /v1/datasets/{}/results?index_by={index}", dataset.name);
                self.world.call(&key.token, &call, &Json::Null).await
            }
        };
        if let Some(refused) = Self::refused(key, &reply) {
            return refused;
        }
        let (policy, analysis) = (key.policy, dataset.analysis.clone());
        let told = json!({ "result": plain(reply.json())["result"] });
        let what = format!("{policy:?} {index} {analysis:?}");
        let (rate, now) = (dataset.rate, self.now());
        self.check(&what, &told, rate, |machine, moment| {
            // The intervals are those of the present.
            let mut seen = policy.seen(&moment.records);
            seen.retain(|record| held(record, "customer").and_then(Value::as_str) == Some(index));
            machine.plainly(&analysis, &seen, now)
        })
    }

    /// Asks again for what is due, and looks who asks.
    async fn refresh(&mut self) -> Result<(), String> {
        self.world.plane.asked.lock().expect("not poisoned").clear();
        crate::refresh(&self.world.state).await;
        let asked = self.world.plane.asked.lock().expect("not poisoned").clone();
        for (id, rows) in asked {
            let key = self.keys.iter().find(|key| key.id == id.to_string());
            let may =
                |key: &&Key| key.status == Status::Active && key.policy.digest() == rows.digest();
            if key.filter(may).is_none() {
                return Err(format!("a refresh asks for {rows:?} by a key that may not"));
            }
        }
        Ok(())
    }

    async fn step(&mut self) -> Result<(), String> {
        match self.below(100) {
            0 => self.make_key().await,
            1..=4 => self.change_key().await,
            5..=8 => self.switch_key().await,
            9..=22 => self.ingest().await,
            23..=24 => self.delete().await,
            25 => self.make_saved().await,
            26..=28 => self.change_saved().await,
            29 => self.make_dataset().await,
            30..=37 => {
                let seconds = match self.below(20) {
                    0 => self.one(&[45, 130, 3_600, 86_400]),
                    _ => 1 + self.below(7) as u64,
                };
                self.world.clock.advance(Duration::from_secs(seconds));
            }
            38..=40 => self.refresh().await?,
            41..=66 => self.read_saved().await?,
            67..=76 => self.read_ticket().await?,
            _ => self.read_dataset().await?,
        }
        self.note();
        Ok(())
    }
}

fn zone_of(analysis: &Analysis) -> TimeZone {
    analysis.sources()[0].calendar.zone.clone()
}

/// Times of the dialect have three digits more.
fn plain(answer: Json) -> Json {
    let text = answer.to_string().replace(".000", "");
    serde_json::from_str(&text).expect("JSON")
}

/// The first wrong answer of a random life.
async fn violation(seed: u64, steps: usize, wrong: Wrong) -> Result<Machine, String> {
    let mut machine = Machine::new(seed, wrong).await;
    for step in 0..steps {
        let found = machine.step().await;
        found.map_err(|what| format!("seed {seed}, step {step}: {what}"))?;
    }
    Ok(machine)
}

/// `TIDEGATE_PROOF=long` makes lives of ten times the length.
#[tokio::test]
async fn no_answer_is_of_other_rows_or_of_another_time_than_it_may_be() {
    let long = std::env::var("TIDEGATE_PROOF").is_ok_and(|text| text == "long");
    let steps = if long { 10_000 } else { 1_000 };
    for seed in 0..4 {
        let machine = violation(seed, steps, Wrong::Nothing).await;
        let machine = machine.unwrap_or_else(|what| panic!("{what}"));
        let (served, made) = machine.world.state.kept.counts();
        assert!(
            machine.compared > steps / 4,
            "{} compared",
            machine.compared
        );
        assert!(machine.old > steps / 100, "{} are old", machine.old);
        let (shown, ended) = (machine.shown, machine.ended);
        assert!(shown > steps / 50, "{shown} were shown by a ticket");
        assert!(ended > steps / 100, "{ended} tickets had ended");
        assert!(served > 10 && made > 10, "{served} served, {made} made");
    }
}

#[tokio::test]
async fn wrong_caches_are_found_out() {
    let wrongs = [
        Wrong::Cache(Cache::Lacks(KeptPart::Item)),
        Wrong::Cache(Cache::Lacks(KeptPart::Revision)),
        Wrong::Cache(Cache::Lacks(KeptPart::Rows)),
        Wrong::Cache(Cache::Lacks(KeptPart::Fields)),
        Wrong::Cache(Cache::TrustsEveryKey),
        Wrong::HidesDeletes,
    ];
    for wrong in wrongs {
        let mut found = None;
        for seed in 0..4 {
            if let Err(what) = violation(seed, 1_000, wrong).await {
                found = Some(what);
                break;
            }
        }
        let found = found.unwrap_or_else(|| panic!("{wrong:?} lives"));
        println!("{wrong:?}: {found}");
    }
}

/// What one key is answered first is not what another reads, for each of them.
#[tokio::test]
async fn no_key_reads_what_another_filled() {
    let world = World::with_sales().await;
    let question = json!({ "analysis": "extraction", "pool": POOL, "latest": 5 });
    let saved = json!({ "name": "rows", "query": question, "refresh_rate": 60 });
    world.post("/v1/saved-queries", &saved).await.expect(201);
    let series = json!({ "analysis": "select_unique", "field": "email", "pool": POOL,
        "interval": "daily", "timeframe": "this_60_days" });
    let dataset = json!({ "name": "emails", "query": series, "index_by": "customer" });
    world.post("/v1/datasets", &dataset).await.expect(201);
    let mut keys = Vec::new();
    for customer in CUSTOMERS {
        let policy = Policy {
            rows: Rows::Of(customer),
            hides_email: false,
        };
        keys.push((customer, world.key(policy.grants()).await.1));
    }
    for (filler, by) in &keys {
        for (reader, reads) in &keys {
            for path in ["saved-queries/rows/result", "datasets/emails/results"] {
                for index in ["", "?index_by=a", "?index_by=b"] {
                    let call = format!("GET /v1/{path}{index}");
                    if call.contains("saved") != index.is_empty() {
                        continue;
                    }
                    world.call(by, &call, &Json::Null).await.expect(200);
                    let read = world.call(reads, &call, &Json::Null).await.expect(200);
                    let emails = (1..6).map(|day| format!("\"{filler}{day}@example.com"));
                    let shows = emails.into_iter().any(|email| read.text().contains(&email));
                    assert!(
                        reader == filler || !shows,
                        "{reader} reads of {filler}: {}",
                        read.text()
                    );
                }
            }
            // Nothing is kept from one pair to the next.
            world.clock.advance(Duration::from_secs(61));
        }
    }
    let own = world.call(&keys[0].1, "GET /v1/saved-queries/rows/result", &Json::Null);
    let own = own.await.expect(200).json();
    assert_eq!(text(&own, "/result/0/customer"), "a");
}

//! A little of everything that a data directory can hold, and questions
//! whose answers show all of it.

use std::path::Path;

use model::secrets::Secret;
use serde_json::{Value, json};

use crate::support::Server;
use crate::support::signed::SignedPost;
use crate::support::upkeep::Upkeep;

/// Batches of each pool; every one is a group of the journal by itself.
const BATCHES: u64 = 12;
/// Batches that come with [`more`].
const MORE: u64 = 4;
/// Every view, and its pool.
const VIEWS: [(&str, &str); 4] = [
    ("list", "orders"),
    ("sums", "orders"),
    ("texts", "notes"),
    ("stocks", "stock"),
];

/// A question with the answer that it had when the data were made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    token: String,
    path: String,
    status: u16,
    answer: Value,
}

impl Asked {
    fn ask(server: &Server, token: &str, path: &str) -> Self {
        let reply = server.post(token, path, &json!({"limit": 1_000}));
        let mut answer = reply.json();
        // Only this differs from one asking to the next.
        if let Some(answer) = answer.as_object_mut() {
            answer.remove("request_id");
        }
        Self {
            token: token.to_owned(),
            path: path.to_owned(),
            status: reply.status,
            answer,
        }
    }

    /// The same question, asked now.
    pub(crate) fn again(&self, server: &Server) -> Self {
        Self::ask(server, &self.token, &self.path)
    }

    /// The pool that it is about.
    pub(crate) fn pool(&self) -> &'static str {
        let view = self.path.split('/').nth(3).unwrap_or_default();
        match VIEWS.iter().find(|(name, _)| *name == view) {
            Some((_, pool)) => pool,
            None => panic!("nothing is known of {}", self.path),
        }
    }

    /// Whether the server said that it cannot answer.
    pub(crate) fn is_refused(&self) -> bool {
        self.status >= 500
    }

    fn to_value(&self) -> Value {
        json!({"token": self.token, "path": self.path, "status": self.status,
            "answer": self.answer})
    }

    fn of_value(value: &Value) -> Self {
        let text = |name: &str| value[name].as_str().expect("a text").to_owned();
        let status = value["status"].as_u64().expect("a status");
        Self {
            token: text("token"),
            path: text("path"),
            status: u16::try_from(status).expect("a status"),
            answer: value["answer"].clone(),
        }
    }
}

/// Writes questions and answers to a file.
pub(crate) fn save(asked: &[Asked], file: &Path) {
    let values: Vec<Value> = asked.iter().map(Asked::to_value).collect();
    let text = serde_json::to_string_pretty(&values).expect("JSON");
    std::fs::write(file, text + "\n").expect("written");
}

/// Reads what [`save`] wrote.
pub(crate) fn saved(file: &Path) -> Vec<Asked> {
    let text = std::fs::read(file).expect("a file");
    let values: Vec<Value> = serde_json::from_slice(&text).expect("JSON");
    values.iter().map(Asked::of_value).collect()
}

/// Fills a new server and asks it everything.
pub(crate) fn fill(server: &Server) -> Vec<Asked> {
    let master = server.master();
    let post = |path: &str, body: &Value| server.post(&master, path, body);
    let strict = json!({"name": "orders", "schema": "strict",
        "isolation_field": "customer.id", "time_field": "at", "fields": [
        {"name": "customer.id", "type": "String"}, {"name": "at", "type": "DateTime"},
        {"name": "amount", "type": "Float64"}, {"name": "count", "type": "Int64"},
        {"name": "paid", "type": "Boolean"}]});
    post("/v1/pools", &strict).expect(201);
    let replacing = json!({"name": "stock", "schema": "strict", "isolation_field": "customer.id",
        "unique": ["item"], "fields": [{"name": "customer.id", "type": "String"},
        {"name": "item", "type": "Int64"}, {"name": "left", "type": "Int64"}]});
    post("/v1/pools", &replacing).expect(201);
    for name in ["notes", "dropped"] {
        let pool = json!({"name": name, "schema": "open"});
        post("/v1/pools", &pool).expect(201);
    }
    for batch in 0..BATCHES {
        write_batch(
            server,
            &master,
            batch,
            &["orders", "notes", "stock", "dropped"],
        );
    }
    let filters = json!({"filters": [{"field": "count", "operator": "eq", "value": 3}]});
    let deleted = post("/v1/pools/orders/delete", &filters).expect(200);
    assert_eq!(deleted["deleted"], 1, "{deleted}");
    let dropped = server.call(&master, "DELETE", "/v1/pools/dropped", None);
    assert!(dropped.status < 300, "{}", dropped.text());
    make_views(server, &master);
    let held = json!([{"on": "view:*", "actions": ["read"], "constraints":
        [{"field": "customer.id", "operator": "eq", "value": "c1"}]}]);
    let held = server.key("held", &held);
    let disabled = post("/v1/keys", &json!({"name": "off", "grants": []})).expect(201);
    let id = disabled["id"].as_str().expect("an id");
    post(&format!("/v1/keys/{id}/disable"), &json!({})).expect(200);
    let disabled = disabled["token"].as_str().expect("a token").to_owned();
    let mut asked = Vec::new();
    for token in [&master, &held, &disabled] {
        for (view, _) in VIEWS {
            let path = format!("/v1/views/{view}/data");
            asked.push(Asked::ask(server, token, &path));
        }
    }
    asked
}

/// Adds records, some in the place of others, and deletes one: where the first
/// ones are in files, those that go are told of beside them. Asks everything again.
pub(crate) fn more(server: &Server, asked: &[Asked]) -> Vec<Asked> {
    let master = server.master();
    for batch in BATCHES..BATCHES + MORE {
        write_batch(server, &master, batch, &["orders", "notes", "stock"]);
    }
    let filters = json!({"filters": [{"field": "count", "operator": "eq", "value": 5}]});
    let deleted = server.post(&master, "/v1/pools/orders/delete", &filters);
    assert_eq!(deleted.expect(200)["deleted"], 1);
    let changed: Vec<_> = asked.iter().map(|asked| asked.again(server)).collect();
    assert!(changed != asked, "what was added shows");
    changed
}

/// A running server whose records are in several files, which the journal
/// names, and in memory; some of those in files are deleted or replaced. And
/// what it answers.
pub(crate) fn kept_up(home: &Path) -> (Server, Vec<Asked>) {
    let in_files = ["--flush-bytes", "16KiB", "--flush-after", "1ms"];
    let server = Server::start_with(home, &in_files);
    let asked = fill(&server);
    Upkeep::wait_for(&server, |done| done.publishes >= 3 && done.waiting == 0);
    assert_eq!(server.terminate(), Some(0));
    let server = Server::start(home);
    let asked = more(&server, &asked);
    (server, asked)
}

/// The same with a Delta log that has two checkpoints: that of the pool `notes`.
pub(crate) fn published(home: &Path) -> (Server, Vec<Asked>) {
    /// More than two checkpoints take, also when versions are few and far between.
    const ROUNDS: u64 = 100;
    let at_once = ["--flush-bytes", "16KiB", "--flush-after", "1ms"];
    let server = Server::start_with(home, &at_once);
    let asked = fill(&server);
    let master = server.master();
    let is_checkpoint =
        |file: &std::path::PathBuf| file.to_string_lossy().ends_with(".checkpoint.parquet");
    for batch in BATCHES..BATCHES + ROUNDS {
        let before = Upkeep::of(&server).publishes;
        write_batch(&server, &master, batch, &["notes"]);
        Upkeep::wait_for(&server, |done| done.publishes > before && done.waiting == 0);
        let files = super::flips::files_below(&home.join("data/tables"));
        if files.iter().filter(|file| is_checkpoint(file)).count() >= 2 {
            let asked = asked.iter().map(|asked| asked.again(&server)).collect();
            return (server, asked);
        }
    }
    panic!("no two checkpoints after {ROUNDS} versions");
}

/// Sends signed requests, so that there are so many nonces more.
pub(crate) fn with_nonces(server: &Server, nonces: u64) {
    let body = json!({"name": "signs", "restrictions": {"signed_requests": true},
        "grants": [{"on": "pool:notes", "actions": ["ingest"]}]});
    let made = server.post(&server.master(), "/v1/keys", &body).expect(201);
    let secret = Secret::parse(made["token"].as_str().expect("a token")).expect("a token");
    let note = json!({"text": "signed"});
    for nonce in 0..nonces {
        let post = SignedPost::new(&secret, "/v1/pools/notes/records", &note, nonce);
        post.send(&server.address).expect("an answer").expect(200);
    }
}

/// Adds events of the Keen dialect that come with tokens, one of them twice;
/// the question for them and its answer.
pub(crate) fn with_tokens(server: &Server) -> Asked {
    let master = server.master();
    let keys = server.post(&master, "/v1/projects/default/keen", &json!({}));
    let keys = keys.expect(201);
    let text = |name: &str| keys[name].as_str().expect("a text").to_owned();
    let path = format!("/3.0/projects/{}/events/once", text("project_id"));
    for (n, token) in [(1, "t"), (2, "u"), (3, "t")] {
        let event = json!({"n": n, "keen": {"uniqueness_token": token}});
        server.post(&text("write_key"), &path, &event).expect(201);
    }
    let view = json!({"name": "once", "pool": "once", "shape": "records",
        "fields": [{"field": "n"}]});
    server.post(&master, "/v1/views", &view).expect(201);
    let asked = Asked::ask(server, &master, "/v1/views/once/data");
    assert!(!asked.answer.to_string().contains("\"n\":3"), "{asked:?}");
    asked
}

/// Adds somebody who signs in, and a key that uses credits and is rolled; its question
/// by the new secret and the answer, which is charged.
pub(crate) fn with_balances(server: &Server) -> Asked {
    let master = server.master();
    let credits = json!({"amount": 1_000_000, "period": "month"});
    let body = json!({"name": "metered", "limits": {"credits": {"core": credits, "premium": null}},
        "grants": [{"on": "view:*", "actions": ["read"], "constraints": "all_rows"}]});
    let made = server.post(&master, "/v1/keys", &body).expect(201);
    let token = made["token"].as_str().expect("a token");
    let asked = Asked::ask(server, token, "/v1/views/sums/data");
    assert_eq!(asked.status, 200);
    let shown = server.get(token, "/v1/whoami").expect(200);
    assert_eq!(shown["left"]["credits"]["core"]["spent"], 1);
    // In its grace when the directory is made, and over when that is opened.
    let path = format!("/v1/keys/{}/roll", made["id"].as_str().expect("an id"));
    let rolled = server.post(&master, &path, &json!({"grace": "1h"}));
    let rolled = rolled.expect(201);
    let asked = Asked {
        token: rolled["token"].as_str().expect("a token").to_owned(),
        ..asked
    };
    assert_eq!(asked.again(server), asked, "a roll changes no answer");
    let first = json!({"sign_in": "ada@example.com", "name": "Ada",
        "password": "violet harbour under glass"});
    server.post(&master, "/v1/people/first", &first).expect(201);
    asked
}

fn write_batch(server: &Server, master: &str, batch: u64, pools: &[&str]) {
    let customer = format!("c{}", batch % 3);
    let at = format!("2026-03-{:02}T10:20:30.123456Z", batch + 1);
    let order = json!({"customer": {"id": customer}, "at": at, "count": batch,
        "amount": batch as f64 * 1.25, "paid": batch.is_multiple_of(2)});
    let note = json!({"customer": {"id": customer}, "nested": {"deep": {"n": batch}},
        "list": [1, "x", null, {"y": batch}], "text": format!("Grüße {batch} \u{1f980}"),
        "mixed": if batch.is_multiple_of(2) { json!(batch) } else { json!("text") }});
    // The same customers' items come again after six batches.
    let stock = json!({"customer": {"id": customer}, "item": batch % 2, "left": batch});
    for pool in pools {
        let record = match *pool {
            "orders" => &order,
            "stock" => &stock,
            _ => &note,
        };
        let key = format!("{pool}-{batch}");
        let path = format!("/v1/pools/{pool}/records");
        let headers = [("idempotency-key", key.as_str())];
        let body = json!([record]).to_string();
        let sent = server.send(master, "POST", &path, &headers, Some(body.as_bytes()));
        let sent = sent.expect("an answer").expect(200);
        assert_eq!(sent["accepted"], 1, "{sent}");
    }
}

fn make_views(server: &Server, master: &str) {
    let views = [
        json!({"name": "list", "pool": "orders", "shape": "records", "fields": [
            {"field": "customer.id"}, {"field": "at"}, {"field": "amount"},
            {"field": "count"}, {"field": "paid"}]}),
        json!({"name": "sums", "pool": "orders", "shape": "aggregated", "fields": [
            {"field": "customer.id", "group": true}, {"aggregate": "count", "as": "records"},
            {"field": "amount", "aggregate": "sum", "as": "total"}]}),
        json!({"name": "texts", "pool": "notes", "shape": "records", "fields": [
            {"field": "customer.id"}, {"field": "text"}, {"field": "nested.deep.n"},
            {"field": "list"}, {"field": "mixed"}]}),
        json!({"name": "stocks", "pool": "stock", "shape": "records", "fields": [
            {"field": "customer.id"}, {"field": "item"}, {"field": "left"}]}),
    ];
    for view in views {
        server.post(master, "/v1/views", &view).expect(201);
    }
}

//! A little of everything that a data directory can hold, and questions
//! whose answers show all of it.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::Server;

/// Batches of each pool; every one is a group of the journal by itself.
const BATCHES: u64 = 12;

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

    /// Whether it is about the pool `notes`.
    pub(crate) fn is_of_notes(&self) -> bool {
        self.path.contains("texts")
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
    for name in ["notes", "dropped"] {
        let pool = json!({"name": name, "schema": "open"});
        post("/v1/pools", &pool).expect(201);
    }
    for batch in 0..BATCHES {
        write_batch(server, &master, batch);
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
        for view in ["list", "sums", "texts"] {
            let path = format!("/v1/views/{view}/data");
            asked.push(Asked::ask(server, token, &path));
        }
    }
    asked
}

fn write_batch(server: &Server, master: &str, batch: u64) {
    let customer = format!("c{}", batch % 3);
    let at = format!("2026-03-{:02}T10:20:30.123456Z", batch + 1);
    let order = json!({"customer": {"id": customer}, "at": at, "count": batch,
        "amount": batch as f64 * 1.25, "paid": batch.is_multiple_of(2)});
    let note = json!({"customer": {"id": customer}, "nested": {"deep": {"n": batch}},
        "list": [1, "x", null, {"y": batch}], "text": format!("Grüße {batch} \u{1f980}"),
        "mixed": if batch.is_multiple_of(2) { json!(batch) } else { json!("text") }});
    for (pool, record) in [
        ("orders", order),
        ("notes", note.clone()),
        ("dropped", note),
    ] {
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
    ];
    for view in views {
        server.post(master, "/v1/views", &view).expect(201);
    }
}

//! A key that injects a customer, against everything that a client can send:
//! what is stored is the injected value, or nothing is.

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::support::{Reply, Server};

/// The media type of Parquet.
pub(crate) const PARQUET: &str = "application/vnd.apache.parquet";
/// The media type of Arrow streams.
pub(crate) const ARROW: &str = "application/vnd.apache.arrow.stream";
const NDJSON: &str = "application/x-ndjson";

/// The customer that the key stands for, and the one that the client wants.
const OWN: &str = "93i";
const WANTED: &str = "victim";

/// A file of `tests/it/files`, whose README says what is in each.
pub(crate) fn file(name: &str) -> Vec<u8> {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/files");
    std::fs::read(files.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Records as JSON text, each an attempt to write as somebody else.
const ATTEMPTS: &[&str] = &[
    r#"{"customer": {"id": "victim"}}"#,
    r#"{"customer.id": "victim"}"#,
    r#"{"customer": {"id": "victim", "id": "93i"}}"#,
    r#"{"customer": {"id": "93i", "id": "victim"}}"#,
    r#"{"customer": {"id": "93i"}, "customer": {"id": "victim"}}"#,
    r#"{"customer.id": "93i", "customer.id": "victim"}"#,
    r#"{"customer.id": "93i", "customer": {"id": "victim"}}"#,
    r#"{"customer": {"id": "victim"}, "customer.id": "93i"}"#,
    r#"{"customer": {"\u0069d": "victim"}}"#,
    r#"{"customer\u002eid": "victim"}"#,
    r#"{"customer": {"id": ["victim"]}}"#,
    r#"{"customer": {"id": ["93i", "victim"]}}"#,
    r#"{"customer": [{"id": "victim"}]}"#,
    r#"{"customer": {"id": null}}"#,
    r#"{"customer": null}"#,
    r#"{"customer": {}}"#,
    r#"{"customer": {"id": {}}}"#,
    r#"{"customer": {"id": {"x": "victim"}}}"#,
    r#"{"customer": {"id.x": "victim"}}"#,
    r#"{"customer.id.x": "victim"}"#,
    r#"{"customer": "victim"}"#,
    r#"{"customer": true}"#,
    r#"{"customer": {"id": 7}}"#,
    r#"{"customer": {"id": false}}"#,
    r#"{"Customer": {"Id": "victim"}}"#,
    r#"{"customer ": {"id": "victim"}}"#,
    r#"{" customer.id": "victim"}"#,
    r#"{"customer.id ": "victim"}"#,
    r#"{"customer..id": "victim"}"#,
    r#"{".customer.id": "victim"}"#,
    r#"{"customer.id.": "victim"}"#,
    r#"{"": {"customer": {"id": "victim"}}}"#,
    "{\"сustomer\": {\"id\": \"victim\"}}",
    "{\"customer\u{ff0e}id\": \"victim\"}",
    "{\"customer\u{2024}id\": \"victim\"}",
    "{\"customer\u{200b}\": {\"id\": \"victim\"}}",
    "{\"customer\": {\"id\u{0}\": \"victim\"}}",
    r#"{"customer\u0000": {"id": "victim"}}"#,
    r#"{"customer": {"i\u0301d": "victim"}}"#,
    r#"{"customer/id": "victim"}"#,
    r#"{"customer[id]": "victim"}"#,
    r#"{"__proto__": {"customer": {"id": "victim"}}}"#,
    r#"{"$set": {"customer.id": "victim"}}"#,
    r#"{"_key": "victim"}"#,
    r#"{"_id": "victim", "_ingested_at": "2020-01-01T00:00:00Z"}"#,
    r#"{"customer": {"id": "victim"}"#,
    r#"[{"customer": {"id": "victim"}}]"#,
    r#"{"n": 1}"#,
];

/// CSV bodies with the same aim.
const TABLES: &[&str] = &[
    "customer.id\nvictim\n",
    "customer.id,customer.id\n93i,victim\n",
    "\"customer.id\"\nvictim\n",
    "customer.id,customer.id.x\n93i,victim\n",
    "customer\nvictim\n",
    "customer\n\"{\"\"id\"\": \"\"victim\"\"}\"\n",
    "customer,customer.id\n{},victim\n",
    "customer.id \nvictim\n",
    "Customer.ID\nvictim\n",
    "customer.id\n\"\"\nvictim,victim\n",
    "\u{feff}customer.id\nvictim\n",
    "n,customer.id\n1\n",
];

/// Parquet files and Arrow streams with the same aim, one record each.
const FILES: &[&str] = &[
    "dotted",
    "nested",
    "nested_twice",
    "dotted_twice",
    "dotted_then_nested",
    "nested_then_dotted",
    "nested_with_a_dot",
    "nested_deeper",
    "list",
    "list_above",
    "text_above",
    "number",
    "null",
    "look_alikes",
    "system_field",
    "nothing_of_it",
];

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).expect("in memory");
    encoder.finish().expect("in memory")
}

struct Attack {
    server: Server,
    pool: &'static str,
    token: String,
    accepted: u64,
    sent: usize,
}

impl Attack {
    fn send(&mut self, content_type: &str, body: &[u8]) {
        let path = format!("/v1/pools/{}/records", self.pool);
        let packed = gzip(body);
        let plain = vec![("content-type", content_type)];
        let mut zipped = plain.clone();
        zipped.push(("content-encoding", "gzip"));
        for (headers, body) in [(plain, body), (zipped, &packed)] {
            let reply = self
                .server
                .send(&self.token, "POST", &path, &headers, Some(body));
            let reply: Reply = reply.expect("an answer");
            assert!(reply.status < 500, "{}", reply.text());
            if reply.status == 200 {
                self.accepted += reply.json()["accepted"].as_u64().expect("a count");
            }
            self.sent += 1;
        }
    }

    fn send_all(&mut self) {
        for attempt in ATTEMPTS {
            self.send("application/json", attempt.as_bytes());
            self.send("application/json", format!("[{attempt}]").as_bytes());
            self.send(NDJSON, format!("{attempt}\n{attempt}").as_bytes());
        }
        for table in TABLES {
            self.send("text/csv", table.as_bytes());
        }
        for name in FILES {
            self.send(PARQUET, &file(&format!("customer_{name}.parquet")));
            self.send(ARROW, &file(&format!("customer_{name}.arrow")));
        }
    }

    /// Every stored record is the key's own customer's, by every way of asking.
    fn check(&self) {
        let master = self.server.master();
        let ask = |view: &str, body: Value| {
            self.server
                .post(&master, &format!("/v1/views/{view}/data"), &body)
                .expect(200)
        };
        let groups = ask("by_customer", json!({}));
        assert_eq!(
            groups["data"],
            json!([{"customer": OWN, "records": self.accepted}])
        );
        let victims = ask(
            "records",
            json!({"conditions": [
            {"field": "customer", "operator": "contains", "value": WANTED}]}),
        );
        assert_eq!(victims["data"], json!([]));
        let path = "/v1/views/records/data?format=ndjson";
        let rows = self.server.get(&master, path);
        assert_eq!(rows.status, 200);
        let mut counted = 0;
        for row in rows.text().lines() {
            let row: Value = serde_json::from_str(row).expect("a row");
            assert_eq!(row["customer"], OWN, "{row}");
            counted += 1;
        }
        assert_eq!(counted, self.accepted);
        let constraints = json!([{"field": "customer.id", "operator": "eq", "value": WANTED}]);
        let victim = self.server.key(
            "victim",
            &json!([
            {"on": "view:records", "actions": ["read"], "constraints": constraints}]),
        );
        let seen = self
            .server
            .post(&victim, "/v1/views/records/data", &json!({}))
            .expect(200);
        assert_eq!(seen["data"], json!([]), "the victim sees nothing of it");
    }
}

fn attack(pool: &Value, on_conflict: &str) -> (tempfile::TempDir, Attack) {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    let master = server.master();
    server.post(&master, "/v1/pools", pool).expect(201);
    let by_customer = json!({"name": "by_customer", "pool": "p", "shape": "aggregated", "fields": [
        {"field": "customer.id", "group": true, "as": "customer"}, {"aggregate": "count", "as": "records"}]});
    let records = json!({"name": "records", "pool": "p", "shape": "records", "fields": [
        {"field": "customer.id", "as": "customer"}]});
    for view in [by_customer, records] {
        server.post(&master, "/v1/views", &view).expect(201);
    }
    let token = server.key(
        "writer",
        &json!([{"on": "pool:p", "actions": ["ingest"],
        "injections": {"customer.id": OWN}, "on_conflict": on_conflict}]),
    );
    (
        home,
        Attack {
            server,
            pool: "p",
            token,
            accepted: 0,
            sent: 0,
        },
    )
}

#[test]
fn an_injection_wins_in_every_format_over_everything_sent() {
    let pool = json!({"name": "p", "schema": "open", "isolation_field": "customer.id"});
    let (_home, mut attack) = attack(&pool, "override");
    attack.send_all();
    assert!(
        attack.accepted > 100,
        "{} of {}",
        attack.accepted,
        attack.sent
    );
    attack.check();
}

#[test]
fn an_injection_wins_over_declared_fields_too() {
    let pool = json!({"name": "p", "schema": "strict", "isolation_field": "customer.id", "fields": [
        {"name": "customer.id", "type": "String", "required": true},
        {"name": "n", "type": "Int64"}]});
    let (_home, mut attack) = attack(&pool, "override");
    attack.send_all();
    assert!(
        attack.accepted > 60,
        "{} of {}",
        attack.accepted,
        attack.sent
    );
    attack.check();
}

#[test]
fn a_grant_that_rejects_conflicts_stores_none_of_them() {
    let pool = json!({"name": "p", "schema": "open", "isolation_field": "customer.id"});
    let (_home, mut attack) = attack(&pool, "reject");
    attack.send_all();
    attack.check();
    let before = attack.accepted;
    for conflict in [
        r#"{"customer": {"id": "victim"}}"#,
        r#"{"customer": null}"#,
        r#"{"customer.id": {"x": 1}}"#,
    ] {
        attack.send("application/json", conflict.as_bytes());
    }
    assert_eq!(attack.accepted, before);
    attack.send(
        "application/json",
        br#"{"customer": {"id": "93i"}, "n": 2}"#,
    );
    assert_eq!(attack.accepted, before + 2, "what agrees is taken");
    attack.check();
}

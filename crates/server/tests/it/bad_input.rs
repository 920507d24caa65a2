//! Every bad request is refused with a document that says what is wrong and
//! where, and nothing of it is done.

mod cases;
mod files;
mod names;
mod records;

use serde_json::{Value, json};

use crate::support::{Reply, Server};

/// A request that must be refused, and how.
pub(crate) struct Case {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
    status: u16,
    code: &'static str,
    pointer: Option<&'static str>,
    field: Option<&'static str>,
}

/// A request with a body of JSON text, however broken.
fn case(
    method: &'static str,
    path: &str,
    body: impl Into<Vec<u8>>,
    status: u16,
    code: &'static str,
) -> Case {
    let body = body.into();
    Case {
        method,
        path: path.to_owned(),
        headers: Vec::new(),
        body: (method != "GET" && method != "DELETE").then_some(body),
        status,
        code,
        pointer: None,
        field: None,
    }
}

impl Case {
    fn at(mut self, pointer: &'static str) -> Self {
        self.pointer = Some(pointer);
        self
    }

    fn field(mut self, field: &'static str) -> Self {
        self.field = Some(field);
        self
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn describe(&self) -> String {
        let body = String::from_utf8_lossy(self.body.as_deref().unwrap_or_default());
        let body: String = body.chars().take(120).collect();
        format!("{} {} {:?} {body}", self.method, self.path, self.headers)
    }

    fn send(&self, server: &Server, token: &str) -> Reply {
        let headers: Vec<_> = self.headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let reply = server.send(
            token,
            self.method,
            &self.path,
            &headers,
            self.body.as_deref(),
        );
        reply.unwrap_or_else(|_| panic!("no answer to {}", self.describe()))
    }

    /// What is wrong with the answer; nothing when it is as it must be.
    fn fault(&self, reply: &Reply) -> Option<String> {
        let wrong = |what: &str| {
            Some(format!(
                "{what}\n    {}\n    {} {}",
                self.describe(),
                reply.status,
                reply.text()
            ))
        };
        if reply.header("content-type") != Some("application/problem+json") {
            return wrong("no problem document");
        }
        let document = reply.json();
        let text = |name: &str| document[name].as_str();
        if reply.status != self.status || document["status"] != self.status {
            return wrong(&format!("expected status {}", self.status));
        }
        if text("code") != Some(self.code) {
            return wrong(&format!("expected code {}", self.code));
        }
        if text("pointer") != self.pointer || text("field") != self.field {
            return wrong(&format!("expected {:?} {:?}", self.pointer, self.field));
        }
        let names_itself = text("type") == Some(&format!("urn:tidegate:problem:{}", self.code))
            && text("request_id").is_some_and(|id| reply.header("x-request-id") == Some(id));
        if !names_itself
            || ["title", "detail"]
                .iter()
                .any(|name| text(name).is_none_or(str::is_empty))
        {
            return wrong("a member is missing");
        }
        None
    }
}

/// Sends all and tells of every wrong answer.
fn check(server: &Server, token: &str, cases: &[Case]) {
    let faults: Vec<String> = cases
        .iter()
        .filter_map(|case| case.fault(&case.send(server, token)))
        .collect();
    assert!(
        faults.is_empty(),
        "{} of {} wrong\n{}",
        faults.len(),
        cases.len(),
        faults.join("\n")
    );
}

/// A strict and an open pool, and views in all shapes.
fn definitions(server: &Server) {
    let master = server.master();
    let strict = json!({"name": "sales", "schema": "strict", "isolation_field": "customer.id",
        "time_field": "at", "fields": [
            {"name": "at", "type": "DateTime", "required": true},
            {"name": "customer.id", "type": "String", "required": true},
            {"name": "amount", "type": "Float64"}, {"name": "n", "type": "Int32"},
            {"name": "u", "type": "UInt8"}, {"name": "day", "type": "Date"},
            {"name": "key", "type": "UUID"}, {"name": "flag", "type": "Boolean"},
            {"name": "tags", "type": "Array(String)"}, {"name": "wide", "type": "UInt64"}]});
    server.post(&master, "/v1/pools", &strict).expect(201);
    server
        .post(
            &master,
            "/v1/pools",
            &json!({"name": "open", "schema": "open"}),
        )
        .expect(201);
    let rows = json!({"name": "rows", "pool": "sales", "shape": "records", "fields": [
        {"field": "at"}, {"field": "customer.id", "as": "customer"}, {"field": "amount"},
        {"field": "n"}, {"field": "tags"}]});
    let sums = json!({"name": "sums", "pool": "sales", "shape": "aggregated", "fields": [
        {"field": "customer.id", "group": true, "as": "customer"}, {"aggregate": "count"}]});
    let days = json!({"name": "days", "pool": "sales", "shape": "time_series",
        "interval_field": "at", "fields": [{"aggregate": "count"}]});
    for view in [rows, sums, days] {
        server.post(&master, "/v1/views", &view).expect(201);
    }
}

/// How many records a pool holds.
fn count(server: &Server, pool: &str) -> u64 {
    let me = server.get(&server.master(), "/v1/whoami").expect(200);
    let pools = me["pools"]
        .as_array()
        .unwrap_or_else(|| panic!("no pools in {me}"));
    let pool = pools
        .iter()
        .find(|seen| seen["name"] == pool)
        .expect("the pool is listed");
    pool["rows"].as_u64().expect("a count")
}

fn record() -> Value {
    json!({"at": "2026-05-04T03:02:01Z", "customer": {"id": "93i"}, "amount": 1.5})
}

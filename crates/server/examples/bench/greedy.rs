//! What greedy keys ask for, and of what.

use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::client::Connection;
use crate::server::Server;

const BATCH: usize = 10_000;
/// How long a slow reader waits after each chunk.
const DAWDLE: Duration = Duration::from_millis(50);
/// Records of the largest body that a greedy key sends.
pub(crate) const BODY_RECORDS: usize = 60_000;

/// What a greedy key asks.
#[derive(Clone, Copy)]
pub(crate) enum Greedy {
    Groups,
    EveryRow,
    Regex,
    Sorted,
    Body,
    /// All rows, taken slowly.
    Slow,
}

impl Greedy {
    pub(crate) const ALL: [Self; 6] = [
        Self::Groups,
        Self::EveryRow,
        Self::Regex,
        Self::Sorted,
        Self::Body,
        Self::Slow,
    ];

    /// As it is called where each has a line of its own.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Groups => "20,011 groups with medians",
            Self::EveryRow => "a group for every row",
            Self::Regex => "regular expressions over all texts",
            Self::Sorted => "all rows in another order",
            Self::Body => "bodies of many records",
            Self::Slow => "all rows, taken slowly",
        }
    }

    /// What the asker does after each chunk of an answer.
    pub(crate) fn dawdle(self) {
        if matches!(self, Self::Slow) {
            thread::sleep(DAWDLE);
        }
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Groups => "/v1/views/much/data",
            Self::EveryRow => "/v1/views/every/data",
            Self::Regex => "/v1/views/regex/data",
            Self::Sorted | Self::Slow => "/v1/views/sorted/data?format=ndjson",
            Self::Body => "/v1/pools/other/records",
        }
    }

    pub(crate) fn body(self) -> Vec<u8> {
        let record = |n: usize| {
            let text = "a text of some length, as others are";
            json!({"customer": "them", "group": n, "amount": 0.5, "text": text})
        };
        let body = match self {
            Self::Body => (0..BODY_RECORDS).map(record).collect(),
            Self::Sorted => json!({"order_by": [{"field": "text", "direction": "asc"}]}),
            _ => json!({}),
        };
        body.to_string().into_bytes()
    }
}

/// A pool in files, one to send to, and the views that are asked.
pub(crate) fn make(server: &Server, records: usize) {
    for pool in ["rows", "other"] {
        server.make(
            "/v1/pools",
            &json!({"name": pool, "schema": "strict", "isolation_field": "customer",
            "fields": [{"name": "customer", "type": "String"}, {"name": "group", "type": "Int64"},
                       {"name": "amount", "type": "Float64"}, {"name": "text", "type": "String"}]}),
        );
    }
    let view = |name: &str, fields: serde_json::Value| {
        server.make(
            "/v1/views",
            &json!({"name": name, "pool": "rows", "shape": "aggregated", "fields": fields}),
        );
    };
    view("little", json!([{"aggregate": "count"}]));
    view(
        "much",
        json!([{"field": "group", "group": true}, {"field": "amount", "aggregate": "median"},
        {"field": "text", "aggregate": "count_unique"}]),
    );
    view(
        "every",
        json!([{"field": "_id", "group": true}, {"field": "amount", "aggregate": "sum"}]),
    );
    let patterns = (1..=8).map(|n| format!("[a-z]+[0-9]{{1,{n}}}[x-z]"));
    let patterns = patterns.map(|one| json!({"field": "text", "operator": "regex", "value": one}));
    server.make(
        "/v1/views",
        &json!({"name": "regex", "pool": "rows", "shape": "aggregated",
        "fields": [{"aggregate": "count"}], "filters": [{"any": patterns.collect::<Vec<_>>()}]}),
    );
    let fields = ["customer", "group", "amount", "text"].map(|field| json!({"field": field}));
    server.make(
        "/v1/views",
        &json!({"name": "sorted", "pool": "rows", "shape": "records", "fields": fields}),
    );
    let mut connection = Connection::open(&server.address, &server.token);
    for start in (0..records).step_by(BATCH) {
        let batch: Vec<_> = (start..start + BATCH)
            .map(|n| {
                let amount = f64::from(u32::try_from(n % 9_973).unwrap()) / 8.0;
                json!({"customer": format!("c{}", n % 1_000), "group": n % 20_011, "amount": amount, "text": format!("t{}", n % 7_919)})
            })
            .collect();
        let (status, _) = connection.post(
            "/v1/pools/rows/records",
            json!(batch).to_string().as_bytes(),
        );
        assert_eq!(status, 200);
    }
}

/// On Linux a thread has a value of its own; elsewhere these are as all others.
pub(crate) fn stand_behind() {
    #[cfg(target_os = "linux")]
    rustix::process::setpriority_process(None, 19).unwrap();
}

//! The price of the barrier: a key's constraint against the same condition
//! written by hand under a key that sees all rows.

use std::time::Instant;

use serde_json::json;

use crate::client::Connection;
use crate::report::Table;
use crate::server::Server;
use crate::stats::{median, median_with_range, sorted};

const BATCH: usize = 10_000;

/// Records go to files while they are loaded, so that files are what is asked.
pub(crate) const OPTIONS: &[&str] = &["--flush-bytes", "8MiB", "--flush-after", "1s"];

pub(crate) fn run(server: &Server, short: bool) -> Table {
    let (records, pairs) = if short {
        (100_000, 30)
    } else {
        (10_000_000, 300)
    };
    server.make(
        "/v1/pools",
        &json!({"name": "rows", "schema": "strict", "isolation_field": "customer",
        "fields": [{"name": "customer", "type": "String"}, {"name": "region", "type": "String"},
                   {"name": "amount", "type": "Float64"}, {"name": "n", "type": "Int64"}]}),
    );
    server.make("/v1/views", &json!({"name": "sums", "pool": "rows", "shape": "aggregated", "fields": [
        {"field": "customer", "group": true}, {"field": "region", "group": true}, {"aggregate": "count"},
        {"field": "n", "aggregate": "sum"}, {"field": "amount", "aggregate": "average"}]}));
    load(server, records);
    server.settle();
    let constraints = [
        (
            "isolation field, 0.1 %",
            json!([{"field": "customer", "operator": "eq", "value": "c7"}]),
        ),
        (
            "another field, 25 %",
            json!([{"field": "region", "operator": "eq", "value": "r1"}]),
        ),
        (
            "another field, 75 %",
            json!([{"field": "region", "operator": "ne", "value": "r1"}]),
        ),
    ];
    let rows = constraints.iter();
    Table {
        title: "The price of the barrier".to_owned(),
        text: format!(
            "Sums by customer and region over {records} rows in files, under a key with the constraint and under one that \
             sees all rows and asks with the same condition: {pairs} interleaved pairs. The ratio is the median of the \
             pairs' ratios, with the bound that holds the true one in 97 of 100 runs."
        ),
        columns: vec![
            "constraint on",
            "barrier ms",
            "by hand ms",
            "ratio",
            "at most",
        ],
        rows: rows
            .map(|(name, constraint)| compare(server, name, constraint, pairs))
            .collect(),
    }
}

fn load(server: &Server, records: usize) {
    let mut connection = Connection::open(&server.address, &server.token);
    for start in (0..records).step_by(BATCH) {
        let records: Vec<_> = (start..start + BATCH)
            .map(|n| {
                let amount = f64::from(u32::try_from(n % 997).unwrap()) / 8.0;
                json!({"customer": format!("c{}", n % 1_000), "region": format!("r{}", n / 1_000 % 4), "amount": amount, "n": n})
            })
            .collect();
        let (status, _) = connection.post(
            "/v1/pools/rows/records",
            json!(records).to_string().as_bytes(),
        );
        assert_eq!(status, 200);
    }
}

fn compare(
    server: &Server,
    name: &str,
    constraint: &serde_json::Value,
    pairs: usize,
) -> Vec<String> {
    let key = server.make(
        "/v1/keys",
        &json!({"name": name, "grants": [
        {"on": "view:sums", "actions": ["read"], "constraints": constraint}]}),
    );
    let mut held = Connection::open(&server.address, key["token"].as_str().unwrap());
    let mut free = Connection::open(&server.address, &server.token);
    let by_hand = json!({"conditions": constraint}).to_string();
    let ask = |connection: &mut Connection, body: &str| {
        let start = Instant::now();
        let (status, answer) = connection.post("/v1/views/sums/data", body.as_bytes());
        assert_eq!(status, 200);
        (start.elapsed().as_secs_f64() * 1e3, answer)
    };
    let (mut barrier, mut hand) = (Vec::new(), Vec::new());
    // Both have been asked before.
    for token in [&mut held, &mut free] {
        ask(token, "{}");
    }
    for _ in 0..pairs {
        let (time, seen) = ask(&mut held, "{}");
        barrier.push(time);
        let (time, asked) = ask(&mut free, &by_hand);
        hand.push(time);
        assert_eq!(seen, asked, "both see the same rows");
    }
    let ratios = barrier.iter().zip(&hand).map(|(held, free)| held / free);
    let [middle, _, high] = median_with_range(&sorted(ratios.collect()));
    vec![
        name.to_owned(),
        format!("{:.2}", median(&barrier)),
        format!("{:.2}", median(&hand)),
        format!("{middle:.2}"),
        format!("{high:.2}"),
    ]
}

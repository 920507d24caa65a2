//! The price of the barrier: a key's constraint against the same condition
//! written by hand under a key that sees all rows.

use std::time::Instant;

use serde_json::json;

use crate::client::Connection;
use crate::server::Server;
use crate::{at_share, sorted};

const ROWS: usize = 1_000_000;
const BATCH: usize = 10_000;
const PAIRS: usize = 300;

/// Records go to files while they are loaded, so that files are what is asked.
pub(crate) const OPTIONS: &[&str] = &["--flush-bytes", "8MiB", "--flush-after", "1s"];

pub(crate) fn run(server: &Server) {
    server.make(
        "/v1/pools",
        &json!({"name": "rows", "schema": "strict", "isolation_field": "customer",
        "fields": [{"name": "customer", "type": "String"}, {"name": "region", "type": "String"},
                   {"name": "amount", "type": "Float64"}, {"name": "n", "type": "Int64"}]}),
    );
    server.make("/v1/views", &json!({"name": "sums", "pool": "rows", "shape": "aggregated", "fields": [
        {"field": "customer", "group": true}, {"field": "region", "group": true}, {"aggregate": "count"},
        {"field": "n", "aggregate": "sum"}, {"field": "amount", "aggregate": "average"}]}));
    load(server);
    println!(
        "\nthe barrier against the same hand-written condition, {ROWS} rows in files, {PAIRS} interleaved pairs"
    );
    println!(
        "{:>28} {:>12} {:>12} {:>8} {:>12}",
        "constraint", "barrier ms", "by hand ms", "ratio", "upper 95 %"
    );
    compare(
        server,
        "isolation field, 0.1 %",
        &json!([{"field": "customer", "operator": "eq", "value": "c7"}]),
    );
    compare(
        server,
        "other field, 25 %",
        &json!([{"field": "region", "operator": "eq", "value": "r1"}]),
    );
    compare(
        server,
        "other field, 75 %",
        &json!([{"field": "region", "operator": "ne", "value": "r1"}]),
    );
}

fn load(server: &Server) {
    let mut connection = Connection::open(&server.address, &server.token);
    for start in (0..ROWS).step_by(BATCH) {
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

fn compare(server: &Server, name: &str, constraint: &serde_json::Value) {
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
    for _ in 0..PAIRS {
        let (time, seen) = ask(&mut held, "{}");
        barrier.push(time);
        let (time, asked) = ask(&mut free, &by_hand);
        hand.push(time);
        assert_eq!(seen, asked, "both see the same rows");
    }
    let ratios = barrier.iter().zip(&hand).map(|(held, free)| held / free);
    let ratios = sorted(ratios.collect());
    let (barrier, hand) = (
        at_share(&sorted(barrier), 0.5),
        at_share(&sorted(hand), 0.5),
    );
    // The rank of the sorted ratios that is above the median in 95 of 100 samples.
    #[expect(clippy::cast_precision_loss, reason = "a few hundred pairs")]
    let above = 0.5 + 0.98 / (PAIRS as f64).sqrt();
    println!(
        "{name:>28} {barrier:>12.2} {hand:>12.2} {:>8.2} {:>12.2}",
        at_share(&ratios, 0.5),
        at_share(&ratios, above)
    );
}

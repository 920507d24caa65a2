//! Whether the time of one customer's questions tells anything of another customer's rows.
//!
//! Pairs of pools hold the same rows of the asker and differ in the rows that are hidden. The same
//! question is put to both, one after the other, in random order.

use std::time::Instant;

use serde_json::{Value, json};

use crate::client::Connection;
use crate::report::Table;
use crate::server::Server;
use crate::stats::{distinguished, median, median_with_range, sorted};

/// Records go to files while they are loaded; merging goes on until nothing is left to do.
pub(crate) const OPTIONS: &[&str] = &["--flush-bytes", "1MiB", "--flush-after", "1s"];

const OWN_ROWS: usize = 2_000;
const OTHERS: usize = 50;
const BATCH: usize = 5_000;
/// Questions before the first that counts.
const WARM: usize = 20;

/// Rows of others: how many, and whether they are what the asker asks for.
#[derive(Clone, Copy)]
struct Hidden {
    rows: usize,
    kind: &'static str,
}

struct Case {
    tier: &'static str,
    layout: &'static str,
    constraint: &'static str,
    difference: &'static str,
    hidden: [Hidden; 2],
}

fn cases(many: usize) -> Vec<Case> {
    let tiers = [
        ("own files", "file_per_customer", "customer"),
        ("isolation field", "shared", "customer"),
        ("another field", "shared", "tenant"),
    ];
    let hidden = |rows, kind| Hidden { rows, kind };
    let differences = [
        ("none or many rows", [hidden(0, "y"), hidden(many, "y")]),
        (
            "none or all of them match",
            [hidden(many, "y"), hidden(many, "x")],
        ),
    ];
    let pairs = tiers
        .into_iter()
        .flat_map(|tier| differences.map(|difference| (tier, difference)));
    pairs
        .map(|((tier, layout, constraint), (difference, hidden))| Case {
            tier,
            layout,
            constraint,
            difference,
            hidden,
        })
        .collect()
}

pub(crate) fn run(server: &Server, short: bool) -> Table {
    let (pairs, many) = if short {
        (200, 20_000)
    } else {
        (2_000, 200_000)
    };
    let cases = cases(many);
    let made: Vec<_> = cases
        .iter()
        .enumerate()
        .map(|(number, case)| make(server, number, case))
        .collect();
    server.settle();
    let mut order = Order(0x9E37_79B9_7F4A_7C15);
    let rows = cases.iter().zip(made).map(|(case, views)| {
        let [a, b] = measure(server, &views, pairs, &mut order);
        let differences: Vec<f64> = a.iter().zip(&b).map(|(a, b)| (b - a) * 1e3).collect();
        let [middle, low, high] = median_with_range(&sorted(differences));
        vec![
            case.tier.to_owned(),
            case.difference.to_owned(),
            format!("{:.3}", median(&a)),
            format!("{:.3}", median(&b)),
            format!("{middle:+.1}"),
            format!("{low:+.1} to {high:+.1}"),
            format!("{:.3}", distinguished(&a, &b)),
        ]
    });
    Table {
        title: "Timing between customers".to_owned(),
        text: format!(
            "One customer with {OWN_ROWS} rows asks for a count and a sum of those of one kind, of two pools that \
             differ only in rows that the key cannot see: {pairs} pairs of questions, each pair in random order. \"Many\" \
             are {many} rows of {OTHERS} other customers. The difference is the median of the pairs' differences, with \
             the range that holds the true one in 95 of 100 runs. The last column is how often somebody who is shown \
             one time of each tells rightly which is which: 0.5 is guessing. Promised is `layout: \"file_per_customer\"` \
             (own files); for the others this is measured and not promised."
        ),
        columns: vec![
            "constraint on",
            "hidden rows",
            "first ms",
            "second ms",
            "difference µs",
            "95 %",
            "told apart",
        ],
        rows: rows.collect(),
    }
}

/// Two pools with views; a key that sees the own rows of both.
struct Views {
    token: String,
    names: [String; 2],
}

fn make(server: &Server, number: usize, case: &Case) -> Views {
    let names = [0, 1].map(|side| format!("case{number}side{side}"));
    for (name, hidden) in names.iter().zip(case.hidden) {
        server.make(
            "/v1/pools",
            &json!({"name": name, "schema": "strict", "isolation_field": "customer",
            "layout": case.layout, "fields": [{"name": "customer", "type": "String"},
            {"name": "tenant", "type": "String"}, {"name": "kind", "type": "String"},
            {"name": "n", "type": "Int64"}]}),
        );
        server.make(
            "/v1/views",
            &json!({"name": name, "pool": name, "shape": "aggregated", "fields": [
            {"aggregate": "count"}, {"field": "n", "aggregate": "sum"}, {"field": "kind", "group": true}]}),
        );
        load(server, name, hidden);
    }
    let constraints = json!([{"field": case.constraint, "operator": "eq", "value": "me"}]);
    let grants = names.each_ref().map(|name| {
        json!({"on": format!("view:{name}"), "actions": ["read"], "constraints": constraints})
    });
    let key = server.make(
        "/v1/keys",
        &json!({"name": format!("case {number}"), "grants": grants}),
    );
    let token = key["token"].as_str().unwrap().to_owned();
    Views { token, names }
}

/// The asker's rows stand between those of the others, as they would come.
fn load(server: &Server, pool: &str, hidden: Hidden) {
    let own = (0..OWN_ROWS).map(|n| {
        let kind = if n % 2 == 0 { "x" } else { "z" };
        json!({"customer": "me", "tenant": "me", "kind": kind, "n": n})
    });
    let each = (hidden.rows / OWN_ROWS).max(1);
    let mut others = (0..hidden.rows).map(|n| {
        let name = format!("c{}", n % OTHERS);
        json!({"customer": name, "tenant": name, "kind": hidden.kind, "n": n})
    });
    let mut records = Vec::with_capacity(OWN_ROWS + hidden.rows);
    for record in own {
        records.push(record);
        records.extend(others.by_ref().take(each));
    }
    records.extend(others);
    let mut connection = Connection::open(&server.address, &server.token);
    for batch in records.chunks(BATCH) {
        let path = format!("/v1/pools/{pool}/records");
        let (status, _) = connection.post(&path, Value::from(batch).to_string().as_bytes());
        assert_eq!(status, 200);
    }
}

/// The milliseconds of each question, those of the two pools apart.
fn measure(server: &Server, views: &Views, pairs: usize, order: &mut Order) -> [Vec<f64>; 2] {
    let mut connection = Connection::open(&server.address, &views.token);
    let body =
        json!({"conditions": [{"field": "kind", "operator": "eq", "value": "x"}]}).to_string();
    let paths = views
        .names
        .each_ref()
        .map(|name| format!("/v1/views/{name}/data"));
    let expected = json!({"data": [{"count": OWN_ROWS / 2, "n": (0..OWN_ROWS).step_by(2).sum::<usize>(), "kind": "x"}]});
    let mut times = [Vec::with_capacity(pairs), Vec::with_capacity(pairs)];
    for pair in 0..pairs + WARM {
        let first = order.coin();
        for side in [first, 1 - first] {
            let start = Instant::now();
            let (status, answer) = connection.post(&paths[side], body.as_bytes());
            let time = start.elapsed().as_secs_f64() * 1e3;
            assert_eq!(status, 200);
            if pair < WARM {
                assert_eq!(serde_json::from_slice::<Value>(&answer).unwrap(), expected);
            } else {
                times[side].push(time);
            }
        }
    }
    times
}

/// A coin that falls the same way in every run.
struct Order(u64);

impl Order {
    fn coin(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::from(self.0 >> 63 == 1)
    }
}

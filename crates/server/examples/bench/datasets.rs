//! Reading cached datasets: how many a second, how long one takes at half that
//! load, and what new records cost, by the size of the pool.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::Connection;
use crate::report::Table;
use crate::server::Server;
use crate::stats::{at_share, median, sorted};

pub(crate) const OPTIONS: &[&str] = &["--flush-bytes", "64MiB", "--flush-after", "1s"];

const BATCH: usize = 10_000;
const CUSTOMERS: usize = 2_000;
/// Connections of the load.
const CONNECTIONS: usize = 16;
/// New records of one customer before each refresh, in turn.
const NEW: [usize; 3] = [100, 1_000, 10_000];
/// Refreshes that are timed for each of them at each size.
const REFRESHES: usize = 5;
/// A dataset may be that long behind; a read after it makes what is new.
const BEHIND: Duration = Duration::from_millis(10_050);

pub(crate) fn run(server: &Server, short: bool) -> Table {
    let sizes: &[usize] = match short {
        true => &[50_000, 100_000],
        false => &[1_000_000, 20_000_000],
    };
    let refreshes = if short { 2 } else { REFRESHES };
    let seconds = Duration::from_secs(if short { 1 } else { 10 });
    make(server);
    let key = key(server, 7);
    let mut rows = Vec::new();
    let mut held = 0;
    for size in sizes {
        load(server, held, *size);
        held = *size;
        server.settle();
        let first = timed(server, &key);
        let mut refreshed = NEW.map(|_| Vec::new());
        for _ in 0..refreshes {
            for (times, new) in refreshed.iter_mut().zip(NEW) {
                thread::sleep(BEHIND);
                records(server, (0..new).map(|n| (7, 0, n)));
                times.push(timed(server, &key));
            }
        }
        let [rate, bytes] = most(server, &key, seconds);
        let times = at_rate(server, &key, rate / 2.0, seconds);
        let mut row = vec![size.to_string(), format!("{first:.1}")];
        row.extend(refreshed.map(|times| format!("{:.2}", median(&times))));
        row.extend([
            format!("{rate:.0}"),
            format!("{bytes:.0}"),
            format!("{:.2}", at_share(&times, 0.5)),
            format!("{:.2}", at_share(&times, 0.99)),
        ]);
        rows.push(row);
    }
    Table {
        title: "Reading a cached dataset".to_owned(),
        text: format!(
            "Daily counts and sums of {CUSTOMERS} customers over 14 days, read by one customer with a key that sees \
             its rows alone, over {CONNECTIONS} keep-alive connections. A refresh is the first read after so many new records of \
             the customer today, the median of {refreshes} of each in turn; the day grows with them."
        ),
        columns: vec![
            "records",
            "first read ms",
            "refresh ms, 100 new",
            "1,000 new",
            "10,000 new",
            "reads/s",
            "bytes",
            "p50 ms at half",
            "p99 ms at half",
        ],
        rows,
    }
}

fn make(server: &Server) {
    let pool = json!({ "name": "sales", "schema": "strict", "isolation_field": "customer",
        "time_field": "at", "fields": [{ "name": "customer", "type": "String" },
            { "name": "at", "type": "DateTime" }, { "name": "amount", "type": "Float64" }] });
    server.make("/v1/pools", &pool);
    let dataset = json!({ "name": "daily", "index_by": "customer", "query": {
        "analysis": "multi_analysis", "pool": "sales", "interval": "daily",
        "timeframe": "this_14_days", "analyses": { "orders": { "analysis": "count" },
            "revenue": { "analysis": "sum", "field": "amount" } } } });
    server.make("/v1/datasets", &dataset);
}

fn key(server: &Server, customer: usize) -> String {
    let rows = json!([{ "field": "customer", "operator": "eq", "value": name(customer) }]);
    let body = json!({ "name": "reader", "grants": [{ "on": "dataset:daily",
        "actions": ["retrieve"], "constraints": rows }] });
    let made = server.make("/v1/keys", &body);
    made["token"].as_str().unwrap().to_owned()
}

fn name(customer: usize) -> String {
    format!("c{customer:05}")
}

/// Records up to `size`, spread over customers and the last thirty days.
fn load(server: &Server, held: usize, size: usize) {
    for from in (held..size).step_by(BATCH) {
        let batch = from..(from + BATCH).min(size);
        records(
            server,
            batch.map(|n| (n % CUSTOMERS, n / CUSTOMERS % 30, n)),
        );
    }
}

fn records(server: &Server, which: impl Iterator<Item = (usize, usize, usize)>) {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let today = i64::try_from(since.as_secs()).unwrap() / 86_400 * 86_400;
    let mut body = String::from("[");
    for (customer, days, n) in which {
        let days = i64::try_from(days).unwrap();
        let at = model::time::Timestamp::from_microsecond((today - days * 86_400) * 1_000_000);
        let record = json!({ "customer": name(customer), "at": at.unwrap().to_string(),
            "amount": n % 997 });
        if body.len() > 1 {
            body.push(',');
        }
        body += &record.to_string();
    }
    body.push(']');
    let mut connection = Connection::open(&server.address, &server.token);
    let (status, answer) = connection.post("/v1/pools/sales/records", body.as_bytes());
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
}

const PATH: &str = "/v1/datasets/daily/results?index_by=c00007&timeframe=this_14_days";

fn read(connection: &mut Connection) -> usize {
    let body = connection.get(PATH);
    assert!(
        body.starts_with(b"{\"result\":["),
        "{}",
        String::from_utf8_lossy(&body)
    );
    body.len()
}

/// Milliseconds of one read.
fn timed(server: &Server, key: &str) -> f64 {
    let mut connection = Connection::open(&server.address, key);
    let start = Instant::now();
    read(&mut connection);
    start.elapsed().as_secs_f64() * 1e3
}

/// The most reads a second, and the bytes of one body.
fn most(server: &Server, key: &str, time: Duration) -> [f64; 2] {
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let bytes = read(&mut Connection::open(&server.address, key));
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut connection = Connection::open(&server.address, key);
                while !stop.load(Ordering::Relaxed) {
                    read(&mut connection);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
    });
    #[expect(clippy::cast_precision_loss, reason = "a few hundred thousand reads")]
    let figures = [
        count.into_inner() as f64 / start.elapsed().as_secs_f64(),
        bytes as f64,
    ];
    figures
}

/// Milliseconds of reads that begin at a steady rate, from when each was due:
/// one that had to wait for others counts its wait.
fn at_rate(server: &Server, key: &str, rate: f64, time: Duration) -> Vec<f64> {
    #[expect(clippy::cast_precision_loss, reason = "16 connections")]
    let step = Duration::from_secs_f64(CONNECTIONS as f64 / rate);
    let start = Instant::now();
    let all = thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|at| {
                scope.spawn(move || {
                    let mut connection = Connection::open(&server.address, key);
                    let at = u32::try_from(at).unwrap();
                    let mut due = step * at / u32::try_from(CONNECTIONS).unwrap();
                    let mut times = Vec::new();
                    while due < time {
                        if let Some(wait) = due.checked_sub(start.elapsed()) {
                            thread::sleep(wait);
                        }
                        read(&mut connection);
                        times.push((start.elapsed() - due).as_secs_f64() * 1e3);
                        due += step;
                    }
                    times
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    sorted(all)
}

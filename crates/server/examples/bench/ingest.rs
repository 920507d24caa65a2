//! Durable writes: every answer waits for the disk.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::Connection;
use crate::report::Table;
use crate::server::Server;
use crate::stats::{at_share, sorted};

const TIME: Duration = Duration::from_secs(4);
const TIME_SHORT: Duration = Duration::from_millis(200);

pub(crate) fn run(server: &Server, short: bool) -> Table {
    let time = if short { TIME_SHORT } else { TIME };
    server.make("/v1/pools", &json!({"name": "events", "schema": "strict", "isolation_field": "customer",
        "time_field": "at", "fields": [{"name": "at", "type": "DateTime"}, {"name": "customer", "type": "String"},
        {"name": "path", "type": "String"}, {"name": "amount", "type": "Float64"}, {"name": "n", "type": "Int32"}]}));
    let loads = [1, 100].map(|batch| [1, 8, 64].map(|connections| (connections, batch)));
    let loads = loads.concat();
    let rows = loads.into_iter();
    Table {
        title: "Durable writes".to_owned(),
        text: format!(
            "Batches of so many records over HTTP, each answered when it and the name of its file are on stable storage \
             (fdatasync); {} s each, the clients on the same machine.",
            time.as_secs_f64()
        ),
        columns: vec![
            "connections",
            "records of a batch",
            "answers/s",
            "records/s",
            "p50 ms",
            "p99 ms",
        ],
        rows: rows
            .map(|(connections, batch)| measure(server, connections, batch, time))
            .collect(),
    }
}

fn measure(server: &Server, connections: usize, batch: usize, time: Duration) -> Vec<String> {
    let record = json!({"at": "2026-01-31T08:15:00Z", "customer": "c17", "path": "/checkout/step/2", "amount": 17.25, "n": 3});
    let body = if batch == 1 {
        record
    } else {
        json!(vec![record; batch])
    }
    .to_string();
    let start = Instant::now();
    let times: Vec<f64> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..connections)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = Connection::open(&server.address, &server.token);
                    let mut times = Vec::new();
                    while start.elapsed() < time {
                        let sent = Instant::now();
                        let (status, answer) =
                            connection.post("/v1/pools/events/records", body.as_bytes());
                        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
                        times.push(sent.elapsed().as_secs_f64() * 1e3);
                    }
                    times
                })
            })
            .collect();
        clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect()
    });
    let seconds = start.elapsed().as_secs_f64();
    let times = sorted(times);
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = times.len() as f64 / seconds;
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let records = rate * batch as f64;
    vec![
        connections.to_string(),
        batch.to_string(),
        format!("{rate:.0}"),
        format!("{records:.0}"),
        format!("{:.2}", at_share(&times, 0.5)),
        format!("{:.2}", at_share(&times, 0.99)),
    ]
}

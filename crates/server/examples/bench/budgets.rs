//! What greedy keys are held to: the memory of the server and the time of each question.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Connection;
use crate::greedy::{Greedy, make, stand_behind};
use crate::neighbours::token;
use crate::report::Table;
use crate::server::Server;

/// Little memory and time, so that the bounds are what is met.
pub(crate) const OPTIONS: &[&str] = &[
    "--flush-bytes",
    "8MiB",
    "--flush-after",
    "1s",
    "--buffer-bytes",
    "64MiB",
    "--cache-bytes",
    "64MiB",
    "--query-memory-bytes",
    "256MiB",
    "--query-deadline",
    "2s",
];

/// Of the options above: the buffer, the cache, and the memory of questions twice, the second time for
/// slow readers (docs/operating.md).
const BUDGET_MIB: u64 = 64 + 64 + 2 * 256;
const DEADLINE_SECONDS: f64 = 2.0;
const KEYS: usize = 3;
const EACH: usize = 21;

/// How each question of one kind ended, and the longest wait for a limit in seconds.
#[derive(Default)]
struct Ends {
    answered: usize,
    by_code: BTreeMap<String, (usize, f64)>,
}

pub(crate) fn run(server: &Server, short: bool) -> Table {
    let (records, time) = if short {
        (100_000, Duration::from_secs(3))
    } else {
        (1_000_000, Duration::from_secs(180))
    };
    make(server, records);
    server.settle();
    let grants = serde_json::json!([{"on": "view:*", "actions": ["read"], "constraints": "all_rows"},
        {"on": "pool:other", "actions": ["ingest"]}]);
    let tokens: Vec<String> = (0..KEYS)
        .map(|number| token(server, &format!("greedy {number}"), &grants))
        .collect();
    let is_over = AtomicBool::new(false);
    let mut ends: Vec<Ends> = Greedy::ALL.iter().map(|_| Ends::default()).collect();
    thread::scope(|scope| {
        let askers: Vec<_> = (0..KEYS * EACH)
            .map(|asker| {
                let (token, is_over) = (&tokens[asker % KEYS], &is_over);
                let kind = asker / KEYS % Greedy::ALL.len();
                scope.spawn(move || (kind, ask(server, token, Greedy::ALL[kind], is_over)))
            })
            .collect();
        thread::sleep(time);
        is_over.store(true, Ordering::SeqCst);
        for asker in askers {
            let (kind, ended) = asker.join().unwrap();
            merge(&mut ends[kind], ended);
        }
    });
    let peak = peak_mib(server);
    Table {
        title: "What greedy keys are held to".to_owned(),
        text: format!(
            "{} connections of {KEYS} keys ask for the worst of above over {records} rows for {} s, at a `--query-deadline` of {DEADLINE_SECONDS} s and \
             a budget of {BUDGET_MIB} MiB (`--buffer-bytes 64MiB`, `--cache-bytes 64MiB`, `--query-memory-bytes 256MiB` twice, for slow readers). \
             **The server's memory was at most {peak} MiB ({:.2} of the budget)**. How questions ended; behind each limit the longest time from \
             the request to the refusal. A question that is `busy` waited for a place for as long as a question may take and did nothing.",
            KEYS * EACH,
            time.as_secs(),
            f64::from(u32::try_from(peak).unwrap()) / f64::from(u32::try_from(BUDGET_MIB).unwrap()),
        ),
        columns: vec!["question", "answered", "limits, longest s"],
        rows: Greedy::ALL
            .iter()
            .zip(&ends)
            .map(|(what, ends)| row(*what, ends))
            .collect(),
    }
}

fn row(what: Greedy, ends: &Ends) -> Vec<String> {
    let limits = ends.by_code.iter();
    let limits = limits.map(|(code, (count, longest))| format!("{count} `{code}` {longest:.2}"));
    vec![
        what.name().to_owned(),
        ends.answered.to_string(),
        limits.collect::<Vec<_>>().join(", "),
    ]
}

fn merge(all: &mut Ends, one: Ends) {
    all.answered += one.answered;
    for (code, (count, longest)) in one.by_code {
        let entry = all.by_code.entry(code).or_default();
        *entry = (entry.0 + count, entry.1.max(longest));
    }
}

fn ask(server: &Server, token: &str, what: Greedy, is_over: &AtomicBool) -> Ends {
    stand_behind();
    let (path, body) = (what.path(), what.body());
    let mut ends = Ends::default();
    let mut connection = Connection::open(&server.address, token);
    let goes_on = || !is_over.load(Ordering::SeqCst);
    while goes_on() {
        let start = Instant::now();
        let code = match connection.try_post(path, &body, &mut || {
            what.dawdle();
            goes_on()
        }) {
            Ok((200, _)) => {
                ends.answered += 1;
                continue;
            }
            Ok((_, problem)) => {
                let problem: serde_json::Value = serde_json::from_slice(&problem).unwrap();
                problem["code"].as_str().unwrap().to_owned()
            }
            Err(_) if !goes_on() => break,
            Err(_) => {
                connection = Connection::open(&server.address, token);
                "cut".to_owned()
            }
        };
        let entry = ends.by_code.entry(code).or_default();
        *entry = (entry.0 + 1, entry.1.max(start.elapsed().as_secs_f64()));
    }
    ends
}

/// The most memory that the server's process ever had in use, as Linux tells it.
fn peak_mib(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line
        .and_then(|line| line.split_whitespace().nth(1))
        .unwrap();
    kib.parse::<u64>().unwrap() / 1024
}

//! What a small key waits beside keys that ask for much.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::Connection;
use crate::report::Table;
use crate::server::Server;
use crate::stats::{at_share, sorted};

/// Records go to files while they are loaded.
pub(crate) const OPTIONS: &[&str] = &[
    "--flush-bytes",
    "8MiB",
    "--flush-after",
    "1s",
    "--query-deadline",
    "60s",
];

/// The same where long questions have what others leave.
pub(crate) const IDLE_OPTIONS: &[&str] = &[
    "--flush-bytes",
    "8MiB",
    "--flush-after",
    "1s",
    "--query-deadline",
    "60s",
    "--query-priority",
    "idle",
];

const BATCH: usize = 10_000;
/// Questions of one greedy key at once.
const AT_ONCE: usize = 16;
/// The same where each asks something else.
const MIXED_AT_ONCE: usize = 21;
const TITLE: &str = "A small key beside greedy ones";
/// Records of the largest body that a greedy key sends.
const BODY_RECORDS: usize = 60_000;
/// How often it is looked whether the others have begun.
const LOOK: Duration = Duration::from_millis(2);
/// Phases alone and beside the others, in turn.
const ROUNDS: usize = 5;

pub(crate) fn run(server: &Server, short: bool) -> Table {
    let (records, questions) = if short {
        (100_000, 20)
    } else {
        (1_000_000, 200)
    };
    make(server, records);
    server.settle();
    let mut rows = Vec::new();
    let groups = &[Greedy::Groups][..];
    let loads = [
        ("1 key", 1, AT_ONCE, groups),
        ("3 keys", 3, AT_ONCE, groups),
        ("3 keys, the worst", 3, MIXED_AT_ONCE, &Greedy::ALL),
    ];
    for (name, keys, each, what) in loads {
        let load = Load {
            name,
            keys,
            each,
            what,
        };
        rows.extend(compare(server, records, questions, &load));
    }
    Table {
        title: TITLE.to_owned(),
        text: format!(
            "{records} rows of 1,000 customers. The small key counts its own rows, one question after the other: {ROUNDS} times \
             {questions} alone and as many beside the others, in turn. Each greedy key has {AT_ONCE} questions on their \
             way all the time: 20,011 groups with a median and a distinct count, over all rows. The worst are \
             {MIXED_AT_ONCE} each, in turn such groups, a group for every row, a regular expression over all \
             texts, all rows in an order that no file has, and bodies of {BODY_RECORDS} records. Greedy clients would be \
             other machines, and stand behind everything else on this one (nice 19)."
        ),
        columns: vec![
            "greedy keys",
            "small key's questions",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "greedy answers/s",
            "refused",
        ],
        rows,
    }
}

/// The same beside long questions of the lowest priority.
pub(crate) fn run_with_idle(server: &Server, short: bool) -> Table {
    Table {
        title: format!("{TITLE}, with --query-priority idle"),
        text: "As above.".to_owned(),
        ..run(server, short)
    }
}

/// What a greedy key asks.
#[derive(Clone, Copy)]
enum Greedy {
    Groups,
    EveryRow,
    Regex,
    Sorted,
    Body,
}

impl Greedy {
    const ALL: [Self; 5] = [
        Self::Groups,
        Self::EveryRow,
        Self::Regex,
        Self::Sorted,
        Self::Body,
    ];

    fn path(self) -> &'static str {
        match self {
            Self::Groups => "/v1/views/much/data",
            Self::EveryRow => "/v1/views/every/data",
            Self::Regex => "/v1/views/regex/data",
            Self::Sorted => "/v1/views/sorted/data?format=ndjson",
            Self::Body => "/v1/pools/other/records",
        }
    }

    fn body(self) -> Vec<u8> {
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

/// Who asks what all the time.
struct Load<'a> {
    name: &'a str,
    keys: usize,
    each: usize,
    what: &'a [Greedy],
}

fn make(server: &Server, records: usize) {
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

/// What the greedy askers did so far.
#[derive(Default)]
struct Greed {
    is_over: AtomicBool,
    answers: AtomicUsize,
    refused: AtomicUsize,
}

fn compare(server: &Server, records: usize, questions: usize, load: &Load<'_>) -> [Vec<String>; 2] {
    let grants = json!([{"on": "view:*", "actions": ["read"], "constraints": "all_rows"},
        {"on": "pool:other", "actions": ["ingest"]}]);
    let greedy: Vec<String> = (0..load.keys)
        .map(|number| token(server, &format!("{} {number}", load.name), &grants))
        .collect();
    let own = json!([{"on": "view:little", "actions": ["read"],
        "constraints": [{"field": "customer", "operator": "eq", "value": "c7"}]}]);
    let small = token(server, "small", &own);
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let (mut answers, mut refused, mut seconds) = (0, 0, 0.0);
    for _ in 0..ROUNDS {
        alone.extend(ask(server, &small, records, questions));
        let greed = Greed::default();
        thread::scope(|scope| {
            for asker in 0..load.keys * load.each {
                let (token, greed) = (&greedy[asker % load.keys], &greed);
                let what = load.what[asker / load.keys % load.what.len()];
                scope.spawn(move || ask_much(server, token, what, greed));
            }
            // From here on every slot that they may have is theirs.
            while greed.answers.load(Ordering::SeqCst) < 4 {
                // Not the core that they need.
                thread::sleep(LOOK);
            }
            let (before, start) = (greed.answers.load(Ordering::SeqCst), Instant::now());
            beside.extend(ask(server, &small, records, questions));
            seconds += start.elapsed().as_secs_f64();
            answers += greed.answers.load(Ordering::SeqCst) - before;
            greed.is_over.store(true, Ordering::SeqCst);
        });
        refused += greed.refused.load(Ordering::SeqCst);
    }
    let (alone, beside) = (sorted(alone), sorted(beside));
    let shares = [0.5, 0.95, 0.99];
    let (alone, beside) = (
        shares.map(|share| at_share(&alone, share)),
        shares.map(|share| at_share(&beside, share)),
    );
    let [a, b, c] = alone.map(|time| format!("{time:.2}"));
    let first = [load.name, "alone", &a, &b, &c, "", ""]
        .map(str::to_owned)
        .to_vec();
    let times = beside
        .iter()
        .zip(alone)
        .map(|(beside, alone)| format!("{beside:.2} (× {:.1})", beside / alone));
    let rate = f64::from(u32::try_from(answers).unwrap()) / seconds;
    let mut second = vec![load.name.to_owned(), "beside them".to_owned()];
    second.extend(times);
    second.extend([format!("{rate:.1}"), refused.to_string()]);
    [first, second]
}

fn token(server: &Server, name: &str, grants: &serde_json::Value) -> String {
    let key = server.make("/v1/keys", &json!({"name": name, "grants": grants}));
    key["token"].as_str().unwrap().to_owned()
}

/// The milliseconds of the small key's questions.
fn ask(server: &Server, token: &str, records: usize, questions: usize) -> Vec<f64> {
    let mut connection = Connection::open(&server.address, token);
    let expected = json!({"data": [{"count": records / 1_000}]}).to_string();
    let one = |_| {
        let start = Instant::now();
        let (status, answer) = connection.post("/v1/views/little/data", b"{}");
        assert_eq!((status, answer), (200, expected.clone().into_bytes()));
        start.elapsed().as_secs_f64() * 1e3
    };
    (0..questions).map(one).collect()
}

fn ask_much(server: &Server, token: &str, what: Greedy, greed: &Greed) {
    stand_behind();
    let mut connection = Connection::open(&server.address, token);
    let (path, body) = (what.path(), what.body());
    while !greed.is_over.load(Ordering::SeqCst) {
        match connection.post(path, &body).0 {
            200 => greed.answers.fetch_add(1, Ordering::SeqCst),
            // Busy, or more memory than a question has.
            400 | 503 => greed.refused.fetch_add(1, Ordering::SeqCst),
            status => panic!("a greedy question was answered {status}"),
        };
    }
}

/// On Linux a thread has a value of its own; elsewhere these are as all others.
fn stand_behind() {
    #[cfg(target_os = "linux")]
    rustix::process::setpriority_process(None, 19).unwrap();
}

//! What a small key waits beside keys that ask for much.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::Connection;
use crate::greedy::{BODY_RECORDS, Greedy, make, stand_behind};
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

/// Questions of one greedy key at once.
const AT_ONCE: usize = 16;
/// The same where each asks something else.
const MIXED_AT_ONCE: usize = 21;
const TITLE: &str = "A small key beside greedy ones";
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
             texts, all rows in an order that no file has, all rows read slowly (50 ms after each chunk), and bodies of {BODY_RECORDS} records. Greedy clients would be \
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

/// Who asks what all the time.
struct Load<'a> {
    name: &'a str,
    keys: usize,
    each: usize,
    what: &'a [Greedy],
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

/// The token of a new key.
pub(crate) fn token(server: &Server, name: &str, grants: &serde_json::Value) -> String {
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
    let is_over = || greed.is_over.load(Ordering::SeqCst);
    let mut goes_on = || {
        what.dawdle();
        !is_over()
    };
    while !is_over() {
        match connection.try_post(path, &body, &mut goes_on) {
            Ok((200, _)) => greed.answers.fetch_add(1, Ordering::SeqCst),
            // Busy, or more memory than a question has.
            Ok((400 | 503, _)) => greed.refused.fetch_add(1, Ordering::SeqCst),
            Ok((status, _)) => panic!("a greedy question was answered {status}"),
            Err(_) if is_over() => return,
            Err(error) => panic!("a greedy question was not answered: {error}"),
        };
    }
}

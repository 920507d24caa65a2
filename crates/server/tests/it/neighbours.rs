//! Keys that ask for much, and one that asks for little beside them: who is answered when,
//! counted in answers and not in time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::support::needs::note;
use crate::support::{Address, Server, send};

const RECORDS: usize = 8_000;
/// What the small key asks, one after the other.
const SMALL_QUESTIONS: usize = 6;

/// A server with a pool in files, a view that costs much and one that costs little. An answer of
/// either is one row: what is waited for is the work.
fn start(home: &std::path::Path) -> Server {
    let server = Server::start_with(home, &["--flush-bytes", "64KiB", "--flush-after", "1s"]);
    let master = server.master();
    let pool = json!({"name": "rows", "schema": "strict", "isolation_field": "customer", "fields": [
        {"name": "customer", "type": "String"}, {"name": "text", "type": "String"}]});
    server.post(&master, "/v1/pools", &pool).expect(201);
    for start in (0..RECORDS).step_by(4_000) {
        let record = |n: usize| {
            let text = format!("record {n} ").repeat(100);
            json!({"customer": format!("c{}", n % 7), "text": text})
        };
        let records: Vec<Value> = (start..start + 4_000).map(record).collect();
        let told = server.post(&master, "/v1/pools/rows/records", &json!(records));
        assert_eq!(told.expect(200)["accepted"], 4_000);
    }
    // None matches, and none has an end or a literal by which that is seen soon.
    let patterns = (1..=16).map(|n| format!("[e-r][a-d]+[x-z]{{1,{n}}}"));
    let patterns = patterns.map(|one| json!({"field": "text", "operator": "regex", "value": one}));
    let much = json!({"name": "much", "pool": "rows", "shape": "aggregated",
        "fields": [{"aggregate": "count"}], "filters": [{"any": patterns.collect::<Vec<_>>()}]});
    server.post(&master, "/v1/views", &much).expect(201);
    let little = json!({"name": "little", "pool": "rows", "shape": "aggregated",
        "fields": [{"aggregate": "count"}]});
    server.post(&master, "/v1/views", &little).expect(201);
    let is_in_files = || {
        let metrics = send(
            &format!("{}/metrics", server.operations),
            "",
            "GET",
            &[],
            None,
        );
        let metrics = metrics.expect("an answer").text();
        metrics
            .lines()
            .any(|line| line == "tidegate_buffer_records 0")
    };
    while !is_in_files() {
        thread::yield_now();
    }
    server
}

/// What the greedy askers did so far.
#[derive(Default)]
struct Progress {
    is_over: AtomicBool,
    /// Answers of each asker.
    answers: Vec<AtomicUsize>,
}

impl Progress {
    fn of_each(&self) -> Vec<usize> {
        let answers = self.answers.iter();
        answers.map(|one| one.load(Ordering::SeqCst)).collect()
    }

    fn total(&self) -> usize {
        self.of_each().iter().sum()
    }
}

/// Ends all greedy askers when the test is over, or one of them fails.
struct Over<'a>(&'a Progress);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::SeqCst);
    }
}

/// Asks again and again until it is over.
fn ask_much(address: &Address, token: &str, asker: usize, progress: &Progress) {
    let _over = Over(progress);
    while !progress.is_over.load(Ordering::SeqCst) {
        let reply = address.send(token, "POST", "/v1/views/much/data", &[], Some(b"{}"));
        match reply {
            // Whoever waits too long behind their own questions is told so.
            Ok(reply) => assert!(matches!(reply.status, 200 | 503), "{}", reply.text()),
            Err(_) => assert!(progress.is_over.load(Ordering::SeqCst), "no answer"),
        }
        progress.answers[asker].fetch_add(1, Ordering::SeqCst);
    }
}

/// Has each of the greedy keys ask `each` questions at once, all the time, while the small key
/// asks its questions; answers how often each asker was answered before and after that. The server
/// ends with its greedy questions.
fn beside(server: Server, keys: usize, each: usize) -> [Vec<usize>; 2] {
    let grants = json!([{"on": "view:*", "actions": ["read"], "constraints": "all_rows"}]);
    let greedy: Vec<String> = (0..keys)
        .map(|number| server.key(&format!("greedy {number} of {keys}"), &grants))
        .collect();
    let own = json!([{"on": "view:little", "actions": ["read"],
        "constraints": [{"field": "customer", "operator": "eq", "value": "c3"}]}]);
    let small = server.key(&format!("small beside {keys}"), &own);
    let expected = json!([{"count": (0..RECORDS).filter(|n| n % 7 == 3).count()}]);
    let (askers, address) = (keys * each, server.address.clone());
    let progress = Progress {
        answers: (0..askers).map(|_| AtomicUsize::new(0)).collect(),
        ..Progress::default()
    };
    thread::scope(|scope| {
        for asker in 0..askers {
            let (address, token, progress) = (&address, &greedy[asker % keys], &progress);
            scope.spawn(move || ask_much(address, token, asker, progress));
        }
        let over = Over(&progress);
        // After as many answers as there are slots, all slots that they may have are theirs.
        while progress.total() < 8 && !progress.is_over.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        let before = progress.of_each();
        for _ in 0..SMALL_QUESTIONS {
            let answer = server.post(&small, "/v1/views/little/data", &json!({}));
            assert_eq!(answer.expect(200)["data"], expected);
        }
        let after = progress.of_each();
        drop(over);
        server.kill();
        [before, after]
    })
}

#[test]
fn l15_a_small_key_is_answered_while_questions_of_greedy_ones_wait_that_came_before() {
    let home = tempfile::tempdir().expect("a directory");
    let server = start(home.path());
    let [before, after] = beside(server, 1, 16);
    let waited = before.iter().zip(&after).filter(|(a, b)| a == b).count();
    assert!(waited > 0, "all 16 were answered before the small ones");

    // All slots that there are for greedy keys are taken. In the order of their coming a small
    // question would wait for five others: of each greedy key four have begun.
    let [before, after] = beside(Server::start(home.path()), 3, 8);
    let answered = after.iter().sum::<usize>() - before.iter().sum::<usize>();
    note(&format!(
        "{waited} of 16 still waited; {answered} answers of greedy keys came before the \
         {SMALL_QUESTIONS} of the small one"
    ));
    assert!(answered <= 4 * SMALL_QUESTIONS, "{answered} came before");
}

/// The names of the server's threads with their nice values.
fn threads(server: &Server) -> Vec<(String, i32)> {
    let tasks = format!("/proc/{}/task", server.process());
    let tasks = std::fs::read_dir(tasks).expect("the threads");
    let told = tasks.filter_map(|task| {
        // A thread may end while it is looked at.
        let stat = std::fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
        let nice = rest.split_whitespace().nth(16)?;
        Some((name.to_owned(), nice.parse().expect("a number")))
    });
    told.collect()
}

#[test]
fn threads_of_long_work_stand_behind_those_that_answer() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    let front = rustix::process::getpriority_process(None).expect("a nice value");
    let wanted = [
        ("tokio-rt-worker", 0),
        ("journal", 0),
        ("free", 0),
        ("tend", 5),
        ("work", 10),
    ];
    let wanted = wanted.map(|(name, behind)| (name, (front + behind).min(19)));
    // Each thread goes behind as the first thing that it does.
    loop {
        let threads = threads(&server);
        let is_so = |(name, nice)| {
            let mut of_name = threads.iter().filter(|(of, _)| of == name).peekable();
            of_name.peek().is_some() && of_name.all(|(_, of)| *of == nice)
        };
        if wanted.iter().all(|(name, nice)| is_so((name, *nice))) {
            break;
        }
        thread::yield_now();
    }
}

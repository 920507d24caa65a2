//! Keys that ask for much, and one that asks for little beside them: who is answered when,
//! counted in answers and not in time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::support::needs::note;
use crate::support::{Address, Server};

const RECORDS: usize = 8_000;
/// What the small key asks, one after the other.
const SMALL_QUESTIONS: usize = 10;

/// A server with a pool, a view that costs much and one that costs little.
fn start(home: &std::path::Path) -> Server {
    let server = Server::start_with(home, &["--flush-bytes", "256KiB"]);
    let master = server.master();
    let pool = json!({"name": "rows", "schema": "strict", "isolation_field": "customer", "fields": [
        {"name": "customer", "type": "String"}, {"name": "n", "type": "Int64"},
        {"name": "text", "type": "String"}]});
    server.post(&master, "/v1/pools", &pool).expect(201);
    for start in (0..RECORDS).step_by(4_000) {
        let record = |n: usize| json!({"customer": format!("c{}", n % 7), "n": n, "text": format!("text of {n}")});
        let records: Vec<Value> = (start..start + 4_000).map(record).collect();
        let told = server.post(&master, "/v1/pools/rows/records", &json!(records));
        assert_eq!(told.expect(200)["accepted"], 4_000);
    }
    let mut fields = vec![
        json!({"field": "n", "group": true}),
        json!({"field": "text", "aggregate": "count_unique"}),
    ];
    for percentile in 1..=12 {
        fields.push(
            json!({"field": "n", "aggregate": "percentile", "percentile": percentile,
            "as": format!("p{percentile}")}),
        );
    }
    let much = json!({"name": "much", "pool": "rows", "shape": "aggregated", "fields": fields});
    server.post(&master, "/v1/views", &much).expect(201);
    let little = json!({"name": "little", "pool": "rows", "shape": "aggregated",
        "fields": [{"aggregate": "count"}]});
    server.post(&master, "/v1/views", &little).expect(201);
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
        let reply = reply.expect("an answer");
        // Whoever waits too long behind their own questions is told so.
        assert!(matches!(reply.status, 200 | 503), "{}", reply.text());
        progress.answers[asker].fetch_add(1, Ordering::SeqCst);
    }
}

/// Has each of the greedy keys ask `each` questions at once, all the time, while the small key
/// asks; answers what `look` makes of the progress before and after each small question.
fn beside<T>(keys: usize, each: usize, look: impl Fn(&Progress, &dyn Fn()) -> T) -> T {
    let home = tempfile::tempdir().expect("a directory");
    let server = start(home.path());
    let grants = json!([{"on": "view:*", "actions": ["read"], "constraints": "all_rows"}]);
    let greedy: Vec<String> = (0..keys)
        .map(|number| server.key(&format!("greedy {number}"), &grants))
        .collect();
    let own = json!([{"on": "view:little", "actions": ["read"],
        "constraints": [{"field": "customer", "operator": "eq", "value": "c3"}]}]);
    let small = server.key("small", &own);
    let ask_little = || {
        let answer = server.post(&small, "/v1/views/little/data", &json!({}));
        let expected = json!([{"count": (0..RECORDS).filter(|n| n % 7 == 3).count()}]);
        assert_eq!(answer.expect(200)["data"], expected);
    };
    let askers = keys * each;
    let progress = Progress {
        answers: (0..askers).map(|_| AtomicUsize::new(0)).collect(),
        ..Progress::default()
    };
    thread::scope(|scope| {
        for asker in 0..askers {
            let (address, token, progress) = (&server.address, &greedy[asker % keys], &progress);
            scope.spawn(move || ask_much(address, token, asker, progress));
        }
        let _over = Over(&progress);
        // After as many answers as there are slots, all slots that they may have are theirs.
        while progress.total() < 8 && !progress.is_over.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        look(&progress, &ask_little)
    })
}

#[test]
fn a_small_key_is_answered_while_questions_of_a_greedy_one_wait_that_came_before() {
    let waited = beside(1, 16, |progress, ask_little| {
        let before = progress.of_each();
        (0..SMALL_QUESTIONS).for_each(|_| ask_little());
        let after = progress.of_each();
        before.iter().zip(&after).filter(|(a, b)| a == b).count()
    });
    assert!(waited > 0, "all 16 were answered before the small ones");
}

/// All slots are taken: a question of the small key waits for the next that is free. In the order
/// of their coming it would wait for five, since of each greedy key four have begun.
#[test]
fn a_small_key_waits_for_one_slot_and_not_for_all_who_came_before() {
    let answered = beside(3, 8, |progress, ask_little| {
        let before = progress.total();
        (0..SMALL_QUESTIONS).for_each(|_| ask_little());
        progress.total() - before
    });
    note(&format!(
        "{answered} answers of greedy keys came before the {SMALL_QUESTIONS} of the small one"
    ));
    assert!(answered <= 3 * SMALL_QUESTIONS, "{answered} came before");
}

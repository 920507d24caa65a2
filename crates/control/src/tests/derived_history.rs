//! D10: that a derived token is revoked is a register that only goes one way.
//! Nobody is let in by one whose revocation was acknowledged, or seen, before; and
//! nobody is kept out before it was begun: also while what may be forgotten of the
//! key's tokens is forgotten all the time, so that a token is known by another
//! record from one moment to the next.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use model::keys::{AuthError, DerivedId, Envelope};

use super::*;

const READERS: u64 = 3;
const TOKENS: usize = 48;
/// Reads at least.
const READS: u64 = 100_000;

/// A token, and how far its revocation is.
struct Book {
    text: String,
    id: DerivedId,
    begun: AtomicBool,
    acknowledged: AtomicBool,
    /// Some reader was refused.
    seen: AtomicBool,
}

#[derive(Default)]
struct History {
    books: Vec<Book>,
    reads: AtomicU64,
    let_in: AtomicU64,
    is_over: AtomicBool,
}

fn reads(history: &History, control: &Control, seed: u64) {
    let mut drawn = seed;
    while !history.is_over.load(Ordering::SeqCst) {
        drawn = drawn
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let at = usize::try_from(drawn >> 33).unwrap_or(0) % TOKENS;
        let book = &history.books[at];
        let must_be_out =
            book.acknowledged.load(Ordering::SeqCst) || book.seen.load(Ordering::SeqCst);
        let entered = control.authenticate_derived(&book.text, &Circumstances::unknown());
        let may_be_out = book.begun.load(Ordering::SeqCst);
        match entered.map(drop) {
            Ok(()) => {
                assert!(!must_be_out, "{} was let in after its end", book.id);
                history.let_in.fetch_add(1, Ordering::SeqCst);
            }
            Err(AuthError::Unknown) => {
                assert!(may_be_out, "{} was refused before its end", book.id);
                book.seen.store(true, Ordering::SeqCst);
            }
            Err(other) => panic!("{other}"),
        }
        history.reads.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_a_revoked_derived_token_is_out_whatever_is_forgotten_meanwhile() {
    let plane = Plane::new().await;
    let draft = KeyDraft {
        derived_tokens: true,
        ..plane.key_draft("derives", "[]")
    };
    let made = plane.control.create_key(&plane.admin(), draft).await;
    let (key, secret) = made.expect("a key");
    let project = plane.project();
    let now = plane.now().as_microsecond() / 1_000_000;
    let ends = now + 80_000;
    let books = (0..TOKENS).map(|number| {
        let id = format!("{ends}-{number:0>16}");
        let claims = format!(
            r#"{{"aud":"{project}","iat":{now},"exp":{ends},"jti":"{id}","grants":"all_grants"}}"#
        );
        Book {
            text: Envelope::sign(&secret, &value(&claims)),
            id: DerivedId::parse(&id).expect("an id"),
            begun: AtomicBool::new(false),
            acknowledged: AtomicBool::new(false),
            seen: AtomicBool::new(false),
        }
    });
    let history = Arc::new(History {
        books: books.collect(),
        ..History::default()
    });
    let mut threads: Vec<_> = (0..READERS)
        .map(|reader| {
            let (history, control) = (Arc::clone(&history), Arc::clone(&plane.control));
            thread::spawn(move || reads(&history, &control, reader))
        })
        .collect();
    let (of_room, control, id) = (Arc::clone(&history), Arc::clone(&plane.control), key.id());
    threads.push(thread::spawn(move || {
        while !of_room.is_over.load(Ordering::SeqCst) {
            let now = control.0.options.clock.now();
            control.0.derived.forget_what_may_be(id, now);
        }
    }));
    let (by, mut moved_at) = (plane.admin(), 0);
    for (count, book) in (1..).zip(&history.books) {
        // Between two, readers come in by all that are left, and what they came in
        // by may be forgotten two seconds later.
        let enough = READS * count / u64::try_from(TOKENS).expect("few");
        loop {
            let reads = history.reads.load(Ordering::SeqCst);
            if reads >= enough {
                break;
            }
            if reads >= moved_at + 50 {
                moved_at = reads;
                plane.clock.advance(Duration::from_secs(2));
            }
            tokio::task::yield_now().await;
            assert!(
                threads.iter().all(|thread| !thread.is_finished()),
                "a violation"
            );
        }
        book.begun.store(true, Ordering::SeqCst);
        let revoked = plane.control.revoke_derived(&by, key.id(), &book.id).await;
        revoked.expect("revoked");
        book.acknowledged.store(true, Ordering::SeqCst);
    }
    history.is_over.store(true, Ordering::SeqCst);
    for thread in threads {
        thread.join().expect("no violation");
    }
    assert!(history.let_in.load(Ordering::SeqCst) > READS / 10);
    let plane = plane.restarted().await;
    for book in &history.books {
        let entered = plane
            .control
            .authenticate_derived(&book.text, &Circumstances::unknown());
        assert_eq!(entered.map(drop), Err(AuthError::Unknown), "{}", book.id);
    }
}

//! D10: whether a replaced secret has ended by silence is a register that goes
//! one way. Whoever is let in came before the end that follows from the uses of
//! others; whoever is refused came after it; and nobody who asks after somebody
//! was refused is let in again.

use std::sync::atomic::AtomicI64;

use model::keys::Silence;

use super::*;

const USERS: usize = 3;
/// Moments just before the end at which the secret is used.
const EDGES: usize = 5;

/// Secrets that end, and uses of them at least.
fn least() -> (u64, u64) {
    match std::env::var("TIDEGATE_PROOF").as_deref() {
        Ok("long") => (500, 100_000),
        _ => (12, 1_000),
    }
}

struct Life {
    silence: Silence,
    /// The latest use that was answered, in microseconds.
    heard: AtomicI64,
    /// From when on nobody can have been heard in time.
    end: AtomicI64,
    is_refused: AtomicBool,
    uses: AtomicU64,
    is_over: AtomicBool,
}

fn uses(life: &Life, control: &Control, clock: &ManualClock, secret: &Secret) {
    while !life.is_over.load(Ordering::SeqCst) {
        let was_refused = life.is_refused.load(Ordering::SeqCst);
        let heard = life.heard.load(Ordering::SeqCst);
        let before = clock.now().as_microsecond();
        let entered = control.authenticate(secret, &Circumstances::unknown());
        let after = clock.now();
        if entered.is_ok() {
            let end = life.end.load(Ordering::SeqCst);
            assert!(!was_refused, "let in at {before}, after a refusal");
            assert!(before < end, "let in at {before}, it ended at {end}");
            life.heard.fetch_max(before, Ordering::SeqCst);
        } else {
            let end = life.silence.ends_at(Timestamp::from_microsecond(heard));
            assert!(end <= after, "refused by {after}, it ends at {end}");
            life.is_refused.store(true, Ordering::SeqCst);
        }
        life.uses.fetch_add(1, Ordering::SeqCst);
    }
}

/// Waits until it is so, or somebody has found a violation.
fn wait(users: &[thread::JoinHandle<()>], is_so: impl Fn() -> bool) {
    while !is_so() && !users.iter().any(thread::JoinHandle::is_finished) {
        thread::yield_now();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_silence_ends_a_secret_once_while_others_use_it() {
    let plane = Plane::new().await;
    let (mut lives, mut all) = (0_u64, 0_u64);
    while lives < least().0 || all < least().1 {
        lives += 1;
        let (key, old) = plane.key(&format!("key {lives}"), "[]").await;
        let asked = r#"{"grace":"7d","end_after_silence":5}"#;
        plane.roll(key.id(), asked).await.expect("rolls");
        let silence = plane.stored(key.id()).secrets()[0].silence;
        let silence = silence.expect("it was asked for");
        let life = Arc::new(Life {
            silence,
            heard: AtomicI64::new(silence.since.as_microsecond()),
            end: AtomicI64::new(i64::MAX),
            is_refused: AtomicBool::new(false),
            uses: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        });
        let users: Vec<_> = (0..USERS)
            .map(|_| {
                let (life, control) = (Arc::clone(&life), Arc::clone(&plane.control));
                let clock = Arc::clone(&plane.clock);
                let secret = Secret::parse(old.reveal()).expect("a token");
                thread::spawn(move || uses(&life, &control, &clock, &secret))
            })
            .collect();
        for edge in 0..EDGES {
            let heard = Timestamp::from_microsecond(life.heard.load(Ordering::SeqCst));
            let end = silence.ends_at(heard).as_microsecond();
            plane
                .clock
                .set(Timestamp::from_microsecond(end - 1).expect("a time"));
            // Of every other one the last use and the end come together.
            if edge + 1 < EDGES || lives % 2 == 0 {
                wait(&users, || life.heard.load(Ordering::SeqCst) == end - 1);
            }
        }
        let end = silence.ends_at(Some(plane.now()));
        life.end.store(end.as_microsecond(), Ordering::SeqCst);
        plane.clock.set(end);
        wait(&users, || life.is_refused.load(Ordering::SeqCst));
        let asked = life.uses.load(Ordering::SeqCst) + 10;
        wait(&users, || life.uses.load(Ordering::SeqCst) > asked);
        life.is_over.store(true, Ordering::SeqCst);
        for user in users {
            user.join().expect("no violation");
        }
        all += life.uses.load(Ordering::SeqCst);
    }
}

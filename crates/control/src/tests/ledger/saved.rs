//! Batches under idempotency keys are charged exactly once, through kills
//! between storing and charging (K16).

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use model::credits::Tier;
use model::ids::PoolId;
use model::limits::IDEMPOTENCY_SECONDS;
use model::permit::Access;
use model::random::SeededRandom;
use tempfile::TempDir;

use super::super::*;
use crate::SavedBatch;

const MOMENT: Duration = Duration::from_micros(1);

/// What the journal holds: batches in the order in which they were stored, each
/// with what it costs.
type Journal = Mutex<Vec<(SavedBatch, u64)>>;

fn batch(access: &Access, named: &str, at: Timestamp) -> SavedBatch {
    let pool = PoolId::generate(Timestamp::EPOCH, &SeededRandom::new(1));
    SavedBatch::new(pool, access.key(), named, at)
}

fn cost_of(journal: &[(SavedBatch, u64)]) -> u64 {
    journal.iter().map(|(_, cost)| cost).sum()
}

/// The files as a kill finds them, and the journal: what is charged was stored before.
fn killed(file: &Path, journal: &Journal) -> (TempDir, PathBuf, Vec<(SavedBatch, u64)>) {
    let image = tempfile::tempdir().expect("a folder");
    let to = image.path().join("control.db");
    for part in ["", "-wal"] {
        let from = format!("{}{part}", file.display());
        std::fs::copy(from, format!("{}{part}", to.display())).expect("copies");
    }
    let journal = journal.lock().expect("not poisoned").clone();
    (image, to, journal)
}

/// Clients that store and are charged for it; some of them ask again at once.
async fn storing(
    clock: &Arc<ManualClock>,
    control: &Arc<Control>,
    access: &Access,
    journal: &Arc<Journal>,
) {
    let client = |client: u64| {
        let (control, access) = (Arc::clone(control), access.clone());
        let (journal, clock) = (Arc::clone(journal), Arc::clone(clock));
        tokio::spawn(async move {
            for call in 0..4_u64 {
                let cost = 1 + (client + call) % 3;
                let reserve = || control.reserve(&access, Tier::Core, cost).expect("is left");
                let reserved = reserve();
                let at = clock.advance(MOMENT);
                let stored = batch(&access, &format!("{client} {call}"), at);
                let entry = (stored.clone(), cost);
                journal.lock().expect("not poisoned").push(entry);
                tokio::task::yield_now().await;
                let again = (client + call).is_multiple_of(3).then(|| {
                    let (control, stored) = (Arc::clone(&control), stored.clone());
                    let reserved = reserve();
                    tokio::spawn(async move {
                        let charged = control.charge_repeated(reserved, cost, stored);
                        charged.await.expect("is charged or was");
                    })
                });
                let charged = control.charge_done(reserved, cost, Some(stored));
                charged.await.expect("is charged");
                if let Some(again) = again {
                    again.await.expect("ends");
                }
            }
        })
    };
    let clients: Vec<_> = (0..16).map(client).collect();
    for client in clients {
        client.await.expect("ends");
    }
}

/// Whoever heard nothing asks again, in whatever order and more than once.
async fn repeating(control: &Arc<Control>, access: &Access, journal: &[(SavedBatch, u64)]) {
    let repeats = journal.iter().chain(journal.iter().rev());
    let repeats = repeats.map(|(stored, cost)| {
        let (control, access) = (Arc::clone(control), access.clone());
        let (stored, cost) = (stored.clone(), *cost);
        tokio::spawn(async move {
            let reserved = control.reserve(&access, Tier::Core, cost);
            let charged = control.charge_repeated(reserved.expect("is left"), cost, stored);
            charged.await.expect("is charged or was");
        })
    });
    let repeats: Vec<_> = repeats.collect();
    for repeat in repeats {
        repeat.await.expect("ends");
    }
}

async fn opened(plane: &Plane, file: &Path, seed: u64) -> Arc<Control> {
    let control = Control::open(file, options(&plane.clock, seed)).await;
    Arc::new(control.expect("opens"))
}

fn spent(control: &Control, access: &Access) -> u64 {
    let definitions = control.definitions(access.project());
    let key = definitions.key(access.key()).expect("a key");
    control.credits_left(key)[0].spent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn k16_what_a_kill_left_uncharged_is_charged_once_when_it_is_repeated() {
    let random = SeededRandom::new(16);
    let mut uncharged = 0;
    for run in 0..60 {
        let plane = Plane::new().await;
        let (_, access) = plane.paying(1_000_000).await;
        let journal = Arc::new(Journal::default());
        let running = {
            let (control, access) = (plane.control.clone(), access.clone());
            let (journal, clock) = (journal.clone(), plane.clock.clone());
            tokio::spawn(async move { storing(&clock, &control, &access, &journal).await })
        };
        let until = usize::try_from(random.next_u64() % 60).expect("small");
        while journal.lock().expect("not poisoned").len() < until && !running.is_finished() {
            tokio::task::yield_now().await;
        }
        let (_image, file, stored) = killed(&plane.file(), &journal);
        running.await.expect("ends");
        let of_first = cost_of(&journal.lock().expect("not poisoned"));
        assert_eq!(spent(&plane.control, &access), of_first, "run {run}");

        let control = opened(&plane, &file, 9).await;
        let found = spent(&control, &access);
        assert!(found <= cost_of(&stored), "run {run}");
        uncharged += cost_of(&stored) - found;
        // Killed again while they ask again.
        let asking = {
            let (control, access, stored) = (control.clone(), access.clone(), stored.clone());
            tokio::spawn(async move { repeating(&control, &access, &stored).await })
        };
        let patience = random.next_u64() % 40;
        for _ in 0..patience {
            tokio::task::yield_now().await;
        }
        let (_again, file, _) = killed(&file, &journal);
        asking.await.expect("ends");
        assert_eq!(spent(&control, &access), cost_of(&stored), "run {run}");
        let control = opened(&plane, &file, 10).await;
        assert!(spent(&control, &access) <= cost_of(&stored), "run {run}");
        for _ in 0..2 {
            repeating(&control, &access, &stored).await;
            assert_eq!(spent(&control, &access), cost_of(&stored), "run {run}");
        }
        control.close().await.expect("closes");
        let key = plane.definitions().key(access.key()).cloned();
        let statement = plane.statement(&file, &key.expect("a key")).await;
        assert_eq!(u64::try_from(statement), Ok(cost_of(&stored)), "run {run}");
    }
    assert!(uncharged > 0, "kills came between storing and charging");
}

/// The same database without what is noted of batches: this test can fail.
#[tokio::test]
async fn repeats_of_which_nothing_is_noted_are_charged_again() {
    for (forgets, spent_then) in [("", 3), ("DELETE FROM charged_batches", 6)] {
        let plane = Plane::new().await;
        let (_, access) = plane.paying(100).await;
        let stored = batch(&access, "a", plane.clock.advance(MOMENT));
        let reserved = plane.control.reserve(&access, Tier::Core, 3);
        let charged =
            plane
                .control
                .charge_done(reserved.expect("is left"), 3, Some(stored.clone()));
        charged.await.expect("charged");
        let plane = plane.restarted_after(forgets).await;
        assert_eq!(
            plane.control.is_charged(&stored).await.expect("is read"),
            forgets.is_empty()
        );
        repeating(&plane.control, &access, &[(stored, 3)]).await;
        assert_eq!(spent(&plane.control, &access), spent_then, "{forgets}");
    }
}

/// What was stored before it was noted, by an earlier version, and what is as old
/// as no saved answer is, is charged no more.
#[tokio::test]
async fn what_is_not_known_any_more_is_not_charged_again() {
    let plane = Plane::new().await;
    let (_, access) = plane.paying(100).await;
    let earlier = batch(&access, "earlier", plane.clock.advance(MOMENT));
    let older = "DROP TABLE charged_batches; DROP TABLE charged_until; \
        DELETE FROM _sqlx_migrations WHERE description = 'charged_batches'";
    let plane = plane.restarted_after(older).await;
    let later = batch(&access, "later", plane.clock.advance(MOMENT));
    let both = [(earlier, 2), (later.clone(), 3)];
    repeating(&plane.control, &access, &both).await;
    assert_eq!(spent(&plane.control, &access), 3);
    // A minute's work takes what is too old away, and it stays so.
    let life = Duration::from_secs(IDEMPOTENCY_SECONDS.unsigned_abs());
    plane.clock.advance(life - MOMENT);
    plane.control.save_last_used().await.expect("saves");
    assert_eq!(noted(&plane).await, 1);
    plane.clock.advance(2 * MOMENT);
    plane.control.save_last_used().await.expect("saves");
    assert_eq!(noted(&plane).await, 0);
    let plane = plane.restarted().await;
    let unpaid = batch(&access, "unpaid", later.at);
    repeating(&plane.control, &access, &[(later, 3), (unpaid, 3)]).await;
    assert_eq!(spent(&plane.control, &access), 3);
}

async fn noted(plane: &Plane) -> i64 {
    let copy = tempfile::tempdir().expect("a folder");
    let to = copy.path().join("copy.db");
    for part in ["", "-wal"] {
        let from = format!("{}{part}", plane.file().display());
        std::fs::copy(from, format!("{}{part}", to.display())).expect("copies");
    }
    count(&to, "charged_batches").await
}

/// A commit that nobody heard of: the batch stays set aside, and is charged once
/// whether or not it was written.
#[tokio::test]
async fn a_charge_of_which_nobody_heard_is_one() {
    for is_repeated in [false, true] {
        let plane = Plane::new().await;
        let (key, access) = plane.paying(100).await;
        let control = &plane.control;
        let stored = batch(&access, "a", plane.clock.advance(MOMENT));
        let reserve = |cost| control.reserve(&access, Tier::Core, cost).expect("is left");
        let lost = crate::InternalError::new("the answer was lost");
        plane.loses_an_answer(lost.into()).await;
        match is_repeated {
            false => {
                let done = control.charge_done(reserve(2), 2, Some(stored.clone()));
                done.await.expect("it is stored and counted");
            }
            true => {
                let done = control.charge_repeated(reserve(2), 2, stored.clone());
                done.await.expect_err("nobody knows");
            }
        }
        let account = plane.account(&key);
        assert_eq!((account.spent, account.reserved), (0, 2), "{is_repeated}");
        let (_image, file, journal) = killed(&plane.file(), &Journal::default());
        assert_eq!(journal, []);
        // Asked again in this run, and by the minute's work alone.
        repeating(control, &access, &[(stored.clone(), 2)]).await;
        control.save_last_used().await.expect("saves");
        let account = plane.account(&key);
        assert_eq!((account.spent, account.reserved), (2, 0), "{is_repeated}");
        // And behind a kill that came before.
        let after = opened(&plane, &file, 9).await;
        repeating(&after, &access, &[(stored, 2)]).await;
        assert_eq!(spent(&after, &access), 2, "{is_repeated}");
        control.close().await.expect("closes");
        assert_eq!(plane.statement(&plane.file(), &key).await, 2);
    }
}

/// Two batches of one text are two, and so are those of two keys or pools.
#[test]
fn batches_are_told_apart() {
    let random = SeededRandom::new(3);
    let pools = [0; 2].map(|_| PoolId::generate(Timestamp::EPOCH, &random));
    let keys = [0; 2].map(|_| model::ids::KeyId::generate(Timestamp::EPOCH, &random));
    let later = Timestamp::EPOCH.checked_add(MOMENT).expect("a time");
    let mut all = HashSet::new();
    for pool in pools {
        for key in keys {
            for text in ["a", "b"] {
                for at in [Timestamp::EPOCH, later] {
                    assert!(all.insert(SavedBatch::new(pool, key, text, at)));
                }
            }
        }
    }
    assert_eq!(all.len(), 16);
}

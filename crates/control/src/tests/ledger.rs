use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::credits::{Allowance, Period, Tier};
use model::keys::{Circumstances, KeyDraft, KeyLimits, KeyRecord};
use model::permit::Access;

use super::*;
use crate::{CreditsLeft, CreditsSpent, Spent};
use model::keys::KeyCopy;

mod saved;

fn of_key(over: Spent) -> CreditsSpent {
    match over {
        Spent::Key(over) => over,
        over @ (Spent::Slice(_) | Spent::Issuer { .. } | Spent::Deriver { .. } | Spent::Gone) => {
            panic!("{over}")
        }
    }
}

impl Plane {
    /// A key with so many credits in each month: its access.
    async fn paying(&self, amount: u64) -> (Arc<KeyRecord>, Access) {
        let limits = limits(amount, Period::Month);
        let draft = KeyDraft {
            limits,
            ..self.key_draft("paying", "[]")
        };
        let (key, secret) = self
            .control
            .create_key(&self.admin(), draft)
            .await
            .expect("a key");
        let access = self
            .control
            .authenticate(&secret, &Circumstances::unknown())
            .expect("is let in");
        (key, access)
    }

    fn account(&self, key: &KeyRecord) -> CreditsLeft {
        let key = self.definitions().key(key.id()).expect("a key").clone();
        let credits = self.control.credits_left(&key);
        *credits.first().expect("an allowance")
    }

    /// What the statement adds up to, as the database has it.
    async fn statement(&self, file: &Path, key: &KeyRecord) -> i64 {
        let mut connection = raw(file).await;
        let sum =
            sqlx::query_scalar("SELECT COALESCE(SUM(spent), 0) FROM credits WHERE key_id = $1")
                .bind(key.id().to_string())
                .fetch_one(&mut connection)
                .await
                .expect("adds up");
        connection.close().await.expect("closes");
        sum
    }

    async fn relimited(&self, key: &KeyRecord, limits: KeyLimits) -> Access {
        let draft = self
            .definitions()
            .key(key.id())
            .expect("a key")
            .draft()
            .clone();
        let draft = KeyDraft { limits, ..draft };
        let by = self.admin();
        let changed = self.control.change_key(&by, key.id(), None, draft).await;
        changed.expect("changes");
        let (copy, secret) = self
            .control
            .copy_key(&by, key.id(), KeyCopy::default())
            .await
            .expect("copies");
        drop(copy);
        self.control
            .authenticate(&secret, &Circumstances::unknown())
            .expect("is let in")
    }
}

fn limits(amount: u64, period: Period) -> KeyLimits {
    KeyLimits {
        core: Some(Allowance { amount, period }),
        ..KeyLimits::NONE
    }
}

/// What became of one client's calls.
#[derive(Default)]
struct Tally {
    answered: AtomicU64,
    refused: AtomicU64,
    /// Credits of calls that asked to be charged and have not heard yet.
    under_way: AtomicU64,
}

/// 64 clients at once; every third call fails after it was let in.
async fn clients(control: &Arc<Control>, access: &Access, tally: &Arc<Tally>, seed: u64) {
    let client = |client: u64| {
        let (control, access, tally) = (Arc::clone(control), access.clone(), Arc::clone(tally));
        tokio::spawn(async move {
            for call in 0..4_u64 {
                let cost = 1 + (client + call + seed) % 3;
                let Ok(reserved) = control.reserve(&access, Tier::Core, cost) else {
                    tally.refused.fetch_add(1, Ordering::SeqCst);
                    continue;
                };
                tokio::task::yield_now().await;
                if (client + 2 * call).is_multiple_of(3) {
                    continue; // It fails, and costs nothing.
                }
                tally.under_way.fetch_add(cost, Ordering::SeqCst);
                if control.charge(reserved, cost).await.is_ok() {
                    tally.answered.fetch_add(cost, Ordering::SeqCst);
                }
                tally.under_way.fetch_sub(cost, Ordering::SeqCst);
            }
        })
    };
    let clients: Vec<_> = (0..64).map(client).collect();
    for client in clients {
        client.await.expect("ends");
    }
}

/// K16: N credits, 64 clients, 100 runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn k16_clients_at_once_never_use_up_more_than_the_allowance() {
    let plane = Plane::new().await;
    let mut expected = Vec::new();
    for run in 0..100 {
        let amount = 1 + run * 3;
        let (key, access) = plane.paying(amount).await;
        let tally = Arc::default();
        clients(&plane.control, &access, &tally, run).await;
        let answered = tally.answered.load(Ordering::SeqCst);
        let account = plane.account(&key);
        assert!(answered <= amount, "run {run}");
        assert_eq!(
            (account.spent, account.reserved),
            (answered, 0),
            "run {run}"
        );
        // Nothing was refused that there was room for: what is left is used up to the unit.
        let rest = account.left();
        let reserved = plane
            .control
            .reserve(&access, Tier::Core, rest)
            .expect("is left");
        plane.control.charge(reserved, rest).await.expect("charged");
        let over = plane
            .control
            .reserve(&access, Tier::Core, 1)
            .expect_err("nothing is left");
        let over = of_key(over);
        assert_eq!((over.left, over.allowance.amount), (0, amount));
        expected.push((key, amount));
    }
    plane.control.close().await.expect("closes");
    for (key, amount) in expected {
        let statement = plane.statement(&plane.file(), &key).await;
        assert_eq!(
            u64::try_from(statement),
            Ok(amount),
            "the statement adds up"
        );
    }
}

/// K16: the files as a kill finds them at any moment, 100 runs. What was
/// answered before is charged, what was not under way is not, and with what is
/// left no more than the allowance is ever answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn k16_a_kill_loses_and_doubles_nothing() {
    for run in 0..100_u64 {
        let plane = Plane::new().await;
        let amount = 60 + run;
        let (key, access) = plane.paying(amount).await;
        let tally = Arc::<Tally>::default();
        let running = {
            let (control, access, tally) = (plane.control.clone(), access.clone(), tally.clone());
            tokio::spawn(async move { clients(&control, &access, &tally, run).await })
        };
        while tally.answered.load(Ordering::SeqCst) < run % 50 && !running.is_finished() {
            tokio::task::yield_now().await;
        }
        let before = tally.answered.load(Ordering::SeqCst);
        let image = tempfile::tempdir().expect("a folder");
        let file = image.path().join("control.db");
        // The log is read last: what it holds stands on what the file held before.
        for name in ["control.db", "control.db-wal"] {
            let from = plane.folder.path().join(name);
            std::fs::copy(from, image.path().join(name)).expect("copies");
        }
        // In this order: a charge goes from one to the other meanwhile.
        let under_way = tally.under_way.load(Ordering::SeqCst);
        let after = under_way + tally.answered.load(Ordering::SeqCst);
        running.await.expect("ends");

        let control = Control::open(&file, options(&plane.clock, 9))
            .await
            .expect("opens");
        let control = Arc::new(control);
        let found = control.definitions(access.project());
        let found = found.key(key.id()).expect("a key").clone();
        let spent = control.credits_left(&found)[0].spent;
        assert!(
            before <= spent && spent <= after.min(amount),
            "run {run}: {before} {spent} {after}"
        );
        assert_eq!(control.credits_left(&found)[0].reserved, 0);
        let again = Arc::<Tally>::default();
        clients(&control, &access, &again, run).await;
        let answered = again.answered.load(Ordering::SeqCst);
        assert!(spent + answered <= amount, "run {run}");
        control.close().await.expect("closes");
        let statement = plane.statement(&file, &key).await;
        assert_eq!(u64::try_from(statement), Ok(spent + answered), "run {run}");
    }
}

#[tokio::test]
async fn k16_a_refused_call_costs_nothing() {
    let plane = Plane::new().await;
    let (key, access) = plane.paying(10).await;
    let control = &plane.control;
    drop(control.reserve(&access, Tier::Core, 7).expect("is left"));
    let reserved = control.reserve(&access, Tier::Core, 4).expect("is left");
    assert_eq!(plane.account(&key).reserved, 4);
    let over = control
        .reserve(&access, Tier::Core, 7)
        .expect_err("6 are left");
    let over = of_key(over);
    assert_eq!((over.left, over.cost), (6, 7));
    control.charge(reserved, 0).await.expect("costs nothing");
    let reserved = control.reserve(&access, Tier::Core, 10).expect("is left");
    control.charge(reserved, 3).await.expect("charged");
    let account = plane.account(&key);
    assert_eq!((account.spent, account.reserved, account.left()), (3, 0, 7));
    // What has no allowance of its own costs nothing.
    let premium = control
        .reserve(&access, Tier::Premium, 1_000)
        .expect("no limit");
    control
        .charge(premium, 1_000)
        .await
        .expect("nothing to charge");
    assert_eq!(plane.account(&key).spent, 3);
}

#[tokio::test]
async fn credits_come_back_with_the_period_and_no_change_brings_them_back() {
    let plane = Plane::new().await;
    let (key, access) = plane.paying(5).await;
    let control = plane.control.clone();
    let spend = async |access: &Access, cost| match control.reserve(access, Tier::Core, cost) {
        Ok(reserved) => control.charge(reserved, cost).await.is_ok(),
        Err(_) => false,
    };
    assert!(spend(&access, 5).await);
    let over = control
        .reserve(&access, Tier::Core, 1)
        .expect_err("nothing is left");
    let over = of_key(over);
    let july = Timestamp::parse("2026-07-01T00:00:00Z").expect("a time");
    assert_eq!(
        (over.resets_at, over.resets_in),
        (july, july.since(plane.now()))
    );
    // The same key under another period, and with more: what is spent is spent.
    for (more, period, left) in [
        (8, Period::Month, 3),
        (6, Period::Week, 1),
        (5, Period::Day, 0),
    ] {
        let draft = plane
            .definitions()
            .key(key.id())
            .expect("a key")
            .draft()
            .clone();
        let limits = limits(more, period);
        let changed = KeyDraft { limits, ..draft };
        let by = plane.admin();
        control
            .change_key(&by, key.id(), None, changed)
            .await
            .expect("changes");
        assert_eq!(plane.account(&key).left(), left, "{period:?}");
    }
    let plane = plane.restarted().await;
    assert_eq!(plane.account(&key).left(), 0);
    plane.clock.advance(Duration::from_secs(86_400));
    assert_eq!(plane.account(&key).left(), 5);
    // A clock that is set back gives nothing back: the plane's own does not follow it.
    let access = plane.relimited(&key, limits(5, Period::Day)).await;
    let spent = plane.control.reserve(&access, Tier::Core, 5);
    plane
        .clock
        .set(Timestamp::parse("2026-06-01T01:00:00Z").expect("a time"));
    assert!(plane.control.reserve(&access, Tier::Core, 1).is_err());
    drop(spent);
    let copied = plane.relimited(&key, limits(5, Period::Day)).await;
    assert!(
        plane.control.reserve(&copied, Tier::Core, 5).is_ok(),
        "a copy has its own"
    );
}

#[tokio::test]
async fn a_charge_that_cannot_be_written_is_none_and_one_written_unheard_is_not_doubled() {
    let plane = Plane::new().await;
    let (key, access) = plane.paying(5).await;
    let lost = crate::InternalError::new("the answer was lost");
    plane.loses_an_answer(lost.into()).await;
    let reserved = plane
        .control
        .reserve(&access, Tier::Core, 2)
        .expect("is left");
    let lost = plane.control.charge(reserved, 2).await;
    assert!(matches!(lost, Err(ControlError::Internal(_))), "{lost:?}");
    let account = plane.account(&key);
    assert_eq!((account.spent, account.reserved), (0, 0));
    // The next charge writes the total that memory knows.
    let reserved = plane
        .control
        .reserve(&access, Tier::Core, 2)
        .expect("is left");
    plane.control.charge(reserved, 2).await.expect("charged");
    // What is done already counts in memory, and is written with the next one.
    let lost = crate::InternalError::new("the answer was lost");
    plane.loses_an_answer(lost.into()).await;
    let reserved = plane
        .control
        .reserve(&access, Tier::Core, 1)
        .expect("is left");
    let done = plane.control.charge_done(reserved, 1, None).await;
    done.expect("it is stored and counted");
    assert_eq!(plane.account(&key).spent, 3);
    plane.control.close().await.expect("closes");
    let statement = plane.statement(&plane.file(), &key).await;
    assert!([2, 3].contains(&statement), "{statement}");
    let reserved = plane
        .control
        .reserve(&access, Tier::Core, 2)
        .expect("is left");
    assert!(
        plane.control.charge(reserved, 2).await.is_err(),
        "nothing is charged when closed"
    );
}

#[tokio::test]
async fn what_is_told_of_an_allowance() {
    let plane = Plane::new().await;
    let (key, access) = plane.paying(10).await;
    for (cost, alert) in [(7, None), (1, Some(80)), (1, Some(80)), (1, Some(100))] {
        let reserved = plane
            .control
            .reserve(&access, Tier::Core, cost)
            .expect("is left");
        plane.control.charge(reserved, cost).await.expect("charged");
        assert_eq!(plane.account(&key).alert(), alert);
    }
    let (nothing, access) = plane.paying(0).await;
    assert_eq!(plane.account(&nothing).alert(), Some(100));
    assert!(plane.control.reserve(&access, Tier::Core, 1).is_err());
}

/// A request may outlive its key: it has what its key had left until then,
/// and nothing behind it.
#[tokio::test]
async fn no_account_begins_anew_behind_a_deleted_key() {
    let plane = Plane::new().await;
    let (key, access) = plane.paying(10).await;
    let reserve = |cost| plane.control.reserve(&access, Tier::Core, cost);
    let spent = reserve(6).expect("is left");
    plane.control.charge(spent, 6).await.expect("charged");
    let before = reserve(1).expect("is left");
    let deleted = plane
        .control
        .delete_key(&plane.admin(), key.id(), None)
        .await;
    deleted.expect("deleted");
    for cost in [1, 4, 10] {
        let over = reserve(cost).expect_err("nothing is left");
        assert!(matches!(over, Spent::Gone), "{cost} {over}");
    }
    plane
        .control
        .charge(before, 1)
        .await
        .expect("was set aside before");
    plane.control.close().await.expect("closes");
    assert_eq!(plane.statement(&plane.file(), &key).await, 7);
}

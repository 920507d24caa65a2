//! The worlds: all records, the visible ones, none.

use std::sync::Arc;

use model::permit::Permit;
use model::pools::Pool;
use model::records::Record;

use super::case::Case;
use super::dice::Dice;
use super::project::NAMES;
use super::respond::{Response, respond};
use crate::lake::Lake;
use crate::lake::tests::fixtures::carrying;
use crate::run::{RunOptions, Runner};

/// Cases of one thread that are asked of the same lakes.
const CASES_PER_LAKE: usize = 100;

/// Lakes that hold the same pool with different records.
#[derive(Debug)]
pub(crate) struct Worlds {
    pub(crate) all: Lake,
    pub(crate) visible: Lake,
    /// The visible ones once more: for the twin's deletes, or without the hidden fields.
    pub(crate) twin: Lake,
    pub(crate) empty: Lake,
    /// Runs plans of the tests' own.
    pub(crate) runner: Runner,
}

/// What is answered in each.
#[derive(Debug)]
pub(crate) struct Responses {
    /// To the key, over all records.
    pub(crate) all: Response,
    /// To the key, over the records that it sees.
    pub(crate) visible: Response,
    /// To its twin without a constraint, over those.
    pub(crate) twin: Response,
    /// To the twin, over those without the fields that the key does not see.
    pub(crate) bare: Option<Response>,
    /// To the key, over nothing.
    pub(crate) empty: Response,
}

impl Worlds {
    pub(crate) fn new() -> Self {
        Self::of(0)
    }

    /// Worlds for this case and those after it, which asks the same of every run: among the files of
    /// every other two hundred some have row groups of both kinds.
    pub(crate) fn of(seed: u64) -> Self {
        let all = match seed / (2 * CASES_PER_LAKE as u64) % 2 {
            0 => Lake::in_memory(3),
            _ => Lake::of_both_kinds(),
        };
        Self {
            all,
            visible: Lake::of_both_kinds(),
            twin: Lake::in_memory(64),
            empty: Lake::in_memory(3),
            runner: Runner::new(RunOptions::default()).unwrap(),
        }
    }

    /// Puts the case's records in: all of them, those replaced or deleted before among
    /// them, here; those that the key sees, in another order and other batches, there.
    pub(crate) async fn fill(&self, case: &Case) {
        let mut dice = Dice::new(case.seed ^ 0xf111);
        let mut all: Vec<Record> = case.rows.iter().map(|row| row.record.clone()).collect();
        let sees = |record: &&Record| !case.is_gone(record) && case.sees(record);
        let mut visible: Vec<Record> = all.iter().filter(sees).cloned().collect();
        if dice.percent(50) && !case.replaces() {
            dice.shuffle(&mut all);
        }
        dice.shuffle(&mut visible);
        let pool = &case.project.pool;
        put(&self.all, (case, pool), &mut dice, &all).await;
        put(&self.visible, (case, pool), &mut dice, &visible).await;
        if case.deletes() {
            put(&self.twin, (case, pool), &mut dice, &visible).await;
        } else if case.bare().is_some() {
            let bare: Vec<Record> = visible.iter().map(|record| case.showing(record)).collect();
            let pool = case.project.without_unique();
            put(&self.twin, (case, &pool), &mut dice, &bare).await;
        }
        if let Some(filter) = &case.deleted {
            case.delete_for_all(&self.all, filter).await;
            if dice.percent(25) {
                upkeep(&self.all, *dice.pick(&Work::ALL));
            }
        }
    }

    /// Puts records into the world of the twin, where the case has none.
    pub(crate) async fn put_bare(&self, case: &Case, records: &[Record]) {
        let mut dice = Dice::new(case.seed ^ 0xba2e);
        // What tells them apart may be hidden, and then they lack it.
        let pool = case.project.without_unique();
        put(&self.twin, (case, &pool), &mut dice, records).await;
    }

    /// What the case's question is answered.
    pub(crate) async fn respond(&self, case: &Case) -> Responses {
        let twins = if case.deletes() {
            &self.twin
        } else {
            &self.visible
        };
        let bare = match case.bare() {
            Some(bare) => Some(respond(&self.twin, &bare, &bare.twin).await),
            None => None,
        };
        Responses {
            bare,
            all: respond(&self.all, case, &case.key).await,
            visible: respond(&self.visible, case, &case.key).await,
            twin: respond(twins, case, &case.twin).await,
            empty: respond(&self.empty, case, &case.key).await,
        }
    }

    /// Takes the case's records out again.
    pub(crate) async fn clear(&self, case: &Case) {
        for lake in [&self.all, &self.visible, &self.twin] {
            lake.drop_pool(&Permit::ours(), case.project.pool.id)
                .await
                .unwrap();
        }
    }
}

/// What becomes of records between one batch and the next.
#[derive(Clone, Copy, Debug)]
enum Work {
    Flush,
    Next,
    Compact,
}

impl Work {
    const ALL: [Self; 3] = [Self::Flush, Self::Next, Self::Compact];
}

/// Upkeep blocks, and so it has a thread outside the runtime.
fn upkeep(lake: &Lake, work: Work) {
    let work = || match work {
        Work::Flush => lake.flush(&Permit::ours()).unwrap(),
        Work::Next => while lake.upkeep(&Permit::ours()).unwrap() {},
        Work::Compact => lake.compact(&Permit::ours()).unwrap(),
    };
    std::thread::scope(|scope| scope.spawn(work).join().unwrap());
}

/// Other keys come and go, and files lie by other fields from then on, in a
/// pool that does not say by which: never for anybody to notice.
fn learn(lake: &Lake, pool: &Pool, dice: &mut Dice) {
    let fields = match dice.below(4) {
        0 => Vec::new(),
        1 => vec!["customer.id"],
        _ => vec![*dice.pick(&NAMES)],
    };
    lake.learn(&Permit::ours(), carrying(pool, &fields));
}

/// Puts records in by batches, which stay in memory, go to files, or both.
async fn put(lake: &Lake, (case, pool): (&Case, &Arc<Pool>), dice: &mut Dice, records: &[Record]) {
    let large = records.len() > 1_000;
    let most = if large { 400 } else { dice.between(1, 30) };
    // How often there is upkeep after a batch, and whether there is at the end.
    let often = *dice.pick(&[0, 0, if large { 5 } else { 25 }]);
    let at_end = dice.percent(35);
    // Dice of its own, for cases to stay what they are.
    let mut keys = Dice::new(case.seed ^ records.len() as u64 ^ 0x1ea2);
    let mut rest = records;
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(dice.between(most.div_ceil(2), most).min(rest.len()));
        lake.put(pool, batch).await.unwrap();
        rest = later;
        if keys.percent(30) {
            learn(lake, pool, &mut keys);
        }
        if dice.percent(often) {
            upkeep(lake, *dice.pick(&Work::ALL));
        }
    }
    if at_end {
        upkeep(lake, *dice.pick(&Work::ALL));
    }
}

/// A runtime for one thread of cases.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}

/// Runs `work` on the seeds from `first` on, on two threads; answers what each seed gave.
pub(crate) fn on_two_threads<T: Send + 'static>(
    seeds: std::ops::Range<u64>,
    work: impl Fn(&tokio::runtime::Runtime, &Worlds, u64) -> T + Send + Sync + 'static,
) -> Vec<T> {
    let work = Arc::new(work);
    let threads: Vec<_> = (0..2)
        .map(|odd| {
            let (work, seeds) = (work.clone(), seeds.clone());
            std::thread::spawn(move || {
                let runtime = runtime();
                let mine: Vec<u64> = seeds.filter(|seed| seed % 2 == odd).collect();
                let mut done = Vec::new();
                for some in mine.chunks(CASES_PER_LAKE) {
                    let worlds = Worlds::of(some[0]);
                    done.extend(some.iter().map(|seed| work(&runtime, &worlds, *seed)));
                }
                done
            })
        })
        .collect();
    let done = threads.into_iter().map(|thread| thread.join());
    // A panic of a case is the panic of the test.
    done.flat_map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        .collect()
}

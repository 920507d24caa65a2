//! Rows in an order of time against a list of all rows.

mod latest;

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use model::permit::Permit;
use model::pools::Pool;
use model::value::Value;
use tokio::runtime::Runtime;

use crate::lake::Lake;
use crate::lake::tests::fixtures::{
    Request, access, cases, deleting, filter, open, path, pool, roomy,
};
use crate::reading::{CustomersHint, Hints, Reading, TimeHint, TimeOrder};
use crate::simulation::SimulatedDisk;
use crate::snapshot::Snapshot;
use crate::tables::tests::mutants::{Wrong, with_wrong_index};
use crate::tables::{ByTime, Confuses, FileEntry, Place, PoolFiles, TimeRange};
use crate::worlds::tests::dice::Dice;

const DEFINITION: &str = r#"{"name":"p","schema":"strict","isolation_field":"who","time_field":"at","fields":[
    {"name":"who","type":"String"},{"name":"at","type":"DateTime"},{"name":"n","type":"Int64"}]}"#;

const ORDERS: [ByTime; 4] = [
    by(false, false),
    by(false, true),
    by(true, false),
    by(true, true),
];

const fn by(descending: bool, missing_first: bool) -> ByTime {
    ByTime {
        descending,
        missing_first,
    }
}

/// What is done to a snapshot before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutant {
    None,
    /// The manifest says of files that their last row is as old as their first.
    Files,
    /// The index says so of blocks.
    Blocks,
    /// One order of blocks is taken for all four.
    Orders,
}

struct World {
    lake: Lake,
    pool: Arc<Pool>,
    runtime: Runtime,
}

impl World {
    fn new() -> Self {
        Self::in_blocks_of(3)
    }

    fn in_blocks_of(rows: usize) -> Self {
        Self::of(DEFINITION, rows)
    }

    fn of(definition: &str, rows: usize) -> Self {
        let pool = pool(1, definition);
        let mut options = roomy();
        options.upkeep.block_rows = rows;
        let runtime = tokio::runtime::Builder::new_current_thread();
        Self {
            lake: open(&SimulatedDisk::new(1), &[&pool], options),
            pool,
            runtime: { runtime }.enable_time().build().unwrap(),
        }
    }

    /// Adds records of these seconds, in turn of five customers.
    fn add(&self, seconds: impl Iterator<Item = Option<usize>>) {
        let records = seconds.enumerate().map(|(n, second)| {
            let at = second.map_or("null".to_owned(), |second| {
                format!(r#""2026-01-01T00:{:02}:{:02}Z""#, second / 60, second % 60)
            });
            format!(r#"{{"who":"c{}","at":{at},"n":{n}}}"#, n % 5)
        });
        let records = records.collect::<Vec<_>>().join(",");
        let request = Request::new(&self.pool, &format!("[{records}]"));
        self.runtime
            .block_on(self.lake.append(request.admit()))
            .unwrap();
    }

    fn flush(&self) {
        self.lake.flush(&Permit::ours()).unwrap();
    }

    /// Some files, most of other times than the others, some removals, and some records in memory.
    fn random(dice: &mut Dice) -> Self {
        // Of large blocks those rows alone are read that are still wanted.
        let (block_rows, most) = *dice.pick(&[(3, 60), (24, 300)]);
        let world = Self::in_blocks_of(block_rows);
        for part in 0..dice.between(1, 4) {
            let from = 60 * part * dice.below(3);
            let count = dice.between(1, most);
            let seconds: Vec<_> = (0..count)
                .map(|_| (!dice.percent(10)).then(|| from + dice.below(60)))
                .collect();
            world.add(seconds.into_iter());
            world.flush();
            if dice.percent(40) {
                let some = format!(
                    r#"{{"field":"n","operator":"lt","value":{}}}"#,
                    dice.below(20)
                );
                let delete = deleting(&access(1), &world.pool, Some(filter(&some)));
                world.runtime.block_on(world.lake.delete(delete)).unwrap();
            }
        }
        if dice.percent(50) {
            let seconds: Vec<_> = (0..dice.between(1, 20))
                .map(|_| Some(dice.below(200)))
                .collect();
            world.add(seconds.into_iter());
        }
        world
    }

    /// A snapshot through files that are not open, as the mutant sees it.
    fn snapshot(&self, mutant: Mutant) -> Snapshot {
        let mut snapshot = self.lake.snapshot(&self.pool);
        let confuses = match mutant {
            Mutant::Orders => Confuses::Orders,
            _ => Confuses::Nothing,
        };
        let tables = Arc::new(self.lake.tables().confusing(confuses));
        snapshot.stored.home = Some(Arc::new(PoolFiles::new(tables, self.pool.id)));
        let file = |file: &Arc<FileEntry>| match mutant {
            Mutant::Files => FileEntry {
                time: file.time.map(|time| TimeRange {
                    max: time.min,
                    ..time
                }),
                ..FileEntry::clone(file)
            },
            Mutant::Blocks => with_wrong_index(self.lake.tables(), self.pool.id, file, Wrong::Time),
            Mutant::None | Mutant::Orders => FileEntry::clone(file),
        };
        let files = snapshot
            .stored
            .files
            .iter()
            .map(|entry| Arc::new(file(entry)));
        snapshot.stored.files = Arc::new(files.collect());
        snapshot
    }

    fn reading(&self, snapshot: &Snapshot, hints: &Hints) -> Reading {
        let schema = &self.pool.draft.schema;
        let columns = ["at", "n"].map(|name| (path(name), schema.column(&path(name)).unwrap()));
        Reading::new(snapshot.clone(), Arc::new(columns), hints.clone())
    }
}

fn times(batch: &RecordBatch) -> impl Iterator<Item = Option<i64>> {
    batch
        .column(0)
        .as_primitive::<TimestampMicrosecondType>()
        .iter()
}

fn sort(by: ByTime, times: &mut [Option<i64>]) {
    times.sort_by_key(|time| match time {
        None if by.missing_first => Place::Begin,
        None => Place::End,
        Some(time) => by.of(*time),
    });
}

/// The times of all rows, in no order.
fn all(reading: &Reading) -> Vec<Option<i64>> {
    let mut found = Vec::new();
    while let Some(batch) = reading.step() {
        found.extend(batch.unwrap().iter().flat_map(times));
    }
    found
}

/// The first times of an order, read until no earlier one can come, and how
/// many batches that took.
fn first(reading: &Reading, by: ByTime, limit: usize) -> (Vec<Option<i64>>, usize) {
    let field = path("at");
    reading.put_in_order(&TimeOrder { field, by });
    let (mut found, mut batches) = (Vec::new(), 0);
    loop {
        sort(by, &mut found);
        let last = found.get(limit - 1).copied().flatten();
        if last.is_some_and(|last| reading.end_at(last).unwrap()) {
            break;
        }
        let Some(batch) = reading.step() else { break };
        batches += 1;
        found.extend(batch.unwrap().iter().flat_map(times));
    }
    found.truncate(limit);
    (found, batches)
}

fn hints(dice: &mut Dice) -> Hints {
    let customers = dice.percent(40).then(|| CustomersHint {
        column: path("who"),
        values: (0..dice.between(1, 2))
            .map(|_| Value::from(format!("c{}", dice.below(5))))
            .collect(),
    });
    const START: i64 = 1_767_225_600_000_000;
    let time = dice.percent(30).then(|| TimeHint {
        field: path("at"),
        from: dice
            .percent(50)
            .then(|| START + dice.below(120) as i64 * 1_000_000),
        to: dice
            .percent(50)
            .then(|| START + dice.below(240) as i64 * 1_000_000),
        missing: dice.percent(50),
    });
    Hints {
        customers: customers.into_iter().collect(),
        time,
    }
}

/// What the first case tells in which rows in an order are not those of the list.
fn first_violation(mutant: Mutant, cases: u64) -> Option<String> {
    (0..cases).find_map(|seed| {
        let dice = &mut Dice::new(seed);
        let world = World::random(dice);
        let (right, read) = (world.snapshot(Mutant::None), world.snapshot(mutant));
        (0..8).find_map(|_| {
            let (by, hints, limit) = (*dice.pick(&ORDERS), hints(dice), dice.between(1, 12));
            let mut expected = all(&world.reading(&right, &hints));
            sort(by, &mut expected);
            expected.truncate(limit);
            let reading = world.reading(&read, &hints);
            if dice.percent(50) {
                // Whoever asks that opens files before.
                reading.is_at_hand(dice.below(200));
            }
            let (found, _) = first(&reading, by, limit);
            (found != expected)
                .then(|| format!("{seed}: {by:?} {hints:?} {found:?}, not {expected:?}"))
        })
    })
}

#[test]
fn the_first_rows_of_every_order_come_before_it_is_past_them() {
    assert_eq!(first_violation(Mutant::None, cases(60, 1_000)), None);
}

#[test]
fn orders_that_are_wrong_are_found_out() {
    for mutant in [Mutant::Files, Mutant::Blocks, Mutant::Orders] {
        let found = first_violation(mutant, 60);
        println!("{mutant:?} is found out by {found:?}");
        assert!(found.is_some(), "{mutant:?} lives");
    }
}

#[test]
fn what_comes_late_is_not_opened_and_of_what_is_early_not_all_is_read() {
    let world = World::new();
    for part in 0..3 {
        world.add((0..60).map(|second| Some(part * 60 + second)));
        world.flush();
    }
    // A page has what it needs of the last file, and of the five customers in it.
    let snapshot = world.snapshot(Mutant::None);
    let (found, batches) = first(
        &world.reading(&snapshot, &Hints::default()),
        by(true, false),
        10,
    );
    assert_eq!(found.len(), 10);
    assert!(batches <= 10, "{batches}");
    let home = snapshot.stored.home.as_ref().unwrap();
    let open = |file: &&Arc<FileEntry>| home.known(file).is_some();
    let open: Vec<_> = snapshot.stored.files.iter().filter(open).collect();
    assert_eq!(open.len(), 1);
    let last = snapshot
        .stored
        .files
        .iter()
        .max_by_key(|file| file.time.unwrap().max);
    assert_eq!(open[0].id, last.unwrap().id);
    // Nor is anything that is not within the times asked for, wherever it stands in the order.
    let until = open[0].time.unwrap().min - 30_000_000;
    let hints = Hints {
        customers: Vec::new(),
        time: Some(TimeHint {
            field: path("at"),
            from: None,
            to: Some(until),
            missing: false,
        }),
    };
    let (found, batches) = first(&world.reading(&snapshot, &hints), by(true, false), 10);
    assert!(
        found.iter().filter(|time| time.unwrap() < until).count() >= 5,
        "{found:?}"
    );
    assert!(batches <= 10, "{batches}");
}

#[test]
fn of_a_block_that_is_large_only_what_is_still_wanted_is_read() {
    let world = World::in_blocks_of(64);
    // Each of five customers has a block, and one of the last five rows.
    world.add((0..320).map(Some));
    world.flush();
    let reading = world.reading(&world.snapshot(Mutant::None), &Hints::default());
    let (field, by) = (path("at"), by(true, false));
    reading.put_in_order(&TimeOrder { field, by });
    let mut found: Vec<_> = times(&reading.step().unwrap().unwrap().unwrap()).collect();
    assert_eq!(found.len(), 64, "the first block is read as a whole");
    sort(by, &mut found);
    assert!(!reading.end_at(found[2].unwrap()).unwrap());
    let rest = all(&reading);
    assert_eq!(rest.len(), 4 * 2, "{rest:?}");
    assert!(rest.iter().all(|time| *time >= found[2]));
}

#[test]
fn what_no_file_holds_any_row_of_is_past_at_once() {
    let world = World::new();
    let reading = world.reading(&world.snapshot(Mutant::None), &Hints::default());
    let field = path("at");
    reading.put_in_order(&TimeOrder {
        field,
        by: by(true, false),
    });
    assert!(reading.end_at(i64::MAX).unwrap());
    assert!(reading.step().is_none());
}

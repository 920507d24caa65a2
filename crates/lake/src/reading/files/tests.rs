//! Rows that are counted without a look at them against a list of all rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::permit::Permit;
use model::pools::Pool;

use crate::lake::Lake;
use crate::lake::tests::fixtures::{Request, access, cases, deleting, filter, open, pool, roomy};
use crate::reading::{Hints, Reading};
use crate::simulation::SimulatedDisk;
use crate::snapshot::Snapshot;
use crate::tables::{Confuses, FileEntry, PoolFiles};
use crate::upserts::Hidden;
use crate::worlds::tests::dice::Dice;

const DEFINITION: &str = r#"{"name":"p","schema":"strict","isolation_field":"c","unique":["id"],"fields":[
    {"name":"c","type":"String"},{"name":"id","type":"Int64"},{"name":"n","type":"Int64"}]}"#;

/// What is forgotten of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forgotten {
    Nothing,
    Removals,
    Replaced,
    Hidden,
}

/// What is left of random records, some in files and some in memory.
fn world(dice: &mut Dice) -> (Lake, Arc<Pool>, usize) {
    let pool = pool(1, DEFINITION);
    let mut options = roomy();
    options.upkeep.block_rows = 4;
    let lake = open(&SimulatedDisk::new(1), &[&pool], options);
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_time().build().unwrap();
    let mut left = BTreeMap::new();
    let mut n = 0;
    for _ in 0..dice.between(1, 6) {
        // Often of keys that no other record has.
        let from = dice.below(2) * n;
        let records = (0..dice.between(1, 12)).map(|_| {
            let (c, id) = (dice.below(2), from + dice.below(30));
            n += 1;
            left.insert((c, id), n);
            format!(r#"{{"c":"c{c}","id":{id},"n":{n}}}"#)
        });
        let records = records.collect::<Vec<_>>().join(",");
        let request = Request::new(&pool, &format!("[{records}]"));
        runtime.block_on(lake.append(request.admit())).unwrap();
        if dice.percent(70) {
            lake.flush(&Permit::ours()).unwrap();
        }
        if dice.percent(25) {
            let before = dice.below(n + 1);
            left.retain(|_, n| *n >= before);
            let some = format!(r#"{{"field":"n","operator":"lt","value":{before}}}"#);
            let delete = deleting(&access(1), &pool, Some(filter(&some)));
            runtime.block_on(lake.delete(delete)).unwrap();
        }
    }
    (lake, pool, left.len())
}

/// A snapshot through files that are not open.
fn snapshot(lake: &Lake, pool: &Arc<Pool>, forgotten: Forgotten) -> Snapshot {
    let mut snapshot = lake.snapshot(pool);
    let tables = Arc::new(lake.tables().confusing(Confuses::Nothing));
    snapshot.stored.home = Some(Arc::new(PoolFiles::new(tables, pool.id)));
    match forgotten {
        Forgotten::Nothing => {}
        Forgotten::Removals => snapshot.stored.removals = Arc::default(),
        Forgotten::Hidden => snapshot.stored.hidden = Hidden::default(),
        Forgotten::Replaced => {
            let files = snapshot.stored.files.iter();
            let files = files.map(|file| FileEntry {
                replaced: None,
                ..FileEntry::clone(file)
            });
            snapshot.stored.files = Arc::new(files.map(Arc::new).collect());
        }
    }
    snapshot
}

/// How many rows there are without any column, and in how many batches.
fn counted(snapshot: &Snapshot) -> (usize, usize) {
    let reading = Reading::new(snapshot.clone(), Vec::new().into(), Hints::default());
    let (mut rows, mut batches) = (0, 0);
    while let Some(batch) = reading.step() {
        if let Some(batch) = batch.unwrap() {
            rows += batch.num_rows();
            batches += 1;
        }
    }
    (rows, batches)
}

/// The first case that is counted wrong.
fn first_violation(forgotten: Forgotten, cases: u64) -> Option<String> {
    (0..cases).find_map(|seed| {
        let (lake, pool, left) = world(&mut Dice::new(seed));
        let (found, _) = counted(&snapshot(&lake, &pool, forgotten));
        (found != left).then(|| format!("{seed}: {found} rows, not {left}"))
    })
}

#[test]
fn rows_that_are_there_are_counted_and_no_others() {
    assert_eq!(first_violation(Forgotten::Nothing, cases(100, 1_000)), None);
}

#[test]
fn counts_that_forget_what_is_gone_are_found_out() {
    for forgotten in [Forgotten::Removals, Forgotten::Replaced, Forgotten::Hidden] {
        let found = first_violation(forgotten, 100);
        println!("{forgotten:?} is found out by {found:?}");
        assert!(found.is_some(), "{forgotten:?} lives");
    }
}

#[test]
fn files_of_which_nothing_is_gone_are_counted_together_and_not_opened() {
    let pool = pool(1, DEFINITION);
    let lake = open(&SimulatedDisk::new(1), &[&pool], roomy());
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_time().build().unwrap();
    for file in 0..3 {
        let records = (0..10).map(|n| format!(r#"{{"c":"a","id":{}}}"#, 10 * file + n));
        let records = records.collect::<Vec<_>>().join(",");
        let request = Request::new(&pool, &format!("[{records}]"));
        runtime.block_on(lake.append(request.admit())).unwrap();
        lake.flush(&Permit::ours()).unwrap();
    }
    let snapshot = snapshot(&lake, &pool, Forgotten::Nothing);
    assert_eq!(snapshot.stored.files.len(), 3);
    let reading = Reading::new(snapshot.clone(), Vec::new().into(), Hints::default());
    // There is nothing to look at, so nobody else need do it.
    assert!(reading.is_at_hand(0));
    assert_eq!(counted(&snapshot), (30, 1));
    let home = snapshot.stored.home.as_ref().unwrap();
    assert!(
        snapshot
            .stored
            .files
            .iter()
            .all(|file| home.known(file).is_none())
    );
}

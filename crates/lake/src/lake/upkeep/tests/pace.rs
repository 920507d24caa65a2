//! What merging leaves of the disk to others.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use model::permit::Permit;
use model::pools::Pool;
use model::time::ManualClock;

use crate::lake::Lake;
use crate::lake::tests::fixtures::*;
use crate::simulation::SimulatedDisk;
use crate::tables::{Part, parse_name};

const POOL: &str = r#"{"name":"p","schema":"strict","isolation_field":"c","fields":[
    {"name":"c","type":"String"},{"name":"n","type":"Int64"}]}"#;

/// A lake of one pool that merges when there are three runs, at a byte a second:
/// longer than any test waits.
fn slow() -> (Lake, Arc<Pool>) {
    let (lake, pool, _) = slow_at_noon();
    (lake, pool)
}

/// The same, and its clock.
fn slow_at_noon() -> (Lake, Arc<Pool>, Arc<ManualClock>) {
    let (pool, clock) = (pool(1, POOL), Arc::new(ManualClock::new(noon())));
    let mut options = roomy();
    (options.upkeep.runs, options.upkeep.merge_bytes_per_second) = (2, 1);
    let disk = SimulatedDisk::new(1);
    let lake = open_at(&disk, &[&pool], options, clock.clone()).unwrap();
    (lake, pool, clock)
}

/// Whether files of records are being written.
fn has_begun(lake: &Lake, pool: &Pool) -> bool {
    let names = lake.tables.disk().list(&lake.tables.directory(pool.id));
    let mut parts = names
        .unwrap()
        .into_iter()
        .filter_map(|name| parse_name(&name));
    parts.any(|(_, part)| part == Part::UnfinishedRecords)
}

/// Tends the files on a thread of its own, and meanwhile does something once it writes some.
fn while_merging(lake: &Lake, pool: &Pool, does: impl FnOnce()) {
    assert!(!has_begun(lake, pool));
    thread::scope(|scope| {
        let merging = scope.spawn(|| while lake.tend(&Permit::ours()).unwrap() {});
        while !has_begun(lake, pool) && !merging.is_finished() {
            thread::yield_now();
        }
        does();
        merging.join().unwrap();
    });
}

/// Runs of a record each of two customers.
fn add_runs(lake: &Lake, pool: &Arc<Pool>, runs: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    for n in 0..runs {
        let records = format!(r#"[{{"c":"a","n":{n}}},{{"c":"b","n":{n}}}]"#);
        let request = Request::new(pool, &records);
        runtime.block_on(lake.append(request.admit())).unwrap();
        lake.flush(&Permit::ours()).unwrap();
    }
}

#[test]
fn a_merge_keeps_to_its_limit_until_the_lake_is_closed_and_what_was_asked_for_does_not() {
    let (lake, pool) = slow();
    let merges = || lake.metrics().tables.merges;
    add_runs(&lake, &pool, 3);
    lake.compact(&Permit::ours()).unwrap();
    assert_eq!(merges(), 1, "an operator does not wait");
    add_runs(&lake, &pool, 2);
    let before = numbers(&lake, &pool);
    while_merging(&lake, &pool, || lake.stop());
    assert_eq!(merges(), 1, "it was given up where it waited");
    assert_eq!(numbers(&lake, &pool), before);
}

#[test]
fn a_merge_that_is_behind_takes_what_it_can() {
    let (lake, pool) = slow();
    add_runs(&lake, &pool, 2 + super::super::due::BEHIND_RUNS + 1);
    let merges = || lake.metrics().tables.merges;
    while merges() == 0 {
        assert!(lake.tend(&Permit::ours()).unwrap());
    }
    assert_eq!(merges(), 1);
}

/// Half of the time in which deleted records leave the disk: then files are written anew without them.
fn term() -> Duration {
    roomy().upkeep.purge_after / 2
}

/// A lake in which rows of a file were deleted and are to leave it now.
fn with_a_delete() -> (Lake, Arc<Pool>, Arc<ManualClock>) {
    let (lake, pool, clock) = slow_at_noon();
    add_runs(&lake, &pool, 1);
    let one = filter(r#"{"field":"c","operator":"eq","value":"a"}"#);
    let delete = deleting(&access(1), &pool, Some(one));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(lake.delete(delete)).unwrap();
    while lake.tend(&Permit::ours()).unwrap() {}
    clock.advance(term());
    (lake, pool, clock)
}

fn rows(lake: &Lake, pool: &Pool) -> u64 {
    let files = lake.pools.manifest(pool.id).files;
    files.iter().map(|file| file.rows).sum()
}

#[test]
fn what_was_deleted_leaves_the_files_at_a_pace() {
    let (lake, pool, _clock) = with_a_delete();
    while_merging(&lake, &pool, || lake.stop());
    assert_eq!(rows(&lake, &pool), 2, "it was given up where it waited");
}

#[test]
fn what_was_deleted_leaves_the_files_at_once_when_its_term_is_near_also_when_that_is_seen_in_the_midst()
 {
    let (lake, pool, clock) = with_a_delete();
    clock.advance(term() / 4);
    while lake.tend(&Permit::ours()).unwrap() {}
    assert_eq!(rows(&lake, &pool), 1);
    let (lake, pool, clock) = with_a_delete();
    while_merging(&lake, &pool, || {
        clock.advance(term() / 4);
    });
    assert_eq!(rows(&lake, &pool), 1);
}

#[test]
fn a_merge_that_falls_behind_in_its_midst_takes_what_it_can() {
    let (lake, pool) = slow();
    add_runs(&lake, &pool, 3);
    let merges = || lake.metrics().tables.merges;
    while_merging(&lake, &pool, || {
        add_runs(&lake, &pool, super::super::due::BEHIND_RUNS);
        while merges() == 0 {
            thread::yield_now();
        }
        lake.stop();
    });
    assert!(merges() > 0);
}

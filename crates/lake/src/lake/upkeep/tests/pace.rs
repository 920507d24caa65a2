//! What merging leaves of the disk to others.

use std::sync::Arc;
use std::thread;

use model::permit::Permit;
use model::pools::Pool;

use crate::lake::Lake;
use crate::lake::tests::fixtures::*;
use crate::simulation::SimulatedDisk;
use crate::tables::{Part, parse_name};

const POOL: &str = r#"{"name":"p","schema":"strict","isolation_field":"c","fields":[
    {"name":"c","type":"String"},{"name":"n","type":"Int64"}]}"#;

/// A lake of one pool that merges when there are three runs, at a byte a second:
/// longer than any test waits.
fn slow() -> (Lake, Arc<Pool>) {
    let pool = pool(1, POOL);
    let mut options = roomy();
    (options.upkeep.runs, options.upkeep.merge_bytes_per_second) = (2, 1);
    (open(&SimulatedDisk::new(1), &[&pool], options), pool)
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
    let has_begun = || {
        let names = lake.tables.disk().list(&lake.tables.directory(pool.id));
        let parts = names
            .unwrap()
            .into_iter()
            .filter_map(|name| parse_name(&name));
        parts
            .map(|(_, part)| part)
            .any(|part| part == Part::UnfinishedRecords)
    };
    assert!(!has_begun());
    thread::scope(|scope| {
        let merging = scope.spawn(|| while lake.tend(&Permit::ours()).unwrap() {});
        while !has_begun() && !merging.is_finished() {
            thread::yield_now();
        }
        lake.stop();
        merging.join().unwrap();
    });
    assert_eq!(merges(), 1, "it was given up where it waited");
    assert_eq!(numbers(&lake, &pool), before);
}

#[test]
fn a_merge_that_is_behind_takes_what_it_can() {
    let (lake, pool) = slow();
    add_runs(&lake, &pool, 2 + super::super::merge::BEHIND_RUNS + 1);
    let merges = || lake.metrics().tables.merges;
    while merges() == 0 {
        assert!(lake.tend(&Permit::ours()).unwrap());
    }
    assert_eq!(merges(), 1);
}

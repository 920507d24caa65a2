//! What merging leaves of the disk to others.

use std::thread;

use model::permit::Permit;

use crate::lake::tests::fixtures::*;
use crate::simulation::SimulatedDisk;
use crate::tables::{Part, parse_name};

const POOL: &str = r#"{"name":"p","schema":"strict","isolation_field":"c","fields":[
    {"name":"c","type":"String"},{"name":"n","type":"Int64"}]}"#;

#[test]
fn a_merge_keeps_to_its_limit_until_the_lake_is_closed_and_what_was_asked_for_does_not() {
    let (disk, pool) = (SimulatedDisk::new(1), pool(1, POOL));
    let mut options = roomy();
    // A byte a second is longer than any test waits.
    (options.upkeep.runs, options.upkeep.merge_bytes_per_second) = (2, 1);
    let lake = open(&disk, &[&pool], options);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut run = |n: u32| {
        let request = Request::new(
            &pool,
            &format!(r#"[{{"c":"a","n":{n}}},{{"c":"b","n":{n}}}]"#),
        );
        runtime.block_on(lake.append(request.admit())).unwrap();
        lake.flush(&Permit::ours()).unwrap();
    };
    let merges = || lake.metrics().tables.merges;
    (0..3).for_each(&mut run);
    lake.compact(&Permit::ours()).unwrap();
    assert_eq!(merges(), 1, "an operator does not wait");
    (0..2).for_each(&mut run);
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
    let (disk, pool) = (SimulatedDisk::new(1), pool(1, POOL));
    let mut options = roomy();
    (options.upkeep.runs, options.upkeep.merge_bytes_per_second) = (2, 1);
    let lake = open(&disk, &[&pool], options);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    for n in 0..2 + super::super::merge::BEHIND_RUNS + 1 {
        let request = Request::new(&pool, &format!(r#"[{{"c":"a","n":{n}}}]"#));
        runtime.block_on(lake.append(request.admit())).unwrap();
        lake.flush(&Permit::ours()).unwrap();
    }
    let merges = || lake.metrics().tables.merges;
    while merges() == 0 {
        assert!(lake.tend(&Permit::ours()).unwrap());
    }
    assert_eq!(merges(), 1);
}

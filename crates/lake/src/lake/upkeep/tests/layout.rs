//! How records lie in files over a long life, and that a customer with files
//! of their own costs no other customer anything.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model::permit::Permit;
use model::pools::Pool;
use model::time::ManualClock;
use model::value::Value;

use super::counting::{Counting, read_of_customer};
use crate::lake::tests::fixtures::*;
use crate::lake::{Lake, LakeOptions, PoolLayout};
use crate::simulation::{Random, SimulatedDisk};

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(future)
}

fn sales(layout: &str) -> Arc<Pool> {
    pool(
        1,
        &format!(
            r#"{{"name":"sales","schema":"strict","isolation_field":"c","layout":"{layout}","fields":[
            {{"name":"c","type":"String"}},{{"name":"n","type":"Int64"}}]}}"#
        ),
    )
}

/// Few runs, so that a short life goes deep; small files.
fn options(runs: usize) -> LakeOptions {
    let mut options = roomy();
    options.upkeep.runs = runs;
    options.upkeep.file_bytes = 2_000;
    options
}

fn put(lake: &Lake, pool: &Arc<Pool>, records: &[(String, i128)]) {
    let records = records
        .iter()
        .map(|(c, n)| format!(r#"{{"c":"{c}","n":{n}}}"#));
    let records = records.collect::<Vec<_>>().join(",");
    let request = Request::new(pool, &format!("[{records}]"));
    wait(lake.append(request.admit())).unwrap();
}

fn only(lake: &Lake) -> PoolLayout {
    let mut layout = lake.layout(&Permit::ours());
    assert_eq!(layout.len(), 1);
    layout.remove(0).1
}

/// Flushes of some records of some customers, each followed by all merging that is due.
fn live(layout: &str, runs: usize, flushes: u64) -> (Lake, Arc<Pool>, PoolLayout) {
    let (disk, pool) = (SimulatedDisk::new(4), sales(layout));
    let lake = open(&disk, &[&pool], options(runs));
    let mut random = Random::new(flushes);
    let (mut expected, mut worst) = (Vec::new(), 0.0_f64);
    for flush in 0..flushes {
        let many = 1 + random.below(6);
        let records: Vec<_> = (0..many)
            .map(|at| {
                (
                    format!("c{}", random.below(12)),
                    i128::from(flush * 100 + at),
                )
            })
            .collect();
        expected.extend(records.iter().map(|(_, n)| *n));
        put(&lake, &pool, &records);
        lake.flush(&Permit::ours()).unwrap();
        while lake.upkeep(&Permit::ours()).unwrap() {}
        let now = only(&lake);
        assert!(now.runs_per_customer <= runs as u64, "{flush}: {now:?}");
        worst = worst.max(now.rewrites_per_record);
    }
    let mut found = numbers(&lake, &pool);
    found.sort_unstable();
    assert_eq!(found, expected);
    let now = only(&lake);
    assert_eq!(now.rows, expected.len() as u64);
    assert!(worst <= 6.0, "{worst}");
    (lake, pool, now)
}

#[test]
fn a_customer_is_in_few_files_and_a_record_is_written_anew_a_few_times() {
    // 4 runs hold 126 flushes of which no record is written anew more than 5 times.
    let (.., now) = live("shared", 4, 120);
    assert!(now.rewrites_per_record > 1.0, "{now:?}");
    assert!(now.runs_per_customer > 1, "{now:?}");
}

#[test]
fn what_is_written_because_somebody_asked_for_it_counts_for_no_record() {
    let (disk, pool) = (SimulatedDisk::new(7), sales("shared"));
    let lake = open(&disk, &[&pool], options(2));
    for n in 0..6 {
        put(&lake, &pool, &[("few".to_owned(), n)]);
        lake.flush(&Permit::ours()).unwrap();
        while lake.upkeep(&Permit::ours()).unwrap() {}
    }
    let few = only(&lake).rewrites_per_record;
    assert!(few >= 1.0, "{few}");
    let many: Vec<_> = (6..206).map(|n| (format!("c{}", n % 9), n)).collect();
    put(&lake, &pool, &many);
    lake.flush(&Permit::ours()).unwrap();
    let before = only(&lake).rewrites_per_record;
    assert!(before < 0.5, "{before}");
    lake.compact(&Permit::ours()).unwrap();
    let after = only(&lake);
    assert_eq!((after.runs_per_customer, after.rows), (1, 206));
    assert!(after.rewrites_per_record < 0.5, "{after:?}");
}

#[test]
fn customers_with_files_of_their_own_are_merged_one_by_one() {
    let (lake, pool, now) = live("file_per_customer", 3, 80);
    assert!(now.files >= 12, "{now:?}");
    for file in lake.pools.manifest(pool.id).files.iter() {
        let range = file.isolation.as_ref().unwrap();
        assert_eq!(range.min, range.max, "a file of two customers");
    }
    // A flush that concerns nobody who has too many files leads to no merge.
    let files = |lake: &Lake| -> BTreeSet<_> {
        let files = lake.pools.manifest(pool.id).files;
        files.iter().map(|file| file.id).collect()
    };
    let before = files(&lake);
    put(&lake, &pool, &[("somebody new".to_owned(), 1)]);
    lake.flush(&Permit::ours()).unwrap();
    while lake.upkeep(&Permit::ours()).unwrap() {}
    let after = files(&lake);
    assert!(before.is_subset(&after));
    assert_eq!(after.len(), before.len() + 1);
}

#[test]
fn files_that_customers_shared_are_taken_apart_when_the_pool_asks_for_it() {
    let (disk, shared) = (SimulatedDisk::new(5), sales("shared"));
    let lake = open(&disk, &[&shared], options(8));
    let records = |from: i128| -> Vec<_> {
        (from..from + 6)
            .map(|n| (format!("c{}", n % 3), n))
            .collect()
    };
    put(&lake, &shared, &records(0));
    lake.flush(&Permit::ours()).unwrap();
    assert_eq!(only(&lake).files, 1);
    let apart = Arc::new(Pool {
        revision: 2,
        ..Pool::clone(&sales("file_per_customer"))
    });
    put(&lake, &apart, &records(6));
    lake.flush(&Permit::ours()).unwrap();
    while lake.upkeep(&Permit::ours()).unwrap() {}
    let now = only(&lake);
    assert_eq!((now.files, now.runs_per_customer), (6, 2));
    assert_eq!(now.files_per_customer, 2);
    lake.compact(&Permit::ours()).unwrap();
    assert_eq!((only(&lake).files, only(&lake).rows), (3, 12));
}

#[test]
fn l14_a_question_about_a_customer_opens_their_files_alone() {
    let (disk, pool) = (SimulatedDisk::new(6), sales("file_per_customer"));
    let lake = open(&disk, &[&pool], options(8));
    for flush in 0..3 {
        let records: Vec<_> = (0..40).map(|c| (format!("c{c}"), flush * 40 + c)).collect();
        put(&lake, &pool, &records);
        lake.flush(&Permit::ours()).unwrap();
    }
    assert_eq!(only(&lake).files, 120);
    drop(lake);
    let counting = Counting::over(&disk);
    let lake = counting.open(&pool, options(8));
    let bytes: u64 = lake
        .pools
        .manifest(pool.id)
        .files
        .iter()
        .map(|f| f.bytes)
        .sum();
    assert_eq!(counting.opened(), 0);
    let found = read_of_customer(&lake, &pool, "c7");
    assert_eq!(found, [7, 47, 87].map(Value::from));
    assert_eq!(counting.opened(), 3);
    let read = counting.read();
    assert!(read > 0 && read * 5 < bytes, "{read} of {bytes}");
}

/// The files of customer `a` whose records came in two parts, many before and one after those of so many
/// others, once the pool was at rest for so long.
fn files_of_one(others: i128, rest: Duration) -> usize {
    let (disk, pool) = (SimulatedDisk::new(7), sales("file_per_customer"));
    let clock = Arc::new(ManualClock::new(noon()));
    let lake = open_at(&disk, &[&pool], options(8), clock.clone()).unwrap();
    let of_others = |from: i128| -> Vec<_> {
        let numbers = from..from + others;
        numbers.map(|n| (format!("c{}", n % 3), n)).collect()
    };
    for part in 0..2 {
        let own = if part == 0 { 0..20 } else { 20..21 };
        let own: Vec<_> = own.map(|n| ("a".to_owned(), n)).collect();
        put(&lake, &pool, &own);
        if others > 0 {
            // They fill the memory, so that all goes to files.
            put(&lake, &pool, &of_others(100 + part * others));
            lake.flush(&Permit::ours()).unwrap();
        }
    }
    lake.flush(&Permit::ours()).unwrap();
    while lake.upkeep(&Permit::ours()).unwrap() {}
    clock.advance(rest);
    while lake.upkeep(&Permit::ours()).unwrap() {}
    let mut found = numbers(&lake, &pool);
    found.sort_unstable();
    assert_eq!(found.len() as i128, 21 + 2 * others);
    let files = lake.pools.manifest(pool.id).files;
    let ranges = files.iter().filter_map(|file| file.isolation.as_ref());
    let own = ranges.clone().min_by_key(|range| &range.min).unwrap();
    ranges.filter(|range| range.min == own.min).count()
}

#[test]
fn l14_how_many_files_a_customer_has_tells_nothing_of_others_once_the_pool_is_at_rest() {
    let rest = roomy().upkeep.flush_after + Duration::from_secs(1);
    assert_eq!([0, 6].map(|others| files_of_one(others, rest)), [1, 1]);
    // Before, it does.
    let soon = Duration::from_secs(1);
    assert_eq!([0, 6].map(|others| files_of_one(others, soon)), [1, 2]);
}

#[test]
fn what_a_pool_takes_is_its_records_in_memory_and_its_files_until_they_are_written_anew() {
    let (disk, pool) = (SimulatedDisk::new(6), sales("shared"));
    let lake = open(&disk, &[&pool], options(8));
    let stored = || lake.stored_bytes(&Permit::ours(), pool.id);
    assert_eq!(stored(), 0);
    let records =
        |from: i128| -> Vec<_> { (from..from + 200).map(|n| ("c".to_owned(), n)).collect() };
    put(&lake, &pool, &records(0));
    let in_memory = stored();
    assert!(in_memory >= 200 * 8, "{in_memory}");
    lake.flush(&Permit::ours()).unwrap();
    let files = || {
        let files = lake.pools.manifest(pool.id).files;
        files
            .iter()
            .map(|file| file.bytes + file.index.bytes)
            .sum::<u64>()
    };
    assert_eq!(stored(), files());
    assert!(stored() > 0);
    put(&lake, &pool, &records(200));
    assert!(stored() > files(), "both at once");
    lake.flush(&Permit::ours()).unwrap();
    // What is deleted counts until its file is written anew.
    let before = stored();
    assert_eq!(before, files());
    let none = model::permit::On::Pool(Some(&pool));
    let permit = access(1).permit::<model::permit::Delete>(none).unwrap();
    let deleted = wait(lake.delete(permit.constrain(None).unwrap())).unwrap();
    assert_eq!((deleted, stored()), (400, before));
    // A restart finds it again, and with the pool it goes.
    let again = open(&disk.copy(), &[&pool], options(8));
    assert_eq!(again.stored_bytes(&Permit::ours(), pool.id), before);
    wait(again.drop_pool(&Permit::ours(), pool.id)).unwrap();
    assert_eq!(again.stored_bytes(&Permit::ours(), pool.id), 0);
    // Of another pool there is nothing.
    assert_eq!(lake.stored_bytes(&Permit::ours(), open_pool(9).id), 0);
}

/// As after upkeep that failed for long.
#[test]
fn however_many_runs_there_are_a_bounded_number_is_merged_at_once() {
    for layout in ["shared", "file_per_customer"] {
        for is_compacted in [false, true] {
            let (disk, pool) = (SimulatedDisk::new(8), sales(layout));
            let lake = open(&disk, &[&pool], options(2));
            for flush in 0..50 {
                let records: Vec<_> = (0..3).map(|c| (format!("c{c}"), flush * 3 + c)).collect();
                put(&lake, &pool, &records);
                lake.flush(&Permit::ours()).unwrap();
            }
            if is_compacted {
                lake.compact(&Permit::ours()).unwrap();
            }
            while lake.upkeep(&Permit::ours()).unwrap() {}
            let now = only(&lake);
            let most = if is_compacted { 1 } else { 2 };
            assert!(now.runs_per_customer <= most, "{layout}: {now:?}");
            let inputs = lake.upkeep.staged.most_inputs();
            assert!((2..=16).contains(&inputs), "{layout}: {inputs}");
            let mut found = numbers(&lake, &pool);
            found.sort_unstable();
            assert_eq!(found, (0..150).collect::<Vec<_>>(), "{layout}");
        }
    }
}

#[test]
fn the_files_of_a_customer_in_a_run_are_counted() {
    let (disk, pool) = (SimulatedDisk::new(9), sales("shared"));
    let mut options = options(8);
    (options.upkeep.file_bytes, options.upkeep.block_rows) = (1, 10);
    let lake = open(&disk, &[&pool], options);
    let records: Vec<_> = (0..400).map(|n| ("c".to_owned(), n)).collect();
    put(&lake, &pool, &records);
    lake.flush(&Permit::ours()).unwrap();
    let now = only(&lake);
    assert!(now.files > 2, "{now:?}");
    assert_eq!(
        (now.files_per_customer, now.runs_per_customer),
        (now.files, 1)
    );
}

#[test]
fn a_customer_who_sends_a_little_again_and_again_has_each_record_written_anew_a_few_times() {
    let (disk, pool) = (SimulatedDisk::new(10), sales("file_per_customer"));
    let clock = Arc::new(ManualClock::new(noon()));
    let mut bounds = options(8);
    // As if the files were larger than those that always become one.
    bounds.upkeep.gathered_bytes = 0;
    let lake = open_at(&disk, &[&pool], bounds, clock.clone()).unwrap();
    let rest = options(8).upkeep.flush_after + Duration::from_secs(1);
    for n in 0..200 {
        put(&lake, &pool, &[("a".to_owned(), n)]);
        lake.flush(&Permit::ours()).unwrap();
        for _ in 0..2 {
            while lake.upkeep(&Permit::ours()).unwrap() {}
            clock.advance(rest);
        }
        while lake.upkeep(&Permit::ours()).unwrap() {}
    }
    let rewritten = lake.metrics().tables.records_rewritten;
    // Gathered each time, they would be 20,000.
    assert!((200..3_000).contains(&rewritten), "{rewritten}");
    assert_eq!(numbers(&lake, &pool).len(), 200);
}

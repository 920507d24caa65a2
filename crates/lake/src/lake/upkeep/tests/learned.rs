//! Files lie by a field that was learned from keys: no answer changes by it,
//! and once they do, a customer's records are found without those of others.

use std::sync::Arc;
use std::time::Duration;

use model::isolation::Isolation;
use model::permit::Permit;
use model::pools::Pool;
use model::time::ManualClock;
use model::value::Value;

use super::counting::{Counting, read_of_customer};
use crate::lake::tests::fixtures::*;
use crate::lake::{Lake, LakeOptions, PoolLayout};
use crate::simulation::{Fault, Random, SimulatedDisk};
use crate::tables::SortedBy;

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(future)
}

/// A pool that does not say what tells its customers apart.
fn strict() -> Arc<Pool> {
    pool(
        1,
        r#"{"name":"sales","schema":"strict","fields":[{"name":"c","type":"String"},
            {"name":"n","type":"Int64"},{"name":"g","type":"String"}]}"#,
    )
}

/// The same without declared fields but one.
fn open_one() -> Arc<Pool> {
    pool(
        1,
        r#"{"name":"sales","schema":"open","fields":[{"name":"n","type":"Int64"}]}"#,
    )
}

/// Small blocks and files, and parts of few rows.
fn options() -> LakeOptions {
    let mut options = roomy();
    options.upkeep.runs = 3;
    options.upkeep.block_rows = 16;
    options.upkeep.file_bytes = 20_000;
    options.upkeep.sort_bytes = 8 << 10;
    options
}

/// Records from `from` on, in turn of `customers` customers.
fn put(lake: &Lake, pool: &Arc<Pool>, from: u64, count: u64, customers: u64) {
    let records = (from..from + count).map(|n| {
        let c = n % customers;
        format!(r#"{{"c":"c{c}","n":{n},"g":"g{}"}}"#, n % 3)
    });
    let records = records.collect::<Vec<_>>().join(",");
    let request = Request::new(pool, &format!("[{records}]"));
    wait(lake.append(request.admit())).unwrap();
}

fn layout(lake: &Lake) -> PoolLayout {
    lake.layout(&Permit::ours()).remove(0).1
}

fn learn(lake: &Lake, pool: &Pool, fields: &[&str]) {
    lake.learn(&Permit::ours(), carrying(pool, fields));
}

/// The orders in which the files of a pool lie.
fn orders(lake: &Lake, pool: &Pool) -> Vec<SortedBy> {
    let files = lake.pools.manifest(pool.id).files;
    let mut orders: Vec<_> = files.iter().map(|file| file.sorted_by.clone()).collect();
    orders.sort_by_key(|order| order.isolation.clone());
    orders.dedup();
    orders
}

fn by(column: Option<&str>) -> SortedBy {
    SortedBy {
        isolation: column.map(path),
        time: path("_ingested_at"),
    }
}

/// All upkeep that is due now.
fn rest(lake: &Lake) {
    while lake.upkeep(&Permit::ours()).unwrap() {}
}

fn numbers_of(lake: &Lake, pool: &Arc<Pool>) -> Vec<i128> {
    let mut found = numbers(lake, pool);
    found.sort_unstable();
    found
}

/// Rows that a question of a customer meets: their own, sorted, and how many
/// others came along.
fn met(lake: &Lake, pool: &Arc<Pool>, customer: u64, customers: u64) -> (Vec<i128>, usize) {
    let all = read_of_customer(lake, pool, &format!("c{customer}")).into_iter();
    let number = |value| match value {
        Value::Integer(number) => number,
        other => panic!("{other:?}"),
    };
    let is_own = |n: &i128| n % i128::from(customers) == i128::from(customer);
    let (mut own, others): (Vec<i128>, Vec<i128>) = all.map(number).partition(is_own);
    own.sort_unstable();
    (own, others.len())
}

#[test]
fn a_customers_rows_are_found_without_those_of_others_once_files_lie_by_them() {
    for pool in [strict(), open_one()] {
        let disk = SimulatedDisk::new(3);
        let counting = Counting::over(&disk);
        let lake = counting.open(&pool, options());
        for flush in 0..3 {
            put(&lake, &pool, flush * 500, 500, 50);
            lake.flush(&Permit::ours()).unwrap();
        }
        rest(&lake);
        assert_eq!(orders(&lake, &pool), [by(None)]);
        let lake = {
            drop(lake);
            counting.open(&pool, options())
        };
        counting.read();
        let expected: Vec<i128> = (0..30).map(|at| 7 + at * 50).collect();
        assert_eq!(met(&lake, &pool, 7, 50), (expected.clone(), 1_470));
        let everything = counting.read();

        learn(&lake, &pool, &["c"]);
        let told = layout(&lake);
        assert_eq!(told.isolation, Isolation::Learned(path("c")));
        assert_eq!(told.files_otherwise, told.files);
        assert_eq!(met(&lake, &pool, 7, 50), (expected.clone(), 1_470));
        // What comes now lies by it at once, what was there is as it was.
        put(&lake, &pool, 1_500, 100, 50);
        lake.flush(&Permit::ours()).unwrap();
        assert_eq!(orders(&lake, &pool), [by(None), by(Some("c"))]);
        let expected: Vec<i128> = (0..32).map(|at| 7 + at * 50).collect();
        assert_eq!(met(&lake, &pool, 7, 50), (expected.clone(), 1_470));

        lake.compact(&Permit::ours()).unwrap();
        assert_eq!(orders(&lake, &pool), [by(Some("c"))]);
        let told = layout(&lake);
        assert_eq!((told.files_otherwise, told.runs_per_customer), (0, 1));
        assert_eq!(told.rows, 1_600);
        assert_eq!(counting.unfinished().0, 0, "nothing is left over");
        let lake = {
            drop(lake);
            counting.open(&pool, options())
        };
        counting.read();
        assert_eq!(met(&lake, &pool, 7, 50), (expected, 0));
        let own = counting.read();
        assert!(own * 4 < everything, "{own} of {everything}");
        let all: Vec<i128> = (0..1_600).collect();
        assert_eq!(numbers_of(&lake, &pool), all);
    }
}

#[test]
fn files_are_sorted_anew_by_themselves_once_keys_have_settled() {
    let (disk, pool) = (SimulatedDisk::new(4), strict());
    let counting = Counting::over(&disk);
    let lake = counting.open(&pool, options());
    put(&lake, &pool, 0, 400, 10);
    lake.flush(&Permit::ours()).unwrap();
    rest(&lake);
    let pass = |time: Duration| {
        counting.clock.advance(time);
        rest(&lake);
        orders(&lake, &pool)
    };
    let minutes = |n: u64| Duration::from_secs(n * 60);
    learn(&lake, &pool, &["g"]);
    assert_eq!(pass(Duration::ZERO), [by(None)]);
    assert_eq!(pass(minutes(59)), [by(None)]);
    // The next keys tell otherwise: it is waited anew.
    learn(&lake, &pool, &["g", "c", "c", "c"]);
    assert_eq!(pass(minutes(2)), [by(None)]);
    assert_eq!(pass(minutes(59)), [by(None)]);
    assert_eq!(pass(minutes(1)), [by(Some("c"))]);
    let once = layout(&lake);
    assert!(
        once.rewrites_per_record.abs() < f64::EPSILON,
        "as a removal, it does not count: {once:?}"
    );
    // Nor does anybody begin again.
    let made = counting.made();
    assert_eq!(pass(minutes(600)), [by(Some("c"))]);
    assert_eq!(counting.made(), made);
    // Without keys, by time again.
    learn(&lake, &pool, &[]);
    assert_eq!(pass(minutes(59)), [by(Some("c"))]);
    assert_eq!(pass(minutes(61)), [by(None)]);
    assert_eq!(numbers_of(&lake, &pool), (0..400).collect::<Vec<_>>());
}

#[test]
fn the_files_tell_a_restart_what_was_learned() {
    let (disk, pool) = (SimulatedDisk::new(5), strict());
    let clock = Arc::new(ManualClock::new(noon()));
    let start = || open_at(&disk, &[&pool], options(), clock.clone()).unwrap();
    let lake = start();
    // Known before the pool has a record.
    learn(&lake, &pool, &["g"]);
    put(&lake, &pool, 0, 50, 5);
    clock.advance(Duration::from_secs(1));
    lake.flush(&Permit::ours()).unwrap();
    learn(&lake, &pool, &["g", "c", "c", "c"]);
    put(&lake, &pool, 50, 50, 5);
    clock.advance(Duration::from_secs(1));
    lake.flush(&Permit::ours()).unwrap();
    assert_eq!(orders(&lake, &pool), [by(Some("c")), by(Some("g"))]);
    drop(lake);
    let lake = start();
    assert_eq!(layout(&lake).isolation, Isolation::Learned(path("c")));
    // Were it not known any more, there would be more to speak for `g`.
    learn(&lake, &pool, &["g", "g", "c"]);
    assert_eq!(layout(&lake).isolation, Isolation::Learned(path("c")));
    learn(&lake, &pool, &["g", "g", "g", "c"]);
    assert_eq!(layout(&lake).isolation, Isolation::Learned(path("g")));
    // A dropped pool is not learned of, nor does it come back by that.
    wait(lake.drop_pool(&Permit::ours(), pool.id)).unwrap();
    learn(&lake, &pool, &["c"]);
    assert!(lake.layout(&Permit::ours()).is_empty());
}

#[test]
fn a_dropped_field_is_not_what_files_lie_by_any_more() {
    let (disk, before) = (SimulatedDisk::new(6), strict());
    let lake = open(&disk, &[&before], options());
    learn(&lake, &before, &["g"]);
    put(&lake, &before, 0, 100, 5);
    lake.flush(&Permit::ours()).unwrap();
    let patch = r#"{"fields":[{"name":"c","type":"String"},{"name":"n","type":"Int64"}]}"#;
    let after = Arc::new(Pool {
        draft: before.draft.patched(&json(patch)).unwrap(),
        revision: 2,
        ..Pool::clone(&before)
    });
    let request = Request::new(&after, r#"[{"c":"c0","n":100}]"#);
    wait(lake.append(request.admit())).unwrap();
    assert_eq!(layout(&lake).isolation, Isolation::Nothing);
    let expected: Vec<i128> = (0..101).collect();
    for _ in 0..2 {
        assert_eq!(numbers_of(&lake, &after), expected);
        assert_eq!(met(&lake, &after, 0, 5).0.len(), 21);
        lake.compact(&Permit::ours()).unwrap();
    }
    assert_eq!(orders(&lake, &after), [by(None)]);
    drop(lake);
    let lake = open(&disk, &[&after], options());
    assert_eq!(numbers_of(&lake, &after), expected);
}

#[test]
fn whatever_is_learned_and_whenever_the_records_are_the_same() {
    for seed in 0..cases(8, 600) {
        let mut random = Random::new(seed);
        let pool = if random.one_in(2) {
            strict()
        } else {
            open_one()
        };
        let disk = SimulatedDisk::new(seed);
        let clock = Arc::new(ManualClock::new(noon()));
        let start = || open_at(&disk, &[&pool], options(), clock.clone()).unwrap();
        let (mut lake, mut list, mut next) = (start(), Vec::<(i128, u64)>::new(), 0);
        for step in 0..40 {
            match random.below(12) {
                0..=3 => {
                    let count = 1 + random.below(60);
                    put(&lake, &pool, next, count, 7);
                    list.extend((next..next + count).map(|n| (i128::from(n), n % 7)));
                    next += count;
                }
                4 => lake.flush(&Permit::ours()).unwrap(),
                5..=7 => {
                    let fields: &[&str] = match random.below(4) {
                        0 => &[],
                        1 => &["g"],
                        2 => &["n", "n"],
                        _ => &["c", "c", "c"],
                    };
                    learn(&lake, &pool, fields);
                }
                8 => {
                    let customer = random.below(7);
                    let asked = filter(&format!(
                        r#"{{"all":[{{"field":"c","operator":"eq","value":"c{customer}"}},
                            {{"field":"n","operator":"lt","value":{}}}]}}"#,
                        next / 2
                    ));
                    let gone = wait(lake.delete(deleting(&access(1), &pool, Some(asked)))).unwrap();
                    let before = list.len() as u64;
                    let half = i128::from(next / 2);
                    list.retain(|(n, c)| *c != customer || *n >= half);
                    assert_eq!(gone, before - list.len() as u64, "seed {seed}, step {step}");
                }
                9 => {
                    clock.advance(Duration::from_secs(40 * 60));
                    rest(&lake);
                }
                10 => lake.compact(&Permit::ours()).unwrap(),
                _ => {
                    drop(lake);
                    lake = start();
                }
            }
            let all: Vec<i128> = list.iter().map(|(n, _)| *n).collect();
            assert_eq!(numbers_of(&lake, &pool), all, "seed {seed}, step {step}");
            let of = |customer| -> Vec<i128> {
                let own = list.iter().filter(|(_, c)| *c == customer);
                own.map(|(n, _)| *n).collect()
            };
            for customer in [0, 3] {
                let (own, _) = met(&lake, &pool, customer, 7);
                assert_eq!(own, of(customer), "seed {seed}, step {step}");
            }
        }
        lake.compact(&Permit::ours()).unwrap();
        assert!(layout(&lake).files_otherwise == 0 && orders(&lake, &pool).len() <= 1);
    }
}

#[test]
fn the_power_may_go_at_every_operation_of_sorting() {
    let pool = strict();
    let mut options = options();
    options.upkeep.sort_bytes = 1_500;
    let (mut cuts, mut leftover) = (0, 0);
    let step = usize::try_from(cases(7, 1)).unwrap();
    for operation in (1..).step_by(step) {
        let disk = SimulatedDisk::new(operation);
        let lake = open(&disk, &[&pool], options.clone());
        for flush in 0..3 {
            put(&lake, &pool, flush * 10, 10, 5);
            lake.flush(&Permit::ours()).unwrap();
        }
        let gone = filter(r#"{"field":"c","operator":"eq","value":"c4"}"#);
        wait(lake.delete(deleting(&access(1), &pool, Some(gone)))).unwrap();
        let expected: Vec<i128> = (0..30).filter(|n| n % 5 != 4).collect();
        assert_eq!(numbers_of(&lake, &pool), expected);
        learn(&lake, &pool, &["c"]);
        disk.plan(Some(Fault::CutAtOperation(disk.operations() + operation)));
        let done = lake.compact(&Permit::ours());
        if !disk.fault_happened() {
            done.unwrap();
            break;
        }
        drop(lake);
        cuts += 1;
        let disk = disk.crash();
        leftover += u64::from(unfinished_on(&disk, &pool) > 1);
        let counting = Counting::over(&disk);
        let lake = counting.open(&pool, options.clone());
        assert_eq!(unfinished_on(&disk, &pool), 0, "operation {operation}");
        assert_eq!(numbers_of(&lake, &pool), expected, "operation {operation}");
        learn(&lake, &pool, &["c"]);
        lake.compact(&Permit::ours()).unwrap();
        assert_eq!(numbers_of(&lake, &pool), expected, "operation {operation}");
        assert_eq!(orders(&lake, &pool), [by(Some("c"))]);
        assert_eq!(unfinished_on(&disk, &pool), 0, "operation {operation}");
    }
    assert!(cuts > 15 && leftover > 1, "{cuts}, {leftover}");
}

#[test]
fn in_memory_the_rows_of_larger_batches_are_found_by_it_as_well() {
    let (disk, pool) = (SimulatedDisk::new(8), strict());
    let lake = open(&disk, &[&pool], options());
    put(&lake, &pool, 0, 5_000, 50);
    assert_eq!(met(&lake, &pool, 7, 50).1, 4_900);
    learn(&lake, &pool, &["c"]);
    put(&lake, &pool, 5_000, 5_000, 50);
    let (own, others) = met(&lake, &pool, 7, 50);
    assert_eq!((own.len(), others), (200, 4_900));
    lake.flush(&Permit::ours()).unwrap();
    let (own, others) = met(&lake, &pool, 7, 50);
    assert_eq!((own.len(), others), (200, 0));
}

/// Files of records of a pool that no manifest may name.
fn unfinished_on(disk: &SimulatedDisk, pool: &Pool) -> usize {
    use crate::disk::Disk;
    let directory = std::path::Path::new(SimulatedDisk::ROOT).join("tables");
    let names = disk.list(&directory.join(pool.id.to_string()));
    let names = names.unwrap_or_default().into_iter();
    names.filter(|name| name.ends_with(".parquet.tmp")).count()
}

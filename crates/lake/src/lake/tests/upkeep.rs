//! What upkeep promises of files: nothing keeps it waiting for ever, and what nobody needs goes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::fields::ColumnType;
use model::ids::PoolId;
use model::permit::Permit;
use model::pools::Pool;
use model::random::{RandomSource, SeededRandom};
use model::time::ManualClock;
use model::value::Value;
use sha2::{Digest, Sha256};

use super::fixtures::*;
use crate::disk::Disk;
use crate::error::LakeError;
use crate::lake::{Environment, Lake, LakeOptions};
use crate::manifest::{Manifest, ManifestChange};
use crate::reading::{CustomersHint, Hints, Reading};
use crate::run::RunOptions;
use crate::simulation::{Fault, SimulatedDisk};
use crate::store::Operation;
use crate::tables::{Part, path_of};

fn tables(pool: PoolId) -> PathBuf {
    let tables = Path::new(SimulatedDisk::ROOT).join("tables");
    tables.join(pool.to_string())
}

fn files(disk: &SimulatedDisk, pool: &Pool) -> Vec<String> {
    let mut names = disk.list(&tables(pool.id)).unwrap_or_default();
    names.retain(|name| name.ends_with(".parquet"));
    names.sort();
    names
}

fn manifest(lake: &Lake, pool: &Pool) -> Manifest {
    let states = lake.pools.states();
    let state = states.into_iter().find(|state| state.id == pool.id);
    state.map(|state| state.manifest).unwrap_or_default()
}

/// Everything that is due, with what failed on the way.
fn all_due(lake: &Lake) -> Vec<LakeError> {
    let mut failed = Vec::new();
    for _ in 0..100 {
        match lake.upkeep(&Permit::ours()) {
            Ok(true) => {}
            Ok(false) => return failed,
            Err(error) => failed.push(error),
        }
    }
    failed
}

/// Upkeep blocks, so no runtime may be under it.
fn done<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(work)
}

/// Waits until the journal touches the disk no more.
fn settle(lake: &Lake) {
    lake.journal.submit_all_blocking([Operation::Wait]);
}

fn add(lake: &Lake, pool: &Arc<Pool>, n: i64) {
    let request = Request::new(pool, &format!(r#"[{{"n":{n}}}]"#));
    done(lake.append(request.admit())).unwrap();
}

fn flushed(lake: &Lake, pool: &Arc<Pool>, numbers: std::ops::Range<i64>) {
    for n in numbers {
        add(lake, pool, n);
        lake.flush(&Permit::ours()).unwrap();
    }
}

/// A buffer that is full takes nothing more, so that only another attempt makes room in it.
#[test]
fn records_that_could_not_be_written_are_written_as_soon_as_they_can_be() {
    let (disk, pool) = (SimulatedDisk::new(1), open_pool(1));
    let mut options = roomy();
    options.upkeep.flush_bytes = 1 << 10;
    let clock = Arc::new(ManualClock::new(noon()));
    let lake = open_at(&disk, &[&pool], options, clock.clone()).unwrap();
    for n in 0..50 {
        add(&lake, &pool, n);
    }
    settle(&lake);
    disk.plan(Some(Fault::FailOperation(disk.operations() + 1)));
    lake.upkeep(&Permit::ours()).unwrap_err();
    assert!(files(&disk, &pool).is_empty());
    clock.advance(Duration::from_secs(1));
    assert!(lake.upkeep(&Permit::ours()).unwrap(), "it is tried again");
    assert_eq!(files(&disk, &pool).len(), 1);
    assert_eq!(lake.metrics().buffer_records, 0);
    assert_eq!(numbers(&lake, &pool).len(), 50);
}

/// Which rows of older files are replaced is found in these files.
#[test]
fn a_damaged_file_is_found_before_anything_is_written_and_not_looked_at_again_at_once() {
    let disk = SimulatedDisk::new(9);
    let definition = r#"{"name":"p","schema":"strict","isolation_field":"c","unique":["id"],"fields":[
        {"name":"c","type":"String"},{"name":"id","type":"Int64"}]}"#;
    let pool = pool(1, definition);
    let clock = Arc::new(ManualClock::new(noon()));
    let mut options = roomy();
    options.upkeep.flush_bytes = 1;
    let lake = open_at(&disk, &[&pool], options.clone(), clock.clone()).unwrap();
    let add = |lake: &Lake, id: i64| {
        let request = Request::new(&pool, &format!(r#"[{{"c":"a","id":{id}}}]"#));
        done(lake.append(request.admit())).unwrap();
    };
    add(&lake, 1);
    lake.flush(&Permit::ours()).unwrap();
    let [older] = &files(&disk, &pool)[..] else {
        panic!("one file");
    };
    disk.open(&tables(pool.id).join(older))
        .unwrap()
        .write_at(4, &[0xff; 40])
        .unwrap();
    drop(lake);
    let lake = open_at(&disk, &[&pool], options, clock.clone()).unwrap();
    add(&lake, 1);
    settle(&lake);
    let written = lake.records_written();
    let error = lake.free(&Permit::ours()).unwrap_err();
    assert!(matches!(error, LakeError::Damaged { .. }), "{error:?}");
    assert_eq!(
        lake.records_written(),
        written,
        "nothing was written for it"
    );
    assert_eq!(files(&disk, &pool).len(), 1);
    // A full disk is tried again after a second; this is not.
    clock.advance(Duration::from_secs(59));
    assert!(!lake.free(&Permit::ours()).unwrap());
    // Others are written meanwhile, and what is added to this pool is kept.
    add(&lake, 2);
    assert_eq!(lake.metrics().buffer_records, 2);
    clock.advance(Duration::from_secs(1));
    lake.free(&Permit::ours()).unwrap_err();
}

/// Writers wait for room, and for nothing that takes long.
#[test]
fn records_go_to_files_and_the_journal_is_freed_while_files_are_merged() {
    let (disk, pool) = (SimulatedDisk::new(3), open_pool(1));
    let mut options = small();
    (options.upkeep.flush_bytes, options.upkeep.journal_segments) = (8 << 10, 4);
    let lake = open(&disk, &[&pool], options);
    flushed(&lake, &pool, 0..2);
    let happens = {
        let (disk, pool) = (disk.clone(), pool.clone());
        move |lake: &Lake| {
            let before = files(&disk, &pool).len();
            for n in 2..500 {
                add(lake, &pool, n);
                while lake.free(&Permit::ours()).unwrap() {}
            }
            assert!(
                files(&disk, &pool).len() > before + 3,
                "records went to files"
            );
            assert!(lake.journal.counts().segments <= 5);
        }
    };
    lake.with_meanwhile(happens, |lake| lake.merge_all(pool.id).unwrap());
    let mut all = numbers(&lake, &pool);
    all.sort_unstable();
    assert_eq!(all, (0..500).collect::<Vec<_>>());
}

/// Files that were open, and are opened again by whoever read on, are no reason to keep them.
#[test]
fn a_file_goes_from_the_disk_when_its_last_reader_has_gone() {
    let (disk, pool) = (SimulatedDisk::new(2), open_pool(1));
    let lake = open(&disk, &[&pool], small());
    flushed(&lake, &pool, 0..2);
    let before = files(&disk, &pool);
    let snapshot = lake.pools.snapshot(&pool);
    lake.compact(&Permit::ours()).unwrap();
    assert!(before.iter().all(|name| files(&disk, &pool).contains(name)));
    let columns = vec![(path("n"), ColumnType::Undeclared)];
    let reading = Reading::new(snapshot, columns.into(), Hints::default());
    let mut rows = 0;
    while let Some(batch) = reading.step() {
        rows += batch.unwrap().map_or(0, |batch| batch.num_rows());
    }
    assert_eq!(rows, 2);
    assert!(all_due(&lake).is_empty());
    assert!(before.iter().all(|name| files(&disk, &pool).contains(name)));
    drop(reading);
    assert!(all_due(&lake).is_empty());
    assert!(
        before
            .iter()
            .all(|name| !files(&disk, &pool).contains(name))
    );
    assert_eq!(numbers(&lake, &pool).len(), 2);
}

#[test]
fn deletes_are_remembered_only_while_files_do_not_carry_them_out() {
    let (disk, pool) = (SimulatedDisk::new(3), open_pool(1));
    let lake = open(&disk, &[&pool], small());
    let delete = || {
        deleting(
            &access(1),
            &pool,
            Some(filter(r#"{"field":"n","operator":"gt","value":7}"#)),
        )
    };
    for n in 0..10 {
        add(&lake, &pool, n);
        done(lake.delete(delete())).unwrap();
    }
    assert_eq!(manifest(&lake, &pool).removals.len(), 0);
    flushed(&lake, &pool, 10..11);
    assert_eq!(done(lake.delete(delete())).unwrap(), 1);
    assert_eq!(manifest(&lake, &pool).removals.len(), 1);
    assert_eq!(numbers(&lake, &pool).len(), 8);
    let lake = open(&disk.crash(), &[&pool], small());
    assert_eq!(manifest(&lake, &pool).removals.len(), 1);
    assert_eq!(numbers(&lake, &pool).len(), 8);
    lake.compact(&Permit::ours()).unwrap();
    assert_eq!(manifest(&lake, &pool).removals.len(), 0);
    assert_eq!(numbers(&lake, &pool).len(), 8);
}

/// An older control database was put back.
#[test]
fn files_of_a_pool_that_is_not_known_are_left_alone_and_keep_upkeep_from_nothing() {
    let (disk, pool) = (SimulatedDisk::new(5), open_pool(1));
    let lake = open(&disk, &[&pool], small());
    flushed(&lake, &pool, 0..10);
    let one = filter(r#"{"field":"n","operator":"eq","value":7}"#);
    assert_eq!(
        done(lake.delete(deleting(&access(1), &pool, Some(one)))).unwrap(),
        1
    );
    drop(lake);
    let clock = Arc::new(ManualClock::new(noon()));
    let lake = open_at(&disk, &[], small(), clock.clone()).unwrap();
    clock.advance(Duration::from_secs(13 * 60 * 60));
    assert!(all_due(&lake).is_empty());
    assert!(
        !lake.upkeep(&Permit::ours()).unwrap(),
        "nothing is left to do"
    );
    drop(lake);
    let lake = open(&disk, &[&pool], small());
    assert_eq!(numbers(&lake, &pool).len(), 9);
}

#[test]
fn a_pool_that_cannot_be_merged_keeps_no_other_from_it() {
    let (disk, one, two) = (SimulatedDisk::new(4), open_pool(1), open_pool(2));
    let clock = Arc::new(ManualClock::new(noon()));
    let mut options = small();
    options.upkeep.runs = 3;
    let lake = open_at(&disk, &[&one, &two], options.clone(), clock.clone()).unwrap();
    flushed(&lake, &one, 0..4);
    flushed(&lake, &two, 0..4);
    // Behind the lake's back; what it has open it would not read again.
    let rotten = tables(one.id).join(&files(&disk, &one)[0]);
    disk.open(&rotten)
        .unwrap()
        .write_at(4, &[0xff; 40])
        .unwrap();
    drop(lake);
    let lake = open_at(&disk, &[&one, &two], options, clock.clone()).unwrap();
    let failed = all_due(&lake);
    assert_eq!(failed.len(), 1, "{failed:?}");
    let name = &files(&disk, &one)[0];
    assert!(failed[0].to_string().contains(name), "{failed:?}");
    assert_eq!(manifest(&lake, &two).files.len(), 1);
    assert_eq!(numbers(&lake, &two).len(), 4);
    // What is damaged is not merged, and not lost from sight: all four are kept.
    assert_eq!(files(&disk, &one).len(), 4);
    assert_eq!(manifest(&lake, &one).files.len(), 4);
    clock.advance(Duration::from_secs(601));
    assert_eq!(all_due(&lake).len(), 1, "and it is tried again");
}

#[test]
fn what_could_not_be_named_leaves_nothing_on_the_disk() {
    for operation in 1..40 {
        let (disk, pool) = (SimulatedDisk::new(operation), open_pool(1));
        let lake = open(&disk, &[&pool], roomy());
        add(&lake, &pool, 1);
        settle(&lake);
        disk.plan(Some(Fault::FailOperation(disk.operations() + operation)));
        let flushed = lake.flush(&Permit::ours());
        if !disk.fault_happened() {
            assert!(operation > 10, "{operation}");
            return;
        }
        if flushed.is_err()
            && done(lake.append(Request::new(&pool, r#"[{"n":2}]"#).admit())).is_ok()
        {
            let named: Vec<String> = manifest(&lake, &pool)
                .files
                .iter()
                .map(|file| file.id.to_string())
                .collect();
            let names = disk.list(&tables(pool.id)).unwrap_or_default();
            let is_named = |name: &&String| named.iter().any(|id| name.starts_with(id));
            let left: Vec<_> = names.iter().filter(|name| !is_named(name)).collect();
            assert!(left.is_empty(), "operation {operation} left {left:?}");
            lake.flush(&Permit::ours()).unwrap();
            assert_eq!(numbers(&lake, &pool).len(), 2);
        }
    }
    panic!("a flush has fewer operations");
}

/// A customer whose records all have one time, in more than one file.
#[test]
fn files_of_one_run_that_begin_alike_are_merged_in_their_order() {
    let definition = r#"{"name":"p","schema":"open","isolation_field":"who","time_field":"at","fields":[
        {"name":"who","type":"String"},{"name":"at","type":"DateTime"}]}"#;
    let (disk, pool) = (SimulatedDisk::new(6), pool(1, definition));
    let mut options = roomy();
    options.upkeep.file_bytes = 1;
    options.upkeep.block_rows = 2;
    let lake = open(&disk, &[&pool], LakeOptions { ..options });
    for n in 0..3 {
        let record = format!(
            r#"{{"who":"w","at":"2026-01-01T00:00:00Z","n":{n},"x":"{}"}}"#,
            "x".repeat(99)
        );
        let records = vec![record; 30].join(",");
        let request = Request::new(&pool, &format!("[{records}]"));
        done(lake.append(request.admit())).unwrap();
        lake.flush(&Permit::ours()).unwrap();
    }
    assert!(files(&disk, &pool).len() > 3);
    lake.compact(&Permit::ours()).unwrap();
    assert!(files(&disk, &pool).len() > 1, "the run is several files");
    let columns = vec![(path("_id"), pool.draft.schema.column(&path("_id")).unwrap())];
    let mut ids = Vec::new();
    for file in manifest(&lake, &pool).files.iter() {
        let mut snapshot = lake.pools.snapshot(&pool);
        snapshot.stored.files = Arc::new([file.clone()].into_iter().collect());
        let reading = Reading::new(snapshot, columns.clone().into(), Hints::default());
        while let Some(batch) = reading.step() {
            let Some(batch) = batch.unwrap() else {
                continue;
            };
            let column = batch.column(0).clone();
            ids.extend((0..column.len()).map(|row| crate::columns::value_at(&column, row)));
        }
    }
    let text: Vec<String> = ids
        .iter()
        .map(|id| id.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(text.len(), 90);
    assert!(text.is_sorted(), "a run is in order over its files");
}

/// The same, where younger records replace rows of such a file: those of one time, and those without any.
#[test]
fn files_of_one_run_that_begin_alike_stay_in_their_order_when_rows_of_them_are_replaced() {
    let definition = r#"{"name":"p","schema":"open","isolation_field":"who","time_field":"at","unique":["n"],"fields":[
        {"name":"who","type":"String"},{"name":"at","type":"DateTime"},{"name":"n","type":"Int64"}]}"#;
    for time in ["", r#""at":"2026-01-01T00:00:00Z","#] {
        let (disk, pool) = (SimulatedDisk::new(6), pool(1, definition));
        let mut options = roomy();
        (options.upkeep.file_bytes, options.upkeep.block_rows) = (1, 2);
        let lake = open(&disk, &[&pool], options);
        let put = |numbers: &[i128]| {
            let text = "x".repeat(99);
            let record = |n| format!(r#"{{"who":"w",{time}"n":{n},"x":"{text}"}}"#);
            let records: Vec<_> = numbers.iter().map(record).collect();
            let request = Request::new(&pool, &format!("[{}]", records.join(",")));
            done(lake.append(request.admit())).unwrap();
            lake.flush(&Permit::ours()).unwrap();
        };
        let all: Vec<i128> = (0..30).collect();
        put(&all);
        assert!(files(&disk, &pool).len() > 3);
        // Files are read in their order.
        let of_first_file = numbers(&lake, &pool)[0];
        put(&[of_first_file]);
        lake.compact(&Permit::ours()).unwrap();
        let mut found = numbers(&lake, &pool);
        found.sort_unstable();
        assert_eq!(found, all);
        let rows = manifest(&lake, &pool)
            .files
            .iter()
            .map(|f| f.rows)
            .sum::<u64>();
        assert_eq!(rows, 30, "and the disk holds no row that was replaced");
    }
}

#[test]
fn a_file_that_cannot_be_taken_away_keeps_no_record_from_being_written() {
    let (disk, pool) = (SimulatedDisk::new(7), open_pool(1));
    let mut options = roomy();
    options.upkeep.flush_bytes = 1;
    let lake = open(&disk, &[&pool], options);
    flushed(&lake, &pool, 0..4);
    assert!(all_due(&lake).is_empty());
    let reader = lake.pools.snapshot(&pool);
    flushed(&lake, &pool, 4..5);
    lake.compact(&Permit::ours()).unwrap();
    assert!(all_due(&lake).is_empty());
    drop(reader);
    add(&lake, &pool, 5);
    settle(&lake);
    disk.plan(Some(Fault::FailOperation(disk.operations() + 1)));
    lake.tend(&Permit::ours()).unwrap_err();
    assert!(lake.free(&Permit::ours()).unwrap());
    assert_eq!(lake.metrics().buffer_records, 0);
    assert_eq!(numbers(&lake, &pool).len(), 6);
}

/// A customer whose records go over from one file into another, which holds older records of others.
#[test]
fn files_of_one_run_are_merged_in_the_order_of_their_rows_whatever_their_times() {
    let definition = r#"{"name":"p","schema":"open","isolation_field":"who","time_field":"at","fields":[
        {"name":"who","type":"String"},{"name":"at","type":"DateTime"},{"name":"n","type":"Int64"}]}"#;
    let (disk, pool) = (SimulatedDisk::new(8), pool(1, definition));
    let mut options = roomy();
    options.upkeep.file_bytes = 1;
    options.upkeep.block_rows = 2;
    let lake = open(&disk, &[&pool], options);
    let whos = ["a", "b", "c", "d"];
    for part in 0..3 {
        // Later customers have earlier records.
        let records = (0..40).map(|n| {
            let (who, day) = (whos[n / 10], 28 - n / 10 * 7 + n % 5 - 4);
            format!(
                r#"{{"who":"{who}","at":"2026-01-{day:02}T00:00:00Z","n":{}}}"#,
                part * 40 + n
            )
        });
        let records = records.collect::<Vec<_>>().join(",");
        let request = Request::new(&pool, &format!("[{records}]"));
        done(lake.append(request.admit())).unwrap();
        lake.flush(&Permit::ours()).unwrap();
        lake.compact(&Permit::ours()).unwrap();
    }
    for (at, who) in whos.iter().enumerate() {
        let hints = Hints {
            customers: vec![CustomersHint {
                column: path("who"),
                values: vec![Value::from(*who)].into(),
            }],
            time: None,
        };
        let columns = vec![(path("n"), pool.draft.schema.column(&path("n")).unwrap())];
        let reading = Reading::new(lake.pools.snapshot(&pool), columns.into(), hints);
        let mut found = Vec::new();
        while let Some(batch) = reading.step() {
            let Some(batch) = batch.unwrap() else {
                continue;
            };
            let values =
                (0..batch.num_rows()).map(|row| crate::columns::value_at(batch.column(0), row));
            found.extend(values.filter_map(|value| match value {
                Value::Integer(n) => Some(n),
                _ => None,
            }));
        }
        found.sort_unstable();
        let own = (0..120_i128).filter(|n| n % 40 / 10 == at as i128);
        assert_eq!(found, own.collect::<Vec<_>>(), "{who}");
    }
}

/// What is deleted is answered so, whatever is asked beside it: who may not have a turn is told
/// before anything goes, and the time of a question does not count.
#[test]
fn a_delete_is_refused_as_a_whole_or_answered() {
    let (disk, pool) = (SimulatedDisk::new(1), open_pool(1));
    let mut options = small();
    options.run = RunOptions {
        concurrent: 1,
        wait: Duration::from_millis(5),
        deadline: Duration::ZERO,
        ..options.run
    };
    let lake = open(&disk, &[&pool], options);
    flushed(&lake, &pool, 0..3);
    add(&lake, &pool, 3);
    let delete = || done(lake.delete(deleting(&access(1), &pool, None)));
    let other = model::ids::KeyId::from_bytes([9; 16]);
    let turn = done(lake.runner.slot(other)).unwrap();
    assert!(matches!(delete(), Err(LakeError::Busy)));
    assert_eq!(numbers(&lake, &pool).len(), 4, "nothing went");
    drop(turn);
    assert_eq!(delete().unwrap(), 4);
    assert_eq!(numbers(&lake, &pool), [0_i128; 0]);
}

/// Tells the lake to stop when randomness is asked for, as the number of a run of files is.
#[derive(Debug)]
struct Stopping(SeededRandom, std::sync::OnceLock<std::sync::Weak<Lake>>);

impl RandomSource for Stopping {
    fn fill(&self, bytes: &mut [u8]) {
        if let Some(lake) = self.1.get().and_then(std::sync::Weak::upgrade) {
            lake.stop();
        }
        self.0.fill(bytes);
    }
}

#[test]
fn work_that_is_given_up_for_a_stop_is_no_failure() {
    let (disk, pool) = (SimulatedDisk::new(1), open_pool(1));
    let random = Arc::new(Stopping(SeededRandom::new(1), std::sync::OnceLock::new()));
    let clock = Arc::new(ManualClock::new(noon()));
    let environment = Environment {
        random: random.clone(),
        ..environment(Arc::new(disk.clone()), clock.clone())
    };
    let lake = Arc::new(Lake::open(environment, vec![pool.clone()], small()).unwrap());
    add(&lake, &pool, 1);
    settle(&lake);
    random.1.set(Arc::downgrade(&lake)).unwrap();
    clock.advance(Duration::from_secs(3_600));
    assert!(!lake.upkeep(&Permit::ours()).unwrap(), "nothing was done");
    assert_eq!(lake.metrics().tables.failures, 0);
    assert_eq!(files(&disk, &pool), [""; 0], "and nothing is left of it");
    assert_eq!(numbers(&lake, &pool), [1]);
}

/// The file has its name then, and the disk may not hold it: other readers are told of names.
#[test]
fn a_name_that_may_not_be_durable_is_made_so() {
    let mut options = roomy();
    options.upkeep.flush_bytes = 1;
    for seed in 0..40 {
        let (disk, pool) = (SimulatedDisk::new(seed), open_pool(1));
        let lake = open(&disk, &[&pool], options.clone());
        flushed(&lake, &pool, 0..1);
        assert!(all_due(&lake).is_empty());
        add(&lake, &pool, 1);
        settle(&lake);
        let before = files(&disk, &pool).len();
        // The sync behind the new name is the last of a flush of which it is known how many it has.
        let syncs = {
            let copy = disk.copy();
            let lake = open(&copy, &[&pool], options.clone());
            settle(&lake);
            let first = copy.syncs();
            assert!(lake.free(&Permit::ours()).unwrap());
            copy.syncs() - first
        };
        disk.plan(Some(Fault::FailSync(disk.syncs() + syncs)));
        lake.free(&Permit::ours()).unwrap_err();
        assert!(disk.fault_happened());
        let named = files(&disk, &pool);
        assert_eq!(named.len(), before + 1, "it has its name, for now");
        lake.tend(&Permit::ours()).unwrap();
        // Without a start, which names files anew.
        let found = disk.crash();
        assert_eq!(files(&found, &pool), named, "seed {seed}");
        assert_eq!(numbers(&open(&found, &[&pool], roomy()), &pool).len(), 2);
    }
}

/// What nobody may see, and what cannot be written, keep the journal; that is
/// no reason to write the records of others as they come.
#[test]
fn a_journal_that_others_hold_back_makes_nobody_write_small_files() {
    let (disk, lost, kept) = (SimulatedDisk::new(31), open_pool(1), open_pool(2));
    let lake = open(&disk, &[&lost, &kept], small());
    let add = |lake: &Lake, pool: &Arc<Pool>, n: usize| {
        let record = format!(r#"[{{"n":{n},"w":"{}"}}]"#, "x".repeat(2_000));
        done(lake.append(Request::new(pool, &record).admit())).unwrap();
    };
    add(&lake, &lost, 0);
    settle(&lake);
    drop(lake);
    // An older control database is put back, which does not know the pool.
    let lake = open(&disk, &[&kept], small());
    for n in 0..100 {
        add(&lake, &kept, n);
        while lake.free(&Permit::ours()).unwrap() {}
    }
    let segments = lake.journal.counts().segments;
    assert!(segments > small().upkeep.journal_segments, "{segments}");
    assert_eq!(lake.metrics().tables.flushes, 0);
    drop(lake);
    // What is kept is there when the right one is put back, and then the journal goes.
    let lake = open(&disk, &[&lost, &kept], small());
    assert_eq!(numbers(&lake, &lost), [0]);
    assert_eq!(numbers(&lake, &kept).len(), 100);
    while lake.free(&Permit::ours()).unwrap() {}
    assert!(lake.metrics().tables.flushes >= 1);
    // What is still needed is written down anew when a segment more was written.
    for n in 100..108 {
        add(&lake, &kept, n);
        while lake.free(&Permit::ours()).unwrap() {}
    }
    let segments = lake.journal.counts().segments;
    assert!(segments <= small().upkeep.journal_segments, "{segments}");
}

/// A file that cannot be read is the trouble of its pool alone.
#[test]
fn a_pool_that_cannot_be_written_takes_its_share_of_the_memory_and_no_more() {
    let disk = SimulatedDisk::new(32);
    let definition = r#"{"name":"p","schema":"strict","isolation_field":"c","unique":["id"],"fields":[
        {"name":"c","type":"String"},{"name":"id","type":"Int64"}]}"#;
    let (rotten, sound) = (pool(1, definition), open_pool(2));
    let clock = Arc::new(ManualClock::new(noon()));
    let mut options = roomy();
    options.buffer_bytes = 400_000;
    options.upkeep.flush_bytes = 20_000;
    let lake = open_at(&disk, &[&rotten, &sound], options.clone(), clock.clone()).unwrap();
    let add = |lake: &Lake, pool: &Arc<Pool>, id: usize| {
        let customer = "c".repeat(500);
        let request = Request::new(pool, &format!(r#"[{{"c":"{customer}","id":{id}}}]"#));
        done(lake.append(request.admit()))
    };
    add(&lake, &rotten, 1).unwrap();
    lake.flush(&Permit::ours()).unwrap();
    let [older] = &files(&disk, &rotten)[..] else {
        panic!("one file");
    };
    let file = disk.open(&tables(rotten.id).join(older)).unwrap();
    let mut whole = vec![0; 40];
    file.read_at(4, &mut whole).unwrap();
    file.write_at(4, &[0xff; 40]).unwrap();
    drop(lake);
    let lake = open_at(&disk, &[&rotten, &sound], options, clock.clone()).unwrap();
    let (mut refused, mut stored) = (None, 0);
    for id in 0..2_000 {
        match add(&lake, &rotten, id) {
            Ok(_) => stored += 1,
            Err(error) => refused = refused.or(Some(error)),
        }
        // The other pool is as if nothing were the matter.
        add(&lake, &sound, id).unwrap();
        let _told = lake.free(&Permit::ours());
    }
    let refused = refused.expect("its own writes are refused");
    assert!(matches!(refused, LakeError::PoolStuck { .. }), "{refused}");
    assert!(stored > 10, "{stored}");
    assert!(files(&disk, &sound).len() > 10);
    assert_eq!(held(&lake, &sound).len(), 2_000);
    assert_eq!(lake.metrics().tables.damaged_files, 1, "operators learn it");
    // The file is put back.
    file.write_at(4, &whole).unwrap();
    clock.advance(Duration::from_secs(60));
    while lake.free(&Permit::ours()).unwrap() {}
    add(&lake, &rotten, 5_000).unwrap();
    assert_eq!(held(&lake, &rotten).len(), stored + 1);
}

/// A file of a later release beside those of this one is named, and is the
/// trouble of those who ask for its records.
#[test]
fn an_index_of_a_later_format_is_named_and_the_rest_goes_on() {
    let (disk, newer, other) = (SimulatedDisk::new(33), open_pool(1), open_pool(2));
    let lake = open(&disk, &[&newer, &other], roomy());
    for pool in [&newer, &other] {
        done(lake.append(Request::new(pool, r#"[{"n":1}]"#).admit())).unwrap();
    }
    lake.flush(&Permit::ours()).unwrap();
    let files = manifest(&lake, &newer).files;
    let [file] = &files.iter().cloned().collect::<Vec<_>>()[..] else {
        panic!("one file");
    };
    let path = path_of(&tables(newer.id), file.id, Part::Index);
    let index = disk.open(&path).unwrap();
    let mut bytes = vec![0; usize::try_from(file.index.bytes).unwrap()];
    index.read_at(0, &mut bytes).unwrap();
    bytes[8..12].copy_from_slice(&2_u32.to_le_bytes());
    index.write_at(0, &bytes).unwrap();
    let mut entry = crate::tables::FileEntry::clone(file);
    entry.index.digest = Sha256::digest(&bytes).into();
    let change = ManifestChange {
        mark: None,
        removed: Vec::new(),
        added: vec![entry],
    };
    let pool = newer.id;
    lake.journal
        .submit_beyond_limit(Operation::Commit { pool, change })
        .unwrap();
    drop(lake);
    let lake = open(&disk, &[&newer, &other], roomy());
    let refused = readable(&lake.pools.snapshot(&newer)).unwrap_err();
    assert!(
        matches!(refused, LakeError::NewerFile { version: 2, .. }),
        "{refused}"
    );
    for word in [".index", "later version", "run that version"] {
        assert!(refused.to_string().contains(word), "{refused}");
    }
    assert_eq!(numbers(&lake, &other), [1]);
    done(lake.append(Request::new(&other, r#"[{"n":2}]"#).admit())).unwrap();
    lake.flush(&Permit::ours()).unwrap();
    assert_eq!(numbers(&lake, &other), [1, 2]);
}

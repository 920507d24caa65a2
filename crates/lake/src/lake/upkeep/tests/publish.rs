//! The Delta log of a pool: when it follows, what it never shows, and which
//! files wait for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::names::FieldPath;
use model::permit::{Permit, Upkeep};
use model::pools::Pool;
use model::time::ManualClock;

use crate::disk::Disk;
use crate::error::LakeError;
use crate::lake::Lake;
use crate::lake::tests::fixtures::*;
use crate::published;
use crate::simulation::{Fault, Random, SimulatedDisk};

pub(super) fn permit() -> Permit<Upkeep> {
    Permit::ours()
}

pub(super) fn files_of(pool: &Pool) -> PathBuf {
    let tables = Path::new(SimulatedDisk::ROOT).join("tables");
    tables.join(pool.id.to_string())
}

/// The files that the newest version of a pool's log names.
fn named(disk: &SimulatedDisk, pool: &Pool) -> Option<Vec<String>> {
    published::named(disk, &files_of(pool), pool.id).unwrap()
}

/// The files of records on the disk.
fn there(disk: &SimulatedDisk, pool: &Pool) -> Vec<String> {
    let names = disk.list(&files_of(pool)).unwrap_or_default();
    let is_records = |name: &String| name.ends_with(".parquet");
    names.into_iter().filter(is_records).collect()
}

/// The files that the lake reads.
pub(super) fn live(lake: &Lake, pool: &Pool) -> Vec<String> {
    let files = lake.pools.manifest(pool.id).files;
    let mut names: Vec<_> = files
        .iter()
        .map(|file| format!("{}.parquet", file.id))
        .collect();
    names.sort();
    names
}

/// What the future answers; upkeep, which blocks, must not run in a runtime.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(future)
}

/// All upkeep that there is to do.
pub(super) fn settle(lake: &Lake) {
    while lake.upkeep(&permit()).unwrap() {}
}

pub(super) fn append(lake: &Lake, pool: &Arc<Pool>, numbers: std::ops::Range<u64>) {
    let records: Vec<_> = numbers.map(|n| format!(r#"{{"n":{n}}}"#)).collect();
    let request = Request::new(pool, &format!("[{}]", records.join(",")));
    wait(lake.append(request.admit())).unwrap();
}

fn delete(lake: &Lake, pool: &Arc<Pool>, n: u64) {
    let one = filter(&format!(r#"{{"field":"n","operator":"eq","value":{n}}}"#));
    wait(lake.delete(deleting(&access(1), pool, Some(one)))).unwrap();
}

#[test]
fn the_log_follows_flushes_merges_and_deletes() {
    let (disk, pool) = (SimulatedDisk::new(1), open_pool(1));
    let lake = open(&disk, &[&pool], small());
    settle(&lake);
    assert_eq!(named(&disk, &pool), None, "no files, no log");
    for round in 0..5 {
        append(&lake, &pool, round * 10..round * 10 + 10);
        lake.flush(&permit()).unwrap();
        settle(&lake);
        assert_eq!(named(&disk, &pool), Some(live(&lake, &pool)));
        assert_eq!(there(&disk, &pool), live(&lake, &pool), "merged files go");
    }
    assert_eq!(numbers(&lake, &pool).len(), 50);
    delete(&lake, &pool, 7);
    lake.compact(&permit()).unwrap();
    let one = live(&lake, &pool);
    assert_eq!((one.len(), named(&disk, &pool)), (1, Some(one.clone())));
    assert_eq!(there(&disk, &pool), one);
    wait(lake.delete(deleting(&access(1), &pool, None))).unwrap();
    lake.compact(&permit()).unwrap();
    assert_eq!(named(&disk, &pool), Some(Vec::new()), "an empty table");
    assert_eq!(there(&disk, &pool), Vec::<String>::new());
}

/// Nobody need write to a pool for its log to say what was deleted of it.
#[test]
fn the_log_follows_a_property_that_is_deleted_of_a_pool_at_rest() {
    let (disk, pool) = (SimulatedDisk::new(4), open_pool(1));
    let lake = open(&disk, &[&pool], small());
    append(&lake, &pool, 0..10);
    lake.flush(&permit()).unwrap();
    settle(&lake);
    let log = files_of(&pool).join("_delta_log");
    let told = |disk: &SimulatedDisk| {
        let names = disk.list(&log).unwrap().into_iter();
        let mut texts = names.map(|name| {
            let file = disk.open(&log.join(name)).unwrap();
            let mut bytes = vec![0; usize::try_from(file.length().unwrap()).unwrap()];
            file.read_at(0, &mut bytes).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        });
        texts.any(|text| text.contains("tidegate.deleted"))
    };
    assert!(!told(&disk));
    let gone = FieldPath::parse("n").unwrap();
    let changed = Pool {
        draft: pool.draft.without_property(&gone).unwrap(),
        revision: pool.revision + 1,
        ..Pool::clone(&pool)
    };
    lake.follow(&permit(), &[Arc::new(changed)]);
    settle(&lake);
    assert!(told(&disk));
}

/// Its files may go by time before the log is looked at, and then nobody looks at it again.
#[test]
fn the_log_of_a_dropped_pool_goes_at_the_latest_with_its_files() {
    let (disk, pool) = (SimulatedDisk::new(3), open_pool(1));
    let lake = open(&disk, &[&pool], small());
    append(&lake, &pool, 0..10);
    lake.flush(&permit()).unwrap();
    settle(&lake);
    assert_eq!(named(&disk, &pool), Some(live(&lake, &pool)));
    wait(lake.drop_pool(&permit(), pool.id)).unwrap();
    sweep_at_once(&lake);
    assert_eq!(
        (named(&disk, &pool), there(&disk, &pool)),
        (None, Vec::new())
    );
}

#[test]
fn a_version_never_shows_a_deleted_record() {
    let (disk, pool) = (SimulatedDisk::new(2), open_pool(1));
    let clock = Arc::new(ManualClock::new(noon()));
    let lake = open_at(&disk, &[&pool], small(), clock.clone()).unwrap();
    append(&lake, &pool, 0..10);
    lake.flush(&permit()).unwrap();
    settle(&lake);
    let before = named(&disk, &pool);
    delete(&lake, &pool, 3);
    append(&lake, &pool, 10..20);
    lake.flush(&permit()).unwrap();
    settle(&lake);
    assert_eq!(live(&lake, &pool).len(), 2);
    assert_eq!(named(&disk, &pool), before, "the older file still holds 3");
    drop(lake);
    let disk = disk.crash();
    let lake = open_at(&disk, &[&pool], small(), clock.clone()).unwrap();
    settle(&lake);
    assert_eq!(named(&disk, &pool), before, "nor after a restart");
    clock.advance(Duration::from_secs(12 * 60 * 60));
    settle(&lake);
    assert!(lake.pools.manifest(pool.id).removals.is_empty());
    assert_eq!(named(&disk, &pool), Some(live(&lake, &pool)));
    assert_eq!(there(&disk, &pool), live(&lake, &pool));
}

#[test]
fn a_log_that_fails_stops_nothing_but_the_leaving_of_its_files_for_a_while() {
    let (disk, pool) = (SimulatedDisk::new(3), open_pool(1));
    let clock = Arc::new(ManualClock::new(noon()));
    let lake = open_at(&disk, &[&pool], small(), clock.clone()).unwrap();
    append(&lake, &pool, 0..10);
    lake.flush(&permit()).unwrap();
    settle(&lake);
    let old = named(&disk, &pool).unwrap();
    let foreign = files_of(&pool).join("_delta_log/00000000000000000007.foreign");
    disk.create(&foreign).unwrap();
    append(&lake, &pool, 10..20);
    let refused = lake.compact(&permit()).unwrap_err();
    assert!(
        matches!(&refused, LakeError::Unpublished { reason, .. } if reason.contains("move")),
        "{refused}"
    );
    assert_eq!(numbers(&lake, &pool).len(), 20);
    assert_eq!(lake.metrics().tables.publish_failures, 1);
    assert!(
        there(&disk, &pool).contains(&old[0]),
        "the old version names it"
    );
    append(&lake, &pool, 20..30);
    lake.flush(&permit()).unwrap();
    settle(&lake);
    assert_eq!(
        lake.metrics().tables.publish_failures,
        1,
        "it is not tried again at once"
    );
    clock.advance(Duration::from_secs(60));
    settle(&lake);
    assert_eq!(lake.metrics().tables.publish_failures, 2);
    assert!(there(&disk, &pool).contains(&old[0]));
    clock.advance(Duration::from_secs(12 * 60 * 60));
    settle(&lake);
    assert_eq!(
        there(&disk, &pool),
        live(&lake, &pool),
        "a deleted record must leave"
    );
    disk.remove(&foreign).unwrap();
    clock.advance(Duration::from_secs(60));
    settle(&lake);
    assert_eq!(named(&disk, &pool), Some(live(&lake, &pool)));
    assert_eq!(numbers(&lake, &pool).len(), 30);
}

#[test]
fn a_dropped_pool_takes_its_log_with_it() {
    let (disk, pool) = (SimulatedDisk::new(4), open_pool(1));
    let lake = open(&disk, &[&pool], small());
    append(&lake, &pool, 0..10);
    lake.flush(&permit()).unwrap();
    settle(&lake);
    wait(lake.drop_pool(&permit(), pool.id)).unwrap();
    settle(&lake);
    assert_eq!(disk.list(&files_of(&pool)).unwrap(), ["_delta_log"]);
    let log = disk.list(&files_of(&pool).join("_delta_log")).unwrap();
    assert_eq!(log, Vec::<String>::new());
}

/// Whether every file that the newest version names is there.
fn keeps_named(disk: &SimulatedDisk, pool: &Pool) -> bool {
    let there = there(disk, pool);
    let mut named = named(disk, pool).unwrap_or_default().into_iter();
    named.all(|name| there.contains(&name))
}

/// Takes away what the lake does not need, whatever the log says.
fn sweep_at_once(lake: &Lake) {
    let mut memory = lake.upkeep.tending();
    for state in lake.pools.states() {
        let unused = state.manifest.unused();
        // After a cut nothing is done.
        let _ = lake.sweep(&mut memory, state.id, &unused);
    }
}

/// Random work with a power cut somewhere; `sweep` stands for upkeep's own. Whether the
/// newest version, on the disk as it is after the cut as well, never named what is not there.
fn keeps_promise(seed: u64, sweep: impl Fn(&Lake)) -> bool {
    let mut random = Random::new(seed);
    let (mut disk, pool) = (SimulatedDisk::new(seed), open_pool(1));
    let mut next = 0;
    for _ in 0..3 {
        let lake = open(&disk, &[&pool], small());
        settle(&lake);
        for _ in 0..8 {
            append(&lake, &pool, next..next + 4);
            next += 4;
            if random.one_in(3) {
                delete(&lake, &pool, random.below(next));
            }
            if lake.flush(&permit()).is_err() {
                break;
            }
            if random.one_in(8) {
                let cut = disk.operations() + 1 + random.below(40);
                disk.plan(Some(Fault::CutAtOperation(cut)));
            }
            for _ in 0..random.below(6) {
                sweep(&lake);
                if !matches!(lake.upkeep(&permit()), Ok(true)) {
                    break;
                }
            }
            if disk.is_dead() {
                break;
            }
            disk.plan(None);
            if !keeps_named(&disk.copy(), &pool) {
                return false;
            }
        }
        drop(lake);
        disk = disk.crash();
        if !keeps_named(&disk, &pool) {
            return false;
        }
    }
    let lake = open(&disk, &[&pool], small());
    lake.compact(&permit()).unwrap();
    named(&disk, &pool) == Some(live(&lake, &pool)) && there(&disk, &pool) == live(&lake, &pool)
}

#[test]
fn a_file_goes_only_when_no_version_names_it() {
    for seed in 0..cases(60, 2_000) {
        assert!(keeps_promise(seed, |_| {}), "seed {seed}");
    }
}

#[test]
fn files_that_do_not_wait_for_the_log_are_noticed() {
    let mut found = false;
    for seed in 0..60 {
        found |= !keeps_promise(seed, sweep_at_once);
    }
    assert!(found);
}

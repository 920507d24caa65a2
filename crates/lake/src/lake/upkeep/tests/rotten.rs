//! A file that cannot be read keeps no others from being merged.

use std::sync::Arc;
use std::time::Duration;

use model::permit::Permit;
use model::pools::Pool;
use model::time::ManualClock;

use super::super::failures::COPIES;
use super::publish::{append, files_of};
use crate::disk::{Disk, DiskFile};
use crate::lake::tests::fixtures::*;
use crate::lake::{Lake, LakeOptions};
use crate::simulation::SimulatedDisk;
use crate::tables::{FileId, Part, path_of};

const AGAIN: Duration = Duration::from_secs(10 * 60 + 1);

fn options() -> LakeOptions {
    let mut options = roomy();
    options.upkeep.runs = 2;
    options
}

/// Does all upkeep that there is; answers how often it failed of a file.
fn tended(lake: &Lake) -> usize {
    let mut failed = 0;
    loop {
        match lake.upkeep(&Permit::ours()) {
            Ok(true) => {}
            Ok(false) => return failed,
            Err(error) => {
                assert!(error.is_of_a_file(), "{error}");
                failed += 1;
                assert!(failed < 100, "{error}");
            }
        }
    }
}

fn files(lake: &Lake, pool: &Arc<Pool>) -> Vec<(FileId, u64)> {
    let files = lake.pools.manifest(pool.id).files;
    files.iter().map(|file| (file.id, file.rows)).collect()
}

/// Spoils a file; answers it, and the bytes with which it is put back.
fn spoil(disk: &SimulatedDisk, pool: &Arc<Pool>, id: FileId) -> (Arc<dyn DiskFile>, [u8; 40]) {
    let path = path_of(&files_of(pool), id, Part::Records);
    let (file, mut whole) = (disk.open(&path).unwrap(), [0; 40]);
    file.read_at(4, &mut whole).unwrap();
    file.write_at(4, &[0xff; 40]).unwrap();
    (file, whole)
}

#[test]
fn others_are_merged_without_a_file_that_cannot_be_read_until_it_is_put_back() {
    let (disk, pool) = (SimulatedDisk::new(1), open_pool(1));
    let clock = Arc::new(ManualClock::new(noon()));
    let lake = open_at(&disk, &[&pool], options(), clock.clone()).unwrap();
    append(&lake, &pool, 0..10);
    lake.flush(&Permit::ours()).unwrap();
    let (rotten, _) = files(&lake, &pool)[0];
    let (file, whole) = spoil(&disk, &pool, rotten);
    let put = |n: u64| {
        append(&lake, &pool, n * 10..n * 10 + 10);
        lake.flush(&Permit::ours()).unwrap();
    };
    let mut failed = 0;
    for n in 1..20 {
        put(n);
        failed += tended(&lake);
        let files = files(&lake, &pool);
        // Two runs, and the one that waits.
        assert!(files.len() <= 3, "{n}: {files:?}");
        assert!(files.contains(&(rotten, 10)), "it stays where it is");
        let rows: u64 = files.iter().map(|(_, rows)| *rows).sum();
        assert_eq!(rows, n * 10 + 10);
    }
    assert_eq!(failed, 1, "it is not read again and again");
    let mut bytes = [0; 40];
    file.read_at(4, &mut bytes).unwrap();
    assert_eq!(bytes, [0xff; 40], "nobody repairs it");

    // It is read again after a while, and alone: what others hold is not written in vain.
    let written = || lake.metrics().tables.records_rewritten;
    let before = written();
    clock.advance(AGAIN);
    assert!(tended(&lake) <= 1);
    assert_eq!(written(), before);

    file.write_at(4, &whole).unwrap();
    // It failed twice: that doubles the time.
    clock.advance(2 * AGAIN);
    for n in 20..24 {
        put(n);
        assert_eq!(tended(&lake), 0);
    }
    let files = files(&lake, &pool);
    assert!(files.iter().all(|(id, _)| *id != rotten), "{files:?}");
    assert!(files.len() <= 2, "{files:?}");
    assert_eq!(numbers(&lake, &pool).len(), 240);
}

/// An input/output error may pass, and a file that is not what was written is put back by somebody.
#[test]
fn a_file_that_the_disk_does_not_give_is_left_out_until_it_does() {
    let (disk, pool) = (SimulatedDisk::new(1), open_pool(1));
    let clock = Arc::new(ManualClock::new(noon()));
    let lake = open_at(&disk, &[&pool], options(), clock.clone()).unwrap();
    append(&lake, &pool, 0..10);
    lake.flush(&Permit::ours()).unwrap();
    let (refused, _) = files(&lake, &pool)[0];
    let path = path_of(&files_of(&pool), refused, Part::Records);
    disk.refuse_reads(Some(&path));
    let damaged = || lake.metrics().tables.damaged_files;

    let mut failed = 0;
    for n in 1..8 {
        append(&lake, &pool, n * 10..n * 10 + 10);
        lake.flush(&Permit::ours()).unwrap();
        failed += tended(&lake);
        let files = files(&lake, &pool);
        assert!(files.len() <= 3, "{n}: {files:?}");
        assert!(files.contains(&(refused, 10)), "it stays where it is");
    }
    assert_eq!((failed, damaged()), (1, 1));
    let error = readable(&lake.pools.snapshot(&pool)).unwrap_err();
    let told = error.to_string();
    for word in [&*path.to_string_lossy(), "look at the disk", "backup"] {
        assert!(told.contains(word), "{told}");
    }
    // It is read again, whether or not a merge needs it; each time that fails the time doubles.
    for (seconds, failures) in [(59, 0), (2, 1), (61, 0), (60, 1)] {
        clock.advance(Duration::from_secs(seconds));
        assert_eq!(tended(&lake), failures, "{seconds}");
    }
    assert_eq!(damaged(), 1);
    disk.refuse_reads(None);
    assert_eq!(
        numbers(&lake, &pool).len(),
        80,
        "questions ask the disk each time"
    );
    clock.advance(Duration::from_secs(4 * 60 + 1));
    assert_eq!((tended(&lake), damaged()), (0, 0));
    let all: u64 = files(&lake, &pool).iter().map(|(_, rows)| rows).sum();
    assert_eq!(all, 80);
}

#[test]
fn compacting_goes_on_behind_files_that_cannot_be_read_and_names_one() {
    let (disk, pools) = (SimulatedDisk::new(1), [open_pool(1), open_pool(2)]);
    let lake = open(&disk, &[&pools[0], &pools[1]], roomy());
    for n in 0..4 {
        for pool in &pools {
            append(&lake, pool, n * 10..n * 10 + 10);
        }
        lake.flush(&Permit::ours()).unwrap();
    }
    let mut rotten = Vec::new();
    for at in [1, 2] {
        let (id, _) = files(&lake, &pools[0])[at];
        spoil(&disk, &pools[0], id);
        rotten.push(id);
    }
    let error = lake.compact(&Permit::ours()).unwrap_err();
    assert!(error.is_of_a_file(), "{error}");
    let named = rotten.iter();
    let named = named.filter(|id| error.to_string().contains(&id.to_string()));
    assert_eq!(named.count(), 1, "{error}");
    let left = files(&lake, &pools[0]);
    assert!(
        rotten.iter().all(|id| left.contains(&(*id, 10))),
        "{left:?}"
    );
    assert_eq!(left.len(), 3, "the others of its pool are one: {left:?}");
    assert_eq!(files(&lake, &pools[1]).len(), 1);
}

/// Nothing is done with it but that it is read: what is said of it holds no longer than it is so.
#[test]
fn a_file_that_was_put_back_is_found_so_where_no_merge_needs_it() {
    let (disk, pool) = (SimulatedDisk::new(1), open_pool(1));
    let clock = Arc::new(ManualClock::new(noon()));
    let lake = open_at(&disk, &[&pool], options(), clock.clone()).unwrap();
    append(&lake, &pool, 0..10);
    lake.flush(&Permit::ours()).unwrap();
    let (rotten, _) = files(&lake, &pool)[0];
    let (file, whole) = spoil(&disk, &pool, rotten);
    for n in 1..4 {
        append(&lake, &pool, n * 10..n * 10 + 10);
        lake.flush(&Permit::ours()).unwrap();
        tended(&lake);
    }
    assert_eq!(files(&lake, &pool).len(), 2, "no merge is due with it");
    let damaged = || lake.metrics().tables.damaged_files;
    clock.advance(AGAIN);
    assert_eq!((tended(&lake), damaged()), (1, 1));
    file.write_at(4, &whole).unwrap();
    clock.advance(2 * AGAIN);
    assert_eq!((tended(&lake), damaged()), (0, 0));
    assert!(files(&lake, &pool).contains(&(rotten, 10)));
}

/// Upkeep asks several times a second, and a pool may have many files.
#[test]
fn while_a_file_rests_and_nothing_changes_no_list_of_files_is_copied() {
    let (disk, pool) = (SimulatedDisk::new(1), open_pool(1));
    let lake = open(&disk, &[&pool], options());
    append(&lake, &pool, 0..10);
    lake.flush(&Permit::ours()).unwrap();
    let (refused, _) = files(&lake, &pool)[0];
    let path = path_of(&files_of(&pool), refused, Part::Records);
    disk.refuse_reads(Some(&path));
    for n in 1..4 {
        append(&lake, &pool, n * 10..n * 10 + 10);
        lake.flush(&Permit::ours()).unwrap();
    }
    assert_eq!(tended(&lake), 1);
    let copies = || COPIES.with(std::cell::Cell::get);
    let before = copies();
    assert!(before > 0, "it was chosen without that file");
    for _ in 0..10 {
        assert_eq!(tended(&lake), 0);
    }
    assert_eq!(copies(), before);
}

#[test]
fn a_pool_of_many_files_that_cannot_be_read_leaves_others_their_turn() {
    let (disk, pools) = (
        SimulatedDisk::new(1),
        [open_pool(1), open_pool(2), open_pool(3)],
    );
    let known: Vec<_> = pools.iter().collect();
    let clock = Arc::new(ManualClock::new(noon()));
    let lake = open_at(&disk, &known, options(), clock).unwrap();
    for n in 0..6 {
        for pool in &pools {
            append(&lake, pool, n * 10..n * 10 + 10);
        }
        lake.flush(&Permit::ours()).unwrap();
    }
    let middle = &pools[1];
    for (id, _) in files(&lake, middle) {
        spoil(&disk, middle, id);
    }
    // It fails once, and then those are merged whose turn it is, although it could fail again.
    let mut failed = 0;
    let others = || [&pools[0], &pools[2]].map(|pool| files(&lake, pool).len());
    while others().iter().any(|files| *files > 2) {
        match lake.upkeep(&Permit::ours()) {
            Ok(is_more) => assert!(is_more, "{:?}", others()),
            Err(error) => {
                assert!(error.is_of_a_file(), "{error}");
                failed += 1;
                assert!(failed < 2, "{:?}", others());
            }
        }
    }
    assert!(tended(&lake) > 0, "it is tried again");
}

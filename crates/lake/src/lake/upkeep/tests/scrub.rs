//! Reading all files again: rot is found, told once a round, and stops nothing.

use std::sync::Arc;
use std::time::Duration;

use model::pools::Pool;
use model::time::ManualClock;

use super::publish::{append, files_of, live, permit, settle};
use crate::disk::Disk;
use crate::lake::tests::fixtures::*;
use crate::lake::{Lake, Scrubbed};
use crate::simulation::SimulatedDisk;

/// What the steps of one whole round did, but for how many bytes.
fn round(lake: &Lake) -> Vec<Scrubbed> {
    let steps = std::iter::repeat_with(|| lake.scrub(&permit(), 16 << 10));
    let mut done = Vec::new();
    for step in steps {
        match step {
            Scrubbed::Bytes(read) => assert!(read > 0 && read <= 16 << 10),
            Scrubbed::All => return done,
            other => done.push(other),
        }
    }
    done
}

fn flip(disk: &SimulatedDisk, pool: &Arc<Pool>, name: &str) {
    let file = disk.open(&files_of(pool).join(name)).unwrap();
    let at = file.length().unwrap() / 2;
    let mut byte = [0];
    file.read_at(at, &mut byte).unwrap();
    file.write_at(at, &[byte[0] ^ 1]).unwrap();
}

#[test]
fn a_rotten_file_is_found_and_the_others_are_read_on() {
    let (disk, pools) = (SimulatedDisk::new(1), [open_pool(1), open_pool(2)]);
    let lake = open(&disk, &[&pools[0], &pools[1]], small());
    assert_eq!(round(&lake), []);
    for pool in &pools {
        for n in 0..2 {
            append(&lake, pool, n * 10..n * 10 + 10);
            lake.flush(&permit()).unwrap();
        }
    }
    let sound = round(&lake);
    assert_eq!(sound.len(), 4, "{sound:?}");
    assert!(
        sound.iter().all(|step| matches!(step, Scrubbed::File(_))),
        "{sound:?}"
    );
    let counted = lake.metrics().tables;
    assert_eq!((counted.scrubs, counted.damaged_files), (2, 0));
    assert_eq!(
        counted.file_bytes > counted.scrubbed_bytes,
        counted.scrubbed_bytes > 0
    );
    for (pool, ending) in [(&pools[0], ".parquet"), (&pools[1], ".index")] {
        let name = live(&lake, pool).remove(0).replace(".parquet", ending);
        flip(&disk, pool, &name);
    }
    for _ in 0..2 {
        let found = round(&lake);
        let damaged = found
            .iter()
            .filter(|step| matches!(step, Scrubbed::Damaged(_)));
        assert_eq!((found.len(), damaged.count()), (4, 2), "{found:?}");
        assert_eq!(lake.metrics().tables.damaged_files, 2);
    }
    assert_eq!(numbers(&lake, &open_pool(3)), [], "others go on");
}

#[test]
fn a_file_that_the_disk_does_not_give_counts_for_as_long_as_it_does_not() {
    let (disk, pool) = (SimulatedDisk::new(4), open_pool(1));
    let clock = Arc::new(ManualClock::new(noon()));
    let lake = open_at(&disk, &[&pool], roomy(), clock.clone()).unwrap();
    for n in 0..2 {
        append(&lake, &pool, n * 10..n * 10 + 10);
        lake.flush(&permit()).unwrap();
    }
    let refused = files_of(&pool).join(&live(&lake, &pool)[0]);
    disk.refuse_reads(Some(&refused));
    let found = round(&lake);
    let told = found
        .iter()
        .filter(|step| matches!(step, Scrubbed::Damaged(_)));
    assert_eq!((found.len(), told.count()), (2, 1), "{found:?}");
    assert_eq!(lake.metrics().tables.damaged_files, 1);
    settle(&lake);
    assert_eq!(lake.metrics().tables.damaged_files, 1, "it rests");
    disk.refuse_reads(None);
    clock.advance(Duration::from_secs(61));
    settle(&lake);
    assert_eq!(lake.metrics().tables.damaged_files, 0);
    // A round finds that as well.
    disk.refuse_reads(Some(&refused));
    round(&lake);
    assert_eq!(lake.metrics().tables.damaged_files, 1);
    disk.refuse_reads(None);
    round(&lake);
    assert_eq!(lake.metrics().tables.damaged_files, 0);
}

/// One that was damaged, was put back, and is not given for a while.
#[test]
fn what_was_said_of_a_file_before_holds_no_longer_than_what_is_said_now() {
    let (disk, pool) = (SimulatedDisk::new(5), open_pool(1));
    let clock = Arc::new(ManualClock::new(noon()));
    let lake = open_at(&disk, &[&pool], roomy(), clock.clone()).unwrap();
    append(&lake, &pool, 0..10);
    lake.flush(&permit()).unwrap();
    let name = live(&lake, &pool).remove(0);
    let damaged = || lake.metrics().tables.damaged_files;
    flip(&disk, &pool, &name);
    round(&lake);
    assert_eq!(damaged(), 1);
    flip(&disk, &pool, &name);
    disk.refuse_reads(Some(&files_of(&pool).join(&name)));
    round(&lake);
    assert_eq!(damaged(), 1);
    disk.refuse_reads(None);
    clock.advance(Duration::from_secs(61));
    settle(&lake);
    assert_eq!(damaged(), 0, "it was read as a whole");
}

#[test]
fn where_no_file_can_be_opened_none_is_called_damaged_and_the_place_is_kept() {
    let (disk, pool) = (SimulatedDisk::new(6), open_pool(1));
    let lake = open(&disk, &[&pool], small());
    for n in 0..3 {
        append(&lake, &pool, n * 10..n * 10 + 10);
        lake.flush(&permit()).unwrap();
    }
    let all = round(&lake);
    let Some(Scrubbed::File(first)) = all.first() else {
        panic!("{all:?}");
    };
    lake.scrub_after(&permit(), first);
    disk.run_out_of_files(true);
    for _ in 0..3 {
        assert_eq!(lake.scrub(&permit(), 16 << 10), Scrubbed::Later);
    }
    assert_eq!(lake.metrics().tables.damaged_files, 0);
    disk.run_out_of_files(false);
    assert_eq!(round(&lake), all[1..]);
}

#[test]
fn a_round_goes_on_where_it_was() {
    let (disk, pool) = (SimulatedDisk::new(2), open_pool(1));
    let lake = open(&disk, &[&pool], small());
    for n in 0..3 {
        append(&lake, &pool, n * 10..n * 10 + 10);
        lake.flush(&permit()).unwrap();
    }
    let all = round(&lake);
    let Some(Scrubbed::File(first)) = all.first() else {
        panic!("{all:?}");
    };
    lake.scrub_after(&permit(), first);
    assert_eq!(round(&lake), all[1..]);
    lake.scrub_after(&permit(), "no file");
    assert_eq!(round(&lake), all);
}

#[test]
fn a_file_that_is_being_read_is_not_taken_away() {
    let (disk, pool) = (SimulatedDisk::new(3), open_pool(1));
    let lake = open(&disk, &[&pool], small());
    for n in 0..2 {
        append(&lake, &pool, n * 10..n * 10 + 10);
        lake.flush(&permit()).unwrap();
    }
    assert!(matches!(lake.scrub(&permit(), 1), Scrubbed::Bytes(1)));
    lake.compact(&permit()).unwrap();
    let found = round(&lake);
    assert!(!found.is_empty(), "the old file, and perhaps the new one");
    assert!(
        found.iter().all(|step| matches!(step, Scrubbed::File(_))),
        "{found:?}"
    );
    settle(&lake);
    assert_eq!(lake.metrics().tables.obsolete_files, 0);
}

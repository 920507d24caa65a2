//! The simulated disk is as bad as promised, and no worse.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Fault, SimulatedDisk};
use crate::disk::{Disk, DiskFile, DiskOperation};

fn path(name: &str) -> PathBuf {
    Path::new(SimulatedDisk::ROOT).join(name)
}

fn root() -> &'static Path {
    Path::new(SimulatedDisk::ROOT)
}

fn read(disk: &SimulatedDisk, name: &str) -> Option<Vec<u8>> {
    let file = disk.open(&path(name)).ok()?;
    let mut bytes = vec![0; file.length().unwrap() as usize];
    file.read_at(0, &mut bytes).unwrap();
    Some(bytes)
}

/// A disk with a synced file of three sectors of the letter a.
fn synced(seed: u64) -> (SimulatedDisk, std::sync::Arc<dyn DiskFile>) {
    let disk = SimulatedDisk::new(seed);
    let file = disk.create(&path("file")).unwrap();
    file.write_at(0, &[b'a'; 1536]).unwrap();
    file.sync_data().unwrap();
    disk.sync_directory(root()).unwrap();
    (disk, file)
}

/// The first letter of each sector after a power cut.
fn letters(disk: &SimulatedDisk) -> String {
    let bytes = read(&disk.crash(), "file").unwrap();
    bytes
        .chunks(512)
        .map(|sector| char::from(sector[0]))
        .collect()
}

#[test]
fn a_change_may_take_effect_although_it_failed_at_once_or_later() {
    let root = Path::new(SimulatedDisk::ROOT);
    let (one, two) = (root.join("one"), root.join("two"));
    let disk = SimulatedDisk::new(3);
    disk.create(&one).unwrap();
    disk.plan(Some(Fault::FailAfterwards(1)));
    disk.rename(&one, &two).unwrap_err();
    assert!(disk.fault_happened());
    assert_eq!(disk.list(root).unwrap(), ["two"]);
    disk.plan(Some(Fault::TakeEffectLate(1)));
    disk.remove(&two).unwrap_err();
    let there = (0..20).map(|_| disk.list(root).unwrap().len());
    let there: Vec<_> = there.collect();
    assert_eq!(there.last(), Some(&0), "{there:?}");
    let file = disk.create(&one).unwrap();
    disk.plan(Some(Fault::TakeEffectLate(1)));
    file.write_at(2, b"late").unwrap_err();
    let lengths: Vec<_> = (0..20).map(|_| file.length().unwrap()).collect();
    assert_eq!(lengths.last(), Some(&6), "{lengths:?}");
    // What it is about may be gone by then.
    disk.plan(Some(Fault::TakeEffectLate(1)));
    disk.rename(&one, &two).unwrap_err();
    let _perhaps_gone = disk.remove(&one);
    (0..20).for_each(|_| drop(disk.list(root)));
    disk.create(&one).unwrap();
}

#[test]
fn what_is_synced_survives_every_power_cut() {
    for seed in 0..50 {
        let (disk, _) = synced(seed);
        let found = read(&disk.crash(), "file");
        assert_eq!(found, Some(vec![b'a'; 1536]));
    }
}

#[test]
fn unsynced_writes_are_lost_kept_torn_and_reordered() {
    let mut found = BTreeSet::new();
    for seed in 0..300 {
        let (disk, file) = synced(seed);
        file.write_at(0, &[b'b'; 1024]).unwrap();
        file.write_at(1024, &[b'c'; 512]).unwrap();
        found.insert(letters(&disk));
    }
    let all = ["aaa", "aac", "aba", "abc", "baa", "bac", "bba", "bbc"];
    assert_eq!(found, all.iter().map(ToString::to_string).collect());
}

#[test]
fn a_sector_is_never_newer_than_its_writes_nor_mixed_out_of_order() {
    for seed in 0..200 {
        let (disk, file) = synced(seed);
        file.write_at(0, &[b'b'; 512]).unwrap();
        file.write_at(256, &[b'c'; 256]).unwrap();
        let bytes = read(&disk.crash(), "file").unwrap();
        let halves = (bytes[0], bytes[256]);
        assert!(
            [(b'a', b'a'), (b'b', b'b'), (b'b', b'c')].contains(&halves),
            "{halves:?}"
        );
    }
}

#[test]
fn unsynced_names_come_and_go_independently() {
    let mut found = BTreeSet::new();
    for seed in 0..200 {
        let (disk, _) = synced(seed);
        disk.rename(&path("file"), &path("other")).unwrap();
        disk.create(&path("new")).unwrap().sync_all().unwrap();
        found.insert(disk.crash().list(root()).unwrap().join(" "));
    }
    let all = ["file", "other", "file new", "new other"];
    assert_eq!(found, all.iter().map(ToString::to_string).collect());
}

#[test]
fn a_failed_sync_loses_bytes_that_are_still_read() {
    let mut lost = 0;
    for seed in 0..50 {
        let (disk, file) = synced(seed);
        disk.plan(Some(Fault::FailSync(disk.syncs() + 1)));
        file.write_at(0, &[b'b'; 1536]).unwrap();
        assert!(file.sync_data().is_err() && disk.fault_happened());
        file.sync_data().unwrap();
        assert_eq!(read(&disk, "file"), Some(vec![b'b'; 1536]));
        lost += u32::from(letters(&disk) != "bbb");
    }
    assert!(lost > 10, "{lost}");
}

#[test]
fn after_the_cut_nothing_works_and_the_lock_is_free() {
    for fault in [
        Fault::CutAtOperation(7),
        Fault::CutBeforeSync(3),
        Fault::CutAfterSync(3),
    ] {
        let (disk, file) = synced(1);
        let lock = disk.lock(&path("lock")).unwrap();
        disk.plan(Some(fault));
        file.write_at(0, &[b'b'; 1536]).unwrap();
        assert!(file.sync_data().is_err(), "{fault:?}");
        assert!(disk.is_dead() && disk.fault_happened());
        assert!(file.length().is_err() && disk.list(root()).is_err());
        let after = disk.crash();
        drop(after.lock(&path("lock")).unwrap());
        drop(lock);
        let survives = read(&after, "file") == Some(vec![b'b'; 1536]);
        assert!(survives || fault != Fault::CutAfterSync(3));
    }
}

#[test]
fn a_full_disk_takes_what_fits_and_overwriting_needs_no_room() {
    let (disk, file) = synced(1);
    disk.set_capacity(Some(2000));
    let error = file.write_at(1536, &[b'b'; 1000]).unwrap_err();
    assert!(error.is_full());
    assert_eq!(file.length().unwrap(), 2000);
    file.write_at(0, &[b'c'; 2000]).unwrap();
    disk.set_capacity(None);
    file.write_at(1536, &[b'b'; 1000]).unwrap();
    assert_eq!(file.length().unwrap(), 2536);
    disk.set_capacity(Some(2536));
    assert!(
        disk.create(&path("second"))
            .unwrap()
            .write_at(0, b"x")
            .unwrap_err()
            .is_full()
    );
    disk.remove(&path("file")).unwrap();
    disk.open(&path("second"))
        .unwrap()
        .write_at(0, b"x")
        .unwrap();
}

#[test]
fn the_same_seed_and_calls_give_the_same_disk() {
    let crash = |seed| {
        let (disk, file) = synced(seed);
        for turn in 0..20_u8 {
            file.write_at(u64::from(turn) * 300, &[turn; 700]).unwrap();
        }
        let after = disk.crash();
        (disk.digest(), after.digest(), after.crash().digest())
    };
    let all: BTreeSet<_> = (0..20).map(crash).collect();
    assert!(all.len() > 10);
    for seed in 0..20 {
        assert_eq!(crash(seed), crash(seed));
    }
}

#[test]
fn a_photograph_is_the_power_cut_at_its_operation() {
    let (disk, file) = synced(1);
    disk.watch();
    file.write_at(0, &[b'b'; 1536]).unwrap();
    disk.caption(1);
    file.sync_data().unwrap();
    let count = file.length().unwrap();
    disk.rename(&path("file"), &path("other")).unwrap();
    let film = disk.photographs();
    assert_eq!(count, 1536);
    let taken: Vec<_> = film
        .iter()
        .map(|one| (one.operation, one.caption))
        .collect();
    let expected = [
        (DiskOperation::Write, 0),
        (DiskOperation::Sync, 1),
        (DiskOperation::Rename, 1),
    ];
    assert_eq!(taken, expected, "reading is not photographed");
    let developed = |one: usize| -> BTreeSet<String> {
        (0..100)
            .map(|seed| {
                let found = film[one].develop(seed);
                let bytes = read(&found, "file")
                    .or_else(|| read(&found, "other"))
                    .unwrap();
                bytes
                    .chunks(512)
                    .map(|sector| char::from(sector[0]))
                    .collect()
            })
            .collect()
    };
    // Until the sync is done anything may be lost of what was written.
    assert!(developed(0).len() == 8 && developed(1).len() == 8);
    assert_eq!(developed(2), BTreeSet::from(["bbb".to_owned()]));
    let names: BTreeSet<_> = (0..50)
        .map(|seed| film[2].develop(seed).list(root()).unwrap())
        .collect();
    assert_eq!(names.len(), 2);
    assert_eq!(film[1].develop(3).digest(), film[1].develop(3).digest());
    assert!(!disk.is_dead(), "nobody noticed");
}

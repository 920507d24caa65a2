//! Lakes that break one promise of upkeep each, and disks that keep none: the
//! fixed life finds each of them out.

use std::path::Path;
use std::sync::Arc;

use super::every_operation;
use super::life::Mutant;
use crate::disk::{Disk, DiskError, DiskFile, DiskLock};
use crate::lake::upkeep::tests::staged::Wrong;
use crate::simulation::SimulatedDisk;

/// The promise that is found not to be kept.
fn broken(mutant: Mutant) -> String {
    let mut lives = (0..20).filter_map(|seed| every_operation(seed, mutant, 60).err());
    lives.next().expect("the mutant lives")
}

fn wrong(wrong: Wrong) -> String {
    broken(Mutant {
        wrong: Some(wrong),
        ..Mutant::default()
    })
}

/// A disk on which a file of records is synced when it gets its final name: after
/// the journal has named it.
#[derive(Debug)]
struct Late(SimulatedDisk);

/// A disk on which the names in the directory of a pool are never synced.
#[derive(Debug)]
struct Nameless(SimulatedDisk);

#[derive(Debug)]
struct LateFile(Arc<dyn DiskFile>);

fn is_of_records(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".parquet.tmp")
}

impl Disk for Late {
    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        let file = self.0.create(path)?;
        Ok(if is_of_records(path) {
            Arc::new(LateFile(file))
        } else {
            file
        })
    }
    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        self.0.open(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        if is_of_records(from) {
            self.0.open(from)?.sync_all()?;
        }
        self.0.rename(from, to)
    }
    fn rename_new(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.0.rename_new(from, to)
    }
    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        self.0.remove(path)
    }
    fn list(&self, directory: &Path) -> Result<Vec<String>, DiskError> {
        self.0.list(directory)
    }
    fn create_directory(&self, path: &Path) -> Result<(), DiskError> {
        self.0.create_directory(path)
    }
    fn sync_directory(&self, path: &Path) -> Result<(), DiskError> {
        self.0.sync_directory(path)
    }
    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, DiskError> {
        self.0.lock(path)
    }
}

impl Disk for Nameless {
    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        self.0.create(path)
    }
    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        self.0.open(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.0.rename(from, to)
    }
    fn rename_new(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.0.rename_new(from, to)
    }
    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        self.0.remove(path)
    }
    fn list(&self, directory: &Path) -> Result<Vec<String>, DiskError> {
        self.0.list(directory)
    }
    fn create_directory(&self, path: &Path) -> Result<(), DiskError> {
        self.0.create_directory(path)
    }
    fn sync_directory(&self, path: &Path) -> Result<(), DiskError> {
        let tables = Path::new(SimulatedDisk::ROOT).join("tables");
        match path.parent() == Some(&tables) {
            true => Ok(()),
            false => self.0.sync_directory(path),
        }
    }
    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, DiskError> {
        self.0.lock(path)
    }
}

impl DiskFile for LateFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        self.0.read_at(offset, buffer)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.0.write_at(offset, bytes)
    }
    fn length(&self) -> Result<u64, DiskError> {
        self.0.length()
    }
    fn sync_data(&self) -> Result<(), DiskError> {
        Ok(())
    }
    fn sync_all(&self) -> Result<(), DiskError> {
        Ok(())
    }
}

#[test]
fn files_that_are_synced_after_they_are_named_are_noticed() {
    let found = broken(Mutant {
        disk: Some(|disk| Arc::new(Late(disk))),
        ..Mutant::default()
    });
    assert!(found.contains("cannot be read"), "{found}");
}

#[test]
fn names_of_files_that_are_not_synced_are_noticed() {
    let found = broken(Mutant {
        disk: Some(|disk| Arc::new(Nameless(disk))),
        ..Mutant::default()
    });
    assert!(found.contains("cannot be read"), "{found}");
}

#[test]
fn a_mark_that_is_too_high_is_noticed() {
    let found = wrong(Wrong::MarkTooHigh);
    assert!(found.contains("lost [Row"), "{found}");
}

#[test]
fn a_mark_that_is_too_low_is_noticed() {
    let found = wrong(Wrong::MarkTooLow);
    assert!(found.contains("too much is [Row"), "{found}");
}

#[test]
fn deletes_that_files_are_thought_to_carry_out_are_noticed() {
    let found = wrong(Wrong::CleanedTooMuch);
    assert!(found.contains("too much is [Row"), "{found}");
}

#[test]
fn files_that_go_before_the_journal_forgets_them_are_noticed() {
    let found = wrong(Wrong::DeletesFirst);
    assert!(found.contains("cannot be read"), "{found}");
}

#[test]
fn names_that_come_before_the_journal_knows_them_are_noticed() {
    let found = wrong(Wrong::NamesFirst);
    assert!(
        found.contains("stays on the disk") || found.contains("the files are"),
        "{found}"
    );
}

#[test]
fn a_journal_that_is_freed_too_early_is_noticed() {
    let found = wrong(Wrong::ReleasesTooMuch);
    assert!(found.contains("lost [Row"), "{found}");
}

#[test]
fn files_that_are_not_carried_on_are_noticed() {
    let found = wrong(Wrong::ForgetsManifests);
    assert!(
        found.contains("lost [Row") || found.contains("the files are"),
        "{found}"
    );
}

#[test]
fn answers_that_are_not_carried_on_are_noticed() {
    let found = wrong(Wrong::ForgetsAnswers);
    assert!(found.contains("stored Before"), "{found}");
}

#[test]
fn dropped_pools_that_are_not_carried_on_are_noticed() {
    let found = wrong(Wrong::ForgetsDropped);
    assert!(found.contains("too much is [Row"), "{found}");
}

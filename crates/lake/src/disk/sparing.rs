//! The disk of the machine for the journal, which cannot go on without its files.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, DiskError, DiskFile, DiskLock, RealDisk};

/// Files that are held open so that there is something to close: the journal
/// opens one file and one directory at a time, and others may be faster.
const SPARES: usize = 8;

/// The disk of the machine, which closes files of its own where the process has
/// as many open as it may.
#[derive(Debug)]
pub struct SparingDisk(Mutex<Vec<File>>);

impl SparingDisk {
    /// A disk with its spare files.
    #[must_use]
    pub fn new() -> Self {
        let disk = Self(Mutex::default());
        disk.refill();
        disk
    }

    fn spares(&self) -> MutexGuard<'_, Vec<File>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refill(&self) {
        let mut spares = self.spares();
        while spares.len() < SPARES
            && let Ok(spare) = File::open("/dev/null")
        {
            spares.push(spare);
        }
    }

    fn try_until<T>(&self, attempt: impl Fn() -> Result<T, DiskError>) -> Result<T, DiskError> {
        loop {
            match attempt() {
                Err(error) if error.is_out_of_files() => {
                    if self.spares().pop().is_none() {
                        return Err(error);
                    }
                }
                done => {
                    self.refill();
                    return done;
                }
            }
        }
    }
}

impl Default for SparingDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl Disk for SparingDisk {
    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        self.try_until(|| RealDisk.create(path))
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        self.try_until(|| RealDisk.open(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        RealDisk.rename(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        RealDisk.rename_new(from, to)
    }

    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        RealDisk.remove(path)
    }

    fn list(&self, directory: &Path) -> Result<Vec<String>, DiskError> {
        self.try_until(|| RealDisk.list(directory))
    }

    fn create_directory(&self, path: &Path) -> Result<(), DiskError> {
        RealDisk.create_directory(path)
    }

    fn sync_directory(&self, path: &Path) -> Result<(), DiskError> {
        self.try_until(|| RealDisk.sync_directory(path))
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, DiskError> {
        self.try_until(|| RealDisk.lock(path))
    }
}

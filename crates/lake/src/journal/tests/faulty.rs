//! Disks that break a promise of the disk trait: what is proven on an honest disk must fail here.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::machine::{TokenStore, options};
use crate::disk::{Disk, DiskError, DiskFile, DiskLock, DiskOperation};
use crate::simulation::SimulatedDisk;
use crate::simulation::workload::{Answer, Store, Token};

/// What a disk does wrong.
pub(super) trait Lie: Debug + Default + Send + Sync + 'static {
    /// Called before a sync of a file: false if it does nothing.
    fn syncs_files(&self) -> bool {
        true
    }
    /// Called before a sync of a directory: false if it does nothing.
    fn syncs_directories(&self) -> bool {
        true
    }
    /// Called before zeros are written over something: false if they are not.
    fn writes_zeros(&self) -> bool {
        true
    }
    /// Called before every other write: false if it stops half-way because the disk is full.
    fn has_room(&self) -> bool {
        true
    }
    /// Called before bytes are written where they are already.
    fn writes_again(&self) -> bool {
        true
    }
}

#[derive(Debug, Default)]
pub(super) struct NoFileSync;
impl Lie for NoFileSync {
    fn syncs_files(&self) -> bool {
        false
    }
}

#[derive(Debug, Default)]
pub(super) struct NoDirectorySync;
impl Lie for NoDirectorySync {
    fn syncs_directories(&self) -> bool {
        false
    }
}

#[derive(Debug, Default)]
pub(super) struct NoRewrite;
impl Lie for NoRewrite {
    fn writes_again(&self) -> bool {
        false
    }
}

#[derive(Debug, Default)]
pub(super) struct NoWipe;
impl Lie for NoWipe {
    fn writes_zeros(&self) -> bool {
        false
    }
}

/// Every third sync of a file does nothing.
#[derive(Debug, Default)]
pub(super) struct SomeFileSync(AtomicI64);
impl Lie for SomeFileSync {
    fn syncs_files(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) % 3 != 2
    }
}

/// A disk without lies until it is told to be full.
#[derive(Debug, Default)]
pub(super) struct FullWrite {
    pub(super) writes_until_full: AtomicI64,
}
impl Lie for FullWrite {
    fn has_room(&self) -> bool {
        self.writes_until_full.fetch_sub(1, Ordering::Relaxed) != 1
    }
}

#[derive(Debug)]
pub(super) struct Faulty<L> {
    pub(super) disk: SimulatedDisk,
    pub(super) lie: Arc<L>,
}

impl<L: Lie> Faulty<L> {
    pub(super) fn new(disk: &SimulatedDisk) -> Self {
        Self {
            disk: disk.clone(),
            lie: Arc::default(),
        }
    }

    fn wrap(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(FaultyFile {
            file,
            lie: Arc::clone(&self.lie),
        })
    }
}

#[derive(Debug)]
struct FaultyFile<L> {
    file: Arc<dyn DiskFile>,
    lie: Arc<L>,
}

impl<L: Lie> Disk for Faulty<L> {
    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        Ok(self.wrap(self.disk.create(path)?))
    }
    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        Ok(self.wrap(self.disk.open(path)?))
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.disk.rename(from, to)
    }
    fn rename_new(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.disk.rename_new(from, to)
    }
    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        self.disk.remove(path)
    }
    fn list(&self, directory: &Path) -> Result<Vec<String>, DiskError> {
        self.disk.list(directory)
    }
    fn create_directory(&self, path: &Path) -> Result<(), DiskError> {
        self.disk.create_directory(path)
    }
    fn sync_directory(&self, path: &Path) -> Result<(), DiskError> {
        if self.lie.syncs_directories() {
            self.disk.sync_directory(path)
        } else {
            Ok(())
        }
    }
    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, DiskError> {
        self.disk.lock(path)
    }
}

impl<L: Lie> DiskFile for FaultyFile<L> {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        self.file.read_at(offset, buffer)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        if !self.lie.writes_again() {
            let mut present = vec![0; bytes.len()];
            if self.file.read_at(offset, &mut present)? == bytes.len() && present == bytes {
                return Ok(());
            }
        }
        if !self.lie.has_room() {
            self.file.write_at(offset, &bytes[..bytes.len() / 2])?;
            let full = std::io::ErrorKind::StorageFull.into();
            return Err(DiskError::new(
                DiskOperation::Write,
                Path::new("journal"),
                full,
            ));
        }
        self.file.write_at(offset, bytes)
    }
    fn zero_fill(&self, from: u64, to: u64) -> Result<(), DiskError> {
        let over = self.file.length()? >= to;
        if over && !self.lie.writes_zeros() {
            Ok(())
        } else {
            self.file.zero_fill(from, to)
        }
    }
    fn length(&self) -> Result<u64, DiskError> {
        self.file.length()
    }
    fn sync_data(&self) -> Result<(), DiskError> {
        if self.lie.syncs_files() {
            self.file.sync_data()
        } else {
            Ok(())
        }
    }
    fn sync_all(&self) -> Result<(), DiskError> {
        self.sync_data()
    }
}

/// The token store on a disk that lies.
#[derive(Debug)]
pub(super) struct OnFaulty<L> {
    store: TokenStore,
    lie: std::marker::PhantomData<L>,
}

impl<L: Lie> Store for OnFaulty<L> {
    fn open(disk: &SimulatedDisk) -> Result<Self, String> {
        let store = TokenStore::open(Arc::new(Faulty::<L>::new(disk)), options())
            .map_err(|error| error.to_string())?;
        Ok(Self {
            store,
            lie: std::marker::PhantomData,
        })
    }
    fn write(&self, tokens: &[Token]) -> Vec<Answer> {
        self.store.write_tokens(tokens)
    }
    fn contents(&self) -> Option<Vec<Token>> {
        Some(self.store.tokens())
    }
    fn upkeep(&self) {
        self.store.checkpoint();
    }
    fn close(self) {
        self.store.journal.close();
    }
}

//! The simulated disk as programs meet it, and the faults it can be told to have.

mod file;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Random;
use super::camera::Camera;
use super::late::{Late, may_be_late};
use super::world::{Entry, World};
use crate::disk::{Disk, DiskError, DiskFile, DiskLock, DiskOperation};
use file::SimulatedFile;

/// What goes wrong, once. Operations and syncs are counted from 1 since the disk was made;
/// every call of [`Disk`] and [`DiskFile`] is an operation, and the syncs of files and of
/// directories are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The power goes during this operation: it may have happened, in part or whole, or not.
    CutAtOperation(u64),
    /// The power goes just before this sync takes effect.
    CutBeforeSync(u64),
    /// The power goes just after this sync took effect, before the program hears of it.
    CutAfterSync(u64),
    /// This sync fails with an input/output error, and some of the bytes it should have covered
    /// never reach the disk, although reads go on to show them.
    FailSync(u64),
    /// This operation fails with an input/output error and does nothing (a sync: as above).
    FailOperation(u64),
    /// The first renaming, removal or write from this operation on takes effect and fails with an
    /// input/output error all the same.
    FailAfterwards(u64),
    /// The same fails first and takes effect a few operations later, if it still can.
    TakeEffectLate(u64),
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) world: World,
    pub(super) random: Random,
    pub(super) camera: Option<Camera>,
    fault: Option<Fault>,
    fault_happened: bool,
    dead: bool,
    pub(super) operations: u64,
    /// What is still to take effect.
    pub(super) late: Option<Late>,
    pub(super) changes: u64,
    syncs: u64,
    trace: crc32fast::Hasher,
    locks: BTreeSet<PathBuf>,
    /// The file that it does not read.
    pub(super) refused: Option<u64>,
    /// Whether it opens no file.
    is_out_of_files: bool,
}

/// A disk in memory that does at a power cut what real ones do: unsynced writes are lost, kept,
/// reordered and torn at 512 bytes, and unsynced names come and go, each independently.
///
/// The same seed and the same calls give the same disk, byte for byte. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct SimulatedLock {
    disk: SimulatedDisk,
    path: PathBuf,
}

impl DiskLock for SimulatedLock {}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        self.disk.state().locks.remove(&self.path);
    }
}

impl SimulatedDisk {
    /// The one directory that a new simulated disk holds (beside the root), durable.
    pub const ROOT: &'static str = "/data";

    /// An empty disk whose misfortunes follow from the seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::from_world(
            World::with_directories(&["/", Self::ROOT]),
            Random::new(seed),
        )
    }

    pub(super) fn from_world(world: World, random: Random) -> Self {
        let state = State {
            world,
            random,
            camera: None,
            fault: None,
            fault_happened: false,
            dead: false,
            operations: 0,
            late: None,
            changes: 0,
            syncs: 0,
            trace: crc32fast::Hasher::new(),
            locks: BTreeSet::new(),
            refused: None,
            is_out_of_files: false,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts the power now, if it is not cut already, and returns the disk as it is found when it
    /// comes back: no faults planned, all counters at zero. This disk refuses everything after.
    #[must_use]
    pub fn crash(&self) -> Self {
        let mut state = self.state();
        if state.late.is_some() && state.random.one_in(2) {
            state.catch_up(u64::MAX);
        }
        state.dead = true;
        let mut random = state.random.fork();
        Self::from_world(state.world.after_power_cut(&mut random), random)
    }

    /// An independent copy of what programs see now, all of it on stable storage.
    #[must_use]
    pub fn copy(&self) -> Self {
        let state = self.state();
        Self::from_world(state.world.all_synced(), state.random.clone())
    }

    /// Plans the next fault, in place of the one planned before, if any. What was
    /// still to take effect does: no disk keeps it for the next process.
    pub fn plan(&self, fault: Option<Fault>) {
        let mut state = self.state();
        state.catch_up(u64::MAX);
        state.fault = fault;
        state.fault_happened = false;
    }

    /// True once the planned fault has happened.
    #[must_use]
    pub fn fault_happened(&self) -> bool {
        self.state().fault_happened
    }

    /// Sets how many bytes of files fit; `None` is no limit. Overwriting needs no room.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().world.capacity = bytes;
    }

    /// From now on reading this file fails with an input/output error; `None` ends that.
    pub fn refuse_reads(&self, path: Option<&Path>) {
        let mut state = self.state();
        let file = path.and_then(|path| state.world.file(path).ok());
        state.refused = file;
    }

    /// From now on as many files are open as may be, or no longer.
    pub fn run_out_of_files(&self, is_out: bool) {
        self.state().is_out_of_files = is_out;
    }

    /// The bytes of all files: what [`SimulatedDisk::set_capacity`] compares.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.state().world.used()
    }

    /// True once the power is cut.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// How many operations were called.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// How many syncs were called, of files and directories together.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// A checksum over every call so far (operation, path, place, bytes) and over all that
    /// programs see now.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let state = self.state();
        u64::from(state.trace.clone().finalize()) << 32 | u64::from(state.world.digest())
    }

    /// Counts one operation, has it go wrong if that is its turn, and else does it.
    fn perform<T>(
        &self,
        operation: DiskOperation,
        path: &Path,
        detail: (u64, &[u8]),
        effect: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> Result<T, DiskError> {
        let mut guard = self.state();
        let state = &mut *guard;
        let failed = |source| DiskError::new(operation, path, source);
        let gone = || failed(io::Error::other("the power is cut"));
        if state.dead {
            return Err(gone());
        }
        let is_sync = matches!(
            operation,
            DiskOperation::Sync | DiskOperation::SyncDirectory
        );
        state.operations += 1;
        state.catch_up(state.operations);
        state.syncs += u64::from(is_sync);
        state.trace.update(&[operation as u8]);
        state.trace.update(path.as_os_str().as_encoded_bytes());
        state.trace.update(&detail.0.to_le_bytes());
        state.trace.update(detail.1);

        let (mut before, mut after, mut broken) = (false, false, false);
        let is_late = |turn| turn <= state.operations && may_be_late(operation);
        let unknown = match state.fault {
            Some(fault @ (Fault::FailAfterwards(turn) | Fault::TakeEffectLate(turn)))
                if is_late(turn) =>
            {
                Some(fault)
            }
            _ => None,
        };
        match state.fault {
            Some(Fault::CutAtOperation(turn)) if turn == state.operations => {
                (before, after) = (is_sync, true);
            }
            Some(Fault::CutBeforeSync(turn)) => before = is_sync && turn == state.syncs,
            Some(Fault::CutAfterSync(turn)) => after = is_sync && turn == state.syncs,
            Some(Fault::FailSync(turn)) => broken = is_sync && turn == state.syncs,
            Some(Fault::FailOperation(turn)) => broken = turn == state.operations,
            _ => {}
        }
        if before || after || broken || unknown.is_some() {
            (state.fault, state.fault_happened) = (None, true);
        }
        if before {
            state.dead = true;
            return Err(gone());
        }
        if let Some(Fault::TakeEffectLate(_)) = unknown {
            state.put_off(operation, path, detail);
            return Err(failed(io::Error::other("simulated input/output error")));
        }
        if broken {
            if operation == DiskOperation::Sync
                && let Ok(inode) = state.world.inode(detail.0)
            {
                inode.fail_sync(&mut state.random);
            }
            return Err(failed(io::Error::other("simulated input/output error")));
        }
        // What a sync covers is lost when the power goes during it; what else is
        // done may have been done.
        if is_sync {
            state.photograph(operation, path);
        }
        let done = effect(state);
        if !is_sync && done.is_ok() {
            state.photograph(operation, path);
        }
        if after {
            state.dead = true;
            return Err(gone());
        }
        if unknown.is_some() && done.is_ok() {
            return Err(failed(io::Error::other("simulated input/output error")));
        }
        done.map_err(failed)
    }

    fn file(&self, path: &Path, inode: u64) -> Arc<dyn DiskFile> {
        Arc::new(SimulatedFile {
            disk: self.clone(),
            path: path.to_owned(),
            inode,
        })
    }
}

impl Disk for SimulatedDisk {
    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        let create = |state: &mut State| state.world.create(path);
        Ok(self.file(
            path,
            self.perform(DiskOperation::Create, path, (0, &[]), create)?,
        ))
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        let open = |state: &mut State| match state.is_out_of_files {
            true => Err(io::Error::from_raw_os_error(24)),
            false => state.world.file(path),
        };
        Ok(self.file(
            path,
            self.perform(DiskOperation::Open, path, (0, &[]), open)?,
        ))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        let target = to.as_os_str().as_encoded_bytes();
        self.perform(DiskOperation::Rename, from, (0, target), |state| {
            state.world.rename(from, to)
        })
    }

    fn rename_new(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        let target = to.as_os_str().as_encoded_bytes();
        self.perform(DiskOperation::Rename, from, (1, target), |state| {
            state.world.rename_new(from, to)
        })
    }

    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        self.perform(DiskOperation::Remove, path, (0, &[]), |state| {
            state.world.remove(path)
        })
    }

    fn list(&self, directory: &Path) -> Result<Vec<String>, DiskError> {
        let list = |state: &mut State| state.world.list(directory);
        self.perform(DiskOperation::List, directory, (0, &[]), list)
    }

    fn create_directory(&self, path: &Path) -> Result<(), DiskError> {
        let create = |state: &mut State| state.world.create_directory(path);
        self.perform(DiskOperation::CreateDirectory, path, (0, &[]), create)
    }

    fn sync_directory(&self, path: &Path) -> Result<(), DiskError> {
        let sync = |state: &mut State| state.world.sync_directory(path);
        self.perform(DiskOperation::SyncDirectory, path, (0, &[]), sync)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, DiskError> {
        self.perform(DiskOperation::Lock, path, (0, &[]), |state| {
            match state.world.entry(path) {
                Ok(Entry::File(_)) => {}
                Ok(Entry::Directory) => return Err(io::ErrorKind::IsADirectory.into()),
                Err(_) => drop(state.world.create(path)?),
            }
            if state.locks.insert(path.to_owned()) {
                Ok(())
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            }
        })?;
        Ok(Box::new(SimulatedLock {
            disk: self.clone(),
            path: path.to_owned(),
        }))
    }
}

//! Every file access of the lake goes through [`Disk`], so that power cuts, full disks and
//! failing syncs can be simulated (`crate::simulation`).
//!
//! Nothing is on stable storage because it was written: the bytes of a file are after
//! [`DiskFile::sync_data`], its name is after [`Disk::sync_directory`] of the directory that
//! holds the name. A sync that failed may have thrown the bytes away; trying again proves nothing.

use std::fmt::Debug;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod read_only;
mod sparing;
#[cfg(test)]
mod tests;

pub use read_only::ReadOnlyDisk;
pub use sparing::SparingDisk;

/// Bytes written by one call of a zero-filling preallocation.
static ZEROS: [u8; 256 * 1024] = [0; 256 * 1024];

/// What was being done when the disk refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiskOperation {
    /// Making a new file.
    Create,
    /// Opening an existing file.
    Open,
    /// Reading bytes or a length.
    Read,
    /// Writing bytes.
    Write,
    /// Bringing bytes to stable storage.
    Sync,
    /// Giving a file another name.
    Rename,
    /// Taking a name away.
    Remove,
    /// Reading the names in a directory.
    List,
    /// Making a directory.
    CreateDirectory,
    /// Bringing names to stable storage.
    SyncDirectory,
    /// Taking the lock of a directory.
    Lock,
}

impl DiskOperation {
    fn verb(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Open => "open",
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "sync",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::List => "list",
            Self::CreateDirectory => "create directory",
            Self::SyncDirectory => "sync directory",
            Self::Lock => "lock",
        }
    }
}

/// A refusal of the disk: which operation, on which path, and why.
#[derive(Debug, thiserror::Error)]
#[error("cannot {} {}: {source}", .operation.verb(), .path.display())]
pub struct DiskError {
    /// What was being done.
    pub operation: DiskOperation,
    /// The file or directory it was done to.
    pub path: PathBuf,
    /// The cause, as the operating system gave it.
    pub source: io::Error,
}

impl DiskError {
    /// A refusal of `operation` on `path`.
    #[must_use]
    pub fn new(operation: DiskOperation, path: &Path, source: io::Error) -> Self {
        Self {
            operation,
            path: path.to_owned(),
            source,
        }
    }

    /// True if the disk or the quota has no room left.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(
            self.source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    }

    /// True if as many files are open as may be, of this process or of the machine.
    #[must_use]
    pub fn is_out_of_files(&self) -> bool {
        const MACHINE: i32 = 23;
        const PROCESS: i32 = 24;
        matches!(self.source.raw_os_error(), Some(MACHINE | PROCESS))
    }

    /// True if the file or directory does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }

    /// True if the name that was to be new is that of another file.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.source.kind() == io::ErrorKind::AlreadyExists
    }

    /// True if another process or another part of this one holds the lock.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.operation == DiskOperation::Lock && self.source.kind() == io::ErrorKind::WouldBlock
    }
}

/// A disk: names of files, and handles to their bytes.
pub trait Disk: Debug + Send + Sync + 'static {
    /// The same disk for whoever must not be refused because as many files are
    /// open as may be; `None` where that cannot happen.
    fn with_spares(&self) -> Option<Arc<dyn Disk>> {
        None
    }

    /// Makes a new, empty file. Fails if the name is taken.
    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError>;

    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError>;

    /// Gives a file another name, atomically; a file that had this name is replaced. Durable
    /// after [`Disk::sync_directory`].
    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError>;

    /// Gives a file a name that no file has, atomically: of all who want a name for their file
    /// one gets it, and the others fail ([`DiskError::is_taken`]) and keep theirs. After a power
    /// cut or another error the file may have both names. Durable after [`Disk::sync_directory`].
    fn rename_new(&self, from: &Path, to: &Path) -> Result<(), DiskError>;

    /// Takes a file away. Durable after [`Disk::sync_directory`].
    fn remove(&self, path: &Path) -> Result<(), DiskError>;

    /// The names in a directory, sorted.
    fn list(&self, directory: &Path) -> Result<Vec<String>, DiskError>;

    /// Makes a directory whose parent exists; it is no error if it is there already. Durable
    /// after [`Disk::sync_directory`] of the parent.
    fn create_directory(&self, path: &Path) -> Result<(), DiskError>;

    /// On return every creation, renaming and removal in this directory is on stable storage.
    fn sync_directory(&self, path: &Path) -> Result<(), DiskError>;

    /// Takes an exclusive lock on a file, which is made if it does not exist. The lock lasts
    /// until the value is dropped or the process ends. Fails at once if somebody holds it.
    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, DiskError>;
}

/// The bytes of one open file. A handle stays good when the file is renamed.
pub trait DiskFile: Debug + Send + Sync {
    /// Fills `buffer` from `offset` on and returns how many bytes there were: fewer than asked
    /// for only at the end of the file.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError>;

    /// Writes all bytes at `offset`; a file that is too short grows. After an error any part may
    /// have been written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), DiskError>;

    /// Writes zeros from `from` up to `to` (exclusive), so that later writes there need no
    /// further room and no further metadata.
    fn zero_fill(&self, from: u64, to: u64) -> Result<(), DiskError> {
        let mut offset = from;
        while offset < to {
            let count = (to - offset).min(ZEROS.len() as u64);
            self.write_at(offset, &ZEROS[..count as usize])?;
            offset += count;
        }
        Ok(())
    }

    /// The length in bytes.
    fn length(&self) -> Result<u64, DiskError>;

    /// On return the bytes and the length are on stable storage (`fdatasync`).
    fn sync_data(&self) -> Result<(), DiskError>;

    /// On return the bytes and all metadata are on stable storage (`fsync`).
    fn sync_all(&self) -> Result<(), DiskError>;
}

/// A held lock; dropping it lets go.
pub trait DiskLock: Debug + Send + Sync {}

/// The disk of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

#[derive(Debug)]
struct RealFile {
    file: File,
    path: PathBuf,
}

#[derive(Debug)]
struct RealLock {
    _file: File,
}

impl DiskLock for RealLock {}

/// Names the operation and the path of an error of the operating system.
fn at(operation: DiskOperation, path: &Path) -> impl FnOnce(io::Error) -> DiskError {
    move |source| DiskError::new(operation, path, source)
}

/// Whether a file system says by this that no file has two names.
fn has_no_links(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
    )
}

impl Disk for RealDisk {
    fn with_spares(&self) -> Option<Arc<dyn Disk>> {
        Some(Arc::new(SparingDisk::new()))
    }

    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(at(DiskOperation::Create, path))?;
        Ok(Arc::new(RealFile {
            file,
            path: path.to_owned(),
        }))
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(at(DiskOperation::Open, path))?;
        Ok(Arc::new(RealFile {
            file,
            path: path.to_owned(),
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        std::fs::rename(from, to).map_err(at(DiskOperation::Rename, from))
    }

    fn rename_new(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        let failed = |source| DiskError::new(DiskOperation::Rename, from, source);
        match std::fs::hard_link(from, to) {
            Ok(()) => std::fs::remove_file(from).map_err(failed),
            // Some file systems know no second names. There the lock of the data
            // directory has to be enough.
            Err(error) if has_no_links(&error) && !to.exists() => self.rename(from, to),
            Err(error) if has_no_links(&error) => Err(failed(io::ErrorKind::AlreadyExists.into())),
            Err(error) => Err(failed(error)),
        }
    }

    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        std::fs::remove_file(path).map_err(at(DiskOperation::Remove, path))
    }

    fn list(&self, directory: &Path) -> Result<Vec<String>, DiskError> {
        let failed = |source| DiskError::new(DiskOperation::List, directory, source);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(failed)? {
            names.push(
                entry
                    .map_err(failed)?
                    .file_name()
                    .to_string_lossy()
                    .into_owned(),
            );
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create_directory(&self, path: &Path) -> Result<(), DiskError> {
        match std::fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            made => made.map_err(at(DiskOperation::CreateDirectory, path)),
        }
    }

    fn sync_directory(&self, path: &Path) -> Result<(), DiskError> {
        File::open(path)
            .and_then(|directory| directory.sync_all())
            .map_err(at(DiskOperation::SyncDirectory, path))
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, DiskError> {
        let failed = at(DiskOperation::Lock, path);
        let opened = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let file = match opened {
            Ok(file) => file,
            Err(source) => return Err(failed(source)),
        };
        match file.try_lock() {
            Ok(()) => Ok(Box::new(RealLock { _file: file })),
            Err(TryLockError::WouldBlock) => Err(failed(io::ErrorKind::WouldBlock.into())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

impl DiskFile for RealFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self
                .file
                .read_at(&mut buffer[filled..], offset + filled as u64)
            {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(DiskError::new(DiskOperation::Read, &self.path, error)),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.file
            .write_all_at(bytes, offset)
            .map_err(at(DiskOperation::Write, &self.path))
    }

    fn length(&self) -> Result<u64, DiskError> {
        let metadata = self
            .file
            .metadata()
            .map_err(at(DiskOperation::Read, &self.path))?;
        Ok(metadata.len())
    }

    fn sync_data(&self) -> Result<(), DiskError> {
        self.file
            .sync_data()
            .map_err(at(DiskOperation::Sync, &self.path))
    }

    fn sync_all(&self) -> Result<(), DiskError> {
        self.file
            .sync_all()
            .map_err(at(DiskOperation::Sync, &self.path))
    }
}

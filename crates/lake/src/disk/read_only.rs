//! The disk of the machine for those who must not change it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{Disk, DiskError, DiskFile, DiskLock, DiskOperation, RealDisk, RealFile, at};

/// The disk of the machine, of which nothing can be changed: files are opened
/// for reading, and everything else is refused.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOnlyDisk;

fn refused<T>(operation: DiskOperation, path: &Path) -> Result<T, DiskError> {
    let source = io::ErrorKind::ReadOnlyFilesystem.into();
    Err(DiskError::new(operation, path, source))
}

impl Disk for ReadOnlyDisk {
    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        refused(DiskOperation::Create, path)
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        let file = File::open(path).map_err(at(DiskOperation::Open, path))?;
        let path = path.to_owned();
        Ok(Arc::new(RealFile { file, path }))
    }

    fn rename(&self, from: &Path, _: &Path) -> Result<(), DiskError> {
        refused(DiskOperation::Rename, from)
    }

    fn rename_new(&self, from: &Path, _: &Path) -> Result<(), DiskError> {
        refused(DiskOperation::Rename, from)
    }

    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        refused(DiskOperation::Remove, path)
    }

    fn list(&self, directory: &Path) -> Result<Vec<String>, DiskError> {
        RealDisk.list(directory)
    }

    fn create_directory(&self, path: &Path) -> Result<(), DiskError> {
        refused(DiskOperation::CreateDirectory, path)
    }

    fn sync_directory(&self, path: &Path) -> Result<(), DiskError> {
        refused(DiskOperation::SyncDirectory, path)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, DiskError> {
        refused(DiskOperation::Lock, path)
    }
}

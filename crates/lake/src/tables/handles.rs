//! The files of records that are open. Whoever reads holds what is known of a
//! file, and no file itself: a question over a thousand files has one of them
//! open at a time for each of its readers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use quick_cache::sync::Cache;

use super::entry::FileId;
use super::names::{Part, path_of};
use super::verified::{damaged, unreadable};
use crate::disk::{Disk, DiskError, DiskFile};
use crate::error::{LakeError, Result};

/// The files of records that stay open for the next read, at most so many.
#[derive(Debug)]
pub(super) struct Handles {
    disk: Arc<dyn Disk>,
    open: Cache<FileId, Arc<dyn DiskFile>>,
}

impl Handles {
    pub(super) fn new(disk: Arc<dyn Disk>, max: usize) -> Self {
        let open = Cache::new(max);
        Self { disk, open }
    }

    /// The records of a file that the manifest names.
    ///
    /// # Errors
    /// [`LakeError::OutOfFiles`] when the process may open no more,
    /// [`LakeError::Damaged`] when there is no such file, and else
    /// [`LakeError::Unreadable`].
    pub(super) fn records(&self, directory: &Path, id: FileId) -> Result<Arc<dyn DiskFile>> {
        if let Some(open) = self.open.get(&id) {
            return Ok(open);
        }
        let parts = [Part::Records, Part::UnfinishedRecords];
        let (_, file) = self.part(directory, id, parts)?;
        self.open.insert(id, file.clone());
        Ok(file)
    }

    /// Opens a part of a file that the manifest names. Between the two moments in
    /// which the manifest names it and it gets its final name it has the other.
    pub(super) fn part(
        &self,
        directory: &Path,
        id: FileId,
        [named, unfinished]: [Part; 2],
    ) -> Result<(PathBuf, Arc<dyn DiskFile>)> {
        let named = path_of(directory, id, named);
        for path in [&named, &path_of(directory, id, unfinished), &named] {
            match self.opened(path) {
                Ok(file) => return Ok((path.clone(), file)),
                Err(error) if error.is_out_of_files() => return Err(LakeError::OutOfFiles),
                Err(error) if !error.is_not_found() => return Err(unreadable(&named, error)),
                Err(_) => {}
            }
        }
        Err(damaged(&named, "it is missing"))
    }

    /// Opens a file; those that are merely kept open are closed before it is refused.
    fn opened(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        match self.disk.open(path) {
            Err(error) if error.is_out_of_files() => {
                self.open.clear();
                self.disk.open(path)
            }
            opened => opened,
        }
    }

    /// Closes a file that goes.
    pub(super) fn forget(&self, id: FileId) {
        self.open.remove(&id);
    }
}

#[cfg(test)]
mod tests;

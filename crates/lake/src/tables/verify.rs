//! Reading a whole file of records again, to compare it with its digest.

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::cache::BlockCache;
use super::entry::FileEntry;
use super::handles::Handles;
use super::read::TableFile;
use super::verified::{VerifiedFile, damaged};
use crate::disk::Disk;
use crate::error::Result;

/// A file of records that is being read as a whole.
#[derive(Debug)]
pub(crate) struct Verification {
    entry: Arc<FileEntry>,
    file: Arc<VerifiedFile>,
    hasher: Sha256,
    offset: u64,
}

impl Verification {
    /// Begins with a file that the manifest names: on return its length, its
    /// whole index and its footer are what was written.
    ///
    /// # Errors
    /// [`LakeError::Damaged`](crate::LakeError::Damaged) names the file that is not.
    pub(crate) fn begin(
        disk: &Arc<dyn Disk>,
        directory: &Path,
        entry: &Arc<FileEntry>,
    ) -> Result<Self> {
        let cache = Arc::new(BlockCache::new(1 << 10));
        // Its own: what was open before may be the bytes of before.
        let handles = Arc::new(Handles::new(disk.clone(), 1));
        let opened = TableFile::open(&handles, directory, entry.clone(), cache)?;
        Ok(Self {
            entry: entry.clone(),
            file: opened.chunks.0.clone(),
            hasher: Sha256::new(),
            offset: 0,
        })
    }

    /// Reads on, at most so many bytes; answers how many they were. At the end
    /// there are none, and then every byte of the file was what was written.
    ///
    /// # Errors
    /// As [`Verification::begin`].
    pub(crate) fn step(&mut self, bytes: u64) -> Result<u64> {
        let step = bytes.min(self.entry.bytes - self.offset);
        if step > 0 {
            self.hasher.update(&self.file.bytes(self.offset, step)?);
            self.offset += step;
            return Ok(step);
        }
        if self.hasher.finalize_reset()[..] == self.entry.digest[..] {
            Ok(0)
        } else {
            let detail = "its SHA-256 is not the one in the manifest";
            Err(damaged(self.file.path(), detail))
        }
    }
}

//! Bytes of an immutable file, none of which is used before its checksum was
//! checked. Parquet itself notices hardly any rotten bit.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::entry::{FileEntry, FileId};
use super::handles::Handles;
use super::index::Index;
use super::names::{Part, path_of};
use crate::disk::DiskError;
use crate::error::{LakeError, Result};

/// Bytes that share a checksum.
pub(super) const CHUNK: u64 = 16 << 10;

/// A file with the checksums of its chunks.
#[derive(Debug)]
pub(super) struct VerifiedFile {
    handles: Arc<Handles>,
    directory: PathBuf,
    id: FileId,
    path: PathBuf,
    length: u64,
    checksums: Vec<u32>,
}

impl VerifiedFile {
    /// The bytes of a file that the manifest names, whose chunks have the
    /// checksums in its index.
    ///
    /// # Errors
    /// [`LakeError::Damaged`] when its length is another, [`LakeError::Unreadable`] when the disk
    /// does not tell it.
    pub(super) fn new(
        handles: Arc<Handles>,
        directory: &Path,
        entry: &FileEntry,
        index: &Index,
    ) -> Result<Self> {
        let path = path_of(directory, entry.id, Part::Records);
        let length = entry.bytes;
        let found = handles.records(directory, entry.id)?.length();
        let found = found.map_err(|error| unreadable(&path, error))?;
        let checksums = index.checksums.clone();
        if found != length || checksums.len() as u64 != length.div_ceil(CHUNK) {
            return Err(damaged(
                &path,
                format!("it has {found} bytes instead of {length}"),
            ));
        }
        Ok(Self {
            handles,
            directory: directory.to_owned(),
            id: entry.id,
            path,
            length,
            checksums,
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes from `start` on, `length` of them.
    pub(super) fn bytes(&self, start: u64, length: u64) -> Result<Bytes> {
        let end = start.checked_add(length).filter(|end| *end <= self.length);
        let end = end.ok_or_else(|| damaged(&self.path, "its footer points behind its end"))?;
        let first = start / CHUNK;
        let from = first * CHUNK;
        let to = end.next_multiple_of(CHUNK).min(self.length);
        let mut bytes = vec![0; usize::try_from(to - from).unwrap_or(usize::MAX)];
        let file = self.handles.records(&self.directory, self.id)?;
        let count = file.read_at(from, &mut bytes).map_err(|error| {
            // Whoever reads it again opens it anew.
            self.handles.forget(self.id);
            unreadable(&self.path, error)
        })?;
        if count != bytes.len() {
            return Err(damaged(&self.path, "it became shorter"));
        }
        for (number, chunk) in (first..).zip(bytes.chunks(CHUNK as usize)) {
            let expected = self
                .checksums
                .get(usize::try_from(number).unwrap_or(usize::MAX));
            if expected != Some(&crc32fast::hash(chunk)) {
                let at = number * CHUNK;
                return Err(damaged(
                    &self.path,
                    format!("the checksum of the bytes from {at} on does not match"),
                ));
            }
        }
        let slice = (start - from) as usize..(end - from) as usize;
        Ok(Bytes::from(bytes).slice(slice))
    }
}

/// What is known of a file whose bytes are not what was written.
pub(super) fn damaged(path: &Path, detail: impl Into<String>) -> LakeError {
    LakeError::Damaged {
        file: path.to_owned(),
        detail: detail.into(),
    }
}

/// What is known of a file whose bytes the disk does not give.
pub(super) fn unreadable(path: &Path, source: DiskError) -> LakeError {
    LakeError::Unreadable {
        file: path.to_owned(),
        source,
    }
}

/// An error on its way through the Parquet library.
fn through(error: LakeError) -> ParquetError {
    ParquetError::External(Box::new(error))
}

/// The bytes of a file as the Parquet library asks for them.
#[derive(Clone, Debug)]
pub(super) struct Chunks(pub(super) Arc<VerifiedFile>);

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.0.length
    }
}

impl ChunkReader for Chunks {
    type T = Running;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Running> {
        Ok(Running {
            file: self.0.clone(),
            offset: start,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        self.0.bytes(start, length as u64).map_err(through)
    }
}

/// Reads on and on.
#[derive(Debug)]
pub(super) struct Running {
    file: Arc<VerifiedFile>,
    offset: u64,
}

impl Read for Running {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = self.file.length.saturating_sub(self.offset);
        let count = left.min(buffer.len() as u64);
        let bytes = self
            .file
            .bytes(self.offset, count)
            .map_err(std::io::Error::other)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.offset += count;
        Ok(bytes.len())
    }
}

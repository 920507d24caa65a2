//! Where the bytes of a file go: written in whole chunks, each with its checksum, and digested.

use std::io::Write;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::verified::CHUNK;
use crate::disk::DiskFile;
use crate::error::Result;

/// Bytes gathered before they are written.
const GATHERED: usize = 1 << 20;

/// What a whole file is known by.
pub(super) struct Sealed {
    pub(super) length: u64,
    pub(super) digest: [u8; 32],
    pub(super) checksums: Vec<u32>,
}

/// Where the Parquet library writes to: gathers, counts and digests.
pub(super) struct Sink {
    file: Arc<dyn DiskFile>,
    offset: u64,
    gathered: Vec<u8>,
    hasher: Sha256,
    checksums: Vec<u32>,
}

impl Sink {
    pub(super) fn new(file: Arc<dyn DiskFile>) -> Self {
        Self {
            file,
            offset: 0,
            gathered: Vec::with_capacity(GATHERED + CHUNK as usize),
            hasher: Sha256::new(),
            checksums: Vec::new(),
        }
    }

    /// Writes whole chunks, or at the end all that is left.
    fn pass_on(&mut self, end: bool) -> Result<()> {
        let whole = self.gathered.len() - self.gathered.len() % CHUNK as usize;
        let count = if end { self.gathered.len() } else { whole };
        let bytes = &self.gathered[..count];
        self.file.write_at(self.offset, bytes)?;
        self.hasher.update(bytes);
        let checksums = bytes.chunks(CHUNK as usize).map(crc32fast::hash);
        self.checksums.extend(checksums);
        self.offset += count as u64;
        self.gathered.drain(..count);
        Ok(())
    }

    pub(super) fn seal(&mut self) -> Result<Sealed> {
        self.pass_on(true)?;
        self.file.sync_all()?;
        Ok(Sealed {
            length: self.offset,
            digest: std::mem::take(&mut self.hasher).finalize().into(),
            checksums: std::mem::take(&mut self.checksums),
        })
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= GATHERED {
            self.pass_on(false).map_err(std::io::Error::other)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

//! The file beside each file of records: checksums of its chunks, and for each
//! block of its rows the range of customers and of times.
//!
//! ```text
//! "TIDEIDX\0" version u32 | chunks u32, crc-32 each | blocks u32, each:
//!   rows u32, min (length u32, bytes), max (length u32, bytes), flags u8, [first i64, last i64]
//! ```
//!
//! All numbers are little-endian. The manifest knows the SHA-256 of the whole.

use std::path::Path;

use super::entry::TimeRange;
use super::verified::damaged;
use crate::error::{LakeError, Result};

const MAGIC: [u8; 8] = *b"TIDEIDX\0";
/// The version that this build writes, and the highest it reads.
const VERSION: u32 = 1;

const HAS_TIMES: u8 = 1;
const MISSES_TIMES: u8 = 2;

/// Consecutive rows of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// How many.
    pub(super) rows: u32,
    /// The least isolation value, in canonical form; empty when the file is
    /// not sorted by one.
    pub(super) min: Box<[u8]>,
    /// The greatest.
    pub(super) max: Box<[u8]>,
    /// The times of the rows that have one.
    pub(super) time: Option<TimeRange>,
}

/// What is known of a file's parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    /// The checksum of each chunk.
    pub(super) checksums: Vec<u32>,
    /// The blocks in order.
    pub(super) blocks: Vec<Block>,
}

impl Index {
    /// The bytes of the file.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + 4 * self.checksums.len() + 64 * self.blocks.len());
        out.extend(MAGIC);
        out.extend(VERSION.to_le_bytes());
        put_count(&mut out, self.checksums.len());
        self.checksums
            .iter()
            .for_each(|checksum| out.extend(checksum.to_le_bytes()));
        put_count(&mut out, self.blocks.len());
        for block in &self.blocks {
            out.extend(block.rows.to_le_bytes());
            for key in [&block.min, &block.max] {
                put_count(&mut out, key.len());
                out.extend(&**key);
            }
            match block.time {
                None => out.push(MISSES_TIMES),
                Some(time) => {
                    out.push(HAS_TIMES | if time.missing { MISSES_TIMES } else { 0 });
                    out.extend(time.min.to_le_bytes());
                    out.extend(time.max.to_le_bytes());
                }
            }
        }
        out
    }

    /// Reads the bytes of the index at `path`, whose digest was checked.
    pub(super) fn decode(bytes: &[u8], path: &Path) -> Result<Self> {
        let broken = || damaged(path, "it is no index of a file of records");
        let mut reader = Reader(bytes);
        if reader.array::<8>() != Some(MAGIC) {
            return Err(broken());
        }
        let version = reader.u32().ok_or_else(broken)?;
        if version > VERSION {
            return Err(LakeError::NewerFile {
                file: path.to_owned(),
                version,
            });
        }
        reader.index().filter(|_| version > 0).ok_or_else(broken)
    }
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    let count = u32::try_from(count).expect("a file has fewer than 4 Gi parts");
    out.extend(count.to_le_bytes());
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    fn key(&mut self) -> Option<Box<[u8]>> {
        let length = self.u32()? as usize;
        let (key, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(key.into())
    }

    fn block(&mut self) -> Option<Block> {
        let rows = self.u32()?;
        let (min, max) = (self.key()?, self.key()?);
        let [flags] = self.array()?;
        let time = if flags & HAS_TIMES == 0 {
            None
        } else {
            Some(TimeRange {
                min: self.i64()?,
                max: self.i64()?,
                missing: flags & MISSES_TIMES != 0,
            })
        };
        Some(Block {
            rows,
            min,
            max,
            time,
        })
    }

    fn index(&mut self) -> Option<Index> {
        let checksums = (0..self.u32()?)
            .map(|_| self.u32())
            .collect::<Option<_>>()?;
        let blocks = (0..self.u32()?)
            .map(|_| self.block())
            .collect::<Option<_>>()?;
        self.0.is_empty().then_some(Index { checksums, blocks })
    }
}

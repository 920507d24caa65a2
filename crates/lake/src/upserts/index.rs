//! Finding rows in memory by their unique fields.

use arrow_array::RecordBatch;
use model::names::FieldPath;

use super::keys::{RowKeys, hash};
use crate::error::Result;

/// The rows of a segment by the hash of their unique fields.
#[derive(Debug)]
pub(crate) struct UniqueIndex {
    hashes: Vec<u64>,
    rows: Vec<u32>,
}

impl UniqueIndex {
    /// The index of a batch that has these fields.
    pub(crate) fn of(batch: &RecordBatch, unique: &[FieldPath]) -> Result<Self> {
        let keys = RowKeys::new(batch, unique)?;
        let mut key = Vec::new();
        let mut found: Vec<(u64, u32)> = (0..batch.num_rows())
            .map(|row| {
                key.clear();
                keys.append(row, &mut key);
                (hash(&key), u32::try_from(row).unwrap_or(u32::MAX))
            })
            .collect();
        found.sort_unstable();
        let (hashes, rows) = found.into_iter().unzip();
        Ok(Self { hashes, rows })
    }

    /// The rows that may have the unique fields of this hash.
    pub(crate) fn rows(&self, hash: u64) -> &[u32] {
        let from = self.hashes.partition_point(|known| *known < hash);
        let same = self.hashes[from..].iter();
        let count = same.take_while(|known| **known == hash).count();
        &self.rows[from..from + count]
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        (8 * self.hashes.capacity() + 4 * self.rows.capacity()) as u64
    }
}

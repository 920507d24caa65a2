//! Filters of fresh files, which tell of customers that they have no rows there.
//!
//! A block's range of customers holds many who have no rows in it, and to look
//! would be to read it. Merged files have few such blocks for each customer, and no filters.

use std::ops::Range;
use std::sync::OnceLock;

use model::value::Value;
use parquet::basic::Type;
use parquet::bloom_filter::Sbbf;

use super::read::TableFile;
use super::{ARRAYS, ROW_GROUP_BLOCKS};
use crate::error::Result;

/// The filters of a file's row groups, each read when it is first asked for.
/// One takes about a byte for each customer of its rows.
#[derive(Debug, Default)]
pub(super) struct Filters(Box<[OnceLock<Option<Sbbf>>]>);

impl Filters {
    /// Of so many row groups.
    pub(super) fn new(groups: usize) -> Self {
        Self((0..groups).map(|_| OnceLock::new()).collect())
    }
}

/// Where it may be looked what a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// In the file too.
    OnDisk,
    /// In what is in memory of it.
    InMemory,
}

impl TableFile {
    /// The blocks that may hold rows with one of these canonical isolation
    /// values, or with an array, any element of which may be meant. All
    /// blocks when no values are given.
    ///
    /// # Errors
    /// A filter cannot be read; never where it is looked in memory alone.
    pub(crate) fn candidates(
        &self,
        keys: Option<&[Box<[u8]>]>,
        look: Look,
    ) -> Result<Vec<Range<usize>>> {
        let Some(keys) = keys else {
            return Ok(std::iter::once(0..self.blocks()).collect());
        };
        let mut ranges = Vec::with_capacity(keys.len() + 1);
        for key in keys {
            let range = self.blocks_between(key, |min| min > &**key);
            if !self.lacks(&range, key, look)? {
                ranges.push(range);
            }
        }
        ranges.push(self.blocks_between(ARRAYS.start, |min| min >= ARRAYS.end));
        ranges.retain(|range| !range.is_empty());
        ranges.sort_unstable_by_key(|range| range.start);
        let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        Ok(merged)
    }

    /// The blocks that do not end below a key, up to the first that is beyond.
    fn blocks_between(&self, low: &[u8], is_beyond: impl Fn(&[u8]) -> bool) -> Range<usize> {
        let blocks = self.described();
        let from = blocks.partition_point(|block| &*block.max < low);
        let to = blocks.partition_point(|block| !is_beyond(&block.min));
        from..to.max(from)
    }

    /// Whether a filter tells that no row of these blocks, which are all that
    /// may have some, has this key. Where they are several, one ends with it.
    fn lacks(&self, blocks: &Range<usize>, key: &[u8], look: Look) -> Result<bool> {
        let (min, max) = match blocks.len() {
            1 => self.block_isolation(blocks.start),
            _ => return Ok(false),
        };
        if key == min || key == max {
            return Ok(false);
        }
        self.group_lacks(blocks.start / ROW_GROUP_BLOCKS, key, look)
    }

    /// Whether a filter tells that no row of a row group has this key.
    pub(super) fn group_lacks(&self, group: usize, key: &[u8], look: Look) -> Result<bool> {
        let Some(column) = self.isolation_column() else {
            return Ok(false);
        };
        let Some(slot) = self.filters.0.get(group) else {
            return Ok(false);
        };
        let metadata = self.metadata.metadata();
        let filter = match (slot.get(), look) {
            (Some(known), _) => known,
            (None, Look::InMemory) => return Ok(false),
            (None, Look::OnDisk) => {
                let chunk = metadata.row_group(group).column(column);
                let read = Sbbf::read_from_column_chunk(chunk, &self.chunks)?;
                slot.get_or_init(|| read)
            }
        };
        let Some(filter) = filter else {
            return Ok(false);
        };
        let stored = metadata.file_metadata().schema_descr().column(column);
        Ok(!may_have(filter, stored.physical_type(), key))
    }

    /// Bytes that its filters take once all of them were asked for.
    pub(super) fn filter_bytes(&self) -> usize {
        let Some(column) = self.isolation_column() else {
            return 0;
        };
        let groups = self.metadata.metadata().row_groups().iter();
        let lengths = groups.filter_map(|group| group.column(column).bloom_filter_length());
        lengths
            .filter_map(|length| usize::try_from(length).ok())
            .sum()
    }

    /// The number of the column that its customers are told apart by.
    fn isolation_column(&self) -> Option<usize> {
        let isolation = self.entry.sorted_by.isolation.as_ref()?;
        self.columns.get(isolation.as_str()).copied()
    }
}

/// Whether a filter over values of this type leaves it open that there are some
/// of this canonical key. Of keys other than texts and whole numbers nothing is told.
fn may_have(filter: &Sbbf, stored: Type, key: &[u8]) -> bool {
    match (stored, model::canonical::decode(key)) {
        (Type::BYTE_ARRAY, Some(Value::String(text))) => filter.check(text.as_str()),
        (Type::BYTE_ARRAY, Some(Value::Uuid(uuid))) => {
            filter.check(uuid.hyphenated().to_string().as_str())
        }
        (Type::INT32, Some(Value::Integer(number))) => {
            i32::try_from(number).is_ok_and(|number| filter.check(&number))
        }
        (Type::INT64, Some(Value::Integer(number))) => {
            i64::try_from(number).is_ok_and(|number| filter.check(&number))
        }
        _ => true,
    }
}

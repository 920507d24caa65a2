//! The latest rows of a file, put together as one more block behind the last.
//!
//! Rows lie in the order of their customers, so that the latest of all customers lie in as many
//! blocks as there are such customers, and a page of them would read from each. They are found
//! once for a file, and their cells kept like those of any block.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::slice;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, UInt32Array, new_null_array};
use arrow_select::concat::concat;
use model::fields::ColumnType;
use model::names::FieldPath;

use super::by_time::ByTime;
use super::cache::{Cached, CellSource};
use super::read::TableFile;
use crate::columns::{Form, column_type};
use crate::error::{LakeError, Result};

/// Rows that are put together, at most: somewhat more than a usual page has. What they take is
/// not reserved while they are read, and a record has a mebibyte at most.
const ROWS: usize = 128;

/// The order in which they are the first.
pub(crate) const LATEST_FIRST: ByTime = ByTime {
    descending: true,
    missing_first: false,
};

/// The latest rows of a file, once they were asked for some times.
#[derive(Debug, Default)]
pub(super) struct Latest {
    asked: AtomicUsize,
    found: OnceLock<Option<Found>>,
}

/// Where the latest rows are.
#[derive(Debug)]
struct Found {
    /// They are all rows after this time.
    after: i64,
    /// The blocks that have some, with the numbers of these, both ascending.
    rows: Vec<(usize, UInt32Array)>,
}

impl Latest {
    /// About how many bytes it takes to know where they are in so many blocks, at most.
    pub(super) fn bytes_at_most(blocks: usize) -> usize {
        /// Of a block: its number, and an array of rows.
        const BLOCK: usize = size_of::<(usize, UInt32Array)>() + 64;
        ROWS * size_of::<u32>() + blocks.min(ROWS) * BLOCK
    }

    fn found(&self) -> Option<&Found> {
        self.found.get().and_then(Option::as_ref)
    }

    /// How many they are; none while they were not found.
    pub(super) fn count(&self) -> usize {
        let rows = self.found().map(|found| found.rows.iter());
        rows.map_or(0, |rows| rows.map(|(_, rows)| rows.len()).sum())
    }
}

impl TableFile {
    /// The time after which all rows of the file are in one more block behind the last, whose
    /// number is that of [`TableFile::blocks`]. `None` where there is none: of a file that was
    /// asked for it only now and then, or that is small. `time` is the column of the file's times.
    pub(crate) fn latest_after(
        &self,
        time: &(FieldPath, ColumnType),
        cached: Cached,
    ) -> Result<Option<i64>> {
        /// To find them takes a look at the times of many blocks, about as much as a page does.
        const SELDOM: usize = 2;
        let latest = &self.latest;
        if cached == Cached::Yes
            && latest.found.get().is_none()
            && latest.asked.fetch_add(1, Ordering::Relaxed) >= SELDOM
        {
            // Who found them meanwhile found the same.
            let _known = latest.found.set(self.find_latest(time, ROWS)?);
        }
        Ok(latest.found().map(|found| found.after))
    }

    /// The latest rows, at most so many.
    fn find_latest(&self, time: &(FieldPath, ColumnType), most: usize) -> Result<Option<Found>> {
        // One more, which says where the others end.
        let mut best: BinaryHeap<Reverse<(i64, usize, u32)>> = BinaryHeap::with_capacity(most + 2);
        for block in self.blocks_in_order(LATEST_FIRST) {
            let block = *block as usize;
            let least = best.peek().filter(|_| best.len() > most);
            let least = least.map(|Reverse((least, ..))| *least);
            let is_later = |time: i64| least.is_none_or(|least| time > least);
            // No block that follows has a later row.
            if !self
                .block_time(block)
                .is_some_and(|times| is_later(times.max))
            {
                break;
            }
            let read = self.read(
                block..block + 1,
                slice::from_ref(time),
                Cached::Yes,
                Form::Plain,
            )?;
            let times = read.first().map(|batch| batch.column(0).as_ref());
            let times = times.and_then(|at| at.as_primitive_opt::<TimestampMicrosecondType>());
            let Some(times) = times else {
                return Ok(None);
            };
            let rows = (0u32..).zip(times).filter_map(|(row, at)| Some((at?, row)));
            for (at, row) in rows.filter(|(at, _)| is_later(*at)) {
                best.push(Reverse((at, block, row)));
                if best.len() > most + 1 {
                    best.pop();
                }
            }
        }
        if best.len() <= most {
            return Ok(None);
        }
        Ok(best.pop().and_then(|Reverse((after, ..))| {
            let rows = best.into_iter().map(|Reverse(row)| row);
            let rows = rows.filter(|(at, ..)| *at > after);
            Found::new(after, rows.map(|(_, block, row)| (block, row)).collect())
        }))
    }

    /// Columns of the latest rows.
    pub(super) fn latest_cells(
        &self,
        columns: &[(FieldPath, ColumnType)],
        cached: Cached,
    ) -> Result<Vec<ArrayRef>> {
        let (file, behind, rows) = (self.entry.id, self.blocks(), self.latest.count());
        let mut cells = Vec::with_capacity(columns.len());
        let mut lacking = Vec::new();
        for (at, (path, column)) in columns.iter().enumerate() {
            let source = self.source(path, *column);
            let known = match source {
                CellSource::Missing => Some(new_null_array(&column_type(*column), rows)),
                _ => self.cache.get(cached, file, behind, &source),
            };
            if known.is_none() {
                lacking.push((at, source));
            }
            cells.push(known);
        }
        let wanted = lacking.iter().map(|(at, _)| columns[*at].clone());
        let read = self.put_together(&wanted.collect::<Vec<_>>(), cached)?;
        for ((at, source), array) in lacking.iter().zip(read) {
            self.cache.put(cached, file, behind, source, &array);
            cells[*at] = Some(array);
        }
        Ok(cells.into_iter().flatten().collect())
    }

    fn put_together(
        &self,
        columns: &[(FieldPath, ColumnType)],
        cached: Cached,
    ) -> Result<Vec<ArrayRef>> {
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.latest.found();
        let found = found.ok_or_else(|| {
            LakeError::Internal("a block is asked for that a file does not have".to_owned())
        })?;
        let mut parts = vec![Vec::with_capacity(found.rows.len()); columns.len()];
        for (block, rows) in &found.rows {
            let cells = self.rows(*block, rows, columns, cached)?;
            for (part, cells) in parts.iter_mut().zip(cells) {
                part.push(cells.plain(rows)?);
            }
        }
        let whole = parts.iter().map(|parts| {
            let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
            Ok(concat(&parts)?)
        });
        whole.collect()
    }
}

impl Found {
    /// Of these rows by their blocks; `None` of no row.
    fn new(after: i64, mut places: Vec<(usize, u32)>) -> Option<Self> {
        places.sort_unstable();
        let blocks = places.chunk_by(|(a, _), (b, _)| a == b);
        let rows = blocks.map(|rows| {
            let numbers = rows.iter().map(|(_, row)| *row);
            (rows[0].0, UInt32Array::from_iter_values(numbers))
        });
        let rows: Vec<_> = rows.collect();
        (!rows.is_empty()).then_some(Self { after, rows })
    }
}

#[cfg(test)]
impl TableFile {
    fn times(&self) -> (FieldPath, ColumnType) {
        use model::fields::{FieldType, ScalarType};
        let kind = ColumnType::Declared(FieldType::Scalar(ScalarType::DateTime));
        (self.entry.sorted_by.time.clone(), kind)
    }

    /// Puts so many of its latest rows together, as if they had been asked for often.
    pub(crate) fn gather_latest(&self, rows: usize) {
        let found = self.find_latest(&self.times(), rows).unwrap();
        let _known = self.latest.found.set(found);
    }

    /// Whether the latest rows were read as a block of their own.
    pub(crate) fn has_read_latest(&self) -> bool {
        let (time, kind) = self.times();
        let source = self.source(&time, kind);
        self.cache.holds(self.entry.id, self.blocks(), &source)
    }
}

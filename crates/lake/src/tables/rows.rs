//! Reading some rows of a block.

use std::collections::BTreeMap;

use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_select::concat::concat;
use arrow_select::take::take;
use model::fields::ColumnType;
use model::names::FieldPath;
use parquet::arrow::arrow_reader::RowSelector;

use super::cache::Cached;
use super::read::TableFile;
use super::size::{bytes_of_column, bytes_of_rows};
use crate::columns::{Form, plain};
use crate::error::{LakeError, Result};

/// Where the cells of some rows of a block are, in the form in which files hold them.
#[derive(Clone, Debug)]
pub(crate) enum Cells {
    /// Among those of the whole block, each at the number of its row.
    Whole(ArrayRef),
    /// By themselves, in the order in which they were asked for.
    Asked(ArrayRef),
}

impl Cells {
    /// What they are in.
    pub(crate) fn array(&self) -> &ArrayRef {
        match self {
            Self::Whole(array) | Self::Asked(array) => array,
        }
    }

    /// The memory that it takes to hold these rows, for which it was asked, and
    /// to put them together in their plain type, in bytes. What is kept of a
    /// whole block is counted where it is kept.
    pub(crate) fn bytes(&self, rows: &UInt32Array) -> usize {
        match self {
            Self::Whole(array) => {
                let rows = rows.values().iter().map(|row| *row as usize);
                bytes_of_rows(array.as_ref(), rows)
            }
            Self::Asked(array) => 2 * bytes_of_column(array),
        }
    }

    /// The cells of these rows, for which it was asked, in their plain type.
    pub(crate) fn plain(&self, rows: &UInt32Array) -> Result<ArrayRef> {
        match self {
            Self::Whole(array) => taken(array, rows),
            Self::Asked(array) => plain(array),
        }
    }
}

impl TableFile {
    /// The columns of some rows of a block, or of the latest behind the last.
    /// What is kept of the block is used; of the others only the pages of these
    /// rows are read the first time, and the whole block the second.
    pub(crate) fn rows(
        &self,
        block: usize,
        rows: &UInt32Array,
        columns: &[(FieldPath, ColumnType)],
        cached: Cached,
    ) -> Result<Vec<Cells>> {
        let held = self.block_rows(block);
        if rows.values().iter().any(|row| *row as usize >= held) {
            return Err(LakeError::Internal(
                "a row is asked for that its block does not hold".to_owned(),
            ));
        }
        if block == self.blocks() {
            let latest = self.latest_cells(columns, cached)?.into_iter();
            return Ok(latest.map(Cells::Whole).collect());
        }
        let mut found = Vec::with_capacity(columns.len());
        let mut lacking = Vec::new();
        for (at, (path, column)) in columns.iter().enumerate() {
            let source = self.source(path, *column);
            let known = self.known(block, *column, &source, cached)?;
            let known = known.map(Cells::Whole);
            if known.is_none() {
                lacking.push(at);
            }
            found.push(known);
        }
        if !lacking.is_empty() {
            let wanted: Vec<_> = lacking.iter().map(|at| columns[*at].clone()).collect();
            // To read a block as a whole takes some times as long as a few of its pages;
            // one that is asked for again is likely to be asked for often.
            const ALONE: usize = 1;
            let read = match self.cache.asked(cached, self.entry.id, block) {
                0..ALONE => self.rows_alone(block, rows, &wanted, cached)?,
                _ => self.rows_of_whole(block, rows, &wanted, cached)?,
            };
            for (at, cells) in lacking.into_iter().zip(read) {
                found[at] = Some(cells);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// The rows, of a block that is read as a whole and kept.
    fn rows_of_whole(
        &self,
        block: usize,
        rows: &UInt32Array,
        columns: &[(FieldPath, ColumnType)],
        cached: Cached,
    ) -> Result<Vec<Cells>> {
        // Those of many blocks may be asked for at once: only the rows are held.
        let whole = self.read(block..block + 1, columns, cached, Form::Encoded)?;
        let whole = whole.iter().flat_map(|batch| batch.columns());
        let cells = |array| Ok(Cells::Asked(taken(array, rows)?));
        whole.map(cells).collect()
    }

    /// The rows, read without what stands between them.
    fn rows_alone(
        &self,
        block: usize,
        rows: &UInt32Array,
        columns: &[(FieldPath, ColumnType)],
        cached: Cached,
    ) -> Result<Vec<Cells>> {
        let mut sorted = rows.values().to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let place = |row: &u32| sorted.partition_point(|other| other < row) as u32;
        let places = UInt32Array::from_iter_values(rows.values().iter().map(place));
        let sources = columns
            .iter()
            .map(|(path, column)| self.source(path, *column));
        let sources: Vec<_> = sources.collect();
        let stored = sources
            .iter()
            .filter_map(|source| self.stored_column(source));
        let mut stored: Vec<usize> = stored.collect();
        stored.sort_unstable();
        stored.dedup();
        let read = self.selected(block, &sorted, &stored, cached)?;
        let columns = columns.iter().zip(&sources);
        let columns = columns.map(|((_, column), source)| {
            Ok(Cells::Asked(taken(
                &self.made(source, *column, &read, 0)?,
                &places,
            )?))
        });
        columns.collect()
    }

    /// Stored columns of rows, whose numbers ascend.
    fn selected(
        &self,
        block: usize,
        rows: &[u32],
        stored: &[usize],
        cached: Cached,
    ) -> Result<BTreeMap<usize, Vec<ArrayRef>>> {
        let mut selection = Vec::new();
        let mut next = 0;
        for run in rows.chunk_by(|a, b| a + 1 == *b) {
            let first = run[0] as usize;
            selection.push(RowSelector::skip(first - next));
            selection.push(RowSelector::select(run.len()));
            next = first + run.len();
        }
        let blocks = block..block + 1;
        let batches = self.reader(&blocks, stored, selection, (rows.len(), cached))?;
        let batches = batches.collect::<Result<Vec<_>, _>>()?;
        let mut read = BTreeMap::new();
        for (number, at) in stored.iter().enumerate() {
            let parts: Vec<&dyn Array> = batches
                .iter()
                .map(|batch| batch.column(number).as_ref())
                .collect();
            let array = match parts.as_slice() {
                [_] => batches[0].column(number).clone(),
                _ => concat(&parts)?,
            };
            if array.len() != rows.len() {
                return Err(LakeError::Internal(
                    "a file of records ended early".to_owned(),
                ));
            }
            read.insert(*at, vec![array]);
        }
        Ok(read)
    }
}

fn taken(column: &ArrayRef, rows: &UInt32Array) -> Result<ArrayRef> {
    plain(&take(column.as_ref(), rows, None)?)
}

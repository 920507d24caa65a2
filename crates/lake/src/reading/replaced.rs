//! Rows of files that younger records replaced.

use std::ops::Range;
use std::sync::Arc;

use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use roaring::RoaringBitmap;

use super::pieces::Opened;
use super::{Shared, homeless};
use crate::columns::Form;
use crate::error::Result;
use crate::snapshot::Snapshot;
use crate::tables::{Cached, FileEntry, TableFile};

impl Shared {
    /// Which rows of a run were replaced by younger records; `None` when none was.
    pub(super) fn replaced(
        &self,
        opened: &Opened,
        block: usize,
        run: Range<usize>,
    ) -> Result<Option<BooleanBuffer>> {
        let numbered = opened.replaced.as_ref().and_then(|rows| {
            let before = opened.file.rows_before(block);
            marked(rows, before + run.start..before + run.end)
        });
        if !opened.hidden {
            return Ok(numbered);
        }
        let rows = replaced_rows(&self.snapshot, &opened.file, block, self.cached)?;
        Ok(either(
            numbered,
            rows.map(|rows| rows.slice(run.start, run.len())),
        ))
    }
}

/// What one or the other marks.
pub(super) fn either(
    one: Option<BooleanBuffer>,
    other: Option<BooleanBuffer>,
) -> Option<BooleanBuffer> {
    match (one, other) {
        (Some(one), Some(other)) => Some(&one | &other),
        (one, other) => one.or(other),
    }
}

/// Whether younger records may replace rows of a file.
pub(super) fn replaces(snapshot: &Snapshot, entry: &FileEntry) -> bool {
    let hidden = &snapshot.stored.hidden;
    !hidden.is_empty()
        && match &entry.isolation {
            Some(range) if entry.sorted_by.isolation == snapshot.isolation => {
                hidden.concerns(&range.min, &range.max)
            }
            _ => true,
        }
}

/// Which rows of a block younger records replace; `None` when they replace none.
fn replaced_rows(
    snapshot: &Snapshot,
    file: &TableFile,
    block: usize,
    cached: Cached,
) -> Result<Option<BooleanBuffer>> {
    let hidden = &snapshot.stored.hidden;
    let (min, max) = file.block_isolation(block);
    if file.sorted_by().isolation == snapshot.isolation && !hidden.concerns(min, max) {
        return Ok(None);
    }
    let columns = hidden.columns(&snapshot.by_columns);
    let batches = file.read(block..block + 1, &columns, cached, Form::Plain)?;
    let rows = batches
        .first()
        .map(|batch| hidden.rows(batch))
        .transpose()?;
    Ok(rows.filter(|rows| rows.count_set_bits() > 0))
}

/// The numbers of all rows of a file that younger records replace and that
/// were not known to be replaced.
pub(crate) fn newly_replaced(
    snapshot: &Snapshot,
    entry: &Arc<FileEntry>,
) -> Result<Option<RoaringBitmap>> {
    if !replaces(snapshot, entry) {
        return Ok(None);
    }
    let home = snapshot.stored.home.as_ref().ok_or_else(homeless)?;
    let file = home.open(entry)?;
    let mut found = RoaringBitmap::new();
    for block in 0..file.blocks() {
        if let Some(rows) = replaced_rows(snapshot, &file, block, Cached::No)? {
            let before = file.rows_before(block);
            let numbers = rows.set_indices().map(|row| u32::try_from(before + row));
            found.extend(numbers.flatten());
        }
    }
    if let Some(known) = &entry.replaced {
        found -= &*known.rows;
    }
    Ok((!found.is_empty()).then_some(found))
}

/// Which rows of a range have their numbers in the set; `None` when none has.
fn marked(numbers: &RoaringBitmap, rows: Range<usize>) -> Option<BooleanBuffer> {
    let number = |row: usize| u32::try_from(row).unwrap_or(u32::MAX);
    let range = number(rows.start)..number(rows.end);
    if numbers.range_cardinality(range.clone()) == 0 {
        return None;
    }
    let mut marks = BooleanBufferBuilder::new(rows.len());
    marks.append_n(rows.len(), false);
    for found in numbers.range(range) {
        marks.set_bit(found as usize - rows.start, true);
    }
    Some(marks.finish())
}

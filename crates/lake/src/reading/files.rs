//! Which parts of a file are to be read.

use std::ops::Range;
use std::sync::Arc;

use model::fields::{ColumnType, FieldType, ScalarType};
use model::filters::Predicate;

use super::hints::{TimeHint, TimeOrder};
use super::pieces::{Given, Opened, Piece};
use super::places::{canonical_keys, may_hold, ranges_of};
use super::replaced::replaces;
use super::{Shared, homeless};
use crate::buffer::leaf_columns;
use crate::error::Result;
use crate::tables::{FileEntry, LATEST_FIRST, Look};

/// What of a file is to be read.
enum Found {
    Nothing,
    /// It is not known, for the file is not open.
    Closed,
    Blocks(Chosen),
}

/// The blocks of a file that may matter.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) opened: Arc<Opened>,
    /// By their customers, in their order.
    pub(super) candidates: Vec<Range<usize>>,
    /// Of these, by their times.
    time: Option<TimeHint>,
}

impl Chosen {
    /// The numbers of those that may matter, in their order.
    fn blocks(&self) -> impl Iterator<Item = usize> {
        let candidates = self.candidates.iter().cloned().flatten();
        candidates.filter(|block| self.has_time(*block))
    }

    /// Whether a block may matter.
    pub(super) fn matters(&self, block: usize) -> bool {
        let at = self.candidates.partition_point(|range| range.end <= block);
        let range = self.candidates.get(at);
        range.is_some_and(|range| range.contains(&block)) && self.has_time(block)
    }

    fn has_time(&self, block: usize) -> bool {
        let times = || self.opened.file.block_time(block);
        self.time.as_ref().is_none_or(|time| time.overlaps(times()))
    }
}

impl Shared {
    /// The pieces of files. Where no cell is asked for, the manifest knows how
    /// many rows a file has, if none of them was removed or replaced: these are
    /// one piece together, and the files need not be opened.
    pub(super) fn pieces_of(&self, files: Vec<Arc<FileEntry>>) -> Vec<Piece> {
        let asks_for_cells = !self.columns.is_empty() || self.later.is_some();
        if asks_for_cells || !self.hints.are_none() {
            return files.into_iter().map(Piece::File).collect();
        }
        let (whole, others) = files
            .into_iter()
            .partition::<Vec<_>, _>(|file| self.has_all_rows(file));
        let rows = whole.iter().map(|file| file.rows).sum::<u64>();
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        let whole = (rows > 0).then_some(Piece::Rows(rows));
        whole
            .into_iter()
            .chain(others.into_iter().map(Piece::File))
            .collect()
    }

    /// Whether no row was removed or replaced since a file was written.
    fn has_all_rows(&self, entry: &FileEntry) -> bool {
        self.removed(entry).is_none()
            && entry.replaced.is_none()
            && !replaces(&self.snapshot, entry)
    }

    /// Finds out which parts of a file are to be read.
    pub(super) fn file(&self, entry: &Arc<FileEntry>) -> Result<Vec<Piece>> {
        let parts = self.parts(entry, Look::OnDisk);
        parts.map(Option::unwrap_or_default)
    }

    /// The same where it may be looked for it; `None` when a file that is not
    /// open would have to be.
    pub(super) fn parts(&self, entry: &Arc<FileEntry>, look: Look) -> Result<Option<Vec<Piece>>> {
        let chosen = match self.chosen(entry, look)? {
            Found::Nothing => return Ok(Some(Vec::new())),
            Found::Closed => return Ok(None),
            Found::Blocks(chosen) => chosen,
        };
        let opened = &chosen.opened;
        let (file, columns) = (&opened.file, &opened.columns);
        let ranges = ranges_of(chosen.blocks(), file, columns, self.bytes_at_once);
        let parts = ranges
            .into_iter()
            .map(|range| Piece::Blocks(opened.clone(), range));
        Ok(Some(parts.collect()))
    }

    /// The blocks of a file that may matter, if there may be some.
    pub(super) fn chosen_of(&self, entry: &Arc<FileEntry>) -> Result<Option<Chosen>> {
        Ok(match self.chosen(entry, Look::OnDisk)? {
            Found::Blocks(chosen) => Some(chosen),
            Found::Nothing | Found::Closed => None,
        })
    }

    /// The latest rows of a file in one piece, where they come first in the order, are of all
    /// customers and times and were put together; from then on the file has the others alone.
    pub(super) fn take_latest(
        &self,
        chosen: &mut Chosen,
        order: &TimeOrder,
    ) -> Result<Option<Piece>> {
        const TIME: ColumnType = ColumnType::Declared(FieldType::Scalar(ScalarType::DateTime));
        let all = chosen.opened.clone();
        let is_whole = all.keys.is_none() && chosen.time.is_none();
        // Which rows were replaced is known by their places.
        let is_left = all.replaced.is_none() && !all.hidden;
        let is_first = order.by == LATEST_FIRST && all.file.sorted_by().time == order.field;
        let mut columns = all.columns.iter();
        let column = columns.position(|(path, kind)| *path == order.field && *kind == TIME);
        let Some(column) = column.filter(|_| is_whole && is_left && is_first) else {
            return Ok(None);
        };
        let Some(after) = all.file.latest_after(&all.columns[column], self.cached)? else {
            return Ok(None);
        };
        chosen.opened = Arc::new(Opened {
            given: Some(Given { column, after }),
            ..Opened::clone(&all)
        });
        let behind = all.file.blocks();
        Ok(Some(Piece::Blocks(all, behind..behind + 1)))
    }

    fn chosen(&self, entry: &Arc<FileEntry>, look: Look) -> Result<Found> {
        let isolation = entry.sorted_by.isolation.clone();
        let keys = self.hints.customers(isolation.as_ref());
        let keys = keys.map(canonical_keys);
        if let (Some(keys), Some(range)) = (&keys, &entry.isolation)
            && !may_hold(range, keys)
        {
            return Ok(Found::Nothing);
        }
        let time = self.hints.time.clone();
        let time = time.filter(|time| time.field == entry.sorted_by.time);
        if time.as_ref().is_some_and(|time| !time.overlaps(entry.time)) {
            return Ok(Found::Nothing);
        }
        let home = self.snapshot.stored.home.as_ref().ok_or_else(homeless)?;
        let file = match look {
            Look::OnDisk => home.open(entry)?,
            Look::InMemory => match home.known(entry) {
                Some(file) => file,
                None => return Ok(Found::Closed),
            },
        };
        let removed = self.removed(entry);
        let mut columns = self.columns.clone();
        if let Some(removed) = &removed {
            for column in leaf_columns(removed) {
                if !columns.contains(&column) {
                    columns.push(column);
                }
            }
        }
        let candidates = file.candidates(keys.as_deref(), look)?;
        if candidates.is_empty() {
            return Ok(Found::Nothing);
        }
        let opened = Arc::new(Opened {
            file,
            keys,
            isolation,
            removed,
            replaced: entry.replaced.as_ref().map(|r| r.rows.clone()),
            hidden: replaces(&self.snapshot, entry),
            columns,
            given: None,
        });
        Ok(Found::Blocks(Chosen {
            opened,
            candidates,
            time,
        }))
    }

    /// The rows that were removed since the file was written. Removals that
    /// concern none of its customers are left out.
    fn removed(&self, entry: &FileEntry) -> Option<Predicate> {
        let removals = self.snapshot.stored.removals.iter();
        let due = removals.filter(|removal| removal.is_due(entry));
        let due: Vec<_> = due
            .map(|removal| removal.predicate(&self.snapshot.by_columns))
            .collect();
        (!due.is_empty()).then_some(Predicate::Any(due))
    }
}

#[cfg(test)]
mod tests;

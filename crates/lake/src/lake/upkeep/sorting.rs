//! Rows that lie in another order than their pool's are sorted before they
//! are merged with others.
//!
//! The memory is that of one part of the rows, and of a few batches of each
//! of a bounded number of parts. A part that is sorted is set aside in files
//! that no manifest names: they go with whoever reads them, and whatever a
//! crash leaves of them is taken away at the restart.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::RecordBatch;
use model::ids::PoolId;

use super::Lake;
use super::merge::rows_of;
use crate::error::Result;
use crate::journal::Position;
use crate::manifest::Removal;
use crate::snapshot::{FileView, Snapshot};
use crate::tables::{Batches, FileEntry, Plan, Tables, bytes_of, discard, merge, sort};
use crate::upserts::Hidden;

/// Parts that are merged at once.
pub(super) const PARTS_MAX: usize = 16;

/// How much fewer rows than others the blocks of a part have: blocks of many
/// parts are in memory at once.
const SMALLER_BLOCKS: usize = 8;

/// Bytes that a row takes while it is sorted, beside its own: its key and its place.
const ROW_BYTES: usize = 96;

/// Sorts the rows of files of a pool.
#[derive(Debug)]
pub(super) struct Sorting<'a> {
    lake: &'a Lake,
    pool: PoolId,
    /// What the rows are of, without what is to be left out of them: whoever
    /// reads them has left it out.
    snapshot: Snapshot,
    plan: Plan,
    cleaned: Position,
    /// Bytes of what is read of a part, in memory at once.
    bytes: usize,
}

impl<'a> Sorting<'a> {
    /// For rows of a pool's snapshot that are to be in the order of the plan,
    /// where each input may have so many bytes in memory.
    pub(super) fn new(
        lake: &'a Lake,
        (pool, snapshot): (PoolId, &Snapshot),
        plan: &Plan,
        cleaned: Position,
        bytes: usize,
    ) -> Self {
        let stored = FileView {
            files: Arc::default(),
            removals: Arc::<Vec<Arc<Removal>>>::default(),
            hidden: Hidden::default(),
            home: snapshot.stored.home.clone(),
        };
        Self {
            lake,
            pool,
            snapshot: Snapshot {
                segments: Vec::new(),
                stored,
                ..snapshot.clone()
            },
            plan: Plan {
                shredded: Vec::new().into(),
                filter: false,
                apart: false,
                block_rows: (plan.block_rows / SMALLER_BLOCKS).max(1),
                ..plan.clone()
            },
            cleaned,
            bytes,
        }
    }

    /// The rows as inputs of a merge, each in order: a bounded number of them.
    /// What was set aside goes when they are read or given up.
    pub(super) fn inputs(&self, rows: Batches) -> Result<Vec<Batches>> {
        let mut gathering = Gathering::new(rows, self.lake.upkeep.options.sort_bytes);
        let (mut parts, mut inputs) = (VecDeque::new(), Vec::new());
        loop {
            let part = gathering.part()?;
            let Plan {
                layout, sorted_by, ..
            } = &self.plan;
            let sorted = sort(part, layout, sorted_by, self.plan.block_rows)?;
            if gathering.is_done() {
                // What comes last may stay in memory: often it is all there is.
                inputs.push(sorted);
                break;
            }
            parts.push_back(self.set_aside(sorted)?);
        }
        while parts.len() > PARTS_MAX {
            let some: Vec<_> = parts.drain(..PARTS_MAX).collect();
            let some = some.into_iter().map(|part| self.rows(part)).collect();
            let merged = merge(
                some,
                &self.plan.layout,
                &self.plan.sorted_by,
                self.plan.block_rows,
            )?;
            parts.push_back(self.set_aside(merged)?);
        }
        inputs.extend(parts.into_iter().map(|part| self.rows(part)));
        Ok(inputs)
    }

    fn set_aside(&self, rows: Batches) -> Result<Part> {
        let plan = self.plan.clone();
        let files = self.lake.set_aside(self.pool, plan, rows, self.cleaned)?;
        Ok(Part {
            tables: self.lake.tables.clone(),
            pool: self.pool,
            files: files.into_iter().map(Arc::new).collect(),
        })
    }

    fn rows(&self, part: Part) -> Batches {
        let rows = rows_of(&self.snapshot, part.files.clone(), self.bytes);
        Box::new(Reading { rows, _part: part })
    }
}

/// Rows in batches, gathered to parts that are sorted at once.
struct Gathering {
    rows: Batches,
    /// The first of the next part.
    next: Option<RecordBatch>,
    /// Bytes of a part, at most, unless one batch has more.
    bytes: usize,
}

impl Gathering {
    fn new(rows: Batches, bytes: usize) -> Self {
        Self {
            rows,
            next: None,
            bytes,
        }
    }

    /// The batches of the next part; none when there are no more rows.
    fn part(&mut self) -> Result<Vec<RecordBatch>> {
        let (mut part, mut held) = (Vec::new(), 0);
        loop {
            let batch = match self.next.take() {
                Some(batch) => batch,
                None => match self.rows.next() {
                    Some(batch) => batch?,
                    None => return Ok(part),
                },
            };
            let bytes = bytes_of(&batch) + batch.num_rows() * ROW_BYTES;
            if !part.is_empty() && held + bytes > self.bytes {
                self.next = Some(batch);
                return Ok(part);
            }
            if batch.num_rows() > 0 {
                held += bytes;
                part.push(batch);
            }
        }
    }

    /// Whether the part before was the last.
    fn is_done(&self) -> bool {
        self.next.is_none()
    }
}

/// Rows in order, in files that no manifest names; taken away when nobody
/// needs them.
#[derive(Debug)]
struct Part {
    tables: Arc<Tables>,
    pool: PoolId,
    files: Vec<Arc<FileEntry>>,
}

impl Drop for Part {
    fn drop(&mut self) {
        let files: Vec<_> = self.files.iter().map(|file| file.id).collect();
        self.tables.forget(&files);
        let directory = self.tables.directory(self.pool);
        for id in files {
            if let Err(error) = discard(self.tables.disk().as_ref(), &directory, id) {
                // The next start takes it away.
                tracing::warn!(%error, "a file of records that are being sorted stays on the disk");
            }
        }
    }
}

/// The rows of a part, which goes after them.
struct Reading {
    rows: Batches,
    _part: Part,
}

impl Iterator for Reading {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next()
    }
}

#[cfg(test)]
mod tests;

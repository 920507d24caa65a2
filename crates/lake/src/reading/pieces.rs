//! The parts in which a snapshot is read.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, RecordBatch};
use arrow_buffer::BooleanBuffer;
use model::fields::ColumnType;
use model::filters::Predicate;
use model::names::FieldPath;
use roaring::RoaringBitmap;

use crate::buffer::Segment;
use crate::error::{LakeError, Result};
use crate::tables::{FileEntry, TableFile};

/// A part of a snapshot that is read at once.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Memory(Arc<Segment>),
    File(Arc<FileEntry>),
    Blocks(Arc<Opened>, Range<usize>),
    /// So many rows of files, all of which are there, and of which no cell is asked for.
    Rows(usize),
}

impl Piece {
    /// The rows to look at, hidden ones among them: those of which no cell is
    /// asked for are none.
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Memory(segment) => segment.rows(),
            Self::File(entry) => usize::try_from(entry.rows).unwrap_or(usize::MAX),
            Self::Blocks(opened, blocks) => {
                let rows = blocks.clone().map(|block| opened.file.block_rows(block));
                rows.sum()
            }
            Self::Rows(_) => 0,
        }
    }
}

/// A file that is being read.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) file: Arc<TableFile>,
    /// The canonical keys that matter, when the file is sorted by them.
    pub(super) keys: Option<Arc<[Box<[u8]>]>>,
    /// The column that its customers are told apart by.
    pub(super) isolation: Option<FieldPath>,
    /// The rows that were removed since it was written.
    pub(super) removed: Option<Predicate>,
    /// The numbers of rows that were replaced since.
    pub(super) replaced: Option<Arc<RoaringBitmap>>,
    /// Whether younger records may replace rows whose numbers are not known yet.
    pub(super) hidden: bool,
    /// What is read: what is asked for, and what the removals test.
    pub(super) columns: Vec<(FieldPath, ColumnType)>,
    /// The rows that are read before its blocks are.
    pub(super) given: Option<Given>,
}

/// The rows of a file that are read before all others: those after a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given {
    /// The column of times among those that are read.
    pub(super) column: usize,
    pub(super) after: i64,
}

impl Given {
    /// Which rows they are.
    pub(super) fn rows(self, batch: &RecordBatch) -> Result<BooleanBuffer> {
        let times = batch
            .column(self.column)
            .as_primitive_opt::<TimestampMicrosecondType>();
        let times = times.ok_or_else(|| LakeError::Internal("times are no times".to_owned()))?;
        let is = |row| times.is_valid(row) && times.value(row) > self.after;
        Ok(BooleanBuffer::collect_bool(times.len(), is))
    }
}

//! The parts in which a snapshot is read.

use std::ops::Range;
use std::sync::Arc;

use model::fields::ColumnType;
use model::filters::Predicate;
use model::names::FieldPath;
use roaring::RoaringBitmap;

use crate::buffer::Segment;
use crate::tables::{FileEntry, TableFile, TimeRange};

/// A part of a snapshot that is read at once.
#[derive(Debug)]
pub(super) enum Piece {
    Memory(Arc<Segment>),
    File(Arc<FileEntry>),
    Blocks(Arc<Opened>, Range<usize>),
}

impl Piece {
    /// The rows to look at, hidden ones among them.
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Memory(segment) => segment.rows(),
            Self::File(entry) => usize::try_from(entry.rows).unwrap_or(usize::MAX),
            Self::Blocks(opened, blocks) => {
                let rows = blocks.clone().map(|block| opened.file.block_rows(block));
                rows.sum()
            }
        }
    }

    /// The times of its rows in a column, if the file is ordered by it; `None` where nothing is known.
    pub(super) fn times(&self, field: &FieldPath) -> Option<TimeRange> {
        let Self::Blocks(opened, blocks) = self else {
            return None;
        };
        if opened.file.sorted_by().time != *field {
            return None;
        }
        let mut times = blocks.clone().map(|block| opened.file.block_time(block));
        let first = times.next()??;
        times.try_fold(first, |all, block| {
            let block = block?;
            Some(TimeRange {
                min: all.min.min(block.min),
                max: all.max.max(block.max),
                missing: all.missing || block.missing,
            })
        })
    }
}

/// A file that is being read.
#[derive(Debug)]
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
}

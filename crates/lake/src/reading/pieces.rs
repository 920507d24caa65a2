//! The parts in which a snapshot is read.

use std::ops::Range;
use std::sync::Arc;

use model::fields::ColumnType;
use model::filters::Predicate;
use model::names::FieldPath;
use roaring::RoaringBitmap;

use crate::buffer::Segment;
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

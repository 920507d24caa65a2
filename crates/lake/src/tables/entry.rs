//! What the manifest knows of a file.

use std::fmt;
use std::sync::{Arc, Weak};

use model::ids::RawId;
use model::names::FieldPath;
use model::pools::Pool;
use model::time::Timestamp;
use roaring::RoaringBitmap;

use crate::journal::Position;

/// Names a file for ever; never given twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FileId(pub(crate) RawId);

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The order of the rows of a file: by the canonical form of the isolation
/// field, then by the time field, then by `_id`; missing values come first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SortedBy {
    /// The column of the field that tells customers apart, when the pool has one.
    pub(crate) isolation: Option<FieldPath>,
    /// The column of the field that orders records in time.
    pub(crate) time: FieldPath,
}

impl SortedBy {
    /// The order of the files of a pool whose customers this column tells apart.
    pub(crate) fn of(pool: &Pool, isolation: Option<&FieldPath>) -> Self {
        Self {
            isolation: isolation.cloned(),
            time: pool.draft.schema.column_path(&pool.time_field()),
        }
    }
}

/// The least and the greatest isolation value, in canonical form, of all rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyRange {
    /// The least; a row without a value counts as the canonical null.
    pub(crate) min: Box<[u8]>,
    /// The greatest.
    pub(crate) max: Box<[u8]>,
}

/// The first and the last time of the rows that have one, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeRange {
    /// The first.
    pub(crate) min: i64,
    /// The last.
    pub(crate) max: i64,
    /// Whether some rows have none.
    pub(crate) missing: bool,
}

/// The file beside a file of records: checksums of its parts, and the ranges of its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexEntry {
    /// Its length.
    pub(crate) bytes: u64,
    /// Its SHA-256.
    pub(crate) digest: [u8; 32],
}

/// Held by everybody who may still read a file: all copies of its entry share
/// it, and the file is not taken from the disk before the last has gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lease(Arc<()>);

impl PartialEq for Lease {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Lease {}

/// Tells whether somebody holds a lease.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leased(Weak<()>);

impl PartialEq for Leased {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Leased {
    /// Whether somebody may still read the file.
    pub(crate) fn is_held(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl Lease {
    /// What tells whether somebody holds this lease.
    pub(crate) fn watch(&self) -> Leased {
        Leased(Arc::downgrade(&self.0))
    }
}

/// Rows of a file that younger records replaced.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Replaced {
    /// Their numbers, from 0.
    pub(crate) rows: Arc<RoaringBitmap>,
    /// Since when there are some.
    pub(crate) since: Timestamp,
}

impl Eq for Replaced {}

/// What the manifest knows of one file of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileEntry {
    /// Its name.
    pub(crate) id: FileId,
    /// How often its records were merged.
    pub(crate) level: u8,
    /// The files of one run do not overlap in the isolation field.
    pub(crate) run: u64,
    /// Rows.
    pub(crate) rows: u64,
    /// Its length.
    pub(crate) bytes: u64,
    /// Its SHA-256.
    pub(crate) digest: [u8; 32],
    /// The index beside it.
    pub(crate) index: IndexEntry,
    /// The order of its rows.
    pub(crate) sorted_by: SortedBy,
    /// The isolation values of its rows, when it is sorted by them.
    pub(crate) isolation: Option<KeyRange>,
    /// The times of its rows; `None` when no row has one.
    pub(crate) time: Option<TimeRange>,
    /// Removals up to here are carried out in it; later ones apply to its rows.
    pub(crate) cleaned: Position,
    /// Rows that were replaced since it was written.
    pub(crate) replaced: Option<Replaced>,
    /// Held while somebody may read the file.
    pub(crate) lease: Lease,
}

//! The records of a pool at one moment: those in memory and those in files.

use std::sync::Arc;

use model::names::FieldPath;
use model::pools::Schema;

use crate::buffer::Segment;
use crate::columns::Layout;
use crate::manifest::Removal;
use crate::tables::{FileEntry, PoolFiles};
use crate::upserts::Hidden;

/// The records of one pool at one moment. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// The fields of the pool.
    pub(crate) schema: Schema,
    /// The columns of the records.
    pub(crate) layout: Arc<Layout>,
    /// The field that tells customers apart.
    pub(crate) isolation: Option<FieldPath>,
    /// The records in memory.
    pub(crate) segments: Vec<Arc<Segment>>,
    /// The records in files.
    pub(crate) stored: FileView,
}

/// Records in files, and what was removed from them since.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileView {
    /// The files.
    pub(crate) files: Arc<Vec<Arc<FileEntry>>>,
    /// What was removed.
    pub(crate) removals: Arc<Vec<Arc<Removal>>>,
    /// The keys whose rows are replaced by younger records.
    pub(crate) hidden: Hidden,
    /// Where the files are; a pool without files needs none.
    pub(crate) home: Option<Arc<PoolFiles>>,
}

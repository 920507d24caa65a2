//! Immutable files of records: what the manifest says of each, how they are
//! written, and how they are read.

mod entry;

pub(crate) use entry::{FileEntry, FileId, IndexEntry, KeyRange, SortedBy, TimeRange};

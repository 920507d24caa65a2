//! Immutable files of records: what the manifest says of each, how they are
//! written, and how they are read.

mod by_time;
mod cache;
mod customers;
mod entry;
mod footprint;
mod handles;
mod home;
mod index;
mod known;
mod latest;
mod list;
mod names;
mod open;
mod order;
mod pages;
mod read;
mod rows;
mod shred;
mod sink;
mod size;
mod types;
mod verified;
mod verify;
mod write;

pub(crate) use by_time::{ByTime, Place};
pub(crate) use cache::Cached;
#[cfg(test)]
pub(crate) use cache::Confuses;
pub(crate) use customers::Look;
pub(crate) use entry::{
    FileEntry, FileId, IndexEntry, KeyRange, Lease, Leased, Replaced, SortedBy, TimeRange,
};
pub(crate) use home::{OPEN_MAX, PoolFiles, Tables};
pub(crate) use latest::LATEST_FIRST;
pub(crate) use list::{Asked, FileList};
pub(crate) use names::{ASIDE, Part, commit_names, discard, parse_name, path_of, records_name};
pub(crate) use order::{Batches, merge, sort};
pub(crate) use read::TableFile;
pub(crate) use rows::Cells;
pub(crate) use shred::frequent_fields;
pub(crate) use size::bytes_of;
pub(crate) use types::batch_of;
pub(crate) use verify::Verification;
pub(crate) use write::{Plan, TableWriter, column_of};

use std::ops::Range;

/// Rows of a block, at most: what is read and kept at once, and what has a
/// range of customers and of times in the index.
pub(crate) const BLOCK_ROWS: usize = 8_192;

/// Bytes of a block from which on it ends before it has so many rows. A
/// column's offsets reach 2 GiB, and 8,192 records may have 8 GiB.
pub(crate) const BLOCK_BYTES: usize = 16 << 20;

/// Blocks of a row group, which share a dictionary of each column.
pub(crate) const ROW_GROUP_BLOCKS: usize = 16;

/// Bytes of such a dictionary from which on the blocks that come hold their values themselves.
pub(crate) const DICTIONARY_BYTES: usize = 1 << 20;

/// Where arrays stand among canonical keys: a filter may mean any element.
pub(crate) const ARRAYS: Range<&[u8]> = &[0x70]..&[0x71];

#[cfg(test)]
pub(crate) mod tests;

//! A Delta Lake log beside each pool's files, so that any Delta reader opens a
//! pool as a table.
//!
//! It is a copy and never the source of truth: nothing of the lake reads it
//! but [`publish`], and it may be moved away at any time, to be made anew.
//!
//! | what | how |
//! | --- | --- |
//! | protocol | reader 1, writer 2: no table feature, no column mapping, no partitions |
//! | commit | `_delta_log/<version>.json`, under a name that no file had; its first line holds a digest of the rest and one of itself, so that a torn or foreign one is told |
//! | checkpoint | `<version>.checkpoint.parquet`, every [`CHECKPOINT_EVERY`] versions, named by `_last_checkpoint` |
//! | cleaning | what is older than the last two checkpoints is removed |
//!
//! The format is that of the Delta transaction log protocol
//! (`PROTOCOL.md` of the repository `delta-io/delta`).

mod checkpoint;
mod columns;
mod commit;
mod error;
mod log;
mod state;
mod table;
mod verify;

#[cfg(test)]
mod tests;

use std::path::Path;

use model::ids::PoolId;
use model::time::Timestamp;

use crate::disk::Disk;

pub(crate) use error::PublishError;
pub(crate) use log::DIRECTORY;
pub(crate) use table::{PublishedFile, PublishedTable};

use commit::Commit;
use log::Log;
use table::Metadata;

/// A checkpoint is written when this many versions came after the last one.
const CHECKPOINT_EVERY: u64 = 10;

/// How long a checkpoint remembers a removed file: the protocol's default of a week.
const TOMBSTONE_MILLISECONDS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Makes the log in `directory` say that the table consists of the `live` files; answers the
/// version that it wrote, or `None` if the log said so already.
///
/// On return the version is on stable storage. Every file in `live` must be before the call, and
/// a file that is no longer in `live` may be deleted only after it: then no reader of the newest
/// version ever meets a missing file. A version holds only the differences to the one before.
///
/// There is one writer: the process that holds the lock of the data directory, one call at a time
/// for each pool. Should there be another one all the same, each version is of one of them, and
/// whoever comes too late is told.
///
/// After a power cut or an error at any point, calling again continues.
///
/// # Errors
/// [`PublishError::Damaged`] when the log is not what this function wrote: torn, empty, foreign
/// or with a gap. It is never taken for an empty log, and nothing is changed.
/// [`PublishError::Taken`] when another writer made the version meanwhile; it stays as it is.
/// [`PublishError::Unpublishable`] when Delta Lake has no table of this form.
/// [`PublishError::Disk`] when the disk refuses; the version may or may not be written.
pub(crate) fn publish(
    disk: &dyn Disk,
    directory: &Path,
    table: &PublishedTable<'_>,
    live: &[PublishedFile],
    now: Timestamp,
) -> Result<Option<u64>, PublishError> {
    let metadata = Metadata::of(table)?;
    let files = table::files_by_name(live)?;
    let mut log = Log::open(disk, directory)?;
    log.sweep()?;
    let mut found = log.load(&metadata.id)?;
    let commit = Commit::between(found.state.as_ref(), metadata, files, now);
    let written = commit.as_ref().map(|commit| commit.version);
    if let Some(commit) = commit {
        log.write_commit(&commit)?;
        found.follow(commit);
    }
    if let Some(state) = &found.state {
        let since = found.checkpoint.as_ref().map_or(0, |last| last.version);
        if state.version - since >= CHECKPOINT_EVERY {
            found.checkpoint = Some(log.write_checkpoint(state, now)?);
        }
    }
    if let Some(checkpoint) = &found.checkpoint {
        log.name_checkpoint(checkpoint)?;
        log.clean()?;
    }
    Ok(written)
}

/// The names of the files that the newest version in `directory` is made of; `None` when there
/// is no version. Nothing is changed.
///
/// # Errors
/// As [`publish`]: a log that is not wholly ours, or not that of the pool, is not read.
pub(crate) fn named(
    disk: &dyn Disk,
    directory: &Path,
    pool: PoolId,
) -> Result<Option<Vec<String>>, PublishError> {
    let Some(log) = Log::find(disk, directory)? else {
        return Ok(None);
    };
    let found = log.load(&table::table_id(pool))?;
    Ok(found.state.map(|state| state.files.into_keys().collect()))
}

/// Reads every file of the log of a pool, older versions as well, and compares with each other what
/// they say. Nothing is changed.
///
/// # Errors
/// [`PublishError::Damaged`] names a file of which a reader may see something else than what was
/// written.
pub(crate) fn verify(disk: &dyn Disk, directory: &Path, pool: PoolId) -> Result<(), PublishError> {
    match Log::find(disk, directory)? {
        Some(log) => log.verify(&table::table_id(pool)),
        None => Ok(()),
    }
}

/// Takes the log away, as when its pool is dropped. On return no version is left, also after a
/// power cut; what is foreign in the log's directory stays where it is.
///
/// # Errors
/// [`PublishError::Disk`] when the disk refuses; calling again continues.
pub(crate) fn withdraw(disk: &dyn Disk, directory: &Path) -> Result<(), PublishError> {
    Log::withdraw(disk, directory)
}

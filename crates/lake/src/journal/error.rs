//! Every way in which the journal refuses or stops.

use std::path::{Path, PathBuf};

use super::{Position, format};
use crate::disk::DiskError;

fn within(file: Option<&Path>) -> String {
    file.map_or_else(String::new, |file| format!(" in {}", file.display()))
}

/// Why the journal refused or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The queue is full; the operation is not stored.
    #[error("too many operations wait for the disk; try again later")]
    Busy,
    /// The disk has no room for a new segment; the operation is not stored.
    #[error("the disk is full; free space and try again")]
    Full,
    /// The record is larger than the journal accepts; the operation is not stored.
    #[error(
        "a record of {bytes} bytes is larger than the limit of {limit} bytes; send less at once"
    )]
    Oversized {
        /// Its size.
        bytes: usize,
        /// The largest size that is accepted.
        limit: usize,
    },
    /// The journal is closed or has failed. An operation that was under way when it failed may
    /// or may not be stored; the log tells after the restart.
    #[error("the journal has stopped")]
    Stopped,
    /// The journal's thread ended by a programming error.
    #[error("the journal thread ended by a programming error")]
    Panicked,
    /// Bytes that were once durable are not what they were.
    #[error(
        "journal segment {} is damaged at byte {offset}: {detail}; nothing was changed; \
         restore the journal directory from a backup",
        .file.display()
    )]
    Damaged {
        /// The damaged file.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What was found.
        detail: String,
    },
    /// A segment that is still needed is not there.
    #[error(
        "journal segment {} is missing; nothing was changed; put it back or restore the \
         journal directory from a backup",
        .file.display()
    )]
    Missing {
        /// The file that should be there.
        file: PathBuf,
    },
    /// A file that is not this journal's.
    #[error(
        "{} is not part of this journal; nothing was changed; move it out of the journal directory",
        .file.display()
    )]
    Foreign {
        /// The file.
        file: PathBuf,
    },
    /// A journal of a later release.
    #[error(
        "{} has journal format version {version}, this program reads up to version {}; nothing \
         was changed; start the newer release that wrote it",
        .file.display(), format::VERSION
    )]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its format version.
        version: u32,
    },
    /// A payload that the state machine cannot read.
    #[error(
        "the journal record at position {position}{} cannot be replayed: {reason}; nothing was \
         changed; if a newer release wrote it, start that one, else restore the journal directory \
         from a backup",
        within(.file.as_deref())
    )]
    Unreadable {
        /// Its segment, once the journal has said which.
        file: Option<PathBuf>,
        /// Its position.
        position: Position,
        /// Why not.
        reason: String,
    },
    /// Another process has this journal open.
    #[error("the journal in {} is in use by another process; stop that one first", .directory.display())]
    InUse {
        /// The journal's directory.
        directory: PathBuf,
    },
    /// Options that contradict each other.
    #[error("{0}")]
    Options(&'static str),
    /// The operating system gave no thread.
    #[error("cannot start the journal thread: {0}")]
    Thread(std::io::Error),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

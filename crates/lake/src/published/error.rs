//! Why a pool cannot be published.

use std::path::{Path, PathBuf};

use crate::disk::DiskError;

/// A failure of [`publish`](super::publish). None of them touches the pool itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A file of the log is not what was written.
    #[error(
        "{} {what}; nothing was changed. The log is a copy: move {} away, and it is published anew",
        .file.display(),
        .log.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it, as the rest of a sentence.
        what: String,
        /// The directory of the log.
        log: PathBuf,
    },
    /// Somebody else made the version meanwhile.
    #[error(
        "{} was made by somebody else while it was written here, and stays as it is;          see that no other program writes to this directory",
        .0.display()
    )]
    Taken(PathBuf),
    /// Delta Lake has no table of this form.
    #[error("the pool {pool} cannot be published as a Delta table: {rule}")]
    Unpublishable {
        /// The name of the pool.
        pool: String,
        /// The rule, the field and the remedy.
        rule: String,
    },
    /// Something that cannot be, was.
    #[error("the Delta log cannot be written: {0}")]
    Internal(String),
}

impl PublishError {
    /// The file `name` in the log's directory is not what was written.
    pub(super) fn damaged(log: &Path, name: &str, what: impl Into<String>) -> Self {
        Self::Damaged {
            file: log.join(name),
            what: what.into(),
            log: log.to_owned(),
        }
    }

    /// A failure of the Arrow or Parquet library to encode what it was given.
    pub(super) fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }
}

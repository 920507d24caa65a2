//! What can go wrong in the lake. None of these texts reaches a caller.

use std::path::{Path, PathBuf};

use datafusion_common::DataFusionError;
use model::ids::PoolId;
use parquet::errors::ParquetError;

use crate::disk::DiskError;
use crate::journal::JournalError;
use crate::uniqueness::TokenStoreError;

/// A failure of the lake.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The journal failed or refused.
    #[error("journal: {0}")]
    Journal(#[from] JournalError),
    /// The records held in memory have reached their bound.
    #[error("the buffer holds {held} bytes of at most {bound}")]
    BufferFull {
        /// Bytes held.
        held: u64,
        /// The bound.
        bound: u64,
    },
    /// A pool whose records cannot go to files has its share of the memory for records.
    #[error(
        "the records of the pool {pool} cannot go to files, because one of its files cannot be \
         read, and hold {held} bytes of at most {bound}; the log and tidegate check name the file \
         and say what to do"
    )]
    PoolStuck {
        /// The pool.
        pool: PoolId,
        /// Bytes held.
        held: u64,
        /// The bound.
        bound: u64,
    },
    /// The answers kept under idempotency keys have reached their bound.
    #[error(
        "the answers under idempotency keys take {held} bytes of at most {bound}; send again \
         when older ones are 24 hours old, or without a key"
    )]
    AnswersFull {
        /// Bytes held.
        held: u64,
        /// The bound.
        bound: u64,
    },
    /// The tokens of uniqueness held in memory have reached their bound.
    #[error("{held} tokens of at most {bound} wait for their store")]
    TokensFull {
        /// Tokens held.
        held: usize,
        /// The bound.
        bound: usize,
    },
    /// The store of tokens failed.
    #[error("the store of tokens: {0}")]
    Tokens(#[from] TokenStoreError),
    /// An idempotency key came with another body.
    #[error("the idempotency key was used with another body")]
    IdempotencyMismatch,
    /// The process has as many files open as it may.
    #[error(
        "as many files are open as may be; allow the process more, with ulimit -n or LimitNOFILE"
    )]
    OutOfFiles,
    /// More questions are running and waiting than may.
    #[error("too many questions at once")]
    Busy,
    /// A question ran out of its memory or row budget.
    #[error("{0}")]
    LimitExceeded(String),
    /// A question ran longer than it may.
    #[error("the question took longer than {} s", .0.as_secs())]
    Deadline(std::time::Duration),
    /// The run-time check refused a plan. This is a fault of the planner.
    #[error("the plan check refused a plan: {0}")]
    PlanRefused(String),
    /// The query engine failed.
    #[error("engine: {0}")]
    Engine(Box<DataFusionError>),
    /// The disk refused.
    #[error("disk: {0}")]
    Disk(#[from] DiskError),
    /// A file is not what was written.
    #[error("{} is damaged: {detail}; restore it from a backup", .file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// In what way.
        detail: String,
    },
    /// The disk did not give the bytes of a file. That may pass.
    #[error(
        "{source}; look at the disk, and at what the machine's log says of it: what needs the file \
         works again as soon as it can be read; if it stays so, put the file back from a backup, \
         on a sound disk"
    )]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the disk said.
        source: DiskError,
    },
    /// A file was written by a later version.
    #[error(
        "{} is of format version {version}, which a later version of the server wrote; \
         run that version", .file.display()
    )]
    NewerFile {
        /// The file.
        file: PathBuf,
        /// Its version.
        version: u32,
    },
    /// A pool's files are as they should be, and its Delta log does not say so.
    #[error("the pool {pool} was not published: {reason}")]
    Unpublished {
        /// The pool.
        pool: PoolId,
        /// Why not, and what to do.
        reason: String,
    },
    /// Something that cannot be, was.
    #[error("{0}")]
    Internal(String),
}

impl From<DataFusionError> for LakeError {
    fn from(error: DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::External(own) if let Some(Self::LimitExceeded(text)) = own.downcast_ref() => Self::LimitExceeded(text.clone()),
            DataFusionError::External(own) if let Some(Self::OutOfFiles) = own.downcast_ref() => Self::OutOfFiles,
            DataFusionError::ResourcesExhausted(_) => Self::LimitExceeded(
                "the question needs more memory than one question may use; ask for fewer groups or rows"
                    .to_owned(),
            ),
            _ => Self::Engine(Box::new(error)),
        }
    }
}

impl LakeError {
    /// Whether a file of records cannot be read as it is.
    pub fn is_of_a_file(&self) -> bool {
        self.file().is_some()
    }

    /// The file of records that cannot be read, where [`Self::is_of_a_file`].
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Damaged { file, .. }
            | Self::Unreadable { file, .. }
            | Self::NewerFile { file, .. } => Some(file),
            _ => None,
        }
    }

    /// Whether that may pass without anybody putting the file back.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Unreadable { .. })
    }

    /// What went through a library, and perhaps through its reader of bytes, as it was.
    fn returned(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        let error = match error.downcast::<std::io::Error>() {
            Ok(error) if error.get_ref().is_some() => match error.into_inner() {
                Some(inner) => inner,
                None => return Self::Internal("a read failed".to_owned()),
            },
            Ok(error) => error,
            Err(error) => error,
        };
        match error.downcast::<Self>() {
            Ok(own) => *own,
            Err(other) => Self::Internal(other.to_string()),
        }
    }
}

impl From<arrow_schema::ArrowError> for LakeError {
    fn from(error: arrow_schema::ArrowError) -> Self {
        match error {
            arrow_schema::ArrowError::ExternalError(inner) => Self::returned(inner),
            other => Self::from(DataFusionError::from(other)),
        }
    }
}

impl From<ParquetError> for LakeError {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(inner) => Self::returned(inner),
            other => Self::Internal(format!("a file of records: {other}")),
        }
    }
}

/// The result of the lake's calls.
pub type Result<T, E = LakeError> = std::result::Result<T, E>;

//! Why a server does not start.

use std::path::PathBuf;

use control::ControlError;
use lake::LakeError;
use model::time::Timestamp;

/// A failure that a person at the terminal must act on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// A setting cannot be used.
    #[error("{0}")]
    Setting(String),
    /// A file or directory cannot be used.
    #[error("cannot {action} {}: {source}", .path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The control plane did not open.
    #[error("the control database {}: {source}", .path.display())]
    Opening {
        /// Its file.
        path: PathBuf,
        /// Why not.
        source: ControlError,
    },
    /// The clock says a time long before one that was known here.
    #[error(
        "the clock says {wall}, and this data directory was used at {known} by the clock of then; \
         one of the two is wrong. If it is the clock, set it right and start again. If it was the clock of then, \
         run `tidegate clock accept --data-dir {}`: it tells what has ended by the wrong time, lets that stay ended, \
         and takes the time back", .data_dir.display()
    )]
    ClockBehind {
        /// What the clock says.
        wall: Timestamp,
        /// The latest time that was known.
        known: Timestamp,
        /// Whose control database knows it.
        data_dir: PathBuf,
    },
    /// The tokens of uniqueness did not open.
    #[error("the file of tokens {}: {source}", .path.display())]
    OpeningTokens {
        /// Its file.
        path: PathBuf,
        /// Why not.
        source: ControlError,
    },
    /// The control plane did not do what a start or an end needs.
    #[error("the control database: {0}")]
    Control(#[from] ControlError),
    /// The lake did not open.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// Something else.
    #[error("{0}")]
    Other(String),
}

impl ServeError {
    /// 2 for what was asked wrongly, 74 for the disk, else 1.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Setting(_) => 2,
            Self::File { .. } => 74,
            Self::Opening { source, .. }
            | Self::OpeningTokens { source, .. }
            | Self::Control(source)
                if source.is_failed_sync() =>
            {
                74
            }
            Self::Opening { .. }
            | Self::ClockBehind { .. }
            | Self::OpeningTokens { .. }
            | Self::Control(_)
            | Self::Lake(_)
            | Self::Other(_) => 1,
        }
    }

    pub(super) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
        source: std::io::Error,
    ) -> Self {
        Self::File {
            action,
            path: path.into(),
            source,
        }
    }

    pub(super) fn other(action: &str, source: impl std::fmt::Display) -> Self {
        Self::Other(format!("cannot {action}: {source}"))
    }
}

/// An error with what caused it.
pub(super) fn cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

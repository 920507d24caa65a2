//! The arguments of `audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::client::ClientArgs;
use super::offline::DataDirArgs;

/// Options of `audit`.
#[derive(Args, Debug)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    pub(crate) command: AuditCommand,
}

/// What to do with the audit.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Show who changed what in the project, newest first
    List {
        #[command(flatten)]
        client: ClientArgs,
        /// Entries of this actor alone, such as key:01J… or server
        #[arg(long)]
        actor: Option<String>,
        /// Entries about what has this id, or had this name
        #[arg(long)]
        subject: Option<String>,
        /// Entries of this action alone, such as key.create
        #[arg(long)]
        action: Option<String>,
        /// The first instant
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// The first instant that is not looked at any more
        #[arg(long, value_name = "TIME")]
        to: Option<String>,
        /// Entries at most
        #[arg(long, default_value_t = 100, value_name = "COUNT")]
        limit: usize,
    },
    /// Write the whole audit of the project to standard output
    Export {
        #[command(flatten)]
        client: ClientArgs,
        /// How it is written
        #[arg(long, value_enum, default_value = "ndjson")]
        format: ExportFormat,
    },
    /// Print a signed checkpoint of the project's audit, to be kept elsewhere
    Checkpoint {
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Look whether the audit is what was written, without a server
    Verify(VerifyArgs),
}

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One JSON object a line; `audit verify --export` reads it
    Ndjson,
    /// Comma-separated values with a header
    Csv,
}

impl ExportFormat {
    /// The word on the wire.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }
}

/// Options of `audit verify`.
#[derive(Args, Debug)]
#[command(after_help = "\
Reads the audit of a stopped server, or a project's export, and computes every hash anew. A wrong
entry is named. Nothing is changed.

What a checkpoint adds: without one, an audit whose end was cut off, or that was written anew with
all its hashes, looks whole. With one that was kept where the server cannot write, it does not. A
file holds checkpoints as `audit checkpoint` prints them or as --audit-checkpoint-dir has them.

Exit code 0: everything is as it was written. 1: something is not, and was named.

Examples:
  tidegate audit checkpoint >> /mnt/elsewhere/checkpoints.ndjson
  tidegate audit verify --data-dir /var/lib/tidegate --checkpoint /mnt/elsewhere/checkpoints.ndjson
  tidegate audit export > audit.ndjson
  tidegate audit verify --export audit.ndjson --checkpoint /mnt/elsewhere/checkpoints.ndjson")]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) data: DataDirArgs,
    /// An export of a project's audit, NDJSON, instead of a data directory
    #[arg(long, value_name = "FILE", conflicts_with = "data_dir")]
    pub(crate) export: Option<PathBuf>,
    /// Checkpoints that were kept elsewhere; may be given several times
    #[arg(long = "checkpoint", value_name = "FILE")]
    pub(crate) checkpoints: Vec<PathBuf>,
    /// What verifies checkpoints [default: it follows from the pepper, or is taken from the checkpoint]
    #[arg(long, value_name = "KEY")]
    pub(crate) verifier_key: Option<String>,
    /// File of the secret that tokens are hashed under
    #[arg(long, value_name = "FILE")]
    pub(crate) pepper_file: Option<PathBuf>,
    /// Print one JSON document instead of lines
    #[arg(long)]
    pub(crate) json: bool,
}

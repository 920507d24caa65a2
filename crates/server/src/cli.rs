//! The command line's shape and its help.

mod audit;
mod client;
mod definitions;
mod derive;
mod keen;
mod keys;
mod offline;
mod query;
mod scan;
mod serve;

use clap::builder::styling::Styles;
use clap::{Parser, Subcommand};

pub(crate) use audit::{AuditArgs, AuditCommand, VerifyArgs};
pub(crate) use client::{ClientArgs, FileFormat, ImportArgs, SchemaMode};
pub(crate) use definitions::{CreatePool, PoolCommand, PoolsArgs, ViewCommand, ViewsArgs};
pub(crate) use derive::DeriveKey;
pub(crate) use keen::{KeenArgs, Origin};
pub(crate) use keys::{
    CreateKey, IssuedCommand, KeyCommand, KeysArgs, NewKey, Proof, SigningCommand, TokenTo,
};
pub(crate) use offline::{
    BackupArgs, CheckArgs, ClockArgs, ClockCommand, CompactArgs, DataDirArgs, RestoreArgs,
};
pub(crate) use query::{OutputFormat, QueryArgs};
pub(crate) use scan::ScanArgs;
pub(crate) use serve::{DemoArgs, RecoverArgs, ServeArgs};

const AFTER_HELP: &str = "\
Client commands find the server in --url or TIDEGATE_URL, and the key's token in --token-from or
--token-file, else in TIDEGATE_TOKEN, in the place that TIDEGATE_TOKEN_FROM names, or from
TIDEGATE_TOKEN_COMMAND (a command for sh whose first line of output is the token). A place is
file:PATH, command:COMMAND or vault:PATH#FIELD. A token is never an argument: other people on the
machine can read arguments.

Exit codes:
  0  done
  1  refused: by the server, or some records were rejected, or a person said no
  2  usage: an argument, a setting or a definition file cannot be used
  3  the server cannot be reached, is busy, or failed; trying again may help
  4  a local file or the terminal cannot be read or written
  74 the files of a server cannot be used, or its disk did not keep what was written

Examples:
  tidegate demo                                       look at it, on real data
  tidegate serve --data-dir /var/lib/tidegate --admin-token-file ~/.tidegate-token
  tidegate import sales.csv --token-file ~/.tidegate-token
  tidegate query sales_by_day --timeframe previous_7_days --interval daily
  tidegate query --pool sales sum amount --group-by product --plot";

/// A data server in which every API key carries its own row policy.
#[derive(Debug, Parser)]
#[command(
    name = "tidegate",
    bin_name = "tidegate",
    version,
    about,
    after_help = AFTER_HELP,
    styles = Styles::plain(),
    max_term_width = 100,
    arg_required_else_help = true,
    subcommand_required = true,
    infer_long_args = false
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a server
    Serve(Box<ServeArgs>),
    /// Run a server on a temporary directory, loaded with real data, and show what two customers' keys see
    Demo(DemoArgs),
    /// List, make and delete pools
    Pools(PoolsArgs),
    /// List, make and delete views
    Views(ViewsArgs),
    /// List, make, switch and delete keys; make a new master key for a data directory
    Keys(KeysArgs),
    /// Show, export, sign and verify who changed what
    Audit(AuditArgs),
    /// Show what the calling key is, what it may do and how many rows it sees
    Whoami(ClientArgs),
    /// Send the records of a file to a pool, and make the pool if there is none; carry a project over from Keen
    Import(ImportArgs),
    /// Ask a view for its data, or a question about a pool
    Query(Box<QueryArgs>),
    /// Find tokens that were left in files, without a server
    Scan(ScanArgs),
    /// Compare every byte of a stopped server's data with what was written
    Check(CheckArgs),
    /// Merge the files of a stopped server's pools, and take deleted records from the disk
    Compact(CompactArgs),
    /// Take back a time that was far ahead, for a stopped server
    Clock(ClockArgs),
    /// Copy a stopped server's data to a new directory
    Backup(BackupArgs),
    /// Make a data directory of a backup
    Restore(RestoreArgs),
    /// Print the completions of a shell
    #[command(
        after_help = "Example:\n  tidegate completions bash > /etc/bash_completion.d/tidegate"
    )]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// Whether many records go through its memory.
    pub(crate) fn holds_records(&self) -> bool {
        matches!(
            self,
            Self::Serve(_)
                | Self::Demo(_)
                | Self::Import(_)
                | Self::Check(_)
                | Self::Compact(_)
                | Self::Backup(_)
                | Self::Restore(_)
        )
    }
}

#[cfg(test)]
mod tests;

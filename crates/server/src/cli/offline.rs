//! The arguments of the commands that work on the files of a server that is
//! not running.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::config::FlagValues;

/// Which data directory.
#[derive(Args, Debug)]
pub(crate) struct DataDirArgs {
    /// Settings file [default: tidegate.toml in the working directory, if it is there]
    #[arg(long, value_name = "FILE", env = "TIDEGATE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Directory of the data; no server may be using it
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
}

impl DataDirArgs {
    /// The settings that were given as flags.
    pub(crate) fn flags(&self) -> FlagValues {
        vec![("data_dir", self.data_dir.iter().cloned().collect())]
    }
}

/// Options of `check`.
#[derive(Args, Debug)]
#[command(after_help = "\
Reads every byte and compares it with what was written: the control database, the journal, the
length and SHA-256 of every file of records and of its index, and the Delta logs. Nothing is
changed, so a backup can be checked as well. The server must be stopped.

For each pool it prints:
  records             in files and, after the plus, in the journal alone; deletes that wait are still counted
  files, bytes        of records, with their indexes
  files per customer  in how many files one customer's records are, at most
  rewrites            how often merging runs wrote a record anew since it went to a file, on average
  lies by             the field by which a customer's records are found: named by the pool, or learned
                      from its keys; without one, time. Files that do not lie by it yet are counted

A damaged file is named, and does not hide others. It fails only the questions that need it: put it
back from a backup, or restore the whole directory. Nothing is repaired by taking it away.

Exit code 0: everything is as it was written. 1: something is not, and was named.

Examples:
  tidegate check --data-dir /var/lib/tidegate
  tidegate check --data-dir /mnt/backup/monday --json")]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) data: DataDirArgs,
    /// Print one JSON document instead of tables
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `clock`.
#[derive(Args, Debug)]
pub(crate) struct ClockArgs {
    #[command(subcommand)]
    pub(crate) command: ClockCommand,
}

/// What to do about the time that a data directory knows.
#[derive(Debug, Subcommand)]
pub(crate) enum ClockCommand {
    /// Take the latest known time back to what the clock says, and let what had ended by it stay ended
    #[command(after_help = "\
A server remembers the latest time it knew, so that no clock that steps back revives what has ended.
Where that time is more than a day ahead of the clock, a server does not start: one of the two is wrong.
If the clock is right now, this command takes the time back. Before it asks, it tells what that means:

  keys that had expired by the wrong time  have expired, now and for good; give them a later end to go on
  old tokens of rolled keys                whose grace was over are gone; what was left of others counts from now
  people                                   sign in anew, and all invitations end; who used a one-time code of
                                           a time to come signs in by a recovery code and takes a new secret
  tickets, and requests signed before      are refused

The server must be stopped. The audit has an entry. Nothing is changed where the clock is not behind.

Examples:
  tidegate clock accept --data-dir /var/lib/tidegate")]
    Accept {
        #[command(flatten)]
        data: DataDirArgs,
        /// File of the pepper, where it is not beside the data
        #[arg(long, value_name = "FILE")]
        pepper_file: Option<String>,
        /// Take it back without asking
        #[arg(long, short)]
        yes: bool,
    },
}

/// Options of `compact`.
#[derive(Args, Debug)]
#[command(after_help = "\
Merges the files of each pool into as few as there can be, without the records that were deleted,
takes the old files away and brings the pool's Delta log up to date. A running server does the same
bit by bit; this is for a server that is stopped: before a backup, before other programs read the
Delta tables, or to have deleted records gone from the disk at once.

A file that cannot be read stays where it is and is named with what to do; all else is done, and the
exit code is 1.

Records that are in the journal alone stay there, unless --flush is given. Ending the command early
loses nothing: what was not finished is done again.

Examples:
  tidegate compact --data-dir /var/lib/tidegate --flush
  tidegate compact --data-dir /var/lib/tidegate --pool sales")]
pub(crate) struct CompactArgs {
    #[command(flatten)]
    pub(crate) data: DataDirArgs,
    /// First write the records that are in the journal alone to files
    #[arg(long)]
    pub(crate) flush: bool,
    /// Write the records that are in the journal alone to files, and merge nothing
    #[arg(long, conflicts_with_all = ["flush", "pools"])]
    pub(crate) flush_only: bool,
    /// Name or id of the pool; may be given several times [default: all]
    #[arg(long = "pool", value_name = "POOL")]
    pub(crate) pools: Vec<String>,
}

/// Options of `backup`.
#[derive(Args, Debug)]
#[command(after_help = "\
Copies the control database, the journal and the files of records, compares every file of records
with the SHA-256 it was written with, and lists all copies with theirs in backup.json, which is
written last: a directory without it is no backup. The server must be stopped; it may start again as
soon as the command ends. Delta logs are left out, the restored server makes them anew.

The pepper, under which tokens are hashed, is not in the backup. Keep a copy of it elsewhere: with
the backup alone nobody gets in, and without the pepper no token works again.

Examples:
  tidegate backup --data-dir /var/lib/tidegate --to /mnt/backup/monday")]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    pub(crate) data: DataDirArgs,
    /// New or empty directory for the backup, best on another disk
    #[arg(long, value_name = "DIR2")]
    pub(crate) to: PathBuf,
}

/// Options of `restore`.
#[derive(Args, Debug)]
#[command(after_help = "\
Compares every file of the backup with backup.json while it is copied beside the data directory, and
gives the copy its name only when all are as they were written. Put the pepper of the server to its
place before you start on it.

Examples:
  tidegate restore --from /mnt/backup/monday --data-dir /var/lib/tidegate")]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    pub(crate) data: DataDirArgs,
    /// Directory of the backup
    #[arg(long, value_name = "DIR2")]
    pub(crate) from: PathBuf,
}

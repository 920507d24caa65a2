//! The arguments of `import` that carry a project over from Keen.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Where what is imported comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Origin {
    /// Exported from Keen IO: events, or the lists of definitions below
    Keen,
}

/// What else than records comes from Keen, and what it takes.
#[derive(Args, Debug)]
pub(crate) struct KeenArgs {
    /// Read what Keen answered: events without further options, else the lists named below
    #[arg(long, value_enum, help_heading = "From Keen")]
    pub(crate) from: Option<Origin>,
    /// Access keys, as GET …/keys answers them; each is made anew and gets another text
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "From Keen",
        requires = "from",
        conflicts_with_all = ["file", "pool", "format"]
    )]
    pub(crate) keys: Option<PathBuf>,
    /// Saved and cached queries, as GET …/queries/saved answers them
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "From Keen",
        requires = "from",
        conflicts_with_all = ["file", "pool", "format"]
    )]
    pub(crate) saved_queries: Option<PathBuf>,
    /// Cached datasets, as GET …/datasets answers them
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "From Keen",
        requires = "from",
        conflicts_with_all = ["file", "pool", "format"]
    )]
    pub(crate) datasets: Option<PathBuf>,
    /// Switch the Keen dialect on for the project first, for good, unless it is on
    #[arg(
        long,
        help_heading = "From Keen",
        requires = "from",
        conflicts_with = "file"
    )]
    pub(crate) switch_on: bool,
    /// New file, readable by you alone, for the text of new keys instead of the terminal
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "From Keen",
        requires = "from",
        conflicts_with = "file"
    )]
    pub(crate) out: Option<PathBuf>,
}

impl KeenArgs {
    /// Whether keys may be made, whose text needs a place.
    pub(crate) fn makes_keys(&self) -> bool {
        self.keys.is_some() || self.switch_on
    }
}

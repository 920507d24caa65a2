//! What upkeep did in a running server, and what is on the disk of it.

use std::path::{Path, PathBuf};

use super::Server;

/// Pieces of work by the server's own counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Upkeep {
    pub(crate) flushes: u64,
    pub(crate) merges: u64,
    pub(crate) publishes: u64,
    /// Records in memory alone.
    pub(crate) waiting: u64,
}

impl Upkeep {
    /// What a server did since its start; nothing when it does not answer any more.
    pub(crate) fn of(server: &Server) -> Self {
        let url = format!("{}/metrics", server.operations);
        let Ok(reply) = super::send(&url, "", "GET", &[], None) else {
            return Self::default();
        };
        let text = reply.text();
        let count = |name: &str| {
            let mut lines = text.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            value
                .and_then(|value| value.parse::<f64>().ok())
                .expect("a number") as u64
        };
        Self {
            flushes: count("tidegate_flushes_total"),
            merges: count("tidegate_merges_total"),
            publishes: count("tidegate_publishes_total"),
            waiting: count("tidegate_buffer_records"),
        }
    }

    /// Asks until upkeep has come so far; a server that answers has time for it.
    pub(crate) fn wait_for(server: &Server, is_enough: impl Fn(&Self) -> bool) -> Self {
        let mut asked = (0..100_000).map(|_| Self::of(server));
        asked.find(is_enough).expect("upkeep comes so far")
    }

    /// Adds what another server did.
    pub(crate) fn add(&mut self, other: Self) {
        self.flushes += other.flushes;
        self.merges += other.merges;
        self.publishes += other.publishes;
    }
}

/// The files of records in a data directory, indexes and unfinished ones included.
pub(crate) fn table_files(data: &Path) -> Vec<PathBuf> {
    let list = |directory: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(directory).into_iter().flatten();
        entries
            .map(|entry| entry.expect("an entry").path())
            .collect()
    };
    let pools = list(&data.join("tables"));
    let files = pools.iter().flat_map(|pool| list(pool));
    files.filter(|file| !file.is_dir()).collect()
}

/// Whether a file was begun and is not named by any manifest, for all that its name says.
pub(crate) fn is_unfinished(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "tmp")
}

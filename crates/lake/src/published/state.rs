//! The table as a version of the log says it is.

use std::collections::BTreeMap;

use super::commit::Commit;
use super::table::{FileFacts, Metadata};

/// The table at one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// The version.
    pub(super) version: u64,
    /// The table as a whole.
    pub(super) metadata: Metadata,
    /// Its files by name.
    pub(super) files: BTreeMap<String, FileFacts>,
    /// The files that were removed, with the time in milliseconds.
    pub(super) tombstones: BTreeMap<String, i64>,
}

/// The newest checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// The version whose state it holds.
    pub(super) version: u64,
    /// How many actions it holds.
    pub(super) actions: usize,
    /// How many of them add a file.
    pub(super) files: usize,
    /// Its length.
    pub(super) bytes: usize,
    /// Its SHA-256 in hexadecimal digits.
    pub(super) digest: String,
}

/// What a log holds: nothing, if it is new.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The table at the newest version.
    pub(super) state: Option<State>,
    /// The newest checkpoint.
    pub(super) checkpoint: Option<Checkpoint>,
}

impl Found {
    /// The log after a commit that was made for its state.
    pub(super) fn follow(&mut self, commit: Commit) {
        match &mut self.state {
            Some(state) => state.apply(commit),
            None => self.state = State::begin(commit),
        }
    }
}

impl State {
    /// The table that a first commit makes; `None` when the commit tells nothing of the table as
    /// a whole.
    pub(super) fn begin(mut commit: Commit) -> Option<Self> {
        let mut state = Self {
            version: commit.version,
            metadata: commit.metadata.take()?,
            files: BTreeMap::new(),
            tombstones: BTreeMap::new(),
        };
        state.apply(commit);
        Some(state)
    }

    /// The table after a commit.
    pub(super) fn apply(&mut self, commit: Commit) {
        self.version = commit.version;
        if let Some(metadata) = commit.metadata {
            self.metadata = metadata;
        }
        for (name, time) in commit.removed {
            self.files.remove(&name);
            self.tombstones.insert(name, time);
        }
        for (name, facts) in commit.added {
            self.tombstones.remove(&name);
            self.files.insert(name, facts);
        }
    }
}

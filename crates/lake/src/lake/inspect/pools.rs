//! What is known of a pool and its files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::ids::PoolId;

use crate::lake::PoolLayout;
use crate::store::PoolState;
use crate::tables::{FileEntry, Part, path_of};

/// A pool as journal and manifest know it.
#[derive(Clone, Debug)]
pub struct InspectedPool {
    /// Its id, which is the name of the directory of its files.
    pub id: PoolId,
    /// Its name; `None` when the control database does not know it.
    pub name: Option<String>,
    /// Whether it was dropped; then its files only wait to be taken away.
    pub dropped: bool,
    /// The files that hold its records.
    pub files: Vec<InspectedFile>,
    /// How its records lie in them.
    pub layout: PoolLayout,
    /// Records that are in the journal alone.
    pub records_in_journal: u64,
    /// Deletes that some file does not carry out itself yet.
    pub removals_waiting: u64,
    /// Files that nobody needs and that are still to be taken away.
    pub obsolete: u64,
}

/// A file of records and the index beside it.
#[derive(Clone, Debug)]
pub struct InspectedFile {
    pub(super) pool: PoolId,
    pub(super) entry: Arc<FileEntry>,
    /// The file of records.
    pub records: PathBuf,
    /// Its index.
    pub index: PathBuf,
}

impl InspectedFile {
    /// Bytes of the records.
    pub fn bytes(&self) -> u64 {
        self.entry.bytes
    }

    /// Bytes of the index.
    pub fn index_bytes(&self) -> u64 {
        self.entry.index.bytes
    }
}

/// One of the two files of which a file of records consists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InspectedPart {
    /// Where it is to be.
    pub named: PathBuf,
    /// Where it is: a server that was killed may not have given it its name.
    pub now: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256.
    pub digest: [u8; 32],
}

impl InspectedPool {
    pub(super) fn new(
        state: &PoolState,
        name: Option<String>,
        records_in_journal: u64,
        dropped: bool,
        directory: &Path,
    ) -> Self {
        let manifest = &state.manifest;
        let files = manifest.files.iter().map(|entry| InspectedFile {
            pool: state.id,
            entry: entry.clone(),
            records: path_of(directory, entry.id, Part::Records),
            index: path_of(directory, entry.id, Part::Index),
        });
        Self {
            id: state.id,
            name,
            dropped,
            files: files.collect(),
            layout: PoolLayout::of(state),
            records_in_journal,
            removals_waiting: manifest.removals.len() as u64,
            obsolete: manifest.obsolete.len() as u64,
        }
    }

    /// Bytes of its files, their indexes included.
    pub fn bytes(&self) -> u64 {
        let files = self.files.iter();
        files.map(|file| file.bytes() + file.index_bytes()).sum()
    }
}

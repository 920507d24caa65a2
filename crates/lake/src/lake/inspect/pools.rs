//! What is known of a pool and its files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::ids::PoolId;

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
    /// Records in files, those included that wait to be removed from them.
    pub records_in_files: u64,
    /// Records that are in the journal alone.
    pub records_in_journal: u64,
    /// Deletes that some file does not carry out itself yet.
    pub removals_waiting: u64,
    /// Files that nobody needs and that are still to be taken away.
    pub obsolete: u64,
    /// In how many files a customer's records are at most.
    pub files_per_customer: u64,
    /// How often a record was written anew since it went to a file, on average.
    pub rewrites_per_record: f64,
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
            records_in_files: manifest.files.iter().map(|file| file.rows).sum(),
            records_in_journal,
            removals_waiting: manifest.removals.len() as u64,
            obsolete: manifest.obsolete.len() as u64,
            files_per_customer: files_per_customer(&manifest.files),
            rewrites_per_record: rewrites_per_record(&manifest.files),
        }
    }

    /// Bytes of its files, their indexes included.
    pub fn bytes(&self) -> u64 {
        let files = self.files.iter();
        files.map(|file| file.bytes() + file.index_bytes()).sum()
    }
}

/// In how many files one isolation value may be, at most. Files that are not
/// sorted by customers may hold any.
fn files_per_customer(files: &[Arc<FileEntry>]) -> u64 {
    let (mut everywhere, mut ends) = (0, Vec::with_capacity(2 * files.len()));
    for file in files {
        match &file.isolation {
            Some(range) => {
                // At the same value a range begins before another ends.
                ends.push((&range.min, 0, 1));
                ends.push((&range.max, 1, -1));
            }
            None => everywhere += 1,
        }
    }
    ends.sort_unstable();
    let (mut open, mut most) = (0_i64, 0_i64);
    for (_, _, step) in ends {
        open += step;
        most = most.max(open);
    }
    everywhere + u64::try_from(most).unwrap_or(0)
}

fn rewrites_per_record(files: &[Arc<FileEntry>]) -> f64 {
    let rows: u64 = files.iter().map(|file| file.rows).sum();
    let written = files.iter().map(|file| file.rows * u64::from(file.level));
    written.sum::<u64>() as f64 / rows.max(1) as f64
}

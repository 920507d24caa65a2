//! The manifest of a pool: which files hold its records, and what was removed
//! since they were written. It changes by operations of the journal alone.

mod removal;

pub(crate) use removal::Removal;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use model::filters::{Constraint, Filter};
use model::permit::ConstrainedDelete;
use model::time::Timestamp;

use crate::journal::Position;
use crate::tables::{FileEntry, FileId, FileList, Leased};

/// The rows that a key saw and asked to delete, by the names of columns: they
/// mean the same rows whatever becomes of the fields.
pub(crate) fn by_columns(delete: &ConstrainedDelete) -> (Constraint, Option<Filter>) {
    let schema = &delete.pool().draft.schema;
    let rows = match delete.rows() {
        Constraint::AllRows => Constraint::AllRows,
        Constraint::Rows(filter) => Constraint::Rows(schema.filter_by_columns(filter)),
    };
    let asked = delete.filter();
    (rows, asked.map(|filter| schema.filter_by_columns(filter)))
}

/// A change of the files of a pool.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ManifestChange {
    /// Records of operations up to here are in files now, or gone.
    pub(crate) mark: Option<Position>,
    /// Files that hold nothing any more that other files do not hold.
    pub(crate) removed: Vec<FileId>,
    /// New files, or what is known anew of old ones.
    pub(crate) added: Vec<FileEntry>,
}

/// Which files hold the records of a pool. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Manifest {
    /// Records of operations up to here are in files, or gone.
    pub(crate) mark: Option<Position>,
    /// The files. Those of one run stand in the order of their rows.
    pub(crate) files: Arc<FileList>,
    /// Deletes that some file does not carry out itself, in their order.
    pub(crate) removals: Arc<Vec<Arc<Removal>>>,
    /// Files that are no longer needed and perhaps still on the disk.
    pub(crate) obsolete: BTreeMap<FileId, Leased>,
}

impl Manifest {
    /// Carries out a change.
    pub(crate) fn change(&mut self, change: ManifestChange) {
        self.mark = self.mark.max(change.mark);
        let gone: BTreeSet<FileId> = change.removed.into_iter().collect();
        for file in self.files.iter().filter(|file| gone.contains(&file.id)) {
            self.obsolete.insert(file.id, file.lease.watch());
        }
        let known: HashSet<FileId> = self.files.iter().map(|file| file.id).collect();
        let added = change.added.into_iter().map(Arc::new);
        let (renewed, new): (Vec<_>, Vec<_>) =
            added.partition(|file| known.contains(&file.id) && !gone.contains(&file.id));
        let place = self.place_of(&new, &gone);
        let files = Arc::make_mut(&mut self.files).edit();
        files.retain(|file| !gone.contains(&file.id));
        let places: HashMap<FileId, usize> = files.iter().map(|file| file.id).zip(0..).collect();
        for file in renewed {
            if let Some(known) = places.get(&file.id).and_then(|at| files.get_mut(*at)) {
                *known = file;
            }
        }
        let place = place.unwrap_or(files.len()).min(files.len());
        drop(files.splice(place..place, new));
    }

    /// Where among the files that stay new ones take the place of some of their run: where files of a run
    /// are alike, nothing but their place says whose rows come first. `None` of a run of its own.
    fn place_of(&self, new: &[Arc<FileEntry>], gone: &BTreeSet<FileId>) -> Option<usize> {
        let run = new.first()?.run;
        let goes = |file: &FileEntry| gone.contains(&file.id);
        let first = self
            .files
            .iter()
            .position(|file| file.run == run && goes(file))?;
        Some(
            self.files[..first]
                .iter()
                .filter(|file| !goes(file))
                .count(),
        )
    }

    /// Notes a delete, for the files that there are and those being written.
    pub(crate) fn remove(&mut self, mut removal: Removal) {
        let removals = Arc::make_mut(&mut self.removals);
        removals.retain(|earlier| {
            let is_covered = removal.covers(earlier);
            if is_covered {
                // What it took must leave the disk no later for that.
                removal.at = removal.at.min(earlier.at);
            }
            !is_covered
        });
        removals.push(Arc::new(removal));
    }

    /// Forgets deletes that every file carries out. `writing` is up to where
    /// files that are being written carry them out.
    pub(crate) fn forget_carried_out(&mut self, writing: Option<Position>) {
        if self.removals.is_empty() {
            return;
        }
        let files = &self.files;
        Arc::make_mut(&mut self.removals).retain(|removal| {
            writing.is_some_and(|writing| removal.position > writing)
                || files.iter().any(|file| removal.is_due(file))
        });
    }

    /// Gives up all files, as when the pool is dropped.
    pub(crate) fn clear(&mut self) {
        let files = std::mem::take(&mut self.files);
        let leaving = files.iter().map(|file| (file.id, file.lease.watch()));
        self.obsolete.extend(leaving);
        self.removals = Arc::default();
        self.mark = None;
    }

    /// Files that nobody needs and nobody reads.
    pub(crate) fn unused(&self) -> Vec<FileId> {
        let unused = self.obsolete.iter().filter(|(_, leased)| !leased.is_held());
        unused.map(|(id, _)| *id).collect()
    }

    /// Whether the files hold the rows of the pool and no others: every one carries
    /// out every removal itself, and no row of them is replaced.
    pub(crate) fn is_exact(&self) -> bool {
        let mut files = self.files.iter();
        files.all(|file| self.unclean_since(file).is_none())
    }

    /// Since when a file holds rows that were removed or replaced; `None` when
    /// it holds none.
    pub(crate) fn unclean_since(&self, file: &FileEntry) -> Option<Timestamp> {
        let removed = self.removals.iter().filter(|removal| removal.is_due(file));
        let replaced = file.replaced.as_ref().map(|replaced| replaced.since);
        removed.map(|removal| removal.at).chain(replaced).min()
    }

    /// Whether there is nothing that a restart needs to know.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

//! The manifest of a pool: which files hold its records, and what was removed
//! since they were written. It changes by operations of the journal alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::filters::{Comparison, Constraint, Filter, Operator, Predicate};
use model::names::FieldPath;
use model::permit::ConstrainedDelete;
use model::pools::Schema;
use model::time::Timestamp;
use model::value::Value;

use crate::journal::Position;
use crate::plan::constraint_predicate;
use crate::tables::{FileEntry, FileId, FileList, Leased};

/// A delete that the files of a pool do not carry out themselves yet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Removal {
    /// Where it stands in the journal: it takes away what came before it.
    pub(crate) position: Position,
    /// When it was asked for.
    pub(crate) at: Timestamp,
    /// What the key saw, by the names of columns.
    pub(crate) rows: Constraint,
    /// What it asked for, by the names of columns.
    pub(crate) filter: Option<Filter>,
}

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

impl Removal {
    /// That everything before an instant goes, by the time of a column; the
    /// retention of a pool asks so.
    pub(crate) fn before(field: FieldPath, border: Timestamp) -> Filter {
        let border = Value::DateTime(border);
        Filter::Compare(Comparison::restore(field, Operator::Lt, border))
    }

    /// The column and the border, if it takes everything before an instant.
    pub(crate) fn border(&self) -> Option<(&FieldPath, Timestamp)> {
        match (&self.rows, &self.filter) {
            (Constraint::AllRows, Some(Filter::Compare(asked))) => match asked.value() {
                Value::DateTime(border) if asked.operator() == Operator::Lt => {
                    Some((asked.field(), *border))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether a file may hold rows that it takes away.
    pub(crate) fn is_due(&self, file: &FileEntry) -> bool {
        let is_later = || {
            self.border().is_some_and(|(field, border)| {
                let times = file.time.filter(|_| file.sorted_by.time == *field);
                times.is_some_and(|times| times.min >= border.as_microsecond())
            })
        };
        self.position > file.cleaned && !is_later()
    }

    /// Whether it takes all that another took before it.
    fn covers(&self, other: &Self) -> bool {
        match (self.border(), other.border()) {
            (Some((field, border)), Some((of, earlier))) => field == of && border >= earlier,
            _ => false,
        }
    }

    /// The rows that go: those that the key sees and that it asked for, where
    /// `schema` has the fields under the names of their columns. What cannot
    /// be resolved removes nothing.
    pub(crate) fn predicate(&self, schema: &Schema) -> Predicate {
        let (visible, _) = constraint_predicate(&self.rows, schema);
        let asked = match self.filter.as_ref().map(|filter| schema.resolve(filter)) {
            None => Predicate::All(Vec::new()),
            Some(Ok(asked)) => asked,
            Some(Err(_)) => Predicate::Nothing,
        };
        Predicate::All(vec![visible, asked])
    }
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
    /// The files, in no order.
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
        let renewed: BTreeSet<FileId> = change.added.iter().map(|file| file.id).collect();
        let gone: BTreeSet<FileId> = change.removed.into_iter().collect();
        for file in self.files.iter().filter(|file| gone.contains(&file.id)) {
            self.obsolete.insert(file.id, file.lease.watch());
        }
        let files = Arc::make_mut(&mut self.files).edit();
        files.retain(|file| !gone.contains(&file.id) && !renewed.contains(&file.id));
        files.extend(change.added.into_iter().map(Arc::new));
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

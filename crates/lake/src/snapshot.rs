//! The records of a pool at one moment: those in memory and those in files.

use std::sync::Arc;

use model::filters::Predicate;
use model::names::FieldPath;
use model::pools::Schema;

use crate::buffer::{Segment, hint};
use crate::columns::Layout;
use crate::manifest::Removal;
use crate::reading::CustomersHint;
use crate::tables::{FileList, PoolFiles};
use crate::upserts::Hidden;

/// The records of one pool at one moment. Cheap to clone.
///
/// Records are held by columns, which fields keep whatever they are called.
/// Whoever asks has the names of a moment of their own: see [`Snapshot::asked_by`].
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// The fields as whoever asks calls them.
    pub(crate) schema: Schema,
    /// The fields under the names of their columns, dropped ones among them.
    pub(crate) by_columns: Schema,
    /// The columns in which files are written.
    pub(crate) layout: Arc<Layout>,
    /// The column that tells customers apart.
    pub(crate) isolation: Option<FieldPath>,
    /// The records in memory.
    pub(crate) segments: Vec<Arc<Segment>>,
    /// The records in files.
    pub(crate) stored: FileView,
}

impl Snapshot {
    /// The same records for somebody who calls the fields as in `schema`.
    pub(crate) fn asked_by(self, schema: &Schema) -> Self {
        Self {
            schema: schema.clone(),
            ..self
        }
    }

    /// The same records for the lake itself, which names columns.
    pub(crate) fn asked_by_columns(self) -> Self {
        let schema = self.by_columns.clone();
        self.asked_by(&schema)
    }

    /// For each column that records are sorted by, the values of it that a
    /// row must have to be admitted, when the predicate says so; where it says
    /// nothing, those that `asked` asks for.
    ///
    /// What a caller asks for may leave out rows before the barrier has seen
    /// them, since being one of some values can neither fail nor be told
    /// otherwise than by the row's absence: whoever may not see the row sees none either way.
    pub(crate) fn customers(
        &self,
        predicate: &Predicate,
        asked: Option<&Predicate>,
    ) -> Vec<CustomersHint> {
        let mut columns: Vec<&FieldPath> = self.isolation.iter().collect();
        for column in self.stored.files.columns() {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        let hints = columns.into_iter().filter_map(|column| {
            let path = self.schema.path_of_column(column)?;
            let values = hint(predicate, Some(&path));
            let values = values.or_else(|| hint(asked?, Some(&path)))?;
            Some(CustomersHint {
                column: column.clone(),
                values: values.into(),
            })
        });
        hints.collect()
    }
}

/// Records in files, and what was removed from them since.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileView {
    /// The files.
    pub(crate) files: Arc<FileList>,
    /// What was removed.
    pub(crate) removals: Arc<Vec<Arc<Removal>>>,
    /// The keys whose rows are replaced by younger records.
    pub(crate) hidden: Hidden,
    /// Where the files are; a pool without files needs none.
    pub(crate) home: Option<Arc<PoolFiles>>,
}

//! The fields of a pool, and the columns that stand for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Deleted;
use crate::fields::{ColumnType, FieldType, ScalarType};
use crate::filters::{Filter, Predicate, Unresolved};
use crate::names::{ColumnName, FieldPath, ID, INGESTED_AT, KEY};

/// A declared field of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// The dotted path.
    pub path: FieldPath,
    /// The type of every value.
    pub field_type: FieldType,
    /// Whether a record without it is rejected.
    pub required: bool,
    /// What its values are stored under; see [`ColumnName`].
    pub column: ColumnName,
}

impl Field {
    /// A field whose column is named like its path, as that of every field of
    /// a new pool.
    pub fn new(path: FieldPath, field_type: FieldType, required: bool) -> Self {
        let column = ColumnName::of(&path);
        Self {
            path,
            field_type,
            required,
            column,
        }
    }
}

/// Whether a pool takes fields that it does not declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SchemaMode {
    /// A record with an undeclared field is rejected.
    Strict,
    /// An undeclared field is stored, each value with its own type.
    Open,
}

/// The fields of a pool as a question meets them. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Schema {
    mode: SchemaMode,
    fields: Arc<[Field]>,
    /// The positions of `fields` in the order of their paths.
    by_path: Arc<[usize]>,
    /// The positions of `fields` in the order of their columns.
    by_column: Arc<[usize]>,
    /// The columns of fields that were dropped, with the type of what they hold.
    retired: Arc<BTreeMap<ColumnName, FieldType>>,
    /// The undeclared properties that were deleted.
    deleted: Arc<Deleted>,
}

impl Schema {
    /// The schema of these declared fields, whose paths do not overlap and
    /// whose columns differ, of a pool that never dropped one.
    pub fn new(mode: SchemaMode, fields: Vec<Field>) -> Self {
        Self::with_retired(mode, fields, BTreeMap::new())
    }

    /// The same for a pool that dropped the fields of these columns, none of
    /// which a declared field has.
    pub(super) fn with_retired(
        mode: SchemaMode,
        fields: Vec<Field>,
        retired: BTreeMap<ColumnName, FieldType>,
    ) -> Self {
        let mut by_path: Vec<usize> = (0..fields.len()).collect();
        by_path.sort_unstable_by(|a, b| fields[*a].path.cmp(&fields[*b].path));
        let mut by_column: Vec<usize> = (0..fields.len()).collect();
        by_column.sort_unstable_by(|a, b| fields[*a].column.cmp(&fields[*b].column));
        Self {
            mode,
            fields: fields.into(),
            by_path: by_path.into(),
            by_column: by_column.into(),
            retired: Arc::new(retired),
            deleted: Arc::default(),
        }
    }

    /// The same after these undeclared properties were deleted.
    #[must_use]
    pub(super) fn with_deleted(self, deleted: Arc<Deleted>) -> Self {
        Self { deleted, ..self }
    }

    /// Whether undeclared fields are taken.
    pub fn mode(&self) -> SchemaMode {
        self.mode
    }

    /// The declared fields in declared order, without the system fields.
    pub fn declared(&self) -> &[Field] {
        &self.fields
    }

    /// The declared field of this path.
    pub fn field(&self, path: &str) -> Option<&Field> {
        self.by_path
            .binary_search_by(|at| self.fields[*at].path.as_str().cmp(path))
            .ok()
            .map(|found| &self.fields[self.by_path[found]])
    }

    /// The declared field whose values are stored under this column, whatever
    /// the field is called now.
    pub fn field_of_column(&self, column: &str) -> Option<&Field> {
        self.by_column
            .binary_search_by(|at| self.fields[*at].column.as_str().cmp(column))
            .ok()
            .map(|found| &self.fields[self.by_column[found]])
    }

    /// The column that a declared or system field's values are stored under;
    /// `None` for every other path.
    pub fn column_name(&self, path: &FieldPath) -> Option<&str> {
        match path.as_str() {
            ID => Some(ID),
            INGESTED_AT => Some(INGESTED_AT),
            KEY => Some(KEY),
            text => self.field(text).map(|field| field.column.as_str()),
        }
    }

    /// The columns of fields that were dropped. No field is ever given one of
    /// them again, so that what they hold never comes back.
    pub fn retired(&self) -> &BTreeMap<ColumnName, FieldType> {
        &self.retired
    }

    /// The undeclared properties that were deleted.
    pub fn deleted(&self) -> &Arc<Deleted> {
        &self.deleted
    }

    /// Whether the column was one of a field that was dropped or of a
    /// property that was deleted.
    pub fn gave_up(&self, column: &FieldPath) -> bool {
        let is_undeclared = || self.field_of_column(column.as_str()).is_none();
        self.retired.contains_key(column.as_str())
            || !self.deleted.is_empty()
                && is_undeclared()
                && self.deleted.path(column.as_str()).is_none()
    }

    /// Every column that a field of the pool was ever given.
    pub fn columns_given(&self) -> impl Iterator<Item = &ColumnName> {
        let held = self.fields.iter().map(|field| &field.column);
        held.chain(self.retired.keys())
    }

    /// The same fields under the names of their columns, and those that were
    /// dropped under theirs: what a filter that names columns is resolved by,
    /// whatever became of the fields since it was written.
    #[must_use]
    pub fn by_columns(&self) -> Self {
        let is_named_so = |field: &Field| field.path.as_str() == field.column.as_str();
        if self.retired.is_empty() && self.fields.iter().all(is_named_so) {
            return self.clone().with_deleted(Arc::default());
        }
        let held = self.fields.iter().map(|f| (&f.column, f.field_type));
        let retired = self.retired.iter().map(|(column, kind)| (column, *kind));
        let fields = held.chain(retired).map(|(column, field_type)| Field {
            path: column.to_path(),
            field_type,
            required: false,
            column: column.clone(),
        });
        Self::new(self.mode, fields.collect())
    }

    /// The filter over the columns of these fields, for [`Schema::by_columns`].
    /// One that means nothing for the fields becomes one that admits no row.
    #[must_use]
    pub fn filter_by_columns(&self, filter: &Filter) -> Filter {
        if self.resolve(filter).is_err() {
            return Filter::Any(Vec::new());
        }
        filter.map_fields(&|path| self.column_path(path))
    }

    /// What a declared or system field's values are stored under, or the path
    /// of an undeclared field.
    pub fn column_path(&self, path: &FieldPath) -> FieldPath {
        match self.field(path.as_str()) {
            Some(field) if field.column.as_str() != path.as_str() => field.column.to_path(),
            Some(_) => path.clone(),
            None => self.deleted.column(path),
        }
    }

    /// The field, declared, undeclared or of the system, whose values are
    /// stored under this column now; `None` for the column of a dropped one.
    pub fn path_of_column(&self, column: &FieldPath) -> Option<FieldPath> {
        if let Some(field) = self.field_of_column(column.as_str()) {
            return Some(field.path.clone());
        }
        if !self.deleted.is_empty() {
            let path = self.deleted.path(column.as_str());
            return path.filter(|path| self.field(path.as_str()).is_none());
        }
        let is_own = self.column(column).is_some();
        (is_own && self.column_path(column) == *column).then(|| column.clone())
    }

    /// The undeclared field whose values stand under this name in what is
    /// stored of an open pool; `None` for one that was deleted.
    pub fn undeclared_path(&self, column: &str) -> Option<FieldPath> {
        match self.deleted.is_empty() {
            true => FieldPath::parse_readable(column).ok(),
            false => self.deleted.path(column),
        }
    }

    /// Whether a field can tell customers apart: clients write it, and it
    /// holds one value.
    pub fn can_isolate(&self, path: &FieldPath) -> bool {
        let is_array = |column| matches!(column, ColumnType::Declared(FieldType::Array(_)));
        !path.is_system() && self.column(path).is_some_and(|column| !is_array(column))
    }

    /// What is known of a field: declared, possibly there, or never there.
    pub fn column(&self, path: &FieldPath) -> Option<ColumnType> {
        match path.as_str() {
            ID | KEY => return Some(ColumnType::Declared(FieldType::Scalar(ScalarType::String))),
            INGESTED_AT => {
                return Some(ColumnType::Declared(FieldType::Scalar(
                    ScalarType::DateTime,
                )));
            }
            _ => {}
        }
        if let Some(field) = self.field(path.as_str()) {
            return Some(ColumnType::Declared(field.field_type));
        }
        (self.mode == SchemaMode::Open).then_some(ColumnType::Undeclared)
    }

    /// The filter made ready for this pool.
    pub fn resolve(&self, filter: &Filter) -> Result<Predicate, Unresolved> {
        Predicate::resolve(filter, &|path| self.column(path))
    }
}

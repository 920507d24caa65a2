//! Rows to columns and back: the one place that knows which Arrow type
//! stands for which field type.
//!
//! | field type | Arrow type |
//! | --- | --- |
//! | `Int8` … `UInt64`, `Float32`, `Float64`, `Boolean` | the same |
//! | `String` | `Utf8` |
//! | `Date` | `Date32` |
//! | `DateTime` | `Timestamp(Microsecond)`, without a zone, UTC |
//! | `UUID` | `FixedSizeBinary(16)` |
//! | `Array(T)` | `List<T>` |
//! | undeclared | `Binary`, each value in [`model::canonical`] form |

mod build;
mod encoded;
mod read;
mod rest;

pub(crate) use build::{ColumnBuilder, array_of, list_item};
pub(crate) use encoded::{Encoded, Form, constant, encoded_type, plain};
pub(crate) use read::{Cell, CellReader, value_at};
pub(crate) use rest::{RestWriter, extract, fields as rest_fields, without_deleted};

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema as ArrowSchema, SchemaRef, TimeUnit};
use model::fields::{ColumnType, FieldType, ScalarType};
use model::names::FieldPath;
use model::pools::{Deleted, Schema, SchemaMode};

use crate::error::Result;

/// The name of the column that holds a row's undeclared fields.
pub(crate) const REST: &str = model::names::REST;

/// The Arrow type of a scalar type.
pub(crate) fn scalar_type(scalar: ScalarType) -> DataType {
    match scalar {
        ScalarType::Int8 => DataType::Int8,
        ScalarType::Int16 => DataType::Int16,
        ScalarType::Int32 => DataType::Int32,
        ScalarType::Int64 => DataType::Int64,
        ScalarType::UInt8 => DataType::UInt8,
        ScalarType::UInt16 => DataType::UInt16,
        ScalarType::UInt32 => DataType::UInt32,
        ScalarType::UInt64 => DataType::UInt64,
        ScalarType::Float32 => DataType::Float32,
        ScalarType::Float64 => DataType::Float64,
        ScalarType::String => DataType::Utf8,
        ScalarType::Boolean => DataType::Boolean,
        ScalarType::Date => DataType::Date32,
        ScalarType::DateTime => DataType::Timestamp(TimeUnit::Microsecond, None),
        ScalarType::Uuid => DataType::FixedSizeBinary(16),
    }
}

/// The Arrow type of a column.
pub(crate) fn column_type(column: ColumnType) -> DataType {
    match column {
        ColumnType::Declared(FieldType::Scalar(scalar)) => scalar_type(scalar),
        ColumnType::Declared(FieldType::Array(element)) => DataType::List(list_item(element)),
        ColumnType::Undeclared => DataType::Binary,
    }
}

/// The columns in which a pool's records are held, in order: the system
/// fields, the declared fields, and for an open pool the rest.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// The columns that stand for one field each, by their own names: a field
    /// may be called otherwise.
    pub(crate) fields: Vec<(FieldPath, ColumnType)>,
    /// What the fields are called.
    paths: Vec<FieldPath>,
    /// What undeclared fields are called, and were.
    deleted: Arc<Deleted>,
    /// Whether a last column holds undeclared fields.
    pub(crate) open: bool,
    /// The Arrow schema of both.
    pub(crate) arrow: SchemaRef,
}

impl Layout {
    /// The layout of a pool with this schema.
    pub(crate) fn of(schema: &Schema) -> Self {
        let system = [FieldPath::id(), FieldPath::ingested_at(), FieldPath::key()];
        let declared = schema.declared().iter().map(|field| field.path.clone());
        let known = system.into_iter().chain(declared);
        let (paths, fields): (Vec<_>, Vec<_>) = known
            .filter_map(|path| {
                let column = (schema.column_path(&path), schema.column(&path)?);
                Some((path, column))
            })
            .unzip();
        let open = schema.mode() == SchemaMode::Open;
        let mut arrow = fields_of(&fields);
        if open {
            arrow.push(Field::new(REST, DataType::Binary, true));
        }
        Self {
            fields,
            paths,
            deleted: schema.deleted().clone(),
            open,
            arrow: Arc::new(ArrowSchema::new(arrow)),
        }
    }

    /// These columns with their types; undeclared fields have none of their own.
    pub(crate) fn columns_of(&self, fields: &[FieldPath]) -> Vec<(FieldPath, ColumnType)> {
        let column = |path: &FieldPath| {
            let known = self.position(path).map(|at| self.fields[at].1);
            (path.clone(), known.unwrap_or(ColumnType::Undeclared))
        };
        fields.iter().map(column).collect()
    }

    /// The layout of records that are named by columns: that of the pool, and
    /// of the dropped fields' columns those that `holds` tells of.
    pub(crate) fn by_columns(schema: &Schema, holds: impl Fn(&FieldPath) -> bool) -> Self {
        let (all, retired) = (schema.by_columns(), schema.retired());
        if retired.is_empty() {
            return Self::of(&all);
        }
        let fields = all.declared().iter();
        let held = fields.filter(|f| !retired.contains_key(&f.column) || holds(&f.path));
        Self::of(&Schema::new(schema.mode(), held.cloned().collect()))
    }

    /// The position of a column that stands for a field alone.
    pub(crate) fn position(&self, column: &FieldPath) -> Option<usize> {
        self.fields.iter().position(|(field, _)| field == column)
    }

    /// The rows of a batch in this layout without what was deleted, for those
    /// who write them anew.
    pub(crate) fn without_deleted(&self, batch: RecordBatch) -> Result<RecordBatch> {
        if self.deleted.is_empty() {
            return Ok(batch);
        }
        let at = batch.num_columns() - 1;
        let (schema, mut columns, rows) = batch.into_parts();
        let rows = RecordBatchOptions::new().with_row_count(Some(rows));
        columns[at] = without_deleted(&columns[at], &self.deleted);
        Ok(RecordBatch::try_new_with_options(schema, columns, &rows)?)
    }

    /// The undeclared properties that were deleted.
    pub(crate) fn deleted(&self) -> &Deleted {
        &self.deleted
    }

    /// The fields that have a column of their own, as they are called.
    pub(crate) fn paths(&self) -> &[FieldPath] {
        &self.paths
    }

    /// All columns, that of the undeclared fields among them.
    pub(crate) fn columns(&self) -> Vec<(FieldPath, ColumnType)> {
        let rest = (FieldPath::rest(), ColumnType::Undeclared);
        let rest = self.open.then_some(rest);
        self.fields.iter().cloned().chain(rest).collect()
    }
}

/// The Arrow schema of these columns.
pub(crate) fn schema_of(columns: &[(FieldPath, ColumnType)]) -> SchemaRef {
    Arc::new(ArrowSchema::new(fields_of(columns)))
}

fn fields_of(columns: &[(FieldPath, ColumnType)]) -> Vec<Field> {
    let field = |(path, column): &(FieldPath, ColumnType)| {
        Field::new(path.as_str(), column_type(*column), true)
    };
    columns.iter().map(field).collect()
}

#[cfg(test)]
mod tests;

//! A run of records in columns.

mod index;
mod places;
mod removal;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_select::filter::filter_record_batch;
use arrow_select::take::take_record_batch;
use model::fields::{ColumnType, FieldType, ScalarType};
use model::filters::Predicate;
use model::names::FieldPath;
use model::records::Record;
use model::value::Value;

use crate::columns::{ColumnBuilder, Layout, REST, RestWriter, extract};
use crate::error::{LakeError, Result};
use crate::predicate::required_values;
use crate::reading::Hints;
use crate::store::{Arriving, Customers};
use crate::upserts::{Replacement, Sameness, UniqueIndex};
use index::IsolationIndex;
use places::Places;

/// Rows from which on a segment has an index of its isolation values.
const INDEXED_ROWS: usize = 4_096;

/// Tells rows of which none came or changed, though some may be gone.
#[derive(Clone, Debug, Default)]
pub(super) struct Identity(Arc<u8>);

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Identity {}

impl Hash for Identity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

/// Immutable rows; a delete makes a new segment that shares the columns.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    batch: RecordBatch,
    identity: Identity,
    /// Which rows are there; `None` while all are.
    alive: Option<BooleanArray>,
    index: Option<Arc<IsolationIndex>>,
    unique: Option<Arc<UniqueIndex>>,
    /// What its rows replace, until they are added to a pool.
    replaces: Option<Arc<Replacement>>,
    bytes: u64,
}

impl Segment {
    /// The rows of `batch`, indexed by `isolation` when that is given and a
    /// column of its own.
    pub(super) fn new(batch: RecordBatch, isolation: Option<&FieldPath>) -> Self {
        let index = isolation.and_then(|name| {
            let column = batch.column_by_name(name.as_str())?;
            let index = IsolationIndex::of(name.clone(), column.as_ref());
            Some(Arc::new(index))
        });
        let columns = batch.get_array_memory_size() as u64;
        let bytes = columns + index.as_ref().map_or(0, |index| index.bytes());
        Self {
            batch,
            identity: Identity::default(),
            alive: None,
            index,
            unique: None,
            replaces: None,
            bytes,
        }
    }

    /// The same rows, with the positions of each isolation value's rows when
    /// there are enough of them to be worth it.
    pub(crate) fn indexed(self, isolation: Option<&FieldPath>) -> Self {
        if self.index.is_some() || self.alive.is_some() || self.rows() < INDEXED_ROWS {
            return self;
        }
        let Self {
            unique, replaces, ..
        } = self;
        let indexed = Self::new(self.batch, isolation).with_unique(unique);
        Self {
            replaces,
            ..indexed
        }
    }

    /// The same rows, found by the unique fields of their pool, when it has some.
    pub(super) fn found_by(self, unique: &[FieldPath]) -> Result<Self> {
        if unique.is_empty() || self.unique.is_some() {
            return Ok(self);
        }
        let index = UniqueIndex::of(&self.batch, unique)?;
        Ok(self.with_unique(Some(Arc::new(index))))
    }

    fn with_unique(self, unique: Option<Arc<UniqueIndex>>) -> Self {
        let bytes = self.bytes + unique.as_ref().map_or(0, |index| index.bytes());
        Self {
            unique,
            bytes,
            ..self
        }
    }

    /// The last of those rows that replace each other, and what they replace
    /// of the records before them.
    pub(crate) fn replacing(self, layout: &Layout, sameness: Sameness) -> Result<Self> {
        let columns = layout.columns_of(sameness.fields());
        let keys = self.project(&columns)?;
        let (replacement, left) = Replacement::of(&keys, sameness)?;
        let batch = match &left {
            None => self.batch,
            Some(left) => filter_record_batch(&self.batch, left)?,
        };
        let unique = replacement.sameness.unique();
        let segment = Self::new(batch, None).found_by(unique)?;
        Ok(Self {
            replaces: Some(Arc::new(replacement)),
            ..segment
        })
    }

    /// The injected columns in which rows agree with those that they replace.
    pub(crate) fn injected(&self) -> &[FieldPath] {
        let replaces = self.replaces.as_ref();
        replaces.map_or(&[], |replaces| replaces.sameness.injected())
    }

    /// Whose records the rows replace, if they replace others.
    pub(crate) fn replaces_of(&self) -> Option<Customers> {
        self.replaces.as_ref().map(|replaces| replaces.customers())
    }

    /// What the rows replace, if they replace others; asked once.
    pub(crate) fn take_replaced(&mut self) -> Option<Replacement> {
        self.replaces.take().map(Arc::unwrap_or_clone)
    }

    /// The records in a pool's layout.
    pub(crate) fn of_records(layout: &Layout, records: &[Record]) -> Result<Self> {
        let builders = layout.fields.iter();
        let builders = builders.map(|(_, column)| ColumnBuilder::new(*column, records.len()));
        let mut builders: Vec<_> = builders.collect();
        let mut rest = layout
            .open
            .then(|| RestWriter::with_capacity(records.len()));
        let mut last: Option<Places<'_>> = None;
        for record in records {
            let places = last.take();
            let places = places.filter(|places| Arc::ptr_eq(places.paths, record.paths()));
            let places = places.unwrap_or_else(|| Places::of(record.paths(), layout));
            let values = record.values();
            for (builder, place) in builders.iter_mut().zip(&places.columns) {
                builder.append(place.map(|at| &values[at]))?;
            }
            if let Some(rest) = &mut rest {
                let undeclared = places.rest.iter();
                undeclared.for_each(|(column, at)| rest.field(column, &values[*at]));
                rest.end_row();
            }
            last = Some(places);
        }
        let columns = builders.into_iter().map(ColumnBuilder::finish);
        let columns = columns.chain(rest.map(RestWriter::finish));
        let batch = RecordBatch::try_new(layout.arrow.clone(), columns.collect())?;
        Ok(Self::new(batch, None))
    }

    #[cfg(test)]
    pub(crate) fn is_indexed(&self) -> bool {
        self.index.is_some()
    }

    /// Whether every column has the type that it has in the layout. It may
    /// lack some, and have others of fields that were dropped.
    pub(super) fn fits(&self, layout: &Layout) -> bool {
        let mut columns = self.batch.schema_ref().fields().iter();
        columns.all(|own| {
            let known = layout.arrow.field_with_name(own.name());
            known.map_or(true, |known| known.data_type() == own.data_type())
        })
    }

    /// Whether there is such a column.
    pub(super) fn has(&self, column: &FieldPath) -> bool {
        self.batch.column_by_name(column.as_str()).is_some()
    }

    /// What tells its rows.
    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Rows, those that are gone included.
    pub(crate) fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// Rows that are there.
    pub(crate) fn alive_rows(&self) -> usize {
        self.alive
            .as_ref()
            .map_or(self.rows(), BooleanArray::true_count)
    }

    /// The times of the rows in this column; `None` where it is no column of times.
    pub(crate) fn arriving(&self, column: &FieldPath) -> Option<Arriving> {
        let kind = ColumnType::Declared(FieldType::Scalar(ScalarType::DateTime));
        let times = self.project(&[(column.clone(), kind)]).ok()?;
        let times = times
            .column(0)
            .as_primitive_opt::<TimestampMicrosecondType>()?;
        let range = arrow_arith::aggregate::min(times).zip(arrow_arith::aggregate::max(times));
        Some(Arriving {
            times: range,
            timeless: times.null_count() > 0,
        })
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes + self.replaces.as_ref().map_or(0, |keys| keys.bytes())
    }

    /// The rows that are there.
    pub(crate) fn alive_batch(&self) -> Result<RecordBatch> {
        match &self.alive {
            None => Ok(self.batch.clone()),
            Some(alive) => Ok(filter_record_batch(&self.batch, alive)?),
        }
    }

    /// The rows that are there, in the columns of a layout.
    pub(crate) fn in_layout(&self, layout: &Layout) -> Result<RecordBatch> {
        if self.batch.schema_ref() == &layout.arrow {
            return self.alive_batch();
        }
        self.scan(&layout.columns(), &Hints::default())
    }

    /// The columns asked for, of the rows that are there. Hints may leave
    /// out rows that the constraint would refuse anyway.
    pub(crate) fn scan(
        &self,
        columns: &[(FieldPath, ColumnType)],
        hints: &Hints,
    ) -> Result<RecordBatch> {
        let batch = self.project(columns)?;
        Ok(match (self.hinted(hints), &self.alive) {
            (Some(rows), _) => take_record_batch(&batch, &rows)?,
            (None, Some(alive)) => filter_record_batch(&batch, alive)?,
            (None, None) => batch,
        })
    }

    /// The same with the number of each row.
    pub(crate) fn scan_numbered(
        &self,
        columns: &[(FieldPath, ColumnType)],
        hints: &Hints,
    ) -> Result<(RecordBatch, UInt32Array)> {
        let batch = self.project(columns)?;
        let all = || 0..u32::try_from(self.rows()).unwrap_or(u32::MAX);
        let rows = match (self.hinted(hints), &self.alive) {
            (Some(rows), _) => rows,
            (None, Some(_)) => all()
                .filter(|row| self.is_alive(*row))
                .collect::<Vec<_>>()
                .into(),
            (None, None) => return Ok((batch, all().collect::<Vec<_>>().into())),
        };
        Ok((take_record_batch(&batch, &rows)?, rows))
    }

    /// The columns of the rows with these numbers, in their order.
    pub(crate) fn rows_at(
        &self,
        columns: &[(FieldPath, ColumnType)],
        rows: &UInt32Array,
    ) -> Result<Vec<ArrayRef>> {
        if rows.values().iter().any(|row| *row as usize >= self.rows()) {
            return Err(LakeError::Internal("memory does not hold a row".to_owned()));
        }
        let fields = self.batch.schema_ref().fields().iter().enumerate();
        let is_asked =
            |name: &str| name == REST || columns.iter().any(|(column, _)| column.as_str() == name);
        let asked = fields.filter(|(_, field)| is_asked(field.name()));
        let asked: Vec<usize> = asked.map(|(at, _)| at).collect();
        let few = if asked.is_empty() {
            let count = RecordBatchOptions::new().with_row_count(Some(rows.len()));
            RecordBatch::try_new_with_options(self.batch.project(&asked)?.schema(), vec![], &count)?
        } else {
            take_record_batch(&self.batch.project(&asked)?, rows)?
        };
        let (_, columns, _) = Self::new(few, None).project(columns)?.into_parts();
        Ok(columns)
    }

    /// The numbers of the rows that are there and may matter, when an index tells them.
    fn hinted(&self, hints: &Hints) -> Option<UInt32Array> {
        let index = self.index.as_ref()?;
        let rows = index.rows(hints.customers(Some(&index.column))?);
        let rows = rows.into_iter().filter(|row| self.is_alive(*row));
        Some(rows.collect::<Vec<_>>().into())
    }

    fn is_alive(&self, row: u32) -> bool {
        self.alive
            .as_ref()
            .is_none_or(|alive| alive.value(row as usize))
    }

    /// How many rows a scan looks at.
    pub(crate) fn rows_to_scan(&self, columns: &[(FieldPath, ColumnType)], hints: &Hints) -> usize {
        let mut columns = columns.iter();
        let has_all = columns.all(|(name, _)| self.has(name));
        let index = self.index.as_ref().filter(|_| has_all);
        let hinted = index.and_then(|index| {
            let values = hints.customers(Some(&index.column))?;
            Some(index.rows(values).len())
        });
        hinted.unwrap_or(self.rows())
    }

    fn project(&self, columns: &[(FieldPath, ColumnType)]) -> Result<RecordBatch> {
        let rest = self.batch.column_by_name(REST);
        let mut arrays = Vec::with_capacity(columns.len());
        for (name, column) in columns {
            let own = self.batch.column_by_name(name.as_str());
            arrays.push(match (own, rest) {
                (Some(own), _) => own.clone(),
                (None, Some(rest)) => extract(rest.as_binary(), name),
                // The field came after these records.
                (None, None) => {
                    arrow_array::new_null_array(&crate::columns::column_type(*column), self.rows())
                }
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows()));
        let schema = crate::columns::schema_of(columns);
        Ok(RecordBatch::try_new_with_options(schema, arrays, &options)?)
    }
}

/// The columns that a predicate tests, each once.
pub(crate) fn leaf_columns(predicate: &Predicate) -> Vec<(FieldPath, ColumnType)> {
    let mut columns: Vec<(FieldPath, ColumnType)> = Vec::new();
    predicate.for_each_leaf(&mut |leaf| {
        if !columns.iter().any(|(path, _)| *path == leaf.field) {
            columns.push((leaf.field.clone(), leaf.column));
        }
    });
    columns
}

/// The values that rows must have in the isolation field to be admitted.
pub(crate) fn hint<'a>(
    predicate: &'a Predicate,
    isolation: Option<&FieldPath>,
) -> Option<&'a [Value]> {
    isolation.and_then(|field| required_values(predicate, field))
}

//! Pages of records, whose cells stay in the columns that they were read in.

use std::sync::atomic::Ordering;

use arrow_array::{Array, ArrayRef, BinaryArray, RecordBatch};
use arrow_select::concat::concat_batches;
use model::grants::VisibleFields;
use model::permit::ConstrainedQuery;
use model::pools::Schema;
use model::queries::{OutputColumn, Query, RecordQuery, Side};
use model::value::Value;

use super::Lake;
use crate::columns::{Cell, CellReader};
use crate::error::{LakeError, Result};
use crate::output::output_columns;
use crate::run::{record_columns, rest_column, undeclared};

/// The rows of a page under their columns.
#[derive(Debug)]
pub struct Page {
    /// The columns.
    pub columns: Vec<OutputColumn>,
    /// The rows, in the order asked for.
    pub rows: PageRows,
}

/// Rows of a page: its columns, behind them an object of undeclared fields and
/// then the order values, each where it was asked for.
#[derive(Debug)]
pub struct PageRows {
    count: usize,
    columns: Vec<Source>,
    /// Whether the last row that was read is the first of the page.
    is_reversed: bool,
}

/// What the cells of a column are made of.
#[derive(Debug)]
enum Source {
    Column(ArrayRef),
    /// The undeclared fields that are shown.
    Rest(BinaryArray, Box<(Schema, VisibleFields)>),
}

/// The cells of a column of a page.
#[derive(Debug)]
pub struct PageColumn<'a> {
    cells: Cells<'a>,
    /// The number of the last row, where the rows are reversed.
    last: Option<usize>,
}

#[derive(Debug)]
enum Cells<'a> {
    Column(CellReader<'a>),
    Rest(&'a BinaryArray, &'a (Schema, VisibleFields)),
}

/// A cell of a page.
#[derive(Clone, Debug)]
pub enum PageCell<'a> {
    /// A text.
    Text(&'a str),
    /// Any other value.
    Value(Value),
}

impl Lake {
    /// Answers a question for a page of records over the rows that its constraint admits.
    pub async fn page(&self, query: ConstrainedQuery) -> Result<Page> {
        let Query::Records(records) = query.query() else {
            return Err(LakeError::Internal("a page of something else".to_owned()));
        };
        let columns = output_columns(query.query(), &query.pool().draft.schema)?;
        let plan = self.plan(&query)?;
        self.queries_answered.fetch_add(1, Ordering::Relaxed);
        let batches = self.collect(query.key(), plan).await?;
        let rows = PageRows::of(records, &query.pool().draft.schema, &batches)?;
        Ok(Page { columns, rows })
    }
}

impl PageRows {
    fn of(query: &RecordQuery, schema: &Schema, batches: &[RecordBatch]) -> Result<Self> {
        let batch = match batches {
            [] => {
                return Ok(Self {
                    count: 0,
                    columns: Vec::new(),
                    is_reversed: false,
                });
            }
            [only] => only.clone(),
            several => concat_batches(&several[0].schema(), several)?,
        };
        let shown = query.columns.len();
        let columns = record_columns(query, &batch)?.into_iter().cloned();
        let mut columns: Vec<Source> = columns.map(Source::Column).collect();
        if let Some(visible) = &query.rest {
            let shown_of = Box::new((schema.clone(), visible.clone()));
            let rest = Source::Rest(rest_column(&batch)?.clone(), shown_of);
            columns.insert(shown, rest);
        }
        let side = query.seek.as_ref().map(|seek| seek.side);
        Ok(Self {
            count: batch.num_rows(),
            columns,
            is_reversed: side == Some(Side::Before),
        })
    }

    /// The same rows as values.
    #[cfg(test)]
    pub(crate) fn to_rows(&self) -> Vec<model::queries::Row> {
        let columns: Vec<_> = self.columns().collect();
        let value = |column: &PageColumn<'_>, row| match column.cell(row) {
            PageCell::Text(text) => Value::from(text),
            PageCell::Value(value) => value,
        };
        let rows = 0..self.count();
        rows.map(|row| columns.iter().map(|column| value(column, row)).collect())
            .collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The columns.
    pub fn columns(&self) -> impl Iterator<Item = PageColumn<'_>> {
        let last = self.count.checked_sub(1).filter(|_| self.is_reversed);
        self.columns.iter().map(move |source| PageColumn {
            cells: match source {
                Source::Column(array) => Cells::Column(CellReader::new(array.as_ref())),
                Source::Rest(array, shown) => Cells::Rest(array, shown),
            },
            last,
        })
    }
}

impl<'a> PageColumn<'a> {
    /// The cell of a row.
    ///
    /// # Panics
    /// When the page has no such row.
    #[inline]
    pub fn cell(&self, row: usize) -> PageCell<'a> {
        let row = self.last.map_or(row, |last| last - row);
        PageCell::Value(match &self.cells {
            // Most cells of most pages.
            Cells::Column(CellReader::Text(texts)) if texts.is_valid(row) => {
                return PageCell::Text(texts.value(row));
            }
            Cells::Column(reader) => match reader.cell(row) {
                Cell::Text(text) => return PageCell::Text(text),
                other => other.into_value(),
            },
            Cells::Rest(cells, shown) => undeclared(cells, row, &shown.0, &shown.1),
        })
    }
}

#[cfg(test)]
mod tests;

//! Pages of records, whose cells stay where they were read until they are
//! written: a value for each of them would take as long as the page.

use std::fmt::Debug;

use futures::TryStreamExt;
use model::queries::{OutputColumn, Row};
use model::value::Value;

use super::{Answer, PlaneError};

/// The rows of one page under their columns.
#[derive(Debug)]
pub struct Page {
    /// The columns.
    pub columns: Vec<OutputColumn>,
    /// The rows, in the order in which they are shown.
    pub rows: Box<dyn PageRows>,
}

/// Rows of a page.
pub trait PageRows: Send + Debug {
    /// How many.
    fn count(&self) -> usize;

    /// The cells of each column, and behind them those of each order value
    /// that the question asked for.
    fn columns(&self) -> Vec<Box<dyn PageColumn + '_>>;
}

/// The cells of one column of a page.
pub trait PageColumn {
    /// The cell of a row.
    ///
    /// # Panics
    /// When the page has no such row.
    fn cell(&self, row: usize) -> Cell<'_>;
}

/// One cell.
#[derive(Clone, Debug)]
pub enum Cell<'a> {
    /// A text, which is a value of its own as [`Value::String`].
    Text(&'a str),
    /// Any value.
    Value(Value),
}

impl Cell<'_> {
    /// The cell as a value of its own.
    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Text(text) => Value::from(text),
            Self::Value(value) => value,
        }
    }
}

impl Page {
    /// All rows of an answer.
    ///
    /// # Errors
    /// Those of the answer, and rows of different widths.
    pub(crate) async fn of(answer: Answer) -> Result<Self, PlaneError> {
        let rows: Vec<Row> = answer.rows.try_concat().await?;
        let width = rows.first().map_or(answer.columns.len(), Vec::len);
        if rows.iter().any(|row| row.len() != width) {
            return Err(PlaneError::Internal("rows of different widths".to_owned()));
        }
        Ok(Self {
            columns: answer.columns,
            rows: Box::new(Rows { rows, width }),
        })
    }
}

/// Rows that are values already.
#[derive(Debug)]
struct Rows {
    rows: Vec<Row>,
    /// How many values each row has.
    width: usize,
}

/// A column of rows.
struct Column<'a>(&'a [Row], usize);

impl PageRows for Rows {
    fn count(&self) -> usize {
        self.rows.len()
    }

    fn columns(&self) -> Vec<Box<dyn PageColumn + '_>> {
        let column = |at| -> Box<dyn PageColumn + '_> { Box::new(Column(&self.rows, at)) };
        (0..self.width).map(column).collect()
    }
}

impl PageColumn for Column<'_> {
    fn cell(&self, row: usize) -> Cell<'_> {
        match &self.0[row][self.1] {
            Value::String(text) => Cell::Text(text),
            other => Cell::Value(other.clone()),
        }
    }
}

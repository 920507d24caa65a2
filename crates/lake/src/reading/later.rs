//! Reading more of some rows, once it is known which they are.
//!
//! A first pass reads few columns of many rows and gives each row an address.
//! Whoever chose some of them has the other columns read of these alone. An
//! address is a place and no right: what is fetched goes through a barrier of
//! its own, like everything that is read.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array, UInt64Array, new_null_array};
use arrow_schema::{DataType, Field};
use arrow_select::interleave::interleave;
use model::fields::ColumnType;
use model::names::FieldPath;

use super::pieces::Opened;
use super::{Columns, Reading, Shared};
use crate::buffer::Segment;
use crate::columns::{Encoded, constant, schema_of};
use crate::error::{LakeError, Result};
use crate::tables::{BLOCK_ROWS, Cells};

/// The names of the columns of addresses: the number of a source, and that of
/// a row within it. No field can have them.
pub(crate) const ADDRESS: [&str; 2] = ["_source", "_row"];

/// The columns of addresses in their plain types.
pub(crate) fn address_fields() -> [Field; 2] {
    ADDRESS.map(|name| Field::new(name, DataType::UInt32, false))
}

/// The addresses of rows, in these columns: one source, and rows as they
/// mostly are anyway, so that there is nothing to write for each.
pub(super) type Addresses = [ArrayRef; 2];

/// The numbers of rows that stand side by side.
pub(crate) fn numbers(rows: Range<usize>) -> UInt32Array {
    static FIRST: LazyLock<UInt32Array> =
        LazyLock::new(|| UInt32Array::from_iter_values(0..BLOCK_ROWS as u32));
    if rows.end <= FIRST.len() {
        return FIRST.slice(rows.start, rows.len());
    }
    UInt32Array::from_iter_values(rows.map(|row| row as u32))
}

/// Addresses, each in one number.
pub(crate) fn joined(sources: &UInt32Array, rows: &UInt32Array) -> UInt64Array {
    let pairs = sources.values().iter().zip(rows.values());
    let addresses = pairs.map(|(source, row)| u64::from(*source) << 32 | u64::from(*row));
    UInt64Array::from_iter_values(addresses)
}

/// What is read later.
#[derive(Debug)]
pub(super) struct Later {
    /// By the names of columns.
    pub(super) columns: Vec<(FieldPath, ColumnType)>,
    /// As whoever asks calls it.
    shown: Arc<Columns>,
}

impl Later {
    pub(super) fn new(columns: Vec<(FieldPath, ColumnType)>, shown: Arc<Columns>) -> Self {
        Self { columns, shown }
    }
}

/// Where rows with addresses came from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Memory(Arc<Segment>),
    Block(Arc<Opened>, usize),
}

fn internal(what: &str) -> LakeError {
    LakeError::Internal(what.to_owned())
}

impl Shared {
    /// The addresses of rows of a source.
    pub(super) fn addresses(&self, source: Source, rows: UInt32Array) -> Result<Addresses> {
        let number = {
            let mut left = self.left();
            left.sources.push(source);
            left.sources.len() - 1
        };
        let number = u32::try_from(number).map_err(|_| internal("a reading has too many parts"))?;
        let source = Arc::new(UInt32Array::from_value(number, 1));
        Ok([constant(source, rows.len())?, Arc::new(rows)])
    }

    fn of_source(&self, number: usize, rows: &UInt32Array) -> Result<Vec<Cells>> {
        let source = self.left().sources.get(number).cloned();
        let source = source.ok_or_else(|| internal("an address is of no source"))?;
        let later = self.later.as_ref();
        let columns = &later
            .ok_or_else(|| internal("nothing is read later"))?
            .columns;
        match source {
            Source::Memory(segment) => {
                let columns = segment.rows_at(columns, rows)?.into_iter();
                Ok(columns.map(Cells::Asked).collect())
            }
            Source::Block(opened, block) => opened.file.rows(block, rows, columns, self.cached),
        }
    }
}

/// The work of reading rows by their addresses.
#[derive(Debug)]
pub(crate) struct Fetching {
    reading: Reading,
    /// For each row its source among those that are read, and its place among the rows of it.
    places: Vec<(usize, usize)>,
    /// The sources that are still to be read, the last first, with the numbers of rows.
    left: Vec<(usize, UInt32Array)>,
    /// What was read of each source: the rows, and where their cells are.
    read: Vec<(UInt32Array, Vec<Cells>)>,
    bytes: usize,
}

impl Fetching {
    /// The columns for later of the rows that a reading gave these addresses.
    pub(crate) fn new(reading: &Reading, addresses: &UInt64Array) -> Self {
        let mut places = Vec::with_capacity(addresses.len());
        let mut sources: Vec<(usize, Vec<u32>)> = Vec::new();
        for address in addresses.values() {
            let (number, row) = ((address >> 32) as usize, *address as u32);
            let known = sources.iter().rposition(|(known, _)| *known == number);
            let source = known.unwrap_or_else(|| {
                sources.push((number, Vec::new()));
                sources.len() - 1
            });
            places.push((source, sources[source].1.len()));
            sources[source].1.push(row);
        }
        let left = sources.into_iter().rev();
        Self {
            reading: reading.clone(),
            places,
            left: left.map(|(at, rows)| (at, rows.into())).collect(),
            read: Vec::new(),
            bytes: 0,
        }
    }

    /// Reads the rows of one more source; answers whether there was one.
    pub(crate) fn step(&mut self) -> Result<bool> {
        let Some((number, rows)) = self.left.pop() else {
            return Ok(false);
        };
        let cells = self.reading.0.of_source(number, &rows)?;
        let bytes = cells.iter().map(|cells| cells.bytes(&rows));
        self.bytes += bytes.sum::<usize>();
        self.read.push((rows, cells));
        Ok(true)
    }

    /// The memory of what was read, and of the rows that are made of it, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// After the last step: the rows, in the order of their addresses.
    pub(crate) fn rows(self) -> Result<RecordBatch> {
        let later = self.reading.0.later.as_ref();
        let shown = &later
            .ok_or_else(|| internal("nothing is read later"))?
            .shown;
        let schema = schema_of(shown);
        let fields = schema.fields().iter().enumerate();
        let columns = fields.map(|(at, field)| self.column(at, field.data_type()));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new(schema, columns)?)
    }

    /// One column of the rows, each cell straight from where it is.
    fn column(&self, at: usize, plain: &DataType) -> Result<ArrayRef> {
        // Those of one source are in order already.
        if let [(rows, columns)] = self.read.as_slice() {
            return columns[at].plain(rows);
        }
        let missing = new_null_array(plain, 1);
        let arrays = self.read.iter().map(|(_, columns)| columns[at].array());
        let arrays: Vec<&ArrayRef> = arrays.collect();
        let encoded: Vec<_> = arrays
            .iter()
            .map(|array| Encoded::of(array.as_ref()))
            .collect();
        let place = |(source, rank): &(usize, usize)| {
            let (rows, columns) = &self.read[*source];
            let row = match columns[at] {
                Cells::Whole(_) => rows.value(*rank) as usize,
                Cells::Asked(_) => *rank,
            };
            match &encoded[*source] {
                None => (*source, row),
                Some(encoded) if encoded.codes().is_null(row) => (arrays.len(), 0),
                Some(encoded) => {
                    let code = encoded.codes().value(row);
                    (*source, usize::try_from(code).unwrap_or(usize::MAX))
                }
            }
        };
        let places: Vec<_> = self.places.iter().map(place).collect();
        let values = arrays
            .iter()
            .zip(&encoded)
            .map(|(array, encoded)| match encoded {
                Some(encoded) => encoded.values().as_ref(),
                None => array.as_ref(),
            });
        let values: Vec<&dyn Array> = values.chain([missing.as_ref()]).collect();
        Ok(interleave(&values, &places)?)
    }
}

#[cfg(test)]
mod tests;

//! The undeclared fields of one row in one cell: path after path, each with
//! its value in canonical form, in the order of the paths.
//!
//! A row with ten thousand new names costs its own bytes and no column; what
//! one customer's records are called costs no other customer anything.

use std::sync::Arc;

use arrow_array::builder::BinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray};
use model::names::FieldPath;
use model::pools::Deleted;
use model::value::Value;

/// Writes the cells of the rest column.
#[derive(Debug)]
pub(crate) struct RestWriter {
    cells: BinaryBuilder,
    cell: Vec<u8>,
}

impl RestWriter {
    pub(crate) fn with_capacity(rows: usize) -> Self {
        Self {
            cells: BinaryBuilder::with_capacity(rows, rows * 64),
            cell: Vec::new(),
        }
    }

    /// Adds a field to the present row; call in the order of the paths.
    pub(crate) fn field(&mut self, path: &FieldPath, value: &Value) {
        let path = path.as_str().as_bytes();
        self.cell
            .extend(u32::try_from(path.len()).unwrap_or(0).to_le_bytes());
        self.cell.extend(path);
        let start = self.cell.len();
        self.cell.extend([0; 4]);
        model::canonical::encode(value, &mut self.cell);
        let length = u32::try_from(self.cell.len() - start - 4).unwrap_or(0);
        self.cell[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// Ends the present row.
    pub(crate) fn end_row(&mut self) {
        if self.cell.is_empty() {
            self.cells.append_null();
        } else {
            self.cells.append_value(&self.cell);
        }
        self.cell.clear();
    }

    pub(crate) fn finish(mut self) -> ArrayRef {
        Arc::new(self.cells.finish())
    }
}

fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (taken, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *bytes = rest;
    Some(taken)
}

/// The fields of one cell, in the order of their paths.
pub(crate) fn fields(mut cell: &[u8]) -> impl Iterator<Item = (&str, &[u8])> {
    std::iter::from_fn(move || {
        let path = take(&mut cell)?;
        let value = take(&mut cell)?;
        Some((std::str::from_utf8(path).ok()?, value))
    })
}

/// The cells without what was deleted; the same ones when nothing ever was.
pub(crate) fn without_deleted(rest: &ArrayRef, deleted: &Deleted) -> ArrayRef {
    if deleted.is_empty() {
        return rest.clone();
    }
    let rest = rest.as_binary::<i32>();
    let mut cells = BinaryBuilder::with_capacity(rest.len(), rest.value_data().len());
    let mut left = Vec::new();
    for cell in rest {
        left.clear();
        for (column, value) in cell.into_iter().flat_map(fields) {
            if deleted.path(column).is_some() {
                put(column.as_bytes(), &mut left);
                put(value, &mut left);
            }
        }
        cells.append_option((!left.is_empty()).then_some(&left));
    }
    Arc::new(cells.finish())
}

fn put(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
    out.extend(bytes);
}

/// One undeclared field as a column of canonical values.
pub(crate) fn extract(rest: &BinaryArray, path: &FieldPath) -> ArrayRef {
    let mut builder = BinaryBuilder::with_capacity(rest.len(), rest.len() * 12);
    for cell in rest {
        let found = cell.and_then(|cell| {
            fields(cell)
                .take_while(|(field, _)| *field <= path.as_str())
                .find(|(field, _)| *field == path.as_str())
        });
        builder.append_option(found.map(|(_, value)| value));
    }
    Arc::new(builder.finish())
}

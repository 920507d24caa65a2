//! Where the rows of each customer stand in a segment.

use std::collections::HashMap;

use arrow_array::Array;
use model::names::FieldPath;
use model::value::Value;

use crate::columns::{Cell, CellReader};
use crate::predicate::{cell_index_key, index_key};

/// The rows of each value of the isolation field.
#[derive(Debug)]
pub(super) struct IsolationIndex {
    pub(super) column: FieldPath,
    rows: HashMap<Box<[u8]>, Vec<u32>>,
    /// Rows whose value is an array, any element of which a filter may mean.
    arrays: Vec<u32>,
}

impl IsolationIndex {
    pub(super) fn of(name: FieldPath, column: &dyn Array) -> Self {
        let reader = CellReader::new(column);
        let mut rows: HashMap<Box<[u8]>, Vec<u32>> = HashMap::new();
        let mut arrays = Vec::new();
        let mut key = Vec::new();
        for row in 0..column.len() {
            let cell = reader.cell(row);
            let position = u32::try_from(row).unwrap_or(u32::MAX);
            if matches!(&cell, Cell::Other(Value::Array(_))) {
                arrays.push(position);
                continue;
            }
            cell_index_key(&cell, &mut key);
            match rows.get_mut(key.as_slice()) {
                Some(positions) => positions.push(position),
                None => {
                    rows.insert(key.as_slice().into(), vec![position]);
                }
            }
        }
        Self {
            column: name,
            rows,
            arrays,
        }
    }

    /// Bytes held, by estimate.
    pub(super) fn bytes(&self) -> u64 {
        let entry = size_of::<(Box<[u8]>, Vec<u32>)>() + 1;
        let entries = self
            .rows
            .iter()
            .map(|(key, rows)| key.len() + 4 * rows.capacity());
        (self.rows.capacity() * entry + entries.sum::<usize>() + 4 * self.arrays.capacity()) as u64
    }

    /// The rows that may hold one of the values, in order.
    pub(super) fn rows(&self, values: &[Value]) -> Vec<u32> {
        let mut found = self.arrays.clone();
        let mut key = Vec::new();
        for value in values {
            index_key(value, &mut key);
            found.extend(self.rows.get(key.as_slice()).into_iter().flatten());
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

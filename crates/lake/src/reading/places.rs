//! Where in files the rows of some customers may be.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::Array;
use model::value::Value;

use super::{Columns, Hints};
use crate::columns::CellReader;
use crate::predicate::{cell_index_key, index_key};
use crate::tables::{ARRAYS, Asked, KeyRange, ROW_GROUP_BLOCKS, TableFile};

/// The values in the form in which equal values are equal bytes.
pub(super) fn canonical_keys(values: &[Value]) -> Arc<[Box<[u8]>]> {
    let mut key = Vec::new();
    let keys = values.iter().map(|value| {
        index_key(value, &mut key);
        key.as_slice().into()
    });
    keys.collect()
}

/// Whether rows of these keys, or with arrays, may be in the range.
pub(crate) fn may_hold(range: &KeyRange, keys: &[Box<[u8]>]) -> bool {
    let (min, max) = (&*range.min, &*range.max);
    let within = |key: &[u8]| min <= key && key <= max;
    keys.iter().any(|key| within(key)) || (min < ARRAYS.end && ARRAYS.start <= max)
}

/// Whose rows are asked for, in the form in which files are found by it.
pub(super) fn asked_for(hints: &Hints) -> Vec<Asked> {
    let hints = hints.customers.iter();
    hints
        .map(|hint| (hint.column.clone(), canonical_keys(&hint.values)))
        .collect()
}

/// Blocks in order as ranges, each of one row group at most, of blocks of as
/// many rows, the last of them perhaps fewer, and as many as have so many bytes
/// together.
pub(super) fn ranges_of(
    blocks: impl Iterator<Item = usize>,
    file: &TableFile,
    columns: &Columns,
    bytes: usize,
) -> Vec<Range<usize>> {
    let at_once = file.blocks_at_once(columns, bytes);
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for block in blocks {
        let follows = |last: &&mut Range<usize>| {
            let rows = file.block_rows(last.start);
            last.end == block
                && block % ROW_GROUP_BLOCKS != 0
                && last.len() < at_once
                && file.block_rows(block - 1) == rows
                && file.block_rows(block) <= rows
        };
        match ranges.last_mut().filter(follows) {
            Some(last) => last.end += 1,
            None => ranges.push(block..block + 1),
        }
    }
    ranges
}

/// The runs of rows that have one of the keys, or an array, in a column that
/// is sorted by canonical keys.
pub(super) fn runs_of(column: &dyn Array, keys: &[Box<[u8]>]) -> Vec<Range<usize>> {
    let reader = CellReader::new(column);
    let mut cell = Vec::new();
    let mut first = |from: usize, beyond: &dyn Fn(&[u8]) -> bool| {
        let (mut low, mut high) = (from, column.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            cell_index_key(&reader.cell(middle), &mut cell);
            if beyond(&cell) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    };
    let mut runs = Vec::with_capacity(keys.len() + 1);
    for key in keys {
        let start = first(0, &|cell| cell >= &**key);
        runs.push(start..first(start, &|cell| cell > &**key));
    }
    let start = first(0, &|cell| cell >= ARRAYS.start);
    runs.push(start..first(start, &|cell| cell >= ARRAYS.end));
    runs.retain(|run| !run.is_empty());
    runs.sort_unstable_by_key(|run| run.start);
    runs.dedup();
    runs
}

//! Undeclared fields that get a column of their own beside the rest.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::BinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use model::names::{ColumnName, FieldPath};

use crate::columns::{REST, rest_fields};

/// Undeclared fields as columns of canonical values, in one walk.
pub(super) fn shred(rest: &ArrayRef, paths: &[FieldPath]) -> Vec<ArrayRef> {
    let positions: HashMap<&str, usize> = paths
        .iter()
        .enumerate()
        .map(|(at, path)| (path.as_str(), at))
        .collect();
    let mut columns: Vec<_> = paths
        .iter()
        .map(|_| BinaryBuilder::with_capacity(rest.len(), rest.len() * 10))
        .collect();
    let rest = rest.as_binary::<i32>();
    for (row, cell) in rest.iter().enumerate() {
        for (path, value) in cell.into_iter().flat_map(rest_fields) {
            if let Some(at) = positions.get(path) {
                columns[*at].append_value(value);
            }
        }
        for column in &mut columns {
            if arrow_array::builder::ArrayBuilder::len(column) <= row {
                column.append_null();
            }
        }
    }
    let finish = |mut column: BinaryBuilder| Arc::new(column.finish()) as ArrayRef;
    columns.into_iter().map(finish).collect()
}

/// Undeclared fields that so many of the rows have that a column of their own
/// is worth it: at least every twentieth row, and at most 64 fields.
pub(crate) fn frequent_fields<'a>(
    batches: impl IntoIterator<Item = &'a RecordBatch>,
) -> Vec<FieldPath> {
    const FIELDS_MAX: usize = 64;
    const ROWS_LOOKED_AT: usize = 4_096;
    let (mut counts, mut rows) = (HashMap::<String, usize>::new(), 0);
    for batch in batches {
        let Some(rest) = batch.column_by_name(REST) else {
            continue;
        };
        let step = (batch.num_rows() / ROWS_LOOKED_AT).max(1);
        let rest = rest.as_binary::<i32>();
        for row in (0..rest.len()).step_by(step) {
            rows += 1;
            if rest.is_null(row) {
                continue;
            }
            for (path, _) in rest_fields(rest.value(row)) {
                match counts.get_mut(path) {
                    Some(count) => *count += 1,
                    None => {
                        counts.insert(path.to_owned(), 1);
                    }
                }
            }
        }
    }
    let mut frequent: Vec<_> = counts.into_iter().collect();
    frequent.retain(|(_, count)| count * 20 >= rows);
    frequent.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    frequent.truncate(FIELDS_MAX);
    let paths = frequent.iter();
    paths
        .filter_map(|(path, _)| Some(ColumnName::parse(path).ok()?.to_path()))
        .collect()
}

//! How many values there are.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array};
use arrow_schema::DataType;
use datafusion_common::Result;

use super::groups::{Fold, Rows, broken_state};
use super::keys::present;

/// How many values of the first argument are not null.
#[derive(Debug)]
pub(super) struct Count;

impl Fold for Count {
    type State = i64;

    fn state_types(&self) -> Vec<DataType> {
        vec![DataType::Int64]
    }

    fn update(&self, states: &mut [i64], arguments: &[ArrayRef], rows: &Rows<'_>) -> Result<isize> {
        rows.for_each(present(&arguments[0]).as_ref(), |_, group| {
            states[group] += 1
        });
        Ok(0)
    }

    fn merge(&self, states: &mut [i64], saved: &[ArrayRef], rows: &Rows<'_>) -> Result<isize> {
        let counts = saved[0]
            .as_primitive_opt::<Int64Type>()
            .ok_or_else(broken_state)?;
        rows.for_each(counts.nulls(), |row, group| {
            states[group] += counts.value(row)
        });
        Ok(0)
    }

    fn save(&self, states: Vec<i64>) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.results(states)?])
    }

    fn results(&self, states: Vec<i64>) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from(states)))
    }

    fn heap(&self, _: &i64) -> usize {
        0
    }
}

//! How many values there are.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array};
use datafusion_common::Result;

use super::groups::{Fold, Rows};
use super::keys::present;

/// How many values of the first argument are not null; without one, how many rows there are.
#[derive(Debug)]
pub(super) struct Count;

impl Fold for Count {
    type State = i64;

    fn update(&self, states: &mut [i64], arguments: &[ArrayRef], rows: &Rows<'_>) -> Result<isize> {
        let valid = arguments.first().and_then(|column| present(column));
        match (rows, &valid) {
            (Rows::One(count), None) => states[0] += *count as i64,
            (Rows::One(count), Some(valid)) => states[0] += (*count - valid.null_count()) as i64,
            _ => rows.for_each(valid.as_ref(), |_, group| states[group] += 1),
        }
        Ok(0)
    }

    fn absorb(&self, state: &mut i64, other: i64) -> isize {
        *state += other;
        0
    }

    fn results(&self, states: Vec<i64>) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from(states)))
    }

    fn heap(&self, _: &i64) -> usize {
        0
    }
}

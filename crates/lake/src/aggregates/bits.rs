//! Bits that any row of a group has.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, UInt64Array};
use datafusion_common::{Result, internal_err};

use super::groups::{Fold, Rows};

/// The union of the bits of words.
#[derive(Debug)]
pub(super) struct Bits;

impl Fold for Bits {
    type State = u64;

    fn update(&self, states: &mut [u64], arguments: &[ArrayRef], rows: &Rows<'_>) -> Result<isize> {
        let Some(words) = arguments[0].as_primitive_opt::<UInt64Type>() else {
            return internal_err!("bits are words of 64 bits");
        };
        let values = words.values();
        rows.for_each(words.nulls(), |row, group| states[group] |= values[row]);
        Ok(0)
    }

    fn absorb(&self, state: &mut u64, other: u64) -> isize {
        *state |= other;
        0
    }

    fn results(&self, states: Vec<u64>) -> Result<ArrayRef> {
        Ok(Arc::new(UInt64Array::from(states)))
    }

    fn heap(&self, _: &u64) -> usize {
        0
    }
}

//! How many distinct values there are.

use std::fmt::Debug;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array};
use datafusion_common::Result;
use hashbrown::HashSet;

use super::groups::{Fold, Rows};
use super::keys::{Key, plain_column, present};
use super::strings::Strings;
use crate::columns::Encoded;

/// How many distinct values of 64 bits there are.
#[derive(Debug)]
pub(super) struct DistinctWords;

impl Fold for DistinctWords {
    type State = HashSet<u64>;

    fn update(
        &self,
        states: &mut [HashSet<u64>],
        arguments: &[ArrayRef],
        rows: &Rows<'_>,
    ) -> Result<isize> {
        let mut growth = 0;
        u64::visit(&arguments[0], rows, |group, word| {
            let set = &mut states[group];
            let room = set.capacity();
            if set.insert(*word) && set.capacity() != room {
                growth += (set.capacity() - room) as isize * WORD_BYTES;
            }
        })?;
        Ok(growth)
    }

    fn absorb(&self, state: &mut HashSet<u64>, mut other: HashSet<u64>) -> isize {
        let before = self.heap(state);
        if state.len() < other.len() {
            std::mem::swap(state, &mut other);
        }
        state.extend(other);
        self.heap(state) as isize - before as isize
    }

    fn results(&self, states: Vec<HashSet<u64>>) -> Result<ArrayRef> {
        let counts = states.iter().map(|set| set.len() as i64);
        Ok(Arc::new(Int64Array::from_iter_values(counts)))
    }

    fn heap(&self, state: &HashSet<u64>) -> usize {
        state.allocation_size()
    }
}

/// A place of a table is filled to seven eighths at most and has a byte beside it.
const WORD_BYTES: isize = 11;

/// How many distinct values of any other kind there are.
#[derive(Debug)]
pub(super) struct DistinctBytes;

/// Values of a group, each once.
#[derive(Debug, Default)]
pub(super) struct Seen {
    values: Strings<()>,
    /// A dictionary, and which of its values are among them, by their places.
    dictionary: Option<(ArrayRef, Vec<bool>)>,
}

impl Seen {
    /// Adds the values of an encoded column of this group alone, each of a
    /// dictionary once as long as the dictionary stays the same.
    fn add_encoded(&mut self, column: &dyn Array, encoded: Encoded<'_>) -> Result<()> {
        let dictionary = encoded.values();
        let known = self.dictionary.take();
        let known = known.filter(|(known, _)| Arc::ptr_eq(known, dictionary));
        let (dictionary, mut seen) =
            known.unwrap_or_else(|| (dictionary.clone(), vec![false; dictionary.len()]));
        let mut fresh: Vec<u32> = Vec::new();
        let codes = encoded.codes().values();
        Rows::One(codes.len()).for_each(present(column).as_ref(), |row, _| {
            let code = codes[row] as usize;
            if !std::mem::replace(&mut seen[code], true) {
                fresh.push(code as u32);
            }
        });
        let fresh = arrow_array::UInt32Array::from(fresh);
        let fresh = arrow_select::take::take(dictionary.as_ref(), &fresh, None)?;
        <Box<[u8]>>::visit(&fresh, &Rows::One(fresh.len()), |_, value| {
            self.values.add(value, ());
        })?;
        self.dictionary = Some((dictionary, seen));
        Ok(())
    }

    fn heap(&self) -> usize {
        let places = self.dictionary.as_ref().map_or(0, |(_, seen)| seen.len());
        self.values.heap() + places
    }
}

impl Fold for DistinctBytes {
    type State = Seen;

    fn update(
        &self,
        states: &mut [Seen],
        arguments: &[ArrayRef],
        rows: &Rows<'_>,
    ) -> Result<isize> {
        let column = &arguments[0];
        if let (Rows::One(_), Some(encoded)) = (rows, Encoded::of(column.as_ref())) {
            let before = states[0].heap();
            states[0].add_encoded(column.as_ref(), encoded)?;
            return Ok(states[0].heap() as isize - before as isize);
        }
        let mut growth = 0;
        <Box<[u8]>>::visit(&plain_column(column)?, rows, |group, value| {
            growth += states[group].values.add(value, ());
        })?;
        Ok(growth)
    }

    fn absorb(&self, state: &mut Seen, other: Seen) -> isize {
        state.values.absorb(other.values)
    }

    fn results(&self, states: Vec<Seen>) -> Result<ArrayRef> {
        let counts = states.into_iter();
        let counts = counts.map(|seen| seen.values.count() as i64);
        Ok(Arc::new(Int64Array::from_iter_values(counts)))
    }

    fn heap(&self, state: &Seen) -> usize {
        state.heap()
    }
}

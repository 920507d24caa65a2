//! Actors and the steps in which each was seen, of which nobody asks but how
//! many were seen in just the same ones.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, UInt32Array, UInt64Array};
use arrow_schema::DataType;
use datafusion_common::{Result, internal_err};
use hashbrown::HashMap;

use super::groups::{Fold, Rows};
use super::keys::{Key, plain_column, present};
use super::strings::Strings;
use super::unique::list_type;
use crate::columns::Encoded;

/// What a tally of steps is: bits and how many, one after the other.
pub(super) fn tally_type() -> DataType {
    list_type(&DataType::UInt64)
}

/// The bits of the steps in which each row counts; none where it counts in no step.
fn steps_of(arguments: &[ArrayRef]) -> Result<&UInt64Array> {
    match arguments
        .get(1)
        .and_then(|steps| steps.as_primitive_opt::<UInt64Type>())
    {
        Some(steps) if steps.null_count() == 0 => Ok(steps),
        _ => internal_err!("steps are words of 64 bits"),
    }
}

/// How many have just these bits, for each that any has.
fn tallies<S>(states: Vec<S>, each: impl Fn(S, &mut dyn FnMut(u64))) -> ArrayRef {
    let mut lists = ListBuilder::new(UInt64Builder::new());
    for state in states {
        let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
        each(state, &mut |bits| *counts.entry(bits).or_default() += 1);
        for (bits, count) in counts {
            lists.values().append_slice(&[bits, count]);
        }
        lists.append(true);
    }
    Arc::new(lists.finish())
}

/// Actors that are values of 64 bits.
#[derive(Debug)]
pub(super) struct ActorsByWord;

/// A place of a table is filled to seven eighths at most and has a byte beside it.
const ENTRY_BYTES: isize = 20;

impl Fold for ActorsByWord {
    type State = HashMap<u64, u64>;

    fn update(
        &self,
        states: &mut [Self::State],
        arguments: &[ArrayRef],
        rows: &Rows<'_>,
    ) -> Result<isize> {
        let steps = steps_of(arguments)?.values();
        let mut growth = 0;
        u64::visit(&arguments[0], &Rows::Own(steps.len()), |row, actor| {
            if steps[row] == 0 {
                return;
            }
            let actors = &mut states[rows.group_of(row)];
            let room = actors.capacity();
            *actors.entry(*actor).or_default() |= steps[row];
            growth += (actors.capacity() - room) as isize * ENTRY_BYTES;
        })?;
        Ok(growth)
    }

    fn absorb(&self, state: &mut Self::State, mut other: Self::State) -> isize {
        let before = self.heap(state);
        if state.len() < other.len() {
            std::mem::swap(state, &mut other);
        }
        for (actor, steps) in other {
            *state.entry(actor).or_default() |= steps;
        }
        self.heap(state) as isize - before as isize
    }

    fn results(&self, states: Vec<Self::State>) -> Result<ArrayRef> {
        Ok(tallies(states, |state, count| {
            state.into_values().for_each(count);
        }))
    }

    fn heap(&self, state: &Self::State) -> usize {
        state.allocation_size()
    }
}

/// Actors of any other kind.
#[derive(Debug)]
pub(super) struct ActorsByBytes;

/// The actors of a group.
#[derive(Debug, Default)]
pub(super) struct Actors {
    steps: Strings<u64>,
    /// A dictionary, and the steps of each of its values, by their places, as
    /// far as they are among those above.
    dictionary: Option<(ArrayRef, Vec<u64>)>,
}

impl Actors {
    /// Adds an encoded column of this group alone: a value of a dictionary only
    /// where it is seen in a new step, as long as the dictionary stays the same.
    fn add_encoded(
        &mut self,
        column: &dyn Array,
        encoded: Encoded<'_>,
        steps: &[u64],
    ) -> Result<()> {
        let dictionary = encoded.values();
        let known = self.dictionary.take();
        let known = known.filter(|(known, _)| Arc::ptr_eq(known, dictionary));
        let (dictionary, mut seen) =
            known.unwrap_or_else(|| (dictionary.clone(), vec![0; dictionary.len()]));
        let mut fresh: Vec<u32> = Vec::new();
        let codes = encoded.codes().values();
        Rows::One(codes.len()).for_each(present(column).as_ref(), |row, _| {
            let code = codes[row] as usize;
            if steps[row] & !seen[code] != 0 {
                seen[code] |= steps[row];
                fresh.push(code as u32);
            }
        });
        let fresh = UInt32Array::from(fresh);
        let values = arrow_select::take::take(dictionary.as_ref(), &fresh, None)?;
        <Box<[u8]>>::visit(&values, &Rows::Own(fresh.len()), |row, actor| {
            self.steps.add(actor, seen[fresh.value(row) as usize]);
        })?;
        self.dictionary = Some((dictionary, seen));
        Ok(())
    }

    fn heap(&self) -> usize {
        let places = self.dictionary.as_ref().map_or(0, |(_, seen)| seen.len());
        self.steps.heap() + places * size_of::<u64>()
    }
}

impl Fold for ActorsByBytes {
    type State = Actors;

    fn update(
        &self,
        states: &mut [Actors],
        arguments: &[ArrayRef],
        rows: &Rows<'_>,
    ) -> Result<isize> {
        let (column, steps) = (&arguments[0], steps_of(arguments)?.values());
        if let (Rows::One(_), Some(encoded)) = (rows, Encoded::of(column.as_ref())) {
            let before = states[0].heap();
            states[0].add_encoded(column.as_ref(), encoded, steps)?;
            return Ok(states[0].heap() as isize - before as isize);
        }
        let mut growth = 0;
        let column = plain_column(column)?;
        <Box<[u8]>>::visit(&column, &Rows::Own(column.len()), |row, actor| {
            if steps[row] != 0 {
                growth += states[rows.group_of(row)].steps.add(actor, steps[row]);
            }
        })?;
        Ok(growth)
    }

    fn absorb(&self, state: &mut Actors, other: Actors) -> isize {
        state.steps.absorb(other.steps)
    }

    fn results(&self, states: Vec<Actors>) -> Result<ArrayRef> {
        Ok(tallies(states, |state, count| state.steps.for_each(count)))
    }

    fn heap(&self, state: &Actors) -> usize {
        state.heap()
    }
}

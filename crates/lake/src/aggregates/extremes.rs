//! The least and the greatest value.

use std::marker::PhantomData;

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use datafusion_common::Result;
use model::canonical;
use model::value::Value;

use super::groups::{Fold, Rows};
use super::keys::{Key, plain_column};

/// How values of unlike kinds compete: a lower rank wins whatever the
/// values, and a value without a rank takes no part.
pub(super) type Rank<K> = fn(&<K as Key>::Seen) -> Option<u8>;

/// The rank of values that are all of one kind.
pub(super) fn one_kind<K: ?Sized>(_: &K) -> Option<u8> {
    Some(0)
}

/// Ranks the values of an undeclared field: numbers, then texts, then
/// booleans, then dates, date-times and UUIDs.
pub(super) fn of_any_kind(bytes: &[u8]) -> Option<u8> {
    if canonical::number(bytes).is_some() {
        return Some(0);
    }
    if canonical::text(bytes).is_some() {
        return Some(1);
    }
    match canonical::decode(bytes)? {
        Value::Boolean(_) => Some(2),
        Value::Date(_) => Some(3),
        Value::DateTime(_) => Some(4),
        Value::Uuid(_) => Some(5),
        _ => None,
    }
}

/// Ranks the numbers of an undeclared field alone.
pub(super) fn numbers_only(bytes: &[u8]) -> Option<u8> {
    canonical::number(bytes).map(|_| 0)
}

/// The least or the greatest value of the best rank.
#[derive(Debug)]
pub(super) struct Extreme<K: Key> {
    greatest: bool,
    rank: Rank<K>,
    output: DataType,
    key: PhantomData<K>,
}

impl<K: Key> Extreme<K> {
    /// The function with results of this type.
    pub(super) fn new(greatest: bool, rank: Rank<K>, output: DataType) -> Self {
        Self {
            greatest,
            rank,
            output,
            key: PhantomData,
        }
    }

    fn beats(&self, new: &K::Seen, rank: u8, old: &K::Seen) -> bool {
        let Some(old_rank) = (self.rank)(old) else {
            return true;
        };
        if rank != old_rank {
            return rank < old_rank;
        }
        if self.greatest { new > old } else { new < old }
    }

    fn offer(&self, best: &mut Option<K>, new: &K::Seen) -> isize {
        let Some(rank) = (self.rank)(new) else {
            return 0;
        };
        if best
            .as_ref()
            .is_some_and(|best| !self.beats(new, rank, best.borrow()))
        {
            return 0;
        }
        let before = self.heap(best);
        *best = Some(K::of(new));
        self.heap(best) as isize - before as isize
    }
}

impl<K: Key> Fold for Extreme<K> {
    type State = Option<K>;

    fn update(
        &self,
        states: &mut [Option<K>],
        arguments: &[ArrayRef],
        rows: &Rows<'_>,
    ) -> Result<isize> {
        let mut growth = 0;
        K::visit(&plain_column(&arguments[0])?, rows, |group, key| {
            growth += self.offer(&mut states[group], key)
        })?;
        Ok(growth)
    }

    fn absorb(&self, state: &mut Option<K>, other: Option<K>) -> isize {
        other.map_or(0, |key| self.offer(state, key.borrow()))
    }

    fn results(&self, states: Vec<Option<K>>) -> Result<ArrayRef> {
        K::values(states, &self.output)
    }

    fn heap(&self, state: &Option<K>) -> usize {
        state.as_ref().map_or(0, Key::heap)
    }

    fn texts(&self, heap: usize) -> usize {
        heap
    }
}

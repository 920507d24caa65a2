//! What needs every value of a group: percentiles.

use std::marker::PhantomData;

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use datafusion_common::Result;

use super::extremes::Rank;
use super::groups::{Fold, Rows};
use super::keys::{Key, plain_column};

/// The values of a group, each as often as it occurs.
#[derive(Debug)]
pub(super) struct Bag<K> {
    keys: Vec<K>,
    /// What the keys hold beside themselves, in bytes.
    held: usize,
}

impl<K> Default for Bag<K> {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            held: 0,
        }
    }
}

impl<K: Key> Bag<K> {
    fn add(&mut self, seen: &K::Seen) -> isize {
        let key = K::of(seen);
        let (held, room) = (key.heap(), self.keys.capacity());
        self.held += held;
        self.keys.push(key);
        (held + (self.keys.capacity() - room) * size_of::<K>()) as isize
    }

    fn heap(&self) -> usize {
        self.keys.capacity() * size_of::<K>() + self.held
    }

    fn absorb(&mut self, mut other: Self) {
        if self.keys.len() < other.keys.len() {
            std::mem::swap(self, &mut other);
        }
        self.held += other.held;
        self.keys.append(&mut other.keys);
    }

    /// The least value with at least `hundredths` / 10,000 of all at or below it.
    fn percentile(mut self, hundredths: u32) -> Option<K> {
        let count = self.keys.len();
        if count == 0 {
            return None;
        }
        let rank = (u128::from(hundredths) * count as u128).div_ceil(10_000);
        let index = usize::try_from(rank).unwrap_or(count).clamp(1, count) - 1;
        self.keys.select_nth_unstable(index);
        Some(self.keys.swap_remove(index))
    }
}

/// The nearest-rank percentile.
#[derive(Debug)]
pub(super) struct Percentile<K: Key> {
    hundredths: u32,
    rank: Rank<K>,
    output: DataType,
    key: PhantomData<K>,
}

impl<K: Key> Percentile<K> {
    /// The function over the values that have a rank, with results of this type.
    pub(super) fn new(hundredths: u32, rank: Rank<K>, output: DataType) -> Self {
        Self {
            hundredths,
            rank,
            output,
            key: PhantomData,
        }
    }
}

impl<K: Key> Fold for Percentile<K> {
    type State = Bag<K>;

    fn update(
        &self,
        states: &mut [Bag<K>],
        arguments: &[ArrayRef],
        rows: &Rows<'_>,
    ) -> Result<isize> {
        let mut growth = 0;
        K::visit(&plain_column(&arguments[0])?, rows, |group, key| {
            if (self.rank)(key).is_some() {
                growth += states[group].add(key);
            }
        })?;
        Ok(growth)
    }

    fn absorb(&self, state: &mut Bag<K>, other: Bag<K>) -> isize {
        let before = state.heap();
        state.absorb(other);
        state.heap() as isize - before as isize
    }

    fn results(&self, states: Vec<Bag<K>>) -> Result<ArrayRef> {
        let results = states
            .into_iter()
            .map(|bag| bag.percentile(self.hundredths));
        K::values(results.collect(), &self.output)
    }

    fn heap(&self, state: &Bag<K>) -> usize {
        state.heap()
    }
}

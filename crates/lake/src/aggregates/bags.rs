//! What needs every value of a group: percentiles.

use std::marker::PhantomData;

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use datafusion_common::Result;

use super::extremes::Rank;
use super::groups::{Fold, Rows};
use super::keys::{Key, plain_column};
use super::selection::nth;

/// Values of a part of a bag that is full.
const PART: usize = 65_536;

/// The values of a group, each as often as it occurs.
#[derive(Debug)]
pub(super) struct Bag<K> {
    /// Parts that stay as they are: what is large is not copied when it grows.
    parts: Vec<Vec<K>>,
    last: Vec<K>,
    /// The values for which there is room.
    room: usize,
    /// What the keys hold beside themselves, in bytes.
    held: usize,
}

impl<K> Default for Bag<K> {
    fn default() -> Self {
        Self {
            parts: Vec::new(),
            last: Vec::new(),
            room: 0,
            held: 0,
        }
    }
}

impl<K: Key> Bag<K> {
    fn add(&mut self, seen: &K::Seen) -> isize {
        let key = K::of(seen);
        let held = key.heap();
        self.held += held;
        if self.last.len() < self.last.capacity() {
            self.last.push(key);
            return held as isize;
        }
        let before = self.heap();
        if self.last.len() >= PART {
            let full = std::mem::replace(&mut self.last, Vec::with_capacity(PART));
            self.parts.push(full);
            self.room += self.last.capacity();
        } else {
            self.room -= self.last.capacity();
            self.last.reserve(1);
            self.room += self.last.capacity();
        }
        self.last.push(key);
        (held + self.heap() - before) as isize
    }

    fn heap(&self) -> usize {
        let parts = self.parts.capacity() * size_of::<Vec<K>>();
        parts + self.room * size_of::<K>() + self.held
    }

    fn absorb(&mut self, mut other: Self) {
        if self.last.len() < other.last.len() {
            std::mem::swap(&mut self.last, &mut other.last);
        }
        self.held += other.held;
        self.parts.append(&mut other.parts);
        // Of two that are large, the smaller stays a part of its own.
        if other.last.len() >= PART / 4 {
            self.parts.push(other.last);
        } else {
            self.last.append(&mut other.last);
        }
        let parts = self.parts.iter().map(Vec::capacity);
        self.room = parts.sum::<usize>() + self.last.capacity();
    }

    /// The least value with at least `hundredths` / 10,000 of all at or below it.
    fn percentile(mut self, hundredths: u32) -> Option<K> {
        self.parts.push(self.last);
        let count: usize = self.parts.iter().map(Vec::len).sum();
        let rank = (u128::from(hundredths) * count as u128).div_ceil(10_000);
        let rank = usize::try_from(rank).unwrap_or(count).max(1);
        nth(&self.parts, rank.min(count).checked_sub(1)?)
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

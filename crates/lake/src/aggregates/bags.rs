//! What needs every value of a group: percentiles.

mod counts;
mod list;

use std::marker::PhantomData;

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use datafusion_common::Result;

use super::extremes::Rank;
use super::groups::{Fold, Rows};
use super::keys::{Key, plain_column};
use counts::Counts;
use list::List;

/// The values of a group, each as often as it occurs. Of very many the memory is that of the
/// different ones, when these are few.
#[derive(Debug)]
pub(super) enum Bag<K> {
    Listed(List<K>),
    Counted(Box<Counts<K>>),
}

impl<K> Default for Bag<K> {
    fn default() -> Self {
        Self::Listed(List::default())
    }
}

impl<K: Key> Bag<K> {
    /// Adds a value; says how much memory that took.
    fn add(&mut self, seen: &K::Seen) -> isize {
        let growth = match self {
            Self::Listed(list) => list.push(K::of(seen)),
            Self::Counted(counts) => counts.add(seen),
        };
        match growth {
            0 => 0,
            growth => growth + self.settle(),
        }
    }

    /// Adds the values of a column; likewise.
    fn add_column(&mut self, column: &ArrayRef, rows: &Rows<'_>) -> Result<isize> {
        let mut growth = 0;
        match self {
            Self::Listed(list) => K::visit(column, rows, |_, key| growth += list.push(K::of(key))),
            Self::Counted(counts) => K::visit(column, rows, |_, key| growth += counts.add(key)),
        }?;
        Ok(growth + self.settle())
    }

    /// Counts what is listed when its values repeat, and lists what is counted when they do not
    /// any more; says how much memory that took.
    fn settle(&mut self) -> isize {
        let is_settled = match self {
            Self::Listed(list) => !list.is_undecided(),
            Self::Counted(counts) => counts.repeat(),
        };
        if is_settled {
            return 0;
        }
        let before = self.heap() as isize;
        *self = match std::mem::take(self) {
            Self::Listed(list) => match Counts::of(list) {
                Ok(counts) => Self::Counted(Box::new(counts)),
                Err(list) => Self::Listed(list),
            },
            Self::Counted(counts) => Self::Listed(counts.into_list()),
        };
        self.heap() as isize - before
    }

    /// Takes in the values of another bag.
    fn absorb(&mut self, other: Self) {
        *self = match (std::mem::take(self), other) {
            (Self::Listed(mut list), Self::Listed(other)) => {
                list.absorb(other);
                Self::Listed(list)
            }
            (Self::Counted(counts), Self::Counted(other)) => Self::Counted(counts.absorb(*other)),
            (Self::Counted(mut counts), Self::Listed(list))
            | (Self::Listed(list), Self::Counted(mut counts)) => {
                // What there is more of tells whether values repeat.
                if list.len() as u64 > counts.values() {
                    let mut all = counts.into_list();
                    all.absorb(list);
                    Self::Listed(all)
                } else {
                    list.into_iter().for_each(|key| counts.add_key(key, 1));
                    Self::Counted(counts)
                }
            }
        };
    }

    /// The least value with at least `hundredths` / 10,000 of all at or below it.
    fn percentile(self, hundredths: u32) -> Option<K> {
        let rank_of = |count: u64| {
            let rank = (u128::from(hundredths) * u128::from(count)).div_ceil(10_000);
            let rank = u64::try_from(rank).unwrap_or(count).max(1);
            rank.min(count).checked_sub(1)
        };
        match self {
            Self::Listed(list) => {
                let rank = rank_of(list.len() as u64)?;
                list.nth(usize::try_from(rank).ok()?)
            }
            Self::Counted(counts) => {
                let rank = rank_of(counts.values())?;
                counts.nth(rank)
            }
        }
    }

    fn heap(&self) -> usize {
        match self {
            Self::Listed(list) => list.heap(),
            Self::Counted(counts) => size_of::<Counts<K>>() + counts.heap(),
        }
    }
}

/// The nearest-rank percentile.
#[derive(Debug)]
pub(super) struct Percentile<K: Key> {
    hundredths: u32,
    /// Which values take part, when not all do: those that have a rank.
    rank: Option<Rank<K>>,
    output: DataType,
    key: PhantomData<K>,
}

impl<K: Key> Percentile<K> {
    /// The function over all values, or over those that have a rank, with results of this type.
    pub(super) fn new(hundredths: u32, rank: Option<Rank<K>>, output: DataType) -> Self {
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
        let column = plain_column(&arguments[0])?;
        if let (Rows::One(_), None, [all]) = (rows, self.rank, &mut *states) {
            return all.add_column(&column, rows);
        }
        let mut growth = 0;
        K::visit(&column, rows, |group, key| {
            if self.rank.is_none_or(|rank| rank(key).is_some()) {
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

#[cfg(test)]
mod tests;

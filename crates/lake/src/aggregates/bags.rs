//! What needs every value of a group: percentiles and distinct counts.

use std::collections::HashSet;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Int64Array, LargeListArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};
use datafusion_common::Result;

use super::extremes::Rank;
use super::groups::{Fold, Rows, broken_state};
use super::keys::Key;

fn list_type<K: Key>() -> DataType {
    DataType::LargeList(Arc::new(Field::new_list_field(K::COLUMN, true)))
}

fn save<K: Key>(lists: impl Iterator<Item = impl Iterator<Item = K>>) -> Vec<ArrayRef> {
    let (mut keys, mut lengths) = (Vec::new(), Vec::new());
    for list in lists {
        let before = keys.len();
        keys.extend(list.map(Some));
        lengths.push(keys.len() - before);
    }
    vec![Arc::new(LargeListArray::new(
        Arc::new(Field::new_list_field(K::COLUMN, true)),
        OffsetBuffer::from_lengths(lengths),
        K::column(keys.into_iter()),
        None,
    ))]
}

fn visit_saved<K: Key>(
    saved: &ArrayRef,
    rows: &Rows<'_>,
    visit: impl FnMut(usize, &K::Seen),
) -> Result<()> {
    let lists = saved.as_list_opt::<i64>().ok_or_else(broken_state)?;
    let offsets = lists.value_offsets();
    let (start, end) = (offsets[0] as usize, offsets[lists.len()] as usize);
    let mut groups = Vec::with_capacity(end - start);
    for (row, bounds) in offsets.windows(2).enumerate() {
        groups.resize(bounds[1] as usize - start, rows.group(row));
    }
    K::visit(
        &lists.values().slice(start, end - start),
        &Rows::all(&groups),
        visit,
    )
}

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
        let before = self.heap();
        let key = K::of(seen);
        self.held += key.heap();
        self.keys.push(key);
        self.heap() as isize - before as isize
    }

    fn heap(&self) -> usize {
        self.keys.capacity() * size_of::<K>() + self.held
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

    fn state_types(&self) -> Vec<DataType> {
        vec![list_type::<K>()]
    }

    fn update(
        &self,
        states: &mut [Bag<K>],
        arguments: &[ArrayRef],
        rows: &Rows<'_>,
    ) -> Result<isize> {
        let mut growth = 0;
        K::visit(&arguments[0], rows, |group, key| {
            if (self.rank)(key).is_some() {
                growth += states[group].add(key);
            }
        })?;
        Ok(growth)
    }

    fn merge(&self, states: &mut [Bag<K>], saved: &[ArrayRef], rows: &Rows<'_>) -> Result<isize> {
        let mut growth = 0;
        visit_saved::<K>(&saved[0], rows, |group, key| {
            growth += states[group].add(key)
        })?;
        Ok(growth)
    }

    fn save(&self, states: Vec<Bag<K>>) -> Result<Vec<ArrayRef>> {
        Ok(save(states.into_iter().map(|bag| bag.keys.into_iter())))
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

/// The values of a group, each once.
#[derive(Debug)]
pub(super) struct Set<K> {
    keys: HashSet<K>,
    /// What the keys hold beside themselves, in bytes.
    held: usize,
}

impl<K> Default for Set<K> {
    fn default() -> Self {
        Self {
            keys: HashSet::new(),
            held: 0,
        }
    }
}

impl<K: Key> Set<K> {
    fn add(&mut self, seen: &K::Seen) -> isize {
        if self.keys.contains(seen) {
            return 0;
        }
        let before = self.heap();
        let key = K::of(seen);
        self.held += key.heap();
        self.keys.insert(key);
        self.heap() as isize - before as isize
    }

    /// A table of the standard library has a byte beside each place and
    /// fills at most seven places of eight.
    fn heap(&self) -> usize {
        self.keys.capacity() * (size_of::<K>() + 1) * 8 / 7 + self.held
    }
}

/// How many distinct values there are.
#[derive(Debug)]
pub(super) struct Distinct<K: Key> {
    key: PhantomData<K>,
}

impl<K: Key> Distinct<K> {
    /// The function.
    pub(super) fn new() -> Self {
        Self { key: PhantomData }
    }
}

impl<K: Key> Fold for Distinct<K> {
    type State = Set<K>;

    fn state_types(&self) -> Vec<DataType> {
        vec![list_type::<K>()]
    }

    fn update(
        &self,
        states: &mut [Set<K>],
        arguments: &[ArrayRef],
        rows: &Rows<'_>,
    ) -> Result<isize> {
        let mut growth = 0;
        K::visit(&arguments[0], rows, |group, key| {
            growth += states[group].add(key)
        })?;
        Ok(growth)
    }

    fn merge(&self, states: &mut [Set<K>], saved: &[ArrayRef], rows: &Rows<'_>) -> Result<isize> {
        let mut growth = 0;
        visit_saved::<K>(&saved[0], rows, |group, key| {
            growth += states[group].add(key)
        })?;
        Ok(growth)
    }

    fn save(&self, states: Vec<Set<K>>) -> Result<Vec<ArrayRef>> {
        Ok(save(states.into_iter().map(|set| set.keys.into_iter())))
    }

    fn results(&self, states: Vec<Set<K>>) -> Result<ArrayRef> {
        let counts = states.iter().map(|set| set.keys.len() as i64);
        Ok(Arc::new(Int64Array::from_iter_values(counts)))
    }

    fn heap(&self, state: &Set<K>) -> usize {
        state.heap()
    }
}

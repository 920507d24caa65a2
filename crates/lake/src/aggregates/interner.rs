//! The values that make groups, by numbers: first those of each column, then
//! those of the columns together.

mod bytes;
mod columns;

pub(super) use bytes::ByteStrings;
pub(super) use columns::Column;

use arrow_array::{ArrayRef, RecordBatch};
use datafusion_common::Result;
use hashbrown::HashMap;

use super::groups::Room;
use super::table::GroupBy;

/// Pairs of numbers, numbered from 0 in the order in which they came.
#[derive(Debug, Default)]
struct Pairs {
    numbers: HashMap<(u32, u32), u32>,
    pairs: Vec<(u32, u32)>,
}

impl Pairs {
    fn number(&mut self, pair: (u32, u32)) -> u32 {
        let next = self.pairs.len() as u32;
        let number = *self.numbers.entry(pair).or_insert(next);
        if number == next {
            self.pairs.push(pair);
        }
        number
    }
}

/// The groups that were met, numbered from 0.
#[derive(Debug)]
pub(super) struct Groups {
    columns: Vec<Column>,
    /// The groups by the columns up to the second, the third and so on: each
    /// is one by the columns before and a value of the next column.
    pairs: Vec<Pairs>,
    scratch: Vec<u32>,
}

impl Groups {
    /// No groups yet, by these columns, of which there is at least one.
    pub(super) fn new(by: &[GroupBy]) -> Result<Self> {
        let columns = by.iter().map(Column::new).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            pairs: (1..columns.len()).map(|_| Pairs::default()).collect(),
            columns,
            scratch: Vec::new(),
        })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self.pairs.last() {
            Some(pairs) => pairs.pairs.len(),
            None => self.columns.first().map_or(0, Column::len),
        }
    }

    /// The group of each row.
    pub(super) fn number(&mut self, batch: &RecordBatch, numbers: &mut Vec<u32>) -> Result<()> {
        numbers.clear();
        for (at, column) in self.columns.iter_mut().enumerate() {
            let Some(before) = at.checked_sub(1) else {
                column.number_in(batch, numbers)?;
                continue;
            };
            self.scratch.clear();
            column.number_in(batch, &mut self.scratch)?;
            let pairs = &mut self.pairs[before];
            let mut last = None;
            for (number, value) in numbers.iter_mut().zip(&self.scratch) {
                let pair = (*number, *value);
                *number = match last {
                    Some((known, known_number)) if known == pair => known_number,
                    _ => pairs.number(pair),
                };
                last = Some((pair, *number));
            }
        }
        Ok(())
    }

    /// Takes in the groups that another reader met; answers the number here of each.
    pub(super) fn absorb(&mut self, other: Self) -> Result<Vec<u32>> {
        let columns = self.columns.iter_mut().zip(other.columns);
        let values = columns.map(|(mine, theirs)| mine.absorb(theirs));
        let mut values = values.collect::<Result<Vec<_>>>()?.into_iter();
        let mut numbers = values.next().unwrap_or_default();
        for ((mine, theirs), values) in self.pairs.iter_mut().zip(other.pairs).zip(values) {
            let pairs = theirs.pairs.into_iter();
            let translated = pairs.map(|(before, value)| {
                mine.number((numbers[before as usize], values[value as usize]))
            });
            numbers = translated.collect();
        }
        Ok(numbers)
    }

    /// The values of each group, in a column for each column. Room is asked for
    /// each before it is made: a long text is there once, however many groups have it.
    pub(super) fn values(self, room: &mut Room<'_>) -> Result<Vec<ArrayRef>> {
        let mut groups: Vec<u32> = (0..self.len() as u32).collect();
        let mut columns = self.columns;
        let mut values = Vec::with_capacity(columns.len());
        for pairs in self.pairs.into_iter().rev() {
            let pair_of = |group: &u32| pairs.pairs[*group as usize];
            let last: Vec<u32> = groups.iter().map(|group| pair_of(group).1).collect();
            groups
                .iter_mut()
                .for_each(|group| *group = pair_of(group).0);
            if let Some(column) = columns.pop() {
                values.push(column.values(&last, room)?);
            }
        }
        if let Some(column) = columns.pop() {
            values.push(column.values(&groups, room)?);
        }
        values.reverse();
        Ok(values)
    }

    /// The memory held, in bytes.
    pub(super) fn bytes(&self) -> usize {
        const PAIR: usize = size_of::<((u32, u32), u32)>() + size_of::<(u32, u32)>();
        let columns = self.columns.iter().map(Column::bytes);
        let pairs = self
            .pairs
            .iter()
            .map(|pairs| pairs.numbers.capacity() * PAIR);
        columns.sum::<usize>() + pairs.sum::<usize>()
    }
}

//! The distinct values themselves.

use std::any::Any;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, ListArray, UInt32Array};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};
use datafusion_common::{Result, internal_err};
use hashbrown::HashSet;
use model::canonical;
use model::limits::RESULT_ROWS_MAX;

use super::groups::{Room, Rows, Runnable, Running, check_column_size, limit};
use super::interner::Column;
use crate::columns::value_at;

/// The distinct values of each group in their order, a missing one last.
#[derive(Debug)]
pub(super) struct SelectUnique {
    item: DataType,
}

impl SelectUnique {
    /// The function over a column of this type.
    pub(super) fn new(item: DataType) -> Self {
        Self { item }
    }
}

/// The type of lists of distinct values of this type.
pub(super) fn list_type(item: &DataType) -> DataType {
    DataType::List(Arc::new(item_field(item)))
}

fn item_field(item: &DataType) -> Field {
    Field::new_list_field(item.clone(), true)
}

impl Runnable for SelectUnique {
    fn start(self: Box<Self>) -> Box<dyn Running> {
        Box::new(Selecting {
            values: None,
            members: HashSet::new(),
            numbers: Vec::new(),
            item: self.item,
        })
    }
}

/// Values are kept once for all groups, and of a group only which they are.
#[derive(Debug)]
struct Selecting {
    item: DataType,
    /// The values that were met in any group.
    values: Option<Column>,
    /// Pairs of a group and the number of a value.
    members: HashSet<(u32, u32)>,
    /// The numbers of a batch.
    numbers: Vec<u32>,
}

impl Selecting {
    fn values(&mut self) -> Result<&mut Column> {
        if self.values.is_none() {
            self.values = Some(Column::of_values(&self.item)?);
        }
        match &mut self.values {
            Some(values) => Ok(values),
            None => internal_err!("the values were put there right above"),
        }
    }

    fn check_size(&self) -> Result<()> {
        if self.members.len() <= RESULT_ROWS_MAX {
            return Ok(());
        }
        Err(limit(format!(
            "lists of distinct values have at most {RESULT_ROWS_MAX} in all; \
             ask for fewer groups, or for a field with fewer values"
        )))
    }
}

impl Running for Selecting {
    fn update(&mut self, arguments: &[ArrayRef], rows: &Rows<'_>, _: usize) -> Result<()> {
        let mut numbers = std::mem::take(&mut self.numbers);
        numbers.clear();
        self.values()?.number(&arguments[0], &mut numbers)?;
        let mut last = None;
        rows.for_each(None, |row, group| {
            let pair = (group as u32, numbers[row]);
            if last != Some(pair) {
                self.members.insert(pair);
                last = Some(pair);
            }
        });
        self.numbers = numbers;
        self.check_size()
    }

    fn absorb(&mut self, other: Box<dyn Running>, numbers: &[u32], _: usize) -> Result<()> {
        let other: Box<dyn Any> = other;
        let Ok(other) = other.downcast::<Self>() else {
            return internal_err!("two readers ran different functions");
        };
        let Some(theirs) = other.values else {
            return Ok(());
        };
        let values = self.values()?.absorb(theirs)?;
        let members = other.members.into_iter();
        self.members.extend(
            members.map(|(group, value)| (numbers[group as usize], values[value as usize])),
        );
        self.check_size()
    }

    fn results(self: Box<Self>, groups: usize, room: &mut Room<'_>) -> Result<ArrayRef> {
        let field = Arc::new(item_field(&self.item));
        let Some(values) = self.values else {
            let empty = arrow_array::new_empty_array(&self.item);
            let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(0, groups));
            return Ok(Arc::new(ListArray::try_new(field, offsets, empty, None)?));
        };
        let all: Vec<u32> = (0..values.len() as u32).collect();
        // A value is held once, however many groups have it, and listed by each.
        let listed = values.column_bytes(self.members.iter().map(|(_, value)| *value));
        check_column_size(listed)?;
        let distinct = values.column_bytes(all.iter().copied());
        room(listed.saturating_add(self.members.len() * MEMBER_BYTES))?;
        room(distinct.saturating_add(all.len() * PLACE_BYTES))?;
        let values = values.values(&all, room)?;
        let places = places(&values);
        let mut members: Vec<(u32, u32)> = self.members.into_iter().collect();
        members.sort_unstable_by_key(|(group, value)| (*group, places[*value as usize]));
        let mut lengths = vec![0; groups];
        members
            .iter()
            .for_each(|(group, _)| lengths[*group as usize] += 1);
        let chosen: UInt32Array = members.iter().map(|(_, value)| Some(*value)).collect();
        let items = arrow_select::take::take(values.as_ref(), &chosen, None)?;
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(Arc::new(ListArray::try_new(field, offsets, items, None)?))
    }

    fn bytes(&self) -> usize {
        self.members.allocation_size() + self.values.as_ref().map_or(0, Column::bytes)
    }
}

/// A member in order and its place in a list.
const MEMBER_BYTES: usize = size_of::<(u32, u32)>() + size_of::<u32>() + size_of::<u64>();
/// What a value is sorted by, beside its bytes.
const PLACE_BYTES: usize = size_of::<(bool, Vec<u8>)>() + 2 * size_of::<u32>();

/// The place of each value among all, a missing one last.
fn places(values: &ArrayRef) -> Vec<u32> {
    let keys = (0..values.len()).map(|at| {
        let value = value_at(values.as_ref(), at);
        (value.is_null(), canonical::to_bytes(&value))
    });
    let keys: Vec<(bool, Vec<u8>)> = keys.collect();
    let mut order: Vec<u32> = (0..keys.len() as u32).collect();
    order.sort_unstable_by(|a, b| keys[*a as usize].cmp(&keys[*b as usize]));
    let mut places = vec![0; keys.len()];
    for (place, at) in order.into_iter().enumerate() {
        places[at as usize] = place as u32;
    }
    places
}

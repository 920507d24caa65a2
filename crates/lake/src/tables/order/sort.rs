//! Sorting what was in memory.
//!
//! A row has a key somewhere in memory, and those of one customer begin alike. So customers are
//! put in order first, each once, and rows are compared by the place of their customer and the
//! first bytes of the rest, which hold a time; only what is alike in that is compared by its keys.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_row::RowConverter;
use arrow_select::interleave::interleave_record_batch;
use hashbrown::HashMap;

use super::super::BLOCK_BYTES;
use super::super::entry::SortedBy;
use super::super::size::bytes_of;
use super::{Batches, OrderedBy};
use crate::columns::Layout;
use crate::error::Result;

/// The rows of the batches, in order, at most `most` of them in a batch.
pub(crate) fn sort(
    batches: Vec<RecordBatch>,
    layout: &Arc<Layout>,
    sorted_by: &SortedBy,
    most: usize,
) -> Result<Batches> {
    let order = order_of(&batches, &OrderedBy::new(layout, sorted_by))?;
    let row_bytes: Vec<usize> = batches
        .iter()
        .map(|batch| bytes_of(batch) / batch.num_rows().max(1))
        .collect();
    let mut from = 0;
    Ok(Box::new(std::iter::from_fn(move || {
        let (mut to, mut bytes) = (from, 0);
        while to < order.len() && to - from < most && bytes < BLOCK_BYTES {
            bytes += row_bytes[order[to].0];
            to += 1;
        }
        let part = order.get(from..to).filter(|part| !part.is_empty())?;
        from = to;
        let batches: Vec<_> = batches.iter().collect();
        Some(interleave_record_batch(&batches, part).map_err(Into::into))
    })))
}

/// A row, with the first of what it is compared by: the number of its customer, later the place,
/// and the first bytes of the rest of its key.
struct Place {
    key: u128,
    batch: u32,
    row: u32,
}

/// So many bytes of the rest are compared at once: a time, and the sign that there is one.
const FIRST: usize = 9;
/// By so many bits the customer stands above them.
const FIRST_BITS: usize = 8 * FIRST;

/// The rows in order, each as the number of its batch and its own number there.
fn order_of(batches: &[RecordBatch], by: &OrderedBy) -> Result<Vec<(usize, usize)>> {
    let mut fields = by.fields();
    let count = usize::from(by.sorted_by.isolation.is_some());
    let rest = RowConverter::new(fields.split_off(count))?;
    let customer = RowConverter::new(fields)?;
    let mut customers = Customers::default();
    let mut keys = Vec::with_capacity(batches.len());
    let mut places = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for (batch, number) in batches.iter().zip(0..) {
        let mut columns = by.columns(batch)?;
        let rest = rest.convert_columns(&columns.split_off(count))?;
        let customer = (count > 0).then(|| customer.convert_columns(&columns));
        let customer = customer.transpose()?;
        places.extend(rest.iter().enumerate().map(|(row, key)| {
            let customer = customer.as_ref().map(|customer| customer.row(row));
            let customer = customer.map_or(0, |customer| customers.number(customer.as_ref()));
            Place {
                key: u128::from(customer) << FIRST_BITS | first_of(key.as_ref()),
                batch: number,
                row: row as u32,
            }
        }));
        keys.push(rest);
    }
    let ranks = customers.ranks();
    for place in places.iter_mut().filter(|_| count > 0) {
        let (number, first) = (place.key >> FIRST_BITS, place.key & ((1 << FIRST_BITS) - 1));
        place.key = u128::from(ranks[number as usize]) << FIRST_BITS | first;
    }
    let rest = |place: &Place| keys[place.batch as usize].row(place.row as usize);
    places.sort_unstable_by(|a, b| a.key.cmp(&b.key).then_with(|| rest(a).cmp(&rest(b))));
    let order = places.iter().map(|at| (at.batch as usize, at.row as usize));
    Ok(order.collect())
}

/// The first bytes of a key as a number; a shorter one is ended by zeros, so that it does not
/// come behind those that go on.
fn first_of(key: &[u8]) -> u128 {
    let mut first = [0; size_of::<u128>()];
    let count = key.len().min(FIRST);
    first[size_of::<u128>() - FIRST..][..count].copy_from_slice(&key[..count]);
    u128::from_be_bytes(first)
}

/// Customers by numbers, from 0 in the order in which they came.
#[derive(Debug, Default)]
struct Customers {
    numbers: HashMap<Vec<u8>, u32>,
}

impl Customers {
    fn number(&mut self, key: &[u8]) -> u32 {
        let next = self.numbers.len() as u32;
        *self.numbers.entry_ref(key).or_insert(next)
    }

    /// The place of each in their order.
    fn ranks(self) -> Vec<u32> {
        let mut sorted: Vec<_> = self.numbers.into_iter().collect();
        sorted.sort_unstable();
        let mut ranks = vec![0; sorted.len()];
        for ((_, number), rank) in sorted.into_iter().zip(0..) {
            ranks[number as usize] = rank;
        }
        ranks
    }
}

#[cfg(test)]
mod tests;

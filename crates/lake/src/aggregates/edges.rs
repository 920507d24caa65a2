//! The value of the first and of the last row.

use std::cmp::Ordering;

use arrow_array::{Array, ArrayRef, new_empty_array};
use arrow_schema::DataType;
use datafusion_common::{Result, ScalarValue};

use super::groups::{Fold, Rows, check_column_size};
use super::keys::{Key, Shape, plain_column, present, shape};

/// The first argument's value in the row that comes first, or last, by the
/// other arguments: by the first of them, then by the next. In each, a row
/// without a value loses against every row with one, so that a row without
/// a time is chosen only where no row has one. A null in the chosen row is
/// the result. Together those arguments must tell all rows apart.
#[derive(Debug)]
pub(super) struct Edge {
    last: bool,
    value: DataType,
}

/// The best row so far.
#[derive(Debug, Default)]
pub(super) struct Best {
    /// Its place in the order, which no row shares; empty when there is no row.
    place: Vec<u8>,
    /// Its value; `None` while it is still to be read from the batch.
    value: Option<ScalarValue>,
    /// Its row in the batch that is being read.
    row: Option<usize>,
}

impl Best {
    fn heap(&self) -> usize {
        let beside = |value: &ScalarValue| value.size() - size_of::<ScalarValue>();
        self.place.capacity() + self.value.as_ref().map_or(0, beside)
    }
}

impl Edge {
    /// The first or the last value, of a column of this type.
    pub(super) fn new(last: bool, value: DataType) -> Self {
        Self { last, value }
    }

    /// Bytes for each row's place in the order, which compare as the rows do.
    fn places(&self, order: &[ArrayRef], rows: usize) -> Result<Vec<Vec<u8>>> {
        let mut places = vec![Vec::with_capacity(40); rows];
        for column in order {
            let mut known = vec![false; rows];
            if shape(column.data_type()) == Some(Shape::Word) {
                u64::visit(column, &Rows::Own(rows), |row, key| {
                    known[row] = true;
                    places[row].push(u8::from(self.last));
                    places[row].extend(key.to_be_bytes());
                })?;
            } else {
                <Box<[u8]>>::visit(column, &Rows::Own(rows), |row, key| {
                    known[row] = true;
                    places[row].push(u8::from(self.last));
                    extend_framed(&mut places[row], key);
                })?;
            }
            for (place, known) in places.iter_mut().zip(known) {
                if !known {
                    place.push(u8::from(!self.last));
                }
            }
        }
        Ok(places)
    }

    fn is_better(&self, place: &[u8], best: &[u8]) -> bool {
        match place.cmp(best) {
            _ if best.is_empty() => true,
            Ordering::Less => !self.last,
            Ordering::Greater => self.last,
            Ordering::Equal => false,
        }
    }

    /// Makes a row the best one if it is; notes its group if it had no such row yet.
    fn offer(
        &self,
        states: &mut [Best],
        group: usize,
        place: &[u8],
        row: usize,
        touched: &mut Vec<usize>,
    ) -> isize {
        let best = &mut states[group];
        if !self.is_better(place, &best.place) {
            return 0;
        }
        if best.row.replace(row).is_none() {
            touched.push(group);
        }
        let before = best.heap();
        best.value = None;
        best.place.clear();
        best.place.extend_from_slice(place);
        best.heap() as isize - before as isize
    }

    /// Reads the values of the best rows, once per batch.
    fn settle(&self, states: &mut [Best], touched: &[usize], values: &ArrayRef) -> Result<isize> {
        let known = present(values);
        let mut growth = 0;
        for group in touched {
            let best = &mut states[*group];
            let Some(row) = best.row.take() else {
                continue;
            };
            let before = best.heap();
            best.value = Some(if known.as_ref().is_none_or(|known| known.is_valid(row)) {
                ScalarValue::try_from_array(values, row)?.compacted()
            } else {
                ScalarValue::try_from(&self.value)?
            });
            growth += best.heap() as isize - before as isize;
        }
        Ok(growth)
    }
}

/// Appends bytes so that longer strings of them sort after their beginnings
/// whatever follows.
fn extend_framed(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        out.push(*byte);
        if *byte == 0 {
            out.push(0xFF);
        }
    }
    out.extend([0, 0]);
}

impl Fold for Edge {
    type State = Best;

    fn update(
        &self,
        states: &mut [Best],
        arguments: &[ArrayRef],
        rows: &Rows<'_>,
    ) -> Result<isize> {
        let arguments = arguments.iter().map(plain_column);
        let arguments = arguments.collect::<Result<Vec<_>>>()?;
        let places = self.places(&arguments[1..], arguments[0].len())?;
        let (mut growth, mut touched) = (0, Vec::new());
        rows.for_each(None, |row, group| {
            growth += self.offer(states, group, &places[row], row, &mut touched);
        });
        Ok(growth + self.settle(states, &touched, &arguments[0])?)
    }

    fn absorb(&self, state: &mut Best, other: Best) -> isize {
        if other.place.is_empty() || !self.is_better(&other.place, &state.place) {
            return 0;
        }
        let before = state.heap();
        *state = other;
        state.heap() as isize - before as isize
    }

    fn results(&self, states: Vec<Best>) -> Result<ArrayRef> {
        if states.is_empty() {
            return Ok(new_empty_array(&self.value));
        }
        check_column_size(states.iter().map(Best::heap).sum())?;
        let missing = ScalarValue::try_from(&self.value)?;
        ScalarValue::iter_to_array(
            states
                .into_iter()
                .map(|best| best.value.unwrap_or_else(|| missing.clone())),
        )
    }

    fn heap(&self, state: &Best) -> usize {
        state.heap()
    }

    fn texts(&self, heap: usize) -> usize {
        heap
    }
}

//! Segments without some of their rows.

use arrow_array::{BooleanArray, UInt32Array};
use arrow_buffer::BooleanBuffer;
use arrow_select::take::take_record_batch;

use model::filters::Predicate;

use super::{Segment, leaf_columns};
use crate::columns::Layout;
use crate::error::Result;
use crate::predicate::admitted;
use crate::upserts::{RowKeys, Sameness};

impl Segment {
    /// The rows that the predicate admits, those among them that are gone.
    pub(in crate::buffer) fn admitted(&self, predicate: &Predicate) -> Result<BooleanBuffer> {
        let batch = self.project(&leaf_columns(predicate))?;
        Ok(admitted(predicate, &batch)?.values().clone())
    }

    /// This segment without the rows that have one of these keys, each with
    /// the hash of its unique part; `None` when none has.
    pub(in crate::buffer) fn without_replaced(
        &self,
        layout: &Layout,
        sameness: &Sameness,
        keys: &[&(u64, Box<[u8]>)],
    ) -> Result<Option<Self>> {
        let Some(index) = &self.unique else {
            return Ok(None);
        };
        let mut found = Vec::new();
        for (hash, key) in keys {
            let rows = index.rows(*hash).iter().copied();
            let rows = rows.filter(|row| self.is_alive(*row));
            found.extend(rows.map(|row| (row, &**key)));
        }
        if found.is_empty() {
            return Ok(None);
        }
        // A hash is no proof, and other keys may inject other values.
        let fields = sameness.fields();
        let rows = UInt32Array::from_iter_values(found.iter().map(|(row, _)| *row));
        let few = Self::new(take_record_batch(&self.batch, &rows)?, None);
        let few = few.project(&layout.columns_of(fields))?;
        let keys = RowKeys::new(&few, fields)?;
        let mut gone = arrow_buffer::BooleanBufferBuilder::new(self.rows());
        gone.append_n(self.rows(), false);
        let mut known = Vec::new();
        for (at, (row, key)) in found.into_iter().enumerate() {
            known.clear();
            keys.append(at, &mut known);
            if known == key {
                gone.set_bit(row as usize, true);
            }
        }
        Ok(self.less(&gone.finish()).map(|(left, _)| left))
    }

    /// This segment without the rows that are marked, and how many of them
    /// were there; `None` when none was.
    pub(in crate::buffer) fn less(&self, gone: &BooleanBuffer) -> Option<(Self, u64)> {
        let before = self.alive.as_ref().map_or_else(
            || BooleanBuffer::new_set(self.rows()),
            |alive| alive.values().clone(),
        );
        let gone = gone & &before;
        let count = gone.count_set_bits() as u64;
        (count > 0).then(|| {
            let left = Self {
                alive: Some(BooleanArray::new(&before & &!&gone, None)),
                ..self.clone()
            };
            (left, count)
        })
    }

    /// Whether the rows that are gone take more room than those that are there.
    pub(in crate::buffer) fn is_mostly_gone(&self) -> bool {
        self.alive_rows() * 2 <= self.rows()
    }
}

//! The records of a batch. Mostly they have the same fields in the same order,
//! and what was found out of one of them holds for the next.

use std::mem;

use model::ids::{KeyId, RecordId};
use model::names::FieldPath;
use model::records::Record;
use model::time::Timestamp;
use model::value::Value;

use super::super::DecodeError;
use super::super::bytes::Reader;
use super::{named, value};

/// The fields that the server put into every record: they come first, and are not in the bytes
/// of each.
const SYSTEM: usize = 3;

/// Reads the records of one batch.
pub(super) struct Records<'a> {
    /// What the numbers of fields stand for.
    names: &'a [FieldPath],
    system: [FieldPath; SYSTEM],
    at: Value,
    key: Value,
    shape: Shape,
    /// Of the record that is read: the values, those of the server first, and for each other
    /// the number of its field. Kept for the next record, as memory only.
    values: Vec<Value>,
    numbers: Vec<usize>,
}

/// The fields of a record.
#[derive(Debug, Default)]
struct Shape {
    /// The numbers of the fields as they stand in the bytes.
    numbers: Vec<usize>,
    /// Where the value of each field stands, in the order of the paths.
    order: Vec<usize>,
}

impl<'a> Records<'a> {
    /// Of a batch that came at that time through that key.
    pub(super) fn of(names: &'a [FieldPath], at: Timestamp, key: KeyId) -> Self {
        Self {
            names,
            system: [FieldPath::id(), FieldPath::ingested_at(), FieldPath::key()],
            at: Value::DateTime(at),
            key: Value::from(key.to_string()),
            shape: Shape::default(),
            values: Vec::new(),
            numbers: Vec::new(),
        }
    }

    /// So many records.
    pub(super) fn read(
        mut self,
        reader: &mut Reader<'_>,
        count: usize,
    ) -> Result<Vec<Record>, DecodeError> {
        let mut records: Vec<Record> = Vec::new();
        for _ in 0..count {
            self.values_of(reader)?;
            let like = records
                .last()
                .filter(|_| self.shape.numbers == self.numbers);
            let record = match like {
                Some(last) => last.restore_beside(self.in_order()),
                None => self.another()?,
            };
            records.push(record.ok_or(DecodeError::Malformed("a record has a field twice"))?);
        }
        Ok(records)
    }

    /// Reads the values of the next record, and the numbers of its fields.
    fn values_of(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        let id = RecordId::from_bytes(reader.array()?);
        self.values.clear();
        self.numbers.clear();
        self.values.push(Value::from(id.to_string()));
        self.values.extend([self.at.clone(), self.key.clone()]);
        for _ in 0..reader.u32()? {
            self.numbers.push(reader.u32()?);
            let value = value(reader)?;
            if value.is_null() {
                return Err(DecodeError::Malformed("a record holds a null"));
            }
            self.values.push(value);
        }
        Ok(())
    }

    /// The values that were read, in the order of the paths.
    fn in_order(&mut self) -> Vec<Value> {
        let values = &mut self.values;
        let take = |at: &usize| mem::replace(&mut values[*at], Value::Null);
        self.shape.order.iter().map(take).collect()
    }

    /// The record that was read, which has other fields than the one before; `None` when it has
    /// one of them twice.
    fn another(&mut self) -> Result<Option<Record>, DecodeError> {
        let mut paths: Vec<&FieldPath> = self.system.iter().collect();
        for number in &self.numbers {
            paths.push(named(self.names, *number)?);
        }
        let mut order: Vec<usize> = (0..paths.len()).collect();
        order.sort_unstable_by_key(|at| paths[*at]);
        let paths: Vec<FieldPath> = order.iter().map(|at| paths[*at].clone()).collect();
        self.shape.numbers.clone_from(&self.numbers);
        self.shape.order = order;
        Ok(Record::restore(
            paths.into_iter().zip(self.in_order()).collect(),
        ))
    }
}

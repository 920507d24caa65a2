//! The fields of a record that is being walked through, beside those of the
//! last one.

use std::sync::Arc;

use super::{RecordFault, RecordFaultCode};
use crate::fields::FieldType;
use crate::limits::{RECORD_BYTES_MAX, RECORD_FIELDS_MAX};
use crate::names::FieldPath;
use crate::pools::Schema;
use crate::value::Value;

/// The fields of the last record, since the next one mostly has the same.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// The paths in the order in which they came, each with its declared type.
    pub(super) came: Vec<(FieldPath, Option<FieldType>)>,
    /// The exchanges that bring them into their order.
    pub(super) exchanges: Vec<(usize, usize)>,
    /// The paths in their order.
    pub(super) paths: Arc<[FieldPath]>,
}

impl Shape {
    /// The shape of a record whose fields are all right, as they came, and in
    /// their order.
    pub(super) fn of(came: Vec<FieldPath>, paths: Arc<[FieldPath]>, schema: &Schema) -> Self {
        let mut places: Vec<usize> = (0..came.len()).collect();
        places.sort_unstable_by(|a, b| came[*a].cmp(&came[*b]));
        let mut held: Vec<usize> = (0..came.len()).collect();
        let mut exchanges = Vec::new();
        for (at, wanted) in places.into_iter().enumerate() {
            let found = held.iter().position(|place| *place == wanted);
            if let Some(found) = found.filter(|found| *found != at) {
                held.swap(at, found);
                exchanges.push((at, found));
            }
        }
        let typed = came.into_iter().map(|path| {
            let declared = schema.field(path.as_str()).map(|field| field.field_type);
            (path, declared)
        });
        Self {
            came: typed.collect(),
            exchanges,
            paths,
        }
    }
}

/// A sent record as far as it was walked through.
pub(super) struct Walk {
    /// The record's place in its request.
    pub(super) index: usize,
    /// The path of the member that is looked at.
    pub(super) path: String,
    /// The paths of the values; `None` as long as they are the first of the
    /// shape, whose paths need not be copied for each record then.
    pub(super) paths: Option<Vec<FieldPath>>,
    /// The values found, in stored form.
    pub(super) values: Vec<Value>,
    /// What they and their paths take.
    pub(super) bytes: usize,
}

/// A path that was walked to, with its declared type.
pub(super) enum Found {
    /// The next of the shape.
    Next,
    /// Any other, in a copy that no other request counts.
    Other(FieldPath, Option<FieldType>),
}

impl Walk {
    /// Counts a field that is about to be added.
    pub(super) fn count(&mut self, path: &FieldPath, value: &Value) -> Result<(), RecordFault> {
        self.bytes += path.as_str().len() + size(value);
        if self.values.len() >= RECORD_FIELDS_MAX || self.bytes > RECORD_BYTES_MAX {
            return Err(RecordFault::new(
                self.index,
                RecordFaultCode::TooLarge,
                format!(
                    "a record has at most {RECORD_FIELDS_MAX} fields and {RECORD_BYTES_MAX} bytes"
                ),
            ));
        }
        Ok(())
    }

    /// The paths so far, when another than the next of the shape follows.
    pub(super) fn own_paths(&mut self, shape: &Shape) -> &mut Vec<FieldPath> {
        let known = self.values.len();
        self.paths.get_or_insert_with(|| {
            let first = shape.came[..known].iter();
            first.map(|(path, _)| path.clone()).collect()
        })
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => 8 + text.len(),
        Value::Array(values) => 8 + values.iter().map(size).sum::<usize>(),
        Value::Object(object) => {
            8 + object
                .iter()
                .map(|(name, value)| 8 + name.len() + size(value))
                .sum::<usize>()
        }
        _ => 16,
    }
}

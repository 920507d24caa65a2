//! Records on their way in: from a sent value to checked, flat fields.

mod check;
mod follow;
mod shape;
mod stamp;

pub(crate) use check::{Checker, undeclared};
pub(crate) use stamp::Stamp;

use std::sync::Arc;

use crate::fault::shorten;
use crate::names::FieldPath;
use crate::uniqueness::UniquenessToken;
use crate::value::Value;

/// One record: flat fields in the order of their paths. No two paths overlap
/// and no value is null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// One list for all records of a batch that have the same fields.
    paths: Arc<[FieldPath]>,
    /// For each path its value.
    values: Vec<Value>,
}

/// Why one record of a batch was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordFaultCode {
    /// The text of this record cannot be read.
    MalformedRecord,
    /// The record is not an object.
    NotAnObject,
    /// A member stands twice, also as a dotted name beside a nested one.
    DuplicateMember,
    /// A member's name breaks the rule for names.
    InvalidName,
    /// A strict pool declares no such field.
    UnknownField,
    /// The value does not fit the field's type.
    WrongType,
    /// A required field is missing.
    MissingField,
    /// The record says something else than the key injects, and the key's grant rejects that.
    InjectionConflict,
    /// The record is larger than a stated limit.
    TooLarge,
}

/// One rejected record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFault {
    /// The record's position in the request, from 0.
    pub index: usize,
    /// The kind of fault.
    pub code: RecordFaultCode,
    /// The field at fault.
    pub field: Option<String>,
    /// A sentence: the rule that was broken.
    pub message: String,
}

impl RecordFault {
    /// A fault of the whole record.
    pub fn new(index: usize, code: RecordFaultCode, message: impl Into<String>) -> Self {
        Self {
            index,
            code,
            field: None,
            message: message.into(),
        }
    }

    fn on_field(mut self, field: &str) -> Self {
        self.field = Some(shorten(field));
        self
    }
}

/// One record as a client sent it, or why its text could not be read.
pub type SentRecord = Result<Value, RecordFault>;

/// A record on its way in.
pub trait Sent {
    /// Its text, where it is JSON that was not read yet.
    fn json(&self) -> Option<&[u8]>;

    /// The token of uniqueness that came with it.
    fn token(&self) -> Option<&UniquenessToken> {
        None
    }

    /// What was sent.
    fn read(self) -> SentRecord;
}

impl Sent for SentRecord {
    fn json(&self) -> Option<&[u8]> {
        None
    }

    fn read(self) -> SentRecord {
        self
    }
}

/// What a grant does with a sent value where it injects another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnConflict {
    /// The injected value wins.
    Override,
    /// The record is rejected.
    Reject,
}

/// The values that a grant stamps on every record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Injections {
    /// Path and value, in the order of their paths; no two overlap.
    pub values: Vec<(FieldPath, Value)>,
    /// What happens to a record that says otherwise.
    pub on_conflict: OnConflict,
}

impl Injections {
    /// Nothing is stamped.
    pub(crate) fn none() -> Self {
        Self {
            values: Vec::new(),
            on_conflict: OnConflict::Override,
        }
    }
}

impl Record {
    /// The fields in the order of their paths.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&FieldPath, &Value)> + Clone {
        self.paths.iter().zip(&self.values)
    }

    /// The paths of the fields, in order. Records that were admitted together
    /// and have the same fields mostly share one list, which tells quickly
    /// that what is known of one of them holds for the other.
    pub fn paths(&self) -> &Arc<[FieldPath]> {
        &self.paths
    }

    /// The values of the fields, in the order of their paths.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The value of one field.
    pub fn get(&self, path: &str) -> Option<&Value> {
        let found = self
            .paths
            .binary_search_by(|field| field.as_str().cmp(path));
        Some(&self.values[found.ok()?])
    }

    /// A record of stored fields, for the lake's replay; `None` when the paths are not in
    /// strictly ascending order.
    pub fn restore(fields: Vec<(FieldPath, Value)>) -> Option<Self> {
        let (paths, values): (Vec<_>, _) = fields.into_iter().unzip();
        paths.is_sorted_by(|a, b| a < b).then(|| Self {
            paths: paths.into(),
            values,
        })
    }

    /// A stored record with the same fields as this one, with which it shares the list of their
    /// paths: `values` are in the order of the paths. `None` when they are more or fewer.
    pub fn restore_beside(&self, values: Vec<Value>) -> Option<Self> {
        (values.len() == self.paths.len()).then(|| Self {
            paths: self.paths.clone(),
            values,
        })
    }
}

impl crate::filters::RowView for Record {
    fn field(&self, path: &FieldPath) -> Option<&Value> {
        self.get(path.as_str())
    }
}

#[cfg(test)]
mod tests;

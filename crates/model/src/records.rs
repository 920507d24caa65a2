//! Records on their way in: from a sent value to checked, flat fields.

mod check;

pub(crate) use check::{Checker, undeclared};

use crate::fault::shorten;
use crate::names::{FieldPath, ID};
use crate::value::Value;

/// One record: flat fields in the order of their paths. No two paths overlap
/// and no value is null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    fields: Vec<(FieldPath, Value)>,
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

impl Record {
    /// The fields in the order of their paths.
    pub fn fields(&self) -> &[(FieldPath, Value)] {
        &self.fields
    }

    /// The fields, owned.
    pub fn into_fields(self) -> Vec<(FieldPath, Value)> {
        self.fields
    }

    /// The value of one field.
    pub fn get(&self, path: &str) -> Option<&Value> {
        let at = self
            .fields
            .binary_search_by(|(field, _)| field.as_str().cmp(path))
            .ok()?;
        Some(&self.fields[at].1)
    }

    /// The value of one field, which is first looked for at the place `near`,
    /// where it was in a record like this one; then `near` is its place here.
    pub fn get_near(&self, path: &FieldPath, near: &mut usize) -> Option<&Value> {
        if let Some((field, value)) = self.fields.get(*near)
            && field == path
        {
            return Some(value);
        }
        let found = self.fields.binary_search_by(|(field, _)| field.cmp(path));
        *near = found.ok()?;
        Some(&self.fields[*near].1)
    }

    /// Puts the system fields in. No client's field lies between them.
    pub(crate) fn stamp(&mut self, id: Value, ingested_at: Value, key: Value) {
        let at = self
            .fields
            .partition_point(|(field, _)| field.as_str() < ID);
        let system = [
            (FieldPath::id(), id),
            (FieldPath::ingested_at(), ingested_at),
            (FieldPath::key(), key),
        ];
        self.fields.splice(at..at, system);
    }

    /// A record of stored fields, for the lake's replay; `None` when the paths are not in
    /// strictly ascending order.
    pub fn restore(fields: Vec<(FieldPath, Value)>) -> Option<Self> {
        fields
            .is_sorted_by(|(a, _), (b, _)| a < b)
            .then_some(Self { fields })
    }
}

impl crate::filters::RowView for Record {
    fn field(&self, path: &FieldPath) -> Option<&Value> {
        self.get(path.as_str())
    }
}

#[cfg(test)]
mod tests;

//! Records on their way in: from a sent value to checked, flat fields.

use std::collections::HashMap;

use crate::fault::shorten;
use crate::limits::{RECORD_BYTES_MAX, RECORD_FIELDS_MAX};
use crate::names::FieldPath;
use crate::pools::{Schema, SchemaMode};
use crate::value::{Object, Value};

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

    /// Puts a value at a path that overlaps no other.
    pub(crate) fn put(&mut self, path: FieldPath, value: Value) {
        let at = self.fields.partition_point(|(field, _)| *field < path);
        self.fields.insert(at, (path, value));
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

/// Checks records against one pool's schema and stamps one grant's values.
#[derive(Debug)]
pub(crate) struct Checker<'a> {
    schema: &'a Schema,
    injections: &'a Injections,
    names: HashMap<String, FieldPath>,
}

struct Walk {
    index: usize,
    path: String,
    fields: Vec<(FieldPath, Value)>,
    bytes: usize,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(schema: &'a Schema, injections: &'a Injections) -> Self {
        Self {
            schema,
            injections,
            names: HashMap::new(),
        }
    }

    /// The stored form of one sent record, injected values included.
    pub(crate) fn check(&mut self, index: usize, sent: Value) -> Result<Record, RecordFault> {
        let Value::Object(object) = sent else {
            let message = format!("a record is an object, got {}", sent.kind());
            return Err(RecordFault::new(
                index,
                RecordFaultCode::NotAnObject,
                message,
            ));
        };
        let mut walk = Walk {
            index,
            path: String::new(),
            fields: Vec::new(),
            bytes: 0,
        };
        self.object(object, &mut walk)?;
        let mut fields = walk.fields;
        for (path, value) in &self.injections.values {
            fields.push((path.clone(), self.injected(index, path, value)?));
        }
        fields.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        refuse_overlaps(index, &fields)?;
        fields.retain(|(_, value)| !value.is_null());
        let record = Record { fields };
        self.refuse_missing(index, &record)?;
        Ok(record)
    }

    fn injected(
        &self,
        index: usize,
        path: &FieldPath,
        value: &Value,
    ) -> Result<Value, RecordFault> {
        let refuse = |message: String| {
            RecordFault::new(index, RecordFaultCode::WrongType, message).on_field(path.as_str())
        };
        match self.schema.field(path.as_str()) {
            Some(field) => field.field_type.coerce(value.clone()).map_err(|_| {
                refuse(format!(
                    "the value that this key injects does not fit type {}",
                    field.field_type
                ))
            }),
            None if self.schema.mode() == SchemaMode::Open => Ok(undeclared(value.clone())),
            None => Err(refuse(
                "the field that this key injects is not declared by the pool".to_owned(),
            )),
        }
    }

    fn object(&mut self, object: Object, walk: &mut Walk) -> Result<(), RecordFault> {
        for (name, value) in object.into_members() {
            let parent = walk.path.len();
            if parent > 0 {
                walk.path.push('.');
            }
            walk.path.push_str(&name);
            self.member(value, walk)?;
            walk.path.truncate(parent);
        }
        Ok(())
    }

    fn member(&mut self, value: Value, walk: &mut Walk) -> Result<(), RecordFault> {
        let path = self.path(walk)?;
        if self.is_injected(&path, &value) {
            return self.meet_injection(&path, &value, walk.index);
        }
        if let Some(field) = self.schema.field(path.as_str()) {
            let field_type = field.field_type;
            let stored = if value.is_null() {
                Ok(value)
            } else {
                field_type.coerce(value)
            };
            let stored = stored.map_err(|error| {
                RecordFault::new(
                    walk.index,
                    RecordFaultCode::WrongType,
                    format!("{path} is of type {field_type}: {error}"),
                )
                .on_field(path.as_str())
            })?;
            return walk.push(path, stored);
        }
        match value {
            Value::Object(object) if !object.is_empty() => self.object(object, walk),
            _ if self.schema.mode() == SchemaMode::Strict => Err(RecordFault::new(
                walk.index,
                RecordFaultCode::UnknownField,
                "the pool declares no such field and its schema is strict",
            )
            .on_field(path.as_str())),
            value => walk.push(path, undeclared(value)),
        }
    }

    fn path(&mut self, walk: &Walk) -> Result<FieldPath, RecordFault> {
        if let Some(field) = self.schema.field(&walk.path) {
            return Ok(field.path.clone());
        }
        if let Some(path) = self.names.get(&walk.path) {
            return Ok(path.clone());
        }
        let path = FieldPath::parse(&walk.path).map_err(|rule| {
            RecordFault::new(walk.index, RecordFaultCode::InvalidName, rule.to_string())
                .on_field(&walk.path)
        })?;
        // Said in nested form this would be an object where the declared type has a value.
        if let Some(above) = path.ancestors().find_map(|above| self.schema.field(above)) {
            let field_type = above.field_type;
            return Err(RecordFault::new(
                walk.index,
                RecordFaultCode::WrongType,
                format!("{} is of type {field_type} and has no members", above.path),
            )
            .on_field(above.path.as_str()));
        }
        self.names.insert(walk.path.clone(), path.clone());
        Ok(path)
    }

    /// Whether what stands here would stand where an injected value goes: at
    /// it, below it, or above it without being an object to look into.
    fn is_injected(&self, path: &FieldPath, value: &Value) -> bool {
        let is_leaf = !matches!(value, Value::Object(object) if !object.is_empty());
        self.injections.values.iter().any(|(injected, _)| {
            path.is_at_or_below(injected) || (is_leaf && injected.is_at_or_below(path))
        })
    }

    fn meet_injection(
        &self,
        path: &FieldPath,
        sent: &Value,
        index: usize,
    ) -> Result<(), RecordFault> {
        let agrees = self.injections.values.iter().any(|(injected, value)| {
            injected == path
                && crate::canonical::to_bytes(value) == crate::canonical::to_bytes(sent)
        });
        if agrees || self.injections.on_conflict == OnConflict::Override {
            return Ok(());
        }
        Err(RecordFault::new(
            index,
            RecordFaultCode::InjectionConflict,
            "this key sets the field itself and rejects records that say otherwise; leave it out",
        )
        .on_field(path.as_str()))
    }

    fn refuse_missing(&self, index: usize, record: &Record) -> Result<(), RecordFault> {
        let missing = self
            .schema
            .declared()
            .iter()
            .find(|field| field.required && record.get(field.path.as_str()).is_none());
        match missing {
            None => Ok(()),
            Some(field) => Err(RecordFault::new(
                index,
                RecordFaultCode::MissingField,
                "the pool requires the field and the record does not have it",
            )
            .on_field(field.path.as_str())),
        }
    }
}

impl Walk {
    fn push(&mut self, path: FieldPath, value: Value) -> Result<(), RecordFault> {
        self.bytes += path.as_str().len() + size(&value);
        if self.fields.len() >= RECORD_FIELDS_MAX || self.bytes > RECORD_BYTES_MAX {
            return Err(RecordFault::new(
                self.index,
                RecordFaultCode::TooLarge,
                format!(
                    "a record has at most {RECORD_FIELDS_MAX} fields and {RECORD_BYTES_MAX} bytes"
                ),
            ));
        }
        self.fields.push((path, value));
        Ok(())
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

/// `fields` is sorted by path.
fn refuse_overlaps(index: usize, fields: &[(FieldPath, Value)]) -> Result<(), RecordFault> {
    let repeated = fields
        .windows(2)
        .find(|pair| pair[0].0 == pair[1].0)
        .map(|pair| &pair[0].0);
    let contained = || {
        fields.iter().map(|(path, _)| path).find(|path| {
            path.ancestors().any(|ancestor| {
                fields
                    .binary_search_by(|(field, _)| field.as_str().cmp(ancestor))
                    .is_ok()
            })
        })
    };
    match repeated.or_else(contained) {
        None => Ok(()),
        Some(path) => Err(RecordFault::new(
            index,
            RecordFaultCode::DuplicateMember,
            "two members mean this field; a dotted name and a nested one are the same",
        )
        .on_field(path.as_str())),
    }
}

/// The stored form of a value without a declared type: what JSON can say,
/// with one form for each number.
fn undeclared(value: Value) -> Value {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    match value {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole and in range, as checked"
        )]
        Value::Float(number) if number.fract() == 0.0 && number.abs() < TWO_TO_63 => {
            Value::Integer(number as i128)
        }
        Value::Date(date) => Value::String(date.to_string()),
        Value::DateTime(instant) => Value::String(instant.to_string()),
        Value::Uuid(uuid) => Value::String(uuid.to_string()),
        Value::Array(values) => Value::Array(values.into_iter().map(undeclared).collect()),
        Value::Object(object) => {
            let members = object.into_members().into_iter();
            let members = members
                .map(|(name, value)| (name, undeclared(value)))
                .collect();
            Value::Object(Object::from_members(members).expect("the names were distinct before"))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests;

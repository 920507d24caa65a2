//! From a sent value to a stored record: one pool's schema, one grant's
//! injections.

use std::collections::HashMap;

use super::{Injections, OnConflict, Record, RecordFault, RecordFaultCode};
use crate::fields::FieldType;
use crate::limits::{RECORD_BYTES_MAX, RECORD_FIELDS_MAX};
use crate::names::FieldPath;
use crate::pools::{PoolDraft, Schema, SchemaMode};
use crate::value::{Object, Value};

/// Fields that a record is given when it is admitted.
const SYSTEM_FIELDS: usize = 3;

/// Checks records against one pool's schema and stamps one grant's values.
#[derive(Debug)]
pub(crate) struct Checker<'a> {
    schema: &'a Schema,
    /// Fields that every record has because they tell records apart.
    unique: &'a [FieldPath],
    injections: &'a Injections,
    names: HashMap<String, FieldPath>,
    shape: Shape,
}

/// The fields of the last record, since the next one mostly has the same.
#[derive(Debug, Default)]
struct Shape {
    /// The paths in the order in which they came, each with its declared type.
    came: Vec<(FieldPath, Option<FieldType>)>,
    /// The exchanges that bring them into their order.
    exchanges: Vec<(usize, usize)>,
}

impl Shape {
    /// Whether a record has just these fields, and each holds a value.
    fn is_of(&self, fields: &[(FieldPath, Value)]) -> bool {
        !fields.is_empty()
            && self.came.len() == fields.len()
            && self
                .came
                .iter()
                .zip(fields)
                .all(|((known, _), (path, value))| known == path && !value.is_null())
    }

    /// The shape of a record whose fields are all right, as they came.
    fn of(came: Vec<FieldPath>, schema: &Schema) -> Self {
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
        }
    }
}

struct Walk {
    index: usize,
    path: String,
    fields: Vec<(FieldPath, Value)>,
    bytes: usize,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(pool: &'a PoolDraft, injections: &'a Injections) -> Self {
        Self {
            schema: &pool.schema,
            unique: &pool.unique,
            injections,
            names: HashMap::new(),
            shape: Shape::default(),
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
            fields: Vec::with_capacity(self.shape.came.len() + SYSTEM_FIELDS),
            bytes: 0,
        };
        self.object(object, &mut walk)?;
        let mut fields = walk.fields;
        for (path, value) in &self.injections.values {
            fields.push((path.clone(), self.injected(index, path, value)?));
        }
        if self.shape.is_of(&fields) {
            // Which fields there are decides all that follows below.
            for (a, b) in &self.shape.exchanges {
                fields.swap(*a, *b);
            }
            return Ok(Record { fields });
        }
        let came = fields.iter().map(|(path, _)| path.clone()).collect();
        fields.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        refuse_overlaps(index, &fields)?;
        let is_full = fields.iter().all(|(_, value)| !value.is_null());
        fields.retain(|(_, value)| !value.is_null());
        let record = Record { fields };
        self.refuse_missing(index, &record)?;
        if is_full {
            self.shape = Shape::of(came, self.schema);
        }
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
        let (path, declared) = self.path(walk)?;
        if self.is_injected(&path, &value) {
            return self.meet_injection(&path, &value, walk.index);
        }
        if let Some(field_type) = declared {
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

    /// The path that was walked to, and its declared type.
    fn path(&mut self, walk: &Walk) -> Result<(FieldPath, Option<FieldType>), RecordFault> {
        if let Some(known) = self.shape.came.get(walk.fields.len())
            && known.0.as_str() == walk.path
        {
            return Ok(known.clone());
        }
        if let Some(field) = self.schema.field(&walk.path) {
            return Ok((field.path.clone(), Some(field.field_type)));
        }
        if let Some(path) = self.names.get(&walk.path) {
            return Ok((path.clone(), None));
        }
        let path = FieldPath::parse(&walk.path).map_err(|rule| {
            RecordFault::new(walk.index, RecordFaultCode::InvalidName, rule.to_string())
                .on_field(&walk.path)
        })?;
        self.refuse_below_declared(&path, walk.index)?;
        self.names.insert(walk.path.clone(), path.clone());
        Ok((path, None))
    }

    /// Refuses what in nested form is an object where the declared type has a value. Below an
    /// injected field it makes no difference what is sent.
    fn refuse_below_declared(&self, path: &FieldPath, index: usize) -> Result<(), RecordFault> {
        let injected = &self.injections.values;
        if injected.iter().any(|(held, _)| path.is_at_or_below(held)) {
            return Ok(());
        }
        match path.ancestors().find_map(|above| self.schema.field(above)) {
            None => Ok(()),
            Some(above) => Err(RecordFault::new(
                index,
                RecordFaultCode::WrongType,
                format!(
                    "{} is of type {} and has no members",
                    above.path, above.field_type
                ),
            )
            .on_field(above.path.as_str())),
        }
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
        let required = self.schema.declared().iter().filter(|field| field.required);
        let required = required.map(|field| &field.path);
        let is_missing = |path: &&FieldPath| record.get(path.as_str()).is_none();
        let refuse = |path: &FieldPath, message: &str| {
            Err(
                RecordFault::new(index, RecordFaultCode::MissingField, message)
                    .on_field(path.as_str()),
            )
        };
        if let Some(path) = required.into_iter().find(is_missing) {
            return refuse(
                path,
                "the pool requires the field and the record does not have it",
            );
        }
        match self.unique.iter().find(is_missing) {
            None => Ok(()),
            Some(path) => refuse(
                path,
                "the pool tells records apart by the field and the record does not have it",
            ),
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
pub(crate) fn undeclared(value: Value) -> Value {
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

//! From a sent value to a stored record: one pool's schema, one grant's
//! injections.

use std::collections::HashMap;

use super::follow::Luck;
use super::shape::{Found, Shape, Walk};
use super::{Injections, OnConflict, Record, RecordFault, RecordFaultCode};
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
    pub(super) injections: &'a Injections,
    names: HashMap<String, FieldPath>,
    pub(super) shape: Shape,
    pub(super) luck: Luck,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(pool: &'a PoolDraft, injections: &'a Injections) -> Self {
        Self {
            schema: &pool.schema,
            unique: &pool.unique,
            injections,
            names: HashMap::new(),
            shape: Shape::default(),
            luck: Luck::default(),
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
        let mut walk = self.walk(index);
        self.object(object, &mut walk)?;
        self.finish(walk)
    }

    /// A walk that has not begun.
    pub(super) fn walk(&self, index: usize) -> Walk {
        Walk {
            index,
            path: String::new(),
            paths: None,
            values: Vec::with_capacity(self.shape.came.len() + SYSTEM_FIELDS),
            bytes: 0,
        }
    }

    /// The record that was walked through, with what is injected.
    pub(super) fn finish(&mut self, mut walk: Walk) -> Result<Record, RecordFault> {
        let index = walk.index;
        for (path, value) in &self.injections.values {
            let value = self.injected(index, path, value)?;
            self.put(path, value, &mut walk);
        }
        let is_full = !walk.values.iter().any(Value::is_null);
        let is_known = walk.paths.is_none() && walk.values.len() == self.shape.came.len();
        if is_known && is_full && !walk.values.is_empty() {
            // Which fields there are decides all that follows below.
            for (a, b) in &self.shape.exchanges {
                walk.values.swap(*a, *b);
            }
            return Ok(Record {
                paths: self.shape.paths.clone(),
                values: walk.values,
            });
        }
        let came = walk.paths.unwrap_or_else(|| {
            let came = self.shape.came[..walk.values.len()].iter();
            came.map(|(path, _)| path.clone()).collect()
        });
        let mut fields: Vec<_> = came.iter().cloned().zip(walk.values).collect();
        fields.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        refuse_overlaps(index, &fields)?;
        fields.retain(|(_, value)| !value.is_null());
        let (paths, values): (Vec<_>, _) = fields.into_iter().unzip();
        let record = Record {
            paths: paths.into(),
            values,
        };
        self.refuse_missing(index, &record)?;
        if is_full {
            self.shape = Shape::of(came, record.paths.clone(), self.schema);
        }
        Ok(record)
    }

    /// Adds a value whose path may be the next of the shape.
    fn put(&self, path: &FieldPath, value: Value, walk: &mut Walk) {
        let next = self.shape.came.get(walk.values.len());
        if walk.paths.is_some() || next.is_none_or(|(next, _)| next != path) {
            let paths = walk.own_paths(&self.shape);
            paths.push(path.clone());
        }
        walk.values.push(value);
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
        let found = self.path(walk)?;
        let (path, declared) = match &found {
            Found::Next => {
                let (path, declared) = &self.shape.came[walk.values.len()];
                (path, *declared)
            }
            Found::Other(path, declared) => (path, *declared),
        };
        if self.is_injected(path, &value) {
            return self.meet_injection(path, &value, walk.index);
        }
        let stored = if let Some(field_type) = declared {
            let stored = match value.is_null() {
                true => Ok(value),
                false => field_type.coerce(value),
            };
            stored.map_err(|error| {
                RecordFault::new(
                    walk.index,
                    RecordFaultCode::WrongType,
                    format!("{path} is of type {field_type}: {error}"),
                )
                .on_field(path.as_str())
            })?
        } else {
            match value {
                Value::Object(object) if !object.is_empty() => return self.object(object, walk),
                _ if self.schema.mode() == SchemaMode::Strict => {
                    let message = "the pool declares no such field and its schema is strict";
                    let fault =
                        RecordFault::new(walk.index, RecordFaultCode::UnknownField, message);
                    return Err(fault.on_field(path.as_str()));
                }
                value => undeclared(value),
            }
        };
        walk.count(path, &stored)?;
        if let Found::Other(path, _) = found {
            walk.own_paths(&self.shape).push(path);
        }
        walk.values.push(stored);
        Ok(())
    }

    /// The path that was walked to.
    fn path(&mut self, walk: &Walk) -> Result<Found, RecordFault> {
        if let Some((path, declared)) = self.shape.came.get(walk.values.len())
            && path.as_str() == walk.path
        {
            return Ok(match walk.paths {
                None => Found::Next,
                Some(_) => Found::Other(path.clone(), *declared),
            });
        }
        if let Some(field) = self.schema.field(&walk.path) {
            // A copy of its own: counting copies of one that all cores share is slow.
            let path = field.path.unshared();
            return Ok(Found::Other(path, Some(field.field_type)));
        }
        if let Some(path) = self.names.get(&walk.path) {
            return Ok(Found::Other(path.clone(), None));
        }
        let path = FieldPath::parse(&walk.path).map_err(|rule| {
            RecordFault::new(walk.index, RecordFaultCode::InvalidName, rule.to_string())
                .on_field(&walk.path)
        })?;
        self.refuse_below_declared(&path, walk.index)?;
        self.names.insert(walk.path.clone(), path.clone());
        Ok(Found::Other(path, None))
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

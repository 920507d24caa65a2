//! The fields of a pool, guessed from the first records of a file: for imports,
//! and for the console.

use std::collections::{BTreeMap, HashMap};

use model::fields::{FieldType, ScalarType};
use model::time::{Date, Timestamp};
use serde_json::Value;

/// What the values of one field, or of its array elements, have been.
#[derive(Clone, Copy, Debug, Default)]
struct Kinds {
    boolean: bool,
    integer: bool,
    negative: bool,
    /// Above what Int64 holds.
    wide: bool,
    float: bool,
    date: bool,
    datetime: bool,
    uuid: bool,
    text: bool,
}

impl Kinds {
    fn see_number(&mut self, number: &serde_json::Number) {
        if let Some(number) = number.as_i64() {
            self.integer = true;
            self.negative |= number < 0;
        } else if number.is_u64() {
            self.integer = true;
            self.wide = true;
        } else {
            self.float = true;
        }
    }

    fn see_text(&mut self, text: &str) {
        if is_uuid(text) {
            self.uuid = true;
        } else if text.len() == 10 && Date::parse(text).is_ok() {
            self.date = true;
        } else if text.len() >= 19 && Timestamp::parse(text).is_ok() {
            self.datetime = true;
        } else {
            self.text = true;
        }
    }

    /// A CSV cell has no type of its own: a number is one when nothing of its
    /// text would be lost.
    fn see_cell(&mut self, text: &str) {
        if ["true", "false"]
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word))
        {
            self.boolean = true;
            return;
        }
        let number = serde_json::from_str::<serde_json::Number>(text).ok();
        let is_exact = |number: &_| text.trim() == text && !is_rounded(text, number);
        match number.filter(is_exact) {
            Some(number) => self.see_number(&number),
            None => self.see_text(text),
        }
    }

    /// The one type that holds every value seen; texts of several kinds are
    /// plain text.
    fn single(self, is_text_only: bool) -> Option<ScalarType> {
        let textual = [self.date, self.datetime, self.uuid, self.text];
        let some_text = textual.contains(&true);
        let some_number = self.integer || self.float;
        let groups = [self.boolean, some_number, some_text];
        match groups.iter().filter(|seen| **seen).count() {
            0 => return None,
            1 => {}
            _ => return is_text_only.then_some(ScalarType::String),
        }
        if self.boolean {
            return Some(ScalarType::Boolean);
        }
        if some_number {
            return match (self.float, self.wide, self.negative) {
                (true, false, _) => Some(ScalarType::Float64),
                (false, false, _) => Some(ScalarType::Int64),
                (false, true, false) => Some(ScalarType::UInt64),
                // No type holds them all without rounding some.
                _ => is_text_only.then_some(ScalarType::String),
            };
        }
        Some(match textual {
            [true, false, false, false] => ScalarType::Date,
            [false, true, false, false] => ScalarType::DateTime,
            [false, false, true, false] => ScalarType::Uuid,
            _ => ScalarType::String,
        })
    }
}

/// Whether the number stands for an integer that it does not hold exactly.
fn is_rounded(text: &str, number: &serde_json::Number) -> bool {
    number.is_f64() && !text.contains(['.', 'e', 'E'])
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    filled: u64,
    single: Kinds,
    element: Kinds,
    is_single: bool,
    is_array: bool,
    /// Held something that no field type holds.
    is_foreign: bool,
}

/// A field as it was guessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InferredField {
    /// The dotted path.
    pub name: String,
    /// The type; `None` when no single type holds the values.
    pub field_type: Option<FieldType>,
    /// How many of the records had a value, when they were looked at.
    pub filled: Option<u64>,
    /// What a person should know.
    pub note: &'static str,
}

/// Watches records and guesses their fields.
#[derive(Debug, Default)]
pub struct Inference {
    order: Vec<String>,
    seen: HashMap<String, Seen>,
    records: u64,
    is_text_only: bool,
}

impl Inference {
    /// An inference for records in JSON.
    pub fn json() -> Self {
        Self::default()
    }

    /// An inference for CSV with these columns.
    pub fn csv(columns: &[String]) -> Self {
        Self {
            order: columns.to_vec(),
            seen: columns
                .iter()
                .map(|name| (name.clone(), Seen::default()))
                .collect(),
            records: 0,
            is_text_only: true,
        }
    }

    /// How many records were watched.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Watches one record in JSON; what is not an object tells nothing.
    pub fn see_json(&mut self, text: &[u8]) {
        self.records += 1;
        if let Ok(Value::Object(object)) = serde_json::from_slice(text) {
            for (name, value) in &object {
                self.see_member(name, value);
            }
        }
    }

    fn see_member(&mut self, path: &str, value: &Value) {
        if let Value::Object(object) = value {
            for (name, value) in object {
                self.see_member(&format!("{path}.{name}"), value);
            }
            return;
        }
        let seen = self.field(path);
        match value {
            Value::Null | Value::Object(_) => return,
            Value::Bool(_) => seen.single.boolean = true,
            Value::Number(number) => seen.single.see_number(number),
            Value::String(text) => seen.single.see_text(text),
            Value::Array(elements) => {
                seen.is_array = true;
                for element in elements {
                    match element {
                        Value::Bool(_) => seen.element.boolean = true,
                        Value::Number(number) => seen.element.see_number(number),
                        Value::String(text) => seen.element.see_text(text),
                        _ => seen.is_foreign = true,
                    }
                }
            }
        }
        seen.is_single |= !value.is_array();
        seen.filled += 1;
    }

    /// Watches one CSV record.
    pub fn see_cells(&mut self, cells: &[Option<String>]) {
        self.records += 1;
        for (at, cell) in cells.iter().enumerate() {
            let (Some(text), Some(name)) = (cell, self.order.get(at).cloned()) else {
                continue;
            };
            let seen = self.field(&name);
            seen.is_single = true;
            seen.filled += 1;
            if !text.is_empty() {
                seen.single.see_cell(text);
            }
        }
    }

    fn field(&mut self, path: &str) -> &mut Seen {
        if !self.seen.contains_key(path) {
            self.order.push(path.to_owned());
        }
        self.seen.entry(path.to_owned()).or_default()
    }

    /// The fields in the order in which they first occurred.
    pub fn fields(&self) -> Vec<InferredField> {
        let paths: BTreeMap<&str, &Seen> = self
            .seen
            .iter()
            .map(|(name, seen)| (name.as_str(), seen))
            .collect();
        let is_parent = |name: &str| {
            let prefix = format!("{name}.");
            let below = paths.range(prefix.as_str()..).next();
            below.is_some_and(|(other, _)| other.starts_with(&prefix))
        };
        let holds_values = |name: &str| paths.get(name).is_some_and(|seen| seen.filled > 0);
        let mut fields = Vec::new();
        for name in &self.order {
            let below_values = name
                .match_indices('.')
                .any(|(at, _)| holds_values(&name[..at]));
            let seen = &self.seen[name];
            if below_values || (seen.filled == 0 && is_parent(name)) {
                continue;
            }
            let (field_type, note) = if is_parent(name) {
                (None, "sometimes a value, sometimes an object")
            } else {
                self.resolve(seen)
            };
            fields.push(InferredField {
                name: name.clone(),
                field_type,
                filled: Some(seen.filled),
                note,
            });
        }
        fields
    }

    fn resolve(&self, seen: &Seen) -> (Option<FieldType>, &'static str) {
        let mixed = (None, "values of several types");
        match (seen.is_single, seen.is_array) {
            (false, false) => (
                Some(FieldType::Scalar(ScalarType::String)),
                "no value seen, so the type is a guess",
            ),
            (true, true) => mixed,
            (true, false) => match seen.single.single(self.is_text_only) {
                Some(scalar) => (Some(FieldType::Scalar(scalar)), ""),
                // Quoted empty cells alone.
                None if self.is_text_only => (Some(FieldType::Scalar(ScalarType::String)), ""),
                None => mixed,
            },
            (false, true) if seen.is_foreign => {
                (None, "arrays hold something else than values of one type")
            }
            (false, true) => match seen.element.single(false) {
                Some(scalar) => (Some(FieldType::Array(scalar)), ""),
                None if is_empty(&seen.element) => (
                    Some(FieldType::Array(ScalarType::String)),
                    "only empty arrays seen, so the type is a guess",
                ),
                None => mixed,
            },
        }
    }
}

fn is_empty(kinds: &Kinds) -> bool {
    !(kinds.boolean
        || kinds.integer
        || kinds.float
        || kinds.date
        || kinds.datetime
        || kinds.uuid
        || kinds.text)
}

#[cfg(test)]
mod tests;

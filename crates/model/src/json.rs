//! JSON text to values and back.
//!
//! The reader refuses what other readers let pass and what has been used to
//! smuggle a second meaning past a check: duplicate members, nesting beyond
//! [`JSON_DEPTH_MAX`], text after the value.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserializer, Serialize, Serializer};

use crate::fault::{Fault, FaultCode, shorten, step};
use crate::limits::{JSON_DEPTH_MAX, JSON_SAFE_INTEGER_MAX};
use crate::value::{Object, Value};

/// Reads exactly one JSON value.
pub fn parse(text: &[u8]) -> Result<Value, Fault> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let place = RefCell::default();
    let seed = ValueSeed {
        depth: 0,
        place: &place,
    };
    let read = seed.deserialize(&mut reader);
    let value = read.map_err(|e| to_fault(&e, &place.borrow()))?;
    reader.end().map_err(|e| to_fault(&e, ""))?;
    Ok(value)
}

const DUPLICATE: &str = "duplicate member ";
const TOO_DEEP: &str = "too deep";

fn to_fault(error: &serde_json::Error, place: &str) -> Fault {
    let text = error.to_string();
    if let Some(rest) = text.strip_prefix(DUPLICATE) {
        let name = rest.rsplit_once(" at line").map_or(rest, |(name, _)| name);
        return Fault::new(
            FaultCode::DuplicateMember,
            format!(
                "member {} stands twice in one object; send each member once",
                shorten(name)
            ),
        )
        .at(format!("{place}{}", step(name)));
    }
    if text.starts_with(TOO_DEEP) {
        return Fault::new(
            FaultCode::LimitExceeded,
            format!("arrays and objects may be nested {JSON_DEPTH_MAX} levels deep"),
        );
    }
    let place = format!("line {}, column {}", error.line(), error.column());
    let detail = match error.classify() {
        serde_json::error::Category::Eof => format!("the JSON text ends too early, at {place}"),
        _ => format!("the text is not JSON, at {place}"),
    };
    Fault::new(FaultCode::MalformedBody, detail)
}

/// Reads a value where JSON stands.
#[derive(Clone, Copy)]
pub(crate) struct ValueSeed<'p> {
    depth: usize,
    /// Where reading failed, as a pointer; written on the way out.
    place: &'p RefCell<String>,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'p> ValueSeed<'p> {
    /// Reads the value of a member of an object that is no value's part.
    pub(crate) fn of_member(place: &'p RefCell<String>) -> Self {
        Self { depth: 1, place }
    }

    fn failed_in(&self, name: impl fmt::Display) {
        self.place.borrow_mut().insert_str(0, &step(name));
    }

    fn deeper<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth >= JSON_DEPTH_MAX {
            return Err(E::custom(TOO_DEEP));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..*self
        })
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Boolean(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        Value::float(number).ok_or_else(|| E::custom("a number is finite"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        let deeper = self.deeper::<A::Error>()?;
        loop {
            let element = elements.next_element_seed(deeper);
            match element.inspect_err(|_| self.failed_in(values.len()))? {
                Some(value) => values.push(value),
                None => break,
            }
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Vec::new();
        let deeper = self.deeper::<A::Error>()?;
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(deeper);
            let value = value.inspect_err(|_| self.failed_in(&name))?;
            members.push((name, value));
        }
        Object::from_members(members)
            .map(Value::Object)
            .map_err(|name| A::Error::custom(format!("{DUPLICATE}{name}")))
    }
}

/// How integers beyond what a double holds exactly are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WideIntegers {
    /// As JSON numbers.
    #[default]
    Numbers,
    /// As decimal strings, for readers that know only doubles.
    Strings,
}

/// A value with its way of being written, for serialisers.
#[derive(Debug)]
pub struct Written<'a>(pub &'a Value, pub WideIntegers);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => out.serialize_unit(),
            Value::Boolean(truth) => out.serialize_bool(*truth),
            Value::Integer(number) => serialize_integer(*number, self.1, out),
            Value::Float(number) => out.serialize_f64(*number),
            Value::String(text) => out.serialize_str(text),
            Value::Date(date) => out.collect_str(date),
            Value::DateTime(instant) => out.collect_str(instant),
            Value::Uuid(uuid) => out.collect_str(uuid),
            Value::Array(values) => {
                let mut seq = out.serialize_seq(Some(values.len()))?;
                for value in values {
                    seq.serialize_element(&Written(value, self.1))?;
                }
                seq.end()
            }
            Value::Object(object) => {
                let mut map = out.serialize_map(Some(object.len()))?;
                for (name, value) in object.iter() {
                    map.serialize_entry(name, &Written(value, self.1))?;
                }
                map.end()
            }
        }
    }
}

fn serialize_integer<S: Serializer>(
    number: i128,
    wide: WideIntegers,
    out: S,
) -> Result<S::Ok, S::Error> {
    if wide == WideIntegers::Strings && number.unsigned_abs() > JSON_SAFE_INTEGER_MAX.unsigned_abs()
    {
        return out.collect_str(&number);
    }
    out.serialize_i128(number)
}

/// The value as JSON text.
pub fn to_text(value: &Value) -> String {
    serde_json::to_string(&Written(value, WideIntegers::Numbers))
        .expect("a value has only string names and finite numbers")
}

#[cfg(test)]
pub(crate) mod tests;

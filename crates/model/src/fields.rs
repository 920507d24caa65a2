//! The 16 types of fields, and how a sent value becomes a stored one.

use std::fmt;

use crate::time::{Date, Timestamp};
use crate::value::Value;

/// The type of a scalar field or of an array's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each name is the type's documented name")]
pub enum ScalarType {
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float32,
    Float64,
    String,
    Boolean,
    Date,
    DateTime,
    Uuid,
}

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// One value.
    Scalar(ScalarType),
    /// Values of one type, in order, none of them null.
    Array(ScalarType),
}

/// A value did not fit the type of its field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CoerceError {
    /// The value is of another kind.
    #[error("expected {expected}, got {got}")]
    Kind {
        /// What the type accepts.
        expected: &'static str,
        /// What was sent.
        got: &'static str,
    },
    /// The value is of the right kind and outside the type's range.
    #[error("the value is outside the range of {0}")]
    Range(ScalarType),
}

const NAMES: [(ScalarType, &str); 15] = [
    (ScalarType::Int8, "Int8"),
    (ScalarType::Int16, "Int16"),
    (ScalarType::Int32, "Int32"),
    (ScalarType::Int64, "Int64"),
    (ScalarType::UInt8, "UInt8"),
    (ScalarType::UInt16, "UInt16"),
    (ScalarType::UInt32, "UInt32"),
    (ScalarType::UInt64, "UInt64"),
    (ScalarType::Float32, "Float32"),
    (ScalarType::Float64, "Float64"),
    (ScalarType::String, "String"),
    (ScalarType::Boolean, "Boolean"),
    (ScalarType::Date, "Date"),
    (ScalarType::DateTime, "DateTime"),
    (ScalarType::Uuid, "UUID"),
];

impl ScalarType {
    /// Every scalar type.
    pub const ALL: [ScalarType; 15] = [
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::UInt8,
        Self::UInt16,
        Self::UInt32,
        Self::UInt64,
        Self::Float32,
        Self::Float64,
        Self::String,
        Self::Boolean,
        Self::Date,
        Self::DateTime,
        Self::Uuid,
    ];

    /// The least and greatest whole number of an integer type.
    pub fn integer_range(self) -> Option<(i128, i128)> {
        Some(match self {
            Self::Int8 => (i8::MIN.into(), i8::MAX.into()),
            Self::Int16 => (i16::MIN.into(), i16::MAX.into()),
            Self::Int32 => (i32::MIN.into(), i32::MAX.into()),
            Self::Int64 => (i64::MIN.into(), i64::MAX.into()),
            Self::UInt8 => (0, u8::MAX.into()),
            Self::UInt16 => (0, u16::MAX.into()),
            Self::UInt32 => (0, u32::MAX.into()),
            Self::UInt64 => (0, u64::MAX.into()),
            _ => return None,
        })
    }

    /// Whether values of this type add up.
    pub fn is_numeric(self) -> bool {
        self.integer_range().is_some() || matches!(self, Self::Float32 | Self::Float64)
    }

    /// What the type accepts, in words.
    pub fn accepts(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Boolean => "true or false",
            Self::Date => "a date such as \"2026-01-31\"",
            Self::DateTime => "a date-time such as \"2026-01-31T08:15:00Z\"",
            Self::Uuid => "a UUID of 32 hexadecimal digits",
            Self::Float32 | Self::Float64 => "a number",
            _ => "a whole number, or one as a decimal string",
        }
    }

    /// The stored form of a sent value. Whole numbers may come as decimal
    /// strings; dates, times and UUIDs come as text.
    pub fn coerce(self, value: Value) -> Result<Value, CoerceError> {
        if let Some((least, greatest)) = self.integer_range() {
            let number = self.whole_number(&value)?;
            return if (least..=greatest).contains(&number) {
                Ok(Value::Integer(number))
            } else {
                Err(CoerceError::Range(self))
            };
        }
        match (self, value) {
            (Self::Float32 | Self::Float64, value) => self.float(&value),
            (Self::String, text @ Value::String(_))
            | (Self::Boolean, text @ Value::Boolean(_))
            | (Self::Date, text @ Value::Date(_))
            | (Self::DateTime, text @ Value::DateTime(_))
            | (Self::Uuid, text @ Value::Uuid(_)) => Ok(text),
            (Self::Date, Value::String(text)) => Date::parse(&text)
                .map(Value::Date)
                .map_err(|_| self.kind_error(&Value::String(text))),
            (Self::DateTime, Value::String(text)) => Timestamp::parse(&text)
                .map(Value::DateTime)
                .map_err(|_| self.kind_error(&Value::String(text))),
            (Self::Uuid, Value::String(text)) => parse_uuid(&text)
                .map(Value::Uuid)
                .ok_or_else(|| self.kind_error(&Value::String(text))),
            (_, value) => Err(self.kind_error(&value)),
        }
    }

    fn kind_error(self, value: &Value) -> CoerceError {
        let got = match value {
            Value::String(_) if self != Self::String => "a string that is not one",
            other => other.kind(),
        };
        CoerceError::Kind {
            expected: self.accepts(),
            got,
        }
    }

    fn whole_number(self, value: &Value) -> Result<i128, CoerceError> {
        match value {
            Value::Integer(number) => Ok(*number),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "whole and in range, as checked"
            )]
            Value::Float(number) if number.fract() == 0.0 && number.abs() < 1e30 => {
                Ok(*number as i128)
            }
            Value::String(text) if is_decimal(text) => {
                text.parse().map_err(|_| CoerceError::Range(self))
            }
            other => Err(self.kind_error(other)),
        }
    }

    fn float(self, value: &Value) -> Result<Value, CoerceError> {
        let number = value
            .as_number()
            .ok_or_else(|| self.kind_error(value))?
            .to_f64();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "rounding is what Float32 means"
        )]
        let stored = if self == Self::Float32 {
            f64::from(number as f32)
        } else {
            number
        };
        Value::float(stored).ok_or(CoerceError::Range(self))
    }
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.len() <= 40 && digits.bytes().all(|b| b.is_ascii_digit())
}

fn parse_uuid(text: &str) -> Option<uuid::Uuid> {
    if matches!(text.len(), 32 | 36) {
        uuid::Uuid::try_parse(text).ok()
    } else {
        None
    }
}

impl FieldType {
    /// Reads a type's name: `Int64`, `Array(String)`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(element) = text
            .strip_prefix("Array(")
            .and_then(|rest| rest.strip_suffix(')'))
        {
            return scalar_named(element).map(Self::Array);
        }
        scalar_named(text).map(Self::Scalar)
    }

    /// The stored form of a sent value; see [`ScalarType::coerce`].
    pub fn coerce(self, value: Value) -> Result<Value, CoerceError> {
        match (self, value) {
            (Self::Scalar(scalar), value) => scalar.coerce(value),
            (Self::Array(element), Value::Array(values)) => values
                .into_iter()
                .map(|value| element.coerce(value))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            (Self::Array(_), other) => Err(CoerceError::Kind {
                expected: "an array",
                got: other.kind(),
            }),
        }
    }

    /// Whether values of this type add up.
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Scalar(scalar) if scalar.is_numeric())
    }
}

fn scalar_named(text: &str) -> Option<ScalarType> {
    NAMES
        .iter()
        .find(|(_, name)| *name == text)
        .map(|(scalar, _)| *scalar)
}

impl fmt::Display for ScalarType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES
            .iter()
            .find(|(scalar, _)| scalar == self)
            .map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => scalar.fmt(f),
            Self::Array(element) => write!(f, "Array({element})"),
        }
    }
}

/// What is known of a field when a question names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// The pool declares the field.
    Declared(FieldType),
    /// An open pool may hold it; each value has its own type.
    Undeclared,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coerce(field: &str, json: &str) -> Result<String, CoerceError> {
        let value = crate::json::parse(json.as_bytes()).expect("json");
        FieldType::parse(field)
            .expect("type")
            .coerce(value)
            .map(|value| crate::json::to_text(&value))
    }

    #[test]
    fn every_type_has_a_name_that_reads_back() {
        for scalar in ScalarType::ALL {
            for field in [FieldType::Scalar(scalar), FieldType::Array(scalar)] {
                assert_eq!(FieldType::parse(&field.to_string()), Some(field));
            }
        }
        for bad in ["int8", "Array(Array(Int8))", "Array()", "Array(Int8", ""] {
            assert_eq!(FieldType::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn values_are_stored_in_the_declared_type() {
        let good = [
            ("Int8", "-128", "-128"),
            ("UInt64", "\"18446744073709551615\"", "18446744073709551615"),
            ("Int64", "5.0", "5"),
            ("Float64", "5", "5.0"),
            ("Float32", "0.1", "0.10000000149011612"),
            ("Date", "\"2026-02-28\"", "\"2026-02-28\""),
            (
                "DateTime",
                "\"2026-02-28T01:00:00+01:00\"",
                "\"2026-02-28T00:00:00Z\"",
            ),
            (
                "UUID",
                "\"0123456789ABCDEF0123456789abcdef\"",
                "\"01234567-89ab-cdef-0123-456789abcdef\"",
            ),
            ("Array(Int8)", "[1,\"2\"]", "[1,2]"),
        ];
        for (field, sent, stored) in good {
            assert_eq!(coerce(field, sent).as_deref(), Ok(stored), "{field} {sent}");
        }
    }

    #[test]
    fn values_of_another_type_or_range_are_refused() {
        let bad = [
            ("Int8", "128"),
            ("UInt8", "-1"),
            ("Int64", "9223372036854775808"),
            ("Int64", "1.5"),
            ("Int64", "\"1e3\""),
            ("Int64", "\"\""),
            ("Int64", "true"),
            ("Float32", "1e300"),
            ("Float64", "\"1\""),
            ("String", "1"),
            ("Boolean", "\"true\""),
            ("Boolean", "0"),
            ("Date", "\"2026-02-30\""),
            ("DateTime", "\"yesterday\""),
            ("DateTime", "1700000000"),
            ("UUID", "\"{01234567-89ab-cdef-0123-456789abcdef}\""),
            ("Array(Int8)", "[1,null]"),
            ("Array(Int8)", "1"),
            ("String", "[\"a\"]"),
            ("String", "{\"a\":1}"),
        ];
        for (field, sent) in bad {
            assert!(coerce(field, sent).is_err(), "{field} {sent}");
        }
    }
}

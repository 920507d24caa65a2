//! Values to Arrow arrays.

use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, ListBuilder,
    PrimitiveBuilder, StringBuilder,
};
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{Field, FieldRef};
use model::fields::{ColumnType, FieldType, ScalarType};
use model::value::{Number, Value};

use super::scalar_type;
use crate::error::{LakeError, Result};

/// The item of a list of `element`s.
pub(crate) fn list_item(element: ScalarType) -> FieldRef {
    Arc::new(Field::new("item", scalar_type(element), true))
}

/// The values, in order, as an array of the column's Arrow type; `None` is null.
///
/// # Errors
/// [`LakeError::Internal`] for a value that is not of the column's type, which
/// admission rules out.
pub(crate) fn array_of<'a>(
    column: ColumnType,
    values: impl ExactSizeIterator<Item = Option<&'a Value>>,
) -> Result<ArrayRef> {
    let mut builder = ColumnBuilder::new(column, values.len());
    for value in values {
        builder.append(value)?;
    }
    Ok(builder.finish())
}

/// Builds the array of one column, value by value.
pub(crate) struct ColumnBuilder(Kind);

enum Kind {
    Undeclared(BinaryBuilder, Vec<u8>),
    Scalar(ScalarBuilder),
    List(ScalarType, ListBuilder<ScalarBuilder>),
}

impl ColumnBuilder {
    /// A builder with room for so many values.
    pub(crate) fn new(column: ColumnType, capacity: usize) -> Self {
        Self(match column {
            ColumnType::Undeclared => {
                let builder = BinaryBuilder::with_capacity(capacity, capacity * 12);
                Kind::Undeclared(builder, Vec::new())
            }
            ColumnType::Declared(FieldType::Scalar(scalar)) => {
                Kind::Scalar(ScalarBuilder::new(scalar, capacity))
            }
            ColumnType::Declared(FieldType::Array(element)) => {
                let items = ScalarBuilder::new(element, capacity);
                let lists = ListBuilder::new(items).with_field(list_item(element));
                Kind::List(element, lists)
            }
        })
    }

    /// Adds a value; `None` is null.
    ///
    /// # Errors
    /// As [`array_of`].
    pub(crate) fn append(&mut self, value: Option<&Value>) -> Result<()> {
        match &mut self.0 {
            Kind::Undeclared(builder, bytes) => {
                builder.append_option(value.map(|value| {
                    bytes.clear();
                    model::canonical::encode(value, bytes);
                    bytes.as_slice()
                }));
                Ok(())
            }
            Kind::Scalar(builder) => builder.append(value),
            Kind::List(element, lists) => append_list(lists, *element, value),
        }
    }

    /// The array of all values.
    pub(crate) fn finish(self) -> ArrayRef {
        match self.0 {
            Kind::Undeclared(mut builder, _) => Arc::new(builder.finish()),
            Kind::Scalar(builder) => builder.finish(),
            Kind::List(_, mut lists) => Arc::new(lists.finish()),
        }
    }
}

fn append_list(
    lists: &mut ListBuilder<ScalarBuilder>,
    element: ScalarType,
    value: Option<&Value>,
) -> Result<()> {
    match value {
        None => lists.append(false),
        Some(Value::Array(elements)) => {
            for element in elements {
                lists.values().append(Some(element))?;
            }
            lists.append(true);
        }
        Some(other) => return Err(misplaced(other, &format!("Array({element})"))),
    }
    Ok(())
}

fn misplaced(value: &Value, column: &str) -> LakeError {
    LakeError::Internal(format!(
        "{} stands in a column of type {column}",
        value.kind()
    ))
}

/// A builder for one scalar type.
enum ScalarBuilder {
    Int8(PrimitiveBuilder<Int8Type>),
    Int16(PrimitiveBuilder<Int16Type>),
    Int32(PrimitiveBuilder<Int32Type>),
    Int64(PrimitiveBuilder<Int64Type>),
    UInt8(PrimitiveBuilder<UInt8Type>),
    UInt16(PrimitiveBuilder<UInt16Type>),
    UInt32(PrimitiveBuilder<UInt32Type>),
    UInt64(PrimitiveBuilder<UInt64Type>),
    Float32(PrimitiveBuilder<Float32Type>),
    Float64(PrimitiveBuilder<Float64Type>),
    String(StringBuilder),
    Boolean(BooleanBuilder),
    Date(PrimitiveBuilder<Date32Type>),
    DateTime(PrimitiveBuilder<TimestampMicrosecondType>),
    Uuid(FixedSizeBinaryBuilder),
}

macro_rules! each_builder {
    ($self:expr, $builder:ident => $body:expr) => {
        match $self {
            ScalarBuilder::Int8($builder) => $body,
            ScalarBuilder::Int16($builder) => $body,
            ScalarBuilder::Int32($builder) => $body,
            ScalarBuilder::Int64($builder) => $body,
            ScalarBuilder::UInt8($builder) => $body,
            ScalarBuilder::UInt16($builder) => $body,
            ScalarBuilder::UInt32($builder) => $body,
            ScalarBuilder::UInt64($builder) => $body,
            ScalarBuilder::Float32($builder) => $body,
            ScalarBuilder::Float64($builder) => $body,
            ScalarBuilder::String($builder) => $body,
            ScalarBuilder::Boolean($builder) => $body,
            ScalarBuilder::Date($builder) => $body,
            ScalarBuilder::DateTime($builder) => $body,
            ScalarBuilder::Uuid($builder) => $body,
        }
    };
}

impl ScalarBuilder {
    fn new(scalar: ScalarType, capacity: usize) -> Self {
        match scalar {
            ScalarType::Int8 => Self::Int8(PrimitiveBuilder::with_capacity(capacity)),
            ScalarType::Int16 => Self::Int16(PrimitiveBuilder::with_capacity(capacity)),
            ScalarType::Int32 => Self::Int32(PrimitiveBuilder::with_capacity(capacity)),
            ScalarType::Int64 => Self::Int64(PrimitiveBuilder::with_capacity(capacity)),
            ScalarType::UInt8 => Self::UInt8(PrimitiveBuilder::with_capacity(capacity)),
            ScalarType::UInt16 => Self::UInt16(PrimitiveBuilder::with_capacity(capacity)),
            ScalarType::UInt32 => Self::UInt32(PrimitiveBuilder::with_capacity(capacity)),
            ScalarType::UInt64 => Self::UInt64(PrimitiveBuilder::with_capacity(capacity)),
            ScalarType::Float32 => Self::Float32(PrimitiveBuilder::with_capacity(capacity)),
            ScalarType::Float64 => Self::Float64(PrimitiveBuilder::with_capacity(capacity)),
            ScalarType::String => {
                Self::String(StringBuilder::with_capacity(capacity, capacity * 8))
            }
            ScalarType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(capacity)),
            ScalarType::Date => Self::Date(PrimitiveBuilder::with_capacity(capacity)),
            ScalarType::DateTime => Self::DateTime(PrimitiveBuilder::with_capacity(capacity)),
            ScalarType::Uuid => Self::Uuid(FixedSizeBinaryBuilder::with_capacity(capacity, 16)),
        }
    }

    fn append(&mut self, value: Option<&Value>) -> Result<()> {
        match self {
            Self::Int8(builder) => append_integer(builder, value),
            Self::Int16(builder) => append_integer(builder, value),
            Self::Int32(builder) => append_integer(builder, value),
            Self::Int64(builder) => append_integer(builder, value),
            Self::UInt8(builder) => append_integer(builder, value),
            Self::UInt16(builder) => append_integer(builder, value),
            Self::UInt32(builder) => append_integer(builder, value),
            Self::UInt64(builder) => append_integer(builder, value),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "admission rounded the value to this width"
            )]
            Self::Float32(builder) => {
                builder.append_option(number(value)?.map(|number| number.to_f64() as f32));
                Ok(())
            }
            Self::Float64(builder) => {
                builder.append_option(number(value)?.map(Number::to_f64));
                Ok(())
            }
            Self::String(builder) => {
                builder.append_option(read(value, "String", Value::as_str)?);
                Ok(())
            }
            Self::Boolean(builder) => {
                let truth = |value: &Value| match value {
                    Value::Boolean(truth) => Some(*truth),
                    _ => None,
                };
                builder.append_option(read(value, "Boolean", truth)?);
                Ok(())
            }
            Self::Date(builder) => {
                let days = |value: &Value| match value {
                    Value::Date(date) => Some(date.as_days()),
                    _ => None,
                };
                builder.append_option(read(value, "Date", days)?);
                Ok(())
            }
            Self::DateTime(builder) => {
                let micros = |value: &Value| match value {
                    Value::DateTime(instant) => Some(instant.as_microsecond()),
                    _ => None,
                };
                builder.append_option(read(value, "DateTime", micros)?);
                Ok(())
            }
            Self::Uuid(builder) => {
                let bytes = |value: &Value| match value {
                    Value::Uuid(uuid) => Some(*uuid.as_bytes()),
                    _ => None,
                };
                match read(value, "UUID", bytes)? {
                    Some(bytes) => builder.append_value(bytes)?,
                    None => builder.append_null(),
                }
                Ok(())
            }
        }
    }

    fn finish(mut self) -> ArrayRef {
        each_builder!(&mut self, builder => Arc::new(builder.finish()) as Arc<dyn Array>)
    }
}

fn append_integer<T: ArrowPrimitiveType<Native: TryFrom<i128>>>(
    builder: &mut PrimitiveBuilder<T>,
    value: Option<&Value>,
) -> Result<()> {
    match value {
        None => builder.append_null(),
        Some(Value::Integer(integer)) => match T::Native::try_from(*integer) {
            Ok(native) => builder.append_value(native),
            Err(_) => return Err(misplaced(&Value::Integer(*integer), "a narrower integer")),
        },
        Some(other) => return Err(misplaced(other, "an integer")),
    }
    Ok(())
}

fn number(value: Option<&Value>) -> Result<Option<Number>> {
    read(value, "a number", Value::as_number)
}

/// What `take` reads from a value that is there.
fn read<'a, T>(
    value: Option<&'a Value>,
    column: &str,
    take: impl Fn(&'a Value) -> Option<T>,
) -> Result<Option<T>> {
    match value {
        None => Ok(None),
        Some(value) => take(value)
            .map(Some)
            .ok_or_else(|| misplaced(value, column)),
    }
}

impl ArrayBuilder for ScalarBuilder {
    fn len(&self) -> usize {
        each_builder!(self, builder => builder.len())
    }

    fn finish(&mut self) -> ArrayRef {
        each_builder!(self, builder => Arc::new(builder.finish()) as Arc<dyn Array>)
    }

    fn finish_cloned(&self) -> ArrayRef {
        each_builder!(self, builder => Arc::new(builder.finish_cloned()) as Arc<dyn Array>)
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn std::any::Any {
        self
    }

    fn into_box_any(self: Box<Self>) -> Box<dyn std::any::Any> {
        self
    }
}

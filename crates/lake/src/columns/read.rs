//! Cells of Arrow arrays as borrowed values, without allocating for the
//! kinds that filters compare most.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, BinaryArray, BooleanArray, FixedSizeBinaryArray, ListArray, PrimitiveArray, StringArray,
};
use arrow_schema::{DataType, TimeUnit};
use model::time::{Date, Timestamp};
use model::value::{Number, Value};

use super::Encoded;

/// One cell.
#[derive(Clone, Debug)]
pub(crate) enum Cell<'a> {
    /// No value.
    Null,
    /// A number.
    Number(Number),
    /// A text.
    Text(&'a str),
    /// Any other value.
    Other(Value),
}

/// Reads the cells of one array.
#[derive(Debug)]
pub(crate) enum CellReader<'a> {
    Int8(&'a PrimitiveArray<Int8Type>),
    Int16(&'a PrimitiveArray<Int16Type>),
    Int32(&'a PrimitiveArray<Int32Type>),
    Int64(&'a PrimitiveArray<Int64Type>),
    UInt8(&'a PrimitiveArray<UInt8Type>),
    UInt16(&'a PrimitiveArray<UInt16Type>),
    UInt32(&'a PrimitiveArray<UInt32Type>),
    UInt64(&'a PrimitiveArray<UInt64Type>),
    Float32(&'a PrimitiveArray<Float32Type>),
    Float64(&'a PrimitiveArray<Float64Type>),
    Wide(&'a PrimitiveArray<Decimal128Type>),
    Text(&'a StringArray),
    Boolean(&'a BooleanArray),
    Date(&'a PrimitiveArray<Date32Type>),
    DateTime(&'a PrimitiveArray<TimestampMicrosecondType>),
    Uuid(&'a FixedSizeBinaryArray),
    Canonical(&'a BinaryArray),
    List(&'a ListArray),
    /// Codes, and what they stand for.
    Encoded(&'a PrimitiveArray<Int32Type>, Box<CellReader<'a>>),
    /// A type that no column of the lake has; its cells read as missing.
    Unknown,
}

impl<'a> CellReader<'a> {
    /// A reader of `array`.
    pub(crate) fn new(array: &'a dyn Array) -> Self {
        match array.data_type() {
            DataType::Int8 => Self::Int8(array.as_primitive()),
            DataType::Int16 => Self::Int16(array.as_primitive()),
            DataType::Int32 => Self::Int32(array.as_primitive()),
            DataType::Int64 => Self::Int64(array.as_primitive()),
            DataType::UInt8 => Self::UInt8(array.as_primitive()),
            DataType::UInt16 => Self::UInt16(array.as_primitive()),
            DataType::UInt32 => Self::UInt32(array.as_primitive()),
            DataType::UInt64 => Self::UInt64(array.as_primitive()),
            DataType::Float32 => Self::Float32(array.as_primitive()),
            DataType::Float64 => Self::Float64(array.as_primitive()),
            DataType::Decimal128(_, 0) => Self::Wide(array.as_primitive()),
            DataType::Utf8 => Self::Text(array.as_string()),
            DataType::Boolean => Self::Boolean(array.as_boolean()),
            DataType::Date32 => Self::Date(array.as_primitive()),
            DataType::Timestamp(TimeUnit::Microsecond, None) => {
                Self::DateTime(array.as_primitive())
            }
            DataType::FixedSizeBinary(16) => Self::Uuid(array.as_fixed_size_binary()),
            DataType::Binary => Self::Canonical(array.as_binary()),
            DataType::List(_) => Self::List(array.as_list()),
            DataType::Dictionary(..) => Encoded::of(array).map_or(Self::Unknown, |encoded| {
                let values = Box::new(Self::new(encoded.values().as_ref()));
                Self::Encoded(encoded.codes(), values)
            }),
            _ => Self::Unknown,
        }
    }

    /// The cell of one row.
    pub(crate) fn cell(&self, row: usize) -> Cell<'a> {
        macro_rules! valid {
            ($array:expr, $read:expr) => {
                if $array.is_null(row) {
                    Cell::Null
                } else {
                    $read($array.value(row))
                }
            };
        }
        let integer = |number: i128| Cell::Number(Number::Integer(number));
        let float = |number: f64| Cell::Number(Number::Float(number));
        match self {
            Self::Int8(array) => valid!(array, |n| integer(i128::from(n))),
            Self::Int16(array) => valid!(array, |n| integer(i128::from(n))),
            Self::Int32(array) => valid!(array, |n| integer(i128::from(n))),
            Self::Int64(array) => valid!(array, |n| integer(i128::from(n))),
            Self::UInt8(array) => valid!(array, |n| integer(i128::from(n))),
            Self::UInt16(array) => valid!(array, |n| integer(i128::from(n))),
            Self::UInt32(array) => valid!(array, |n| integer(i128::from(n))),
            Self::UInt64(array) => valid!(array, |n| integer(i128::from(n))),
            Self::Wide(array) => valid!(array, integer),
            Self::Float32(array) => valid!(array, |n| float(f64::from(n))),
            Self::Float64(array) => valid!(array, float),
            Self::Text(array) => valid!(array, Cell::Text),
            Self::Boolean(array) => valid!(array, |truth| Cell::Other(Value::Boolean(truth))),
            Self::Date(array) => valid!(array, |days| Date::from_days(days)
                .map_or(Cell::Null, |date| Cell::Other(Value::Date(date)))),
            Self::DateTime(array) => valid!(array, |micros| Timestamp::from_microsecond(micros)
                .map_or(Cell::Null, |at| Cell::Other(Value::DateTime(at)))),
            Self::Uuid(array) => valid!(array, |bytes| uuid::Uuid::from_slice(bytes)
                .map_or(Cell::Null, |uuid| Cell::Other(Value::Uuid(uuid)))),
            Self::Canonical(array) => valid!(array, canonical_cell),
            Self::List(array) => {
                if array.is_null(row) {
                    return Cell::Null;
                }
                let items = array.value(row);
                let items = (0..items.len()).map(|item| value_at(items.as_ref(), item));
                Cell::Other(Value::Array(items.collect()))
            }
            Self::Encoded(codes, values) => {
                valid!(codes, |code: i32| values
                    .cell(usize::try_from(code).unwrap_or(usize::MAX)))
            }
            Self::Unknown => Cell::Null,
        }
    }
}

fn canonical_cell(bytes: &[u8]) -> Cell<'_> {
    if let Some(number) = model::canonical::number(bytes) {
        return Cell::Number(number);
    }
    if let Some(text) = model::canonical::text(bytes) {
        return Cell::Text(text);
    }
    model::canonical::decode(bytes).map_or(Cell::Null, Cell::Other)
}

impl Cell<'_> {
    /// The cell as a value of its own.
    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Number(Number::Integer(number)) => Value::Integer(number),
            Self::Number(Number::Float(number)) => Value::float(number).unwrap_or(Value::Null),
            Self::Text(text) => Value::from(text),
            Self::Other(value) => value,
        }
    }
}

/// The value of one cell of any of the lake's arrays.
pub(crate) fn value_at(array: &dyn Array, row: usize) -> Value {
    CellReader::new(array).cell(row).into_value()
}

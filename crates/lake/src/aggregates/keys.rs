//! Stored values as keys that sort and are equal as the values are.

use std::borrow::Borrow;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, FixedSizeBinaryBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{DataType, TimeUnit};
use datafusion_common::{DataFusionError, Result};

use super::groups::{Rows, check_column_size};
use crate::columns::{Encoded, plain};

/// How the values of a column become keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Whole numbers and doubles of 64 bits or less, and what is one of them inside.
    Word,
    /// Bytes.
    Bytes,
    /// Lists of either.
    List,
}

/// The shape of a type; `None` for types that no field has.
pub(super) fn shape(data_type: &DataType) -> Option<Shape> {
    use DataType as T;
    match data_type {
        T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::Float32 | T::Float64 => Some(Shape::Word),
        T::UInt8 | T::UInt16 | T::UInt32 | T::UInt64 | T::Boolean | T::Date32 => Some(Shape::Word),
        T::Timestamp(TimeUnit::Microsecond, _) => Some(Shape::Word),
        T::Utf8 | T::Binary | T::FixedSizeBinary(_) => Some(Shape::Bytes),
        T::List(item) => matches!(shape(item.data_type()), Some(Shape::Word | Shape::Bytes))
            .then_some(Shape::List),
        _ => None,
    }
}

/// A column in its plain type.
pub(super) fn plain_column(column: &ArrayRef) -> Result<ArrayRef> {
    plain(column).map_err(|error| DataFusionError::External(Box::new(error)))
}

/// Which rows of a column hold a value: an undeclared field's null is none.
pub(super) fn present(column: &dyn Array) -> Option<NullBuffer> {
    let nulls = column.nulls().cloned();
    if let Some(encoded) = Encoded::of(column) {
        let Some(some) = present(encoded.values().as_ref()) else {
            return nulls;
        };
        let codes = encoded.codes().values();
        let some = BooleanBuffer::collect_bool(codes.len(), |row| {
            let code = usize::try_from(codes[row]).unwrap_or(usize::MAX);
            code < some.len() && some.is_valid(code)
        });
        return NullBuffer::union(nulls.as_ref(), Some(&NullBuffer::new(some)));
    }
    let Some(values) = column.as_binary_opt::<i32>() else {
        return nulls;
    };
    let offsets = values.value_offsets();
    let is_null = |row: usize| offsets[row + 1] - offsets[row] == 1 && values.value(row) == [0];
    if !(0..values.len()).any(is_null) {
        return nulls;
    }
    let some = NullBuffer::new(BooleanBuffer::collect_bool(values.len(), |row| {
        !is_null(row)
    }));
    NullBuffer::union(nulls.as_ref(), Some(&some))
}

/// What a value is sorted, told apart and kept by.
pub(super) trait Key:
    Borrow<Self::Seen> + Clone + Debug + Eq + Hash + Ord + Send + Sync + 'static
{
    /// The key of a value that still lies in its column.
    type Seen: ?Sized + Eq + Hash + Ord;

    /// The key to keep.
    fn of(seen: &Self::Seen) -> Self;

    /// The memory that the key holds beside itself, in bytes.
    fn heap(&self) -> usize;

    /// Visits group and key of each value of a column in its plain type.
    fn visit(
        column: &dyn Array,
        rows: &Rows<'_>,
        visit: impl FnMut(usize, &Self::Seen),
    ) -> Result<()>;

    /// The values of these keys.
    fn values(keys: Vec<Option<Self>>, data_type: &DataType) -> Result<ArrayRef>;
}

fn not_text() -> DataFusionError {
    DataFusionError::Internal("a text of a column is none".to_owned())
}

fn unsupported(data_type: &DataType) -> DataFusionError {
    DataFusionError::Internal(format!("no field has values of type {data_type}"))
}

/// Calls a macro with each primitive type: the variant of the data type, the
/// Arrow type, and how its native value becomes a key and comes back.
macro_rules! for_words {
    ($call:ident) => {
        $call! {
            Int8, Int8Type, |v: i8| signed(v.into()), |k| unsigned(k) as i8;
            Int16, Int16Type, |v: i16| signed(v.into()), |k| unsigned(k) as i16;
            Int32, Int32Type, |v: i32| signed(v.into()), |k| unsigned(k) as i32;
            Int64, Int64Type, |v: i64| signed(v), |k| unsigned(k);
            UInt8, UInt8Type, |v: u8| v.into(), |k| k as u8;
            UInt16, UInt16Type, |v: u16| v.into(), |k| k as u16;
            UInt32, UInt32Type, |v: u32| v.into(), |k| k as u32;
            UInt64, UInt64Type, |v: u64| v, |k| k;
            Float32, Float32Type, |v: f32| sortable(v.into()), |k| double(k) as f32;
            Float64, Float64Type, |v: f64| sortable(v), |k| double(k);
            Date32, Date32Type, |v: i32| signed(v.into()), |k| unsigned(k) as i32
        }
    };
}

const SIGN: u64 = 1 << 63;

fn signed(number: i64) -> u64 {
    number as u64 ^ SIGN
}

fn unsigned(key: u64) -> i64 {
    (key ^ SIGN) as i64
}

fn sortable(number: f64) -> u64 {
    let bits = number.to_bits();
    if bits & SIGN == 0 { bits ^ SIGN } else { !bits }
}

fn double(key: u64) -> f64 {
    f64::from_bits(if key & SIGN == 0 { !key } else { key ^ SIGN })
}

fn visit_words<T: ArrowPrimitiveType>(
    column: &dyn Array,
    rows: &Rows<'_>,
    key: impl Fn(T::Native) -> u64,
    mut visit: impl FnMut(usize, &u64),
) {
    let column = column.as_primitive::<T>();
    let values = column.values();
    rows.for_each(column.nulls(), |row, group| visit(group, &key(values[row])));
}

fn words<T: ArrowPrimitiveType>(
    keys: Vec<Option<u64>>,
    value: impl Fn(u64) -> T::Native,
) -> PrimitiveArray<T> {
    keys.into_iter().map(|key| key.map(&value)).collect()
}

impl Key for u64 {
    type Seen = u64;

    fn of(seen: &u64) -> Self {
        *seen
    }

    fn heap(&self) -> usize {
        0
    }

    fn visit(
        column: &dyn Array,
        rows: &Rows<'_>,
        mut visit: impl FnMut(usize, &u64),
    ) -> Result<()> {
        macro_rules! visit_column {
            ($($variant:ident, $type:ty, $key:expr, $value:expr);+) => {
                match column.data_type() {
                    $(DataType::$variant => visit_words::<$type>(column, rows, $key, visit),)+
                    DataType::Timestamp(TimeUnit::Microsecond, _) => {
                        visit_words::<TimestampMicrosecondType>(column, rows, signed, visit);
                    }
                    DataType::Boolean => {
                        let values = column.as_boolean().values();
                        rows.for_each(column.nulls(), |row, group| {
                            visit(group, &u64::from(values.value(row)));
                        });
                    }
                    other => return Err(unsupported(other)),
                }
            };
        }
        for_words!(visit_column);
        Ok(())
    }

    fn values(keys: Vec<Option<Self>>, data_type: &DataType) -> Result<ArrayRef> {
        macro_rules! values_of {
            ($($variant:ident, $type:ty, $key:expr, $value:expr);+) => {
                Ok(match data_type {
                    $(DataType::$variant => Arc::new(words::<$type>(keys, $value)),)+
                    DataType::Timestamp(TimeUnit::Microsecond, zone) => Arc::new(
                        words::<TimestampMicrosecondType>(keys, unsigned)
                            .with_timezone_opt(zone.clone()),
                    ),
                    DataType::Boolean => Arc::new(
                        keys.into_iter()
                            .map(|key| key.map(|key| key != 0))
                            .collect::<BooleanArray>(),
                    ),
                    other => return Err(unsupported(other)),
                })
            };
        }
        for_words!(values_of)
    }
}

impl Key for Box<[u8]> {
    type Seen = [u8];

    fn of(seen: &[u8]) -> Self {
        seen.into()
    }

    fn heap(&self) -> usize {
        self.len()
    }

    fn visit(
        column: &dyn Array,
        rows: &Rows<'_>,
        mut visit: impl FnMut(usize, &[u8]),
    ) -> Result<()> {
        let nulls = present(column);
        let nulls = nulls.as_ref();
        match column.data_type() {
            DataType::Utf8 => {
                let values = column.as_string::<i32>();
                rows.for_each(nulls, |row, group| {
                    visit(group, values.value(row).as_bytes())
                });
            }
            DataType::Binary => {
                let values = column.as_binary::<i32>();
                rows.for_each(nulls, |row, group| visit(group, values.value(row)));
            }
            DataType::FixedSizeBinary(_) => {
                let values = column.as_fixed_size_binary();
                rows.for_each(nulls, |row, group| visit(group, values.value(row)));
            }
            DataType::List(_) => {
                let lists = column.as_list::<i32>();
                let offsets = lists.value_offsets();
                // Part of a column still has the elements of all of it.
                let first = offsets[0] as usize;
                let count = offsets[lists.len()] as usize - first;
                let contents = contents(&lists.values().slice(first, count))?;
                rows.for_each(nulls, |row, group| {
                    let [from, to] = [row, row + 1].map(|at| offsets[at] as usize - first);
                    visit(group, &contents[from..to].concat());
                });
            }
            other => return Err(unsupported(other)),
        }
        Ok(())
    }

    fn values(keys: Vec<Option<Self>>, data_type: &DataType) -> Result<ArrayRef> {
        bytes_column(|| keys.iter().map(Option::as_deref), data_type)
    }
}

/// A column of these bytes, which are gone through twice.
pub(super) fn bytes_column<'a, Keys: ExactSizeIterator<Item = Option<&'a [u8]>>>(
    keys: impl Fn() -> Keys,
    data_type: &DataType,
) -> Result<ArrayRef> {
    let (count, bytes) = (keys().len(), keys().flatten().map(<[u8]>::len).sum());
    check_column_size(bytes)?;
    Ok(match data_type {
        DataType::Utf8 => {
            let mut column = StringBuilder::with_capacity(count, bytes);
            for key in keys() {
                let text = key.map(str::from_utf8).transpose();
                column.append_option(text.map_err(|_| not_text())?);
            }
            Arc::new(column.finish())
        }
        DataType::Binary => {
            let mut column = BinaryBuilder::with_capacity(count, bytes);
            keys().for_each(|key| column.append_option(key));
            Arc::new(column.finish())
        }
        DataType::FixedSizeBinary(width) => {
            let mut column = FixedSizeBinaryBuilder::with_capacity(count, *width);
            for key in keys() {
                match key {
                    Some(key) => column.append_value(key)?,
                    None => column.append_null(),
                }
            }
            Arc::new(column.finish())
        }
        other => return Err(unsupported(other)),
    })
}

/// The keys of a list's elements, so framed that joined ones are equal only
/// when the lists are.
fn contents(elements: &ArrayRef) -> Result<Vec<Vec<u8>>> {
    let mut contents = vec![vec![0]; elements.len()];
    if shape(elements.data_type()) == Some(Shape::Word) {
        u64::visit(elements, &Rows::Own(elements.len()), |row, key| {
            contents[row] = [&[1], key.to_be_bytes().as_slice()].concat();
        })?;
    } else {
        Box::<[u8]>::visit(elements, &Rows::Own(elements.len()), |row, key| {
            contents[row] = [&[1], key.len().to_be_bytes().as_slice(), key].concat();
        })?;
    }
    Ok(contents)
}

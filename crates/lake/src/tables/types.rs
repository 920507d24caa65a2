//! The types of columns in files. They are those that every Delta reader
//! knows; the lake's own are restored when a file is read.
//!
//! | in memory | in a file |
//! | --- | --- |
//! | `UInt8`, `UInt16`, `UInt32` | `Int16`, `Int32`, `Int64` |
//! | `UInt64` | `Decimal128(20, 0)` |
//! | `UUID` as 16 bytes | its text |
//! | `DateTime` | `Timestamp(Microsecond, "UTC")` |
//! | lists | lists of these |
//! | all others | the same |

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{
    Array, ArrayRef, FixedSizeBinaryArray, ListArray, RecordBatch, RecordBatchOptions, StringArray,
};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field, Schema as ArrowSchema, TimeUnit};
use model::fields::ColumnType;
use model::names::FieldPath;

use crate::error::{LakeError, Result};

/// The type in files of a column that has `memory` in memory.
pub(super) fn file_type(memory: &DataType) -> DataType {
    match memory {
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::FixedSizeBinary(16) => DataType::Utf8,
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        }
        DataType::List(item) => {
            let item = Field::new(item.name(), file_type(item.data_type()), true);
            DataType::List(Arc::new(item))
        }
        same => same.clone(),
    }
}

/// A column with the type that it has in files, or back again.
///
/// # Errors
/// [`LakeError::Internal`] for a value that `to` cannot hold: no column of the
/// lake has one.
pub(super) fn convert(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    match (array.data_type(), to) {
        (DataType::FixedSizeBinary(16), DataType::Utf8) => {
            let texts = array.as_fixed_size_binary().iter().map(|bytes| {
                let uuid = bytes.and_then(|bytes| uuid::Uuid::from_slice(bytes).ok());
                uuid.map(|uuid| uuid.hyphenated().to_string())
            });
            Ok(Arc::new(texts.collect::<StringArray>()))
        }
        (DataType::Utf8, DataType::FixedSizeBinary(16)) => {
            let parse = |text: &str| uuid::Uuid::parse_str(text).map(uuid::Uuid::into_bytes);
            let bytes = array.as_string::<i32>().iter();
            let bytes = bytes.map(|text| text.map(parse).transpose());
            let bytes = bytes
                .collect::<Result<Vec<_>, _>>()
                .map_err(|_| LakeError::Internal("a UUID in a file is not one".to_owned()))?;
            let array = FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes.into_iter(), 16);
            Ok(Arc::new(array?))
        }
        (DataType::Timestamp(from, _), DataType::Timestamp(to, zone)) if from == to => {
            // The zone is only said: a stored instant is the same in each.
            let times = array.as_primitive_opt::<TimestampMicrosecondType>();
            let times = times.ok_or_else(|| {
                LakeError::Internal("times are stored in microseconds".to_owned())
            })?;
            Ok(Arc::new(times.clone().with_timezone_opt(zone.clone())))
        }
        (DataType::List(_), DataType::List(item)) => {
            let list: &ListArray = array.as_list();
            let items = convert(list.values(), item.data_type())?;
            let list = ListArray::try_new(
                item.clone(),
                list.offsets().clone(),
                items,
                list.nulls().cloned(),
            );
            Ok(Arc::new(list?))
        }
        _ => {
            let exact = CastOptions {
                safe: false,
                ..CastOptions::default()
            };
            Ok(cast_with_options(array.as_ref(), to, &exact)?)
        }
    }
}

/// A batch of these columns in the forms in which they were read.
pub(crate) fn batch_of(
    columns: &[(FieldPath, ColumnType)],
    arrays: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch> {
    let fields = columns.iter().zip(&arrays);
    let fields =
        fields.map(|((path, _), array)| Field::new(path.as_str(), array.data_type().clone(), true));
    let schema = Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()));
    let rows = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema, arrays, &rows)?)
}

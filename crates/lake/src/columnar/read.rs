//! Parquet and Arrow to records.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Date64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_ipc::reader::StreamReader;
use arrow_schema::{ArrowError, DataType, Field, Schema, TimeUnit};
use bytes::Bytes;
use model::answers::Columnar;
use model::fault::{Fault, FaultCode};
use model::fields::{FieldType, ScalarType};
use model::limits::BATCH_RECORDS_MAX;
use model::records::{RecordFault, RecordFaultCode, SentRecord};
use model::value::{Object, Value};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::reader::ChunkReader;

use super::guard::{self, Budget};
use crate::columns::value_at;

/// Reads the records of a body.
pub(crate) fn decode(format: Columnar, body: Bytes) -> Result<Vec<SentRecord>, Fault> {
    // The readers trust a file in places, and panic where it is not to be trusted.
    catch_unwind(AssertUnwindSafe(|| decode_trusting(format, body)))
        .unwrap_or_else(|_| Err(guard::malformed()))
}

fn decode_trusting(format: Columnar, body: Bytes) -> Result<Vec<SentRecord>, Fault> {
    let mut records = Vec::new();
    match format {
        Columnar::Parquet => {
            let builder = ParquetRecordBatchReaderBuilder::try_new(body).map_err(malformed)?;
            if builder.metadata().file_metadata().num_rows() > BATCH_RECORDS_MAX as i64 {
                return Err(too_many());
            }
            guard::check_parquet(builder.metadata())?;
            let reader = builder
                .with_batch_size(BATCH_ROWS)
                .build()
                .map_err(malformed)?;
            read_all(reader, &mut records)?;
        }
        Columnar::ArrowStream => {
            guard::check_stream(&body)?;
            let reader = StreamReader::try_new(Cursor::new(body), None).map_err(malformed)?;
            read_all(reader, &mut records)?;
        }
    }
    Ok(records)
}

/// Rows of a body that are unpacked at once.
const BATCH_ROWS: usize = 1_024;

fn read_all(
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    records: &mut Vec<SentRecord>,
) -> Result<(), Fault> {
    let mut budget = Budget::of_body();
    for batch in batches {
        let batch = batch.map_err(malformed)?;
        if records.len() + batch.num_rows() > BATCH_RECORDS_MAX {
            return Err(too_many());
        }
        records.extend(records_of(&batch, &mut budget)?);
    }
    Ok(())
}

fn too_many() -> Fault {
    Fault::new(
        FaultCode::LimitExceeded,
        format!(
            "a request holds at most {BATCH_RECORDS_MAX} records; send them in several requests"
        ),
    )
}

fn malformed(_: impl std::fmt::Display) -> Fault {
    guard::malformed()
}

/// A value, or the rule that one of the file breaks.
type Read = Result<Value, &'static str>;

fn records_of(batch: &RecordBatch, budget: &mut Budget) -> Result<Vec<SentRecord>, Fault> {
    let schema = batch.schema();
    let names: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let columns = batch.columns().iter().zip(&names);
    let columns = columns
        .map(|(array, name)| values_of(array, name, budget))
        .collect::<Result<Vec<_>, _>>()?;
    let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
    let mut records = Vec::with_capacity(batch.num_rows());
    for _ in 0..batch.num_rows() {
        let mut members = Vec::with_capacity(names.len());
        let mut refused = None;
        for (name, column) in names.iter().zip(&mut columns) {
            match column.next() {
                Some(Ok(value)) => members.push(((*name).to_owned(), value)),
                Some(Err(rule)) => refused = Some((*name, rule)),
                None => {}
            }
        }
        records.push(match (refused, Object::from_members(members)) {
            (Some((field, rule)), _) => Err(RecordFault {
                field: Some(field.to_owned()),
                ..RecordFault::new(0, RecordFaultCode::WrongType, rule)
            }),
            (None, Err(name)) => {
                return Err(
                    Fault::new(FaultCode::DuplicateMember, "two columns have this name")
                        .on_field(name),
                );
            }
            (None, Ok(object)) => Ok(Value::Object(object)),
        });
    }
    Ok(records)
}

/// The values of a column.
fn values_of(array: &ArrayRef, name: &str, budget: &mut Budget) -> Result<Vec<Read>, Fault> {
    budget.spend_on(array.as_ref())?;
    if let DataType::Struct(fields) = array.data_type() {
        return struct_values(
            array,
            fields.iter().map(|field| field.name().as_str()),
            name,
            budget,
        );
    }
    if let DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(_, _) =
        array.data_type()
    {
        return list_values(array, name, budget);
    }
    let normal = normal_type(array.data_type()).ok_or_else(|| {
        Fault::new(
            FaultCode::WrongType,
            format!(
                "a column of type {} has no counterpart here",
                array.data_type()
            ),
        )
        .on_field(name)
    })?;
    let rule = match normal {
        DataType::Date32 | DataType::Timestamp(..) => {
            "a date or date-time lies in the years 0001 to 9999"
        }
        _ => "a number is finite",
    };
    let nulls = array.logical_nulls();
    let array = normalize(array, &normal)?;
    let value = |row: usize| match value_at(array.as_ref(), row) {
        // What no field may hold is read as null, and is none.
        Value::Null if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) => Err(rule),
        value => Ok(value),
    };
    Ok((0..array.len()).map(value).collect())
}

/// The column in the lake's own type; a value that does not fit becomes null.
fn normalize(array: &ArrayRef, normal: &DataType) -> Result<ArrayRef, Fault> {
    const DAY_MILLIS: i64 = 86_400_000;
    match array.as_primitive_opt::<Date64Type>() {
        // The library's own cast cuts days off at 32 bits.
        Some(dates) => Ok(Arc::new(dates.unary_opt::<_, Date32Type>(|millis| {
            i32::try_from(millis.div_euclid(DAY_MILLIS)).ok()
        }))),
        None => cast(array, normal).map_err(malformed),
    }
}

fn struct_values<'a>(
    array: &ArrayRef,
    names: impl Iterator<Item = &'a str>,
    name: &str,
    budget: &mut Budget,
) -> Result<Vec<Read>, Fault> {
    let array = array.as_struct();
    let mut columns = Vec::new();
    for (column, member) in array.columns().iter().zip(names) {
        let values = values_of(column, &format!("{name}.{member}"), budget)?;
        columns.push((member.to_owned(), values));
    }
    (0..array.len())
        .map(|row| {
            if array.is_null(row) {
                return Ok(Ok(Value::Null));
            }
            let members = columns
                .iter()
                .map(|(name, values)| Ok((name.clone(), values[row].clone()?)))
                .collect::<Result<Vec<_>, _>>();
            match members.map(Object::from_members) {
                Err(rule) => Ok(Err(rule)),
                Ok(Ok(object)) => Ok(Ok(Value::Object(object))),
                Ok(Err(member)) => Err(Fault::new(
                    FaultCode::DuplicateMember,
                    "two members have this name",
                )
                .on_field(member)),
            }
        })
        .collect()
}

fn list_values(array: &ArrayRef, name: &str, budget: &mut Budget) -> Result<Vec<Read>, Fault> {
    let item = match array.data_type() {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            item.clone()
        }
        _ => return Err(malformed("not a list")),
    };
    let lists = cast(array, &DataType::List(item)).map_err(malformed)?;
    let lists = lists.as_list::<i32>();
    (0..lists.len())
        .map(|row| {
            if lists.is_null(row) {
                return Ok(Ok(Value::Null));
            }
            Ok(values_of(&lists.value(row), name, budget)?
                .into_iter()
                .collect::<Result<Vec<_>, _>>()
                .map(Value::Array))
        })
        .collect()
}

/// The lake's own type that a foreign one is read as.
fn normal_type(foreign: &DataType) -> Option<DataType> {
    Some(match foreign {
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float32
        | DataType::Float64
        | DataType::Boolean
        | DataType::Date32
        | DataType::Utf8
        | DataType::Null
        | DataType::FixedSizeBinary(16) => foreign.clone(),
        DataType::Float16 => DataType::Float32,
        DataType::Date64 => DataType::Date32,
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Timestamp(_, _) => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Decimal32(_, 0) | DataType::Decimal64(_, 0) | DataType::Decimal128(_, 0) => {
            DataType::Decimal128(38, 0)
        }
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => DataType::Float64,
        DataType::Dictionary(_, values) => return normal_type(values),
        _ => return None,
    })
}

/// A Parquet file on a client's disk, read for an import.
pub struct RecordFile {
    fields: Vec<(String, Option<FieldType>)>,
    rows: u64,
    batches: ParquetRecordBatchReader,
}

impl std::fmt::Debug for RecordFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordFile")
            .field("fields", &self.fields)
            .finish_non_exhaustive()
    }
}

impl RecordFile {
    /// Reads a Parquet file, an open one of the client's or bytes, whose
    /// records are given `batch_rows` at a time.
    ///
    /// # Errors
    /// Says why it is not a Parquet file.
    pub fn new(file: impl ChunkReader + 'static, batch_rows: usize) -> Result<Self, String> {
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| error.to_string())?;
        let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let mut fields = Vec::new();
        leaf_fields("", builder.schema(), &mut fields);
        let batches = builder
            .with_batch_size(batch_rows)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            fields,
            rows,
            batches,
        })
    }

    /// The dotted paths of the file's columns with the field types that hold
    /// them; `None` for a column that no single type holds.
    pub fn fields(&self) -> &[(String, Option<FieldType>)] {
        &self.fields
    }

    /// How many records the file holds.
    pub fn rows(&self) -> u64 {
        self.rows
    }
}

impl Iterator for RecordFile {
    type Item = Result<Vec<SentRecord>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.batches.next()?;
        Some(batch.map_err(|error| error.to_string()).and_then(|batch| {
            let mut budget = Budget::unlimited();
            records_of(&batch, &mut budget).map_err(|fault| fault.to_string())
        }))
    }
}

fn leaf_fields(prefix: &str, schema: &Arc<Schema>, out: &mut Vec<(String, Option<FieldType>)>) {
    schema
        .fields()
        .iter()
        .for_each(|field| leaf_field(prefix, field, out));
}

fn leaf_field(prefix: &str, field: &Field, out: &mut Vec<(String, Option<FieldType>)>) {
    let path = format!("{prefix}{}", field.name());
    match field.data_type() {
        DataType::Struct(members) => {
            let prefix = format!("{path}.");
            members
                .iter()
                .for_each(|member| leaf_field(&prefix, member, out));
        }
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            out.push((path, field_type(item.data_type()).map(FieldType::Array)));
        }
        other => out.push((path, field_type(other).map(FieldType::Scalar))),
    }
}

fn field_type(foreign: &DataType) -> Option<ScalarType> {
    Some(match normal_type(foreign)? {
        DataType::Int8 => ScalarType::Int8,
        DataType::Int16 => ScalarType::Int16,
        DataType::Int32 => ScalarType::Int32,
        DataType::Int64 => ScalarType::Int64,
        DataType::UInt8 => ScalarType::UInt8,
        DataType::UInt16 => ScalarType::UInt16,
        DataType::UInt32 => ScalarType::UInt32,
        DataType::UInt64 => ScalarType::UInt64,
        DataType::Float32 => ScalarType::Float32,
        DataType::Float64 => ScalarType::Float64,
        DataType::Boolean => ScalarType::Boolean,
        DataType::Date32 => ScalarType::Date,
        DataType::Timestamp(..) => ScalarType::DateTime,
        DataType::Utf8 => ScalarType::String,
        DataType::FixedSizeBinary(16) => ScalarType::Uuid,
        DataType::Decimal128(..) => ScalarType::Int64,
        _ => return None,
    })
}

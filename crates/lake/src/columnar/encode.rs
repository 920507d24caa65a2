//! Answers as Parquet files and Arrow streams.
//!
//! Types are those that other readers know: UUIDs and values without a type
//! of their own become text, instants carry the zone UTC, wide integers are
//! decimals of 38 digits.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::builder::{Decimal128Builder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use model::answers::Columnar;
use model::fields::{ColumnType, FieldType, ScalarType};
use model::queries::{OutputColumn, OutputType, Row};
use model::value::Value;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::columns::{array_of, list_item, scalar_type};
use crate::error::{LakeError, Result};
use crate::lake::Answer;

/// Bytes of a file, in pieces.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

/// The answer as a file of the format, written as its rows come.
pub(crate) fn encode(answer: Answer, format: Columnar) -> Result<ByteStream> {
    let columns = answer.columns;
    let schema = file_schema(&columns);
    let pipe = Pipe::default();
    let writer = FileWriter::new(format, pipe.clone(), schema.clone())?;
    let state = (answer.rows, Some(writer), pipe);
    let pieces = futures::stream::try_unfold(state, move |(mut rows, writer, pipe)| {
        let (columns, schema) = (columns.clone(), schema.clone());
        async move {
            let Some(mut writer) = writer else {
                return Ok(None);
            };
            match rows.next().await {
                Some(chunk) => {
                    writer.write(&batch_of(&columns, &schema, &chunk?)?)?;
                    Ok(Some((pipe.drain(), (rows, Some(writer), pipe))))
                }
                None => {
                    writer.finish()?;
                    Ok(Some((pipe.drain(), (rows, None, pipe))))
                }
            }
        }
    });
    Ok(pieces
        .filter(|piece| std::future::ready(!piece.as_ref().is_ok_and(Bytes::is_empty)))
        .boxed())
}

/// Where a writer puts bytes and the stream takes them from.
#[derive(Clone, Debug, Default)]
struct Pipe(Arc<Mutex<Vec<u8>>>);

impl Pipe {
    fn drain(&self) -> Bytes {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

enum FileWriter {
    Parquet(Box<ArrowWriter<Pipe>>),
    Arrow(Box<StreamWriter<Pipe>>),
}

fn parquet_error(error: parquet::errors::ParquetError) -> LakeError {
    LakeError::Internal(format!("parquet: {error}"))
}

impl FileWriter {
    fn new(format: Columnar, pipe: Pipe, schema: SchemaRef) -> Result<Self> {
        Ok(match format {
            Columnar::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(
                        ZstdLevel::try_new(1).map_err(parquet_error)?,
                    ))
                    .set_max_row_group_row_count(Some(131_072))
                    .build();
                let writer = ArrowWriter::try_new(pipe, schema, Some(properties));
                Self::Parquet(Box::new(writer.map_err(parquet_error)?))
            }
            Columnar::ArrowStream => Self::Arrow(Box::new(StreamWriter::try_new(pipe, &schema)?)),
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        match self {
            Self::Parquet(writer) => writer.write(batch).map_err(parquet_error),
            Self::Arrow(writer) => Ok(writer.write(batch)?),
        }
    }

    fn finish(self) -> Result<()> {
        match self {
            Self::Parquet(writer) => writer.close().map(|_| ()).map_err(parquet_error),
            Self::Arrow(mut writer) => Ok(writer.finish()?),
        }
    }
}

fn file_type(output: OutputType) -> DataType {
    match output {
        OutputType::Mixed => DataType::Utf8,
        OutputType::WideInteger => DataType::Decimal128(38, 0),
        OutputType::Field(FieldType::Scalar(ScalarType::Uuid)) => DataType::Utf8,
        OutputType::Field(FieldType::Scalar(ScalarType::DateTime)) => {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        }
        OutputType::Field(FieldType::Scalar(scalar)) => scalar_type(scalar),
        OutputType::Field(FieldType::Array(element)) => DataType::List(list_item(element)),
    }
}

fn file_schema(columns: &[OutputColumn]) -> SchemaRef {
    let field =
        |column: &OutputColumn| Field::new(&column.name, file_type(column.output_type), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn batch_of(columns: &[OutputColumn], schema: &SchemaRef, rows: &[Row]) -> Result<RecordBatch> {
    let array = |(at, column): (usize, &OutputColumn)| file_array(column.output_type, at, rows);
    let arrays = columns
        .iter()
        .enumerate()
        .map(array)
        .collect::<Result<Vec<_>>>()?;
    // A key that sees no field of a view still sees how many rows there are.
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    Ok(RecordBatch::try_new_with_options(
        schema.clone(),
        arrays,
        &options,
    )?)
}

fn file_array(output: OutputType, at: usize, rows: &[Row]) -> Result<ArrayRef> {
    let values = rows
        .iter()
        .map(|row| row.get(at).filter(|value| !value.is_null()));
    Ok(match output {
        OutputType::Mixed | OutputType::Field(FieldType::Scalar(ScalarType::Uuid)) => {
            let mut builder = StringBuilder::new();
            values.for_each(|value| builder.append_option(value.map(text_of)));
            Arc::new(builder.finish())
        }
        OutputType::WideInteger => {
            let mut builder = Decimal128Builder::new().with_data_type(DataType::Decimal128(38, 0));
            values.for_each(|value| {
                builder.append_option(match value {
                    Some(Value::Integer(number)) => Some(*number),
                    _ => None,
                });
            });
            Arc::new(builder.finish())
        }
        OutputType::Field(field_type) => {
            let array = array_of(ColumnType::Declared(field_type), values)?;
            match array.as_primitive_opt::<TimestampMicrosecondType>() {
                Some(times) => Arc::new(times.clone().with_timezone("UTC")),
                None => array,
            }
        }
    })
}

/// Text as it is, any other value as JSON.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Uuid(uuid) => uuid.to_string(),
        other => model::json::to_text(other),
    }
}

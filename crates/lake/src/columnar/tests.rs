//! Files of answers read back, files of others, and files that are broken.

mod broken;
mod foreign;
mod whole;

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{Field, Schema};
use bytes::Bytes;
use model::answers::Columnar;
use model::fault::Fault;
use model::records::SentRecord;
use parquet::arrow::ArrowWriter;

use super::decode;

const FORMATS: [Columnar; 2] = [Columnar::Parquet, Columnar::ArrowStream];

/// A file of these columns.
fn file(format: Columnar, columns: &[(&str, ArrayRef)]) -> Vec<u8> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.iter().map(|(_, array)| array.clone()).collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays).unwrap();
    let mut bytes = Vec::new();
    match format {
        Columnar::Parquet => {
            let mut writer = ArrowWriter::try_new(&mut bytes, schema, None).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
        }
        Columnar::ArrowStream => {
            let mut writer = StreamWriter::try_new(&mut bytes, &schema).unwrap();
            writer.write(&batch).unwrap();
            writer.finish().unwrap();
        }
    }
    bytes
}

fn read(format: Columnar, bytes: &[u8]) -> Result<Vec<SentRecord>, Fault> {
    decode(format, Bytes::copy_from_slice(bytes))
}

/// What one column's values are read as: JSON, or the code of the fault.
fn told(format: Columnar, array: ArrayRef) -> Vec<String> {
    match read(format, &file(format, &[("f", array)])) {
        Err(fault) => vec![format!("{:?} {:?}", fault.code, fault.field)],
        Ok(records) => records
            .into_iter()
            .map(|record| match record {
                Ok(value) => model::json::to_text(value.as_object().unwrap().get("f").unwrap()),
                Err(fault) => format!("{:?} {:?}: {}", fault.code, fault.field, fault.message),
            })
            .collect(),
    }
}

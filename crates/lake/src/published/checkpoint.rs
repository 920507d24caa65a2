//! A checkpoint: the whole state of a version as one Parquet file, in the
//! classic form (the protocol's V1 specification).

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, StructArray};
use arrow_schema::{ArrowError, Field, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::PublishError;
use super::columns::Place;
use super::commit::{check_protocol, engine};
use super::state::State;
use super::table::{FileFacts, Metadata};

/// The bytes of the checkpoint of a state, and how many actions it holds. Removals at or before
/// `expired` (milliseconds) are forgotten.
///
/// # Errors
/// [`PublishError::Internal`] when the Parquet library refuses.
pub(super) fn encode(state: &State, expired: i64) -> Result<(Vec<u8>, usize), PublishError> {
    let batch = batch_of(state, expired).map_err(PublishError::internal)?;
    // Snappy is the one compression that every Delta reader has.
    let properties = WriterProperties::builder()
        .set_created_by(engine())
        .set_compression(Compression::SNAPPY)
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))
        .map_err(PublishError::internal)?;
    writer.write(&batch).map_err(PublishError::internal)?;
    let bytes = writer.into_inner().map_err(PublishError::internal)?;
    Ok((bytes, batch.num_rows()))
}

/// Row 0 is the protocol, row 1 the metadata; then the files, then the tombstones.
fn batch_of(state: &State, expired: i64) -> Result<RecordBatch, ArrowError> {
    let removed: Vec<(&str, i64)> = state
        .tombstones
        .iter()
        .filter(|(_, time)| **time > expired)
        .map(|(name, time)| (name.as_str(), *time))
        .collect();
    let rows = 2 + state.files.len() + removed.len();
    let place = |first, count| Place { first, count, rows };
    let adds = place(2, state.files.len());
    let removes = place(2 + state.files.len(), removed.len());
    let columns = [
        ("protocol", protocol_column(place(0, 1))?),
        ("metaData", metadata_column(place(1, 1), &state.metadata)?),
        ("add", add_column(adds, &state.files)?),
        ("remove", remove_column(removes, &removed)?),
        ("txn", transaction_column(place(0, 0))?),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

fn protocol_column(place: Place) -> Result<ArrayRef, ArrowError> {
    place.structs(vec![
        ("minReaderVersion", place.integer(1)),
        ("minWriterVersion", place.integer(2)),
    ])
}

fn metadata_column(place: Place, metadata: &Metadata) -> Result<ArrayRef, ArrowError> {
    let one = |text| place.strings(std::iter::once(text));
    let format = place.structs(vec![
        ("provider", one("parquet")),
        ("options", place.empty_maps()?),
    ])?;
    place.structs(vec![
        ("id", one(&metadata.id)),
        ("name", one(&metadata.name)),
        ("format", format),
        ("schemaString", one(&metadata.schema)),
        ("partitionColumns", place.empty_lists()),
        (
            "createdTime",
            place.longs(std::iter::once(metadata.created)),
        ),
        ("configuration", place.empty_maps()?),
    ])
}

fn add_column(place: Place, files: &BTreeMap<String, FileFacts>) -> Result<ArrayRef, ArrowError> {
    let facts = || files.values();
    place.structs(vec![
        ("path", place.strings(files.keys().map(String::as_str))),
        ("partitionValues", place.empty_maps()?),
        ("size", place.longs(facts().map(|file| file.size))),
        (
            "modificationTime",
            place.longs(facts().map(|file| file.modified)),
        ),
        ("dataChange", place.boolean(false)),
        (
            "stats",
            place.strings(facts().map(|file| file.stats.as_str())),
        ),
    ])
}

fn remove_column(place: Place, removed: &[(&str, i64)]) -> Result<ArrayRef, ArrowError> {
    place.structs(vec![
        ("path", place.strings(removed.iter().map(|(name, _)| *name))),
        (
            "deletionTimestamp",
            place.longs(removed.iter().map(|(_, time)| *time)),
        ),
        ("dataChange", place.boolean(false)),
    ])
}

/// There are none, and some readers look for the column.
fn transaction_column(place: Place) -> Result<ArrayRef, ArrowError> {
    place.structs(vec![
        ("appId", place.strings(std::iter::empty())),
        ("version", place.longs(std::iter::empty())),
    ])
}

/// The state that a checkpoint of `version` holds, and how many actions it holds.
///
/// # Errors
/// What is wrong with it, as the rest of a sentence that begins with its name.
pub(super) fn decode(version: u64, bytes: Vec<u8>) -> Result<(State, usize), String> {
    if bytes.is_empty() {
        return Err("is empty".to_owned());
    }
    // Nothing holds a digest of an older checkpoint, and of bytes that are not what was written
    // the library that reads them may think that they cannot be.
    let decoded = std::panic::catch_unwind(|| decode_parquet(version, bytes));
    decoded.unwrap_or_else(|_| Err("is torn: it is not Parquet".to_owned()))
}

fn decode_parquet(version: u64, bytes: Vec<u8>) -> Result<(State, usize), String> {
    let torn = |error: &dyn std::fmt::Display| format!("is torn: it is not Parquet ({error})");
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).map_err(|e| torn(&e))?;
    let writer = builder.metadata().file_metadata().created_by();
    let ours = engine();
    let name = ours.split(' ').next().unwrap_or_default();
    if writer.and_then(|writer| writer.split(' ').next()) != Some(name) {
        return Err("was written by another program".to_owned());
    }
    let reader = builder.build().map_err(|e| torn(&e))?;
    let mut actions = 0;
    let mut metadata = None;
    let (mut files, mut tombstones) = (BTreeMap::new(), BTreeMap::new());
    for batch in reader {
        let batch = batch.map_err(|e| torn(&e))?;
        actions += batch.num_rows();
        read_protocol(&column(&batch, "protocol")?)?;
        metadata = read_metadata(&column(&batch, "metaData")?)?.or(metadata);
        read_adds(&column(&batch, "add")?, &mut files)?;
        read_removes(&column(&batch, "remove")?, &mut tombstones)?;
    }
    let state = State {
        version,
        metadata: metadata.ok_or("tells no schema")?,
        files,
        tombstones,
    };
    Ok((state, actions))
}

fn read_protocol(rows: &Rows<'_>) -> Result<(), String> {
    for row in rows.valid() {
        check_protocol(
            Some(rows.number::<Int32Type>("minReaderVersion", row)?.into()),
            Some(rows.number::<Int32Type>("minWriterVersion", row)?.into()),
        )?;
    }
    Ok(())
}

fn read_metadata(rows: &Rows<'_>) -> Result<Option<Metadata>, String> {
    let Some(row) = rows.valid().next() else {
        return Ok(None);
    };
    Ok(Some(Metadata {
        id: rows.text("id", row)?,
        name: rows.text("name", row)?,
        schema: rows.text("schemaString", row)?,
        created: rows.number::<Int64Type>("createdTime", row)?,
    }))
}

fn read_adds(rows: &Rows<'_>, files: &mut BTreeMap<String, FileFacts>) -> Result<(), String> {
    for row in rows.valid() {
        let facts = FileFacts {
            size: rows.number::<Int64Type>("size", row)?,
            modified: rows.number::<Int64Type>("modificationTime", row)?,
            stats: rows.text("stats", row)?,
        };
        files.insert(rows.text("path", row)?, facts);
    }
    Ok(())
}

fn read_removes(rows: &Rows<'_>, tombstones: &mut BTreeMap<String, i64>) -> Result<(), String> {
    for row in rows.valid() {
        let time = rows.number::<Int64Type>("deletionTimestamp", row)?;
        tombstones.insert(rows.text("path", row)?, time);
    }
    Ok(())
}

/// One column of a batch: the actions of one kind.
#[derive(Debug)]
struct Rows<'a>(&'a StructArray);

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<Rows<'a>, String> {
    batch
        .column_by_name(name)
        .and_then(|array| array.as_struct_opt())
        .map(Rows)
        .ok_or_else(|| format!("has no column {name:?}"))
}

impl Rows<'_> {
    fn valid(&self) -> impl Iterator<Item = usize> {
        (0..self.0.len()).filter(|row| self.0.is_valid(*row))
    }

    fn text(&self, member: &str, row: usize) -> Result<String, String> {
        let array = self.0.column_by_name(member);
        array
            .and_then(|array| array.as_string_opt::<i32>())
            .filter(|array| array.is_valid(row))
            .map(|array| array.value(row).to_owned())
            .ok_or_else(|| format!("has an action without the text {member:?}"))
    }

    fn number<T: ArrowPrimitiveType>(&self, member: &str, row: usize) -> Result<T::Native, String> {
        let array = self.0.column_by_name(member);
        array
            .and_then(|array| array.as_primitive_opt::<T>())
            .filter(|array| array.is_valid(row))
            .map(|array| array.value(row))
            .ok_or_else(|| format!("has an action without the number {member:?}"))
    }
}

//! Opening the parts of a file of records.

use std::path::Path;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema as ArrowSchema};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::Encoding;
use sha2::{Digest, Sha256};

use super::entry::FileEntry;
use super::handles::Handles;
use super::index::Index;
use super::names::Part;
use super::verified::damaged;
use crate::columns::{REST, encoded_type};
use crate::error::Result;

/// Metadata by which columns of texts are read as codes where the whole file holds codes.
pub(super) fn encoded_metadata(
    plain: &ArrowReaderMetadata,
    options: ArrowReaderOptions,
) -> Result<ArrowReaderMetadata> {
    let groups = plain.metadata().row_groups();
    let holds_codes = |at: usize| {
        groups.iter().all(|group| {
            let pages = group.column(at).page_encoding_stats_mask();
            pages.is_some_and(|pages| pages.is_only(Encoding::RLE_DICTIONARY))
        })
    };
    let fields = plain.schema().fields().iter().enumerate();
    let fields = fields.map(|(at, field)| {
        let is_text = matches!(field.data_type(), DataType::Utf8 | DataType::Binary);
        if is_text && field.name() != REST && holds_codes(at) {
            let field = Field::clone(field);
            let encoded = encoded_type(field.data_type());
            return Arc::new(field.with_data_type(encoded));
        }
        field.clone()
    });
    let schema = Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()));
    let metadata = plain.metadata().clone();
    Ok(ArrowReaderMetadata::try_new(
        metadata,
        options.with_schema(schema),
    )?)
}

pub(super) fn read_index(handles: &Handles, directory: &Path, entry: &FileEntry) -> Result<Index> {
    let parts = [Part::Index, Part::UnfinishedIndex];
    let (path, file) = handles.part(directory, entry.id, parts)?;
    let length = file.length()?;
    if length != entry.index.bytes {
        let expected = entry.index.bytes;
        let detail = format!("it has {length} bytes instead of {expected}");
        return Err(damaged(&path, detail));
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    let count = file.read_at(0, &mut bytes)?;
    if count != bytes.len() || Sha256::digest(&bytes)[..] != entry.index.digest[..] {
        return Err(damaged(&path, "its SHA-256 is not the one in the manifest"));
    }
    Index::decode(&bytes, &path)
}

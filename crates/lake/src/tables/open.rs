//! Opening the parts of a file of records.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema as ArrowSchema};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::Encoding;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use sha2::{Digest, Sha256};

use super::entry::FileEntry;
use super::handles::Handles;
use super::index::Index;
use super::names::Part;
use super::verified::{damaged, unreadable};
use crate::columns::{REST, encoded_type};
use crate::error::{LakeError, Result};

/// How the row groups of a file are read: columns of texts as codes where the whole group holds
/// codes. A group whose dictionary became too long takes none from the others.
#[derive(Debug)]
pub(super) struct Metadata {
    parquet: Arc<ParquetMetaData>,
    /// Of each row group. Those that hold codes in the same columns share one.
    groups: Vec<ArrowReaderMetadata>,
    /// How many there are that differ.
    kinds: usize,
}

impl Metadata {
    /// Of a file whose columns have their plain types in `plain`, which was loaded with these
    /// options.
    pub(super) fn new(plain: &ArrowReaderMetadata, options: &ArrowReaderOptions) -> Result<Self> {
        let parquet = plain.metadata().clone();
        let (mut kinds, mut groups) = (BTreeMap::new(), Vec::new());
        for group in parquet.row_groups() {
            let metadata = match kinds.entry(encoded_columns(plain, group)) {
                Entry::Occupied(known) => ArrowReaderMetadata::clone(known.get()),
                Entry::Vacant(unknown) => {
                    let metadata = encoded_metadata(plain, options.clone(), unknown.key())?;
                    unknown.insert(metadata).clone()
                }
            };
            groups.push(metadata);
        }
        let kinds = kinds.len();
        Ok(Self {
            parquet,
            groups,
            kinds,
        })
    }

    /// The footer.
    pub(super) fn metadata(&self) -> &Arc<ParquetMetaData> {
        &self.parquet
    }

    /// By which a row group is read.
    pub(super) fn of_group(&self, group: usize) -> Result<&ArrowReaderMetadata> {
        let found = self.groups.get(group);
        found.ok_or_else(|| LakeError::Internal("a file lacks a row group".to_owned()))
    }

    /// How many sets of types its row groups are read in.
    pub(super) fn kinds(&self) -> usize {
        self.kinds
    }
}

/// Whether each column is one of texts of which a row group holds codes alone.
fn encoded_columns(plain: &ArrowReaderMetadata, group: &RowGroupMetaData) -> Vec<bool> {
    let holds_codes = |at: usize| {
        let pages = group.column(at).page_encoding_stats_mask();
        pages.is_some_and(|pages| pages.is_only(Encoding::RLE_DICTIONARY))
    };
    let fields = plain.schema().fields().iter().enumerate();
    let fields = fields.map(|(at, field)| {
        let is_text = matches!(field.data_type(), DataType::Utf8 | DataType::Binary);
        is_text && field.name() != REST && holds_codes(at)
    });
    fields.collect()
}

/// Metadata by which these columns are read as codes.
fn encoded_metadata(
    plain: &ArrowReaderMetadata,
    options: ArrowReaderOptions,
    encoded: &[bool],
) -> Result<ArrowReaderMetadata> {
    let fields = plain.schema().fields().iter().zip(encoded);
    let fields = fields.map(|(field, is_encoded)| {
        if *is_encoded {
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
    let refused = |error| unreadable(&path, error);
    let length = file.length().map_err(refused)?;
    if length != entry.index.bytes {
        let expected = entry.index.bytes;
        let detail = format!("it has {length} bytes instead of {expected}");
        return Err(damaged(&path, detail));
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    let count = file.read_at(0, &mut bytes).map_err(refused)?;
    if count != bytes.len() || Sha256::digest(&bytes)[..] != entry.index.digest[..] {
        return Err(damaged(&path, "its SHA-256 is not the one in the manifest"));
    }
    Index::decode(&bytes, &path)
}

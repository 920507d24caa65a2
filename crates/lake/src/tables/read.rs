//! Reading a file of records: only what is asked for, and nothing unchecked.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use model::fields::ColumnType;
use model::names::FieldPath;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelector};
use parquet::file::metadata::PageIndexPolicy;

use super::ROW_GROUP_BLOCKS;
use super::by_time::{BlockOrders, ByTime};
use super::cache::{BlockCache, Cached, CellSource};
use super::customers::Filters;
use super::entry::{FileEntry, SortedBy, TimeRange};
use super::handles::Handles;
use super::index::{Block, Index};
use super::latest::Latest;
use super::names::{Part, SHREDDED, path_of};
use super::open::{Metadata, read_index};
use super::types::{batch_of, convert};
use super::verified::{Chunks, VerifiedFile, damaged};
use crate::columns::{Form, REST, column_type, extract, plain};
use crate::error::{LakeError, Result};

/// An open file of records.
#[derive(Debug)]
pub(crate) struct TableFile {
    pub(super) entry: Arc<FileEntry>,
    index: Index,
    orders: BlockOrders,
    pub(super) latest: Latest,
    pub(super) filters: Filters,
    pub(super) chunks: Chunks,
    pub(super) metadata: Metadata,
    /// The number of each column by its name.
    pub(super) columns: HashMap<String, usize>,
    pub(super) cache: Arc<BlockCache>,
    /// What [`TableFile::measured`] says, once and for all.
    pub(super) footprint: u64,
}

#[cfg(test)]
impl TableFile {
    /// How many sets of types its row groups are read in.
    pub(crate) fn kinds(&self) -> usize {
        self.metadata.kinds()
    }
}

impl TableFile {
    /// Opens a file that the manifest names. Its index and its footer are
    /// checked; its rows are when they are read.
    ///
    /// # Errors
    /// [`LakeError::Damaged`] names the file that is not what was written.
    pub(super) fn open(
        handles: &Arc<Handles>,
        directory: &Path,
        entry: Arc<FileEntry>,
        cache: Arc<BlockCache>,
    ) -> Result<Self> {
        let index = read_index(handles, directory, &entry)?;
        let path = path_of(directory, entry.id, Part::Records);
        let file = VerifiedFile::new(handles.clone(), directory, &entry, &index)?;
        let chunks = Chunks(Arc::new(file));
        let options = ArrowReaderOptions::new()
            .with_offset_index_policy(PageIndexPolicy::Required)
            .with_column_index_policy(PageIndexPolicy::Skip);
        let metadata = ArrowReaderMetadata::load(&chunks, options.clone())?;
        let rows = metadata.metadata().file_metadata().num_rows();
        let blocks: u64 = index.blocks.iter().map(|block| u64::from(block.rows)).sum();
        if u64::try_from(rows) != Ok(entry.rows) || blocks != entry.rows {
            return Err(damaged(&path, "it has another number of rows"));
        }
        let fields = metadata.schema().fields().iter().enumerate();
        let columns = fields
            .map(|(at, field)| (field.name().clone(), at))
            .collect();
        let metadata = Metadata::new(&metadata, &options)?;
        let mut file = Self {
            entry,
            index,
            orders: BlockOrders::default(),
            latest: Latest::default(),
            filters: Filters::new(metadata.metadata().num_row_groups()),
            chunks,
            metadata,
            columns,
            cache,
            footprint: 0,
        };
        file.footprint = file.measured();
        Ok(file)
    }

    /// The order of its rows.
    pub(crate) fn sorted_by(&self) -> &SortedBy {
        &self.entry.sorted_by
    }

    /// What its index says of its blocks, in order.
    pub(super) fn described(&self) -> &[Block] {
        &self.index.blocks
    }

    /// How many blocks of rows there are.
    pub(crate) fn blocks(&self) -> usize {
        self.index.blocks.len()
    }

    /// The rows of a block, or of the latest behind the last.
    pub(crate) fn block_rows(&self, block: usize) -> usize {
        match self.index.blocks.get(block) {
            Some(block) => block.rows as usize,
            None => self.latest.count(),
        }
    }

    /// How many rows stand before a block.
    pub(crate) fn rows_before(&self, block: usize) -> usize {
        let before = self.index.blocks[..block].iter();
        before.map(|block| block.rows as usize).sum()
    }

    /// The times of a block's rows.
    pub(crate) fn block_time(&self, block: usize) -> Option<TimeRange> {
        self.index.blocks[block].time
    }

    /// The numbers of all blocks by the places of their first rows.
    pub(crate) fn blocks_in_order(&self, by: ByTime) -> &[u32] {
        #[cfg(test)]
        let by = self.cache.confused(by);
        let time = |block| self.block_time(block);
        self.orders.of(by, self.blocks(), time)
    }

    /// The least and the greatest isolation value of a block, in canonical form.
    pub(crate) fn block_isolation(&self, block: usize) -> (&[u8], &[u8]) {
        let block = &self.index.blocks[block];
        (&block.min, &block.max)
    }

    /// How many blocks with these columns have so many bytes together, one at
    /// least, by what their columns have on average.
    pub(crate) fn blocks_at_once(&self, columns: &[(FieldPath, ColumnType)], most: usize) -> usize {
        let stored = columns
            .iter()
            .filter_map(|(path, column)| self.stored_column(&self.source(path, *column)));
        let stored: BTreeSet<usize> = stored.collect();
        let groups = self.metadata.metadata().row_groups().iter();
        let bytes = groups.map(|group| -> i64 {
            let sizes = stored
                .iter()
                .map(|at| group.column(*at).uncompressed_size());
            sizes.sum()
        });
        let bytes: i64 = bytes.sum();
        let block = usize::try_from(bytes).unwrap_or(0) / self.blocks().max(1);
        (most / block.max(1)).clamp(1, ROW_GROUP_BLOCKS)
    }

    /// The undeclared fields that have a column of their own.
    pub(crate) fn shredded(&self) -> impl Iterator<Item = FieldPath> {
        let names = self.columns.keys();
        let paths = names.filter_map(|name| name.strip_prefix(SHREDDED));
        paths.filter_map(|path| FieldPath::parse_readable(path).ok())
    }

    /// The columns of blocks that are all of one row group and have as many rows
    /// as the first, or the last of them fewer: a batch for each. Or the latest rows alone.
    pub(crate) fn read(
        &self,
        blocks: Range<usize>,
        columns: &[(FieldPath, ColumnType)],
        cached: Cached,
        form: Form,
    ) -> Result<Vec<RecordBatch>> {
        if blocks.start == self.blocks() {
            let (latest, rows) = (self.latest_cells(columns, cached)?, self.latest.count());
            return Ok(vec![batch_of(columns, latest, rows)?]);
        }
        let sources: Vec<_> = columns
            .iter()
            .map(|(path, column)| self.source(path, *column))
            .collect();
        let mut found: Vec<Vec<Option<ArrayRef>>> = Vec::with_capacity(columns.len());
        for ((_, column), source) in columns.iter().zip(&sources) {
            let cells = blocks.clone();
            found.push(
                cells
                    .map(|b| self.known(b, *column, source, cached))
                    .collect::<Result<_>>()?,
            );
        }
        let lacking: Vec<usize> = (0..columns.len())
            .filter(|at| found[*at].iter().any(Option::is_none))
            .collect();
        if !lacking.is_empty() {
            let wanted = lacking
                .iter()
                .filter_map(|at| self.stored_column(&sources[*at]));
            let read = self.stored(&blocks, wanted.collect(), cached)?;
            for at in lacking {
                let (_, column) = columns[at];
                for (number, block) in blocks.clone().enumerate() {
                    let array = self.made(&sources[at], column, &read, number)?;
                    self.cache
                        .put(cached, self.entry.id, block, &sources[at], &array);
                    found[at][number] = Some(array);
                }
            }
        }
        let mut batches = Vec::with_capacity(blocks.len());
        for (number, block) in blocks.enumerate() {
            let arrays = found.iter().filter_map(|column| column[number].as_ref());
            let arrays = match form {
                Form::Encoded => arrays.cloned().collect(),
                Form::Plain => arrays.map(plain).collect::<Result<Vec<_>>>()?,
            };
            batches.push(batch_of(columns, arrays, self.block_rows(block))?);
        }
        Ok(batches)
    }

    /// Where the cells of a field come from.
    pub(super) fn source(&self, path: &FieldPath, column: ColumnType) -> CellSource {
        let stored = match column {
            ColumnType::Undeclared if path.as_str() != REST => {
                self.columns.get(&format!("{SHREDDED}{path}"))
            }
            _ => self.columns.get(path.as_str()),
        };
        match stored {
            Some(at) => CellSource::Stored(*at),
            None if column == ColumnType::Undeclared && self.columns.contains_key(REST) => {
                CellSource::Extracted(path.clone())
            }
            None => CellSource::Missing,
        }
    }

    /// The column of the file that cells are made from.
    pub(super) fn stored_column(&self, source: &CellSource) -> Option<usize> {
        match source {
            CellSource::Stored(at) => Some(*at),
            CellSource::Extracted(_) => self.columns.get(REST).copied(),
            CellSource::Missing => None,
        }
    }

    /// Reads stored columns of blocks of one row group.
    fn stored(
        &self,
        blocks: &Range<usize>,
        mut wanted: Vec<usize>,
        cached: Cached,
    ) -> Result<BTreeMap<usize, Vec<ArrayRef>>> {
        wanted.sort_unstable();
        wanted.dedup();
        let group = blocks.start / ROW_GROUP_BLOCKS;
        let rows = blocks.clone().map(|block| self.block_rows(block)).sum();
        let selection = vec![RowSelector::select(rows)];
        let batch_rows = self.block_rows(blocks.start);
        let reader = self.reader(blocks, &wanted, selection, (batch_rows, cached))?;
        let mut read: BTreeMap<usize, Vec<ArrayRef>> = BTreeMap::new();
        let mut count = 0;
        for batch in reader {
            let batch = batch?;
            let expected = blocks.start + count;
            if expected >= blocks.end || batch.num_rows() != self.block_rows(expected) {
                return Err(LakeError::Internal(
                    "a file of records was read in other blocks than it was written".to_owned(),
                ));
            }
            for (at, array) in wanted.iter().zip(batch.columns()) {
                let array = self.with_shared_dictionary(cached, (group, *at), array);
                read.entry(*at).or_default().push(array);
            }
            count += 1;
        }
        if count == blocks.len() {
            Ok(read)
        } else {
            Err(LakeError::Internal(
                "a file of records ended early".to_owned(),
            ))
        }
    }

    /// How many rows stand before a block in its row group.
    pub(super) fn rows_before_in_group(&self, block: usize) -> usize {
        let first = block / ROW_GROUP_BLOCKS * ROW_GROUP_BLOCKS;
        (first..block).map(|block| self.block_rows(block)).sum()
    }

    /// The cells of one block, from the columns that were read.
    pub(super) fn made(
        &self,
        source: &CellSource,
        column: ColumnType,
        read: &BTreeMap<usize, Vec<ArrayRef>>,
        number: usize,
    ) -> Result<ArrayRef> {
        let stored = self.stored_column(source).and_then(|at| read.get(&at));
        let stored = stored.and_then(|arrays| arrays.get(number));
        let stored =
            stored.ok_or_else(|| LakeError::Internal("a column was not read".to_owned()))?;
        match source {
            CellSource::Extracted(path) => Ok(extract(stored.as_binary(), path)),
            _ => {
                let expected = column_type(column);
                match stored.data_type() {
                    DataType::Dictionary(_, values) if **values == expected => Ok(stored.clone()),
                    _ => convert(&plain(stored)?, &expected),
                }
            }
        }
    }

    /// A column as it was read, whose codes stand for the values of an array
    /// that other blocks have in common.
    fn with_shared_dictionary(
        &self,
        cached: Cached,
        (group, at): (usize, usize),
        array: &ArrayRef,
    ) -> ArrayRef {
        let Some(encoded) = array.as_any_dictionary_opt() else {
            return array.clone();
        };
        let (file, values) = (self.entry.id, encoded.values());
        let values = self
            .cache
            .shared_dictionary(cached, file, (group, at), values);
        encoded.with_values(values)
    }
}

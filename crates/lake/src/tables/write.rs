//! Writing a file of records.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema as ArrowSchema, SchemaRef};
use arrow_select::concat::concat_batches;
use model::fields::ColumnType;
use model::names::FieldPath;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use sha2::{Digest, Sha256};

use super::entry::{FileEntry, FileId, IndexEntry, KeyRange, Lease, SortedBy, TimeRange};
use super::index::{Block, Index};
use super::names::{Part, SHREDDED, path_of};
use super::shred::shred;
use super::sink::{Sealed, Sink};
use super::size::{bytes_of, parts};
use super::types::{convert, file_type};
use super::{BLOCK_BYTES, ROW_GROUP_BLOCKS};
use crate::columns::{CellReader, Layout, extract};
use crate::disk::Disk;
use crate::error::{LakeError, Result};
use crate::journal::Position;
use crate::predicate::cell_index_key;

/// No block is larger: a page ends with a block. Blocks that end early because
/// of their bytes may share pages.
const PAGE_BYTES: usize = 2 * BLOCK_BYTES;

/// What a file is made for.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The columns of what is written.
    pub(crate) layout: Arc<Layout>,
    /// The order of the rows.
    pub(crate) sorted_by: SortedBy,
    /// Undeclared fields that get a column of their own beside the rest.
    pub(crate) shredded: Arc<[FieldPath]>,
    /// Whether to write a filter that tells which customers are not there.
    pub(crate) filter: bool,
    /// Whether no file may hold records of two customers.
    pub(crate) apart: bool,
    /// Rows of a block, at most.
    pub(crate) block_rows: usize,
    /// Bytes of a dictionary from which on a row group holds values themselves.
    pub(crate) dictionary_bytes: usize,
}

/// Writes rows, which come in the order of the plan, to a new file.
pub(crate) struct TableWriter {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    id: FileId,
    plan: Plan,
    schema: SchemaRef,
    parquet: ArrowWriter<Sink>,
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    pending_bytes: usize,
    blocks: Vec<Block>,
    rows: u64,
}

impl std::fmt::Debug for TableWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableWriter")
            .field("id", &self.id)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl TableWriter {
    /// Begins a file in a directory that exists. Until its names are
    /// committed it is known by names that a restart takes away.
    pub(crate) fn create(
        disk: &Arc<dyn Disk>,
        directory: &Path,
        id: FileId,
        plan: Plan,
    ) -> Result<Self> {
        let file = disk.create(&path_of(directory, id, Part::UnfinishedRecords))?;
        let schema = file_schema(&plan);
        let options = ArrowWriterOptions::new().with_properties(properties(&plan));
        let sink = Sink::new(file);
        let parquet = ArrowWriter::try_new_with_options(sink, schema.clone(), options)?;
        Ok(Self {
            disk: disk.clone(),
            directory: directory.to_owned(),
            id,
            plan,
            schema,
            parquet,
            pending: Vec::new(),
            pending_rows: 0,
            pending_bytes: 0,
            blocks: Vec::new(),
            rows: 0,
        })
    }

    /// Bytes so far, by estimate.
    pub(crate) fn bytes(&self) -> u64 {
        (self.parquet.bytes_written() + self.parquet.in_progress_size()) as u64
    }

    /// Adds rows.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        parts(batch.clone())
            .into_iter()
            .try_for_each(|part| self.add(part))
    }

    /// Adds rows that one block has room for.
    fn add(&mut self, part: RecordBatch) -> Result<()> {
        if part.num_rows() == 0 {
            return Ok(());
        }
        let bytes = bytes_of(&part);
        if self.pending_rows > 0 && self.pending_bytes + bytes > BLOCK_BYTES {
            let whole = self.take_pending()?;
            self.block(&whole)?;
        }
        self.pending_rows += part.num_rows();
        self.pending_bytes += bytes;
        self.pending.push(part);
        let block_rows = self.plan.block_rows;
        if self.pending_rows < block_rows {
            return Ok(());
        }
        let all = self.take_pending()?;
        let mut from = 0;
        while all.num_rows() - from >= block_rows {
            self.block(&all.slice(from, block_rows))?;
            from += block_rows;
        }
        if from < all.num_rows() {
            let rest = all.slice(from, all.num_rows() - from);
            self.pending_rows = rest.num_rows();
            self.pending_bytes = bytes_of(&rest);
            self.pending.push(rest);
        }
        Ok(())
    }

    fn take_pending(&mut self) -> Result<RecordBatch> {
        (self.pending_rows, self.pending_bytes) = (0, 0);
        let pending = std::mem::take(&mut self.pending);
        match pending.as_slice() {
            [one] => Ok(one.clone()),
            many => Ok(concat_batches(&self.plan.layout.arrow, many)?),
        }
    }

    /// Writes one block: its pages end with it in every column.
    fn block(&mut self, batch: &RecordBatch) -> Result<()> {
        let block = self.describe(batch)?;
        if block.max < block.min || self.blocks.last().is_some_and(|last| block.min < last.max) {
            // An index that says so would hide rows from their customers.
            return Err(LakeError::Internal(
                "rows came in another order than that of their file".to_owned(),
            ));
        }
        self.blocks.push(block);
        self.rows += batch.num_rows() as u64;
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for (column, field) in batch.columns().iter().zip(self.schema.fields()) {
            columns.push(convert(column, field.data_type())?);
        }
        if !self.plan.shredded.is_empty() {
            let rest = batch.column(batch.num_columns() - 1);
            columns.extend(shred(rest, &self.plan.shredded));
        }
        let batch = RecordBatch::try_new(self.schema.clone(), columns)?;
        self.parquet.write(&batch)?;
        if self.blocks.len().is_multiple_of(ROW_GROUP_BLOCKS) {
            self.parquet.flush()?;
        }
        Ok(())
    }

    fn describe(&self, batch: &RecordBatch) -> Result<Block> {
        let (mut min, mut max) = (Vec::new(), Vec::new());
        if let Some(isolation) = &self.plan.sorted_by.isolation {
            let column = column_of(batch, &self.plan.layout, isolation)?;
            let reader = CellReader::new(column.as_ref());
            cell_index_key(&reader.cell(0), &mut min);
            cell_index_key(&reader.cell(column.len() - 1), &mut max);
        }
        let time = column_of(batch, &self.plan.layout, &self.plan.sorted_by.time)?;
        Ok(Block {
            rows: u32::try_from(batch.num_rows()).unwrap_or(u32::MAX),
            min: min.into(),
            max: max.into(),
            time: time_range(&time),
        })
    }

    /// Ends the file; it and its index are on stable storage, their names are
    /// not. A file of no rows is not made: then there is no entry.
    pub(crate) fn finish(
        mut self,
        level: u8,
        run: u64,
        cleaned: Position,
    ) -> Result<Option<FileEntry>> {
        if self.pending_rows > 0 {
            let last = self.take_pending()?;
            self.block(&last)?;
        }
        if self.rows == 0 {
            drop(self.parquet);
            super::names::discard(self.disk.as_ref(), &self.directory, self.id)?;
            return Ok(None);
        }
        self.parquet.finish()?;
        let Sealed {
            length,
            digest,
            checksums,
        } = self.parquet.inner_mut().seal()?;
        let isolation = self.plan.sorted_by.isolation.as_ref();
        let ends = (self.blocks.first(), self.blocks.last());
        let isolation = match (isolation, ends) {
            (Some(_), (Some(first), Some(last))) => Some(KeyRange {
                min: first.min.clone(),
                max: last.max.clone(),
            }),
            _ => None,
        };
        let misses = self.blocks.iter().any(|block| block.time.is_none());
        let times = self.blocks.iter().filter_map(|block| block.time);
        let time = times.reduce(|all, block| TimeRange {
            min: all.min.min(block.min),
            max: all.max.max(block.max),
            missing: all.missing || block.missing,
        });
        let time = time.map(|time| TimeRange {
            missing: time.missing || misses,
            ..time
        });
        let index = Index {
            checksums,
            blocks: self.blocks,
        };
        let index = index.encode();
        let path = path_of(&self.directory, self.id, Part::UnfinishedIndex);
        let file = self.disk.create(&path)?;
        file.write_at(0, &index)?;
        file.sync_all()?;
        Ok(Some(FileEntry {
            id: self.id,
            level,
            run,
            rows: self.rows,
            bytes: length,
            digest,
            index: IndexEntry {
                bytes: index.len() as u64,
                digest: Sha256::digest(&index).into(),
            },
            sorted_by: self.plan.sorted_by,
            isolation,
            time,
            cleaned,
            replaced: None,
            lease: Lease::default(),
        }))
    }
}

fn file_schema(plan: &Plan) -> SchemaRef {
    let stored = plan.layout.arrow.fields().iter();
    let stored = stored.map(|field| Field::new(field.name(), file_type(field.data_type()), true));
    let shredded = plan.shredded.iter();
    let shredded =
        shredded.map(|path| Field::new(format!("{SHREDDED}{path}"), DataType::Binary, true));
    Arc::new(ArrowSchema::new(stored.chain(shredded).collect::<Vec<_>>()))
}

fn properties(plan: &Plan) -> WriterProperties {
    let level = ZstdLevel::try_new(1).unwrap_or_default();
    let rows = plan.block_rows * ROW_GROUP_BLOCKS;
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(rows))
        .set_write_batch_size(plan.block_rows)
        .set_data_page_row_count_limit(plan.block_rows)
        .set_data_page_size_limit(PAGE_BYTES)
        .set_dictionary_page_size_limit(plan.dictionary_bytes)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_created_by("tidegate".to_owned());
    // Hardly a value comes again: a dictionary would only be begun and given up, and be in the way
    // of whoever reads a few rows.
    let time = plan.sorted_by.time.as_str();
    for unlike in [model::names::ID, time] {
        if unlike != model::names::INGESTED_AT {
            let column = ColumnPath::new(vec![unlike.to_owned()]);
            properties = properties.set_column_dictionary_enabled(column, false);
        }
    }
    if let Some(isolation) = plan.sorted_by.isolation.as_ref().filter(|_| plan.filter)
        && plan.layout.position(isolation).is_some()
    {
        let column = ColumnPath::new(vec![isolation.as_str().to_owned()]);
        // It is made as small as those who are there allow.
        properties = properties
            .set_column_bloom_filter_max_ndv(column.clone(), rows as u64)
            .set_column_bloom_filter_enabled(column, true);
    }
    properties.build()
}

/// The column of one field of a batch in a layout.
pub(crate) fn column_of(
    batch: &RecordBatch,
    layout: &Layout,
    path: &FieldPath,
) -> Result<ArrayRef> {
    if let Some(at) = layout.position(path) {
        return Ok(batch.column(at).clone());
    }
    if layout.open {
        let rest = batch.column(batch.num_columns() - 1);
        return Ok(extract(rest.as_binary(), path));
    }
    Err(LakeError::Internal(format!(
        "rows are sorted by {path}, which the pool does not have"
    )))
}

fn time_range(column: &ArrayRef) -> Option<TimeRange> {
    let times = column.as_primitive_opt::<TimestampMicrosecondType>()?;
    Some(TimeRange {
        min: arrow_arith::aggregate::min(times)?,
        max: arrow_arith::aggregate::max(times)?,
        missing: times.null_count() > 0,
    })
}

/// The type of the column of a field, for those who sort by it.
pub(super) fn column_type_of(layout: &Layout, path: &FieldPath) -> ColumnType {
    let known = layout.fields.iter().find(|(field, _)| field == path);
    known.map_or(ColumnType::Undeclared, |(_, column)| *column)
}

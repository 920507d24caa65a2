//! The pages of one block, without those of a dictionary that stands for none
//! of its values.
//!
//! The dictionary of a column is that of a whole row group. Where it became
//! too long, the later blocks hold their values themselves; to read one of them
//! through the library would read, unpack and read through the dictionary all
//! the same, which is more than the block.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use parquet::arrow::arrow_reader::{
    ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowGroups, RowSelection, RowSelector,
};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::reader::SerializedPageReader;

use super::ROW_GROUP_BLOCKS;
use super::cache::Cached;
use super::read::TableFile;
use super::verified::Chunks;

impl TableFile {
    /// Reads stored columns of some rows of blocks of one row group, told from the first of them on.
    pub(super) fn reader(
        &self,
        blocks: &Range<usize>,
        wanted: &[usize],
        mut rows: Vec<RowSelector>,
        (batch_rows, cached): (usize, Cached),
    ) -> crate::error::Result<ParquetRecordBatchReader> {
        let group = blocks.start / ROW_GROUP_BLOCKS;
        let metadata = self.metadata.of_group(group)?;
        let wanted_columns = wanted.iter().copied();
        let mask = ProjectionMask::roots(metadata.parquet_schema(), wanted_columns);
        let before = self.rows_before_in_group(blocks.start);
        if blocks.len() == 1 {
            let of_block = before..before + self.block_rows(blocks.start);
            if let Some(pages) = BlockPages::of(self, group, of_block, wanted, cached) {
                let fields = Some(metadata.schema().fields());
                let levels =
                    parquet_to_arrow_field_levels(metadata.parquet_schema(), mask, fields)?;
                let rows = Some(RowSelection::from(rows));
                let reader = ParquetRecordBatchReader::try_new_with_row_groups(
                    &levels, &pages, batch_rows, rows,
                );
                return Ok(reader?);
            }
        }
        rows.insert(0, RowSelector::skip(before));
        let metadata = metadata.clone();
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.chunks.clone(), metadata);
        let reader = builder
            .with_row_groups(vec![group])
            .with_projection(mask)
            .with_row_selection(RowSelection::from(rows))
            .with_batch_size(batch_rows);
        Ok(reader.build()?)
    }
}

/// A block as the library reads row groups.
#[derive(Debug)]
struct BlockPages<'a> {
    file: &'a TableFile,
    chunks: Arc<Chunks>,
    group: usize,
    /// Its rows among those of its row group.
    rows: Range<usize>,
    cached: Cached,
}

impl<'a> BlockPages<'a> {
    /// The block of these rows of a row group, if each of these columns has one page of just
    /// them. Blocks that ended early because of their bytes may share pages.
    fn of(
        file: &'a TableFile,
        group: usize,
        rows: Range<usize>,
        columns: &[usize],
        cached: Cached,
    ) -> Option<Self> {
        let block = Self {
            file,
            chunks: Arc::new(file.chunks.clone()),
            group,
            rows,
            cached,
        };
        let mut columns = columns.iter();
        columns
            .all(|column| block.page(*column).is_some())
            .then_some(block)
    }

    /// Where a column's dictionary ends, and where its page of these rows is.
    fn page(&self, column: usize) -> Option<(&PageLocation, &PageLocation)> {
        let index = self.file.metadata.metadata().offset_index()?;
        let pages = index.get(self.group)?.get(column)?.page_locations();
        let first_row = |page: &PageLocation| usize::try_from(page.first_row_index).ok();
        let start = Some(self.rows.start);
        let at = pages.partition_point(|page| first_row(page) < start);
        let page = pages.get(at).filter(|page| first_row(page) == start)?;
        let end = match pages.get(at + 1) {
            Some(next) => first_row(next)?,
            None => usize::try_from(self.row_group().num_rows()).ok()?,
        };
        (end == self.rows.end).then_some((pages.first()?, page))
    }

    fn row_group(&self) -> &RowGroupMetaData {
        self.file.metadata.metadata().row_group(self.group)
    }

    /// A reader of a column that begins before this page.
    fn reader(&self, column: usize, page: &PageLocation) -> Result<SerializedPageReader<Chunks>> {
        let chunk = self.row_group().column(column);
        let page = Some(vec![page.clone()]);
        SerializedPageReader::new(self.chunks.clone(), chunk, self.rows.end, page)
    }

    /// The dictionary of a column whose first page is this one.
    fn dictionary(&self, column: usize, first: &PageLocation) -> Result<Page> {
        let (cache, id) = (&self.file.cache, self.file.entry.id);
        let place = (self.group, column);
        if let Some(known) = cache.dictionary(self.cached, id, place) {
            return Ok(known);
        }
        let read = self.reader(column, first)?.get_next_page()?;
        let read = read.ok_or_else(|| missing("a dictionary"))?;
        cache.put_dictionary(self.cached, id, place, &read);
        Ok(read)
    }

    fn pages(&self, column: usize) -> Result<VecDeque<Page>> {
        let (first, page) = self.page(column).ok_or_else(|| missing("a page"))?;
        let chunk = self.row_group().column(column);
        let begins_with =
            |page: &PageLocation| u64::try_from(page.offset) == Ok(chunk.byte_range().0);
        let mut reader = self.reader(column, page)?;
        if !begins_with(page) {
            // What stands before it is taken for a dictionary, and is not read.
            reader.skip_next_page()?;
        }
        let data = reader.get_next_page()?.ok_or_else(|| missing("a page"))?;
        let mut pages = VecDeque::with_capacity(2);
        if !begins_with(first) && data.encoding() != Encoding::PLAIN {
            pages.push_back(self.dictionary(column, first)?);
        }
        pages.push_back(data);
        Ok(pages)
    }
}

fn missing(what: &str) -> ParquetError {
    ParquetError::General(format!("{what} of a block is missing"))
}

impl RowGroups for BlockPages<'_> {
    fn num_rows(&self) -> usize {
        self.rows.len()
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        Ok(Box::new(OneColumn(Some(self.pages(column)?))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.row_group()))
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.file.metadata.metadata()
    }
}

/// The pages of one column, once.
struct OneColumn(Option<VecDeque<Page>>);

impl Iterator for OneColumn {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        let pages = self.0.take()?;
        Some(Ok(Box::new(InMemory(pages))))
    }
}

impl PageIterator for OneColumn {}

/// Pages that were read.
struct InMemory(VecDeque<Page>);

impl Iterator for InMemory {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.pop_front().map(Ok)
    }
}

impl PageReader for InMemory {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        Ok(self.0.pop_front())
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        // How many rows a page has is not said: it is read before rows of it are skipped.
        Ok(self.0.front().map(|page| PageMetadata {
            num_rows: None,
            num_levels: None,
            is_dict: page.is_dictionary_page(),
        }))
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.0.pop_front();
        Ok(())
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        Ok(true)
    }
}

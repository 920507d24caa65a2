//! Writing the files of one run.

use arrow_array::RecordBatch;
use model::ids::PoolId;

use super::Lake;
use crate::columns::CellReader;
use crate::error::Result;
use crate::journal::{JournalError, Position};
use crate::predicate::cell_index_key;
use crate::tables::{Batches, FileEntry, FileId, Plan, TableWriter};

/// The files of a run that is being written, and the one written to.
#[derive(Debug)]
pub(super) struct Run<'a> {
    lake: &'a Lake,
    pool: PoolId,
    plan: Plan,
    level: u8,
    number: u64,
    cleaned: Position,
    writer: Option<TableWriter>,
    /// All files of which there may be something on the disk.
    pub(super) begun: Vec<FileId>,
    /// The files that are whole.
    pub(super) done: Vec<FileEntry>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        lake: &'a Lake,
        pool: PoolId,
        plan: Plan,
        level: u8,
        cleaned: Position,
    ) -> Self {
        let mut number = [0; 8];
        lake.random.fill(&mut number);
        Self {
            lake,
            pool,
            plan,
            level,
            number: u64::from_le_bytes(number),
            cleaned,
            writer: None,
            begun: Vec::new(),
            done: Vec::new(),
        }
    }

    /// Writes all rows.
    pub(super) fn write_all(&mut self, rows: Batches) -> Result<()> {
        for batch in rows {
            if self.lake.is_stopping() {
                return Err(JournalError::Stopped.into());
            }
            let batch = batch?;
            if batch.num_rows() > 0 {
                self.write(&batch)?;
            }
        }
        self.end_file()
    }

    /// Adds rows; a file that is large enough ends where a customer ends, and
    /// at the latest when it is twice as large.
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let bytes = self.writer.as_ref().map_or(0, TableWriter::bytes);
        let large = self.lake.upkeep.options.file_bytes;
        if bytes >= large.saturating_mul(2) {
            self.end_file()?;
        } else if bytes >= large
            && let Some(end) = self.first_change(batch)
        {
            self.add(&batch.slice(0, end))?;
            self.end_file()?;
            return self.add(&batch.slice(end, batch.num_rows() - end));
        }
        self.add(batch)
    }

    /// The first row whose customer is another than that of the first row.
    fn first_change(&self, batch: &RecordBatch) -> Option<usize> {
        let isolation = self.plan.sorted_by.isolation.as_ref()?;
        let column = batch.column_by_name(isolation.as_str())?;
        let reader = CellReader::new(column.as_ref());
        let (mut first, mut key) = (Vec::new(), Vec::new());
        cell_index_key(&reader.cell(0), &mut first);
        let (mut start, mut end) = (0, batch.num_rows());
        while start < end {
            let middle = usize::midpoint(start, end);
            cell_index_key(&reader.cell(middle), &mut key);
            if key == first {
                start = middle + 1;
            } else {
                end = middle;
            }
        }
        (start < batch.num_rows()).then_some(start)
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let counters = &self.lake.upkeep.counters;
        counters.written.add(batch.num_rows() as u64);
        if self.writer.is_none() {
            let id = FileId(self.lake.fresh_id());
            self.begun.push(id);
            let tables = &self.lake.tables;
            let directory = tables.directory(self.pool);
            let plan = self.plan.clone();
            self.writer = Some(TableWriter::create(tables.disk(), &directory, id, plan)?);
        }
        match &mut self.writer {
            Some(writer) => writer.write(batch),
            None => Ok(()),
        }
    }

    fn end_file(&mut self) -> Result<()> {
        if let Some(writer) = self.writer.take() {
            let file = writer.finish(self.level, self.number, self.cleaned)?;
            self.done.extend(file);
        }
        Ok(())
    }
}

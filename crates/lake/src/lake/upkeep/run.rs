//! Writing the files of one run.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch};
use model::ids::PoolId;
use model::pools::Pool;

use super::Lake;
use super::pace::Pace;
use crate::columns::CellReader;
use crate::error::{LakeError, Result};
use crate::journal::{JournalError, Position};
use crate::predicate::cell_index_key;
use crate::tables::{Batches, FileEntry, FileId, Plan, TableWriter, column_of};

/// The files of a run that is being written, and the one written to.
#[derive(Debug)]
pub(super) struct Run<'a> {
    lake: &'a Lake,
    pool: PoolId,
    plan: Plan,
    level: u8,
    number: u64,
    cleaned: Position,
    /// Whether its rows count as written: not those that are written once more.
    is_counted: bool,
    /// How fast it may be written, if there is a limit.
    pace: Option<Pace>,
    writer: Option<TableWriter>,
    /// The customer of the file written to, where each has files of their own.
    customer: Option<Vec<u8>>,
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
            is_counted: true,
            pace: None,
            writer: None,
            customer: None,
            begun: Vec::new(),
            done: Vec::new(),
        }
    }

    /// A run of which nothing stays.
    pub(super) fn aside(lake: &'a Lake, pool: PoolId, plan: Plan, cleaned: Position) -> Self {
        Self {
            is_counted: false,
            ..Self::new(lake, pool, plan, 0, cleaned)
        }
    }

    /// The same run, written no faster than merging of its pool may.
    pub(super) fn at_leisure(self, pool: &Arc<Pool>) -> Self {
        Self {
            pace: Some(Pace::of(self.lake, pool.clone())),
            ..self
        }
    }

    /// The same files as part of a run that is there, if of one.
    pub(super) fn within(self, run: Option<u64>) -> Self {
        Self {
            number: run.unwrap_or(self.number),
            ..self
        }
    }

    /// Writes all rows.
    pub(super) fn write_all(&mut self, rows: Batches) -> Result<()> {
        for batch in rows {
            let batch = batch?;
            if batch.num_rows() > 0 {
                self.write(&batch)?;
            }
            self.go_on()?;
        }
        self.end_file()?;
        self.go_on()
    }

    /// Waits as long as the run is to, and gives it up where the lake is being closed.
    fn go_on(&mut self) -> Result<()> {
        let written = self.bytes();
        if let Some(pace) = &mut self.pace {
            pace.keep(self.lake, written);
        }
        match self.lake.is_stopping() {
            true => Err(JournalError::Stopped.into()),
            false => Ok(()),
        }
    }

    /// Adds rows; a file that is large enough ends where a customer ends, and
    /// at the latest when it is twice as large. Where customers have files of
    /// their own, every file ends there.
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let bytes = self.writer.as_ref().map_or(0, TableWriter::bytes);
        let large = self.lake.upkeep.options.file_bytes;
        if bytes >= large.saturating_mul(2) {
            self.end_file()?;
        }
        if self.plan.apart {
            return self.write_apart(batch);
        }
        if bytes >= large
            && let Some(customers) = self.customers(batch)?
            && let end = first_beyond(&customers, 0)
            && end < batch.num_rows()
        {
            self.add(&batch.slice(0, end))?;
            self.end_file()?;
            return self.add(&batch.slice(end, batch.num_rows() - end));
        }
        self.add(batch)
    }

    fn write_apart(&mut self, batch: &RecordBatch) -> Result<()> {
        let customers = self.customers(batch)?;
        let customers = customers.ok_or_else(|| {
            let what = "files are to be apart by customers, and nothing tells customers apart";
            LakeError::Internal(what.to_owned())
        })?;
        let mut from = 0;
        while from < batch.num_rows() {
            let to = first_beyond(&customers, from);
            let mut customer = Vec::new();
            cell_index_key(
                &CellReader::new(customers.as_ref()).cell(from),
                &mut customer,
            );
            if self.customer.as_ref() != Some(&customer) {
                self.end_file()?;
                self.customer = Some(customer);
            }
            self.add(&batch.slice(from, to - from))?;
            from = to;
        }
        Ok(())
    }

    /// The column that tells customers apart, if one does.
    fn customers(&self, batch: &RecordBatch) -> Result<Option<ArrayRef>> {
        let isolation = self.plan.sorted_by.isolation.as_ref();
        isolation
            .map(|column| column_of(batch, &self.plan.layout, column))
            .transpose()
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.is_counted {
            let counters = &self.lake.upkeep.counters;
            counters.written.add(batch.num_rows() as u64);
        }
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

    /// Bytes of all files so far, by estimate.
    fn bytes(&self) -> u64 {
        let done = self.done.iter().map(|file| file.bytes).sum::<u64>();
        done + self.writer.as_ref().map_or(0, TableWriter::bytes)
    }

    fn end_file(&mut self) -> Result<()> {
        if let Some(writer) = self.writer.take() {
            let file = writer.finish(self.level, self.number, self.cleaned)?;
            self.done.extend(file);
        }
        Ok(())
    }
}

/// The first row from `from` on whose customer is another than that of the
/// row there, or the number of rows.
fn first_beyond(customers: &ArrayRef, from: usize) -> usize {
    let reader = CellReader::new(customers.as_ref());
    let (mut first, mut key) = (Vec::new(), Vec::new());
    cell_index_key(&reader.cell(from), &mut first);
    let (mut start, mut end) = (from, customers.len());
    while start < end {
        let middle = usize::midpoint(start, end);
        cell_index_key(&reader.cell(middle), &mut key);
        if key == first {
            start = middle + 1;
        } else {
            end = middle;
        }
    }
    start
}

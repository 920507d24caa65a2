//! Reading blocks of a file: the rows that may matter and are still there.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, BooleanArray, RecordBatch, UInt32Array};
use arrow_buffer::BooleanBuffer;
use arrow_select::filter::{filter, filter_record_batch};
use model::fields::ColumnType;
use model::names::FieldPath;

use super::Shared;
use super::hints::Wanted;
use super::later::{Addresses, Source, numbers};
use super::pieces::Opened;
use super::places::runs_of;
use super::replaced::either;
use crate::columns::Form;
use crate::error::Result;
use crate::predicate::admitted;
use crate::tables::batch_of;

/// Rows, and their addresses when they have some.
pub(super) type Rows = (RecordBatch, Option<Addresses>);

impl Shared {
    /// The rows of blocks that may matter and are still there, and their
    /// addresses when they have some.
    pub(super) fn blocks(
        &self,
        opened: &Arc<Opened>,
        blocks: Range<usize>,
        wanted: Option<&Wanted>,
    ) -> Result<Vec<Rows>> {
        let file = &opened.file;
        if let Some(few) = self.few_rows(opened, blocks.clone())? {
            return Ok(few);
        }
        if let Some(wanted) = wanted
            && let Some(few) = self.wanted_rows(opened, blocks.clone(), wanted)?
        {
            return Ok(few);
        }
        let batches = file.read(blocks.clone(), &opened.columns, self.cached, self.form)?;
        let mut ready = Vec::with_capacity(batches.len());
        for (block, batch) in blocks.zip(batches) {
            for run in self.of_customers(opened, block, batch.num_rows())? {
                let batch = batch.slice(run.start, run.len());
                let gone = self.replaced(opened, block, run.clone())?;
                ready.push(self.left_of(opened, block, numbers(run), batch, gone)?);
            }
        }
        Ok(ready)
    }

    /// The same of one block of which hardly anything matters and that would
    /// have to be read: only these rows are.
    fn few_rows(&self, opened: &Arc<Opened>, blocks: Range<usize>) -> Result<Option<Vec<Rows>>> {
        const FEW: usize = 8;
        let (file, block) = (&opened.file, blocks.start);
        if blocks.len() != 1
            || self.told_apart_by(opened, block).is_none()
            || file.is_known(block, &opened.columns)
        {
            return Ok(None);
        }
        let rows = file.block_rows(block);
        let runs = self.of_customers(opened, block, rows)?;
        let [run] = runs.as_slice() else {
            return Ok(runs.is_empty().then(Vec::new));
        };
        if run.len() > rows / FEW {
            return Ok(None);
        }
        let gone = self.replaced(opened, block, run.clone())?;
        let few = self.by_themselves(opened, block, numbers(run.clone()), gone)?;
        Ok(Some(vec![few]))
    }

    /// The same of one block of which hardly anything is wanted any more. Rows
    /// that may have been replaced, or that have no time, are told by whole blocks.
    fn wanted_rows(
        &self,
        opened: &Arc<Opened>,
        blocks: Range<usize>,
        wanted: &Wanted,
    ) -> Result<Option<Vec<Rows>>> {
        const FEW: usize = 8;
        let (file, block, time) = (&opened.file, blocks.start, &wanted.order.field);
        let mut columns = opened.columns.iter();
        let Some(column) = columns.find(|(path, _)| path == time) else {
            return Ok(None);
        };
        if blocks.len() != 1 || opened.hidden || opened.replaced.is_some() {
            return Ok(None);
        }
        let read = file.read(blocks, std::slice::from_ref(column), self.cached, self.form)?;
        let times = read.first().map(|batch| batch.column(0).as_ref());
        let times = times.and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>());
        let Some(times) = times.filter(|times| times.null_count() == 0) else {
            return Ok(None);
        };
        let most = times.len() / FEW;
        let mut rows = Vec::new();
        for run in self.of_customers(opened, block, times.len())? {
            let start = run.start;
            rows.extend(wanted.of(&times.values()[run], start, most));
        }
        Ok(match rows.len() {
            0 => Some(Vec::new()),
            count if count > most => None,
            _ => Some(vec![self.by_themselves(
                opened,
                block,
                rows.into(),
                None,
            )?]),
        })
    }

    /// What is left of some rows of a block, which are read without the others.
    fn by_themselves(
        &self,
        opened: &Arc<Opened>,
        block: usize,
        rows: UInt32Array,
        gone: Option<BooleanBuffer>,
    ) -> Result<Rows> {
        let columns = &opened.columns;
        let cells = opened.file.rows(block, &rows, columns, self.cached)?;
        let plain = cells.iter().map(|cells| cells.plain(&rows));
        let batch = batch_of(columns, plain.collect::<Result<Vec<_>>>()?, rows.len())?;
        self.left_of(opened, block, rows, batch, gone)
    }

    /// What is left of rows of a block, and their addresses when they have some.
    fn left_of(
        &self,
        opened: &Arc<Opened>,
        block: usize,
        rows: UInt32Array,
        batch: RecordBatch,
        gone: Option<BooleanBuffer>,
    ) -> Result<Rows> {
        let addresses = self.later.as_ref().map(|_| {
            let source = Source::Block(opened.clone(), block);
            self.addresses(source, rows)
        });
        let addresses = addresses.transpose()?;
        self.without_removed(opened, batch, addresses, gone)
    }

    /// The runs of rows of a block that may be of the customers asked for.
    fn of_customers(
        &self,
        opened: &Opened,
        block: usize,
        rows: usize,
    ) -> Result<Vec<Range<usize>>> {
        let all = || Ok(std::iter::once(0..rows).collect());
        let (Some(keys), Some(column)) = (&opened.keys, self.told_apart_by(opened, block)) else {
            return all();
        };
        let file = &opened.file;
        let isolation = file.read(block..block + 1, &[column], self.cached, Form::Encoded)?;
        match isolation.first() {
            Some(batch) => Ok(runs_of(batch.column(0).as_ref(), keys)),
            None => all(),
        }
    }

    /// The column that tells the customers of a block apart, when the rows of
    /// some are asked for and it holds others.
    pub(super) fn told_apart_by(
        &self,
        opened: &Opened,
        block: usize,
    ) -> Option<(FieldPath, ColumnType)> {
        let field = opened.isolation.as_ref();
        let field = field.filter(|_| opened.keys.is_some())?;
        let (min, max) = opened.file.block_isolation(block);
        let column = self.snapshot.by_columns.column(field);
        let column = column.unwrap_or(ColumnType::Undeclared);
        (min != max && opened.file.block_rows(block) > 0).then(|| (field.clone(), column))
    }

    fn without_removed(
        &self,
        opened: &Opened,
        batch: RecordBatch,
        addresses: Option<Addresses>,
        replaced: Option<BooleanBuffer>,
    ) -> Result<Rows> {
        let removed = opened.removed.as_ref();
        let removed = removed
            .map(|removed| admitted(removed, &batch))
            .transpose()?;
        let given = opened.given.map(|given| given.rows(&batch)).transpose()?;
        let gone = either(replaced, removed.map(|removed| removed.values().clone()));
        let gone = either(gone, given);
        let batch = if opened.columns.len() == self.columns.len() {
            batch
        } else {
            let asked: Vec<usize> = (0..self.columns.len()).collect();
            batch.project(&asked)?
        };
        Ok(match gone {
            Some(gone) if gone.count_set_bits() > 0 => {
                let left = BooleanArray::new(!&gone, None);
                let left_of = |[sources, rows]: Addresses| -> Result<Addresses> {
                    Ok([filter(&sources, &left)?, filter(&rows, &left)?])
                };
                let addresses = addresses.map(left_of).transpose()?;
                (filter_record_batch(&batch, &left)?, addresses)
            }
            _ => (batch, addresses),
        })
    }
}

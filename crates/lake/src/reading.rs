//! Reading the records of a snapshot, hidden ones among them: for the barrier,
//! for the count of what a delete takes away, and for upkeep.
//!
//! Hints may leave out rows that whoever reads would refuse anyway; they are
//! never the check.

mod at_hand;
mod hints;
mod pieces;
mod places;
mod replaced;

pub(crate) use replaced::newly_replaced;

pub(crate) use hints::{CustomersHint, Hints, TimeHint, TimeOrder};

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::{BooleanArray, RecordBatch, RecordBatchOptions};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{Field, Schema as ArrowSchema};
use arrow_select::filter::filter_record_batch;
use model::fields::ColumnType;
use model::filters::Predicate;
use model::names::FieldPath;

use crate::buffer::leaf_columns;
use crate::columns::Form;
use crate::error::{LakeError, Result};
use crate::predicate::admitted;
use crate::snapshot::Snapshot;
use crate::tables::{Cached, FileEntry, PoolFiles, TableFile};
use pieces::{Opened, Piece};
use places::{canonical_keys, may_hold, may_matter, ranges_of, runs_of};
use replaced::{either, replaces};

/// The columns of a question, each with what is known of its type.
pub(crate) type Columns = [(FieldPath, ColumnType)];

/// What all readers of one reading have in common.
#[derive(Debug)]
struct Shared {
    snapshot: Snapshot,
    /// What is read, by the names of columns.
    columns: Vec<(FieldPath, ColumnType)>,
    /// What it is called by whoever asks, where that is something else.
    shown: Option<Arc<Columns>>,
    hints: Hints,
    cached: Cached,
    form: Form,
    left: Mutex<Left>,
}

/// What is still to be read, and what was read and not handed on.
#[derive(Debug, Default)]
struct Left {
    ready: VecDeque<RecordBatch>,
    pieces: VecDeque<Piece>,
}

/// The records of a snapshot, batch by batch. Clones share the work: each row
/// is read by one of them.
#[derive(Clone, Debug)]
pub(crate) struct Reading(Arc<Shared>);

impl Reading {
    /// Reads these fields of a snapshot, called as whoever asks calls them,
    /// each in its own type.
    pub(crate) fn new(snapshot: Snapshot, columns: Arc<Columns>, hints: Hints) -> Self {
        Self::with(snapshot, columns, hints, Cached::Yes, Form::Plain)
    }

    /// The same in another form.
    pub(crate) fn in_form(
        snapshot: Snapshot,
        columns: Arc<Columns>,
        hints: Hints,
        form: Form,
    ) -> Self {
        Self::with(snapshot, columns, hints, Cached::Yes, form)
    }

    /// Reads everything once, and leaves nothing of it for others.
    pub(crate) fn once(snapshot: Snapshot, columns: Arc<Columns>) -> Self {
        let hints = Hints::default();
        Self::with(snapshot, columns, hints, Cached::No, Form::Plain)
    }

    fn with(
        snapshot: Snapshot,
        asked: Arc<Columns>,
        hints: Hints,
        cached: Cached,
        form: Form,
    ) -> Self {
        let schema = &snapshot.schema;
        let column = |(path, kind): &(FieldPath, ColumnType)| (schema.column_path(path), *kind);
        let columns: Vec<_> = asked.iter().map(column).collect();
        let shown = (columns[..] != asked[..]).then_some(asked);
        let memory = snapshot.segments.iter().cloned().map(Piece::Memory);
        let (files, may_matter) = (snapshot.stored.files.iter(), may_matter(&hints));
        let files = files.filter(|file| may_matter(file));
        let left = Left {
            pieces: memory.chain(files.cloned().map(Piece::File)).collect(),
            ready: VecDeque::new(),
        };
        Self(Arc::new(Shared {
            snapshot,
            columns,
            shown,
            hints,
            cached,
            form,
            left: Mutex::new(left),
        }))
    }

    /// The next batch, or that the work on the next piece led to none.
    pub(crate) fn step(&self) -> Option<Result<Option<RecordBatch>>> {
        let piece = {
            let mut left = self.0.left();
            if let Some(batch) = left.ready.pop_front() {
                return Some(Ok(Some(batch)));
            }
            left.pieces.pop_front()?
        };
        Some(self.0.read(piece))
    }

    /// Opens the files that are not left out; answers how many rows are to be
    /// looked at, hidden ones among them: it tells how many readers are worth
    /// it, and nothing else.
    pub(crate) fn open(&self) -> Result<usize> {
        let pieces = std::mem::take(&mut self.0.left().pieces);
        let mut opened = VecDeque::with_capacity(pieces.len());
        for piece in pieces {
            match piece {
                Piece::File(entry) => opened.extend(self.0.file(&entry)?),
                other => opened.push_back(other),
            }
        }
        let rows = opened.iter().map(Piece::rows).sum();
        self.0.left().pieces = opened;
        Ok(rows)
    }

    /// The same for a single reader that wants rows in an order of time: what
    /// may hold the first of them comes first.
    pub(crate) fn open_in_order(&self, order: &TimeOrder) -> Result<()> {
        self.open()?;
        let mut left = self.0.left();
        let mut single = Vec::with_capacity(left.pieces.len());
        for piece in left.pieces.drain(..) {
            match piece {
                Piece::Blocks(opened, blocks) => {
                    single.extend(blocks.map(|at| Piece::Blocks(opened.clone(), at..at + 1)));
                }
                other => single.push(other),
            }
        }
        // Where nothing is known, any row may be the first.
        single.sort_by_cached_key(|piece| match piece.times(&order.field) {
            None => i64::MIN,
            Some(times) if order.missing_first && times.missing => i64::MIN,
            Some(times) if order.descending => times.max.saturating_neg(),
            Some(times) => times.min,
        });
        left.pieces = single.into();
        Ok(())
    }

    /// After [`Reading::open_in_order`]: whether every row that is still to be
    /// read comes after this time in the order.
    pub(crate) fn is_past(&self, order: &TimeOrder, time: i64) -> bool {
        let left = self.0.left();
        if !left.ready.is_empty() {
            return false;
        }
        let Some(next) = left.pieces.front() else {
            return true;
        };
        next.times(&order.field).is_some_and(|times| {
            if order.missing_first && times.missing {
                false
            } else if order.descending {
                times.max < time
            } else {
                times.min > time
            }
        })
    }
}

impl Shared {
    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a piece; answers its first batch, the others are ready.
    fn read(&self, piece: Piece) -> Result<Option<RecordBatch>> {
        match piece {
            Piece::Memory(segment) => {
                let batch = segment.scan(&self.columns, &self.hints)?;
                self.show(batch).map(Some)
            }
            Piece::File(entry) => {
                let parts = self.file(&entry)?;
                let mut left = self.left();
                parts
                    .into_iter()
                    .rev()
                    .for_each(|part| left.pieces.push_front(part));
                Ok(None)
            }
            Piece::Blocks(opened, blocks) => {
                let batches = self.blocks(&opened, blocks)?.into_iter();
                let batches = batches.map(|batch| self.show(batch));
                let mut batches = batches.collect::<Result<VecDeque<_>>>()?;
                let first = batches.pop_front();
                self.left().ready.append(&mut batches);
                Ok(first)
            }
        }
    }

    /// The columns under the names of whoever asks.
    fn show(&self, batch: RecordBatch) -> Result<RecordBatch> {
        let Some(shown) = &self.shown else {
            return Ok(batch);
        };
        let columns = batch.columns();
        let fields = shown
            .iter()
            .zip(columns)
            .map(|((path, _), column)| Field::new(path.as_str(), column.data_type().clone(), true));
        let schema = Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()));
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(
            schema,
            columns.to_vec(),
            &rows,
        )?)
    }

    /// Finds out which parts of a file are to be read.
    fn file(&self, entry: &Arc<FileEntry>) -> Result<Vec<Piece>> {
        let parts = self.parts(entry, |home| home.open(entry).map(Some));
        parts.map(Option::unwrap_or_default)
    }

    /// The same of a file that is opened in this way; `None` when that leads
    /// to none.
    fn parts(
        &self,
        entry: &Arc<FileEntry>,
        open: impl FnOnce(&PoolFiles) -> Result<Option<Arc<TableFile>>>,
    ) -> Result<Option<Vec<Piece>>> {
        let isolation = entry.sorted_by.isolation.clone();
        let keys = self.hints.customers(isolation.as_ref());
        let keys = keys.map(canonical_keys);
        if let (Some(keys), Some(range)) = (&keys, &entry.isolation)
            && !may_hold(range, keys)
        {
            return Ok(Some(Vec::new()));
        }
        let time = self.hints.time.clone();
        let time = time.filter(|time| time.field == entry.sorted_by.time);
        if time.as_ref().is_some_and(|time| !time.overlaps(entry.time)) {
            return Ok(Some(Vec::new()));
        }
        let home = self.snapshot.stored.home.as_ref().ok_or_else(homeless)?;
        let Some(file) = open(home)? else {
            return Ok(None);
        };
        let removed = self.removed(entry);
        let mut columns = self.columns.clone();
        if let Some(removed) = &removed {
            for column in leaf_columns(removed) {
                if !columns.contains(&column) {
                    columns.push(column);
                }
            }
        }
        let candidates = file.candidates(keys.as_deref());
        let opened = Arc::new(Opened {
            file,
            keys,
            isolation,
            removed,
            replaced: entry.replaced.as_ref().map(|r| r.rows.clone()),
            hidden: replaces(&self.snapshot, entry),
            columns,
        });
        let wanted = |block: &usize| {
            let times = || opened.file.block_time(*block);
            time.as_ref().is_none_or(|time| time.overlaps(times()))
        };
        let blocks = candidates.into_iter().flatten().filter(wanted);
        let ranges = ranges_of(blocks, &opened.file, &opened.columns).into_iter();
        let parts = ranges.map(|range| Piece::Blocks(opened.clone(), range));
        Ok(Some(parts.collect()))
    }

    /// The rows that were removed since the file was written. Removals that
    /// concern none of its customers are left out.
    fn removed(&self, entry: &FileEntry) -> Option<Predicate> {
        let schema = &self.snapshot.by_columns;
        let isolation = entry.sorted_by.isolation.as_ref();
        let removals = self.snapshot.stored.removals.iter();
        let due = removals.filter(|removal| removal.is_due(entry));
        let concerned = due.filter_map(|removal| {
            let predicate = removal.predicate(schema);
            let keys = crate::buffer::hint(&predicate, isolation).map(canonical_keys);
            let elsewhere = match (keys, &entry.isolation) {
                (Some(keys), Some(range)) => !may_hold(range, &keys),
                _ => false,
            };
            (!elsewhere).then_some(predicate)
        });
        let concerned: Vec<_> = concerned.collect();
        (!concerned.is_empty()).then_some(Predicate::Any(concerned))
    }

    fn blocks(&self, opened: &Opened, blocks: Range<usize>) -> Result<Vec<RecordBatch>> {
        let file = &opened.file;
        let batches = file.read(blocks.clone(), &opened.columns, self.cached, self.form)?;
        let mut ready = Vec::with_capacity(batches.len());
        for (block, batch) in blocks.zip(batches) {
            for run in self.of_customers(opened, block, batch.num_rows())? {
                let batch = batch.slice(run.start, run.len());
                let gone = self.replaced(opened, block, run)?;
                ready.push(self.without_removed(opened, batch, gone)?);
            }
        }
        Ok(ready)
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
    fn told_apart_by(&self, opened: &Opened, block: usize) -> Option<(FieldPath, ColumnType)> {
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
        replaced: Option<BooleanBuffer>,
    ) -> Result<RecordBatch> {
        let removed = opened.removed.as_ref();
        let removed = removed
            .map(|removed| admitted(removed, &batch))
            .transpose()?;
        let gone = either(replaced, removed.map(|removed| removed.values().clone()));
        let batch = if opened.columns.len() == self.columns.len() {
            batch
        } else {
            let asked: Vec<usize> = (0..self.columns.len()).collect();
            batch.project(&asked)?
        };
        Ok(match gone {
            Some(gone) if gone.count_set_bits() > 0 => {
                filter_record_batch(&batch, &BooleanArray::new(!&gone, None))?
            }
            _ => batch,
        })
    }
}

fn homeless() -> LakeError {
    LakeError::Internal("a pool has files and no place for them".to_owned())
}

//! Reading the records of a snapshot, hidden ones among them: for the barrier,
//! for the count of what a delete takes away, and for upkeep.
//!
//! Hints may leave out rows that whoever reads would refuse anyway; they are
//! never the check.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use model::fields::ColumnType;
use model::filters::Predicate;
use model::names::FieldPath;
use model::value::Value;

use crate::buffer::{Segment, leaf_columns};
use crate::columns::CellReader;
use crate::error::{LakeError, Result};
use crate::predicate::{admitted, cell_index_key, index_key};
use crate::snapshot::Snapshot;
use crate::tables::{ARRAYS, Cached, FileEntry, KeyRange, ROW_GROUP_BLOCKS, TableFile, TimeRange};

/// The columns of a question, each with what is known of its type.
pub(crate) type Columns = [(FieldPath, ColumnType)];

/// What may be left out while reading.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hints {
    /// Rows with other values in the isolation field.
    pub(crate) isolation: Option<Arc<[Value]>>,
    /// Rows of other times.
    pub(crate) time: Option<TimeHint>,
}

/// A range of time, in microseconds: from the first, before the second.
#[derive(Clone, Debug)]
pub(crate) struct TimeHint {
    /// The field whose time it is.
    pub(crate) field: FieldPath,
    /// The first that matters.
    pub(crate) from: Option<i64>,
    /// The first that matters no more.
    pub(crate) to: Option<i64>,
}

impl TimeHint {
    /// Whether some of the rows of these times may matter.
    fn overlaps(&self, times: Option<TimeRange>) -> bool {
        times.is_some_and(|times| {
            self.from.is_none_or(|from| times.max >= from)
                && self.to.is_none_or(|to| times.min < to)
        })
    }
}

/// A part of a snapshot that is read at once.
#[derive(Debug)]
enum Piece {
    Memory(Arc<Segment>),
    File(Arc<FileEntry>),
    Blocks(Arc<Opened>, Range<usize>),
}

/// A file that is being read.
#[derive(Debug)]
struct Opened {
    file: Arc<TableFile>,
    /// The canonical keys that matter, when the file is sorted by them.
    keys: Option<Arc<[Box<[u8]>]>>,
    /// The rows that were removed since it was written.
    removed: Option<Predicate>,
    /// What is read: what is asked for, and what the removals test.
    columns: Vec<(FieldPath, ColumnType)>,
}

/// The records of a snapshot, batch by batch.
#[derive(Debug)]
pub(crate) struct Reading {
    snapshot: Snapshot,
    columns: Arc<Columns>,
    hints: Hints,
    cached: Cached,
    pieces: VecDeque<Piece>,
    ready: VecDeque<RecordBatch>,
}

impl Reading {
    /// Reads these columns of a snapshot.
    pub(crate) fn new(snapshot: Snapshot, columns: Arc<Columns>, hints: Hints) -> Self {
        let memory = snapshot.segments.iter().cloned().map(Piece::Memory);
        let files = snapshot.stored.files.iter().cloned().map(Piece::File);
        let pieces = memory.chain(files).collect();
        Self {
            snapshot,
            columns,
            hints,
            cached: Cached::Yes,
            pieces,
            ready: VecDeque::new(),
        }
    }

    /// Reads everything once, and leaves nothing of it for others.
    pub(crate) fn once(mut self) -> Self {
        self.cached = Cached::No;
        self
    }

    /// The next batch, or that the work on the next piece led to none.
    pub(crate) fn step(&mut self) -> Option<Result<Option<RecordBatch>>> {
        if let Some(batch) = self.ready.pop_front() {
            return Some(Ok(Some(batch)));
        }
        let piece = self.pieces.pop_front()?;
        Some(self.piece(piece).map(|()| self.ready.pop_front()))
    }

    fn piece(&mut self, piece: Piece) -> Result<()> {
        match piece {
            Piece::Memory(segment) => {
                let hint = self.hints.isolation.as_deref();
                let batch = segment.scan(&self.snapshot.layout, &self.columns, hint)?;
                self.ready.push_back(batch);
                Ok(())
            }
            Piece::File(entry) => self.file(&entry),
            Piece::Blocks(opened, blocks) => self.blocks(&opened, blocks),
        }
    }

    /// Finds out which parts of a file are to be read.
    fn file(&mut self, entry: &Arc<FileEntry>) -> Result<()> {
        let sorted = entry.sorted_by.isolation == self.snapshot.isolation;
        let keys = self.hints.isolation.as_deref().filter(|_| sorted);
        let keys = keys.map(canonical_keys);
        if let (Some(keys), Some(range)) = (&keys, &entry.isolation)
            && !may_hold(range, keys)
        {
            return Ok(());
        }
        let time = self.hints.time.clone();
        let time = time.filter(|time| time.field == entry.sorted_by.time);
        if time.as_ref().is_some_and(|time| !time.overlaps(entry.time)) {
            return Ok(());
        }
        let home = self.snapshot.stored.home.as_ref().ok_or_else(homeless)?;
        let file = home.open(entry)?;
        let removed = self.removed(entry);
        let mut columns = self.columns.to_vec();
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
            removed,
            columns,
        });
        let wanted = |block: &usize| {
            let times = || opened.file.block_time(*block);
            time.as_ref().is_none_or(|time| time.overlaps(times()))
        };
        let blocks = candidates.into_iter().flatten().filter(wanted);
        let ranges = ranges_of(blocks);
        for range in ranges.into_iter().rev() {
            self.pieces.push_front(Piece::Blocks(opened.clone(), range));
        }
        Ok(())
    }

    /// The rows that were removed since the file was written. Removals that
    /// concern none of its customers are left out.
    fn removed(&self, entry: &FileEntry) -> Option<Predicate> {
        let schema = &self.snapshot.schema;
        let isolation = self.snapshot.isolation.as_ref();
        let sorted = entry.sorted_by.isolation.as_ref() == isolation;
        let removals = self.snapshot.stored.removals.iter();
        let due = removals.filter(|removal| removal.position > entry.cleaned);
        let concerned = due.filter_map(|removal| {
            let predicate = removal.predicate(schema);
            let keys = crate::buffer::hint(&predicate, isolation).map(canonical_keys);
            let elsewhere = match (keys, &entry.isolation) {
                (Some(keys), Some(range)) if sorted => !may_hold(range, &keys),
                _ => false,
            };
            (!elsewhere).then_some(predicate)
        });
        let concerned: Vec<_> = concerned.collect();
        (!concerned.is_empty()).then_some(Predicate::Any(concerned))
    }

    fn blocks(&mut self, opened: &Opened, blocks: Range<usize>) -> Result<()> {
        let batches = opened
            .file
            .read(blocks.clone(), &opened.columns, self.cached)?;
        for (block, batch) in blocks.zip(batches) {
            for batch in self.of_customers(opened, block, batch)? {
                let batch = self.without_removed(opened, batch)?;
                self.ready.push_back(batch);
            }
        }
        Ok(())
    }

    /// The runs of rows of a block that may be of the customers asked for.
    fn of_customers(
        &self,
        opened: &Opened,
        block: usize,
        batch: RecordBatch,
    ) -> Result<Vec<RecordBatch>> {
        let (Some(keys), Some(field)) = (&opened.keys, &self.snapshot.isolation) else {
            return Ok(vec![batch]);
        };
        let (min, max) = opened.file.block_isolation(block);
        if min == max || batch.num_rows() == 0 {
            return Ok(vec![batch]);
        }
        let column = self.snapshot.schema.column(field);
        let column = (field.clone(), column.unwrap_or(ColumnType::Undeclared));
        let isolation = opened.file.read(block..block + 1, &[column], self.cached)?;
        let Some(isolation) = isolation.first().map(|batch| batch.column(0)) else {
            return Ok(vec![batch]);
        };
        let runs = runs_of(isolation.as_ref(), keys);
        let slices = runs
            .into_iter()
            .map(|run| batch.slice(run.start, run.len()));
        Ok(slices.collect())
    }

    fn without_removed(&self, opened: &Opened, batch: RecordBatch) -> Result<RecordBatch> {
        let Some(removed) = &opened.removed else {
            return Ok(batch);
        };
        let removed = admitted(removed, &batch)?;
        let asked: Vec<usize> = (0..self.columns.len()).collect();
        let batch = batch.project(&asked)?;
        Ok(match removed.true_count() {
            0 => batch,
            _ => filter_record_batch(&batch, &BooleanArray::new(!removed.values(), None))?,
        })
    }
}

fn homeless() -> LakeError {
    LakeError::Internal("a pool has files and no place for them".to_owned())
}

/// The values in the form in which equal values are equal bytes.
fn canonical_keys(values: &[Value]) -> Arc<[Box<[u8]>]> {
    let mut key = Vec::new();
    let keys = values.iter().map(|value| {
        index_key(value, &mut key);
        key.as_slice().into()
    });
    keys.collect()
}

/// Whether rows of these keys, or with arrays, may be in the range.
fn may_hold(range: &KeyRange, keys: &[Box<[u8]>]) -> bool {
    let (min, max) = (&*range.min, &*range.max);
    let within = |key: &[u8]| min <= key && key <= max;
    keys.iter().any(|key| within(key)) || (min < ARRAYS.end && ARRAYS.start <= max)
}

/// Blocks in order as ranges, each of one row group at most.
fn ranges_of(blocks: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for block in blocks {
        match ranges.last_mut() {
            Some(last) if last.end == block && block % ROW_GROUP_BLOCKS != 0 => last.end += 1,
            _ => ranges.push(block..block + 1),
        }
    }
    ranges
}

/// The runs of rows that have one of the keys, or an array, in a column that
/// is sorted by canonical keys.
fn runs_of(column: &dyn Array, keys: &[Box<[u8]>]) -> Vec<Range<usize>> {
    let reader = CellReader::new(column);
    let mut cell = Vec::new();
    let mut first = |from: usize, beyond: &dyn Fn(&[u8]) -> bool| {
        let (mut low, mut high) = (from, column.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            cell_index_key(&reader.cell(middle), &mut cell);
            if beyond(&cell) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    };
    let mut runs = Vec::with_capacity(keys.len() + 1);
    for key in keys {
        let start = first(0, &|cell| cell >= &**key);
        runs.push(start..first(start, &|cell| cell > &**key));
    }
    let start = first(0, &|cell| cell >= ARRAYS.start);
    runs.push(start..first(start, &|cell| cell >= ARRAYS.end));
    runs.retain(|run| !run.is_empty());
    runs.sort_unstable_by_key(|run| run.start);
    runs.dedup();
    runs
}

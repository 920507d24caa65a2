//! The order of rows in files, and merging what is sorted.

mod sort;

use std::sync::Arc;

use arrow_array::builder::BinaryBuilder;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::DataType;
use arrow_select::interleave::interleave_record_batch;
use model::fields::{ColumnType, FieldType};
use model::names::FieldPath;

use super::BLOCK_BYTES;
use super::entry::SortedBy;
use super::size::bytes_of;
use super::write::{column_of, column_type_of};
use crate::columns::{CellReader, Layout, column_type};
use crate::error::{LakeError, Result};
use crate::predicate::cell_index_key;

pub(crate) use sort::sort;

/// Rows that are handed on one batch after the other.
pub(crate) type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// What rows are ordered by: their customers where there are some, their times, and their ids.
#[derive(Clone, Debug)]
struct OrderedBy {
    layout: Arc<Layout>,
    sorted_by: SortedBy,
}

impl OrderedBy {
    fn new(layout: &Arc<Layout>, sorted_by: &SortedBy) -> Self {
        Self {
            layout: layout.clone(),
            sorted_by: sorted_by.clone(),
        }
    }

    /// The fields of a batch that tell, but the id.
    fn paths(&self) -> impl Iterator<Item = &FieldPath> {
        let isolation = self.sorted_by.isolation.iter();
        isolation.chain([&self.sorted_by.time])
    }

    /// How each of the columns is ordered.
    fn fields(&self) -> Vec<SortField> {
        let paths = self.paths();
        let types = paths.map(|path| match column_type_of(&self.layout, path) {
            // Its own order is that of the canonical form.
            scalar @ ColumnType::Declared(FieldType::Scalar(_)) => column_type(scalar),
            _ => DataType::Binary,
        });
        types.chain([DataType::Utf8]).map(SortField::new).collect()
    }

    /// The columns of a batch.
    fn columns(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let mut columns = Vec::with_capacity(3);
        for path in self.paths() {
            let column = column_of(batch, &self.layout, path)?;
            columns.push(match column_type_of(&self.layout, path) {
                ColumnType::Declared(FieldType::Array(_)) => canonical(&column),
                _ => column,
            });
        }
        columns.push(column_of(batch, &self.layout, &FieldPath::id())?);
        Ok(columns)
    }
}

/// Makes keys that compare as rows are ordered.
#[derive(Debug)]
struct Keys {
    by: OrderedBy,
    converter: RowConverter,
}

impl Keys {
    fn new(by: OrderedBy) -> Result<Self> {
        let converter = RowConverter::new(by.fields())?;
        Ok(Self { by, converter })
    }

    fn rows(&self, batch: &RecordBatch) -> Result<Rows> {
        Ok(self.converter.convert_columns(&self.by.columns(batch)?)?)
    }
}

/// The cells of a column in canonical form; missing ones stay missing.
fn canonical(column: &ArrayRef) -> ArrayRef {
    let reader = CellReader::new(column.as_ref());
    let mut builder = BinaryBuilder::with_capacity(column.len(), column.len() * 16);
    let mut key = Vec::new();
    for row in 0..column.len() {
        if column.is_null(row) {
            builder.append_null();
        } else {
            cell_index_key(&reader.cell(row), &mut key);
            builder.append_value(&key);
        }
    }
    Arc::new(builder.finish())
}

/// Merges sorted inputs into batches of at most `most` rows; the memory is a
/// few batches of each.
pub(crate) fn merge(
    inputs: Vec<Batches>,
    layout: &Arc<Layout>,
    sorted_by: &SortedBy,
    most: usize,
) -> Result<Batches> {
    let mut merge = Merge {
        keys: Keys::new(OrderedBy::new(layout, sorted_by))?,
        last: vec![Vec::new(); inputs.len()],
        inputs,
        heads: Vec::new(),
        held: Vec::new(),
        order: Vec::new(),
        bytes: 0,
        most,
    };
    for input in 0..merge.inputs.len() {
        if let Some(head) = merge.next_head(input)? {
            merge.heads.push(head);
        }
    }
    let mut failed = false;
    Ok(Box::new(std::iter::from_fn(move || {
        if failed {
            return None;
        }
        let batch = merge.batch().transpose();
        failed = matches!(batch, Some(Err(_)));
        batch
    })))
}

/// Where the merge stands in one input.
#[derive(Debug)]
struct Head {
    input: usize,
    rows: Rows,
    at: usize,
    /// The place of its batch among those held.
    held: usize,
    /// Bytes of its batch.
    bytes: usize,
}

struct Merge {
    keys: Keys,
    inputs: Vec<Batches>,
    /// The key of the last row of each input so far.
    last: Vec<Vec<u8>>,
    heads: Vec<Head>,
    /// The batches that the rows chosen so far are of.
    held: Vec<RecordBatch>,
    order: Vec<(usize, usize)>,
    /// Bytes of the rows chosen so far, by estimate.
    bytes: usize,
    /// Rows of a batch, at most.
    most: usize,
}

impl Merge {
    fn next_head(&mut self, input: usize) -> Result<Option<Head>> {
        for batch in self.inputs[input].by_ref() {
            let batch = batch?;
            if batch.num_rows() == 0 {
                continue;
            }
            let rows = self.keys.rows(&batch)?;
            let (first, last) = (rows.row(0), rows.row(rows.num_rows() - 1));
            if first.as_ref() < self.last[input].as_slice() || last < first {
                return Err(LakeError::Internal(
                    "the files of a run are not in the order of their rows".to_owned(),
                ));
            }
            self.last[input] = last.as_ref().to_vec();
            let bytes = bytes_of(&batch);
            self.held.push(batch);
            return Ok(Some(Head {
                bytes,
                input,
                rows,
                at: 0,
                held: self.held.len() - 1,
            }));
        }
        Ok(None)
    }

    fn batch(&mut self) -> Result<Option<RecordBatch>> {
        while self.order.len() < self.most && self.bytes < BLOCK_BYTES && !self.heads.is_empty() {
            self.choose()?;
        }
        if self.order.is_empty() {
            return Ok(None);
        }
        let held: Vec<_> = self.held.iter().collect();
        let batch = interleave_record_batch(&held, &self.order)?;
        self.order.clear();
        self.bytes = 0;
        let mut kept = Vec::with_capacity(self.heads.len());
        for head in &mut self.heads {
            kept.push(self.held[head.held].clone());
            head.held = kept.len() - 1;
        }
        self.held = kept;
        Ok(Some(batch))
    }

    /// Chooses the next rows: those of the least input that come before the
    /// first row of every other.
    fn choose(&mut self) -> Result<()> {
        let row = |head: &Head| head.rows.row(head.at).as_ref().to_vec();
        let least = (0..self.heads.len())
            .min_by(|a, b| {
                let (a, b) = (&self.heads[*a], &self.heads[*b]);
                a.rows
                    .row(a.at)
                    .cmp(&b.rows.row(b.at))
                    .then(a.input.cmp(&b.input))
            })
            .unwrap_or(0);
        let others = self.heads.iter().enumerate().filter(|(at, _)| *at != least);
        let limit = others.map(|(_, head)| (row(head), head.input)).min();
        let head = &mut self.heads[least];
        let room = self.most - self.order.len();
        let end = (head.at + room).min(head.rows.num_rows());
        let before = |at: usize| match &limit {
            None => true,
            Some((key, input)) => {
                let key: &[u8] = key;
                (head.rows.row(at).as_ref(), head.input) < (key, *input)
            }
        };
        let to = first_beyond(head.at, end, before).max(head.at + 1);
        let held = head.held;
        self.bytes += head.bytes * (to - head.at) / head.rows.num_rows();
        self.order.extend((head.at..to).map(|at| (held, at)));
        head.at = to;
        if head.at == head.rows.num_rows() {
            let input = self.heads.remove(least).input;
            if let Some(head) = self.next_head(input)? {
                self.heads.push(head);
            }
        }
        Ok(())
    }
}

/// The first place from `from` on that is not before the limit: most runs are
/// short or very long, so the steps double.
fn first_beyond(from: usize, end: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut step) = (from, 1);
    while low + step < end && before(low + step) {
        low += step;
        step *= 2;
    }
    let mut high = end.min(low + step);
    while low < high {
        let middle = usize::midpoint(low, high);
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

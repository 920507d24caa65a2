//! The first rows of an order, for a page.
//!
//! Where the order begins with the time by which files are sorted, what may
//! hold the first rows is read first, and the rest not at all.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, RecordBatch, TimestampMicrosecondArray, UInt32Array};
use arrow_row::{OwnedRow, RowConverter, SortField};
use arrow_schema::{SchemaRef, SortOptions};
use arrow_select::interleave::interleave_record_batch;
use arrow_select::take::take;
use datafusion_common::tree_node::TreeNodeRecursion;
use datafusion_common::{DataFusionError, Result, internal_err};
use datafusion_execution::{SendableRecordBatchStream, TaskContext};
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_plan::stream::RecordBatchStreamAdapter;
use datafusion_physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use futures::StreamExt;

use super::node::plain_properties;
use crate::columns::plain;
use crate::error::LakeError;
use crate::reading::{Reading, TimeOrder, numbers};

/// The first rows of an order over visible rows.
#[derive(Debug)]
pub(crate) struct TopExec {
    input: Arc<dyn ExecutionPlan>,
    order: Arc<[(usize, SortOptions)]>,
    /// How many rows.
    limit: usize,
    /// The first part of the order, when it is a time.
    time: Option<TimeOrder>,
    /// What is read below.
    reading: Reading,
    properties: Arc<PlanProperties>,
}

impl TopExec {
    /// The first `limit` rows in the order of these columns of the input,
    /// which together tell all rows apart.
    pub(super) fn new(
        input: Arc<dyn ExecutionPlan>,
        order: Vec<(usize, SortOptions)>,
        limit: usize,
        time: Option<TimeOrder>,
        reading: Reading,
    ) -> Self {
        let properties = plain_properties(input.schema());
        Self {
            input,
            order: order.into(),
            limit,
            time,
            reading,
            properties,
        }
    }
}

/// The rows that may be among the first `limit`, where times ascend as in the
/// rows of one customer in a file: they stand side by side. `floor` is what
/// the time of the last of those so far is worth, as later is worth more when
/// the order descends and less when it does not.
fn side_by_side(times: &[i64], descending: bool, floor: i64, limit: usize) -> Option<Range<usize>> {
    if !times.is_sorted() {
        return None;
    }
    let count = times.len();
    Some(if descending {
        let floor = match count.checked_sub(limit) {
            Some(cut) if cut < count => floor.max(times[cut]),
            _ => floor,
        };
        times.partition_point(|time| *time < floor)..count
    } else {
        let ceiling = match times.get(limit.saturating_sub(1)) {
            Some(last) => (!floor).min(*last),
            None => !floor,
        };
        0..times.partition_point(|time| *time <= ceiling)
    })
}

/// A row among the first.
#[derive(Debug)]
struct Best {
    place: OwnedRow,
    /// Its time, when the order begins with one and it has one.
    time: Option<i64>,
    batch: usize,
    row: usize,
}

/// The first rows so far.
struct Top {
    schema: SchemaRef,
    order: Arc<[(usize, SortOptions)]>,
    limit: usize,
    converter: RowConverter,
    /// In order; at most `limit` between two batches.
    best: Vec<Best>,
    batches: Vec<RecordBatch>,
}

fn external(error: LakeError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

fn taken(column: &ArrayRef, rows: &UInt32Array) -> Result<ArrayRef> {
    plain(&take(column.as_ref(), rows, None)?).map_err(external)
}

impl Top {
    fn new(schema: SchemaRef, order: Arc<[(usize, SortOptions)]>, limit: usize) -> Result<Self> {
        let fields = order.iter().map(|(at, options)| {
            let data_type = schema.field(*at).data_type().clone();
            SortField::new_with_options(data_type, *options)
        });
        Ok(Self {
            converter: RowConverter::new(fields.collect())?,
            schema,
            order,
            limit,
            best: Vec::new(),
            batches: Vec::new(),
        })
    }

    /// The last of the rows, when there are enough of them.
    fn last(&self) -> Option<&Best> {
        self.best.get(self.limit.checked_sub(1)?)
    }

    /// The times of the rows, when the order begins with a time.
    fn times<'a>(&self, batch: &'a RecordBatch) -> Option<&'a TimestampMicrosecondArray> {
        let (at, _) = self.order.first()?;
        batch
            .column(*at)
            .as_primitive_opt::<TimestampMicrosecondType>()
    }

    /// The rows that may be among the first, by their times alone.
    fn candidates(&self, batch: &RecordBatch) -> UInt32Array {
        let all = || UInt32Array::from_iter_values(0..batch.num_rows() as u32);
        let (Some(times), Some((_, options))) = (self.times(batch), self.order.first()) else {
            return all();
        };
        // Later is better in `worth`, whatever the order.
        let worth = |time: i64| if options.descending { time } else { !time };
        let floor = self.last().and_then(|last| last.time).map(worth);
        let with_times = times.len() - times.null_count();
        let has_missing_first = options.nulls_first && times.null_count() > 0;
        if has_missing_first || (floor.is_none() && with_times <= self.limit) {
            return all();
        }
        let floor = floor.unwrap_or(i64::MIN);
        if times.null_count() == 0
            && let Some(few) = side_by_side(times.values(), options.descending, floor, self.limit)
        {
            return numbers(few);
        }
        let known = times.values().iter().zip(0_u32..);
        let known = known.map(|(time, row)| (worth(*time), row));
        let known = known.filter(|(worth, _)| *worth >= floor);
        let mut rows: Vec<(i64, u32)> = match times.nulls() {
            None => known.collect(),
            Some(nulls) => known
                .filter(|(_, row)| nulls.is_valid(*row as usize))
                .collect(),
        };
        if rows.len() > self.limit {
            let cut = rows.len() - self.limit;
            let (_, (least, _), _) = rows.select_nth_unstable_by_key(cut, |(worth, _)| *worth);
            let least = *least;
            rows.retain(|(worth, _)| *worth >= least);
        }
        UInt32Array::from_iter_values(rows.into_iter().map(|(_, row)| row))
    }

    fn take_in(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.limit == 0 {
            return Ok(());
        }
        let rows = self.candidates(batch);
        if rows.is_empty() {
            return Ok(());
        }
        let order = self.order.iter();
        let order = order.map(|(at, _)| taken(batch.column(*at), &rows));
        let places = self
            .converter
            .convert_columns(&order.collect::<Result<Vec<_>>>()?)?;
        let last = self.last().map(|last| last.place.clone());
        let better = (0..rows.len()).filter(|at| {
            let last = last.as_ref();
            last.is_none_or(|last| places.row(*at) < last.row())
        });
        let mut better: Vec<usize> = better.collect();
        better.sort_unstable_by(|a, b| places.row(*a).cmp(&places.row(*b)));
        better.truncate(self.limit);
        if better.is_empty() {
            return Ok(());
        }
        let chosen = better.iter().map(|at| rows.value(*at));
        let chosen = UInt32Array::from_iter_values(chosen);
        let columns = batch.columns().iter().map(|column| taken(column, &chosen));
        let kept = RecordBatch::try_new(self.schema.clone(), columns.collect::<Result<_>>()?)?;
        let times = self.times(&kept);
        let time = |row| {
            times
                .filter(|times| times.is_valid(row))
                .map(|times| times.value(row))
        };
        let held = self.batches.len();
        let fresh = better.iter().enumerate().map(|(row, at)| Best {
            place: places.row(*at).owned(),
            time: time(row),
            batch: held,
            row,
        });
        let fresh: Vec<Best> = fresh.collect();
        self.best.extend(fresh);
        self.batches.push(kept);
        self.best.sort_unstable_by(|a, b| a.place.cmp(&b.place));
        self.best.truncate(self.limit);
        self.let_go()
    }

    /// Lets go of rows that are not among the first any more, now and then.
    fn let_go(&mut self) -> Result<()> {
        const BATCHES_MAX: usize = 64;
        if self.batches.len() > BATCHES_MAX {
            let one = self.rows()?;
            self.batches = vec![one];
            for (row, best) in self.best.iter_mut().enumerate() {
                (best.batch, best.row) = (0, row);
            }
        }
        Ok(())
    }

    /// The rows, in order.
    fn rows(&self) -> Result<RecordBatch> {
        if self.best.is_empty() {
            return Ok(RecordBatch::new_empty(self.schema.clone()));
        }
        let places = self.best.iter().map(|best| (best.batch, best.row));
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        Ok(interleave_record_batch(
            &batches,
            &places.collect::<Vec<_>>(),
        )?)
    }
}

/// Everything that one execution needs.
struct Work {
    rows: SendableRecordBatchStream,
    top: Top,
    time: Option<TimeOrder>,
    reading: Reading,
}

impl Work {
    async fn carry_out(mut self) -> Result<RecordBatch> {
        if let Some(time) = &self.time {
            self.reading.put_in_order(time);
        }
        while !self.is_done()?
            && let Some(batch) = self.rows.next().await
        {
            self.top.take_in(&batch?)?;
        }
        self.top.rows()
    }

    /// Whether nothing that is still to be read can be among the first rows.
    fn is_done(&self) -> Result<bool> {
        let last = self.top.last().and_then(|last| last.time);
        match (&self.time, last) {
            (Some(_), Some(last)) => self.reading.end_at(last).map_err(external),
            _ => Ok(self.top.limit == 0),
        }
    }
}

impl DisplayAs for TopExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TopExec")
    }
}

impl ExecutionPlan for TopExec {
    fn name(&self) -> &'static str {
        "TopExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        internal_err!("TopExec keeps its input")
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        internal_err!("TopExec keeps its input")
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let schema = self.input.schema();
        let work = Work {
            rows: self.input.execute(0, context)?,
            top: Top::new(schema.clone(), self.order.clone(), self.limit)?,
            time: self.time.clone(),
            reading: self.reading.clone(),
        };
        let rows = futures::stream::once(work.carry_out());
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}

#[cfg(test)]
mod tests;

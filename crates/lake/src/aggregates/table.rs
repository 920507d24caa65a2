//! Groups and their functions over batches of visible rows.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion_common::Result;
use model::time::Buckets;

use super::Called;
use super::groups::{Room, Rows, Running};
use super::interner::Groups;

/// What makes a group.
#[derive(Clone, Debug)]
pub(crate) enum GroupBy {
    /// The value of the column at this place, of this plain type.
    Value(usize, DataType),
    /// The interval that holds the time in the column at this place; a row
    /// outside of all of them has none.
    Interval(usize, Arc<Buckets>),
}

/// Groups and functions over batches of one schema.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    groups: Vec<GroupBy>,
    functions: Vec<Called>,
    schema: SchemaRef,
}

impl Plan {
    /// Groups and functions with their names; the columns of the result stand in this order.
    pub(crate) fn new(groups: Vec<(String, GroupBy)>, functions: Vec<(String, Called)>) -> Self {
        let group_fields = groups.iter().map(|(name, by)| {
            let data_type = match by {
                GroupBy::Value(_, data_type) => data_type.clone(),
                GroupBy::Interval(..) => DataType::UInt32,
            };
            Field::new(name, data_type, true)
        });
        let function_fields = functions
            .iter()
            .map(|(name, called)| Field::new(name, called.function.output(), true));
        let fields: Vec<_> = group_fields.chain(function_fields).collect();
        Self {
            groups: groups.into_iter().map(|(_, by)| by).collect(),
            functions: functions.into_iter().map(|(_, called)| called).collect(),
            schema: Arc::new(Schema::new(fields)),
        }
    }

    /// The columns of the result.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

/// Rows that are taken in before it is told how much is held.
pub(super) const ROWS_AT_ONCE: usize = 8_192;

/// The groups that were met, and what the functions keep of each.
#[derive(Debug)]
pub(crate) struct Table {
    plan: Arc<Plan>,
    /// `None` where all rows are one group, which is there even without rows.
    groups: Option<Groups>,
    running: Vec<Box<dyn Running>>,
    /// The group of each row of a batch.
    numbers: Vec<u32>,
}

impl Table {
    /// Over no rows yet.
    pub(crate) fn new(plan: &Arc<Plan>) -> Result<Self> {
        let groups = (!plan.groups.is_empty()).then(|| Groups::new(&plan.groups));
        let running = plan.functions.iter();
        let running = running.map(|called| Ok(called.function.runnable()?.start()));
        Ok(Self {
            plan: plan.clone(),
            groups: groups.transpose()?,
            running: running.collect::<Result<_>>()?,
            numbers: Vec::new(),
        })
    }

    fn len(&self) -> usize {
        self.groups.as_ref().map_or(1, Groups::len)
    }

    /// Takes rows in, telling after every few how many bytes are held: a batch
    /// may be all that was sent at once. Rows without cells take no memory,
    /// however many they are.
    pub(crate) fn update(&mut self, batch: &RecordBatch, held: &mut Room<'_>) -> Result<()> {
        let at_once = match batch.num_columns() {
            0 => batch.num_rows().max(1),
            _ => ROWS_AT_ONCE,
        };
        for from in (0..batch.num_rows()).step_by(at_once) {
            let rows = at_once.min(batch.num_rows() - from);
            self.take(&batch.slice(from, rows))?;
            held(self.bytes())?;
        }
        Ok(())
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        if let Some(groups) = &mut self.groups {
            groups.number(batch, &mut self.numbers)?;
        }
        let count = self.len();
        let rows = match &self.groups {
            Some(_) => Rows::Each(&self.numbers),
            None => Rows::One(batch.num_rows()),
        };
        for (running, called) in self.running.iter_mut().zip(&self.plan.functions) {
            let arguments = called.arguments.iter().map(|at| batch.column(*at).clone());
            let arguments: Vec<ArrayRef> = arguments.collect();
            running.update(&arguments, &rows, count)?;
        }
        Ok(())
    }

    /// Takes in what another reader's table of the same plan holds.
    pub(crate) fn absorb(&mut self, other: Self) -> Result<()> {
        let numbers = match (&mut self.groups, other.groups) {
            (Some(mine), Some(theirs)) => mine.absorb(theirs)?,
            _ => vec![0],
        };
        let count = self.len();
        for (mine, theirs) in self.running.iter_mut().zip(other.running) {
            mine.absorb(theirs, &numbers, count)?;
        }
        Ok(())
    }

    /// The groups with their results, for which room is asked beside what is held.
    pub(crate) fn finish(self, room: &mut Room<'_>) -> Result<RecordBatch> {
        let count = self.len();
        let mut columns = match self.groups {
            Some(groups) => groups.values(room)?,
            None => Vec::new(),
        };
        for running in self.running {
            columns.push(running.results(count, room)?);
        }
        let rows = arrow_array::RecordBatchOptions::new().with_row_count(Some(count));
        let schema = self.plan.schema.clone();
        Ok(RecordBatch::try_new_with_options(schema, columns, &rows)?)
    }

    /// The memory held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let running = self.running.iter().map(|running| running.bytes());
        self.groups.as_ref().map_or(0, Groups::bytes) + running.sum::<usize>()
    }
}

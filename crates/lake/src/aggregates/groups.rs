//! From a function over the rows of a group to what the engine runs: one
//! implementation for many groups at once and for none.

use std::fmt::Debug;

use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use datafusion_common::{DataFusionError, Result, ScalarValue};
use datafusion_expr::{Accumulator, EmitTo, GroupsAccumulator};

/// A function over the rows of a group. The results depend on nothing but
/// the set of rows: not on their order, their batches, or on what was saved
/// and merged on the way.
pub(super) trait Fold: Debug + Send + Sync + 'static {
    /// What is kept of a group; the default is that of no rows.
    type State: Debug + Default + Send + Sync;

    /// The types of the columns that [`Fold::save`] makes.
    fn state_types(&self) -> Vec<DataType>;

    /// Takes rows of the function's arguments in; says by how many bytes the
    /// memory held beside the states grew.
    fn update(
        &self,
        states: &mut [Self::State],
        arguments: &[ArrayRef],
        rows: &Rows<'_>,
    ) -> Result<isize>;

    /// Takes saved states in, likewise.
    fn merge(
        &self,
        states: &mut [Self::State],
        saved: &[ArrayRef],
        rows: &Rows<'_>,
    ) -> Result<isize>;

    /// The states as columns.
    fn save(&self, states: Vec<Self::State>) -> Result<Vec<ArrayRef>>;

    /// The results as a column.
    fn results(&self, states: Vec<Self::State>) -> Result<ArrayRef>;

    /// The memory that a state holds beside itself, in bytes.
    fn heap(&self, state: &Self::State) -> usize;
}

/// A [`Fold`] of any kind, ready to run.
pub(super) trait Runnable: Debug {
    /// The types of the columns of a saved state.
    fn state_types(&self) -> Vec<DataType>;
    /// Runs over many groups.
    fn over_groups(self: Box<Self>) -> Box<dyn GroupsAccumulator>;
    /// Runs over all rows.
    fn over_all(self: Box<Self>) -> Box<dyn Accumulator>;
}

impl<F: Fold> Runnable for F {
    fn state_types(&self) -> Vec<DataType> {
        Fold::state_types(self)
    }

    fn over_groups(self: Box<Self>) -> Box<dyn GroupsAccumulator> {
        Box::new(Groups::new(*self))
    }

    fn over_all(self: Box<Self>) -> Box<dyn Accumulator> {
        Box::new(All {
            groups: Groups::new(*self),
            zeros: Vec::new(),
        })
    }
}

/// Which rows of a batch count, and the group of each row.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    groups: &'a [usize],
    admitted: Option<NullBuffer>,
}

impl<'a> Rows<'a> {
    /// All rows, in these groups.
    pub(super) fn all(groups: &'a [usize]) -> Self {
        Self {
            groups,
            admitted: None,
        }
    }

    fn filtered(groups: &'a [usize], filter: Option<&BooleanArray>) -> Self {
        let admitted = filter.map(|filter| {
            NullBuffer::new(match filter.nulls() {
                Some(known) => filter.values() & known.inner(),
                None => filter.values().clone(),
            })
        });
        Self { groups, admitted }
    }

    /// Visits the row and the group of each row that counts and is not null.
    pub(super) fn for_each(&self, nulls: Option<&NullBuffer>, mut visit: impl FnMut(usize, usize)) {
        match NullBuffer::union(self.admitted.as_ref(), nulls) {
            None => self
                .groups
                .iter()
                .enumerate()
                .for_each(|(row, group)| visit(row, *group)),
            Some(valid) => valid
                .valid_indices()
                .for_each(|row| visit(row, self.groups[row])),
        }
    }

    /// The group of a row.
    pub(super) fn group(&self, row: usize) -> usize {
        self.groups[row]
    }
}

/// The fault of a saved state that none of these functions wrote.
pub(super) fn broken_state() -> DataFusionError {
    DataFusionError::Internal("a saved aggregate state is not one of this version's".to_owned())
}

/// Refuses what a column of the engine, with offsets of 32 bits, cannot hold.
pub(super) fn check_column_size(bytes: usize) -> Result<()> {
    if i32::try_from(bytes).is_ok() {
        return Ok(());
    }
    Err(DataFusionError::ResourcesExhausted(
        "a column of the answer would pass 2 GiB; ask for fewer groups".to_owned(),
    ))
}

#[derive(Debug)]
struct Groups<F: Fold> {
    fold: F,
    states: Vec<F::State>,
    /// What the states hold beside themselves, in bytes.
    heap: usize,
}

impl<F: Fold> Groups<F> {
    fn new(fold: F) -> Self {
        Self {
            fold,
            states: Vec::new(),
            heap: 0,
        }
    }

    fn cover(&mut self, groups: usize) {
        if self.states.len() < groups {
            self.states.resize_with(groups, F::State::default);
        }
    }

    fn grow(&mut self, growth: isize) {
        self.heap = self.heap.saturating_add_signed(growth);
    }

    fn take(&mut self, emit_to: EmitTo) -> Vec<F::State> {
        let taken = emit_to.take_needed(&mut self.states);
        let held: usize = taken.iter().map(|state| self.fold.heap(state)).sum();
        self.heap = self.heap.saturating_sub(held);
        taken
    }
}

impl<F: Fold> GroupsAccumulator for Groups<F> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.cover(total_num_groups);
        let rows = Rows::filtered(group_indices, opt_filter);
        let growth = self.fold.update(&mut self.states, values, &rows)?;
        self.grow(growth);
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let states = self.take(emit_to);
        self.fold.results(states)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let states = self.take(emit_to);
        self.fold.save(states)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.cover(total_num_groups);
        let growth = self
            .fold
            .merge(&mut self.states, values, &Rows::all(group_indices))?;
        self.grow(growth);
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let groups: Vec<usize> = (0..values.first().map_or(0, |column| column.len())).collect();
        let mut states: Vec<F::State> = groups.iter().map(|_| F::State::default()).collect();
        self.fold
            .update(&mut states, values, &Rows::filtered(&groups, opt_filter))?;
        self.fold.save(states)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.states.capacity() * size_of::<F::State>() + self.heap
    }
}

/// One group of all rows, which is there even without rows.
#[derive(Debug)]
struct All<F: Fold> {
    groups: Groups<F>,
    /// The group of each row.
    zeros: Vec<usize>,
}

impl<F: Fold> All<F> {
    /// Has a group for each of these rows; says how many they are.
    fn cover(&mut self, columns: &[ArrayRef]) -> usize {
        let rows = columns.first().map_or(0, |column| column.len());
        self.zeros.resize(self.zeros.len().max(rows), 0);
        rows
    }
}

impl<F: Fold> Accumulator for All<F> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = self.cover(values);
        self.groups
            .update_batch(values, &self.zeros[..rows], None, 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.groups.cover(1);
        ScalarValue::try_from_array(&self.groups.evaluate(EmitTo::All)?, 0)
    }

    fn size(&self) -> usize {
        self.groups.size() + self.zeros.capacity() * size_of::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.groups.cover(1);
        let columns = self.groups.state(EmitTo::All)?;
        columns
            .iter()
            .map(|column| ScalarValue::try_from_array(column, 0))
            .collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = self.cover(states);
        self.groups.merge_batch(states, &self.zeros[..rows], 1)
    }
}

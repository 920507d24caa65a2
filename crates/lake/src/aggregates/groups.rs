//! From a function over the rows of a group to what runs: one implementation
//! for many groups and for one.

use std::any::Any;
use std::fmt::Debug;

use arrow_array::ArrayRef;
use arrow_buffer::NullBuffer;
use datafusion_common::{DataFusionError, Result};
use model::limits::RESULT_COLUMN_BYTES_MAX;

use crate::error::LakeError;

/// A function over the rows of a group. The results depend on nothing but
/// the set of rows: not on their order, their batches, or on which of several
/// readers took them in.
pub(super) trait Fold: Debug + Send + Sync + 'static {
    /// What is kept of a group; the default is that of no rows.
    type State: Debug + Default + Send + Sync;

    /// Takes rows of the function's arguments in; says by how many bytes the
    /// memory held beside the states grew.
    fn update(
        &self,
        states: &mut [Self::State],
        arguments: &[ArrayRef],
        rows: &Rows<'_>,
    ) -> Result<isize>;

    /// Takes in what another reader kept of the same group, likewise.
    fn absorb(&self, state: &mut Self::State, other: Self::State) -> isize;

    /// The results as a column.
    fn results(&self, states: Vec<Self::State>) -> Result<ArrayRef>;

    /// The memory that a state holds beside itself, in bytes.
    fn heap(&self, state: &Self::State) -> usize;

    /// The bytes of texts in the results, at most, when all states hold so much
    /// beside themselves. Most functions answer numbers.
    fn texts(&self, _heap: usize) -> usize {
        0
    }
}

/// A [`Fold`] of any kind, ready to run.
pub(super) trait Runnable: Debug {
    /// Runs over no rows yet.
    fn start(self: Box<Self>) -> Box<dyn Running>;
}

/// A function at work.
pub(super) trait Running: Debug + Send + Any {
    /// Takes rows in, of groups numbered below `groups`.
    fn update(&mut self, arguments: &[ArrayRef], rows: &Rows<'_>, groups: usize) -> Result<()>;

    /// Takes in what the same function kept for another reader, whose groups
    /// have these numbers here, all below `groups`.
    fn absorb(&mut self, other: Box<dyn Running>, numbers: &[u32], groups: usize) -> Result<()>;

    /// The result of each group. Room is asked for before more is held than
    /// what is held already.
    fn results(self: Box<Self>, groups: usize, room: &mut Room<'_>) -> Result<ArrayRef>;

    /// The memory held, in bytes.
    fn bytes(&self) -> usize;
}

impl<F: Fold> Runnable for F {
    fn start(self: Box<Self>) -> Box<dyn Running> {
        Box::new(Groups {
            fold: *self,
            states: Vec::new(),
            heap: 0,
        })
    }
}

/// The group of each row of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rows<'a> {
    /// So many rows, all of group 0.
    One(usize),
    /// Each of the group given for it.
    Each(&'a [u32]),
    /// So many rows, each a group of its own with the row's number.
    Own(usize),
}

impl Rows<'_> {
    /// The group of a row.
    pub(super) fn group_of(&self, row: usize) -> usize {
        match self {
            Self::One(_) => 0,
            Self::Each(groups) => groups[row] as usize,
            Self::Own(_) => row,
        }
    }

    /// Visits the row and the group of each row that is not null.
    pub(super) fn for_each(&self, nulls: Option<&NullBuffer>, mut visit: impl FnMut(usize, usize)) {
        match (self, nulls.filter(|nulls| nulls.null_count() > 0)) {
            (Self::One(rows), None) => (0..*rows).for_each(|row| visit(row, 0)),
            (Self::One(_), Some(valid)) => valid.valid_indices().for_each(|row| visit(row, 0)),
            (Self::Own(rows), None) => (0..*rows).for_each(|row| visit(row, row)),
            (Self::Own(_), Some(valid)) => valid.valid_indices().for_each(|row| visit(row, row)),
            (Self::Each(groups), None) => groups
                .iter()
                .enumerate()
                .for_each(|(row, group)| visit(row, *group as usize)),
            (Self::Each(groups), Some(valid)) => valid
                .valid_indices()
                .for_each(|row| visit(row, groups[row] as usize)),
        }
    }

    /// Visits each run of rows of one group: its start, its end, its group.
    pub(super) fn for_each_run(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let groups = match self {
            Self::One(rows) => return visit(0, *rows, 0),
            Self::Own(rows) => return (0..*rows).for_each(|row| visit(row, row + 1, row)),
            Self::Each(groups) => *groups,
        };
        let mut start = 0;
        for run in groups.chunk_by(|a, b| a == b) {
            let end = start + run.len();
            visit(start, end, run[0] as usize);
            start = end;
        }
    }
}

/// Told how many bytes are held, or asked for so many more; it refuses what is too much.
pub(crate) type Room<'a> = dyn FnMut(usize) -> Result<()> + 'a;

/// A limit was passed; its text is for whoever asked.
pub(super) fn limit(text: String) -> DataFusionError {
    DataFusionError::External(Box::new(LakeError::LimitExceeded(text)))
}

/// Refuses what a column of the engine, with offsets of 32 bits, cannot hold.
pub(super) fn check_column_size(bytes: usize) -> Result<()> {
    if bytes <= RESULT_COLUMN_BYTES_MAX {
        return Ok(());
    }
    Err(limit(format!(
        "a column of an answer has at most {RESULT_COLUMN_BYTES_MAX} bytes; \
         ask for fewer groups or distinct values, or for a shorter field"
    )))
}

/// What a result takes in its column that is no text.
const RESULT_BYTES: usize = 16;

#[derive(Debug)]
struct Groups<F: Fold> {
    fold: F,
    states: Vec<F::State>,
    /// What the states hold beside themselves, in bytes.
    heap: usize,
}

impl<F: Fold> Groups<F> {
    fn cover(&mut self, groups: usize) {
        if self.states.len() < groups {
            self.states.resize_with(groups, F::State::default);
        }
    }

    fn grow(&mut self, growth: isize) {
        self.heap = self.heap.saturating_add_signed(growth);
    }
}

impl<F: Fold> Running for Groups<F> {
    fn update(&mut self, arguments: &[ArrayRef], rows: &Rows<'_>, groups: usize) -> Result<()> {
        self.cover(groups);
        let growth = self.fold.update(&mut self.states, arguments, rows)?;
        self.grow(growth);
        Ok(())
    }

    fn absorb(&mut self, other: Box<dyn Running>, numbers: &[u32], groups: usize) -> Result<()> {
        let other: Box<dyn Any> = other;
        let Ok(other) = other.downcast::<Self>() else {
            return datafusion_common::internal_err!("two readers ran different functions");
        };
        self.cover(groups);
        for (state, number) in other.states.into_iter().zip(numbers) {
            let growth = self.fold.absorb(&mut self.states[*number as usize], state);
            self.grow(growth);
        }
        Ok(())
    }

    fn results(mut self: Box<Self>, groups: usize, room: &mut Room<'_>) -> Result<ArrayRef> {
        self.cover(groups);
        room(groups * RESULT_BYTES + self.fold.texts(self.heap))?;
        self.fold.results(self.states)
    }

    fn bytes(&self) -> usize {
        self.states.capacity() * size_of::<F::State>() + self.heap
    }
}

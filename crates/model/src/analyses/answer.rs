//! Answers as plain data, and as the wire's tree of values.

mod fill;
mod size;
mod text;

pub use crate::queries::TooManyResults;
pub(crate) use fill::series_groups;
pub use fill::{Grouped, MeasuredForm, Ordered, Reading};
pub use text::{AnswerText, TimeText};

use super::funnel::Tally;
use crate::time::TimeRange;
use crate::value::Value;

/// The answer to a question of analytics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Results of functions.
    Measured(Measured),
    /// Rows, each a tree of its fields.
    Rows(Vec<Value>),
    /// How many came how far.
    Funnel {
        /// The numbers, and who.
        tally: Tally,
        /// The steps, their periods as they were meant.
        steps: Vec<Value>,
    },
}

/// The results of functions, over all rows, groups or intervals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The names of the groups, in the order of their keys.
    pub groups: Vec<String>,
    /// The labels of the results, in their order; `None` for one result without a label.
    pub labels: Option<Vec<String>>,
    /// The results.
    pub results: Results,
}

/// Results of functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Results {
    /// Over all rows.
    Whole(Vec<Value>),
    /// Over each group, in the order asked for.
    Groups(Vec<GroupResult>),
    /// Over each interval.
    Intervals(Vec<(TimeRange, Vec<Value>)>),
    /// Over each group in each interval. Every group is in every interval,
    /// unless a limit leaves it out.
    GroupsOfIntervals(Vec<(TimeRange, Vec<GroupResult>)>),
}

/// The results of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupResult {
    /// The values that make it, of bins what they are called.
    pub keys: Vec<Value>,
    /// The functions' results.
    pub results: Vec<Value>,
}

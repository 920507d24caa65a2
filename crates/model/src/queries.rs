//! The closed tree of what can be asked of a pool. No operator of it can
//! fail because of a stored value.

mod size;

pub use size::{ResultSize, TooManyResults};

use crate::analyses::Bins;
use crate::fields::{ColumnType, FieldType, ScalarType};
use crate::filters::Filter;
use crate::grants::VisibleFields;
use crate::names::FieldPath;
use crate::time::{Buckets, Timestamp};
use crate::value::Value;

/// The functions over the rows of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// How many rows, or how many non-null values of a field.
    Count,
    /// How many distinct non-null values.
    CountUnique,
    /// The sum of the numbers: exact for integers, in 128 bits; for floats
    /// the exact sum rounded once.
    Sum,
    /// The sum over the count of the numbers.
    Average,
    /// The least value.
    Minimum,
    /// The greatest value.
    Maximum,
    /// The nearest-rank percentile, in hundredths of a percent: `9_500` is the 95th.
    Percentile(u32),
    /// The value of the earliest row by time, then by `_id`.
    First,
    /// The value of the latest row by time, then by `_id`.
    Last,
    /// The population standard deviation of the numbers.
    StandardDeviation,
    /// The distinct values in their order, as an array; a missing one is one
    /// of them, and the last.
    SelectUnique,
}

impl Aggregate {
    /// Whether the function only means something for numbers.
    pub fn needs_numbers(self) -> bool {
        matches!(
            self,
            Self::Sum | Self::Average | Self::Percentile(_) | Self::StandardDeviation
        )
    }

    /// Whether the function orders values.
    pub fn needs_order(self) -> bool {
        matches!(self, Self::Minimum | Self::Maximum)
    }

    /// Whether a group without rows answers 0 rather than null.
    pub fn is_zero_when_empty(self) -> bool {
        matches!(self, Self::Count | Self::CountUnique | Self::Sum)
    }
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OutputField {
    /// The name in the answer.
    pub name: String,
    /// The pool's field.
    pub field: FieldPath,
}

/// What makes groups, as a column of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupField {
    /// The name in the answer.
    pub name: String,
    /// The pool's field.
    pub field: FieldPath,
    /// The bins whose keys ([`Bins::key`]) make the groups; `None` for the values themselves.
    pub bins: Option<Bins>,
}

/// A function as a column of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Measure {
    /// The name in the answer.
    pub name: String,
    /// The function.
    pub aggregate: Aggregate,
    /// The pool's field; `None` counts rows.
    pub field: Option<FieldPath>,
}

/// The direction of an order. Missing values come last in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Least first.
    Ascending,
    /// Greatest first.
    Descending,
}

impl Direction {
    /// The other direction.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

/// One field of an order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OrderBy<Field> {
    /// What is ordered by.
    pub field: Field,
    /// Which way.
    pub direction: Direction,
}

/// Where in the order of a record query a page starts: right beside the row
/// that has these values. It holds values of a visible row, never a position.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seek {
    /// The row's values of the ordered fields, `_id` last; `Null` where missing.
    pub values: Vec<Value>,
    /// Which side of it.
    pub side: Side,
}

/// Which side of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The rows that follow it.
    After,
    /// The rows that come before it, nearest last.
    Before,
}

/// A stretch of time that rows must lie in, open where a side is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TimeBound {
    /// The pool's time field.
    pub field: FieldPath,
    /// The first instant.
    pub from: Option<Timestamp>,
    /// The first instant after it.
    pub to: Option<Timestamp>,
}

/// Rows as they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordQuery {
    /// The columns.
    pub columns: Vec<OutputField>,
    /// Whether each row carries, behind its columns, one object of those of its
    /// undeclared fields that this shows, by their paths.
    pub rest: Option<VisibleFields>,
    /// Which of the visible rows.
    pub filter: Option<Filter>,
    /// When.
    pub range: Option<TimeBound>,
    /// The order; its last field is always `_id`.
    pub order: Vec<OrderBy<FieldPath>>,
    /// Where to start.
    pub seek: Option<Seek>,
    /// How many rows; `None` for all.
    pub limit: Option<u64>,
    /// Whether each row of the answer carries the values of `order` behind
    /// its columns, for cursors.
    pub with_order_values: bool,
}

/// Functions over groups of rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AggregateQuery {
    /// The answer's names in order, without the interval's, which comes first.
    pub columns: Vec<String>,
    /// The intervals of a time series.
    pub series: Option<Series>,
    /// The fields whose values make the groups.
    pub groups: Vec<GroupField>,
    /// The functions.
    pub measures: Vec<Measure>,
    /// Which of the visible rows.
    pub filter: Option<Filter>,
    /// When.
    pub range: Option<TimeBound>,
    /// Which of the answer's rows, over the answer's names.
    pub having: Option<Filter>,
    /// The order over the answer's names; without it interval, then groups in value order.
    pub order: Vec<OrderBy<String>>,
    /// How many rows; `None` for all.
    pub limit: Option<u64>,
}

impl AggregateQuery {
    /// What is known of a column of the answer, for conditions on it.
    pub fn output_column(
        &self,
        name: &str,
        column_of: &impl Fn(&FieldPath) -> Option<ColumnType>,
    ) -> Option<ColumnType> {
        let float = ColumnType::Declared(FieldType::Scalar(ScalarType::Float64));
        if self
            .series
            .as_ref()
            .is_some_and(|series| series.name == name)
        {
            return Some(ColumnType::Declared(FieldType::Scalar(
                ScalarType::DateTime,
            )));
        }
        if let Some(group) = self.groups.iter().find(|group| group.name == name) {
            return match group.bins {
                None => column_of(&group.field),
                Some(_) => Some(ColumnType::Undeclared),
            };
        }
        let measure = self.measures.iter().find(|measure| measure.name == name)?;
        match (measure.aggregate, &measure.field) {
            (
                Aggregate::Minimum | Aggregate::Maximum | Aggregate::First | Aggregate::Last,
                Some(field),
            ) => column_of(field),
            (Aggregate::SelectUnique, _) => Some(ColumnType::Undeclared),
            _ => Some(float),
        }
    }
}

/// The intervals of a time series.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Series {
    /// The name of the interval's start in the answer.
    pub name: String,
    /// The pool's time field.
    pub field: FieldPath,
    /// The intervals.
    pub buckets: Buckets,
    /// Whether each group that is seen is answered in every interval, and a
    /// question without groups answers every interval. Otherwise only what
    /// has rows is answered, for whoever fills by other rules.
    pub filled: bool,
}

/// Who was seen in some rows and who in others, in one reading of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ActorQuery {
    /// The field whose value is the actor. Rows without one show nobody.
    pub actor: FieldPath,
    /// The rows, in which there is at least one step.
    pub steps: Vec<StepRows>,
    /// Whether it is only asked how many there are, not who.
    pub counted: bool,
}

/// The rows in which actors of a step are seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StepRows {
    /// The step's bit among those of an actor, from 0.
    pub bit: u32,
    /// Which of the visible rows.
    pub filter: Option<Filter>,
    /// When.
    pub range: Option<TimeBound>,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Query {
    /// Rows as they are.
    Records(RecordQuery),
    /// Functions over groups of rows.
    Aggregate(AggregateQuery),
    /// One row for each actor that was seen: its value, and a whole number
    /// with the bits of the steps in which it was. Where they are only counted,
    /// rows of such bits and of how many actors have just these.
    Actors(ActorQuery),
}

/// The type of a column of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputType {
    /// A declared field's type.
    Field(FieldType),
    /// Each value has its own type.
    Mixed,
    /// A whole number of up to 128 bits.
    WideInteger,
}

impl OutputType {
    /// A count.
    pub const COUNT: Self = Self::Field(FieldType::Scalar(ScalarType::Int64));
    /// A double.
    pub const FLOAT: Self = Self::Field(FieldType::Scalar(ScalarType::Float64));
    /// An instant.
    pub const TIME: Self = Self::Field(FieldType::Scalar(ScalarType::DateTime));
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputColumn {
    /// The name.
    pub name: String,
    /// The type.
    pub output_type: OutputType,
}

/// One row of an answer, in the order of its columns.
pub type Row = Vec<Value>;

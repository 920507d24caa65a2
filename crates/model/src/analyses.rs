//! The questions of analytics: one closed tree for what `POST /v1/query`, saved
//! queries, cached datasets and the dialects ask.
//!
//! The tree says what is asked and knows nothing of pools' fields or of keys.
//! A permit ([`crate::permit::ConstrainedAnalysis`]) turns it into constrained
//! questions over visible rows, and [`Form`] turns their rows into the answer.

mod answer;
mod bins;
mod check;
pub(crate) mod compile;
mod fields;
mod funnel;
mod loose;
mod parse;
mod write;

pub use answer::{
    Answer, AnswerText, GroupResult, Grouped, Measured, MeasuredForm, Ordered, Reading, Results,
    TimeText, TooManyResults,
};
pub use bins::{Band, BinSize, Bins};
pub use compile::{Form, RowsForm};
pub use funnel::{Actors, Funnel, Step, Tally};

use crate::filters::Filter;
use crate::ids::GrantId;
use crate::names::{FieldPath, Name};
use crate::queries::OrderBy;
use crate::time::{Interval, TimeError, TimeRange, TimeZone, Timeframe, Timestamp, WeekStart};

/// What the result of a single function is called in orders and answers.
pub const RESULT: &str = "result";

/// A question of analytics.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Analysis {
    /// Functions over rows, over groups of them and over intervals.
    Aggregation(Aggregation),
    /// Rows as they are.
    Extraction(Extraction),
    /// How many of those who did one thing did the next.
    Funnel(Funnel),
}

/// Which visible rows of which pool a question is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// The pool.
    pub pool: Name,
    /// Which of the key's grants is meant.
    pub grant: Option<GrantId>,
    /// Which of the visible rows.
    pub filters: Option<Filter>,
    /// When; `None` for whenever.
    pub period: Option<Period>,
    /// The clock and calendar by which the period and intervals go.
    pub calendar: Calendar,
    /// What a field means that the pool does not have, or not of this type.
    pub typing: Typing,
}

/// What a question means by a field that the pool does not have, or has with
/// another type than the question expects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Typing {
    /// The question is refused.
    #[default]
    Strict,
    /// Nothing is refused, as in languages without declared types. Such a field
    /// is missing in every row, and so is a pool that is absent or hidden. A
    /// comparison across types is never true. [`Function::Minimum`] and
    /// [`Function::Maximum`] see numbers alone, as other functions of numbers do.
    Loose,
}

/// A stretch of time as a question says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// Between two instants, open where a side is `None`; one of them is given.
    Absolute {
        /// The first instant.
        from: Option<Timestamp>,
        /// The first instant after it.
        to: Option<Timestamp>,
    },
    /// In words, relative to the present.
    Relative(Timeframe),
}

/// A local clock and calendar.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Calendar {
    /// The zone.
    pub zone: TimeZone,
    /// The day that weeks start on.
    pub week_start: WeekStart,
}

impl Default for Calendar {
    /// That of UTC, with weeks from Monday.
    fn default() -> Self {
        Self {
            zone: TimeZone::utc(),
            week_start: WeekStart::default(),
        }
    }
}

/// The sides of a stretch of time; open where `None`.
pub type Sides = (Option<Timestamp>, Option<Timestamp>);

impl Period {
    /// The sides that are meant at the instant `now`.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] when a relative one leaves the years that can be held.
    pub fn sides(self, now: Timestamp, calendar: &Calendar) -> Result<Sides, TimeError> {
        match self {
            Self::Absolute { from, to } => Ok((from, to)),
            Self::Relative(timeframe) => {
                let timeframe = timeframe.with_weeks_from(calendar.week_start);
                let range = timeframe.resolve(now, &calendar.zone)?;
                Ok((Some(range.from()), Some(range.to())))
            }
        }
    }

    /// The range that is meant at `now`, when both sides are said.
    ///
    /// # Errors
    /// As [`Period::sides`].
    pub fn range(
        self,
        now: Timestamp,
        calendar: &Calendar,
    ) -> Result<Option<TimeRange>, TimeError> {
        match self.sides(now, calendar)? {
            (Some(from), Some(to)) => TimeRange::new(from, to).map(Some),
            _ => Ok(None),
        }
    }
}

/// Functions over rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Aggregation {
    /// Over which rows.
    pub source: Source,
    /// The functions.
    pub metrics: Metrics,
    /// The intervals of a series. The period then has both sides.
    pub interval: Option<Interval>,
    /// What makes the groups.
    pub group_by: Vec<GroupBy>,
    /// The order of groups, of each interval's on its own, over the names of
    /// groups and results; groups in the order of their values without it.
    pub order_by: Vec<OrderBy<String>>,
    /// How many groups, of each interval on its own; `None` for all.
    pub limit: Option<u64>,
}

/// The functions of a question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Metrics {
    /// One, whose result is called [`RESULT`].
    One(Metric),
    /// Several at once (`multi_analysis`), each with its label, in order.
    Labelled(Vec<(String, Metric)>),
}

impl Metrics {
    /// Each function with the name of its result, in order.
    pub fn named(&self) -> impl Iterator<Item = (&str, &Metric)> {
        let (one, labelled) = match self {
            Self::One(metric) => (Some((RESULT, metric)), &[][..]),
            Self::Labelled(metrics) => (None, &metrics[..]),
        };
        let labelled = labelled.iter();
        one.into_iter()
            .chain(labelled.map(|(label, metric)| (label.as_str(), metric)))
    }
}

/// A function over the values of a field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Metric {
    /// The function.
    pub function: Function,
    /// The field; `None` only for [`Function::Count`], which then counts rows.
    pub field: Option<FieldPath>,
}

/// The functions. Each but [`Function::Count`] of rows and
/// [`Function::SelectUnique`] sees the values that are there alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// How many rows, or how many values.
    Count,
    /// How many distinct values.
    CountUnique,
    /// The least value.
    Minimum,
    /// The greatest value.
    Maximum,
    /// The exact sum of the numbers, rounded once where there are doubles among them.
    Sum,
    /// The exact sum over the count of the numbers, rounded once.
    Average,
    /// The nearest-rank percentile of the numbers, in hundredths of a percent.
    /// The median is the one of 5,000.
    Percentile(u32),
    /// The population standard deviation of the numbers, rounded once.
    StandardDeviation,
    /// The distinct values in their order; a missing one is one of them, and the last.
    SelectUnique,
}

impl Function {
    /// The median, as a percentile.
    pub const MEDIAN: Self = Self::Percentile(5_000);

    /// The functions with a name of their own, without the percentiles.
    pub(crate) const NAMED: [(&'static str, Self); 8] = [
        ("count", Self::Count),
        ("count_unique", Self::CountUnique),
        ("minimum", Self::Minimum),
        ("maximum", Self::Maximum),
        ("sum", Self::Sum),
        ("average", Self::Average),
        ("standard_deviation", Self::StandardDeviation),
        ("select_unique", Self::SelectUnique),
    ];

    /// The name of the function's analysis.
    pub fn name(self) -> &'static str {
        match self {
            Self::MEDIAN => "median",
            Self::Percentile(_) => "percentile",
            other => Self::NAMED
                .iter()
                .find(|(_, function)| *function == other)
                .map_or("", |(name, _)| name),
        }
    }
}

/// What makes groups: the values of a field, or the bins that they lie in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupBy {
    /// The name in the answer and in orders.
    pub name: String,
    /// The field.
    pub field: FieldPath,
    /// The bins; `None` for the values themselves.
    pub bins: Option<Bins>,
}

/// Rows as they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Extraction {
    /// Which rows.
    pub source: Source,
    /// Their fields; `None` for all that the key sees.
    pub fields: Option<Vec<FieldPath>>,
    /// Which of them, and in what order.
    pub selection: Selection,
}

/// Which rows an extraction gives, in what order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selection {
    /// So many, the newest first.
    Latest(u64),
    /// From the first or from a place on.
    Ordered {
        /// The order; that of time when empty.
        order_by: Vec<OrderBy<FieldPath>>,
        /// How many at most.
        limit: Option<u64>,
        /// The place to go on from.
        cursor: Option<Cursor>,
    },
}

/// A place in an order, as it was given out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cursor {
    /// The rows that follow it.
    After(String),
    /// The rows before it.
    Before(String),
}

impl Analysis {
    /// The name of the analysis.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Aggregation(aggregation) => match &aggregation.metrics {
                Metrics::One(metric) => metric.function.name(),
                Metrics::Labelled(_) => "multi_analysis",
            },
            Self::Extraction(_) => "extraction",
            Self::Funnel(_) => "funnel",
        }
    }

    /// The rows that the question is about: of one pool, or of one for each
    /// step of a funnel.
    pub fn sources(&self) -> Vec<&Source> {
        match self {
            Self::Aggregation(aggregation) => vec![&aggregation.source],
            Self::Extraction(extraction) => vec![&extraction.source],
            Self::Funnel(funnel) => funnel.steps.iter().map(|step| &step.source).collect(),
        }
    }
}

#[cfg(test)]
mod tests;

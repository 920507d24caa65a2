//! The functions over the rows of a group, and the groups.
//!
//! Every answer is exact up to one rounding at its end and depends on the
//! set of rows alone: not on their order, their batches or on who of several
//! readers read them, so that rows which a key may not see cannot show through
//! it. No stored value makes a function fail. A number that a function cannot
//! answer within its type is null.

mod actors;
mod bags;
mod bits;
mod count;
mod distinct;
mod edges;
mod exact;
mod extremes;
mod floats;
mod groups;
mod interner;
mod keys;
mod natural;
mod selection;
mod strings;
mod table;
mod totals;
mod unique;

use arrow_schema::{DataType, SchemaRef};
use datafusion_common::{DataFusionError, Result};
use model::queries::{Aggregate, Measure};

use actors::{ActorsByBytes, ActorsByWord, tally_type};
use bags::Percentile;
use bits::Bits;
use count::Count;
use distinct::{DistinctBytes, DistinctWords};
use edges::Edge;
use exact::ExactSum;
use extremes::{Extreme, Rank, numbers_only, of_any_kind, one_kind};
use groups::Runnable;
use keys::{Shape, shape};
use totals::{Mean, Spread, Total, Totals, WIDE_INTEGER};
use unique::{SelectUnique, list_type};

pub(crate) use table::{GroupBy, Plan, Table};

/// The function of a measure over columns of a batch.
#[derive(Clone, Debug)]
pub(crate) struct Called {
    function: Callee,
    /// The positions of its arguments; none where it counts rows.
    arguments: Vec<usize>,
}

/// What is called.
#[derive(Clone, Debug)]
enum Callee {
    /// An aggregate of the model.
    Aggregate(Function),
    /// The union of bits.
    Bits,
    /// How many actors of this type have the same union of bits.
    Tally(DataType),
}

impl Callee {
    fn output(&self) -> DataType {
        match self {
            Self::Aggregate(function) => function.output(),
            Self::Bits => DataType::UInt64,
            Self::Tally(_) => tally_type(),
        }
    }

    fn runnable(&self) -> Result<Box<dyn Runnable>> {
        match self {
            Self::Aggregate(function) => function.runnable(),
            Self::Bits => Ok(Box::new(Bits)),
            Self::Tally(actor) => match shape(actor) {
                Some(Shape::Word) => Ok(Box::new(ActorsByWord)),
                Some(Shape::Bytes | Shape::List) => Ok(Box::new(ActorsByBytes)),
                None => Err(plan_error(&format!("nobody is told by a {actor}"))),
            },
        }
    }
}

/// The bits that any row of a group has in the column of words at this place.
pub(crate) fn bits(at: usize) -> Called {
    Called {
        function: Callee::Bits,
        arguments: vec![at],
    }
}

/// How many actors were seen in just the same steps: bits and how many, one
/// after the other, in one list. The actors are of this type and in the column at
/// its place, the bits of a row's steps in the column `steps`; a row of no step
/// shows nobody.
pub(crate) fn tally(actor: (usize, DataType), steps: usize) -> Called {
    Called {
        function: Callee::Tally(actor.1),
        arguments: vec![actor.0, steps],
    }
}

/// The function of a measure over batches of `input`.
///
/// `order` is used by [`Aggregate::First`] and [`Aggregate::Last`] alone: the
/// columns of the time and then of `_id`, which tell all rows apart. A row
/// without a time is chosen only where no row has one.
///
/// Over an undeclared field (`Binary`), sums, averages, deviations and
/// percentiles see the numbers; the least and the greatest value are those
/// of the numbers, without any those of the texts, then of the booleans
/// and then of dates, date-times and UUIDs.
///
/// # Errors
///
/// The function has no meaning for the type of the field. It never depends
/// on a row.
pub(crate) fn called(measure: &Measure, order: &[&str], input: &SchemaRef) -> Result<Called> {
    let aggregate = measure.aggregate;
    let mut arguments = Vec::new();
    match &measure.field {
        Some(field) => arguments.push(input.index_of(field.as_str())?),
        None if aggregate == Aggregate::Count => {}
        None => return Err(plan_error("only count goes without a field")),
    }
    if matches!(aggregate, Aggregate::First | Aggregate::Last) {
        if order.is_empty() {
            return Err(plan_error("the first and the last value need an order"));
        }
        for part in order {
            let at = input.index_of(part)?;
            let part_type = input.field(at).data_type();
            if !matches!(shape(part_type), Some(Shape::Word | Shape::Bytes)) {
                return Err(plan_error(&format!(
                    "rows cannot be ordered by a {part_type}"
                )));
            }
            arguments.push(at);
        }
    }
    let counted = arguments.first().map(|at| input.field(*at).data_type());
    let input = counted.cloned().unwrap_or(DataType::Int64);
    let function = Function { aggregate, input };
    function.runnable()?;
    Ok(Called {
        function: Callee::Aggregate(function),
        arguments,
    })
}

/// The type of an aggregate's result over a field of this type; `None` where
/// it counts rows.
pub(crate) fn result_type(aggregate: Aggregate, input: Option<&DataType>) -> DataType {
    match (aggregate, input) {
        (Aggregate::Count | Aggregate::CountUnique, _) => DataType::Int64,
        (Aggregate::SelectUnique, Some(input)) => list_type(input),
        (Aggregate::Sum, Some(DataType::Binary)) => DataType::Binary,
        (Aggregate::Sum, Some(input)) if input.is_integer() => WIDE_INTEGER,
        (Aggregate::Sum | Aggregate::Average | Aggregate::StandardDeviation, _) => {
            DataType::Float64
        }
        (_, input) => input.cloned().unwrap_or(DataType::Null),
    }
}

fn plan_error(message: &str) -> DataFusionError {
    DataFusionError::Plan(message.to_owned())
}

/// An aggregate over a column of one type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Function {
    aggregate: Aggregate,
    input: DataType,
}

impl Function {
    fn output(&self) -> DataType {
        result_type(self.aggregate, Some(&self.input))
    }

    fn runnable(&self) -> Result<Box<dyn Runnable>> {
        let values = shape(&self.input).ok_or_else(|| self.meaningless())?;
        Ok(match (self.aggregate, values) {
            (Aggregate::Count, _) => Box::new(Count),
            (Aggregate::CountUnique, Shape::Word) => Box::new(DistinctWords),
            (Aggregate::CountUnique, _) => Box::new(DistinctBytes),
            (Aggregate::SelectUnique, _) => Box::new(SelectUnique::new(self.input.clone())),
            (Aggregate::First, _) => Box::new(Edge::new(false, self.input.clone())),
            (Aggregate::Last, _) => Box::new(Edge::new(true, self.input.clone())),
            (Aggregate::Sum, _) => self.total::<ExactSum>()?,
            (Aggregate::Average, _) => self.total::<Mean>()?,
            (Aggregate::StandardDeviation, _) => self.total::<Spread>()?,
            (Aggregate::Percentile(hundredths), Shape::Word) => {
                Box::new(Percentile::<u64>::new(hundredths, None, self.output()))
            }
            (Aggregate::Percentile(hundredths), Shape::Bytes) => {
                let rank = self.rank(numbers_only);
                Box::new(Percentile::<Box<[u8]>>::new(
                    hundredths,
                    Some(rank),
                    self.output(),
                ))
            }
            (Aggregate::Minimum | Aggregate::Maximum, Shape::Word) => Box::new(
                Extreme::<u64>::new(self.is_maximum(), one_kind, self.output()),
            ),
            (Aggregate::Minimum | Aggregate::Maximum, Shape::Bytes) => {
                let rank = self.rank(of_any_kind);
                Box::new(Extreme::<Box<[u8]>>::new(
                    self.is_maximum(),
                    rank,
                    self.output(),
                ))
            }
            (_, Shape::List) => return Err(self.meaningless()),
        })
    }

    fn total<T: Total>(&self) -> Result<Box<dyn Runnable>> {
        if self.input.is_integer()
            || matches!(
                self.input,
                DataType::Float32 | DataType::Float64 | DataType::Binary
            )
        {
            Ok(Box::new(Totals::<T>::new(self.output())))
        } else {
            Err(self.meaningless())
        }
    }

    fn is_maximum(&self) -> bool {
        self.aggregate == Aggregate::Maximum
    }

    fn rank(&self, undeclared: Rank<Box<[u8]>>) -> Rank<Box<[u8]>> {
        if self.input == DataType::Binary {
            undeclared
        } else {
            one_kind
        }
    }

    fn meaningless(&self) -> DataFusionError {
        plan_error(&format!(
            "{:?} cannot be taken of a {}",
            self.aggregate, self.input
        ))
    }
}

#[cfg(test)]
mod tests;

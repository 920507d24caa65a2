//! The functions over the rows of a group, as the engine runs them.
//!
//! Every answer is exact up to one rounding at its end and depends on the
//! set of rows alone: not on their order, their batches or their
//! partitions, so that rows which a key may not see cannot show through it.
//! No stored value makes a function fail. A number that a function cannot
//! answer within its type is null.

mod bags;
mod count;
mod edges;
mod exact;
mod extremes;
mod groups;
mod keys;
mod natural;
mod totals;

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, SchemaRef};
use datafusion_common::{DataFusionError, Result};
use datafusion_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion_expr::utils::AggregateOrderSensitivity;
use datafusion_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility,
};
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion_physical_expr::expressions::lit;
use model::queries::{Aggregate, Measure};

use bags::{Distinct, Percentile};
use count::Count;
use edges::Edge;
use exact::ExactSum;
use extremes::{Extreme, Rank, numbers_only, of_any_kind, one_kind};
use groups::Runnable;
use keys::{Shape, shape};
use totals::{Mean, Spread, Total, Totals, WIDE_INTEGER};

/// The aggregate of a measure for an [`AggregateExec`] of any mode over
/// `input_schema`, named as the measure is.
///
/// `column` is the measure's field, `None` where it counts rows. `order`
/// is used by [`Aggregate::First`] and [`Aggregate::Last`] alone: the time
/// and then `_id`, which tell all rows apart. A row without a time is
/// chosen only where no row has one.
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
///
/// [`AggregateExec`]: datafusion_physical_plan::aggregates::AggregateExec
pub(crate) fn expression(
    measure: &Measure,
    column: Option<Arc<dyn PhysicalExpr>>,
    order: &[Arc<dyn PhysicalExpr>],
    input_schema: &SchemaRef,
) -> Result<Arc<AggregateFunctionExpr>> {
    let aggregate = measure.aggregate;
    let input = match &column {
        Some(column) => column.data_type(input_schema)?,
        // Rows are counted as the values of a column without nulls.
        None if aggregate == Aggregate::Count => DataType::Int64,
        None => return Err(plan_error("only count goes without a field")),
    };
    let mut arguments = vec![column.unwrap_or_else(|| lit(1_i64))];
    if matches!(aggregate, Aggregate::First | Aggregate::Last) {
        if order.is_empty() {
            return Err(plan_error("the first and the last value need an order"));
        }
        for part in order {
            let part_type = part.data_type(input_schema)?;
            if !matches!(shape(&part_type), Some(Shape::Word | Shape::Bytes)) {
                return Err(plan_error(&format!(
                    "rows cannot be ordered by a {part_type}"
                )));
            }
        }
        arguments.extend(order.iter().cloned());
    }
    let function = Function::new(aggregate, input);
    function.runnable()?;
    AggregateExprBuilder::new(Arc::new(AggregateUDF::from(function)), arguments)
        .schema(Arc::clone(input_schema))
        .alias(measure.name.as_str())
        .build()
        .map(Arc::new)
}

/// The type of an aggregate's result over a field of this type; `None` where
/// it counts rows.
pub(crate) fn result_type(aggregate: Aggregate, input: Option<&DataType>) -> DataType {
    match (aggregate, input) {
        (Aggregate::Count | Aggregate::CountUnique, _) => DataType::Int64,
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
    signature: Signature,
}

impl Function {
    fn new(aggregate: Aggregate, input: DataType) -> Self {
        Self {
            aggregate,
            input,
            signature: Signature::variadic_any(Volatility::Immutable),
        }
    }

    fn output(&self) -> DataType {
        result_type(self.aggregate, Some(&self.input))
    }

    fn runnable(&self) -> Result<Box<dyn Runnable>> {
        let values = shape(&self.input).ok_or_else(|| self.meaningless())?;
        Ok(match (self.aggregate, values) {
            (Aggregate::Count, _) => Box::new(Count),
            (Aggregate::CountUnique, Shape::Word) => Box::new(Distinct::<u64>::new()),
            (Aggregate::CountUnique, _) => Box::new(Distinct::<Box<[u8]>>::new()),
            (Aggregate::First, _) => Box::new(Edge::new(false, self.input.clone())),
            (Aggregate::Last, _) => Box::new(Edge::new(true, self.input.clone())),
            (Aggregate::Sum, _) => self.total::<ExactSum>()?,
            (Aggregate::Average, _) => self.total::<Mean>()?,
            (Aggregate::StandardDeviation, _) => self.total::<Spread>()?,
            (Aggregate::Percentile(hundredths), Shape::Word) => {
                Box::new(Percentile::<u64>::new(hundredths, one_kind, self.output()))
            }
            (Aggregate::Percentile(hundredths), Shape::Bytes) => {
                let rank = self.rank(numbers_only);
                Box::new(Percentile::<Box<[u8]>>::new(
                    hundredths,
                    rank,
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
            "{} cannot be taken of a {}",
            self.name(),
            self.input
        ))
    }
}

impl AggregateUDFImpl for Function {
    fn name(&self) -> &str {
        match self.aggregate {
            Aggregate::Count => "count",
            Aggregate::CountUnique => "count_unique",
            Aggregate::Sum => "sum",
            Aggregate::Average => "average",
            Aggregate::Minimum => "minimum",
            Aggregate::Maximum => "maximum",
            Aggregate::Percentile(_) => "percentile",
            Aggregate::First => "first",
            Aggregate::Last => "last",
            Aggregate::StandardDeviation => "standard_deviation",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.output())
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(self.runnable()?.over_all())
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let types = self.runnable()?.state_types().into_iter().enumerate();
        let name = |index| format!("{}[{index}]", arguments.name);
        Ok(types
            .map(|(index, data_type)| Field::new(name(index), data_type, true).into())
            .collect())
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        _: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(self.runnable()?.over_groups())
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

#[cfg(test)]
mod tests;

//! Sum, average and standard deviation: exact up to one rounding at the end.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow_array::builder::BinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, Decimal128Array, Float64Array};
use arrow_schema::DataType;
use datafusion_common::{DataFusionError, Result};
use model::canonical;
use model::value::Number;

use super::exact::ExactSum;
use super::floats::{Bins, MANY, by_group};
use super::groups::{Fold, Rows};
use super::natural::deviation;
use crate::columns::Encoded;

/// The type of an exact sum of integers.
pub(super) const WIDE_INTEGER: DataType = DataType::Decimal128(38, 0);
const WIDE_INTEGER_LIMIT: u128 = 10_u128.pow(38);

/// What is added up, and what it comes to.
pub(super) trait Total: Debug + Default + Send + Sync + 'static {
    /// Adds a number; says how much memory that took.
    fn add(&mut self, number: Number) -> isize;
    /// Adds doubles, likewise. The bins are for the use of all.
    fn add_floats(&mut self, floats: &[f64], bins: &mut Bins) -> isize;
    /// Adds another total, likewise.
    fn merge(&mut self, other: Self) -> isize;
    /// The memory held beside the value itself.
    fn heap(&self) -> usize;
    /// The results in a column of this type.
    fn results(totals: Vec<Self>, output: &DataType) -> ArrayRef;
}

impl Total for ExactSum {
    fn add(&mut self, number: Number) -> isize {
        ExactSum::add(self, number)
    }

    fn add_floats(&mut self, floats: &[f64], bins: &mut Bins) -> isize {
        bins.add(floats, self)
    }

    fn merge(&mut self, other: Self) -> isize {
        ExactSum::merge(self, other)
    }

    fn heap(&self) -> usize {
        ExactSum::heap(self)
    }

    fn results(totals: Vec<Self>, output: &DataType) -> ArrayRef {
        match output {
            DataType::Decimal128(..) => {
                let in_range = |sum: &i128| sum.unsigned_abs() < WIDE_INTEGER_LIMIT;
                let sums = totals.into_iter().map(|sum| sum.integer().filter(in_range));
                Arc::new(
                    sums.collect::<Decimal128Array>()
                        .with_data_type(WIDE_INTEGER),
                )
            }
            DataType::Binary => {
                let mut column = BinaryBuilder::new();
                for sum in totals {
                    column.append_option(canonical_sum(sum));
                }
                Arc::new(column.finish())
            }
            _ => floats(totals.into_iter().map(|sum| sum.exact().round())),
        }
    }
}

/// A whole number when all were, and it is one of 128 bits; else a double,
/// or `None` beyond the range of doubles.
fn canonical_sum(sum: ExactSum) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(20);
    let whole = if sum.has_floats() {
        None
    } else {
        sum.clone().integer()
    };
    match whole {
        Some(integer) => canonical::encode_integer(integer, &mut out),
        None => canonical::encode_float(sum.exact().round()?, &mut out),
    }
    Some(out)
}

fn floats(results: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(results.collect::<Float64Array>())
}

/// The sum and the count of the numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Mean {
    sum: ExactSum,
    count: u64,
}

impl Total for Mean {
    fn add(&mut self, number: Number) -> isize {
        self.count += u64::from(is_finite(number));
        self.sum.add(number)
    }

    fn add_floats(&mut self, floats: &[f64], bins: &mut Bins) -> isize {
        let finite = floats.iter().filter(|float| float.is_finite());
        self.count += finite.count() as u64;
        bins.add(floats, &mut self.sum)
    }

    fn merge(&mut self, other: Self) -> isize {
        self.count += other.count;
        self.sum.merge(other.sum)
    }

    fn heap(&self) -> usize {
        self.sum.heap()
    }

    fn results(totals: Vec<Self>, _: &DataType) -> ArrayRef {
        floats(totals.into_iter().map(|Mean { sum, count }| {
            if count == 0 {
                None
            } else {
                sum.exact().divide(count)
            }
        }))
    }
}

/// The sum, the sum of squares and the count of the numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Spread {
    mean: Mean,
    squares: ExactSum,
}

impl Total for Spread {
    fn add(&mut self, number: Number) -> isize {
        self.mean.add(number) + self.squares.add_square(number)
    }

    fn add_floats(&mut self, floats: &[f64], bins: &mut Bins) -> isize {
        let squares = floats.iter().map(|float| Number::Float(*float));
        let growth: isize = squares.map(|float| self.squares.add_square(float)).sum();
        growth + self.mean.add_floats(floats, bins)
    }

    fn merge(&mut self, other: Self) -> isize {
        self.mean.merge(other.mean) + self.squares.merge(other.squares)
    }

    fn heap(&self) -> usize {
        self.mean.heap() + self.squares.heap()
    }

    fn results(totals: Vec<Self>, _: &DataType) -> ArrayRef {
        floats(totals.into_iter().map(
            |Spread {
                 mean: Mean { sum, count },
                 squares,
             }| {
                if count == 0 {
                    None
                } else {
                    deviation(count, &sum.exact(), squares.exact())
                }
            },
        ))
    }
}

fn is_finite(number: Number) -> bool {
    match number {
        Number::Integer(_) => true,
        Number::Float(float) => float.is_finite(),
    }
}

/// A function of the numbers' total.
#[derive(Debug)]
pub(super) struct Totals<T> {
    output: DataType,
    total: PhantomData<T>,
}

impl<T: Total> Totals<T> {
    /// The function with results of this type.
    pub(super) fn new(output: DataType) -> Self {
        Self {
            output,
            total: PhantomData,
        }
    }
}

impl<T: Total> Fold for Totals<T> {
    type State = T;

    fn update(&self, states: &mut [T], arguments: &[ArrayRef], rows: &Rows<'_>) -> Result<isize> {
        let column = &arguments[0];
        if let Some(floats) = column.as_primitive_opt::<Float64Type>()
            && floats.null_count() == 0
        {
            return Ok(add_floats(states, floats.values(), rows));
        }
        let mut growth = 0;
        visit_numbers(column, rows, |group, number| {
            growth += states[group].add(number)
        })?;
        Ok(growth)
    }

    fn absorb(&self, state: &mut T, other: T) -> isize {
        state.merge(other)
    }

    fn results(&self, states: Vec<T>) -> Result<ArrayRef> {
        Ok(T::results(states, &self.output))
    }

    fn heap(&self, state: &T) -> usize {
        state.heap()
    }
}

/// Adds doubles, none of which is missing: as many at once as there are of one group.
fn add_floats<T: Total>(states: &mut [T], floats: &[f64], rows: &Rows<'_>) -> isize {
    if floats.len() < MANY {
        let mut growth = 0;
        rows.for_each(None, |row, group| {
            growth += states[group].add(Number::Float(floats[row]));
        });
        return growth;
    }
    let mut bins = Bins::new();
    let mut runs = 0;
    rows.for_each_run(|_, _, _| runs += 1);
    let mut growth = 0;
    if let Rows::Each(groups) = rows
        && runs * MANY > floats.len()
        && states.len() * MANY <= floats.len()
    {
        let each = groups.iter().enumerate();
        let each = each.map(|(row, group)| (row, *group as usize));
        let (sorted, ends) = by_group(floats, each, states.len());
        for (state, bounds) in states.iter_mut().zip(ends.windows(2)) {
            if bounds[0] < bounds[1] {
                growth += state.add_floats(&sorted[bounds[0]..bounds[1]], &mut bins);
            }
        }
        return growth;
    }
    rows.for_each_run(|start, end, group| {
        let run = &floats[start..end];
        growth += if run.len() < MANY {
            let each = run.iter().map(|float| Number::Float(*float));
            each.map(|float| states[group].add(float)).sum::<isize>()
        } else {
            states[group].add_floats(run, &mut bins)
        };
    });
    growth
}

/// Visits the group and the value of each number of a column.
fn visit_numbers(
    column: &ArrayRef,
    rows: &Rows<'_>,
    mut visit: impl FnMut(usize, Number),
) -> Result<()> {
    use DataType as T;
    if let Some(encoded) = Encoded::of(column.as_ref()) {
        let in_use = encoded.in_use();
        let in_use = in_use.map_err(|error| DataFusionError::External(Box::new(error)))?;
        let values = in_use.values().as_binary::<i32>();
        let numbers: Vec<_> = values
            .iter()
            .map(|value| canonical::number(value?))
            .collect();
        let codes = in_use.keys();
        rows.for_each(codes.nulls(), |row, group| {
            let code = usize::try_from(codes.value(row)).unwrap_or(usize::MAX);
            if let Some(Some(number)) = numbers.get(code) {
                visit(group, *number);
            }
        });
        return Ok(());
    }
    match column.data_type() {
        T::Int8 => visit_integers::<Int8Type>(column, rows, visit),
        T::Int16 => visit_integers::<Int16Type>(column, rows, visit),
        T::Int32 => visit_integers::<Int32Type>(column, rows, visit),
        T::Int64 => visit_integers::<Int64Type>(column, rows, visit),
        T::UInt8 => visit_integers::<UInt8Type>(column, rows, visit),
        T::UInt16 => visit_integers::<UInt16Type>(column, rows, visit),
        T::UInt32 => visit_integers::<UInt32Type>(column, rows, visit),
        T::UInt64 => visit_integers::<UInt64Type>(column, rows, visit),
        T::Float32 => visit_floats::<Float32Type>(column, rows, visit),
        T::Float64 => visit_floats::<Float64Type>(column, rows, visit),
        T::Binary => {
            let values = column.as_binary::<i32>();
            rows.for_each(values.nulls(), |row, group| {
                if let Some(number) = canonical::number(values.value(row)) {
                    visit(group, number);
                }
            });
        }
        other => {
            return Err(DataFusionError::Internal(format!(
                "values of type {other} are no numbers"
            )));
        }
    }
    Ok(())
}

fn visit_integers<T: ArrowPrimitiveType<Native: Into<i128>>>(
    column: &ArrayRef,
    rows: &Rows<'_>,
    mut visit: impl FnMut(usize, Number),
) {
    let values = column.as_primitive::<T>().values();
    rows.for_each(column.nulls(), |row, group| {
        visit(group, Number::Integer(values[row].into()))
    });
}

fn visit_floats<T: ArrowPrimitiveType<Native: Into<f64>>>(
    column: &ArrayRef,
    rows: &Rows<'_>,
    mut visit: impl FnMut(usize, Number),
) {
    let values = column.as_primitive::<T>().values();
    rows.for_each(column.nulls(), |row, group| {
        visit(group, Number::Float(values[row].into()))
    });
}

//! Sum, average and standard deviation: exact up to one rounding at the end.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, LargeBinaryBuilder};
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

use super::exact::{ExactSum, take};
use super::groups::{Fold, Rows, broken_state};
use super::natural::deviation;

/// The type of an exact sum of integers.
pub(super) const WIDE_INTEGER: DataType = DataType::Decimal128(38, 0);
const WIDE_INTEGER_LIMIT: u128 = 10_u128.pow(38);

/// What is added up, and what it comes to.
pub(super) trait Total: Debug + Default + Send + Sync + 'static {
    /// Adds a number; says how much memory that took.
    fn add(&mut self, number: Number) -> isize;
    /// Adds another total, likewise.
    fn merge(&mut self, other: Self) -> isize;
    /// The memory held beside the value itself.
    fn heap(&self) -> usize;
    /// Appends the bytes that [`Total::read`] understands.
    fn write(self, out: &mut Vec<u8>);
    /// Takes a total off the front of `bytes`; `None` when there is none.
    fn read(bytes: &mut &[u8]) -> Option<Self>;
    /// The results in a column of this type.
    fn results(totals: Vec<Self>, output: &DataType) -> ArrayRef;
}

impl Total for ExactSum {
    fn add(&mut self, number: Number) -> isize {
        ExactSum::add(self, number)
    }

    fn merge(&mut self, other: Self) -> isize {
        ExactSum::merge(self, other)
    }

    fn heap(&self) -> usize {
        ExactSum::heap(self)
    }

    fn write(self, out: &mut Vec<u8>) {
        ExactSum::write(self, out);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        ExactSum::read(bytes)
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

    fn merge(&mut self, other: Self) -> isize {
        self.count += other.count;
        self.sum.merge(other.sum)
    }

    fn heap(&self) -> usize {
        self.sum.heap()
    }

    fn write(self, out: &mut Vec<u8>) {
        out.extend(self.count.to_le_bytes());
        self.sum.write(out);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let count = u64::from_le_bytes(take(bytes)?);
        Some(Self {
            sum: ExactSum::read(bytes)?,
            count,
        })
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

    fn merge(&mut self, other: Self) -> isize {
        self.mean.merge(other.mean) + self.squares.merge(other.squares)
    }

    fn heap(&self) -> usize {
        self.mean.heap() + self.squares.heap()
    }

    fn write(self, out: &mut Vec<u8>) {
        self.mean.write(out);
        self.squares.write(out);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self {
            mean: Mean::read(bytes)?,
            squares: ExactSum::read(bytes)?,
        })
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

    fn state_types(&self) -> Vec<DataType> {
        vec![DataType::LargeBinary]
    }

    fn update(&self, states: &mut [T], arguments: &[ArrayRef], rows: &Rows<'_>) -> Result<isize> {
        let mut growth = 0;
        visit_numbers(&arguments[0], rows, |group, number| {
            growth += states[group].add(number)
        })?;
        Ok(growth)
    }

    fn merge(&self, states: &mut [T], saved: &[ArrayRef], rows: &Rows<'_>) -> Result<isize> {
        let saved = saved[0].as_binary_opt::<i64>().ok_or_else(broken_state)?;
        let (mut growth, mut broken) = (0, false);
        rows.for_each(saved.nulls(), |row, group| {
            match T::read(&mut saved.value(row)) {
                Some(total) => growth += states[group].merge(total),
                None => broken = true,
            }
        });
        if broken {
            Err(broken_state())
        } else {
            Ok(growth)
        }
    }

    fn save(&self, states: Vec<T>) -> Result<Vec<ArrayRef>> {
        let mut column = LargeBinaryBuilder::new();
        let mut bytes = Vec::new();
        for state in states {
            bytes.clear();
            state.write(&mut bytes);
            column.append_value(&bytes);
        }
        Ok(vec![Arc::new(column.finish())])
    }

    fn results(&self, states: Vec<T>) -> Result<ArrayRef> {
        Ok(T::results(states, &self.output))
    }

    fn heap(&self, state: &T) -> usize {
        state.heap()
    }
}

/// Visits the group and the value of each number of a column.
fn visit_numbers(
    column: &ArrayRef,
    rows: &Rows<'_>,
    mut visit: impl FnMut(usize, Number),
) -> Result<()> {
    use DataType as T;
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

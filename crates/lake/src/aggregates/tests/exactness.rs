//! Single answers that a careless sum would get wrong.

use arrow_array::Array;
use arrow_schema::DataType;
use model::queries::Aggregate;
use model::value::{Number, Value};

use super::answer;
use crate::aggregates::exact::ExactSum;
use crate::aggregates::totals::{Total, WIDE_INTEGER};

fn doubles(numbers: &[f64]) -> Vec<Value> {
    numbers.iter().map(|number| Value::Float(*number)).collect()
}

#[test]
fn sums_of_floats_lose_nothing_on_the_way() {
    let sum = |numbers: &[f64]| answer(Aggregate::Sum, &DataType::Float64, doubles(numbers));
    assert_eq!(
        sum(&[1e308, 1e308, -1e308, -1e308, 5e-324]),
        Value::Float(5e-324)
    );
    assert_eq!(sum(&[0.1; 10]), Value::Float(1.0));
    assert_eq!(sum(&[-0.1; 10]), Value::Float(-1.0));
    assert_eq!(sum(&[1e308, 1e308]), Value::Null);
    assert_eq!(
        sum(&[f64::MAX, 1e291]),
        Value::Float(f64::MAX),
        "below half a step above"
    );
    assert_eq!(
        sum(&[f64::MAX, 1e292]),
        Value::Null,
        "above half a step above"
    );
    assert_eq!(sum(&[-1.5, 1.5]), Value::Float(0.0));
    assert_eq!(sum(&[]), Value::Float(0.0));
}

#[test]
fn a_sum_in_the_middle_of_two_doubles_goes_to_the_even_one() {
    let sum = |numbers: &[f64]| answer(Aggregate::Sum, &DataType::Float64, doubles(numbers));
    let (step, half) = (2_f64.powi(-52), 2_f64.powi(-53));
    for sign in [1.0, -1.0] {
        assert_eq!(sum(&[sign, sign * half]), Value::Float(sign));
        assert_eq!(
            sum(&[sign + sign * step, sign * half]),
            Value::Float(sign + sign * 2.0 * step)
        );
        // Whatever lies beyond the middle decides, however little it is.
        assert_eq!(
            sum(&[sign, sign * half, sign * 5e-324]),
            Value::Float(sign + sign * step)
        );
        let below = [sign + sign * step, sign * half, sign * -5e-324];
        assert_eq!(sum(&below), Value::Float(sign + sign * step));
    }
}

#[test]
fn averages_do_not_overflow_where_their_sums_would() {
    let average =
        |numbers: &[f64]| answer(Aggregate::Average, &DataType::Float64, doubles(numbers));
    assert_eq!(average(&[f64::MAX, f64::MAX]), Value::Float(f64::MAX));
    assert_eq!(
        average(&[5e-324, 0.0]),
        Value::Float(0.0),
        "a tie goes to even"
    );
    assert_eq!(average(&[5e-324, 5e-324, 0.0]), Value::Float(5e-324));
    assert_eq!(average(&[-5e-324, 0.0]), Value::Float(0.0), "never -0.0");
    assert_eq!(average(&[]), Value::Null);
    let integers = vec![
        Value::Integer(i64::MAX.into()),
        Value::Integer(i64::MAX.into()),
    ];
    let average = answer(Aggregate::Average, &DataType::Int64, integers);
    assert_eq!(average, Value::Float(i64::MAX as f64));
}

#[test]
fn deviations_survive_cancellation_and_the_ends_of_the_range() {
    let of = |numbers: &[f64]| {
        answer(
            Aggregate::StandardDeviation,
            &DataType::Float64,
            doubles(numbers),
        )
    };
    let expected = Value::Float((2.0_f64 / 3.0).sqrt());
    assert_eq!(of(&[1.0, 2.0, 3.0]), expected);
    assert_eq!(of(&[1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0]), expected);
    assert_eq!(of(&[1e15 + 1.0, 1e15 + 2.0, 1e15 + 3.0]), expected);
    assert_eq!(of(&[f64::MAX, f64::MIN]), Value::Float(f64::MAX));
    assert_eq!(of(&[5e-324, -5e-324]), Value::Float(5e-324));
    assert_eq!(of(&[0.1; 7]), Value::Float(0.0));
    assert_eq!(of(&[]), Value::Null);
    let ends = vec![
        Value::Integer(i64::MAX.into()),
        Value::Integer(i64::MIN.into()),
    ];
    let expected = Value::Float(2_f64.powi(63));
    assert_eq!(
        answer(Aggregate::StandardDeviation, &DataType::Int64, ends),
        expected
    );
}

#[test]
fn a_deviation_is_rounded_once() {
    let of = |values: Vec<Value>| answer(Aggregate::StandardDeviation, &DataType::Binary, values);
    // Half of it is in the middle of two doubles.
    let range = Value::Integer((1 << 54) + 2);
    assert_eq!(
        of(vec![range.clone(), Value::Integer(0)]),
        Value::Float(2_f64.powi(53))
    );
    assert_eq!(
        of(vec![range.clone(), Value::Float(5e-324)]),
        Value::Float(2_f64.powi(53))
    );
    let above = of(vec![range, Value::Float(-5e-324)]);
    assert_eq!(above, Value::Float(2_f64.powi(53) + 2.0));
}

#[test]
fn sums_of_integers_are_wide_and_leave_their_range_for_null() {
    let ends = |end: i128, count| vec![Value::Integer(end); count];
    let sum = answer(Aggregate::Sum, &DataType::Int64, ends(i64::MIN.into(), 5));
    assert_eq!(sum, Value::Integer(i128::from(i64::MIN) * 5));
    let sum = answer(Aggregate::Sum, &DataType::UInt64, ends(u64::MAX.into(), 5));
    assert_eq!(sum, Value::Integer(i128::from(u64::MAX) * 5));
    // No rows make a sum of 38 digits, so the total is asked directly.
    for (wide, expected) in [(10_i128.pow(38) - 1, true), (10_i128.pow(38), false)] {
        let mut total = ExactSum::default();
        total.add(Number::Integer(wide));
        let column = <ExactSum as Total>::results(vec![total], &WIDE_INTEGER);
        assert_eq!(column.is_valid(0), expected);
    }
}

#[test]
fn sums_of_an_undeclared_field_are_whole_when_the_numbers_are() {
    let sum = |values: Vec<Value>| answer(Aggregate::Sum, &DataType::Binary, values);
    let big = Value::Integer((1 << 60) + 1);
    assert_eq!(sum(vec![big.clone(), "5".into(), true.into()]), big);
    assert_eq!(sum(vec![]), Value::Integer(0));
    assert_eq!(sum(vec!["5".into()]), Value::Integer(0));
    let rounded = Value::Integer((1 << 60) + 256);
    assert_eq!(
        sum(vec![Value::Integer((1 << 60) + 200), Value::Float(0.5)]),
        rounded
    );
    let beyond = vec![Value::Integer(i128::MAX), Value::Integer(1)];
    assert_eq!(sum(beyond), Value::Float(2_f64.powi(127)));
    let back = vec![
        Value::Integer(i128::MAX),
        Value::Integer(1),
        Value::Integer(-1),
    ];
    assert_eq!(sum(back), Value::Integer(i128::MAX));
}

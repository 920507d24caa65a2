//! What each function means, said plainly over values.

use std::cmp::Ordering;
use std::collections::HashSet;

use arrow_schema::DataType;
use model::canonical;
use model::queries::Aggregate;
use model::value::{Number, Value, compare};

use super::oracle::{Big, is_deviation, is_quotient};

/// A row of a group.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) group: i64,
    pub(super) value: Value,
    pub(super) time: Option<i64>,
    pub(super) id: String,
}

/// Whether `got` is the answer over these rows of a column of this type.
pub(super) fn is_right(
    aggregate: Aggregate,
    data_type: &DataType,
    rows: &[&Row],
    got: &Value,
) -> bool {
    let values: Vec<&Value> = rows
        .iter()
        .map(|row| &row.value)
        .filter(|value| !value.is_null())
        .collect();
    let numbers: Vec<Number> = values
        .iter()
        .filter_map(|value| value.as_number())
        .collect();
    let count = |count: usize| Value::Integer(count as i128);
    match aggregate {
        Aggregate::Count => *got == count(values.len()),
        Aggregate::CountUnique => {
            let meanings: HashSet<_> = values.iter().map(|v| canonical::to_bytes(v)).collect();
            *got == count(meanings.len())
        }
        Aggregate::Sum => is_sum(data_type, &numbers, got),
        Aggregate::Average if numbers.is_empty() => got.is_null(),
        Aggregate::Average => is_quotient(&sum(&numbers), numbers.len() as u64, float(got)),
        Aggregate::StandardDeviation if numbers.is_empty() => got.is_null(),
        Aggregate::StandardDeviation => {
            float(got).is_some_and(|result| is_deviation(&numbers, result))
        }
        Aggregate::Minimum => *got == extreme(&values, Ordering::Less),
        Aggregate::Maximum => *got == extreme(&values, Ordering::Greater),
        Aggregate::Percentile(hundredths) => *got == percentile(hundredths, data_type, &values),
        Aggregate::SelectUnique => {
            let mut meanings: Vec<_> = values.iter().map(|v| canonical::to_bytes(v)).collect();
            meanings.sort();
            meanings.dedup();
            let missing = (values.len() < rows.len()).then_some(Value::Null);
            let missing = missing.as_ref().map(canonical::to_bytes);
            let got = got.as_array().unwrap().iter().map(canonical::to_bytes);
            got.eq(meanings.into_iter().chain(missing))
        }
        Aggregate::First => *got == edge(rows, false),
        Aggregate::Last => *got == edge(rows, true),
    }
}

fn sum(numbers: &[Number]) -> Big {
    numbers
        .iter()
        .fold(Big::from(0), |sum, number| sum.plus(&Big::scaled(*number)))
}

fn is_sum(data_type: &DataType, numbers: &[Number], got: &Value) -> bool {
    let is_integer = |number: &Number| matches!(number, Number::Integer(_));
    let is_float = matches!(data_type, DataType::Float32 | DataType::Float64);
    let total = sum(numbers);
    let scaled = |integer| Big::scaled(Number::Integer(integer));
    if !is_float
        && numbers.iter().all(is_integer)
        && total.compare(&scaled(i128::MIN)).is_ge()
        && total.compare(&scaled(i128::MAX)).is_le()
    {
        return matches!(got, Value::Integer(got) if total.compare(&scaled(*got)).is_eq());
    }
    is_quotient(&total, 1, float(got))
}

/// The double that a value is; `None` for null.
fn float(value: &Value) -> Option<f64> {
    let double = value.as_number()?.to_f64();
    // A whole double of an undeclared field reads as an integer.
    if let Value::Integer(integer) = value {
        assert_eq!(double as i128, *integer, "a rounded result is a double");
    }
    Some(double)
}

fn kind(value: &Value) -> Option<u8> {
    match value {
        Value::Integer(_) | Value::Float(_) => Some(0),
        Value::String(_) => Some(1),
        Value::Boolean(_) => Some(2),
        Value::Date(_) => Some(3),
        Value::DateTime(_) => Some(4),
        Value::Uuid(_) => Some(5),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn extreme(values: &[&Value], wanted: Ordering) -> Value {
    let Some(best) = values.iter().filter_map(|value| kind(value)).min() else {
        return Value::Null;
    };
    let mut candidates = values.iter().filter(|value| kind(value) == Some(best));
    let first = candidates.next().expect("one has the kind");
    let chosen = candidates.fold(first, |chosen, value| {
        if compare(value, chosen) == Some(wanted) {
            value
        } else {
            chosen
        }
    });
    (*chosen).clone()
}

fn percentile(hundredths: u32, data_type: &DataType, values: &[&Value]) -> Value {
    let mut candidates: Vec<&Value> = values.to_vec();
    if *data_type == DataType::Binary {
        candidates.retain(|value| value.as_number().is_some());
    }
    candidates.sort_by(|a, b| compare(a, b).expect("they are of one kind"));
    // The first value with enough values at or below it.
    let enough = |index: &usize| (index + 1) * 10_000 >= hundredths as usize * candidates.len();
    (0..candidates.len())
        .find(enough)
        .map_or(Value::Null, |index| candidates[index].clone())
}

fn edge(rows: &[&Row], last: bool) -> Value {
    let timed: Vec<&&Row> = rows.iter().filter(|row| row.time.is_some()).collect();
    let mut candidates = if timed.is_empty() {
        rows.iter().collect()
    } else {
        timed
    };
    candidates.sort_by_key(|row| (row.time, &row.id));
    let chosen = if last {
        candidates.last()
    } else {
        candidates.first()
    };
    chosen.map_or(Value::Null, |row| row.value.clone())
}

//! Values as clients send them: a small world in which conditions meet, and
//! the values that have broken engines before.

use model::fields::{ColumnType, FieldType, ScalarType};
use model::value::Value;

use super::dice::Dice;

const TEXTS: [&str; 12] = [
    "acme",
    "zed",
    "a",
    "b",
    "ab",
    "",
    "42",
    "1e5",
    "x' OR 1=1 --",
    "2026-03-29",
    "é",
    "null",
];
const FLOATS: [f64; 14] = [
    0.0,
    -0.0,
    1.0,
    1.5,
    -2.25,
    0.1,
    42.0,
    1e308,
    -1e308,
    5e-324,
    9_007_199_254_740_993.0,
    1e16,
    -1e-300,
    3.5e10,
];
const DATES: [&str; 6] = [
    "2026-03-28",
    "2026-03-29",
    "2026-03-30",
    "0001-01-01",
    "9999-12-31",
    "2024-02-29",
];
const UUIDS: [&str; 3] = [
    "00000000-0000-0000-0000-000000000000",
    "01234567-89ab-cdef-0123-456789abcdef",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
];

/// An instant: mostly of a few days around a change of Europe's clocks.
pub(crate) fn instant(dice: &mut Dice) -> String {
    match dice.below(20) {
        0 => "0001-01-01T00:00:00Z".to_owned(),
        1 => "9999-12-31T23:59:59.999999Z".to_owned(),
        2 => "2026-03-29T01:00:00Z".to_owned(),
        3 => "2026-03-29T00:59:59.999999Z".to_owned(),
        4 => format!("{}-07-01T12:00:00Z", dice.between(1970, 2040)),
        _ => format!(
            "2026-03-{:02}T{:02}:{:02}:00Z",
            dice.between(26, 31),
            dice.below(24),
            dice.pick(&[0, 15, 30, 59])
        ),
    }
}

fn integer(dice: &mut Dice, scalar: ScalarType) -> Value {
    let (least, greatest) = scalar.integer_range().unwrap_or((-128, 127));
    let number = match dice.below(12) {
        0 => least,
        1 => greatest,
        2 => i128::from(dice.next() as i64),
        _ => *dice.pick(&[0, 1, 2, 3, -1, 42, 7]),
    };
    Value::Integer(number.clamp(least, greatest))
}

/// A number that is a `Value::Float` also when it is whole.
fn float(dice: &mut Dice, scalar: ScalarType) -> Value {
    let number = *dice.pick(&FLOATS);
    let fits = scalar != ScalarType::Float32 || number.abs() < 1e38;
    Value::float(if fits { number } else { 1.5 }).unwrap()
}

/// A value that a field of this type takes.
pub(crate) fn scalar(dice: &mut Dice, scalar: ScalarType) -> Value {
    match scalar {
        ScalarType::String => Value::from(*dice.pick(&TEXTS)),
        ScalarType::Boolean => Value::from(dice.percent(50)),
        ScalarType::Date => Value::from(*dice.pick(&DATES)),
        ScalarType::DateTime => Value::from(instant(dice)),
        ScalarType::Uuid => Value::from(*dice.pick(&UUIDS)),
        ScalarType::Float32 | ScalarType::Float64 => {
            if dice.percent(30) {
                integer(dice, ScalarType::Int32)
            } else {
                float(dice, scalar)
            }
        }
        whole => integer(dice, whole),
    }
}

/// A value of any kind, as an undeclared field may hold it.
fn mixed(dice: &mut Dice, depth: usize) -> Value {
    match dice.below(12) {
        0..=2 => integer(dice, ScalarType::Int64),
        3 | 4 => float(dice, ScalarType::Float64),
        5..=7 => Value::from(*dice.pick(&TEXTS)),
        8 => Value::from(dice.percent(50)),
        9 => Value::Integer(*dice.pick(&[1 << 64, -(1 << 70), i128::from(u64::MAX)])),
        10 if depth == 0 => {
            Value::Array((0..dice.below(4)).map(|_| mixed(dice, depth + 1)).collect())
        }
        10 => Value::Null,
        _ if depth > 0 => Value::from("a"),
        // A point, for `within`.
        _ => Value::Array(vec![
            Value::float(13.4).unwrap(),
            Value::float(52.5).unwrap(),
        ]),
    }
}

/// A value that a column takes.
pub(crate) fn value(dice: &mut Dice, column: ColumnType) -> Value {
    match column {
        ColumnType::Declared(FieldType::Scalar(one)) => scalar(dice, one),
        ColumnType::Declared(FieldType::Array(element)) => {
            Value::Array((0..dice.below(4)).map(|_| scalar(dice, element)).collect())
        }
        ColumnType::Undeclared => mixed(dice, 0),
    }
}

/// One value to compare a column with.
pub(crate) fn literal(dice: &mut Dice, column: ColumnType) -> Value {
    match column {
        ColumnType::Declared(FieldType::Scalar(one) | FieldType::Array(one)) => {
            if one.is_numeric() && dice.percent(20) {
                float(dice, ScalarType::Float64)
            } else {
                scalar(dice, one)
            }
        }
        ColumnType::Undeclared => loop {
            let value = mixed(dice, 1);
            if !value.is_null() {
                return value;
            }
        },
    }
}

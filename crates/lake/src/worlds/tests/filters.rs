//! Random filters over known columns, as the wire's tree.

use model::fields::{ColumnType, FieldType, ScalarType};
use model::filters::Operator;
use model::value::{Object, Value};

use super::dice::Dice;
use super::values::{literal, value};

/// A field that a filter may name.
pub(crate) type Known = (String, ColumnType);

/// The operators that mean something for a column.
pub(crate) fn operators(column: ColumnType) -> Vec<Operator> {
    use Operator as O;
    let mut fitting = vec![O::Eq, O::Ne, O::In, O::NotIn, O::Exists];
    let order = [O::Lt, O::Lte, O::Gt, O::Gte];
    let text = [
        O::Contains,
        O::NotContains,
        O::StartsWith,
        O::EndsWith,
        O::Regex,
    ];
    match column {
        ColumnType::Undeclared => return Operator::ALL.to_vec(),
        ColumnType::Declared(FieldType::Scalar(ScalarType::String)) => {
            fitting.extend(order);
            fitting.extend(text);
        }
        ColumnType::Declared(FieldType::Scalar(ScalarType::Boolean)) => {}
        ColumnType::Declared(FieldType::Scalar(_)) => fitting.extend(order),
        ColumnType::Declared(FieldType::Array(element)) => {
            fitting.extend([O::Contains, O::NotContains]);
            if matches!(element, ScalarType::Float32 | ScalarType::Float64) {
                fitting.push(O::Within);
            }
        }
    }
    fitting
}

/// A value for the operator's right side.
pub(crate) fn operand(dice: &mut Dice, operator: Operator, column: ColumnType) -> Value {
    use Operator as O;
    match operator {
        O::Exists => Value::from(dice.percent(70)),
        O::In | O::NotIn => Value::Array(
            (0..dice.between(1, 4))
                .map(|_| literal(dice, column))
                .collect(),
        ),
        O::StartsWith | O::EndsWith => Value::from(*dice.pick(&["a", "k", "", "4", "z"])),
        O::Regex => Value::from(*dice.pick(&["^a", "[0-9]+$", "b|e", ".", "^$", "k[0-7]"])),
        O::Contains | O::NotContains if dice.percent(60) => match column {
            ColumnType::Declared(FieldType::Array(_)) => literal(dice, column),
            _ => Value::from(*dice.pick(&["a", "e", "2", ""])),
        },
        O::Within => {
            let center = vec![Value::float(13.3).unwrap(), Value::Integer(52)];
            let radius = *dice.pick(&[1_000, 100_000, 30_000_000]);
            Object::new()
                .with("center", center)
                .with("radius_meters", radius)
                .into()
        }
        _ => literal(dice, column),
    }
}

fn comparison(dice: &mut Dice, known: &[Known], wild: bool) -> Value {
    let (field, column) = dice.pick(known).clone();
    // A wild one may fit neither the field nor the pool.
    let (field, column) = match dice.below(3) {
        0 if wild => ("gone.away".to_owned(), column),
        1 if wild => (field, ColumnType::Undeclared),
        _ => (field, column),
    };
    let operator = *dice.pick(&operators(column));
    let value = operand(dice, operator, column);
    Object::new()
        .with("field", field)
        .with("operator", operator.name())
        .with("value", value)
        .into()
}

/// One filter. A `wild` one may mean nothing for the pool.
pub(crate) fn filter(dice: &mut Dice, known: &[Known], wild: bool, depth: usize) -> Value {
    let parts = |dice: &mut Dice| -> Value {
        let count = dice.between(1, 3);
        (0..count)
            .map(|_| filter(dice, known, wild, depth + 1))
            .collect::<Vec<_>>()
            .into()
    };
    match dice.below(10) {
        0 | 1 if depth < 3 => Object::new().with("all", parts(dice)).into(),
        2 | 3 if depth < 3 => Object::new().with("any", parts(dice)).into(),
        4 if depth < 3 => Object::new()
            .with("not", filter(dice, known, wild, depth + 1))
            .into(),
        _ => comparison(dice, known, wild),
    }
}

/// A list of filters.
pub(crate) fn list(dice: &mut Dice, known: &[Known], wild: bool) -> Value {
    let count = if dice.percent(70) { 1 } else { 2 };
    (0..count)
        .map(|_| filter(dice, known, wild, 0))
        .collect::<Vec<_>>()
        .into()
}

/// A condition that a few rows of each kind meet: one field against values it has.
pub(crate) fn narrow(dice: &mut Dice, known: &[Known]) -> Value {
    let (field, column) = dice.pick(known).clone();
    let values: Vec<Value> = (0..dice.between(1, 2))
        .map(|_| match value(dice, column) {
            Value::Array(_) | Value::Null => literal(dice, column),
            one => one,
        })
        .collect();
    vec![Value::from(
        Object::new()
            .with("field", field)
            .with("operator", "in")
            .with("value", Value::Array(values)),
    )]
    .into()
}

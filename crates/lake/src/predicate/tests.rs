//! The vectorised evaluation against [`Predicate::test`], the reference.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use model::filters::{Operator, RowView, parse_filter};
use model::names::FieldPath;
use model::value::Object;
use proptest::prelude::*;

use super::*;
use crate::columns::schema_of;
use crate::worlds::tests::dice::Dice;
use crate::worlds::tests::filters::{self, Known, operand, operators};
use crate::worlds::tests::values;

fn every_column() -> Vec<ColumnType> {
    let scalars = ScalarType::ALL.into_iter();
    let fields = scalars.flat_map(|one| [FieldType::Scalar(one), FieldType::Array(one)]);
    fields
        .map(ColumnType::Declared)
        .chain([ColumnType::Undeclared])
        .collect()
}

/// A stored value of a column, or none.
fn stored(dice: &mut Dice, column: ColumnType) -> Option<Value> {
    if dice.percent(15) {
        return None;
    }
    let value = match column {
        ColumnType::Declared(field) => field.coerce(values::value(dice, column)).unwrap(),
        ColumnType::Undeclared if dice.percent(5) => Value::Object(Object::new()),
        ColumnType::Undeclared => values::value(dice, column),
    };
    Some(value).filter(|value| !value.is_null())
}

#[derive(Debug, Default)]
struct Row(BTreeMap<String, Value>);

impl RowView for Row {
    fn field(&self, path: &FieldPath) -> Option<&Value> {
        self.0.get(path.as_str())
    }
}

fn rows(dice: &mut Dice, known: &[Known], count: usize) -> Vec<Row> {
    let row = |_| {
        let cells = known
            .iter()
            .filter_map(|(name, column)| Some((name.clone(), stored(dice, *column)?)));
        Row(cells.collect())
    };
    (0..count).map(row).collect()
}

fn batch(known: &[Known], rows: &[Row]) -> RecordBatch {
    let arrays = known
        .iter()
        .map(|(name, column)| array_of(*column, rows.iter().map(|row| row.0.get(name))).unwrap());
    let columns: Vec<_> = known
        .iter()
        .map(|(name, column)| (FieldPath::parse(name).unwrap(), *column))
        .collect();
    RecordBatch::try_new(schema_of(&columns), arrays.collect()).unwrap()
}

fn resolve(known: &[Known], filter: &Value) -> Predicate {
    let filter = parse_filter(filter).unwrap();
    let column = |path: &FieldPath| {
        known
            .iter()
            .find(|(name, _)| name == path.as_str())
            .map(|(_, column)| *column)
    };
    Predicate::resolve(&filter, &column).unwrap()
}

fn agree(known: &[Known], rows: &[Row], predicate: &Predicate) {
    let batch = batch(known, rows);
    let truth = evaluate(predicate, &batch).unwrap();
    let admits = admitted(predicate, &batch).unwrap();
    assert_eq!(truth.len(), rows.len());
    assert_eq!(admits.null_count(), 0);
    let count = rows.iter().filter(|row| predicate.admits(*row)).count();
    assert_eq!(count_admitted(predicate, &batch).unwrap(), count);
    assert!(!admits_all(predicate) || count == rows.len());
    for (at, row) in rows.iter().enumerate() {
        let told = truth.is_valid(at).then(|| truth.value(at));
        assert_eq!(told, predicate.test(row), "{predicate:?} of {row:?}");
        assert_eq!(admits.value(at), predicate.admits(row));
    }
}

fn comparison(field: &str, operator: Operator, value: Value) -> Value {
    Object::new()
        .with("field", field)
        .with("operator", operator.name())
        .with("value", value)
        .into()
}

#[test]
fn every_operator_on_every_type_means_what_the_reference_says() {
    let mut pairs = 0;
    for (at, column) in every_column().into_iter().enumerate() {
        for operator in operators(column) {
            pairs += 1;
            let mut dice = Dice::new(at as u64);
            let known = vec![("f".to_owned(), column)];
            for _ in 0..25 {
                let value = operand(&mut dice, operator, column);
                let Ok(_) = parse_filter(&comparison("f", operator, value.clone())) else {
                    continue;
                };
                let predicate = resolve(&known, &comparison("f", operator, value));
                agree(&known, &rows(&mut dice, &known, 12), &predicate);
            }
        }
    }
    assert_eq!(pairs, 258);
}

#[test]
fn a_column_whose_nulls_hold_values_is_read_as_missing() {
    let values: arrow_array::Int64Array = vec![Some(1), Some(2)].into();
    let (_, buffer, _) = values.into_parts();
    let hidden = arrow_buffer::NullBuffer::from(vec![true, false]);
    let array = arrow_array::Int64Array::new(buffer, Some(hidden));
    let column = ColumnType::Declared(FieldType::Scalar(ScalarType::Int64));
    let schema = schema_of(&[(FieldPath::parse("f").unwrap(), column)]);
    let batch = RecordBatch::try_new(schema, vec![Arc::new(array)]).unwrap();
    let known = vec![("f".to_owned(), column)];
    for (operator, value, wanted) in [
        (Operator::Eq, Value::Integer(2), None),
        (Operator::Ne, Value::Integer(7), None),
        (Operator::Gt, Value::Integer(0), None),
        (Operator::Exists, Value::from(false), Some(true)),
    ] {
        let predicate = resolve(&known, &comparison("f", operator, value));
        let truth = evaluate(&predicate, &batch).unwrap();
        assert_eq!(
            truth.is_valid(1).then(|| truth.value(1)),
            wanted,
            "{operator:?}"
        );
    }
}

#[test]
fn nothing_admits_nothing_and_no_condition_admits_everything() {
    let known = vec![("f".to_owned(), ColumnType::Undeclared)];
    let rows: Vec<Row> = (0..70).map(|_| Row::default()).collect();
    for predicate in [
        Predicate::Nothing,
        Predicate::All(Vec::new()),
        Predicate::Any(Vec::new()),
        Predicate::Not(Box::new(Predicate::Nothing)),
    ] {
        agree(&known, &rows, &predicate);
    }
}

#[test]
fn a_column_that_is_not_there_is_a_fault_of_the_plan_whatever_the_rows() {
    let known = vec![("f".to_owned(), ColumnType::Undeclared)];
    let missing = vec![("g".to_owned(), ColumnType::Undeclared)];
    let predicate = resolve(&missing, &comparison("g", Operator::Eq, Value::Integer(1)));
    let none = Predicate::All(vec![Predicate::Nothing, predicate.clone()]);
    for rows in [Vec::new(), vec![Row::default()]] {
        assert!(evaluate(&predicate, &batch(&known, &rows)).is_err());
        assert!(evaluate(&none, &batch(&known, &rows)).is_err());
    }
}

#[test]
fn only_a_list_that_every_row_must_meet_is_a_hint() {
    let known = vec![
        ("f".to_owned(), ColumnType::Undeclared),
        ("g".to_owned(), ColumnType::Undeclared),
    ];
    let field = FieldPath::parse("f").unwrap();
    let required = |text: &str| {
        let predicate = resolve(&known, &model::json::parse(text.as_bytes()).unwrap());
        required_values(&predicate, &field).map(<[Value]>::to_vec)
    };
    let f = r#"{"field":"f","operator":"in","value":[1,2]}"#;
    let g = r#"{"field":"g","operator":"eq","value":1}"#;
    let wanted = Some(vec![Value::Integer(1), Value::Integer(2)]);
    assert_eq!(required(f), wanted);
    assert_eq!(
        required(&format!(r#"{{"all":[{g},{{"all":[{f},{g}]}}]}}"#)),
        wanted
    );
    assert_eq!(required(&format!(r#"{{"any":[{f},{g}]}}"#)), None);
    assert_eq!(required(&format!(r#"{{"not":{f}}}"#)), None);
    assert_eq!(required(g), None);
    assert_eq!(
        required(r#"{"field":"f","operator":"contains","value":1}"#),
        None
    );
    assert_eq!(required(r#"{"field":"f","operator":"ne","value":1}"#), None);
}

#[test]
fn a_hint_finds_every_row_that_equals_its_value() {
    let mut dice = Dice::new(7);
    let (mut hit, mut a, mut b) = (0, Vec::new(), Vec::new());
    for column in every_column() {
        for _ in 0..300 {
            let literal = values::literal(&mut dice, column);
            let known = vec![("f".to_owned(), column)];
            let predicate = resolve(&known, &comparison("f", Operator::Eq, literal));
            let rows = rows(&mut dice, &known, 1);
            let Some(value) = rows[0]
                .0
                .get("f")
                .filter(|value| value.as_array().is_none())
            else {
                continue;
            };
            let required = required_values(&predicate, &FieldPath::parse("f").unwrap()).unwrap();
            index_key(&required[0], &mut a);
            let batch = batch(&known, &rows);
            cell_index_key(&CellReader::new(batch.column(0).as_ref()).cell(0), &mut b);
            let equal = predicate.admits(&rows[0]);
            assert_eq!(a == b, equal, "{required:?} and {value:?}");
            hit += usize::from(equal);
        }
    }
    assert!(hit > 300);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) })]

    #[test]
    fn trees_over_several_columns_mean_what_the_reference_says(seed: u64) {
        let mut dice = Dice::new(seed);
        let columns = every_column();
        let known: Vec<Known> =
            (0..3).map(|at| (format!("f{at}"), *dice.pick(&columns))).collect();
        let filter = filters::filter(&mut dice, &known, false, 0);
        let count = *dice.pick(&[0, 1, 5, 70]);
        let rows = rows(&mut dice, &known, count);
        agree(&known, &rows, &resolve(&known, &filter));
    }
}

mod exactness;
mod naive;
mod oracle;
mod plans;
mod stored;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion_common::ScalarValue;
use datafusion_expr::EmitTo;
use datafusion_physical_expr::expressions::col;
use model::queries::{Aggregate, Measure};
use model::value::Value;
use proptest::prelude::*;

use super::{expression, result_type};
use naive::{Row, is_right};
use plans::{Case, Road, aggregate, column, functions};
use stored::{cases, list};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_function_answers_what_it_means_by_every_road(
        (case, shuffled) in cases(),
        batch in 1_usize..6,
        partitions in 1_usize..4,
        grouped in any::<bool>(),
    ) {
        let results = case.run(grouped, &Road::Whole(usize::MAX >> 1));
        for (group, results) in &results {
            let rows: Vec<&Row> =
                case.rows.iter().filter(|row| group.is_none_or(|group| row.group == group)).collect();
            for (function, got) in functions(&case.data_type).into_iter().zip(results) {
                prop_assert!(
                    is_right(function, &case.data_type, &rows, got),
                    "{function:?} of {rows:?} is not {got:?}"
                );
            }
        }
        let shuffled = Case { rows: shuffled, ..case };
        for road in [
            Road::Whole(batch),
            Road::Parts { partitions, batch, aggregate_parts: true },
            Road::Parts { partitions, batch, aggregate_parts: false },
        ] {
            prop_assert_eq!(&shuffled.run(grouped, &road), &results, "{:?}", road);
        }
    }
}

/// The one result of a function over values without times.
fn answer(function: Aggregate, data_type: &DataType, values: Vec<Value>) -> Value {
    let row = |(index, value)| Row {
        group: 0,
        value,
        time: None,
        id: format!("{index:04}"),
    };
    let rows = values.into_iter().enumerate().map(row).collect();
    let case = Case {
        data_type: data_type.clone(),
        undeclared_time: false,
        rows,
    };
    let results = case.run(false, &Road::Whole(2));
    let index = functions(data_type)
        .iter()
        .position(|each| *each == function);
    results[&None][index.expect("a function of the type")].clone()
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("value", DataType::Int64, true),
        Field::new(
            "time",
            DataType::Timestamp(TimeUnit::Microsecond, None),
            true,
        ),
        Field::new("_id", DataType::Utf8, true),
        Field::new("tags", list(DataType::Utf8), true),
    ]))
}

#[test]
fn rows_are_counted_without_a_column() {
    let count = aggregate(Aggregate::Count, None, &schema());
    let mut counting = count.create_accumulator().expect("it runs");
    let ones: ArrayRef = Arc::new(Int64Array::from(vec![1, 1, 1]));
    counting.update_batch(&[ones]).expect("it counts");
    assert_eq!(
        counting.evaluate().expect("a count"),
        ScalarValue::Int64(Some(3))
    );
}

#[test]
fn groups_leave_in_parts_and_filters_hold() {
    for function in functions(&DataType::Int64) {
        let expression = aggregate(
            function,
            Some(col("value", &schema()).expect("there")),
            &schema(),
        );
        let mut groups = expression.create_groups_accumulator().expect("it runs");
        let empty = groups.size();
        let values: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![7, 8, 9, 10])),
            Arc::new(TimestampMicrosecondArray::from(vec![0, 0, 0, 0])),
            Arc::new(StringArray::from(vec!["a", "b", "c", "d"])),
        ];
        let arguments = &values[..expression.expressions().len()];
        // A filter that is unknown admits as little as a false one.
        let known = NullBuffer::from(vec![true, true, true, false]);
        let filter = BooleanArray::new(vec![true, true, false, true].into(), Some(known));
        groups
            .update_batch(arguments, &[0, 1, 0, 1], Some(&filter), 3)
            .expect("it takes rows");
        assert!(groups.size() > empty, "{function:?} holds something");
        let first = groups.evaluate(EmitTo::First(1)).expect("a result");
        let rest = groups.evaluate(EmitTo::All).expect("results");
        assert_eq!((first.len(), rest.len()), (1, 2));
        let alone = |value: i64| answer(function, &DataType::Int64, vec![Value::from(value)]);
        let none = answer(function, &DataType::Int64, vec![]);
        let expected = [alone(7), alone(8), none];
        let output = result_type(function, Some(&DataType::Int64));
        assert_eq!(
            &first,
            &column(expected[..1].iter(), &output),
            "{function:?}"
        );
        assert_eq!(
            &rest,
            &column(expected[1..].iter(), &output),
            "{function:?}"
        );
    }
}

/// The one result of a function over columns as they are.
fn over(function: Aggregate, columns: &[ArrayRef], ordered_by: &[&str]) -> ScalarValue {
    let names = ["value", "a", "b"];
    let fields: Vec<Field> = columns
        .iter()
        .zip(names)
        .map(|(column, name)| Field::new(name, column.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let by = |name: &str| col(name, &schema).expect("there");
    let measure = Measure {
        name: "m".to_owned(),
        aggregate: function,
        field: None,
    };
    let order: Vec<_> = ordered_by.iter().map(|name| by(name)).collect();
    let expression = expression(&measure, Some(by("value")), &order, &schema).expect("meaningful");
    let mut running = expression.create_accumulator().expect("it runs");
    running.update_batch(columns).expect("it takes rows");
    running.evaluate().expect("a result")
}

#[test]
fn a_null_of_an_undeclared_field_is_no_value() {
    let one = model::canonical::to_bytes(&Value::Integer(1));
    let null = model::canonical::to_bytes(&Value::Null);
    let values: ArrayRef = Arc::new(BinaryArray::from(vec![Some(&null[..]), Some(&one), None]));
    let order: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let columns = [values, order];
    for (function, expected) in [
        (Aggregate::Count, ScalarValue::Int64(Some(1))),
        (Aggregate::CountUnique, ScalarValue::Int64(Some(1))),
        (Aggregate::First, ScalarValue::Binary(None)),
        (Aggregate::Last, ScalarValue::Binary(None)),
    ] {
        let order: &[&str] = if expected.is_null() { &["a"] } else { &[] };
        let columns = if expected.is_null() {
            &columns[..]
        } else {
            &columns[..1]
        };
        assert_eq!(over(function, columns, order), expected, "{function:?}");
    }
}

#[test]
fn lists_differ_where_their_elements_meet_elsewhere() {
    let lists: Vec<Value> = [
        vec!["a", "b"],
        vec!["a\u{1}b"],
        vec!["ab", ""],
        vec!["", "ab"],
        vec!["ab"],
        vec![],
        vec![""],
        vec!["a", "b"],
    ]
    .map(Value::from)
    .to_vec();
    let values = column(lists.iter(), &list(DataType::Utf8));
    assert_eq!(
        over(Aggregate::CountUnique, &[values], &[]),
        ScalarValue::Int64(Some(7))
    );
}

#[test]
fn an_order_by_texts_is_that_of_each_text_on_its_own() {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![0, 1, 2, 3]));
    let a: ArrayRef = Arc::new(StringArray::from(vec!["a\0", "a", "a", "a\0\0"]));
    let b: ArrayRef = Arc::new(StringArray::from(vec!["", "z", "y", ""]));
    let columns = [values, a, b];
    let first = over(Aggregate::First, &columns, &["a", "b"]);
    let last = over(Aggregate::Last, &columns, &["a", "b"]);
    assert_eq!(
        (first, last),
        (ScalarValue::Int64(Some(2)), ScalarValue::Int64(Some(3)))
    );
}

#[test]
fn memory_is_reported_as_it_is_held_and_given_back() {
    let expression = aggregate(
        Aggregate::Percentile(5_000),
        Some(col("value", &schema()).expect("there")),
        &schema(),
    );
    let mut groups = expression.create_groups_accumulator().expect("it runs");
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10_000));
    groups
        .update_batch(&[values], &[0; 10_000], None, 1)
        .expect("it takes rows");
    assert!(
        (80_000..400_000).contains(&groups.size()),
        "{}",
        groups.size()
    );
    let states = groups.state(EmitTo::All).expect("a state");
    assert!(groups.size() < 1_000, "{}", groups.size());
    groups.merge_batch(&states, &[0], 1).expect("its own state");
    let median = groups.evaluate(EmitTo::All).expect("a median");
    assert_eq!(median.as_primitive::<Int64Type>().value(0), 4_999);
}

#[test]
fn functions_without_meaning_are_refused_before_any_row() {
    let refused = |aggregate, name: Option<&str>, ordered: bool| {
        let schema = schema();
        let measure = Measure {
            name: "m".to_owned(),
            aggregate,
            field: None,
        };
        let column = name.map(|name| col(name, &schema).expect("there"));
        let order = [col("_id", &schema).expect("there")];
        expression(
            &measure,
            column,
            if ordered { &order } else { &[] },
            &schema,
        )
        .is_err()
    };
    assert!(refused(Aggregate::Sum, Some("_id"), true));
    assert!(refused(Aggregate::Minimum, Some("tags"), true));
    assert!(refused(Aggregate::CountUnique, None, true));
    assert!(refused(Aggregate::First, Some("value"), false));
    assert!(!refused(Aggregate::First, Some("tags"), true));
    assert!(!refused(Aggregate::CountUnique, Some("tags"), true));
    assert!(!refused(Aggregate::Count, None, false));
}

#[test]
fn a_state_that_is_cut_off_is_an_error_and_no_panic() {
    let expression = aggregate(
        Aggregate::Average,
        Some(col("value", &schema()).expect("there")),
        &schema(),
    );
    let mut groups = expression.create_groups_accumulator().expect("it runs");
    let broken: ArrayRef = Arc::new(arrow_array::LargeBinaryArray::from(vec![b"x".as_slice()]));
    assert!(groups.merge_batch(&[broken], &[0], 1).is_err());
}

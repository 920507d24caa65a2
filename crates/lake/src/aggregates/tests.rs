mod exactness;
mod memory;
mod naive;
mod oracle;
mod plans;
mod stored;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{
    ArrayRef, BinaryArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion_common::ScalarValue;
use model::names::FieldPath;
use model::queries::{Aggregate, Measure};
use model::value::Value;
use proptest::prelude::*;

use super::{Called, GroupBy, Plan, Table, called};
use naive::{Row, is_right};
use plans::{Case, Codes, Road, column, function_of, functions};
use stored::{cases, list};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_function_answers_what_it_means_by_every_road(
        (case, shuffled) in cases(),
        batch in 1_usize..6,
        readers in 1_usize..4,
        grouped in any::<bool>(),
    ) {
        let results = case.run(grouped, &Road::PLAIN);
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
        for codes in [Codes::Nowhere, Codes::Alternately, Codes::Everywhere] {
            let road = Road { readers, batch, codes };
            prop_assert_eq!(&shuffled.run(grouped, &road), &results, "{:?}", road);
        }
    }
}

/// Room for everything.
fn roomy(_: usize) -> datafusion_common::Result<()> {
    Ok(())
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
    let results = case.run(
        false,
        &Road {
            batch: 2,
            ..Road::PLAIN
        },
    );
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

/// The one result of functions over a batch.
fn result(called: Called, batch: &RecordBatch) -> ScalarValue {
    let plan = Arc::new(Plan::new(Vec::new(), vec![("m".to_owned(), called)]));
    let mut table = Table::new(&plan).expect("meaningful");
    table.update(batch, &mut roomy).expect("it takes rows");
    let results = table.finish(&mut roomy).expect("a result");
    ScalarValue::try_from_array(results.column(0), 0).expect("one result")
}

#[test]
fn rows_are_counted_without_a_column() {
    let count = function_of(Aggregate::Count, None, &schema());
    let rows = RecordBatchOptions::new().with_row_count(Some(3));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &rows);
    assert_eq!(
        result(count, &batch.expect("rows without columns")),
        ScalarValue::Int64(Some(3))
    );
}

#[test]
fn without_rows_there_is_one_group_of_all_and_no_other() {
    for grouped in [false, true] {
        let by = grouped.then(|| ("g".to_owned(), GroupBy::Value(0, DataType::Int64)));
        let count = function_of(Aggregate::Count, None, &schema());
        let plan = Plan::new(by.into_iter().collect(), vec![("n".to_owned(), count)]);
        let table = Table::new(&Arc::new(plan)).expect("meaningful");
        let rows = table.finish(&mut roomy).expect("results").num_rows();
        assert_eq!(rows, usize::from(!grouped));
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
    let measure = Measure {
        name: "m".to_owned(),
        aggregate: function,
        field: Some(FieldPath::parse("value").expect("a path")),
    };
    let called = called(&measure, ordered_by, &schema).expect("meaningful");
    let batch = RecordBatch::try_new(schema, columns.to_vec()).expect("columns of the schema");
    result(called, &batch)
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
fn memory_is_reported_as_it_is_held() {
    let percentile = function_of(Aggregate::Percentile(5_000), Some("value"), &schema());
    let plan = Plan::new(Vec::new(), vec![("m".to_owned(), percentile)]);
    let mut table = Table::new(&Arc::new(plan)).expect("meaningful");
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10_000));
    let fields = vec![Field::new("value", DataType::Int64, true)];
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![values]);
    table
        .update(&batch.expect("a column"), &mut roomy)
        .expect("it takes rows");
    assert!(
        (80_000..400_000).contains(&table.bytes()),
        "{}",
        table.bytes()
    );
    let median = table.finish(&mut roomy).expect("a median");
    assert_eq!(median.column(0).as_primitive::<Int64Type>().value(0), 4_999);
}

/// Sums over many rows of few and of many groups take the way over whole numbers of mantissas.
#[test]
fn sums_of_many_doubles_are_exact_in_any_order_of_groups() {
    let hostile = [
        1e300,
        -1e300,
        0.1,
        5e-324,
        -0.3,
        1e16,
        1.0,
        f64::MIN_POSITIVE,
    ];
    let rows = 20_000_usize;
    for groups in [1, 3, 700] {
        for scattered in [false, true] {
            let group = |row: usize| {
                if scattered {
                    row * 7 % groups
                } else {
                    row * groups / rows
                }
            };
            let values: Vec<f64> = (0..rows)
                .map(|row| hostile[row * 5 % hostile.len()])
                .collect();
            let numbers = Int64Array::from_iter_values((0..rows).map(|row| group(row) as i64));
            let fields = vec![
                Field::new("g", DataType::Int64, true),
                Field::new("value", DataType::Float64, true),
            ];
            let schema = Arc::new(Schema::new(fields));
            let columns: Vec<ArrayRef> = vec![
                Arc::new(numbers),
                Arc::new(Float64Array::from(values.clone())),
            ];
            let batch = RecordBatch::try_new(schema.clone(), columns).expect("columns");
            let functions = [Aggregate::Sum, Aggregate::Average].map(|function| {
                let measure = Measure {
                    name: "m".to_owned(),
                    aggregate: function,
                    field: Some(FieldPath::parse("value").expect("a path")),
                };
                (
                    "m".to_owned(),
                    called(&measure, &[], &schema).expect("meaningful"),
                )
            });
            let by = vec![("g".to_owned(), GroupBy::Value(0, DataType::Int64))];
            let plan = Arc::new(Plan::new(by, functions.to_vec()));
            let mut whole = Table::new(&plan).expect("meaningful");
            whole.update(&batch, &mut roomy).expect("it takes rows");
            let mut single = Table::new(&plan).expect("meaningful");
            for row in 0..rows {
                single
                    .update(&batch.slice(row, 1), &mut roomy)
                    .expect("it takes a row");
            }
            assert_eq!(
                whole.finish(&mut roomy).expect("sums"),
                single.finish(&mut roomy).expect("sums")
            );
        }
    }
}

#[test]
fn functions_without_meaning_are_refused_before_any_row() {
    let refused = |aggregate, name: Option<&str>, ordered: bool| {
        let schema = schema();
        let measure = Measure {
            name: "m".to_owned(),
            aggregate,
            field: name.map(|name| FieldPath::parse_readable(name).expect("a path")),
        };
        let order: &[&str] = if ordered { &["_id"] } else { &[] };
        called(&measure, order, &schema).is_err()
    };
    assert!(refused(Aggregate::Sum, Some("_id"), true));
    assert!(refused(Aggregate::Minimum, Some("tags"), true));
    assert!(refused(Aggregate::CountUnique, None, true));
    assert!(refused(Aggregate::First, Some("value"), false));
    assert!(!refused(Aggregate::First, Some("tags"), true));
    assert!(!refused(Aggregate::CountUnique, Some("tags"), true));
    assert!(!refused(Aggregate::Count, None, false));
}

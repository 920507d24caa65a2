//! What the rows of a test hold: every type, and values at the ends of it.

use std::sync::Arc;

use arrow_schema::{DataType, Field, TimeUnit};
use model::time::{Date, Timestamp};
use model::value::{Object, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::naive::Row;
use super::plans::Case;

/// A list of this type.
pub(super) fn list(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, true)))
}

fn types() -> Vec<DataType> {
    use DataType as T;
    let mut all = vec![
        T::Int8,
        T::Int16,
        T::Int32,
        T::Int64,
        T::UInt8,
        T::UInt16,
        T::UInt32,
        T::UInt64,
        T::Float32,
        T::Float64,
        T::Utf8,
        T::Boolean,
        T::Date32,
        T::Timestamp(TimeUnit::Microsecond, None),
        T::FixedSizeBinary(16),
    ];
    all.extend(
        [
            T::Int64,
            T::Utf8,
            T::Float64,
            T::FixedSizeBinary(16),
            T::Boolean,
        ]
        .map(list),
    );
    // As often as a third of the rest: it holds everything.
    all.extend(vec![T::Binary; 6]);
    all
}

fn integers(least: i128, greatest: i128) -> BoxedStrategy<Value> {
    prop_oneof![
        select(vec![least, least + 1, greatest - 1, greatest]),
        least.max(-3)..=greatest.min(3),
        least..=greatest,
    ]
    .prop_map(Value::Integer)
    .boxed()
}

fn floats() -> BoxedStrategy<f64> {
    let hostile = vec![
        1e308,
        -1e308,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        -5e-324,
        1e-310,
        0.1,
        0.2,
        -0.3,
        0.0,
        1e16,
        1.0,
        1e9 + 1.0,
        1e9 + 2.0,
        2_f64.powi(127),
        -2_f64.powi(200),
    ];
    let any = any::<f64>().prop_filter("stored numbers are finite", |float| float.is_finite());
    prop_oneof![3 => select(hostile), 1 => any, 1 => -10.0..10.0]
        .prop_map(|v| v + 0.0)
        .boxed()
}

fn texts() -> BoxedStrategy<Value> {
    select(vec![
        "",
        "a",
        "A",
        "b",
        "ab",
        "ä",
        "a\0",
        "\0",
        "a\0b",
        "long enough to be on the heap",
    ])
    .prop_map(Value::from)
    .boxed()
}

fn values(data_type: &DataType) -> BoxedStrategy<Value> {
    use DataType as T;
    match data_type {
        T::Int8 => integers(i8::MIN.into(), i8::MAX.into()),
        T::Int16 => integers(i16::MIN.into(), i16::MAX.into()),
        T::Int32 => integers(i32::MIN.into(), i32::MAX.into()),
        T::Int64 => integers(i64::MIN.into(), i64::MAX.into()),
        T::UInt8 => integers(0, u8::MAX.into()),
        T::UInt16 => integers(0, u16::MAX.into()),
        T::UInt32 => integers(0, u32::MAX.into()),
        T::UInt64 => integers(0, u64::MAX.into()),
        T::Float32 => floats()
            .prop_map(|float| Value::Float(f64::from(float as f32)))
            .prop_map(|v| match v {
                Value::Float(float) if !float.is_finite() => Value::Float(f64::from(f32::MAX)),
                Value::Float(float) => Value::Float(float + 0.0),
                other => other,
            })
            .boxed(),
        T::Float64 => floats().prop_map(Value::Float).boxed(),
        T::Utf8 => texts(),
        T::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        T::Date32 => (-3..3)
            .prop_map(|days| Value::Date(Date::from_days(days).expect("near 1970")))
            .boxed(),
        T::Timestamp(..) => (-3_i64..3)
            .prop_map(|us| Value::DateTime(Timestamp::from_microsecond(us).expect("near 1970")))
            .boxed(),
        T::FixedSizeBinary(_) => select(vec![0, 1, 256, u128::MAX])
            .prop_map(|number| Value::Uuid(uuid::Uuid::from_u128(number)))
            .boxed(),
        T::List(item) => vec(values(item.data_type()), 0..3)
            .prop_map(Value::Array)
            .boxed(),
        _ => undeclared(),
    }
}

fn undeclared() -> BoxedStrategy<Value> {
    let object = Value::Object(Object::new().with("a", 1_i64));
    let others = vec![
        object,
        Value::Array(vec![Value::Integer(1)]),
        Value::Array(vec![]),
        Value::Date(Date::from_days(5).expect("near 1970")),
        Value::Uuid(uuid::Uuid::from_u128(7)),
        Value::Null,
    ];
    let mixed = prop_oneof![
        4 => floats().prop_map(Value::Float),
        2 => values(&DataType::Int64),
        2 => integers(i128::MIN, i128::MAX),
        2 => texts(),
        1 => any::<bool>().prop_map(Value::Boolean),
        1 => select(others),
    ];
    // An undeclared field holds a whole float as the whole number that it is.
    mixed
        .prop_map(|value| {
            model::canonical::decode(&model::canonical::to_bytes(&value)).expect("just encoded")
        })
        .boxed()
}

/// Which kinds of values a case of an undeclared field holds, so that cases
/// without numbers, or of whole numbers alone, come up.
fn column_values(data_type: &DataType) -> BoxedStrategy<BoxedStrategy<Value>> {
    if *data_type != DataType::Binary {
        return Just(values(data_type)).boxed();
    }
    let not_numbers = undeclared().prop_filter("no numbers", |value| value.as_number().is_none());
    select(vec![0, 0, 1, 2, 3])
        .prop_map(move |kind| match kind {
            0 => undeclared(),
            1 => values(&DataType::UInt64),
            2 => integers(i128::MIN, i128::MAX),
            _ => not_numbers.clone().boxed(),
        })
        .boxed()
}

/// Rows of a group or three, and the same rows in another order.
pub(super) fn cases() -> impl Strategy<Value = (Case, Vec<Row>)> {
    (select(types()), any::<bool>())
        .prop_flat_map(|(data_type, undeclared_time)| {
            let values = column_values(&data_type);
            (Just(data_type), Just(undeclared_time), values)
        })
        .prop_flat_map(|(data_type, undeclared_time, values)| {
            let value = prop_oneof![1 => Just(Value::Null), 6 => values];
            let row = (0_i64..3, value, proptest::option::weighted(0.8, -2_i64..3));
            let rows = vec(row, 0..20).prop_flat_map(|rows| {
                let row = |(index, (group, value, time)): (usize, (i64, Value, Option<i64>))| Row {
                    group,
                    value,
                    time,
                    id: format!("{:x}\0", index * 7 % 23),
                };
                let rows: Vec<Row> = rows.into_iter().enumerate().map(row).collect();
                (Just(rows.clone()), Just(rows).prop_shuffle())
            });
            (Just(data_type), Just(undeclared_time), rows)
        })
        .prop_map(|(data_type, undeclared_time, (rows, shuffled))| {
            (
                Case {
                    data_type,
                    undeclared_time,
                    rows,
                },
                shuffled,
            )
        })
}

//! Values go into columns and come out as they were.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray};
use model::records::Record;
use model::value::{Object, Value};
use proptest::prelude::*;

use super::*;
use crate::buffer::Segment;
use crate::reading::Hints;
use crate::worlds::tests::dice::Dice;
use crate::worlds::tests::values;

fn every_column() -> Vec<ColumnType> {
    let scalars = ScalarType::ALL.into_iter();
    let fields = scalars.flat_map(|one| [FieldType::Scalar(one), FieldType::Array(one)]);
    fields
        .map(ColumnType::Declared)
        .chain([ColumnType::Undeclared])
        .collect()
}

/// What the canonical form makes of a value: a whole float is an integer.
fn canonical(value: &Value) -> Value {
    model::canonical::decode(&model::canonical::to_bytes(value)).unwrap()
}

fn stored(dice: &mut Dice, column: ColumnType) -> Option<Value> {
    let value = values::value(dice, column);
    match column {
        _ if dice.percent(20) || value.is_null() => None,
        ColumnType::Declared(field) => Some(field.coerce(value).unwrap()),
        ColumnType::Undeclared if dice.percent(10) => Some(
            Object::new()
                .with("", "x")
                .with("a", canonical(&value))
                .into(),
        ),
        ColumnType::Undeclared => Some(canonical(&value)),
    }
}

#[test]
fn every_value_of_every_type_comes_back() {
    for (at, column) in every_column().into_iter().enumerate() {
        let mut dice = Dice::new(at as u64);
        let sent: Vec<_> = (0..400).map(|_| stored(&mut dice, column)).collect();
        let array = array_of(column, sent.iter().map(Option::as_ref)).unwrap();
        assert_eq!(array.data_type(), &column_type(column));
        for (row, sent) in sent.iter().enumerate() {
            assert_eq!(array.is_null(row), sent.is_none());
            assert_eq!(
                value_at(array.as_ref(), row),
                sent.clone().unwrap_or(Value::Null)
            );
        }
        // A slice of an array reads from its own start.
        let slice = array.slice(100, 50);
        for (row, sent) in sent[100..150].iter().enumerate() {
            assert_eq!(
                value_at(slice.as_ref(), row),
                sent.clone().unwrap_or(Value::Null)
            );
        }
    }
}

#[test]
fn the_limits_of_every_type_come_back() {
    for scalar in ScalarType::ALL {
        let texts: &[&str] = match scalar {
            ScalarType::String => &["", "\u{10ffff}", "\0"],
            ScalarType::Date => &["0001-01-01", "9999-12-31"],
            ScalarType::DateTime => &["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"],
            ScalarType::Uuid => &["ffffffff-ffff-ffff-ffff-ffffffffffff"],
            _ => &[],
        };
        let mut limits: Vec<Value> = texts.iter().map(|text| Value::from(*text)).collect();
        if let Some((least, greatest)) = scalar.integer_range() {
            limits.extend([Value::Integer(least), Value::Integer(greatest)]);
        }
        if scalar == ScalarType::Float64 {
            let floats = [f64::MAX, f64::MIN, 5e-324, -5e-324, f64::MIN_POSITIVE];
            limits.extend(floats.map(|number| Value::float(number).unwrap()));
        }
        if scalar == ScalarType::Float32 {
            let floats = [f32::MAX, f32::MIN, f32::from_bits(1)];
            limits.extend(floats.map(|number| Value::float(number.into()).unwrap()));
        }
        for limit in limits {
            let limit = scalar.coerce(limit).unwrap();
            let column = ColumnType::Declared(FieldType::Scalar(scalar));
            let array = array_of(column, std::iter::once(Some(&limit))).unwrap();
            assert_eq!(value_at(array.as_ref(), 0), limit);
        }
    }
}

#[test]
fn a_value_of_another_type_is_refused_by_kind_and_without_the_value() {
    let wrong = [
        (ScalarType::Int8, Value::Integer(128)),
        (ScalarType::UInt64, Value::Integer(-1)),
        (ScalarType::Int64, Value::from("secret")),
        (ScalarType::Float64, Value::from("secret")),
        (ScalarType::Float32, Value::from(true)),
        (ScalarType::String, Value::Integer(7_777)),
        (ScalarType::Boolean, Value::Integer(7_777)),
        (ScalarType::Date, Value::from("2026-01-01")),
        (ScalarType::DateTime, Value::from("secret")),
        (ScalarType::Uuid, Value::from("secret")),
        (
            ScalarType::Boolean,
            Value::Array(vec![Value::from("secret")]),
        ),
    ];
    for (scalar, value) in wrong {
        for (field, value) in [
            (FieldType::Scalar(scalar), value.clone()),
            (FieldType::Array(scalar), value.clone()),
            (FieldType::Array(scalar), Value::Array(vec![value])),
            (FieldType::Array(scalar), Value::Array(vec![Value::Null])),
        ] {
            let refused = array_of(ColumnType::Declared(field), std::iter::once(Some(&value)));
            let Err(refused) = refused else {
                panic!("{value:?} goes into a column of type {field}");
            };
            let refused = refused.to_string();
            assert!(
                !refused.contains("secret") && !refused.contains("7777"),
                "{refused}"
            );
        }
    }
}

fn schema(text: &str) -> Schema {
    let value = model::json::parse(text.as_bytes()).unwrap();
    model::pools::PoolDraft::parse(&value).unwrap().schema
}

fn path(text: &str) -> FieldPath {
    FieldPath::parse_readable(text).unwrap()
}

fn record(fields: &[(&str, Value)]) -> Record {
    let mut fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (path(name), value.clone()))
        .collect();
    fields.sort_by(|(a, _), (b, _)| a.cmp(b));
    Record::restore(fields).unwrap()
}

/// The fields of a segment by name, as a scan of them gives it.
fn scanned(schema: &Schema, records: &[Record], names: &[&str]) -> RecordBatch {
    let layout = Layout::of(schema);
    let columns: Vec<_> = names
        .iter()
        .map(|name| (path(name), schema.column(&path(name)).unwrap()))
        .collect();
    Segment::of_records(&layout, records)
        .unwrap()
        .scan(&columns, &Hints::default())
        .unwrap()
}

#[test]
fn undeclared_fields_share_one_column_and_are_told_apart() {
    let schema = schema(r#"{"name":"p","schema":"open","fields":[{"name":"m","type":"Int64"}]}"#);
    let records = [
        record(&[
            ("_id", "1".into()),
            ("m", Value::Integer(5)),
            ("a", Value::from("x")),
        ]),
        record(&[("_id", "2".into())]),
        record(&[
            ("_id", "3".into()),
            ("a.b", Value::Integer(1)),
            ("ab", Value::from(true)),
            ("z", Value::Array(vec![Value::Null, Value::from("é")])),
            ("größe", Value::Object(Object::new())),
        ]),
    ];
    let names = ["z", "a", "a.b", "ab", "absent", "m", "_id", "größe", "a"];
    let batch = scanned(&schema, &records, &names[..8]);
    for (row, record) in records.iter().enumerate() {
        for name in &names[..8] {
            let cell = value_at(batch.column_by_name(name).unwrap().as_ref(), row);
            assert_eq!(
                cell,
                record.get(name).cloned().unwrap_or(Value::Null),
                "{name} of {row}"
            );
        }
    }
}

#[test]
fn the_layout_is_system_fields_declared_fields_and_for_open_pools_the_rest() {
    let names = |text: &str| -> Vec<String> {
        let layout = Layout::of(&schema(text));
        layout
            .arrow
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    };
    let open = r#"{"name":"p","schema":"open","fields":[{"name":"b","type":"UUID"},{"name":"a","type":"Date"}]}"#;
    let strict = r#"{"name":"p","schema":"strict","fields":[{"name":"b","type":"UUID"}]}"#;
    assert_eq!(
        names(open),
        ["_id", "_ingested_at", "_key", "b", "a", "_rest"]
    );
    assert_eq!(names(strict), ["_id", "_ingested_at", "_key", "b"]);
}

#[test]
fn broken_rest_cells_end_early_and_never_panic() {
    let mut writer = RestWriter::with_capacity(1);
    writer.field(&path("a"), &Value::Integer(1));
    writer.field(&path("b"), &Value::from("text"));
    writer.end_row();
    let column = writer.finish();
    let cell = column.as_binary::<i32>().value(0).to_vec();
    assert_eq!(rest_fields(&cell).count(), 2);
    for cut in 0..cell.len() {
        assert!(rest_fields(&cell[..cut]).count() < 2);
    }
    for at in 0..cell.len() {
        for bit in 0..8 {
            let mut broken = cell.clone();
            broken[at] ^= 1 << bit;
            let decoded = rest_fields(&broken).filter_map(|(_, v)| model::canonical::decode(v));
            assert!(decoded.count() <= 2);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn open_records_come_back_field_by_field(seed: u64) {
        let mut dice = Dice::new(seed);
        let schema = schema(r#"{"name":"p","schema":"open"}"#);
        let names = ["a", "a.b", "b", "ab", "a-b", "é", "zz", "A"];
        let rows = dice.below(6);
        let records: Vec<Record> = (0..rows)
            .map(|_| {
                let held: Vec<_> = names
                    .iter()
                    .filter_map(|name| Some((*name, stored(&mut dice, ColumnType::Undeclared)?)))
                    .collect();
                record(&held)
            })
            .collect();
        let batch = scanned(&schema, &records, &names);
        for (row, record) in records.iter().enumerate() {
            for name in names {
                let cell = value_at(batch.column_by_name(name).unwrap().as_ref(), row);
                prop_assert_eq!(cell, record.get(name).cloned().unwrap_or(Value::Null));
            }
        }
    }
}

#[test]
fn values_that_stand_in_no_row_are_not_among_those_in_use() {
    let values: ArrayRef = Arc::new(StringArray::from(vec!["hidden", "seen", "other"]));
    let codes = Int32Array::from(vec![Some(1), None, Some(2), Some(1)]);
    let column = DictionaryArray::new(codes, values);
    let part = column.slice(0, 2);
    let in_use = Encoded::of(&part).unwrap().in_use().unwrap();
    let held: Vec<_> = in_use
        .values()
        .as_string::<i32>()
        .iter()
        .flatten()
        .collect();
    assert_eq!(held, ["seen"]);
    let column: ArrayRef = Arc::new(part);
    let in_use: ArrayRef = Arc::new(in_use);
    assert_eq!(
        plain(&in_use).unwrap().to_data(),
        plain(&column).unwrap().to_data()
    );
}

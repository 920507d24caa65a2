//! Every type goes into a file and comes out of it.

use futures::{StreamExt, TryStreamExt};
use model::fields::{ColumnType, FieldType, ScalarType};
use model::queries::{OutputColumn, OutputType, Row};
use model::value::{Object, Value};

use super::{FORMATS, read};
use crate::columnar::encode;
use crate::error::{LakeError, Result};
use crate::lake::Answer;
use crate::worlds::tests::dice::Dice;
use crate::worlds::tests::values;
use model::answers::Columnar;

fn every_output() -> Vec<OutputType> {
    let scalars = ScalarType::ALL.into_iter();
    let fields = scalars.flat_map(|one| [FieldType::Scalar(one), FieldType::Array(one)]);
    fields
        .map(OutputType::Field)
        .chain([OutputType::Mixed, OutputType::WideInteger])
        .collect()
}

fn value(dice: &mut Dice, output: OutputType) -> Value {
    if dice.percent(20) {
        return Value::Null;
    }
    match output {
        OutputType::Field(field) => field
            .coerce(values::value(dice, ColumnType::Declared(field)))
            .unwrap(),
        OutputType::Mixed if dice.percent(10) => Object::new().with("a", 1).into(),
        OutputType::Mixed => values::value(dice, ColumnType::Undeclared),
        OutputType::WideInteger => Value::Integer(*dice.pick(&[
            0,
            -1,
            1 << 100,
            -(10_i128.pow(38) - 1),
            10_i128.pow(38) - 1,
        ])),
    }
}

/// What a file says of a value.
fn in_file(value: &Value, output: OutputType) -> Value {
    let uuid = |value: &Value| match value {
        Value::Uuid(uuid) => Value::from(uuid.to_string()),
        other => other.clone(),
    };
    match (output, value) {
        (OutputType::Field(FieldType::Scalar(_)), value) => uuid(value),
        (OutputType::Mixed, Value::Null | Value::String(_)) => value.clone(),
        (OutputType::Mixed, other) => Value::from(model::json::to_text(other)),
        (_, other) => other.clone(),
    }
}

fn written(columns: Vec<OutputColumn>, chunks: Vec<Vec<Row>>, format: Columnar) -> Result<Vec<u8>> {
    let rows = futures::stream::iter(chunks.into_iter().map(Ok)).boxed();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let pieces = encode(Answer { columns, rows }, format)?;
    Ok(runtime.block_on(pieces.try_collect::<Vec<_>>())?.concat())
}

#[test]
fn every_type_of_an_answer_comes_back() {
    let outputs = every_output();
    let columns: Vec<OutputColumn> = outputs
        .iter()
        .enumerate()
        .map(|(at, output_type)| OutputColumn {
            name: format!("f.{at}"),
            output_type: *output_type,
        })
        .collect();
    let mut dice = Dice::new(5);
    let mut row = || -> Row {
        outputs
            .iter()
            .map(|output| value(&mut dice, *output))
            .collect()
    };
    let chunks: Vec<Vec<Row>> = vec![
        (0..60).map(|_| row()).collect(),
        Vec::new(),
        (0..7).map(|_| row()).collect(),
    ];
    for format in FORMATS {
        let bytes = written(columns.clone(), chunks.clone(), format).unwrap();
        let records = read(format, &bytes).unwrap();
        let rows: Vec<&Row> = chunks.iter().flatten().collect();
        assert_eq!(records.len(), rows.len());
        for (record, row) in records.into_iter().zip(rows) {
            let record = record.unwrap();
            for ((column, output), value) in columns.iter().zip(&outputs).zip(row) {
                let read = record.as_object().unwrap().get(&column.name).unwrap();
                assert_eq!(*read, in_file(value, *output), "{output:?} in {format:?}");
            }
        }
    }
}

#[test]
fn an_answer_without_rows_is_a_file_with_its_columns() {
    let column = OutputColumn {
        name: "n".to_owned(),
        output_type: OutputType::COUNT,
    };
    for format in FORMATS {
        let bytes = written(vec![column.clone()], Vec::new(), format).unwrap();
        assert_eq!(read(format, &bytes), Ok(Vec::new()));
    }
}

#[test]
fn an_answer_without_columns_is_a_file_too() {
    for format in FORMATS {
        let bytes = written(Vec::new(), vec![vec![Vec::new(); 3]], format).unwrap();
        assert!(read(format, &bytes).is_ok(), "{format:?}");
    }
}

#[test]
fn a_failure_on_the_way_ends_the_file_as_a_failure() {
    let column = OutputColumn {
        name: "n".to_owned(),
        output_type: OutputType::COUNT,
    };
    for format in FORMATS {
        let rows = [Ok(vec![vec![Value::Integer(1)]]), Err(LakeError::Busy)];
        let rows = futures::stream::iter(rows).boxed();
        let answer = Answer {
            columns: vec![column.clone()],
            rows,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let pieces = runtime.block_on(encode(answer, format).unwrap().collect::<Vec<_>>());
        assert!(
            matches!(pieces.last(), Some(Err(LakeError::Busy))),
            "{format:?}"
        );
    }
}

#[test]
fn the_same_answer_is_the_same_file() {
    let column = OutputColumn {
        name: "n".to_owned(),
        output_type: OutputType::Mixed,
    };
    let rows: Vec<Row> = (0..500).map(|n| vec![Value::Integer(n)]).collect();
    for format in FORMATS {
        let once = || written(vec![column.clone()], vec![rows.clone()], format).unwrap();
        assert_eq!(once(), once());
    }
}

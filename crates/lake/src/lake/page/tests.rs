use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{Array, Int64Array, StringArray};
use arrow_schema::{Field, Schema as ArrowSchema};
use model::names::FieldPath;
use model::pools::SchemaMode;
use model::queries::{Direction, OrderBy, OutputField, Seek};

use super::*;
use crate::columns::{REST, RestWriter, constant};
use crate::run::{forwards, record_rows};

fn path(text: &str) -> FieldPath {
    FieldPath::parse(text).unwrap()
}

/// Rows in which every second cell is missing, with undeclared fields `x` and `y`.
fn batch(rows: i64) -> RecordBatch {
    let numbers: Int64Array = (0..rows).map(|n| (n % 2 == 0).then_some(n)).collect();
    let texts: StringArray = (0..rows)
        .map(|n| (n % 2 == 1).then(|| format!("t{n}")))
        .collect();
    let one: ArrayRef = Arc::new(StringArray::from(vec!["same"]));
    let mut rest = RestWriter::with_capacity(4);
    for n in 0..rows {
        rest.field(&path("x"), &Value::from(n));
        rest.field(&path("y"), &Value::from("hidden"));
        rest.end_row();
    }
    let columns: [(&str, ArrayRef); 4] = [
        ("n", Arc::new(numbers)),
        ("t", Arc::new(texts)),
        ("s", constant(one, rows as usize).unwrap()),
        (REST, rest.finish()),
    ];
    let fields = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), true));
    let schema = ArrowSchema::new(fields.collect::<Vec<_>>());
    let columns = columns.into_iter().map(|(_, column)| column);
    RecordBatch::try_new(Arc::new(schema), columns.collect()).unwrap()
}

fn query(rest: bool, with_order_values: bool, side: Option<Side>) -> RecordQuery {
    let column = |field: &str| OutputField {
        name: field.to_owned(),
        field: path(field),
    };
    RecordQuery {
        columns: vec![column("t"), column("s")],
        rest: rest.then(|| VisibleFields::Deny(BTreeSet::from([path("y")]))),
        filter: None,
        range: None,
        order: vec![OrderBy {
            field: path("n"),
            direction: Direction::Ascending,
        }],
        seek: side.map(|side| Seek {
            values: vec![Value::from(1)],
            side,
        }),
        limit: Some(10),
        with_order_values,
    }
}

#[test]
fn a_page_has_the_rows_that_its_question_answers_as_values() {
    let schema = Schema::new(SchemaMode::Open, Vec::new());
    let sides = [None, Some(Side::After), Some(Side::Before)];
    for batches in [
        vec![],
        vec![batch(0)],
        vec![batch(5)],
        vec![batch(3), batch(4)],
    ] {
        for (rest, order) in [(false, false), (true, false), (false, true), (true, true)] {
            for side in sides {
                let query = query(rest, order, side);
                let rows = batches
                    .iter()
                    .flat_map(|batch| record_rows(&query, &schema, batch).unwrap());
                let rows = forwards(&query, rows.collect());
                let page = PageRows::of(&query, &schema, &batches).unwrap();
                assert_eq!(page.to_rows(), rows, "{query:?}");
                assert_eq!(page.count(), rows.len());
            }
        }
    }
}

#[test]
fn a_page_without_a_column_is_an_error() {
    let schema = Schema::new(SchemaMode::Open, Vec::new());
    let batch = batch(2);
    let without = |name: &str| {
        let at = batch.schema().index_of(name).unwrap();
        let others = (0..batch.num_columns()).filter(|other| *other != at);
        batch.project(&others.collect::<Vec<_>>()).unwrap()
    };
    for name in ["n", "t", REST] {
        let page = PageRows::of(&query(true, true, None), &schema, &[without(name)]);
        let error = page.unwrap_err().to_string();
        assert!(error.contains("lacks"), "{name}: {error}");
    }
}

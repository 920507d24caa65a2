use super::*;
use crate::fixtures::json;

const SERIES: &str = r#""analysis":"count","pool":"orders","interval":"daily","timeframe":"this_30_days","group_by":["sku"]"#;

fn draft(query: &str, index: &str) -> Result<DatasetDraft, Fault> {
    let text = format!(r#"{{"name":"d","query":{{{query}}},"index_by":{index}}}"#);
    DatasetDraft::parse(&json(&text))
}

#[test]
fn a_definition_reads_back_to_the_same() {
    for index in [
        r#""customer.id""#,
        r#"["customer.id"]"#,
        r#"["a","b","c","d"]"#,
    ] {
        let read = draft(SERIES, index).expect(index);
        assert_eq!(DatasetDraft::parse(&read.to_value()), Ok(read.clone()));
        assert_eq!(DatasetDraft::restore(&read.to_stored()), Ok(read));
    }
}

#[test]
fn what_is_wrong_is_named() {
    let one = r#""x""#;
    let cases = [
        (
            r#""analysis":"extraction","pool":"orders""#,
            one,
            "/query/analysis",
        ),
        (
            r#""analysis":"count","pool":"orders","timeframe":"this_3_days""#,
            one,
            "/query/interval",
        ),
        (
            r#""analysis":"count","pool":"orders","interval":"daily","from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z""#,
            one,
            "/query/timeframe",
        ),
        (SERIES, "[]", "/index_by"),
        (SERIES, r#"["x","x"]"#, "/index_by"),
        (SERIES, r#"["a","b","c","d","e"]"#, "/index_by"),
        (SERIES, r#"["a",1]"#, "/index_by/1"),
        (SERIES, "7", "/index_by"),
    ];
    for (query, index, pointer) in cases {
        let fault = draft(query, index).expect_err(query);
        assert_eq!(&*fault.pointer, pointer, "{query} {index}");
    }
}

#[test]
fn an_index_is_a_value_for_each_field() {
    let dataset = draft(SERIES, r#"["a","b"]"#).expect("legal");
    let rows = dataset.rows_of(&[vec![Value::from("x")], vec![Value::from(1_i64)]], None);
    let expected = Filter::all(vec![
        Filter::equals(FieldPath::parse("a").expect("a path"), Value::from("x")),
        Filter::equals(FieldPath::parse("b").expect("a path"), Value::from(1_i64)),
    ]);
    assert_eq!(rows, Ok(Constraint::Rows(expected.expect("two"))));
    let either = vec![Value::from("5"), Value::from(5_i64)];
    assert!(
        dataset
            .rows_of(&[either, vec![Value::from(true)]], None)
            .is_ok()
    );
    let few = dataset.rows_of(&[vec![Value::from("x")]], None);
    let few = few.expect_err("one is left out");
    assert!(few.detail.contains("a, b"), "{few:?}");
    for nothing in [vec![Value::Null], vec![], vec![Value::Array(Vec::new())]] {
        assert!(
            dataset
                .rows_of(&[nothing, vec![Value::from(1_i64)]], None)
                .is_err()
        );
    }
}

#[test]
fn of_an_index_those_values_are_meant_that_the_field_can_hold() {
    let pool = crate::fixtures::pool(
        1,
        r#"{"name":"orders","schema":"strict","fields":[{"name":"text","type":"String"},
            {"name":"number","type":"Int64"}]}"#,
    );
    let schema = &pool.draft.schema;
    let five = vec![Value::from("5"), Value::from(5_i64)];
    let equals = |field: &str, value: Value| {
        let field = FieldPath::parse(field).expect("a path");
        Constraint::Rows(Filter::equals(field, value))
    };
    let rows = |index: &str, values: Vec<Value>| {
        let dataset = draft(SERIES, &format!("\"{index}\"")).expect("legal");
        dataset.rows_of(&[values], Some(schema)).expect("legal")
    };
    assert_eq!(rows("text", five.clone()), equals("text", Value::from("5")));
    let number = rows("number", five);
    let Constraint::Rows(filter) = &number else {
        panic!("{number:?}");
    };
    assert!(schema.resolve(filter).is_ok());
    let none = rows("number", vec![Value::from("x")]);
    assert_eq!(none, Constraint::Rows(Filter::Any(Vec::new())));
}

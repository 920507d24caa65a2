use super::*;

/// One line per field: name, type, how many values, note.
fn table(inference: &Inference) -> String {
    inference
        .fields()
        .iter()
        .map(|field| {
            let type_name = field.field_type.map_or("-".to_owned(), |t| t.to_string());
            format!(
                "{} {type_name} {} {}",
                field.name,
                field.filled.unwrap_or_default(),
                field.note
            )
            .trim_end()
            .to_owned()
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn json(records: &[&str]) -> String {
    let mut inference = Inference::json();
    records
        .iter()
        .for_each(|record| inference.see_json(record.as_bytes()));
    table(&inference)
}

/// The type of a JSON field that had these values.
fn json_type(values: &[&str]) -> String {
    let mut inference = Inference::json();
    for value in values {
        inference.see_json(format!("{{\"f\":{value}}}").as_bytes());
    }
    let fields = inference.fields();
    fields[0]
        .field_type
        .map_or("-".to_owned(), |t| t.to_string())
}

/// The type of a CSV column that had these cells.
fn cell_type(cells: &[&str]) -> String {
    let mut inference = Inference::csv(&["f".to_owned()]);
    for cell in cells {
        inference.see_cells(&[Some((*cell).to_owned())]);
    }
    let fields = inference.fields();
    fields[0]
        .field_type
        .map_or("-".to_owned(), |t| t.to_string())
}

#[test]
fn json_values_have_their_types() {
    let cases: [(&[&str], &str); 27] = [
        (&["true", "false"], "Boolean"),
        (&["1", "-9223372036854775808"], "Int64"),
        (&["1", "18446744073709551615"], "UInt64"),
        (&["-1", "18446744073709551615"], "-"),
        (&["1", "1.5"], "Float64"),
        (&["1.0"], "Float64"),
        (&["1e3"], "Float64"),
        (&["\"a\"", "null"], "String"),
        (&["\"2026-01-31\""], "Date"),
        (&["\"2026-02-30\""], "String"),
        (
            &[
                "\"2026-01-31T08:15:00Z\"",
                "\"2026-01-31 08:15:00.5+01:00\"",
            ],
            "DateTime",
        ),
        (&["\"2026-01-31\"", "\"2026-01-31T08:15:00Z\""], "String"),
        (&["\"01234567-89ab-cdef-0123-456789ABCDEF\""], "UUID"),
        (&["\"0123456789abcdef0123456789abcdef\""], "String"),
        (
            &["\"01234567-89ab-cdef-0123-456789abcdef\"", "\"none\""],
            "String",
        ),
        (&["\"42\""], "String"),
        (&["\"\""], "String"),
        (&["1", "\"a\""], "-"),
        (&["true", "1"], "-"),
        (&["null"], "String"),
        (&["[1,2]", "[]"], "Array(Int64)"),
        (&["[\"a\"]", "null"], "Array(String)"),
        (&["[1,\"a\"]"], "-"),
        (&["[1]", "1"], "-"),
        (&["[[1]]"], "-"),
        (&["[{\"a\":1}]"], "-"),
        (&["[]"], "Array(String)"),
    ];
    for (values, expected) in cases {
        assert_eq!(json_type(values), expected, "{values:?}");
    }
}

#[test]
fn csv_cells_are_typed_only_where_no_text_is_lost() {
    let cases: [(&[&str], &str); 20] = [
        (&["true", "FALSE"], "Boolean"),
        (&["1", "-5", "0"], "Int64"),
        (&["01234"], "String"),
        (&["+5"], "String"),
        (&[" 5"], "String"),
        (&["1", "2.50"], "Float64"),
        (&["1e3"], "Float64"),
        (&["18446744073709551615"], "UInt64"),
        (&["-1", "18446744073709551615"], "String"),
        (&["123456789012345678901234567890"], "String"),
        (&["NaN"], "String"),
        (&["inf"], "String"),
        (&["1,5"], "String"),
        (&["2026-01-31"], "Date"),
        (&["2026-01-31", ""], "Date"),
        (&["2026-01-31T08:15:00"], "DateTime"),
        (&["2026-01-31", "later"], "String"),
        (&["1", "a"], "String"),
        (&["true", "1"], "String"),
        (&["01234567-89ab-cdef-0123-456789abcdef"], "UUID"),
    ];
    for (cells, expected) in cases {
        assert_eq!(cell_type(cells), expected, "{cells:?}");
    }
}

#[test]
fn nested_members_become_dotted_paths() {
    insta::assert_snapshot!(
        json(&[
            r#"{"at":"2026-01-31T08:15:00Z","customer":{"id":"93i","address":{"zip":8001}},"tags":["a"]}"#,
            r#"{"at":"2026-02-01T08:15:00Z","customer":{"id":"94i"},"amount":1.5,"note":null,"tags":[]}"#,
            r#"{"customer.id":"95i","empty":{}}"#,
            "not json",
            "[1]",
        ]),
        @"
at DateTime 2
customer.id String 3
customer.address.zip Int64 1
tags Array(String) 2
amount Float64 1
note String 0 no value seen, so the type is a guess
"
    );
}

#[test]
fn a_path_is_a_value_or_an_object_and_not_declared_when_it_is_both() {
    insta::assert_snapshot!(
        json(&[
            r#"{"a":1,"b":null,"c":1}"#,
            r#"{"a":{"x":1},"b":{"y":2},"c":3}"#,
        ]),
        @"
a - 1 sometimes a value, sometimes an object
c Int64 2
b.y Int64 1
"
    );
}

#[test]
fn columns_without_values_are_text() {
    let mut inference = Inference::csv(&["a".to_owned(), "b".to_owned(), "c".to_owned()]);
    inference.see_cells(&[Some("1".to_owned()), None, Some(String::new())]);
    inference.see_cells(&[Some("2".to_owned()), None]);
    insta::assert_snapshot!(table(&inference), @"
a Int64 2
b String 0 no value seen, so the type is a guess
c String 1
");
    assert_eq!(inference.records(), 2);
}

use model::names::FieldPath;
use model::pools::{Field, SchemaMode};
use proptest::prelude::*;

use super::*;

fn schema(fields: &[(&str, &str)]) -> Schema {
    let field = |(path, name): &(&str, &str)| {
        let path = FieldPath::parse(path).expect("legal");
        Field::new(path, FieldType::parse(name).expect("a type"), false)
    };
    Schema::new(SchemaMode::Open, fields.iter().map(field).collect())
}

fn open() -> Schema {
    schema(&[])
}

/// Each record as JSON text, or the code of its fault.
fn shown(body: &[u8], schema: &Schema) -> Vec<String> {
    let records = read(body, schema).expect("a table");
    let show = |(at, record): (usize, SentRecord)| match record {
        Ok(value) => model::json::to_text(&value),
        Err(fault) => {
            assert_eq!(fault.index, at);
            format!("{:?}", fault.code)
        }
    };
    records.into_iter().enumerate().map(show).collect()
}

fn refused(body: &[u8]) -> Fault {
    read(body, &open()).expect_err("refused")
}

#[test]
fn cells_stand_under_their_names() {
    let rows = [
        r#"{"customer.id":"93i","n":"a, \"b\"\n"}"#,
        r#"{"customer.id":"x","n":"é"}"#,
    ];
    for end in ["\n", "\r\n", "\r"] {
        let text = format!("customer.id,n{end}93i,\"a, \"\"b\"\"\n\"{end}{end}x,é");
        assert_eq!(shown(text.as_bytes(), &open()), rows, "{end:?}");
        let closed = format!("\u{feff}{text}{end}");
        assert_eq!(shown(closed.as_bytes(), &open()), rows, "{end:?}");
    }
    assert_eq!(shown(b"a,b\n", &open()), [""; 0]);
}

#[test]
fn an_empty_cell_is_missing_and_an_empty_text_is_text() {
    let schema = schema(&[("s", "String"), ("i", "Int64"), ("l", "Array(Int8)")]);
    assert_eq!(
        shown(b"s,i,l,u\n,,,\n\"\",\"\",\"\",\"\"\n1,,,", &schema),
        ["{}", r#"{"s":"","u":""}"#, r#"{"s":"1"}"#]
    );
}

#[test]
fn a_declared_type_reads_its_cells() {
    let stored = [
        ("Int64", "-7", "-7"),
        ("UInt64", "18446744073709551615", "18446744073709551615"),
        ("Float64", "1.50", "1.5"),
        ("Float64", "5", "5.0"),
        ("Float64", ".5", "0.5"),
        ("Float64", "-1E3", "-1000.0"),
        ("Float32", "0.5", "0.5"),
        ("Boolean", "true", "true"),
        ("Boolean", "FALSE", "false"),
        ("String", "1.50", "\"1.50\""),
        ("String", "true", "\"true\""),
        ("Date", "2026-02-28", "\"2026-02-28\""),
        (
            "DateTime",
            "2026-02-28T01:00:00+01:00",
            "\"2026-02-28T00:00:00Z\"",
        ),
        (
            "UUID",
            "0123456789abcdef0123456789abcdef",
            "\"01234567-89ab-cdef-0123-456789abcdef\"",
        ),
        ("Array(Int8)", "\"[1,2]\"", "[1,2]"),
        ("Array(String)", "\"[\"\"a,b\"\"]\"", "[\"a,b\"]"),
    ];
    for (name, cell, expected) in stored {
        let mut records =
            read(format!("f\n{cell}").as_bytes(), &schema(&[("f", name)])).expect("a table");
        let record = records.remove(0).expect("a record");
        let value = record.as_object().and_then(|object| object.get("f"));
        let value = value.expect("a member").clone();
        let value = FieldType::parse(name).expect("a type").coerce(value);
        let value = value.map(|value| model::json::to_text(&value));
        assert_eq!(value.as_deref(), Ok(expected), "{name} {cell}");
    }
}

#[test]
fn what_does_not_read_as_the_type_is_left_for_the_check_to_refuse() {
    let bad = [
        ("Int64", "1.5"),
        ("Int64", " 1"),
        ("Int8", "128"),
        ("Float64", "inf"),
        ("Float64", "NaN"),
        ("Float64", "1e999"),
        ("Float64", "1,5"),
        ("Float64", "0x10"),
        ("Float64", " 1"),
        ("Boolean", "yes"),
        ("Boolean", "1"),
        ("Array(Int8)", "1"),
        ("Array(Int8)", "[1"),
        ("Array(Int8)", "[\"\"x\"\"]"),
        ("Date", "28.02.2026"),
    ];
    for (name, cell) in bad {
        let body = format!("f\n\"{cell}\"");
        let mut records = read(body.as_bytes(), &schema(&[("f", name)])).expect("a table");
        let record = records.remove(0).expect("a record");
        let value = record.as_object().and_then(|object| object.get("f"));
        let value = value.expect("a member").clone();
        let stored = FieldType::parse(name).expect("a type").coerce(value);
        assert!(stored.is_err(), "{name} {cell}: {stored:?}");
    }
}

#[test]
fn undeclared_cells_are_typed_only_when_nothing_is_lost() {
    for typed in [
        "0",
        "-1",
        "1.5",
        "18446744073709551615",
        "-7.684343617225234e+180",
        "36.12345678901235",
        "true",
        "false",
    ] {
        let row = shown(format!("f\n{typed}").as_bytes(), &open());
        assert_eq!(row, [format!("{{\"f\":{typed}}}")]);
    }
    for text in [
        "007",
        "1.50",
        "+1",
        "-0",
        "1e3",
        "1E3",
        " 1",
        "1 ",
        "0x1",
        "NaN",
        "True",
        "null",
        "t",
        "-",
        "18446744073709551616",
        "0.1000000000000000055",
        "[1]",
    ] {
        let row = shown(format!("f\n{text}").as_bytes(), &open());
        assert_eq!(row, [format!("{{\"f\":\"{text}\"}}")]);
    }
}

#[test]
fn a_bad_line_leaves_its_neighbours_alone() {
    let cases: [&[u8]; 7] = [
        b"1",
        b"1,2,3",
        b"1,x\"y",
        b"1,\"x\"y",
        b"1,\"x\" ",
        b"1,\"x\"\"\"\"\"",
        b"\xff,1",
    ];
    for bad in cases {
        let body = [&b"a,b\n0,0\n"[..], bad, b"\n2,2\n"].concat();
        let rows = shown(&body, &open());
        // The one well-formed line among them shows that doubled quotes are read.
        let middle = if bad.ends_with(b"\"\"\"") {
            r#"{"a":1,"b":"x\"\""}"#
        } else {
            "MalformedRecord"
        };
        assert_eq!(
            rows,
            [r#"{"a":0,"b":0}"#, middle, r#"{"a":2,"b":2}"#],
            "{}",
            String::from_utf8_lossy(bad)
        );
    }
}

#[test]
fn a_header_that_means_nothing_refuses_the_body() {
    assert_eq!(refused(b"").code, FaultCode::MalformedBody);
    assert_eq!(
        refused(b"\xef\xbb\xbf\r\n\n").code,
        FaultCode::MalformedBody
    );
    assert_eq!(refused(b"a\"b\n1").code, FaultCode::MalformedBody);
    assert_eq!(refused(b"\xff\n1").code, FaultCode::MalformedBody);
    assert_eq!(refused(b"a,,b\n1,2,3").code, FaultCode::InvalidName);
    assert_eq!(refused(b"a,\"\"\n1,2").code, FaultCode::InvalidName);
    let twice = refused(b"tenant,b,\"tenant\"\n1,2,3");
    assert_eq!(twice.code, FaultCode::DuplicateMember);
    assert_eq!(twice.field.as_deref(), Some("tenant"));
}

#[test]
fn an_open_quote_refuses_the_body() {
    for body in [
        &b"a\n\"x"[..],
        b"\"a",
        b"a\n1\n\"\"\"",
        b"a,b\n1,\"2\n3,4\n5,6\n",
        b"a,b\n1,\"2\n3,4\n5,\"x\"\n",
        b"a,b\n1,\"2\n3,\",x\"\n",
    ] {
        assert_eq!(refused(body).code, FaultCode::MalformedBody);
    }
}

#[test]
fn the_columns_are_bounded() {
    let names = |n: usize| {
        let names: Vec<_> = (0..n).map(|at| format!("c{at}")).collect();
        names.join(",")
    };
    let just = format!("{}\n", names(RECORD_FIELDS_MAX));
    assert!(read(just.as_bytes(), &open()).is_ok());
    let more = format!("{}\n", names(RECORD_FIELDS_MAX + 1));
    assert_eq!(refused(more.as_bytes()).code, FaultCode::LimitExceeded);
    let wide = [b"a\n".to_vec(), vec![b','; 1_000_000]].concat();
    assert_eq!(shown(&wide, &open()), ["MalformedRecord"]);
    let mut rows = Rows { rest: &wide };
    rows.next(1).expect("well formed");
    let row = rows.next(1).expect("well formed").expect("a line");
    assert_eq!((row.cells.len(), row.width), (1, 1_000_001));
}

fn tables() -> impl Strategy<Value = Vec<Vec<String>>> {
    let cell = proptest::string::string_regex("[a,\"\r\n é1-]{0,6}").expect("a pattern");
    proptest::collection::vec(proptest::collection::vec(cell, 3), 1..6)
}

proptest! {
    #[test]
    fn reads_what_others_write(table in tables(), all_quoted in any::<bool>()) {
        let style = if all_quoted { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let mut writer = csv::WriterBuilder::new().quote_style(style).from_writer(Vec::new());
        writer.write_record(["x", "y", "z"]).expect("in memory");
        for row in &table {
            writer.write_record(row).expect("in memory");
        }
        let body = writer.into_inner().expect("in memory");
        let schema = schema(&[("x", "String"), ("y", "String"), ("z", "String")]);
        let read = read(&body, &schema).expect("a table");
        prop_assert_eq!(read.len(), table.len());
        for (record, row) in read.into_iter().zip(table) {
            let record = record.expect("well formed");
            let object = record.as_object().expect("an object");
            for (name, cell) in ["x", "y", "z"].into_iter().zip(row) {
                let value = object.get(name).and_then(Value::as_str);
                prop_assert_eq!(value.unwrap_or_default(), cell);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(body in "[a,\"\r\n1]{0,40}") {
        if let Ok(records) = read(body.as_bytes(), &open()) {
            prop_assert!(records.len() <= body.len());
        }
    }
}

//! Columns and names as Delta has them.

use model::names::FieldPath;
use model::pools::{Field, PoolDraft, Schema, SchemaMode};

use super::reader::newest;
use super::*;
use crate::columns::Layout;

#[test]
fn every_type_has_its_delta_type() {
    let types = [
        ("Int8", "\"byte\""),
        ("Int16", "\"short\""),
        ("Int32", "\"integer\""),
        ("Int64", "\"long\""),
        ("UInt8", "\"short\""),
        ("UInt16", "\"integer\""),
        ("UInt32", "\"long\""),
        ("UInt64", "\"decimal(20,0)\""),
        ("Float32", "\"float\""),
        ("Float64", "\"double\""),
        ("String", "\"string\""),
        ("Boolean", "\"boolean\""),
        ("Date", "\"date\""),
        ("DateTime", "\"timestamp\""),
        ("UUID", "\"string\""),
    ];
    let mut expected = String::new();
    let mut columns = Vec::new();
    let arrays = types.map(|(field, delta)| {
        let array = format!("{{\"type\":\"array\",\"elementType\":{delta},\"containsNull\":true}}");
        (format!("Array({field})"), array)
    });
    let scalars = types.map(|(field, delta)| (field.to_owned(), delta.to_owned()));
    for (field, delta) in scalars.into_iter().chain(arrays) {
        columns.push(column(&format!("x.{field}"), &field));
        expected += &format!(
            ",{{\"name\":\"x.{field}\",\"type\":{delta},\"nullable\":true,\"metadata\":\
             {{\"tidegate.field\":\"x.{field}\",\"tidegate.type\":\"{field}\"}}}}"
        );
    }
    let disk = disk(1);
    publish(&disk, &pool(), &table(&columns), &[], at(0)).unwrap();
    let seen = newest(&disk, &log()).unwrap().unwrap();
    assert!(
        seen.schema.ends_with(&format!("{expected}]}}")),
        "{}",
        seen.schema
    );
    assert!(seen.files.is_empty());
}

#[test]
fn the_columns_of_a_pool_are_those_of_its_layout() {
    for (mode, rest) in [(SchemaMode::Open, true), (SchemaMode::Strict, false)] {
        let declared = vec![Field::new(
            FieldPath::parse("customer.id").unwrap(),
            FieldType::parse("UInt32").unwrap(),
            true,
        )];
        let layout = Layout::of(&Schema::new(mode, declared));
        let made = PublishedTable::new(PoolId::from_bytes([7; 16]), "readings", &layout, at(0));
        let mut expected = table(&[column("customer.id", "UInt32")]);
        if rest {
            expected
                .columns
                .push(("_rest".to_owned(), PublishedType::Rest));
        }
        assert_eq!(made, expected);
    }
}

#[test]
fn a_column_says_what_its_field_is_called_now_and_is_published_anew_when_that_changes() {
    let (disk, kind) = (disk(1), FieldType::parse("UUID").unwrap());
    let mut field = Field::new(FieldPath::parse("token").unwrap(), kind, false);
    for (version, name) in [(0, "token"), (1, "session.token"), (2, "token")] {
        field.path = FieldPath::parse(name).unwrap();
        let schema = Schema::new(SchemaMode::Open, vec![field.clone()]);
        let id = PoolId::from_bytes([7; 16]);
        let layout = Layout::of(&schema);
        let table = PublishedTable::new(id, "readings", &layout, at(0));
        let written = publish(&disk, &pool(), &table, &[], at(version)).unwrap();
        assert_eq!(written, Some(version));
        let seen = newest(&disk, &log()).unwrap().unwrap();
        let schema: serde_json::Value = serde_json::from_str(&seen.schema).unwrap();
        let column = &schema["fields"][3];
        assert_eq!(column["name"], "token");
        assert_eq!(column["metadata"]["tidegate.field"], name);
        assert_eq!(column["metadata"]["tidegate.type"], "UUID");
        let rest = &schema["fields"][4];
        assert_eq!(rest["metadata"]["tidegate.form"], "undeclared-1");
    }
}

#[test]
fn what_was_deleted_of_undeclared_fields_stands_with_them() {
    let disk = disk(1);
    let text = br#"{"name":"readings","schema":"open"}"#;
    let draft = PoolDraft::parse(&model::json::parse(text).unwrap()).unwrap();
    let gone = |draft: &PoolDraft, path| draft.without_property(&FieldPath::parse(path).unwrap());
    let once = gone(&draft, "customer").unwrap();
    let twice = gone(&once, "customer.id").unwrap();
    for (version, draft, told) in [
        (0, &draft, serde_json::Value::Null),
        (1, &once, r#"{"customer":2}"#.into()),
        (2, &twice, r#"{"customer":2,"customer.id":3}"#.into()),
    ] {
        let layout = Layout::of(&draft.schema);
        let table = PublishedTable::new(PoolId::from_bytes([7; 16]), "readings", &layout, at(0));
        let written = publish(&disk, &pool(), &table, &[], at(version)).unwrap();
        assert_eq!(written, Some(version));
        let seen = newest(&disk, &log()).unwrap().unwrap();
        let schema: serde_json::Value = serde_json::from_str(&seen.schema).unwrap();
        let metadata = &schema["fields"][3]["metadata"];
        assert_eq!(metadata["tidegate.deleted"], told);
        let form = if told.is_null() {
            "undeclared-1"
        } else {
            "undeclared-2"
        };
        assert_eq!(metadata["tidegate.form"], form);
    }
}

#[test]
fn columns_that_differ_in_case_alone_are_refused_by_name() {
    let disk = disk(1);
    let columns = [column("Amount", "Int8"), column("amount", "Int8")];
    let error = publish(&disk, &pool(), &table(&columns), &[], at(0)).unwrap_err();
    let text = error.to_string();
    for part in [
        "readings",
        "\"Amount\" and \"amount\"",
        "rename one of the fields",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(disk.list(&log()).is_err(), "nothing is written");
}

#[test]
fn names_that_readers_would_misread_are_refused() {
    for name in [
        "",
        "_a.parquet",
        ".a.parquet",
        "a b.parquet",
        "a/b.parquet",
        "a%20.parquet",
    ] {
        let mut bad = file(1);
        bad.name = name.to_owned();
        let error = publish(&disk(1), &pool(), &table(&[]), &[bad], at(0)).unwrap_err();
        assert!(
            matches!(error, PublishError::Internal(_)),
            "{name:?}: {error}"
        );
    }
    let twice = [file(1), file(1)];
    let error = publish(&disk(1), &pool(), &table(&[]), &twice, at(0)).unwrap_err();
    assert!(error.to_string().contains("given twice"), "{error}");
}

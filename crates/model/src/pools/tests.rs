mod grow;
mod members;

use super::*;
use crate::fields::{ColumnType, FieldType, ScalarType};
use crate::fixtures::{STRICT, json, path, refusal};
use crate::limits::{DESCRIPTION_CHARS_MAX, POOL_FIELDS_MAX};

#[test]
fn a_definition_reads_back_as_it_was_written() {
    for text in [
        STRICT,
        r#"{"name":"a b","schema":"open"}"#,
        r#"{"name":"x","description":"d","schema":"open","fields":[{"name":"t","type":"Array(UUID)","required":true}],"isolation_field":"who"}"#,
        r#"{"name":"x","schema":"open","tier":"core","public":false,"unique":null,"retention_days":null,"layout":null}"#,
        r#"{"name":"x","schema":"open","layout":"shared"}"#,
    ] {
        let read = PoolDraft::parse(&json(text)).expect("legal");
        assert_eq!(PoolDraft::parse(&read.to_value()), Ok(read.clone()));
        let text = json(&crate::json::to_text(&read.to_value()));
        assert_eq!(PoolDraft::parse(&text), Ok(read));
    }
}

#[test]
fn whatever_is_wrong_or_not_enforced_is_refused_at_its_place() {
    let field = |text: &str| format!(r#""fields":[{{"name":"ok","type":"Int8"}},{text}]"#);
    let cases = [
        (r#""name":"a/b""#.to_owned(), "InvalidName /name"),
        (r#""name":"_a""#.to_owned(), "InvalidName /name"),
        (r#""name":1"#.to_owned(), "WrongType /name"),
        (r#""name":null"#.to_owned(), "MissingMember /name"),
        (
            format!(
                r#""description":"{}""#,
                "x".repeat(DESCRIPTION_CHARS_MAX + 1)
            ),
            "LimitExceeded /description",
        ),
        (r#""schema":"loose""#.to_owned(), "InvalidValue /schema"),
        (r#""schema":null"#.to_owned(), "MissingMember /schema"),
        (r#""schema":"strict""#.to_owned(), "InvalidValue /fields"),
        (
            r#""schema":"strict","fields":[]"#.to_owned(),
            "InvalidValue /fields",
        ),
        (r#""fields":{}"#.to_owned(), "WrongType /fields"),
        (field("1"), "WrongType /fields/1"),
        (field("{}"), "MissingMember /fields/1/name"),
        (field(r#"{"name":"a"}"#), "MissingMember /fields/1/type"),
        (
            field(r#"{"name":"a","type":"int"}"#),
            "InvalidValue /fields/1/type",
        ),
        (
            field(r#"{"name":"a","type":1}"#),
            "WrongType /fields/1/type",
        ),
        (
            field(r#"{"name":"a","type":"Int8","required":"yes"}"#),
            "WrongType /fields/1/required",
        ),
        (
            field(r#"{"name":"a","type":"Int8","default":1}"#),
            "UnknownMember /fields/1/default",
        ),
        (
            field(r#"{"name":"_id","type":"String"}"#),
            "InvalidName /fields/1/name",
        ),
        (
            field(r#"{"name":"a._b","type":"String"}"#),
            "InvalidName /fields/1/name",
        ),
        (
            field(r#"{"name":"a..b","type":"String"}"#),
            "InvalidName /fields/1/name",
        ),
        (
            field(r#"{"name":1,"type":"String"}"#),
            "WrongType /fields/1/name",
        ),
        (
            field(r#"{"name":"ok","type":"Int8"}"#),
            "InvalidValue /fields/1/name",
        ),
        (
            field(r#"{"name":"ok.b","type":"Int8"}"#),
            "InvalidValue /fields/1/name",
        ),
        (
            r#""fields":[{"name":"a.b.c","type":"Int8"},{"name":"a.b","type":"Int8"}]"#.to_owned(),
            "InvalidValue /fields/0/name",
        ),
        (
            format!(r#""fields":[{}]"#, vec!["1"; POOL_FIELDS_MAX + 1].join(",")),
            "LimitExceeded /fields",
        ),
        (
            r#""isolation_field":1"#.to_owned(),
            "WrongType /isolation_field",
        ),
        (
            r#""isolation_field":"_key""#.to_owned(),
            "InvalidName /isolation_field",
        ),
        (
            r#""fields":[{"name":"a","type":"Array(Int8)"}],"isolation_field":"a""#.to_owned(),
            "WrongType /isolation_field",
        ),
        (
            r#""schema":"strict","fields":[{"name":"a","type":"Int8"}],"isolation_field":"b""#
                .to_owned(),
            "UnknownField /isolation_field",
        ),
        (r#""time_field":"t""#.to_owned(), "UnknownField /time_field"),
        (
            r#""fields":[{"name":"t","type":"Date"}],"time_field":"t""#.to_owned(),
            "WrongType /time_field",
        ),
        (r#""time_field":{}"#.to_owned(), "WrongType /time_field"),
        (r#""tier":"gold""#.to_owned(), "InvalidValue /tier"),
        (r#""tier":false"#.to_owned(), "WrongType /tier"),
        (r#""public":1"#.to_owned(), "WrongType /public"),
        (r#""public":"core""#.to_owned(), "WrongType /public"),
        (r#""id":"x""#.to_owned(), "UnknownMember /id"),
    ];
    for (members, expected) in cases {
        let base = [
            (r#""name":"#, r#""name":"x""#),
            (r#""schema":"#, r#""schema":"open""#),
        ];
        let base = base
            .into_iter()
            .filter(|(member, _)| !members.starts_with(member));
        let mut all: Vec<&str> = base.map(|(_, text)| text).collect();
        all.push(&members);
        let text = format!("{{{}}}", all.join(","));
        assert_eq!(
            refusal(PoolDraft::parse(&json(&text))),
            expected,
            "{}",
            &text[..text.len().min(200)]
        );
    }
    for no_object in ["[]", "null", "\"x\""] {
        assert_eq!(refusal(PoolDraft::parse(&json(no_object))), "WrongType ");
    }
}

#[test]
fn a_schema_knows_its_fields_and_the_servers() {
    let strict = PoolDraft::parse(&json(STRICT)).expect("legal").schema;
    let open = PoolDraft::parse(&json(r#"{"name":"o","schema":"open"}"#))
        .expect("legal")
        .schema;
    let scalar = |found| Some(ColumnType::Declared(FieldType::Scalar(found)));
    for schema in [&strict, &open] {
        assert_eq!(schema.column(&path("_id")), scalar(ScalarType::String));
        assert_eq!(schema.column(&path("_key")), scalar(ScalarType::String));
        assert_eq!(
            schema.column(&path("_ingested_at")),
            scalar(ScalarType::DateTime)
        );
    }
    assert_eq!(
        strict.column(&path("customer.id")),
        scalar(ScalarType::String)
    );
    for near in [
        "customer",
        "customer.id.x",
        "customer.i",
        "Customer.id",
        "custome",
        "other",
    ] {
        assert_eq!(strict.column(&path(near)), None, "{near}");
        assert_eq!(
            open.column(&path(near)),
            Some(ColumnType::Undeclared),
            "{near}"
        );
    }
    let shown: Vec<&str> = strict
        .declared()
        .iter()
        .map(|field| field.path.as_str())
        .collect();
    assert_eq!(shown[0], "customer.id", "declared order is kept");
    assert_eq!(
        strict
            .declared()
            .iter()
            .filter(|field| strict.field(field.path.as_str()) == Some(field))
            .count(),
        shown.len()
    );
}

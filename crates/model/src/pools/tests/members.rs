//! `unique`, `retention_days` and `layout`.

use super::*;
use crate::fault::Fault;
use crate::pools::parse::{Form, read};

const FIELDS: &str = r#""fields":[{"name":"who","type":"String"},{"name":"order","type":"Int64"},
    {"name":"line","type":"UUID"},{"name":"price","type":"Float64"},{"name":"tags","type":"Array(String)"}]"#;

fn parse(members: &str) -> Result<PoolDraft, Fault> {
    let text = format!(r#"{{"name":"x","schema":"open",{FIELDS}{members}}}"#);
    read(&json(&text), Form::New)
}

fn unique(members: &str) -> Vec<String> {
    let draft = parse(members).expect("legal");
    draft.unique.iter().map(ToString::to_string).collect()
}

#[test]
fn each_reads_back_as_it_was_written() {
    let isolated = r#","isolation_field":"who","#;
    for members in [
        r#""unique":["order"]"#,
        r#""retention_days":1"#,
        r#""retention_days":36500"#,
        r#""layout":"file_per_customer""#,
        r#""unique":["who"],"retention_days":30,"layout":"shared""#,
    ] {
        let read_once = parse(&format!("{isolated}{members}")).expect("legal");
        let again = read(&read_once.to_value(), Form::New);
        assert_eq!(again, Ok(read_once.clone()));
        assert_eq!(PoolDraft::restore(&read_once.to_stored()), Ok(read_once));
    }
    let shown = crate::json::to_text(&parse("").expect("legal").to_value());
    assert!(
        shown.ends_with(r#""unique":null,"retention_days":null,"layout":"shared"}"#),
        "{shown}"
    );
}

#[test]
fn unique_always_has_the_isolation_field_and_one_order() {
    let isolated = r#","isolation_field":"who","#;
    for (sent, read) in [
        (r#"["order"]"#, &["who", "order"][..]),
        (r#"["order","who"]"#, &["who", "order"]),
        (r#"["order","line"]"#, &["who", "line", "order"]),
        (r#"["line","who","order"]"#, &["who", "line", "order"]),
        (r#"["who"]"#, &["who"]),
    ] {
        assert_eq!(unique(&format!(r#"{isolated}"unique":{sent}"#)), read);
    }
    assert_eq!(unique(r#","unique":null"#), [""; 0]);
}

#[test]
fn whatever_is_wrong_is_refused_at_its_place() {
    let cases = [
        (r#""unique":["order"]"#, "InvalidValue /unique"),
        (
            r#""isolation_field":"other","unique":["order"]"#,
            "InvalidValue /unique",
        ),
        (
            r#""isolation_field":"price","unique":["order"]"#,
            "WrongType /isolation_field",
        ),
        (
            r#""isolation_field":"who","unique":[]"#,
            "InvalidValue /unique",
        ),
        (
            r#""isolation_field":"who","unique":"order""#,
            "WrongType /unique",
        ),
        (
            r#""isolation_field":"who","unique":[1]"#,
            "WrongType /unique/0",
        ),
        (
            r#""isolation_field":"who","unique":["order","other"]"#,
            "UnknownField /unique/1",
        ),
        (
            r#""isolation_field":"who","unique":["_id"]"#,
            "InvalidName /unique/0",
        ),
        (
            r#""isolation_field":"who","unique":["price"]"#,
            "WrongType /unique/0",
        ),
        (
            r#""isolation_field":"who","unique":["tags"]"#,
            "WrongType /unique/0",
        ),
        (
            r#""isolation_field":"who","unique":["order","line","order"]"#,
            "InvalidValue /unique/2",
        ),
        (r#""retention_days":0"#, "InvalidValue /retention_days"),
        (r#""retention_days":36501"#, "InvalidValue /retention_days"),
        (r#""retention_days":1.5"#, "WrongType /retention_days"),
        (r#""retention_days":"30""#, "WrongType /retention_days"),
        (r#""layout":"other""#, "InvalidValue /layout"),
        (r#""layout":1"#, "WrongType /layout"),
        (r#""layout":"file_per_customer""#, "InvalidValue /layout"),
        (
            r#""isolation_field":"other","layout":"file_per_customer""#,
            "InvalidValue /layout",
        ),
    ];
    for (members, refused) in cases {
        assert_eq!(refusal(parse(&format!(",{members}"))), refused, "{members}");
    }
    let many = |count: usize| {
        let fields = (0..count).map(|n| format!(r#"{{"name":"f{n}","type":"Int8"}}"#));
        let names = (1..count).map(|n| format!(r#""f{n}""#));
        let text = format!(
            r#"{{"name":"x","schema":"strict","isolation_field":"f0","fields":[{}],"unique":[{}]}}"#,
            fields.collect::<Vec<_>>().join(","),
            names.collect::<Vec<_>>().join(","),
        );
        read(&json(&text), Form::New)
    };
    assert_eq!(many(8).expect("eight in all").unique.len(), 8);
    assert_eq!(refusal(many(9)), "LimitExceeded /unique");
}

#[test]
fn unique_is_kept_and_the_others_change() {
    let members = r#","isolation_field":"who","unique":["order"],"retention_days":30"#;
    let draft = parse(members).expect("legal");
    let patched = |text: &str| draft.patched(&json(text));
    for text in [
        r#"{"unique":null}"#,
        r#"{"unique":["line"]}"#,
        r#"{"unique":["who"]}"#,
        r#"{"unique":["order","line"]}"#,
    ] {
        assert_eq!(refusal(patched(text)), "NotAvailable /unique", "{text}");
    }
    let same = patched(r#"{"unique":["order","who"]}"#).expect("the same");
    assert_eq!(same, draft);
    let changed = patched(r#"{"retention_days":null,"layout":"file_per_customer"}"#);
    let changed = changed.expect("both change");
    assert_eq!(changed.retention_days, None);
    assert_eq!(changed.layout, FileLayout::FilePerCustomer);
    let back = changed.patched(&json(r#"{"retention_days":7,"layout":null}"#));
    let back = back.expect("both change");
    assert_eq!(
        (back.retention_days, back.layout),
        (Some(7), FileLayout::Shared)
    );
    let plain = parse(r#","isolation_field":"who""#).expect("legal");
    let later = plain.patched(&json(r#"{"unique":["order"]}"#));
    assert_eq!(refusal(later), "NotAvailable /unique");
}

//! Every way to write a filter wrongly, with the code and the place of it.

use super::*;

const CASES: &[(&str, &str)] = &[
    ("1", "WrongType "),
    ("null", "WrongType "),
    ("\"a\"", "WrongType "),
    ("[]", "InvalidFilter "),
    ("[[]]", "InvalidFilter /0"),
    ("[1]", "WrongType /0"),
    ("{}", "MissingMember /field"),
    (r#"{"all":[]}"#, "InvalidFilter /all"),
    (r#"{"any":[]}"#, "InvalidFilter /any"),
    (r#"{"all":{}}"#, "WrongType /all"),
    (r#"{"any":null}"#, "WrongType /any"),
    (r#"{"not":[]}"#, "InvalidFilter /not"),
    (r#"{"not":null}"#, "WrongType /not"),
    (
        r#"{"any":[{"not":{"all":[]}}]}"#,
        "InvalidFilter /any/0/not/all",
    ),
    (r#"{"all":[],"any":[]}"#, "UnknownMember /all"),
    (r#"{"All":[]}"#, "UnknownMember /All"),
    (r#"{"a/b":1}"#, "UnknownMember /a~1b"),
    (
        r#"{"field":"a","operator":"eq","value":1,"extra":1}"#,
        "UnknownMember /extra",
    ),
    (r#"{"operator":"eq","value":1}"#, "MissingMember /field"),
    (r#"{"field":"a","value":1}"#, "MissingMember /operator"),
    (r#"{"field":"a","operator":"eq"}"#, "MissingMember /value"),
    (
        r#"{"field":1,"operator":"eq","value":1}"#,
        "WrongType /field",
    ),
    (
        r#"{"field":null,"operator":"eq","value":1}"#,
        "WrongType /field",
    ),
    (
        r#"{"field":"","operator":"eq","value":1}"#,
        "InvalidName /field",
    ),
    (
        r#"{"field":"a..b","operator":"eq","value":1}"#,
        "InvalidName /field",
    ),
    (
        r#"{"field":"a.","operator":"eq","value":1}"#,
        "InvalidName /field",
    ),
    (
        r#"{"field":"_x","operator":"eq","value":1}"#,
        "InvalidName /field",
    ),
    (
        r#"{"field":"a\u200b","operator":"eq","value":1}"#,
        "InvalidName /field",
    ),
    (
        r#"{"field":"a","operator":1,"value":1}"#,
        "WrongType /operator",
    ),
    (
        r#"{"field":"a","operator":"equals","value":1}"#,
        "InvalidFilter /operator",
    ),
    (
        r#"{"field":"a","operator":"EQ","value":1}"#,
        "InvalidFilter /operator",
    ),
    (
        r#"{"field":"a","operator":"eq","value":null}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"ne","value":null}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"eq","value":{}}"#,
        "WrongType /value",
    ),
    (
        r#"{"field":"a","operator":"eq","value":[]}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"eq","value":[null]}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"eq","value":[[1]]}"#,
        "WrongType /value",
    ),
    (
        r#"{"field":"a","operator":"in","value":1}"#,
        "WrongType /value",
    ),
    (
        r#"{"field":"a","operator":"in","value":null}"#,
        "WrongType /value",
    ),
    (
        r#"{"field":"a","operator":"in","value":[]}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"not_in","value":[]}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"not_in","value":[{}]}"#,
        "WrongType /value",
    ),
    (
        r#"{"field":"a","operator":"lt","value":[1]}"#,
        "WrongType /value",
    ),
    (
        r#"{"field":"a","operator":"gte","value":null}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"exists","value":1}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"exists","value":"true"}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"contains","value":[1]}"#,
        "WrongType /value",
    ),
    (
        r#"{"field":"a","operator":"not_contains","value":null}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"starts_with","value":1}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"ends_with","value":null}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"regex","value":1}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"regex","value":"("}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"regex","value":"(?=a)"}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"regex","value":"(a)\\1"}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"regex","value":"((\\w{100}){100}){100}"}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"within","value":[1,2]}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"within","value":{"center":[1,2]}}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"within","value":{"center":[1,2],"radius_meters":0}}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"within","value":{"center":[1,2],"radius_meters":-1}}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"within","value":{"center":[181,2],"radius_meters":1}}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"within","value":{"center":[1,2,3],"radius_meters":1}}"#,
        "InvalidFilter /value",
    ),
    (
        r#"{"field":"a","operator":"within","value":{"center":[1,2],"radius_meters":1,"x":1}}"#,
        "InvalidFilter /value",
    ),
];

#[test]
fn every_malformed_filter_is_refused_at_its_place() {
    for (text, expected) in CASES {
        assert_eq!(refusal(parse_filter(&json(text))), *expected, "{text}");
        // The same in a list, where a key's constraint or a delete stands.
        let (code, pointer) = expected.split_once(' ').expect("code and pointer");
        let list = format!("[{{\"field\":\"ok\",\"operator\":\"eq\",\"value\":1}},{text}]");
        assert_eq!(
            refusal(parse_list(&json(&list))),
            format!("{code} /1{pointer}"),
            "{list}"
        );
    }
    for (text, expected) in [
        ("[]", "InvalidFilter "),
        ("{}", "WrongType "),
        ("null", "WrongType "),
        ("\"all_rows\"", "WrongType "),
    ] {
        assert_eq!(refusal(parse_list(&json(text))), expected, "{text}");
    }
}

#[test]
fn a_fault_names_the_field_and_echoes_little() {
    let fault = parse_filter(&json(
        r#"{"field":"customer.id","operator":"eq","value":null}"#,
    ))
    .expect_err("null");
    assert_eq!(fault.field.as_deref(), Some("customer.id"));
    let long = format!(
        r#"{{"field":"a","operator":"{}","value":1}}"#,
        "x".repeat(100_000)
    );
    let fault = parse_filter(&json(&long)).expect_err("no operator");
    assert!(fault.detail.len() < 400, "{}", fault.detail.len());
}

fn code<T: std::fmt::Debug>(read: Result<T, crate::fault::Fault>) -> Option<FaultCode> {
    read.err().map(|fault| fault.code)
}

#[test]
fn the_limits_are_the_stated_ones() {
    let one = r#"{"field":"a","operator":"eq","value":1}"#;
    let group = |n: usize| json(&format!(r#"{{"any":[{}]}}"#, vec![one; n].join(",")));
    assert_eq!(code(parse_filter(&group(FILTER_NODES_MAX - 1))), None);
    assert_eq!(
        code(parse_filter(&group(FILTER_NODES_MAX))),
        Some(FaultCode::LimitExceeded)
    );

    let deep = |n: usize| json(&format!("{}{one}{}", r#"{"not":"#.repeat(n), "}".repeat(n)));
    assert_eq!(code(parse_filter(&deep(FILTER_DEPTH_MAX))), None);
    assert_eq!(
        code(parse_filter(&deep(FILTER_DEPTH_MAX + 1))),
        Some(FaultCode::LimitExceeded)
    );

    let list = |n: usize| {
        json(&format!(
            r#"{{"field":"a","operator":"in","value":[{}]}}"#,
            vec!["1"; n].join(",")
        ))
    };
    assert_eq!(code(parse_filter(&list(FILTER_LIST_MAX))), None);
    assert_eq!(
        code(parse_filter(&list(FILTER_LIST_MAX + 1))),
        Some(FaultCode::LimitExceeded)
    );

    let regex = |n: usize| {
        json(&format!(
            r#"{{"field":"a","operator":"regex","value":"{}"}}"#,
            "a".repeat(n)
        ))
    };
    assert_eq!(code(parse_filter(&regex(REGEX_BYTES_MAX))), None);
    assert_eq!(
        code(parse_filter(&regex(REGEX_BYTES_MAX + 1))),
        Some(FaultCode::InvalidFilter)
    );
}

use proptest::prelude::*;

use super::*;

fn code(text: &str) -> FaultCode {
    parse(text.as_bytes()).expect_err(text).code
}

#[test]
fn reads_and_writes_each_kind() {
    let text = r#"{"a":[null,true,-1,18446744073709551615,1.5,"x"],"b":{"c":{}}}"#;
    assert_eq!(to_text(&parse(text.as_bytes()).expect("json")), text);
}

#[test]
fn refuses_duplicate_members_at_every_level() {
    assert_eq!(code(r#"{"a":1,"a":1}"#), FaultCode::DuplicateMember);
    assert_eq!(
        code(r#"[{"b":{"a":1,"\u0061":2}}]"#),
        FaultCode::DuplicateMember
    );
    let fault = parse(br#"{"tenant":1,"tenant":2}"#).expect_err("twice");
    assert_eq!((&*fault.pointer, &fault.field), ("/tenant", &None));
    let nested = br#"{"a":[1,{"b/c":{"x":1,"y":2,"x":3}}]}"#;
    let fault = parse(nested).expect_err("twice");
    assert_eq!(fault.pointer, "/a/1/b~1c/x");
}

#[test]
fn refuses_depth_beyond_the_limit_without_recursing() {
    let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert!(parse(nested(JSON_DEPTH_MAX).as_bytes()).is_ok());
    assert_eq!(code(&nested(JSON_DEPTH_MAX + 1)), FaultCode::LimitExceeded);
    assert_eq!(code(&"[".repeat(1_000_000)), FaultCode::LimitExceeded);
    assert_eq!(
        code(&r#"{"a":"#.repeat(1_000_000)),
        FaultCode::LimitExceeded
    );
}

#[test]
fn refuses_what_is_not_one_json_value() {
    for text in [
        "",
        "{",
        "1 2",
        "nul",
        "{'a':1}",
        "[1,]",
        "\"\u{0}\"",
        "NaN",
        "1e999",
        "-",
        "\u{feff}1",
    ] {
        assert_eq!(code(text), FaultCode::MalformedBody, "{text:?}");
    }
    assert_eq!(
        parse(b"\"\xff\"").expect_err("not UTF-8").code,
        FaultCode::MalformedBody
    );
}

#[test]
fn wide_integers_become_strings_when_asked() {
    let write = |n: i128| {
        serde_json::to_string(&Written(&Value::Integer(n), WideIntegers::Strings)).expect("json")
    };
    assert_eq!(write(9_007_199_254_740_991), "9007199254740991");
    assert_eq!(write(9_007_199_254_740_993), "\"9007199254740993\"");
    assert_eq!(write(-9_007_199_254_740_993), "\"-9007199254740993\"");
    assert_eq!(write(i128::MIN), format!("\"{}\"", i128::MIN));
}

/// Any value that JSON text can carry.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", Value::float),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            proptest::collection::btree_map(".{0,4}", inner, 0..5).prop_map(|members| {
                Value::Object(
                    Object::from_members(members.into_iter().collect()).expect("distinct"),
                )
            }),
        ]
    })
}

proptest! {
    #[test]
    fn text_survives_the_round_trip(value in any_json()) {
        prop_assert_eq!(parse(to_text(&value).as_bytes()).expect("own text"), value);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let read = parse(&bytes);
        if let Ok(value) = read {
            prop_assert!(parse(to_text(&value).as_bytes()).is_ok());
        }
    }
}

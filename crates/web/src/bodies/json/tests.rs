use model::value::Value;
use proptest::prelude::*;

use super::*;

/// Each record as JSON text, or the code of its fault.
fn shown(records: &[SentRecord]) -> Vec<String> {
    let show = |(at, record): (usize, &SentRecord)| match record {
        Ok(value) => model::json::to_text(value),
        Err(fault) => {
            assert_eq!(fault.index, at);
            format!("{:?}", fault.code)
        }
    };
    records.iter().enumerate().map(show).collect()
}

fn array(text: &str) -> Vec<String> {
    shown(&read(text.as_bytes()).expect(text))
}

fn lines(text: &str) -> Vec<String> {
    shown(
        &super::lines(text.as_bytes())
            .expect(text)
            .map(Sent::read)
            .collect::<Vec<_>>(),
    )
}

#[test]
fn one_object_or_an_array_of_them() {
    assert_eq!(array(r#" {"a":1} "#), [r#"{"a":1}"#]);
    assert_eq!(array(" [ ] "), [""; 0]);
    assert_eq!(
        array("[{\"a\":[1,{\"b\":\"],}\\\"\"}]}\n,\t{} , [2,3],4 ]\r\n"),
        [r#"{"a":[1,{"b":"],}\""}]}"#, "{}", "[2,3]", "4"]
    );
}

#[test]
fn a_bad_record_leaves_its_neighbours_alone() {
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(RECORD_TEXT_BYTES_MAX));
    for (bad, code) in [
        (r#"{"a":1,"a":1}"#, "DuplicateMember"),
        (r#"{"a":{"b":1,"\u0062":[]}}"#, "DuplicateMember"),
        (r#"{"a":1e999}"#, "MalformedRecord"),
        (r#"{"a":"\ud800"}"#, "MalformedRecord"),
        (deep.as_str(), "TooLarge"),
        (long.as_str(), "TooLarge"),
    ] {
        let expected = [r#"{"n":0}"#, code, r#"{"n":2}"#];
        assert_eq!(array(&format!(r#"[{{"n":0}},{bad},{{"n":2}}]"#)), expected);
        assert_eq!(lines(&format!("{{\"n\":0}}\n{bad}\n{{\"n\":2}}")), expected);
    }
    let twice = read(br#"[{"tenant":1,"tenant":2}]"#).expect("an array");
    let fault = twice[0].as_ref().expect_err("twice");
    assert_eq!(fault.field.as_deref(), Some("tenant"));
    assert_eq!(array(r#"{"a":1,"a":2}"#), ["DuplicateMember"]);
    let invalid = read(b"[{\"a\":\"\xff\"},{}]").expect("an array");
    assert_eq!(shown(&invalid), ["MalformedRecord", "{}"]);
}

#[test]
fn broken_grammar_refuses_the_whole_body() {
    for text in [
        "",
        " ",
        "[",
        "[{}",
        "[{},",
        "[{},]",
        "[,{}]",
        "[{},,{}]",
        "[{}]]",
        "[{}] {}",
        "[{}}]",
        "[{]}]",
        "[{\"a\":}]",
        "[{\"a\":1,\"a\":2,!}]",
        "[{}{}]",
        "[{\"a\":\"x]",
        "[\"\\",
        "{} {}",
        "{\"a\":1,\"a\":1",
        "nul",
        "\u{feff}[]",
    ] {
        let fault = read(text.as_bytes()).expect_err(text);
        assert_eq!(fault.code, FaultCode::MalformedBody, "{text:?}");
    }
}

#[test]
fn the_place_of_broken_grammar_is_told() {
    let fault = read(br#"[{"a":1}, {"a":oops}]"#).expect_err("malformed");
    assert_eq!(
        fault.detail,
        "the text of record 1 is not JSON, at its line 1, column 6"
    );
    let records = super::lines(b"{}\n{\"a\":oops}")
        .expect("lines")
        .map(Sent::read)
        .collect::<Vec<_>>();
    assert_eq!(
        records[1].as_ref().expect_err("malformed").message,
        "the text is not JSON, at line 1, column 6 of the record"
    );
}

#[test]
fn lines_are_records_and_empty_ones_are_not() {
    assert_eq!(
        lines("\n{\"a\":1}\r\n \t\r\n\n{\"a\":\n{\"a\":3}\nx"),
        [
            r#"{"a":1}"#,
            "MalformedRecord",
            r#"{"a":3}"#,
            "MalformedRecord"
        ]
    );
    assert_eq!(lines(""), [""; 0]);
    assert_eq!(lines("{} {}"), ["MalformedRecord"]);
}

/// Text that looks like JSON and mostly is none.
fn almost_json() -> impl Strategy<Value = String> {
    let pieces = [
        "[", "]", "{", "}", ",", ":", "\"", "\\", " ", "\"a\"", "\"b\":", "1", "-", "e9", "[{",
        "}]", "},{", "null", "1e999", "\n",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..24)
        .prop_map(|pieces| pieces.concat())
}

/// What the reader of one whole value makes of the body, as records.
fn oracle(body: &str) -> Option<Vec<Value>> {
    match model::json::parse(body.as_bytes()).ok()? {
        Value::Array(elements) => Some(elements),
        one => Some(vec![one]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]
    #[test]
    fn reads_what_the_whole_reader_reads_and_nothing_else(body in almost_json()) {
        let is_json = serde_json::from_str::<IgnoredAny>(&body).is_ok();
        let read = read(body.as_bytes());
        prop_assert_eq!(read.is_ok(), is_json, "{:?}", read);
        if let Some(expected) = oracle(&body) {
            let records = read.expect("JSON").into_iter().collect::<Result<Vec<_>, _>>();
            prop_assert_eq!(records, Ok(expected));
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(records) = read(&bytes) {
            shown(&records);
        }
        let lines = super::lines(&bytes).expect("few lines");
        shown(&lines.map(Sent::read).collect::<Vec<_>>());
    }
}

use model::pools::{PoolDraft, Schema};

use super::*;

fn parse(text: &str) -> Value {
    model::json::parse(text.as_bytes()).expect("JSON")
}

fn schema() -> Schema {
    let draft = parse(
        r#"{"name": "p", "schema": "open", "fields": [
            {"name": "n", "type": "Int64"}, {"name": "s", "type": "String"},
            {"name": "b", "type": "Boolean"}, {"name": "list", "type": "Array(String)"}]}"#,
    );
    PoolDraft::parse(&draft).expect("a pool").schema
}

fn read(sent: &[(&str, &str)]) -> Result<Option<Value>, Fault> {
    let get = |name: &str| {
        let found = sent.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| *value)
    };
    Filters::typed(get).to_value(&schema())
}

#[test]
fn a_row_says_a_comparison_with_a_value_of_the_fields_type() {
    for (field, operator, value, expected) in [
        ("n", "gte", "5", "5"),
        ("s", "eq", "5", "\"5\""),
        ("s", "eq", "\"5\"", "\"5\""),
        ("b", "eq", "true", "true"),
        ("list", "contains", "7", "\"7\""),
        ("other", "eq", "7", "7"),
        ("other", "eq", "\"7\"", "\"7\""),
        ("other", "eq", "seven", "\"seven\""),
        ("n", "in", "1, 2,3", "[1,2,3]"),
        ("s", "in", "1, b", "[\"1\",\"b\"]"),
        ("s", "exists", "", "true"),
        ("s", "exists", "no", "false"),
        ("other", "starts_with", "12", "\"12\""),
    ] {
        let list = read(&[("f1", field), ("o1", operator), ("v1", value)]);
        let list = list.expect("a filter").expect("one");
        let expected =
            format!("[{{\"field\":\"{field}\",\"operator\":\"{operator}\",\"value\":{expected}}}]");
        assert_eq!(model::json::to_text(&list), expected);
    }
}

#[test]
fn what_rows_cannot_say_is_written_as_json_and_comes_back_so() {
    let json = r#"[{"any":[{"field":"n","operator":"eq","value":1},{"field":"s","operator":"eq","value":"x"}]}]"#;
    let list = read(&[("filters", json)]).expect("filters").expect("some");
    assert_eq!(model::json::to_text(&list), json);
    assert_eq!(
        Filters::fields_of(&list, &schema()),
        [("filters", json.to_owned())]
    );
    assert!(read(&[("filters", "{")]).is_err());
    assert!(read(&[("filters", "7")]).is_err());
    assert!(read(&[("f1", "n"), ("o1", "regex"), ("v1", "(")]).is_err());
    assert_eq!(read(&[("o1", "gte")]).expect("nothing"), None);
    // Half of a condition is none, and would let more through than was typed.
    assert!(read(&[("v1", "5")]).is_err());
    assert!(read(&[("f1", "s"), ("o1", "eq"), ("v1", " ")]).is_err());
    let empty = read(&[("f1", "s"), ("o1", "eq"), ("v1", "\"\"")]).expect("a filter");
    assert_eq!(
        empty.map(|list| model::json::to_text(&list)),
        Some(r#"[{"field":"s","operator":"eq","value":""}]"#.to_owned())
    );
}

#[test]
fn filters_come_back_into_the_rows_that_said_them() {
    for text in [
        r#"[{"field":"n","operator":"eq","value":5},{"field":"s","operator":"ne","value":"x"}]"#,
        r#"[{"field":"other","operator":"eq","value":"7"}]"#,
        r#"[{"field":"other","operator":"eq","value":"true"}]"#,
        r#"[{"field":"n","operator":"in","value":[1,2]}]"#,
        r#"[{"field":"s","operator":"in","value":["a,b"]}]"#,
        r#"[{"field":"s","operator":"exists","value":false}]"#,
        r#"[{"field":"n","operator":"eq","value":12345678901234567}]"#,
        r#"[{"field":"other","operator":"eq","value":0.123456789012}]"#,
        r#"[{"field":"other","operator":"lt","value":1e-9}]"#,
        r#"[{"field":"s","operator":"eq","value":"  x "}]"#,
        r#"[{"field":"s","operator":"eq","value":""}]"#,
        r#"[{"field":"s","operator":"eq","value":"a,b"}]"#,
        r#"[{"field":"other","operator":"in","value":["1",2,"x"]}]"#,
        r#"[{"field":"s","operator":"in","value":["", "x"]}]"#,
        r#"[{"field":"s","operator":"starts_with","value":"12"}]"#,
    ] {
        let list = parse(text);
        let fields = Filters::fields_of(&list, &schema());
        let sent: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!(read(&sent).expect("filters"), Some(list), "{fields:?}");
    }
}

#[test]
fn a_condition_is_said_in_words() {
    let list = parse(
        r#"[{"field":"n","operator":"gte","value":5},{"field":"s","operator":"exists","value":false}]"#,
    );
    assert_eq!(in_words(Some(&list)), ["n is at least 5", "s is not there"]);
    let list = parse(
        r#"[{"any":[{"field":"s","operator":"eq","value":"x"},{"not":{"field":"n","operator":"lt","value":5}}]}]"#,
    );
    let said = ["(s is “x” or not n is less than 5)"];
    assert_eq!(in_words(Some(&list)), said);
    assert!(in_words(None).is_empty());
}

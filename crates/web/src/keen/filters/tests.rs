use std::collections::BTreeMap;

use model::fields::ColumnType;
use model::filters::{Predicate, RowView, to_value};
use model::names::FieldPath;

use super::*;

fn json(text: &str) -> Value {
    model::json::parse(text.as_bytes()).unwrap_or_else(|fault| panic!("{fault}: {text}"))
}

fn read(filter: &str) -> Filter {
    let read = filters(&json(&format!("[{filter}]")));
    read.unwrap_or_else(|fault| panic!("{fault}: {filter}"))
        .expect("a filter")
}

fn of(property: &str, operator: &str, value: &str) -> String {
    format!(r#"{{"property_name":"{property}","operator":"{operator}","property_value":{value}}}"#)
}

struct Row(BTreeMap<FieldPath, Value>);

impl RowView for Row {
    fn field(&self, path: &FieldPath) -> Option<&Value> {
        self.0.get(path)
    }
}

/// The events of the contract's examples that this filter matches, by number.
fn matched(filter: &str) -> Vec<usize> {
    let events = [
        r#"{"customer.id":"c1","amount":10,"sku":"a","tags":["x","y"]}"#,
        r#"{"customer.id":"c2","amount":20,"sku":"b","tags":["y"]}"#,
        r#"{"customer.id":"c1","amount":30,"sku":"a"}"#,
        r#"{"customer.id":"c3","amount":5,"tags":[]}"#,
        r#"{"customer.id":"c1","amount":50,"sku":"c","keen.location.coordinates":[-122.42,37.77]}"#,
    ];
    let predicate = Predicate::resolve(&read(filter), &|_| Some(ColumnType::Undeclared));
    let predicate = predicate.unwrap_or_else(|unresolved| panic!("{unresolved}: {filter}"));
    let row = |text: &str| {
        let Value::Object(members) = json(text) else {
            panic!("{text}");
        };
        let fields = members.into_members().into_iter();
        let path = |name: &str| FieldPath::parse(name).expect("a path");
        Row(fields.map(|(name, value)| (path(&name), value)).collect())
    };
    let admitted = events.iter().enumerate();
    let admitted = admitted.filter(|(_, event)| predicate.admits(&row(event)));
    admitted.map(|(at, _)| at + 1).collect()
}

#[test]
fn operators_mean_what_the_contract_says() {
    for (filter, expected) in [
        (of("sku", "eq", r#""a""#), vec![1, 3]),
        (of("sku", "ne", r#""a""#), vec![2, 4, 5]),
        (of("sku", "eq", "null"), vec![4]),
        (of("sku", "ne", "null"), vec![1, 2, 3, 5]),
        (of("tags", "eq", r#""y""#), vec![1, 2]),
        (of("tags", "ne", r#""y""#), vec![3, 4, 5]),
        (of("tags", "exists", "false"), vec![3, 5]),
        (of("tags", "exists", "true"), vec![1, 2, 4]),
        (of("tags", "contains", r#""x""#), vec![1]),
        (of("tags", "not_contains", r#""x""#), vec![2, 3, 4, 5]),
        (of("tags", "in", r#"["x","z"]"#), vec![1]),
        (of("sku", "in", r#"["b",null]"#), vec![2, 4]),
        (of("sku", "in", "[null]"), vec![4]),
        (of("amount", "lt", "20"), vec![1, 4]),
        (of("amount", "gte", "20.0"), vec![2, 3, 5]),
        (of("amount", "eq", r#""10""#), vec![]),
        (of("missing", "lt", "20"), vec![]),
        (of("missing", "ne", "20"), vec![1, 2, 3, 4, 5]),
        (of("customer.id", "contains", r#""1""#), vec![1, 3, 5]),
        (of("customer.id", "not_contains", r#""1""#), vec![2, 4]),
        (of("sku", "not_contains", r#""a""#), vec![2, 4, 5]),
        (of("customer.id", "regex", r#""^c[12]$""#), vec![1, 2, 3, 5]),
        (
            of(
                "keen.location.coordinates",
                "within",
                r#"{"coordinates":[-122.42,37.78],"max_distance_miles":1}"#,
            ),
            vec![5],
        ),
        (
            of(
                "keen.location.coordinates",
                "within",
                r#"{"coordinates":[-122.42,37.79],"max_distance_miles":1}"#,
            ),
            vec![],
        ),
        (
            format!(
                r#"{{"operator":"or","operands":[{},{}]}}"#,
                of("sku", "eq", r#""b""#),
                of("sku", "eq", "null")
            ),
            vec![2, 4],
        ),
        (
            format!("{},{}", of("sku", "eq", r#""a""#), of("amount", "gt", "10")),
            vec![3],
        ),
    ] {
        assert_eq!(matched(&filter), expected, "{filter}");
    }
}

#[test]
fn what_is_translated_can_be_kept_and_read_again() {
    for filter in [
        of("sku", "ne", r#""a""#),
        of("sku", "in", r#"["b",null]"#),
        of("tags", "not_contains", "1"),
    ] {
        let filter = read(&filter);
        let again = parse_filter(&to_value(&filter));
        assert_eq!(again, Ok(filter));
    }
}

#[test]
fn hints_and_nothing_are_ignored() {
    let hinted = r#"{"property_name":"a","operator":"eq","property_value":1,"coercion_type":"datetime","property_type":"num"}"#;
    assert_eq!(read(hinted), read(&of("a", "eq", "1")));
    assert_eq!(filters(&json("[]")), Ok(None));
}

#[test]
fn a_bad_filter_is_refused_and_pointed_at() {
    for (sent, pointer) in [
        ("{}", ""),
        (r#""x""#, ""),
        ("[1]", "/0"),
        (
            r#"[{"operator":"eq","property_value":1}]"#,
            "/0/property_name",
        ),
        (
            r#"[{"property_name":"a","property_value":1}]"#,
            "/0/operator",
        ),
        (&format!("[{}]", of("a", "like", "1")), "/0/operator"),
        (&format!("[{}]", of("a", "eq", "[1]")), "/0/property_value"),
        (&format!("[{}]", of("a", "lt", "null")), "/0/property_value"),
        (
            &format!("[{}]", of("a", "exists", "1")),
            "/0/property_value",
        ),
        (&format!("[{}]", of("a", "in", "1")), "/0/property_value"),
        (&format!("[{}]", of("a", "in", "[]")), "/0/property_value"),
        (&format!("[{}]", of("a", "regex", "1")), "/0/property_value"),
        (&format!("[{}]", of("a", "regex", r#""(""#)), "/0"),
        (&format!("[{}]", of("", "eq", "1")), "/0"),
        (&format!("[{}]", of("a..b", "eq", "1")), "/0"),
        (
            &format!("[{}]", of("place", "within", "{}")),
            "/0/property_name",
        ),
        (
            &format!("[{}]", of("keen.location.coordinates", "within", "{}")),
            "/0/property_value",
        ),
        (r#"[{"operator":"or"}]"#, "/0/operands"),
        (r#"[{"operator":"or","operands":[]}]"#, "/0/operands"),
        (
            &format!(
                r#"[{{"operator":"or","operands":[{}]}}]"#,
                of("a", "like", "1")
            ),
            "/0/operands/0/operator",
        ),
    ] {
        let fault = filters(&json(sent)).expect_err(sent);
        assert_eq!(fault.pointer, pointer, "{sent}: {fault}");
        assert!(!fault.detail.is_empty());
    }
}

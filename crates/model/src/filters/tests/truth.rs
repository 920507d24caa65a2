//! The whole truth table: every operator, against every kind of literal, over
//! every kind of stored value, for every type of field.

use super::*;
use crate::fields::ScalarType;
use crate::names::KEY;
use crate::time::Date;

const LITERALS: [&str; 9] = [
    "true",
    "5",
    "5.5",
    "\"5\"",
    "\"abc\"",
    "\"\"",
    "\"2026-01-31\"",
    "\"2026-01-31T00:00:00Z\"",
    "\"01234567-89ab-cdef-0123-456789abcdef\"",
];

fn comparisons() -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    for operator in [
        "eq",
        "ne",
        "lt",
        "lte",
        "gt",
        "gte",
        "contains",
        "not_contains",
    ] {
        rows.extend(LITERALS.map(|literal| (operator, literal.to_owned())));
    }
    for operator in ["in", "not_in"] {
        rows.extend(LITERALS.map(|literal| (operator, format!("[{literal}]"))));
        for pair in ["[5,6]", "[6,7]", "[\"abc\",\"x\"]", "[5,\"abc\"]"] {
            rows.push((operator, pair.to_owned()));
        }
    }
    rows.extend(["true", "false"].map(|value| ("exists", value.to_owned())));
    for (operator, literals) in [
        ("starts_with", ["\"ab\"", "\"b\"", "\"\""]),
        ("ends_with", ["\"bc\"", "\"b\"", "\"\""]),
        ("regex", ["\"^a.c$\"", "\"B\"", "\"\""]),
    ] {
        rows.extend(literals.map(|value| (operator, value.to_owned())));
    }
    let circle = |radius| format!("{{\"center\":[5,5],\"radius_meters\":{radius}}}");
    rows.extend([1, 200_000].map(|radius| ("within", circle(radius))));
    rows
}

fn stored() -> Vec<(&'static str, Option<Value>)> {
    let text = |text: &str| Some(Value::from(text));
    let instant = crate::fixtures::at("2026-01-31T00:00:00Z");
    vec![
        ("missing", None),
        ("null", Some(Value::Null)),
        ("true", Some(Value::from(true))),
        ("5", Some(Value::from(5))),
        ("5.5", Some(Value::Float(5.5))),
        ("\"5\"", text("5")),
        ("\"abc\"", text("abc")),
        (
            "date",
            Some(Value::Date(Date::parse("2026-01-31").expect("a date"))),
        ),
        ("time", Some(Value::DateTime(instant))),
        (
            "uuid",
            Some(Value::Uuid(uuid::Uuid::from_u128(
                0x0123_4567_89ab_cdef_0123_4567_89ab_cdef,
            ))),
        ),
        ("[5,6]", Some(json("[5,6]"))),
        ("[abc]", Some(json("[\"abc\"]"))),
        ("[5,nul]", Some(json("[5,null]"))),
        ("[]", Some(json("[]"))),
        ("object", Some(json("{\"a\":5}"))),
        ("[[5]]", Some(json("[[5]]"))),
    ]
}

fn table(column: ColumnType) -> String {
    let stored = stored();
    let mut text = format!("  {:42}", "");
    stored
        .iter()
        .for_each(|(head, _)| text += &format!("  {head}"));
    text += "\n";
    let mut refused: Vec<(&str, Vec<String>)> = Vec::new();
    for (operator, literal) in comparisons() {
        let sent = format!(r#"{{"field":"a.b","operator":"{operator}","value":{literal}}}"#);
        let short = literal.replace("01234567-89ab-cdef-0123-456789abcdef", "uuid");
        let Ok(predicate) = Predicate::resolve(&filter(&sent), &|_| Some(column)) else {
            match refused.iter_mut().find(|(known, _)| *known == operator) {
                Some((_, literals)) => literals.push(short),
                None => refused.push((operator, vec![short])),
            }
            continue;
        };
        text += &format!("  {:42}", format!("{operator} {short}"));
        for (head, value) in &stored {
            let row = value.iter().map(|value| (path("a.b"), value.clone()));
            let row = Record::restore(row.collect()).expect("one field");
            let cell = match predicate.test(&row) {
                Some(true) => "T",
                Some(false) => "-",
                None => "?",
            };
            text += &format!("  {cell:>width$}", width = head.len());
        }
        text += "\n";
    }
    if !refused.is_empty() {
        text += "  refused, as no value of the type could be compared so:\n";
    }
    for (operator, literals) in refused {
        text += &format!("    {operator} {}\n", literals.join(" | "));
    }
    text
}

#[test]
fn the_truth_table_is_the_one_that_people_have_read() {
    let scalars = ScalarType::ALL.map(FieldType::Scalar);
    let arrays = ScalarType::ALL.map(FieldType::Array);
    let declared = scalars.into_iter().chain(arrays);
    let columns = declared.map(|found| (found.to_string(), ColumnType::Declared(found)));
    let undeclared = (
        "a field that an open pool does not declare".to_owned(),
        ColumnType::Undeclared,
    );
    let mut sections: Vec<(Vec<String>, String)> = Vec::new();
    for (name, column) in std::iter::once(undeclared).chain(columns) {
        let table = table(column);
        match sections.iter_mut().find(|(_, known)| *known == table) {
            Some((names, _)) => names.push(name),
            None => sections.push((vec![name], table)),
        }
    }
    let mut text = "T admits, - definitely not, ? unknown. Only T admits a row.\n".to_owned();
    for (names, table) in sections {
        text += &format!("\n{}\n{table}", names.join(", "));
    }
    insta::assert_snapshot!("truth_table", text);
}

#[test]
fn every_operator_is_in_the_table() {
    let shown = comparisons();
    for operator in Operator::ALL {
        assert!(
            shown.iter().any(|(name, _)| *name == operator.name()),
            "{operator:?}"
        );
    }
}

#[test]
fn nested_and_dotted_fields_are_the_same_field() {
    let sent = filter(r#"{"field":"a.b","operator":"eq","value":5}"#);
    let row = |field: &str| Record::restore(vec![(path(field), Value::from(5))]).expect("one");
    assert!(undeclared(&sent).admits(&row("a.b")));
    for other in ["a", "b", "a.b.c", "a b", "A.b", KEY] {
        assert_eq!(undeclared(&sent).test(&row(other)), None, "{other}");
    }
}

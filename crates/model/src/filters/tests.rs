use proptest::prelude::*;

use super::*;
use crate::fault::FaultCode;
use crate::fields::{ColumnType, FieldType};
use crate::fixtures::{json, path, refusal};
use crate::limits::{FILTER_DEPTH_MAX, FILTER_LIST_MAX, FILTER_NODES_MAX, REGEX_BYTES_MAX};
use crate::names::FieldPath;
use crate::records::Record;
use crate::value::Value;

mod digests;
#[path = "../../../../fuzz/entries/filter.rs"]
mod entry;
mod refusals;
mod truth;

fn filter(text: &str) -> Filter {
    parse_filter(&json(text)).unwrap_or_else(|fault| panic!("{fault} at {}: {text}", fault.pointer))
}

fn undeclared(filter: &Filter) -> Predicate {
    Predicate::resolve(filter, &|_| Some(ColumnType::Undeclared)).expect("open to every field")
}

/// Comparisons and trees of them over four fields, as a client may send them.
fn any_filter() -> impl Strategy<Value = Value> {
    let field = prop::sample::select(vec!["a", "b", "c.d", "_key"]);
    let scalar = prop::sample::select(vec!["1", "2", "2.5", "true", "\"x\"", "\"xy\"", "\"1\""]);
    let ordinary = [
        "eq",
        "ne",
        "lt",
        "lte",
        "gt",
        "gte",
        "contains",
        "not_contains",
    ];
    let comparison = prop_oneof![
        (
            field.clone(),
            prop::sample::select(ordinary.to_vec()),
            scalar.clone()
        )
            .prop_map(|(f, o, v)| format!(r#"{{"field":"{f}","operator":"{o}","value":{v}}}"#)),
        (
            field.clone(),
            prop::sample::select(vec!["in", "not_in"]),
            scalar.clone(),
            scalar
        )
            .prop_map(|(f, o, v, w)| format!(
                r#"{{"field":"{f}","operator":"{o}","value":[{v},{w}]}}"#
            )),
        (field.clone(), any::<bool>())
            .prop_map(|(f, v)| format!(r#"{{"field":"{f}","operator":"exists","value":{v}}}"#)),
        (
            field,
            prop::sample::select(vec!["starts_with", "ends_with", "regex"]),
            "[xy]{0,2}"
        )
            .prop_map(|(f, o, v)| format!(r#"{{"field":"{f}","operator":"{o}","value":"{v}"}}"#)),
    ];
    let comparison = comparison.prop_map(|text| json(&text));
    comparison.prop_recursive(4, 24, 4, |inner| {
        let group = proptest::collection::vec(inner.clone(), 1..4).prop_map(Value::Array);
        let object = |name: &'static str| {
            move |value: Value| Value::Object(crate::value::Object::new().with(name, value))
        };
        prop_oneof![
            group.clone().prop_map(object("all")),
            group.clone().prop_map(object("any")),
            inner.prop_map(object("not")),
            group,
        ]
    })
}

fn any_row() -> impl Strategy<Value = Record> {
    let value = prop::sample::select(vec![
        "null",
        "1",
        "2",
        "2.5",
        "true",
        "\"x\"",
        "\"xyx\"",
        "[1,\"x\"]",
        "[]",
        "[null]",
        "{\"x\":1}",
    ]);
    proptest::collection::vec(value, 3).prop_map(|values| {
        let fields = ["a", "b", "c.d"].into_iter().zip(values);
        let fields = fields.map(|(field, value)| (path(field), json(value)));
        Record::restore(fields.filter(|(_, value)| !value.is_null()).collect()).expect("sorted")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_written_reads_back(sent in any_filter()) {
        let read = parse_filter(&sent).expect("legal");
        let text = crate::json::to_text(&to_value(&read));
        prop_assert_eq!(parse_filter(&to_value(&read)), Ok(read.clone()));
        prop_assert_eq!(parse_filter(&json(&text)), Ok(read.clone()));
        prop_assert_eq!(parse_list(&to_list(&read)), Ok(read));
    }

    #[test]
    fn the_laws_of_three_valued_logic_hold(a in any_filter(), b in any_filter(), row in any_row()) {
        let a = undeclared(&parse_filter(&a).expect("legal"));
        let b = undeclared(&parse_filter(&b).expect("legal"));
        let not = |part: &Predicate| Predicate::Not(Box::new(part.clone()));
        let all = |parts: &[&Predicate]| Predicate::All(parts.iter().map(|p| (*p).clone()).collect());
        let any = |parts: &[&Predicate]| Predicate::Any(parts.iter().map(|p| (*p).clone()).collect());
        let same = |left: &Predicate, right: &Predicate| left.test(&row) == right.test(&row);
        prop_assert!(same(&not(&not(&a)), &a), "double negation");
        prop_assert!(same(&not(&all(&[&a, &b])), &any(&[&not(&a), &not(&b)])), "De Morgan");
        prop_assert!(same(&all(&[&a, &b]), &all(&[&b, &a])), "all commutes");
        prop_assert!(same(&any(&[&a, &b]), &any(&[&b, &a])), "any commutes");
        prop_assert!(same(&all(&[&a, &any(&[&a, &b])]), &a), "absorption");
        prop_assert!(same(&any(&[&a, &Predicate::Nothing]), &a), "nothing adds nothing");
        prop_assert!(same(&all(&[&a, &Predicate::Nothing]), &Predicate::Nothing), "nothing rules");
        let (left, right) = (a.test(&row), b.test(&row));
        let and = match (left, right) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        };
        prop_assert_eq!(all(&[&a, &b]).test(&row), and);
        prop_assert_eq!(all(&[&a, &b]).admits(&row), a.admits(&row) && b.admits(&row));
        prop_assert_eq!(any(&[&a, &b]).admits(&row), a.admits(&row) || b.admits(&row));
        prop_assert!(!(a.admits(&row) && not(&a).admits(&row)), "never a row and its opposite");
    }

    #[test]
    fn no_filter_fails_because_of_a_value(
        sent in any_filter(),
        value in crate::json::tests::any_json(),
    ) {
        let predicate = undeclared(&parse_filter(&sent).expect("legal"));
        let row = Record::restore(vec![(path("a"), value)]).expect("sorted");
        prop_assert_eq!(predicate.admits(&row), predicate.test(&row) == Some(true));
    }

    #[test]
    fn the_fuzz_entry_holds_for_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        entry::check(&bytes);
    }

    #[test]
    fn the_fuzz_entry_holds_for_json(value in crate::json::tests::any_json(), sent in any_filter()) {
        entry::check(crate::json::to_text(&value).as_bytes());
        entry::check(crate::json::to_text(&sent).as_bytes());
        let list = Value::Array(vec![sent, value]);
        entry::check(crate::json::to_text(&list).as_bytes());
    }
}

#[test]
fn a_negative_operator_is_the_opposite_of_its_positive_one() {
    let values = [
        "missing",
        "null",
        "1",
        "2.5",
        "true",
        "\"x\"",
        "\"1\"",
        "[1]",
        "[\"x\",null]",
        "[]",
        "{}",
    ];
    let literals = ["1", "2.5", "true", "\"x\"", "\"\""];
    for (negative, positive) in [("ne", "eq"), ("not_in", "in"), ("not_contains", "contains")] {
        for literal in literals {
            let literal = if negative == "not_in" {
                format!("[{literal}]")
            } else {
                literal.to_owned()
            };
            let read = |operator: &str| {
                undeclared(&filter(&format!(
                    r#"{{"field":"a","operator":"{operator}","value":{literal}}}"#
                )))
            };
            let (negative, positive) = (read(negative), read(positive));
            for value in values {
                let row = match value {
                    "missing" => Vec::new(),
                    value => vec![(path("a"), json(value))],
                };
                let row = Record::restore(row).expect("sorted");
                let opposite = positive.test(&row).map(|truth| !truth);
                assert_eq!(negative.test(&row), opposite, "{literal} against {value}");
                if ["missing", "null"].contains(&value) {
                    assert_eq!(
                        negative.test(&row),
                        None,
                        "a missing field is never admitted"
                    );
                }
            }
        }
    }
}

#[test]
fn to_admit_missing_fields_one_says_so() {
    let predicate = undeclared(&filter(
        r#"{"any":[{"field":"a","operator":"ne","value":1},{"field":"a","operator":"exists","value":false}]}"#,
    ));
    let row = |fields| Record::restore(fields).expect("sorted");
    assert!(predicate.admits(&row(Vec::new())));
    assert!(predicate.admits(&row(vec![(path("a"), Value::from(2))])));
    assert!(!predicate.admits(&row(vec![(path("a"), Value::from(1))])));
    assert!(!predicate.admits(&row(vec![(path("a"), Value::from("1"))])));
}

#[test]
fn signs_and_lists_are_other_spellings() {
    let spellings = [
        ("=", "1", "eq"),
        ("==", "1", "eq"),
        ("!=", "1", "ne"),
        ("<", "1", "lt"),
        ("<=", "1", "lte"),
        (">", "1", "gt"),
        (">=", "1", "gte"),
        ("=", "[1]", "in"),
        ("eq", "[1]", "in"),
        ("!=", "[1]", "not_in"),
        ("ne", "[1]", "not_in"),
    ];
    for (sign, value, word) in spellings {
        let compare = |operator: &str| {
            filter(&format!(
                r#"{{"field":"a","operator":"{operator}","value":{value}}}"#
            ))
        };
        assert_eq!(compare(sign), compare(word), "{sign}");
    }
    for operator in Operator::ALL {
        assert_eq!(Operator::parse(operator.name()), Some(operator));
    }
    for near in [
        "EQ", "Eq", " eq", "eq ", "equals", "<>", "=<", "like", "notin", "",
    ] {
        assert_eq!(Operator::parse(near), None, "{near}");
    }
}

#[test]
fn a_list_means_all() {
    let one = r#"{"field":"a","operator":"eq","value":1}"#;
    let two = r#"{"field":"b","operator":"eq","value":2}"#;
    assert_eq!(
        filter(&format!("[{one},{two}]")),
        filter(&format!(r#"{{"all":[{one},{two}]}}"#))
    );
    assert_eq!(parse_list(&json(&format!("[{one}]"))), Ok(filter(one)));
}

#[test]
fn a_filter_that_cannot_be_resolved_is_no_predicate() {
    let declared =
        |name: &'static str| move |_: &FieldPath| FieldType::parse(name).map(ColumnType::Declared);
    let text = |operator: &str, value: &str| {
        filter(&format!(
            r#"{{"field":"a","operator":"{operator}","value":{value}}}"#
        ))
    };
    let gone = text("eq", "1");
    assert_eq!(
        Predicate::resolve(&gone, &|_| None).err(),
        Some(Unresolved::NoField(path("a")))
    );
    // A number is part of no text; read as the empty text it would be part of every one.
    for operator in ["contains", "not_contains"] {
        for value in ["5", "5.5", "true", "false"] {
            let resolved = Predicate::resolve(&text(operator, value), &declared("String"));
            assert!(resolved.is_err(), "{operator} {value}");
        }
    }
    // Not even where a part that could be resolved would admit, or under a negation.
    for tree in [
        r#"{"any":[{"field":"a","operator":"exists","value":true},{"field":"a","operator":"eq","value":"x"}]}"#,
        r#"{"not":{"field":"a","operator":"eq","value":"x"}}"#,
        r#"{"field":"a","operator":"ne","value":"x"}"#,
    ] {
        assert!(
            Predicate::resolve(&filter(tree), &declared("Int64")).is_err(),
            "{tree}"
        );
    }
}

#[test]
fn an_empty_group_admits_nothing() {
    let row = Record::restore(vec![(path("a"), Value::from(1))]).expect("sorted");
    assert!(!undeclared(&Filter::All(Vec::new())).admits(&row));
    assert!(!undeclared(&Filter::Any(Vec::new())).admits(&row));
    assert_eq!(Filter::all(Vec::new()), None);
}

#[test]
fn circles_measure_on_the_globe() {
    let predicate = undeclared(&filter(
        r#"{"field":"at","operator":"within","value":{"center":[13.4050,52.5200],"radius_meters":255000}}"#,
    ));
    let admits = |text: &str| {
        let row = Record::restore(vec![(path("at"), json(text))]).expect("sorted");
        predicate.test(&row)
    };
    assert_eq!(admits("[13.4050,52.5200]"), Some(true));
    // Berlin to Hamburg is about 255.3 km, to Potsdam 27 km.
    assert_eq!(admits("[9.9937,53.5511]"), Some(false));
    assert_eq!(admits("[13.0645,52.3906]"), Some(true));
    for no_point in [
        "[200,10]",
        "[1,91]",
        "[1]",
        "[1,2,3]",
        "[\"1\",2]",
        "\"1,2\"",
        "{}",
        "[]",
    ] {
        assert_eq!(admits(no_point), None, "{no_point}");
    }
}

#[test]
fn regular_expressions_in_one_filter_are_bounded() {
    let tree = |count: usize| {
        let part = r#"{"not":{"field":"a","operator":"regex","value":"^x"}}"#;
        crate::json::parse(format!("[{}]", vec![part; count].join(",")).as_bytes()).expect("json")
    };
    assert!(parse_list(&tree(crate::limits::FILTER_REGEXES_MAX)).is_ok());
    let refused = parse_list(&tree(crate::limits::FILTER_REGEXES_MAX + 1)).expect_err("too many");
    assert_eq!(
        (refused.code, refused.pointer.as_str()),
        (crate::fault::FaultCode::LimitExceeded, "/16/not")
    );
}

#[test]
fn a_filter_says_all_of_another_when_it_has_all_of_its_parts() {
    let of = |text: &str| parse_list(&json(text)).expect("legal");
    let a = r#"{"field":"a","operator":"eq","value":1}"#;
    let b = r#"{"field":"b","operator":"gt","value":2}"#;
    for (own, other, says) in [
        (format!("[{a}]"), format!("[{a}]"), true),
        (format!("[{a},{b}]"), format!("[{a}]"), true),
        (format!("[{b},{a}]"), format!("[{a},{b}]"), true),
        (
            format!(r#"[{{"all":[{b},{{"all":[{a}]}}]}}]"#),
            format!("[{a}]"),
            true,
        ),
        (format!("[{a}]"), format!("[{a},{b}]"), false),
        (format!("[{b}]"), format!("[{a}]"), false),
        (format!(r#"[{{"any":[{a},{b}]}}]"#), format!("[{a}]"), false),
        (format!(r#"[{{"not":{a}}}]"#), format!("[{a}]"), false),
        (
            a.replace("\"eq\"", "\"ne\"").to_owned(),
            a.to_owned(),
            false,
        ),
    ]
    .map(|(own, other, says)| {
        let list = |text: String| {
            if text.starts_with('[') {
                text
            } else {
                format!("[{text}]")
            }
        };
        (list(own), list(other), says)
    }) {
        assert_eq!(of(&own).says_all_of(&of(&other)), says, "{own} {other}");
    }
}

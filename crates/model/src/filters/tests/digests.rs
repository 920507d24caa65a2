//! The digest of a constraint: the same for the same meaning, however it is
//! spelled, and never the same for another.

use std::collections::HashMap;

use super::*;

fn digest(text: &str) -> [u8; 32] {
    Constraint::Rows(parse_list(&json(text)).expect("legal")).digest()
}

#[test]
fn spelling_and_order_make_no_difference() {
    let a = r#"{"field":"a","operator":"eq","value":1}"#;
    let b = r#"{"field":"b","operator":">","value":2}"#;
    let same = [
        (format!("[{a},{b}]"), format!("[{b},{a}]")),
        (format!("[{a},{b}]"), format!("[{a},{b},{a}]")),
        (
            format!("[{b}]"),
            r#"[{"field":"b","operator":"gt","value":2.0}]"#.to_owned(),
        ),
        (
            format!(r#"[{{"any":[{a},{{"not":{b}}}]}}]"#),
            format!(r#"[{{"any":[{{"not":{b}}},{a}]}}]"#),
        ),
    ];
    for (left, right) in same {
        assert_eq!(digest(&left), digest(&right), "{left} {right}");
    }
}

#[test]
fn look_alikes_have_digests_of_their_own() {
    let compare = |field: &str, operator: &str, value: &str| {
        format!(r#"{{"field":"{field}","operator":"{operator}","value":{value}}}"#)
    };
    let (a, b, c) = (
        compare("a", "eq", "1"),
        compare("b", "eq", "1"),
        compare("c", "eq", "1"),
    );
    let mut all = vec![
        compare("a eq", "eq", "1"),
        compare("a", "ne", "1"),
        compare("a", "in", "[1]"),
        compare("a", "eq", "\"1\""),
        compare("a", "eq", "true"),
        compare("a", "eq", "\"eq 1\""),
        compare("a eq eq", "eq", "1"),
        compare("a", "in", "[1,2]"),
        compare("a", "in", "[2,1]"),
        compare("a", "in", "[12]"),
        compare("a", "in", "[\"1\",\"2\"]"),
        compare("a", "in", "[\"12\"]"),
        compare("a", "eq", "9007199254740993"),
        compare("a", "eq", "9007199254740992"),
        compare("a", "eq", "\"\""),
        compare("a", "starts_with", "\"x\""),
        compare("a", "ends_with", "\"x\""),
        compare("a", "regex", "\"x\""),
        compare("a", "contains", "\"x\""),
        compare("a", "exists", "true"),
        compare("a", "exists", "false"),
        compare("A", "eq", "1"),
        compare("a.b", "eq", "1"),
    ];
    all.extend([a.clone(), b.clone()]);
    all.extend([
        format!(r#"{{"not":{a}}}"#),
        format!(r#"{{"not":{{"not":{a}}}}}"#),
        format!(r#"{{"all":[{a},{b}]}}"#),
        format!(r#"{{"any":[{a},{b}]}}"#),
        format!(r#"{{"all":[{a},{{"any":[{b},{c}]}}]}}"#),
        format!(r#"{{"any":[{a},{{"all":[{b},{c}]}}]}}"#),
        format!(r#"{{"any":[{{"all":[{a},{b}]}},{c}]}}"#),
        format!(r#"{{"all":[{{"any":[{a},{b}]}},{c}]}}"#),
        format!(r#"{{"all":[{a},{b},{c}]}}"#),
        format!(r#"{{"not":{{"any":[{a},{b}]}}}}"#),
        format!(r#"{{"any":[{{"not":{a}}},{{"not":{b}}}]}}"#),
    ]);
    // Groups of one, and a text that spells out the encoding of a second part.
    let zeros = "\\u0000".repeat(7);
    let forged = format!(r#""x\u0005{zeros}\u0005b eq 0y""#);
    let (x, y) = (compare("a", "eq", "\"x\""), compare("b", "eq", "\"y\""));
    all.extend([
        format!(r#"{{"all":[{a}]}}"#),
        format!(r#"{{"any":[{a}]}}"#),
        format!(r#"{{"all":[{x},{y}]}}"#),
        format!(r#"{{"all":[{}]}}"#, compare("a", "eq", &forged)),
    ]);
    let mut seen: HashMap<[u8; 32], String> = HashMap::new();
    seen.insert(Constraint::AllRows.digest(), "all rows".to_owned());
    for text in all {
        let found = digest(&format!("[{text}]"));
        if let Some(other) = seen.insert(found, text.clone()) {
            panic!("{text} and {other} have one digest");
        }
    }
}

/// The same tree with one thing changed: a field, a value or an operator.
fn changed(text: &str, pick: usize) -> String {
    let changes = [
        ("\"a\"", "\"b\""),
        ("\"b\"", "\"c.d\""),
        ("\"value\":1", "\"value\":\"1\""),
        ("\"eq\"", "\"ne\""),
        ("\"any\"", "\"all\""),
        ("true", "false"),
        ("\"lt\"", "\"lte\""),
    ];
    let (from, to) = changes[pick % changes.len()];
    text.replacen(from, to, 1)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn equal_digests_mean_equal_rows(sent in any_filter(), pick in 0_usize..7, row in any_row()) {
        let other = json(&changed(&crate::json::to_text(&sent), pick));
        let (one, two) = (parse_filter(&sent), parse_filter(&other));
        let (Ok(one), Ok(two)) = (one, two) else { return Ok(()) };
        let digest = |filter: &Filter| Constraint::Rows(filter.clone()).digest();
        if digest(&one) == digest(&two) {
            prop_assert_eq!(undeclared(&one).test(&row), undeclared(&two).test(&row));
        } else {
            prop_assert_ne!(one, two);
        }
    }
}

#[test]
fn union_and_intersection_keep_to_their_words() {
    let rows = |value: &str| {
        Constraint::Rows(filter(&format!(
            r#"{{"field":"a","operator":"eq","value":{value}}}"#
        )))
    };
    assert_eq!(Constraint::union([]), None, "no constraint is not all rows");
    assert_eq!(Constraint::union([rows("1"), rows("1")]), Some(rows("1")));
    assert_eq!(
        Constraint::union([rows("1"), Constraint::AllRows]),
        Some(Constraint::AllRows)
    );
    assert_eq!(rows("1").and(&Constraint::AllRows), rows("1"));
    assert_eq!(Constraint::AllRows.and(&rows("1")), rows("1"));
    assert_eq!(
        Constraint::AllRows.and(&Constraint::AllRows),
        Constraint::AllRows
    );
    assert!(
        matches!(rows("1").and(&rows("2")), Constraint::Rows(Filter::All(parts)) if parts.len() == 2)
    );
    assert!(
        matches!(Constraint::union([rows("1"), rows("2")]), Some(Constraint::Rows(Filter::Any(parts))) if parts.len() == 2)
    );
}

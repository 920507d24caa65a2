//! What a Delta reader finds in a pool's table against what the API answers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// How many differences are told.
const TOLD: usize = 5;

/// A pool as the API answers it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answered {
    /// Each declared field, the system fields first, with its type.
    pub(super) declared: Vec<(String, String)>,
    /// Each undeclared field with the kinds of its values.
    pub(super) undeclared: BTreeMap<String, BTreeSet<String>>,
    /// The rows; a field that is missing in one is left out.
    pub(super) rows: Vec<Map<String, Value>>,
}

/// Every difference in fields, types and rows, a few of each; empty when there is none. The order
/// of rows does not count, how often one is there does.
pub(super) fn differences(answered: &Answered, found: &Value) -> Vec<String> {
    let mut told = Vec::new();
    let expected: Vec<Value> = answered.declared.iter().map(column).collect();
    let columns = found["columns"].as_array().map_or(&[][..], Vec::as_slice);
    if columns != expected {
        told.push(format!(
            "the columns are {}, expected were {}",
            found["columns"],
            Value::from(expected)
        ));
    }
    let types: BTreeMap<&str, &str> = answered
        .declared
        .iter()
        .map(|(name, own)| (name.as_str(), own.as_str()))
        .collect();
    let rows = found["rows"].as_array().map_or(&[][..], Vec::as_slice);
    let rows: Vec<&Map<String, Value>> = rows.iter().filter_map(Value::as_object).collect();
    let mut kinds: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, value) in rows.iter().flat_map(|row| row.iter()) {
        if !types.contains_key(name.as_str()) {
            let seen = kinds.entry(name.clone()).or_default();
            seen.insert(kind(value).to_owned());
        }
    }
    if kinds != answered.undeclared {
        told.push(format!(
            "the undeclared fields are {kinds:?}, expected were {:?}",
            answered.undeclared
        ));
    }
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for row in &answered.rows {
        *counts.entry(text(row, &types)).or_default() += 1;
    }
    for row in rows {
        *counts.entry(text(row, &types)).or_default() -= 1;
    }
    let missing = counts.iter().filter(|(_, count)| **count > 0);
    told.extend(
        missing
            .take(TOLD)
            .map(|(row, _)| format!("not found: {row}")),
    );
    let extra = counts.iter().filter(|(_, count)| **count < 0);
    told.extend(
        extra
            .take(TOLD)
            .map(|(row, _)| format!("found and not answered: {row}")),
    );
    told
}

/// The column that a field is published as.
fn column((name, own): &(String, String)) -> Value {
    let element = own
        .strip_prefix("Array(")
        .and_then(|rest| rest.strip_suffix(')'));
    let delta = match element {
        None => delta_type(own).into(),
        Some(element) => {
            json!({"type": "array", "elementType": delta_type(element), "containsNull": true})
        }
    };
    json!({"field": name, "own": own, "type": delta})
}

/// The table of `docs/delta.md`.
fn delta_type(own: &str) -> &'static str {
    match own {
        "Int8" => "byte",
        "Int16" | "UInt8" => "short",
        "Int32" | "UInt16" => "integer",
        "Int64" | "UInt32" => "long",
        "UInt64" => "decimal(20,0)",
        "Float32" => "float",
        "Float64" => "double",
        "String" | "UUID" => "string",
        "Boolean" => "boolean",
        "Date" => "date",
        "DateTime" => "timestamp",
        _ => "of no type that there is",
    }
}

/// What the API calls the type of an undeclared value.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// One text for one row: members in the order of their names, the whole numbers of float fields
/// as floats, which JSON may write either way.
fn text(row: &Map<String, Value>, types: &BTreeMap<&str, &str>) -> String {
    let members = row.iter().map(|(name, value)| {
        let floats = types
            .get(name.as_str())
            .is_some_and(|own| own.contains("Float"));
        (name, sorted(value, floats))
    });
    let members: BTreeMap<_, _> = members.collect();
    json!(members).to_string()
}

fn sorted(value: &Value, floats: bool) -> Value {
    match value {
        Value::Number(number) if floats => json!(number.as_f64()),
        Value::Array(elements) => elements.iter().map(|one| sorted(one, floats)).collect(),
        Value::Object(members) => {
            let members: BTreeMap<_, _> = members
                .iter()
                .map(|(name, value)| (name, sorted(value, floats)))
                .collect();
            json!(members)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: Value) -> Vec<Map<String, Value>> {
        let rows = rows.as_array().expect("rows").iter();
        rows.map(|row| row.as_object().expect("a row").clone())
            .collect()
    }

    fn answered() -> Answered {
        let declared = [
            ("_id", "String"),
            ("price", "Float64"),
            ("many", "Array(UInt8)"),
        ];
        Answered {
            declared: declared.map(|(a, b)| (a.to_owned(), b.to_owned())).into(),
            undeclared: BTreeMap::from([(
                "extra".to_owned(),
                BTreeSet::from(["number".to_owned(), "string".to_owned()]),
            )]),
            rows: rows(json!([
                {"_id": "a", "price": 1, "extra": 1},
                {"_id": "b", "price": 0.1, "many": [1, 255]},
                {"_id": "c", "extra": "1"}])),
        }
    }

    fn found() -> Value {
        let many = json!({"type": "array", "elementType": "short", "containsNull": true});
        json!({
            "columns": [{"field": "_id", "own": "String", "type": "string"},
                {"field": "price", "own": "Float64", "type": "double"},
                {"field": "many", "own": "Array(UInt8)", "type": many}],
            "rows": [{"extra": "1", "_id": "c"}, {"_id": "a", "extra": 1, "price": 1.0},
                {"_id": "b", "price": 0.1, "many": [1, 255]}]})
    }

    #[test]
    fn the_same_rows_in_another_order_do_not_differ() {
        assert_eq!(differences(&answered(), &found()), [""; 0]);
    }

    #[test]
    fn whatever_else_is_found_is_told() {
        type Change = fn(&mut Value);
        let changes: [(&str, Change); 9] = [
            ("a row too few", |found| {
                found["rows"].as_array_mut().expect("rows").remove(2);
            }),
            ("no row", |found| found["rows"] = json!([])),
            ("a row twice", |found| {
                let rows = found["rows"].as_array_mut().expect("rows");
                rows.push(rows[0].clone());
            }),
            ("a deleted row", |found| {
                let rows = found["rows"].as_array_mut().expect("rows");
                rows.push(json!({"_id": "d", "price": 2.0}));
            }),
            ("the row that was replaced", |found| {
                found["rows"][2]["price"] = json!(0.2)
            }),
            ("text for a number", |found| {
                found["rows"][1]["extra"] = json!("1")
            }),
            ("a float for a whole number", |found| {
                found["rows"][1]["extra"] = json!(1.0)
            }),
            ("a field too many", |found| {
                found["rows"][1]["more"] = json!(1)
            }),
            ("a column of another type", |found| {
                found["columns"][1]["type"] = json!("float")
            }),
        ];
        for (what, change) in changes {
            let mut other = found();
            change(&mut other);
            assert_ne!(differences(&answered(), &other), [""; 0], "{what}");
        }
    }
}

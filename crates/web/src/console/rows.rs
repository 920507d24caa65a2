//! Conditions and stamps as rows of a form: a field, an operator, a value, and
//! what kind of value it is.

#[cfg(test)]
mod tests;

use model::fields::{FieldType, ScalarType};
use model::filters::{Comparison, Filter, Operator};
use model::names::FieldPath;
use model::pools::Pool;
use model::value::{Object, Value};

use super::forms::{Fields, Form};

/// Rows that a form has at most; longer lists are written as JSON.
pub(super) const ROWS: usize = 8;

/// The fields of one row of conditions.
pub(super) struct Row {
    pub(super) field: &'static str,
    pub(super) operator: &'static str,
    pub(super) value: &'static str,
    pub(super) kind: &'static str,
}

macro_rules! rows {
    ($($number:literal)+) => {
        /// Conditions on rows.
        pub(super) const CONDITIONS: [Row; ROWS] = [$(Row {
            field: concat!("field_", $number),
            operator: concat!("operator_", $number),
            value: concat!("value_", $number),
            kind: concat!("kind_", $number),
        },)+];
        /// Values that are stamped; they have no operator.
        pub(super) const STAMPS: [Row; ROWS] = [$(Row {
            field: concat!("stamp_", $number),
            operator: "",
            value: concat!("with_", $number),
            kind: concat!("as_", $number),
        },)+];
    };
}

rows!(1 2 3 4 5 6 7 8);

/// Operators to choose, and how a form says them.
pub(super) const OPERATORS: [(&str, &str); 13] = [
    ("eq", "is"),
    ("in", "is one of (a, b, c)"),
    ("ne", "is not"),
    ("not_in", "is none of (a, b, c)"),
    ("gt", "is more than"),
    ("gte", "is at least"),
    ("lt", "is less than"),
    ("lte", "is at most"),
    ("contains", "contains"),
    ("starts_with", "begins with"),
    ("ends_with", "ends with"),
    ("present", "is there"),
    ("missing", "is missing"),
];

/// Kinds of values; the empty one is that of the pool's field.
pub(super) const KINDS: [(&str, &str); 4] = [
    ("", "as declared"),
    ("text", "text"),
    ("number", "number"),
    ("boolean", "true or false"),
];

/// Every name of these rows, in an order that does not matter.
pub(super) fn names() -> Vec<&'static str> {
    let rows = CONDITIONS.iter().chain(&STAMPS);
    let names = rows.flat_map(|row| [row.field, row.operator, row.value, row.kind]);
    names.filter(|name| !name.is_empty()).collect()
}

/// What is wrong with a row: the field of the form, and the rule.
pub(super) struct Wrong(pub(super) &'static str, pub(super) String);

/// The fields that pools declare, each once, in order.
pub(super) fn known(pools: &[&Pool]) -> Vec<String> {
    let fields = pools.iter().flat_map(|pool| pool.draft.schema.declared());
    let mut names: Vec<String> = fields.map(|field| field.path.to_string()).collect();
    names.sort();
    names.dedup();
    names
}

/// The type that pools declare for a field, the first of them that does.
fn declared(pools: &[&Pool], field: &str) -> Option<FieldType> {
    let mut types = pools.iter();
    types.find_map(|pool| {
        let field = pool.draft.schema.field(field)?;
        Some(field.field_type)
    })
}

fn scalar(field_type: FieldType) -> ScalarType {
    match field_type {
        FieldType::Scalar(of) | FieldType::Array(of) => of,
    }
}

/// The kind of value that a field has where nobody says it.
fn kind_of(pools: &[&Pool], field: &str) -> &'static str {
    match declared(pools, field).map(scalar) {
        Some(ScalarType::Boolean) => "boolean",
        Some(of) if of.is_numeric() => "number",
        _ => "text",
    }
}

/// A value as it was typed.
fn read(text: &str, kind: &str) -> Result<Value, &'static str> {
    match kind {
        "boolean" => match text {
            "true" | "yes" => Ok(Value::Boolean(true)),
            "false" | "no" => Ok(Value::Boolean(false)),
            _ => Err("a value of this kind is true or false"),
        },
        "number" => {
            let number = model::json::parse(text.as_bytes()).ok();
            let number = number.filter(|n| matches!(n, Value::Integer(_) | Value::Float(_)));
            number.ok_or("a number is written like 42 or 12.5")
        }
        _ => Ok(Value::from(text)),
    }
}

/// What a row says; `None` for one that was left empty.
fn row(form: &Form, row: &Row, pools: &[&Pool]) -> Result<Option<(String, Value)>, Wrong> {
    let (field, text) = (form.text(row.field).trim(), form.text(row.value).trim());
    let has_no_value = ["present", "missing"].contains(&form.text(row.operator));
    if field.is_empty() && text.is_empty() {
        return Ok(None);
    }
    if field.is_empty() {
        return Err(Wrong(
            row.field,
            "say which field the value is of".to_owned(),
        ));
    }
    if text.is_empty() && !has_no_value {
        return Err(Wrong(
            row.field,
            "say the value, or leave both empty".to_owned(),
        ));
    }
    let kind = match form.text(row.kind) {
        "" => kind_of(pools, field),
        kind => kind,
    };
    let is_list = ["in", "not_in"].contains(&form.text(row.operator));
    let read = |text: &str| read(text, kind).map_err(|rule| Wrong(row.field, rule.to_owned()));
    let value = match (has_no_value, is_list) {
        (true, _) => Value::Boolean(form.text(row.operator) == "present"),
        (false, true) => {
            let texts = text
                .split(',')
                .map(str::trim)
                .filter(|text| !text.is_empty());
            Value::Array(texts.map(read).collect::<Result<_, _>>()?)
        }
        (false, false) => read(text)?,
    };
    Ok(Some((field.to_owned(), value)))
}

/// The conditions that the form says, each with the row that it stands in.
pub(super) fn conditions(
    form: &Form,
    pools: &[&Pool],
) -> Result<Vec<(&'static str, Value)>, Wrong> {
    let mut found = Vec::new();
    for of in &CONDITIONS {
        let Some((field, value)) = row(form, of, pools)? else {
            continue;
        };
        let operator = match form.text(of.operator) {
            "present" | "missing" => "exists",
            "" => "eq",
            operator => operator,
        };
        let condition = Object::new()
            .with("field", field)
            .with("operator", operator)
            .with("value", value);
        found.push((of.field, Value::Object(condition)));
    }
    Ok(found)
}

/// The values that the form stamps, each with the row that it stands in.
pub(super) fn stamps(
    form: &Form,
    pools: &[&Pool],
) -> Result<Vec<(&'static str, String, Value)>, Wrong> {
    let mut found: Vec<(&'static str, String, Value)> = Vec::new();
    for of in &STAMPS {
        let Some((field, value)) = row(form, of, pools)? else {
            continue;
        };
        if found.iter().any(|(_, other, _)| *other == field) {
            return Err(Wrong(of.field, "each field is stamped once".to_owned()));
        }
        found.push((of.field, field, value));
    }
    Ok(found)
}

/// The first of these rows in which a value is filled in.
pub(super) fn filled_in(form: &Form, rows: &[Row; ROWS]) -> Option<&'static str> {
    let mut rows = rows.iter();
    let found = rows.find(|row| !form.text(row.value).trim().is_empty());
    found.map(|row| row.field)
}

/// A form with these conditions; `None` when rows cannot say them.
pub(super) fn with_conditions(form: Fields, filter: &Filter, pools: &[&Pool]) -> Option<Fields> {
    let conjuncts = filter.conjuncts();
    if conjuncts.len() > ROWS {
        return None;
    }
    let mut filled = form;
    for (part, row) in conjuncts.into_iter().zip(&CONDITIONS) {
        let Filter::Compare(comparison) = part else {
            return None;
        };
        let (operator, text, kind) = told(comparison, pools)?;
        filled = filled
            .with(row.field, comparison.field().to_string())
            .with(row.operator, operator)
            .with(row.value, text)
            .with(row.kind, kind);
    }
    Some(filled)
}

/// Whether a field of a form holds this text, and gives it back as it is.
pub(super) fn fits_a_line(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control)
}

/// How a row says a comparison: operator, value and kind of value.
fn told(comparison: &Comparison, pools: &[&Pool]) -> Option<(&'static str, String, &'static str)> {
    if !fits_a_line(comparison.field().as_str()) {
        return None;
    }
    let operator = match (comparison.operator(), comparison.value()) {
        (Operator::Exists, Value::Boolean(true)) => return Some(("present", String::new(), "")),
        (Operator::Exists, _) => return Some(("missing", String::new(), "")),
        (operator, _) => operator.name(),
    };
    let operator = OPERATORS.iter().find(|(known, _)| *known == operator)?.0;
    let (text, kind) = match comparison.value() {
        Value::Array(values) => {
            let texts = values.iter().map(written).collect::<Option<Vec<_>>>()?;
            let mut kinds = texts.iter().map(|(_, kind)| *kind);
            let kind = kinds.next()?;
            let is_readable = |text: &str| !text.contains(',') && fits_a_line(text);
            let is_list = texts.iter().all(|(text, _)| is_readable(text));
            if !is_list || kinds.any(|other| other != kind) {
                return None;
            }
            let texts: Vec<String> = texts.into_iter().map(|(text, _)| text).collect();
            (texts.join(", "), kind)
        }
        value => written(value).filter(|(text, _)| fits_a_line(text))?,
    };
    Some((operator, text, said(kind, pools, comparison.field())))
}

/// The kind of a value, unless it is the field's own.
fn said(kind: &'static str, pools: &[&Pool], field: &FieldPath) -> &'static str {
    match kind_of(pools, field.as_str()) == kind {
        true => "",
        false => kind,
    }
}

/// A value as somebody would type it, and its kind.
fn written(value: &Value) -> Option<(String, &'static str)> {
    match value {
        Value::String(text) => Some((text.clone(), "text")),
        Value::Boolean(truth) => Some((truth.to_string(), "boolean")),
        Value::Integer(_) | Value::Float(_) => Some((model::json::to_text(value), "number")),
        _ => None,
    }
}

/// A form with these stamps; `None` when rows cannot say them.
pub(super) fn with_stamps(
    form: Fields,
    values: &[(FieldPath, Value)],
    pools: &[&Pool],
) -> Option<Fields> {
    if values.len() > ROWS {
        return None;
    }
    let mut filled = form;
    for ((field, value), row) in values.iter().zip(&STAMPS) {
        if !fits_a_line(field.as_str()) {
            return None;
        }
        let (text, kind) = written(value).filter(|(text, _)| fits_a_line(text))?;
        filled = filled
            .with(row.field, field.to_string())
            .with(row.value, text)
            .with(row.kind, said(kind, pools, field));
    }
    Some(filled)
}

/// A row as a page shows it.
pub(super) struct Shown {
    pub(super) row: &'static Row,
    pub(super) number: usize,
    pub(super) operators: Vec<Choice>,
    pub(super) kinds: Vec<Choice>,
}

/// Something to choose.
pub(super) struct Choice {
    pub(super) value: &'static str,
    pub(super) label: &'static str,
    pub(super) is_chosen: bool,
}

pub(super) fn choices(of: &[(&'static str, &'static str)], chosen: &str) -> Vec<Choice> {
    let choices = of.iter().map(|(value, label)| Choice {
        value,
        label,
        is_chosen: *value == chosen,
    });
    choices.collect()
}

/// The rows to show: those that are filled in, and one or two more.
pub(super) fn shown(form: &Fields, rows: &'static [Row; ROWS], least: usize) -> Vec<Shown> {
    let is_used =
        |row: &Row| !form.value(row.field).is_empty() || !form.value(row.value).is_empty();
    let used = rows.iter().rposition(is_used).map_or(0, |last| last + 1);
    let shown = rows.iter().take((used + 1).max(least)).enumerate();
    let shown = shown.map(|(at, row)| Shown {
        row,
        number: at + 1,
        operators: choices(&OPERATORS, form.value(row.operator)),
        kinds: choices(&KINDS, form.value(row.kind)),
    });
    shown.collect()
}

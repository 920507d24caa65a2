//! What the commands on pools, views and keys have in common: lists, and the
//! cells of their tables.

use serde_json::{Value, json};

use super::{CommandError, parse};
use crate::client::{Client, segment};
use crate::output::{self, table::Cell};

/// Items of one page of a list.
const PAGE_ITEMS: usize = 1_000;

/// All items of a list.
///
/// # Errors
/// When a page cannot be had.
pub(super) fn list(client: &Client, path: &str) -> Result<Vec<Value>, CommandError> {
    let mut items = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let cursor = after.map_or_else(String::new, |after| format!("&after={}", segment(&after)));
        let page = client.get(&format!("{path}?limit={PAGE_ITEMS}{cursor}"))?;
        let mut page = parse(client, &page)?;
        if let Some(Value::Array(more)) = page.get_mut("items").map(Value::take) {
            items.extend(more);
        }
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = Some(next.to_owned()),
            None => return Ok(items),
        }
    }
}

/// Prints a whole list as the API would answer it on one page.
///
/// # Errors
/// When standard output cannot be written.
pub(super) fn print_list(items: Vec<Value>) -> Result<(), CommandError> {
    Ok(output::line(
        &json!({ "items": items, "next": null }).to_string(),
    )?)
}

/// Prints an answer as it came.
///
/// # Errors
/// When standard output cannot be written.
pub(super) fn print_answer(answer: &[u8]) -> Result<(), CommandError> {
    Ok(output::line(String::from_utf8_lossy(answer).trim_end())?)
}

/// Prints a table of names and values.
///
/// # Errors
/// When standard output cannot be written.
pub(super) fn print_properties(properties: &[(&str, Cell)]) -> Result<(), CommandError> {
    let rows: Vec<Vec<Cell>> = properties
        .iter()
        .filter(|(_, value)| ![Cell::Empty, Cell::text("")].contains(value))
        .map(|(name, value)| vec![Cell::text(*name), as_text(value)])
        .collect();
    Ok(output::line(&output::table::shown(&["", ""], &rows))?)
}

/// A number in a column of other things is text.
fn as_text(cell: &Cell) -> Cell {
    match cell {
        Cell::Number(text) => Cell::Text(text.clone()),
        other => other.clone(),
    }
}

/// The cell of one member.
pub(super) fn member(value: &Value, name: &str) -> Cell {
    Cell::of(value.get(name))
}

/// The cell of a member that is a list of texts.
pub(super) fn joined(value: &Value, name: &str) -> Cell {
    let texts: Vec<&str> = value
        .get(name)
        .and_then(Value::as_array)
        .map(|values| values.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    if texts.is_empty() {
        Cell::Empty
    } else {
        Cell::Text(texts.join(", "))
    }
}

/// A definition's fields with name, type and whether they are required.
pub(super) fn field_rows(fields: Option<&Value>) -> Vec<Vec<Cell>> {
    let fields = fields.and_then(Value::as_array);
    let row = |field: &Value| {
        let required = field.get("required").and_then(Value::as_bool) == Some(true);
        vec![
            member(field, "name"),
            member(field, "type"),
            Cell::text(if required { "required" } else { "" }),
        ]
    };
    fields
        .map(|fields| fields.iter().map(row).collect())
        .unwrap_or_default()
}

/// A field and its type as flags give them: `name:Type` or `name:Type!`.
///
/// # Errors
/// When the text has another form, or names no type.
pub(super) fn parse_field(text: &str) -> Result<(String, String, bool), CommandError> {
    let refuse = |rule: &str| CommandError::Usage(format!("--field {text}: {rule}"));
    let (name, type_name) = text
        .rsplit_once(':')
        .ok_or_else(|| refuse("a field is given as NAME:TYPE, with ! at the end if required"))?;
    let (type_name, required) = match type_name.strip_suffix('!') {
        Some(type_name) => (type_name, true),
        None => (type_name, false),
    };
    if model::fields::FieldType::parse(type_name).is_none() {
        let known: Vec<_> = model::fields::ScalarType::ALL
            .iter()
            .map(ToString::to_string)
            .collect();
        return Err(refuse(&format!(
            "{type_name} is not a type; there are {} and Array(T) of each",
            known.join(", ")
        )));
    }
    model::names::FieldPath::parse(name).map_err(|rule| refuse(&rule.to_string()))?;
    Ok((name.to_owned(), type_name.to_owned(), required))
}

/// A pool's definition for `POST /v1/pools`.
#[derive(Debug)]
pub(super) struct PoolDefinition<'a> {
    /// The name.
    pub(super) name: &'a str,
    /// What the pool is for.
    pub(super) description: Option<&'a str>,
    /// `strict` or `open`.
    pub(super) schema: &'a str,
    /// Name, type and whether required.
    pub(super) fields: Vec<(String, String, bool)>,
    /// The field that tells customers apart.
    pub(super) isolation_field: Option<&'a str>,
    /// The field that orders records in time.
    pub(super) time_field: Option<&'a str>,
}

impl PoolDefinition<'_> {
    /// The body of the request.
    pub(super) fn body(&self) -> Vec<u8> {
        let fields: Vec<Value> = self
            .fields
            .iter()
            .map(|(name, type_name, required)| {
                json!({ "name": name, "type": type_name, "required": required })
            })
            .collect();
        let mut body = json!({ "name": self.name, "schema": self.schema, "fields": fields });
        let optional = [
            ("description", self.description),
            ("isolation_field", self.isolation_field),
            ("time_field", self.time_field),
        ];
        for (member, value) in optional {
            if let Some(value) = value {
                body[member] = value.into();
            }
        }
        body.to_string().into_bytes()
    }
}

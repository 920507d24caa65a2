//! Conditions on records as rows of a form: a field, an operator, a value. What
//! such rows cannot say is written as the API writes it.

use model::fault::{Fault, FaultCode};
use model::fields::{FieldType, ScalarType};
use model::filters::{Operator, parse_filter, parse_list};
use model::pools::Schema;
use model::value::Object;
use model::value::Value;

use super::forms::Fields;

/// The names of the fields, operators and values of the rows.
const ROWS: [[&str; 3]; 6] = [
    ["f1", "o1", "v1"],
    ["f2", "o2", "v2"],
    ["f3", "o3", "v3"],
    ["f4", "o4", "v4"],
    ["f5", "o5", "v5"],
    ["f6", "o6", "v6"],
];
/// What is written as the API writes it.
pub(super) const AS_JSON: &str = "filters";
/// Rows that are there to begin with.
const SHOWN: usize = 2;

/// The operators in the words of people.
const WORDS: [(Operator, &str); 15] = [
    (Operator::Eq, "is"),
    (Operator::Ne, "is not"),
    (Operator::Lt, "is less than"),
    (Operator::Lte, "is at most"),
    (Operator::Gt, "is more than"),
    (Operator::Gte, "is at least"),
    (Operator::In, "is one of"),
    (Operator::NotIn, "is none of"),
    (Operator::Exists, "is there"),
    (Operator::Contains, "contains"),
    (Operator::NotContains, "does not contain"),
    (Operator::StartsWith, "starts with"),
    (Operator::EndsWith, "ends with"),
    (Operator::Regex, "matches"),
    (Operator::Within, "lies within"),
];

/// One row.
pub(super) struct Row {
    pub(super) number: usize,
    pub(super) names: [&'static str; 3],
    pub(super) field: String,
    pub(super) operators: Vec<Choice>,
    pub(super) value: String,
}

/// An operator to choose.
pub(super) struct Choice {
    pub(super) value: &'static str,
    pub(super) label: &'static str,
    pub(super) is_chosen: bool,
}

/// Rows of these names, as they were typed.
pub(super) fn typed_rows<'a>(
    names: &[[&'static str; 3]],
    get: impl Fn(&str) -> Option<&'a str>,
) -> Vec<Row> {
    let text = |name: &str| get(name).unwrap_or_default().trim().to_owned();
    let rows = names.iter().enumerate().map(|(at, names)| Row {
        number: at + 1,
        names: *names,
        field: text(names[0]),
        operators: choices(&text(names[1])),
        value: text(names[2]),
    });
    rows.collect()
}

/// What rows of these names say to mean this list; `None` where they cannot.
pub(super) fn said_in_rows(
    list: &Value,
    names: &[[&'static str; 3]],
    schema: &Schema,
) -> Option<Vec<(&'static str, String)>> {
    let parts = list.as_array().unwrap_or_default();
    let said = parts.iter().map(|part| said(part, schema));
    let rows: Vec<[String; 3]> = said.collect::<Option<_>>()?;
    (rows.len() <= names.len()).then(|| {
        let each = rows.into_iter().zip(names);
        each.flat_map(|(row, names)| names.iter().copied().zip(row))
            .collect()
    })
}

/// The rows of a form, as they were typed.
#[derive(Default)]
pub(super) struct Filters {
    pub(super) rows: Vec<Row>,
    /// Rows that are folded away while nothing stands in them.
    pub(super) more: Vec<Row>,
    pub(super) as_json: String,
    pub(super) error: Option<String>,
    /// The fields of the form that the error is about.
    pub(super) wrong: Vec<&'static str>,
}

impl Filters {
    /// As they were typed; `get` has the value of a field of the form.
    pub(super) fn typed<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Self {
        let text = |name: &str| get(name).unwrap_or_default().trim().to_owned();
        let mut rows = typed_rows(&ROWS, &get);
        let used = rows.iter().rposition(|row| !row.field.is_empty());
        let shown = used.map_or(SHOWN, |last| (last + 2).max(SHOWN));
        let more = rows.split_off(shown.min(rows.len()));
        Self {
            rows,
            more,
            as_json: text(AS_JSON),
            error: None,
            wrong: Vec::new(),
        }
    }

    /// The list of filters that a question has; `None` for no condition.
    ///
    /// # Errors
    /// A fault that names what cannot be read.
    pub(super) fn to_value(&self, schema: &Schema) -> Result<Option<Value>, Fault> {
        let rows = self.used().enumerate().map(|(at, row)| {
            let read = row.to_value(schema);
            read.map_err(|fault| fault.under(&format!("/{at}")))
        });
        let mut all: Vec<Value> = rows.collect::<Result<_, _>>()?;
        if !self.as_json.is_empty() {
            let more = model::json::parse(self.as_json.as_bytes())?;
            match more {
                Value::Array(more) => all.extend(more),
                Value::Object(one) => all.push(Value::Object(one)),
                _ => {
                    let rule = "conditions as JSON are a list of them";
                    return Err(Fault::new(FaultCode::WrongType, rule));
                }
            }
        }
        if all.is_empty() {
            return Ok(None);
        }
        let list = Value::Array(all);
        parse_list(&list)?;
        Ok(Some(list))
    }

    fn used(&self) -> impl Iterator<Item = &Row> {
        let rows = self.rows.iter().chain(&self.more);
        rows.filter(|row| row.is_used())
    }

    /// What errors of the list point at, and the fields that stand for it.
    pub(super) fn places(&self) -> Vec<(String, &'static str)> {
        let rows = self.used().enumerate().flat_map(|(at, row)| {
            let [field, operator, value] = row.names;
            [
                // What a list says of a field, it says of the whole list.
                (format!("/filters#{}", row.field), field),
                (format!("/filters/{at}"), field),
                (format!("/filters/{at}/operator"), operator),
                (format!("/filters/{at}/value"), value),
            ]
        });
        rows.chain([("/filters".to_owned(), AS_JSON)]).collect()
    }

    /// The same with what is wrong with them.
    #[must_use]
    pub(super) fn broken(self, fault: Fault) -> Self {
        let places = self.places().into_iter();
        let marks = Fields::blank().naming(&[AS_JSON]);
        let marks = places.fold(marks, |marks, (place, field)| {
            marks.naming(&[field]).placed(place, field)
        });
        self.marked(&marks.marked(&fault.under("/filters").into()))
    }

    /// The same with those of these marks that are about them.
    #[must_use]
    pub(super) fn marked(mut self, marks: &Fields) -> Self {
        for (name, rule) in marks.wrong() {
            let row = self.row_of(name);
            if row.is_none() && name != AS_JSON {
                continue;
            }
            self.error = Some(match row {
                Some(number) => of_row("Condition", number, rule),
                None => rule.to_owned(),
            });
            self.wrong.push(name);
        }
        self
    }

    /// The number of the row that has this field of the form.
    pub(super) fn row_of(&self, name: &str) -> Option<usize> {
        let mut rows = self.rows.iter().chain(&self.more);
        let row = rows.find(|row| row.names.contains(&name))?;
        Some(row.number)
    }

    /// Whether the error is about this field of the form.
    pub(super) fn is_wrong(&self, name: &str) -> bool {
        self.wrong.contains(&name)
    }

    /// The fields of the form that say these filters again, of a pool of this
    /// schema.
    pub(super) fn fields_of(list: &Value, schema: &Schema) -> Vec<(&'static str, String)> {
        let said = said_in_rows(list, &ROWS, schema);
        said.unwrap_or_else(|| vec![(AS_JSON, model::json::to_text(list))])
    }
}

impl Row {
    /// Whether anything stands in it.
    pub(super) fn is_used(&self) -> bool {
        !self.field.is_empty() || !self.value.is_empty()
    }

    fn operator(&self) -> &'static str {
        let chosen = self.operators.iter().find(|choice| choice.is_chosen);
        chosen.map_or("eq", |choice| choice.value)
    }

    /// The comparison that the row says.
    ///
    /// # Errors
    /// A fault that names what is missing.
    pub(super) fn to_value(&self, schema: &Schema) -> Result<Value, Fault> {
        let rule = |text: String| Fault::new(FaultCode::MissingMember, text);
        let number = self.number;
        if self.field.is_empty() {
            let text =
                format!("condition {number} has a value and no field; say which, or empty it");
            return Err(rule(text).at("/field"));
        }
        if self.value.is_empty() && self.operator() != "exists" {
            let text = format!(
                "condition {number} says nothing to compare {} with; \"\" is the empty text",
                self.field
            );
            return Err(rule(text).at("/value"));
        }
        Ok(compared(&self.field, self.operator(), &self.value, schema))
    }
}

/// A rule that a row breaks, with the row.
pub(super) fn of_row(what: &str, number: usize, rule: &str) -> String {
    let row = format!("{what} {number}");
    match rule.starts_with(&row) {
        true => rule.to_owned(),
        false => format!("{row}: {rule}"),
    }
}

fn compared(field: &str, operator: &str, text: &str, schema: &Schema) -> Value {
    let declared = schema.field(field).map(|field| field.field_type);
    let compared = Object::new()
        .with("field", field)
        .with("operator", operator)
        .with("value", value_of(operator, text, declared));
    Value::Object(compared)
}

/// A comparison as a row says it; `None` for one that the row would read as
/// another.
fn said(part: &Value, schema: &Schema) -> Option<[String; 3]> {
    let [field, operator, text] = simple(part)?;
    let again = compared(&field, &operator, &text, schema);
    let is_same = model::json::to_text(&again) == model::json::to_text(part);
    let is_read = text == text.trim() && (!text.is_empty() || operator == "exists");
    (is_same && is_read).then_some([field, operator, text])
}

/// A comparison in the texts of a row.
fn simple(part: &Value) -> Option<[String; 3]> {
    let part = part.as_object()?;
    let field = part.get("field")?.as_str()?;
    let operator = Operator::parse(part.get("operator")?.as_str()?)?;
    let text = match part.get("value")? {
        Value::Array(values) if matches!(operator, Operator::In | Operator::NotIn) => {
            let texts: Vec<String> = values.iter().map(one).collect();
            texts.join(", ")
        }
        Value::Array(_) | Value::Object(_) => return None,
        value => one(value),
    };
    Some([field.to_owned(), operator.name().to_owned(), text])
}

/// A value as it is typed: a text in quotes only where it would be read as
/// something else without them.
fn one(value: &Value) -> String {
    let quoted = model::json::to_text(value);
    let Some(text) = value.as_str() else {
        return quoted.trim_matches('"').to_owned();
    };
    let is_plain = !text.is_empty()
        && text == text.trim()
        && !text.contains(',')
        && model::json::parse(text.as_bytes()).is_err();
    if is_plain { text.to_owned() } else { quoted }
}

fn choices(chosen: &str) -> Vec<Choice> {
    let chosen = Operator::parse(chosen).unwrap_or(Operator::Eq);
    // Circles on the globe are for those who write JSON.
    let words = WORDS
        .iter()
        .filter(|(known, _)| *known != Operator::Within || chosen == *known);
    let choices = words.map(|(operator, label)| Choice {
        value: operator.name(),
        label,
        is_chosen: *operator == chosen,
    });
    choices.collect()
}

fn value_of(operator: &str, text: &str, declared: Option<FieldType>) -> Value {
    let scalar = declared.map(|known| match known {
        FieldType::Scalar(scalar) | FieldType::Array(scalar) => scalar,
    });
    match operator {
        "in" | "not_in" => {
            let each = text.split(',').map(str::trim).filter(|one| !one.is_empty());
            Value::Array(each.map(|one| typed(one, scalar)).collect())
        }
        "exists" => Value::Boolean(!["no", "false"].contains(&text.to_lowercase().as_str())),
        "starts_with" | "ends_with" | "regex" => Value::from(unquoted(text)),
        _ => typed(text, scalar),
    }
}

/// A value as the field's type has it; where nothing is declared, what looks
/// like a number or a truth is one, and what stands in quotes is a text.
fn typed(text: &str, scalar: Option<ScalarType>) -> Value {
    let read = || model::json::parse(text.as_bytes()).ok();
    let value = match scalar {
        Some(scalar) if scalar.is_numeric() => read().filter(|value| value.as_number().is_some()),
        Some(ScalarType::Boolean) => read().filter(|value| matches!(value, Value::Boolean(_))),
        Some(_) => None,
        None => read().filter(|value| !matches!(value, Value::Array(_) | Value::Object(_))),
    };
    value.unwrap_or_else(|| Value::from(unquoted(text)))
}

fn unquoted(text: &str) -> String {
    let read = model::json::parse(text.as_bytes()).ok();
    let quoted = read.as_ref().and_then(Value::as_str);
    quoted.map_or_else(|| text.to_owned(), str::to_owned)
}

/// A condition in words.
pub(super) fn in_words(list: Option<&Value>) -> Vec<String> {
    let parts = list.and_then(Value::as_array).unwrap_or_default();
    let each = parts.iter().map(|part| match simple(part) {
        Some([field, operator, value]) => {
            let word = WORDS.iter().find(|(known, _)| known.name() == operator);
            let word = word.map_or("", |(_, word)| word);
            match (operator.as_str(), value.as_str()) {
                ("exists", "false") => format!("{field} is not there"),
                ("exists", _) => format!("{field} is there"),
                (_, value) => format!("{field} {word} {value}"),
            }
        }
        None => parse_filter(part).map_or_else(
            |_| model::json::to_text(part),
            |filter| super::keys::conditions(&filter).join(" and "),
        ),
    });
    each.collect()
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Filters {
    let row = |at: usize| Row {
        number: at + 1,
        names: ROWS[at],
        field: text.to_owned(),
        operators: choices("eq"),
        value: text.to_owned(),
    };
    Filters {
        rows: vec![row(0)],
        more: vec![row(1)],
        as_json: text.to_owned(),
        error: Some(text.to_owned()),
        wrong: vec!["v1"],
    }
}

#[cfg(test)]
mod tests;

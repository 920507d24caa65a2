//! Conditions and grants in the short form that fits on a command line.

use model::filters::Operator;
use serde_json::{Map, Value, json};

use super::CommandError;

/// The symbols that may stand for operators, longest first.
const SYMBOLS: [&str; 6] = ["!=", "<=", ">=", "=", "<", ">"];

/// Whether a value of several words may stand without quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    /// A question: the rest of the text is the value.
    Free,
    /// A grant: what is misread would be granted, so a word too many is refused.
    Quoted,
}

/// Reads `field operator value` to a filter of the API. A field's name with
/// spaces stands in double quotes.
///
/// # Errors
/// When a part is missing or the operator is not known.
pub(super) fn parse_condition(text: &str) -> Result<Value, CommandError> {
    read_condition(text, Words::Free)
}

fn read_condition(text: &str, words: Words) -> Result<Value, CommandError> {
    let refuse = |rule: &str| CommandError::Usage(format!("the condition `{text}` {rule}"));
    let shape = "has the form FIELD OPERATOR VALUE, such as 'dest = SFO'";
    let (field, rest) = split_field(text.trim()).ok_or_else(|| refuse(shape))?;
    let (name, rest) = split_operator(rest.trim_start()).ok_or_else(|| refuse(shape))?;
    let operator = Operator::parse(name).ok_or_else(|| {
        let known: Vec<_> = Operator::ALL
            .iter()
            .map(|operator| operator.name())
            .collect();
        refuse(&format!(
            "has the operator {name}; there are {} and = != < <= > >=",
            known.join(", ")
        ))
    })?;
    let value = parse_operand(operator, rest.trim(), words).map_err(|rule| refuse(&rule))?;
    Ok(json!({ "field": field, "operator": operator.name(), "value": value }))
}

fn split_field(text: &str) -> Option<(String, &str)> {
    if text.starts_with('"') {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let field = values.next()?.ok()?;
        return Some((field, &text[values.byte_offset()..]));
    }
    let end = text.find(|c: char| c.is_whitespace() || "=!<>".contains(c))?;
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

fn split_operator(text: &str) -> Option<(&str, &str)> {
    if let Some(symbol) = SYMBOLS.iter().find(|symbol| text.starts_with(**symbol)) {
        return Some((symbol, &text[symbol.len()..]));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn parse_operand(operator: Operator, text: &str, words: Words) -> Result<Value, String> {
    if text.is_empty() {
        return match operator {
            Operator::Exists => Ok(Value::Bool(true)),
            _ => Err("has no value; write \"\" for the empty text".to_owned()),
        };
    }
    let as_json = || serde_json::from_str::<Value>(text).ok();
    match operator {
        Operator::In | Operator::NotIn => match as_json() {
            Some(list @ Value::Array(_)) => Ok(list),
            _ => split_outside_quotes(text, ",")
                .into_iter()
                .map(|part| scalar(part.trim(), words))
                .collect(),
        },
        Operator::Exists | Operator::Within => {
            as_json().ok_or_else(|| "needs a value in JSON".to_owned())
        }
        Operator::StartsWith | Operator::EndsWith | Operator::Regex => match as_json() {
            Some(quoted @ Value::String(_)) => Ok(quoted),
            _ => plain(text, words),
        },
        _ => scalar(text, words),
    }
}

/// A number, a truth value or a quoted text as JSON has them; else the text itself.
fn scalar(text: &str, words: Words) -> Result<Value, String> {
    serde_json::from_str(text).or_else(|_| plain(text, words))
}

fn plain(text: &str, words: Words) -> Result<Value, String> {
    if words == Words::Quoted && text.contains(|c: char| c.is_whitespace() || c == '"') {
        return Err(format!(
            "has a value of several words; write it in double quotes: {text}"
        ));
    }
    Ok(text.into())
}

/// Reads a grant in short form, `RESOURCE ACTIONS [where …|all_rows] [inject …]`.
///
/// # Errors
/// When it has another form.
pub(super) fn parse_grant(text: &str) -> Result<Value, CommandError> {
    let refuse = |rule: &str| CommandError::Usage(format!("the grant `{text}` {rule}"));
    let (on, rest) = split_word(text.trim()).ok_or_else(|| refuse("names no resource"))?;
    let (actions, mut rest) =
        split_word(rest).ok_or_else(|| refuse("names no actions after the resource"))?;
    let actions: Vec<&str> = actions.split(',').collect();
    let mut grant = Map::from_iter([
        ("on".to_owned(), on.into()),
        ("actions".to_owned(), actions.into()),
    ]);
    while !rest.is_empty() {
        let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let (part, next) = next_clause(after.trim_start());
        let (member, value) = match (word, part) {
            ("all_rows", "") => ("constraints", "all_rows".into()),
            ("where", part) => {
                let conditions = split_outside_quotes(part, " and ").into_iter();
                let conditions: Result<Vec<_>, _> = conditions
                    .map(|condition| read_condition(condition, Words::Quoted))
                    .collect();
                ("constraints", Value::Array(conditions?))
            }
            ("inject", part) => (
                "injections",
                injections(part).map_err(|rule| refuse(&rule))?,
            ),
            _ => {
                return Err(refuse(
                    "goes on after its actions with `where` and conditions, all_rows, or `inject` and FIELD=VALUE",
                ));
            }
        };
        if grant.insert(member.to_owned(), value).is_some() {
            return Err(refuse(&format!("says its {member} twice")));
        }
        rest = next;
    }
    Ok(Value::Object(grant))
}

/// The next word, in double quotes if it holds spaces, and what follows it.
fn split_word(text: &str) -> Option<(String, &str)> {
    let (word, rest) = if text.starts_with('"') {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let word = values.next()?.ok()?;
        (word, &text[values.byte_offset()..])
    } else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        (text[..end].to_owned(), &text[end..])
    };
    (!word.is_empty()).then(|| (word, rest.trim_start()))
}

/// The text of one clause of a grant, and the clauses after it.
fn next_clause(text: &str) -> (&str, &str) {
    let starts = ["where ", "inject ", "all_rows"];
    let mut end = text.len();
    for start in starts {
        let first = text.starts_with(start).then_some(0);
        let later = find_outside_quotes(text, &format!(" {start}")).map(|at| at + 1);
        end = end.min(first.or(later).unwrap_or(end));
    }
    (text[..end].trim(), text[end..].trim_start())
}

fn injections(text: &str) -> Result<Value, String> {
    let mut values = Map::new();
    for part in split_outside_quotes(text, ",") {
        let (field, value) = part
            .split_once('=')
            .map(|(field, value)| (field.trim(), value.trim()))
            .filter(|(field, value)| !field.is_empty() && !value.is_empty())
            .ok_or_else(|| "injects FIELD=VALUE, several with commas".to_owned())?;
        if values
            .insert(field.to_owned(), scalar(value, Words::Quoted)?)
            .is_some()
        {
            return Err(format!("injects {field} twice"));
        }
    }
    Ok(Value::Object(values))
}

fn split_outside_quotes<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = find_outside_quotes(rest, separator) {
        parts.push(&rest[..at]);
        rest = &rest[at + separator.len()..];
    }
    parts.push(rest);
    parts
}

fn find_outside_quotes(text: &str, needle: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        if !quoted && text[at..].starts_with(needle) {
            return Some(at);
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
    }
    None
}

/// Reads `field` or `field:desc` or `field:asc`.
pub(super) fn parse_order(text: &str) -> Value {
    let (field, direction) = match text.rsplit_once(':') {
        Some((field, direction @ ("asc" | "desc"))) => (field, direction),
        _ => (text, "asc"),
    };
    json!({ "field": field, "direction": direction })
}

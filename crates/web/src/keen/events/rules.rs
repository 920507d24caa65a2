//! What collections and properties may be called, and what values may be.

use model::limits::{KEEN_PROPERTY_CHARS_MAX, KEEN_STRING_CHARS_MAX, NAME_CHARS_MAX};
use model::names::Name;
use model::value::{Object, Value};

use super::fault::{EventFault, EventRule};

/// The pool that a collection's name means.
///
/// # Errors
/// [`EventRule::CollectionName`] with the rule that the name breaks.
pub(crate) fn collection(text: &str) -> Result<Name, EventFault> {
    let rule = match text {
        "" => "is empty; name the collection in the address or as a member of the body",
        _ if text.chars().count() > NAME_CHARS_MAX => "has more than 64 characters",
        _ if !text.is_ascii() => "holds a character that is not ASCII",
        _ if text.contains('$') => "must not contain '$'",
        _ if text.starts_with('_') => "must not start with '_'",
        _ if text.starts_with('.') || text.ends_with('.') => "must not start or end with '.'",
        _ => {
            let rule = "must not contain any of / : * or control characters, nor start or end with a space";
            return Name::parse(text).map_err(|_| refuse_collection(text, rule));
        }
    };
    Err(refuse_collection(text, rule))
}

fn refuse_collection(text: &str, rule: &str) -> EventFault {
    let shown = model::fault::shorten(text);
    EventFault::new(
        EventRule::CollectionName,
        format!("collection name '{shown}' {rule}"),
    )
}

/// Checks names and values of an event at every level.
///
/// # Errors
/// The first rule that is broken, with the path where.
pub(crate) fn check(event: &Object) -> Result<(), EventFault> {
    members(event, &mut String::new())
}

fn members(object: &Object, path: &mut String) -> Result<(), EventFault> {
    for (name, value) in object.iter() {
        let parent = path.len();
        if parent > 0 {
            path.push('.');
        }
        path.push_str(name);
        match name_rule(name) {
            Some(rule) => return Err(EventFault::name(name, rule)),
            None => check_value(value, path)?,
        }
        path.truncate(parent);
    }
    Ok(())
}

/// The rule that a property's name breaks.
pub(crate) fn name_rule(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("must not be empty")
    } else if name.contains('.') {
        Some("must not contain a dot")
    } else if name.starts_with('$') {
        Some("must not start with '$'")
    } else if name.starts_with('_') {
        Some("must not start with '_', which this server keeps for its own fields")
    } else if name.chars().count() > KEEN_PROPERTY_CHARS_MAX {
        Some("has more than 256 characters")
    } else {
        None
    }
}

fn check_value(value: &Value, path: &mut String) -> Result<(), EventFault> {
    match value {
        Value::String(text) if text.chars().count() >= KEEN_STRING_CHARS_MAX => {
            Err(EventFault::value(path, "has 10000 characters or more"))
        }
        Value::Integer(number) if i64::try_from(*number).is_err() => Err(EventFault::value(
            path,
            "is a whole number beyond 64 bits with a sign; send it as a string",
        )),
        Value::Array(values) => values.iter().try_for_each(|value| check_value(value, path)),
        Value::Object(object) => members(object, path),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;

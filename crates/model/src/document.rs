//! Reads the members of a definition or request, and refuses what is left.

use crate::fault::{Fault, FaultCode, shorten, step};
use crate::value::{Object, Value};

/// A reader of one object. Ask for each member that is known, then call
/// [`Document::finish`]: a member that nobody asked for is an error.
#[derive(Debug)]
pub struct Document<'a> {
    object: &'a Object,
    asked: Vec<&'static str>,
}

impl<'a> Document<'a> {
    /// A reader of `value`, which must be an object.
    pub fn new(value: &'a Value) -> Result<Self, Fault> {
        let object = value
            .as_object()
            .ok_or_else(|| expected("an object", value))?;
        Ok(Self {
            object,
            asked: Vec::new(),
        })
    }

    /// A member that may be absent or null.
    pub fn optional(&mut self, name: &'static str) -> Option<&'a Value> {
        self.present(name).filter(|value| !value.is_null())
    }

    /// A member as it stands, null included; `None` only when it is absent.
    pub fn present(&mut self, name: &'static str) -> Option<&'a Value> {
        self.asked.push(name);
        self.object.get(name)
    }

    /// A member that must be there.
    pub fn required(&mut self, name: &'static str) -> Result<&'a Value, Fault> {
        self.optional(name).ok_or_else(|| {
            Fault::new(
                FaultCode::MissingMember,
                format!("the member {name} is needed"),
            )
            .at(format!("/{name}"))
        })
    }

    /// A text member that may be absent.
    pub fn optional_text(&mut self, name: &'static str) -> Result<Option<&'a str>, Fault> {
        self.optional(name)
            .map(|value| text(value).map_err(|f| f.under(&step(name))))
            .transpose()
    }

    /// A text member that must be there.
    pub fn text(&mut self, name: &'static str) -> Result<&'a str, Fault> {
        let value = self.required(name)?;
        text(value).map_err(|f| f.under(&step(name)))
    }

    /// A boolean member that may be absent.
    pub fn optional_boolean(&mut self, name: &'static str) -> Result<Option<bool>, Fault> {
        match self.optional(name) {
            None => Ok(None),
            Some(Value::Boolean(truth)) => Ok(Some(*truth)),
            Some(other) => Err(expected("true or false", other).at(step(name))),
        }
    }

    /// A whole-number member that may be absent, within `range`.
    pub fn optional_integer(
        &mut self,
        name: &'static str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Result<Option<i64>, Fault> {
        match self.optional(name) {
            None => Ok(None),
            Some(Value::Integer(number)) => i64::try_from(*number)
                .ok()
                .filter(|number| range.contains(number))
                .map(Some)
                .ok_or_else(|| {
                    Fault::new(
                        FaultCode::InvalidValue,
                        format!(
                            "{name} is a whole number from {} to {}",
                            range.start(),
                            range.end()
                        ),
                    )
                    .at(step(name))
                }),
            Some(other) => Err(expected("a whole number", other).at(step(name))),
        }
    }

    /// A list member that may be absent.
    pub fn optional_list(&mut self, name: &'static str) -> Result<Option<&'a [Value]>, Fault> {
        self.optional(name)
            .map(|value| {
                value
                    .as_array()
                    .ok_or_else(|| expected("a list", value).at(step(name)))
            })
            .transpose()
    }

    /// A list member that must be there.
    pub fn list(&mut self, name: &'static str) -> Result<&'a [Value], Fault> {
        let value = self.required(name)?;
        value
            .as_array()
            .ok_or_else(|| expected("a list", value).at(step(name)))
    }

    /// Says that everything was asked for.
    pub fn finish(self) -> Result<(), Fault> {
        match self
            .object
            .iter()
            .find(|(name, _)| !self.asked.contains(name))
        {
            None => Ok(()),
            Some((name, _)) => Err(Fault::new(
                FaultCode::UnknownMember,
                format!(
                    "the member {} is not known here; there are {}",
                    shorten(name),
                    self.asked.join(", ")
                ),
            )
            .at(step(name))),
        }
    }
}

/// A fault for a value of the wrong type.
pub fn expected(what: &str, got: &Value) -> Fault {
    Fault::new(
        FaultCode::WrongType,
        format!("expected {what}, got {}", got.kind()),
    )
}

/// The text of a value that must be a string.
pub fn text(value: &Value) -> Result<&str, Fault> {
    value.as_str().ok_or_else(|| expected("a string", value))
}

/// Reads each element of a list; a fault points at its index.
pub fn each<'a, T>(
    values: &'a [Value],
    read: impl Fn(&'a Value) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    values
        .iter()
        .enumerate()
        .map(|(index, value)| read(value).map_err(|f| f.under(&format!("/{index}"))))
        .collect()
}

/// RFC 7396: `patch` laid over `target`. Members set to null are removed.
#[must_use]
pub fn merge_patch(target: &Value, patch: &Value) -> Value {
    let Value::Object(changes) = patch else {
        return patch.clone();
    };
    let empty = Object::new();
    let base = target.as_object().unwrap_or(&empty);
    let mut merged = Vec::new();
    for (name, value) in base.iter() {
        match changes.get(name) {
            None => merged.push((name.to_owned(), value.clone())),
            Some(Value::Null) => {}
            Some(change) => merged.push((name.to_owned(), merge_patch(value, change))),
        }
    }
    for (name, change) in changes.iter() {
        if base.get(name).is_none() && !change.is_null() {
            merged.push((name.to_owned(), merge_patch(&Value::Null, change)));
        }
    }
    Value::Object(Object::from_members(merged).expect("names come from two objects, each once"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_asked_for_is_refused_by_name() {
        let value = crate::json::parse(br#"{"name":"x","nmae":1}"#).expect("json");
        let mut document = Document::new(&value).expect("object");
        assert_eq!(document.text("name"), Ok("x"));
        let fault = document.finish().expect_err("unknown member");
        assert_eq!(
            (fault.code, fault.pointer.as_str()),
            (FaultCode::UnknownMember, "/nmae")
        );
    }

    #[test]
    fn merge_patch_follows_the_rfc_examples() {
        let cases = [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (
                r#"{"a":{"b":"c"}}"#,
                r#"{"a":{"b":"d","c":null}}"#,
                r#"{"a":{"b":"d"}}"#,
            ),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ];
        for (target, patch, merged) in cases {
            let parse = |text: &str| crate::json::parse(text.as_bytes()).expect("json");
            assert_eq!(
                merge_patch(&parse(target), &parse(patch)),
                parse(merged),
                "{target} {patch}"
            );
        }
    }
}

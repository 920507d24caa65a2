//! Parameters, as they may be written: numbers and truths also as text, null
//! and the empty text for nothing.

use model::document::expected;
use model::fault::{Fault, FaultCode, step};
use model::limits::RESULT_ROWS_MAX;
use model::names::FieldPath;
use model::value::{Number, Object, Value};

/// A reader of one object's members.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a Object);

impl<'a> Reader<'a> {
    pub(super) fn new(object: &'a Object) -> Self {
        Self(object)
    }

    /// The value, unless it is as good as nothing.
    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        let value = self.0.get(name)?;
        let is_nothing = value.is_null() || value.as_str() == Some("");
        (!is_nothing).then_some(value)
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Fault> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(expected("a string", other).at(step(name))),
        }
    }

    /// The text of a parameter that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&'a str, Fault> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    /// The property that a parameter names, which must be there.
    pub(super) fn path(&self, name: &str) -> Result<FieldPath, Fault> {
        let value = self.value(name).ok_or_else(|| missing(name))?;
        path(value).map_err(|f| f.under(&step(name)))
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<Number>, Fault> {
        let number = self.value(name).map(|value| {
            number(value).ok_or_else(|| {
                Fault::new(FaultCode::WrongType, format!("{name} is a number")).at(step(name))
            })
        });
        number.transpose()
    }

    /// A number of rows or groups.
    pub(super) fn count(&self, name: &str) -> Result<Option<u64>, Fault> {
        let most = RESULT_ROWS_MAX as u64;
        let count = self.number(name)?.map(|number| {
            let count = match number {
                Number::Integer(count) => u64::try_from(count).ok(),
                Number::Float(_) => None,
            };
            let count = count.filter(|count| (1..=most).contains(count));
            count.ok_or_else(|| {
                let rule = format!("{name} is a whole number from 1 to {most}");
                Fault::new(FaultCode::InvalidValue, rule).at(step(name))
            })
        });
        count.transpose()
    }

    pub(super) fn truth(&self, name: &str) -> Result<Option<bool>, Fault> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Boolean(truth)) => Ok(Some(*truth)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => {
                let rule = format!("{name} is true or false");
                Err(Fault::new(FaultCode::WrongType, rule).at(step(name)))
            }
        }
    }
}

pub(super) fn missing(name: &str) -> Fault {
    Fault::new(FaultCode::MissingMember, format!("{name} is needed")).at(step(name))
}

/// A number, or the text of one.
pub(super) fn number(value: &Value) -> Option<Number> {
    match value {
        Value::String(text) => match model::json::parse(text.trim().as_bytes()) {
            Ok(value) => value.as_number(),
            Err(_) => None,
        },
        value => value.as_number(),
    }
}

/// The property that a value names.
pub(super) fn path(value: &Value) -> Result<FieldPath, Fault> {
    let text = model::document::text(value)?;
    FieldPath::parse_readable(text)
        .map_err(|rule| Fault::new(FaultCode::InvalidName, rule.to_string()).on_field(text))
}

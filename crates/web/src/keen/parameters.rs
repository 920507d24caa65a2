//! Query strings as the dialect's clients write them: empty segments, `+` for
//! a space, JSON texts in a parameter, quoted or not.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use model::fault::{Fault, FaultCode, step};
use model::value::{Object, Value};

use crate::error::ApiError;
use crate::input::percent_decode;

/// Parameters whose value is JSON, or a plain text.
const STRUCTURED: [&str; 11] = [
    "filters",
    "timeframe",
    "timezone",
    "interval",
    "group_by",
    "order_by",
    "steps",
    "analyses",
    "property_names",
    "index_by",
    "target_property",
];

/// The parameters of a request, as they were sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters(Arc<[(String, String)]>);

impl Parameters {
    /// Reads a query string. What is not percent-encoded UTF-8 is left as it stands.
    pub(crate) fn parse(query: &str) -> Self {
        let decode = |text: &str| percent_decode(text).unwrap_or_else(|| text.to_owned());
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(pairs.collect())
    }

    /// The text of a parameter; nothing when it is empty. Of a parameter that
    /// stands several times, the first.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(known, _)| known == name);
        let (_, text) = found.next()?;
        (!text.is_empty()).then_some(text.as_str())
    }

    /// The names of all parameters, as often as they stand.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Whether a parameter stands there, with or without a value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    /// The object that a body would be which says the same. Numbers and
    /// truths stay texts.
    ///
    /// # Errors
    /// A parameter that holds JSON and is not, and one of these names
    /// that stands twice: which of the two is meant is not guessed.
    pub(crate) fn to_object(&self, names: &[&str]) -> Result<Object, Fault> {
        let mut object = Object::new();
        for name in names {
            if self.0.iter().filter(|(known, _)| known == name).count() > 1 {
                let detail = format!("{name} stands twice; send it once");
                return Err(Fault::new(FaultCode::DuplicateMember, detail).at(step(name)));
            }
            if let Some(text) = self.text(name) {
                object = object.with(*name, value_of(name, text)?);
            }
        }
        Ok(object)
    }
}

/// The value of a parameter's text.
pub(crate) fn value_of(name: &str, text: &str) -> Result<Value, Fault> {
    let is_json = text.trim_start().starts_with(['{', '[', '"']);
    if !is_json || !STRUCTURED.contains(&name) {
        return Ok(match text {
            "null" if STRUCTURED.contains(&name) => Value::Null,
            text => Value::from(text),
        });
    }
    model::json::parse(text.as_bytes()).map_err(|fault| {
        let detail = format!("{name} is not valid JSON");
        Fault::new(fault.code, detail).at(step(name))
    })
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        if let Some(read) = parts.extensions.get::<Self>() {
            return Ok(read.clone());
        }
        let read = Self::parse(parts.uri.query().unwrap_or_default());
        parts.extensions.insert(read.clone());
        Ok(read)
    }
}

#[cfg(test)]
mod tests;

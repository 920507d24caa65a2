//! From a filter back to the wire's tree of values.

use super::Filter;
use crate::value::{Object, Value};

/// The list that [`super::parse_list`] reads back to the same filter.
pub(crate) fn to_list(filter: &Filter) -> Value {
    match filter {
        // A list of one filter means that filter, so a group of one keeps its own braces.
        Filter::All(parts) if parts.len() > 1 => parts.iter().map(to_value).collect::<Vec<_>>(),
        one => vec![to_value(one)],
    }
    .into()
}

/// The tree that [`super::parse_filter`] reads back to the same filter.
pub fn to_value(filter: &Filter) -> Value {
    let list = |parts: &[Filter]| Value::Array(parts.iter().map(to_value).collect());
    let object = match filter {
        Filter::All(parts) => Object::new().with("all", list(parts)),
        Filter::Any(parts) => Object::new().with("any", list(parts)),
        Filter::Not(part) => Object::new().with("not", to_value(part)),
        Filter::Compare(comparison) => Object::new()
            .with("field", comparison.field().as_str())
            .with("operator", comparison.operator().name())
            .with("value", comparison.value().clone()),
    };
    Value::Object(object)
}

//! The dialect's filters, in questions and on keys.
//!
//! Its operators have two values where ours have three: what is missing is not
//! equal to anything, so that `ne` and `not_contains` match it. Values of
//! another type than the one compared with match neither an operator nor its
//! opposite. `eq` with null matches what is missing.

use model::document::expected;
use model::fault::{Fault, FaultCode, shorten};
use model::filters::{Filter, parse_filter};
use model::value::{Object, Value};

/// The rule that `within` keeps to; its breach has a name of its own.
pub(crate) const GEO_RULE: &str = "within is for keen.location.coordinates alone";

/// The only property that holds places.
const COORDINATES: &str = "keen.location.coordinates";
const METERS_OF_A_MILE: f64 = 1_609.344;
/// `in` a list of nothing but null, and such: no row at all.
const NOTHING: &str = "a filter lists at least one value";

/// Reads a list of filters, all of which must hold; `None` for an empty one.
/// Members that are not known, such as hints about types, are ignored.
///
/// # Errors
/// A fault that points into the list and says what to do.
pub(crate) fn filters(value: &Value) -> Result<Option<Filter>, Fault> {
    let list = value
        .as_array()
        .ok_or_else(|| expected("a list of filters", value))?;
    let mut filters = Vec::with_capacity(list.len());
    for (at, sent) in list.iter().enumerate() {
        let filter = native(sent).and_then(|native| {
            // What is said of the native form is said of the filter as a whole.
            parse_filter(&native).map_err(|f| f.at(""))
        });
        filters.push(filter.map_err(|f| f.under(&format!("/{at}")))?);
    }
    Ok(Filter::all(filters))
}

/// The filter in the native form.
fn native(sent: &Value) -> Result<Value, Fault> {
    let object = sent
        .as_object()
        .ok_or_else(|| expected("a filter object", sent))?;
    let operator = text(object, "operator")?;
    if operator == "or" {
        return alternatives(object);
    }
    let field = text(object, "property_name")?;
    let value = object.get("property_value").unwrap_or(&Value::Null);
    comparison(field, operator, value).map_err(|fault| match fault.pointer.is_empty() {
        true => fault.at("/property_value"),
        false => fault,
    })
}

fn text<'a>(object: &'a Object, member: &str) -> Result<&'a str, Fault> {
    let pointer = format!("/{member}");
    match object.get(member) {
        None | Some(Value::Null) => {
            let detail = format!("a filter needs {member}");
            Err(Fault::new(FaultCode::MissingMember, detail).at(pointer))
        }
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(expected("a string", other).at(pointer)),
    }
}

/// `or` over filters.
fn alternatives(object: &Object) -> Result<Value, Fault> {
    let operands = object.get("operands").and_then(Value::as_array);
    let operands = operands
        .filter(|operands| !operands.is_empty())
        .ok_or_else(|| {
            let rule = "or needs operands, a list of at least one filter";
            Fault::new(FaultCode::InvalidFilter, rule).at("/operands")
        })?;
    let each = operands.iter().enumerate();
    let each =
        each.map(|(at, operand)| native(operand).map_err(|f| f.under(&format!("/operands/{at}"))));
    Ok(any(each.collect::<Result<_, _>>()?))
}

fn any(parts: Vec<Value>) -> Value {
    Object::new().with("any", parts).into()
}

fn compare(field: &str, operator: &str, value: impl Into<Value>) -> Value {
    let object = Object::new().with("field", field);
    let object = object.with("operator", operator);
    object.with("value", value).into()
}

fn exists(field: &str, expected: bool) -> Value {
    compare(field, "exists", expected)
}

fn invalid(rule: impl Into<String>) -> Fault {
    Fault::new(FaultCode::InvalidFilter, rule)
}

fn comparison(field: &str, operator: &str, value: &Value) -> Result<Value, Fault> {
    Ok(match (operator, value) {
        ("eq", Value::Null) => exists(field, false),
        ("ne", Value::Null) => exists(field, true),
        ("eq" | "lt" | "lte" | "gt" | "gte" | "contains", value) => {
            compare(field, operator, scalar(value)?)
        }
        // The opposite also of what is missing.
        ("ne" | "not_contains", value) => any(vec![
            compare(field, operator, scalar(value)?),
            exists(field, false),
        ]),
        ("exists", Value::Boolean(expected)) => exists(field, *expected),
        ("exists", _) => return Err(invalid("exists takes true or false")),
        ("in", value) => within_list(field, value)?,
        ("regex", Value::String(source)) => compare(field, "regex", source.as_str()),
        ("regex", _) => return Err(invalid("regex takes a string")),
        ("within", _) if field != COORDINATES => {
            return Err(invalid(GEO_RULE).at("/property_name"));
        }
        ("within", value) => compare(field, "within", circle(value)?),
        _ => {
            return Err(invalid(format!(
                "{} is not an operator; there are eq, ne, lt, lte, gt, gte, exists, in, contains, \
                 not_contains, regex, within, or",
                shorten(operator)
            ))
            .at("/operator"));
        }
    })
}

fn scalar(value: &Value) -> Result<Value, Fault> {
    match value {
        Value::Null | Value::Array(_) | Value::Object(_) => Err(invalid(
            "the operator compares with a string, a number or a truth",
        )),
        value => Ok(value.clone()),
    }
}

/// `in`: equal to one of them; null stands for what is missing.
fn within_list(field: &str, value: &Value) -> Result<Value, Fault> {
    let list = value
        .as_array()
        .ok_or_else(|| invalid("in takes a list of values"))?;
    if list.is_empty() {
        return Err(invalid(NOTHING));
    }
    let values = list.iter().filter(|value| !value.is_null());
    let values: Vec<Value> = values.map(scalar).collect::<Result<_, _>>()?;
    Ok(match (values.is_empty(), values.len() == list.len()) {
        (true, _) => exists(field, false),
        (false, true) => compare(field, "in", values),
        (false, false) => any(vec![compare(field, "in", values), exists(field, false)]),
    })
}

/// `{"coordinates": [longitude, latitude], "max_distance_miles": n}`.
fn circle(value: &Value) -> Result<Object, Fault> {
    let rule =
        "within takes {\"coordinates\": [longitude, latitude], \"max_distance_miles\": number}";
    let read = || {
        let object = value.as_object()?;
        let miles = object.get("max_distance_miles")?.as_number()?.to_f64();
        let meters = Value::float(miles * METERS_OF_A_MILE)?;
        let center = object.get("coordinates")?.clone();
        Some(
            Object::new()
                .with("center", center)
                .with("radius_meters", meters),
        )
    };
    read().ok_or_else(|| invalid(rule))
}

#[cfg(test)]
mod tests;

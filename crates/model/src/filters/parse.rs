//! From the wire's tree of values to a filter.

use super::{Comparison, Filter, Operator};
use crate::fault::{Fault, FaultCode, shorten, step};
use crate::limits::{
    FILTER_DEPTH_MAX, FILTER_LIST_MAX, FILTER_NODES_MAX, FILTER_REGEXES_MAX, REGEX_BYTES_MAX,
};
use crate::names::FieldPath;
use crate::value::{Object, Value};

/// Reads one filter.
pub fn parse_filter(value: &Value) -> Result<Filter, Fault> {
    Parser::default().filter(value, 0)
}

/// Reads a list of filters, all of which must hold. An empty list is refused:
/// an absence never means everything.
pub fn parse_list(value: &Value) -> Result<Filter, Fault> {
    let parts = value
        .as_array()
        .ok_or_else(|| wrong_type("a list of filters", value))?;
    if parts.is_empty() {
        return Err(Fault::new(
            FaultCode::InvalidFilter,
            "an empty list of filters selects nothing; leave the member out, or say what you mean",
        ));
    }
    let mut parser = Parser::default();
    let filters = parser.filters(parts, 0, "")?;
    Ok(Filter::all(filters).expect("the list is not empty"))
}

pub(super) fn too_large() -> Fault {
    Fault::new(
        FaultCode::LimitExceeded,
        format!("a filter has at most {FILTER_NODES_MAX} parts, nested {FILTER_DEPTH_MAX} deep"),
    )
}

pub(super) fn too_many_regexes() -> Fault {
    Fault::new(
        FaultCode::LimitExceeded,
        format!("a filter has at most {FILTER_REGEXES_MAX} regular expressions"),
    )
}

pub(super) fn no_parts() -> Fault {
    Fault::new(
        FaultCode::InvalidFilter,
        "all and any need at least one filter in their list",
    )
}

#[derive(Default)]
struct Parser {
    nodes: usize,
    regexes: usize,
}

impl Parser {
    fn filters(
        &mut self,
        parts: &[Value],
        depth: usize,
        pointer: &str,
    ) -> Result<Vec<Filter>, Fault> {
        parts
            .iter()
            .enumerate()
            .map(|(index, part)| {
                self.filter(part, depth + 1)
                    .map_err(|f| f.under(&format!("{pointer}/{index}")))
            })
            .collect()
    }

    fn filter(&mut self, value: &Value, depth: usize) -> Result<Filter, Fault> {
        self.nodes += 1;
        if self.nodes > FILTER_NODES_MAX || depth > FILTER_DEPTH_MAX {
            return Err(too_large());
        }
        if let Value::Array(parts) = value {
            return self.group(parts, depth, "").map(Filter::All);
        }
        let object = value
            .as_object()
            .ok_or_else(|| wrong_type("a filter object", value))?;
        let single = if object.len() == 1 {
            object.iter().next()
        } else {
            None
        };
        match single {
            Some(("all", parts)) => self
                .group(members(parts, "/all")?, depth, "/all")
                .map(Filter::All),
            Some(("any", parts)) => self
                .group(members(parts, "/any")?, depth, "/any")
                .map(Filter::Any),
            Some(("not", part)) => self
                .filter(part, depth + 1)
                .map(|part| Filter::Not(Box::new(part)))
                .map_err(|f| f.under("/not")),
            _ => {
                let comparison = comparison(object)?;
                self.regexes += usize::from(comparison.operator() == Operator::Regex);
                if self.regexes > FILTER_REGEXES_MAX {
                    return Err(too_many_regexes());
                }
                Ok(Filter::Compare(comparison))
            }
        }
    }

    fn group(
        &mut self,
        parts: &[Value],
        depth: usize,
        pointer: &str,
    ) -> Result<Vec<Filter>, Fault> {
        if parts.is_empty() {
            return Err(no_parts().at(pointer));
        }
        self.filters(parts, depth, pointer)
    }
}

fn members<'a>(value: &'a Value, pointer: &str) -> Result<&'a [Value], Fault> {
    value
        .as_array()
        .ok_or_else(|| wrong_type("a list of filters", value).at(pointer))
}

fn wrong_type(expected: &str, got: &Value) -> Fault {
    Fault::new(
        FaultCode::WrongType,
        format!("expected {expected}, got {}", got.kind()),
    )
}

fn comparison(object: &Object) -> Result<Comparison, Fault> {
    let unknown = object
        .iter()
        .find(|(name, _)| !["field", "operator", "value"].contains(name));
    if let Some((name, _)) = unknown {
        return Err(Fault::new(
            FaultCode::UnknownMember,
            "a filter is {field, operator, value}, {all: [..]}, {any: [..]} or {not: ..}",
        )
        .at(step(name)));
    }
    let field = text_member(object, "field")?;
    let field = FieldPath::parse_readable(field).map_err(|rule| {
        Fault::new(FaultCode::InvalidName, rule.to_string())
            .at("/field")
            .on_field(field)
    })?;
    let name = text_member(object, "operator")?;
    let operator = Operator::parse(name).ok_or_else(|| {
        let known: Vec<_> = Operator::ALL
            .iter()
            .map(|operator| operator.name())
            .collect();
        Fault::new(
            FaultCode::InvalidFilter,
            format!(
                "{} is not an operator; there are {}",
                shorten(name),
                known.join(", ")
            ),
        )
        .at("/operator")
    })?;
    let value = object.get("value").ok_or_else(|| missing("value"))?.clone();
    let (operator, value) =
        check_value(operator, value).map_err(|fault| fault.at("/value").on_field(&field))?;
    Ok(Comparison::restore(field, operator, value))
}

fn missing(member: &str) -> Fault {
    Fault::new(
        FaultCode::MissingMember,
        format!("a comparison needs the member {member}"),
    )
    .at(format!("/{member}"))
}

fn text_member<'a>(object: &'a Object, name: &str) -> Result<&'a str, Fault> {
    let value = object.get(name).ok_or_else(|| missing(name))?;
    value
        .as_str()
        .ok_or_else(|| wrong_type("a string", value).at(format!("/{name}")))
}

/// Checks the value against the operator alone; `eq` with a list becomes `in`.
fn check_value(operator: Operator, value: Value) -> Result<(Operator, Value), Fault> {
    use Operator as O;
    let operator = match (operator, &value) {
        (O::Eq, Value::Array(_)) => O::In,
        (O::Ne, Value::Array(_)) => O::NotIn,
        (operator, _) => operator,
    };
    check_form(operator, &value)?;
    if let (O::Regex, Some(source)) = (operator, value.as_str()) {
        super::predicate::compile_regex(source).map_err(|rule| {
            Fault::new(
                FaultCode::InvalidFilter,
                format!("{rule}; write a regular expression of the linear-time kind, without look-around and back-references, of at most {REGEX_BYTES_MAX} bytes"),
            )
        })?;
    }
    Ok((operator, value))
}

/// Checks the value against the operator, but for what only compiling a
/// regular expression tells.
pub(super) fn check_form(operator: Operator, value: &Value) -> Result<(), Fault> {
    use Operator as O;
    let refuse = |rule: &str| Err(Fault::new(FaultCode::InvalidFilter, rule));
    match operator {
        O::In | O::NotIn => check_list(value),
        O::Exists if !matches!(value, Value::Boolean(_)) => refuse("exists takes true or false"),
        O::StartsWith | O::EndsWith if value.as_str().is_none() => {
            refuse("starts_with and ends_with take a string")
        }
        O::Regex if value.as_str().is_none() => refuse("regex takes a string"),
        O::Within if super::predicate::Circle::parse(value).is_none() => {
            refuse("within takes {\"center\": [longitude, latitude], \"radius_meters\": number}")
        }
        O::Exists | O::StartsWith | O::EndsWith | O::Regex | O::Within => Ok(()),
        _ => check_scalar(value),
    }
}

fn check_scalar(value: &Value) -> Result<(), Fault> {
    match value {
        Value::Null => Err(Fault::new(
            FaultCode::InvalidFilter,
            "nothing equals null; ask with {\"operator\": \"exists\", \"value\": false}",
        )),
        Value::Array(_) | Value::Object(_) => Err(Fault::new(
            FaultCode::WrongType,
            "this operator compares with one string, number or boolean",
        )),
        _ => Ok(()),
    }
}

fn check_list(value: &Value) -> Result<(), Fault> {
    let Some(values) = value.as_array() else {
        return Err(wrong_type("a list of values", value));
    };
    if values.is_empty() {
        return Err(Fault::new(
            FaultCode::InvalidFilter,
            "in and not_in need at least one value in their list",
        ));
    }
    if values.len() > FILTER_LIST_MAX {
        return Err(Fault::new(
            FaultCode::LimitExceeded,
            format!("a list in a filter has at most {FILTER_LIST_MAX} values"),
        ));
    }
    values.iter().try_for_each(check_scalar)
}

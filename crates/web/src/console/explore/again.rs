//! From a question back to the form that asks it.

use model::analyses::{Analysis, RESULT};
use model::pools::Schema;
use model::value::{Object, Value};

use super::question::{Asked, GROUPS, TIMEFRAMES};
use super::{functions, steps};
use crate::console::filters::Filters;

/// The fields of the form that ask this question again; where the form would ask
/// another one, as the API takes it. `schema_of` has the schema of a pool.
pub(super) fn fields_of<'s>(
    question: &Value,
    schema_of: impl Fn(&str) -> &'s Schema,
) -> Vec<(&'static str, String)> {
    let whole = || vec![("question", model::json::to_text(question))];
    let Some(fields) = said(question, &schema_of) else {
        return whole();
    };
    let get = |name: &str| {
        let found = fields.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    };
    let again = Asked::typed(&[], get).to_value(schema_of);
    let again = again.and_then(|again| Analysis::parse(&again));
    match (again, Analysis::parse(question)) {
        (Ok(again), Ok(meant)) if again == meant => fields,
        _ => whole(),
    }
}

fn said<'s>(
    question: &Value,
    schema_of: impl Fn(&str) -> &'s Schema,
) -> Option<Vec<(&'static str, String)>> {
    let question = with_one_period(question);
    let object = question.as_object()?;
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let (kind, analyses) = (text("analysis")?, object.get("analyses"));
    let schema = schema_of(text("pool").unwrap_or_default());
    // What groups may be ordered by in the form.
    let first = match analyses.and_then(Value::as_object) {
        Some(functions) => functions.iter().next()?.0,
        None => RESULT,
    };
    let mut fields = Vec::new();
    for (name, value) in object.iter() {
        let text = match value.as_str() {
            Some(text) => text.to_owned(),
            None => model::json::to_text(value),
        };
        match (name, value) {
            ("analysis", _) if kind == "multi_analysis" => {
                fields.push(("ask", "several".to_owned()));
            }
            ("analyses", _) => fields.extend(functions::said(value)?),
            ("analysis", _) if kind == "funnel" => fields.push(("ask", "funnel".to_owned())),
            ("steps", _) => fields.extend(steps::said(value, &schema_of)?),
            ("pool" | "analysis" | "field" | "percentile" | "interval" | "timezone", _) => {
                let name = [
                    "pool",
                    "analysis",
                    "field",
                    "percentile",
                    "interval",
                    "timezone",
                ]
                .into_iter()
                .find(|known| *known == name);
                fields.push((name.unwrap_or("pool"), text));
            }
            ("timeframe", _) if TIMEFRAMES.iter().any(|(known, _)| *known == text) => {
                fields.push(("timeframe", text));
            }
            ("from" | "to", _) => {
                if !fields.contains(&("timeframe", "between".to_owned())) {
                    fields.push(("timeframe", "between".to_owned()));
                }
                fields.push((if name == "from" { "from" } else { "to" }, text));
            }
            ("latest" | "limit", _) => fields.push(("limit", text)),
            ("filters", list) => fields.extend(Filters::fields_of(list, schema)),
            ("group_by", Value::Array(groups)) if groups.len() <= GROUPS.len() => {
                for (name, group) in GROUPS.into_iter().zip(groups) {
                    match group.as_str() {
                        Some(field) => fields.push((name, field.to_owned())),
                        None => return None,
                    }
                }
            }
            ("order_by", Value::Array(orders)) => {
                let member = |name: &str| {
                    let [order] = &orders[..] else { return None };
                    order.as_object()?.get(name)?.as_str().map(str::to_owned)
                };
                match (member("field").as_deref(), member("direction")) {
                    (Some(field), Some(direction)) if field == first => {
                        fields.push(("order", direction));
                    }
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
    Some(fields)
}

/// A funnel whose steps all have one period, with that period for all of them:
/// what is stored has it with each.
fn with_one_period(question: &Value) -> Value {
    const PERIOD: [&str; 5] = ["timeframe", "from", "to", "timezone", "week_start"];
    let whole = || question.clone();
    let Some(object) = question.as_object() else {
        return whole();
    };
    let steps = object.get("steps").and_then(Value::as_array);
    let steps = steps.unwrap_or_default().iter().map(Value::as_object);
    let Some(steps) = steps.collect::<Option<Vec<_>>>() else {
        return whole();
    };
    let Some(first) = steps.first() else {
        return whole();
    };
    let is_shared = |name: &str| steps.iter().all(|step| step.get(name) == first.get(name));
    if !PERIOD.into_iter().all(is_shared) {
        return whole();
    }
    let members = object.iter().filter(|(name, _)| *name != "steps");
    let all = members.fold(Object::new(), |all, (name, value)| {
        all.with(name, value.clone())
    });
    let shared = PERIOD
        .into_iter()
        .filter_map(|name| Some((name, first.get(name)?.clone())));
    let all = shared.fold(all, |all, (name, value)| all.with(name, value));
    let steps = steps.into_iter().map(|step| {
        let own = step.iter().filter(|(name, _)| !PERIOD.contains(name));
        let own = own.fold(Object::new(), |own, (name, value)| {
            own.with(name, value.clone())
        });
        Value::Object(own)
    });
    Value::Object(all.with("steps", steps.collect::<Vec<_>>()))
}

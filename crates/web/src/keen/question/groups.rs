//! What makes groups, and their order.

use model::analyses::{Band, BinSize, Bins, GroupBy, Metrics, RESULT};
use model::document::expected;
use model::fault::{Fault, FaultCode};
use model::queries::{Direction, OrderBy};
use model::value::{Object, Value};

use super::reader::{Reader, number, path};

/// One thing, or a list of them.
fn each(value: &Value) -> &[Value] {
    value.as_array().unwrap_or(std::slice::from_ref(value))
}

/// What makes groups: the values of properties, numbers in bins of one size
/// (known by their lower bound) or in ranges. A property that is named twice
/// makes groups once.
pub(super) fn group_by(reader: &Reader<'_>, metrics: &Metrics) -> Result<Vec<GroupBy>, Fault> {
    let Some(value) = reader.value("group_by") else {
        return Ok(Vec::new());
    };
    let mut groups: Vec<GroupBy> = Vec::new();
    for (at, value) in each(value).iter().enumerate() {
        let group = group(value, metrics).map_err(|f| f.under(&format!("/group_by/{at}")))?;
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    Ok(groups)
}

fn group(value: &Value, metrics: &Metrics) -> Result<GroupBy, Fault> {
    let (field, bins) = match value {
        Value::Object(object) => {
            let reader = Reader::new(object);
            (reader.path("property_name")?, bins(&reader)?)
        }
        value => (path(value)?, None),
    };
    let mut name = field.to_string();
    // A property may be called as the answer calls its result.
    if matches!(metrics, Metrics::One(_)) && name == RESULT {
        name.push('_');
    }
    Ok(GroupBy { name, field, bins })
}

fn bins(reader: &Reader<'_>) -> Result<Option<Bins>, Fault> {
    let invalid = |rule: &str| Fault::new(FaultCode::InvalidValue, rule);
    match (reader.value("buckets"), reader.value("ranges")) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(invalid("give either buckets or ranges").at("/ranges")),
        (Some(buckets), None) => {
            let size = buckets.as_object().and_then(|object| object.get("size"));
            let size = size.and_then(number).and_then(BinSize::new);
            let rule = "buckets have a size, a number above 0 with at most 6 decimals";
            let size = size.ok_or_else(|| invalid(rule).at("/buckets"))?;
            Ok(Some(Bins::Size(size)))
        }
        (None, Some(ranges)) => {
            let bands = each(ranges).iter().enumerate();
            let bands =
                bands.map(|(at, value)| band(value).map_err(|f| f.under(&format!("/ranges/{at}"))));
            Ok(Some(Bins::Ranges(bands.collect::<Result<_, _>>()?)))
        }
    }
}

/// A range with its alias, or else with its bounds for a name.
fn band(value: &Value) -> Result<Band, Fault> {
    let object: &Object = value
        .as_object()
        .ok_or_else(|| expected("an object of from and to", value))?;
    let reader = Reader::new(object);
    let side = |name: &str| -> Result<Option<Value>, Fault> {
        reader.number(name)?;
        Ok(reader.value(name).map(|value| match value {
            Value::String(text) => {
                model::json::parse(text.trim().as_bytes()).unwrap_or(Value::Null)
            }
            value => value.clone(),
        }))
    };
    let (from, to) = (side("from")?, side("to")?);
    let shown = |bound: &Value| model::json::to_text(bound);
    let label = match (reader.text("alias")?, &from, &to) {
        (Some(alias), ..) => alias.to_owned(),
        (None, Some(from), Some(to)) => format!("[{},{})", shown(from), shown(to)),
        (None, Some(from), None) => format!(">={}", shown(from)),
        (None, None, Some(to)) => format!("<{}", shown(to)),
        (None, None, None) => String::new(),
    };
    Ok(Band { label, from, to })
}

/// The order of groups: names, or objects of a name and a direction.
pub(super) fn order_by(
    reader: &Reader<'_>,
    metrics: &Metrics,
    groups: &[GroupBy],
) -> Result<Vec<OrderBy<String>>, Fault> {
    let Some(value) = reader.value("order_by") else {
        return Ok(Vec::new());
    };
    let each = each(value).iter().enumerate();
    let each = each.map(|(at, value)| {
        let by = one_order(value).map_err(|f| f.under(&format!("/order_by/{at}")))?;
        let is_result = metrics.named().any(|(name, _)| name == by.field);
        let group = groups.iter().find(|group| group.field.as_str() == by.field);
        Ok(match group.filter(|_| !is_result) {
            Some(group) => OrderBy {
                field: group.name.clone(),
                ..by
            },
            None => by,
        })
    });
    each.collect()
}

fn one_order(value: &Value) -> Result<OrderBy<String>, Fault> {
    let Value::Object(object) = value else {
        return Ok(OrderBy {
            field: model::document::text(value)?.to_owned(),
            direction: Direction::Ascending,
        });
    };
    let reader = Reader::new(object);
    let direction = match reader.text("direction")? {
        None => Direction::Ascending,
        Some(text) if text.eq_ignore_ascii_case("asc") => Direction::Ascending,
        Some(text) if text.eq_ignore_ascii_case("desc") => Direction::Descending,
        Some(_) => {
            let rule = "direction is ASC or DESC";
            return Err(Fault::new(FaultCode::InvalidValue, rule).at("/direction"));
        }
    };
    Ok(OrderBy {
        field: reader.required("property_name")?.to_owned(),
        direction,
    })
}

//! From the wire's tree of values to what a grant stamps and shows.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, TimeWindow, VisibleFields};
use crate::document::{Document, each, expected, text};
use crate::fault::{Fault, FaultCode, step};
use crate::fields::ColumnType;
use crate::limits::{GRANT_INJECTIONS_MAX, GRANT_WINDOWS_MAX, VISIBLE_FIELDS_DEPTH_MAX};
use crate::names::FieldPath;
use crate::pools::{Schema, parse_path};
use crate::records::{Injections, OnConflict};
use crate::value::{Object, Value};

pub(super) fn parse_injections(
    document: &mut Document<'_>,
    actions: &BTreeSet<Action>,
    schema: Option<&Schema>,
) -> Result<Injections, Fault> {
    let on_conflict = document.optional_text("on_conflict")?;
    if on_conflict.is_some() && !actions.contains(&Action::Ingest) {
        return Err(Fault::new(
            FaultCode::InvalidValue,
            "on_conflict is for ingest; without that action it would do nothing",
        )
        .at("/on_conflict"));
    }
    let on_conflict = match on_conflict {
        None | Some("override") => OnConflict::Override,
        Some("reject") => OnConflict::Reject,
        Some(_) => {
            return Err(
                Fault::new(FaultCode::InvalidValue, "on_conflict is override or reject")
                    .at("/on_conflict"),
            );
        }
    };
    let Some(value) = document.optional("injections") else {
        return Ok(Injections {
            values: Vec::new(),
            on_conflict,
        });
    };
    let members = value
        .as_object()
        .ok_or_else(|| expected("an object", value).at("/injections"))?;
    if !actions.contains(&Action::Ingest) {
        return Err(Fault::new(
            FaultCode::InvalidValue,
            "injections are stamped on ingest; without that action they would do nothing",
        )
        .at("/injections"));
    }
    let values = read_injections(members, schema).map_err(|f| f.under("/injections"))?;
    Ok(Injections {
        values,
        on_conflict,
    })
}

/// Takes the members `injections` and `on_conflict`, whatever is beside them.
pub(crate) fn injections_of(document: &mut Document<'_>) -> Result<Injections, Fault> {
    parse_injections(document, &BTreeSet::from([Action::Ingest]), None)
}

impl VisibleFields {
    /// Reads `{"allow": [names]}` or `{"deny": [names]}`.
    pub(crate) fn parse(value: &Value) -> Result<Self, Fault> {
        read_visible(value, 0)
    }
}

fn read_injections(
    members: &Object,
    schema: Option<&Schema>,
) -> Result<Vec<(FieldPath, Value)>, Fault> {
    if members.is_empty() || members.len() > GRANT_INJECTIONS_MAX {
        return Err(Fault::new(
            FaultCode::InvalidValue,
            format!(
                "injections name 1 to {GRANT_INJECTIONS_MAX} fields; leave the member out for none"
            ),
        ));
    }
    let mut values: BTreeMap<FieldPath, Value> = BTreeMap::new();
    for (name, value) in members.iter() {
        let path = parse_path(&Value::from(name)).map_err(|f| f.at(step(name)))?;
        let refuse =
            |code, detail: String| Err(Fault::new(code, detail).at(step(name)).on_field(name));
        if matches!(value, Value::Null | Value::Array(_) | Value::Object(_)) {
            return refuse(
                FaultCode::WrongType,
                "an injected value is a string, number or boolean".to_owned(),
            );
        }
        if values.keys().any(|other| other.overlaps(&path)) {
            return refuse(
                FaultCode::InvalidValue,
                "two injected fields contain each other".to_owned(),
            );
        }
        let value = match schema.map(|schema| schema.column(&path)) {
            Some(None) => {
                return refuse(
                    FaultCode::UnknownField,
                    "the pool declares no such field".to_owned(),
                );
            }
            Some(Some(ColumnType::Declared(field_type))) => {
                match field_type.coerce(value.clone()) {
                    Ok(_) => value.clone(),
                    Err(error) => return refuse(FaultCode::WrongType, error.to_string()),
                }
            }
            _ => value.clone(),
        };
        values.insert(path, value);
    }
    Ok(values.into_iter().collect())
}

/// One window, or a list of those that must all hold.
pub(super) fn parse_windows(
    document: &mut Document<'_>,
    actions: &BTreeSet<Action>,
) -> Result<Vec<TimeWindow>, Fault> {
    let Some(value) = document.optional("time") else {
        return Ok(Vec::new());
    };
    let refuse = |code, detail: String| Err(Fault::new(code, detail).at("/time"));
    if !actions.iter().any(|action| action.touches_rows()) {
        return refuse(
            FaultCode::InvalidValue,
            "none of these actions reads or changes rows, so time would do nothing".to_owned(),
        );
    }
    let Some(windows) = value.as_array() else {
        let window = TimeWindow::parse(value).map_err(|f| f.under("/time"))?;
        return Ok(vec![window]);
    };
    if windows.is_empty() || windows.len() > GRANT_WINDOWS_MAX {
        return refuse(
            FaultCode::LimitExceeded,
            format!(
                "time is a window or a list of 1 to {GRANT_WINDOWS_MAX}; leave the member out for all times"
            ),
        );
    }
    each(windows, TimeWindow::parse).map_err(|f| f.under("/time"))
}

pub(super) fn parse_visible(
    document: &mut Document<'_>,
    actions: &BTreeSet<Action>,
) -> Result<VisibleFields, Fault> {
    let Some(value) = document.optional("fields") else {
        return Ok(VisibleFields::All);
    };
    if !actions.iter().any(|action| action.touches_rows()) {
        return Err(Fault::new(
            FaultCode::InvalidValue,
            "none of these actions shows a field, so fields would do nothing",
        )
        .at("/fields"));
    }
    read_visible(value, 0).map_err(|f| f.under("/fields"))
}

fn read_visible(value: &Value, depth: usize) -> Result<VisibleFields, Fault> {
    let rule = || {
        Fault::new(
            FaultCode::InvalidValue,
            "fields is {\"allow\": [names]} or {\"deny\": [names]}, with at least one name",
        )
    };
    let mut document = Document::new(value)?;
    let allow = document.optional_list("allow")?;
    let deny = document.optional_list("deny")?;
    let both = document.optional_list("both")?;
    document.finish()?;
    let paths = |values: &[Value]| -> Result<BTreeSet<FieldPath>, Fault> {
        let paths = each(values, |value| {
            let sent = text(value)?;
            FieldPath::parse_readable(sent)
                .map_err(|rule| Fault::new(FaultCode::InvalidName, rule.to_string()).on_field(sent))
        })?;
        if paths.is_empty() {
            Err(rule())
        } else {
            Ok(paths.into_iter().collect())
        }
    };
    match (allow, deny, both) {
        (Some(allow), None, None) => Ok(VisibleFields::Allow(paths(allow)?)),
        (None, Some(deny), None) => Ok(VisibleFields::Deny(paths(deny)?)),
        (None, None, Some([a, b])) if depth < VISIBLE_FIELDS_DEPTH_MAX => {
            Ok(read_visible(a, depth + 1)?.and(&read_visible(b, depth + 1)?))
        }
        _ => Err(rule()),
    }
}

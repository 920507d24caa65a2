//! A form that says what a grant is now.

use std::collections::BTreeSet;

use control::Definitions;
use model::filters::Constraint;
use model::grants::{Grant, VisibleFields};
use model::names::FieldPath;
use model::records::OnConflict;
use model::value::{Object, Value};

use super::form::{Chosen, pools_of};
use crate::console::forms::Fields;
use crate::console::rows;

/// Whether the fields of a grant are more than a form says, and so stay.
pub(super) fn keeps_fields(grant: &Grant) -> bool {
    let is_kept = |path: &FieldPath| {
        let name = path.as_str();
        name.contains(',') || !rows::fits_a_line(name)
    };
    match &grant.fields {
        VisibleFields::All => false,
        VisibleFields::Allow(paths) | VisibleFields::Deny(paths) => paths.iter().any(is_kept),
        VisibleFields::Both(..) => true,
    }
}

/// The same of its windows of time.
pub(super) fn keeps_time(grant: &Grant) -> bool {
    match &windows_of(grant)[..] {
        [] => false,
        [one] => {
            let has = |name: &str| one.get(name).is_some_and(|value| !value.is_null());
            let field = one.get("field").and_then(Value::as_str);
            let fits = field.is_some_and(rows::fits_a_line);
            has("from") || has("to") || !has("last") || !fits
        }
        _ => true,
    }
}

fn windows_of(grant: &Grant) -> Vec<Object> {
    let definition = grant.to_value();
    let time = definition.as_object().and_then(|grant| grant.get("time"));
    match time {
        Some(Value::Array(windows)) => windows
            .iter()
            .filter_map(|of| of.as_object().cloned())
            .collect(),
        Some(window) => window.as_object().cloned().into_iter().collect(),
        None => Vec::new(),
    }
}

/// A form that says what a grant is now.
pub(in super::super) fn filled(grant: &Grant, definitions: &Definitions) -> (Fields, Chosen) {
    let on = vec![grant.on.to_text().0];
    let pools = pools_of(definitions, &on);
    let actions = grant.actions.iter().map(|action| action.name().to_owned());
    let chosen = Chosen {
        actions: actions.collect(),
        on: on.clone(),
    };
    let mut form = Fields::blank();
    form = match &grant.rows {
        None => form,
        Some(Constraint::AllRows) => form.with("rows", "all"),
        Some(Constraint::Rows(filter)) => {
            match rows::with_conditions(Fields::blank(), filter, &pools) {
                Some(filled) => filled.with("rows", "some"),
                None => {
                    let rows = grant.rows.as_ref().map(|rows| rows.to_value());
                    let text = model::json::to_text(&rows.unwrap_or(Value::Null));
                    form.with("rows", "json").with("filters", text)
                }
            }
        }
    };
    let values = &grant.injections.values;
    if let Some(filled) = rows::with_stamps(std::mem::take(&mut form), values, &pools) {
        form = filled;
    }
    if grant.injections.on_conflict == OnConflict::Reject {
        form = form.with("conflict", "reject");
    }
    let names = |paths: &BTreeSet<FieldPath>| {
        let paths: Vec<&str> = paths.iter().map(|path| path.as_str()).collect();
        paths.join(", ")
    };
    // What a form cannot say stays, and is not in it.
    let fields = match keeps_fields(grant) {
        true => &VisibleFields::All,
        false => &grant.fields,
    };
    form = match fields {
        VisibleFields::Allow(paths) => form.with("only_fields", names(paths)),
        VisibleFields::Deny(paths) => form.with("hidden_fields", names(paths)),
        VisibleFields::All | VisibleFields::Both(..) => form,
    };
    if !keeps_time(grant)
        && let [window] = &windows_of(grant)[..]
    {
        let text = |name: &str| window.get(name).and_then(Value::as_str).unwrap_or_default();
        form = form
            .with("time_field", text("field"))
            .with("time_last", text("last"));
    }
    (form, chosen)
}

#[cfg(test)]
mod tests;

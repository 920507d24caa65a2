//! The rows that a role is held to, as forms show and say them.

#[cfg(test)]
mod tests;

use control::Definitions;
use model::filters::{Filter, parse_list};
use model::pools::Pool;
use model::value::Value;

use super::super::forms::{Fields, Form};
use super::super::rows::{self, CONDITIONS, Shown, Wrong};

/// Sent by a form that shows the rows: one that does not leaves them as they are.
pub(super) const SHOWN: &str = "held";

/// Fields that are offered to choose from.
const KNOWN_MAX: usize = 200;

/// What a form says of the rows of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// They stay as they are.
    Same,
    /// No condition.
    All,
    /// Those that fit this.
    Only(Filter),
}

/// The conditions as a page shows them.
pub(super) struct Held {
    pub(super) conditions: Vec<Shown>,
    /// Fields that pools declare.
    pub(super) known: Vec<String>,
}

impl Held {
    pub(super) fn of(definitions: &Definitions, form: &Fields) -> Self {
        let mut known = rows::known(&pools(definitions));
        known.truncate(KNOWN_MAX);
        Self {
            conditions: rows::shown(form, &CONDITIONS, 1),
            known,
        }
    }
}

/// The pools whose fields conditions are about.
fn pools(definitions: &Definitions) -> Vec<&Pool> {
    let own = definitions.pools().filter(|pool| !pool.is_usage());
    own.map(|pool| &**pool).collect()
}

/// The names of the form's fields.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let rows = CONDITIONS.iter();
    let rows = rows.flat_map(|row| [row.field, row.operator, row.value, row.kind]);
    rows.chain([SHOWN])
}

/// A form that shows the rows that a role is held to; `None` where rows of a
/// form cannot say them.
pub(super) fn filled(
    form: Fields,
    definitions: &Definitions,
    constraints: Option<&Filter>,
) -> Option<Fields> {
    let form = form.with(SHOWN, "shown");
    match constraints {
        None => Some(form),
        Some(filter) => rows::with_conditions(form, filter, &pools(definitions)),
    }
}

/// The rows that a form says.
///
/// # Errors
/// The row that says nothing, or what is no condition, and the rule.
pub(super) fn said(form: &Form, definitions: &Definitions) -> Result<Rows, Wrong> {
    if form.text(SHOWN).is_empty() {
        return Ok(Rows::Same);
    }
    let conditions = conditions(form, definitions)?;
    Ok(conditions.map_or(Rows::All, Rows::Only))
}

/// The conditions of a form; `None` for no condition.
///
/// # Errors
/// As [`said`].
pub(super) fn conditions(form: &Form, definitions: &Definitions) -> Result<Option<Filter>, Wrong> {
    let conditions = rows::conditions(form, &pools(definitions))?;
    if conditions.is_empty() {
        return Ok(None);
    }
    let (of, list): (Vec<_>, Vec<_>) = conditions.into_iter().unzip();
    let filter = parse_list(&Value::Array(list)).map_err(|fault| {
        let place = fault.pointer.split('/').nth(1);
        let place = place.and_then(|place| place.parse::<usize>().ok());
        let row = place.and_then(|place| of.get(place)).copied();
        Wrong(row.unwrap_or(SHOWN), fault.detail)
    })?;
    Ok(Some(filter))
}

/// Rows that fit this, and are those of whoever gives them.
pub(super) fn both(rows: Option<Filter>, own: Option<&Filter>) -> Option<Filter> {
    match (rows, own) {
        (Some(rows), Some(own)) if rows.says_all_of(own) => Some(rows),
        (Some(rows), Some(own)) => Filter::all(vec![rows, own.clone()]),
        (rows, own) => rows.or_else(|| own.cloned()),
    }
}

#[cfg(test)]
impl Held {
    pub(super) fn sample(text: &str) -> Self {
        Self {
            conditions: rows::shown(&Fields::blank(), &CONDITIONS, 1),
            known: vec![text.to_owned()],
        }
    }
}

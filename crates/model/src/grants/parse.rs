//! From the wire's tree of values to grants.

use std::collections::BTreeSet;

use super::modifiers::{parse_injections, parse_visible, parse_windows};
use super::target::{actions_on, parse_id, parse_on};
use super::{Action, Grant, Target, TimeWindow};
use crate::document::{Document, each, expected, text};
use crate::fault::{Fault, FaultCode, shorten};
use crate::fields::ColumnType;
use crate::filters::{Constraint, Filter, Predicate, parse_list};
use crate::ids::{DatasetId, GrantId, PoolId, SavedQueryId, ViewId};
use crate::limits::KEY_GRANTS_MAX;
use crate::names::{FieldPath, Name};
use crate::pools::Schema;
use crate::value::{Object, Value};

/// What the reader of grants must know of the project.
pub trait GrantLookup {
    /// The pool of this name, with its schema.
    fn pool(&self, name: &Name) -> Option<(PoolId, Schema)>;
    /// The view of this name, with its pool's schema.
    fn view(&self, name: &Name) -> Option<(ViewId, Schema)>;
    /// The saved query of this name, with the schema of its pool when it reads
    /// one that is there.
    fn saved_query(&self, name: &Name) -> Option<(SavedQueryId, Option<Schema>)>;
    /// The dataset of this name, with its pool's schema when that is there.
    fn dataset(&self, name: &Name) -> Option<(DatasetId, Option<Schema>)>;
    /// Whether keys in pages may read all of this pool; of an unknown one they may not.
    fn is_public_pool(&self, _id: PoolId) -> bool {
        false
    }
    /// Whether keys in pages may read all of this view; of an unknown one they may not.
    fn is_public_view(&self, _id: ViewId) -> bool {
        false
    }
    /// A grant that the key has already. A grant sent with its id keeps what
    /// it is on, even when the resource is gone.
    fn existing(&self, id: GrantId) -> Option<Grant>;
    /// A fresh id.
    fn fresh_id(&self) -> GrantId;
}

/// Reads the grants of one key. Named resources must exist; their ids are kept.
pub fn parse_grants(value: &Value, lookup: &dyn GrantLookup) -> Result<Vec<Grant>, Fault> {
    let values = value
        .as_array()
        .ok_or_else(|| expected("a list of grants", value))?;
    if values.len() > KEY_GRANTS_MAX {
        return Err(Fault::new(
            FaultCode::LimitExceeded,
            format!("a key has at most {KEY_GRANTS_MAX} grants"),
        ));
    }
    let grants = each(values, |value| parse_grant(value, lookup))?;
    let mut ids = BTreeSet::new();
    for (index, grant) in grants.iter().enumerate() {
        let at = format!("/{index}");
        if !ids.insert(grant.id) {
            return Err(
                Fault::new(FaultCode::InvalidValue, "two grants have this id").at(at + "/id"),
            );
        }
        let clash = |other: &Grant| {
            grant.allows(Action::Ingest)
                && other.allows(Action::Ingest)
                && grant.on.overlaps(&other.on)
        };
        if grants[..index].iter().any(clash) {
            return Err(Fault::new(
                FaultCode::InvalidValue,
                "two grants of one key let it write to the same pool; which injections hold would be unclear",
            )
            .at(at));
        }
    }
    Ok(grants)
}

fn parse_grant(value: &Value, lookup: &dyn GrantLookup) -> Result<Grant, Fault> {
    let mut document = Document::new(value)?;
    let existing = parse_id(&mut document, lookup)?;
    let (on, schema) = parse_on(&mut document, existing.as_ref(), lookup)?;
    let actions = parse_actions(&mut document, &on)?;
    let index = parse_index(&mut document, &on)?;
    let rows = parse_rows(&mut document, &actions, schema.as_ref(), index)?;
    let injections = parse_injections(&mut document, &actions, schema.as_ref())?;
    let fields = parse_visible(&mut document, &actions)?;
    let windows = parse_windows(&mut document, &actions)?;
    check_windows(&windows, existing.as_ref(), schema.as_ref())?;
    document.finish()?;
    let id = existing.map_or_else(|| lookup.fresh_id(), |grant| grant.id);
    Ok(Grant {
        id,
        on,
        actions,
        rows,
        windows,
        fields,
        injections,
    })
}

/// Refuses a window over what is no time in the pool, unless the grant has it
/// already: a key made by one that reaches further has its maker's.
fn check_windows(
    windows: &[TimeWindow],
    existing: Option<&Grant>,
    schema: Option<&Schema>,
) -> Result<(), Fault> {
    let held = existing.map(|grant| &*grant.windows).unwrap_or_default();
    let Some(schema) = schema else {
        return Ok(());
    };
    let mut fresh = windows.iter().filter(|window| !held.contains(window));
    fresh
        .try_for_each(|window| window.check_against(schema))
        .map_err(|fault| fault.at("/time/field"))
}

fn parse_actions(document: &mut Document<'_>, on: &Target) -> Result<BTreeSet<Action>, Fault> {
    let legal = actions_on(on);
    let refuse = |detail: String| Fault::new(FaultCode::InvalidValue, detail);
    let is_later = |name: &str| {
        matches!(on, Target::Pool(_))
            && Action::POOL_NOT_YET
                .iter()
                .any(|later| later.name() == name)
    };
    let actions = each(document.list("actions")?, |value| {
        let name = text(value)?;
        if is_later(name) {
            return Err(Fault::new(
                FaultCode::NotAvailable,
                format!("no call of this version asks for the action {name}, so that no key may hold it yet; leave it out"),
            ));
        }
        legal
            .iter()
            .copied()
            .find(|action| action.name() == name)
            .ok_or_else(|| {
                let known: Vec<_> = legal.iter().map(|action| action.name()).collect();
                refuse(format!(
                    "{} is not an action here; there are {}",
                    shorten(name),
                    known.join(", ")
                ))
            })
    })
    .map_err(|f| f.under("/actions"))?;
    if actions.is_empty() {
        return Err(refuse("a grant has at least one action".to_owned()).at("/actions"));
    }
    Ok(actions.into_iter().collect())
}

fn parse_rows(
    document: &mut Document<'_>,
    actions: &BTreeSet<Action>,
    schema: Option<&Schema>,
    index: Option<Filter>,
) -> Result<Option<Constraint>, Fault> {
    let needed = actions.iter().any(|action| action.touches_rows());
    let value = document.optional("constraints");
    let rows = match value {
        None if needed && index.is_some() => Constraint::AllRows,
        None if needed => {
            return Err(Fault::new(
                FaultCode::MissingMember,
                "an action that touches rows needs constraints: a list of filters, or the word \"all_rows\"",
            )
            .at("/constraints"));
        }
        None => return Ok(None),
        Some(_) if !needed => {
            return Err(Fault::new(
                FaultCode::InvalidValue,
                "none of these actions reads or changes rows, so constraints would do nothing",
            )
            .at("/constraints"));
        }
        Some(Value::String(word)) if word == "all_rows" => Constraint::AllRows,
        Some(value @ Value::Array(_)) => {
            Constraint::Rows(parse_list(value).map_err(|f| f.under("/constraints"))?)
        }
        Some(other) => {
            return Err(expected("a list of filters or \"all_rows\"", other).at("/constraints"));
        }
    };
    let rows = match index {
        None => rows,
        Some(_) if !needed => return Ok(None),
        Some(index) => rows.and(&Constraint::Rows(index)),
    };
    if let (Constraint::Rows(filter), Some(schema)) = (&rows, schema) {
        check_resolves(filter, &|path| schema.column(path)).map_err(|f| f.at("/constraints"))?;
    }
    Ok(Some(rows))
}

/// The values that a dataset may be read by: rows with one of them in each field.
fn parse_index(document: &mut Document<'_>, on: &Target) -> Result<Option<Filter>, Fault> {
    let Some(value) = document.optional("index_by") else {
        return Ok(None);
    };
    let at = |fault: Fault| fault.under("/index_by");
    if !matches!(on, Target::Dataset(_)) {
        let detail = "only datasets are read by an index; say it in constraints";
        return Err(Fault::new(FaultCode::InvalidValue, detail).at("/index_by"));
    }
    let object = value.as_object();
    let object = object.ok_or_else(|| at(expected("an object", value)))?;
    let filters = object.iter().map(|(field, values)| {
        let filter = Object::new()
            .with("field", field)
            .with("operator", "in")
            .with("value", values.clone());
        Value::Object(filter)
    });
    parse_list(&Value::Array(filters.collect()))
        .map(Some)
        .map_err(at)
}

/// Refuses a filter that means nothing for the fields that `column_of` knows.
pub(crate) fn check_resolves(
    filter: &Filter,
    column_of: &impl Fn(&FieldPath) -> Option<ColumnType>,
) -> Result<Predicate, Fault> {
    Predicate::resolve(filter, column_of).map_err(|unresolved| {
        let code = match column_of(unresolved.field()) {
            None => FaultCode::UnknownField,
            Some(_) => FaultCode::WrongType,
        };
        Fault::new(code, unresolved.to_string()).on_field(unresolved.field())
    })
}

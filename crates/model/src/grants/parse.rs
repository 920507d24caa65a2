//! From the wire's tree of values to grants.

use std::collections::BTreeSet;

use super::modifiers::{parse_injections, parse_visible};
use super::{Action, Grant, Selector, Target};
use crate::document::{Document, each, expected, text};
use crate::fault::{Fault, FaultCode, shorten};
use crate::fields::ColumnType;
use crate::filters::{Constraint, Filter, Predicate, parse_list};
use crate::ids::{GrantId, PoolId, ViewId};
use crate::limits::KEY_GRANTS_MAX;
use crate::names::{FieldPath, Name};
use crate::pools::{Schema, not_available};
use crate::value::Value;

/// What the reader of grants must know of the project.
pub trait GrantLookup {
    /// The pool of this name, with its schema.
    fn pool(&self, name: &Name) -> Option<(PoolId, Schema)>;
    /// The view of this name, with its pool's schema.
    fn view(&self, name: &Name) -> Option<(ViewId, Schema)>;
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
    let on_text = document.text("on")?;
    let only = parse_names(&mut document, "only")?;
    let except = parse_names(&mut document, "except")?;
    let (on, schema) = match &existing {
        Some(grant)
            if names_one(&grant.on, on_text)
                && only.is_none()
                && except.as_ref().is_none_or(BTreeSet::is_empty) =>
        {
            (grant.on.clone(), schema_of(&grant.on, lookup))
        }
        _ => parse_target(on_text, (only, except.unwrap_or_default()), lookup)?,
    };
    let actions = parse_actions(&mut document, &on)?;
    let rows = parse_rows(&mut document, &actions, schema.as_ref())?;
    let injections = parse_injections(&mut document, &actions, schema.as_ref())?;
    let fields = parse_visible(&mut document, &actions)?;
    if document.optional("time").is_some() {
        return Err(not_available("time"));
    }
    if document.optional("index_by").is_some() {
        return Err(not_available("index_by"));
    }
    document.finish()?;
    let id = existing.map_or_else(|| lookup.fresh_id(), |grant| grant.id);
    Ok(Grant {
        id,
        on,
        actions,
        rows,
        fields,
        injections,
    })
}

fn parse_id(document: &mut Document<'_>, lookup: &dyn GrantLookup) -> Result<Option<Grant>, Fault> {
    let Some(sent) = document.optional_text("id")? else {
        return Ok(None);
    };
    GrantId::parse(sent)
        .ok()
        .and_then(|id| lookup.existing(id))
        .map(Some)
        .ok_or_else(|| {
            Fault::new(
                FaultCode::InvalidValue,
                "the key has no grant of this id; leave it out for a new one",
            )
            .at("/id")
        })
}

/// Whether the target is the one resource that `on_text` names.
fn names_one(on: &Target, on_text: &str) -> bool {
    let one = matches!(
        on,
        Target::Pool(Selector::One { .. }) | Target::View(Selector::One { .. })
    );
    one && on.to_text().0 == on_text
}

/// The fields behind the one resource that is meant, while it exists.
fn schema_of(on: &Target, lookup: &dyn GrantLookup) -> Option<Schema> {
    match on {
        Target::Pool(Selector::One { id, name }) => lookup
            .pool(name)
            .filter(|(found, _)| found == id)
            .map(|(_, schema)| schema),
        Target::View(Selector::One { id, name }) => lookup
            .view(name)
            .filter(|(found, _)| found == id)
            .map(|(_, schema)| schema),
        _ => None,
    }
}

fn parse_names(
    document: &mut Document<'_>,
    member: &'static str,
) -> Result<Option<BTreeSet<Name>>, Fault> {
    let Some(values) = document.optional_list(member)? else {
        return Ok(None);
    };
    let names = each(values, |value| {
        Name::parse(text(value)?)
            .map_err(|rule| Fault::new(FaultCode::InvalidName, rule.to_string()))
    });
    let names = names.map_err(|f| f.under(&format!("/{member}")))?;
    Ok(Some(names.into_iter().collect()))
}

fn parse_target(
    on: &str,
    (only, except): (Option<BTreeSet<Name>>, BTreeSet<Name>),
    lookup: &dyn GrantLookup,
) -> Result<(Target, Option<Schema>), Fault> {
    let refuse = |code, detail: String| Err(Fault::new(code, detail).at("/on"));
    let (kind, name) = on.split_once(':').unwrap_or((on, ""));
    for (member, is_said) in [("only", only.is_some()), ("except", !except.is_empty())] {
        if name != "*" && is_said {
            let detail = format!("{member} only makes sense with *");
            return Err(Fault::new(FaultCode::InvalidValue, detail).at(format!("/{member}")));
        }
    }
    if ["saved", "cached", "dataset", "tier"].contains(&kind) {
        return refuse(
            FaultCode::NotAvailable,
            format!(
                "this version has nothing that a grant on {kind}:… could open; it is not accepted before it is enforced"
            ),
        );
    }
    let named = || {
        Name::parse(name)
            .map_err(|rule| Fault::new(FaultCode::InvalidName, rule.to_string()).at("/on"))
    };
    let unknown = |kind: &str| {
        refuse(
            FaultCode::UnknownResource,
            format!(
                "there is no {kind} {}; make it first, or grant {kind}:*",
                shorten(name)
            ),
        )
    };
    match (kind, name) {
        ("project", "") if on == "project" => Ok((Target::Project, None)),
        ("pool", "*") => Ok((Target::Pool(Selector::All { only, except }), None)),
        ("view", "*") => Ok((Target::View(Selector::All { only, except }), None)),
        ("pool", _) => match lookup.pool(&named()?) {
            Some((id, schema)) => Ok((
                Target::Pool(Selector::One { id, name: named()? }),
                Some(schema),
            )),
            None => unknown("pool"),
        },
        ("view", _) => match lookup.view(&named()?) {
            Some((id, schema)) => Ok((
                Target::View(Selector::One { id, name: named()? }),
                Some(schema),
            )),
            None => unknown("view"),
        },
        _ => refuse(
            FaultCode::InvalidValue,
            "a grant is on project, pool:<name>, pool:*, view:<name> or view:*".to_owned(),
        ),
    }
}

fn parse_actions(document: &mut Document<'_>, on: &Target) -> Result<BTreeSet<Action>, Fault> {
    let legal: &[Action] = match on {
        Target::Project => &Action::PROJECT,
        Target::Pool(_) => &Action::POOL,
        Target::View(_) => &Action::VIEW,
    };
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
) -> Result<Option<Constraint>, Fault> {
    let needed = actions.iter().any(|action| action.touches_rows());
    let value = document.optional("constraints");
    let rows = match value {
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
    if let (Constraint::Rows(filter), Some(schema)) = (&rows, schema) {
        check_resolves(filter, &|path| schema.column(path)).map_err(|f| f.at("/constraints"))?;
    }
    Ok(Some(rows))
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

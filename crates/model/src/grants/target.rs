//! From the wire's words to what a grant is on.

use std::collections::BTreeSet;

use super::{Action, Grant, GrantLookup, Selector, Target};
use crate::credits::Tier;
use crate::document::{Document, each, text};
use crate::fault::{Fault, FaultCode, shorten};
use crate::ids::GrantId;
use crate::names::Name;
use crate::pools::Schema;
use crate::usage::USAGE_ACTIONS;

/// What a grant is on, with the fields behind it when it is one resource whose
/// fields are known.
pub(super) type Meant = (Target, Option<Schema>);

/// The grant of this id that the key has already.
pub(super) fn parse_id(
    document: &mut Document<'_>,
    lookup: &dyn GrantLookup,
) -> Result<Option<Grant>, Fault> {
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

/// What the grant is on. One that the key has already keeps what it is on,
/// even when the resource is gone.
pub(super) fn parse_on(
    document: &mut Document<'_>,
    existing: Option<&Grant>,
    lookup: &dyn GrantLookup,
) -> Result<Meant, Fault> {
    let on = document.text("on")?;
    let only = parse_names(document, "only")?;
    let except = parse_names(document, "except")?.unwrap_or_default();
    let is_plain = only.is_none() && except.is_empty();
    match existing {
        Some(grant) if is_plain && names_one(&grant.on, on) => {
            Ok((grant.on.clone(), schema_of(&grant.on, lookup)))
        }
        _ => parse_target(on, (only, except), lookup),
    }
}

/// Whether the target is the one resource that `on` names.
fn names_one(target: &Target, on: &str) -> bool {
    let (text, only, _) = target.to_text();
    *target != Target::Project && only.is_none() && text == on && !text.ends_with(":*")
}

/// The fields behind the one resource that is meant, while it exists.
fn schema_of(on: &Target, lookup: &dyn GrantLookup) -> Option<Schema> {
    fn of<Id: PartialEq>(
        selector: &Selector<Id>,
        find: impl Fn(&Name) -> Option<(Id, Option<Schema>)>,
    ) -> Option<Schema> {
        let Selector::One { id, name } = selector else {
            return None;
        };
        let (found, schema) = find(name)?;
        schema.filter(|_| found == *id)
    }
    match on {
        Target::Project | Target::Tier(_) => None,
        Target::Pool(pools) => of(pools, |name| known(lookup.pool(name))),
        Target::View(views) => of(views, |name| known(lookup.view(name))),
        Target::Saved(queries) | Target::Cached(queries) => {
            of(queries, |name| lookup.saved_query(name))
        }
        Target::Dataset(datasets) => of(datasets, |name| lookup.dataset(name)),
    }
}

fn known<Id>(found: Option<(Id, Schema)>) -> Option<(Id, Option<Schema>)> {
    found.map(|(id, schema)| (id, Some(schema)))
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

fn refuse<T>(code: FaultCode, detail: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::new(code, detail).at("/on"))
}

fn parse_target(
    on: &str,
    (only, except): (Option<BTreeSet<Name>>, BTreeSet<Name>),
    lookup: &dyn GrantLookup,
) -> Result<Meant, Fault> {
    let (kind, name) = on.split_once(':').unwrap_or((on, ""));
    for (member, is_said) in [("only", only.is_some()), ("except", !except.is_empty())] {
        if name != "*" && is_said {
            let detail = format!("{member} only makes sense with *");
            return Err(Fault::new(FaultCode::InvalidValue, detail).at(format!("/{member}")));
        }
    }
    let names = (only, except);
    match kind {
        "project" if on == "project" => Ok((Target::Project, None)),
        "tier" => match Tier::parse(name) {
            Some(tier) => Ok((Target::Tier(tier), None)),
            None => refuse(
                FaultCode::InvalidValue,
                "a tier is core or premium: tier:core, tier:premium",
            ),
        },
        "pool" => select(on, names, Target::Pool, |name| known(lookup.pool(name))),
        "view" => select(on, names, Target::View, |name| known(lookup.view(name))),
        "saved" => select(on, names, Target::Saved, |name| lookup.saved_query(name)),
        "cached" => select(on, names, Target::Cached, |name| lookup.saved_query(name)),
        "dataset" => select(on, names, Target::Dataset, |name| lookup.dataset(name)),
        _ => refuse(
            FaultCode::InvalidValue,
            "a grant is on project, or on pool:<name>, view:<name>, saved:<name>, cached:<name> or dataset:<name>, with * for all, or on tier:core or tier:premium",
        ),
    }
}

fn select<Id>(
    on: &str,
    (only, except): (Option<BTreeSet<Name>>, BTreeSet<Name>),
    target: impl Fn(Selector<Id>) -> Target,
    find: impl Fn(&Name) -> Option<(Id, Option<Schema>)>,
) -> Result<Meant, Fault> {
    let (kind, name) = on.split_once(':').unwrap_or((on, ""));
    if name == "*" {
        return Ok((target(Selector::All { only, except }), None));
    }
    let parsed = match kind {
        "pool" => Name::parse_pool(name),
        _ => Name::parse(name),
    };
    let name = match parsed {
        Ok(name) => name,
        Err(rule) => return refuse(FaultCode::InvalidName, rule.to_string()),
    };
    match find(&name) {
        Some((id, schema)) => Ok((target(Selector::One { id, name }), schema)),
        None => refuse(
            FaultCode::UnknownResource,
            format!(
                "there is no {kind} {}; make it first, or grant {kind}:*",
                shorten(name.as_str())
            ),
        ),
    }
}

/// The actions that a grant on the target may have.
pub(super) fn actions_on(on: &Target) -> &'static [Action] {
    match on {
        Target::Project => &Action::PROJECT,
        Target::Pool(Selector::One { name, .. }) if name.is_reserved() => &USAGE_ACTIONS,
        Target::Pool(_) => &Action::POOL,
        Target::View(_) => &Action::VIEW,
        Target::Saved(_) => &Action::SAVED,
        Target::Cached(_) => &Action::CACHED,
        Target::Dataset(_) => &Action::DATASET,
        Target::Tier(_) => &Action::TIER,
    }
}

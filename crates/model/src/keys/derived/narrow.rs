//! What a derived token leaves of its key's grants.
//!
//! Each grant that comes out is one of the key's own, with its id, from which
//! something was taken away: there is no way here to make a grant otherwise.

use std::collections::BTreeSet;

use super::DerivedFault;
use super::claims::{Claims, claim, fields};
use crate::document::{Document, each, text};
use crate::fault::{Fault, FaultCode};
use crate::filters::{Constraint, Filter, parse_list};
use crate::grants::{Action, Grant, Selector, Target, VisibleFields, injections_of};
use crate::ids::GrantId;
use crate::limits::KEY_GRANTS_MAX;
use crate::names::Name;
use crate::permit::stamped_by;
use crate::records::{Injections, OnConflict};
use crate::value::Value;

/// What a derived token may have at most, whatever its key has: an action that
/// comes later is not among it, and neither is administering or making keys.
const ACTIONS: [Action; 9] = [
    Action::Ingest,
    Action::Query,
    Action::Extract,
    Action::Schema,
    Action::Delete,
    Action::Read,
    Action::Run,
    Action::List,
    Action::Retrieve,
];
/// Names one grant after another that a token is to have of its key.
const ALL_GRANTS: &str = "all_grants";

/// What is laid on the grants of a key.
#[derive(Debug)]
pub(super) struct Laid {
    /// `None` for all of them, as they are.
    grants: Option<Vec<Kept>>,
    /// On every grant that touches rows.
    rows: Option<Filter>,
    fields: VisibleFields,
}

/// One grant that is kept, and what is taken away from it.
#[derive(Debug)]
struct Kept {
    id: GrantId,
    actions: Option<BTreeSet<Action>>,
    only: Option<BTreeSet<Name>>,
    rows: Option<Filter>,
    fields: VisibleFields,
    injections: Injections,
}

impl Laid {
    /// Takes the claims `grants`, `constraints` and `fields`.
    pub(super) fn read(document: &mut Document<'_>) -> Result<Self, DerivedFault> {
        let grants = match document.required("grants").map_err(claim("grants"))? {
            Value::String(word) if word == ALL_GRANTS => None,
            value => Some(kept(value).map_err(claim("grants"))?),
        };
        let rows = document.optional("constraints").map(parse_list);
        Ok(Self {
            grants,
            rows: rows.transpose().map_err(claim("constraints"))?,
            fields: fields(document)?,
        })
    }
}

impl Claims {
    /// The grants of the key that are left, each narrowed. One that the key has
    /// no more is left out, as is one of which nothing is left.
    pub(super) fn narrow(&self, grants: &[Grant]) -> Result<Vec<Grant>, DerivedFault> {
        let laid = &self.laid;
        let mut left = Vec::new();
        for grant in grants {
            let kept = match &laid.grants {
                None => None,
                Some(kept) => match kept.iter().find(|kept| kept.id == grant.id) {
                    None => continue,
                    kept => kept,
                },
            };
            left.extend(narrow_one(grant, kept, laid)?);
        }
        Ok(left)
    }
}

fn narrow_one(
    grant: &Grant,
    kept: Option<&Kept>,
    laid: &Laid,
) -> Result<Option<Grant>, DerivedFault> {
    let asked = kept.and_then(|kept| kept.actions.as_ref());
    let is_left = |action: &&Action| {
        ACTIONS.contains(action) && asked.is_none_or(|asked| asked.contains(action))
    };
    let actions: BTreeSet<Action> = grant.actions.iter().filter(is_left).copied().collect();
    let only = kept.and_then(|kept| kept.only.as_ref());
    let on = only.map_or_else(|| Some(grant.on.clone()), |only| grant.on.among(only));
    let (Some(on), false) = (on, actions.is_empty()) else {
        return Ok(None);
    };
    let mut left = Grant {
        actions,
        on,
        ..grant.clone()
    };
    if left.actions.iter().any(|action| action.touches_rows()) {
        let more = [laid.rows.as_ref(), kept.and_then(|kept| kept.rows.as_ref())];
        for filter in more.into_iter().flatten() {
            let filter = Constraint::Rows(filter.clone());
            left.rows = left.rows.map(|rows| rows.and(&filter));
        }
        left.fields = left.fields.and(&laid.fields);
        if let Some(kept) = kept {
            left.fields = left.fields.and(&kept.fields);
        }
    }
    match kept.map(|kept| &kept.injections) {
        Some(asked) if left.allows(Action::Ingest) => {
            let on_conflict = match asked.on_conflict {
                OnConflict::Reject => OnConflict::Reject,
                OnConflict::Override => left.injections.on_conflict,
            };
            let asked = Injections {
                on_conflict,
                ..asked.clone()
            };
            let stamped = stamped_by(&left.injections, asked);
            left.injections = stamped.map_err(|_| DerivedFault::Injections)?;
        }
        _ => {}
    }
    Ok(Some(left))
}

impl Target {
    /// What of this has one of the names; `None` when nothing has.
    fn among(&self, names: &BTreeSet<Name>) -> Option<Self> {
        Some(match self {
            // A tier has no name that could be among them.
            Self::Project | Self::Tier(_) => return None,
            Self::Pool(pools) => Self::Pool(pools.among(names)?),
            Self::View(views) => Self::View(views.among(names)?),
            Self::Saved(queries) => Self::Saved(queries.among(names)?),
            Self::Cached(queries) => Self::Cached(queries.among(names)?),
            Self::Dataset(datasets) => Self::Dataset(datasets.among(names)?),
        })
    }
}

impl<Id: Copy> Selector<Id> {
    fn among(&self, names: &BTreeSet<Name>) -> Option<Self> {
        match self {
            Self::One { name, .. } => names.contains(name).then(|| self.clone()),
            Self::All { only, except } => {
                let is_meant = |name: &&Name| {
                    only.as_ref().is_none_or(|only| only.contains(*name)) && !except.contains(*name)
                };
                let only: BTreeSet<Name> = names.iter().filter(is_meant).cloned().collect();
                (!only.is_empty()).then(|| Self::All {
                    only: Some(only),
                    except: except.clone(),
                })
            }
        }
    }
}

fn kept(value: &Value) -> Result<Vec<Kept>, Fault> {
    let refuse = |detail: &str| Err(Fault::new(FaultCode::InvalidValue, detail));
    let Some(values) = value.as_array() else {
        return refuse("grants is a list, or the word all_grants");
    };
    if values.is_empty() || values.len() > KEY_GRANTS_MAX {
        return refuse("grants names one at least, and no more than a key has");
    }
    let kept = each(values, read_kept)?;
    let ids: BTreeSet<GrantId> = kept.iter().map(|kept| kept.id).collect();
    match ids.len() == kept.len() {
        true => Ok(kept),
        false => refuse("a grant is named twice"),
    }
}

fn read_kept(value: &Value) -> Result<Kept, Fault> {
    let mut document = Document::new(value)?;
    let invalid = |detail: &str| Fault::new(FaultCode::InvalidValue, detail);
    let id = document.text("id")?;
    let id = GrantId::parse(id).map_err(|_| invalid("id is that of a grant"))?;
    let actions = document.optional_list("actions")?;
    let actions = actions.map(|values| {
        each(values, |value| {
            let name = text(value)?;
            let mut known = ACTIONS.into_iter();
            known
                .find(|action| action.name() == name)
                .ok_or_else(|| invalid("no derived token has this action"))
        })
    });
    let actions: Option<Vec<Action>> = actions.transpose()?;
    let only = document.optional_list("only")?;
    let only = only.map(|values| {
        let name = |value: &Value| Name::parse(text(value)?).map_err(|_| invalid("no name"));
        each(values, name)
    });
    let only: Option<Vec<Name>> = only.transpose()?;
    let rows = document.optional("constraints").map(parse_list);
    let fields = document.optional("fields").map(VisibleFields::parse);
    let injections = injections_of(&mut document)?;
    document.finish()?;
    let is_empty =
        actions.as_ref().is_some_and(Vec::is_empty) || only.as_ref().is_some_and(Vec::is_empty);
    if is_empty {
        return Err(invalid("an empty list leaves nothing; leave the grant out"));
    }
    Ok(Kept {
        id,
        actions: actions.map(|actions| actions.into_iter().collect()),
        only: only.map(|only| only.into_iter().collect()),
        rows: rows.transpose()?,
        fields: fields.transpose()?.unwrap_or(VisibleFields::All),
        injections,
    })
}

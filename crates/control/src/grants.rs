//! Grants as the control plane handles them: what their reader looks up, how
//! they follow a new name, and when a copy of them stays the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::filters::Constraint;
use model::grants::{Grant, GrantLookup, Selector, Target, VisibleFields};
use model::ids::{DatasetId, GrantId, PoolId, SavedQueryId, ViewId};
use model::names::Name;
use model::pools::{Pool, Schema};
use model::random::RandomSource;
use model::time::Timestamp;

use crate::definitions::Definitions;

/// A project, as the reader of grants sees it.
#[derive(Debug)]
pub(crate) struct ProjectGrants {
    pub(crate) definitions: Arc<Definitions>,
    pub(crate) existing: Vec<Grant>,
    pub(crate) now: Timestamp,
    pub(crate) random: Arc<dyn RandomSource>,
}

impl GrantLookup for ProjectGrants {
    fn pool(&self, name: &Name) -> Option<(PoolId, Schema)> {
        let pool = self.definitions.pool(name.as_str())?;
        Some((pool.id, pool.draft.schema.clone()))
    }

    fn view(&self, name: &Name) -> Option<(ViewId, Schema)> {
        let (view, pool) = self.definitions.view(name.as_str())?;
        Some((view.id, pool.draft.schema.clone()))
    }

    fn saved_query(&self, name: &Name) -> Option<(SavedQueryId, Option<Schema>)> {
        let saved = self.definitions.saved_query(name.as_str())?;
        Some((saved.item.id, only_schema(&saved.pools)))
    }

    fn dataset(&self, name: &Name) -> Option<(DatasetId, Option<Schema>)> {
        let dataset = self.definitions.dataset(name.as_str())?;
        Some((dataset.item.id, only_schema(&dataset.pools)))
    }

    fn is_public_pool(&self, id: PoolId) -> bool {
        let pool = self.definitions.pool_by_id(id);
        pool.is_some_and(|pool| pool.draft.public)
    }

    fn is_public_view(&self, id: ViewId) -> bool {
        let view = self.definitions.view_by_id(id);
        view.is_some_and(|(view, _)| view.draft.public)
    }

    fn existing(&self, id: GrantId) -> Option<Grant> {
        self.existing.iter().find(|grant| grant.id == id).cloned()
    }

    fn fresh_id(&self) -> GrantId {
        GrantId::generate(self.now, &*self.random)
    }
}

/// The fields of the only pool that a stored question reads.
fn only_schema(pools: &BTreeMap<Name, Arc<Pool>>) -> Option<Schema> {
    let mut pools = pools.values();
    let pool = pools.next().filter(|_| pools.len() == 0)?;
    Some(pool.draft.schema.clone())
}

/// A resource that has a new name.
#[derive(Debug)]
pub(crate) enum Renamed<'a> {
    Pool(PoolId, &'a Name, &'a Name),
    View(ViewId, &'a Name, &'a Name),
    Saved(SavedQueryId, &'a Name, &'a Name),
}

impl Renamed<'_> {
    /// The grants with the new name in them; `None` when none speaks of it.
    ///
    /// An exception from `*` is by name: it goes on holding for the resource
    /// under its new name, and for the old name, so that no renaming ever
    /// opens what was excepted. The names that are the only ones meant stay
    /// what they are, so that no renaming opens what was not among them.
    pub(crate) fn apply_to(&self, grants: &[Grant]) -> Option<Vec<Grant>> {
        let renamed: Vec<Option<Target>> = grants.iter().map(|g| self.target(&g.on)).collect();
        if renamed.iter().all(Option::is_none) {
            return None;
        }
        let grants = grants.iter().zip(renamed).map(|(grant, on)| Grant {
            on: on.unwrap_or_else(|| grant.on.clone()),
            ..grant.clone()
        });
        Some(grants.collect())
    }

    fn target(&self, on: &Target) -> Option<Target> {
        match (self, on) {
            (Self::Pool(id, old, new), Target::Pool(pools)) => {
                selector(pools, *id, old, new).map(Target::Pool)
            }
            (Self::View(id, old, new), Target::View(views)) => {
                selector(views, *id, old, new).map(Target::View)
            }
            (Self::Saved(id, old, new), Target::Saved(queries)) => {
                selector(queries, *id, old, new).map(Target::Saved)
            }
            (Self::Saved(id, old, new), Target::Cached(queries)) => {
                selector(queries, *id, old, new).map(Target::Cached)
            }
            _ => None,
        }
    }
}

fn selector<Id: Copy + PartialEq>(
    selector: &Selector<Id>,
    id: Id,
    old: &Name,
    new: &Name,
) -> Option<Selector<Id>> {
    match selector {
        Selector::One { id: granted, name } => (*granted == id && name != new).then(|| {
            let name = new.clone();
            Selector::One { id, name }
        }),
        Selector::All { only, except } => {
            let follows = except.contains(old) && !except.contains(new);
            follows.then(|| {
                let (only, mut except) = (only.clone(), except.clone());
                except.insert(new.clone());
                Selector::All { only, except }
            })
        }
    }
}

/// Whether a grant that was narrowed allows just what it allowed before.
/// What is told apart by its form alone counts as less, never as the same.
pub(crate) fn is_as_wide(narrowed: &Grant, before: &Grant) -> bool {
    let same_rows = match (&narrowed.rows, &before.rows) {
        (Some(Constraint::Rows(a)), Some(Constraint::Rows(b))) => b.says_all_of(a),
        (a, b) => a == b,
    };
    let (a, b) = (shown(&narrowed.fields), shown(&before.fields));
    let same_times = narrowed.windows == before.windows;
    same_rows && same_times && a.is_subset(&b) && narrowed.injections == before.injections
}

/// The parts that must all show a field.
fn shown(fields: &VisibleFields) -> BTreeSet<&VisibleFields> {
    match fields {
        VisibleFields::All => BTreeSet::new(),
        VisibleFields::Both(a, b) => shown(a).union(&shown(b)).copied().collect(),
        one => BTreeSet::from([one]),
    }
}

//! What is built on the fields of a pool.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::datasets::Dataset;
use model::fault::{Fault, FaultCode};
use model::filters::{Constraint, Filter};
use model::grants::{Grant, Target};
use model::ids::ProjectId;
use model::names::{FieldPath, Name};
use model::pools::{FieldChanges, Pool, Schema};
use model::saved_queries::SavedQuery;
use model::views::{Shape, View, ViewDraft};

use crate::control::Control;
use crate::definitions::Definitions;

/// Users of a field that one refusal names; the others are counted.
const USERS_NAMED_MAX: usize = 10;

/// Refuses to drop or rename a field that a view, the grant of any key or the
/// role of a person is built on, and to rename one into or out of what a grant
/// shows. The refusal names the users. Disabled and expired keys count: they may
/// come back.
pub(crate) fn check_unused(
    definitions: &Definitions,
    roles: &RoleUses,
    pool: &Pool,
    changes: &FieldChanges<'_>,
) -> Result<(), Fault> {
    let dropped = changes.dropped.iter().map(|field| (&field.path, None));
    let renamed = changes.renamed.iter();
    let renamed = renamed.map(|(old, new)| (&old.path, Some(&new.path)));
    for (path, becomes) in dropped.chain(renamed) {
        let users = users(definitions, roles, pool, path, becomes);
        if !users.is_empty() {
            return Err(in_use(path, becomes.is_some(), &users));
        }
    }
    Ok(())
}

/// Refuses to delete an undeclared property that a view, a stored question, or
/// the grant of any key is built on, or on something beneath it.
pub(crate) fn check_property_unused(
    definitions: &Definitions,
    roles: &RoleUses,
    pool: &Pool,
    path: &FieldPath,
) -> Result<(), Fault> {
    let users = users(definitions, roles, pool, path, None);
    match users.is_empty() {
        true => Ok(()),
        false => Err(in_use(path, false, &users)),
    }
}

/// Refuses a schema that some view of the pool could not be read with, so that
/// no change of a pool keeps the server from starting again.
pub(crate) fn check_views(
    definitions: &Definitions,
    pool: &Pool,
    schema: &Schema,
) -> Result<(), Fault> {
    for view in views_of(definitions, pool) {
        if let Err(fault) = ViewDraft::parse(&view.draft.to_value(), schema) {
            let detail = format!(
                "the view \"{}\" does not fit these fields: {}; change the view first",
                view.draft.name, fault.detail
            );
            return Err(Fault::new(FaultCode::InUse, detail).at("/fields"));
        }
    }
    Ok(())
}

pub(crate) fn views_of<'a>(
    definitions: &'a Definitions,
    pool: &'a Pool,
) -> impl Iterator<Item = &'a View> + 'a {
    let views = definitions.views();
    let views = views.filter(|(_, read)| read.id == pool.id);
    views.map(|(view, _)| view.as_ref())
}

/// The constraints of people's roles in a project, and of those who are invited.
#[derive(Debug, Default)]
pub(crate) struct RoleUses(Vec<(String, Filter)>);

impl RoleUses {
    /// Those of everybody who has, or is invited to, a role in the project.
    pub(crate) fn of(control: &Control, project: ProjectId) -> Self {
        let Ok(organization) = control.organization_of(project) else {
            return Self::default();
        };
        let people = control.everybody_of(organization).into_iter();
        let people = people.map(|person| {
            let parts = person.parts();
            let name = format!("the role of {}", parts.sign_in);
            (name, parts.draft.role_in(project).cloned())
        });
        let invited = control.invitations_of(organization).into_iter();
        let invited = invited.map(|invitation| {
            let name = format!("the invitation of {}", invitation.sign_in);
            (name, invitation.draft.role_in(project).cloned())
        });
        let held = people.chain(invited);
        let held = held.filter_map(|(name, role)| Some((name, role?.constraints?)));
        Self(held.collect())
    }
}

/// What goes by the names of fields and is known when it comes: to be without a
/// field may be what its filters ask for, and what it shows goes by names.
fn users_unseen(definitions: &Definitions, readers: &Readers<'_>) -> Vec<String> {
    let scoping = definitions.project().scoping.as_ref();
    let scoped = scoping.map(|_| "scoped keys, which can be switched off".to_owned());
    let deriving = definitions.keys().filter(|key| {
        let mut grants = key.grants().iter();
        key.draft().derived_tokens && grants.any(|grant| readers.reached_by(grant))
    });
    let deriving = deriving.map(|key| {
        let name = &key.draft().name;
        format!("derived tokens of the key \"{name}\", which can be switched off")
    });
    scoped.into_iter().chain(deriving).collect()
}

fn users(
    definitions: &Definitions,
    roles: &RoleUses,
    pool: &Pool,
    path: &FieldPath,
    becomes: Option<&FieldPath>,
) -> Vec<String> {
    let readers = Readers::of(definitions, pool);
    let views = readers.views.iter();
    let views = views.filter(|view| view_uses(&view.draft, path));
    let views = views.map(|view| format!("the view \"{}\"", view.draft.name));
    let saved = readers.saved.iter();
    let saved = saved.filter(|saved| saved.draft.query.uses(path));
    let saved = saved.map(|saved| format!("the saved query \"{}\"", saved.draft.name));
    let datasets = readers.datasets.iter().filter(|dataset| {
        let mut index = dataset.draft.index_by.iter();
        index.any(|field| field.is_at_or_below(path)) || dataset.draft.analysis().uses(path)
    });
    let datasets = datasets.map(|dataset| format!("the dataset \"{}\"", dataset.draft.name));
    let keys = definitions.keys().filter(|key| {
        let grants = key.grants().iter();
        let mut reaching = grants.filter(|grant| readers.reached_by(grant));
        reaching.any(|grant| grant_uses(grant, path, becomes))
    });
    let keys = keys.map(|key| format!("the key \"{}\"", key.draft().name));
    let roles = roles.0.iter().filter(|(_, filter)| reads(filter, path));
    let roles = roles.map(|(name, _)| name.clone());
    let seen = views.chain(saved).chain(datasets).chain(keys).chain(roles);
    seen.chain(users_unseen(definitions, &readers)).collect()
}

/// A pool with everything that reads it.
#[derive(Debug)]
pub(crate) struct Readers<'a> {
    pool: &'a Pool,
    views: Vec<&'a View>,
    saved: Vec<&'a SavedQuery>,
    datasets: Vec<&'a Dataset>,
}

impl<'a> Readers<'a> {
    pub(crate) fn of(definitions: &'a Definitions, pool: &'a Pool) -> Self {
        let saved = definitions.saved_queries();
        let saved = saved.filter(|saved| is_among(&saved.pools, pool));
        let datasets = definitions.datasets();
        let datasets = datasets.filter(|dataset| is_among(&dataset.pools, pool));
        Self {
            pool,
            views: views_of(definitions, pool).collect(),
            saved: saved.map(|saved| saved.item.as_ref()).collect(),
            datasets: datasets.map(|dataset| dataset.item.as_ref()).collect(),
        }
    }

    /// Whether a grant is about records of the pool, directly or through what reads it.
    pub(crate) fn reached_by(&self, grant: &Grant) -> bool {
        match &grant.on {
            Target::Project => false,
            on @ (Target::Pool(_) | Target::View(_) | Target::Tier(_)) => {
                let mut views = self.views.iter();
                on.covers_pool(self.pool) || views.any(|view| on.covers_view(view, self.pool))
            }
            Target::Saved(of) | Target::Cached(of) => {
                let mut saved = self.saved.iter();
                saved.any(|saved| of.covers(saved.id, &saved.draft.name))
            }
            Target::Dataset(of) => {
                let mut datasets = self.datasets.iter();
                datasets.any(|dataset| of.covers(dataset.id, &dataset.draft.name))
            }
        }
    }
}

fn is_among(pools: &BTreeMap<Name, Arc<Pool>>, pool: &Pool) -> bool {
    pools.values().any(|read| read.id == pool.id)
}

/// Declared fields have nothing beneath them, undeclared properties may.
fn view_uses(view: &ViewDraft, path: &FieldPath) -> bool {
    let mut sources = view.fields.iter().filter_map(|field| field.source());
    let exposed = sources.any(|field| field.is_at_or_below(path));
    let filtered = view
        .filters
        .as_ref()
        .is_some_and(|filter| reads(filter, path));
    let interval = matches!(&view.shape, Shape::TimeSeries { interval_field } if interval_field.is_at_or_below(path));
    exposed || filtered || interval
}

fn reads(filter: &Filter, path: &FieldPath) -> bool {
    let fields = filter.fields();
    fields.into_iter().any(|field| field.is_at_or_below(path))
}

fn grant_uses(grant: &Grant, path: &FieldPath, becomes: Option<&FieldPath>) -> bool {
    let constrains = match &grant.rows {
        Some(Constraint::Rows(filter)) => reads(filter, path),
        Some(Constraint::AllRows) | None => false,
    };
    let mut windows = grant.windows.iter();
    let is_timed = windows.any(|window| window.field().is_at_or_below(path));
    let mut injected = grant.injections.values.iter();
    let injects = injected.any(|(at, _)| at.is_at_or_below(path));
    // What a grant shows goes by names. A field must not come to be seen, nor
    // cease to be, because it is called something else.
    let shows_otherwise =
        becomes.is_some_and(|new| grant.fields.shows(path) != grant.fields.shows(new));
    constrains || is_timed || injects || shows_otherwise
}

fn in_use(path: &FieldPath, is_renamed: bool, users: &[String]) -> Fault {
    let named = &users[..users.len().min(USERS_NAMED_MAX)];
    let more = match users.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let what = if is_renamed { "renamed" } else { "dropped" };
    let detail = format!(
        "the field cannot be {what} while it is in use by {}{more}; change or delete those first",
        named.join(", ")
    );
    Fault::new(FaultCode::InUse, detail)
        .at("/fields")
        .on_field(path)
}

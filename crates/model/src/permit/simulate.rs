//! What a key would see, as far as a caller may be told of it.
//!
//! **The rule**: a simulation tells nothing that the caller could not have
//! asked for itself. So no access of the simulated key is made. Each number is
//! a question of the *caller's* own permit, over the caller's own rows, under
//! the barrier; what the simulated key is held to stands above the barrier, as
//! a condition of the question, and is checked as every condition of the caller
//! is: it means nothing where it names a field that the caller does not see.
//! Were it not so, whoever administers without seeing a field could try
//! constraints on it, and count.

use std::sync::Arc;

use super::constrain::count_rows;
use super::{AskPool, ConstrainedQuery, On, Permit, Resource, Right};
use crate::fault::{Fault, FaultCode};
use crate::filters::{Constraint, parse_list, to_list};
use crate::grants::{Action, Grant, Target, VisibleFields, check_resolves};
use crate::keys::KeyKind;
use crate::names::FieldPath;
use crate::pools::Pool;
use crate::queries::Query;
use crate::time::Timestamp;
use crate::views::{ViewDraft, ViewFieldRole, answered};

/// What grants show of one pool, view or stored question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    rows: Constraint,
    /// The same without the conditions of a view, which its readers are held to anyway.
    granted: Constraint,
    fields: Vec<VisibleFields>,
}

impl Shown {
    /// What these grants of a key of the kind show there at this instant: rows of a pool by `query`
    /// and `extract`, those behind a view by `read`, and those that a stored question is answered
    /// over by `run`, `read` or `retrieve`. `None` when nothing, and of anything else.
    pub fn by(kind: KeyKind, grants: &[Grant], on: On<'_>, now: Timestamp) -> Option<Self> {
        let shows = |grant: &&Grant| match on {
            On::Pool(Some(pool)) => {
                let asks = grant.allows(Action::Query) || grant.allows(Action::Extract);
                asks && grant.on.covers_pool(pool) && kind.may_show(grant, pool.draft.public)
            }
            On::View(Some((view, pool))) => {
                grant.allows(Action::Read)
                    && grant.on.covers_view(view, pool)
                    && kind.may_show(grant, view.draft.public)
            }
            On::Saved(Some(saved)) if !saved.item.is_cached() => {
                let is_on = matches!(&grant.on, Target::Saved(queries)
                    if queries.covers(saved.item.id, &saved.item.draft.name));
                is_on && opens_stored(kind, grant, Action::Run, on)
            }
            On::Cached(Some(saved)) if saved.item.is_cached() => {
                let is_on = matches!(&grant.on, Target::Cached(queries)
                    if queries.covers(saved.item.id, &saved.item.draft.name));
                is_on && opens_stored(kind, grant, Action::Read, on)
            }
            On::Dataset(Some(dataset)) => {
                let is_on = matches!(&grant.on, Target::Dataset(datasets)
                    if datasets.covers(dataset.item.id, &dataset.item.draft.name));
                is_on && opens_stored(kind, grant, Action::Retrieve, on)
            }
            _ => false,
        };
        let grants = grants.iter().filter(shows);
        let grants: Vec<Grant> = grants.map(|grant| grant.at(now)).collect();
        let granted = Constraint::union(grants.iter().filter_map(|grant| grant.rows.clone()))?;
        let rows = match on {
            On::View(Some((view, _))) => match &view.draft.filters {
                Some(filter) => granted.and(&Constraint::Rows(filter.clone())),
                None => granted.clone(),
            },
            _ => granted.clone(),
        };
        Some(Self {
            rows,
            granted,
            fields: grants.into_iter().map(|grant| grant.fields).collect(),
        })
    }

    /// Which rows.
    pub fn rows(&self) -> &Constraint {
        &self.rows
    }

    /// Whether some of the grants shows the field.
    pub fn shows(&self, path: &FieldPath) -> bool {
        self.fields.iter().any(|fields| fields.shows(path))
    }

    /// What a view of the pool answers by some of the grants: names, and what they are, as
    /// [`answered`] tells them.
    pub fn answered<'v>(
        &self,
        view: &'v ViewDraft,
        pool: &Pool,
    ) -> Vec<(&'v FieldPath, Option<&'v ViewFieldRole>)> {
        if let [fields] = &self.fields[..] {
            return answered(view, pool, fields);
        }
        let mut all = answered(view, pool, &VisibleFields::All);
        let by_grant = self.fields.iter();
        let by_grant: Vec<_> = by_grant
            .map(|fields| answered(view, pool, fields))
            .collect();
        all.retain(|field| by_grant.iter().any(|told| told.contains(field)));
        all
    }
}

/// Whether the grant has the action on a stored question that it covers.
fn opens_stored(kind: KeyKind, grant: &Grant, action: Action, on: On<'_>) -> bool {
    let opens_pools = !on.reads_usage() || grant.on.is_by_name();
    grant.allows(action) && opens_pools && kind.may_show(grant, false)
}

impl<A: Right> Permit<A> {
    /// The caller's own permit, held besides to what a key is shown there: so what is asked by it
    /// is over the rows and fields that both see, and answered as the key is answered.
    ///
    /// The rows of the key narrow the caller's, which stay below the barrier, and are checked as a
    /// condition of the caller's is, by the rule above.
    ///
    /// # Errors
    /// A fault when the key's rows are chosen by a field that the caller does not see, and when
    /// the key itself would have to name one of several grants; it depends on the definitions
    /// alone, never on a row.
    pub fn seen_by(mut self, shown: &Shown) -> Result<Self, Fault> {
        let Some((fields, others)) = shown.fields.split_first() else {
            return Err(ambiguous());
        };
        if others.iter().any(|other| other != fields) {
            return Err(ambiguous());
        }
        let (_, own) = self.chosen(None)?;
        for pool in self.asked_pools() {
            check_seen(&shown.granted, &pool, &own)?;
        }
        for grant in &mut self.grants {
            grant.rows = grant.rows.as_ref().map(|rows| rows.and(&shown.granted));
            grant.fields = grant.fields.and(fields);
        }
        Ok(self)
    }

    /// The pools that are read by the permit.
    fn asked_pools(&self) -> Vec<Arc<Pool>> {
        match &self.resource {
            Resource::Project => Vec::new(),
            Resource::Pool(pool) | Resource::View(_, pool) => vec![Arc::clone(pool)],
            Resource::Saved(_, pools) | Resource::Dataset(_, pools) => {
                pools.values().cloned().collect()
            }
        }
    }
}

fn ambiguous() -> Fault {
    Fault::new(
        FaultCode::GrantAmbiguous,
        "several grants of the key with different visible fields apply; its holder names one by its id in \"grant\"",
    )
    .at("/grant")
}

/// Refuses rows that are chosen by what these fields do not show, or by more than a question may
/// say. A hidden field is one that the pool does not have.
fn check_seen(rows: &Constraint, pool: &Pool, fields: &VisibleFields) -> Result<(), Fault> {
    let Constraint::Rows(filter) = rows else {
        return Ok(());
    };
    let schema = &pool.draft.schema;
    let column = |path: &FieldPath| schema.column(path).filter(|_| fields.shows(path));
    check_resolves(filter, &column)?;
    match parse_list(&to_list(filter)) {
        Ok(_) => Ok(()),
        Err(_) => Err(Fault::new(
            FaultCode::LimitExceeded,
            "the constraints of all its grants together are more than a question may say",
        )),
    }
}

impl Permit<AskPool> {
    /// How many of the rows that the caller's key sees are among `rows`, as a
    /// constrained question of the caller.
    ///
    /// # Errors
    /// A fault when `rows` names a field that the caller's key does not see,
    /// or more than a question may; it depends on the definitions alone, never
    /// on a row.
    pub fn count_among(&self, rows: &Constraint) -> Result<ConstrainedQuery, Fault> {
        let (held, fields) = self.chosen(None)?;
        let Query::Aggregate(mut query) = count_rows() else {
            unreachable!("a count is a question for functions");
        };
        check_seen(rows, self.pool(), &fields)?;
        if let Constraint::Rows(filter) = rows {
            query.filter = Some(filter.clone());
        }
        Ok(self.asking(held, Query::Aggregate(query)))
    }

    /// Whether the caller's key sees the field, by every grant that shows the pool.
    pub fn sees(&self, path: &FieldPath) -> bool {
        self.grants.iter().all(|grant| grant.fields.shows(path))
    }
}

#[cfg(test)]
mod tests;

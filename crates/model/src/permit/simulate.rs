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

use super::constrain::count_rows;
use super::{AskPool, ConstrainedQuery, On, Permit};
use crate::fault::{Fault, FaultCode};
use crate::filters::{Constraint, parse_list, to_list};
use crate::grants::{Action, Grant, VisibleFields, check_resolves};
use crate::keys::KeyKind;
use crate::names::FieldPath;
use crate::queries::Query;
use crate::time::Timestamp;

/// What grants show of one pool or view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    rows: Constraint,
    fields: Vec<VisibleFields>,
}

impl Shown {
    /// What these grants of a key of the kind show there at this instant: rows of a pool by `query`
    /// and `extract`, those behind a view by `read`. `None` when nothing, and
    /// of anything else.
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
            _ => false,
        };
        let grants = grants.iter().filter(shows);
        let grants: Vec<Grant> = grants.map(|grant| grant.at(now)).collect();
        let rows = Constraint::union(grants.iter().filter_map(|grant| grant.rows.clone()))?;
        let rows = match on {
            On::View(Some((view, _))) => match &view.draft.filters {
                Some(filter) => rows.and(&Constraint::Rows(filter.clone())),
                None => rows,
            },
            _ => rows,
        };
        Some(Self {
            rows,
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
        if let Constraint::Rows(filter) = rows {
            // A hidden field is one that the pool does not have.
            let schema = &self.pool().draft.schema;
            let column = |path: &FieldPath| schema.column(path).filter(|_| fields.shows(path));
            check_resolves(filter, &column)?;
            if parse_list(&to_list(filter)).is_err() {
                let detail =
                    "the constraints of all its grants together are more than a question may say";
                return Err(Fault::new(FaultCode::LimitExceeded, detail));
            }
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

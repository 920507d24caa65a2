//! From a permit and a question to the constrained question.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{AskPool, Delete, Permit, Read, Resource, Right, SeeSchema};
use crate::fault::{Fault, FaultCode};
use crate::filters::{Constraint, Filter};
use crate::grants::{Grant, VisibleFields};
use crate::ids::{GrantId, KeyId};
use crate::names::FieldPath;
use crate::pools::Pool;
use crate::queries::{Aggregate, AggregateQuery, Measure, Query, Seek};
use crate::time::Timestamp;
use crate::views::{Delivery, View, ViewRequest, compile};

/// A caller's question and, beside it and never merged into it, the rows that
/// the caller's key sees.
#[derive(Clone, Debug)]
pub struct ConstrainedQuery {
    key: KeyId,
    pool: Arc<Pool>,
    rows: Constraint,
    query: Query,
}

impl PartialEq for ConstrainedQuery {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
            && self.pool.id == other.pool.id
            && self.pool.draft.schema == other.pool.draft.schema
            && self.rows == other.rows
            && self.query == other.query
    }
}

impl Eq for ConstrainedQuery {}

impl Hash for ConstrainedQuery {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (
            self.key,
            self.pool.id,
            &self.pool.draft.schema,
            &self.rows,
            &self.query,
        )
            .hash(state);
    }
}

impl ConstrainedQuery {
    /// The caller's key.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// The pool asked.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// The rows that the key sees.
    pub fn rows(&self) -> &Constraint {
        &self.rows
    }

    /// The caller's question.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// The same question from another place of the order on.
    #[must_use]
    pub fn starting_at(mut self, seek: Seek) -> Self {
        if let Query::Records(query) = &mut self.query {
            query.seek = Some(seek);
        }
        self
    }

    /// A digest of key, rows and question, the same for every page: where a
    /// page starts, how long it is and which stretch of time a relative
    /// timeframe means now are left out.
    pub fn page_digest(&self) -> [u8; 32] {
        let mut query = self.query.clone();
        if let Query::Records(query) = &mut query {
            query.seek = None;
            query.limit = None;
            query.range = None;
        }
        let mut digest = Sha256::new();
        digest.update(self.key.to_bytes());
        digest.update(self.pool.id.to_bytes());
        digest.update(self.rows.digest_at_any_time());
        digest.update(format!("{query:?}").as_bytes());
        digest.finalize().into()
    }
}

/// Which records to delete, and the rows that the caller's key sees.
#[derive(Clone, Debug)]
pub struct ConstrainedDelete {
    key: KeyId,
    pool: Arc<Pool>,
    rows: Constraint,
    filter: Option<Filter>,
}

impl ConstrainedDelete {
    /// The caller's key.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// The pool.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// The rows that the key sees.
    pub fn rows(&self) -> &Constraint {
        &self.rows
    }

    /// Which of those; `None` was asked for in so many words: all of them.
    pub fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }
}

/// A look at a pool's fields, over the rows and fields that the key sees.
#[derive(Clone, Debug)]
pub struct ConstrainedSchema {
    key: KeyId,
    pool: Arc<Pool>,
    rows: Constraint,
    fields: VisibleFields,
}

impl ConstrainedSchema {
    /// The caller's key.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// The pool.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// The rows that the key sees.
    pub fn rows(&self) -> &Constraint {
        &self.rows
    }

    /// The fields that the key sees.
    pub fn fields(&self) -> &VisibleFields {
        &self.fields
    }
}

impl<A: Right> Permit<A> {
    /// A question of the permit's pool over these of its rows.
    pub(super) fn asking(&self, rows: Constraint, query: Query) -> ConstrainedQuery {
        ConstrainedQuery {
            key: self.access().key(),
            pool: self.pool().clone(),
            rows,
            query,
        }
    }

    /// The rows of the grants with these ids' fields: united, each once.
    fn rows_of(grants: &[&Grant]) -> Constraint {
        // A grant that touches rows always says which; were one not to, it would add none.
        Constraint::union(grants.iter().filter_map(|grant| grant.rows.clone()))
            .unwrap_or_else(no_rows)
    }

    /// The grants that answer together: those that show the same fields, or
    /// the one that the request names.
    pub(super) fn chosen(
        &self,
        named: Option<GrantId>,
    ) -> Result<(Constraint, VisibleFields), Fault> {
        if let Some(id) = named {
            let grant = self
                .grants
                .iter()
                .find(|grant| grant.id == id)
                .ok_or_else(|| {
                    Fault::new(
                        FaultCode::InvalidValue,
                        "no grant of this key with this id covers the resource",
                    )
                    .at("/grant")
                })?;
            return Ok((Self::rows_of(&[grant]), grant.fields.clone()));
        }
        let all: Vec<&Grant> = self.grants.iter().collect();
        let fields = &all[0].fields;
        if all.iter().any(|grant| grant.fields != *fields) {
            return Err(Fault::new(
                FaultCode::GrantAmbiguous,
                "several grants with different visible fields apply; name one by its id in \"grant\"",
            )
            .at("/grant"));
        }
        Ok((Self::rows_of(&all), fields.clone()))
    }
}

fn no_rows() -> Constraint {
    Constraint::Rows(Filter::Any(Vec::new()))
}

pub(super) fn count_rows() -> Query {
    Query::Aggregate(AggregateQuery {
        columns: vec!["count".to_owned()],
        series: None,
        groups: Vec::new(),
        measures: vec![Measure {
            name: "count".to_owned(),
            aggregate: Aggregate::Count,
            field: None,
        }],
        filter: None,
        range: None,
        having: None,
        order: Vec::new(),
        limit: None,
    })
}

impl Permit<Read> {
    fn view(&self) -> &View {
        match &self.resource {
            Resource::View(view, _) => view,
            _ => unreachable!("the right to read is on views"),
        }
    }

    /// What a reader of the view is held to: the grants' rows, and among
    /// them those that the view is about.
    fn rows_in_view(&self, rows: &Constraint) -> Constraint {
        match &self.view().draft.filters {
            None => rows.clone(),
            Some(filter) => rows.and(&Constraint::Rows(filter.clone())),
        }
    }

    /// The request as a constrained question.
    ///
    /// # Errors
    /// A fault of the request; whether there is one depends on the request
    /// and the definitions alone, never on a row.
    pub fn constrain(
        &self,
        request: &ViewRequest,
        delivery: Delivery,
        now: Timestamp,
    ) -> Result<ConstrainedQuery, Fault> {
        let (rows, fields) = self.chosen(request.grant)?;
        let query = compile(self.view(), self.pool(), &fields, request, delivery, now)?;
        Ok(ConstrainedQuery {
            key: self.access().key(),
            pool: self.pool().clone(),
            rows: self.rows_in_view(&rows),
            query,
        })
    }

    /// How many rows the key sees through the view, as a constrained question.
    pub fn count(&self) -> ConstrainedQuery {
        let all: Vec<&Grant> = self.grants.iter().collect();
        ConstrainedQuery {
            key: self.access().key(),
            pool: self.pool().clone(),
            rows: self.rows_in_view(&Self::rows_of(&all)),
            query: count_rows(),
        }
    }
}

impl Permit<AskPool> {
    /// How many rows of the pool the key sees, as a constrained question.
    pub fn count(&self) -> ConstrainedQuery {
        let all: Vec<&Grant> = self.grants.iter().collect();
        ConstrainedQuery {
            key: self.access().key(),
            pool: self.pool().clone(),
            rows: Self::rows_of(&all),
            query: count_rows(),
        }
    }
}

impl Permit<SeeSchema> {
    /// The look at the fields that the key sees.
    pub fn constrain(&self, grant: Option<GrantId>) -> Result<ConstrainedSchema, Fault> {
        let (rows, fields) = self.chosen(grant)?;
        Ok(ConstrainedSchema {
            key: self.access().key(),
            pool: self.pool().clone(),
            rows,
            fields,
        })
    }
}

impl Permit<Delete> {
    /// The records to delete: those that match, or all that the key sees
    /// when `filter` is `None`.
    ///
    /// # Errors
    /// A fault of a filter that means nothing for the pool or names a field
    /// that the key does not see.
    pub fn constrain(&self, filter: Option<Filter>) -> Result<ConstrainedDelete, Fault> {
        let (rows, fields) = self.chosen(None)?;
        if let Some(filter) = &filter {
            // A hidden field is one that the pool does not have, to the last byte of the answer.
            let schema = &self.pool().draft.schema;
            let column = |path: &FieldPath| schema.column(path).filter(|_| fields.shows(path));
            crate::grants::check_resolves(filter, &column).map_err(|fault| fault.at("/filters"))?;
        }
        Ok(ConstrainedDelete {
            key: self.access().key(),
            pool: self.pool().clone(),
            rows,
            filter,
        })
    }
}

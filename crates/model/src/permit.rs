//! The sealed chain: from an admitted caller to the only things that the
//! lake accepts.
//!
//! None of these types can be made otherwise: their fields are private, and
//! they have neither `Default` nor `Deserialize`.
//!
//! An access cannot be given other grants than its key's:
//! ```compile_fail,E0616
//! use model::{grants::Grant, permit::Access};
//! fn forge(access: &mut Access, grants: Vec<Grant>) { access.grants = grants.into(); }
//! ```
//! Nor does it come from nothing:
//! ```compile_fail,E0277
//! let access: model::permit::Access = Default::default();
//! ```
//! A permit for one action is no permit for another:
//! ```compile_fail,E0308
//! use model::permit::{Ingest, Permit, Read};
//! fn read(permit: &Permit<Read>) {}
//! fn trick(permit: &Permit<Ingest>) { read(permit) }
//! ```
//! Upkeep cannot answer a question:
//! ```compile_fail,E0599
//! use model::permit::{Permit, Upkeep};
//! fn trick(permit: &Permit<Upkeep>) { permit.count(); }
//! ```
//! A question without a constraint has no type to be asked in:
//! ```compile_fail,E0277
//! fn trick(query: model::queries::Query) -> model::permit::ConstrainedQuery { query.into() }
//! ```
//! The rows of a constrained question cannot be exchanged:
//! ```compile_fail,E0616
//! use model::{filters::Constraint, permit::ConstrainedQuery};
//! fn widen(question: &mut ConstrainedQuery) { question.rows = Constraint::AllRows; }
//! ```
//! Records that nobody admitted are no batch:
//! ```compile_fail,E0277
//! use model::{permit::AdmittedBatch, records::Record};
//! fn trick(records: Vec<Record>) -> AdmittedBatch { records.into() }
//! ```

mod access;
mod admit;
mod analysis;
mod constrain;
mod denied;
mod derived;
mod founding;
mod issued;
mod narrow;
mod ours;
mod person;
mod scoped;
mod simulate;
mod stored;
mod ticket;
mod usage;

use access::as_of;
pub use admit::{AdmittedBatch, Idempotency};
pub use analysis::ConstrainedAnalysis;
pub use constrain::{ConstrainedDelete, ConstrainedQuery, ConstrainedSchema};
pub use denied::Denied;
pub use issued::Issuer;
pub use narrow::Gives;
pub(crate) use narrow::{held_under, lay_under, stamped_by};
pub use person::Person;
pub use simulate::Shown;
pub use stored::{KeptPart, KeptUnder};

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;

use crate::datasets::Dataset;
use crate::filters::Filter;
use crate::grants::{Action, Grant, Target};
use crate::ids::{KeyId, ProjectId, SavedQueryId};
use crate::keys::{
    Circumstances, Derived, KeyKind, KeyLimits, KeyRecord, LiveSecret, Quarantine, Restrictions,
};
use crate::names::Name;
use crate::pools::Pool;
use crate::saved_queries::{SavedQuery, WithPools};
use crate::secrets::SecretId;
use crate::time::Timestamp;
use crate::views::View;

/// An admitted caller: who it is and what its key's policy says.
#[derive(Clone, Debug)]
pub struct Access {
    key: KeyId,
    key_name: Arc<str>,
    kind: KeyKind,
    secret: SecretId,
    project: ProjectId,
    /// What it may do, as of when it was let in.
    grants: Arc<[Grant]>,
    /// The same as they are written.
    written: Arc<[Grant]>,
    /// Those of the key that the request was found to keep.
    restrictions: Arc<Restrictions>,
    /// Where the request was seen to come from.
    address: Option<IpAddr>,
    limits: KeyLimits,
    /// What the caller's key is held to by the key that issued it.
    issuer: Option<Arc<Issuer>>,
    /// Of a scoped key or a derived token: those of the key that it was made
    /// out of, as they are written.
    made_out_of: Option<Arc<[Grant]>>,
    /// What a derived token is held to beside its grants.
    derived: Option<Arc<Derived>>,
    let_in_at: Timestamp,
    /// Since when its secret is in quarantine.
    quarantined_at: Option<Timestamp>,
    /// The only thing that any permit is for, of a caller who was let in by a ticket.
    only: Option<SavedQueryId>,
    /// The person who signed in, of one who came by no key.
    person: Option<Arc<Person>>,
    /// The rows that whatever it makes is held to.
    within: Option<Arc<Filter>>,
}

mod sealed {
    pub trait Sealed {}
}

/// A right that a permit can carry. The set is closed.
pub trait Right: sealed::Sealed {
    /// The action that a grant must have.
    const ACTION: Action;
}

macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident => $action:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl Right for $name {
            const ACTION: Action = $action;
        }
    )+};
}

rights! {
    /// Writing records to a pool.
    Ingest => Action::Ingest;
    /// Asking a pool.
    AskPool => Action::Query;
    /// Taking records of a pool as they are.
    Extract => Action::Extract;
    /// Reading a view.
    Read => Action::Read;
    /// Seeing a pool's fields.
    SeeSchema => Action::Schema;
    /// Running a saved query.
    RunSaved => Action::Run;
    /// Reading a cached query.
    ReadCached => Action::Read;
    /// Seeing how a dataset is defined.
    SeeDataset => Action::Read;
    /// Seeing a dataset in the list of them, with its definition.
    ListDataset => Action::List;
    /// Reading a dataset.
    RetrieveDataset => Action::Retrieve;
    /// Deleting records of a pool.
    Delete => Action::Delete;
    /// Making keys that reach no further, and ending those.
    Issue => Action::Issue;
    /// Administering the project.
    Admin => Action::Admin;
}

/// The server's own upkeep: flushing, compaction, backup, dropping what was
/// dropped. It is no [`Right`]: no key has it and it cannot ask anything.
#[derive(Clone, Copy, Debug)]
pub enum Upkeep {}

/// Making a pool by the first record for it, in the dialects whose clients
/// expect that. It follows from the right to write to every pool of the name,
/// later ones included, and opens nothing else.
#[derive(Clone, Copy, Debug)]
pub enum Found {}

/// What an action is asked on. `None` stands for a name that means nothing,
/// so that absent and hidden take the same road.
#[derive(Clone, Copy, Debug)]
pub enum On<'a> {
    /// The project.
    Project,
    /// A pool.
    Pool(Option<&'a Arc<Pool>>),
    /// A view, with the pool that it reads.
    View(Option<(&'a Arc<View>, &'a Arc<Pool>)>),
    /// A saved query that is not cached.
    Saved(Option<&'a WithPools<'a, SavedQuery>>),
    /// A cached query.
    Cached(Option<&'a WithPools<'a, SavedQuery>>),
    /// A cached dataset.
    Dataset(Option<&'a WithPools<'a, Dataset>>),
}

#[derive(Clone, Debug)]
enum Resource {
    Project,
    Pool(Arc<Pool>),
    View(Arc<View>, Arc<Pool>),
    Saved(Arc<SavedQuery>, BTreeMap<Name, Arc<Pool>>),
    Dataset(Arc<Dataset>, BTreeMap<Name, Arc<Pool>>),
}

/// The proof that a key's policy allows one action on one resource.
#[derive(Clone, Debug)]
pub struct Permit<A> {
    access: Option<Access>,
    resource: Resource,
    /// The grants that allow it; never empty for a [`Right`].
    grants: Vec<Grant>,
    right: PhantomData<fn() -> A>,
}

impl Access {
    /// Only [`KeyRecord`] calls this, after it compared the secret.
    pub(crate) fn admitted(
        record: &KeyRecord,
        secret: LiveSecret<'_>,
        seen: &Circumstances<'_>,
        now: Timestamp,
    ) -> Self {
        Self {
            key: record.id(),
            key_name: record.draft().name.as_str().into(),
            kind: record.draft().kind,
            secret: secret.id,
            project: record.project(),
            grants: as_of(record.grants(), now),
            written: record.grants().clone(),
            restrictions: Arc::clone(record.restrictions()),
            address: seen.address(),
            limits: record.draft().limits,
            issuer: record.issuer().cloned(),
            made_out_of: None,
            derived: None,
            let_in_at: now,
            quarantined_at: secret.quarantine.map(|held| held.since),
            only: None,
            person: None,
            within: record.within().cloned(),
        }
    }

    /// The proof that this caller may do `A` there.
    ///
    /// # Errors
    /// [`Denied::NoGrant`] when no grant has the action on any resource of
    /// that type; otherwise [`Denied::NotFound`] unless a grant covers an
    /// existing resource.
    pub fn permit<A: Right>(&self, on: On<'_>) -> Result<Permit<A>, Denied> {
        let of_type = |target: &Target| {
            matches!(
                (on, target),
                (On::Project, Target::Project)
                    | (On::Pool(_), Target::Pool(_))
                    | (On::View(_), Target::View(_))
                    | (On::Saved(_), Target::Saved(_))
                    | (On::Cached(_), Target::Cached(_))
                    | (On::Dataset(_), Target::Dataset(_))
                    | (On::Pool(_) | On::View(_), Target::Tier(_))
            )
        };
        let candidates = self.grants.iter().enumerate();
        let candidates = candidates
            .filter(|(_, grant)| grant.allows(A::ACTION) && of_type(&grant.on))
            .filter(|_| self.kind.may_ever(A::ACTION));
        let candidates: Vec<(usize, &Grant)> = candidates.collect();
        // Of what no grant on `*` means, and who administers may see all the same.
        let implied = self.implied_grant(on, A::ACTION);
        if candidates.is_empty() && implied.is_none() {
            return Err(Denied::NoGrant(A::ACTION));
        }
        if self.quarantined_at.is_some() && !Quarantine::allows(A::ACTION) {
            return Err(Denied::Quarantined(A::ACTION));
        }
        if !self.reaches(on) {
            return Err(Denied::NotFound);
        }
        let resource = match on {
            On::Project => Resource::Project,
            On::Pool(pool) => Resource::Pool(pool.ok_or(Denied::NotFound)?.clone()),
            On::View(view) => {
                // A view says what it reads; its rows are never sought in another pool.
                let (view, pool) = view
                    .filter(|(view, pool)| view.pool == pool.id)
                    .ok_or(Denied::NotFound)?;
                Resource::View(view.clone(), pool.clone())
            }
            On::Saved(saved) | On::Cached(saved) => {
                // The two classes are apart: a grant on one opens nothing of the other.
                let is_cached = matches!(on, On::Cached(_));
                let saved = saved.filter(|saved| saved.item.is_cached() == is_cached);
                let saved = saved.ok_or(Denied::NotFound)?;
                Resource::Saved(saved.item.clone(), saved.bound(&saved.item.sources))
            }
            On::Dataset(dataset) => {
                let dataset = dataset.ok_or(Denied::NotFound)?;
                Resource::Dataset(dataset.item.clone(), dataset.bound(&dataset.item.sources))
            }
        };
        let reads_usage = on.reads_usage();
        let covers = |target: &Target| match (target, &resource) {
            (Target::Project, Resource::Project) => true,
            (_, _) if reads_usage && self.within.is_some() => false,
            (on, Resource::Pool(pool)) => on.covers_pool(pool),
            (on, Resource::View(view, pool)) => on.covers_view(view, pool),
            (on, _) if reads_usage && !on.is_by_name() => false,
            (Target::Saved(queries) | Target::Cached(queries), Resource::Saved(saved, _)) => {
                queries.covers(saved.id, &saved.draft.name)
            }
            (Target::Dataset(datasets), Resource::Dataset(dataset, _)) => {
                datasets.covers(dataset.id, &dataset.draft.name)
            }
            _ => false,
        };
        let is_public = match &resource {
            Resource::Pool(pool) => pool.draft.public,
            Resource::View(view, _) => view.draft.public,
            Resource::Project | Resource::Saved(..) | Resource::Dataset(..) => false,
        };
        let grants = candidates.into_iter();
        let grants = grants.filter(|(at, grant)| {
            covers(&grant.on) && self.may_show(*at, is_public, A::ACTION, &covers)
        });
        let mut grants: Vec<Grant> = grants.map(|(_, grant)| grant.clone()).collect();
        if grants.is_empty() {
            grants.push(implied.ok_or_else(|| self.denied_beyond_reading(on))?);
        }
        Ok(Permit {
            access: Some(self.clone()),
            resource,
            grants,
            right: PhantomData,
        })
    }
}

impl<A: Right> Permit<A> {
    /// Whether it follows from what the caller may see anyway, and from no
    /// grant that somebody made.
    pub(crate) fn is_implied(&self) -> bool {
        self.grants.iter().any(Grant::is_implied)
    }

    /// Who holds the permit.
    pub fn access(&self) -> &Access {
        self.access
            .as_ref()
            .expect("a permit for a right comes from an access")
    }

    /// The pool that the permit is about, directly or through a view.
    fn pool(&self) -> &Arc<Pool> {
        match &self.resource {
            Resource::Pool(pool) | Resource::View(_, pool) => pool,
            Resource::Project | Resource::Saved(..) | Resource::Dataset(..) => {
                unreachable!("the right asks no pool by itself")
            }
        }
    }
}

#[cfg(test)]
mod tests;

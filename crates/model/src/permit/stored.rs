//! From a permit on a stored question to the constrained question.
//!
//! The grant on the stored question says which rows it is answered over: the
//! key needs no right on the pools that the question reads, and gets none by it.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{
    AskPool, ConstrainedAnalysis, Extract, Permit, ReadCached, Resource, RetrieveDataset, Right,
    RunSaved,
};
use crate::analyses::{Analysis, Period, Source, Typing};
use crate::datasets::DatasetDraft;
use crate::fault::{Fault, FaultCode};
use crate::filters::Constraint;
use crate::ids::{DatasetId, GrantId};
use crate::names::Name;
use crate::pools::Pool;
use crate::saved_queries::SavedQuery;
use crate::time::{TimeRange, Timestamp};
use crate::views::Delivery;

/// What an answer that is kept is found by: the stored question as it is
/// defined now, the pools that it reads as they are defined now, and the rows
/// and fields that the asker's key sees. Who asks is not part of it: keys that
/// see the same are answered the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeptUnder {
    /// The id of the stored question.
    item: [u8; 16],
    /// What it says, by how often that changed.
    revision: i64,
    /// A digest of the pools, by the names in it.
    pools: [u8; 32],
    /// A digest of the rows.
    rows: [u8; 32],
    /// A digest of the fields.
    fields: [u8; 32],
}

/// A part of [`KeptUnder`]; each is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeptPart {
    /// The stored question.
    Item,
    /// What it says.
    Revision,
    /// The pools that it reads.
    Pools,
    /// The rows that the asker sees.
    Rows,
    /// The fields that the asker sees.
    Fields,
}

impl KeptUnder {
    /// Whether it is of this dataset, whatever it says.
    pub fn is_of(&self, dataset: DatasetId) -> bool {
        self.item == dataset.to_bytes()
    }

    /// The parts in which the two differ; none where they are equal.
    pub fn differs_in(&self, other: &Self) -> Vec<KeptPart> {
        let parts = [
            (KeptPart::Item, self.item == other.item),
            (KeptPart::Revision, self.revision == other.revision),
            (KeptPart::Pools, self.pools == other.pools),
            (KeptPart::Rows, self.rows == other.rows),
            (KeptPart::Fields, self.fields == other.fields),
        ];
        let parts = parts.into_iter().filter(|(_, same)| !same);
        parts.map(|(part, _)| part).collect()
    }
}

type Pools = BTreeMap<Name, Arc<Pool>>;

impl<A: Right> Permit<A> {
    /// The same rows and fields, of one pool that the stored question reads.
    fn of_pool<B: Right>(&self, pools: &Pools, name: &Name) -> Result<Permit<B>, Fault> {
        let pool = pools.get(name).ok_or_else(|| {
            Fault::new(
                FaultCode::UnknownResource,
                "a pool that the stored question reads is not there",
            )
            .at("/query/pool")
        })?;
        Ok(Permit {
            access: self.access.clone(),
            resource: Resource::Pool(pool.clone()),
            grants: self.grants.clone(),
            right: PhantomData,
        })
    }

    /// The same; nothing, where the pool is gone and the question has a
    /// meaning without it.
    fn of_source<B: Right>(
        &self,
        pools: &Pools,
        source: &Source,
    ) -> Result<Option<Permit<B>>, Fault> {
        match self.of_pool(pools, &source.pool) {
            Ok(permit) => Ok(Some(permit)),
            Err(_) if source.typing == Typing::Loose => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    fn answering(
        &self,
        pools: &Pools,
        query: &Analysis,
        grant: Option<GrantId>,
        now: Timestamp,
    ) -> Result<ConstrainedAnalysis, Fault> {
        let query = query.clone().under_grant(grant);
        match &query {
            Analysis::Aggregation(asked) => {
                match self.of_source::<AskPool>(pools, &asked.source)? {
                    Some(permit) => permit.constrain(asked, now),
                    None => ConstrainedAnalysis::of_nothing(asked, now),
                }
            }
            Analysis::Extraction(asked) => {
                match self.of_source::<Extract>(pools, &asked.source)? {
                    // All of its rows: a page would have one more, to know of the next.
                    Some(permit) => permit.constrain(asked, Delivery::Stream, now),
                    None => ConstrainedAnalysis::no_rows(asked, now),
                }
            }
            Analysis::Funnel(funnel) => {
                let mut permits = BTreeMap::new();
                for name in pools.keys() {
                    permits.insert(name.clone(), self.of_pool::<AskPool>(pools, name)?);
                }
                Permit::constrain_funnel(&permits, funnel, now)
            }
        }
    }

    fn kept_as(
        &self,
        item: ([u8; 16], i64),
        pools: &Pools,
        grant: Option<GrantId>,
        narrower: &Constraint,
    ) -> Result<KeptUnder, Fault> {
        let (rows, visible) = self.chosen(grant)?;
        let mut seen = Sha256::new();
        seen.update(rows.digest());
        seen.update(narrower.digest());
        let mut read = Sha256::new();
        for (name, pool) in pools {
            read.update(Sha256::digest(name.as_str()));
            read.update(pool.id.to_bytes());
            read.update(pool.revision.to_be_bytes());
        }
        Ok(KeptUnder {
            item: item.0,
            revision: item.1,
            pools: read.finalize().into(),
            rows: seen.finalize().into(),
            fields: Sha256::digest(format!("{visible:?}")).into(),
        })
    }
}

impl Analysis {
    fn under_grant(mut self, grant: Option<GrantId>) -> Self {
        for source in self.sources_mut() {
            source.grant = grant;
        }
        self
    }
}

impl Permit<RunSaved> {
    /// The saved query as a constrained question.
    ///
    /// # Errors
    /// A fault of the definitions, never of a row.
    pub fn constrain(
        &self,
        grant: Option<GrantId>,
        now: Timestamp,
    ) -> Result<ConstrainedAnalysis, Fault> {
        let (saved, pools) = self.saved();
        self.answering(pools, &saved.draft.query, grant, now)
    }

    /// The saved query.
    pub fn saved_query(&self) -> &SavedQuery {
        self.saved().0
    }
}

impl Permit<ReadCached> {
    /// The cached query as a constrained question, to be asked when no answer
    /// is kept, and what its answer is kept under.
    ///
    /// # Errors
    /// As [`Permit::<RunSaved>::constrain`].
    pub fn constrain(
        &self,
        grant: Option<GrantId>,
        now: Timestamp,
    ) -> Result<(ConstrainedAnalysis, KeptUnder), Fault> {
        let (saved, pools) = self.saved();
        let analysis = self.answering(pools, &saved.draft.query, grant, now)?;
        let item = (saved.id.to_bytes(), saved.revision);
        let under = self.kept_as(item, pools, grant, &Constraint::AllRows)?;
        Ok((analysis, under))
    }

    /// The cached query.
    pub fn saved_query(&self) -> &SavedQuery {
        self.saved().0
    }
}

impl<A: Right> Permit<A> {
    fn saved(&self) -> (&SavedQuery, &Pools) {
        match &self.resource {
            Resource::Saved(saved, pools) => (saved, pools),
            _ => unreachable!("the right is on saved queries"),
        }
    }
}

impl Permit<RetrieveDataset> {
    fn draft(&self) -> (&DatasetDraft, &Pools) {
        match &self.resource {
            Resource::Dataset(dataset, pools) => (&dataset.draft, pools),
            _ => unreachable!("the right is on datasets"),
        }
    }

    /// The pool that the dataset reads, when it is there.
    pub fn reads(&self) -> Option<&Arc<Pool>> {
        let (draft, pools) = self.draft();
        pools.get(&draft.query.source.pool)
    }

    /// What the cells of the dataset are kept under, for the rows of one index.
    ///
    /// # Errors
    /// A fault when several grants apply and none is named.
    pub fn kept_under(
        &self,
        grant: Option<GrantId>,
        index: &Constraint,
    ) -> Result<KeptUnder, Fault> {
        let Resource::Dataset(dataset, pools) = &self.resource else {
            unreachable!("the right is on datasets");
        };
        let item = (dataset.id.to_bytes(), dataset.revision);
        self.kept_as(item, pools, grant, index)
    }

    /// The dataset's series over `range` and the rows of one index.
    ///
    /// # Errors
    /// A fault of the definitions, never of a row.
    pub fn series(
        &self,
        grant: Option<GrantId>,
        index: &Constraint,
        range: TimeRange,
        now: Timestamp,
    ) -> Result<ConstrainedAnalysis, Fault> {
        let (draft, pools) = self.draft();
        let mut query = draft.query.clone();
        query.source.grant = grant;
        query.source.period = Some(Period::Absolute {
            from: Some(range.from()),
            to: Some(range.to()),
        });
        match self.of_source::<AskPool>(pools, &query.source)? {
            Some(permit) => permit.held_to(index).constrain(&query, now),
            None => ConstrainedAnalysis::of_nothing(&query, now),
        }
    }
}

impl Permit<AskPool> {
    /// The permit with every grant narrowed to these rows besides.
    fn held_to(mut self, rows: &Constraint) -> Self {
        for grant in &mut self.grants {
            grant.rows = grant.rows.as_ref().map(|held| held.and(rows));
        }
        self
    }
}

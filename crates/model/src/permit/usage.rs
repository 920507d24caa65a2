//! The pool `_usage`: who may ask it, and how the server writes to it.
//!
//! No grant on `*` or on a tier means it, or what reads it, so that it opened
//! itself to no key that was there before. Whoever may ask for the usage of the
//! whole project may ask the pool, too, and give others a grant on it by name.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Access, AdmittedBatch, Denied, On, Permit, Upkeep};
use crate::filters::Constraint;
use crate::grants::{Action, Grant, Selector, Target, VisibleFields};
use crate::ids::{GrantId, ProjectId};
use crate::keys::KeyKind;
use crate::names::Name;
use crate::people::Area;
use crate::pools::Pool;
use crate::random::RandomSource;
use crate::records::Injections;
use crate::time::Timestamp;
use crate::usage::{USAGE_ACTIONS, UsageCounts, UsageOf, record_of, usage_pool, usage_pool_id};

impl On<'_> {
    /// Of the pools whose records are read there: how many are of usage, and
    /// how many there are.
    fn pools(&self) -> (usize, usize) {
        let count = |(usage, all): (usize, usize), pool: &Arc<Pool>| {
            (usage + usize::from(pool.is_usage()), all + 1)
        };
        match self {
            On::Project => (0, 0),
            On::Pool(pool) => pool.iter().copied().fold((0, 0), count),
            On::View(view) => view.iter().map(|(_, pool)| *pool).fold((0, 0), count),
            On::Saved(saved) | On::Cached(saved) => {
                let pools = saved.iter().flat_map(|saved| saved.pools.values());
                pools.fold((0, 0), count)
            }
            On::Dataset(dataset) => {
                let pools = dataset.iter().flat_map(|dataset| dataset.pools.values());
                pools.fold((0, 0), count)
            }
        }
    }

    /// Whether usage is read there, be it beside other records.
    pub fn reads_usage(&self) -> bool {
        self.pools().0 > 0
    }

    /// Whether usage is read there, and nothing else.
    fn reads_usage_alone(&self) -> bool {
        let (usage, all) = self.pools();
        usage > 0 && usage == all
    }
}

impl Access {
    /// Whether the caller may see the usage of all keys of the project: one who
    /// manages its keys, and is held to no rows.
    pub fn sees_usage(&self) -> bool {
        let mut grants = self.grants.iter();
        let administers =
            grants.any(|grant| grant.on == Target::Project && grant.allows(Action::Admin));
        let is_itself = self.made_out_of.is_none() && self.only.is_none();
        let is_free = self.within.is_none() && self.quarantined_at.is_none();
        let person = self.person.as_deref();
        administers
            && is_itself
            && is_free
            && self.kind == KeyKind::Secret
            && person.is_none_or(|person| person.may(Area::Keys))
    }

    /// The grant on usage that a caller has by seeing it anyway.
    pub(super) fn implied_grant(&self, on: On<'_>, action: Action) -> Option<Grant> {
        let reads = match on {
            On::Project => false,
            On::Pool(_) => USAGE_ACTIONS.contains(&action),
            // All that can be done with these is to look at them.
            On::View(_) | On::Saved(_) | On::Cached(_) | On::Dataset(_) => true,
        };
        (reads && on.reads_usage_alone() && self.sees_usage())
            .then(|| Grant::on_usage(self.project, action))
    }

    /// The same of a grant that is to be given to a key on the pool itself.
    pub(super) fn implied_for(&self, grant: &Grant, action: Action) -> Option<Grant> {
        let usage = usage_pool_id(self.project);
        let is_on = matches!(&grant.on, Target::Pool(Selector::One { id, .. }) if *id == usage);
        (is_on && USAGE_ACTIONS.contains(&action) && self.sees_usage())
            .then(|| Grant::on_usage(self.project, action))
    }

    /// Why nothing but looking is done with usage, for those who know of it;
    /// for all others it is not there.
    pub(super) fn denied_beyond_reading(&self, on: On<'_>) -> Denied {
        let On::Pool(Some(pool)) = on else {
            return Denied::NotFound;
        };
        let mut grants = self.grants.iter();
        let knows = self.sees_usage() || grants.any(|grant| grant.on.covers_pool(pool));
        match pool.is_usage() && knows && self.only.is_none() && self.within.is_none() {
            true => Denied::KeptByServer,
            false => Denied::NotFound,
        }
    }
}

/// No grant that was made has it.
const IMPLIED: [u8; 16] = [0; 16];

impl Grant {
    /// Whether nobody made it.
    pub(super) fn is_implied(&self) -> bool {
        self.id == GrantId::from_bytes(IMPLIED)
    }

    fn on_usage(project: ProjectId, action: Action) -> Self {
        Self {
            id: GrantId::from_bytes(IMPLIED),
            on: Target::Pool(Selector::One {
                id: usage_pool_id(project),
                name: Name::of_usage(),
            }),
            actions: BTreeSet::from([action]),
            rows: Some(Constraint::AllRows),
            windows: Vec::new(),
            fields: VisibleFields::All,
            injections: Injections::none(),
        }
    }
}

impl Permit<Upkeep> {
    /// Totals of usage of one project as records of its pool `_usage`, which
    /// replace those of the same day, key, secret, pool and view. Totals of
    /// other projects are left out.
    pub fn usage_totals(
        &self,
        project: ProjectId,
        totals: &[(UsageOf, UsageCounts)],
        now: Timestamp,
        random: &dyn RandomSource,
    ) -> AdmittedBatch {
        let own = totals.iter().filter(|(of, _)| of.project == project);
        let records = own.map(|(of, counts)| record_of(of, *counts));
        AdmittedBatch::of_server(usage_pool(project), records, now, random)
    }
}

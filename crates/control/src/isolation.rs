//! What the keys of a project tell of the fields of its pools.

use std::sync::Arc;

use model::ids::{PoolId, ProjectId};
use model::isolation::Carried;
use model::pools::Pool;

use crate::control::Control;
use crate::definitions::Definitions;
use crate::sorted::SortedMap;
use crate::uses::Readers;

/// For which definitions the pools' keys were looked through.
#[derive(Debug, Default)]
pub struct Learning(Arc<SortedMap<ProjectId, Arc<Definitions>>>);

impl Definitions {
    /// What the keys that reach a pool's records carry. Disabled and expired
    /// ones count as in [`Control::change_pool`]: they may come back.
    pub fn carried(&self, pool: &Pool) -> Carried {
        let readers = Readers::of(self, pool);
        let readers = &readers;
        // Keys of one customer's own making must not move the others' records.
        let keys = self.keys().filter(|key| key.within().is_none());
        let keys = keys.map(|key| {
            let grants = key.grants().iter();
            grants.filter(move |grant| readers.reached_by(grant))
        });
        Carried::of(&pool.draft.schema, keys)
    }

    /// The same of every pool that does not name its isolation field.
    pub(crate) fn all_carried(&self) -> impl Iterator<Item = (PoolId, Carried)> {
        let unnamed = self
            .pools()
            .filter(|pool| pool.draft.isolation_field.is_none());
        unnamed.map(|pool| (pool.id, self.carried(pool)))
    }
}

impl Control {
    /// What keys carry of each pool that does not name its isolation field, in
    /// the projects that were changed since this was last asked. Takes time in
    /// proportion to pools times keys, and so wants a thread of its own.
    pub fn learn(&self, learning: &mut Learning) -> Vec<(PoolId, Carried)> {
        let projects = self.0.projects.load_full();
        let known = std::mem::replace(&mut learning.0, projects.clone());
        if Arc::ptr_eq(&known, &projects) {
            return Vec::new();
        }
        let changed = projects.keys().filter_map(|id| {
            let now = projects.get(id)?;
            let before = known.get(id);
            before
                .is_none_or(|before| !Arc::ptr_eq(before, now))
                .then_some(now)
        });
        changed.flat_map(|project| project.all_carried()).collect()
    }
}

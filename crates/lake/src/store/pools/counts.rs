//! How many records are held in memory.

use std::sync::PoisonError;

use model::ids::PoolId;

use super::Pools;

impl Pools {
    /// Records of one pool held in memory.
    pub(crate) fn held_records(&self, pool: PoolId) -> u64 {
        let held = self.find(pool);
        let segments = held
            .map(|held| held.snapshot().segments)
            .unwrap_or_default();
        segments
            .iter()
            .map(|segment| segment.alive_rows() as u64)
            .sum()
    }

    /// Records held in memory, of all pools.
    pub(crate) fn records(&self) -> u64 {
        let pools = self.pools.read().unwrap_or_else(PoisonError::into_inner);
        let held: Vec<_> = pools.values().cloned().collect();
        drop(pools);
        let segments = held.iter().flat_map(|held| held.snapshot().segments);
        segments.map(|segment| segment.alive_rows() as u64).sum()
    }
}

//! What a pool takes.

use model::ids::PoolId;

use super::pools::Pools;

impl Pools {
    /// Bytes of the pool's files with their indexes, and of its records in memory.
    pub(crate) fn stored_bytes(&self, pool: PoolId) -> u64 {
        let Some(held) = self.find(pool) else {
            return 0;
        };
        let snapshot = held.snapshot();
        let in_memory = snapshot.segments.iter().map(|segment| segment.bytes());
        let files = snapshot.stored.files.iter();
        let in_files = files.map(|entry| entry.bytes + entry.index.bytes);
        in_memory.sum::<u64>() + in_files.sum::<u64>()
    }
}

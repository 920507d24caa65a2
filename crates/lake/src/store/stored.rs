//! What a pool takes.

use model::ids::PoolId;

use super::pools::Pools;
use super::records::Records;

impl Pools {
    /// Bytes of the pool's files with their indexes, and of its records in
    /// memory. A number that is kept: it costs the same however many they are.
    pub(crate) fn stored_bytes(&self, pool: PoolId) -> u64 {
        self.find(pool).map_or(0, |held| held.stored_bytes())
    }
}

impl Records {
    /// The same, added up: of the records in memory, in few pieces, and of the
    /// files, whose sum is kept until there are others.
    pub(super) fn stored_bytes(&self) -> u64 {
        self.buffer.segment_bytes() + self.manifest.files.bytes()
    }
}

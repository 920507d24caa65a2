//! Rows that are taken away from pools.

use std::sync::Arc;

use model::ids::PoolId;
use model::pools::Pool;

use super::pools::Pools;
use super::touches::Why;
use crate::buffer::Foreseen;
use crate::error::Result;
use crate::manifest::Removal;
use crate::snapshot::FileView;

impl Pools {
    /// Whether a delete is to find out more before it takes rows of a pool away.
    pub(super) fn is_unforeseen(&self, pool: PoolId, foreseen: &Foreseen) -> bool {
        let held = self.find(pool);
        held.is_some_and(|held| held.change(|records| records.buffer.is_unforeseen(foreseen)))
    }

    /// Deletes rows: answers how many went from memory, and the files as they
    /// were before, from which the same rows are gone as well.
    pub(super) fn delete(
        &self,
        pool: &Arc<Pool>,
        removal: Removal,
        foreseen: Option<&Foreseen>,
        why: Why,
    ) -> Result<(u64, FileView)> {
        self.find(pool.id).map_or_else(
            || Ok((0, FileView::default())),
            |held| {
                held.change_at_length(|records| {
                    records.follow(pool);
                    self.counted(records, |records| records.delete(removal, foreseen, why))
                })
            },
        )
    }
}

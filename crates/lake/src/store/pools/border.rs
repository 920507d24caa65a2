//! When records of a pool are too old.

use std::sync::{Arc, PoisonError};

use model::pools::Pool;
use model::time::Timestamp;

use super::{Held, Pools, time_column};

impl Pools {
    /// Notes that the border of a pool's retention has moved here, and that what lay before it went.
    /// Also of a pool without records: that there are some is told by nothing that is kept.
    pub(crate) fn border_moved(&self, pool: &Arc<Pool>, border: Timestamp) {
        let mut pools = self.pools.write().unwrap_or_else(PoisonError::into_inner);
        // A pool that is dropped is among those before it is taken from these.
        if self.is_dropped(pool.id) {
            return;
        }
        let held = pools.entry(pool.id);
        let held = held.or_insert_with(|| Arc::new(Held::new(self.records_of(pool))));
        let held = Arc::clone(held);
        drop(pools);
        let (column, border) = (time_column(pool), border.as_microsecond());
        held.change(|records| records.border_moved(&column, border));
    }
}

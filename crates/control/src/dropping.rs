//! Pools that are gone and whose records are still to be dropped: the records
//! are not in this database, and a process may end in between.

use model::ids::{PoolId, ProjectId};

use crate::control::Control;
use crate::error::ControlError;
use crate::store::{Claim, Write};
use crate::writer::Link;

impl Control {
    /// Pools that were deleted, each with its project, whose records are not
    /// known to be dropped.
    ///
    /// # Errors
    /// The database failed.
    pub async fn pools_to_drop(&self) -> Result<Vec<(PoolId, ProjectId)>, ControlError> {
        let mut writer = self.0.writer().await?;
        match &mut writer.link {
            Link::Open(store) => store.dropped_pools().await,
            Link::Lost | Link::Closed => Ok(Vec::new()),
        }
    }

    /// Says that the records of a pool are dropped, on stable storage.
    ///
    /// # Errors
    /// The database failed; then they are dropped again at the next start.
    pub async fn pool_is_dropped(&self, pool: PoolId) -> Result<(), ControlError> {
        let writer = self.0.writer().await?;
        let ordinal = writer.ordinal;
        let writes = vec![Write::ForgetDropped(pool)];
        self.0
            .carry_out(writer, writes, ordinal, Claim::Nothing, |_| {})
            .await
    }
}

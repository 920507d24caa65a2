//! Before the fields of a pool change.

use model::ids::PoolId;
use model::permit::{Permit, Upkeep};

use super::Lake;
use crate::error::{LakeError, Result};

impl Lake {
    /// Called before a pool's fields are added, dropped or renamed: when it
    /// returns, no record of the pool rests on what its fields are called now.
    ///
    /// PLACEHOLDER, to be replaced with the tables: records are held under the
    /// paths of the fields that the pool had when it was opened, so that a
    /// change is refused here rather than half understood.
    ///
    /// # Errors
    /// Always, as long as records are held under paths.
    #[expect(clippy::unused_async, reason = "the flush that takes its place waits")]
    pub async fn settle(&self, _: &Permit<Upkeep>, _: PoolId) -> Result<()> {
        Err(LakeError::LimitExceeded(
            "a pool's fields cannot be added, dropped or renamed in this version".to_owned(),
        ))
    }
}

//! Records of pools that were deleted: they go from the data plane after the
//! control plane has let the pool go, and at the next start if a process ended
//! in between.

use model::ids::PoolId;
use model::permit::{Permit, Upkeep};

use crate::error::ApiError;
use crate::plane::PlaneError;
use crate::state::AppState;

/// Drops the records of a pool that was deleted.
///
/// # Errors
/// The data plane failed; then it is done at the next start.
pub(crate) async fn drop_pool(state: &AppState, pool: PoolId) -> Result<(), ApiError> {
    Ok(dropped(state, pool).await?)
}

async fn dropped(state: &AppState, pool: PoolId) -> Result<(), PlaneError> {
    state
        .plane
        .drop_pool(Permit::<Upkeep>::ours(), pool)
        .await?;
    if let Err(error) = state.control.pool_is_dropped(pool).await {
        tracing::warn!(%pool, %error, "that a pool's records are dropped was not noted; they are dropped once more at the next start");
    }
    Ok(())
}

/// Drops what an earlier run left of pools that were deleted. For a start.
pub async fn drop_left_over(state: &AppState) {
    let left = match state.control.pools_to_drop().await {
        Ok(left) => left,
        Err(error) => {
            tracing::warn!(%error, "which pools are still to be dropped could not be read");
            return;
        }
    };
    for (pool, project) in left {
        match dropped(state, pool).await {
            Ok(()) => {
                tracing::info!(%pool, %project, "what was left of a deleted pool is dropped");
            }
            Err(error) => {
                tracing::warn!(%pool, %error, "what is left of a deleted pool was not dropped; it will be at the next start");
            }
        }
    }
}

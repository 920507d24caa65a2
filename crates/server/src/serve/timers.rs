//! What a running server does every so often, beside upkeep.

use std::sync::Arc;
use std::time::Duration;

use control::Control;
use tokio_util::sync::CancellationToken;
use web::AppState;

/// How often the times of last use are written.
const LAST_USE_PERIOD: Duration = Duration::from_secs(60);
/// How often is looked whether answers of cached queries are due.
const REFRESH_PERIOD: Duration = Duration::from_secs(5);

/// Writes down when keys were last used.
pub(super) async fn save_last_use(control: Arc<Control>, stopping: CancellationToken) {
    let mut ticks = tokio::time::interval(LAST_USE_PERIOD);
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = ticks.tick() => {
                if let Err(error) = control.save_last_used().await {
                    tracing::warn!(%error, "the times of last use were not saved");
                }
            }
        }
    }
}

/// Makes due answers of cached queries anew, for whoever asks next.
pub(super) async fn refresh(state: AppState, stopping: CancellationToken) {
    let mut ticks = tokio::time::interval(REFRESH_PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = ticks.tick() => {
                tokio::select! {
                    () = stopping.cancelled() => return,
                    () = web::refresh(&state) => {}
                }
            }
        }
    }
}

//! What a running server does every so often, beside upkeep.

use std::sync::Arc;
use std::time::Duration;

use control::Control;
use model::time::{Clock, Timestamp};
use tokio_util::sync::CancellationToken;
use web::AppState;

use super::accept::is_far_ahead;
use crate::clock::SystemClock;

/// How often the times of last use are written, and secrets that have ended taken away.
const LAST_USE_PERIOD: Duration = Duration::from_secs(60);
/// How often is looked whether answers of cached queries are due.
const REFRESH_PERIOD: Duration = Duration::from_secs(5);

/// Writes down when keys were used and what they did, brings that to the pools `_usage`, takes secrets away that have ended, and
/// says once which keys should be rolled: at the start all of them. Says when
/// the machine's clock is far behind the time that goes on here.
pub(super) async fn tend_keys(
    control: Arc<Control>,
    clock: Arc<dyn Clock>,
    state: AppState,
    stopping: CancellationToken,
) {
    let mut ticks = tokio::time::interval(LAST_USE_PERIOD);
    let (mut seen, mut is_warned) = (Timestamp::MIN, false);
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = control.save_last_used().await {
            tracing::warn!(%error, "the times of last use were not saved");
        }
        // A start has other things to write first.
        if seen != Timestamp::MIN {
            // A long backlog holds up no stop: the rest is brought after the next start.
            tokio::select! {
                () = stopping.cancelled() => return,
                () = web::publish_usage(&state) => {}
            }
        }
        if let Err(error) = control.tidy_secrets().await {
            tracing::warn!(%error, "secrets that have ended were not taken away");
        }
        let (now, wall) = (clock.now(), SystemClock.now());
        if is_far_ahead(now, wall) && !is_warned {
            tracing::warn!(%now, %wall,
                "the machine's clock is far behind a time that was known; the next start is refused \
                 until one of the two is right (tidegate clock accept)");
        }
        is_warned = is_far_ahead(now, wall);
        control.log_due_rotations(seen, now);
        control.note_what_is_due();
        seen = seen.max(now);
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

//! What a running server does every so often, beside upkeep.

use std::sync::Arc;
use std::time::Duration;

use control::{Control, is_far_ahead};
use model::limits::CLOCK_MARK_SECONDS;
use model::time::{Clock, Timestamp};
use tokio_util::sync::CancellationToken;
use web::AppState;

use crate::clock::SystemClock;

/// How often the times of last use are written, and secrets that have ended taken away.
const LAST_USE_PERIOD: Duration = Duration::from_secs(60);
/// How often is looked whether answers of cached queries are due.
const REFRESH_PERIOD: Duration = Duration::from_secs(5);
/// How often is looked whether pages that are shown once waited for long enough.
const PAGES_PERIOD: Duration = Duration::from_secs(5);

/// From how many seconds on a clock that is behind is told of.
const BEHIND_SECONDS: i64 = 60;
/// After how many of those periods it is told again: an hour.
const TELL_AGAIN: u32 = 60;

/// Says once an hour that the machine's clock is behind.
#[derive(Debug, Default)]
struct Behind {
    /// Periods until it is said again.
    left: u32,
}

impl Behind {
    /// Whether it is to be said now.
    fn is_due(&mut self, known: Timestamp, wall: Timestamp) -> bool {
        let ahead = known.as_microsecond().saturating_sub(wall.as_microsecond());
        if ahead < BEHIND_SECONDS * 1_000_000 {
            self.left = 0;
            return false;
        }
        let is_due = self.left == 0;
        self.left = self.left.checked_sub(1).unwrap_or(TELL_AGAIN - 1);
        is_due
    }
}

/// Writes down when keys were used and what they did, brings that to the pools `_usage`, takes secrets away that have ended, and
/// says once which keys should be rolled: at the start all of them. Says when
/// the machine's clock is behind the time that goes on here, or far behind it.
pub(super) async fn tend_keys(
    control: Arc<Control>,
    clock: Arc<dyn Clock>,
    state: AppState,
    stopping: CancellationToken,
) {
    let mut ticks = tokio::time::interval(LAST_USE_PERIOD);
    let (mut seen, mut is_warned) = (Timestamp::MIN, false);
    let mut behind = Behind::default();
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
        if behind.is_due(now, wall) {
            tracing::warn!(%now, %wall,
                "the machine's clock is behind a time that was known, from which time goes on here; meanwhile one-time \
                 codes, signed requests and derived tokens of the clock's time may be refused, and what ends by time \
                 ends early; set the clock right (NTP), or, where it is right, stop the server for as long as the clock \
                 is behind");
        }
        control.log_due_rotations(seen, now);
        control.note_what_is_due();
        seen = seen.max(now);
    }
}

/// Marks how late it is while something is asked, until nothing is any more.
pub(super) async fn mark_time(control: Arc<Control>, drained: CancellationToken) {
    let mut ticks = tokio::time::interval(Duration::from_secs(CLOCK_MARK_SECONDS));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut is_told = false;
    loop {
        tokio::select! {
            () = drained.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let marked = control.mark_time().await;
        match &marked {
            Err(error) if !is_told => tracing::warn!(%error, "how late it is was not written"),
            _ => {}
        }
        is_told = marked.is_err();
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

/// Lets go of what the console shows once and nobody fetched.
pub(super) async fn let_go_of_pages(state: AppState, stopping: CancellationToken) {
    let mut ticks = tokio::time::interval(PAGES_PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = ticks.tick() => state.let_go_of_pages(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_a_minute_behind_is_told_of_once_an_hour() {
        let wall = Timestamp::parse("2026-06-01T12:00:00Z").expect("a time");
        let after = |seconds| {
            wall.checked_add(Duration::from_secs(seconds))
                .expect("in range")
        };
        let mut behind = Behind::default();
        assert!(!behind.is_due(wall, wall));
        assert!(!behind.is_due(after(59), wall));
        assert!(!behind.is_due(wall, after(600)), "the clock is ahead");
        let told: Vec<usize> = (0..121)
            .filter(|_| behind.is_due(after(60), wall))
            .collect();
        assert_eq!(told, [0, 60, 120]);
        // It was right for once: then it is told at once.
        assert!(!behind.is_due(wall, wall));
        assert!(behind.is_due(after(86_400), wall));
    }
}

//! How often something may be done: a log of what was let in within the last
//! second (a "sliding window log").
//!
//! The promise is the plain reading of the number: **in no stretch of one
//! second are more than N let in**, wherever it begins. Counters of fixed
//! windows and buckets that refill (GCRA among them) let in up to 2 N around a
//! border or after a pause. The price is 8 bytes for each request of the last
//! second.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::time::Timestamp;

/// The stretch of time that a rate is said of.
pub const RATE_WINDOW: Duration = Duration::from_secs(1);
const WINDOW_MICROS: i64 = 1_000_000;

/// Instants kept for which no room is given back.
const KEPT_ROOM: usize = 64;

/// When, within the last second, something was let in.
#[derive(Debug, Default)]
pub struct RateLog {
    /// Ascending, in microseconds.
    let_in: VecDeque<i64>,
}

/// Where a caller stands with a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateStanding {
    /// How many are let in within any second.
    pub limit: NonZeroU32,
    /// How many more would be let in at this instant.
    pub remaining: u32,
}

impl RateLog {
    /// Lets one in at `now`, and notes it.
    ///
    /// When the clock was set back, what is noted later than `now` counts as
    /// of `now`: nobody waits longer than a second, and no second of real time
    /// sees more than `limit`. When it was set forward, what is noted is
    /// forgotten early.
    ///
    /// # Errors
    /// How long to wait, 1 s at most: whoever comes then is let in, unless
    /// others came before. One who is refused changes nothing.
    pub fn take(&mut self, limit: NonZeroU32, now: Timestamp) -> Result<RateStanding, Duration> {
        self.check(limit, now)?;
        self.let_in.push_back(now.as_microsecond());
        Ok(self.standing(limit))
    }

    /// Whether one would be let in at `now`; nothing is noted.
    ///
    /// # Errors
    /// As [`RateLog::take`].
    pub fn check(&mut self, limit: NonZeroU32, now: Timestamp) -> Result<(), Duration> {
        self.forget_before(now);
        let now = now.as_microsecond();
        let allowed = usize::try_from(limit.get()).unwrap_or(usize::MAX);
        let Some(leaving) = self.let_in.len().checked_sub(allowed) else {
            return Ok(());
        };
        let leaves = self.let_in.get(leaving);
        let leaves = leaves.map_or(now, |at| at + WINDOW_MICROS);
        let wait = u64::try_from(leaves - now).unwrap_or(0);
        Err(Duration::from_micros(wait))
    }

    /// How many more would be let in at `now`.
    pub fn look(&mut self, limit: NonZeroU32, now: Timestamp) -> RateStanding {
        self.forget_before(now);
        self.standing(limit)
    }

    fn standing(&self, limit: NonZeroU32) -> RateStanding {
        let taken = u32::try_from(self.let_in.len()).unwrap_or(u32::MAX);
        RateStanding {
            limit,
            remaining: limit.get().saturating_sub(taken),
        }
    }

    /// Forgets what no second that ends at `now` or later holds.
    fn forget_before(&mut self, now: Timestamp) {
        let now = now.as_microsecond();
        let later = self.let_in.iter_mut().rev().take_while(|at| **at > now);
        later.for_each(|at| *at = now);
        let has_left = |at: &i64| now - at >= WINDOW_MICROS;
        while self.let_in.front().is_some_and(has_left) {
            self.let_in.pop_front();
        }
        if self.let_in.capacity() > KEPT_ROOM.max(4 * self.let_in.len()) {
            self.let_in.shrink_to(KEPT_ROOM.max(2 * self.let_in.len()));
        }
    }
}

#[cfg(test)]
mod tests;

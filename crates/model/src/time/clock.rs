//! The clock, passed in so that tests can hold and move it.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::Timestamp;

/// A source of the present instant. Nothing in the house asks the machine for
/// the time in any other way.
pub trait Clock: Send + Sync + Debug {
    /// The present instant. It may repeat, and may step back when the machine's
    /// clock is corrected.
    fn now(&self) -> Timestamp;

    /// Says that `mark` was the present once. A clock that can tell how much
    /// time goes by without the machine's time of day may go on from there.
    fn not_before(&self, mark: Timestamp) {
        let _ = mark;
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }

    fn not_before(&self, mark: Timestamp) {
        (**self).not_before(mark);
    }
}

/// A clock for tests and simulations that stands still until it is told to
/// move.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `now`.
    pub const fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.as_microsecond()))
    }

    /// Moves the clock to `now`, forwards or backwards.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_microsecond(), Ordering::SeqCst);
    }

    /// Moves the clock forwards by `step` and returns the new present; the
    /// clock stops at [`Timestamp::MAX`].
    pub fn advance(&self, step: Duration) -> Timestamp {
        let after = |micros| {
            let now = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX);
            now.checked_add(step).unwrap_or(Timestamp::MAX)
        };
        let before = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |micros| {
                Some(after(micros).as_microsecond())
            })
            .unwrap_or_else(|unchanged| unchanged);
        after(before)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests;

//! The machine's clock: the one place that reads it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use model::time::{Clock, Timestamp};

/// The real-time clock of the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the clock that all others go by"
        )]
        let now = jiff::Timestamp::now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(Timestamp::MAX)
    }
}

/// The same but for steps back: then time goes on from where it was, as fast
/// as it passes, until the machine's time of day has come up to it.
#[derive(Debug)]
pub(crate) struct SteadyClock {
    start: Instant,
    /// Microseconds from `start` to 1970, the largest that was ever seen.
    ahead: AtomicI64,
}

impl SteadyClock {
    /// The clock as the machine has it.
    pub(crate) fn new() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the clock that all others go by"
        )]
        let start = Instant::now();
        Self {
            start,
            ahead: AtomicI64::new(i64::MIN),
        }
    }

    fn elapsed(&self) -> i64 {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the clock that all others go by"
        )]
        let elapsed = self.start.elapsed();
        i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
    }

    /// The present, when the machine says `time` at `elapsed`.
    fn at(&self, time: i64, elapsed: i64) -> i64 {
        let ahead = time.saturating_sub(elapsed);
        let before = self.ahead.fetch_max(ahead, Ordering::SeqCst);
        before.max(ahead).saturating_add(elapsed)
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        let now = self.at(SystemClock.now().as_microsecond(), self.elapsed());
        Timestamp::from_microsecond(now).unwrap_or(Timestamp::MAX)
    }

    fn not_before(&self, mark: Timestamp) {
        self.at(mark.as_microsecond(), self.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k7_time_goes_on_where_the_machine_steps_back() {
        let clock = SteadyClock::new();
        assert_eq!(clock.at(1_000, 0), 1_000);
        assert_eq!(clock.at(1_010, 10), 1_010);
        // An hour back: time goes on as fast as it passes.
        assert_eq!(clock.at(500, 20), 1_020);
        assert_eq!(clock.at(530, 50), 1_050);
        // Corrected: as the machine says.
        assert_eq!(clock.at(1_100, 60), 1_100);
        assert_eq!(clock.at(1_110, 70), 1_110);
        // What another run knew.
        clock.at(5_000, 80);
        assert_eq!(clock.at(1_130, 90), 5_010);
    }
}

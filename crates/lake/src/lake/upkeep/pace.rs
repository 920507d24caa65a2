//! How fast files are merged: the disk is there for others too.

use std::time::Duration;

use model::time::Timestamp;

use super::Lake;

/// Keeps a merge to what it may write in a second.
#[derive(Debug)]
pub(super) struct Pace {
    bytes_per_second: u64,
    written: u64,
    at: Timestamp,
}

impl Pace {
    /// From now on.
    pub(super) fn of(lake: &Lake) -> Self {
        Self {
            bytes_per_second: lake.upkeep.options.merge_bytes_per_second,
            written: 0,
            at: lake.clock.now(),
        }
    }

    /// Waits until a merge that has written so many bytes may go on, or the lake is closed.
    pub(super) fn keep(&mut self, lake: &Lake, written: u64) {
        let bytes = written.saturating_sub(self.written);
        let now = lake.clock.now();
        let passed = now
            .as_microsecond()
            .saturating_sub(self.at.as_microsecond());
        let passed = Duration::from_micros(passed.try_into().unwrap_or(0));
        let wait = time_of(bytes, self.bytes_per_second).saturating_sub(passed);
        if !wait.is_zero() {
            lake.stopping.wait(wait);
        }
        self.written = self.written.max(written);
        self.at = lake.clock.now();
    }
}

/// How long so many bytes take.
fn time_of(bytes: u64, bytes_per_second: u64) -> Duration {
    let micros = u128::from(bytes) * 1_000_000 / u128::from(bytes_per_second.max(1));
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_as_long_as_the_limit_says() {
        assert_eq!(time_of(0, 1), Duration::ZERO);
        assert_eq!(time_of(3 << 20, 1 << 20), Duration::from_secs(3));
        assert_eq!(time_of(1, 2), Duration::from_millis(500));
        assert_eq!(time_of(5, 0), Duration::from_secs(5), "never for ever");
        assert_eq!(time_of(u64::MAX, 1), Duration::from_micros(u64::MAX));
        assert_eq!(time_of(1 << 40, u64::MAX), Duration::ZERO);
    }
}

//! How fast files are merged: the disk is there for others too.

use std::sync::Arc;
use std::time::Duration;

use model::pools::Pool;
use model::time::Timestamp;

use super::Lake;

/// How often it is looked at whether a merge is to hurry.
const LOOK: Duration = Duration::from_secs(1);

/// Keeps a merge to what it may write in a second, for as long as it need not hurry.
#[derive(Debug)]
pub(super) struct Pace {
    pool: Arc<Pool>,
    bytes_per_second: u64,
    written: u64,
    at: Timestamp,
    /// Whether it is to hurry, as was seen at the last look; before the first there is none.
    hurries: Option<bool>,
    /// How long it has waited since then.
    waited: Duration,
}

impl Pace {
    /// From now on.
    pub(super) fn of(lake: &Lake, pool: Arc<Pool>) -> Self {
        Self {
            pool,
            bytes_per_second: lake.upkeep.options.merge_bytes_per_second,
            written: 0,
            at: lake.clock.now(),
            hurries: None,
            waited: Duration::ZERO,
        }
    }

    /// Waits until a merge that has written so many bytes may go on, or has to, or the lake is closed.
    pub(super) fn keep(&mut self, lake: &Lake, written: u64) {
        let bytes = written.saturating_sub(self.written);
        let passed = lake.clock.now().as_microsecond();
        let passed = passed.saturating_sub(self.at.as_microsecond());
        let passed = Duration::from_micros(passed.try_into().unwrap_or(0));
        self.waited = self.waited.saturating_add(passed);
        let mut wait = time_of(bytes, self.bytes_per_second).saturating_sub(passed);
        while !wait.is_zero() && !lake.stopping.is_told() && !self.must_hurry(lake) {
            let part = wait.min(LOOK);
            lake.stopping.wait(part);
            wait -= part;
            self.waited = self.waited.saturating_add(part);
        }
        self.written = self.written.max(written);
        self.at = lake.clock.now();
    }

    /// A merge may take hours, and what comes meanwhile may leave it no time.
    fn must_hurry(&mut self, lake: &Lake) -> bool {
        match self.hurries {
            Some(hurries) if self.waited < LOOK => hurries,
            _ => {
                let hurries = lake.must_hurry(&self.pool);
                (self.hurries, self.waited) = (Some(hurries), Duration::ZERO);
                hurries
            }
        }
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

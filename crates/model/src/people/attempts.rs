//! How fast somebody may guess.

use std::time::Duration;

use crate::limits::{ATTEMPTS_FREE as FREE, ATTEMPTS_IN_A_ROW_MAX};
use crate::time::Timestamp;

const FIRST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// Wrong attempts since the last good one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    failures: u32,
    last: Option<Timestamp>,
}

/// What an attempt must wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It is looked at.
    No,
    /// Not before so much time has gone.
    For(Duration),
    /// Until another person helps.
    ForHelp,
}

impl Attempts {
    /// The attempts as they are stored.
    pub fn restore(failures: u32, last: Option<Timestamp>) -> Self {
        Self { failures, last }
    }

    /// How many there were.
    pub fn failures(self) -> u32 {
        self.failures
    }

    /// When the last one was.
    pub fn last(self) -> Option<Timestamp> {
        self.last
    }

    /// Whether one more is looked at now: five are, and after each further one
    /// there is a wait, twice as long each time up to 15 minutes. A clock that
    /// steps back makes no wait shorter.
    pub fn wait(self, now: Timestamp) -> Wait {
        if self.failures >= ATTEMPTS_IN_A_ROW_MAX {
            return Wait::ForHelp;
        }
        let Some(last) = self.last.filter(|_| self.failures >= FREE) else {
            return Wait::No;
        };
        let doubled = 1_u32.checked_shl(self.failures - FREE).unwrap_or(u32::MAX);
        let wait = FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT);
        let end = last.checked_add(wait).unwrap_or(Timestamp::MAX);
        match u64::try_from(end.as_microsecond() - now.as_microsecond()) {
            Ok(left @ 1..) => Wait::For(Duration::from_micros(left)),
            _ => Wait::No,
        }
    }

    /// The attempts after one more that was wrong.
    #[must_use]
    pub fn and_one_more(self, now: Timestamp) -> Self {
        Self {
            failures: self.failures.saturating_add(1),
            last: self.last.max(Some(now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k8_five_failures_and_then_a_delay_that_no_step_back_shortens() {
        let start = Timestamp::parse("2026-06-01T12:00:00Z").expect("a time");
        let mut attempts = Attempts::default();
        for _ in 0..FREE {
            assert_eq!(attempts.wait(start), Wait::No);
            attempts = attempts.and_one_more(start);
        }
        assert_eq!(attempts.wait(start), Wait::For(FIRST_WAIT));
        let back = start.checked_sub(Duration::from_secs(3_600));
        let back = back.expect("in range");
        let longer = FIRST_WAIT + Duration::from_secs(3_600);
        assert_eq!(attempts.wait(back), Wait::For(longer));
        let end = start.checked_add(FIRST_WAIT).expect("in range");
        assert_eq!(attempts.wait(end), Wait::No);
    }

    #[test]
    fn k8_waits_grow_and_nobody_guesses_more_than_a_hundred_times() {
        let mut now = Timestamp::parse("2026-06-01T12:00:00Z").expect("a time");
        let mut attempts = Attempts::default();
        let (mut looked_at, mut longest) = (0, Duration::ZERO);
        loop {
            match attempts.wait(now) {
                Wait::No => {
                    looked_at += 1;
                    attempts = attempts.and_one_more(now);
                }
                Wait::For(wait) => {
                    assert!(wait >= longest, "a wait was shorter than the one before");
                    longest = wait;
                    now = now.checked_add(wait).expect("in range");
                }
                Wait::ForHelp => break,
            }
        }
        assert_eq!((looked_at, longest), (ATTEMPTS_IN_A_ROW_MAX, LONGEST_WAIT));
    }
}

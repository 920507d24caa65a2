//! How fast somebody may guess.

use std::time::Duration;

use crate::limits::{
    ATTEMPTS_FREE as FREE, ATTEMPTS_IN_A_ROW_MAX, CODES_BY_CALLER_MAX, CODES_BY_KEYS_MAX,
};
use crate::time::Timestamp;

const FIRST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

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
        let Some(beyond) = self.failures.checked_sub(FREE) else {
            return Wait::No;
        };
        let doubled = 1_u32.checked_shl(beyond).unwrap_or(u32::MAX);
        self.wait_after(FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT), now)
    }

    /// The same of codes of one person that keys bring: after twenty of them
    /// there is a day between two. They never end, so that nobody who has a key
    /// shuts a person out, and there are never more than twenty in a day.
    pub fn wait_of_keys(self, now: Timestamp) -> Wait {
        match self.failures < CODES_BY_KEYS_MAX {
            true => self.wait(now),
            false => self.wait_after(DAY, now),
        }
    }

    /// The same of codes that one caller brings, of whomever: after twenty of them
    /// there is an hour between two.
    pub fn wait_of_caller(self, now: Timestamp) -> Wait {
        match self.failures < CODES_BY_CALLER_MAX {
            true => self.wait(now),
            false => self.wait_after(HOUR, now),
        }
    }

    fn wait_after(self, wait: Duration, now: Timestamp) -> Wait {
        let Some(last) = self.last else {
            return Wait::No;
        };
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
    fn k8_keys_bring_twenty_wrong_codes_of_a_person_in_a_day_and_never_the_last() {
        let start = Timestamp::parse("2026-06-01T12:00:00Z").expect("a time");
        let mut now = start;
        let (mut attempts, mut looked_at) = (Attempts::default(), Vec::new());
        while looked_at.len() < 200 {
            match attempts.wait_of_keys(now) {
                Wait::No => {
                    looked_at.push(now);
                    attempts = attempts.and_one_more(now);
                }
                Wait::For(wait) => now = now.checked_add(wait).expect("in range"),
                Wait::ForHelp => panic!("nobody helps a key"),
            }
        }
        let most = usize::try_from(CODES_BY_KEYS_MAX).expect("few");
        for pair in looked_at.windows(most + 1) {
            assert!(pair[most].since(pair[0]) >= DAY, "{pair:?}");
        }
        let of_caller = Attempts::restore(CODES_BY_CALLER_MAX, Some(start));
        assert_eq!(of_caller.wait_of_caller(start), Wait::For(HOUR));
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

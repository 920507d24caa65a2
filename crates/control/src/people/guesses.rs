//! Wrong attempts by whatever they are counted by: of passwords by name,
//! whether somebody has the name or not, so that the answers tell nobody who is
//! known here.
//!
//! They are counted in a fixed number of cells, each name in one of them, and no
//! cell makes room for another. A list that forgets its oldest names could be
//! flushed by guesses at others; and one that keeps the names which exist would
//! tell, after such a flush, by who still waits, which these are. Which names share
//! a cell, nobody can work out from outside: it is another one in each run.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::limits::{ATTEMPT_CELLS, ATTEMPTS_IN_A_ROW_MAX};
use model::people::{Attempts, Wait};
use model::time::Timestamp;

/// After so long without a wrong attempt those at a sign-in are counted anew:
/// whoever waits for that guesses less often than who waits as told.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Kept in memory alone: it only slows down who guesses.
#[derive(Debug)]
pub(super) struct Guesses<N> {
    cells: Mutex<HashMap<u64, Attempts>>,
    key: RandomState,
    forgets: bool,
    of: PhantomData<fn(&N)>,
}

impl<N> Default for Guesses<N> {
    fn default() -> Self {
        Self {
            cells: Mutex::default(),
            key: RandomState::new(),
            forgets: false,
            of: PhantomData,
        }
    }
}

impl<N: Hash> Guesses<N> {
    /// Of what anybody may guess at, who need not be let in for it: strangers'
    /// guesses of weeks do not add up in the cells.
    pub(super) fn of_strangers() -> Self {
        Self {
            forgets: true,
            ..Self::default()
        }
    }

    /// The wrong guesses at the name.
    pub(super) fn of(&self, name: &N) -> Attempts {
        let cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        cells.get(&self.cell(name)).copied().unwrap_or_default()
    }

    /// Notes a wrong guess. However many there were, a name is never shut for
    /// good: anybody could do that to anybody.
    pub(super) fn failed(&self, name: &N, now: Timestamp) {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let attempts = cells.entry(self.cell(name)).or_default();
        let is_over = |last: Timestamp| now.since(last) > FORGOTTEN_AFTER;
        let before = match self.forgets && attempts.last().is_some_and(is_over) {
            true => Attempts::default(),
            false => *attempts,
        };
        let more = before.and_one_more(now);
        let failures = more.failures().min(ATTEMPTS_IN_A_ROW_MAX - 1);
        *attempts = Attempts::restore(failures, more.last());
    }

    /// Forgets the wrong guesses, after a good one.
    pub(super) fn forget(&self, name: &N) {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        cells.remove(&self.cell(name));
    }

    fn cell(&self, name: &N) -> u64 {
        self.key.hash_one(name) % ATTEMPT_CELLS
    }
}

/// The longer of two waits; `None` in it is one that only another person ends.
pub(super) fn longer(first: Wait, second: Wait) -> Result<(), Option<Duration>> {
    match (first, second) {
        (Wait::ForHelp, _) | (_, Wait::ForHelp) => Err(None),
        (Wait::For(first), Wait::For(second)) => Err(Some(first.max(second))),
        (Wait::For(wait), Wait::No) | (Wait::No, Wait::For(wait)) => Err(Some(wait)),
        (Wait::No, Wait::No) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k10_no_guesses_at_others_make_a_name_guessable_again_known_or_not() {
        let start = Timestamp::parse("2026-06-01T12:00:00Z").expect("a time");
        let guesses: Guesses<String> = Guesses::of_strangers();
        let names = ["ada@example.com", "nobody@example.com"].map(str::to_owned);
        for name in &names {
            for _ in 0..20 {
                guesses.failed(name, start);
            }
        }
        let at = |minutes: u64| {
            let later = start.checked_add(Duration::from_secs(60 * minutes));
            later.expect("a time")
        };
        for number in 0..50_000 {
            guesses.failed(&format!("n{number}@example.com"), at(1));
        }
        for name in &names {
            assert!(guesses.of(name).failures() >= 20, "{name}");
            assert_ne!(guesses.of(name).wait(at(2)), Wait::No, "{name}");
        }
        // However many names there are, no more is kept than there are cells.
        for number in 0..2 * ATTEMPT_CELLS {
            guesses.failed(&format!("m{number}@example.com"), at(3));
        }
        let kept = guesses.cells.lock().expect("not poisoned").len();
        assert!(u64::try_from(kept).expect("few") <= ATTEMPT_CELLS);
    }

    #[test]
    fn k10_guesses_of_days_ago_do_not_add_up_where_strangers_guess() {
        let start = Timestamp::parse("2026-06-01T12:00:00Z").expect("a time");
        let day_later = start.checked_add(FORGOTTEN_AFTER + Duration::from_secs(1));
        let counted = |guesses: Guesses<u32>| {
            for _ in 0..20 {
                guesses.failed(&1, start);
            }
            guesses.failed(&1, day_later.expect("a time"));
            guesses.of(&1).failures()
        };
        assert_eq!(counted(Guesses::of_strangers()), 1);
        assert_eq!(counted(Guesses::default()), 21);
    }
}

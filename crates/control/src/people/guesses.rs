//! Wrong attempts by whatever they are counted by: of passwords by name,
//! whether somebody has the name or not, so that the answers tell nobody who is
//! known here.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::limits::{ATTEMPTED_NAMES_MAX, ATTEMPTS_IN_A_ROW_MAX};
use model::people::{Attempts, Wait};
use model::time::Timestamp;

/// Kept in memory alone: it only slows down who guesses.
#[derive(Debug)]
pub(super) struct Guesses<N>(Mutex<HashMap<N, Attempts>>);

impl<N> Default for Guesses<N> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<N: Clone + Eq + Hash> Guesses<N> {
    /// The wrong guesses at the name.
    pub(super) fn of(&self, name: &N) -> Attempts {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(name).copied().unwrap_or_default()
    }

    /// Notes a wrong guess. However many there were, a name is never shut for
    /// good: anybody could do that to anybody.
    pub(super) fn failed(&self, name: &N, now: Timestamp) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= ATTEMPTED_NAMES_MAX && !names.contains_key(name) {
            let oldest = names.iter().min_by_key(|(_, attempts)| attempts.last());
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                names.remove(&oldest);
            }
        }
        let attempts = names.entry(name.clone()).or_default();
        let more = attempts.and_one_more(now);
        let failures = more.failures().min(ATTEMPTS_IN_A_ROW_MAX - 1);
        *attempts = Attempts::restore(failures, more.last());
    }

    /// Forgets the wrong guesses, after a good one.
    pub(super) fn forget(&self, name: &N) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.remove(name);
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

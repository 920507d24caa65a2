//! Freeing the journal: what is still needed of it is written down anew at its
//! end, and what lies before is released.

use std::cell::Cell;
use std::collections::HashSet;

use model::ids::PoolId;

use super::publish::has_passed;
use super::{Freeing, Lake, Writing};
use crate::error::Result;
use crate::journal::Position;
use crate::store::{AnswerCursor, Operation, Outcome, PoolState};

/// Pools that were dropped, in one operation.
const DROPPED_PART: usize = 256;

impl Lake {
    /// Whether so much was written that it is worth it.
    pub(super) fn must_carry(&self, memory: &Freeing) -> bool {
        let counts = self.journal.counts();
        let written = memory.carried.map(|then| counts.bytes.saturating_sub(then));
        counts.segments > self.upkeep.options.journal_segments / 2
            && written.is_none_or(|written| written >= self.upkeep.segment_bytes)
    }

    /// Writes down what is needed: which files each pool has, the saved
    /// answers, and tokens that their store does not have yet. Records in memory
    /// alone keep the journal from where they are.
    pub(super) fn carry_on(&self, memory: &mut Freeing) -> Result<()> {
        let begin = self.pools.applied();
        self.carry_from(memory, begin.map(|begin| Position::new(begin.get() + 1)))
    }

    /// The same, so that no byte of what is not needed stays in the journal's
    /// files, be it of records that are gone.
    pub(super) fn wipe_journal(&self, memory: &mut Freeing) -> Result<()> {
        memory.wiping = None;
        self.settle_journal()?;
        let begin = self.journal.turn_over()?;
        self.carry_from(memory, Some(begin))?;
        self.journal.wipe()?;
        memory.wiped = Some((self.clock.now(), self.journal.counts().bytes));
        Ok(())
    }

    /// Whether the journal is to be wiped: at times, when something was written.
    pub(super) fn must_wipe(&self, memory: &mut Freeing) -> bool {
        let now = self.clock.now();
        // What an earlier process wrote is not known.
        let (since, bytes) = memory.wiped.get_or_insert((now, u64::MAX));
        // A clock that was set back must not put it off.
        *since = now.min(*since);
        let (since, bytes) = (*since, *bytes);
        let patience = self.upkeep.options.purge_after / 2;
        bytes != self.journal.counts().bytes
            && has_passed(since, now, patience)
            && !memory.failures.rests(Writing::Wipe, now)
    }

    /// The pool whose records go to files next, so that those of then are in
    /// no segment that a wipe must keep; each is tried once, the largest first.
    pub(super) fn flush_before_wipe(
        &self,
        memory: &mut Freeing,
        states: &[PoolState],
    ) -> Option<PoolId> {
        let applied = self.pools.applied()?;
        let (until, tried) = memory.wiping.get_or_insert((applied, HashSet::new()));
        let due = states.iter().filter(|state| {
            let is_older = state.oldest.is_some_and(|oldest| oldest <= *until);
            is_older && !tried.contains(&state.id)
        });
        let next = due.max_by_key(|state| state.bytes)?.id;
        tried.insert(next);
        Some(next)
    }

    /// What was applied before `begin` is written down anew where it is needed.
    fn carry_from(&self, memory: &mut Freeing, begin: Option<Position>) -> Result<()> {
        // Also when this fails: the next flush must not wait for it.
        memory.has_flushed = false;
        let Some(begin) = begin else {
            return Ok(());
        };
        for state in self.pools.states() {
            if !state.manifest.is_empty() {
                self.submit_upkeep(Operation::State { pool: state.id })?;
            }
        }
        for pools in self.pools.dropped().chunks(DROPPED_PART) {
            let pools = pools.to_vec();
            self.submit_upkeep(Operation::Dropped { pools })?;
        }
        let mut from = Some(AnswerCursor::START);
        while let Some(cursor) = from {
            let part = Operation::Answers {
                from: cursor,
                next: Cell::default(),
            };
            from = match self.submit_upkeep(part)? {
                Outcome::Carried(next) => next,
                _ => None,
            };
        }
        self.carry_tokens(memory)?;
        let states = self.pools.states();
        let oldest = states.iter().filter_map(|state| state.oldest);
        let needed = oldest.chain(self.upkeep.pinned).min();
        #[cfg(test)]
        let needed = self.staged_release(needed);
        self.journal
            .release(needed.map_or(begin, |needed| needed.min(begin)));
        self.settle_journal()?;
        memory.carried = Some(self.journal.counts().bytes);
        Ok(())
    }
}

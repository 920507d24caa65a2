//! Freeing the journal: what is still needed of it is written down anew at its
//! end, and what lies before is released.

use std::cell::Cell;

use super::{Lake, Memory};
use crate::error::Result;
use crate::journal::Position;
use crate::store::{AnswerCursor, Operation, Outcome};

/// Pools that were dropped, in one operation.
const DROPPED_PART: usize = 256;

impl Lake {
    /// Whether so much was written that it is worth it.
    pub(super) fn must_carry(&self, memory: &Memory) -> bool {
        let counts = self.journal.counts();
        let written = memory.carried.map(|then| counts.bytes.saturating_sub(then));
        counts.segments > self.upkeep.options.journal_segments / 2
            && written.is_none_or(|written| written >= self.upkeep.segment_bytes)
    }

    /// Writes down what is needed: which files each pool has, and the saved
    /// answers. Records in memory alone keep the journal from where they are.
    pub(super) fn carry_on(&self, memory: &mut Memory) -> Result<()> {
        let Some(begin) = self.pools.applied() else {
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
        let states = self.pools.states();
        let oldest = states.iter().filter_map(|state| state.oldest);
        let needed = oldest.chain(self.upkeep.pinned).min();
        let done = Position::new(begin.get() + 1);
        self.journal
            .release(needed.map_or(done, |needed| needed.min(done)));
        self.settle_journal()?;
        memory.carried = Some(self.journal.counts().bytes);
        Ok(())
    }
}

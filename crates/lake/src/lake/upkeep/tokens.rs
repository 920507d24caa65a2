//! Tokens of uniqueness go from memory to their store, and end there.

use std::time::Duration;

use model::time::Timestamp;
use model::uniqueness::TokenTag;

use super::publish::has_passed;
use super::{Freeing, Lake, Tending, Writing};
use crate::error::Result;
use crate::journal::JournalError;
use crate::operation::encode_tokens;
use crate::store::Operation;

/// Tags that are moved at once.
const MOVED_PART: usize = 1 << 13;
/// Tags that are forgotten at once.
const FORGOTTEN_PART: usize = 1 << 12;
/// How long tags that ended may stay in the store when nothing else is to be done.
const FORGET_EVERY: Duration = Duration::from_secs(10 * 60);
/// How long tags that ended are kept on.
const KEPT_ON: Duration = Duration::from_secs(86_400);
/// The most tags that are carried on in one operation, and the bytes of each.
const CARRIED_PART: usize = 4_096;
const TAG_BYTES: usize = 24;
/// What else such an operation holds, at most.
const HEAD_BYTES: usize = 64;

impl Lake {
    /// Whether so many tags are in memory that some are to be moved.
    pub(super) fn must_move_tokens(&self, memory: &Freeing) -> bool {
        self.tokens.len() >= self.token_options.moved_at.max(1)
            && !memory.failures.rests(Writing::MoveTokens, self.clock.now())
    }

    /// Moves the oldest tags from memory to the store; answers how many. Memory
    /// lets go of them when the store has them on stable storage.
    pub(super) fn move_tokens(&self) -> Result<usize> {
        let tags = self.tokens.part(0, MOVED_PART);
        if tags.is_empty() {
            return Ok(0);
        }
        let ended = self.surely_ended();
        let lasting = tags.iter().filter(|(_, ends)| *ends > ended).copied();
        let lasting: Vec<(TokenTag, Timestamp)> = lasting.collect();
        if !lasting.is_empty() {
            self.token_store.insert(&lasting)?;
        }
        self.tokens.moved(&tags);
        Ok(tags.len())
    }

    /// Sees to it that the journal is not needed for the tags that are in
    /// memory now: some are moved, and the others are written down anew, which
    /// takes less time than to wait for the store. Records wait for this.
    pub(super) fn carry_tokens(&self, memory: &mut Freeing) -> Result<()> {
        if !memory.failures.rests(Writing::MoveTokens, self.clock.now()) {
            let moved = self.move_tokens().map(drop);
            let tried = Some(Writing::MoveTokens);
            // The failure is told; what was not moved is written down.
            let _told = self.noted(moved, tried, &mut memory.failures);
        }
        self.write_tokens_down()
    }

    fn write_tokens_down(&self) -> Result<()> {
        let room = self.operation_bytes.saturating_sub(HEAD_BYTES) / TAG_BYTES;
        let most = CARRIED_PART.min(room.max(1));
        // Those that come meanwhile are where the journal stays.
        let all = self.tokens.len();
        let mut from = 0;
        while from < all {
            if self.is_stopping() {
                return Err(JournalError::Stopped.into());
            }
            // Only upkeep takes some away, and this is upkeep.
            let tags = self.tokens.part(from, most.min(all - from));
            if tags.is_empty() {
                break;
            }
            from += tags.len();
            let payload = encode_tokens(&tags);
            self.submit_upkeep(Operation::Tokens { payload })?;
        }
        Ok(())
    }

    /// Whether some tags in the store may have ended.
    pub(super) fn must_forget_tokens(&self, memory: &Tending) -> bool {
        let now = self.clock.now();
        // A clock that was set back does not say.
        let is_due = |since| now < since || has_passed(since, now, FORGET_EVERY);
        !self.token_store.is_empty()
            && memory.forgotten.is_none_or(is_due)
            && !memory.failures.rests(Writing::ForgetTokens, now)
    }

    /// Tags that end at this time or before are not needed, also when the clock
    /// is a little ahead and will be set right.
    fn surely_ended(&self) -> Timestamp {
        let now = self.clock.now();
        now.checked_sub(KEPT_ON).unwrap_or(now)
    }

    /// Forgets some tags that ended.
    pub(super) fn forget_tokens(&self, memory: &mut Tending) -> Result<()> {
        let now = self.clock.now();
        let gone = self
            .token_store
            .forget(self.surely_ended(), FORGOTTEN_PART)?;
        memory.forgotten = (gone < FORGOTTEN_PART).then_some(now);
        Ok(())
    }
}

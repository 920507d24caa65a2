//! Tokens of uniqueness go from memory to their store, and end there.

use std::time::Duration;

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
        let now = self.clock.now();
        let lasting = tags.iter().filter(|(_, ends)| *ends > now).copied();
        let lasting: Vec<(TokenTag, _)> = lasting.collect();
        if !lasting.is_empty() {
            self.token_store.insert(&lasting)?;
        }
        self.tokens.moved(&tags);
        Ok(tags.len())
    }

    /// Sees to it that the journal is not needed for the tags that are in
    /// memory now: they are moved or, where the store fails, written down anew.
    pub(super) fn carry_tokens(&self) -> Result<()> {
        let mut left = self.tokens.len();
        while left > 0 {
            if self.is_stopping() {
                return Err(JournalError::Stopped.into());
            }
            match self.move_tokens() {
                Ok(moved) => left = left.saturating_sub(moved.max(1)),
                Err(error) => {
                    tracing::error!(%error, "tokens stay in the journal");
                    return self.write_tokens_down();
                }
            }
        }
        Ok(())
    }

    fn write_tokens_down(&self) -> Result<()> {
        let room = self.operation_bytes.saturating_sub(HEAD_BYTES) / TAG_BYTES;
        let most = CARRIED_PART.min(room.max(1));
        let mut from = 0;
        loop {
            // Only upkeep takes some away, and this is upkeep.
            let tags = self.tokens.part(from, most);
            if tags.is_empty() {
                return Ok(());
            }
            from += tags.len();
            let payload = encode_tokens(&tags);
            self.submit_upkeep(Operation::Tokens { payload })?;
        }
    }

    /// Whether some tags in the store may have ended.
    pub(super) fn must_forget_tokens(&self, memory: &Tending) -> bool {
        let now = self.clock.now();
        let is_due = |since| has_passed(since, now, FORGET_EVERY);
        !self.token_store.is_empty()
            && memory.forgotten.is_none_or(is_due)
            && !memory.failures.rests(Writing::ForgetTokens, now)
    }

    /// Forgets some tags that ended.
    pub(super) fn forget_tokens(&self, memory: &mut Tending) -> Result<()> {
        let now = self.clock.now();
        let gone = self.token_store.forget(now, FORGOTTEN_PART)?;
        memory.forgotten = (gone < FORGOTTEN_PART).then_some(now);
        Ok(())
    }
}

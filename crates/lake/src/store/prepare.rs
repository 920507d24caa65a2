//! What becomes of an operation before it is written.

use model::pools::Pool;

use super::answers::weight;
use super::{Operation, Outcome, Store};
use crate::buffer::Segment;
use crate::error::LakeError;
use crate::journal::Prepared;
use crate::operation::{
    IdempotencyTag, SavedAnswer, encode_answers, encode_commit, encode_dropped, encode_state,
};
use crate::uniqueness::NewTokens;

/// What a pool whose records cannot go to files may hold of the memory for
/// records: so many such pools leave no room for others, and fewer do.
const STUCK_SHARE: u64 = 8;

impl Store {
    /// Answers what was sent under an idempotency key that was used; `None`
    /// where it was not.
    pub(super) fn repeated(
        &mut self,
        tag: &IdempotencyTag,
        fingerprint: [u8; 32],
    ) -> Option<Prepared<Outcome>> {
        if self.pending.contains(tag) {
            return Some(Prepared::Again);
        }
        self.answers.forget_old();
        let earlier = self.answers.find(tag)?;
        Some(Prepared::Answer(match earlier.fingerprint == fingerprint {
            true => Outcome::Repeated(earlier.clone()),
            false => Outcome::Mismatch,
        }))
    }

    /// Answers a batch without storing it, when that is called for.
    fn answer(
        &mut self,
        segment: &Segment,
        saved: Option<&(IdempotencyTag, SavedAnswer)>,
    ) -> Option<Prepared<Outcome>> {
        if let Some((tag, answer)) = saved
            && let Some(answer) = self.repeated(tag, answer.fingerprint)
        {
            return Some(answer);
        }
        if let Some((tag, answer)) = saved
            && let bytes = weight(tag, answer)
            && let Some(full) = self.answers.refuses(tag.key, self.arriving_answers, bytes)
        {
            return Some(Prepared::Answer(Outcome::NoRoomForAnswers(full)));
        }
        // Deletes wait in the same group at most, and free room for what comes after it.
        let held = self.pools.bytes() + self.arriving;
        (segment.rows() > 0 && held + segment.bytes() > self.bound)
            .then_some(Prepared::Answer(Outcome::NoRoom(held)))
    }

    /// Decides what becomes of an operation on files.
    pub(super) fn prepare_files(
        &self,
        operation: &Operation,
        payload: &mut Vec<u8>,
    ) -> Prepared<Outcome> {
        match operation {
            Operation::Commit { pool, .. } | Operation::State { pool }
                if self.changing.contains_key(pool) =>
            {
                // What is written down is what was applied.
                return Prepared::Again;
            }
            Operation::Commit { pool, .. } if self.pools.is_dropped(*pool) => {
                return Prepared::Answer(Outcome::Dropped);
            }
            Operation::Commit { pool, change } => encode_commit(*pool, change, payload),
            Operation::State { pool } => {
                encode_state(*pool, &self.pools.manifest(*pool), payload);
            }
            Operation::Answers { from, next } => {
                let part = self.answers.part(*from);
                // What is saved or forgotten until it is applied moves no boundary.
                next.set(self.answers.after(*from));
                if part.is_empty() {
                    return Prepared::Answer(Outcome::Carried(None));
                }
                encode_answers(&part, payload);
            }
            Operation::Dropped { pools } => encode_dropped(pools, payload),
            _ => return Prepared::Answer(Outcome::Done(Ok(0))),
        }
        Prepared::Write
    }

    /// Decides what becomes of a batch.
    pub(super) fn prepare_append(
        &mut self,
        pool: &Pool,
        segment: &Segment,
        saved: Option<&(IdempotencyTag, SavedAnswer)>,
        tokens: Option<&NewTokens>,
    ) -> Option<Prepared<Outcome>> {
        if self.changing.contains_key(&pool.id) {
            // The pool may be about to be dropped, and then nothing is to be written for it.
            return Some(Prepared::Again);
        }
        if let Some(answer) = self.answer(segment, saved) {
            return Some(answer);
        }
        // What arrives in the same group counts, as for the bound of all; that of other pools is little.
        let stuck = self.pools.stuck_bytes(pool.id);
        if let Some(held) = stuck.map(|held| held + self.arriving)
            && held + segment.bytes() > self.bound / STUCK_SHARE
        {
            let bound = self.bound / STUCK_SHARE;
            let error = LakeError::PoolStuck {
                pool: pool.id,
                held,
                bound,
            };
            return Some(Prepared::Answer(Outcome::Done(Err(error))));
        }
        if self.pools.is_dropped(pool.id) {
            return Some(Prepared::Answer(Outcome::Done(Ok(0))));
        }
        if self.pools.forgot(pool, segment.injected().iter()) {
            return Some(Prepared::Answer(Outcome::Done(Err(LakeError::Busy))));
        }
        // Last: the tokens of what goes on are noted.
        if let Some(tokens) = tokens
            && let Some(answer) = self.tokens.answer(tokens, self.clock.now())
        {
            return Some(answer);
        }
        self.arriving += segment.bytes();
        if let Some((tag, answer)) = saved {
            self.pending.insert(tag.clone());
            self.arriving_answers += weight(tag, answer);
        }
        None
    }
}

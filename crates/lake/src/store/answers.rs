//! The answers saved under idempotency keys.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::limits::IDEMPOTENCY_SECONDS;
use model::time::{Clock, Timestamp};

use crate::operation::{IdempotencyTag, SavedAnswer};

/// A place in the order of age of the saved answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AnswerCursor(Timestamp, u64);

impl AnswerCursor {
    /// Before all of them.
    pub(crate) const START: Self = Self(Timestamp::MIN, 0);
}

/// Answers that are written down once more in one operation: each has a
/// client's text and up to a hundred faults.
const PART: usize = 64;

/// Answers by what they are found by, each kept for 24 hours by the clock.
#[derive(Debug)]
pub(super) struct SavedAnswers {
    clock: Arc<dyn Clock>,
    by_tag: HashMap<Arc<IdempotencyTag>, SavedAnswer>,
    /// Which answer is the next to go. A number sets those of one instant apart.
    by_age: BTreeMap<(Timestamp, u64), Arc<IdempotencyTag>>,
    next: u64,
}

impl SavedAnswers {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            by_tag: HashMap::new(),
            by_age: BTreeMap::new(),
            next: 0,
        }
    }

    /// Saves an answer; one that is too old already is not kept.
    pub(super) fn save(&mut self, tag: IdempotencyTag, answer: SavedAnswer) {
        if self.is_old(answer.at) {
            return;
        }
        let tag = Arc::new(tag);
        self.by_age.insert((answer.at, self.next), tag.clone());
        self.next += 1;
        self.by_tag.insert(tag, answer);
    }

    /// Takes over an answer that was written down once more, unless a later
    /// one of the same tag is known.
    pub(super) fn restore(&mut self, tag: IdempotencyTag, answer: SavedAnswer) {
        if self.find(&tag).is_none_or(|known| known.at < answer.at) {
            self.save(tag, answer);
        }
    }

    /// The next answers from a place on, at most [`PART`].
    pub(super) fn part(&self, from: AnswerCursor) -> Vec<(&IdempotencyTag, &SavedAnswer)> {
        let tags = self.by_age.range((from.0, from.1)..).take(PART);
        // An older entry of a tag that was used anew stands for the younger answer too.
        tags.filter_map(|(_, tag)| Some((tag.as_ref(), self.by_tag.get(tag)?)))
            .collect()
    }

    /// Where the part behind the one that begins at `from` begins.
    pub(super) fn after(&self, from: AnswerCursor) -> Option<AnswerCursor> {
        let mut next = self.by_age.range((from.0, from.1)..).skip(PART);
        next.next()
            .map(|((at, number), _)| AnswerCursor(*at, *number))
    }

    /// The answer that was saved under the tag, old or not.
    pub(super) fn find(&self, tag: &IdempotencyTag) -> Option<&SavedAnswer> {
        self.by_tag.get(tag)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.by_tag.len(), self.by_age.len())
    }

    /// Forgets the answers that are 24 hours old.
    pub(super) fn forget_old(&mut self) {
        while let Some(((at, _), _)) = self.by_age.first_key_value()
            && self.is_old(*at)
        {
            let Some(((at, _), tag)) = self.by_age.pop_first() else {
                return;
            };
            // The same tag may stand for a younger answer by now.
            if self.find(&tag).is_some_and(|answer| answer.at == at) {
                self.by_tag.remove(&tag);
            }
        }
    }

    fn is_old(&self, at: Timestamp) -> bool {
        let oldest = self.clock.now().as_microsecond() - IDEMPOTENCY_SECONDS * 1_000_000;
        at.as_microsecond() <= oldest
    }
}

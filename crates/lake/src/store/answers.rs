//! The answers saved under idempotency keys.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use model::ids::KeyId;
use model::limits::IDEMPOTENCY_SECONDS;
use model::records::RecordFault;
use model::time::{Clock, Timestamp};

use crate::operation::{IdempotencyTag, SavedAnswer};

/// A place in the order of age of the saved answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AnswerCursor(Timestamp, u64);

impl AnswerCursor {
    /// Before all of them.
    pub(crate) const START: Self = Self(Timestamp::MIN, 0);
}

/// There is no room for one more answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AnswersFull {
    /// Bytes held.
    pub(crate) held: u64,
    /// The bound.
    pub(crate) bound: u64,
}

/// Answers that are written down once more in one operation: each has a
/// client's text and up to a hundred faults.
const PART: usize = 64;

/// The share of all answers that those of one key may be: no key takes the room
/// of the others. All may take as much as records in memory, beside them.
const KEY_SHARE: u64 = 4;

/// What an answer takes beside its texts: its places in the two orders.
const ENTRY: usize = 256;

/// How often it is told that there is no room.
const TOLD_EVERY: Duration = Duration::from_secs(60 * 60);

/// The bytes that an answer takes, roughly.
pub(super) fn weight(tag: &IdempotencyTag, answer: &SavedAnswer) -> u64 {
    let faults = answer.faults.iter().map(|fault| {
        let field = fault.field.as_ref().map_or(0, String::len);
        size_of::<RecordFault>() + field + fault.message.len()
    });
    (ENTRY + tag.text.len() + faults.sum::<usize>()) as u64
}

/// Answers by what they are found by, each kept for 24 hours by the clock.
/// None goes before its time to make room: what it answers would be stored twice.
#[derive(Debug)]
pub(super) struct SavedAnswers {
    clock: Arc<dyn Clock>,
    by_tag: HashMap<Arc<IdempotencyTag>, SavedAnswer>,
    /// Which answer is the next to go. A number sets those of one instant apart.
    by_age: BTreeMap<(Timestamp, u64), Arc<IdempotencyTag>>,
    next: u64,
    /// The bytes of all, and of those of each key.
    bytes: u64,
    of_key: HashMap<KeyId, u64>,
    /// The bytes from which on no further ones are taken.
    bound: u64,
    /// When it was last told that there is no room.
    told: Option<Timestamp>,
}

impl SavedAnswers {
    /// No answers, beside so many bytes of records at most.
    pub(super) fn new(clock: Arc<dyn Clock>, buffer_bytes: u64) -> Self {
        Self {
            bytes: 0,
            of_key: HashMap::new(),
            bound: buffer_bytes,
            told: None,
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
        let weighs = weight(&tag, &answer);
        self.bytes += weighs;
        *self.of_key.entry(tag.key).or_default() += weighs;
        if let Some(older) = self.by_tag.insert(tag.clone(), answer) {
            self.forget_bytes(tag.key, weight(&tag, &older));
        }
    }

    fn forget_bytes(&mut self, key: KeyId, bytes: u64) {
        self.bytes -= bytes;
        if let Some(of_key) = self.of_key.get_mut(&key) {
            *of_key = of_key.saturating_sub(bytes);
            if *of_key == 0 {
                self.of_key.remove(&key);
            }
        }
    }

    /// Why one more answer of so many bytes to a key is not taken, where so many
    /// are on their way; `None` where it is.
    pub(super) fn refuses(&mut self, key: KeyId, arriving: u64, bytes: u64) -> Option<AnswersFull> {
        let of_key = self.of_key.get(&key).copied().unwrap_or(0);
        let bounds = [
            (of_key + arriving, self.bound / KEY_SHARE),
            (self.bytes + arriving, self.bound),
        ];
        let mut bounds = bounds.into_iter();
        let (held, bound) = bounds.find(|(held, bound)| held + bytes > *bound)?;
        let now = self.clock.now();
        let until = self.told.and_then(|told| told.checked_add(TOLD_EVERY));
        if self.told.is_none_or(|told| now < told) || until.is_some_and(|until| now >= until) {
            self.told = Some(now);
            tracing::warn!(
                held,
                bound,
                %key,
                "the answers kept under idempotency keys, of one API key or of all, have reached \
                 their bound: new ones are refused as busy until older ones are 24 hours old; send \
                 fewer and larger batches, or give the server a larger --buffer-bytes, from which \
                 the bounds follow"
            );
        }
        Some(AnswersFull { held, bound })
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

    /// The bytes of all, as they are kept and as they are counted anew.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> (u64, u64) {
        let anew = self.by_tag.iter();
        (
            self.bytes,
            anew.map(|(tag, answer)| weight(tag, answer)).sum(),
        )
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
            if self.find(&tag).is_some_and(|answer| answer.at == at)
                && let Some(answer) = self.by_tag.remove(&tag)
            {
                self.forget_bytes(tag.key, weight(&tag, &answer));
            }
        }
    }

    fn is_old(&self, at: Timestamp) -> bool {
        let oldest = self.clock.now().as_microsecond() - IDEMPOTENCY_SECONDS * 1_000_000;
        at.as_microsecond() <= oldest
    }
}

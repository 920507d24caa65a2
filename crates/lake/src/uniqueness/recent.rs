//! The tags that the journal holds and the store perhaps does not.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::time::Timestamp;
use model::uniqueness::TokenTag;

use super::NewTokens;

/// What becomes of the tokens of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// None of them is in memory, and no other can be in the store than those
    /// that were found there.
    New,
    /// These records come with tokens that are known.
    Repeated(Vec<usize>),
    /// Tags were moved to the store after it was asked: it must be asked again.
    LookAgain,
    /// There is no room for them; so many are held.
    NoRoom(usize),
}

/// Tags of applied operations, oldest first. The journal's thread adds them,
/// upkeep alone takes them away.
#[derive(Debug)]
pub(crate) struct RecentTokens {
    bound: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// How many there may be: more than the bound while replayed ones are there.
    room: usize,
    ends: HashMap<TokenTag, Timestamp>,
    /// The same tags, each once, in the order in which they came.
    order: VecDeque<TokenTag>,
    /// How often tags were taken away because the store has them.
    moves: u64,
}

impl RecentTokens {
    /// Room for so many tags.
    pub(crate) fn new(bound: usize) -> Self {
        let held = Held {
            room: bound,
            ..Held::default()
        };
        Self {
            bound,
            held: Mutex::new(held),
        }
    }

    /// Says that all tags so far were replayed. They take no room from new
    /// ones: else nobody could use a token before upkeep has moved them anew,
    /// although most are in the store already.
    pub(crate) fn replayed(&self) {
        let mut held = self.held();
        held.room = self.bound.saturating_add(held.order.len());
    }

    /// How many tags may be held now.
    pub(crate) fn room(&self) -> usize {
        self.held().room
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many tags are held.
    pub(crate) fn len(&self) -> usize {
        self.held().order.len()
    }

    /// How often tags were moved to the store; to be asked before the store is.
    pub(crate) fn moves(&self) -> u64 {
        self.held().moves
    }

    /// Whether a tag is held that ends after `now`.
    pub(crate) fn knows(&self, tag: &TokenTag, now: Timestamp) -> bool {
        self.held().ends.get(tag).is_some_and(|ends| *ends > now)
    }

    /// What becomes of tokens, while so many others are being written.
    pub(crate) fn judge(&self, tokens: &NewTokens, now: Timestamp, waiting: usize) -> Judgement {
        let held = self.held();
        if held.moves != tokens.looked {
            return Judgement::LookAgain;
        }
        let is_known = |tag| held.ends.get(tag).is_some_and(|ends| *ends > now);
        let repeated = tokens.tags.iter().filter(|(_, tag)| is_known(tag));
        let repeated: Vec<usize> = repeated.map(|(place, _)| *place).collect();
        let all = held.order.len() + waiting + tokens.tags.len();
        if !repeated.is_empty() {
            Judgement::Repeated(repeated)
        } else if all > held.room {
            Judgement::NoRoom(held.order.len())
        } else {
            Judgement::New
        }
    }

    /// Adds tags of an applied operation; of those that are there, the later
    /// end holds.
    pub(crate) fn add(&self, tags: impl IntoIterator<Item = TokenTag>, ends: Timestamp) {
        let mut held = self.held();
        let Held {
            ends: known, order, ..
        } = &mut *held;
        for tag in tags {
            let known = known.entry(tag).or_insert_with(|| {
                order.push_back(tag);
                ends
            });
            *known = (*known).max(ends);
        }
    }

    /// Some of the tags, from this place on.
    pub(crate) fn part(&self, from: usize, most: usize) -> Vec<(TokenTag, Timestamp)> {
        let held = self.held();
        let tags = held.order.iter().skip(from).take(most);
        tags.filter_map(|tag| Some((*tag, *held.ends.get(tag)?)))
            .collect()
    }

    /// Takes away the oldest tags, as [`RecentTokens::part`] told them: the
    /// store has them now. One that was used anew meanwhile stays.
    pub(crate) fn moved(&self, tags: &[(TokenTag, Timestamp)]) {
        let mut held = self.held();
        for (tag, ends) in tags {
            held.order.pop_front();
            if held.ends.get(tag) == Some(ends) {
                held.ends.remove(tag);
            } else {
                held.order.push_back(*tag);
            }
        }
        held.moves += 1;
        if held.room > self.bound {
            held.room = held.room.saturating_sub(tags.len()).max(self.bound);
            if held.room == self.bound {
                // What a long journal filled is not needed any more.
                held.ends.shrink_to(self.bound);
                held.order.shrink_to(self.bound);
            }
        }
    }
}

#[cfg(test)]
mod tests;

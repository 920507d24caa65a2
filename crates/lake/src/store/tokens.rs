//! Of the records with one token of uniqueness, the first alone is written.

use std::collections::HashSet;
use std::sync::Arc;

use model::time::Timestamp;
use model::uniqueness::TokenTag;

use super::Outcome;
use crate::journal::Prepared;
use crate::uniqueness::{Judgement, NewTokens, RecentTokens};

/// The tokens as the journal's thread sees them.
#[derive(Debug)]
pub(super) struct Tokens {
    recent: Arc<RecentTokens>,
    /// Those of the group that is being written.
    pending: HashSet<TokenTag>,
}

impl Tokens {
    pub(super) fn new(recent: Arc<RecentTokens>) -> Self {
        Self {
            recent,
            pending: HashSet::new(),
        }
    }

    /// Answers a batch without storing it, when its tokens call for that;
    /// else they are noted as being written.
    pub(super) fn answer(
        &mut self,
        tokens: &NewTokens,
        now: Timestamp,
    ) -> Option<Prepared<Outcome>> {
        if tokens
            .tags
            .iter()
            .any(|(_, tag)| self.pending.contains(tag))
        {
            return Some(Prepared::Again);
        }
        let outcome = match self.recent.judge(tokens, now, self.pending.len()) {
            Judgement::New => {
                self.pending.extend(tokens.tags.iter().map(|(_, tag)| *tag));
                return None;
            }
            Judgement::Repeated(places) => Outcome::TokensRepeated(places),
            Judgement::LookAgain => Outcome::LookAgain,
            Judgement::NoRoom(held) => Outcome::NoRoomForTokens(held),
        };
        Some(Prepared::Answer(outcome))
    }

    /// They are not being written any more.
    pub(super) fn abandon(&mut self, tokens: &NewTokens) {
        tokens.tags.iter().for_each(|(_, tag)| {
            self.pending.remove(tag);
        });
    }

    /// Notes the tokens of an operation that was applied or replayed.
    pub(super) fn know(&self, tags: impl IntoIterator<Item = TokenTag>, ends: Timestamp) {
        self.recent.add(tags, ends);
    }
}

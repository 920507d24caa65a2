//! A store of tokens in memory, for lakes that need none that lasts.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::future::{BoxFuture, FutureExt, ready};
use model::time::Timestamp;
use model::uniqueness::TokenTag;

use super::{TokenStore, TokenStoreError};

/// Tags, each with the time at which it ends, for as long as the process lives.
#[derive(Debug, Default)]
pub struct MemoryTokens(Mutex<HashMap<TokenTag, Timestamp>>);

impl MemoryTokens {
    fn ends(&self) -> MutexGuard<'_, HashMap<TokenTag, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenStore for MemoryTokens {
    fn is_empty(&self) -> bool {
        self.ends().is_empty()
    }

    fn known<'a>(
        &'a self,
        tags: &'a [TokenTag],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<bool>, TokenStoreError>> {
        let ends = self.ends();
        let known = |tag| ends.get(tag).is_some_and(|ends| *ends > now);
        let known = tags.iter().map(known).collect();
        drop(ends);
        ready(Ok(known)).boxed()
    }

    fn insert(&self, tags: &[(TokenTag, Timestamp)]) -> Result<(), TokenStoreError> {
        let mut known = self.ends();
        for (tag, ends) in tags {
            let known = known.entry(*tag).or_insert(*ends);
            *known = (*known).max(*ends);
        }
        Ok(())
    }

    fn forget(&self, now: Timestamp, most: usize) -> Result<usize, TokenStoreError> {
        let mut known = self.ends();
        let ended = known.iter().filter(|(_, ends)| **ends <= now);
        let ended: HashSet<TokenTag> = ended.map(|(tag, _)| *tag).take(most).collect();
        known.retain(|tag, _| !ended.contains(tag));
        Ok(ended.len())
    }
}

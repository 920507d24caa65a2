//! What failed is tried again after a while, and other work gets its turn.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use model::ids::PoolId;
use model::time::Timestamp;

use super::publish::has_passed;
use super::{Lake, State};
use crate::error::{LakeError, Result};
use crate::tables::{FileId, parse_name};
use crate::uniqueness::TokenStoreError;

/// What is done for one pool, or for tokens: while it fails, other work gets its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Writing {
    Sweep(PoolId),
    Flush(PoolId),
    Merge(PoolId),
    Retain(PoolId),
    Wipe,
    MoveTokens,
    ForgetTokens,
}

impl Writing {
    /// How long after a failure it is tried again. A file that cannot be read
    /// does not mend by itself.
    fn rest(self, error: &LakeError) -> Duration {
        let is_full = matches!(error, LakeError::Tokens(TokenStoreError::Full));
        match self {
            Self::Sweep(_) | Self::ForgetTokens => Duration::from_secs(60),
            Self::Flush(_) if error.is_of_a_file() => Duration::from_secs(60),
            Self::MoveTokens if !is_full => Duration::from_secs(30),
            // A full disk may have room again at any time, and writers wait for it.
            Self::Flush(_) | Self::MoveTokens => Duration::from_secs(1),
            Self::Merge(_) | Self::Retain(_) | Self::Wipe => Duration::from_secs(10 * 60),
        }
    }

    /// Whether it is about the store of tokens, for which no record waits.
    fn is_of_tokens(self) -> bool {
        matches!(self, Self::MoveTokens | Self::ForgetTokens)
    }
}

/// When writing last failed, and how long after that it is tried again.
#[derive(Debug, Default)]
pub(super) struct Failures(HashMap<Writing, (Timestamp, Duration)>);

impl Failures {
    pub(super) fn note(&mut self, tried: Writing, error: &LakeError, now: Timestamp) {
        self.0.insert(tried, (now, tried.rest(error)));
    }

    /// Whether it failed a short while ago. A clock that was set back does not
    /// say, and then it is tried.
    pub(super) fn rests(&self, writing: Writing, now: Timestamp) -> bool {
        let failed = self.0.get(&writing);
        failed.is_some_and(|(failed, rest)| now >= *failed && !has_passed(*failed, now, *rest))
    }
}

impl State {
    /// The files that a merge could not read, and that none has read since.
    pub(super) fn unreadable(&self) -> MutexGuard<'_, HashSet<FileId>> {
        let unreadable = self.unreadable.lock();
        unreadable.unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers of which file a failure was, so that others need not wait for it.
    pub(super) fn note_unreadable(&self, error: &LakeError) {
        let name = error.file().and_then(Path::file_name);
        let named = name.and_then(|name| parse_name(name.to_str()?));
        if let Some((id, _)) = named {
            self.unreadable().insert(id);
        }
    }
}

impl Lake {
    /// Counts and remembers a failure. One of the store of tokens is told here
    /// and goes no further: whoever does this work waits after a failure, and
    /// records must go to files all the same.
    pub(super) fn noted(
        &self,
        done: Result<()>,
        tried: Option<Writing>,
        failures: &mut Failures,
    ) -> Result<()> {
        let Err(error) = &done else {
            return done;
        };
        if self.is_stopping() {
            return done;
        }
        self.upkeep.counters.failures.add(1);
        if let Some(tried) = tried {
            failures.note(tried, error, self.clock.now());
            if tried.is_of_tokens() {
                tracing::error!(%error, ?tried, "tokens stay where they are; it is tried again");
                return Ok(());
            }
        }
        done
    }
}

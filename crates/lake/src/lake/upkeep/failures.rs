//! What failed is tried again after a while, and other work gets its turn.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use model::ids::PoolId;
use model::time::Timestamp;

use super::publish::has_passed;
use super::{Lake, State};
use crate::error::{LakeError, Result};
use crate::manifest::Manifest;
use crate::store::PoolState;
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

/// How long after a file could not be read for the first time it is read again; each time that it cannot
/// be doubles that. Until then all is chosen as if it were not there.
const FILE_RESTS: Duration = Duration::from_secs(10 * 60);
/// The same of one that the disk did not give: that may pass.
const REFUSED_FILE_RESTS: Duration = Duration::from_secs(60);
/// The share of the time that deleted rows may stay on the disk for which it rests at most: one that was
/// put back is found so, and written anew without them, before that time ends.
const SHARE_RESTED: u32 = 8;
/// The least of that.
const REST_MIN: Duration = Duration::from_secs(10);
/// So often it doubles: many files that cannot be read are to leave time for others.
const DOUBLINGS_MAX: u32 = 6;

/// A file that could not be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unreadable {
    /// When that failed last.
    failed: Timestamp,
    /// How often it failed before.
    before: u32,
    /// Whether it may be read later without having been put back.
    may_pass: bool,
}

impl Unreadable {
    /// Whether it is not read again yet, where it rests for so long at most. A clock that was set back
    /// does not say how long ago it was.
    fn rests(self, now: Timestamp, most: Duration) -> bool {
        let first = match self.may_pass {
            true => REFUSED_FILE_RESTS,
            false => FILE_RESTS,
        };
        let rest = (first * (1 << self.before.min(DOUBLINGS_MAX))).min(most);
        now >= self.failed && !has_passed(self.failed, now, rest)
    }
}

/// When writing last failed, and how long after that it is tried again.
#[derive(Debug, Default)]
pub(super) struct Failures {
    known: HashMap<Writing, (Timestamp, Duration)>,
    /// The pool of which a merge failed last: others have their turn before it.
    pub(super) merge: Option<PoolId>,
}

impl Failures {
    pub(super) fn note(&mut self, tried: Writing, error: &LakeError, now: Timestamp) {
        self.known.insert(tried, (now, tried.rest(error)));
    }

    /// Whether it failed a short while ago. A clock that was set back does not
    /// say, and then it is tried.
    pub(super) fn rests(&self, writing: Writing, now: Timestamp) -> bool {
        let failed = self.known.get(&writing);
        failed.is_some_and(|(failed, rest)| now >= *failed && !has_passed(*failed, now, *rest))
    }
}

#[cfg(test)]
thread_local! {
    /// How often a list of files was copied, on this thread.
    pub(super) static COPIES: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// A manifest without these files.
pub(super) fn without<'a>(manifest: &'a Manifest, files: &BTreeSet<FileId>) -> Cow<'a, Manifest> {
    let is_meant = |id: &FileId| files.contains(id);
    if files.is_empty() || !manifest.files.iter().any(|file| is_meant(&file.id)) {
        return Cow::Borrowed(manifest);
    }
    #[cfg(test)]
    COPIES.with(|copies| copies.set(copies.get() + 1));
    let others = manifest.files.iter().filter(|file| !is_meant(&file.id));
    Cow::Owned(Manifest {
        files: Arc::new(others.cloned().collect()),
        ..manifest.clone()
    })
}

impl State {
    /// The files that a merge could not read, or that the disk did not give, and that nobody has
    /// read as wholes since.
    pub(super) fn unreadable(&self) -> MutexGuard<'_, HashMap<FileId, Unreadable>> {
        let unreadable = self.unreadable.lock();
        unreadable.unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of them that are not read again yet: they stay where they are, and nothing is
    /// chosen with one of them, so that they keep no others from being written anew.
    pub(super) fn resting(&self, now: Timestamp) -> BTreeSet<FileId> {
        let unreadable = self.unreadable();
        let most = self.rest_max();
        let resting = unreadable
            .iter()
            .filter(|(_, known)| known.rests(now, most));
        resting.map(|(id, _)| *id).collect()
    }

    /// How long one of them rests at most.
    fn rest_max(&self) -> Duration {
        (self.options.purge_after / SHARE_RESTED).max(REST_MIN)
    }

    /// Remembers of which of the chosen files a failure was.
    pub(super) fn note_unreadable(
        &self,
        error: &LakeError,
        chosen: &BTreeSet<FileId>,
        now: Timestamp,
    ) {
        if let Some(id) = file_of(error).filter(|id| chosen.contains(id)) {
            let mut unreadable = self.unreadable();
            let before = unreadable.get(&id).map_or(0, |known| known.before + 1);
            let known = Unreadable {
                failed: now,
                before,
                may_pass: error.may_pass(),
            };
            unreadable.insert(id, known);
        }
    }

    /// The same of a failure that is met again and again, by work that has a rest of its own.
    pub(super) fn note_unreadable_once(&self, error: &LakeError, now: Timestamp) {
        if let Some(id) = file_of(error) {
            let known = Unreadable {
                failed: now,
                before: 0,
                may_pass: error.may_pass(),
            };
            self.unreadable().entry(id).or_insert(known);
        }
    }
}

/// The file of records that cannot be read, if a failure was of one.
pub(super) fn file_of(error: &LakeError) -> Option<FileId> {
    let name = error.file().and_then(Path::file_name);
    let (id, _) = parse_name(name?.to_str()?)?;
    Some(id)
}

impl Lake {
    /// A file that could not be read, and that has rested: it is to be known for no longer than
    /// that lasts, also where no merge needs it.
    pub(super) fn next_reading_again(&self, states: &[PoolState]) -> Option<(PoolId, FileId)> {
        let now = self.clock.now();
        let mut due = self.upkeep.unreadable().clone();
        let most = self.upkeep.rest_max();
        due.retain(|_, known| !known.rests(now, most));
        if due.is_empty() {
            return None;
        }
        let found = states.iter().find_map(|state| {
            let mut files = state.manifest.files.iter();
            let file = files.find(|file| due.contains_key(&file.id))?;
            Some((state.id, file.id))
        });
        if found.is_none() {
            // They have gone.
            let mut unreadable = self.upkeep.unreadable();
            unreadable.retain(|file, _| !due.contains_key(file));
        }
        found
    }

    /// A file was read as a whole: if it could not be before, it can be now.
    pub(super) fn note_read(&self, file: FileId) {
        let known = self.upkeep.unreadable().remove(&file);
        if known.is_some() {
            self.tables.forget(&[file]);
            tracing::info!(%file, "a file of records that could not be read is as it was written");
        }
    }

    /// Counts and remembers a failure, until it succeeds. One of the store of tokens is told here
    /// and goes no further: whoever does this work waits after a failure, and
    /// records must go to files all the same.
    pub(super) fn noted(
        &self,
        done: Result<()>,
        tried: Option<Writing>,
        failures: &mut Failures,
    ) -> Result<()> {
        let Err(error) = &done else {
            if let Some(Writing::Merge(pool)) = tried {
                failures.merge.take_if(|failed| *failed == pool);
            }
            return done;
        };
        if self.is_stopping() {
            return done;
        }
        self.upkeep.counters.failures.add(1);
        let now = self.clock.now();
        if let Some(Writing::Merge(pool)) = tried {
            failures.merge = Some(pool);
        }
        // A merge is chosen anew at once, without the file that rests.
        let is_of_a_resting_file =
            || file_of(error).is_some_and(|id| self.upkeep.resting(now).contains(&id));
        let rests =
            |tried: &Writing| !matches!(tried, Writing::Merge(_)) || !is_of_a_resting_file();
        if let Some(tried) = tried.filter(rests) {
            failures.note(tried, error, now);
            if tried.is_of_tokens() {
                tracing::error!(%error, ?tried, "tokens stay where they are; it is tried again");
                return Ok(());
            }
        }
        done
    }
}

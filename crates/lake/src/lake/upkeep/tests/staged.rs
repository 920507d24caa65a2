//! What a test has happen in the midst of a piece of upkeep, and what a mutant
//! does wrong in it.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use model::ids::PoolId;

use crate::error::Result;
use crate::journal::Position;
use crate::lake::Lake;
use crate::manifest::ManifestChange;
use crate::snapshot::Snapshot;
use crate::store::Operation;
use crate::tables::{FileEntry, FileList, commit_names, discard};
use crate::upserts::Hidden;

/// A promise that upkeep breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lake) enum Wrong {
    /// Records that came while others were written count as written.
    MarkTooHigh,
    /// The last operation whose records were written counts as not written.
    MarkTooLow,
    /// Files count as cleaned of what was deleted while they were written.
    CleanedTooMuch,
    /// Files that are merged go before the journal names the merged one.
    DeletesFirst,
    /// Files have their final names before the journal names them.
    NamesFirst,
    /// The journal is freed of records that are in memory alone.
    ReleasesTooMuch,
    /// What the files of a pool are is not carried on.
    ForgetsManifests,
    /// Saved answers are not carried on.
    ForgetsAnswers,
    /// Which pools were dropped is not carried on.
    ForgetsDropped,
    /// Tokens that their store could not take are not carried on.
    ForgetsTokens,
    /// Files that are merged do not learn of the records that went to files meanwhile.
    ForgetsFlushed,
    /// Records that go to files tell the files that there were when they were set apart.
    TellsFilesThatWere,
}

type Meanwhile = Box<dyn FnOnce(&Lake) + Send>;

/// What is staged for the next pieces of upkeep.
#[derive(Default)]
pub(in crate::lake) struct Staged {
    meanwhile: Mutex<Option<Meanwhile>>,
    wrong: OnceLock<Wrong>,
    /// How often tokens were carried on.
    carried: AtomicU64,
    /// The most inputs of a merge.
    inputs: AtomicUsize,
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staged")
            .field("wrong", &self.wrong)
            .finish_non_exhaustive()
    }
}

impl Staged {
    /// Has this happen in the next piece of upkeep that changes files or frees
    /// the journal: when files are written and not named yet, or when all is
    /// carried on and not released yet.
    pub(super) fn meanwhile(&self, happens: impl FnOnce(&Lake) + Send + 'static) {
        let mut meanwhile = self
            .meanwhile
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *meanwhile = Some(Box::new(happens));
    }

    /// What did not happen yet does not happen.
    pub(super) fn clear(&self) {
        let mut meanwhile = self
            .meanwhile
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *meanwhile = None;
    }

    /// Notes that so many inputs are merged.
    pub(in crate::lake::upkeep) fn merges(&self, inputs: usize) {
        self.inputs.fetch_max(inputs, Ordering::Relaxed);
    }

    /// The most inputs that were merged at once.
    pub(super) fn most_inputs(&self) -> usize {
        self.inputs.load(Ordering::Relaxed)
    }

    /// Makes the lake a mutant.
    pub(super) fn goes_wrong(&self, wrong: Wrong) {
        self.wrong.set(wrong).unwrap();
    }

    fn is(&self, wrong: Wrong) -> bool {
        self.wrong.get() == Some(&wrong)
    }
}

impl Lake {
    /// Does something in whose midst something happens; what does not find its
    /// midst happens afterwards.
    pub(in crate::lake) fn with_meanwhile(
        &self,
        happens: impl FnOnce(&Self) + Send + 'static,
        doing: impl FnOnce(&Self),
    ) {
        self.upkeep.staged.meanwhile(happens);
        doing(self);
        self.happens_meanwhile();
    }

    /// How often tokens were carried on that their store did not take.
    pub(in crate::lake) fn carried_tokens(&self) -> u64 {
        self.upkeep.staged.carried.load(Ordering::Relaxed)
    }

    /// Makes the lake a mutant.
    pub(in crate::lake) fn goes_wrong(&self, wrong: Wrong) {
        self.upkeep.staged.goes_wrong(wrong);
    }

    /// Moves all tokens to their store.
    pub(in crate::lake) fn move_tokens_now(&self) {
        let _freeing = self.upkeep.freeing();
        while self.move_tokens().unwrap() > 0 {}
    }

    /// Merges all files of a pool.
    pub(in crate::lake) fn merge_all(&self, pool: PoolId) -> Result<()> {
        let left = self.merge_whole(pool)?;
        assert!(left.is_empty(), "{left:?}");
        Ok(())
    }

    pub(in crate::lake) fn happens_meanwhile(&self) {
        let meanwhile = &self.upkeep.staged.meanwhile;
        let mut meanwhile = meanwhile.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(happens) = meanwhile.take() {
            drop(meanwhile);
            happens(self);
        }
    }

    /// Before a change of files is committed, whose new files are written.
    pub(in crate::lake::upkeep) fn staged_commit(
        &self,
        pool: PoolId,
        change: ManifestChange,
    ) -> ManifestChange {
        let Some(wrong) = self.upkeep.staged.wrong.get() else {
            return change;
        };
        let ManifestChange {
            mark,
            removed,
            added,
        } = change;
        let applied = self.pools.applied();
        let (disk, directory) = (self.tables.disk(), self.tables.directory(pool));
        let (mark, added) = match wrong {
            Wrong::MarkTooHigh => (mark.and(applied), added),
            Wrong::MarkTooLow => (mark.map(|mark| Position::new(mark.get() - 1)), added),
            Wrong::CleanedTooMuch => {
                let clean = |file: FileEntry| FileEntry {
                    cleaned: applied.unwrap_or(file.cleaned),
                    ..file
                };
                (mark, added.into_iter().map(clean).collect())
            }
            Wrong::DeletesFirst => {
                // After a cut nothing is done.
                let mut removed = removed.iter();
                let _ = removed.try_for_each(|id| discard(disk.as_ref(), &directory, *id));
                (mark, added)
            }
            Wrong::NamesFirst => {
                let mut ids = added.iter().map(|file| file.id);
                let _ = ids.try_for_each(|id| commit_names(disk.as_ref(), &directory, id));
                (mark, added)
            }
            _ => (mark, added),
        };
        ManifestChange {
            mark,
            removed,
            added,
        }
    }

    /// Whether an operation of upkeep is lost on its way to the journal.
    pub(in crate::lake::upkeep) fn staged_loss(&self, operation: &Operation) -> bool {
        let staged = &self.upkeep.staged;
        if let Operation::Tokens { .. } = operation {
            staged.carried.fetch_add(1, Ordering::Relaxed);
        }
        match operation {
            Operation::State { .. } => staged.is(Wrong::ForgetsManifests),
            Operation::Answers { .. } => staged.is(Wrong::ForgetsAnswers),
            Operation::Dropped { .. } => staged.is(Wrong::ForgetsDropped),
            Operation::Tokens { .. } => staged.is(Wrong::ForgetsTokens),
            _ => false,
        }
    }

    /// The files that are told of records that go to files.
    pub(in crate::lake::upkeep) fn staged_files(
        &self,
        then: &Snapshot,
        now: Arc<FileList>,
    ) -> Arc<FileList> {
        if self.upkeep.staged.is(Wrong::TellsFilesThatWere) {
            return then.stored.files.clone();
        }
        now
    }

    /// The keys that merged files learn of.
    pub(in crate::lake::upkeep) fn staged_keys(&self, keys: Hidden) -> Hidden {
        if self.upkeep.staged.is(Wrong::ForgetsFlushed) {
            return Hidden::default();
        }
        keys
    }

    /// Before the journal is freed up to what is needed first.
    pub(in crate::lake::upkeep) fn staged_release(
        &self,
        needed: Option<Position>,
    ) -> Option<Position> {
        self.happens_meanwhile();
        needed.filter(|_| !self.upkeep.staged.is(Wrong::ReleasesTooMuch))
    }
}

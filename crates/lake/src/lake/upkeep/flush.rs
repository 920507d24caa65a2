//! Records in memory become files.

use std::collections::HashMap;
use std::sync::Arc;

use model::ids::PoolId;
use model::pools::FileLayout;
use roaring::RoaringBitmap;

use super::files::rows_of;
use super::run::Run;
use super::{Freeing, Lake, Writing};
use crate::error::{LakeError, Result};
use crate::journal::JournalError;
use crate::manifest::ManifestChange;
use crate::reading::newly_replaced;
use crate::snapshot::Snapshot;
use crate::store::{Frozen, PoolState, Written};
use crate::tables::{FileEntry, FileId, Plan, Replaced, SortedBy, frequent_fields, sort};

/// Rows of files that records which are to be written replace; `None` of a
/// file in which they replace none.
type ReplacedRows = HashMap<FileId, Option<RoaringBitmap>>;

impl Lake {
    /// The pool whose records are to go to files next: the largest when there
    /// is much, else the one that waits longest or holds the journal back.
    pub(super) fn next_flush(&self, memory: &mut Freeing, states: &[PoolState]) -> Option<PoolId> {
        let options = &self.upkeep.options;
        let now = self.clock.now();
        let oldest_of = |id| states.iter().find(|s| s.id == id).and_then(|s| s.oldest);
        memory
            .waiting
            .retain(|id, (at, _)| oldest_of(*id) == Some(*at));
        for state in states {
            if let Some(oldest) = state.oldest {
                memory.waiting.entry(state.id).or_insert((oldest, now));
            }
        }
        let awake = |id| !memory.failures.rests(Writing::Flush(id), now);
        let largest = states.iter().filter(|state| awake(state.id));
        let largest = largest.max_by_key(|state| state.bytes);
        let held: u64 = states.iter().map(|state| state.bytes).sum();
        // What else is held leaves less room for records.
        let others = self.pools.bytes().saturating_sub(held);
        let much = held >= self.buffer_bytes.saturating_sub(others) / 2;
        if let Some(largest) = largest
            && (largest.bytes >= options.flush_bytes || (much && largest.bytes > 0))
        {
            return Some(largest.id);
        }
        let waiting = memory.waiting.iter().filter(|(id, _)| awake(**id));
        let (id, (oldest, since)) = waiting.min_by_key(|(_, (at, _))| *at)?;
        let waited = now.as_microsecond().saturating_sub(since.as_microsecond());
        let is_cold = u128::try_from(waited).is_ok_and(|w| w >= options.flush_after.as_micros());
        // Else none of the journal would go by it: a pool that cannot be written,
        // or records that nobody may see, hold it back still.
        let needed = states.iter().filter_map(|state| state.oldest);
        let needed = needed.chain(self.upkeep.pinned).min();
        let is_long = self.journal.counts().segments > options.journal_segments;
        let holds_back = is_long && needed == Some(*oldest);
        (is_cold || holds_back).then_some(*id)
    }

    /// Writes the records of a pool that are in memory to files, if there are
    /// any. On a full disk the journal gives back what it keeps for later:
    /// records in files free whole segments of it, and without this a disk
    /// that is full of spare segments would stay full.
    pub(super) fn flush_making_room(&self, id: PoolId) -> Result<()> {
        match self.flush_pool(id) {
            Err(LakeError::Disk(error)) if error.is_full() => {
                self.journal.give_back()?;
                self.flush_pool(id)
            }
            done => done,
        }
    }

    fn flush_pool(&self, id: PoolId) -> Result<()> {
        let _unfinished = self.unfinished();
        let Some(frozen) = self.pools.freeze(id) else {
            return Ok(());
        };
        let begun = self.clock.now();
        // Before anything is written: it takes a look at files that may be damaged.
        let known = self.replaced_rows(&frozen).inspect_err(|_| {
            self.pools.give_up(id, Written::Frozen);
        })?;
        let layout = frozen.snapshot.layout.clone();
        let segments = frozen.snapshot.segments.iter();
        let rows = segments
            .map(|segment| layout.without_deleted(segment.in_layout(&layout)?))
            .collect::<Result<Vec<_>>>();
        let sorted_by = SortedBy::of(&frozen.pool, frozen.snapshot.isolation.as_ref());
        let written = rows.and_then(|rows| {
            let plan = Plan {
                layout: layout.clone(),
                sorted_by: sorted_by.clone(),
                shredded: frequent_fields(&rows).into(),
                filter: true,
                apart: frozen.pool.draft.layout == FileLayout::FilePerCustomer,
                block_rows: self.upkeep.options.block_rows,
                dictionary_bytes: self.upkeep.options.dictionary_bytes,
            };
            let rows = sort(rows, &layout, &sorted_by, self.upkeep.options.block_rows)?;
            self.write_files(id, Run::new(self, id, plan, 0, frozen.mark), rows)
        });
        let rows = rows_of(&written);
        self.commit(id, Written::Frozen, written, |added| {
            let renewed = self.with_replaced(&frozen, known)?;
            Ok(ManifestChange {
                mark: Some(frozen.mark),
                removed: Vec::new(),
                added: added.into_iter().chain(renewed).collect(),
            })
        })?;
        self.upkeep
            .counters
            .flushes
            .done(rows, begun, self.clock.now());
        Ok(())
    }

    /// The rows of the files that there are which records that are to be
    /// written replace.
    fn replaced_rows(&self, frozen: &Frozen) -> Result<ReplacedRows> {
        let mut known = ReplacedRows::new();
        if frozen.snapshot.stored.hidden.is_empty() {
            return Ok(known);
        }
        for file in self.pools.manifest(frozen.pool.id).files.iter() {
            self.unless_stopped()?;
            known.insert(file.id, newly_replaced(&frozen.snapshot, file)?);
        }
        Ok(known)
    }

    /// The files that there are now in which records that are to be written
    /// replace others, with what is gone of them. Of most it is known which.
    fn with_replaced(&self, frozen: &Frozen, mut known: ReplacedRows) -> Result<Vec<FileEntry>> {
        let mut renewed = Vec::new();
        if frozen.snapshot.stored.hidden.is_empty() {
            return Ok(renewed);
        }
        let files = self.pools.manifest(frozen.pool.id).files;
        #[cfg(test)]
        let files = self.staged_files(&frozen.snapshot, files);
        for file in files.iter() {
            let found = match known.remove(&file.id) {
                Some(found) => found,
                None => {
                    self.unless_stopped()?;
                    newly_replaced(&frozen.snapshot, file)?
                }
            };
            renewed.extend(found.and_then(|found| self.without(file, found)));
        }
        Ok(renewed)
    }

    /// A file with what younger records of a snapshot replace in it; `None`
    /// when that was known.
    pub(super) fn renewed(
        &self,
        snapshot: &Snapshot,
        file: &Arc<FileEntry>,
    ) -> Result<Option<FileEntry>> {
        self.unless_stopped()?;
        let found = newly_replaced(snapshot, file)?;
        Ok(found.and_then(|found| self.without(file, found)))
    }

    fn unless_stopped(&self) -> Result<()> {
        match self.is_stopping() {
            true => Err(JournalError::Stopped.into()),
            false => Ok(()),
        }
    }

    /// A file of which more rows are gone; `None` when they were gone already.
    fn without(&self, file: &FileEntry, gone: RoaringBitmap) -> Option<FileEntry> {
        let (rows, since) = match &file.replaced {
            None => (gone, self.clock.now()),
            Some(known) if gone.is_subset(&known.rows) => return None,
            Some(known) => (&*known.rows | &gone, known.since),
        };
        Some(FileEntry {
            replaced: Some(Replaced {
                rows: Arc::new(rows),
                since,
            }),
            ..FileEntry::clone(file)
        })
    }
}

//! Merging files, so that a customer is in few of them and a record is written
//! anew a few times in its life.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::ids::PoolId;
use model::pools::{FileLayout, Pool};

use super::failures::{file_of, without};
use super::levels::{Choice, choose, gathered, misplaced, whole};
use super::run::Run;
use super::sorting::{PARTS_MAX, Sorting};
use super::{Lake, files};
use crate::error::{LakeError, Result};
use crate::journal::{JournalError, Position};
use crate::manifest::{Manifest, ManifestChange};
use crate::reading::Reading;
use crate::snapshot::{FileView, Snapshot};
use crate::store::Written;
use crate::tables::{Batches, FileEntry, FileId, Plan, SortedBy, Verification, merge};

/// Undeclared fields that have a column of their own in a merged file, at most.
const SHREDDED_MAX: usize = 64;

/// Whether a merge may take what it can of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Haste {
    /// It leaves some to others, as long as it is not behind and has no term that is near.
    IfNeeded,
    /// It was asked for.
    Now,
}

impl Lake {
    /// Merges the files of a pool that are next, or carries out removals, or
    /// sorts what lies otherwise than it is to.
    pub(super) fn merge_pool(&self, id: PoolId) -> Result<()> {
        let most = self.upkeep.options.runs;
        // What cannot be read stays where it is, and keeps no others from being merged.
        let resting = self.upkeep.resting(self.clock.now());
        self.merge_files(id, Haste::IfNeeded, |pool, manifest, order| {
            let layout = pool.draft.layout;
            let awake = without(manifest, &resting);
            choose(&awake, layout, most)
                // Of the whole run, so that nothing is written across a file that stays in it.
                .or_else(|| self.next_purge(pool, manifest, order, &resting))
                .or_else(|| misplaced(&awake, order))
                .or_else(|| gathered(&awake, layout, self.upkeep.options.gathered_bytes))
        })
    }

    /// Merges all files of a pool into one run in the pool's order, without
    /// what was removed. Files that cannot be read stay where they are.
    ///
    /// Answers what was met of these.
    pub(super) fn merge_whole(&self, id: PoolId) -> Result<Vec<LakeError>> {
        let (mut skipped, mut left) = (BTreeSet::new(), Vec::new());
        let mut is_more = true;
        while is_more {
            is_more = false;
            let done = self.merge_files(id, Haste::Now, |pool, manifest, order| {
                let others = without(manifest, &skipped);
                let is_due = !others.is_exact() || misplaced(&others, order).is_some();
                let choice = whole(&others, pool.draft.layout, is_due)?;
                is_more = choice.files.len() < others.files.len();
                Some(choice)
            });
            let Err(error) = done else {
                continue;
            };
            let files = self.pools.manifest(id).files;
            let is_there = |id: &FileId| files.iter().any(|file| file.id == *id);
            match file_of(&error).filter(is_there) {
                Some(file) if skipped.insert(file) => is_more = true,
                _ => return Err(error),
            }
            tracing::error!(%error, "all else is merged without this file");
            left.push(error);
        }
        Ok(left)
    }

    /// Reads files again that could not be read, as wholes: nothing is begun with one that still
    /// cannot be. What was known of others is forgotten: they were put back.
    fn read_again(&self, pool: PoolId, files: &[Arc<FileEntry>]) -> Result<()> {
        const STEP_BYTES: u64 = 4 << 20;
        let is_meant = |file: &&Arc<FileEntry>| self.upkeep.unreadable().contains_key(&file.id);
        let directory = self.tables.directory(pool);
        for file in files.iter().filter(is_meant) {
            let mut whole = Verification::begin(self.tables.disk(), &directory, file)?;
            while whole.step(STEP_BYTES)? > 0 {
                if self.is_stopping() {
                    return Err(JournalError::Stopped.into());
                }
            }
            self.note_read(file.id);
        }
        Ok(())
    }

    /// Reads a file again that could not be read, if it is still there.
    pub(super) fn read_one_again(&self, pool: PoolId, id: FileId) -> Result<()> {
        let files = self.pools.manifest(pool).files;
        let meant = files.iter().filter(|file| file.id == id);
        let meant: Vec<_> = meant.cloned().collect();
        let (chosen, now) = (BTreeSet::from([id]), self.clock.now());
        let failed = |error: &LakeError| self.upkeep.note_unreadable(error, &chosen, now);
        self.read_again(pool, &meant).inspect_err(failed)
    }

    fn merge_files(
        &self,
        id: PoolId,
        haste: Haste,
        choose: impl FnOnce(&Pool, &Manifest, &SortedBy) -> Option<Choice>,
    ) -> Result<()> {
        let _unfinished = self.unfinished();
        let Some((pool, snapshot, cleaned)) = self.pools.rewrite(id) else {
            return Ok(());
        };
        let manifest = Manifest {
            files: snapshot.stored.files.clone(),
            removals: snapshot.stored.removals.clone(),
            ..Manifest::default()
        };
        let order = SortedBy::of(&pool, snapshot.isolation.as_ref());
        let Some(Choice {
            files,
            level,
            within,
        }) = choose(&pool, &manifest, &order)
        else {
            self.pools.give_up(id, Written::Anew);
            return Ok(());
        };
        let begun = self.clock.now();
        let read = files.clone();
        let chosen = manifest.files.iter().filter(|f| files.contains(&f.id));
        let files: Vec<_> = chosen.cloned().collect();
        let removed = files.iter().map(|file| file.id).collect();
        let written = self
            .read_again(id, &files)
            .and_then(|()| self.merged(&snapshot, files, &pool, cleaned))
            .and_then(|(plan, rows)| {
                let run = Run::new(self, id, plan, level, cleaned).within(within);
                let run = match haste {
                    Haste::IfNeeded => run.at_leisure(&pool),
                    Haste::Now => run,
                };
                self.write_files(id, run, rows)
            });
        let rows = files::rows_of(&written);
        let mut known = 0;
        let written = written.and_then(|files| {
            let ids: Vec<_> = files.iter().map(|file| file.id).collect();
            let told = self.told_of_flushed((id, &snapshot), files, &mut known);
            told.inspect_err(|_| self.discard(id, &ids))
        });
        let committed = self.commit(id, Written::Anew, written, |added| {
            // Few came since, and writers wait for no more than that.
            let added = self.told_of_flushed((id, &snapshot), added, &mut known)?;
            Ok(ManifestChange {
                mark: None,
                removed,
                added,
            })
        });
        let failed =
            |error: &LakeError| self.upkeep.note_unreadable(error, &read, self.clock.now());
        committed.inspect_err(failed)?;
        let mut unreadable = self.upkeep.unreadable();
        unreadable.retain(|file, _| !read.contains(file));
        drop(unreadable);
        self.upkeep
            .counters
            .merges
            .done(rows, begun, self.clock.now());
        Ok(())
    }

    /// New files with what is gone of them: records that went to files while
    /// these were written, of other files, may replace rows of them. `known` is
    /// how many times that was told, and is told now.
    fn told_of_flushed(
        &self,
        (pool, snapshot): (PoolId, &Snapshot),
        files: Vec<FileEntry>,
        known: &mut usize,
    ) -> Result<Vec<FileEntry>> {
        let (hidden, all) = self.pools.flushed(pool, *known);
        *known = all;
        #[cfg(test)]
        let hidden = self.staged_keys(hidden);
        if hidden.is_empty() {
            return Ok(files);
        }
        let snapshot = Snapshot {
            stored: FileView {
                hidden,
                ..snapshot.stored.clone()
            },
            ..snapshot.clone()
        };
        let ids: Vec<_> = files.iter().map(|file| file.id).collect();
        let told = files.into_iter().map(|file| {
            let file = Arc::new(file);
            let renewed = self.renewed(&snapshot, &file)?;
            Ok(renewed.unwrap_or_else(|| FileEntry::clone(&file)))
        });
        let told = told.collect();
        // They were opened by names that they lose.
        self.tables.forget(&ids);
        told
    }

    /// The rows of files in the pool's order, without what was removed from them.
    fn merged(
        &self,
        snapshot: &Snapshot,
        files: Vec<Arc<FileEntry>>,
        pool: &Pool,
        cleaned: Position,
    ) -> Result<(Plan, Batches)> {
        let sorted_by = SortedBy::of(pool, snapshot.isolation.as_ref());
        let mut runs: BTreeMap<u64, Vec<Arc<FileEntry>>> = BTreeMap::new();
        let (mut otherwise, mut shredded) = (Vec::new(), BTreeSet::new());
        for file in files {
            if let Some(home) = &snapshot.stored.home {
                shredded.extend(home.open(&file)?.shredded());
            }
            if file.sorted_by == sorted_by {
                runs.entry(file.run).or_default().push(file);
            } else {
                otherwise.push(file);
            }
        }
        let plan = Plan {
            layout: snapshot.layout.clone(),
            sorted_by,
            shredded: shredded.into_iter().take(SHREDDED_MAX).collect(),
            filter: false,
            apart: pool.draft.layout == FileLayout::FilePerCustomer,
            block_rows: self.upkeep.options.block_rows,
            dictionary_bytes: self.upkeep.options.dictionary_bytes,
        };
        let parts = if otherwise.is_empty() {
            0
        } else {
            PARTS_MAX + 1
        };
        let each = self.upkeep.options.merge_bytes / (runs.len() + parts).max(1);
        let inputs = runs.into_values().map(|mut files| {
            files.sort_by_cached_key(|file| place_in_run(file));
            rows_of(snapshot, files, each)
        });
        let mut inputs: Vec<_> = inputs.collect();
        if !otherwise.is_empty() {
            let sorting = Sorting::new(self, (pool.id, snapshot), &plan, cleaned, each);
            inputs.extend(sorting.inputs(rows_of(snapshot, otherwise, each))?);
        }
        #[cfg(test)]
        self.upkeep.staged.merges(inputs.len());
        let rows = merge(inputs, &plan.layout, &plan.sorted_by, plan.block_rows)?;
        Ok((plan, rows))
    }
}

/// What orders the files of a run as their rows are ordered: where a customer's
/// rows go over into another file, times tell only if both files are of that
/// customer alone. Those that are alike stay in the order in which they stand.
pub(super) fn place_in_run(file: &FileEntry) -> impl Ord + use<> {
    let range = file.isolation.as_ref();
    let isolation = range.map(|range| (range.min.clone(), range.max.clone()));
    (isolation, file.time.map(|time| (time.min, time.max)))
}

/// The rows of files, one file after the other, of which so many bytes are in memory at once.
pub(super) fn rows_of(snapshot: &Snapshot, files: Vec<Arc<FileEntry>>, bytes: usize) -> Batches {
    let layout = snapshot.layout.clone();
    let snapshot = Snapshot {
        segments: Vec::new(),
        stored: FileView {
            files: Arc::new(files.into_iter().collect()),
            ..snapshot.stored.clone()
        },
        ..snapshot.clone().asked_by_columns()
    };
    let reading = Reading::once(snapshot, layout.columns().into(), bytes);
    Box::new(std::iter::from_fn(move || {
        loop {
            match reading.step()? {
                Ok(Some(batch)) => return Some(layout.without_deleted(batch)),
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }))
}

//! Merging files, so that a customer is in few of them and a record is written
//! anew a few times in its life.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::ids::PoolId;
use model::pools::{FileLayout, Pool};

use super::due::BUSY_RUNS;
use super::levels::{Choice, choose, gathered, misplaced, whole};
use super::run::Run;
use super::sorting::Sorting;
use super::{Lake, files};
use crate::error::Result;
use crate::journal::Position;
use crate::manifest::{Manifest, ManifestChange};
use crate::reading::Reading;
use crate::snapshot::{FileView, Snapshot};
use crate::store::Written;
use crate::tables::{Batches, FileEntry, Plan, SortedBy, merge};

/// Runs above those that a customer is in otherwise, from which on merging is behind.
pub(super) const BEHIND_RUNS: usize = 2 * BUSY_RUNS;

/// Undeclared fields that have a column of their own in a merged file, at most.
const SHREDDED_MAX: usize = 64;

/// Whether a merge may take what it can of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Haste {
    /// It leaves some to others.
    None,
    /// It is behind, has a term, or was asked for.
    Now,
}

/// The run that holds removed or replaced rows which must go first, as `since` tells of each
/// file; of files for single customers only those that hold some.
fn unclean<T: Ord>(
    manifest: &Manifest,
    layout: FileLayout,
    since: impl Fn(&FileEntry) -> Option<T>,
) -> Option<Choice> {
    let files = manifest.files.iter();
    let unclean = files.filter_map(|file| Some((since(file)?, file)));
    let (_, first) = unclean.min_by(|(a, one), (b, other)| {
        let order = |file: &FileEntry| (file.level, file.run);
        a.cmp(b).then(order(one).cmp(&order(other)))
    })?;
    let run = manifest.files.iter().filter(|file| {
        let is_due = layout == FileLayout::Shared || since(file).is_some();
        file.run == first.run && is_due
    });
    Some(Choice {
        files: run.map(|file| file.id).collect(),
        level: first.level,
    })
}

impl Lake {
    /// Merges the files of a pool that are next, or carries out removals, or
    /// sorts what lies otherwise than it is to.
    pub(super) fn merge_pool(&self, id: PoolId) -> Result<()> {
        let most = self.upkeep.options.runs;
        self.merge_files(id, |pool, manifest, order| {
            let layout = pool.draft.layout;
            let is_behind = choose(manifest, layout, most + BEHIND_RUNS).is_some();
            let leaves = |file: &FileEntry| self.must_leave(Some(pool), manifest, file);
            let must_purge = || self.must_purge(Some(pool), manifest);
            let haste = if is_behind || must_purge() {
                Haste::Now
            } else {
                Haste::None
            };
            let choice = choose(manifest, layout, most)
                .or_else(|| must_purge().then(|| unclean(manifest, layout, leaves))?)
                .or_else(|| misplaced(manifest, order))
                .or_else(|| gathered(manifest, layout));
            choice.map(|choice| (choice, haste))
        })
    }

    /// Merges all files of a pool into one run in the pool's order, without
    /// what was removed.
    pub(super) fn merge_whole(&self, id: PoolId) -> Result<()> {
        self.merge_files(id, |pool, manifest, order| {
            let is_due = !manifest.is_exact() || misplaced(manifest, order).is_some();
            whole(manifest, pool.draft.layout, is_due).map(|choice| (choice, Haste::Now))
        })
    }

    fn merge_files(
        &self,
        id: PoolId,
        choose: impl FnOnce(&Pool, &Manifest, &SortedBy) -> Option<(Choice, Haste)>,
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
        let Some((Choice { files, level }, haste)) = choose(&pool, &manifest, &order) else {
            self.pools.give_up(id, Written::Anew);
            return Ok(());
        };
        let begun = self.clock.now();
        let chosen = manifest.files.iter().filter(|f| files.contains(&f.id));
        let files: Vec<_> = chosen.cloned().collect();
        let removed = files.iter().map(|file| file.id).collect();
        let written = self
            .merged(&snapshot, files, &pool, cleaned)
            .and_then(|(plan, rows)| {
                let run = Run::new(self, id, plan, level, cleaned);
                let run = match haste {
                    Haste::None => run.at_leisure(),
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
        self.commit(id, Written::Anew, written, |added| {
            // Few came since, and writers wait for no more than that.
            let added = self.told_of_flushed((id, &snapshot), added, &mut known)?;
            Ok(ManifestChange {
                mark: None,
                removed,
                added,
            })
        })?;
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
        };
        let inputs = runs.into_values().map(|mut files| {
            files.sort_by_cached_key(|file| place_in_run(file));
            rows_of(snapshot, files)
        });
        let mut inputs: Vec<_> = inputs.collect();
        if !otherwise.is_empty() {
            let sorting = Sorting::new(self, pool.id, snapshot, &plan, cleaned);
            inputs.extend(sorting.inputs(rows_of(snapshot, otherwise))?);
        }
        let rows = merge(inputs, &plan.layout, &plan.sorted_by, plan.block_rows)?;
        Ok((plan, rows))
    }
}

/// What orders the files of a run as their rows are ordered: where a customer's
/// rows go over into another file, times tell only if both files are of that
/// customer alone. Those that are alike stay in the order in which they were written.
fn place_in_run(file: &FileEntry) -> impl Ord + use<> {
    let range = file.isolation.as_ref();
    let isolation = range.map(|range| (range.min.clone(), range.max.clone()));
    (isolation, file.time.map(|time| (time.min, time.max)))
}

/// The rows of files, one file after the other.
pub(super) fn rows_of(snapshot: &Snapshot, files: Vec<Arc<FileEntry>>) -> Batches {
    let layout = snapshot.layout.clone();
    let snapshot = Snapshot {
        segments: Vec::new(),
        stored: FileView {
            files: Arc::new(files.into_iter().collect()),
            ..snapshot.stored.clone()
        },
        ..snapshot.clone().asked_by_columns()
    };
    let reading = Reading::once(snapshot, layout.columns().into());
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

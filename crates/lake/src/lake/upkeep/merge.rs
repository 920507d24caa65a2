//! Merging files, so that a customer is in few of them and a record is written
//! anew a few times in its life.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use model::ids::PoolId;
use model::pools::{FileLayout, Pool};

use super::levels::{Choice, choose, gathered, misplaced, whole};
use super::looks::{Look, Looks, Subject};
use super::publish::has_passed;
use super::retain::may_stay;
use super::sorting::Sorting;
use super::{Lake, Tending, Writing, files};
use crate::error::Result;
use crate::journal::Position;
use crate::manifest::{Manifest, ManifestChange};
use crate::reading::Reading;
use crate::snapshot::{FileView, Snapshot};
use crate::store::{PoolState, Written};
use crate::tables::{Batches, FileEntry, Plan, SortedBy, merge};

/// Runs above those that a customer is in otherwise, while much arrives.
const BUSY_RUNS: usize = 2;

/// Undeclared fields that have a column of their own in a merged file, at most.
const SHREDDED_MAX: usize = 64;

/// How long a pool is to lie by what it was told at last before files that lie
/// otherwise are written anew for that alone: keys are made one after the other.
const SETTLED_AFTER: Duration = Duration::from_secs(60 * 60);

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

fn layout_of(state: &PoolState) -> FileLayout {
    let pool = state.pool.as_ref();
    pool.map_or(FileLayout::Shared, |pool| pool.draft.layout)
}

/// Whether files of a pool may hold rows that were removed or replaced.
fn may_be_unclean(looks: &mut Looks, state: &PoolState) -> bool {
    let manifest = &state.manifest;
    let has_replaced = || manifest.files.iter().any(|file| file.replaced.is_some());
    !manifest.removals.is_empty()
        || looks.tell(state.id, Look::Replaced, Subject::of(state), has_replaced)
}

impl Lake {
    /// The pool whose files are to be merged next.
    pub(super) fn next_merge(&self, memory: &mut Tending, states: &[PoolState]) -> Option<PoolId> {
        let now = self.clock.now();
        // While much arrives, runs may be gathered a little longer.
        let most = self.upkeep.options.runs;
        let is_busy = self.is_busy(memory);
        let most = if is_busy { most + BUSY_RUNS } else { most };
        // Nobody knows how the records of a pool that is not known are to lie.
        let known = states.iter().filter(|state| state.pool.is_some());
        memory.looks.keep(states);
        let (looks, failures) = (&mut memory.looks, &memory.failures);
        let awake = known.filter(|state| !failures.rests(Writing::Merge(state.id), now));
        let mut due = awake.filter(|state| {
            let (manifest, layout) = (&state.manifest, layout_of(state));
            let subject = Subject::of(state).with_runs(most);
            let must_merge = || choose(manifest, layout, most).is_some();
            looks.tell(state.id, Look::Merge, subject, must_merge)
                || (may_be_unclean(looks, state)
                    && self.must_purge(state.pool.as_deref(), manifest))
        });
        let due = due.next().map(|state| state.id);
        due.or_else(|| (!is_busy).then(|| self.next_sorting(memory, states))?)
            .or_else(|| (!is_busy).then(|| self.next_gathering(memory, states))?)
    }

    /// The pool to which no records came for as long as they may stay in memory, and in which
    /// customers with files of their own have more than they need.
    fn next_gathering(&self, memory: &mut Tending, states: &[PoolState]) -> Option<PoolId> {
        let now = self.clock.now();
        let (mut found, mut known) = (None, HashMap::new());
        for state in states {
            let is_waiting = layout_of(state) == FileLayout::FilePerCustomer && state.bytes == 0;
            let has_many = || gathered(&state.manifest, layout_of(state)).is_some();
            let subject = Subject::of(state);
            if !is_waiting || !memory.looks.tell(state.id, Look::Gather, subject, has_many) {
                continue;
            }
            let mark = state.manifest.mark;
            let since = match memory.resting.remove(&state.id) {
                Some((known, since)) if known == mark => since,
                _ => now,
            };
            let is_at_rest = has_passed(since, now, self.upkeep.options.flush_after);
            if is_at_rest && !memory.failures.rests(Writing::Merge(state.id), now) {
                found = found.or(Some(state.id));
            }
            known.insert(state.id, (mark, since));
        }
        memory.resting = known;
        found
    }

    /// The pool of which files lie in another order than the one that it has
    /// had for a while.
    fn next_sorting(&self, memory: &mut Tending, states: &[PoolState]) -> Option<PoolId> {
        let now = self.clock.now();
        let (mut found, mut known) = (None, HashMap::new());
        for state in states {
            let Some(order) = state.sorted_by() else {
                continue;
            };
            let subject = Subject::of(state).in_order(&order);
            let lie_otherwise = || misplaced(&state.manifest, &order).is_some();
            if !memory
                .looks
                .tell(state.id, Look::Sort, subject, lie_otherwise)
            {
                continue;
            }
            let since = match memory.misplaced.remove(&state.id) {
                Some((known, since)) if known == order => since,
                _ => now,
            };
            let is_settled = has_passed(since, now, SETTLED_AFTER);
            if is_settled && !memory.failures.rests(Writing::Merge(state.id), now) {
                found = found.or(Some(state.id));
            }
            known.insert(state.id, (order, since));
        }
        memory.misplaced = known;
        found
    }

    /// Whether so much arrives that the processor is better left to it.
    fn is_busy(&self, memory: &mut Tending) -> bool {
        const LOOK_MICROS: i64 = 1_000_000;
        const BYTES_PER_SECOND: i64 = 8 << 20;
        let (now, bytes) = (self.clock.now(), self.journal.counts().bytes);
        let Some((at, then, was_busy)) = memory.arrived else {
            memory.arrived = Some((now, bytes, false));
            return false;
        };
        let passed = now.as_microsecond().saturating_sub(at.as_microsecond());
        if passed < LOOK_MICROS {
            return was_busy;
        }
        let arrived = i64::try_from(bytes.saturating_sub(then)).unwrap_or(i64::MAX);
        let is_busy = arrived / (passed / LOOK_MICROS) >= BYTES_PER_SECOND;
        memory.arrived = Some((now, bytes, is_busy));
        is_busy
    }

    /// Whether removals wait too long, or are too many for readers to heed.
    fn must_purge(&self, pool: Option<&Pool>, manifest: &Manifest) -> bool {
        const REMOVALS_MAX: usize = 64;
        let now = self.clock.now().as_microsecond();
        let mut files = manifest.files.iter();
        if manifest.removals.len() > REMOVALS_MAX {
            return files.any(|file| manifest.unclean_since(file).is_some());
        }
        let ends = files.filter_map(|file| self.must_leave(pool, manifest, file));
        ends.min().is_some_and(|end| end <= now)
    }

    /// When what a file holds of removed or replaced rows is to leave it, in
    /// microseconds; `None` when it holds none.
    fn must_leave(
        &self,
        pool: Option<&Pool>,
        manifest: &Manifest,
        file: &FileEntry,
    ) -> Option<i64> {
        // The file still has to be left by its last reader.
        let soon = self.upkeep.options.purge_after / 2;
        let now = self.clock.now();
        let removals = manifest.removals.iter().filter(|one| one.is_due(file));
        let removed = removals.map(|removal| {
            let stays = pool.and_then(|pool| may_stay(pool, removal, now));
            (removal.at, stays.map_or(soon, |stays| stays.max(soon)))
        });
        let replaced = file.replaced.as_ref();
        let replaced = replaced.map(|replaced| (replaced.since, soon));
        let ends = removed.chain(replaced).map(|(since, stays)| {
            let stays = i64::try_from(stays.as_micros()).unwrap_or(i64::MAX);
            since.as_microsecond().saturating_add(stays)
        });
        ends.min()
    }

    /// Merges the files of a pool that are next, or carries out removals, or
    /// sorts what lies otherwise than it is to.
    pub(super) fn merge_pool(&self, id: PoolId) -> Result<()> {
        let most = self.upkeep.options.runs;
        self.merge_files(id, |pool, manifest, order| {
            let layout = pool.draft.layout;
            let leaves = |file: &FileEntry| self.must_leave(Some(pool), manifest, file);
            let must_purge = || self.must_purge(Some(pool), manifest);
            choose(manifest, layout, most)
                .or_else(|| must_purge().then(|| unclean(manifest, layout, leaves))?)
                .or_else(|| misplaced(manifest, order))
                .or_else(|| gathered(manifest, layout))
        })
    }

    /// Merges all files of a pool into one run in the pool's order, without
    /// what was removed.
    pub(super) fn merge_whole(&self, id: PoolId) -> Result<()> {
        self.merge_files(id, |pool, manifest, order| {
            let is_due = !manifest.is_exact() || misplaced(manifest, order).is_some();
            whole(manifest, pool.draft.layout, is_due)
        })
    }

    fn merge_files(
        &self,
        id: PoolId,
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
        let Some(Choice { files, level }) = choose(&pool, &manifest, &order) else {
            self.pools.give_up(id, Written::Anew);
            return Ok(());
        };
        let begun = self.clock.now();
        let chosen = manifest.files.iter().filter(|f| files.contains(&f.id));
        let files: Vec<_> = chosen.cloned().collect();
        let removed = files.iter().map(|file| file.id).collect();
        let written = self
            .merged(&snapshot, files, &pool, cleaned)
            .and_then(|(plan, rows)| self.write_files(id, plan, rows, level, cleaned));
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

//! Which pool's files are to be merged next, and when.

use std::collections::HashMap;
use std::time::Duration;

use model::ids::PoolId;
use model::pools::{FileLayout, Pool};

use super::failures::without;
use super::levels::{choose, gathered, misplaced};
use super::looks::{Look, Looks, Subject};
use super::publish::has_passed;
use super::{Lake, Tending, Writing};
use crate::store::PoolState;

/// Runs above those that a customer is in otherwise, while much arrives.
pub(super) const BUSY_RUNS: usize = 2;

/// Runs above those that a customer is in otherwise, from which on merging is behind.
pub(super) const BEHIND_RUNS: usize = 2 * BUSY_RUNS;

/// How long a pool is to lie by what it was told at last before files that lie
/// otherwise are written anew for that alone: keys are made one after the other.
const SETTLED_AFTER: Duration = Duration::from_secs(60 * 60);

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
        let failed = memory.failures.merge;
        let after = states.iter().position(|state| Some(state.id) == failed);
        let (last, first) = states.split_at(after.map_or(0, |at| at + 1));
        let known = first.iter().chain(last);
        let known = known.filter(|state| state.pool.is_some());
        memory.looks.keep(states);
        let resting = self.upkeep.resting(now);
        let (looks, failures) = (&mut memory.looks, &memory.failures);
        let awake = known.filter(|state| !failures.rests(Writing::Merge(state.id), now));
        let mut due = awake.filter(|state| {
            let (manifest, layout) = (&state.manifest, layout_of(state));
            // The list is copied for a look alone, and not where the last one tells.
            let others = || without(manifest, &resting);
            let subject = Subject::of(state).with_runs(most).without(&resting);
            let must_merge = || choose(&others(), layout, most).is_some();
            looks.tell(state.id, Look::Merge, subject, must_merge)
                || (may_be_unclean(looks, state)
                    && self.must_purge(state.pool.as_deref(), manifest, &resting))
        });
        let due = due.next().map(|state| state.id);
        due.or_else(|| (!is_busy).then(|| self.next_sorting(memory, states))?)
            .or_else(|| (!is_busy).then(|| self.next_gathering(memory, states))?)
    }

    /// The pool to which no records came for as long as they may stay in memory, and in which
    /// customers with files of their own have more than they need.
    fn next_gathering(&self, memory: &mut Tending, states: &[PoolState]) -> Option<PoolId> {
        let now = self.clock.now();
        let always = self.upkeep.options.gathered_bytes;
        let resting = self.upkeep.resting(now);
        let (mut found, mut known) = (None, HashMap::new());
        for state in states {
            let is_waiting = layout_of(state) == FileLayout::FilePerCustomer && state.bytes == 0;
            let awake = || without(&state.manifest, &resting);
            let has_many = || gathered(&awake(), layout_of(state), always).is_some();
            let subject = Subject::of(state).without(&resting);
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
        let resting = self.upkeep.resting(now);
        let (mut found, mut known) = (None, HashMap::new());
        for state in states {
            let Some(order) = state.sorted_by() else {
                continue;
            };
            let awake = || without(&state.manifest, &resting);
            let subject = Subject::of(state).in_order(&order).without(&resting);
            let lie_otherwise = || misplaced(&awake(), &order).is_some();
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

    /// Whether what tends the files of a pool is behind, or has a term that is near, so that it takes what it
    /// can of the disk.
    pub(super) fn must_hurry(&self, pool: &Pool) -> bool {
        let manifest = self.pools.manifest(pool.id);
        let manifest = without(&manifest, &self.upkeep.resting(self.clock.now()));
        let most = self.upkeep.options.runs + BEHIND_RUNS;
        choose(&manifest, pool.draft.layout, most).is_some() || self.is_late(pool, &manifest)
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
}

//! The lake's own work: records go to files, files are merged, the journal is
//! freed, and what nobody needs is taken from the disk.
//!
//! One thread does it, one piece after the other. Every piece can be given up
//! and begun anew: what it writes counts from the moment in which the journal
//! names it.

mod carry;
mod compact;
mod counters;
mod files;
mod flush;
mod levels;
mod merge;
mod publish;
mod retain;
mod run;
mod scrub;
mod sorting;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::ids::PoolId;
use model::isolation::Carried;
use model::permit::{Permit, Upkeep};
use model::time::Timestamp;

use super::{Lake, UpkeepOptions};
use crate::error::{LakeError, Result};
use crate::journal::{JournalError, Position};
use crate::store::PoolState;
use crate::tables::{FileId, SortedBy};
use counters::Counters;
use publish::{Published, has_passed};
use retain::Retained;
use scrub::Scrub;

pub use levels::PoolLayout;
pub use scrub::Scrubbed;

/// What upkeep remembers from one piece of work to the next.
#[derive(Debug)]
pub(super) struct State {
    pub(super) options: UpkeepOptions,
    /// Records from here on cannot be shown to anybody, and are kept.
    pinned: Option<Position>,
    segment_bytes: u64,
    /// Whether files that the journal names may lack their final names.
    unnamed: AtomicBool,
    counters: Counters,
    scrub: Scrub,
    /// Held while a piece of work is done.
    memory: Mutex<Memory>,
    #[cfg(test)]
    staged: tests::staged::Staged,
}

#[derive(Debug, Default)]
struct Memory {
    /// Since when the first record of a pool that is in memory alone is known.
    waiting: HashMap<PoolId, (Position, Timestamp)>,
    /// Bytes of the journal when what is needed of it was last carried on.
    carried: Option<u64>,
    /// When the bytes of the journal were last looked at, how many there were,
    /// and whether many had come.
    arrived: Option<(Timestamp, u64, bool)>,
    /// When writing last failed.
    failed: HashMap<Writing, Timestamp>,
    /// What is known of the pools' Delta logs.
    published: HashMap<PoolId, Published>,
    /// When the journal was wiped, and its bytes then.
    wiped: Option<(Timestamp, u64)>,
    /// Which records of the pools with retention were looked through.
    retained: HashMap<PoolId, Retained>,
    /// The order in which a pool with files in another one is to lie, and since when.
    misplaced: HashMap<PoolId, (SortedBy, Timestamp)>,
    /// Since when files could go but for the log that names them.
    leaving: HashMap<FileId, Timestamp>,
}

/// A piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Work {
    /// Take files from the disk that nobody needs.
    Sweep(PoolId, Vec<FileId>),
    /// Write the records of a pool to files.
    Flush(PoolId),
    /// Write down anew what is needed of the journal, and free it.
    Carry,
    /// The same, and take what is not needed from the disk.
    Wipe,
    /// Make a pool's Delta log say what its files are.
    Publish(PoolId),
    /// Merge files of a pool.
    Merge(PoolId),
}

/// What is done for one pool: while it fails, other work gets its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Writing {
    Sweep(PoolId),
    Flush(PoolId),
    Merge(PoolId),
    Retain(PoolId),
    Wipe,
}

impl Writing {
    /// How long after a failure it is tried again. A file that cannot be read
    /// does not mend by itself.
    fn rest(self) -> Duration {
        match self {
            Self::Sweep(_) => Duration::from_secs(60),
            // A full disk may have room again at any time, and writers wait for it.
            Self::Flush(_) => Duration::from_secs(1),
            Self::Merge(_) | Self::Retain(_) | Self::Wipe => Duration::from_secs(10 * 60),
        }
    }
}

impl Work {
    fn writes(&self) -> Option<Writing> {
        match self {
            Self::Sweep(pool, _) => Some(Writing::Sweep(*pool)),
            Self::Flush(pool) => Some(Writing::Flush(*pool)),
            Self::Merge(pool) => Some(Writing::Merge(*pool)),
            Self::Wipe => Some(Writing::Wipe),
            _ => None,
        }
    }
}

impl Memory {
    /// Whether it failed a short while ago.
    fn rests(&self, writing: Writing, now: Timestamp) -> bool {
        let failed = self.failed.get(&writing);
        failed.is_some_and(|failed| !has_passed(*failed, now, writing.rest()))
    }
}

impl State {
    pub(super) fn new(
        options: UpkeepOptions,
        pinned: Option<Position>,
        segment_bytes: u64,
    ) -> Self {
        Self {
            options,
            pinned,
            segment_bytes,
            unnamed: AtomicBool::new(false),
            counters: Counters::default(),
            scrub: Scrub::default(),
            memory: Mutex::default(),
            #[cfg(test)]
            staged: tests::staged::Staged::default(),
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lake {
    /// Does the next piece of upkeep; answers whether there was one. Blocks
    /// while it works, so it wants a thread of its own. A piece that is given
    /// up because the lake is told to stop is no failure.
    ///
    /// # Errors
    /// The piece is not done, and nothing is lost; it may be tried again.
    pub fn upkeep(&self, _: &Permit<Upkeep>) -> Result<bool> {
        if self.is_stopping() {
            return Ok(false);
        }
        match self.next_piece() {
            Err(LakeError::Journal(JournalError::Stopped)) if self.is_stopping() => Ok(false),
            done => done,
        }
    }

    fn next_piece(&self) -> Result<bool> {
        let mut memory = self.upkeep.memory();
        if self.upkeep.unnamed.load(Ordering::Relaxed) {
            self.settle_names()?;
            self.upkeep.unnamed.store(false, Ordering::Relaxed);
        }
        let states = self.pools.states();
        let Some(work) = self.next_work(&mut memory, &states) else {
            return Ok(false);
        };
        self.settle_journal()?;
        let tried = work.writes();
        let done = self.carry_out(&mut memory, &states, work);
        if let (Err(_), false) = (&done, self.is_stopping()) {
            self.upkeep.counters.failures.add(1);
            memory
                .failed
                .extend(tried.map(|tried| (tried, self.clock.now())));
        }
        done.map(|()| true)
    }

    fn carry_out(&self, memory: &mut Memory, states: &[PoolState], work: Work) -> Result<()> {
        match work {
            Work::Sweep(pool, files) => self.sweep(memory, pool, &files),
            Work::Publish(pool) => {
                if let Some(state) = states.iter().find(|state| state.id == pool) {
                    // The failure is told and tried again; nothing waits for it.
                    let _told = self.publish_pool(memory, state);
                }
                Ok(())
            }
            Work::Flush(pool) => self.flush_pool(pool),
            Work::Merge(pool) => self.merge_pool(pool),
            Work::Carry => self.carry_on(memory),
            Work::Wipe => self.wipe_journal(memory),
        }
    }

    /// How the records of each known pool lie in files now.
    pub fn layout(&self, _: &Permit<Upkeep>) -> Vec<(PoolId, PoolLayout)> {
        let states = self.pools.states();
        let known = states.iter().filter(|state| state.pool.is_some());
        known
            .map(|state| (state.id, PoolLayout::of(state)))
            .collect()
    }

    /// Takes over what the keys of these pools carry: of a pool that does not
    /// name its isolation field, files lie by what is learned from that. New
    /// ones at once, others as they are merged, and by themselves when that
    /// has stood for an hour. It says where records lie and nothing else: who
    /// sees them, the barrier alone decides.
    pub fn learn(&self, _: &Permit<Upkeep>, carried: Vec<(PoolId, Carried)>) {
        self.pools.learn(carried);
    }

    /// Whether the lake is being closed: long work is given up then.
    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn next_work(&self, memory: &mut Memory, states: &[PoolState]) -> Option<Work> {
        let now = self.clock.now();
        let sweep = states.iter().find_map(|state| {
            if memory.rests(Writing::Sweep(state.id), now) {
                return None;
            }
            let leaving = self.leaving(memory, state);
            (!leaving.is_empty()).then_some(Work::Sweep(state.id, leaving))
        });
        sweep
            .or_else(|| self.next_flush(memory, states).map(Work::Flush))
            .or_else(|| self.must_carry(memory).then_some(Work::Carry))
            .or_else(|| self.must_wipe(memory).then_some(Work::Wipe))
            .or_else(|| self.next_publish(memory, states).map(Work::Publish))
            .or_else(|| self.next_merge(memory, states).map(Work::Merge))
    }
}

#[cfg(test)]
mod tests;

//! The lake's own work: records go to files, files are merged, the journal is
//! freed, and what nobody needs is taken from the disk.
//!
//! One thread does it, one piece after the other. Every piece can be given up
//! and begun anew: what it writes counts from the moment in which the journal
//! names it.

mod carry;
mod files;
mod flush;
mod merge;
mod run;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::ids::PoolId;
use model::permit::{Permit, Upkeep};
use model::time::Timestamp;

use super::{Lake, UpkeepOptions};
use crate::error::Result;
use crate::journal::Position;
use crate::store::PoolState;

/// What upkeep remembers from one piece of work to the next.
#[derive(Debug)]
pub(super) struct State {
    pub(super) options: UpkeepOptions,
    /// Records from here on cannot be shown to anybody, and are kept.
    pinned: Option<Position>,
    segment_bytes: u64,
    /// Whether files that the journal names may lack their final names.
    unnamed: AtomicBool,
    /// Held while a piece of work is done.
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    /// Since when the first record of a pool that is in memory alone is known.
    waiting: HashMap<PoolId, (Position, Timestamp)>,
    /// Bytes of the journal when what is needed of it was last carried on.
    carried: Option<u64>,
}

/// A piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// Take files from the disk that nobody needs.
    Sweep(PoolId),
    /// Write the records of a pool to files.
    Flush(PoolId),
    /// Write down anew what is needed of the journal, and free it.
    Carry,
    /// Merge files of a pool.
    Merge(PoolId),
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
            memory: Mutex::default(),
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lake {
    /// Does the next piece of upkeep; answers whether there was one. Blocks
    /// while it works, so it wants a thread of its own.
    ///
    /// # Errors
    /// The piece is not done, and nothing is lost; it may be tried again.
    pub fn upkeep(&self, _: &Permit<Upkeep>) -> Result<bool> {
        if self.is_stopping() {
            return Ok(false);
        }
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
        match work {
            Work::Sweep(pool) => {
                if let Some(state) = states.iter().find(|state| state.id == pool) {
                    self.sweep(state)?;
                }
            }
            Work::Flush(pool) => self.flush_pool(pool)?,
            Work::Merge(pool) => self.merge_pool(pool)?,
            Work::Carry => self.carry_on(&mut memory)?,
        }
        Ok(true)
    }

    /// Writes all records in memory to files.
    pub fn flush(&self, _: &Permit<Upkeep>) -> Result<()> {
        let mut memory = self.upkeep.memory();
        self.settle_journal()?;
        for state in self.pools.states() {
            self.flush_pool(state.id)?;
        }
        self.carry_on(&mut memory)
    }

    /// Writes all records to files, merges the files of each pool into as few
    /// as there can be, carries out every removal in them, and takes from the
    /// disk what nobody needs any more.
    pub fn compact(&self, permit: &Permit<Upkeep>) -> Result<()> {
        self.flush(permit)?;
        let mut memory = self.upkeep.memory();
        for state in self.pools.states() {
            self.merge_whole(state.id)?;
        }
        for state in self.pools.states() {
            self.sweep(&state)?;
        }
        self.carry_on(&mut memory)
    }

    /// Whether the lake is being closed: long work is given up then.
    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn next_work(&self, memory: &mut Memory, states: &[PoolState]) -> Option<Work> {
        let unused = states.iter().find(|s| !s.manifest.unused().is_empty());
        unused
            .map(|state| Work::Sweep(state.id))
            .or_else(|| self.next_flush(memory, states).map(Work::Flush))
            .or_else(|| self.must_carry(memory).then_some(Work::Carry))
            .or_else(|| self.next_merge(states).map(Work::Merge))
    }
}

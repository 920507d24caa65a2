//! The lake's own work: records go to files, files are merged, the journal is
//! freed, and what nobody needs is taken from the disk.
//!
//! It is two kinds of work, each done by one thread, one piece after the other:
//! memory and journal are freed, for which writers wait, and files are tended,
//! which may take long. Every piece can be given up and begun anew: what it
//! writes counts from the moment in which the journal names it.

mod carry;
mod compact;
mod counters;
mod definitions;
mod due;
mod failures;
mod files;
mod flush;
mod levels;
mod looks;
mod merge;
mod pace;
mod publish;
mod purge;
mod retain;
mod run;
mod scrub;
mod sorting;
mod tokens;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use model::ids::PoolId;
use model::permit::{Permit, Upkeep};
use model::time::Timestamp;

use super::{Lake, UpkeepOptions};
use crate::error::{LakeError, Result};
use crate::journal::{JournalError, Position};
use crate::store::{Leftover, PoolState};
use crate::tables::{FileId, SortedBy};
use counters::Counters;
use failures::{Failures, Unreadable, Writing};
use looks::Looks;
use publish::Published;
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
    /// Whether an unfinished file that the journal does not name is nobody's:
    /// at the opening as [`crate::journal::Options::is_known`]; behind it what
    /// is unfinished is this process's own.
    journal_is_known: AtomicBool,
    /// Whether files that the journal names may lack their final names.
    unnamed: AtomicBool,
    counters: Counters,
    scrub: Scrub,
    /// Files that could not be read and that nobody has read since, and when that failed last.
    unreadable: Mutex<HashMap<FileId, Unreadable>>,
    /// Held while a piece of this work is done. Where both are held, that of
    /// `tending` was taken first.
    freeing: Mutex<Freeing>,
    /// Held while a piece of this work is done.
    tending: Mutex<Tending>,
    /// Held while it is found out what a change of files is to be, until it is
    /// done and the files have their names: each is made for the files that the
    /// one before it left. Taken after the two above.
    changing: Mutex<()>,
    /// Shared by those who write files that no manifest names, and held alone
    /// by whoever takes such files for left over.
    unfinished: RwLock<()>,
    #[cfg(test)]
    staged: tests::staged::Staged,
}

/// What is remembered of freeing memory and the journal.
#[derive(Debug, Default)]
struct Freeing {
    /// Since when the first record of a pool that is in memory alone is known.
    waiting: HashMap<PoolId, (Position, Timestamp)>,
    /// Bytes of the journal when what is needed of it was last carried on.
    carried: Option<u64>,
    /// When the journal was wiped, and its bytes then; after a start, when the
    /// oldest came of what it holds.
    wiped: Option<(Timestamp, u64)>,
    /// While a wipe is due: up to where records go to files before it, and the
    /// pools of which that was tried. What is in memory alone keeps segments.
    wiping: Option<(Position, HashSet<PoolId>)>,
    /// Whether records went to files since, so that more of the journal can go.
    has_flushed: bool,
    /// Whether the last piece moved tokens, so that others get their turn.
    has_moved: bool,
    failures: Failures,
}

/// What is remembered of tending files.
#[derive(Debug, Default)]
struct Tending {
    /// When the bytes of the journal were last looked at, how many there were,
    /// and whether many had come.
    arrived: Option<(Timestamp, u64, bool)>,
    /// What is known of the pools' Delta logs.
    published: HashMap<PoolId, Published>,
    /// Which records of the pools with retention were looked through.
    retained: HashMap<PoolId, Retained>,
    /// What looks at all files of a pool told.
    looks: Looks,
    /// The order in which a pool with files in another one is to lie, and since when.
    misplaced: HashMap<PoolId, (SortedBy, Timestamp)>,
    /// Up to where the records of a pool are in files that has some to gather, and since when.
    resting: HashMap<PoolId, (Option<Position>, Timestamp)>,
    /// When no tokens were left in their store that ended.
    forgotten: Option<Timestamp>,
    /// Since when files could go but for the log that names them.
    leaving: HashMap<FileId, Timestamp>,
    failures: Failures,
}

/// What is known of the names of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// They are what the disk holds.
    Found,
    /// Files were named, and perhaps the disk does not hold it: their
    /// directory could not be synced.
    Unsure,
}

/// A piece of freeing memory and the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Freed {
    /// Write the records of a pool to files.
    Flush(PoolId),
    /// Write down anew what is needed of the journal, and free it.
    Carry,
    /// The same, and take what is not needed from the disk.
    Wipe,
    /// Move tokens of uniqueness from memory to their store.
    MoveTokens,
}

/// A piece of tending files.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tended {
    /// Take files from the disk that nobody needs.
    Sweep(PoolId, Vec<FileId>),
    /// Make a pool's Delta log say what its files are.
    Publish(PoolId),
    /// Merge files of a pool.
    Merge(PoolId),
    /// Forget tokens of uniqueness that ended.
    ForgetTokens,
    /// Read a file again that could not be read.
    ReadAgain(PoolId, FileId),
}

impl Freed {
    fn writes(self) -> Option<Writing> {
        match self {
            Self::Flush(pool) => Some(Writing::Flush(pool)),
            Self::Wipe => Some(Writing::Wipe),
            Self::MoveTokens => Some(Writing::MoveTokens),
            Self::Carry => None,
        }
    }
}

impl Tended {
    fn writes(&self) -> Option<Writing> {
        match self {
            Self::Sweep(pool, _) => Some(Writing::Sweep(*pool)),
            Self::Merge(pool) => Some(Writing::Merge(*pool)),
            Self::ForgetTokens => Some(Writing::ForgetTokens),
            Self::Publish(_) | Self::ReadAgain(..) => None,
        }
    }
}

impl State {
    pub(super) fn new(
        options: UpkeepOptions,
        leftover: &Leftover,
        segment_bytes: u64,
        journal_is_known: bool,
    ) -> Self {
        let freeing = Freeing {
            // A server that is often started anew wipes all the same.
            wiped: leftover.since.map(|since| (since, u64::MAX)),
            ..Freeing::default()
        };
        Self {
            options,
            pinned: leftover.first,
            segment_bytes,
            journal_is_known: AtomicBool::new(journal_is_known),
            unnamed: AtomicBool::new(false),
            counters: Counters::default(),
            scrub: Scrub::default(),
            unreadable: Mutex::default(),
            freeing: Mutex::new(freeing),
            tending: Mutex::default(),
            changing: Mutex::default(),
            unfinished: RwLock::default(),
            #[cfg(test)]
            staged: tests::staged::Staged::default(),
        }
    }

    /// To be said once everything that earlier processes left has been looked at.
    pub(super) fn note_opened(&self) {
        self.journal_is_known.store(true, Ordering::Relaxed);
    }

    fn freeing(&self) -> MutexGuard<'_, Freeing> {
        self.freeing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tending(&self) -> MutexGuard<'_, Tending> {
        self.tending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lake {
    /// Does the next piece of upkeep of either kind; answers whether there was one.
    ///
    /// # Errors
    /// As [`Lake::free`].
    pub fn upkeep(&self, permit: &Permit<Upkeep>) -> Result<bool> {
        Ok(self.free(permit)? || self.tend(permit)?)
    }

    /// Does the next piece of what frees memory and the journal: records go to
    /// files, and what is still needed of the journal is written down anew.
    /// Answers whether there was one. Blocks while it works, so it wants a
    /// thread of its own. A piece that is given up because the lake is told to
    /// stop is no failure; nor is one of the store of tokens, which is told in
    /// the log and rests while other work goes on.
    ///
    /// # Errors
    /// The piece is not done, and nothing is lost; it may be tried again.
    pub fn free(&self, _: &Permit<Upkeep>) -> Result<bool> {
        let mut memory = self.upkeep.freeing();
        self.unless_stopping(|| {
            let states = self.pools.states();
            let Some(work) = self.next_freeing(&mut memory, &states) else {
                return Ok(None);
            };
            self.settle_journal()?;
            let done = match work {
                Freed::Flush(pool) => {
                    let done = self.flush_making_room(pool);
                    memory.has_flushed |= done.is_ok();
                    if let Err(error) = &done {
                        let now = self.clock.now();
                        self.upkeep.note_unreadable_once(error, now);
                    }
                    let is_stuck = done.as_ref().is_err_and(LakeError::is_of_a_file);
                    self.pools.note_stuck(pool, is_stuck);
                    done
                }
                Freed::Carry => self.carry_on(&mut memory),
                Freed::Wipe => self.wipe_journal(&mut memory),
                Freed::MoveTokens => self.move_tokens().map(drop),
            };
            memory.has_moved = work == Freed::MoveTokens;
            let done = self.noted(done, work.writes(), &mut memory.failures);
            done.map(Some)
        })
    }

    /// Does the next piece of what tends the files: they are merged, published
    /// and taken from the disk; as [`Lake::free`], beside which it may run.
    ///
    /// # Errors
    /// As [`Lake::free`].
    pub fn tend(&self, _: &Permit<Upkeep>) -> Result<bool> {
        let mut memory = self.upkeep.tending();
        self.unless_stopping(|| {
            if self.upkeep.unnamed.swap(false, Ordering::Relaxed)
                && let Err(error) = self.settle_names(Names::Unsure)
            {
                self.upkeep.unnamed.store(true, Ordering::Relaxed);
                return Err(error);
            }
            let states = self.pools.states();
            let Some(work) = self.next_tending(&mut memory, &states) else {
                return Ok(None);
            };
            self.settle_journal()?;
            let tried = work.writes();
            let done = self.carry_out(&mut memory, work);
            let done = self.noted(done, tried, &mut memory.failures);
            done.map(Some)
        })
    }

    /// Whether a piece of work was done; none is begun once the lake is told to stop.
    fn unless_stopping(&self, work: impl FnOnce() -> Result<Option<()>>) -> Result<bool> {
        if self.is_stopping() {
            return Ok(false);
        }
        match work() {
            Err(LakeError::Journal(JournalError::Stopped)) if self.is_stopping() => Ok(false),
            done => Ok(done?.is_some()),
        }
    }

    fn carry_out(&self, memory: &mut Tending, work: Tended) -> Result<()> {
        match work {
            Tended::Sweep(pool, files) => self.sweep(memory, pool, &files),
            Tended::Publish(pool) => {
                // The failure is told and tried again; nothing waits for it.
                let _told = self.publish_pool(memory, pool);
                Ok(())
            }
            Tended::Merge(pool) => self.merge_pool(pool),
            Tended::ForgetTokens => self.forget_tokens(memory),
            Tended::ReadAgain(pool, file) => self.read_one_again(pool, file),
        }
    }

    /// Whether the lake is being closed: long work is given up then.
    fn is_stopping(&self) -> bool {
        self.stopping.is_told()
    }

    fn next_freeing(&self, memory: &mut Freeing, states: &[PoolState]) -> Option<Freed> {
        let moves = self.must_move_tokens(memory);
        if moves && !memory.has_moved {
            return Some(Freed::MoveTokens);
        }
        // While much arrives a flush is always due, and the journal must go all the same.
        if self.must_wipe(memory) {
            let before = self.flush_before_wipe(memory, states);
            return Some(before.map_or(Freed::Wipe, Freed::Flush));
        }
        if memory.has_flushed && self.must_carry(memory) {
            return Some(Freed::Carry);
        }
        self.next_flush(memory, states)
            .map(Freed::Flush)
            .or_else(|| self.must_carry(memory).then_some(Freed::Carry))
            .or_else(|| moves.then_some(Freed::MoveTokens))
    }

    fn next_tending(&self, memory: &mut Tending, states: &[PoolState]) -> Option<Tended> {
        if self.upkeep.unnamed.load(Ordering::Relaxed) {
            // Nothing is said of files that perhaps have other names.
            return self.next_merge(memory, states).map(Tended::Merge);
        }
        let now = self.clock.now();
        let sweep = states.iter().find_map(|state| {
            if memory.failures.rests(Writing::Sweep(state.id), now) {
                return None;
            }
            let leaving = self.leaving(memory, state);
            (!leaving.is_empty()).then_some(Tended::Sweep(state.id, leaving))
        });
        sweep
            .or_else(|| self.next_publish(memory, states).map(Tended::Publish))
            .or_else(|| self.next_merge(memory, states).map(Tended::Merge))
            .or_else(|| {
                self.must_forget_tokens(memory)
                    .then_some(Tended::ForgetTokens)
            })
            .or_else(|| {
                let (pool, file) = self.next_reading_again(states)?;
                Some(Tended::ReadAgain(pool, file))
            })
    }
}

#[cfg(test)]
pub(super) mod tests;

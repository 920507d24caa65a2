//! Upkeep that is asked for, and done at once.

use model::ids::PoolId;
use model::permit::{Permit, Upkeep};

use super::{Lake, Tending};
use crate::error::{LakeError, Result};

/// What could not be done while the rest was.
type Left = Vec<LakeError>;

/// Notes a failure of a file that cannot be read, behind which work goes on.
fn go_on(left: &mut Left, done: Result<()>) -> Result<()> {
    match done {
        Err(error) if error.is_of_a_file() => {
            left.push(error);
            Ok(())
        }
        done => done,
    }
}

/// The first of it, that of a file before others.
fn first_of(mut left: Left) -> Result<()> {
    left.sort_by_key(|error| !error.is_of_a_file());
    left.into_iter().next().map_or(Ok(()), Err)
}

impl Lake {
    /// Writes all records in memory to files.
    ///
    /// # Errors
    /// Of the first file that cannot be read, when the records of all pools are
    /// written that can be.
    pub fn flush(&self, _: &Permit<Upkeep>) -> Result<()> {
        let mut memory = self.upkeep.freeing();
        self.settle_journal()?;
        let mut left = Left::new();
        for state in self.pools.states() {
            go_on(&mut left, self.flush_making_room(state.id))?;
        }
        self.carry_on(&mut memory)?;
        first_of(left)
    }

    /// Writes all records to files, merges the files of each pool into as few
    /// as there can be, carries out every removal in them, publishes each pool,
    /// and takes from the disk what nobody needs any more.
    ///
    /// # Errors
    /// Of the first file that cannot be read, when all is done without it; it
    /// stays where it is. [`LakeError::Unpublished`] when all is done but the
    /// Delta log of a pool, and the files that it names.
    pub fn compact(&self, permit: &Permit<Upkeep>) -> Result<()> {
        let mut left = Left::new();
        go_on(&mut left, self.flush(permit))?;
        let mut memory = self.upkeep.tending();
        // The states themselves would hold the files that are to go.
        let pools: Vec<_> = self.pools.states().iter().map(|state| state.id).collect();
        for pool in pools {
            left.extend(self.compact_one(&mut memory, pool)?);
        }
        self.wipe_journal(&mut self.upkeep.freeing())?;
        first_of(left)
    }

    /// As [`Lake::compact`], for one pool; its records in memory go to files
    /// only if `flush` says so. Answers what was left while all else was done:
    /// files that cannot be read, and a Delta log.
    ///
    /// # Errors
    /// When it could not go on.
    pub fn compact_pool(
        &self,
        _: &Permit<Upkeep>,
        pool: PoolId,
        flush: bool,
    ) -> Result<Vec<LakeError>> {
        let mut memory = self.upkeep.tending();
        self.settle_journal()?;
        let mut left = Left::new();
        if flush {
            let _freeing = self.upkeep.freeing();
            go_on(&mut left, self.flush_making_room(pool))?;
        }
        let done = self.compact_one(&mut memory, pool);
        self.carry_on(&mut self.upkeep.freeing())?;
        left.extend(done?);
        Ok(left)
    }

    /// Frees the journal of all that is in files, or gone: no byte of it stays
    /// in the journal's files.
    pub fn free_journal(&self, _: &Permit<Upkeep>) -> Result<()> {
        self.wipe_journal(&mut self.upkeep.freeing())
    }

    fn compact_one(&self, memory: &mut Tending, pool: PoolId) -> Result<Left> {
        self.settle_names(self.names())?;
        let mut left = self.merge_whole(pool)?;
        let states = self.pools.states();
        let Some(state) = states.iter().find(|state| state.id == pool) else {
            return Ok(left);
        };
        let published = self.publish_pool(memory, pool);
        let leaving = self.leaving(memory, state);
        self.sweep(memory, pool, &leaving)?;
        left.extend(published.err().map(|error| LakeError::Unpublished {
            pool,
            reason: error.to_string(),
        }));
        Ok(left)
    }

    /// Records of a pool, in memory and in files, those included that wait to
    /// be removed from files: what compacting it may write.
    pub fn records_of(&self, _: &Permit<Upkeep>, pool: PoolId) -> u64 {
        let files = self.pools.manifest(pool).files;
        let rows: u64 = files.iter().map(|file| file.rows).sum();
        rows + self.pools.held_records(pool)
    }

    /// Records that upkeep wrote to files since the lake was opened, those of
    /// a file that is being written included.
    pub fn records_written(&self) -> u64 {
        self.upkeep.counters.written.get()
    }
}

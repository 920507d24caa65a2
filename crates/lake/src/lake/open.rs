//! Opening the lake.

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use model::pools::Pool;
use model::random::RandomSource;
use model::time::Clock;

use super::Lake;
use super::stopping::Stopping;
use super::upkeep::{self, Names};
use crate::disk::Disk;
use crate::error::Result;
use crate::journal::{self, Journal};
use crate::run::{RunOptions, Runner};
use crate::store::{Pools, Store};
use crate::tables::{BLOCK_ROWS, DICTIONARY_BYTES, Tables};
use crate::uniqueness::{RecentTokens, TokenOptions, TokenStore};

/// Bounds of the lake.
#[derive(Clone, Debug)]
pub struct LakeOptions {
    /// Bounds of the journal.
    pub journal: journal::Options,
    /// Bounds of the execution of questions.
    pub run: RunOptions,
    /// Bytes of records that may be held in memory.
    pub buffer_bytes: u64,
    /// Bytes of columns that are kept in memory as they were read from files, and of how files are
    /// built.
    pub cache_bytes: u64,
    /// Bounds of the tokens of uniqueness that are held in memory.
    pub tokens: TokenOptions,
    /// When records go to files, and how files are merged.
    pub upkeep: UpkeepOptions,
}

/// When records go to files, and how files are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpkeepOptions {
    /// Bytes of one pool's records in memory from which on they go to files.
    pub flush_bytes: u64,
    /// How long records stay in memory alone at most.
    pub flush_after: Duration,
    /// Segments of the journal from which on records go to files so that the
    /// segments can be used again.
    pub journal_segments: u64,
    /// Bytes of a file; larger runs are several files.
    pub file_bytes: u64,
    /// Rows of a block of a file, at most: what is read and kept at once.
    pub block_rows: usize,
    /// Bytes of the dictionary of a column in a row group of a file from which on the blocks that
    /// come hold their values themselves, so that the column is not read as codes there.
    pub dictionary_bytes: usize,
    /// Runs of files that a customer's records are in at most; when there are
    /// more, some are merged.
    pub runs: usize,
    /// Bytes that merging writes in a second, at most, unless it falls behind.
    pub merge_bytes_per_second: u64,
    /// Bytes of the files that are a customer's own up to which they become one whenever the pool
    /// is at rest.
    pub gathered_bytes: u64,
    /// How long a deleted record may stay on the disk.
    pub purge_after: Duration,
    /// Bytes of what is read of all files that are merged, in memory at once.
    pub merge_bytes: usize,
    /// Bytes of records that are sorted at once where files lie in another
    /// order than they are to; what is more goes to files in between.
    pub sort_bytes: usize,
}

impl Default for UpkeepOptions {
    fn default() -> Self {
        Self {
            flush_bytes: 256 << 20,
            flush_after: Duration::from_secs(15 * 60),
            journal_segments: 8,
            file_bytes: 128 << 20,
            block_rows: BLOCK_ROWS,
            dictionary_bytes: DICTIONARY_BYTES,
            runs: 8,
            merge_bytes_per_second: 64 << 20,
            gathered_bytes: 1 << 20,
            purge_after: Duration::from_secs(24 * 60 * 60),
            merge_bytes: 256 << 20,
            sort_bytes: 64 << 20,
        }
    }
}

/// What the lake needs of the world.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The disk.
    pub disk: Arc<dyn Disk>,
    /// The directory of the journal, whose parent exists.
    pub journal: PathBuf,
    /// The directory of the files of records, whose parent exists.
    pub tables: PathBuf,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of names that are never given twice.
    pub random: Arc<dyn RandomSource>,
    /// Where tokens of uniqueness are that the journal has let go of.
    pub tokens: Arc<dyn TokenStore>,
}

impl Lake {
    /// Opens the lake and reads back every durable record of the `known`
    /// pools. Records and files of pools that are not known are left as they
    /// are, and told of.
    ///
    /// # Errors
    /// Damage of the journal is refused, and nothing is changed then. A
    /// damaged file of records is no error here, only for whoever reads it.
    pub fn open(
        environment: Environment,
        known: Vec<Arc<Pool>>,
        options: LakeOptions,
    ) -> Result<Self> {
        let Environment {
            disk,
            journal: journal_directory,
            tables,
            clock,
            random,
            tokens: token_store,
        } = environment;
        let tables = Tables::new(disk.clone(), &tables, options.cache_bytes);
        let tables = Arc::new(tables.with_open_files(options.run.open_files));
        let pools = Arc::new(Pools::new(tables.clone()));
        let bound = options.buffer_bytes;
        let tokens = Arc::new(RecentTokens::new(options.tokens.held));
        let (store, replay) =
            Store::new(pools.clone(), bound, clock.clone(), known, tokens.clone());
        let operation_bytes = options.journal.max_record_bytes;
        let segment_bytes = options.journal.segment_bytes;
        let journal_is_known = options.journal.is_known;
        let disk = disk.with_spares().unwrap_or(disk);
        let journal = Journal::open(disk, &journal_directory, options.journal, store)?;
        let leftover = {
            let mut replay = replay.lock().unwrap_or_else(PoisonError::into_inner);
            replay.finish()?
        };
        tokens.replayed();
        if leftover.records > 0 {
            tracing::error!(
                records = leftover.records,
                "the journal holds records of pools that the control database does not know; \
                 was an older control database put back? The journal is kept from there on"
            );
        }
        let mut run = [0; 8];
        random.fill(&mut run);
        let lake = Self {
            run: u64::from_be_bytes(run) ^ clock.now().as_microsecond().unsigned_abs(),
            journal,
            pools,
            tables,
            runner: Runner::new(options.run)?,
            clock,
            random,
            tokens,
            token_store,
            token_options: options.tokens,
            upkeep: upkeep::State::new(options.upkeep, &leftover, segment_bytes, journal_is_known),
            stopping: Stopping::default(),
            buffer_bytes: options.buffer_bytes,
            operation_bytes,
            records_stored: AtomicU64::new(0),
            queries_answered: AtomicU64::new(0),
            plans_refused: AtomicU64::new(0),
            constraints_unresolved: AtomicU64::new(0),
        };
        lake.check_tables()?;
        lake.settle_names(Names::Found)?;
        lake.upkeep.note_opened();
        Ok(lake)
    }
}

//! For tests of answers: a lake that holds given records, with the ids and
//! times that they have.

use std::path::Path;
use std::sync::Arc;

use model::pools::Pool;
use model::random::SeededRandom;
use model::records::Record;
use model::time::{ManualClock, Timestamp};

use super::{Environment, Lake, LakeOptions, UpkeepOptions, segment_of};
use crate::columns::Layout;
use crate::error::Result;
use crate::journal;
use crate::run::RunOptions;
use crate::simulation::SimulatedDisk;
use crate::snapshot::Snapshot;
use crate::store::{Operation, Outcome};
use crate::tables::Tables;
use crate::uniqueness::{MemoryTokens, TokenOptions};

impl Lake {
    /// A lake on a disk in memory, whose files have blocks of so many rows and
    /// are many.
    pub(crate) fn in_memory(block_rows: usize) -> Self {
        Self::with_files(UpkeepOptions {
            block_rows,
            file_bytes: 1,
            runs: 2,
            ..UpkeepOptions::default()
        })
    }

    /// The same whose files are few and have many row groups: some hold codes of a column, and of
    /// others the dictionary was full.
    pub(crate) fn of_both_kinds() -> Self {
        Self::with_files(UpkeepOptions {
            block_rows: 2,
            dictionary_bytes: 24,
            runs: 2,
            ..UpkeepOptions::default()
        })
    }

    fn with_files(upkeep: UpkeepOptions) -> Self {
        let journal = journal::Options {
            segment_bytes: 1 << 20,
            max_record_bytes: 512 << 10,
            ..journal::Options::new(1)
        };
        let options = LakeOptions {
            journal,
            run: RunOptions::default(),
            buffer_bytes: 1 << 40,
            cache_bytes: 2 << 20,
            tokens: TokenOptions::default(),
            upkeep,
        };
        let environment = Environment {
            disk: Arc::new(SimulatedDisk::new(1)),
            journal: Path::new(SimulatedDisk::ROOT).join("journal"),
            tables: Path::new(SimulatedDisk::ROOT).join("tables"),
            clock: Arc::new(ManualClock::new(Timestamp::MIN)),
            random: Arc::new(SeededRandom::new(1)),
            tokens: Arc::new(MemoryTokens::default()),
        };
        Self::open(environment, Vec::new(), options).unwrap()
    }

    /// Makes records visible as one batch, as they are.
    pub(crate) async fn put(&self, pool: &Arc<Pool>, records: &[Record]) -> Result<()> {
        let layout = Layout::of(&pool.draft.schema);
        let segment = segment_of(pool, &layout, records, std::iter::empty())?;
        let operation = Operation::Append {
            pool: pool.clone(),
            payload: vec![0],
            segment,
            saved: None,
            tokens: None,
        };
        match self.submit(operation).await? {
            Outcome::Done(done) => done.map(|_| ()),
            other => panic!("an append was answered as {other:?}"),
        }
    }

    /// The files of all pools.
    pub(crate) fn tables(&self) -> &Tables {
        &self.tables
    }

    /// The records of a pool as they are now.
    pub(crate) fn snapshot(&self, pool: &Arc<Pool>) -> Snapshot {
        self.pools.snapshot(pool)
    }
}

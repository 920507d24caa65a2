//! What the data plane answers.

use crate::fields::FieldType;
use crate::ids::PoolId;
use crate::names::FieldPath;
use crate::pools::Pool;
use crate::records::RecordFault;
use crate::time::Timestamp;

/// The outcome of one ingest request. Every accepted record is on stable
/// storage and visible to the next query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppendReceipt {
    /// Records stored.
    pub accepted: u64,
    /// Records rejected.
    pub rejected: u64,
    /// The first rejected records, up to a stated number.
    pub faults: Vec<RecordFault>,
    /// Whether this repeats the saved answer of an earlier request.
    pub repeated: bool,
    /// When the records were taken in whose answer this is, if it is saved under
    /// an idempotency key: with the key, it tells one batch from every other.
    pub saved_at: Option<Timestamp>,
}

/// A moment in the changes of a pool's records and of its definition, of one
/// run of the server. Later moments of the same pool and run are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolVersion {
    pool: PoolId,
    run: u64,
    revision: i64,
    changes: u64,
}

impl PoolVersion {
    /// The moment after so many changes of the records of a pool as it is
    /// defined, in the run of this number. The data plane alone makes them.
    pub fn new(pool: &Pool, run: u64, changes: u64) -> Self {
        Self {
            pool: pool.id,
            run,
            revision: pool.revision,
            changes,
        }
    }

    /// The number of changes, if it is a moment of this pool, as it is defined,
    /// in this run.
    pub fn changes(self, pool: &Pool, run: u64) -> Option<u64> {
        let same = Self::new(pool, run, self.changes);
        (self == same).then_some(self.changes)
    }
}

/// What was touched of a pool's records since a moment. It speaks of hidden
/// records too: it may choose what is read anew, never what is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// The moment up to which this is known. A question that is asked from now
    /// on sees all changes up to it, and perhaps later ones.
    pub version: PoolVersion,
    /// Which records may differ from those of the moment asked about, and no others.
    pub records: TouchedRecords,
    /// Whether some of them may have gone: by a delete, replaced by records of
    /// other times, or because the time came at which too old ones go, where
    /// there were some. Where not, records came, took the places of others of
    /// their own times, or were too old when they came and went.
    pub took_away: bool,
}

/// Which records may have come, gone or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TouchedRecords {
    /// Any.
    Everything,
    /// Those with these times in the pool's time field.
    At {
        /// The first and the last instant of each stretch, in their order and apart.
        stretches: Vec<(Timestamp, Timestamp)>,
        /// And those without a time.
        timeless: bool,
    },
}

/// A field as a key sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenField {
    /// The path.
    pub path: FieldPath,
    /// The declared type, or the kinds of values that visible rows hold.
    pub seen: SeenType,
    /// Whether every record has it.
    pub required: bool,
}

/// The type of a field as a key sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeenType {
    /// Declared by the pool.
    Declared(FieldType),
    /// The kinds of values in visible rows (`number`, `string`, `boolean`, `array`, `object`), in that order.
    Mixed(Vec<&'static str>),
}

/// A columnar format of bodies and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Columnar {
    /// Apache Parquet.
    Parquet,
    /// Apache Arrow's streaming IPC format.
    ArrowStream,
}

/// Counters of the data plane since the process started, and its present size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PlaneMetrics {
    /// Records stored.
    pub records_stored: u64,
    /// Questions answered.
    pub queries_answered: u64,
    /// Questions refused by the run-time plan check; anything but 0 is an alarm.
    pub plans_refused: u64,
    /// Constraints that could not be resolved and admitted no row; anything but 0 is an alarm.
    pub constraints_unresolved: u64,
    /// Entries written to the journal.
    pub journal_entries: u64,
    /// Bytes written to the journal.
    pub journal_bytes: u64,
    /// Syncs of the journal.
    pub journal_syncs: u64,
    /// Operations waiting for the journal.
    pub journal_queue: u64,
    /// Bytes of records held in memory.
    pub buffer_bytes: u64,
    /// Records held in memory.
    pub buffer_records: u64,
    /// The files of records and their upkeep.
    pub tables: TableMetrics,
}

/// What is in files of records, and what upkeep did to them since the process started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TableMetrics {
    /// Files that hold records.
    pub files: u64,
    /// Their bytes.
    pub file_bytes: u64,
    /// Their records, deleted ones included that are still on the disk.
    pub file_records: u64,
    /// Files that nobody needs and that are still on the disk.
    pub obsolete_files: u64,
    /// Deletes that some file does not carry out itself yet.
    pub removals_waiting: u64,
    /// Bytes of columns kept in memory as they were read from files, and of how files are built.
    pub cache_bytes: u64,
    /// Times that a pool's records went from memory to files.
    pub flushes: u64,
    /// Records that went to files for the first time.
    pub records_flushed: u64,
    /// How long the last such time took, in microseconds.
    pub last_flush_micros: u64,
    /// Times that files of a pool were merged or written anew.
    pub merges: u64,
    /// Records written once more by that.
    pub records_rewritten: u64,
    /// How long the last such time took, in microseconds.
    pub last_merge_micros: u64,
    /// Versions of Delta logs that were brought up to their pool's files.
    pub publishes: u64,
    /// Times that this failed; the pool is not touched then.
    pub publish_failures: u64,
    /// How long the last such time took, in microseconds.
    pub last_publish_micros: u64,
    /// Pieces of upkeep that failed and are tried again.
    pub failures: u64,
    /// Bytes of files that were read again and compared with their digests.
    pub scrubbed_bytes: u64,
    /// Times that all files were.
    pub scrubs: u64,
    /// Files of the present time that were found damaged, or could not be read and were not since.
    pub damaged_files: u64,
}

//! What the data plane answers.

use crate::fields::FieldType;
use crate::names::FieldPath;
use crate::records::RecordFault;

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
}

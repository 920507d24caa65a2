//! The limits of a journal, and what is done when it fails.

use std::fmt::{self, Debug};
use std::sync::Arc;

use super::{JournalError, format};

/// The exit code of a process whose journal could not be written (`EX_IOERR`).
pub const FATAL_EXIT_CODE: i32 = 74;

/// What is done when the journal cannot keep its promise any more. It is called once, on the
/// journal's thread, after which the thread ends and nothing is acknowledged.
pub type FatalHook = Arc<dyn Fn(&JournalError) + Send + Sync>;

/// The limits of a journal.
#[derive(Clone)]
pub struct Options {
    /// The size in bytes of new segment files.
    pub segment_bytes: u64,
    /// The largest payload in bytes.
    pub max_record_bytes: usize,
    /// The most operations that one sync covers.
    pub max_group_records: usize,
    /// A group that has reached this many bytes takes no further operation.
    pub max_group_bytes: usize,
    /// The most operations that wait; one more is [`JournalError::Busy`].
    pub queue_operations: usize,
    /// The most released segments that are kept for use again.
    pub spare_segments: usize,
    /// A random number, used when a new journal is made: it keeps stored bytes from passing for
    /// the journal's own records.
    pub identity: u64,
    /// Whether the journal that is there is known to be the right one. Else a file
    /// that it does not know may be one that the right one names.
    pub is_known: bool,
    /// What is done when a write or sync failed. By default an error is logged and the process
    /// exits with [`FATAL_EXIT_CODE`]; the log is read back at the restart.
    pub fatal: FatalHook,
}

/// Ends the process. What this process believes about the bytes it wrote may be wrong after a
/// failed sync; only a new one that reads the log knows.
#[expect(
    clippy::disallowed_methods,
    reason = "nothing may be acknowledged after a failed sync, so nothing may run on to do it"
)]
fn exit(error: &JournalError) {
    tracing::error!(%error, "the journal failed; restart recovers from the log");
    std::process::exit(FATAL_EXIT_CODE);
}

impl Options {
    /// The default limits; `identity` is a random number.
    #[must_use]
    pub fn new(identity: u64) -> Self {
        Self {
            segment_bytes: 64 << 20,
            max_record_bytes: 16 << 20,
            max_group_records: 4096,
            max_group_bytes: 8 << 20,
            queue_operations: 16_384,
            spare_segments: 4,
            identity,
            is_known: true,
            fatal: Arc::new(exit),
        }
    }

    /// Refuses limits that contradict each other.
    pub(super) fn check(&self) -> Result<(), JournalError> {
        if self.max_record_bytes as u64 > format::largest_payload(self.segment_bytes) {
            return Err(JournalError::Options(
                "max_record_bytes must leave 5 KiB of a segment free; make segment_bytes larger",
            ));
        }
        if self.max_group_records == 0 || self.queue_operations == 0 {
            return Err(JournalError::Options(
                "max_group_records and queue_operations must be at least 1",
            ));
        }
        Ok(())
    }
}

impl Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("segment_bytes", &self.segment_bytes)
            .field("max_record_bytes", &self.max_record_bytes)
            .field("max_group_records", &self.max_group_records)
            .field("max_group_bytes", &self.max_group_bytes)
            .field("queue_operations", &self.queue_operations)
            .field("spare_segments", &self.spare_segments)
            .finish_non_exhaustive()
    }
}

//! The log of a database, and when it is written to the database's file.

use sqlx::SqliteConnection;

use super::failed;
use crate::error::ControlError;

/// SQLite writes no log to its file by itself: it would do so behind a commit
/// that succeeded, and tell nobody that a sync failed then.
pub(super) const BY_ITSELF: (&str, &str) = ("wal_autocheckpoint", "0");

/// Rows that a log takes between two writings, each of some pages at most.
const ROWS_MAX: usize = 500;

/// What was written to the log since it was last written to its file.
#[derive(Debug, Default)]
pub(super) struct Log {
    rows: usize,
}

impl Log {
    /// Says after a commit how many rows it had; now and then the log is
    /// written to its file.
    ///
    /// # Errors
    /// When a sync failed. Where only room is missing, it is tried again behind
    /// the next commit, and what was committed is in the log meanwhile.
    pub(super) async fn grew(
        &mut self,
        rows: usize,
        connection: &mut SqliteConnection,
    ) -> Result<(), ControlError> {
        self.rows = self.rows.saturating_add(rows);
        if self.rows < ROWS_MAX {
            return Ok(());
        }
        let written = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)")
            .execute(connection)
            .await;
        match written.map_err(failed("writing a log to its database")) {
            Ok(_) => self.rows = 0,
            Err(error) if error.is_failed_sync() => return Err(error),
            Err(error) => tracing::debug!(%error, "a log was not written to its database"),
        }
        Ok(())
    }
}

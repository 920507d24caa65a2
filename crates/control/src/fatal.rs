//! What is done when a sync failed (D4).
//!
//! The kernel may have let go of what it could not write, and read it from
//! memory until power is cut: a database that is opened anew in this process
//! could go on with, and acknowledge, what no disk has. So nothing goes on. The
//! next start reads the log, writes all of it anew and syncs that before
//! anybody is let in.

use crate::error::ControlError;

/// The exit code of a process whose databases could not be synced
/// (`EX_IOERR`), as of one whose journal could not.
const FATAL_EXIT_CODE: i32 = 74;

/// Ends the process when it was a sync that failed: nobody is answered any more.
#[expect(
    clippy::disallowed_methods,
    reason = "nothing may be acknowledged after a failed sync, so nothing may run on to do it"
)]
pub(crate) fn end_by_failed_sync(error: &ControlError) {
    if let ControlError::Internal(cause) = error
        && error.is_failed_sync()
    {
        tracing::error!(%cause, "a database could not be synced; restart recovers from its log");
        std::process::exit(FATAL_EXIT_CODE);
    }
}

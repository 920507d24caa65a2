//! The memory of the process stays its own: the pepper is in it as long as the
//! server runs, and each token for a while after it came by.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use super::ServeError;

/// From here on the system writes no core of this process, neither to a file
/// nor to a program that collects them, and no program of the same user may
/// read its memory or trace it (K4). Root may.
///
/// # Errors
/// The system refuses it.
pub(super) fn keep_to_this_process() -> Result<(), ServeError> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // A program that collects cores is started whatever the limit says: for
    // that one the process says of itself that it has none.
    setrlimit(Resource::Core, none)
        .and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable))
        .map_err(|error| {
            ServeError::Setting(format!(
                "the system does not let this process keep its memory out of core dumps ({error}); \
                 allow the system calls prlimit and prctl, or start with --core-dumps on"
            ))
        })
}

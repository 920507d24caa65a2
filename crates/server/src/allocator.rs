//! The allocator, and how long it keeps memory that nobody uses.

use std::process::Command;

/// Records are made of many small pieces, which the allocator of the system
/// gives and takes back at a multiple of the cost.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The allocator's own setting of after how many milliseconds it gives back to the system what
/// nobody uses. It is read before `main` is reached, and from the environment alone.
const SETTING: &str = "MIMALLOC_PURGE_DELAY";

/// Of whoever gives memory back after a second, as is the allocator's own way, every flush and
/// every large question has the system take pages away and make them anew.
const TEN_MINUTES: &str = "600000";

/// From here on this program keeps memory for ten minutes, unless the environment says otherwise:
/// in the place of this process, which has no other thread yet and holds nothing, it is started
/// once more with the setting (`docs/adr/042-memory-is-kept-for-ten-minutes.md`). Where that
/// cannot be, it goes on as it is.
pub(crate) fn keep_memory() {
    if std::env::var_os(SETTING).is_some() {
        return;
    }
    #[cfg(unix)]
    if let Ok(program) = std::env::current_exe() {
        use std::os::unix::process::CommandExt as _;
        let mut again = Command::new(program);
        again.args(std::env::args_os().skip(1));
        again.env(SETTING, TEN_MINUTES);
        if let Some(name) = std::env::args_os().next() {
            again.arg0(name);
        }
        // Of one that is reached this is the end.
        let _failed = again.exec();
    }
}

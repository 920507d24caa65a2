//! What of the work that takes time a thread does: hashes under the pepper and
//! comparisons by `subtle`, counted for the tests that know no clock.

use std::cell::Cell;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) hashes: u32,
    pub(crate) compares: u32,
}

const NOTHING: Work = Work {
    hashes: 0,
    compares: 0,
};

thread_local! {
    static DONE: Cell<Work> = const { Cell::new(NOTHING) };
    /// Passwords that were hashed, and the KiB that were passed over for them.
    static PASSWORDS: Cell<(u32, u64)> = const { Cell::new((0, 0)) };
}

/// What it says, and what it did for that.
pub(crate) fn work_of<T>(run: impl FnOnce() -> T) -> (T, Work) {
    DONE.set(NOTHING);
    let said = run();
    (said, DONE.get())
}

/// What it says, how many passwords it hashed for that, and the KiB that were
/// passed over.
pub(crate) fn passwords_of<T>(run: impl FnOnce() -> T) -> (T, (u32, u64)) {
    PASSWORDS.set((0, 0));
    let said = run();
    (said, PASSWORDS.get())
}

pub(crate) fn password(kibibytes: u64) {
    let (hashed, passed) = PASSWORDS.get();
    PASSWORDS.set((hashed + 1, passed + kibibytes));
}

pub(super) fn hashes() {
    let done = DONE.get();
    DONE.set(Work {
        hashes: done.hashes + 1,
        ..done
    });
}

pub(super) fn compares() {
    let done = DONE.get();
    DONE.set(Work {
        compares: done.compares + 1,
        ..done
    });
}

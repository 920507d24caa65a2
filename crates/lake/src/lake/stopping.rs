//! Whether the lake is being closed, for long work to give up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Told once, for ever.
#[derive(Debug, Default)]
pub(super) struct Stopping {
    is_told: AtomicBool,
    /// Held by whoever tells, so that nobody begins to wait just then.
    telling: Mutex<()>,
    told: Condvar,
}

impl Stopping {
    /// Tells all.
    pub(super) fn tell(&self) {
        let _telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_told.store(true, Ordering::Relaxed);
        self.told.notify_all();
    }

    /// Whether it was told.
    pub(super) fn is_told(&self) -> bool {
        self.is_told.load(Ordering::Relaxed)
    }

    /// Waits so long, or until it is told.
    pub(super) fn wait(&self, time: Duration) {
        let telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .told
            .wait_timeout_while(telling, time, |()| !self.is_told());
        drop(waited);
    }
}

//! The control plane's time: it never steps back (K7), unless a person says
//! offline that the latest time that was known was a false one (`accept.rs`).

mod accept;
mod false_times;

pub use accept::{AcceptedKey, ClockAccepted};
pub(crate) use false_times::FalseTimes;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use model::time::{Clock, Timestamp};

/// A clock that stands still while the one beneath it is behind the latest
/// time that it has told, in this run or in one before. So nothing that has
/// ended comes to life again.
#[derive(Debug)]
pub(crate) struct HighWater {
    beneath: Arc<dyn Clock>,
    high: AtomicI64,
}

impl HighWater {
    pub(crate) fn over(beneath: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            beneath,
            high: AtomicI64::new(i64::MIN),
        })
    }

    /// Tells no time before this one from now on.
    pub(crate) fn raise(&self, mark: Timestamp) {
        self.high.fetch_max(mark.as_microsecond(), Ordering::SeqCst);
        self.beneath.not_before(mark);
    }
}

impl Clock for HighWater {
    fn now(&self) -> Timestamp {
        let now = self.beneath.now().as_microsecond();
        let before = self.high.fetch_max(now, Ordering::SeqCst);
        Timestamp::from_microsecond(before.max(now)).unwrap_or(Timestamp::MAX)
    }
}

//! The machine's clock: the one place that reads it.

use model::time::{Clock, Timestamp};

/// The real-time clock of the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the clock that all others go by"
        )]
        let now = jiff::Timestamp::now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(Timestamp::MAX)
    }
}

//! Times that were lived by a clock that was wrong.

use std::time::Duration;

use model::limits::FALSE_TIME_MARGIN_SECONDS;
use model::time::Timestamp;

use crate::control::Control;

/// The stretches that a server lived by a false time, which was taken back.
/// What was signed then may have been used or ended then, and that is not
/// known any more when the same time comes truly.
#[derive(Debug, Default)]
pub(crate) struct FalseTimes(Vec<(Timestamp, Timestamp)>);

impl FalseTimes {
    /// Of stretches, each with its ends. Signatures of shortly before and
    /// behind one belong to it.
    pub(crate) fn new(stretches: impl Iterator<Item = (Timestamp, Timestamp)>) -> Self {
        let margin = Duration::from_secs(FALSE_TIME_MARGIN_SECONDS);
        let wider = stretches.map(|(began, ended)| {
            let began = began.checked_sub(margin).unwrap_or(Timestamp::MIN);
            (began, ended.checked_add(margin).unwrap_or(Timestamp::MAX))
        });
        Self(wider.collect())
    }

    /// Whether this is such a time.
    pub(crate) fn hold(&self, at: Timestamp) -> bool {
        let mut stretches = self.0.iter();
        stretches.any(|(began, ended)| (*began..=*ended).contains(&at))
    }
}

impl Control {
    /// Whether the clock showed this time while it was wrong, and was set right
    /// since. What was made at such a time and lives by it does not count.
    pub fn was_false(&self, at: Timestamp) -> bool {
        self.0.false_times.hold(at)
    }
}

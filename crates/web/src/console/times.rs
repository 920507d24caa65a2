//! Moments, as pages show them: for readers without a script in UTC, and for the
//! script that puts them into the reader's own zone.

use model::time::Timestamp;

/// A moment.
pub(super) struct Moment {
    /// For machines.
    pub(super) iso: String,
    /// For people, in UTC.
    pub(super) text: String,
}

impl From<Timestamp> for Moment {
    fn from(moment: Timestamp) -> Self {
        let iso = moment.to_string();
        let text = match (iso.get(..10), iso.get(11..16)) {
            (Some(date), Some(time)) => format!("{date} {time} UTC"),
            _ => iso.clone(),
        };
        Self { iso, text }
    }
}

//! A stretch of time.

use super::{TimeError, Timestamp};

/// A range of instants that is never empty: it includes `from` and excludes
/// `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeRange {
    from: Timestamp,
    to: Timestamp,
}

impl TimeRange {
    /// The instants at or after `from` and before `to`.
    ///
    /// # Errors
    /// [`TimeError::EmptyRange`] unless `from` is before `to`.
    pub fn new(from: Timestamp, to: Timestamp) -> Result<Self, TimeError> {
        if from >= to {
            return Err(TimeError::EmptyRange);
        }
        Ok(Self { from, to })
    }

    /// The first instant.
    pub const fn from(self) -> Timestamp {
        self.from
    }

    /// The first instant after the range.
    pub const fn to(self) -> Timestamp {
        self.to
    }

    /// Whether `instant` lies in the range.
    pub fn contains(self, instant: Timestamp) -> bool {
        self.from <= instant && instant < self.to
    }
}

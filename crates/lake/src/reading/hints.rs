//! What readers need not be shown, and in which order they want the rest.

use std::sync::Arc;

use model::names::FieldPath;
use model::value::Value;

use crate::tables::{ByTime, TimeRange};

/// What may be left out while reading, told by columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hints {
    /// Rows of other customers.
    pub(crate) customers: Vec<CustomersHint>,
    /// Rows of other times.
    pub(crate) time: Option<TimeHint>,
}

/// The values of a column that matter.
#[derive(Clone, Debug)]
pub(crate) struct CustomersHint {
    /// The column.
    pub(crate) column: FieldPath,
    /// The values.
    pub(crate) values: Arc<[Value]>,
}

impl Hints {
    /// Whether everything matters.
    pub(super) fn are_none(&self) -> bool {
        self.customers.is_empty() && self.time.is_none()
    }

    /// The values of this column that matter, when others do not.
    pub(crate) fn customers(&self, column: Option<&FieldPath>) -> Option<&[Value]> {
        let mut hints = self.customers.iter();
        let hint = hints.find(|hint| Some(&hint.column) == column)?;
        Some(&hint.values)
    }
}

/// A range of time, in microseconds: from the first, before the second.
#[derive(Clone, Debug)]
pub(crate) struct TimeHint {
    /// The column whose time it is.
    pub(crate) field: FieldPath,
    /// The first that matters.
    pub(crate) from: Option<i64>,
    /// The first that matters no more.
    pub(crate) to: Option<i64>,
    /// Whether rows without a time matter.
    pub(crate) missing: bool,
}

impl TimeHint {
    /// Whether some of the rows of these times may matter.
    pub(super) fn overlaps(&self, times: Option<TimeRange>) -> bool {
        let Some(times) = times else {
            return self.missing;
        };
        let within = || {
            self.from.is_none_or(|from| times.max >= from)
                && self.to.is_none_or(|to| times.min < to)
        };
        (self.missing && times.missing) || within()
    }
}

/// The rows of an order in time that are still wanted: those that do not come
/// after a time.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) order: TimeOrder,
    pub(super) until: i64,
}

impl Wanted {
    /// The numbers of the rows that are, of rows of these times of which the
    /// first has the number `from`. Where they are more than `most`, not all
    /// of them: it ends soon after.
    pub(super) fn of(&self, times: &[i64], from: usize, most: usize) -> Vec<u32> {
        /// So many are passed at once where none is wanted, as mostly.
        const AT_ONCE: usize = 64;
        let (until, descending) = (self.until, self.order.by.descending);
        let is = |time: i64| match descending {
            true => time >= until,
            false => time <= until,
        };
        let mut found = Vec::new();
        for (part, times) in times.chunks(AT_ONCE).enumerate() {
            let count: u32 = times.iter().map(|time| u32::from(is(*time))).sum();
            if count > 0 {
                let rows = (from + part * AT_ONCE..).zip(times);
                let rows = rows.filter(|(_, time)| is(**time));
                found.extend(rows.map(|(row, _)| row as u32));
            }
            if found.len() > most {
                break;
            }
        }
        found
    }
}

/// The order in time in which a reader wants the rows, as far as their places tell.
#[derive(Clone, Debug)]
pub(crate) struct TimeOrder {
    /// The column whose time it is.
    pub(crate) field: FieldPath,
    /// Which come first.
    pub(crate) by: ByTime,
}

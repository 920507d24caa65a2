//! Orders of rows by their times, as far as what is known of many at once tells them.

use std::sync::OnceLock;

use super::entry::TimeRange;

/// An order of rows by their times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByTime {
    /// Whether the last come first.
    pub(crate) descending: bool,
    /// Whether rows without a time come before all others, not behind them.
    pub(crate) missing_first: bool,
}

/// A place in such an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Before every time. What nothing is known of may hold such rows.
    Begin,
    /// That of a time: the lower comes first.
    At(i64),
    /// Behind every time.
    End,
}

impl ByTime {
    /// The place of a time.
    pub(crate) fn of(self, time: i64) -> Place {
        Place::At(if self.descending { !time } else { time })
    }

    /// The place of the first of rows that have these times.
    pub(crate) fn first_of(self, times: Option<TimeRange>) -> Place {
        match times {
            Some(times) if self.missing_first && times.missing => Place::Begin,
            Some(times) if self.descending => self.of(times.max),
            Some(times) => self.of(times.min),
            None if self.missing_first => Place::Begin,
            None => Place::End,
        }
    }
}

/// The blocks of a file in each of these orders, found out when it is first
/// asked for: four numbers of four bytes for each block, at most.
#[derive(Debug, Default)]
pub(super) struct BlockOrders([OnceLock<Box<[u32]>>; 4]);

impl BlockOrders {
    /// The numbers of so many blocks by the places of their first rows.
    pub(super) fn of(
        &self,
        by: ByTime,
        blocks: usize,
        time: impl Fn(usize) -> Option<TimeRange>,
    ) -> &[u32] {
        let at = 2 * usize::from(by.descending) + usize::from(by.missing_first);
        self.0[at].get_or_init(|| {
            let mut order: Vec<u32> = (0..blocks as u32).collect();
            order.sort_by_key(|block| by.first_of(time(*block as usize)));
            order.into()
        })
    }
}

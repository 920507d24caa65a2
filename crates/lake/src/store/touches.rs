//! Which times of a pool's records were touched by what changed since a
//! moment, for whoever keeps answers and makes them anew where they may have
//! changed.
//!
//! Of every stretch of time it is kept which change touched it last. What is
//! told may be too much and is never too little.

use std::collections::BTreeMap;

use model::filters::{OrderTest, Predicate, Test};
use model::limits::TOUCHED_STRETCHES_MAX;
use model::names::FieldPath;
use model::value::Value;

/// What changed of the records of a pool, since the process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Touches {
    /// The column whose times are meant.
    column: FieldPath,
    /// How many changes there were.
    count: u64,
    /// The last that may have touched any record.
    everything: u64,
    /// The last that may have taken records away.
    took_away: u64,
    /// The last that touched records without a time.
    timeless: u64,
    /// Stretches of time by their first instant, which do not overlap: their
    /// last instant, and the last change that touched one of them.
    stretches: BTreeMap<i64, (i64, u64)>,
}

/// What was touched since a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// Any record may have been.
    Everything,
    /// Those of these times, each the first and the last instant, in their order.
    Times {
        stretches: Vec<(i64, i64)>,
        /// And those without a time.
        timeless: bool,
    },
}

/// The times of records that arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arriving {
    /// The first and the last, when any record has one.
    pub(crate) times: Option<(i64, i64)>,
    /// Whether some have none.
    pub(crate) timeless: bool,
}

impl Touches {
    /// Nothing has changed yet of records that have their times in this column.
    pub(crate) fn new(column: FieldPath) -> Self {
        Self {
            column,
            count: 0,
            everything: 0,
            took_away: 0,
            timeless: 0,
            stretches: BTreeMap::new(),
        }
    }

    /// How many changes there were.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Any record may have been touched.
    pub(super) fn everything(&mut self) {
        self.count += 1;
        self.everything = self.count;
        self.took_away = self.count;
        self.stretches.clear();
    }

    /// Records of these times of this column came, and nothing else changed.
    /// Where the times are not known, any record may have been touched.
    pub(crate) fn arrived(&mut self, column: &FieldPath, arriving: Option<Arriving>) {
        let known = arriving.filter(|_| *column == self.column);
        let Some(arriving) = known else {
            self.column = column.clone();
            return self.everything();
        };
        self.count += 1;
        if arriving.timeless {
            self.timeless = self.count;
        }
        if let Some((first, last)) = arriving.times {
            self.cover(first, last);
        }
    }

    /// Rows of this predicate may have gone, which names columns.
    pub(super) fn went(&mut self, rows: &Predicate) {
        match times_of(rows, &self.column) {
            None => self.everything(),
            Some((first, last)) if first <= last => {
                self.count += 1;
                self.took_away = self.count;
                self.cover(first, last);
            }
            // No row has a time both before and after another.
            Some(_) => {}
        }
    }

    /// Notes that the last change touched these instants.
    fn cover(&mut self, first: i64, last: i64) {
        // Of a stretch that reaches into them, what lies before them stays.
        let before = self.stretches.range_mut(..first).next_back();
        if let Some((_, (end, change))) = before
            && *end >= first
        {
            let (reaches, change) = (*end, *change);
            *end = first - 1;
            if reaches > last {
                self.stretches.insert(last + 1, (reaches, change));
            }
        }
        while let Some((start, (end, change))) = self.next_in(first, last) {
            self.stretches.remove(&start);
            if end > last {
                self.stretches.insert(last + 1, (end, change));
            }
        }
        self.stretches.insert(first, (last, self.count));
        if self.stretches.len() > TOUCHED_STRETCHES_MAX {
            self.join(u64::max);
        }
    }

    fn next_in(&self, first: i64, last: i64) -> Option<(i64, (i64, u64))> {
        let next = self.stretches.range(first..=last).next();
        next.map(|(start, stretch)| (*start, *stretch))
    }

    /// Joins neighbours until half as many are left: those first by which the
    /// fewest instants count as touched later than they were. `later` is the
    /// later of two changes.
    fn join(&mut self, later: fn(u64, u64) -> u64) {
        let stretches: Vec<_> = std::mem::take(&mut self.stretches).into_iter().collect();
        let price = |pair: &[(i64, (i64, u64))]| {
            let [(start, (end, change)), (next, (last, other))] = [pair[0], pair[1]];
            let older = match change < other {
                true => (start, end),
                false => (next, last),
            };
            let between = next.abs_diff(end);
            (
                between.saturating_add(older.1.abs_diff(older.0)),
                change.max(other),
            )
        };
        let mut prices: Vec<_> = stretches.windows(2).map(price).zip(1_usize..).collect();
        prices.sort_unstable();
        let joined = prices
            .len()
            .min(stretches.len() - TOUCHED_STRETCHES_MAX / 2);
        let joined: std::collections::BTreeSet<usize> =
            prices[..joined].iter().map(|(_, at)| *at).collect();
        let mut last: Option<i64> = None;
        for (at, (start, (end, change))) in stretches.into_iter().enumerate() {
            match last.filter(|_| joined.contains(&at)) {
                Some(before) => {
                    if let Some(stretch) = self.stretches.get_mut(&before) {
                        *stretch = (end, later(stretch.1, change));
                    }
                }
                None => {
                    self.stretches.insert(start, (end, change));
                    last = Some(start);
                }
            }
        }
    }

    /// Whether the changes behind the first `count` may have taken records away.
    pub(super) fn took_away_since(&self, count: u64) -> bool {
        count > self.count || count < self.took_away
    }

    /// What was touched by the changes behind the first `count` ones, as far
    /// as times of this column tell.
    pub(super) fn since(&self, column: &FieldPath, count: u64) -> Since {
        if count == self.count {
            return Since::Times {
                stretches: Vec::new(),
                timeless: false,
            };
        }
        if count > self.count || count < self.everything || *column != self.column {
            return Since::Everything;
        }
        let mut stretches: Vec<(i64, i64)> = Vec::new();
        for (start, (end, change)) in &self.stretches {
            if *change <= count {
                continue;
            }
            match stretches.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(*start) => *last = *end,
                _ => stretches.push((*start, *end)),
            }
        }
        Since::Times {
            stretches,
            timeless: self.timeless > count,
        }
    }
}

/// The first and the last time in this column of all rows that a predicate
/// admits; `None` where it admits rows of any time, or without one.
fn times_of(predicate: &Predicate, column: &FieldPath) -> Option<(i64, i64)> {
    let leaf = match predicate {
        Predicate::All(parts) => {
            let parts = parts.iter().filter_map(|part| times_of(part, column));
            return parts.reduce(|a, b| (a.0.max(b.0), a.1.min(b.1)));
        }
        Predicate::Leaf(leaf) if leaf.field == *column => leaf,
        _ => return None,
    };
    let Test::Order(order, Value::DateTime(at)) = &leaf.test else {
        return None;
    };
    let at = at.as_microsecond();
    match order {
        OrderTest::Lt => Some((i64::MIN, at.saturating_sub(1))),
        OrderTest::Lte => Some((i64::MIN, at)),
        OrderTest::Gt => Some((at.saturating_add(1), i64::MAX)),
        OrderTest::Gte => Some((at, i64::MAX)),
    }
}

#[cfg(test)]
mod tests;

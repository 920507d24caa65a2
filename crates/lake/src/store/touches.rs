//! Which times of a pool's records were touched by what changed since a
//! moment, for whoever keeps answers and makes them anew where they may have
//! changed.
//!
//! Of every stretch of time it is kept which change touched it last. What is
//! told may be too much and is never too little.

use std::collections::{BTreeMap, BTreeSet};

use model::fields::{FieldType, ScalarType};
use model::filters::{Constraint, OrderTest, Predicate, Test};
use model::limits::{TOUCHED_CUSTOMERS_MAX, TOUCHED_STRETCHES_MAX};
use model::names::FieldPath;
use model::pools::Pool;
use model::value::Value;

use super::pools::Pools;
use super::records::time_column;
use crate::predicate::required_values;

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
    /// The last that may have taken away records of any customer, and the one before it.
    took_of_any: u64,
    took_of_any_before: u64,
    /// The last that took away records of these customers and no others.
    took_of: BTreeMap<Box<[u8]>, u64>,
    /// The last that touched records without a time.
    timeless: u64,
    /// Stretches of time by their first instant, which do not overlap: their
    /// last instant, and the last change that touched one of them.
    stretches: BTreeMap<i64, (i64, u64)>,
}

/// Customers, by the canonical values of the field that tells them apart.
pub(crate) type Customers = BTreeSet<Box<[u8]>>;

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

/// Why rows are taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Somebody asked for it.
    Asked,
    /// They are older than their pool keeps them. Whether there are some is told by nothing:
    /// what is kept of answers ends by [`Touches::border_moved`] and not by this.
    TooOld,
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
            took_of_any: 0,
            took_of_any_before: 0,
            took_of: BTreeMap::new(),
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
        self.took();
        self.stretches.clear();
    }

    /// The last change may have taken records away.
    fn took(&mut self) {
        self.took_away = self.count;
        self.took_of_any_before = std::mem::replace(&mut self.took_of_any, self.count);
    }

    /// What the one change behind the first `count` took away, if anything,
    /// were records of these customers alone.
    pub(super) fn took_only_of(&mut self, count: u64, customers: Customers) {
        if self.count != count + 1 || self.took_of_any != self.count {
            return;
        }
        self.took_of_any = self.took_of_any_before;
        let now = self.count;
        let customers = customers.into_iter().map(|customer| (customer, now));
        self.took_of.extend(customers);
        if self.took_of.len() > TOUCHED_CUSTOMERS_MAX {
            self.took_of.clear();
            self.took_of_any = now;
        }
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

    /// The border of this column before which records are too old has moved, and what lies before
    /// it went, if there was something. It counts as taking away of any customer, and as touching
    /// all times before it, whether or not there was: what ends or is made anew by it is so by the
    /// clock, and tells nobody that somebody's records went.
    pub(super) fn border_moved(&mut self, column: &FieldPath, border: i64) {
        if *column != self.column {
            return self.everything();
        }
        self.count += 1;
        self.took();
        self.cover(i64::MIN, border.saturating_sub(1));
    }

    /// Rows of this predicate may have gone, which names columns.
    pub(super) fn went(&mut self, rows: &Predicate, why: Why) {
        match times_of(rows, &self.column) {
            None => self.everything(),
            Some((first, last)) if first <= last => {
                self.count += 1;
                if why == Why::Asked {
                    self.took();
                }
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

    /// The same of records of these customers; of all where it is not said of whom.
    fn took_away_of(&self, count: u64, customers: Option<&Customers>) -> bool {
        let Some(customers) = customers else {
            return self.took_away_since(count);
        };
        let mut customers = customers.iter();
        let of_one = customers.any(|one| self.took_of.get(one).is_some_and(|at| *at > count));
        of_one || count > self.count || count < self.took_of_any
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

impl Pools {
    /// Whether changes behind the first `count` ones may have taken away
    /// records of a pool that `rows` admits. Where `count` is not known, they may.
    pub(crate) fn took_away(&self, pool: &Pool, count: Option<u64>, rows: &Constraint) -> bool {
        let customers = customers_seen(pool, rows);
        let took = |touches: &Touches| {
            count.is_none_or(|count| touches.took_away_of(count, customers.as_ref()))
        };
        match self.find(pool.id) {
            Some(held) => held.touched(took),
            None => took(&Touches::new(time_column(pool))),
        }
    }
}

/// The customers of whom alone these are rows, when that is said.
fn customers_seen(pool: &Pool, rows: &Constraint) -> Option<Customers> {
    let Constraint::Rows(filter) = rows else {
        return None;
    };
    let predicate = pool.draft.schema.resolve(filter).ok()?;
    customers_of(&predicate, isolation(pool)?)
}

/// The customers whose rows alone a predicate admits that calls the field this which tells them
/// apart.
pub(super) fn customers_of(predicate: &Predicate, field: &FieldPath) -> Option<Customers> {
    let values = required_values(predicate, field)?.iter();
    let values = values.map(|value| model::canonical::to_bytes(value).into_boxed_slice());
    Some(values.collect())
}

/// The field that tells the customers of a pool apart for as long as it is there: one that it
/// names and declares, whose values are equal when their bytes are.
pub(super) fn isolation(pool: &Pool) -> Option<&FieldPath> {
    let path = pool.draft.isolation_field.as_ref()?;
    let field = pool.draft.schema.field(path.as_str())?;
    match field.field_type {
        FieldType::Array(_) | FieldType::Scalar(ScalarType::Float32 | ScalarType::Float64) => None,
        FieldType::Scalar(_) => Some(path),
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

//! From groups of visible rows, as an engine gives them, to the results of an
//! answer: what is missing is filled in, then order and limit.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{GroupResult, Measured, Results};
use crate::analyses::Bins;
use crate::queries::{Direction, ResultSize, Row, TooManyResults};
use crate::time::{Buckets, TimeRange};
use crate::value::Value;

/// A group as an engine gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouped {
    /// The number of its interval, in a series.
    pub interval: Option<u32>,
    /// The values, and keys of bins, that make the group.
    pub keys: Vec<Value>,
    /// The functions' results.
    pub results: Vec<Value>,
}

impl Grouped {
    fn size(&self) -> ResultSize {
        ResultSize {
            rows: 1,
            ..ResultSize::of(self.keys.iter().chain(&self.results))
        }
    }
}

/// What an order goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordered {
    /// The key at this position.
    Key(usize),
    /// The result at this position.
    Result(usize),
}

/// How a value of the answer is read from an engine's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As it stands.
    Given,
    /// A number as it stands; anything else is no value.
    Number,
    /// The row has none of it. It is no value for a key. For a result it is
    /// this, where the row counts how many there are.
    Absent(Value),
}

impl Reading {
    fn key(&self, values: &mut impl Iterator<Item = Value>) -> Value {
        match self {
            Self::Absent(_) => Value::Null,
            _ => values.next().unwrap_or(Value::Null),
        }
    }

    fn result(&self, value: Value, empty: &Value) -> Value {
        match self {
            Self::Given => value,
            Self::Number => value.as_number().map_or(Value::Null, |_| value),
            Self::Absent(_) if value == Value::Integer(0) => empty.clone(),
            Self::Absent(result) => result.clone(),
        }
    }
}

/// How an aggregation is answered, once the groups of its rows are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasuredForm {
    /// The names of the groups, each with its bins.
    pub groups: Vec<(String, Option<Bins>)>,
    /// How the key of each group is read.
    pub keys: Vec<Reading>,
    /// How each result is read.
    pub readings: Vec<Reading>,
    /// Whether the last value of a row is how many rows there are, which is
    /// not answered: none of the keys is read, and where there are none, there is no group.
    pub is_counted: bool,
    /// The labels of the results; `None` for one without.
    pub labels: Option<Vec<String>>,
    /// What each function answers over no rows.
    pub empty: Vec<Value>,
    /// The intervals of a series.
    pub buckets: Option<Buckets>,
    /// The order of groups.
    pub order: Vec<(Ordered, Direction)>,
    /// How many groups, of each interval on its own.
    pub limit: Option<u64>,
}

/// A value's place among others: its own order, or that turned round; missing ones last in both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Rising(Vec<u8>),
    Falling(Reverse<Vec<u8>>),
    Missing,
}

fn place(value: &Value, direction: Direction) -> Place {
    let bytes = crate::canonical::to_bytes(value);
    match direction {
        _ if value.is_null() => Place::Missing,
        Direction::Ascending => Place::Rising(bytes),
        Direction::Descending => Place::Falling(Reverse(bytes)),
    }
}

/// The keys of a group in the order of their values.
type Keys = Vec<Place>;

fn natural(keys: &[Value]) -> Keys {
    let places = keys.iter();
    places.map(|key| place(key, Direction::Ascending)).collect()
}

impl MeasuredForm {
    /// The answer from the groups of all rows.
    ///
    /// # Errors
    /// [`TooManyResults`] when it would be larger than allowed, what is filled
    /// in counted, and what a limit leaves out. It is known before any of it is made.
    pub fn answer(&self, groups: Vec<Grouped>) -> Result<Measured, TooManyResults> {
        let intervals = self.buckets.as_ref().map(parts);
        let seen = match &intervals {
            Some(_) => distinct_keys(&groups),
            None => BTreeMap::new(),
        };
        let size = match &intervals {
            Some(intervals) => ResultSize::filled(
                seen.values().map(|keys| &keys[..]),
                intervals.len(),
                groups.iter().map(|group| &group.results[..]),
                &self.empty,
            ),
            None => groups
                .iter()
                .map(Grouped::size)
                .fold(ResultSize::default(), ResultSize::and),
        };
        size.check()?;
        let results = match (&intervals, self.groups.is_empty()) {
            (None, true) => Results::Whole(self.only(groups)),
            (None, false) => Results::Groups(self.in_order(groups)),
            (Some(intervals), true) => {
                let each = per_interval(groups, intervals);
                let each = each.map(|(range, groups)| (range, self.only(groups)));
                Results::Intervals(each.collect())
            }
            (Some(intervals), false) => {
                let each = per_interval(groups, intervals)
                    .map(|(range, groups)| (range, self.in_order(self.fill(groups, &seen))));
                Results::GroupsOfIntervals(each.collect())
            }
        };
        Ok(Measured {
            groups: self.groups.iter().map(|(name, _)| name.clone()).collect(),
            labels: self.labels.clone(),
            results,
        })
    }

    /// The results of the only group there is, or those over no rows.
    fn only(&self, groups: Vec<Grouped>) -> Vec<Value> {
        let group = groups.into_iter().next();
        group.map_or_else(|| self.empty.clone(), |group| group.results)
    }

    /// The groups of an interval with those that are seen in others alone.
    fn fill(&self, groups: Vec<Grouped>, seen: &BTreeMap<Keys, Vec<Value>>) -> Vec<Grouped> {
        let mut missing: BTreeMap<&Keys, &Vec<Value>> = seen.iter().collect();
        for group in &groups {
            missing.remove(&natural(&group.keys));
        }
        let missing = missing.into_values().map(|keys| Grouped {
            interval: None,
            keys: keys.clone(),
            results: self.empty.clone(),
        });
        groups.into_iter().chain(missing).collect()
    }

    /// The first groups in the order asked for. Where that leaves it open,
    /// groups come in the order of their values.
    fn in_order(&self, groups: Vec<Grouped>) -> Vec<GroupResult> {
        let asked = |group: &Grouped| -> Vec<Place> {
            let by = self.order.iter().map(|(by, direction)| match by {
                Ordered::Key(at) => place(&group.keys[*at], *direction),
                Ordered::Result(at) => place(&group.results[*at], *direction),
            });
            by.collect()
        };
        let ranked = groups.into_iter();
        let mut ranked: Vec<_> = ranked
            .map(|group| ((asked(&group), natural(&group.keys)), group))
            .collect();
        ranked.sort_by(|a, b| a.0.cmp(&b.0));
        let limit = self.limit.map_or(usize::MAX, |limit| {
            usize::try_from(limit).unwrap_or(usize::MAX)
        });
        ranked.truncate(limit);
        let ranked = ranked.into_iter();
        ranked.map(|(_, group)| self.result(group)).collect()
    }

    fn result(&self, group: Grouped) -> GroupResult {
        let bins = self.groups.iter().map(|(_, bins)| bins.as_ref());
        let keys = group.keys.into_iter().zip(bins);
        GroupResult {
            keys: keys
                .map(|(key, bins)| bins.map_or_else(|| key.clone(), |bins| bins.label(&key)))
                .collect(),
            results: group.results,
        }
    }
}

/// The intervals, as far as they lie in the range.
fn parts(buckets: &Buckets) -> Vec<TimeRange> {
    (0..).map_while(|at| buckets.part(at)).collect()
}

/// The groups that rows of an aggregation stand for: in a series each begins
/// with the start of its interval, then come the keys, then the results.
pub(crate) fn series_groups(form: &MeasuredForm, rows: impl Iterator<Item = Row>) -> Vec<Grouped> {
    let groups = rows.filter_map(|mut row| {
        if form.is_counted && row.pop() == Some(Value::Integer(0)) {
            return None;
        }
        let mut values = row.into_iter();
        let starts = form.buckets.as_ref().map(Buckets::starts);
        let interval = starts.and_then(|starts| match values.next() {
            Some(Value::DateTime(start)) => starts.binary_search(&start).ok(),
            _ => None,
        });
        let keys = form.keys.iter().map(|reading| reading.key(&mut values));
        let keys = keys.collect();
        let readings = form.readings.iter().zip(&form.empty);
        let results = values.zip(readings);
        Some(Grouped {
            interval: interval.and_then(|at| u32::try_from(at).ok()),
            keys,
            results: results
                .map(|(value, (reading, empty))| reading.result(value, empty))
                .collect(),
        })
    });
    groups.collect()
}

fn distinct_keys(groups: &[Grouped]) -> BTreeMap<Keys, Vec<Value>> {
    let keys = groups.iter();
    keys.map(|group| (natural(&group.keys), group.keys.clone()))
        .collect()
}

/// Each interval with its groups.
fn per_interval(
    groups: Vec<Grouped>,
    intervals: &[TimeRange],
) -> impl Iterator<Item = (TimeRange, Vec<Grouped>)> {
    let mut each = vec![Vec::new(); intervals.len()];
    for group in groups {
        let at = group.interval.and_then(|at| usize::try_from(at).ok());
        if let Some(interval) = at.and_then(|at| each.get_mut(at)) {
            interval.push(group);
        }
    }
    intervals.iter().copied().zip(each)
}

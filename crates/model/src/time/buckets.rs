//! Cutting a range into the intervals of a zone's local clock.

use thiserror::Error;

use super::local::{Calendar, ClockSteps};
use super::{Interval, TimeRange, TimeZone, Timestamp};

/// How many buckets one answer may have.
pub const BUCKETS_MAX: usize = 10_000;

/// A range would be cut into more buckets than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "the range has {needed} buckets of this interval, and at most {max} are allowed; \
     use a longer interval or a shorter range"
)]
pub struct TooManyBuckets {
    /// How many buckets the range has: exact up to twice `max`, and beyond
    /// that reckoned from the mean length of the interval.
    pub needed: u64,
    /// How many are allowed.
    pub max: usize,
}

/// Cuts a range into the buckets of an interval on the local clock of a zone.
///
/// - Every instant of the range lies in exactly one bucket. A bucket reaches
///   from its start to the next bucket's start, and the last one to the end of
///   the range.
/// - The first bucket starts at or before the range, with the unit that holds
///   the start of the range; `every_N` counts its units from there.
/// - Minutes and hours begin when the local clock shows their first moment,
///   twice if the clock is set back over it, or when the clock jumps into
///   them. An hour that the clock re-enters without showing its first moment
///   again goes on as the same bucket.
/// - Days, weeks, months and years begin at the first instant
///   of their first date on the local clock, and once only. A bucket whose
///   dates the zone skipped does not exist.
/// - A start before the year 0001 is given as [`Timestamp::MIN`].
///
/// # Errors
/// [`TooManyBuckets`] for more than `max` buckets. The work is bounded by
/// `max`, whatever the range.
pub fn buckets(
    range: TimeRange,
    interval: Interval,
    zone: &TimeZone,
    max: usize,
) -> Result<Buckets, TooManyBuckets> {
    let refuse = |needed| Err(TooManyBuckets { needed, max });
    let reckoned = reckon(range, interval);
    if reckoned > (max as u64).saturating_mul(2).saturating_add(2) {
        return refuse(reckoned);
    }
    let from = range.from().as_microsecond();
    let to = range.to().as_microsecond();
    let count = i64::from(interval.count());
    let starts = match interval.unit().clock_micros() {
        Some(micros) => clock_starts(
            &ClockSteps::anchored_at(zone, from, micros, count),
            from,
            to,
        ),
        None => calendar_starts(zone, interval, from, to),
    };
    if starts.len() > max {
        return refuse(starts.len() as u64);
    }
    Ok(Buckets { range, starts })
}

/// The number of buckets if each had the mean length of the interval.
fn reckon(range: TimeRange, interval: Interval) -> u64 {
    let length = range
        .to()
        .as_microsecond()
        .abs_diff(range.from().as_microsecond());
    length.div_ceil(interval.unit().mean_micros().unsigned_abs() * u64::from(interval.count()))
}

fn clock_starts(steps: &ClockSteps<'_>, from: i64, to: i64) -> Vec<Timestamp> {
    std::iter::once(steps.start(from))
        .chain(steps.after(from).take_while(|start| *start < to))
        .map(clamp)
        .collect()
}

fn calendar_starts(zone: &TimeZone, interval: Interval, from: i64, to: i64) -> Vec<Timestamp> {
    let (unit, count) = (interval.unit(), i64::from(interval.count()));
    let mut calendar = Calendar::new(zone);
    let anchor = unit.first_date(calendar.date_at(from));
    let mut starts: Vec<Timestamp> = (0..)
        .map(|step| calendar.first_instant(unit.add(anchor, step * count)))
        .take_while(|start| *start < to)
        .map(clamp)
        .collect();
    // Dates that the zone skipped begin together with the next one that exists.
    starts.dedup();
    starts
}

/// The instant itself, or the earliest that can be held if it is before that.
fn clamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MIN)
}

/// A range cut into buckets; see [`buckets`]. There is at least one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Buckets {
    range: TimeRange,
    starts: Vec<Timestamp>,
}

impl Buckets {
    /// The range that was cut.
    pub const fn range(&self) -> TimeRange {
        self.range
    }

    /// The start of each bucket, strictly ascending. The first is at or before
    /// the start of the range.
    pub fn starts(&self) -> &[Timestamp] {
        &self.starts
    }

    /// The position in [`Buckets::starts`] of the bucket that holds `instant`;
    /// `None` outside the range.
    pub fn index_of(&self, instant: Timestamp) -> Option<u32> {
        if !self.range.contains(instant) {
            return None;
        }
        let after = self.starts.partition_point(|start| *start <= instant);
        u32::try_from(after.checked_sub(1)?).ok()
    }

    /// The part of the range that lies in bucket `index`; `None` if there is no
    /// such bucket. The first begins with the range, though its unit may begin
    /// before, and the last ends with it.
    pub fn part(&self, index: u32) -> Option<TimeRange> {
        let index = usize::try_from(index).ok()?;
        let from = (*self.starts.get(index)?).max(self.range.from());
        let to = self.starts.get(index + 1).copied();
        TimeRange::new(from, to.unwrap_or(self.range.to())).ok()
    }

    /// The start of bucket `index` as text on the local clock of `zone`, with
    /// its offset; `None` if there is no such bucket.
    pub fn label(&self, index: u32, zone: &TimeZone) -> Option<String> {
        let start = self.starts.get(usize::try_from(index).ok()?)?;
        Some(start.in_zone(zone).to_string())
    }
}

#[cfg(test)]
mod tests;

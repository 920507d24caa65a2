//! Where the units of a zone's local clock and calendar begin.
//!
//! Local times are microseconds since 1970-01-01T00:00 on the local clock.

use super::zone::Segment;
use super::{TimeZone, Unit, civil};

/// Finds the first instant of dates in a zone, quickest in ascending order.
pub(super) struct Calendar<'a> {
    zone: &'a TimeZone,
    /// Holds the answer before, from which the search goes on.
    segment: Segment,
    answered: i64,
}

impl<'a> Calendar<'a> {
    pub(super) fn new(zone: &'a TimeZone) -> Self {
        Self {
            zone,
            segment: zone.segment(0),
            answered: i64::MAX,
        }
    }

    /// The first instant at which the local clock shows the date `days` or a
    /// later one. Never decreases with the date; dates that the zone skipped
    /// share it with the next date that exists.
    pub(super) fn first_instant(&mut self, days: i64) -> i64 {
        let local = days * civil::DAY;
        // No zone is more than 26 hours from UTC, so the answer is not before this.
        let earliest = local - 26 * civil::HOUR;
        if days < self.answered || self.segment.end <= earliest {
            self.segment = self.zone.segment(earliest);
        }
        self.answered = days;
        loop {
            let instant = (local - self.segment.offset).max(self.segment.start);
            if instant < self.segment.end {
                return instant;
            }
            self.segment = self.zone.segment(self.segment.end);
        }
    }

    /// The latest date whose first instant is not after `instant`. This is the
    /// date on the local clock, or a later one if the clock has been set back
    /// over midnight.
    pub(super) fn date_at(&mut self, instant: i64) -> i64 {
        let local = instant + self.zone.offset_micros(instant);
        let mut days = local.div_euclid(civil::DAY);
        while self.first_instant(days + 1) <= instant {
            days += 1;
        }
        days
    }
}

/// Where steps of `period` microseconds of the local clock begin, counted from
/// the local time `anchor`.
///
/// A step begins where the local clock shows its first microsecond, each time
/// that it does, and where the clock jumps into it from another step.
pub(super) struct ClockSteps<'a> {
    zone: &'a TimeZone,
    anchor: i64,
    period: i64,
}

impl<'a> ClockSteps<'a> {
    /// Steps of `count` units, each `micros` long, of which one begins with
    /// the unit that holds `instant`.
    pub(super) fn anchored_at(zone: &'a TimeZone, instant: i64, micros: i64, count: i64) -> Self {
        let local = instant + zone.offset_micros(instant);
        let anchor = local - local.rem_euclid(micros);
        Self {
            zone,
            anchor,
            period: micros * count,
        }
    }

    fn floor(&self, local: i64) -> i64 {
        local - (local - self.anchor).rem_euclid(self.period)
    }

    /// The start of the step that holds `instant`.
    pub(super) fn start(&self, instant: i64) -> i64 {
        let mut segment = self.zone.segment(instant);
        let floor = self.floor(instant + segment.offset);
        loop {
            let start = floor - segment.offset;
            if start >= segment.start {
                return start;
            }
            let before = self.zone.segment(segment.start - 1);
            if self.floor(segment.start - 1 + before.offset) != floor {
                return segment.start;
            }
            segment = before;
        }
    }

    /// The starts of all steps that begin after `instant`, ascending, without
    /// end.
    pub(super) fn after(&self, instant: i64) -> impl Iterator<Item = i64> {
        let mut segment = self.zone.segment(instant);
        let mut at = instant;
        std::iter::from_fn(move || {
            loop {
                let floor = self.floor(at + segment.offset);
                let next = floor + self.period - segment.offset;
                if next < segment.end {
                    at = next;
                    return Some(at);
                }
                at = segment.end;
                let before = self.floor(at - 1 + segment.offset);
                segment = self.zone.segment(at);
                let local = at + segment.offset;
                let floor = self.floor(local);
                if floor == local || floor != before {
                    return Some(at);
                }
            }
        })
    }
}

/// The start of the unit that holds `instant`.
pub(super) fn unit_start(zone: &TimeZone, unit: Unit, instant: i64) -> i64 {
    match unit.clock_micros() {
        Some(micros) => ClockSteps::anchored_at(zone, instant, micros, 1).start(instant),
        None => {
            let mut calendar = Calendar::new(zone);
            let first = unit.first_date(calendar.date_at(instant));
            calendar.first_instant(first)
        }
    }
}

#[cfg(test)]
mod tests;

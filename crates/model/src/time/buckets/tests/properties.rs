//! What holds for every range, interval and zone. The zone's clock is read
//! from the time library instant by instant, not through our own segments.

use jiff::civil::DateTime;
use jiff::tz::TimeZone as Rules;
use proptest::prelude::*;

use super::*;
use crate::time::Unit;

const ZONES: [&str; 16] = [
    "UTC",
    "+05:45",
    "-03:30",
    "Europe/Berlin",
    "Europe/Dublin",
    "Africa/Casablanca",
    "Africa/Monrovia",
    "America/Havana",
    "America/Juneau",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kwajalein",
];

/// Changes of clocks that are worth meeting often, in seconds.
const CHANGES: [i64; 10] = [
    1_774_746_000,  // Berlin, 2026-03-29
    1_792_890_000,  // Berlin, 2026-10-25
    1_541_300_400,  // Sao Paulo, 2018-11-04
    1_325_239_200,  // Apia, 2011-12-30
    1_289_097_060,  // St Johns, 2010-11-07
    1_791_041_400,  // Lord Howe, 2026-10-04
    1_775_314_800,  // Lord Howe, 2026-04-05
    -3_225_223_727, // Juneau, 1867-10-19
    745_934_400,    // Kwajalein, 1993-08-21
    63_593_070,     // Monrovia, 1972-01-07
];

fn rules(zone: &TimeZone) -> Rules {
    match zone.as_str() {
        "+05:45" => jiff::tz::Offset::from_seconds(20_700)
            .unwrap()
            .to_time_zone(),
        "-03:30" => jiff::tz::Offset::from_seconds(-12_600)
            .unwrap()
            .to_time_zone(),
        name => Rules::get(name).unwrap(),
    }
}

fn clock(rules: &Rules, micros: i64) -> DateTime {
    rules.to_datetime(jiff::Timestamp::from_microsecond(micros).unwrap())
}

fn is_boundary(unit: Unit, clock: DateTime) -> bool {
    let time = clock.time();
    let whole_minute = time.second() == 0 && time.subsec_nanosecond() == 0;
    let whole_hour = whole_minute && time.minute() == 0;
    let midnight = whole_hour && time.hour() == 0;
    match unit {
        Unit::Minute => whole_minute,
        Unit::Hour => whole_hour,
        Unit::Day => midnight,
        Unit::Week => midnight && clock.weekday() == jiff::civil::Weekday::Monday,
        Unit::SundayWeek => midnight && clock.weekday() == jiff::civil::Weekday::Sunday,
        Unit::Month => midnight && clock.day() == 1,
        Unit::Year => midnight && clock.day() == 1 && clock.month() == 1,
    }
}

/// Which unit of the clock or calendar an instant shows: numbers that are
/// equal in one unit and ascend with time.
fn shown_unit(unit: Unit, clock: DateTime) -> i64 {
    let days = i64::from((clock.date() - jiff::civil::date(1900, 1, 1)).get_days());
    let months = i64::from(clock.year()) * 12 + i64::from(clock.month());
    match unit {
        Unit::Minute => days * 1_440 + i64::from(clock.hour()) * 60 + i64::from(clock.minute()),
        Unit::Hour => days * 24 + i64::from(clock.hour()),
        Unit::Day => days,
        // 1900-01-01 was a Monday.
        Unit::Week => days.div_euclid(7),
        Unit::SundayWeek => (days + 1).div_euclid(7),
        Unit::Month => months,
        Unit::Year => i64::from(clock.year()),
    }
}

fn any_unit() -> impl Strategy<Value = Unit> {
    prop::sample::select([&Unit::ALL[..], &[Unit::SundayWeek]].concat())
}

fn arbitrary_range() -> impl Strategy<Value = (i64, f64)> {
    let anywhere = (-3_800_000_000_i64..8_000_000_000).prop_map(|second| second * 1_000_000 + 123);
    let near_change = (prop::sample::select(CHANGES.to_vec()), -90_000_i64..90_000)
        .prop_map(|(change, second)| (change + second) * 1_000_000);
    (prop_oneof![anywhere, near_change], 0.001..40.0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn every_instant_of_the_range_is_in_exactly_one_bucket(
        (from, length) in arbitrary_range(),
        zone in prop::sample::select(ZONES.to_vec()),
        unit in any_unit(),
        count in prop_oneof![Just(1_u32), 2..30_u32],
        samples in prop::collection::vec(0.0..1.0, 12),
    ) {
        let zone = TimeZone::parse(zone).unwrap();
        let rules = rules(&zone);
        let interval = Interval::new(count, unit).unwrap();
        let width = unit.mean_micros() * i64::from(count);
        let length = ((width as f64 * length) as i64).clamp(1, 4_000_000_000_000_000_000);
        let to = (from + length).min(Timestamp::MAX.as_microsecond() - 200_000_000_000);
        let at = |micros| Timestamp::from_microsecond(micros).unwrap();
        let range = TimeRange::new(at(from), at(to)).unwrap();
        let buckets = buckets(range, interval, &zone, BUCKETS_MAX).unwrap();
        let starts = buckets.starts();

        prop_assert!(starts[0].as_microsecond() <= from);
        prop_assert!(starts.is_sorted_by(|a, b| a < b));
        prop_assert!(starts[1..].iter().all(|start| range.contains(*start)));

        for (index, start) in starts.iter().enumerate() {
            let start = start.as_microsecond();
            let shown = clock(&rules, start);
            let before = clock(&rules, start - 1);
            let jumped = before.checked_add(jiff::SignedDuration::from_micros(1)).unwrap() != shown;
            // On the boundary, or the zone's clock jumped just here into the unit.
            prop_assert!(is_boundary(unit, shown) || jumped, "{} in {zone}", start);
            if unit.clock_micros().is_none() || !jumped {
                prop_assert!(shown_unit(unit, before) < shown_unit(unit, shown));
            }
            prop_assert_eq!(buckets.index_of(at(start.max(from))), u32::try_from(index).ok());
            let part = buckets.part(index as u32).unwrap();
            prop_assert_eq!(part.from().as_microsecond(), start.max(from));
            let next = starts.get(index + 1).map_or(to, |next| next.as_microsecond());
            prop_assert_eq!(part.to().as_microsecond(), next);
            prop_assert_eq!(
                at(start).as_microsecond(),
                Timestamp::parse(&buckets.label(index as u32, &zone).unwrap()).unwrap().as_microsecond()
            );
        }

        let ends = starts[1..].iter().map(|start| start.as_microsecond() - 1).chain([to - 1]);
        let inside = samples.iter().map(|part| from + ((to - 1 - from) as f64 * part) as i64);
        for micros in ends.chain(inside) {
            let index = buckets.index_of(at(micros)).unwrap() as usize;
            prop_assert!(starts[index].as_microsecond() <= micros);
            prop_assert!(starts.get(index + 1).is_none_or(|next| micros < next.as_microsecond()));
            // No unit is missed: an instant shows a unit that its bucket spans.
            let first = shown_unit(unit, clock(&rules, starts[index].as_microsecond()));
            let here = shown_unit(unit, clock(&rules, micros));
            prop_assert!(here < first + i64::from(count), "{micros} in {zone}");
            if unit.clock_micros().is_some() {
                prop_assert!(first <= here, "{micros} in {zone}");
            }
        }
        prop_assert_eq!(buckets.index_of(at(from - 1)), None);
        prop_assert_eq!(buckets.index_of(at(to)), None);
        prop_assert_eq!(buckets.part(starts.len() as u32), None);
    }

    #[test]
    fn the_limit_is_exact(
        (from, length) in arbitrary_range(),
        zone in prop::sample::select(ZONES.to_vec()),
        unit in any_unit(),
    ) {
        let zone = TimeZone::parse(zone).unwrap();
        let interval = Interval::new(1, unit).unwrap();
        let to = from + ((unit.mean_micros() as f64 * length) as i64).max(1);
        let at = |micros| Timestamp::from_microsecond(micros).unwrap();
        let range = TimeRange::new(at(from), at(to)).unwrap();
        let all = buckets(range, interval, &zone, BUCKETS_MAX).unwrap();
        let (needed, max) = (all.starts().len(), all.starts().len() - 1);
        prop_assert_eq!(
            buckets(range, interval, &zone, max),
            Err(TooManyBuckets { needed: needed as u64, max })
        );
        prop_assert_eq!(buckets(range, interval, &zone, needed), Ok(all));
    }
}

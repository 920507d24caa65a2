use proptest::prelude::*;

use super::*;

/// The rows that may be among the first: no more than the last of as many as are wanted.
fn by_all(times: &[i64], descending: bool, floor: i64, limit: usize) -> Vec<usize> {
    let worth = |time: i64| if descending { time } else { !time };
    let mut all: Vec<i64> = times.iter().map(|time| worth(*time)).collect();
    all.retain(|worth| *worth >= floor);
    all.sort_unstable_by(|a, b| b.cmp(a));
    let least = all.get(limit - 1).copied().unwrap_or(floor);
    let rows = times.iter().enumerate();
    let rows = rows.filter(|(_, time)| worth(**time) >= least.max(floor));
    rows.map(|(row, _)| row).collect()
}

proptest! {
    #[test]
    fn of_ascending_times_the_first_stand_side_by_side(
        mut times in proptest::collection::vec(-4_i64..5, 0..12),
        descending: bool,
        floor in prop_oneof![Just(i64::MIN), -6_i64..6],
        limit in 1_usize..14,
    ) {
        let expected = by_all(&times, descending, floor, limit);
        match side_by_side(&times, descending, floor, limit) {
            Some(found) => prop_assert_eq!(found.collect::<Vec<_>>(), expected),
            None => prop_assert!(!times.is_sorted()),
        }
        times.sort_unstable();
        let expected = by_all(&times, descending, floor, limit);
        let found = side_by_side(&times, descending, floor, limit).map(Vec::from_iter);
        prop_assert_eq!(found, Some(expected));
    }
}

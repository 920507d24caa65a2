//! How many runs there are and how often records are written anew, over a
//! long life; and that other policies break the promise.

use super::*;
use crate::simulation::Random;

/// The most runs after a merge, and how often a record was written anew on
/// average, over all records and at most.
fn live(
    flushes: u64,
    random: &mut Random,
    choose: impl Fn(&[Run]) -> Option<(BTreeSet<u64>, u8)>,
) -> (usize, f64, u64) {
    // Level, rows, number and the rows counted as often as each was written anew.
    let mut runs: Vec<(Run, u64)> = Vec::new();
    let (mut most_runs, mut most_rewrites) = (0, 0);
    for flush in 0..flushes {
        // Half of the flushes are of a few records that waited for too long.
        let rows = if random.one_in(2) {
            1 + random.below(9)
        } else {
            1_000
        };
        runs.push(((0, rows, flush), 0));
        loop {
            runs.sort_unstable_by(|a, b| b.cmp(a));
            let only: Vec<Run> = runs.iter().map(|(run, _)| *run).collect();
            let Some((chosen, level)) = choose(&only) else {
                break;
            };
            assert!(chosen.len() > 1, "a merge makes runs fewer");
            let mut merged = ((level, 0, *chosen.first().unwrap()), 0);
            runs.retain(|((_, rows, run), written)| {
                let stays = !chosen.contains(run);
                if !stays {
                    merged.0.1 += rows;
                    merged.1 += rows + written;
                }
                stays
            });
            most_rewrites = most_rewrites.max(u64::from(level));
            runs.push(merged);
        }
        most_runs = most_runs.max(runs.len());
    }
    let rows: u64 = runs.iter().map(|((_, rows, _), _)| rows).sum();
    let written: u64 = runs.iter().map(|(_, written)| written).sum();
    (most_runs, written as f64 / rows as f64, most_rewrites)
}

#[test]
fn a_customer_is_in_8_runs_and_no_record_of_1287_flushes_is_written_anew_more_than_5_times() {
    for seed in 0..5 {
        let (runs, average, most) = live(1_287, &mut Random::new(seed), |runs| due(runs, 8));
        assert_eq!((runs, most), (8, 5));
        assert!(average <= 5.0, "{average}");
    }
    // 130 GB at 128 MiB each, and four times as much.
    let (runs, average, most) = live(5_000, &mut Random::new(9), |runs| due(runs, 8));
    assert!(
        runs <= 8 && average <= 6.0 && most <= 7,
        "{runs} {average} {most}"
    );
}

#[test]
fn runs_that_are_put_together_count_as_merged_as_their_records_were_on_average() {
    let known: [(&[Run], u8); 6] = [
        (&[(5, 10, 1), (0, 1_000, 2)], 0),
        (&[(5, 1_000, 1), (0, 10, 2)], 5),
        (&[(3, 1, 1), (0, 1, 2)], 2),
        (&[(4, 7, 1)], 4),
        (&[(9, 0, 1)], 0),
        (&[], 0),
    ];
    for (runs, level) in known {
        assert_eq!(mean_level(runs), level, "{runs:?}");
    }
}

#[test]
fn other_policies_break_the_promise() {
    let all = |runs: &[Run]| {
        let all = runs.iter().map(|(.., run)| *run).collect();
        (runs.len() > 8).then_some((all, 0))
    };
    let (_, average, _) = live(1_287, &mut Random::new(1), all);
    assert!(average > 6.0, "everything each time: {average}");
    let two = |runs: &[Run]| {
        let newest = runs.iter().rev().take(2);
        let level = runs.last().map_or(0, |(level, ..)| level + 1);
        (runs.len() > 8).then(|| (newest.map(|(.., run)| *run).collect(), level.min(250)))
    };
    let (_, average, _) = live(1_287, &mut Random::new(1), two);
    assert!(average > 6.0, "the newest two each time: {average}");
    let never = |_: &[Run]| None;
    let (runs, ..) = live(1_287, &mut Random::new(1), never);
    assert!(runs > 10);
}

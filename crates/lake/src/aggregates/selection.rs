//! The value at a place in the order of very many, without putting them into
//! one list or in order: a sample tells two values between which it lies, and
//! only what is between them is looked at more closely (after Floyd and
//! Rivest, "Expected time bounds for selection", 1975).

use std::cmp::Ordering::{Equal, Greater, Less};

/// Values of a sample.
const SAMPLE: usize = 16_384;

/// By how many places of the sample the place may be missed. The place of a
/// value in a sample of n strays by about the square root of n / 4.
const MARGIN: usize = 512;

/// The value at `rank`, counted from 0, in the order of all values; `None`
/// when there are not so many.
pub(super) fn nth<K: Ord + Clone>(parts: &[Vec<K>], rank: usize) -> Option<K> {
    let count: usize = parts.iter().map(Vec::len).sum();
    if rank >= count {
        return None;
    }
    if count <= 4 * SAMPLE {
        return Some(among(parts.iter().flatten().collect(), rank));
    }
    let step = count / SAMPLE;
    let mut sample: Vec<&K> = parts.iter().flatten().step_by(step).collect();
    sample.sort_unstable();
    let place = rank / step;
    let low = sample[place.saturating_sub(MARGIN)];
    let high = sample[(place + MARGIN).min(sample.len() - 1)];
    match between(parts, rank, low, high) {
        Some(found) => Some(found),
        // The sample was not like the whole, or the place is at an end.
        None => Some(among(parts.iter().flatten().collect(), rank)),
    }
}

fn among<K: Ord + Clone>(mut keys: Vec<&K>, rank: usize) -> K {
    let (_, found, _) = keys.select_nth_unstable(rank);
    (*found).clone()
}

/// The value at `rank` if it is from `low` to `high`.
fn between<K: Ord + Clone>(parts: &[Vec<K>], rank: usize, low: &K, high: &K) -> Option<K> {
    let (mut below, mut at_low, mut at_high) = (0, 0, 0);
    let mut inside = Vec::new();
    for key in parts.iter().flatten() {
        match (key.cmp(low), key.cmp(high)) {
            (Less, _) => below += 1,
            (_, Greater) => {}
            (Equal, _) => at_low += 1,
            (_, Equal) => at_high += 1,
            (Greater, Less) => inside.push(key),
        }
    }
    let rank = rank.checked_sub(below)?;
    let Some(rank) = rank.checked_sub(at_low) else {
        return Some(low.clone());
    };
    match rank.checked_sub(inside.len()) {
        None => Some(among(inside, rank)),
        Some(rank) => (rank < at_high).then(|| high.clone()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted(parts: &[Vec<u64>]) -> Vec<u64> {
        let mut all = parts.concat();
        all.sort_unstable();
        all
    }

    /// Values in some order, in parts of different sizes.
    fn parts(seed: u64, count: usize, modulus: u64, rising: bool) -> Vec<Vec<u64>> {
        let mut state = seed;
        let mut all = Vec::with_capacity(count);
        for at in 0..count as u64 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            all.push(if rising {
                at % modulus
            } else {
                (state >> 33) % modulus
            });
        }
        let mut parts = Vec::new();
        let mut size = 1;
        while !all.is_empty() {
            parts.push(all.split_off(all.len().saturating_sub(size)));
            size = size * 7 + 1;
        }
        parts
    }

    #[test]
    fn it_is_what_sorting_finds() {
        let count = 5 * SAMPLE + 11;
        for (modulus, rising) in [
            (u64::MAX, false),
            (u64::MAX, true),
            (3, false),
            (1, true),
            (700, true),
        ] {
            let parts = parts(7, count, modulus, rising);
            let all = sorted(&parts);
            for rank in [
                0,
                1,
                9,
                count / 20,
                count / 2,
                count * 19 / 20,
                count - 2,
                count - 1,
            ] {
                assert_eq!(
                    nth(&parts, rank),
                    Some(all[rank]),
                    "{modulus} {rising} {rank}"
                );
            }
            assert_eq!(nth(&parts, count), None);
        }
    }

    #[test]
    fn a_sample_that_is_not_like_the_whole_misleads_nobody() {
        // Every value that the sample takes is small, all others are large.
        let step = 5;
        let count = step * SAMPLE;
        let odd: Vec<u64> = (0..count as u64)
            .map(|at| {
                if at % step as u64 == 0 {
                    at
                } else {
                    at + 1_000_000
                }
            })
            .collect();
        let parts = vec![odd];
        let all = sorted(&parts);
        for rank in [0, count / 5, count / 2, count - 1] {
            assert_eq!(nth(&parts, rank), Some(all[rank]), "{rank}");
        }
    }

    proptest! {
        #[test]
        fn of_few_values_too(parts in proptest::collection::vec(proptest::collection::vec(0_u64..20, 0..9), 0..9)) {
            let all = sorted(&parts);
            for rank in 0..=all.len() {
                prop_assert_eq!(nth(&parts, rank), all.get(rank).copied());
            }
        }
    }
}

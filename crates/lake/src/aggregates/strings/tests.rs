//! Sets of byte strings against a plain one.

use std::collections::{HashMap, HashSet};

use super::*;
use crate::lake::tests::fixtures::cases;
use crate::worlds::tests::dice::Dice;

/// A string of a number, of any length, some of them empty.
fn string(number: usize) -> Vec<u8> {
    let length = number % 97;
    number
        .to_le_bytes()
        .into_iter()
        .cycle()
        .take(length)
        .collect()
}

impl<T: Beside> Strings<T> {
    fn held(&self) -> usize {
        match &self.parts {
            Parts::One(part) => part.heap(),
            Parts::Many(parts) => {
                size_of_val(parts.as_ref()) + parts.iter().map(Part::heap).sum::<usize>()
            }
        }
    }

    fn is_one(&self) -> bool {
        matches!(self.parts, Parts::One(_))
    }
}

/// A set of random strings of so many, with what it should hold, and what it said it grew by.
fn filled(dice: &mut Dice, count: usize, among: usize) -> (Strings<()>, HashSet<Vec<u8>>) {
    let (mut set, mut expected, mut grown) = (Strings::<()>::default(), HashSet::new(), 0);
    let first = dice.below(among);
    for _ in 0..count {
        let string = string(first + dice.below(among));
        grown += set.add(&string, ());
        expected.insert(string);
    }
    assert_eq!(set.heap(), set.held());
    assert_eq!(grown, set.held() as isize);
    (set, expected)
}

#[test]
fn a_set_of_few_and_of_many_strings_counts_each_once() {
    let sizes = [
        (0, 1),
        (10, 3),
        (3_000, 500),
        (40_000, 30_000),
        (200_000, 50_000),
    ];
    let mut kinds = HashSet::new();
    for seed in 0..cases(1, 5) {
        let dice = &mut Dice::new(seed);
        for (count, among) in sizes {
            let (set, expected) = filled(dice, count, among);
            kinds.insert(set.is_one());
            assert_eq!(set.count(), expected.len(), "{count} among {among}");
        }
    }
    assert_eq!(kinds.len(), 2);
}

#[test]
fn sets_that_are_joined_count_what_both_have_once_however_large_they_are() {
    let sizes = [(0, 1), (100, 50), (20_000, 10_000), (60_000, 40_000)];
    for seed in 0..cases(1, 5) {
        let dice = &mut Dice::new(seed);
        for (one, other) in sizes
            .iter()
            .flat_map(|one| sizes.map(|other| (*one, other)))
        {
            let (mut set, mut expected) = filled(dice, one.0, one.1);
            let (theirs, more) = filled(dice, other.0, other.1);
            expected.extend(more);
            let before = set.heap() as isize;
            assert_eq!(set.absorb(theirs), set.held() as isize - before);
            assert_eq!(set.heap(), set.held());
            // What is added after that is looked up among both.
            for number in 0..100 {
                let string = string(number);
                set.add(&string, ());
                expected.insert(string);
            }
            assert_eq!(set.count(), expected.len(), "{one:?} and {other:?}");
        }
    }
}

#[test]
fn strings_that_come_again_and_again_take_no_more_memory_than_in_proportion() {
    let (mut set, mut bytes) = (Strings::<()>::default(), 0);
    for number in 0..40_000_usize {
        let string = [string(number).as_slice(), &number.to_le_bytes()].concat();
        bytes += FRAME + string.len();
        set.add(&string, ());
    }
    assert!(!set.is_one());
    for _ in 0..4 {
        for number in 0..40_000_usize {
            set.add(
                &[string(number).as_slice(), &number.to_le_bytes()].concat(),
                (),
            );
        }
    }
    // Buffers grow by doubling.
    let most = 2 * (bytes + bytes / 2 + PARTS * LEAST_BYTES) + 40_000 * 9 * 3;
    assert!(set.heap() < most, "{} of {most}", set.heap());
    assert_eq!(set.count(), 40_000);
}

#[test]
fn strings_of_one_mark_are_told_apart_by_their_bytes() {
    let mut set = Strings::<()>::default();
    for string in [&b"a"[..], b"b", b"a", b"", b"ab", b"b"] {
        set.add_marked(Mark(7), string, ());
    }
    assert_eq!(set.count(), 4);
}

/// Bits of one string in turn, so that few of its rows have all of them.
fn bits(dice: &mut Dice) -> u64 {
    1 << dice.below(64)
}

#[test]
fn strings_have_the_bits_of_all_their_rows_however_many_readers_saw_them() {
    let sizes = [(0, 1), (100, 5), (20_000, 4_000), (120_000, 40_000)];
    for seed in 0..cases(1, 5) {
        let dice = &mut Dice::new(seed);
        for (count, among) in sizes {
            let (mut readers, mut expected) = (Vec::new(), HashMap::new());
            for _ in 0..3 {
                let mut reader = Strings::<u64>::default();
                for _ in 0..count {
                    let (string, bits) = (string(dice.below(among)), bits(dice));
                    reader.add(&string, bits);
                    *expected.entry(string).or_default() |= bits;
                }
                assert_eq!(reader.heap(), reader.held());
                readers.push(reader);
            }
            let mut all = readers.remove(0);
            for reader in readers {
                all.absorb(reader);
            }
            let mut found = Vec::new();
            all.for_each(|bits| found.push(bits));
            let mut expected: Vec<u64> = expected.into_values().collect();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{count} among {among}");
        }
    }
}

//! Bags of few values that repeat, of many that do not, and of both.

use std::sync::Arc;

use arrow_array::UInt64Array;
use proptest::prelude::*;

use super::list::PART;
use super::*;

fn text(number: u64) -> Box<[u8]> {
    number.to_string().into_bytes().into()
}

/// A bag to which these were added one by one, which said what each took.
fn bag<K: Key>(keys: &[K]) -> Bag<K> {
    let mut bag = Bag::default();
    let growth: isize = keys.iter().map(|key| bag.add(key.borrow())).sum();
    assert_eq!(growth, bag.heap() as isize);
    bag
}

fn bag_of(numbers: impl IntoIterator<Item = u64>) -> Bag<u64> {
    bag(&numbers.into_iter().collect::<Vec<_>>())
}

fn is_counted<K>(bag: &Bag<K>) -> bool {
    matches!(bag, Bag::Counted(_))
}

/// What the percentile is by its definition.
fn naive<K: Key>(all: &[K], hundredths: u32) -> Option<K> {
    let mut all = all.to_vec();
    all.sort();
    let enough = |at: &usize| (at + 1) * 10_000 >= all.len() * hundredths as usize;
    let at = (0..all.len()).find(enough)?;
    Some(all[at].clone())
}

/// Puts the bags of several readers together; each percentile must be that of all values.
fn check<K: Key>(readers: &[Vec<K>]) -> Result<(), TestCaseError> {
    for hundredths in [1, 2_500, 5_000, 9_500, 9_999, 10_000] {
        let mut all = Bag::default();
        readers.iter().for_each(|keys| all.absorb(bag(keys)));
        let found = all.percentile(hundredths);
        prop_assert_eq!(found, naive(&readers.concat(), hundredths));
    }
    Ok(())
}

/// Values of which some repeat: the more, the fewer there may be.
fn values() -> impl Strategy<Value = Vec<u64>> {
    let most = prop_oneof![Just(2_u64), Just(5), Just(40), Just(1 << 40)];
    most.prop_flat_map(|most| prop::collection::vec(0..most, 0..6 * PART))
}

proptest! {
    #[test]
    fn a_percentile_is_that_of_all_values_however_they_are_kept(
        readers in prop::collection::vec(prop::collection::vec(values(), 1..3), 1..4),
    ) {
        let readers: Vec<Vec<u64>> = readers.iter().map(|parts| parts.concat()).collect();
        check(&readers)?;
        let texts = readers.iter().map(|numbers| numbers.iter().copied().map(text).collect());
        check::<Box<[u8]>>(&texts.collect::<Vec<_>>())?;
    }

    #[test]
    fn columns_of_one_group_are_taken_as_value_by_value(
        parts in prop::collection::vec(values(), 1..4),
        rows in 1..3 * PART,
    ) {
        let numbers = parts.concat();
        let median = Percentile::<u64>::new(5_000, None, DataType::UInt64);
        let (mut states, mut growth) = ([Bag::default()], 0);
        for some in numbers.chunks(rows) {
            let column: ArrayRef = Arc::new(UInt64Array::from(some.to_vec()));
            growth += median.update(&mut states, &[column], &Rows::One(some.len())).expect("taken");
        }
        prop_assert_eq!(growth, states[0].heap() as isize);
        let [all] = states;
        prop_assert_eq!(all.percentile(5_000), naive(&numbers, 5_000));
    }
}

#[test]
fn values_that_repeat_take_the_memory_of_the_different_ones() {
    let few = bag_of((0..100_000).map(|n| n % 4));
    assert!(is_counted(&few) && few.heap() < 512, "{} bytes", few.heap());
    assert_eq!(few.percentile(5_000), Some(1));
    let many = bag_of(0..100_000);
    assert!(!is_counted(&many) && many.heap() < 1_000_000);
    assert_eq!(many.percentile(9_500), Some(94_999));
}

#[test]
fn values_that_do_not_repeat_any_more_are_listed() {
    let part = PART as u64;
    let repeated = std::iter::repeat_n(7, 2 * PART);
    let bag = bag_of(repeated.chain(1_000..1_000 + 40 * part));
    assert!(!is_counted(&bag));
    assert!(bag.heap() <= 44 * PART * size_of::<u64>() * 2);
    // 2 of 42 parts are the seven.
    assert_eq!(bag.percentile(476), Some(7));
    let bag = bag_of(std::iter::repeat_n(7, 2 * PART).chain(1_000..1_000 + 40 * part));
    assert_eq!(bag.percentile(477), Some(1_000));
}

#[test]
fn of_two_bags_the_larger_says_how_both_are_kept() {
    let counted = || bag_of((0..10 * PART as u64).map(|n| n % 3));
    let few = || bag_of(0..3);
    let listed = || bag_of(0..50 * PART as u64);
    assert!(is_counted(&counted()) && !is_counted(&few()) && !is_counted(&listed()));
    for [mut one, other] in [[counted(), few()], [few(), counted()]] {
        one.absorb(other);
        assert!(is_counted(&one));
    }
    for [mut one, other] in [[counted(), listed()], [listed(), counted()]] {
        one.absorb(other);
        assert!(!is_counted(&one));
    }
}

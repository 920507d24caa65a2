use std::collections::BTreeSet;

use model::fields::{ColumnType, FieldType, ScalarType};
use model::filters::Leaf;

use super::*;
use crate::simulation::Random;

fn column() -> FieldPath {
    FieldPath::parse("at").unwrap()
}

fn instant(at: i64) -> Value {
    Value::DateTime(model::time::Timestamp::from_microsecond(at).unwrap())
}

/// A condition on the time.
fn order(order: OrderTest, at: i64) -> Predicate {
    of(column(), Test::Order(order, instant(at)))
}

fn of(field: FieldPath, test: Test) -> Predicate {
    let column = ColumnType::Declared(FieldType::Scalar(ScalarType::DateTime));
    Predicate::Leaf(Leaf {
        field,
        column,
        test,
    })
}

/// What a change touched.
#[derive(Clone, Copy, Debug)]
enum Change {
    Everything,
    Times(i64, i64),
    Timeless,
}

/// Changes, and a list of them.
struct Listed {
    touches: Touches,
    changes: Vec<Change>,
}

impl Listed {
    fn new() -> Self {
        Self {
            touches: Touches::new(column()),
            changes: Vec::new(),
        }
    }

    fn arrive(&mut self, first: i64, last: i64) {
        let times = Some((first, last));
        let timeless = false;
        let arriving = Arriving { times, timeless };
        self.touches.arrived(&column(), Some(arriving));
        self.changes.push(Change::Times(first, last));
    }

    /// A random change among so many instants.
    fn change(&mut self, random: &mut Random, instants: u64, one_in: u64) {
        if random.one_in(one_in) {
            self.touches.everything();
            self.changes.push(Change::Everything);
            return;
        }
        match random.below(40) {
            1 => {
                let border = random.below(instants / 40) as i64;
                self.touches.went(&order(OrderTest::Lt, border), Why::Asked);
                self.changes.push(Change::Times(i64::MIN, border - 1));
            }
            2 => {
                let timeless = true;
                let times = None;
                let arriving = Arriving { times, timeless };
                self.touches.arrived(&column(), Some(arriving));
                self.changes.push(Change::Timeless);
            }
            _ => {
                let first = random.below(instants) as i64;
                // Few are long, and hide those that they cover.
                let part = if random.one_in(20) { 10 } else { 100_000 };
                let most = 1 + random.below(instants / part);
                let length = random.below(most) as i64;
                self.arrive(first, first + length);
            }
        }
    }

    /// What is told too little of the changes behind the first `count`.
    fn missed(&self, count: usize) -> Option<Change> {
        let Since::Times {
            stretches,
            timeless,
        } = self.touches.since(&column(), count as u64)
        else {
            return None;
        };
        let is_told = |change: &&Change| match change {
            Change::Everything => false,
            Change::Timeless => timeless,
            Change::Times(first, last) => {
                let within = |(from, to): &(i64, i64)| from <= first && last <= to;
                stretches.iter().any(within)
            }
        };
        let missed = self.changes[count..].iter().find(|change| !is_told(change));
        missed.copied()
    }

    /// The instants below a bound that the changes behind the first `count` touched.
    fn instants(&self, count: usize, bound: i64) -> BTreeSet<i64> {
        let of = |change: &Change| match change {
            Change::Times(first, last) => Some((*first).max(0)..=*last),
            _ => None,
        };
        let all = self.changes[count..].iter().filter_map(of).flatten();
        all.filter(|at| *at < bound).collect()
    }
}

#[test]
fn every_change_since_a_moment_is_told_of_whatever_is_joined() {
    let mut joined = 0;
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let mut listed = Listed::new();
        for _ in 0..random.below(1_500) {
            let before = listed.touches.stretches.len();
            listed.change(&mut random, 1 << 40, 1_000);
            let after = listed.touches.stretches.len();
            joined += usize::from(after > 1 && after + TOUCHED_STRETCHES_MAX / 3 < before);
            assert!(listed.touches.stretches.len() <= TOUCHED_STRETCHES_MAX);
            let count = random.below(listed.changes.len() as u64 + 1) as usize;
            let missed = listed.missed(count);
            assert!(missed.is_none(), "seed {seed}: {missed:?} since {count}");
        }
    }
    assert!(joined > 60, "{joined}");
}

#[test]
fn of_few_changes_nothing_is_told_that_was_not_touched() {
    let mut told = 0;
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let mut listed = Listed::new();
        for _ in 0..random.below(60) {
            listed.change(&mut random, 200, 40);
        }
        for count in 0..=listed.changes.len() {
            let since = listed.touches.since(&column(), count as u64);
            let changes = &listed.changes[count..];
            let any = changes
                .iter()
                .any(|change| matches!(change, Change::Everything));
            let Since::Times {
                stretches,
                timeless,
            } = since
            else {
                assert!(any, "seed {seed} since {count}");
                continue;
            };
            assert!(!any);
            let has = changes
                .iter()
                .any(|change| matches!(change, Change::Timeless));
            assert_eq!(timeless, has);
            assert!(stretches.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            let instants = stretches.iter().flat_map(|(from, to)| (*from).max(0)..=*to);
            assert_eq!(
                instants.collect::<BTreeSet<_>>(),
                listed.instants(count, 1_000)
            );
            told += stretches.len();
        }
    }
    assert!(told > 1_000, "{told}");
}

#[test]
fn records_that_come_in_the_order_of_time_are_told_of_closely_however_many_there_were() {
    let mut listed = Listed::new();
    for at in 0..10_000 {
        listed.arrive(10 * at, 10 * at + 9);
    }
    let Since::Times { stretches, .. } = listed.touches.since(&column(), 9_990) else {
        panic!("everything");
    };
    // The last ten, and at most as much again that was joined with them.
    let [(first, last)] = stretches[..] else {
        panic!("{stretches:?}");
    };
    assert!(
        (98_000..=99_900).contains(&first) && last == 99_999,
        "{first}"
    );
}

#[test]
fn joining_under_the_earlier_change_is_found_out() {
    for (later, is_right) in [(u64::max as fn(u64, u64) -> u64, true), (u64::min, false)] {
        let found = (0..10).any(|seed| {
            let mut random = Random::new(seed);
            let mut listed = Listed::new();
            while listed.touches.stretches.len() < TOUCHED_STRETCHES_MAX {
                listed.change(&mut random, 1 << 40, u64::MAX);
            }
            listed.touches.join(later);
            let mut counts = (0..listed.changes.len()).step_by(7);
            counts.any(|count| listed.missed(count).is_some())
        });
        assert_eq!(found, !is_right);
    }
}

#[test]
fn a_border_that_moves_touches_all_before_it_whether_or_not_something_went() {
    for has_gone in [false, true] {
        let mut touches = Touches::new(column());
        if has_gone {
            touches.went(&order(OrderTest::Lt, 7), Why::TooOld);
        }
        touches.border_moved(&column(), 7);
        let told = touches.since(&column(), 0);
        let before = Since::Times {
            stretches: vec![(i64::MIN, 6)],
            timeless: false,
        };
        assert_eq!((told, touches.took_away_since(0)), (before, true));
        // Of times that are not those that are known, anything may have been touched.
        let count = touches.count();
        touches.border_moved(&FieldPath::parse("other").unwrap(), 7);
        assert_eq!(touches.since(&column(), count), Since::Everything);
    }
}

#[test]
fn what_is_not_known_is_everything() {
    let mut listed = Listed::new();
    listed.arrive(1, 2);
    let touches = &mut listed.touches;
    let other = FieldPath::parse("other").unwrap();
    assert_eq!(touches.since(&column(), 2), Since::Everything);
    assert_eq!(touches.since(&other, 0), Since::Everything);
    touches.arrived(&column(), None);
    assert_eq!(touches.since(&column(), 1), Since::Everything);
    // Times of another column say nothing of those of this one, nor the other way round.
    let times = Some((5, 6));
    let timeless = false;
    touches.arrived(&other, Some(Arriving { times, timeless }));
    assert_eq!(touches.since(&column(), 2), Since::Everything);
    assert_eq!(touches.since(&other, 2), Since::Everything);
    touches.went(&order(OrderTest::Lt, 7), Why::Asked);
    assert_eq!(touches.since(&other, 3), Since::Everything);
}

#[test]
fn what_a_delete_took_has_the_times_that_it_asked_for() {
    use OrderTest as O;
    let other = || {
        of(
            FieldPath::parse("other").unwrap(),
            Test::Order(O::Lt, instant(5)),
        )
    };
    let all = Predicate::All;
    let cases = [
        (order(O::Lt, 5), Some((i64::MIN, 4))),
        (order(O::Lte, 5), Some((i64::MIN, 5))),
        (order(O::Gt, 5), Some((6, i64::MAX))),
        (order(O::Gte, 5), Some((5, i64::MAX))),
        (
            all(vec![other(), order(O::Gte, 5), all(vec![order(O::Lt, 9)])]),
            Some((5, 8)),
        ),
        (all(vec![order(O::Lt, 5), order(O::Gt, 9)]), Some((10, 4))),
        (all(Vec::new()), None),
        (other(), None),
        (Predicate::Not(Box::new(order(O::Lt, 5))), None),
        (Predicate::Any(vec![order(O::Lt, 5), other()]), None),
        (of(column(), Test::Exists(false)), None),
    ];
    for (predicate, times) in cases {
        assert_eq!(times_of(&predicate, &column()), times, "{predicate:?}");
    }
}

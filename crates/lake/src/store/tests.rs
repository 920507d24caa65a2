//! The state machine's saved answers, and its broken twins.

pub(crate) mod mutants;

use std::cell::Cell;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::ids::{KeyId, PoolId};
use model::time::{Clock, ManualClock};

use super::answers::{AnswerCursor, SavedAnswers};
use super::{Operation, Outcome, Pools, Store};
use crate::error::LakeError;
use crate::journal::{Position, Prepared, StateMachine};
use crate::lake::tests::fixtures::{Request, noon, open_pool};
use crate::lake::{append_operation, new_receipt};
use crate::operation::{IdempotencyTag, SavedAnswer, Stored, decode};
use crate::simulation::SimulatedDisk;
use crate::tables::Tables;
use crate::uniqueness::RecentTokens;

fn tag(text: &str) -> IdempotencyTag {
    IdempotencyTag {
        pool: PoolId::from_bytes([1; 16]),
        key: KeyId::from_bytes([2; 16]),
        text: text.to_owned(),
    }
}

fn answer(clock: &ManualClock, accepted: u64) -> SavedAnswer {
    SavedAnswer {
        fingerprint: [0; 32],
        at: clock.now(),
        accepted,
        rejected: 0,
        faults: Vec::new(),
    }
}

#[test]
fn answers_go_one_by_one_in_the_order_of_their_age_and_leave_nothing() {
    let clock = Arc::new(ManualClock::new(noon()));
    let mut answers = SavedAnswers::new(clock.clone(), u64::MAX);
    for n in 0..100 {
        // Two of one instant each time.
        answers.save(tag(&format!("a{n}")), answer(&clock, n));
        answers.save(tag(&format!("b{n}")), answer(&clock, n));
        clock.advance(Duration::from_secs(1));
    }
    let (kept, anew) = answers.bytes();
    assert!(kept == anew && kept > 200 * 256);
    clock.advance(Duration::from_secs(86_400 - 100));
    for n in 0..100 {
        answers.forget_old();
        let left = (0..100)
            .filter(|n| answers.find(&tag(&format!("b{n}"))).is_some())
            .count();
        assert_eq!(left, 99 - n);
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!((answers.len(), answers.bytes()), ((0, 0), (0, 0)));
}

/// As a replay finds it when the clock had been ahead: the tag was free again, was used anew, and
/// only then the clock was put right.
#[test]
fn the_older_answer_of_a_tag_takes_the_younger_one_not_with_it() {
    let clock = Arc::new(ManualClock::new(noon()));
    let mut answers = SavedAnswers::new(clock.clone(), u64::MAX);
    answers.save(tag("a"), answer(&clock, 1));
    clock.advance(Duration::from_secs(80_000));
    answers.save(tag("a"), answer(&clock, 2));
    let (kept, anew) = answers.bytes();
    assert_eq!(
        kept, anew,
        "the one that is not kept any more does not count"
    );
    clock.advance(Duration::from_secs(10_000));
    answers.forget_old();
    assert_eq!(
        answers.find(&tag("a")).map(|answer| answer.accepted),
        Some(2)
    );
    clock.advance(Duration::from_secs(76_400));
    answers.forget_old();
    assert_eq!((answers.len(), answers.bytes()), ((0, 0), (0, 0)));
}

#[test]
fn an_answer_that_is_old_when_it_is_read_back_is_not_kept() {
    let clock = Arc::new(ManualClock::new(noon()));
    let old = answer(&clock, 1);
    clock.advance(Duration::from_secs(86_400));
    let mut answers = SavedAnswers::new(clock, u64::MAX);
    answers.save(tag("a"), old);
    assert_eq!((answers.len(), answers.bytes()), ((0, 0), (0, 0)));
}

/// Between the moment in which a part is written down and the one in which it counts, a request
/// may let old answers be forgotten.
#[test]
fn answers_that_are_forgotten_while_others_are_carried_on_take_none_with_them() {
    let clock = Arc::new(ManualClock::new(noon()));
    let disk = Arc::new(SimulatedDisk::new(1));
    let tables = Tables::new(disk, Path::new(SimulatedDisk::ROOT), 1 << 20);
    let pools = Arc::new(Pools::new(Arc::new(tables)));
    let (mut store, _) = Store::new(
        pools,
        u64::MAX,
        clock.clone(),
        Vec::new(),
        Arc::new(RecentTokens::new(usize::MAX)),
    );
    for n in 0..40 {
        store
            .answers
            .save(tag(&format!("old{n}")), answer(&clock, n));
    }
    clock.advance(Duration::from_secs(3_600));
    for n in 0..200 {
        store
            .answers
            .save(tag(&format!("young{n}")), answer(&clock, n));
    }
    clock.advance(Duration::from_secs(82_801));
    let (mut carried, mut at) = (HashSet::new(), 1);
    let mut from = Some(AnswerCursor::START);
    while let Some(cursor) = from {
        let part = Operation::Answers {
            from: cursor,
            next: Cell::default(),
        };
        let mut payload = Vec::new();
        assert!(matches!(
            store.prepare(&part, &mut payload),
            Prepared::Write
        ));
        let Stored::Answers(answers) = decode(&payload).unwrap() else {
            panic!("no answers");
        };
        carried.extend(answers.into_iter().map(|(tag, _)| tag.text));
        let pool = open_pool(9);
        let batch = Request::new(&pool, r#"[{"n":1}]"#).key("new").admit();
        let other = append_operation(&batch, &new_receipt(&batch), usize::MAX).unwrap();
        let written = store.prepare(&other, &mut Vec::new());
        from = match store.apply(Position::new(at), part) {
            Outcome::Carried(next) => next,
            other => panic!("{other:?}"),
        };
        at += 1;
        if matches!(written, Prepared::Write) {
            store.apply(Position::new(at), other);
        }
    }
    let lost = (0..200).filter(|n| !carried.contains(&format!("young{n}")));
    assert_eq!(lost.collect::<Vec<_>>(), Vec::<i32>::new());
}

/// A group holds many batches, and none of them is in memory before it is written.
#[test]
fn what_arrives_at_once_counts_to_the_share_of_a_pool_that_cannot_go_to_files() {
    let clock = Arc::new(ManualClock::new(noon()));
    let disk = Arc::new(SimulatedDisk::new(1));
    let tables = Tables::new(disk, Path::new(SimulatedDisk::ROOT), 1 << 20);
    let pools = Arc::new(Pools::new(Arc::new(tables)));
    let pool = open_pool(9);
    let batch = Request::new(&pool, r#"[{"n":1}]"#).admit();
    let append = || append_operation(&batch, &new_receipt(&batch), usize::MAX).unwrap();
    let first = append();
    let Operation::Append { segment, .. } = &first else {
        panic!("{first:?}");
    };
    // The share of one pool is an eighth.
    let bound = segment.bytes() * 800;
    let tokens = Arc::new(RecentTokens::new(usize::MAX));
    let (mut store, _) = Store::new(pools.clone(), bound, clock, Vec::new(), tokens);
    let written = store.prepare(&first, &mut Vec::new());
    assert!(matches!(written, Prepared::Write));
    store.apply(Position::new(1), first);
    pools.note_stuck(pool.id, true);
    let refused = (0..800).find_map(|n| match store.prepare(&append(), &mut Vec::new()) {
        Prepared::Answer(Outcome::Done(Err(error))) => Some((n, error)),
        written => {
            assert!(matches!(written, Prepared::Write), "{n}");
            None
        }
    });
    let (written, error) = refused.expect("more than its share");
    assert!(matches!(error, LakeError::PoolStuck { .. }), "{error}");
    assert!((1..100).contains(&written), "{written}");
}

//! The state machine's saved answers, and its broken twins.

pub(crate) mod mutants;

use std::sync::Arc;
use std::time::Duration;

use model::ids::{KeyId, PoolId};
use model::time::{Clock, ManualClock};

use super::answers::SavedAnswers;
use crate::lake::tests::fixtures::noon;
use crate::operation::{IdempotencyTag, SavedAnswer};

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
    let mut answers = SavedAnswers::new(clock.clone());
    for n in 0..100 {
        // Two of one instant each time.
        answers.save(tag(&format!("a{n}")), answer(&clock, n));
        answers.save(tag(&format!("b{n}")), answer(&clock, n));
        clock.advance(Duration::from_secs(1));
    }
    clock.advance(Duration::from_secs(86_400 - 100));
    for n in 0..100 {
        answers.forget_old();
        let left = (0..100)
            .filter(|n| answers.find(&tag(&format!("b{n}"))).is_some())
            .count();
        assert_eq!(left, 99 - n);
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(answers.len(), (0, 0));
}

/// As a replay finds it when the clock had been ahead: the tag was free again, was used anew, and
/// only then the clock was put right.
#[test]
fn the_older_answer_of_a_tag_takes_the_younger_one_not_with_it() {
    let clock = Arc::new(ManualClock::new(noon()));
    let mut answers = SavedAnswers::new(clock.clone());
    answers.save(tag("a"), answer(&clock, 1));
    clock.advance(Duration::from_secs(80_000));
    answers.save(tag("a"), answer(&clock, 2));
    clock.advance(Duration::from_secs(10_000));
    answers.forget_old();
    assert_eq!(
        answers.find(&tag("a")).map(|answer| answer.accepted),
        Some(2)
    );
    clock.advance(Duration::from_secs(76_400));
    answers.forget_old();
    assert_eq!(answers.len(), (0, 0));
}

#[test]
fn an_answer_that_is_old_when_it_is_read_back_is_not_kept() {
    let clock = Arc::new(ManualClock::new(noon()));
    let old = answer(&clock, 1);
    clock.advance(Duration::from_secs(86_400));
    let mut answers = SavedAnswers::new(clock);
    answers.save(tag("a"), old);
    assert_eq!(answers.len(), (0, 0));
}

//! D10: the used steps of one-time codes are a register that only grows, and
//! recovery codes a set that only shrinks: of what several send at once, and
//! again while commits are unheard, each counts once and none behind a later one.

use std::collections::BTreeSet;
use std::time::Duration;

use model::limits::RECOVERY_CODES;
use model::people::{Code, RecoveryCode};

use super::*;
use crate::{SecondFactor, Shown};

/// Sent at once in a round.
const AT_ONCE: u64 = 9;
/// Nobody waits any more for attempts that were wrong before.
const BETWEEN: Duration = Duration::from_secs(16 * 60);

/// What became of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Good,
    Bad,
    /// Nobody heard of it: it counted, or was noted as a wrong attempt.
    Unheard,
}

/// Ten times ten thousand codes by `TIDEGATE_PROOF=long`.
fn rounds() -> u64 {
    match std::env::var("TIDEGATE_PROOF").as_deref() {
        Ok("long") => 100_000_u64.div_ceil(AT_ONCE),
        _ => 60,
    }
}

/// How many sets of recovery codes there are, and how often each code is sent
/// at once: a hundred thousand codes by `TIDEGATE_PROOF=long`.
fn sets() -> (usize, usize) {
    match std::env::var("TIDEGATE_PROOF").as_deref() {
        Ok("long") => (100_000_usize.div_ceil(90 * RECOVERY_CODES), 90),
        _ => (1, 9),
    }
}

/// Lets these be sent at once; what became of each, in their order.
async fn at_once(plane: &Plane, sent: Vec<SecondFactor>) -> Vec<Said> {
    let ada = plane.control.people_of(&plane.admin()).expect("a list")[0].clone();
    let tasks: Vec<_> = sent
        .into_iter()
        .map(|second| {
            let (control, ada) = (Arc::clone(&plane.control), Arc::clone(&ada));
            tokio::spawn(async move {
                let password = ada.parts().password.clone();
                let agent = String::new();
                match control
                    .second_step((&ada, None), &password, &second, agent)
                    .await
                {
                    Ok(Some(_)) => Said::Good,
                    Ok(None) | Err(ControlError::Refused(_)) => Said::Bad,
                    Err(_) => Said::Unheard,
                }
            })
        })
        .collect();
    let mut said = Vec::new();
    for task in tasks {
        said.push(task.await.expect("is answered"));
    }
    said
}

/// The same after a restart, which makes other tokens than the one before.
async fn again(plane: Plane, seed: u64) -> Plane {
    match plane.control.close().await {
        Ok(()) => {}
        // Where nothing was written since an answer was to be lost, it is this one's.
        Err(error) if error.is_unheard() => {}
        Err(error) => panic!("does not close: {error:?}"),
    }
    plane.opened_again(100 + seed).await
}

fn code_of(shown: &Shown, plane: &Plane, step: i64) -> SecondFactor {
    let at = Timestamp::from_microsecond(step * 30_000_000).expect("a time");
    assert!((plane.now().as_microsecond() / 30_000_000 - step).abs() <= 1);
    SecondFactor::Code(Code::parse(&shown.totp.shown_at(at)).expect("a code"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_used_steps_only_grow_also_while_commits_are_unheard() {
    let mut plane = Plane::new().await;
    let (_, shown) = plane.owner().await;
    let random = SeededRandom::new(10);
    let (mut good, mut unheard) = (0, 0);
    for round in 0..rounds() {
        plane.clock.advance(BETWEEN);
        let now = plane.now().as_microsecond() / 30_000_000;
        // The latest step that was good, of those that were answered already.
        let mut used = now - 2;
        for wave in 0..3 {
            if random.next_u64().is_multiple_of(3) {
                let lost = InternalError::new("lost");
                plane.loses_an_answer(lost.into()).await;
            }
            let steps: Vec<i64> = (0..AT_ONCE / 3)
                .map(|_| now - 1 + i64::try_from(random.next_u64() % 3).expect("small"))
                .collect();
            let sent = steps.iter().map(|step| code_of(&shown, &plane, *step));
            let said = at_once(&plane, sent.collect()).await;
            let all: Vec<_> = steps.into_iter().zip(said).collect();
            let of = |wanted| all.iter().filter(move |(_, said)| *said == wanted);
            let steps: BTreeSet<i64> = of(Said::Good).map(|(step, _)| *step).collect();
            assert_eq!(steps.len(), of(Said::Good).count(), "once: {all:?}");
            for (step, _) in of(Said::Good) {
                assert!(*step > used, "round {round}.{wave}: {all:?} behind {used}");
            }
            good += steps.len();
            unheard += of(Said::Unheard).count();
            used = used.max(steps.last().copied().unwrap_or(used));
        }
        // Also for whoever is started then.
        if round % 20 == 7 {
            plane = again(plane, round).await;
            let step = used.max(now - 1);
            let said = at_once(&plane, vec![code_of(&shown, &plane, step)]).await;
            assert!(used < step || said == [Said::Bad], "{said:?}");
        }
    }
    let least = usize::try_from(rounds() / 2).expect("small");
    assert!(good > least && unheard > 0, "{good} {unheard}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_a_recovery_code_is_in_the_set_or_gone_also_while_commits_are_unheard() {
    let (sets, at_a_time) = sets();
    for _ in 0..sets {
        uses_a_set_up(at_a_time).await;
    }
}

/// Sends each code of a set so many times at once, and once more after a restart.
async fn uses_a_set_up(at_a_time: usize) {
    let mut plane = Plane::new().await;
    let (_, shown) = plane.owner().await;
    let codes = shown.recovery.len();
    let mut unheard = 0;
    for number in 0..codes {
        let code = || {
            let text = shown.recovery[number].reveal();
            SecondFactor::Recovery(RecoveryCode::parse(text).expect("a code"))
        };
        plane.clock.advance(BETWEEN);
        let is_unheard = number % 2 == 1;
        if is_unheard {
            let lost = InternalError::new("lost");
            plane.loses_an_answer(lost.into()).await;
        }
        let sent = (0..at_a_time).map(|_| code()).collect();
        let said = at_once(&plane, sent).await;
        let good = said.iter().filter(|said| **said == Said::Good).count();
        unheard += said.iter().filter(|said| **said == Said::Unheard).count();
        // The first of them is in the database whether it was heard or not.
        assert_eq!(good, usize::from(!is_unheard), "{number}: {said:?}");
        let people = plane.control.people_of(&plane.admin()).expect("a list");
        assert_eq!(people[0].parts().recovery.len(), codes - 1 - number);
        plane = again(plane, number as u64).await;
        plane.clock.advance(BETWEEN);
        assert_eq!(at_once(&plane, vec![code()]).await, [Said::Bad]);
    }
    assert_eq!(unheard, codes / 2);
}

//! D10: what a key used up is a counter that never passes its allowance. Every
//! call is recorded with the moments at which it began and ended; the history
//! is held against the counter afterwards, also where commits are unheard.

use std::sync::Mutex;

use model::credits::{Allowance, Period, Tier};
use model::keys::{KeyDraft, KeyLimits};
use model::permit::Access;

use super::*;

const CLIENTS: u64 = 48;
const CALLS: u64 = 90;
/// Fewer than the clients ask for.
const AMOUNT: u64 = CLIENTS * CALLS - 300;
/// Of one reader, however long the others take.
const LOOKS_MAX: u64 = 200_000;
/// One commit in so many turns of the saboteur is unheard.
const UNHEARD: u64 = 30;

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// One credit is charged.
    Charged,
    /// Nobody heard of it.
    Unheard,
    /// Nothing is left.
    Refused,
    /// So much is charged.
    Look(u64),
}

#[derive(Clone, Copy, Debug)]
struct Call {
    began: u64,
    ended: u64,
    said: Said,
}

#[derive(Debug, Default)]
struct History {
    moment: AtomicU64,
    calls: Mutex<Vec<Call>>,
    is_over: AtomicBool,
}

impl History {
    fn moment(&self) -> u64 {
        self.moment.fetch_add(1, Ordering::SeqCst)
    }

    fn note(&self, calls: &mut Vec<Call>) {
        self.calls.lock().expect("a list").append(calls);
    }

    /// What is not as a counter would have it.
    fn violation(&self) -> Option<String> {
        let calls = self.calls.lock().expect("a list").clone();
        let of = |said: fn(&Said) -> bool| calls.iter().filter(move |call| said(&call.said));
        let sorted = |moments: Vec<u64>| {
            let mut moments = moments;
            moments.sort_unstable();
            moments
        };
        let charged = |said: &Said| *said == Said::Charged;
        let begun = |said: &Said| matches!(said, Said::Charged | Said::Unheard);
        let done = sorted(of(charged).map(|call| call.ended).collect());
        let begun = sorted(of(begun).map(|call| call.began).collect());
        let given_back = |said: &Said| *said == Said::Unheard;
        let given_back = sorted(of(given_back).map(|call| call.ended).collect());
        let before = |moments: &[u64], moment| moments.partition_point(|m| *m < moment) as u64;
        if done.len() as u64 > AMOUNT {
            return Some(format!("{} of {AMOUNT} were charged", done.len()));
        }
        let mut looks: Vec<(Call, u64)> = Vec::new();
        for call in &calls {
            match call.said {
                Said::Look(seen) => {
                    let least = before(&done, call.began);
                    let most = before(&begun, call.ended);
                    if !(least..=most).contains(&seen) {
                        return Some(format!("{call:?} and not {least} to {most}"));
                    }
                    looks.push((*call, seen));
                }
                // Whoever is refused found all of it taken by others at one moment.
                Said::Refused => {
                    let taken = before(&begun, call.ended) - before(&given_back, call.began);
                    if taken < AMOUNT {
                        return Some(format!("{call:?} while {taken} were taken"));
                    }
                }
                Said::Charged | Said::Unheard => {}
            }
        }
        // What was seen is never less later.
        let mut ended = looks.clone();
        ended.sort_unstable_by_key(|(call, _)| call.ended);
        looks.sort_unstable_by_key(|(call, _)| call.began);
        let (mut ended, mut most) = (ended.into_iter().peekable(), 0);
        for (call, seen) in looks {
            while let Some((_, seen)) = ended.next_if(|(earlier, _)| earlier.ended < call.began) {
                most = most.max(seen);
            }
            if seen < most {
                return Some(format!("{call:?} behind one that saw {most}"));
            }
        }
        None
    }
}

fn look(control: &Control, access: &Access) -> u64 {
    let definitions = control.definitions(access.project());
    let key = definitions.key(access.key()).expect("the key");
    control.credits_left(key)[0].spent
}

fn looks(history: &History, control: &Control, access: &Access) -> u64 {
    let mut calls = Vec::new();
    let is_enough = |made| match history.is_over.load(Ordering::SeqCst) {
        true => made > READS / READERS as u64,
        false => made >= LOOKS_MAX,
    };
    while !is_enough(calls.len() as u64) {
        thread::yield_now();
        let began = history.moment();
        let seen = look(control, access);
        let ended = history.moment();
        let said = Said::Look(seen);
        calls.push(Call { began, ended, said });
    }
    let made = calls.len() as u64;
    history.note(&mut calls);
    made
}

async fn charges(history: &History, control: &Control, access: &Access) {
    let mut calls = Vec::new();
    for _ in 0..CALLS {
        let began = history.moment();
        let said = match control.reserve(access, Tier::Core, 1) {
            Err(_) => Said::Refused,
            Ok(reserved) => match control.charge(reserved, 1).await {
                Ok(()) => Said::Charged,
                Err(_) => Said::Unheard,
            },
        };
        let ended = history.moment();
        calls.push(Call { began, ended, said });
    }
    history.note(&mut calls);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_what_a_key_used_up_is_a_counter_also_while_commits_are_unheard() {
    let plane = Plane::new().await;
    let core = Allowance {
        amount: AMOUNT,
        period: Period::Month,
    };
    let draft = KeyDraft {
        limits: KeyLimits {
            core: Some(core),
            ..KeyLimits::NONE
        },
        ..plane.key_draft("paying", "[]")
    };
    let made = plane.control.create_key(&plane.admin(), draft).await;
    let (_, secret) = made.expect("a key");
    let access = plane
        .control
        .authenticate(&secret, &Circumstances::unknown());
    let access = access.expect("is let in");
    let history = Arc::new(History::default());
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (history, control) = (Arc::clone(&history), Arc::clone(&plane.control));
            let access = access.clone();
            thread::spawn(move || looks(&history, &control, &access))
        })
        .collect();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let (history, control) = (Arc::clone(&history), Arc::clone(&plane.control));
        let access = access.clone();
        clients.spawn(async move { charges(&history, &control, &access).await });
    }
    let mut turn = 0_u64;
    while !clients.is_empty() {
        turn += 1;
        if turn.is_multiple_of(UNHEARD) {
            let lost = InternalError::new("lost");
            plane.loses_an_answer(lost.into()).await;
        }
        while clients.try_join_next().is_some_and(|ended| {
            ended.expect("no violation");
            true
        }) {}
        tokio::task::yield_now().await;
    }
    history.is_over.store(true, Ordering::SeqCst);
    let made: u64 = readers
        .into_iter()
        .map(|reader| reader.join().expect("reads"))
        .sum();
    assert!(made >= READS, "{made} looks");
    assert_eq!(history.violation(), None);
    let all = history.calls.lock().expect("a list").clone();
    let count = |said| all.iter().filter(|call| call.said == said).count() as u64;
    let (charged, unheard) = (count(Said::Charged), count(Said::Unheard));
    assert!(unheard > 0 && count(Said::Refused) > 0, "{unheard} unheard");
    // A loss that nobody met is met now.
    let _unheard = plane
        .control
        .create_pool(&plane.admin(), pool("last"))
        .await;
    // What was unheard last may be in the database; nothing else is added to it.
    let plane = plane.restarted().await;
    let found = look(&plane.control, &access);
    let most = (charged + unheard).min(AMOUNT);
    assert!((charged..=most).contains(&found), "{found} of {charged}");
}

#[test]
fn the_check_finds_what_is_no_counter() {
    let history = |calls: &[(u64, u64, Said)]| {
        let history = History::default();
        let calls = calls.iter().map(|(began, ended, said)| Call {
            began: *began,
            ended: *ended,
            said: *said,
        });
        history.note(&mut calls.collect());
        history.violation()
    };
    let (charged, look) = (Said::Charged, Said::Look);
    assert_eq!(
        history(&[(0, 3, charged), (1, 2, look(0)), (4, 5, look(1))]),
        None
    );
    assert_eq!(
        history(&[(0, 3, Said::Unheard), (4, 5, look(0)), (6, 7, look(1))]),
        None
    );
    for wrong in [
        &[(0, 1, charged), (2, 3, look(0))][..],
        &[(0, 1, look(1)), (2, 3, charged)],
        &[(0, 9, charged), (1, 2, look(1)), (3, 4, look(0))],
        &[(0, 1, charged), (2, 3, Said::Refused)],
    ] {
        assert!(history(wrong).is_some(), "{wrong:?}");
    }
}

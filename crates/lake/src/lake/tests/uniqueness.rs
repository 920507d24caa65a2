//! Tokens of uniqueness: of the records with one token the first is stored,
//! whatever happens in between.

mod cuts;
mod store;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use model::answers::AppendReceipt;
use model::permit::{Access, AdmittedBatch, Idempotency, Ingest, On, Permit};
use model::pools::Pool;
use model::random::SeededRandom;
use model::time::{Clock, ManualClock, Timestamp};
use model::uniqueness::{UniquenessToken, WithToken};
use model::value::Value;

use super::fixtures::*;
use super::upserts::wait;
use crate::error::LakeError;
use crate::lake::unique::with_tokens;
use crate::lake::{Environment, Lake, LakeOptions, append_operation, new_receipt};
use crate::simulation::SimulatedDisk;
use crate::store::Outcome;
use crate::uniqueness::TokenOptions;
use store::DiskTokens;

const DAY: Duration = Duration::from_secs(86_400);
const MONTH: Duration = Duration::from_secs(31 * 86_400);

/// A record of this number, in whose name it is, and its token.
type Line<'a> = (i64, Option<&'a str>, Option<&'a str>);

fn isolated(number: u32) -> Arc<Pool> {
    let definition = r#"{"name":"p","schema":"open","isolation_field":"who",
        "fields":[{"name":"who","type":"String"},{"name":"n","type":"Int64"}]}"#;
    pool(number, definition)
}

fn batch(access: &Access, pool: &Arc<Pool>, at: Timestamp, lines: &[Line<'_>]) -> AdmittedBatch {
    keyed(access, pool, at, lines, None)
}

fn keyed(
    access: &Access,
    pool: &Arc<Pool>,
    at: Timestamp,
    lines: &[Line<'_>],
    key: Option<&str>,
) -> AdmittedBatch {
    let permit: Permit<Ingest> = access.permit(On::Pool(Some(pool))).unwrap();
    let sent = lines.iter().map(|(n, who, token)| {
        let who = who.map_or(String::new(), |who| format!(r#","who":"{who}""#));
        WithToken {
            record: json(&format!(r#"{{"n":{n}{who}}}"#)),
            token: token.map(|text| UniquenessToken::parse(text).unwrap()),
        }
    });
    let idempotency = key.map(|key| Idempotency {
        key: key.to_owned(),
        fingerprint: [7; 32],
    });
    permit.admit(sent, idempotency, at, &SeededRandom::new(9))
}

/// A lake, its disk, and the store of its tokens, which lies on the same disk.
struct World {
    disk: SimulatedDisk,
    clock: Arc<ManualClock>,
    pools: Vec<Arc<Pool>>,
    options: LakeOptions,
    store: Arc<DiskTokens>,
    lake: Arc<Lake>,
}

fn open_with(
    disk: &SimulatedDisk,
    clock: &Arc<ManualClock>,
    pools: &[Arc<Pool>],
    options: LakeOptions,
    store: &Arc<DiskTokens>,
) -> crate::error::Result<Lake> {
    let environment = Environment {
        tokens: store.clone(),
        ..environment(Arc::new(disk.clone()), clock.clone())
    };
    Lake::open(environment, pools.to_vec(), options)
}

impl World {
    fn new(options: LakeOptions) -> Self {
        let disk = SimulatedDisk::new(1);
        let clock = Arc::new(ManualClock::new(noon()));
        let pools = vec![open_pool(1), isolated(2)];
        let store = Arc::new(DiskTokens::open(&disk).unwrap());
        let lake = open_with(&disk, &clock, &pools, options.clone(), &store).unwrap();
        Self {
            disk,
            clock,
            pools,
            options,
            store,
            lake: Arc::new(lake),
        }
    }

    /// The same after the power went.
    fn cut(self) -> Self {
        let disk = self.disk.crash();
        let store = Arc::new(DiskTokens::open(&disk).unwrap());
        drop(self.lake);
        let options = self.options.clone();
        let lake = open_with(&disk, &self.clock, &self.pools, options, &store).unwrap();
        Self {
            disk,
            store,
            lake: Arc::new(lake),
            ..self
        }
    }

    fn send(&self, pool: usize, lines: &[Line<'_>]) -> AppendReceipt {
        self.send_by(&access(1), pool, lines)
    }

    fn send_by(&self, by: &Access, pool: usize, lines: &[Line<'_>]) -> AppendReceipt {
        let batch = batch(by, &self.pools[pool], self.clock.now(), lines);
        wait(self.lake.append(batch)).unwrap()
    }

    fn numbers(&self, pool: usize) -> Vec<i128> {
        let mut numbers = numbers(&self.lake, &self.pools[pool]);
        numbers.sort_unstable();
        numbers
    }
}

fn accepted(count: u64) -> AppendReceipt {
    AppendReceipt {
        accepted: count,
        rejected: 0,
        faults: Vec::new(),
        repeated: false,
        saved_at: None,
    }
}

#[test]
fn the_first_record_of_a_token_is_stored_and_all_count_as_accepted() {
    let world = World::new(small());
    let lines = [
        (1, None, Some("t")),
        (2, None, Some("t")),
        (3, None, None),
        (4, None, Some("u")),
    ];
    assert_eq!(world.send(0, &lines), accepted(4));
    assert_eq!(world.numbers(0), [1, 3, 4]);
    let written = world.lake.metrics().journal_entries;
    let again = [(5, None, Some("u")), (6, None, Some("t"))];
    assert_eq!(world.send(0, &again), accepted(2));
    assert_eq!(world.lake.metrics().journal_entries, written, "nothing");
    assert_eq!(world.send(1, &again), accepted(2), "another pool");
    assert_eq!(world.send(0, &[(7, None, Some("v"))]), accepted(1));
    assert_eq!(world.numbers(0), [1, 3, 4, 7]);
    assert_eq!(world.numbers(1), [5, 6]);
    assert_eq!(world.lake.metrics().records_stored, 6);
}

#[test]
fn a_token_means_something_within_its_scope_alone() {
    let world = World::new(small());
    let stamping = |who: &str| injecting(9, vec![(path("who"), Value::from(who))]);
    let t = Some("t");
    for turn in 0..2 {
        let n = turn * 10;
        world.send(1, &[(n + 1, Some("a"), t)]);
        world.send(1, &[(n + 2, Some("b"), t), (n + 3, None, t)]);
        world.send_by(&stamping("a"), 1, &[(n + 4, None, t)]);
        world.send_by(&stamping("b"), 1, &[(n + 5, None, t)]);
        world.send_by(&access(4), 1, &[(n + 6, Some("a"), t)]);
    }
    assert_eq!(world.numbers(1), [1, 2, 3, 4, 5]);
}

/// Where a token is when it is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Memory,
    Journal,
    Flushed,
    Stored,
    CarriedAndCut,
}

#[test]
fn a_token_is_known_wherever_it_is_and_for_a_month() {
    use Place::{CarriedAndCut, Flushed, Journal, Memory, Stored};
    let permit = Permit::ours();
    for place in [Memory, Journal, Flushed, Stored, CarriedAndCut] {
        let mut world = World::new(small());
        world.store.is_broken(place == CarriedAndCut);
        world.send(0, &[(1, None, Some("t"))]);
        match place {
            Memory => {}
            Journal => world = world.cut(),
            Flushed => world.lake.flush(&permit).unwrap(),
            Stored => {
                world.lake.flush(&permit).unwrap();
                world.lake.free_journal(&permit).unwrap();
                world = world.cut();
                assert_eq!((world.lake.tokens.len(), world.store.len()), (0, 1));
            }
            CarriedAndCut => {
                world.lake.flush(&permit).unwrap();
                world.lake.free_journal(&permit).unwrap();
                world = world.cut();
                assert_eq!((world.lake.tokens.len(), world.store.len()), (1, 0));
            }
        }
        let sent = |world: &World, n: i64| {
            assert_eq!(world.send(0, &[(n, None, Some("t"))]), accepted(1));
            world.numbers(0).contains(&i128::from(n))
        };
        // Whoever asks beforehand is told that it would bring nothing.
        let repeats = |world: &World, lines: &[Line<'_>]| {
            let batch = batch(&access(1), &world.pools[0], world.clock.now(), lines);
            wait(world.lake.repeated(&batch)).unwrap()
        };
        let (old, new, plain) = ((2, None, Some("t")), (2, None, Some("u")), (2, None, None));
        let again = AppendReceipt {
            repeated: true,
            ..accepted(2)
        };
        assert_eq!(repeats(&world, &[old, old]), Some(again), "{place:?}");
        for more in [&[old, new][..], &[old, plain], &[new], &[plain], &[]] {
            assert_eq!(repeats(&world, more), None, "{place:?} {more:?}");
        }
        assert!(!sent(&world, 2), "{place:?}");
        world.clock.advance(MONTH - Duration::from_secs(1));
        assert!(!sent(&world, 3), "{place:?}");
        world.clock.advance(Duration::from_secs(1));
        assert_eq!(repeats(&world, &[old]), None, "{place:?}");
        assert!(sent(&world, 4), "{place:?}");
        assert!(!sent(&world, 5), "{place:?}");
        world = world.cut();
        assert!(!sent(&world, 6), "{place:?}");
    }
}

#[test]
fn a_request_under_an_idempotency_key_is_answered_as_before() {
    let mut world = World::new(small());
    world.send(0, &[(1, None, Some("t"))]);
    let lines = [(2, None, Some("t")), (3, None, Some("u")), (4, None, None)];
    let at = world.clock.now();
    let request = keyed(&access(1), &world.pools[0], at, &lines, Some("k"));
    let known = [(5, None, Some("t"))];
    let nothing = keyed(&access(1), &world.pools[0], at, &known, Some("l"));
    for turn in 0..4 {
        let repeated = turn > 0;
        for (request, count) in [(&request, 3), (&nothing, 1)] {
            let answer = wait(world.lake.append(request.clone())).unwrap();
            let expected = AppendReceipt {
                repeated,
                saved_at: Some(at),
                ..accepted(count)
            };
            assert_eq!(answer, expected, "{turn}");
        }
        assert_eq!(world.numbers(0), [1, 3, 4]);
        match turn {
            1 => world = world.cut(),
            2 => world.lake.free_journal(&Permit::ours()).unwrap(),
            _ => {}
        }
    }
}

#[test]
fn deleted_and_replaced_records_leave_their_tokens() {
    let world = World::new(small());
    world.send(0, &[(1, None, Some("t"))]);
    let all = deleting(&access(1), &world.pools[0], None);
    assert_eq!(wait(world.lake.delete(all)).unwrap(), 1);
    assert_eq!(world.send(0, &[(2, None, Some("t"))]), accepted(1));
    assert_eq!(world.numbers(0), [0; 0]);
}

/// They are prepared for one group, before any of them is applied.
#[test]
fn of_records_that_are_written_at_the_same_time_one_is_stored() {
    let world = World::new(small());
    let operation = |n| {
        let batch = batch(&access(1), &world.pools[0], noon(), &[(n, None, Some("t"))]);
        let operation = append_operation(&batch, &new_receipt(&batch), usize::MAX).unwrap();
        with_tokens(operation, &batch, world.lake.tokens.moves())
    };
    let operations: Vec<_> = (1..=5).map(operation).collect();
    let outcomes = std::thread::scope(|scope| {
        let submit = || world.lake.journal.submit_all_blocking(operations);
        scope.spawn(submit).join().unwrap()
    });
    let repeated = |outcome: &Result<Outcome, _>| match outcome {
        Ok(Outcome::Done(Ok(1))) => false,
        Ok(Outcome::TokensRepeated(places)) if *places == [0] => true,
        other => panic!("{other:?}"),
    };
    let outcomes: Vec<_> = outcomes.iter().map(repeated).collect();
    assert_eq!(outcomes, [false, true, true, true, true]);
    assert_eq!(world.numbers(0), [1]);
}

#[test]
fn of_many_senders_of_the_same_tokens_one_is_stored_each_while_tokens_move() {
    const SENDERS: i64 = 8;
    const TOKENS: i64 = 120;
    let mut options = roomy();
    options.tokens.moved_at = 1;
    let world = World::new(options);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(4).enable_all().build().unwrap();
    let (lake, pool) = (world.lake.clone(), world.pools[0].clone());
    let is_sent = AtomicBool::new(false);
    let moves = std::thread::scope(|scope| {
        let mover = scope.spawn(|| {
            while !is_sent.load(Ordering::Relaxed) {
                lake.move_tokens_now();
            }
            lake.tokens.moves()
        });
        let senders = (0..SENDERS).map(|sender| {
            let (lake, pool) = (lake.clone(), pool.clone());
            runtime.spawn(async move {
                for step in 0..TOKENS {
                    // Each in an order of its own, so that they meet.
                    let number = (step * (2 * sender + 1)) % TOKENS;
                    let token = format!("t{number}");
                    let lines = [(number, None, Some(token.as_str()))];
                    let batch = batch(&access(1), &pool, noon(), &lines);
                    let receipt = loop {
                        match lake.append(batch.clone()).await {
                            // Tokens were moved at each of its looks.
                            Err(LakeError::Busy) => tokio::task::yield_now().await,
                            receipt => break receipt.unwrap(),
                        }
                    };
                    assert_eq!(receipt, accepted(1));
                }
            })
        });
        let senders: Vec<_> = senders.collect();
        runtime.block_on(async {
            for sender in senders {
                sender.await.unwrap();
            }
        });
        is_sent.store(true, Ordering::Relaxed);
        mover.join().unwrap()
    });
    assert!(moves > 0);
    let all: Vec<i128> = (0..i128::from(TOKENS)).collect();
    assert_eq!(world.numbers(0), all);
}

/// The store is asked, then the token is written and moved, and only then the
/// answer of the store arrives: neither it nor the memory knows of the token.
#[test]
fn a_token_that_is_moved_behind_the_back_of_a_look_is_found() {
    let world = World::new(small());
    // The store is not asked as long as it is empty.
    world.send(0, &[(1, None, Some("other"))]);
    world.lake.move_tokens_now();
    let (lake, pool) = (Arc::downgrade(&world.lake), world.pools[0].clone());
    world.store.after_look(move || {
        let lake = lake.upgrade().unwrap();
        let batch = batch(&access(1), &pool, noon(), &[(2, None, Some("t"))]);
        let operation = append_operation(&batch, &new_receipt(&batch), usize::MAX).unwrap();
        let operation = with_tokens(operation, &batch, lake.tokens.moves());
        let outcome = std::thread::scope(|scope| {
            let submit = || lake.journal.submit_beyond_limit(operation);
            scope.spawn(submit).join().unwrap()
        });
        assert!(matches!(outcome, Ok(Outcome::Done(Ok(1)))), "{outcome:?}");
        lake.move_tokens_now();
        assert_eq!(lake.tokens.len(), 0);
    });
    assert_eq!(world.send(0, &[(3, None, Some("t"))]), accepted(1));
    assert_eq!(world.numbers(0), [1, 2]);
}

#[test]
fn when_the_store_takes_no_tokens_records_with_tokens_are_put_off_and_others_are_not() {
    let mut options = roomy();
    options.tokens = TokenOptions {
        held: 3,
        moved_at: 2,
    };
    let world = World::new(options);
    let permit = Permit::ours();
    world.store.is_broken(true);
    for (n, token) in [(1, "a"), (2, "b"), (3, "c")] {
        world.send(0, &[(n, None, Some(token))]);
    }
    let more = |n| batch(&access(1), &world.pools[0], noon(), &[(n, None, Some("d"))]);
    let refused = wait(world.lake.append(more(4))).unwrap_err();
    assert!(
        matches!(refused, LakeError::TokensFull { held: 3, bound: 3 }),
        "{refused:?}"
    );
    // No failure for whoever does this work: other work would wait.
    assert!(world.lake.free(&permit).unwrap());
    assert_eq!(world.lake.metrics().tables.failures, 1);
    assert_eq!(world.send(0, &[(5, None, None)]), accepted(1));
    assert_eq!(world.send(0, &[(6, None, Some("b"))]), accepted(1));
    assert_eq!(world.numbers(0), [1, 2, 3, 5]);
    world.store.is_broken(false);
    assert!(
        !world.lake.free(&permit).unwrap(),
        "it is not tried at once"
    );
    world.clock.advance(Duration::from_secs(1));
    assert!(world.lake.free(&permit).unwrap());
    assert_eq!((world.lake.tokens.len(), world.store.len()), (0, 3));
    wait(world.lake.append(more(7))).unwrap();
    assert_eq!(world.send(0, &[(8, None, Some("a"))]), accepted(1));
    assert_eq!(world.numbers(0), [1, 2, 3, 5, 7]);
}

#[test]
fn a_store_that_cannot_be_asked_lets_no_record_with_a_token_in() {
    let world = World::new(small());
    world.send(0, &[(1, None, Some("a"))]);
    world.lake.move_tokens_now();
    world.store.is_silent(true);
    let batch = batch(&access(1), &world.pools[0], noon(), &[(2, None, Some("b"))]);
    let refused = wait(world.lake.append(batch.clone())).unwrap_err();
    assert!(matches!(refused, LakeError::Tokens(_)), "{refused:?}");
    assert_eq!(world.send(0, &[(3, None, None)]), accepted(1));
    world.store.is_silent(false);
    wait(world.lake.append(batch)).unwrap();
    assert_eq!(world.numbers(0), [1, 2, 3]);
}

#[test]
fn tokens_that_ended_go_from_the_store_by_themselves() {
    let world = World::new(small());
    let permit = Permit::ours();
    assert!(!world.lake.tend(&permit).unwrap(), "nobody uses tokens");
    world.send(0, &[(1, None, Some("a"))]);
    world.lake.move_tokens_now();
    world.clock.advance(Duration::from_secs(3_600));
    world.send(0, &[(2, None, Some("b"))]);
    world.lake.move_tokens_now();
    let tended = |world: &World| {
        while world.lake.upkeep(&permit).unwrap() {}
        world.store.len()
    };
    assert_eq!(tended(&world), 2);
    world.clock.advance(MONTH - Duration::from_secs(3_600));
    assert_eq!(
        tended(&world),
        2,
        "a day longer, for the clock may be wrong"
    );
    world.clock.advance(DAY);
    assert_eq!(tended(&world), 1);
    world.clock.advance(Duration::from_secs(3_600));
    assert_eq!(tended(&world), 0);
    // Nor is one stored that ended while it waited.
    world.send(0, &[(3, None, Some("c"))]);
    world.clock.advance(MONTH + DAY);
    world.lake.move_tokens_now();
    assert_eq!((world.lake.tokens.len(), world.store.len()), (0, 0));
}

#[test]
fn records_go_to_files_however_many_tokens_come() {
    let mut options = small();
    options.tokens.moved_at = 1;
    options.upkeep.flush_bytes = 1;
    let world = World::new(options);
    for n in 0..4 {
        let token = format!("t{n}");
        world.send(0, &[(n, None, Some(token.as_str()))]);
        assert!(world.lake.free(&Permit::ours()).unwrap());
    }
    assert_eq!(world.lake.metrics().tables.flushes, 2);
    assert!(world.store.len() >= 3, "and tokens are moved in between");
}

#[test]
fn a_store_that_fails_holds_up_no_record_on_its_way_to_files() {
    let mut options = small();
    options.tokens.moved_at = 1;
    options.upkeep.flush_bytes = 1;
    let world = World::new(options);
    world.store.is_broken(true);
    world.send(0, &[(1, None, Some("a"))]);
    let mut done = 0;
    while world.lake.free(&Permit::ours()).unwrap() {
        done += 1;
    }
    assert!(done < 10, "{done}");
    let metrics = world.lake.metrics();
    assert_eq!((metrics.tables.failures, metrics.tables.flushes), (1, 1));
    // A clock that was set back keeps nothing from being tried.
    world.store.is_broken(false);
    world.clock.set(noon().checked_sub(DAY).unwrap());
    assert!(world.lake.free(&Permit::ours()).unwrap());
    assert_eq!((world.lake.tokens.len(), world.store.len()), (0, 1));
}

#[test]
fn what_the_journal_brings_at_a_start_keeps_no_new_token_out() {
    let mut options = roomy();
    options.tokens = TokenOptions {
        held: 3,
        moved_at: 3,
    };
    let mut world = World::new(options);
    for (n, token) in [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e")] {
        world.send(0, &[(n, None, Some(token))]);
        world.lake.move_tokens_now();
    }
    world = world.cut();
    assert_eq!(world.lake.tokens.len(), 5, "they are in the journal still");
    assert_eq!(world.send(0, &[(6, None, Some("f"))]), accepted(1));
    assert_eq!(world.send(0, &[(7, None, Some("a"))]), accepted(1));
    let far_too_many = [
        (8, None, Some("g")),
        (9, None, Some("h")),
        (10, None, Some("i")),
    ];
    let more = batch(
        &access(1),
        &world.pools[0],
        world.clock.now(),
        &far_too_many,
    );
    let refused = wait(world.lake.append(more.clone())).unwrap_err();
    assert!(
        matches!(refused, LakeError::TokensFull { held: 6, bound: 8 }),
        "{refused:?}"
    );
    world.lake.move_tokens_now();
    assert_eq!(world.lake.tokens.room(), 3);
    wait(world.lake.append(more)).unwrap();
    assert_eq!(world.numbers(0), [1, 2, 3, 4, 5, 6, 8, 9, 10]);
}

/// Has tokens be moved whenever the store was looked into; counts the looks.
fn always_moves(world: &World, looks: Arc<AtomicUsize>) {
    fn again(store: &Weak<DiskTokens>, lake: Weak<Lake>, looks: Arc<AtomicUsize>) {
        let (then, strong) = (store.clone(), store.upgrade().unwrap());
        strong.after_look(move || {
            looks.fetch_add(1, Ordering::Relaxed);
            lake.upgrade().unwrap().tokens.moved(&[]);
            again(&then, lake, looks);
        });
    }
    again(
        &Arc::downgrade(&world.store),
        Arc::downgrade(&world.lake),
        looks,
    );
}

#[test]
fn whoever_is_overtaken_again_and_again_is_put_off_and_stores_nothing() {
    let world = World::new(small());
    world.send(0, &[(1, None, Some("other"))]);
    world.lake.move_tokens_now();
    let looks = Arc::new(AtomicUsize::new(0));
    always_moves(&world, looks.clone());
    let batch = batch(&access(1), &world.pools[0], noon(), &[(2, None, Some("t"))]);
    let refused = wait(world.lake.append(batch.clone())).unwrap_err();
    assert!(matches!(refused, LakeError::Busy), "{refused:?}");
    assert_eq!(looks.load(Ordering::Relaxed), 5);
    assert_eq!(world.numbers(0), [1]);
    world.store.after_look(|| {});
    wait(world.lake.append(batch)).unwrap();
    assert_eq!(world.numbers(0), [1, 2]);
}

/// While the journal is carried on no record goes to a file.
#[test]
fn carrying_on_moves_a_part_and_writes_the_rest_down() {
    const MANY: i64 = 9_000;
    let mut options = roomy();
    options.tokens.moved_at = usize::MAX;
    let mut world = World::new(options);
    let texts: Vec<String> = (0..MANY).map(|n| format!("t{n}")).collect();
    let lines = texts.iter().zip(0..);
    let lines = lines.map(|(token, n)| (n, None, Some(token.as_str())));
    let lines: Vec<Line<'_>> = lines.collect();
    for part in lines.chunks(1_000) {
        world.send(0, part);
    }
    // This carries on as well.
    world.store.is_broken(true);
    world.lake.flush(&Permit::ours()).unwrap();
    assert_eq!((world.lake.tokens.len(), world.store.len()), (9_000, 0));
    world.store.is_broken(false);
    world.clock.advance(Duration::from_secs(1));
    world.lake.free_journal(&Permit::ours()).unwrap();
    assert_eq!((world.lake.tokens.len(), world.store.len()), (808, 8_192));
    world = world.cut();
    assert_eq!((world.lake.tokens.len(), world.store.len()), (808, 8_192));
    for part in lines.chunks(1_000) {
        world.send(0, part);
    }
    assert_eq!(world.numbers(0).len(), MANY as usize);
}

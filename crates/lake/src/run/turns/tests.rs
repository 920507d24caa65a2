//! Whose question is next, without a clock: those that wait are polled by hand.

use std::pin::Pin;
use std::task::Poll;

use super::*;
use crate::simulation::Random;

const BOUNDS: Bounds = Bounds {
    slots: 4,
    kept: 1,
    begun_per_key: 2,
    waiting_per_key: 16,
};

type Waiting = Pin<Box<dyn Future<Output = Result<(Turn, Slot)>>>>;

fn key(number: u64) -> KeyId {
    KeyId::from_bytes(u128::from(number).to_be_bytes())
}

/// Questions of some keys, those that wait and those that have begun.
struct World {
    turns: Arc<Turns>,
    waiting: Vec<(u64, Waiting)>,
    begun: Vec<(u64, Turn, Option<Slot>)>,
}

impl World {
    fn new() -> Self {
        Self {
            turns: Turns::new(BOUNDS),
            waiting: Vec::new(),
            begun: Vec::new(),
        }
    }

    fn ask(&mut self, key_number: u64) {
        let turns = self.turns.clone();
        let waits = async move { turns.begin(key(key_number)).await };
        // Polled often within one task, which others would call greedy.
        let waits = tokio::task::unconstrained(waits);
        self.waiting.push((key_number, Box::pin(waits)));
    }

    /// The keys whose questions begin now, of those that are not refused.
    async fn go_on(&mut self) -> Vec<u64> {
        let mut began = Vec::new();
        for (number, mut waits) in std::mem::take(&mut self.waiting) {
            match futures::poll!(&mut waits) {
                Poll::Pending => self.waiting.push((number, waits)),
                Poll::Ready(Err(_)) => {}
                Poll::Ready(Ok((turn, slot))) => {
                    began.push(number);
                    self.begun.push((number, turn, Some(slot)));
                }
            }
        }
        began
    }

    fn running(&self, number: u64) -> usize {
        let own = self.begun.iter().filter(|(key, ..)| *key == number);
        own.filter(|(_, _, slot)| slot.is_some()).count()
    }

    fn may_begin(&self, number: u64) -> bool {
        let begun = self.begun.iter().filter(|(key, ..)| *key == number);
        begun.count() < BOUNDS.begun_per_key
    }
}

/// How many questions of greedy keys end before the one of a key that comes last may begin.
async fn ends_before_the_small_one(turns: Arc<Turns>, greedy: u64) -> usize {
    let mut world = World {
        turns,
        ..World::new()
    };
    for number in 0..48 {
        world.ask(number % greedy);
    }
    assert!(world.go_on().await.len() >= BOUNDS.slots - BOUNDS.kept);
    world.ask(9);
    for ends in 0.. {
        if world.go_on().await.contains(&9) {
            return ends;
        }
        drop(world.begun.remove(0));
    }
    unreachable!("the loop has no end of its own")
}

/// Slots of which none is kept.
const NONE_KEPT: Bounds = Bounds { kept: 0, ..BOUNDS };

#[tokio::test]
async fn l15_whoever_asks_little_begins_or_is_next_however_many_of_others_wait() {
    for (bounds, greedy, ends) in [(BOUNDS, 3, 0), (NONE_KEPT, 3, 1)] {
        assert_eq!(
            ends_before_the_small_one(Turns::new(bounds), greedy).await,
            ends
        );
    }
    // Of these, two keys have no slot either, and came before.
    for bounds in [BOUNDS, NONE_KEPT] {
        assert_eq!(ends_before_the_small_one(Turns::new(bounds), 6).await, 3);
    }
}

/// Who waited longest is next, whatever runs of them already.
#[tokio::test]
async fn a_mutant_that_goes_by_waiting_alone_is_found_out() {
    let mut mutant = Turns::new(NONE_KEPT);
    Arc::get_mut(&mut mutant).expect("nobody else has it").rank = |line| (0, line.served);
    assert!(ends_before_the_small_one(mutant, 3).await > 1);
}

#[tokio::test]
async fn more_than_may_wait_are_refused_and_those_who_left_make_room() {
    let mut world = World::new();
    for _ in 0..BOUNDS.begun_per_key + BOUNDS.waiting_per_key {
        world.ask(1);
        world.go_on().await;
    }
    assert_eq!(world.waiting.len(), BOUNDS.waiting_per_key);
    world.ask(1);
    world.go_on().await;
    assert_eq!(
        world.waiting.len(),
        BOUNDS.waiting_per_key,
        "one was refused"
    );
    world.ask(2);
    assert_eq!(world.go_on().await, [2], "others are not");
    drop(world.waiting.remove(3));
    world.ask(1);
    world.go_on().await;
    assert_eq!(world.waiting.len(), BOUNDS.waiting_per_key);
}

/// One step of anybody: asks, ends, leaves, waits for a reader, goes on.
async fn step(world: &mut World, random: &mut Random) {
    let at = |random: &mut Random, length: usize| random.below(length as u64) as usize;
    let before: Vec<_> = (0..5).map(|number| world.running(number)).collect();
    let waited: Vec<_> = world.waiting.iter().map(|(number, _)| *number).collect();
    match random.below(6) {
        0 | 1 => world.ask(random.below(5)),
        2 if !world.begun.is_empty() => {
            drop(world.begun.remove(at(random, world.begun.len())));
        }
        3 if !world.waiting.is_empty() => {
            drop(world.waiting.remove(at(random, world.waiting.len())));
        }
        4 if !world.begun.is_empty() => {
            let place = at(random, world.begun.len());
            world.begun[place].2 = None;
        }
        _ => {
            let paused = world.begun.iter_mut().find(|(_, _, slot)| slot.is_none());
            if let Some((_, turn, slot)) = paused {
                let again = tokio::task::unconstrained(world.turns.resume(turn));
                let mut again = Box::pin(again);
                if let Poll::Ready(found) = futures::poll!(&mut again) {
                    *slot = Some(found.expect("a slot"));
                }
            }
        }
    }
    let began = world.go_on().await;
    if let [one] = began[..]
        && waited.contains(&one)
    {
        let fewest = |number: &u64| before[one as usize] <= before[*number as usize] + 1;
        assert!(
            world
                .waiting
                .iter()
                .all(|(number, _)| fewest(number) || !world.may_begin(*number))
        );
    }
}

#[tokio::test]
async fn slots_are_neither_lost_nor_left_idle_whatever_happens() {
    for seed in 0..100 {
        let (mut world, mut random) = (World::new(), Random::new(seed));
        for _ in 0..200 {
            step(&mut world, &mut random).await;
            let running: usize = (0..5).map(|number| world.running(number)).sum();
            assert!(running <= BOUNDS.slots);
            for number in 0..5 {
                let begun = world.begun.iter().filter(|(key, ..)| *key == number);
                assert!(begun.count() <= BOUNDS.begun_per_key);
            }
            let idle = running < BOUNDS.slots;
            let is_full = running + BOUNDS.kept >= BOUNDS.slots;
            let waits = world.waiting.iter().any(|(number, _)| {
                world.may_begin(*number) && (world.running(*number) == 0 || !is_full)
            });
            assert!(
                !(idle && waits),
                "seed {seed}: a slot is free and somebody waits"
            );
        }
        world.waiting.clear();
        world.begun.clear();
        assert_eq!(world.turns.keys(), 0, "seed {seed}: a key is not forgotten");
        for number in 0..4 {
            world.ask(number);
        }
        assert_eq!(
            world.go_on().await.len(),
            BOUNDS.slots,
            "seed {seed}: a slot was lost"
        );
    }
}

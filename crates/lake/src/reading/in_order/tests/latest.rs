//! The latest rows of a file, which come before its blocks once they were put together.

use std::collections::BTreeSet;

use arrow_array::types::{Int64Type, UInt32Type};

use super::*;
use crate::columns::{Form, plain};
use crate::reading::{Fetching, joined};

const LATEST: ByTime = by(true, false);

/// The seconds of so many records, of which so many come in one second; each eleventh has none.
fn seconds(count: usize, at_once: usize) -> Vec<Option<usize>> {
    let second = |n: usize| (n % 11 != 3).then_some(n / at_once);
    (0..count).map(second).collect()
}

fn world(seconds: &[Option<usize>]) -> World {
    let world = World::in_blocks_of(24);
    world.add(seconds.iter().copied());
    world.flush();
    world
}

/// The batches in their order, each row as its time and its number, which is read later.
fn batches(world: &World, snapshot: &Snapshot) -> Vec<Vec<(Option<i64>, i64)>> {
    let schema = &world.pool.draft.schema;
    let column = |name| (path(name), schema.column(&path(name)).unwrap());
    let reading = Reading::in_form(
        snapshot.clone(),
        Arc::new([column("at")]),
        Some(Arc::new([column("n"), column("who")])),
        Hints::default(),
        Form::Encoded,
    );
    let field = path("at");
    reading.put_in_order(&TimeOrder { field, by: LATEST });
    let mut found = Vec::new();
    while let Some(batch) = reading.step() {
        let Some(batch) = batch.unwrap().filter(|batch| batch.num_rows() > 0) else {
            continue;
        };
        let addresses = [1, 2].map(|at| plain(batch.column(at)).unwrap());
        let [sources, rows] = addresses
            .each_ref()
            .map(|at| at.as_primitive::<UInt32Type>());
        let mut fetching = Fetching::new(&reading, &joined(sources, rows));
        while fetching.step().unwrap() {}
        let fetched = fetching.rows().unwrap();
        let numbers = fetched.column(0).as_primitive::<Int64Type>().values();
        let customers = fetched.column(1).as_string::<i32>();
        for (number, customer) in numbers.iter().zip(customers) {
            assert_eq!(customer.unwrap(), format!("c{}", number % 5));
        }
        found.push(times(&batch).zip(numbers.iter().copied()).collect());
    }
    found
}

fn sorted(mut rows: Vec<(Option<i64>, i64)>) -> Vec<(Option<i64>, i64)> {
    rows.sort_unstable();
    rows
}

#[test]
fn the_latest_rows_come_in_one_batch_and_no_row_comes_twice_or_never() {
    // No two of one time; some; and so many that the latest rows end in the midst of one time.
    for at_once in [1, 4, 50] {
        let seconds = seconds(600, at_once);
        let world = world(&seconds);
        let snapshot = world.snapshot(Mutant::None);
        let before = batches(&world, &snapshot);
        let all = sorted(before.concat());
        let numbers: BTreeSet<i64> = all.iter().map(|(_, number)| *number).collect();
        assert_eq!(numbers, (0..600).collect());
        let mut latest: Vec<_> = all.iter().filter(|(time, _)| time.is_some()).collect();
        latest.reverse();
        for round in 0..3 {
            let found = batches(&world, &snapshot);
            assert_eq!(sorted(found.concat()), all, "{at_once} at once, {round}");
            if round == 0 {
                assert!(found[0].len() <= 24, "they are not asked for often yet");
                continue;
            }
            let first = sorted(found[0].clone());
            assert!(first.len() > 24 && first.len() <= 128, "{}", first.len());
            let expected = latest[..first.len()].iter().rev().map(|row| **row);
            assert!(first.into_iter().eq(expected), "{at_once} at once");
            let next = latest[found[0].len()].0;
            assert!(found[0].iter().all(|(time, _)| *time > next));
        }
    }
}

#[test]
fn a_file_that_is_small_or_all_of_one_time_has_no_latest_rows_of_its_own() {
    for (count, at_once) in [(130, 1), (600, 600)] {
        let world = world(&seconds(count, at_once));
        let snapshot = world.snapshot(Mutant::None);
        for _ in 0..4 {
            let found = batches(&world, &snapshot);
            assert!(found.iter().all(|rows| rows.len() <= 24));
            assert_eq!(found.concat().len(), count);
        }
    }
}

#[test]
fn what_was_removed_is_not_among_the_latest_rows() {
    let world = world(&seconds(600, 1));
    for _ in 0..4 {
        batches(&world, &world.lake.snapshot(&world.pool));
    }
    let some = filter(r#"{"field":"n","operator":"gte","value":500}"#);
    let delete = deleting(&access(1), &world.pool, Some(some));
    world.runtime.block_on(world.lake.delete(delete)).unwrap();
    let found = batches(&world, &world.lake.snapshot(&world.pool));
    assert!(found[0].len() > 24, "what is left of them is in one batch");
    let found = found.concat();
    assert_eq!(found.len(), 500);
    assert!(found.iter().all(|(_, number)| *number < 500));
}

#[test]
fn what_was_replaced_is_not_among_the_latest_rows() {
    let unique = DEFINITION.replace(r#""fields""#, r#""unique":["n"],"fields""#);
    let world = World::of(&unique, 24);
    world.add((0..600).map(|n| Some(600 - n)));
    world.flush();
    for _ in 0..4 {
        batches(&world, &world.lake.snapshot(&world.pool));
    }
    // The fifty latest are the first ones now: at first in memory, then in a file.
    world.add((0..50).map(|_| Some(0)));
    let found = |_| sorted(batches(&world, &world.lake.snapshot(&world.pool)).concat());
    let first = found(0);
    assert!(
        first
            .iter()
            .map(|(_, number)| *number)
            .eq((0..50).chain((50..600).rev()))
    );
    assert!((1..4).map(found).all(|rows| rows == first));
    world.flush();
    assert!((0..4).map(found).all(|rows| rows == first));
}

//! Answers under idempotency keys have a bound of their own: what is known is
//! answered, what is new is refused, and nothing goes before its time.

use std::sync::Arc;
use std::time::Duration;

use model::permit::{AdmittedBatch, Idempotency, Permit};
use model::pools::Pool;
use model::time::{Clock, ManualClock};

use super::fixtures::*;
use crate::error::LakeError;
use crate::lake::{Lake, LakeOptions, append_operation, new_receipt};
use crate::simulation::SimulatedDisk;
use crate::store::Outcome;

const BUFFER_BYTES: u64 = 80_000;

fn options() -> LakeOptions {
    LakeOptions {
        buffer_bytes: BUFFER_BYTES,
        ..roomy()
    }
}

/// One good record, or one that is rejected, under the key of this number.
fn batch(pool: &Arc<Pool>, n: u64, is_good: bool, clock: &ManualClock) -> AdmittedBatch {
    let record = if is_good { "1" } else { r#""x""# };
    let idempotency = Idempotency {
        key: format!("key {n}"),
        fingerprint: [0; 32],
    };
    let records = json(&format!(r#"[{{"n":{record}}}]"#));
    admit(&access(1), pool, &records, Some(idempotency), clock.now())
}

fn integers() -> Arc<Pool> {
    pool(
        1,
        r#"{"name":"p","schema":"open","fields":[{"name":"n","type":"Int64"}]}"#,
    )
}

/// Upkeep blocks, so no runtime may be under it.
fn wait<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(work)
}

/// Writes under new keys from this one on until one is refused; answers which.
fn fill(lake: &Lake, pool: &Arc<Pool>, first: u64, is_good: bool, clock: &ManualClock) -> u64 {
    for n in first.. {
        // There is always room for records.
        if n.is_multiple_of(10) {
            lake.flush(&Permit::ours()).unwrap();
        }
        let entries = lake.metrics().journal_entries;
        match wait(lake.append(batch(pool, n, is_good, clock))) {
            Ok(receipt) => assert!(!receipt.repeated),
            Err(LakeError::AnswersFull { held, bound }) => {
                assert!(held <= bound && bound == BUFFER_BYTES / 4);
                assert_eq!(lake.metrics().journal_entries, entries);
                return n;
            }
            Err(other) => panic!("{other}"),
        }
    }
    unreachable!("there are no more numbers")
}

#[test]
fn new_keys_are_refused_at_the_bound_and_known_ones_are_answered() {
    for is_good in [true, false] {
        let (disk, pool) = (SimulatedDisk::new(41), integers());
        let clock = Arc::new(ManualClock::new(noon()));
        let mut lake = open_at(&disk, &[&pool], options(), clock.clone()).unwrap();
        let mut first = 0;
        for day in 0..3 {
            let end = fill(&lake, &pool, first, is_good, &clock);
            assert!((20..80).contains(&(end - first)), "{day}: {first} to {end}");
            for is_restarted in [false, true] {
                if is_restarted {
                    // What is known is written down anew, and counts once.
                    lake.free_journal(&Permit::ours()).unwrap();
                    lake.close();
                    lake = open_at(&disk, &[&pool], options(), clock.clone()).unwrap();
                }
                for n in first..end {
                    let known = wait(lake.append(batch(&pool, n, is_good, &clock)));
                    assert!(known.unwrap().repeated, "{n} of {first} to {end}");
                }
                assert_eq!(fill(&lake, &pool, end, is_good, &clock), end);
                // Another API key has room of its own.
                let records = json(r#"[{"n":1}]"#);
                let other = Idempotency {
                    key: format!("other {day} {is_restarted}"),
                    fingerprint: [0; 32],
                };
                let other = admit(&access(2), &pool, &records, Some(other), clock.now());
                assert!(!wait(lake.append(other)).unwrap().repeated);
                // Who sends no key is not concerned.
                let records = json(r#"[{"n":1}]"#);
                let without = admit(&access(1), &pool, &records, None, clock.now());
                wait(lake.append(without)).unwrap();
                lake.flush(&Permit::ours()).unwrap();
            }
            clock.advance(Duration::from_secs(86_400));
            first = end;
        }
    }
}

/// What is written by one sync counts before it is known.
#[test]
fn a_group_of_batches_keeps_the_bound_of_the_answers() {
    let (disk, pool) = (SimulatedDisk::new(42), integers());
    let clock = Arc::new(ManualClock::new(noon()));
    let lake = open_at(&disk, &[&pool], options(), clock.clone()).unwrap();
    let operation = |n| {
        let batch = batch(&pool, n, false, &clock);
        append_operation(&batch, &new_receipt(&batch), usize::MAX).unwrap()
    };
    let outcomes = lake.journal.submit_all_blocking((0..500).map(operation));
    let (mut stored, mut refused) = (0, 0);
    for outcome in outcomes {
        match outcome.unwrap() {
            Outcome::Done(Ok(0)) => stored += 1,
            Outcome::NoRoomForAnswers(full) => {
                assert!(full.held <= full.bound);
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!((20..80).contains(&stored), "{stored}");
    assert_eq!(stored + refused, 500);
}

//! D10: what is kept under idempotency keys is a register that is written once:
//! of several batches that are sent under a key at once one is stored, everybody
//! is answered by that one, and so they are when a sync failed meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::permit::{AdmittedBatch, Idempotency};
use model::pools::Pool;
use model::random::SeededRandom;

use super::fixtures::*;
use crate::error::LakeError;
use crate::lake::Lake;
use crate::simulation::{Fault, SimulatedDisk};

/// Keys of a round, and how often each is sent at once.
const KEYS: u64 = 8;
const AT_ONCE: u64 = 8;
/// Rounds over one disk; every second one has a failing sync.
const ROUNDS: u64 = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Stored,
    Repeated,
    Mismatch,
    Unheard,
}

/// A batch of one record under a key: there are two of each key, whose numbers
/// are two times the key's, and one more.
fn batch_of(pool: &Arc<Pool>, key: u64, number: u64) -> AdmittedBatch {
    let mut fingerprint = [0; 32];
    fingerprint[..8].copy_from_slice(&number.to_le_bytes());
    let key = format!("key {key}");
    let records = json(&format!(r#"[{{"n":{number}}}]"#));
    let idempotency = Idempotency { key, fingerprint };
    admit(&access(1), pool, &records, Some(idempotency), noon())
}

async fn send(lake: &Lake, batch: AdmittedBatch) -> Said {
    match lake.append(batch).await {
        Ok(receipt) if receipt.repeated => Said::Repeated,
        Ok(_) => Said::Stored,
        Err(LakeError::IdempotencyMismatch) => Said::Mismatch,
        Err(LakeError::Journal(_)) => Said::Unheard,
        Err(other) => panic!("{other}"),
    }
}

/// The number of the batch by which all were answered who sent one of the two.
fn stored_of(said: &[(u64, Said)], is_cut: bool) -> u64 {
    let count = |wanted| said.iter().filter(|(_, said)| *said == wanted).count();
    let numbers = said.iter().filter_map(|(number, said)| match said {
        Said::Stored | Said::Repeated => Some(*number),
        Said::Mismatch => Some(number ^ 1),
        Said::Unheard => None,
    });
    let numbers: BTreeSet<u64> = numbers.collect();
    assert_eq!(numbers.len(), 1, "by one: {said:?}");
    assert!(count(Said::Stored) <= 1, "once: {said:?}");
    if !is_cut {
        let heard = (count(Said::Stored), count(Said::Unheard));
        assert_eq!(heard, (1, 0), "{said:?}");
    }
    numbers.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_a_receipt_is_of_one_batch_for_all_also_when_a_sync_fails() {
    let random = SeededRandom::new(10);
    let (mut sent, mut unheard, mut seed) = (0_u64, 0_usize, 0_u64);
    while sent < cases(2_000, 100_000) {
        seed += 1;
        let (mut disk, pool) = (SimulatedDisk::new(seed), open_pool(1));
        let mut lake = Arc::new(open(&disk, &[&pool], small()));
        let mut stored = Vec::new();
        for round in 0..ROUNDS {
            let is_cut = round % 2 == 1;
            if is_cut {
                let sync = disk.syncs() + 1 + random.next_u64() % 2;
                disk.plan(Some(Fault::FailSync(sync)));
            }
            let keys = round * KEYS..(round + 1) * KEYS;
            let mut tasks = Vec::new();
            for key in (0..AT_ONCE).flat_map(|_| keys.clone()) {
                let number = 2 * key + random.next_u64() % 2;
                let (lake, batch) = (Arc::clone(&lake), batch_of(&pool, key, number));
                let task = tokio::spawn(async move { send(&lake, batch).await });
                tasks.push((key, number, task));
            }
            let mut all = Vec::new();
            for (key, number, task) in tasks {
                all.push((key, number, task.await.expect("is answered")));
            }
            let lost = all.iter().filter(|(_, _, said)| *said == Said::Unheard);
            unheard += lost.count();
            if is_cut {
                disk = disk.crash();
                lake = Arc::new(open(&disk, &[&pool], small()));
            }
            // Everybody asks again, also who heard nothing.
            for key in keys {
                for number in [2 * key, 2 * key + 1] {
                    let said = send(&lake, batch_of(&pool, key, number)).await;
                    assert_ne!(said, Said::Unheard);
                    all.push((key, number, said));
                }
                let of_key = all.iter().filter(|(of, _, _)| *of == key);
                let of_key: Vec<_> = of_key.map(|(_, number, said)| (*number, *said)).collect();
                stored.push(i128::from(stored_of(&of_key, is_cut)));
            }
            let mut there = numbers(&lake, &pool);
            there.sort_unstable();
            stored.sort_unstable();
            assert_eq!(there, stored, "seed {seed}, round {round}");
            sent += all.len() as u64;
        }
    }
    assert!(unheard > 0, "no sync failed while somebody waited");
}

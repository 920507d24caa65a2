//! Deletes while others write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use model::permit::Permit;
use model::pools::Pool;

use super::fixtures::*;
use crate::lake::Lake;
use crate::simulation::SimulatedDisk;

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(future)
}

/// Stores records of these numbers, with texts that begin with `a` where they are even and with `b` where not.
fn put(lake: &Lake, pool: &Arc<Pool>, numbers: std::ops::Range<u64>, bytes: usize) {
    let record = |n: u64| {
        let text = ["a", "b"][(n % 2) as usize].repeat(bytes);
        format!(r#"{{"c":"one","n":{n},"text":"{text}"}}"#)
    };
    let records: Vec<_> = numbers.map(record).collect();
    let request = Request::new(pool, &format!("[{}]", records.join(",")));
    wait(lake.append(request.admit())).unwrap();
}

/// What comes while a delete finds out what it takes is acknowledged before the delete has any effect, and goes
/// as well; and nothing else does, in memory, in files and after a restart.
#[test]
fn writers_are_answered_while_a_delete_looks_at_what_is_in_memory() {
    let definition = r#"{"name":"p","schema":"open","isolation_field":"c","unique":["n"],"fields":[
        {"name":"c","type":"String"},{"name":"n","type":"Int64"}]}"#;
    for is_flushed in [false, true] {
        let (disk, pool) = (SimulatedDisk::new(2), pool(1, definition));
        let lake = open(&disk, &[&pool], roomy());
        for part in 0..4 {
            put(&lake, &pool, part * 30..part * 30 + 30, 50_000);
        }
        let has_happened = Arc::new(AtomicBool::new(false));
        let (told, of) = (has_happened.clone(), pool.clone());
        let happens = move |lake: &Lake| {
            let (told, of) = (&told, &of);
            thread::scope(|scope| {
                scope.spawn(move || {
                    let before = numbers(lake, of).len();
                    assert_eq!(before, 120, "nothing is gone");
                    // Small segments become one, and one of the records that were looked at is replaced.
                    for n in 1_000..1_020 {
                        put(lake, of, n..n + 1, 10);
                    }
                    put(lake, of, 4..6, 10);
                    if is_flushed {
                        lake.flush(&Permit::ours()).unwrap();
                    }
                    told.store(true, Ordering::Relaxed);
                });
            });
        };
        let deletes = |lake: &Lake| {
            let asked = filter(r#"{"field":"text","operator":"regex","value":"^a"}"#);
            let delete = deleting(&access(1), &pool, Some(asked));
            assert_eq!(wait(lake.delete(delete)).unwrap(), 70);
            assert!(
                has_happened.load(Ordering::Relaxed),
                "writers were answered first"
            );
        };
        lake.with_meanwhile(happens, deletes);
        put(&lake, &pool, 2_000..2_001, 10);
        let odd = (0..120).chain(1_000..1_020).filter(|n| n % 2 == 1);
        let expected: Vec<i128> = odd.chain([2_000]).collect();
        let found = |lake: &Lake| {
            let mut found = numbers(lake, &pool);
            found.sort_unstable();
            found
        };
        assert_eq!(found(&lake), expected);
        lake.close();
        let again = open(&disk.crash(), &[&pool], roomy());
        assert_eq!(found(&again), expected, "a replay comes to the same");
    }
}

//! What the writers of records meet: acknowledgements, repetitions, refusals and restarts.

use std::sync::Arc;
use std::time::Duration;

use model::answers::AppendReceipt;
use model::permit::Permit;
use model::records::RecordFaultCode;
use model::time::ManualClock;

use super::fixtures::*;
use crate::error::LakeError;
use crate::journal::JournalError;
use crate::lake::{LakeOptions, append_operation, new_receipt};
use crate::simulation::{Fault, SimulatedDisk};
use crate::store::Outcome;

fn counts(receipt: &AppendReceipt) -> (u64, u64, bool) {
    (receipt.accepted, receipt.rejected, receipt.repeated)
}

const STRICT: &str = r#"{"name":"strict","schema":"strict","fields":[
    {"name":"n","type":"Int64","required":true}]}"#;

#[tokio::test]
async fn an_acknowledged_batch_is_there_at_once_and_after_a_power_cut() {
    let (disk, pool) = (SimulatedDisk::new(1), open_pool(1));
    let lake = open(&disk, &[&pool], small());
    for n in 0..40 {
        let request = Request::new(&pool, &format!(r#"[{{"n":{n},"a.b":"x"}}]"#));
        assert_eq!(
            counts(&lake.append(request.admit()).await.unwrap()),
            (1, 0, false)
        );
        assert_eq!(numbers(&lake, &pool).last(), Some(&n));
    }
    let before = held(&lake, &pool);
    let lake = open(&disk.crash(), &[&pool], small());
    assert_eq!(held(&lake, &pool), before);
    assert_eq!(lake.metrics().buffer_records, 40);
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_stores_nothing() {
    let (disk, pool) = (SimulatedDisk::new(2), pool(1, STRICT));
    let lake = open(&disk, &[&pool], small());
    let request = Request::new(&pool, r#"[{"n":1},{"n":"x"},{"m":2},{"n":3}]"#).key("k");
    let first = lake.append(request.admit()).await.unwrap();
    assert_eq!(counts(&first), (2, 2, false));
    let codes: Vec<_> = first
        .faults
        .iter()
        .map(|fault| (fault.index, fault.code))
        .collect();
    assert_eq!(
        codes,
        [
            (1, RecordFaultCode::WrongType),
            (2, RecordFaultCode::UnknownField)
        ]
    );
    let repeated = AppendReceipt {
        repeated: true,
        ..first
    };
    assert_eq!(lake.append(request.admit()).await.unwrap(), repeated);
    let lake = open(&disk.crash(), &[&pool], small());
    assert_eq!(lake.append(request.admit()).await.unwrap(), repeated);
    assert_eq!(numbers(&lake, &pool), [1, 3]);
}

#[tokio::test]
async fn a_batch_of_which_every_record_was_rejected_is_saved_too() {
    let (disk, pool) = (SimulatedDisk::new(3), pool(1, STRICT));
    let lake = open(&disk, &[&pool], small());
    let request = Request::new(&pool, r#"[{"m":1}]"#).key("k");
    let first = lake.append(request.admit()).await.unwrap();
    assert_eq!(counts(&first), (0, 1, false));
    let other = Request::new(&pool, r#"[{"n":1}]"#).key("k");
    let mut lake = lake;
    for is_restarted in [false, true] {
        if is_restarted {
            drop(lake);
            lake = open(&disk.crash(), &[&pool], small());
        }
        let again = lake.append(request.admit()).await.unwrap();
        assert_eq!(
            again,
            AppendReceipt {
                repeated: true,
                ..first.clone()
            }
        );
        let refused = lake.append(other.admit()).await.unwrap_err();
        assert!(
            matches!(refused, LakeError::IdempotencyMismatch),
            "{refused}"
        );
        assert_eq!(lake.metrics().buffer_records, 0);
    }
}

#[tokio::test]
async fn a_rejected_batch_without_a_key_touches_no_disk() {
    let (disk, pool) = (SimulatedDisk::new(3), pool(1, STRICT));
    let lake = open(&disk, &[&pool], small());
    let operations = disk.operations();
    let request = Request::new(&pool, r#"[{"m":1}]"#);
    assert_eq!(
        counts(&lake.append(request.admit()).await.unwrap()),
        (0, 1, false)
    );
    assert_eq!(disk.operations(), operations);
}

#[tokio::test]
async fn k19_an_idempotency_key_means_something_for_one_pool_and_one_key_alone() {
    let (disk, one, two) = (SimulatedDisk::new(4), open_pool(1), open_pool(2));
    let lake = open(&disk, &[&one, &two], small());
    let request = Request::new(&one, r#"[{"n":1}]"#).key("k");
    let elsewhere = Request::new(&two, r#"[{"n":2}]"#).key("k");
    let somebody = Request::new(&one, r#"[{"n":3}]"#).key("k").by(access(2));
    for request in [&request, &elsewhere, &somebody] {
        assert!(!lake.append(request.admit()).await.unwrap().repeated);
    }
    let lake = open(&disk.crash(), &[&one, &two], small());
    for request in [&request, &elsewhere, &somebody] {
        assert!(lake.append(request.admit()).await.unwrap().repeated);
    }
    assert_eq!(
        (numbers(&lake, &one), numbers(&lake, &two)),
        (vec![1, 3], vec![2])
    );
}

#[test]
fn of_64_simultaneous_requests_of_one_key_one_is_stored() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .build()
        .unwrap();
    for seed in 0..20 {
        let (disk, pool) = (SimulatedDisk::new(seed), open_pool(1));
        let lake = Arc::new(open(&disk, &[&pool], small()));
        let request = Request::new(&pool, r#"[{"n":1}]"#).key("k");
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let (lake, batch) = (lake.clone(), request.admit());
                runtime.spawn(async move { lake.append(batch).await.unwrap().repeated })
            })
            .collect();
        let answers = runtime.block_on(futures::future::join_all(tasks));
        let repeated = answers
            .into_iter()
            .filter(|answer| *answer.as_ref().unwrap())
            .count();
        assert_eq!((repeated, numbers(&lake, &pool)), (63, vec![1]));
    }
}

#[tokio::test]
async fn an_answer_is_kept_for_24_hours_and_no_longer_also_over_restarts() {
    const DAY: Duration = Duration::from_secs(86_400);
    let tick = Duration::from_micros(1);
    for restarts in [false, true] {
        let (disk, pool) = (SimulatedDisk::new(5), open_pool(1));
        let clock = Arc::new(ManualClock::new(noon()));
        let mut lake = open_at(&disk, &[&pool], small(), clock.clone()).unwrap();
        let request = Request::new(&pool, r#"[{"n":1}]"#).key("k");
        assert!(!lake.append(request.admit()).await.unwrap().repeated);
        let last_moment = clock.advance(DAY - tick);
        if restarts {
            lake.close();
            lake = open_at(&disk.copy(), &[&pool], small(), clock.clone()).unwrap();
        }
        let again = request.clone().at(last_moment);
        assert!(lake.append(again.admit()).await.unwrap().repeated);
        let next_day = clock.advance(tick);
        if restarts {
            lake.close();
            lake = open_at(&disk.copy(), &[&pool], small(), clock.clone()).unwrap();
        }
        // Another body is another request by now, and is itself kept for a day.
        let other = Request::new(&pool, r#"[{"n":2}]"#).key("k").at(next_day);
        assert!(!lake.append(other.admit()).await.unwrap().repeated);
        assert!(lake.append(other.admit()).await.unwrap().repeated);
        assert_eq!(numbers(&lake, &pool), [1, 2], "restarts: {restarts}");
    }
}

#[tokio::test]
async fn a_clock_that_steps_back_ends_no_answer_early() {
    let (disk, pool) = (SimulatedDisk::new(6), open_pool(1));
    let clock = Arc::new(ManualClock::new(noon()));
    let lake = open_at(&disk, &[&pool], small(), clock.clone()).unwrap();
    let late = Request::new(&pool, r#"[{"n":1}]"#).key("late");
    assert!(!lake.append(late.admit()).await.unwrap().repeated);
    let back = noon().as_microsecond() - 3_600_000_000;
    let back = model::time::Timestamp::from_microsecond(back).unwrap();
    clock.set(back);
    let early = Request::new(&pool, r#"[{"n":2}]"#).key("early").at(back);
    assert!(!lake.append(early.admit()).await.unwrap().repeated);
    clock.advance(Duration::from_secs(86_399));
    for request in [&late, &early] {
        assert!(lake.append(request.admit()).await.unwrap().repeated);
    }
    clock.advance(Duration::from_secs(1));
    assert!(lake.append(late.admit()).await.unwrap().repeated);
    assert!(!lake.append(early.at(back).admit()).await.unwrap().repeated);
    assert_eq!(numbers(&lake, &pool), [1, 2, 2]);
}

#[tokio::test]
async fn a_full_disk_stores_nothing_and_the_retry_succeeds() {
    let (disk, pool) = (SimulatedDisk::new(7), open_pool(1));
    let lake = open(&disk, &[&pool], small());
    let wide = "x".repeat(2_000);
    disk.set_capacity(Some(14 * 1024));
    let (mut stored, mut refused) = (Vec::new(), Vec::new());
    for n in 0..12 {
        let record = format!(r#"[{{"n":{n},"w":"{wide}"}}]"#);
        let key = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"][n];
        let request = Request::new(&pool, &record).key(key);
        match lake.append(request.admit()).await {
            Ok(receipt) => {
                assert!(!receipt.repeated);
                stored.push(n as i128);
            }
            Err(LakeError::Journal(JournalError::Full)) => refused.push((n as i128, request)),
            Err(other) => panic!("{other}"),
        }
        assert_eq!(numbers(&lake, &pool), stored);
    }
    assert!(!stored.is_empty() && refused.len() > 3, "{stored:?}");
    disk.set_capacity(None);
    for (n, request) in refused {
        assert!(!lake.append(request.admit()).await.unwrap().repeated);
        stored.push(n);
        assert!(lake.append(request.admit()).await.unwrap().repeated);
    }
    assert_eq!(numbers(&lake, &pool), stored);
    assert_eq!(
        numbers(&open(&disk.crash(), &[&pool], small()), &pool),
        stored
    );
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_acknowledged_or_visible() {
    let (disk, pool) = (SimulatedDisk::new(8), open_pool(1));
    let lake = open(&disk, &[&pool], small());
    let first = Request::new(&pool, r#"[{"n":1}]"#).key("a");
    lake.append(first.admit()).await.unwrap();
    // A repetition is answered when everything before it is done.
    lake.append(first.admit()).await.unwrap();
    disk.plan(Some(Fault::FailSync(disk.syncs() + 1)));
    for _ in 0..2 {
        let second = Request::new(&pool, r#"[{"n":2}]"#);
        let error = lake.append(second.admit()).await.unwrap_err();
        assert!(
            matches!(error, LakeError::Journal(JournalError::Stopped)),
            "{error}"
        );
        assert_eq!(numbers(&lake, &pool), [1]);
    }
}

#[tokio::test]
async fn a_full_buffer_refuses_before_anything_is_stored() {
    let (disk, pool) = (SimulatedDisk::new(9), open_pool(1));
    let options = LakeOptions {
        buffer_bytes: 200_000,
        ..roomy()
    };
    let lake = open(&disk, &[&pool], options.clone());
    let wide = "x".repeat(1_000);
    let mut n = 0;
    let kept = Request::new(&pool, r#"[{"n":-1}]"#).key("kept");
    lake.append(kept.admit()).await.unwrap();
    let refused = loop {
        let record = format!(r#"[{{"n":{n},"w":"{wide}"}}]"#);
        match lake
            .append(
                Request::new(&pool, &record)
                    .key("new")
                    .by(access(n))
                    .admit(),
            )
            .await
        {
            Ok(_) => n += 1,
            Err(error) => break error,
        }
        assert!(lake.metrics().buffer_bytes <= 200_000);
    };
    assert!(
        matches!(refused, LakeError::BufferFull { bound: 200_000, .. }),
        "{refused}"
    );
    assert!(n > 50, "{n}");
    let entries = lake.metrics().journal_entries;
    // What needs no room is answered all the same.
    assert!(lake.append(kept.admit()).await.unwrap().repeated);
    assert_eq!(lake.metrics().journal_entries, entries);
    let visible = numbers(&lake, &pool);
    assert_eq!(visible.len(), n as usize + 1);
    assert_eq!(
        numbers(&open(&disk.copy(), &[&pool], options), &pool),
        visible
    );
    // Room comes back with a delete.
    let half = filter(r#"{"field":"n","operator":"gte","value":5}"#);
    lake.delete(deleting(&access(1), &pool, Some(half)))
        .await
        .unwrap();
    let record = format!(r#"[{{"n":{n},"w":"{wide}"}}]"#);
    lake.append(Request::new(&pool, &record).admit())
        .await
        .unwrap();
}

#[tokio::test]
async fn what_a_batch_was_answered_is_found_without_storing_it() {
    let (disk, pool) = (SimulatedDisk::new(19), open_pool(1));
    let lake = open(&disk, &[&pool], roomy());
    let first = Request::new(&pool, r#"[{"n":1}]"#).key("first");
    let others = [
        Request::new(&pool, r#"[{"n":1}]"#),
        Request::new(&pool, r#"[{"n":1}]"#).key("second"),
    ];
    assert_eq!(lake.repeated(&first.admit()).await.unwrap(), None);
    let receipt = lake.append(first.admit()).await.unwrap();
    let again = open(&disk.copy(), &[&pool], roomy());
    for lake in [&lake, &again] {
        let entries = lake.metrics().journal_entries;
        let found = lake.repeated(&first.admit()).await.unwrap();
        let repeated = AppendReceipt {
            repeated: true,
            ..receipt.clone()
        };
        assert_eq!(found, Some(repeated));
        let changed = Request::new(&pool, r#"[{"n":2}]"#).key("first");
        let mismatch = lake.repeated(&changed.admit()).await;
        assert!(matches!(mismatch, Err(LakeError::IdempotencyMismatch)));
        for other in &others {
            assert_eq!(lake.repeated(&other.admit()).await.unwrap(), None);
        }
        assert_eq!(lake.metrics().journal_entries, entries);
        assert_eq!(numbers(lake, &pool), [1]);
    }
}

/// What is written by one sync counts before it is visible.
#[test]
fn a_group_of_batches_keeps_the_bound_of_the_buffer() {
    let (disk, pool) = (SimulatedDisk::new(18), open_pool(1));
    let options = LakeOptions {
        buffer_bytes: 200_000,
        ..roomy()
    };
    let lake = open(&disk, &[&pool], options);
    let operation = |n| {
        let batch = Request::new(&pool, &format!(r#"[{{"n":{n}}}]"#)).admit();
        append_operation(&batch, &new_receipt(&batch), usize::MAX).unwrap()
    };
    let outcomes = lake.journal.submit_all_blocking((0..1_000).map(operation));
    let stored = |outcome: &&Result<Outcome, _>| matches!(outcome, Ok(Outcome::Done(Ok(1))));
    let count = outcomes.iter().filter(stored).count();
    assert!((20..1_000).contains(&count), "{count}");
    assert!(
        outcomes[count..]
            .iter()
            .any(|outcome| matches!(outcome, Ok(Outcome::NoRoom(_))))
    );
    assert_eq!(numbers(&lake, &pool).len(), count);
    assert!(lake.metrics().buffer_bytes <= 200_000);
}

#[tokio::test]
async fn a_batch_or_delete_larger_than_the_journal_takes_is_a_limit_and_no_harm() {
    let (disk, pool) = (SimulatedDisk::new(10), open_pool(1));
    let lake = open(&disk, &[&pool], small());
    let record = |bytes: usize| format!(r#"[{{"n":1,"w":"{}"}}]"#, "x".repeat(bytes));
    let limit = small().journal.max_record_bytes;
    for bytes in [limit, 50 * limit] {
        let request = Request::new(&pool, &record(bytes)).key("k");
        let error = lake.append(request.admit()).await.unwrap_err();
        let LakeError::LimitExceeded(text) = &error else {
            panic!("{error}")
        };
        assert!(text.starts_with("one request may bring 7168 bytes to store and this one brings"));
        assert!(text.ends_with("send less at once"), "{text}");
        assert_eq!(lake.metrics().journal_entries, 0);
    }
    // The refused request left nothing behind, its key neither.
    let request = Request::new(&pool, &record(limit - 200)).key("k");
    assert!(!lake.append(request.admit()).await.unwrap().repeated);
    let long = format!(
        r#"{{"field":"w","operator":"eq","value":"{}"}}"#,
        "x".repeat(limit)
    );
    let error = lake
        .delete(deleting(&access(1), &pool, Some(filter(&long))))
        .await
        .unwrap_err();
    assert!(matches!(error, LakeError::LimitExceeded(_)), "{error}");
    assert_eq!(numbers(&lake, &pool), [1]);
}

#[tokio::test]
async fn a_delete_takes_what_came_before_it_and_nothing_after_it_also_after_a_restart() {
    let (disk, pool) = (SimulatedDisk::new(11), open_pool(1));
    let lake = open(&disk, &[&pool], small());
    let gone = filter(r#"{"field":"k","operator":"eq","value":"gone"}"#);
    let mut expected = Vec::new();
    for round in 0..10 {
        for (n, kind) in [
            (3 * round, "gone"),
            (3 * round + 1, "stays"),
            (3 * round + 2, "gone"),
        ] {
            let record = format!(r#"[{{"n":{n},"k":"{kind}"}}]"#);
            lake.append(Request::new(&pool, &record).admit())
                .await
                .unwrap();
        }
        if round < 9 {
            let delete = deleting(&access(1), &pool, Some(gone.clone()));
            assert_eq!(lake.delete(delete).await.unwrap(), 2);
            expected.push(3 * round + 1);
        } else {
            expected.extend([27, 28, 29]);
        }
    }
    assert_eq!(numbers(&lake, &pool), expected);
    let lake = open(&disk.crash(), &[&pool], small());
    assert_eq!(numbers(&lake, &pool), expected);
}

#[tokio::test]
async fn a_delete_touches_only_rows_that_the_key_sees_also_after_a_restart() {
    let (disk, pool) = (SimulatedDisk::new(12), open_pool(1));
    let lake = open(&disk, &[&pool], small());
    let records = r#"[{"n":1,"c":"a"},{"n":2,"c":"b"},{"n":3},{"n":4,"c":["a","b"]}]"#;
    lake.append(Request::new(&pool, records).admit())
        .await
        .unwrap();
    let rows = |text| model::filters::Constraint::Rows(filter(text));
    let a = constrained(
        2,
        vec![rows(r#"{"field":"c","operator":"eq","value":"a"}"#)],
    );
    let above = filter(r#"{"field":"n","operator":"gte","value":2}"#);
    assert_eq!(
        lake.delete(deleting(&a, &pool, Some(above))).await.unwrap(),
        1
    );
    assert_eq!(numbers(&lake, &pool), [1, 2, 3]);
    assert_eq!(lake.delete(deleting(&a, &pool, None)).await.unwrap(), 1);
    for lake in [lake, open(&disk.crash(), &[&pool], small())] {
        assert_eq!(numbers(&lake, &pool), [2, 3]);
    }
}

#[tokio::test]
async fn a_dropped_pool_stays_dropped_whatever_was_under_way() {
    let (disk, pool, other) = (SimulatedDisk::new(13), open_pool(1), open_pool(2));
    let lake = open(&disk, &[&pool, &other], small());
    let request = Request::new(&pool, r#"[{"n":1}]"#);
    lake.append(request.admit()).await.unwrap();
    lake.append(Request::new(&other, r#"[{"n":2}]"#).admit())
        .await
        .unwrap();
    lake.drop_pool(&Permit::ours(), pool.id).await.unwrap();
    assert!(numbers(&lake, &pool).is_empty());
    // A request that had found the pool before it was dropped.
    assert_eq!(lake.append(request.admit()).await.unwrap().accepted, 1);
    assert_eq!(
        lake.delete(deleting(&access(1), &pool, None))
            .await
            .unwrap(),
        0
    );
    for lake in [lake, open(&disk.crash(), &[&pool, &other], small())] {
        assert!(numbers(&lake, &pool).is_empty());
        assert_eq!(numbers(&lake, &other), [2]);
        assert_eq!(lake.metrics().buffer_records, 1);
    }
    let lake = open(&disk.copy(), &[], small());
    assert_eq!(
        (lake.metrics().buffer_records, lake.metrics().buffer_bytes),
        (0, 0)
    );
}

#[test]
fn replay_makes_few_segments_of_many_single_records_with_an_index() {
    const RECORDS: usize = 20_000;
    let fields = r#"{"name":"p","schema":"strict","isolation_field":"c","fields":[
        {"name":"c","type":"String"},{"name":"n","type":"Int64"}]}"#;
    let (disk, pool, other) = (SimulatedDisk::new(15), pool(1, fields), open_pool(2));
    let lake = open(&disk, &[&pool, &other], roomy());
    let operation = |pool, record: &str| {
        let batch = Request::new(pool, record).admit();
        append_operation(&batch, &new_receipt(&batch), usize::MAX).unwrap()
    };
    for from in (0..RECORDS).step_by(2_000) {
        let mut operations: Vec<_> = (from..from + 2_000)
            .map(|n| operation(&pool, &format!(r#"[{{"n":{n},"c":"c{}"}}]"#, n % 3)))
            .collect();
        operations.push(operation(&other, &format!(r#"[{{"n":{from}}}]"#)));
        assert!(
            lake.journal
                .submit_all_blocking(operations)
                .iter()
                .all(Result::is_ok)
        );
    }
    let lake = open(&disk.crash(), &[&pool, &other], roomy());
    let every: Vec<i128> = (0..RECORDS as i128).collect();
    assert_eq!(numbers(&lake, &pool), every);
    assert_eq!(numbers(&lake, &other).len(), 10);
    let segments = lake.pools.snapshot(&pool).segments;
    assert_eq!(segments.len(), 3);
    assert!(segments[..2].iter().all(|segment| segment.is_indexed()));
    assert!(lake.metrics().buffer_bytes < 200 * RECORDS as u64);
}

#[test]
fn a_bulk_batch_has_an_index_as_well() {
    let fields = r#"{"name":"p","schema":"open","isolation_field":"c","fields":[
        {"name":"c","type":"String"}]}"#;
    let (disk, pool) = (SimulatedDisk::new(16), pool(1, fields));
    let lake = open(&disk, &[&pool], roomy());
    let records: Vec<String> = (0..5_000)
        .map(|n| format!(r#"{{"n":{n},"c":"c"}}"#))
        .collect();
    let batch = Request::new(&pool, &format!("[{}]", records.join(","))).admit();
    let operation = append_operation(&batch, &new_receipt(&batch), usize::MAX).unwrap();
    assert!(lake.journal.submit_all_blocking([operation])[0].is_ok());
    assert!(lake.pools.snapshot(&pool).segments[0].is_indexed());
}

/// Deletes, drops and restarts leave the count of bytes where it belongs.
#[tokio::test]
async fn bytes_held_return_to_nothing() {
    let (disk, one, two) = (SimulatedDisk::new(17), open_pool(1), open_pool(2));
    let lake = open(&disk, &[&one, &two], small());
    for n in 0..40 {
        for pool in [&one, &two] {
            lake.append(Request::new(pool, &format!(r#"[{{"n":{n}}}]"#)).admit())
                .await
                .unwrap();
        }
    }
    assert!(lake.metrics().buffer_bytes > 0);
    lake.drop_pool(&Permit::ours(), two.id).await.unwrap();
    let held = lake.metrics().buffer_bytes;
    assert_eq!(
        lake.delete(deleting(&access(1), &one, None)).await.unwrap(),
        40
    );
    assert!(held > 0 && lake.metrics().buffer_bytes == 0);
    let lake = open(&disk.crash(), &[&one, &two], small());
    assert_eq!(
        (lake.metrics().buffer_bytes, lake.metrics().buffer_records),
        (0, 0)
    );
}

#[test]
fn what_a_later_version_wrote_is_refused_with_its_number() {
    use crate::journal::{Journal, Position, Prepared, StateMachine};
    struct Later;
    impl StateMachine for Later {
        type Operation = ();
        type Outcome = ();
        fn prepare(&mut self, (): &(), payload: &mut Vec<u8>) -> Prepared<()> {
            payload.extend([9; 40]);
            Prepared::Write
        }
        fn apply(&mut self, _: Position, (): ()) {}
        fn abandon(&mut self, (): &()) {}
        fn replay(&mut self, _: Position, _: &[u8]) -> Result<(), JournalError> {
            Ok(())
        }
    }
    let disk = SimulatedDisk::new(14);
    let journal =
        Journal::open(Arc::new(disk.clone()), &directory(), small().journal, Later).unwrap();
    assert!(journal.submit_all_blocking([()])[0].is_ok());
    journal.close();
    let clock = Arc::new(ManualClock::new(noon()));
    let error = open_at(&disk, &[], small(), clock).unwrap_err().to_string();
    assert_eq!(
        error,
        "journal: the journal record at position 1 in \
         /data/journal/segment-00000000000000000001.log cannot be replayed: an operation of format \
         version 9 was written by a later version of the server; nothing was changed; if a newer \
         release wrote it, start that one, else restore the journal directory from a backup"
    );
}

//! What submitters meet: refusals, full disks, failures, and an orderly end.

use std::sync::{Arc, Mutex};

use super::faulty::{Faulty, FullWrite};
use super::machine::{Operation, TokenStore, Tokens, Visible, directory, options, token};
use crate::disk::{Disk, RealDisk};
use crate::journal::{Journal, JournalError, Options, Position, Prepared, StateMachine};
use crate::simulation::workload::Token;
use crate::simulation::{Fault, SimulatedDisk};

fn open(disk: &SimulatedDisk) -> TokenStore {
    TokenStore::open(Arc::new(disk.clone()), options()).unwrap()
}

type Failures = Arc<Mutex<Vec<String>>>;

/// Options whose fatal hook writes down what it was called with.
fn noting() -> (Options, Failures) {
    let failures = Failures::default();
    let noted = Arc::clone(&failures);
    let fatal = Arc::new(move |error: &JournalError| {
        noted.lock().unwrap().push(error.to_string());
    });
    (Options { fatal, ..options() }, failures)
}

#[test]
fn a_failed_sync_ends_every_acknowledgement_and_is_not_tried_again() {
    let disk = SimulatedDisk::new(1);
    let (options, failures) = noting();
    let store = TokenStore::open(Arc::new(disk.clone()), options).unwrap();
    // The second answer comes when all work for the first is done.
    assert!((0..2).all(|_| store.try_write(&[token(0, 1)])[0].is_ok()));
    disk.plan(Some(Fault::FailSync(disk.syncs() + 1)));
    for answer in store.try_write(&[token(0, 2), token(1, 1)]) {
        assert!(matches!(answer, Err(JournalError::Stopped)));
    }
    let syncs = disk.syncs();
    assert!(matches!(
        store.try_write(&[token(0, 1)])[0],
        Err(JournalError::Stopped)
    ));
    store.journal.close();
    assert_eq!(disk.syncs(), syncs);
    assert_eq!(store.tokens(), [token(0, 1)]);
    let failures = failures.lock().unwrap();
    assert_eq!(failures.len(), 1);
    assert!(
        failures[0].starts_with("cannot sync /data/journal/segment-"),
        "{failures:?}"
    );
    drop(store);
    assert_eq!(open(&disk).tokens()[0], token(0, 1));
}

#[test]
fn a_full_disk_is_an_answer_and_is_over_when_space_returns() {
    let disk = SimulatedDisk::new(2);
    let store = open(&disk);
    let (mut number, mut kept) = (1, Vec::new());
    assert!(store.try_write(&[token(0, 1)])[0].is_ok());
    disk.set_capacity(Some(14 * 1024));
    loop {
        match &store.try_write(&[token(0, number)])[0] {
            Ok(_) => kept.push(token(0, number)),
            Err(JournalError::Full) => break,
            Err(other) => panic!("{other}"),
        }
        number += 1;
    }
    assert!(kept.len() > 5);
    // A whole group of them, while the disk is full, and what still fits in the segment.
    let group: Vec<Token> = (0..5).map(|client| token(client, number)).collect();
    let answers = store.try_write(&group);
    kept.extend(
        group
            .iter()
            .zip(&answers)
            .filter(|(_, a)| a.is_ok())
            .map(|(token, _)| *token),
    );
    assert!(
        answers
            .iter()
            .any(|answer| matches!(answer, Err(JournalError::Full)))
    );
    assert_eq!(store.tokens(), kept);

    disk.set_capacity(None);
    let again = store.try_write(&group);
    assert!(again.iter().all(Result::is_ok), "{again:?}");
    let visible = store.tokens();
    assert!(visible.starts_with(&kept) && group.iter().all(|token| visible.contains(token)));
    assert_eq!(open(&disk.crash()).tokens(), visible);
}

#[test]
fn released_segments_are_room_on_a_full_disk() {
    let disk = SimulatedDisk::new(3);
    let store = open(&disk);
    disk.set_capacity(Some(26 * 1024));
    let (mut number, mut last) = (1, Position::FIRST);
    for _ in 0..4 {
        loop {
            match store.try_write(&[token(0, number)]).remove(0) {
                Ok(position) => (number, last) = (number + 1, position),
                Err(JournalError::Full) => break,
                Err(other) => panic!("{other}"),
            }
        }
        store.journal.release(last);
        last = store.try_write(&[token(0, number)]).remove(0).unwrap();
        number += 1;
    }
    assert!(number > 60, "{number}");
}

/// What frees the journal is written to it first, so it must be able to go on.
#[test]
fn what_is_given_back_leaves_the_journal_room_to_go_on() {
    let disk = SimulatedDisk::new(6);
    let store = open(&disk);
    let last = (1..60).map(|number| store.try_write(&[token(0, number)]).remove(0).unwrap());
    store.journal.release(last.last().unwrap());
    let spares = || {
        let names = disk.list(&directory()).unwrap();
        names
            .iter()
            .filter(|name| name.starts_with("spare-"))
            .count()
    };
    let (mut number, mut kept) = (60, Vec::new());
    for _ in 0..30 {
        store.journal.give_back().unwrap();
        kept.push(spares());
        disk.set_capacity(Some(disk.used()));
        store.try_write(&[token(0, number)]).remove(0).unwrap();
        number += 1;
        disk.set_capacity(None);
        store.try_write(&[token(0, number)]).remove(0).unwrap();
        number += 1;
    }
    assert!(kept.contains(&0) && kept.contains(&1), "{kept:?}");
    assert!(kept.iter().all(|kept| *kept <= 1), "{kept:?}");
}

#[test]
fn a_full_disk_in_the_middle_of_a_group_leaves_nothing_of_it() {
    let disk = SimulatedDisk::new(4);
    let faulty = Faulty::<FullWrite>::new(&disk);
    let lie = Arc::clone(&faulty.lie);
    let store = TokenStore::open(Arc::new(faulty), options()).unwrap();
    assert!(store.try_write(&[token(0, 1)])[0].is_ok());
    lie.writes_until_full
        .store(1, std::sync::atomic::Ordering::Relaxed);
    let group: Vec<Token> = (2..6).map(|number| token(0, number)).collect();
    for answer in store.try_write(&group) {
        assert!(matches!(answer, Err(JournalError::Full)));
    }
    assert_eq!(open(&disk.copy()).tokens(), [token(0, 1)]);
    assert!(store.try_write(&[token(1, 1)])[0].is_ok());
    assert_eq!(open(&disk.crash()).tokens(), [token(0, 1), token(1, 1)]);
}

#[test]
fn a_full_queue_refuses_at_once_and_goes_on_later() {
    let disk = SimulatedDisk::new(5);
    let store = open(&disk);
    let writes = || (1..=70).map(|number| Operation::Write(token(0, number)));
    // The journal's thread waits for this lock as soon as it takes the first operation.
    let held = store.visible.lock().unwrap();
    let answers = store.journal.enqueue(writes());
    let busy = answers
        .iter()
        .filter(|answer| matches!(answer, Err(JournalError::Busy)))
        .count();
    assert_eq!((busy, answers.len()), (6, 70));
    assert!(store.journal.counts().queued >= 63);
    drop(held);
    for answer in answers.into_iter().take(64) {
        assert!(answer.unwrap().blocking_recv().unwrap().is_ok());
    }
    assert!(
        store
            .journal
            .submit_all_blocking(writes().skip(64))
            .iter()
            .all(Result::is_ok)
    );
    assert_eq!(store.tokens().len(), 70);
}

#[test]
fn closing_finishes_what_is_queued_and_refuses_the_rest() {
    let disk = SimulatedDisk::new(6);
    let store = open(&disk);
    let answers = store
        .journal
        .enqueue((1..=50).map(|n| Operation::Write(token(0, n))));
    store.journal.close();
    store.journal.close();
    for answer in answers {
        assert!(answer.unwrap().blocking_recv().unwrap().is_ok());
    }
    assert!(matches!(
        store.try_write(&[token(0, 51)])[0],
        Err(JournalError::Stopped)
    ));
    drop(store);
    let store = open(&disk.crash());
    assert_eq!(store.tokens().len(), 50);
    let recovered = store.recovered();
    assert!(
        recovered.clean && recovered.operations == 50,
        "{recovered:?}"
    );
}

#[test]
fn groups_share_a_sync_and_repeated_operations_share_a_record() {
    let disk = SimulatedDisk::new(7);
    let store = open(&disk);
    let answers = store.try_write(&[token(0, 1), token(1, 1), token(0, 1), token(2, 1)]);
    let positions: Vec<u64> = answers
        .into_iter()
        .map(|answer| answer.unwrap().get())
        .collect();
    assert_eq!(positions, [1, 2, 0, 3]);
    let counts = store.journal.counts();
    assert_eq!(
        (counts.records, counts.syncs, counts.queued, counts.segments),
        (3, 1, 0, 1)
    );
    assert_eq!(store.tokens(), [token(0, 1), token(1, 1), token(2, 1)]);
}

#[test]
fn released_segments_are_used_again() {
    let disk = SimulatedDisk::new(8);
    let store = open(&disk);
    for number in 1..=150 {
        assert!(store.try_write(&[token(0, number)])[0].is_ok());
        if number % 10 == 0 {
            store.checkpoint();
        }
    }
    store.journal.close();
    let names = disk.list(&directory()).unwrap();
    assert!(names.len() <= 5, "{names:?}");
    let last = names
        .iter()
        .rfind(|name| name.starts_with("segment-"))
        .unwrap();
    assert!(
        last.as_str() > "segment-00000000000000000007.log",
        "{names:?}"
    );
    drop(store);
    assert_eq!(open(&disk.crash()).tokens().len(), 150);
}

#[test]
fn a_record_above_the_limit_is_refused_and_forgotten() {
    let disk = SimulatedDisk::new(9);
    let limited = Options {
        max_record_bytes: 200,
        ..options()
    };
    let store = TokenStore::open(Arc::new(disk), limited).unwrap();
    let answers = store.try_write(&[token(0, 1), token(0, 4), token(0, 8)]);
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    let error = answers[1].as_ref().unwrap_err();
    assert_eq!(
        error.to_string(),
        "a record of 397 bytes is larger than the limit of 200 bytes; send less at once"
    );
    assert_eq!(store.tokens(), [token(0, 1), token(0, 8)]);
}

#[test]
fn limits_that_contradict_each_other_are_refused() {
    let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::new(10));
    for wrong in [
        Options {
            max_record_bytes: 8 * 1024,
            ..options()
        },
        Options {
            segment_bytes: 0,
            ..options()
        },
        Options {
            queue_operations: 0,
            ..options()
        },
    ] {
        let error = TokenStore::open(Arc::clone(&disk), wrong).unwrap_err();
        assert!(matches!(error, JournalError::Options(_)), "{error}");
    }
}

#[test]
fn a_journal_is_open_once() {
    let disk = SimulatedDisk::new(11);
    let store = open(&disk);
    let error = TokenStore::open(Arc::new(disk.clone()), options()).unwrap_err();
    assert!(matches!(error, JournalError::InUse { .. }), "{error}");
    drop(store);
    open(&disk);
}

#[test]
fn asynchronous_submitters_on_a_real_disk_are_all_stored() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("journal");
    let visible = Visible::default();
    let journal =
        Journal::open(Arc::new(RealDisk), &path, options(), Tokens::new(&visible)).unwrap();
    let journal = Arc::new(journal);
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    runtime.block_on(async {
        let mut clients = Vec::new();
        for client in 0..8 {
            let journal = Arc::clone(&journal);
            clients.push(tokio::spawn(async move {
                for number in 1..=10 {
                    journal
                        .submit(Operation::Write(token(client, number)))
                        .await
                        .unwrap();
                }
            }));
        }
        for client in clients {
            client.await.unwrap();
        }
    });
    drop(journal);
    let written = visible.lock().unwrap().clone();
    assert_eq!(written.len(), 80);
    let again = Visible::default();
    let journal = Journal::open(Arc::new(RealDisk), &path, options(), Tokens::new(&again)).unwrap();
    assert!(journal.recovered().clean);
    assert_eq!(*again.lock().unwrap(), written);
}

/// A machine with a programming error.
#[derive(Debug)]
struct Broken;

impl StateMachine for Broken {
    type Operation = ();
    type Outcome = ();

    fn prepare(&mut self, (): &(), payload: &mut Vec<u8>) -> Prepared<()> {
        payload.push(1);
        Prepared::Write
    }
    fn apply(&mut self, _: Position, (): ()) {
        panic!("a programming error, on purpose");
    }
    fn abandon(&mut self, (): &()) {}
    fn replay(&mut self, position: Position, _: &[u8]) -> Result<(), JournalError> {
        Err(JournalError::Unreadable {
            file: None,
            position,
            reason: "by design".to_owned(),
        })
    }
}

#[test]
fn a_panic_of_the_machine_is_fatal_and_an_unreadable_record_refuses_the_start() {
    let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::new(12));
    let (options, failures) = noting();
    let journal = Journal::open(Arc::clone(&disk), &directory(), options.clone(), Broken).unwrap();
    assert!(matches!(
        journal.submit_all_blocking([()])[0],
        Err(JournalError::Stopped)
    ));
    drop(journal);
    assert_eq!(
        *failures.lock().unwrap(),
        [JournalError::Panicked.to_string()]
    );
    let error = Journal::open(disk, &directory(), options, Broken).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the journal record at position 1 in /data/journal/segment-00000000000000000001.log cannot \
         be replayed: by design; nothing was changed; if a newer release wrote it, start that one, \
         else restore the journal directory from a backup"
    );
}

//! What a wipe leaves on the disk: no byte of what was released, in whichever
//! file it stood.

use std::sync::Arc;

use super::machine::{TokenStore, directory, options, token};
use crate::disk::Disk;
use crate::journal::Options;
use crate::simulation::SimulatedDisk;

/// The client whose records are to go.
const GONE: u32 = 0x00ed_c0de;

fn open(disk: &SimulatedDisk) -> TokenStore {
    let options = Options {
        spare_segments: 4,
        ..options()
    };
    TokenStore::open(Arc::new(disk.clone()), options).unwrap()
}

/// The files in which a record of the client stands, as it was written.
fn files_with(disk: &SimulatedDisk, client: u32) -> Vec<String> {
    let record = [&b"w"[..], &client.to_le_bytes()].concat();
    let mut names = disk.list(&directory()).unwrap();
    names.retain(|name| {
        let file = disk.open(&directory().join(name)).unwrap();
        let mut bytes = vec![0; file.length().unwrap() as usize];
        let _read = file.read_at(0, &mut bytes).unwrap();
        bytes.windows(record.len()).any(|window| window == record)
    });
    names
}

/// A journal with records of the client in the files of at least four segments:
/// spares, a segment that is written to, and one behind whose records they stand.
fn filled(disk: &SimulatedDisk) -> TokenStore {
    let store = open(disk);
    for number in 1..=120 {
        assert!(store.try_write(&[token(GONE, number)])[0].is_ok());
    }
    assert!(files_with(disk, GONE).len() >= 4);
    store.checkpoint();
    // On in a file that was used before.
    store.journal.turn_over().unwrap();
    assert!(store.try_write(&[token(1, 1)])[0].is_ok());
    assert!(files_with(disk, GONE).len() >= 2);
    store
}

/// What a wipe is: a new segment, what is needed written anew, the rest released.
fn wipe(store: &TokenStore, between: impl FnOnce(&TokenStore)) {
    store.journal.turn_over().unwrap();
    store.checkpoint();
    between(store);
    store.journal.wipe().unwrap();
}

#[test]
fn no_byte_of_what_was_released_stays_in_any_file() {
    for is_closed_first in [false, true] {
        let disk = SimulatedDisk::new(31);
        let mut store = filled(&disk);
        if is_closed_first {
            drop(store);
            store = open(&disk);
        }
        wipe(&store, |_| {});
        assert_eq!(files_with(&disk, GONE), Vec::<String>::new());
        let (visible, entries) = (store.tokens(), store.journal.counts().records);
        // Nothing comes back, and an idle journal is not written to.
        store.journal.wipe().unwrap();
        assert_eq!(store.journal.counts().records, entries);
        drop(store);
        let store = open(&disk.crash());
        assert_eq!(store.tokens(), visible);
    }
}

#[test]
fn records_that_come_during_a_wipe_bring_nothing_back() {
    for count in [1, 20, 60, 200] {
        let disk = SimulatedDisk::new(32);
        let store = filled(&disk);
        wipe(&store, |store| {
            for number in 1..=count {
                assert!(store.try_write(&[token(2, number)])[0].is_ok());
            }
        });
        assert_eq!(files_with(&disk, GONE), Vec::<String>::new(), "{count}");
        assert!(!files_with(&disk, 2).is_empty());
        let visible = store.tokens();
        drop(store);
        assert_eq!(open(&disk.crash()).tokens(), visible);
    }
}

/// Else the files of segments that are kept long would keep what they once held.
#[test]
fn behind_the_records_of_a_full_segment_stands_nothing_older() {
    let disk = SimulatedDisk::new(33);
    let store = filled(&disk);
    // Not released: a record that somebody needs holds them.
    for number in 1..=200 {
        assert!(store.try_write(&[token(2, number)])[0].is_ok());
    }
    store.journal.turn_over().unwrap();
    store.journal.wipe().unwrap();
    assert!(files_with(&disk, 2).len() >= 4);
    assert_eq!(files_with(&disk, GONE), Vec::<String>::new());
}

/// The journal's thread has others to serve, and a segment is large.
#[test]
fn a_wipe_is_done_in_steps() {
    let disk = SimulatedDisk::new(34);
    let large = Options {
        segment_bytes: 24 << 20,
        ..options()
    };
    let store = TokenStore::open(Arc::new(disk.clone()), large).unwrap();
    assert!(store.try_write(&[token(GONE, 1)])[0].is_ok());
    let before = disk.syncs();
    wipe(&store, |_| {});
    // Six of the new file alone.
    assert!(disk.syncs() - before >= 6, "{}", disk.syncs() - before);
    assert_eq!(files_with(&disk, GONE), Vec::<String>::new());
}

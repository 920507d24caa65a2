//! Bytes that are not what they were: detected or harmless, and never made worse.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::faulty::{Faulty, NoWipe};
use super::machine::{TokenStore, Tokens, Visible, directory, options, token};
use crate::disk::Disk;
use crate::journal::format::{Frame, HEADER_BYTES, Head, Kind, Place, SegmentHeader};
use crate::journal::{JournalError, Options, Recovered, recovery};
use crate::simulation::SimulatedDisk;
use crate::simulation::workload::Token;

fn small() -> Options {
    Options {
        segment_bytes: HEADER_BYTES + 700,
        max_record_bytes: 400,
        ..options()
    }
}

fn path(sequence: u64) -> PathBuf {
    directory().join(format!("segment-{sequence:020}.log"))
}

fn read(disk: &SimulatedDisk, path: &Path) -> Vec<u8> {
    let file = disk.open(path).unwrap();
    let mut bytes = vec![0; file.length().unwrap() as usize];
    assert_eq!(file.read_at(0, &mut bytes).unwrap(), bytes.len());
    bytes
}

fn overwrite(disk: &SimulatedDisk, path: &Path, offset: u64, bytes: &[u8]) {
    let file = disk.open(path).unwrap();
    file.write_at(offset, bytes).unwrap();
    file.sync_data().unwrap();
}

fn contents(disk: &SimulatedDisk) -> Vec<Vec<u8>> {
    let names = disk.list(&directory()).unwrap();
    names
        .iter()
        .map(|name| read(disk, &directory().join(name)))
        .collect()
}

fn recover(disk: &SimulatedDisk) -> Result<(Vec<Token>, Recovered), JournalError> {
    let visible = Visible::default();
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let (_, recovered) = recovery::open(&disk, &directory(), &small(), &mut Tokens::new(&visible))?;
    let tokens = visible.lock().unwrap().clone();
    Ok((tokens, recovered))
}

/// Five tokens in two segments; the last group holds two of them.
fn journal(closed: bool) -> (SimulatedDisk, Vec<Token>) {
    let disk = SimulatedDisk::new(7);
    let store = TokenStore::open(Arc::new(disk.clone()), small()).unwrap();
    let short = [
        token(0, 1),
        token(0, 2),
        token(0, 3),
        token(0, 8),
        token(0, 15),
    ];
    for one in &short[..3] {
        assert!(store.try_write(&[*one])[0].is_ok());
    }
    assert!(store.try_write(&short[3..]).iter().all(Result::is_ok));
    let written = store.tokens();
    assert_eq!(written, short);
    assert_eq!(store.journal.counts().segments, 2);
    let disk = if closed {
        store.journal.close();
        disk
    } else {
        disk.copy()
    };
    (disk, written)
}

fn is_refusal_of_damage(error: &JournalError) -> bool {
    matches!(
        error,
        JournalError::Damaged { .. } | JournalError::Newer { .. } | JournalError::Foreign { .. }
    )
}

/// Flips every bit of both segments (one bit per byte where nothing is ever stored) and asks
/// `accept` what came of those that were not refused.
fn flip_all(closed: bool, accept: impl Fn(&[Token], &[Token], Recovered) -> bool) -> (u32, u32) {
    let (disk, written) = journal(closed);
    let (mut refused, mut accepted) = (0, 0);
    for file in [path(1), path(2)] {
        let original = read(&disk, &file);
        for byte in 0..original.len() {
            let unused = (64..HEADER_BYTES as usize).contains(&byte);
            for bit in 0..8 {
                if unused && bit != byte % 8 {
                    continue;
                }
                let mut flipped = original.clone();
                flipped[byte] ^= 1 << bit;
                overwrite(&disk, &file, 0, &flipped);
                match recover(&disk) {
                    Err(error) => {
                        assert!(
                            is_refusal_of_damage(&error),
                            "byte {byte} bit {bit}: {error}"
                        );
                        assert_eq!(read(&disk, &file), flipped, "a refusal changed the file");
                        refused += 1;
                    }
                    Ok((found, recovered)) => {
                        let good = accept(&found, &written, recovered);
                        assert!(good, "byte {byte} bit {bit}: {found:?} {recovered:?}");
                        accepted += 1;
                    }
                }
                overwrite(&disk, &file, 0, &original);
            }
        }
    }
    (refused, accepted)
}

#[test]
fn every_flipped_bit_of_a_closed_journal_is_refused_or_harmless() {
    let (refused, accepted) = flip_all(true, |found, written, _| found == written);
    assert!(refused > 5_000 && accepted > 5_000, "{refused} {accepted}");
}

/// Without the closing mark a damaged last group cannot be told from an unfinished one.
#[test]
fn every_flipped_bit_after_a_crash_is_refused_harmless_or_reported_in_the_last_group() {
    let (refused, accepted) = flip_all(false, |found, written, recovered| {
        let cut = found.len() >= 3 && written.starts_with(found);
        found == written || (cut && recovered.wiped_bytes > 0 && !recovered.clean)
    });
    assert!(refused > 2_000 && accepted > 5_000, "{refused} {accepted}");
}

#[test]
fn damage_before_durable_records_is_refused_with_file_and_offset() {
    let (disk, _) = journal(false);
    let mut before = contents(&disk);
    // The first record of the first segment, which a later segment follows.
    overwrite(&disk, &path(1), HEADER_BYTES, &[0; 32]);
    before[1][HEADER_BYTES as usize..HEADER_BYTES as usize + 32].fill(0);
    let error = recover(&disk).unwrap_err();
    assert_eq!(
        error.to_string(),
        "journal segment /data/journal/segment-00000000000000000001.log is damaged at byte 4096: \
         the record at position 1 is not intact; nothing was changed; restore the journal \
         directory from a backup"
    );
    assert_eq!(contents(&disk), before);
}

#[test]
fn damage_in_the_last_segment_before_a_later_group_is_refused() {
    let disk = SimulatedDisk::new(8);
    let store = TokenStore::open(Arc::new(disk.clone()), options()).unwrap();
    for number in 1..=3 {
        assert!(store.try_write(&[token(0, number)])[0].is_ok());
    }
    let disk = disk.copy();
    overwrite(&disk, &path(1), HEADER_BYTES, &[0xff; 40]);
    match recover(&disk).unwrap_err() {
        JournalError::Damaged { file, offset, .. } => {
            assert_eq!((file, offset), (path(1), HEADER_BYTES));
        }
        other => panic!("{other}"),
    }
}

/// A disk after a power cut: of an unsynced group of three, the second record did not reach the
/// disk and the third did.
fn torn_group() -> (SimulatedDisk, [Token; 3]) {
    let disk = SimulatedDisk::new(9);
    let store = TokenStore::open(Arc::new(disk.clone()), options()).unwrap();
    let group = [token(0, 1), token(0, 2), token(0, 3)];
    assert!(store.try_write(&group).iter().all(Result::is_ok));
    let disk = disk.copy();
    let bytes = read(&disk, &path(1));
    let header = SegmentHeader::decode(&bytes, &path(1)).unwrap();
    let first = Head::find(&bytes, &header, HEADER_BYTES as usize, 1..2).unwrap();
    overwrite(&disk, &path(1), first.end() as u64, &[0; 64]);
    (disk, group)
}

#[test]
fn the_rest_of_a_torn_group_is_cut_and_stays_away() {
    let (disk, group) = torn_group();
    let store = TokenStore::open(Arc::new(disk.clone()), options()).unwrap();
    assert_eq!(store.tokens(), &group[..1]);
    assert!(store.recovered().wiped_bytes > 0 && !store.recovered().clean);
    // The same second record again: the third would fit behind it.
    assert!(store.try_write(&group[1..2])[0].is_ok());
    let store = TokenStore::open(Arc::new(disk.copy()), options()).unwrap();
    assert_eq!(store.tokens(), &group[..2]);
}

/// The wiping is needed, and even without it the third record would not pass for one that
/// follows: it names the checksum of the second record that is gone.
#[test]
fn the_rest_of_a_torn_group_that_was_not_wiped_is_no_record() {
    let (disk, group) = torn_group();
    let lying = Arc::new(Faulty::<NoWipe>::new(&disk));
    let store = TokenStore::open(lying, options()).unwrap();
    assert!(store.try_write(&group[1..2])[0].is_ok());
    let error = TokenStore::open(Arc::new(disk.copy()), options()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("does not continue the record before it"),
        "{error}"
    );
}

#[test]
fn a_missing_segment_is_refused() {
    let disk = SimulatedDisk::new(10);
    let store = TokenStore::open(Arc::new(disk.clone()), small()).unwrap();
    for number in 1..=9 {
        store.try_write(&[token(0, number)]);
    }
    assert!(store.journal.counts().segments >= 3);
    store.journal.close();
    for lost in [1, 2] {
        let copy = disk.copy();
        copy.remove(&path(lost)).unwrap();
        match recover(&copy).unwrap_err() {
            JournalError::Missing { file } => assert_eq!(file, path(lost)),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_later_format_is_refused_and_untouched() {
    let (disk, _) = journal(true);
    overwrite(&disk, &path(2), 8, &2_u32.to_le_bytes());
    let before = contents(&disk);
    let error = recover(&disk).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/data/journal/segment-00000000000000000002.log has journal format version 2, this \
         program reads up to version 1; nothing was changed; start the newer release that wrote it"
    );
    assert_eq!(contents(&disk), before);
}

#[test]
fn foreign_files_are_refused_and_untouched() {
    for (name, bytes) in [
        (
            "segment-00000000000000000003.log",
            &b"a letter to a friend"[..],
        ),
        ("segment-3.log", b""),
        ("notes.txt", b"hello"),
    ] {
        let (disk, _) = journal(true);
        disk.create(&directory().join(name))
            .unwrap()
            .write_at(0, bytes)
            .unwrap();
        let before = contents(&disk);
        match recover(&disk).unwrap_err() {
            JournalError::Foreign { file } => assert_eq!(file, directory().join(name)),
            other => panic!("{name}: {other}"),
        }
        assert_eq!(contents(&disk), before);
    }
}

#[test]
fn a_segment_of_another_journal_is_refused() {
    let (disk, _) = journal(true);
    let header = SegmentHeader {
        identity: 1,
        sequence: 3,
        first: 9,
        floor: 1,
        chain: 0,
        length: 4096,
    };
    disk.create(&path(3))
        .unwrap()
        .write_at(0, &header.encode())
        .unwrap();
    assert!(matches!(recover(&disk), Err(JournalError::Foreign { file }) if file == path(3)));
}

/// What a reused file held before, or a stored payload holds, is no record: not in another
/// journal, not in another use of the file, not at another place, not at another position.
#[test]
fn a_record_counts_only_where_it_was_written() {
    let header = SegmentHeader {
        identity: 5,
        sequence: 6,
        first: 1,
        floor: 1,
        chain: 0,
        length: 8192,
    };
    let frame = Frame {
        previous: 0,
        position: 9,
        group: 8,
        kind: Kind::Operation,
    };
    let mut bytes = vec![0; 64];
    frame.encode(
        Place {
            identity: 5,
            sequence: 6,
            offset: 64,
        },
        b"tide",
        &mut bytes,
    );
    let found = Head::find(&bytes, &header, 64, 9..10).unwrap();
    assert_eq!(
        (found.frame, found.payload(&bytes)),
        (frame, Some(&b"tide"[..]))
    );

    let elsewhere = |identity, sequence| SegmentHeader {
        identity,
        sequence,
        ..header
    };
    assert!(Head::find(&bytes, &elsewhere(4, 6), 64, 9..10).is_none());
    assert!(Head::find(&bytes, &elsewhere(5, 7), 64, 9..10).is_none());
    assert!(Head::find(&bytes, &header, 64, 10..11).is_none());
    assert!(Head::find(&bytes[8..], &header, 56, 9..10).is_none());
    assert!(Head::find(&bytes[..90], &header, 64, 9..10).is_none());
    assert!(found.payload(&bytes[..99]).is_none());
}

//! One bit of one file of the log is not what it was (bar D6): the file is named, or every reader
//! sees the same at every version.

use serde_json::Value;

use super::reader::{Seen, bytes_of, read_checkpoint};
use super::*;
use crate::lake::tests::fixtures::cases;

const LAST_VERSION: u64 = 24;

/// What readers see in each file of the log.
#[derive(Debug, PartialEq)]
struct Everything {
    /// The lines of commits, without what only we read.
    commits: Vec<Vec<Value>>,
    checkpoints: Vec<Seen>,
    last: Value,
}

/// The same of files of which some may be torn; `None` when a reader is told so.
fn readable(disk: &SimulatedDisk) -> Option<Everything> {
    let disk = std::panic::AssertUnwindSafe(disk);
    std::panic::catch_unwind(|| everything(*disk)).ok()
}

fn everything(disk: &SimulatedDisk) -> Everything {
    let commits = reader::versions(disk, &log(), ".json").into_iter();
    let commits = commits.map(|version| {
        let bytes = bytes_of(disk, &log().join(format!("{version:020}.json")));
        let lines = String::from_utf8(bytes).unwrap();
        let mut lines: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let info = lines[0]["commitInfo"].as_object_mut().unwrap();
        info.remove("tidegate");
        lines
    });
    let checkpoints = reader::versions(disk, &log(), ".checkpoint.parquet").into_iter();
    let checkpoints = checkpoints.map(|version| {
        let mut seen = Seen::default();
        read_checkpoint(disk, &log(), version, &mut seen).unwrap();
        seen
    });
    Everything {
        commits: commits.collect(),
        checkpoints: checkpoints.collect(),
        last: serde_json::from_slice(&bytes_of(disk, &log().join("_last_checkpoint"))).unwrap(),
    }
}

fn flip(disk: &SimulatedDisk, name: &str, random: &mut Random) {
    let path = log().join(name);
    let bytes = bytes_of(disk, &path);
    let at = random.below(bytes.len() as u64);
    let byte = bytes[at as usize] ^ (1 << random.below(8));
    disk.open(&path).unwrap().write_at(at, &[byte]).unwrap();
}

/// How many flips were named, harmless, and wrong without a word.
#[derive(Debug, Default)]
struct Counted {
    named: u64,
    harmless: u64,
    silent: u64,
}

/// Flips bits of files of a kind, and lets them be looked for.
fn count(is_meant: impl Fn(&str) -> bool, verify: impl Fn(&SimulatedDisk) -> bool) -> Counted {
    let sound = published(61, LAST_VERSION);
    let truth = everything(&sound);
    let names = sound.list(&log()).unwrap();
    let names: Vec<&String> = names.iter().filter(|name| is_meant(name)).collect();
    let (mut random, mut counted) = (Random::new(6), Counted::default());
    for _ in 0..cases(250, 1_000) {
        let disk = sound.copy();
        let name = names[random.below(names.len() as u64) as usize];
        flip(&disk, name, &mut random);
        if !verify(&disk) {
            counted.named += 1;
        } else if readable(&disk).as_ref() == Some(&truth) {
            counted.harmless += 1;
        } else {
            counted.silent += 1;
        }
    }
    counted
}

fn is_sound(disk: &SimulatedDisk) -> bool {
    verify(disk, &pool(), table(&[]).id).is_ok()
}

const KINDS: [&str; 3] = [".json", ".checkpoint.parquet", "_last_checkpoint"];

#[test]
fn a_flipped_bit_is_named_or_harmless() {
    let sound = published(61, LAST_VERSION);
    assert!(is_sound(&sound));
    assert_eq!(everything(&sound).checkpoints.len(), 2, "one is older");
    for kind in KINDS {
        let counted = count(|name| name.ends_with(kind), is_sound);
        assert_eq!(counted.silent, 0, "{kind}: {counted:?}");
        assert!(counted.named > counted.harmless, "{kind}: {counted:?}");
    }
}

/// The mutant: whoever looks at what the newest version needs alone.
#[test]
fn a_look_at_the_newest_version_alone_is_found_out() {
    let looks = |disk: &SimulatedDisk| named(disk, &pool(), table(&[]).id).is_ok();
    for kind in KINDS {
        let counted = count(|name| name.ends_with(kind), looks);
        assert!(counted.silent > 0, "{kind}: {counted:?}");
    }
}

#[test]
fn every_flipped_file_is_named() {
    // Of the older checkpoint nothing holds a digest: what matters of it is held against the newer.
    let older = format!("{:020}.checkpoint.parquet", 10);
    let names = published(61, LAST_VERSION).list(&log()).unwrap();
    assert!(names.contains(&older));
    for name in names.into_iter().filter(|name| *name != older) {
        let disk = published(61, LAST_VERSION);
        let path = log().join(&name);
        // The last byte of a commit or pointer, and a byte of what a checkpoint holds.
        let at = match name.ends_with(".parquet") {
            true => bytes_of(&disk, &path)
                .windows(8)
                .position(|part| part == b"FILE0000")
                .unwrap(),
            false => bytes_of(&disk, &path).len() - 1,
        };
        disk.open(&path).unwrap().write_at(at as u64, b"!").unwrap();
        let found = verify(&disk, &pool(), table(&[]).id).expect_err(&name);
        assert!(found.to_string().contains(&name), "{name}: {found}");
    }
}

/// Logs of versions before the digest of the first line are read as they are.
#[test]
fn a_commit_without_a_digest_of_its_first_line_is_read() {
    let disk = published(62, 2);
    let path = log().join(format!("{:020}.json", 2));
    let text = String::from_utf8(bytes_of(&disk, &path)).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let mut first: Value = serde_json::from_str(first).unwrap();
    let ours = first["commitInfo"]["tidegate"].as_object_mut().unwrap();
    assert!(ours.remove("sha256_of_info").is_some());
    disk.remove(&path).unwrap();
    let older = format!("{first}\n{rest}");
    disk.create(&path)
        .unwrap()
        .write_at(0, older.as_bytes())
        .unwrap();
    assert!(is_sound(&disk));
    assert_eq!(
        publish(&disk, &pool(), &table(&[]), &files(0..4), at(9)).unwrap(),
        Some(3)
    );
}

//! The file of tokens of uniqueness.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use model::time::Timestamp;
use model::uniqueness::TokenTag;

use crate::TokenFile;

fn at(seconds: u64) -> Timestamp {
    let noon = Timestamp::parse("2026-03-01T12:00:00Z").expect("a time");
    noon.checked_add(Duration::from_secs(seconds))
        .expect("a time")
}

fn tag(number: u32) -> TokenTag {
    let mut bytes = [7; 16];
    bytes[3..7].copy_from_slice(&number.to_le_bytes());
    TokenTag::from_bytes(bytes)
}

fn tags(numbers: std::ops::Range<u32>, ends: u64) -> Vec<(TokenTag, Timestamp)> {
    numbers.map(|number| (tag(number), at(ends))).collect()
}

struct Home {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn home() -> Home {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tokens.sqlite");
    Home {
        _folder: folder,
        path,
    }
}

async fn known(file: &TokenFile, numbers: std::ops::Range<u32>, now: u64) -> Vec<u32> {
    let asked: Vec<TokenTag> = numbers.clone().map(tag).collect();
    let known = file.known(&asked, at(now)).await.expect("an answer");
    let known = numbers.zip(known).filter(|(_, is_known)| *is_known);
    known.map(|(number, _)| number).collect()
}

#[tokio::test]
async fn tokens_are_known_until_they_end_also_by_the_next_process() {
    let home = home();
    let file = TokenFile::open(&home.path).await.expect("opened");
    assert!(!file.is_used());
    assert!(known(&file, 0..5, 0).await.is_empty());
    assert_eq!(file.forget(at(0), 10).await.expect("nothing"), 0);
    assert!(!home.path.exists(), "no token, no file");
    file.insert(&tags(1..3, 10)).await.expect("inserted");
    file.insert(&tags(2..4, 20)).await.expect("inserted");
    file.insert(&tags(3..4, 15)).await.expect("inserted");
    assert!(file.is_used());
    for file in [file, TokenFile::open(&home.path).await.expect("opened")] {
        assert_eq!(known(&file, 0..5, 9).await, [1, 2, 3]);
        assert_eq!(known(&file, 0..5, 10).await, [2, 3]);
        assert_eq!(known(&file, 0..5, 19).await, [2, 3]);
        assert!(known(&file, 0..5, 20).await.is_empty());
        file.close().await;
    }
    let mode = home.path.metadata().expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// No file is closed in an orderly way by a process that is killed.
#[tokio::test]
async fn what_was_inserted_is_there_without_an_orderly_end() {
    let home = home();
    let file = TokenFile::open(&home.path).await.expect("opened");
    file.insert(&tags(0..2_500, 10)).await.expect("inserted");
    let copy = home.path.with_file_name("copy.sqlite");
    for (from, to) in [
        ("tokens.sqlite", "copy.sqlite"),
        ("tokens.sqlite-wal", "copy.sqlite-wal"),
    ] {
        let from = home.path.with_file_name(from);
        std::fs::copy(from, home.path.with_file_name(to)).expect("copied");
    }
    let after = TokenFile::open(&copy).await.expect("opened");
    assert_eq!(known(&after, 0..2_501, 0).await.len(), 2_500);
}

#[tokio::test]
async fn what_ended_goes_in_small_bits() {
    let home = home();
    let file = TokenFile::open(&home.path).await.expect("opened");
    file.insert(&tags(0..30, 10)).await.expect("inserted");
    file.insert(&tags(30..40, 20)).await.expect("inserted");
    let mut gone = Vec::new();
    for _ in 0..4 {
        gone.push(file.forget(at(10), 12).await.expect("forgotten"));
    }
    assert_eq!(gone, [12, 12, 6, 0]);
    assert_eq!(known(&file, 0..40, 0).await, (30..40).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_and_so_is_one_that_is_none() {
    let home = home();
    let file = TokenFile::open(&home.path).await.expect("opened");
    file.insert(&tags(0..1, 10)).await.expect("inserted");
    file.close().await;
    let mut bytes = std::fs::read(&home.path).expect("read");
    // `user_version`, in the head of every SQLite file.
    bytes[60..64].copy_from_slice(&2_u32.to_be_bytes());
    std::fs::write(&home.path, &bytes).expect("written");
    let refused = TokenFile::open(&home.path).await.expect_err("newer");
    assert!(refused.to_string().contains("newer"), "{refused}");
    std::fs::write(&home.path, [0x55; 4_096]).expect("written");
    assert!(TokenFile::open(&home.path).await.is_err());
}

/// Nobody takes what cannot be read for a file without tokens.
#[tokio::test]
async fn a_file_that_did_not_open_is_tried_again_and_answers_nothing_until_then() {
    let home = home();
    let file = TokenFile::open(&home.path).await.expect("opened");
    file.insert(&tags(0..700, 10)).await.expect("inserted");
    file.close().await;
    let bytes = std::fs::read(&home.path).expect("read");
    std::fs::write(&home.path, [0x55; 4_096]).expect("written");
    let file = TokenFile::unopened(&home.path).expect("a place");
    assert!(file.is_used());
    assert!(file.known(&[tag(0)], at(0)).await.is_err());
    assert!(file.insert(&tags(0..1, 10)).await.is_err());
    assert!(file.forget(at(0), 10).await.is_err());
    let now = std::fs::read(&home.path).expect("read");
    assert_eq!(now, [0x55; 4_096], "it is left as it is");
    // A newer version's is not read either.
    let mut newer = bytes.clone();
    newer[60..64].copy_from_slice(&2_u32.to_be_bytes());
    std::fs::write(&home.path, newer).expect("written");
    assert!(file.known(&[tag(0)], at(0)).await.is_err());
    std::fs::write(&home.path, bytes).expect("written");
    assert_eq!(known(&file, 0..701, 0).await.len(), 700);
}

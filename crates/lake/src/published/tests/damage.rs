//! A log that is not what was written is refused by name, never read as empty, never changed.

use super::reader::{bytes_of, newest};
use super::*;

fn put(disk: &SimulatedDisk, name: &str, bytes: &[u8]) {
    let path = log().join(name);
    if disk.open(&path).is_ok() {
        disk.remove(&path).unwrap();
    }
    disk.create(&path).unwrap().write_at(0, bytes).unwrap();
}

fn commit_name(version: u64) -> String {
    format!("{version:020}.json")
}

fn checkpoint_name(version: u64) -> String {
    format!("{version:020}.checkpoint.parquet")
}

/// Checks that the next call is refused with a text that names `file`, holds `what` and says what
/// to do, and that the log is left as it is.
fn refused(disk: &SimulatedDisk, file: &str, what: &str) {
    let all = |disk: &SimulatedDisk| -> Vec<(String, Vec<u8>)> {
        let names = disk.list(&log()).unwrap();
        let with_bytes = |name: String| {
            let bytes = bytes_of(disk, &log().join(&name));
            (name, bytes)
        };
        names.into_iter().map(with_bytes).collect()
    };
    let before = all(disk);
    let error = publish(disk, &pool(), &table(&[]), &files(50..60), at(99)).unwrap_err();
    assert!(matches!(error, PublishError::Damaged { .. }), "{error}");
    let text = error.to_string();
    let parts = [file, what, "move /data/pool/_delta_log away", "is a copy"];
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    assert_eq!(all(disk), before);
}

#[test]
fn a_commit_cut_at_any_byte_is_refused() {
    let whole = bytes_of(&published(1, 3), &log().join(commit_name(3)));
    for length in 0..whole.len() {
        let disk = published(1, 3);
        put(&disk, &commit_name(3), &whole[..length]);
        refused(
            &disk,
            &commit_name(3),
            if length == 0 { "is empty" } else { "is torn" },
        );
    }
}

#[test]
fn a_commit_with_any_changed_line_is_refused() {
    let whole = String::from_utf8(bytes_of(&published(1, 3), &log().join(commit_name(3)))).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let shorter: String = lines[..lines.len() - 1].concat();
    let changed = whole.replace("\"size\":1003", "\"size\":1004");
    assert_ne!(changed, whole);
    for bytes in [shorter, changed, format!("{whole}{}", lines[1])] {
        let disk = published(1, 3);
        put(&disk, &commit_name(3), bytes.as_bytes());
        refused(&disk, &commit_name(3), "its digest does not match");
    }
}

#[test]
fn a_commit_of_another_program_is_refused() {
    let foreign = concat!(
        r#"{"commitInfo":{"timestamp":1,"operation":"DELETE","engineInfo":"delta-rs:1"}}"#,
        "\n",
        r#"{"remove":{"path":"FILE00000001.parquet","deletionTimestamp":1,"dataChange":true}}"#,
        "\n"
    );
    let disk = published(2, 3);
    put(&disk, &commit_name(4), foreign.as_bytes());
    refused(&disk, &commit_name(4), "was written by another program");
    let disk = self::disk(2);
    disk.create_directory(&log()).unwrap();
    put(&disk, &commit_name(0), foreign.as_bytes());
    refused(&disk, &commit_name(0), "was written by another program");
}

#[test]
fn a_commit_under_another_name_is_refused() {
    let disk = published(2, 3);
    let bytes = bytes_of(&disk, &log().join(commit_name(2)));
    put(&disk, &commit_name(4), &bytes);
    refused(
        &disk,
        &commit_name(4),
        "holds another version than its name says",
    );
}

#[test]
fn a_gap_is_refused() {
    for missing in [0, 2] {
        let disk = published(3, 4);
        disk.remove(&log().join(commit_name(missing))).unwrap();
        refused(&disk, &commit_name(missing), "is missing");
    }
    for missing in [10, 11] {
        let disk = published(3, 12);
        disk.remove(&log().join(commit_name(missing))).unwrap();
        refused(&disk, &commit_name(missing), "is missing");
    }
    let disk = published(3, 10);
    for version in 0..=10 {
        disk.remove(&log().join(commit_name(version))).unwrap();
    }
    refused(&disk, &commit_name(10), "is missing");
    disk.remove(&log().join(checkpoint_name(10))).unwrap();
    refused(
        &disk,
        "_last_checkpoint",
        "names a checkpoint that is not there",
    );
}

#[test]
fn a_torn_or_foreign_checkpoint_is_refused() {
    let name = checkpoint_name(10);
    let whole = bytes_of(&published(4, 12), &log().join(&name));
    for length in [0, 1, whole.len() / 2, whole.len() - 1] {
        let disk = published(4, 12);
        put(&disk, &name, &whole[..length]);
        refused(&disk, &name, "is torn");
        // Also when nothing tells its digest.
        disk.remove(&log().join("_last_checkpoint")).unwrap();
        refused(
            &disk,
            &name,
            if length == 0 { "is empty" } else { "is torn" },
        );
    }
    let mut foreign = whole.clone();
    let at = foreign
        .windows(9)
        .rposition(|part| part == b"tidegate ")
        .unwrap();
    foreign[at..at + 8].copy_from_slice(b"delta-rs");
    let disk = published(4, 12);
    put(&disk, &name, &foreign);
    refused(&disk, &name, "its digest does not match");
    disk.remove(&log().join("_last_checkpoint")).unwrap();
    refused(&disk, &name, "was written by another program");
}

#[test]
fn files_of_other_writers_are_refused() {
    let names = [
        "00000000000000000002.checkpoint.0000000001.0000000002.parquet",
        "00000000000000000002.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json",
        "00000000000000000000.00000000000000000003.compacted.json",
    ];
    for name in names {
        let disk = published(5, 3);
        put(&disk, name, b"{}");
        refused(&disk, name, "is of a kind that we never write");
    }
}

#[test]
fn the_log_of_another_pool_is_refused() {
    for last in [3, 10] {
        let disk = published(6, last);
        let mut other = table(&[]);
        other.id = PoolId::from_bytes([8; 16]);
        let error = publish(&disk, &pool(), &other, &files(0..4), at(9)).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("belongs to the table 07070707-"), "{text}");
        assert!(text.contains("not to 08080808-"), "{text}");
    }
}

#[test]
fn a_log_that_was_moved_away_is_published_anew() {
    let disk = published(7, 3);
    put(&disk, &commit_name(3), b"");
    refused(&disk, &commit_name(3), "is empty");
    disk.rename(&log(), &pool().join("damaged"))
        .unwrap_or_else(|_| {
            for name in disk.list(&log()).unwrap() {
                disk.remove(&log().join(name)).unwrap();
            }
        });
    let written = publish(&disk, &pool(), &table(&[]), &files(0..4), at(9)).unwrap();
    assert_eq!(written, Some(0));
    assert_eq!(newest(&disk, &log()).unwrap().unwrap().files.len(), 4);
}

#[test]
fn a_spoilt_pointer_to_the_checkpoint_is_written_again() {
    for spoilt in [&b""[..], b"{", b"{\"version\":3,\"size\":1}", b"[]"] {
        let disk = published(8, 12);
        put(&disk, "_last_checkpoint", spoilt);
        let written = publish(&disk, &pool(), &table(&[]), &files(0..13), at(20)).unwrap();
        assert_eq!(written, None);
        reader::check_last(&disk, &log());
    }
}

#[test]
fn what_readers_do_not_know_is_left_alone() {
    let disk = published(9, 2);
    put(&disk, "notes", b"mine");
    put(&disk, "_unfinished", b"half a comm");
    let written = publish(&disk, &pool(), &table(&[]), &files(0..4), at(9)).unwrap();
    assert_eq!(written, Some(3));
    let names = disk.list(&log()).unwrap();
    assert!(names.contains(&"notes".to_owned()), "{names:?}");
    assert!(!names.contains(&"_unfinished".to_owned()), "{names:?}");
}

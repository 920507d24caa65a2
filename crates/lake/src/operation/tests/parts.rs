//! Operations in parts: what they say together is what was said.

use super::*;
use crate::journal::Position;
use crate::manifest::ManifestChange;
use crate::operation::parts::{Joining, PART, VERSION as IN_PARTS, encode_parts};

fn part_of(payload: &[u8]) -> Part {
    match decode(payload).unwrap() {
        Stored::Part(part) => part,
        other => panic!("{other:?}"),
    }
}

fn commit() -> (Stored, Vec<u8>) {
    let change = ManifestChange {
        mark: Some(Position::new(77)),
        removed: (0..9)
            .map(|n| crate::tables::FileId(model::ids::RawId::from_bytes([n; 16])))
            .collect(),
        added: Vec::new(),
    };
    let mut payload = Vec::new();
    encode_commit(TYPED.id, &change, &mut payload);
    let pool = TYPED.id;
    (Stored::Commit { pool, change }, payload)
}

#[test]
fn an_operation_in_parts_is_read_as_it_was_written_and_only_whole() {
    let (stored, payload) = commit();
    for limit in 11..payload.len() {
        let parts = encode_parts(&payload, limit).unwrap();
        assert!(parts.len() > 1 && parts.iter().all(|part| part.len() <= limit));
        let mut joining = Joining::default();
        // Parts of which the last never came.
        for part in &parts[..parts.len() - 1] {
            assert_eq!(joining.add(&part_of(part)), None);
        }
        let mut whole = None;
        for part in &parts {
            assert_eq!(whole, None, "only by the last");
            whole = joining.add(&part_of(part));
        }
        assert_eq!(decode(&whole.unwrap()), Ok(stored.clone()), "{limit}");
        // Parts of which the first is gone.
        let mut joining = Joining::default();
        let rest = parts[1..].iter().map(|part| joining.add(&part_of(part)));
        assert!(rest.flatten().next().is_none(), "{limit}");
    }
    assert_eq!(encode_parts(&payload, 10), None, "no room");
    assert_eq!(encode_parts(&delete_bytes(&golden().1[0]), 50), None);
    let broken = [IN_PARTS, PART, 2, 0, 0, 0, 2, 0, 0, 0];
    assert!(decode(&broken).is_err(), "behind the last");
}

#[test]
fn what_version_5_wrote_is_read_for_ever() {
    let (stored, payload) = commit();
    let hex = |payload: &Vec<u8>| -> String {
        payload.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let written: Vec<String> = encode_parts(&payload, 100)
        .unwrap()
        .iter()
        .map(hex)
        .collect();
    let file = include_str!("../../../golden/operations-v5.txt");
    let golden: Vec<&str> = file.lines().filter(|line| !line.starts_with('#')).collect();
    // While version 5 is the one that is written, it is written so.
    assert_eq!(golden, written, "{}", written.join("\n"));
    let (mut joining, mut whole) = (Joining::default(), None);
    for line in golden {
        let digits = line.as_bytes().chunks(2);
        let byte = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16);
        let bytes: Vec<u8> = digits.map(|two| byte(two).unwrap()).collect();
        whole = joining.add(&part_of(&bytes));
    }
    assert_eq!(decode(&whole.unwrap()), Ok(stored));
}

mod checkpoints;
mod tampering;
mod tree;

use super::*;
use crate::ids::{AuditId, KeyId, ProjectId};
use crate::random::SeededRandom;
use crate::secrets::{Pepper, SecretId};
use crate::time::Timestamp;

fn moment(second: u64) -> Timestamp {
    let micros = i64::try_from(second).expect("small") * 1_000_000;
    Timestamp::from_microsecond(micros).expect("a time")
}

fn project(number: u8) -> ProjectId {
    ProjectId::from_bytes([number; 16])
}

fn key() -> CheckpointKey {
    CheckpointKey::new(&Pepper::from_bytes([7; 32]))
}

/// An entry with something of everything, another one for each draw.
fn entry(random: &SeededRandom, second: u64) -> AuditEntry {
    let draw = random.next_u64();
    let has = |bit: u32| draw >> bit & 1 == 1;
    let actions = ["key.create", "key.update", "pool.delete", "view.update"];
    AuditEntry {
        id: AuditId::generate(moment(second), random),
        project: project(1),
        at: moment(second),
        actor: if has(0) {
            "server".to_owned()
        } else {
            format!("key:{}", KeyId::generate(moment(0), random))
        },
        secret: has(1).then(|| SecretId::parse("abcDEF012345").expect("an id")),
        address: has(2).then(|| "2001:db8::7".parse().expect("an address")),
        action: actions[usize::try_from(draw % 4).expect("small")].to_owned(),
        subject_id: KeyId::generate(moment(0), random).to_string(),
        subject_name: format!("name, \"{draw}\": \u{e9}"),
        before: has(3).then(|| format!("{{\"name\":\"{draw}\"}}")),
        after: has(4).then(String::new),
    }
}

/// A log of this many entries.
fn log(seed: u64, size: u64) -> (Vec<ChainedEntry>, Head) {
    let random = SeededRandom::new(seed);
    let entries = (0..size).map(|second| entry(&random, second)).collect();
    chained(entries)
}

/// The log of these entries, each linked as the server would.
fn chained(entries: Vec<AuditEntry>) -> (Vec<ChainedEntry>, Head) {
    let mut log = Log::default();
    let chain = |(sequence, entry): (u64, AuditEntry)| ChainedEntry {
        sequence,
        link: log.append(entry.leaf(sequence)),
        entry,
    };
    let entries = (0..).zip(entries).map(chain).collect();
    (entries, log.head())
}

fn verify(entries: &[ChainedEntry], checkpoints: &[Checkpoint], said: Option<Head>) -> Verified {
    let mut verifier = Verifier::new(checkpoints);
    entries.iter().for_each(|entry| verifier.entry(entry));
    verifier.finish(said)
}

#[test]
fn every_part_of_an_entry_is_in_its_leaf() {
    let random = SeededRandom::new(3);
    let mut whole = entry(&random, 5);
    whole.before = Some("{}".to_owned());
    whole.secret = SecretId::parse("abcDEF012345");
    whole.address = "192.0.2.1".parse().ok();
    let changed: [fn(&mut AuditEntry); 13] = [
        |e| e.id = AuditId::from_bytes([9; 16]),
        |e| e.project = project(2),
        |e| e.at = moment(6),
        |e| e.actor.push('x'),
        |e| e.secret = None,
        |e| e.secret = SecretId::parse("abcDEF012346"),
        |e| e.address = None,
        |e| e.address = "192.0.2.2".parse().ok(),
        |e| e.action.push('x'),
        |e| e.subject_id.push('x'),
        |e| e.subject_name.clear(),
        |e| e.before = None,
        // What was before stands behind now.
        |e| std::mem::swap(&mut e.before, &mut e.after),
    ];
    let leaf = whole.leaf(7);
    for (place, change) in changed.iter().enumerate() {
        let mut other = whole.clone();
        change(&mut other);
        assert_ne!(other.leaf(7), leaf, "{place}");
    }
    assert_ne!(whole.leaf(8), leaf);
    assert_eq!(whole.leaf(7), leaf);
}

#[test]
fn two_entries_never_share_a_form_by_where_their_texts_end() {
    let random = SeededRandom::new(3);
    let mut one = entry(&random, 5);
    one.actor = "a3:bcd,".to_owned();
    one.action = "e".to_owned();
    let mut other = one.clone();
    other.actor = "a".to_owned();
    other.action = "3:bcd,e".to_owned();
    assert_ne!(one.leaf(0), other.leaf(0));
}

/// What verifiers in other languages must come to, and later versions of this one.
#[test]
fn the_form_of_entries_never_changes() {
    let entry = AuditEntry {
        id: AuditId::from_bytes([1; 16]),
        project: project(2),
        at: moment(1),
        actor: "server".to_owned(),
        secret: SecretId::parse("abcDEF012345"),
        address: "192.0.2.1".parse().ok(),
        action: "key.create".to_owned(),
        subject_id: "s".to_owned(),
        subject_name: "é".to_owned(),
        before: None,
        after: Some("{}".to_owned()),
    };
    let mut log = Log::default();
    let leaf = entry.leaf(0);
    let link = log.append(leaf);
    insta::assert_snapshot!(format!("{leaf}\n{link}\n{}", log.head().root));
}

#[test]
fn an_exported_line_is_read_as_it_was_written() {
    let (entries, _) = log(4, 64);
    for entry in &entries {
        let line = crate::json::to_text(&entry.to_object().into());
        assert_eq!(ChainedEntry::parse(&line).as_ref(), Ok(entry), "{line}");
    }
    let line = crate::json::to_text(&entries[0].to_object().into());
    let id = entries[0].entry.id.to_string();
    for other in [
        line.replace(&id, &id.to_ascii_lowercase()),
        line.replace("\"sequence\":0", "\"sequence\":-1"),
        line.replace("\"sequence\":0,", ""),
        line.replace("\"link\":\"", "\"link\":\"0"),
        line.replace("00:00:00Z", "00:00:00+00:00"),
        line.replace("{\"sequence\"", "{\"more\":1,\"sequence\""),
        String::new(),
    ] {
        assert_ne!(other, line);
        assert!(ChainedEntry::parse(&other).is_err(), "{other}");
    }
}

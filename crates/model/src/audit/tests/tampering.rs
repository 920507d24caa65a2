//! K20: edits, swaps, insertions, deletions, tail cuts and forks, by somebody
//! who can write the database: as it comes, or with all links and the note of
//! the end made anew.

use super::*;

/// How somebody changes a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tampering {
    Edit,
    EditLink,
    Swap,
    Insert,
    Delete,
    CutTail,
    Fork,
}

const ALL: [Tampering; 7] = [
    Tampering::Edit,
    Tampering::EditLink,
    Tampering::Swap,
    Tampering::Insert,
    Tampering::Delete,
    Tampering::CutTail,
    Tampering::Fork,
];

/// A number below `end`.
fn below(random: &SeededRandom, end: usize) -> usize {
    usize::try_from(random.next_u64() % (end as u64)).expect("small")
}

fn edit(entry: &mut AuditEntry, random: &SeededRandom) {
    match random.next_u64() % 10 {
        0 => entry.id = AuditId::generate(moment(9_999), random),
        1 => entry.at = moment(random.next_u64() % 1_000 + 1_000),
        2 => entry.actor.push('0'),
        3 => entry.action = "pool.create".to_owned(),
        4 => entry.subject_id.push('0'),
        5 => entry.subject_name.push('0'),
        6 => entry.before = Some("{}".to_owned()),
        7 => entry.after = Some("{}".to_owned()),
        8 => entry.address = "198.51.100.4".parse().ok(),
        _ => entry.secret = SecretId::parse("ZZZZZZZZZZZZ"),
    }
}

/// The log after somebody was there, among its first `reach` entries.
fn tamper(
    entries: &[ChainedEntry],
    how: Tampering,
    reach: usize,
    random: &SeededRandom,
) -> Vec<ChainedEntry> {
    let mut changed = entries.to_vec();
    let at = below(random, reach);
    match how {
        Tampering::Edit => edit(&mut changed[at].entry, random),
        Tampering::EditLink => changed[at].link = Digest::over(&[b"another"]),
        Tampering::Swap => {
            let other = (at + 1 + below(random, reach - 1)) % reach;
            let entry = changed[at].entry.clone();
            changed[at].entry = std::mem::replace(&mut changed[other].entry, entry);
        }
        Tampering::Insert => {
            let mut more = changed[at].clone();
            more.entry = entry(random, 5_000);
            changed.insert(at, more);
        }
        Tampering::Delete => {
            changed.remove(at);
        }
        Tampering::CutTail => changed.truncate(at),
        Tampering::Fork => {
            changed.truncate(at);
            let others = log(random.next_u64(), 40).0;
            changed.extend(others.into_iter().skip(at));
        }
    }
    changed
}

/// The same entries as the server would have written them, had they been its own.
fn written_anew(entries: Vec<ChainedEntry>) -> (Vec<ChainedEntry>, Head) {
    chained(entries.into_iter().map(|chained| chained.entry).collect())
}

/// A checkpoint of this head. One signature does for all: what is looked at
/// here is what it says.
fn signed_without_a_key(head: Head, second: u64) -> Checkpoint {
    static SIGNED: std::sync::OnceLock<Checkpoint> = std::sync::OnceLock::new();
    let signed = SIGNED.get_or_init(|| key().sign(project(1), moment(0), head));
    let at = moment(second);
    Checkpoint {
        at,
        head,
        ..signed.clone()
    }
}

#[test]
fn k20_a_thousand_tamperings_are_found_with_one_older_checkpoint() {
    let random = SeededRandom::new(20);
    let mut told = 0;
    for round in 0..1_000_u64 {
        let how = ALL[below(&random, ALL.len())];
        let size = 3 + round % 30;
        let (entries, head) = log(round, size);
        // The checkpoint is older than the end of the log.
        let known = 2 + below(&random, entries.len() - 1);
        let old = chained(entries[..known].iter().map(|e| e.entry.clone()).collect()).1;
        let checkpoint = [signed_without_a_key(old, size)];
        let changed = tamper(&entries, how, known, &random);
        if round % 50 == 0 {
            assert_eq!(verify(&entries, &checkpoint, Some(head)).findings, []);
        }
        if changed == entries {
            continue;
        }
        let found = verify(&changed, &checkpoint, Some(head));
        assert_ne!(found.findings, [], "{how:?} of {size}, round {round}");
        told += 1;
        if how == Tampering::EditLink {
            continue;
        }
        let (changed, head) = written_anew(changed);
        let found = verify(&changed, &checkpoint, Some(head));
        assert_ne!(found.findings, [], "{how:?} anew of {size}, round {round}");
        told += 1;
    }
    assert!(told >= 1_000, "{told} were tampered with");
}

/// Without a checkpoint, whoever leaves the links alone is found all the same.
#[test]
fn k20_what_does_not_fit_its_link_is_found_without_a_checkpoint() {
    let random = SeededRandom::new(21);
    for round in 0..500_u64 {
        let how = ALL[below(&random, ALL.len())];
        let (entries, head) = log(round, 3 + round % 20);
        let changed = tamper(&entries, how, entries.len(), &random);
        if changed == entries {
            continue;
        }
        let found = verify(&changed, &[], Some(head));
        assert_ne!(found.findings, [], "{how:?}, round {round}");
    }
}

/// The proof can fail: a verifier that is given no checkpoint misses a log that
/// was cut, with the note of its end; nothing in the database tells of it.
#[test]
fn k20_a_verifier_without_the_checkpoint_misses_the_tail_cut() {
    let (entries, head) = log(5, 50);
    let checkpoints = [key().sign(project(1), moment(50), head)];
    let (cut, end) = written_anew(entries[..40].to_vec());
    assert_eq!(cut, entries[..40]);
    assert_eq!(verify(&cut, &[], Some(end)).findings, []);
    let expected = Finding::CutOff {
        size: 40,
        was: 50,
        at: moment(50),
    };
    assert_eq!(verify(&cut, &checkpoints, Some(end)).findings, [expected]);
}

#[test]
fn a_finding_names_the_entry() {
    let (entries, head) = log(6, 30);
    let id = |place: usize| entries[place].entry.id;
    let found = |changed: &[ChainedEntry]| verify(changed, &[], Some(head)).findings;
    let mut edited = entries.clone();
    edited[12].entry.subject_name.push('!');
    let altered = |sequence, id| Finding::Altered { sequence, id };
    // The note of the end holds the root, which the entry is part of.
    let end = |said| Finding::OtherEnd { size: 30, said };
    assert_eq!(found(&edited), [altered(12, id(12)), end(30)]);
    let mut deleted = entries.clone();
    deleted.remove(12);
    let missing = Finding::Missing { from: 12, to: 12 };
    assert_eq!(found(&deleted), [missing, altered(13, id(13)), end(30)]);
    let mut inserted = entries.clone();
    inserted.insert(12, entries[11].clone());
    let again = Finding::Inserted {
        sequence: 11,
        id: id(11),
    };
    assert_eq!(
        found(&inserted),
        [again, altered(11, id(11)), end(30)],
        "the ones after it follow from the same link"
    );
    let texts: Vec<String> = found(&deleted).iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(texts.join("\n").replace(&id(13).to_string(), "ID"));
}

/// Between two checkpoints is said where the first of what was written anew is.
#[test]
fn checkpoints_narrow_down_where_a_log_was_written_anew() {
    let (entries, _) = log(8, 60);
    let at = |size: usize| {
        let head = chained(entries[..size].iter().map(|e| e.entry.clone()).collect()).1;
        key().sign(project(1), moment(size as u64), head)
    };
    let checkpoints = [at(60), at(0), at(20), at(40)];
    let mut changed = entries.clone();
    changed[33].entry.action.push('!');
    let (changed, head) = written_anew(changed);
    let findings = verify(&changed, &checkpoints, Some(head)).findings;
    let rewritten = |to, size| Finding::Rewritten {
        from: 20,
        to,
        at: moment(size),
    };
    assert_eq!(findings, [rewritten(39, 40), rewritten(59, 60)]);
}

#[test]
fn a_log_that_is_gone_is_missed() {
    let (_, head) = log(5, 50);
    let checkpoints = [key().sign(project(1), moment(50), head)];
    let found = verify(&[], &checkpoints, None);
    let expected = Finding::CutOff {
        size: 0,
        was: 50,
        at: moment(50),
    };
    assert_eq!((found.entries, found.findings), (0, vec![expected]));
}

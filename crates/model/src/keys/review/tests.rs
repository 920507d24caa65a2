use super::*;
use crate::fixtures::{Project, draft, noon, parts, pool_id};
use crate::keys::KeyKind;
use crate::random::SeededRandom;
use crate::secrets::Secret;

/// A key of these grants, made this many days ago.
fn key(project: &Project, number: u8, grants: &str, days: u32) -> KeyRecord {
    let secret = Secret::generate(KeyKind::Secret, &SeededRandom::new(u64::from(number)));
    let mut parts = parts(draft(project.grants(grants).expect("grants")), &secret);
    let made = before(days);
    parts.id = KeyId::from_bytes([number; 16]);
    parts.created_at = made;
    parts.secrets[0].created_at = made;
    KeyRecord::restore(parts)
}

fn before(days: u32) -> Timestamp {
    noon().checked_sub(DAY * days).expect("a time")
}

/// What is said of keys with these last uses, in days ago.
fn said(project: &Project, keys: &[(&KeyRecord, Option<u32>)]) -> Vec<(u8, AdviceRule)> {
    let keys: Vec<ReviewedKey<'_>> = keys
        .iter()
        .map(|(key, used)| ReviewedKey {
            key,
            last_used: used.map(before),
            secrets_last_used: key
                .secrets()
                .iter()
                .map(|secret| (secret.id, used.map(before)))
                .collect(),
        })
        .collect();
    let advice = review(&keys, &project.pools, &project.views, noon());
    let said = advice.iter().map(|a| (a.key.to_bytes()[0], a.rule));
    said.collect()
}

const READS_ADA: &str = r#"[{"on":"view:records","actions":["read"],
    "constraints":[{"field":"customer.id","operator":"eq","value":"ada"}]}]"#;
const WRITES: &str = r#"[{"on":"pool:strict","actions":["ingest"]}]"#;
const WRITES_ADA: &str = r#"[{"on":"pool:strict","actions":["ingest"],
    "injections":{"customer.id":"ada"}}]"#;
const ADMIN: &str = r#"[{"on":"project","actions":["admin"]}]"#;

#[test]
fn unused_and_unrolled_keys_are_named_to_the_day() {
    let project = Project::new();
    let old = key(&project, 1, WRITES_ADA, 200);
    let (unused, rolled) = (AdviceRule::Unused, AdviceRule::NeverRolled);
    assert_eq!(said(&project, &[(&old, Some(30))]), [(1, rolled)]);
    assert_eq!(
        said(&project, &[(&old, Some(31))]),
        [(1, unused), (1, rolled)]
    );
    for (days, expected) in [
        (30, vec![]),
        (31, vec![(1, unused)]),
        (90, vec![(1, unused)]),
        (91, vec![(1, unused), (1, rolled)]),
    ] {
        let key = key(&project, 1, WRITES_ADA, days);
        assert_eq!(said(&project, &[(&key, None)]), expected, "{days}");
    }
}

#[test]
fn an_older_secret_that_is_still_used_is_named() {
    let project = Project::new();
    let rolled = |used: u32| {
        let old = Secret::generate(KeyKind::Secret, &SeededRandom::new(1));
        let new = Secret::generate(KeyKind::Secret, &SeededRandom::new(2));
        let grants = project.grants(WRITES_ADA).expect("grants");
        let mut parts = parts(draft(grants), &old);
        parts.id = KeyId::from_bytes([1; 16]);
        parts.secrets[0].created_at = before(20);
        let mut newer = self::parts(draft(Vec::new()), &new).secrets.remove(0);
        newer.created_at = before(5);
        parts.secrets.push(newer);
        said(&project, &[(&KeyRecord::restore(parts), Some(used))])
    };
    assert_eq!(rolled(4), [(1, AdviceRule::OldSecretInUse)]);
    assert_eq!(rolled(6), []);
}

#[test]
fn a_field_that_chooses_rows_and_is_written_by_others_is_named() {
    let project = Project::new();
    let reader = key(&project, 1, READS_ADA, 1);
    let stamped = key(&project, 2, WRITES_ADA, 1);
    let open = key(&project, 3, WRITES, 1);
    let admin = key(
        &project,
        4,
        &format!("{},{}", &ADMIN[..ADMIN.len() - 1], &WRITES[1..]),
        1,
    );
    let expected = [(1, AdviceRule::FieldWritableByOthers)];
    assert_eq!(
        said(
            &project,
            &[(&reader, None), (&stamped, None), (&admin, None)]
        ),
        []
    );
    assert_eq!(said(&project, &[(&reader, None), (&open, None)]), expected);
    // Elsewhere it does not matter.
    let elsewhere = r#"[{"on":"pool:open","actions":["ingest"]}]"#;
    let elsewhere = key(&project, 5, elsewhere, 1);
    assert_eq!(said(&project, &[(&reader, None), (&elsewhere, None)]), []);
    assert_eq!(project.strict().id, pool_id(2));
}

#[test]
fn keys_that_write_and_read_and_admins_beyond_some_are_named() {
    let project = Project::new();
    let both = format!("{},{}", &READS_ADA[..READS_ADA.len() - 1], &WRITES_ADA[1..]);
    let both = key(&project, 1, &both, 1);
    assert_eq!(
        said(&project, &[(&both, None)]),
        [(1, AdviceRule::WritesAndReads)]
    );
    let admins: Vec<KeyRecord> = (1..=5).map(|n| key(&project, n, ADMIN, 20)).collect();
    let used = [Some(3), Some(9), Some(1), Some(8), Some(2)];
    let keys: Vec<_> = admins.iter().zip(used).collect();
    let many = AdviceRule::ManyAdmins;
    assert_eq!(said(&project, &keys), [(2, many), (4, many)]);
    assert_eq!(said(&project, &keys[..ADMINS_ENOUGH]), []);
}

#[test]
fn keys_that_are_off_are_not_looked_at() {
    let project = Project::new();
    let secret = Secret::generate(KeyKind::Secret, &SeededRandom::new(1));
    let mut parts = parts(draft(project.grants(WRITES).expect("grants")), &secret);
    parts.created_at = before(300);
    parts.disabled = true;
    let off = KeyRecord::restore(parts);
    let reader = key(&project, 2, READS_ADA, 1);
    assert_eq!(said(&project, &[(&off, None), (&reader, None)]), []);
}

#[test]
fn rules_have_names_of_their_own() {
    let names: std::collections::BTreeSet<_> =
        AdviceRule::ALL.into_iter().map(AdviceRule::name).collect();
    assert_eq!(names.len(), AdviceRule::ALL.len());
}

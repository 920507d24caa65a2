use super::*;
use crate::fixtures::{Project, draft, noon, parts, pool_id};
use crate::ids::{DatasetId, SavedQueryId};
use crate::keys::KeyKind;
use crate::names::Name;
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
    said_by(project, keys, &RecordedUse::default())
}

fn said_by(
    project: &Project,
    keys: &[(&KeyRecord, Option<u32>)],
    recorded: &RecordedUse,
) -> Vec<(u8, AdviceRule)> {
    let keys: Vec<ReviewedKey<'_>> = keys
        .iter()
        .map(|(key, used)| ReviewedKey {
            key,
            last_used: used.map(before),
            last_on_page: None,
            secrets_last_used: key
                .secrets()
                .iter()
                .map(|secret| (secret.id, used.map(before)))
                .collect(),
        })
        .collect();
    let stored = stored(project);
    let advice = review(
        &keys,
        &project.pools,
        readers(project, &stored),
        recorded,
        noon(),
    );
    let said = advice.iter().map(|a| (a.key.to_bytes()[0], a.rule));
    said.collect()
}

/// What may be granted beside the pools of a project.
fn readers<'a>(project: &'a Project, stored: &'a [StoredQuestion]) -> Readers<'a> {
    Readers {
        views: &project.views,
        stored,
    }
}

/// A saved query and a dataset that read the strict pool.
fn stored(project: &Project) -> [StoredQuestion; 2] {
    let of = |id, name| StoredQuestion {
        id,
        name: Name::parse(name).expect("a name"),
        pools: vec![project.strict().id],
        changed_at: before(50),
    };
    let saved = SavedQueryId::from_bytes([7; 16]);
    let dataset = DatasetId::from_bytes([8; 16]);
    [
        of(StoredId::Saved(saved), "total"),
        of(StoredId::Dataset(dataset), "daily"),
    ]
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
    // Whoever has answers of what is stored has rows just as well.
    for (on, action) in [
        ("saved", "run"),
        ("cached", "read"),
        ("dataset", "retrieve"),
    ] {
        let of = |on: &str, actions: &str| {
            let grants = READS_ADA.replace("view:records", on);
            key(&project, 1, &grants.replace("[\"read\"]", actions), 1)
        };
        let runs = of(&format!("{on}:*"), &format!("[\"{action}\"]"));
        assert_eq!(
            said(&project, &[(&runs, None), (&open, None)]),
            expected,
            "{on}"
        );
    }
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
    // People who administer take of what is enough, and one key may stay.
    let beside = |people: usize| {
        let recorded = RecordedUse {
            people,
            ..RecordedUse::default()
        };
        let said = said_by(&project, &keys, &recorded).into_iter();
        said.map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert_eq!(beside(1), [1, 2, 4]);
    assert_eq!(beside(2), [1, 2, 4, 5]);
    assert_eq!(beside(9), [1, 2, 4, 5]);
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

/// A key that was made 40 days ago, and what is said of it by what is recorded.
fn said_of(key: &KeyRecord, project: &Project, used: u32, recorded: &RecordedUse) -> Vec<String> {
    let reviewed = ReviewedKey {
        key,
        last_used: Some(before(used)),
        secrets_last_used: Vec::new(),
        last_on_page: None,
    };
    let stored = stored(project);
    let advice = review(
        &[reviewed],
        &project.pools,
        readers(project, &stored),
        recorded,
        noon(),
    );
    let wider = advice
        .into_iter()
        .filter(|a| a.rule == AdviceRule::WiderThanUsed);
    wider.map(|advice| advice.why).collect()
}

#[test]
fn grants_that_nobody_used_are_named_as_far_as_is_recorded() {
    let project = Project::new();
    let grants = format!("{},{}", &READS_ADA[..READS_ADA.len() - 1], &WRITES_ADA[1..]);
    let mut draft = draft(project.grants(&grants).expect("grants"));
    let id = |days: u32, number: u8| {
        let made = before(days).as_microsecond() / 1_000;
        let mut bytes = [number; 16];
        bytes[..6].copy_from_slice(&made.to_be_bytes()[2..]);
        crate::ids::GrantId::from_bytes(bytes)
    };
    let made = |reading: u32, writing: u32, draft: &mut crate::keys::KeyDraft| {
        draft.grants[0].id = id(reading, 1);
        draft.grants[1].id = id(writing, 2);
        let secret = Secret::generate(KeyKind::Secret, &SeededRandom::new(1));
        let mut parts = parts(draft.clone(), &secret);
        parts.created_at = before(40);
        KeyRecord::restore(parts)
    };
    let old = made(40, 40, &mut draft);
    let recorded = |days: u32, view: bool, pool: bool| {
        let Target::View(Selector::One { id: of_view, .. }) = old.grants()[0].on else {
            panic!("it is on a view");
        };
        let Target::Pool(Selector::One { id: of_pool, .. }) = old.grants()[1].on else {
            panic!("it is on a pool");
        };
        RecordedUse {
            since: Some(before(days)),
            views: view.then_some((old.id(), of_view)).into_iter().collect(),
            pools: pool.then_some((old.id(), of_pool)).into_iter().collect(),
            people: 0,
        }
    };
    let names = |why: &[String], grant: usize| {
        why.len() == 1 && why[0].contains(&old.grants()[grant].id.to_string())
    };
    let said = said_of(&old, &project, 1, &recorded(40, false, false));
    assert!(names(&said, 0) && names(&said, 1), "{said:?}");
    let said = said_of(&old, &project, 1, &recorded(40, true, false));
    assert!(!names(&said, 0) && names(&said, 1), "{said:?}");
    let said = said_of(&old, &project, 1, &recorded(40, false, true));
    assert!(names(&said, 0) && !names(&said, 1), "{said:?}");
    let none: [String; 0] = [];
    assert_eq!(said_of(&old, &project, 1, &recorded(40, true, true)), none);
    // What is not recorded for long enough, what is not used at all, and what
    // was granted a short while ago is no reason.
    assert_eq!(
        said_of(&old, &project, 1, &recorded(30, false, false)),
        none
    );
    assert_eq!(said_of(&old, &project, 1, &RecordedUse::default()), none);
    assert_eq!(
        said_of(&old, &project, 31, &recorded(40, false, false)),
        none
    );
    let young = made(40, 30, &mut draft);
    let said = said_of(&young, &project, 1, &recorded(40, false, false));
    assert!(
        names(&said, 0) && !said[0].contains(&id(30, 2).to_string()),
        "{said:?}"
    );
}

#[test]
fn grants_on_everything_that_were_used_for_little_are_named_with_what_that_was() {
    let mut project = Project::new();
    for pool in &mut project.pools {
        Arc::make_mut(pool).created_at = before(50);
    }
    for view in &mut project.views {
        Arc::make_mut(view).created_at = before(50);
    }
    let made = |grant: &str, project: &Project| {
        let mut draft = draft(project.grants(&format!("[{grant}]")).expect("grants"));
        let mut bytes = [1; 16];
        let millis = before(40).as_microsecond() / 1_000;
        bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        draft.grants[0].id = crate::ids::GrantId::from_bytes(bytes);
        let secret = Secret::generate(KeyKind::Secret, &SeededRandom::new(1));
        let mut parts = parts(draft, &secret);
        parts.created_at = before(40);
        KeyRecord::restore(parts)
    };
    let used = |key: &KeyRecord, project: &Project, pools: usize, views: usize| RecordedUse {
        since: Some(before(40)),
        pools: project.pools[..pools]
            .iter()
            .map(|pool| (key.id(), pool.id))
            .collect(),
        views: project.views[..views]
            .iter()
            .map(|view| (key.id(), view.id))
            .collect(),
        people: 0,
    };
    let on = |what: &str, action: &str| {
        format!(r#"{{"on":"{what}","actions":["{action}"],"constraints":"all_rows"}}"#)
    };
    for (grant, pools, views, expected) in [
        (
            on("pool:*", "query"),
            1,
            0,
            "2 pools, of which it used open;",
        ),
        (
            on("pool:*", "query"),
            0,
            3,
            "2 pools, of which it used none;",
        ),
        (
            on("view:*", "read"),
            2,
            1,
            "3 views, of which it used records;",
        ),
        (
            on("tier:core", "query"),
            1,
            0,
            "2 pools, of which it used open",
        ),
    ] {
        let key = made(&grant, &project);
        let said = said_of(&key, &project, 1, &used(&key, &project, pools, views));
        assert!(
            said.len() == 1 && said[0].contains(expected),
            "{grant} {said:?}"
        );
        // All of it, too little time, and what is as new as the grant.
        let none: [String; 0] = [];
        let all = used(&key, &project, 2, 3);
        assert_eq!(said_of(&key, &project, 1, &all), none, "{grant}");
        let known = RecordedUse {
            since: Some(before(30)),
            ..used(&key, &project, pools, views)
        };
        assert_eq!(said_of(&key, &project, 1, &known), none, "{grant}");
    }
    // What came a short while ago is no reason.
    for pool in &mut project.pools[1..] {
        Arc::make_mut(pool).created_at = before(30);
    }
    let key = made(&on("pool:*", "query"), &project);
    let none: [String; 0] = [];
    assert_eq!(
        said_of(&key, &project, 1, &used(&key, &project, 1, 0)),
        none
    );
}

/// A key with one grant to do this with one stored question, 40 days old.
fn asks(project: &Project, on: Target, actions: &[Action]) -> KeyRecord {
    let mut draft = draft(project.grants(READS_ADA).expect("grants"));
    let mut bytes = [1; 16];
    let millis = before(40).as_microsecond() / 1_000;
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    let grant = &mut draft.grants[0];
    grant.id = crate::ids::GrantId::from_bytes(bytes);
    grant.on = on;
    grant.actions = actions.iter().copied().collect();
    let secret = Secret::generate(KeyKind::Secret, &SeededRandom::new(1));
    let mut parts = parts(draft, &secret);
    parts.created_at = before(40);
    KeyRecord::restore(parts)
}

#[test]
fn grants_on_stored_questions_are_named_whose_pool_nobody_asked() {
    let mut project = Project::new();
    for pool in &mut project.pools {
        Arc::make_mut(pool).created_at = before(50);
    }
    let name = || Name::parse("x").expect("a name");
    let saved = || Selector::One {
        id: SavedQueryId::from_bytes([7; 16]),
        name: name(),
    };
    let dataset = || Selector::One {
        id: DatasetId::from_bytes([8; 16]),
        name: name(),
    };
    let recorded = |pools: &[(KeyId, PoolId)]| RecordedUse {
        since: Some(before(40)),
        pools: pools.iter().copied().collect(),
        ..RecordedUse::default()
    };
    let none: [String; 0] = [];
    let (run, read, retrieve) = (Action::Run, Action::Read, Action::Retrieve);
    for (on, action) in [
        (Target::Saved(saved()), run),
        (Target::Cached(saved()), read),
        (Target::Dataset(dataset()), retrieve),
    ] {
        let key = asks(&project, on.clone(), &[action]);
        let said = said_of(&key, &project, 1, &recorded(&[]));
        let grant = key.grants()[0].id.to_string();
        assert!(
            said.len() == 1 && said[0].contains(&grant),
            "{on:?} {said:?}"
        );
        let strict = (key.id(), project.strict().id);
        let said = said_of(&key, &project, 1, &recorded(&[strict]));
        assert_eq!(said, none, "{on:?}: of its pool there is some use");
        let open = (key.id(), project.open().id);
        assert_eq!(said_of(&key, &project, 1, &recorded(&[open])).len(), 1);
        let looks = asks(&project, on, &[action, Action::List]);
        assert_eq!(said_of(&looks, &project, 1, &recorded(&[])), none);
    }
    // Not of one that is not there, and of no pool that came a short while ago.
    let gone = Target::Saved(Selector::One {
        id: SavedQueryId::from_bytes([9; 16]),
        name: name(),
    });
    let gone = asks(&project, gone, &[run]);
    assert_eq!(said_of(&gone, &project, 1, &recorded(&[])), none);
    Arc::make_mut(&mut project.pools[1]).created_at = before(30);
    let young = asks(&project, Target::Saved(saved()), &[run]);
    assert_eq!(said_of(&young, &project, 1, &recorded(&[])), none);
}

fn reviewed(key: &KeyRecord, on_page: Option<u32>) -> ReviewedKey<'_> {
    ReviewedKey {
        key,
        last_used: Some(before(0)),
        secrets_last_used: Vec::new(),
        last_on_page: on_page.map(before),
    }
}

#[test]
fn a_key_from_a_page_and_one_past_its_own_age_are_named() {
    let project = Project::new();
    let admin = key(&project, 1, ADMIN, 10);
    let said = |keys: &[ReviewedKey<'_>]| {
        let recorded = RecordedUse::default();
        let advice = review(
            keys,
            &project.pools,
            readers(&project, &[]),
            &recorded,
            noon(),
        );
        let said = advice.into_iter().map(|advice| (advice.rule, advice.why));
        said.collect::<Vec<_>>()
    };
    assert_eq!(said(&[reviewed(&admin, None)]), []);
    let found = said(&[reviewed(&admin, Some(3))]);
    assert_eq!((found.len(), found[0].0), (1, AdviceRule::UsedFromPage));
    assert!(
        found[0].1.starts_with("it administers the project"),
        "{found:?}"
    );
    let mut draft = draft(project.grants(ADMIN).expect("grants"));
    let secret = Secret::generate(KeyKind::Secret, &SeededRandom::new(2));
    for (age, rules) in [("11d", vec![]), ("10d", vec![AdviceRule::RotationDue])] {
        draft.rotate_after = Some(crate::time::Span::parse(age).expect("days"));
        let mut parts = parts(draft.clone(), &secret);
        parts.created_at = before(10);
        parts.secrets[0].created_at = before(10);
        let key = KeyRecord::restore(parts);
        let found = said(&[reviewed(&key, None)]).into_iter();
        assert_eq!(
            found.map(|(rule, _)| rule).collect::<Vec<_>>(),
            rules,
            "{age}"
        );
    }
}

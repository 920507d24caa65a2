//! A key that a key issued: whatever it was given, no more than its maker has now.

use proptest::prelude::*;

use super::narrow::{any_grant, grants, never_wider};
use super::rows::any_record;
use super::*;
use crate::fixtures::{draft, parts, pepper};
use crate::ids::KeyId;
use crate::keys::{AuthError, Circumstances, IpRanges, KeyDraft, KeyKind, KeyRecord, Restrictions};
use crate::secrets::Secret;

const ISSUE: &str = r#"{"on":"project","actions":["issue"]}"#;

fn secret(seed: u64) -> Secret {
    Secret::generate(KeyKind::Secret, &SeededRandom::new(seed))
}

fn maker_of(draft: KeyDraft) -> Arc<KeyRecord> {
    Arc::new(KeyRecord::restore(parts(draft, &secret(1))))
}

/// A key that the maker issued with these grants, as it is stored.
fn issued_of(grants: Vec<Grant>, maker: &KeyRecord) -> KeyRecord {
    let mut parts = parts(draft(grants), &secret(2));
    parts.id = KeyId::from_bytes([9; 16]);
    parts.draft.issued_by = Some(maker.id());
    KeyRecord::restore(parts)
}

fn enter(key: &KeyRecord, seen: &Circumstances<'_>) -> Result<Access, AuthError> {
    key.verify(&secret(2), &pepper(), seen, noon())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn an_issued_key_never_reaches_further_than_its_maker_does_now(
        held in proptest::collection::vec(any_grant(), 1..5),
        asks_own in 0_usize..3,
        asked in proptest::collection::vec(any_grant(), 1..4),
        later in proptest::collection::vec(any_grant(), 0..4),
        record in any_record(),
    ) {
        let mut project = Project::new();
        project.pools.push(pool(9, r#"{"name":"third","schema":"open"}"#));
        let with_issue: Vec<String> = held.iter().cloned().chain([ISSUE.to_owned()]).collect();
        let Some(held) = grants(&project, &with_issue) else {
            return Err(TestCaseError::reject("no legal grants"));
        };
        // What the maker has, and whatever else it may give.
        let asked = with_issue.iter().take(asks_own).chain(&asked);
        let later = grants(&project, &later).unwrap_or_default();
        let by = access_of(held.clone());
        let permit = by.permit::<Issue>(On::Project).expect("issues");
        let given = asked.filter_map(|asked| {
            let asked = grants(&project, std::slice::from_ref(asked))?;
            permit.narrow(asked, &[]).ok()
        });
        // A key writes to a pool by one grant.
        let mut writes = false;
        let given = given.flatten().filter(|grant| {
            let is_second = grant.allows(Action::Ingest) && std::mem::replace(&mut writes, true);
            !is_second && !grant.allows(Action::Issue)
        });
        let given: Vec<Grant> = given.collect();
        let maker = maker_of(draft(held.clone()));
        let stored = issued_of(given.clone(), &maker);
        let key = stored.under(&maker);
        // Nothing is taken away while the maker is what it was.
        prop_assert_eq!(&**key.grants(), &given[..]);
        let access = enter(&key, &Circumstances::unknown()).expect("is let in");
        never_wider(access.grants_as_written(), &held, &project.pools, &record)?;
        // Whatever becomes of the maker, the key has no more, and no more than it had.
        let changed = maker_of(draft(later.clone()));
        let access = enter(&stored.under(&changed), &Circumstances::unknown()).expect("is let in");
        never_wider(access.grants_as_written(), &later, &project.pools, &record)?;
        never_wider(access.grants_as_written(), &given, &project.pools, &record)?;
        prop_assert_eq!(access.grants_as_stored(), &given[..]);
        // And the more that it had comes back with the maker's, no further.
        let access = enter(&stored.under(&maker), &Circumstances::unknown()).expect("is let in");
        prop_assert_eq!(access.grants_as_written(), &given[..]);
    }
}

#[test]
fn unless_its_issuer_is_known_and_in_use_an_issued_key_lets_nobody_in() {
    let seen = Circumstances::unknown();
    let maker = maker_of(draft(Vec::new()));
    let stored = issued_of(Vec::new(), &maker);
    assert!(enter(&stored.under(&maker), &seen).is_ok());
    assert_eq!(enter(&stored, &seen).err(), Some(AuthError::IssuerEnded));
    let refused = |change: &dyn Fn(&mut crate::keys::KeyParts)| {
        let mut parts = parts(draft(Vec::new()), &secret(1));
        change(&mut parts);
        let maker = Arc::new(KeyRecord::restore(parts));
        enter(&stored.under(&maker), &seen).err()
    };
    let ended = Some(AuthError::IssuerEnded);
    assert_eq!(refused(&|_| {}), None);
    assert_eq!(refused(&|parts| parts.disabled = true), ended);
    assert_eq!(
        refused(&|parts| parts.draft.expires_at = Some(noon())),
        ended
    );
    assert_eq!(refused(&|parts| parts.secrets.clear()), ended);
    assert_eq!(
        refused(&|parts| parts.secrets[0].expires_at = Some(noon())),
        ended
    );
    assert_eq!(
        refused(&|parts| {
            parts.secrets[0].quarantine = Some(crate::keys::Quarantine {
                since: noon(),
                networks: Arc::from([]),
            });
        }),
        ended
    );
    assert_eq!(
        refused(&|parts| parts.id = KeyId::from_bytes([3; 16])),
        ended
    );
    assert_eq!(
        refused(&|parts| parts.project = crate::ids::ProjectId::from_bytes([3; 16])),
        ended
    );
    // One that was issued itself issues nothing, whatever its grants say.
    assert_eq!(
        refused(&|parts| parts.draft.issued_by = Some(KeyId::from_bytes([3; 16]))),
        ended
    );
}

#[test]
fn the_restrictions_of_the_maker_hold_for_what_it_issued_as_they_are_now() {
    let maker = maker_of(draft(Vec::new()));
    let stored = issued_of(Vec::new(), &maker);
    let at = |address: &str| Circumstances::from_address(address.parse().ok());
    let mut restricted = draft(Vec::new());
    let ranges = [Value::String("192.0.2.0/24".into())];
    restricted.restrictions.ip_ranges = Some(IpRanges::parse(&ranges).expect("ranges"));
    let key = stored.under(&maker_of(restricted));
    assert!(enter(&key, &at("192.0.2.9")).is_ok());
    let refused = enter(&key, &at("198.51.100.9")).err();
    assert_eq!(refused, Some(AuthError::AddressNotAllowed));
    let mut signs = draft(Vec::new());
    signs.restrictions.signed_requests = true;
    let key = stored.under(&maker_of(signs));
    assert_eq!(
        enter(&key, &at("192.0.2.9")).err(),
        Some(AuthError::Unsigned)
    );
    // Nor may it derive tokens any more than its maker.
    let mut derives = stored.draft().clone();
    derives.derived_tokens = true;
    let mut parts = parts(derives, &secret(2));
    parts.id = stored.id();
    let key = KeyRecord::restore(parts).under(&maker);
    assert!(!key.draft().derived_tokens);
}

#[test]
fn a_key_is_issued_within_its_maker_and_what_is_not_said_is_the_makers() {
    let ranges = |text: &str| IpRanges::parse(&[Value::String(text.into())]).expect("ranges");
    let mut maker = draft(Vec::new());
    maker.expires_at = Some(at("2026-06-01T00:00:00Z"));
    maker.restrictions = Restrictions {
        ip_ranges: Some(ranges("192.0.2.0/24")),
        allowed_domains: None,
        signed_requests: true,
    };
    maker.limits.requests_per_second = std::num::NonZeroU32::new(5);
    let plain = draft(Vec::new());
    let given = plain.clone().within_maker(&maker, None).expect("is within");
    assert_eq!(given.restrictions, maker.restrictions);
    assert_eq!(given.limits, maker.limits);
    assert_eq!(given.expires_at, maker.expires_at);
    let refused = |change: &dyn Fn(&mut KeyDraft), before: Option<&KeyDraft>| {
        let mut asked = plain.clone();
        change(&mut asked);
        refusal(asked.within_maker(&maker, before))
    };
    let wide = |asked: &mut KeyDraft| asked.restrictions.ip_ranges = Some(ranges("192.0.0.0/16"));
    assert_eq!(refused(&wide, None), "InvalidValue /restrictions/ip_ranges");
    let late = |asked: &mut KeyDraft| asked.expires_at = Some(at("2026-06-01T00:00:01Z"));
    assert_eq!(
        refused(&late, None),
        "InvalidValue /restrictions/expires_at"
    );
    let fast = |asked: &mut KeyDraft| {
        asked.limits.requests_per_second = std::num::NonZeroU32::new(6);
    };
    assert_eq!(
        refused(&fast, None),
        "InvalidValue /limits/requests_per_second"
    );
    let derives = |asked: &mut KeyDraft| asked.derived_tokens = true;
    assert_eq!(refused(&derives, None), "InvalidValue /derived_tokens");
    // What it has already is not asked again, what is new is.
    let mut before = plain.clone();
    for change in [&wide as &dyn Fn(&mut KeyDraft), &late, &fast, &derives] {
        change(&mut before);
    }
    assert_eq!(
        before.clone().within_maker(&maker, Some(&before)),
        Ok(before.clone())
    );
    assert_eq!(
        refused(&wide, Some(&plain)),
        "InvalidValue /restrictions/ip_ranges"
    );
    let project = Project::new();
    for action in ["admin", "issue"] {
        let never = format!(r#"[{{"on":"project","actions":["{action}"]}}]"#);
        let never = project.grants(&never).expect("legal");
        let asked = |asked: &mut KeyDraft| asked.grants.clone_from(&never);
        assert_eq!(refused(&asked, None), "InvalidValue /grants/0/actions");
    }
}

#[test]
fn who_administers_may_give_the_action_issue_and_has_it_not_itself() {
    let project = Project::new();
    let of = |text: &str| project.grants(text).expect("legal");
    let admin = access_of(of(r#"[{"on":"project","actions":["admin"]}]"#));
    let issue = admin.permit::<Issue>(On::Project);
    assert!(matches!(issue, Err(Denied::NoGrant(Action::Issue))));
    let permit = admin.permit::<Admin>(On::Project).expect("administers");
    assert!(permit.narrow(of(&format!("[{ISSUE}]")), &[]).is_ok());
    let issues = access_of(of(&format!("[{ISSUE}]")));
    let admin = issues.permit::<Admin>(On::Project);
    assert!(matches!(admin, Err(Denied::NoGrant(Action::Admin))));
    let permit = issues.permit::<Issue>(On::Project).expect("issues");
    let refused = permit.narrow(of(r#"[{"on":"project","actions":["admin"]}]"#), &[]);
    assert_eq!(refusal(refused), "InvalidValue /grants/0/actions");
}

/// What its maker is held to since opens nothing that is not public any more.
#[test]
fn an_issued_key_in_a_page_sees_what_is_public_now_whatever_its_maker_is_held_to() {
    let mut project = Project::new();
    let held = |rows: &str| {
        let text = format!(r#"[{{"on":"pool:open","actions":["query"],"constraints":{rows}}}]"#);
        project.grants(&text).expect("legal")
    };
    let all = held(r#""all_rows""#);
    let maker = maker_of(draft(held(&only("a"))));
    let token = Secret::generate(KeyKind::Publishable, &SeededRandom::new(2));
    let mut parts = parts(draft(all), &token);
    parts.id = KeyId::from_bytes([9; 16]);
    parts.draft.kind = KeyKind::Publishable;
    parts.draft.issued_by = Some(maker.id());
    let key = KeyRecord::restore(parts).under(&maker);
    let access = key.verify(&token, &pepper(), &Circumstances::unknown(), noon());
    let access = access.expect("is let in");
    assert!(matches!(access.grants()[0].rows, Some(Constraint::Rows(_))));
    let private = Arc::clone(project.open());
    let refused = access.permit::<AskPool>(On::Pool(Some(&private)));
    assert!(matches!(refused, Err(Denied::NotFound)));
    let mut public = (*private).clone();
    public.draft.public = true;
    project.pools = vec![Arc::new(public)];
    let shown = access.permit::<AskPool>(On::Pool(project.pools.first()));
    assert!(shown.is_ok());
}

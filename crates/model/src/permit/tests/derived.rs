//! A derived token: whatever it claims, no more than its key has.

use proptest::prelude::*;

use super::narrow::{any_grant, grants, never_wider};
use super::rows::{any_constraint, any_record};
use super::*;
use crate::fixtures::{draft, grant_id, parts, pepper};
use crate::keys::{Circumstances, Envelope, KeyKind, KeyRecord};
use crate::random::SeededRandom;
use crate::secrets::Secret;

/// What one claim of a grant takes away, or says nothing of.
fn any_kept() -> impl Strategy<Value = String> {
    let id = (1_u8..7).prop_map(|number| grant_id(number).to_string());
    let actions = prop::option::of(prop::sample::subsequence(
        vec!["query", "schema", "delete", "ingest", "read"],
        1..4,
    ));
    let only = prop::option::of(prop::sample::subsequence(
        vec!["open", "strict", "third"],
        1..3,
    ));
    let more = prop::sample::select(vec![
        "",
        r#","fields":{"deny":["region"]}"#,
        r#","fields":{"allow":["n"]}"#,
        r#","injections":{"region":"eu"}"#,
        r#","injections":{"customer.id":"b"},"on_conflict":"reject""#,
    ]);
    let list = |names: Vec<&str>| format!("[\"{}\"]", names.join("\",\""));
    (id, actions, only, prop::option::of(any_constraint()), more).prop_map(
        move |(id, actions, only, rows, more)| {
            let actions =
                actions.map_or_else(String::new, |a| format!(r#","actions":{}"#, list(a)));
            let only = only.map_or_else(String::new, |o| format!(r#","only":{}"#, list(o)));
            let rows = rows.filter(|rows| rows.starts_with('['));
            let rows = rows.map_or_else(String::new, |rows| format!(r#","constraints":{rows}"#));
            format!(r#"{{"id":"{id}"{actions}{only}{rows}{more}}}"#)
        },
    )
}

fn any_claims() -> impl Strategy<Value = String> {
    let kept = proptest::collection::vec(any_kept(), 1..4);
    let kept = prop_oneof![
        1 => Just(r#""all_grants""#.to_owned()),
        3 => kept.prop_map(|kept| format!("[{}]", kept.join(","))),
    ];
    let rows = prop::option::of(any_constraint());
    let fields = prop::sample::select(vec!["", r#","fields":{"deny":["customer"]}"#]);
    (kept, rows, fields).prop_map(|(kept, rows, fields)| {
        let rows = rows.filter(|rows| rows.starts_with('['));
        let rows = rows.map_or_else(String::new, |rows| format!(r#","constraints":{rows}"#));
        format!(r#""grants":{kept}{rows}{fields}"#)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_derived_token_never_reaches_further_than_its_key(
        held in proptest::collection::vec(any_grant(), 1..5),
        claims in any_claims(),
        record in any_record(),
    ) {
        let mut project = Project::new();
        project.pools.push(pool(9, r#"{"name":"third","schema":"open"}"#));
        let Some(held) = grants(&project, &held) else {
            return Err(TestCaseError::reject("no legal grants"));
        };
        let secret = Secret::generate(KeyKind::Secret, &SeededRandom::new(1));
        let mut derives = draft(held.clone());
        derives.derived_tokens = true;
        let key = KeyRecord::restore(parts(derives, &secret));
        let claims = format!(
            r#"{{"aud":"{}","iat":1772366400,"exp":1772367300,"jti":"1772367300-0123456789abcdef",{claims}}}"#,
            key.project()
        );
        let token = Envelope::sign(&secret, &json(&claims));
        let envelope = Envelope::read(&token).expect("of the form");
        let Ok(token) = key.verify_derived(&envelope) else {
            return Err(TestCaseError::reject("a grant is named twice"));
        };
        let Ok(access) = key.admit_derived(&token, &Circumstances::unknown(), noon()) else {
            return Err(TestCaseError::reject("injects what its key does not"));
        };
        let left = access.grants_as_written();
        never_wider(left, &held, &project.pools, &record)?;
        for grant in left {
            // Each is one of the key's own, with some of its actions.
            let own = held.iter().find(|own| own.id == grant.id).expect("the key's own");
            prop_assert!(grant.actions.is_subset(&own.actions) && !grant.actions.is_empty());
            prop_assert!(grant.actions.iter().all(|action| own.on.covers_all_of(&grant.on, *action)));
            prop_assert_eq!(&grant.windows, &own.windows);
        }
        // Nor further than what its key is left with by then.
        let rest = held[1..].to_vec();
        let mut derives = draft(rest.clone());
        derives.derived_tokens = true;
        let key = KeyRecord::restore(parts(derives, &secret));
        if let Ok(access) = key.admit_derived(&token, &Circumstances::unknown(), noon()) {
            never_wider(access.grants_as_written(), &rest, &project.pools, &record)?;
        }
    }
}

#[test]
fn no_derived_token_administers_or_makes_tickets() {
    let mut project = Project::new();
    project.existing = Vec::new();
    let held = project
        .grants(r#"[{"on":"project","actions":["admin"]},{"on":"pool:*","actions":["query"],"constraints":"all_rows"}]"#)
        .expect("legal");
    let secret = Secret::generate(KeyKind::Secret, &SeededRandom::new(1));
    let mut derives = draft(held);
    derives.derived_tokens = true;
    let key = KeyRecord::restore(parts(derives, &secret));
    let claims = format!(
        r#"{{"aud":"{}","iat":1772366400,"exp":1772367300,"jti":"1772367300-0123456789abcdef","grants":"all_grants"}}"#,
        key.project()
    );
    let token = Envelope::sign(&secret, &json(&claims));
    let envelope = Envelope::read(&token).expect("of the form");
    let token = key.verify_derived(&envelope).expect("good");
    let access = key
        .admit_derived(&token, &Circumstances::unknown(), noon())
        .expect("let in");
    let admin = access.permit::<Admin>(On::Project);
    assert!(matches!(admin, Err(Denied::NoGrant(Action::Admin))));
    assert!(!access.is_scoped());
    assert_eq!(access.grants_of_key(), &**key.grants());
    let plain = key
        .verify(&secret, &pepper(), &Circumstances::unknown(), noon())
        .expect("let in");
    assert!(plain.permit::<Admin>(On::Project).is_ok());
    assert_eq!(plain.derived_policy(), None);
    assert!(access.derived_policy().is_some());
}

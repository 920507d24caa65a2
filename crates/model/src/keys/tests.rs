use super::*;
use crate::fixtures::{Project, at, draft, json, noon, parts, pepper, refusal};
use crate::random::SeededRandom;
use crate::secrets::counted::{Work, work_of};
use crate::value::Value;

fn secret(seed: u64) -> Secret {
    Secret::generate(KeyKind::Secret, &SeededRandom::new(seed))
}

const GOOD: &str = r#"{"name":"Ada Corp dashboard","description":"d","kind":"secret",
    "grants":[{"on":"view:records","actions":["read"],"constraints":[{"field":"customer.id","operator":"eq","value":"93i"}]}],
    "restrictions":{"ip_ranges":null,"allowed_domains":null,"signed_requests":false,"expires_at":"2027-01-01T00:00:00Z"},
    "limits":{"requests_per_second":null,"concurrent_queries":null,"credits":{"core":null,"premium":null}}}"#;

#[test]
fn a_definition_reads_back_as_it_was_written() {
    let mut project = Project::new();
    let long = format!(r#"{{"name":"{}","grants":[]}}"#, "é".repeat(256));
    for text in [
        GOOD,
        r#"{"name":"ключ / * : $","grants":[]}"#,
        long.as_str(),
    ] {
        let read = KeyDraft::parse(&json(text), &project).expect("legal");
        project.existing = read.grants.clone();
        assert_eq!(
            KeyDraft::parse(&read.to_value(), &project),
            Ok(read.clone())
        );
        let text = json(&crate::json::to_text(&read.to_value()));
        assert_eq!(KeyDraft::parse(&text, &project), Ok(read));
    }
}

#[test]
fn whatever_is_wrong_or_not_enforced_is_refused_at_its_place() {
    let project = Project::new();
    let cases = [
        (r#"{"name":null}"#, "MissingMember /name"),
        (r#"{"name":1}"#, "WrongType /name"),
        (r#"{"name":""}"#, "InvalidName /name"),
        (r#"{"description":1}"#, "WrongType /description"),
        (r#"{"kind":"legacy"}"#, "NotAvailable /kind"),
        (r#"{"kind":"SECRET"}"#, "InvalidValue /kind"),
        (r#"{"kind":1}"#, "WrongType /kind"),
        (r#"{"grants":null}"#, "MissingMember /grants"),
        (r#"{"grants":{}}"#, "WrongType /grants"),
        (r#"{"grants":"all"}"#, "WrongType /grants"),
        (r#"{"grants":[{}]}"#, "MissingMember /grants/0/on"),
        (r#"{"grants":[1]}"#, "WrongType /grants/0"),
        (r#"{"token":"tg_sk_x"}"#, "UnknownMember /token"),
        (r#"{"id":"x"}"#, "UnknownMember /id"),
        (r#"{"status":"active"}"#, "UnknownMember /status"),
        (r#"{"restrictions":[]}"#, "WrongType /restrictions"),
        (
            r#"{"restrictions":{"ip_ranges":["10.0.0.0/8","10.0.0.1/8"]}}"#,
            "InvalidValue /restrictions/ip_ranges/1",
        ),
        (
            r#"{"restrictions":{"ip_ranges":[]}}"#,
            "InvalidValue /restrictions/ip_ranges",
        ),
        (
            r#"{"restrictions":{"ip_ranges":"any"}}"#,
            "WrongType /restrictions/ip_ranges",
        ),
        (
            r#"{"restrictions":{"allowed_domains":["a.example"]}}"#,
            "InvalidValue /restrictions/allowed_domains",
        ),
        (
            r#"{"kind":"publishable","restrictions":{"allowed_domains":["a.example","*"]}}"#,
            "InvalidValue /restrictions/allowed_domains/1",
        ),
        (
            r#"{"restrictions":{"allowed_domains":false}}"#,
            "WrongType /restrictions/allowed_domains",
        ),
        (
            r#"{"restrictions":{"signed_requests":1}}"#,
            "WrongType /restrictions/signed_requests",
        ),
        (
            r#"{"restrictions":{"expires_at":"soon"}}"#,
            "InvalidValue /restrictions/expires_at",
        ),
        (
            r#"{"restrictions":{"expires_at":1}}"#,
            "WrongType /restrictions/expires_at",
        ),
        (
            r#"{"restrictions":{"ips":null}}"#,
            "UnknownMember /restrictions/ips",
        ),
        (r#"{"limits":1}"#, "WrongType /limits"),
        (
            r#"{"limits":{"requests_per_second":0}}"#,
            "InvalidValue /limits/requests_per_second",
        ),
        (
            r#"{"limits":{"concurrent_queries":0}}"#,
            "InvalidValue /limits/concurrent_queries",
        ),
        (r#"{"limits":{"credits":1}}"#, "WrongType /limits/credits"),
        (
            r#"{"limits":{"credits":{"core":{"amount":1,"period":"year"}}}}"#,
            "InvalidValue /limits/credits/core/period",
        ),
        (
            r#"{"limits":{"credits":{"premium":0}}}"#,
            "WrongType /limits/credits/premium",
        ),
        (
            r#"{"limits":{"credits":{"gold":null}}}"#,
            "UnknownMember /limits/credits/gold",
        ),
        (
            r#"{"limits":{"bytes":null}}"#,
            "UnknownMember /limits/bytes",
        ),
    ];
    for (patch, expected) in cases {
        let sent = replaced(&json(GOOD), &json(patch));
        assert_eq!(
            refusal(KeyDraft::parse(&sent, &project)),
            expected,
            "{patch}"
        );
    }
    let long = json(&format!(r#"{{"name":"{}","grants":[]}}"#, "é".repeat(257)));
    assert_eq!(
        refusal(KeyDraft::parse(&long, &project)),
        "InvalidName /name"
    );
    for no_object in ["[]", "null", "1", "\"key\""] {
        assert_eq!(
            refusal(KeyDraft::parse(&json(no_object), &project)),
            "WrongType "
        );
    }
}

fn replaced(base: &Value, changes: &Value) -> Value {
    let mut object = base.as_object().expect("an object").clone();
    for (name, value) in changes.as_object().expect("an object").iter() {
        object = object.with(name, value.clone());
    }
    Value::Object(object)
}

#[test]
fn only_the_right_secret_lets_in() {
    let right = secret(1);
    let record = KeyRecord::restore(parts(draft(Vec::new()), &right));
    let access = record
        .verify(&right, &pepper(), &Circumstances::unknown(), noon())
        .expect("the right secret");
    assert_eq!(
        (access.key(), access.project(), access.secret()),
        (record.id(), record.project(), right.id())
    );
    assert_eq!(
        record
            .verify(&secret(2), &pepper(), &Circumstances::unknown(), noon())
            .err(),
        Some(AuthError::Unknown)
    );
    let other_pepper = Pepper::from_bytes([8; 32]);
    assert_eq!(
        record
            .verify(&right, &other_pepper, &Circumstances::unknown(), noon())
            .err(),
        Some(AuthError::Unknown)
    );
    assert_eq!(
        KeyRecord::verify_absent(&right, &pepper()),
        AuthError::Unknown
    );
}

#[test]
fn a_secret_with_the_id_of_another_is_unknown() {
    let (right, other) = (secret(1), secret(2));
    let mut stored = parts(draft(Vec::new()), &right);
    stored.secrets[0].hash = other.hash(&pepper());
    let record = KeyRecord::restore(stored);
    assert_eq!(
        record
            .verify(&right, &pepper(), &Circumstances::unknown(), noon())
            .err(),
        Some(AuthError::Unknown)
    );
}

#[test]
fn each_of_two_secrets_lets_in_until_its_own_end() {
    let (old, new) = (secret(1), secret(2));
    let mut stored = parts(draft(Vec::new()), &old);
    let mut second = parts(draft(Vec::new()), &new).secrets;
    stored.secrets[0].expires_at = Some(noon());
    stored.secrets.append(&mut second);
    let record = KeyRecord::restore(stored);
    let before = at("2026-03-01T11:59:59.999999Z");
    assert!(
        record
            .verify(&old, &pepper(), &Circumstances::unknown(), before)
            .is_ok()
    );
    assert_eq!(
        record
            .verify(&old, &pepper(), &Circumstances::unknown(), noon())
            .err(),
        Some(AuthError::Expired)
    );
    assert!(
        record
            .verify(&new, &pepper(), &Circumstances::unknown(), noon())
            .is_ok()
    );
    assert_eq!(
        record.status(noon()),
        KeyStatus::Active,
        "an old secret's end is not the key's"
    );
}

#[test]
fn a_key_ends_exactly_at_its_instant() {
    let right = secret(1);
    let mut ending = draft(Vec::new());
    ending.expires_at = Some(noon());
    let record = KeyRecord::restore(parts(ending, &right));
    let before = at("2026-03-01T11:59:59.999999Z");
    let after = at("2026-03-01T12:00:00.000001Z");
    assert!(
        record
            .verify(&right, &pepper(), &Circumstances::unknown(), before)
            .is_ok()
    );
    assert_eq!(record.status(before), KeyStatus::Active);
    for now in [noon(), after] {
        assert_eq!(
            record
                .verify(&right, &pepper(), &Circumstances::unknown(), now)
                .err(),
            Some(AuthError::Expired)
        );
        assert_eq!(record.status(now), KeyStatus::Expired);
    }
}

#[test]
fn a_disabled_key_lets_nobody_in() {
    let right = secret(1);
    let mut stored = parts(draft(Vec::new()), &right);
    stored.disabled = true;
    let record = KeyRecord::restore(stored);
    assert_eq!(
        record
            .verify(&right, &pepper(), &Circumstances::unknown(), noon())
            .err(),
        Some(AuthError::Disabled)
    );
    assert_eq!(
        record
            .verify(&secret(2), &pepper(), &Circumstances::unknown(), noon())
            .err(),
        Some(AuthError::Unknown)
    );
    assert_eq!(record.status(noon()), KeyStatus::Disabled);
    assert!(record.is_disabled());
}

#[test]
fn a_disabled_key_past_its_end_is_expired() {
    let right = secret(1);
    let mut ending = draft(Vec::new());
    ending.expires_at = Some(noon());
    let mut stored = parts(ending, &right);
    stored.disabled = true;
    let record = KeyRecord::restore(stored);
    assert_eq!(record.status(noon()), KeyStatus::Expired);
    assert!(
        record
            .verify(&right, &pepper(), &Circumstances::unknown(), noon())
            .is_err()
    );
}

#[test]
fn words_on_the_wire() {
    let status = [KeyStatus::Active, KeyStatus::Disabled, KeyStatus::Expired].map(KeyStatus::name);
    assert_eq!(status, ["active", "disabled", "expired"]);
    assert_eq!(
        KeyKind::NATIVE.map(KeyKind::name),
        ["secret", "publishable"]
    );
}

#[test]
fn only_the_action_admin_makes_an_administrator() {
    let project = Project::new();
    let read = |grants: &str| {
        KeyDraft::parse(
            &json(&format!(r#"{{"name":"k","grants":{grants}}}"#)),
            &project,
        )
        .expect("legal")
    };
    assert!(read(r#"[{"on":"project","actions":["admin"]}]"#).is_admin());
    assert!(
        !read(r#"[{"on":"pool:*","actions":["query","delete"],"constraints":"all_rows"}]"#)
            .is_admin()
    );
    assert!(!read("[]").is_admin());
}

const ONE_OF_EACH: Work = Work {
    hashes: 1,
    compares: 1,
};

/// A text that passes as a token and has the public part of `secret(1)`.
fn disguised() -> Secret {
    let made = Secret::generate(KeyKind::Publishable, &SeededRandom::new(1));
    Secret::parse(made.reveal()).expect("its checksum is right")
}

#[test]
fn k3_whoever_comes_by_a_known_id_is_hashed_once_and_compared_once() {
    let (right, disguised, old) = (secret(1), disguised(), secret(2));
    assert_eq!(disguised.id(), right.id());
    let of = |change: fn(&mut KeyParts)| {
        let mut stored = parts(draft(Vec::new()), &right);
        change(&mut stored);
        KeyRecord::restore(stored)
    };
    let with_two = of(|stored| {
        let replaced = SecretRecord {
            expires_at: Some(at("2027-01-01T00:00:00Z")),
            ..SecretRecord::fresh(&secret(2), &pepper(), noon())
        };
        stored.secrets.insert(0, replaced);
    });
    let of_another = of(|stored| stored.secrets[0].hash = secret(3).hash(&pepper()));
    let disabled = of(|stored| stored.disabled = true);
    let disabled_of_another = of(|stored| {
        stored.disabled = true;
        stored.secrets[0].hash = secret(3).hash(&pepper());
    });
    let expired = of(|stored| stored.draft.expires_at = Some(noon()));
    let replaced = of(|stored| stored.secrets[0].expires_at = Some(noon()));
    let signing = of(|stored| stored.draft.restrictions.signed_requests = true);
    for (name, record, presented, expected) in [
        ("right", of(|_| {}), &right, None),
        ("newer of two", with_two.clone(), &right, None),
        ("older of two", with_two, &old, None),
        ("wrong", of_another, &right, Some(AuthError::Unknown)),
        (
            "another kind",
            of(|_| {}),
            &disguised,
            Some(AuthError::Unknown),
        ),
        (
            "disabled",
            disabled.clone(),
            &right,
            Some(AuthError::Disabled),
        ),
        (
            "disabled, another kind",
            disabled,
            &disguised,
            Some(AuthError::Unknown),
        ),
        (
            "disabled, wrong",
            disabled_of_another,
            &right,
            Some(AuthError::Unknown),
        ),
        ("expired", expired, &right, Some(AuthError::Expired)),
        ("replaced", replaced, &right, Some(AuthError::Expired)),
        ("signs", signing, &right, Some(AuthError::Unsigned)),
    ] {
        let seen = Circumstances::unknown();
        let verify = || record.verify(presented, &pepper(), &seen, noon()).err();
        assert_eq!(work_of(verify), (expected, ONE_OF_EACH), "{name}");
    }
}

#[test]
fn k3_whoever_comes_by_an_unknown_id_is_hashed_once_and_compared_once() {
    let keen = Secret::generate(KeyKind::Legacy, &SeededRandom::new(4));
    for presented in [&secret(1), &disguised(), &keen] {
        let verify = || KeyRecord::verify_absent(presented, &pepper());
        assert_eq!(work_of(verify), (AuthError::Unknown, ONE_OF_EACH));
        // Whoever reports a token learns no more by the time of it.
        let record = KeyRecord::restore(parts(draft(Vec::new()), presented));
        let has = || record.has_secret(presented, &pepper());
        assert_eq!(work_of(has), (true, ONE_OF_EACH));
    }
}

#[test]
fn k3_a_mistyped_token_is_refused_before_anything_is_hashed() {
    let right = secret(1);
    let typed = right.reveal();
    for place in 0..typed.len() {
        let other = if typed.as_bytes()[place] == b'0' {
            "1"
        } else {
            "0"
        };
        let typed = format!("{}{other}{}", &typed[..place], &typed[place + 1..]);
        let nothing = Work {
            hashes: 0,
            compares: 0,
        };
        let read = || Secret::parse(&typed).is_some();
        assert_eq!(work_of(read), (false, nothing), "{typed}");
    }
}

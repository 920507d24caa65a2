use super::*;
use crate::fault::FaultCode;
use crate::grants::Action;
use crate::ids::{PersonId, ProjectId};
use crate::json;
use crate::random::SeededRandom;
use crate::secrets::Pepper;
use crate::secrets::counted::passwords_of;
use crate::time::Timestamp;
use crate::value::Value;

const GOOD: &str = "violet harbour under glass";

fn pepper(byte: u8) -> Pepper {
    Pepper::from_bytes([byte; 32])
}

fn refused(text: &str) -> bool {
    let refused = Password::choose(text, &["ada.lovelace@example.com", "Ada Lovelace Byron"]);
    matches!(refused, Err(fault) if fault.code == FaultCode::InvalidValue)
}

#[test]
fn k10_a_password_is_long_and_not_among_the_first_to_be_guessed() {
    for text in [
        "",
        "short",
        "fourteen chars",
        &"x".repeat(257),
        "passwordpassword",
        "PasswordPassword",
        "qwertyuiopasdfgh",
        "correcthorsebatterystaple",
        "123456789012345",
        "098765432109876",
        "abcdefghijklmnop",
        "ponmlkjihgfedcba",
        "aaaaaaaaaaaaaaa",
        "abababababababab",
        "abcdabcdabcdabcdabcd",
        "ada.lovelace@example.com",
        "Ada.LovelaceAda.Lovelace",
        "ada lovelace byron",
    ] {
        assert!(refused(text), "{text}");
    }
    // Neither digits nor capitals nor signs are asked for.
    for text in [
        GOOD,
        "fifteen letters",
        "violetharbourunderglass",
        "пароль из пяти слов",
    ] {
        assert!(!refused(text), "{text}");
    }
}

#[test]
fn k10_a_stored_password_is_argon2id_at_the_stated_costs_under_the_pepper() {
    let random = SeededRandom::new(3);
    let password = Password::choose(GOOD, &[]).expect("a good one");
    let stored = password.hash(&pepper(1), &random);
    let bytes = stored.to_bytes();
    // 19 MiB, two passes, one lane.
    let costs: Vec<u8> = [19_u32 * 1_024, 2, 1]
        .iter()
        .flat_map(|cost| cost.to_be_bytes())
        .collect();
    assert_eq!((bytes[0], &bytes[1..13]), (1, &costs[..]));
    let again = PasswordHash::from_bytes(&bytes).expect("reads");
    assert!(password.is(&again, &pepper(1)));
    assert!(!password.is(&again, &pepper(2)), "another pepper");
    let other = Password::presented("violet harbour under glasS").expect("fits");
    assert!(!other.is(&again, &pepper(1)));
    assert!(!password.is(&PasswordHash::of_nobody(), &pepper(1)));
    // The same password twice is not the same stored text.
    assert_ne!(password.hash(&pepper(1), &random).to_bytes(), bytes);
    // A hash that is cheaper to guess is none.
    for at in [3, 4, 8] {
        let mut cheap = bytes.clone();
        cheap[at] = 0;
        if cheap != bytes {
            assert!(PasswordHash::from_bytes(&cheap).is_none(), "byte {at}");
        }
    }
    assert!(PasswordHash::from_bytes(&bytes[1..]).is_none());
}

/// By the time of an answer nobody learns who is known: the work of a password
/// is counted, not timed.
#[test]
fn k10_a_password_is_the_same_work_whoever_has_the_name_and_when_nobody_has() {
    let right = Password::choose(GOOD, &[]).expect("a good one");
    let wrong = Password::presented("violet harbour under glasS").expect("fits");
    let stored = right.hash(&pepper(1), &SeededRandom::new(5));
    let stored = PasswordHash::from_bytes(&stored.to_bytes()).expect("reads");
    let nobodys = PasswordHash::of_nobody();
    // One hash, which passes over 19 MiB twice.
    let one = (1, 2 * 19 * 1_024);
    for (name, presented, compared, expected) in [
        ("right", &right, &stored, true),
        ("wrong", &wrong, &stored, false),
        ("nobody's", &right, &nobodys, false),
    ] {
        let is = || presented.is(compared, &pepper(1));
        assert_eq!(passwords_of(is), (expected, one), "{name}");
    }
}

#[test]
fn k9_a_recovery_code_has_128_bits_and_is_read_as_people_write_it() {
    let random = SeededRandom::new(4);
    let code = RecoveryCode::generate(&random);
    assert_eq!(code.reveal().len(), 26);
    let written = format!(" {}-{} ", &code.reveal()[..13], &code.reveal()[13..]).to_lowercase();
    let read = RecoveryCode::parse(&written).expect("reads");
    assert_eq!(read.hash(&pepper(1)), code.hash(&pepper(1)));
    assert_ne!(read.hash(&pepper(2)), code.hash(&pepper(1)));
    for text in [
        "",
        "AAAA",
        &code.reveal()[1..],
        &format!("{}A", code.reveal()),
    ] {
        assert!(RecoveryCode::parse(text).is_none(), "{text}");
    }
}

#[test]
fn k10_a_session_token_has_256_bits() {
    let random = SeededRandom::new(5);
    let token = SessionToken::generate(&random);
    assert_eq!(token.reveal().len(), 43);
    let read = SessionToken::parse(token.reveal()).expect("reads");
    assert_eq!(read.hash(&pepper(1)), token.hash(&pepper(1)));
    assert!(SessionToken::parse(&token.reveal()[1..]).is_none());
}

#[test]
fn k8_a_sealed_secret_opens_for_its_person_under_its_pepper_alone() {
    let random = SeededRandom::new(6);
    let [ada, bob] = [0, 1].map(|_| PersonId::generate(Timestamp::EPOCH, &random));
    let totp = Totp::generate(&random);
    let sealed = totp.seal(ada, &pepper(1), &random);
    let opened = sealed.open(ada, &pepper(1)).expect("opens");
    assert_eq!(opened.reveal().as_str(), totp.reveal().as_str());
    assert!(sealed.open(bob, &pepper(1)).is_none(), "another person");
    assert!(sealed.open(ada, &pepper(2)).is_none(), "another pepper");
    // 160 bits, in base 32.
    assert_eq!(totp.reveal().len(), 32);
    assert!(!sealed.as_str().contains(totp.reveal().as_str()));
}

#[test]
fn an_app_reads_the_address() {
    let totp = Totp::generate(&SeededRandom::new(7));
    let name = SignInName::parse("Ada+x@Example.com").expect("a name");
    let address = totp.address(&name);
    let secret = totp.reveal();
    let expected = format!(
        "otpauth://totp/Tidegate:ada%2Bx%40example.com?secret={}&issuer=Tidegate",
        secret.as_str()
    );
    assert_eq!(address.as_str(), expected);
    let now = Timestamp::parse("2026-06-01T12:00:00Z").expect("a time");
    let read = Totp::parse(&secret).expect("reads").shown_at(now);
    let code = Code::parse(&read).expect("a code");
    assert!(totp.step_of(&code, now, 0).is_some());
}

#[test]
fn a_sign_in_name_is_an_address_in_lower_case() {
    let name = SignInName::parse("Ada@Example.COM").expect("a name");
    assert_eq!(name.as_str(), "ada@example.com");
    for text in [
        "",
        "ada",
        "@b",
        "a@",
        "a@b@c",
        "a b@c",
        "a\n@b",
        &format!("{}@b", "a".repeat(254)),
    ] {
        assert!(SignInName::parse(text).is_err(), "{text:?}");
    }
}

fn role(text: &str) -> Result<RoleGrant, FaultCode> {
    let value = json::parse(text.as_bytes()).expect("JSON");
    RoleGrant::parse(&value).map_err(|fault| fault.code)
}

#[test]
fn a_constraint_holds_every_role_but_an_owner_in_all_that_it_touches() {
    use crate::filters::Constraint;
    let constraints = r#"[{"field":"customer","operator":"eq","value":"a"}]"#;
    let project = ProjectId::from_bytes([1; 16]).to_string();
    for known in Role::ALL {
        for project in ["null".to_owned(), format!("\"{project}\"")] {
            let text = format!(
                r#"{{"role":"{}","project":{project},"constraints":{constraints}}}"#,
                known.name()
            );
            let read = role(&text);
            let names_project = project != "null";
            match known {
                Role::Owner => assert_eq!(read, Err(FaultCode::InvalidValue), "{known:?}"),
                Role::Admin | Role::Developer if !names_project => {
                    assert_eq!(read, Err(FaultCode::InvalidValue), "{known:?}");
                }
                _ => {
                    let read = read.expect("a role");
                    let grants = read.grants().expect("grants");
                    let rows = grants.iter().filter(|grant| grant.rows.is_some());
                    assert!(rows.clone().count() > 0);
                    let held = |grant: &crate::grants::Grant| {
                        matches!(grant.rows, Some(Constraint::Rows(_)))
                    };
                    assert!(rows.clone().all(held), "{known:?}");
                    let writes = read.may(Area::WriteRecords);
                    let mut stamped = grants.iter().filter(|grant| grant.allows(Action::Ingest));
                    assert_eq!(stamped.clone().count(), usize::from(writes), "{known:?}");
                    let stamps = |grant: &crate::grants::Grant| {
                        let values = &grant.injections.values;
                        values.len() == 1 && values[0].1 == Value::from("a")
                    };
                    assert!(stamped.all(stamps), "{known:?}");
                    let admin = grants.iter().any(|grant| grant.allows(Action::Admin));
                    assert_eq!(admin, known == Role::Admin, "{known:?}");
                    let beyond = [Area::Owners, Area::Projects, Area::Audit, Area::Definitions];
                    assert!(beyond.into_iter().all(|area| !read.may(area)), "{known:?}");
                }
            }
        }
    }
}

#[test]
fn rows_that_cannot_be_stamped_are_not_written_by_who_is_held_to_them() {
    let project = ProjectId::from_bytes([1; 16]);
    for (rows, writes) in [
        (
            r#"[{"field":"a","operator":"eq","value":1},{"field":"b","operator":"eq","value":true}]"#,
            true,
        ),
        (
            r#"[{"all":[{"field":"a","operator":"eq","value":1}]}]"#,
            true,
        ),
        (r#"[{"field":"a","operator":"in","value":[1,2]}]"#, false),
        (
            r#"[{"field":"a","operator":"eq","value":1},{"field":"b","operator":"gt","value":1}]"#,
            false,
        ),
        (
            r#"[{"any":[{"field":"a","operator":"eq","value":1}]}]"#,
            false,
        ),
        (
            r#"[{"not":{"field":"a","operator":"eq","value":1}}]"#,
            false,
        ),
        (
            r#"[{"field":"a","operator":"eq","value":1},{"field":"a","operator":"eq","value":2}]"#,
            false,
        ),
        (
            r#"[{"field":"a","operator":"eq","value":1},{"field":"a.b","operator":"eq","value":2}]"#,
            false,
        ),
        (r#"[{"field":"_key","operator":"eq","value":"k"}]"#, false),
    ] {
        let text = format!(r#"{{"role":"developer","project":"{project}","constraints":{rows}}}"#);
        let grants = role(&text).expect("a role").grants().expect("grants");
        let found = grants.iter().any(|grant| grant.allows(Action::Ingest));
        assert_eq!(found, writes, "{rows}");
        assert!(
            grants.iter().any(|grant| grant.allows(Action::Delete)),
            "{rows}"
        );
    }
}

#[test]
fn every_role_opens_no_more_than_the_one_before_it() {
    for pair in Role::ALL.windows(2) {
        for area in Area::ALL {
            assert!(pair[0].may(area) || !pair[1].may(area), "{pair:?} {area:?}");
        }
        assert!(
            Area::ALL
                .iter()
                .any(|a| pair[0].may(*a) && !pair[1].may(*a))
        );
    }
}

#[test]
fn only_roles_that_administer_have_the_action_admin() {
    for known in Role::ALL {
        let grants = role(&format!(r#"{{"role":"{}"}}"#, known.name()));
        let grants = grants.expect("a role").grants().expect("grants");
        let admin = grants
            .iter()
            .any(|g| g.allows(crate::grants::Action::Admin));
        assert_eq!(admin, known.may(Area::Definitions), "{known:?}");
    }
}

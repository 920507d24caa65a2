use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::fixtures::{Project, at, draft, json, noon, parts, pepper};
use crate::keys::{IpRanges, Restrictions};
use crate::secrets::Secret;

/// A token, and what another implementation derived from it at noon:
/// `docs/restrictions/derive.py`.
const TOKEN: &str = "tg_sk_AbCdEfGhIjKl_000000000000000000000000000000000000000000709H3UK";
const DERIVED: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6InRpZGVnYXRlLWRlcml2ZWQrand0Iiwia2lkIjoiQWJDZEVmR2hJaktsIn0.eyJhdWQiOiIwNTAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMSIsImlhdCI6MTc3MjM2NjQwMCwiZXhwIjoxNzcyMzY3MzAwLCJqdGkiOiIxNzcyMzY3MzAwLTAxMjM0NTY3ODlhYmNkZWYiLCJncmFudHMiOiJhbGxfZ3JhbnRzIiwiY29uc3RyYWludHMiOlt7ImZpZWxkIjoicmVnaW9uIiwib3BlcmF0b3IiOiJlcSIsInZhbHVlIjoiZXUifV19.xT0wHrDwDKaOY3gojNR55VfzWJh0f6sZEWzGKHaNWgNq4oBZScZUGN_0E3XW28XD4RtfIfzqOZqUgp3_9m6ECw";
const KID: &str = "AbCdEfGhIjKl";
const PROJECT: &str = "05000000000000000000000001";
const ID: &str = "1772367300-0123456789abcdef";

fn secret() -> Secret {
    Secret::parse(TOKEN).expect("a token")
}

fn record() -> KeyRecord {
    with(|_| {})
}

/// A key that derives, with a grant on each of two pools.
fn with(change: impl FnOnce(&mut super::super::KeyDraft)) -> KeyRecord {
    let grants = Project::new()
        .grants(
            r#"[{"on":"pool:strict","actions":["query","schema","ingest"],"constraints":"all_rows"},
            {"on":"view:*","actions":["read"],"constraints":[{"field":"n","operator":"gt","value":1}]}]"#,
        )
        .expect("legal");
    let mut derives = draft(grants);
    derives.derived_tokens = true;
    change(&mut derives);
    KeyRecord::restore(parts(derives, &secret()))
}

fn let_in(record: &KeyRecord, token: &str, now: Timestamp) -> Result<Access, AuthError> {
    let envelope = Envelope::read(token).map_err(AuthError::Derived)?;
    let token = record.verify_derived(&envelope)?;
    record.admit_derived(&token, &Circumstances::unknown(), now)
}

fn claims(change: &[(&str, Option<&str>)]) -> String {
    let mut members = vec![
        ("aud", format!("\"{PROJECT}\"")),
        ("iat", "1772366400".to_owned()),
        ("exp", "1772367300".to_owned()),
        ("jti", format!("\"{ID}\"")),
        ("grants", "\"all_grants\"".to_owned()),
    ];
    for (name, value) in change {
        members.retain(|(known, _)| known != name);
        members.extend(value.map(|value| (*name, value.to_owned())));
    }
    let members = members
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// Any two texts, signed whatever they are.
fn signed(header: &str, payload: &str) -> String {
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let signature = secret().sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn header() -> String {
    format!(r#"{{"alg":"EdDSA","typ":"{DERIVED_TYPE}","kid":"{KID}"}}"#)
}

fn good() -> String {
    signed(&header(), &claims(&[]))
}

#[test]
fn what_another_implementation_derives_is_let_in() {
    let record = record();
    let access = let_in(&record, DERIVED, noon()).expect("good");
    assert_eq!(access.key(), record.id());
    assert_eq!(access.secret(), secret().id());
    let token = access.derived_token().expect("by a derived token");
    assert_eq!(token.id().as_str(), ID);
    assert_eq!(token.id().ends(), at("2026-03-01T12:15:00Z"));
    // The claim is on the rows of every grant, beside the key's own.
    let rows: Vec<String> = access
        .grants()
        .iter()
        .map(|grant| crate::json::to_text(&grant.rows.clone().expect("rows").to_value()))
        .collect();
    assert_eq!(
        rows[0],
        r#"[{"field":"region","operator":"eq","value":"eu"}]"#
    );
    assert_eq!(
        rows[1],
        r#"[{"field":"n","operator":"gt","value":1},{"field":"region","operator":"eq","value":"eu"}]"#
    );
    // And what is made here is the same.
    let own = Envelope::sign(&secret(), &json(&claims(&[])));
    let_in(&record, &own, noon()).expect("good");
}

#[test]
fn every_alteration_is_refused() {
    let record = record();
    let good = good();
    let_in(&record, &good, noon()).expect("good");
    let h = |header: &str| signed(header, &claims(&[]));
    let c = |change: &[(&str, Option<&str>)]| signed(&header(), &claims(change));
    let parts: Vec<&str> = good.split('.').collect();
    let none = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
        parts[1]
    );
    let hmac = {
        // Signed with the public half as if it were a shared secret.
        use hmac::{Hmac, KeyInit, Mac};
        let header = header().replace("EdDSA", "HS256");
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), parts[1]);
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&secret().public_key()).expect("a key");
        mac.update(text.as_bytes());
        format!(
            "{text}.{}",
            URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
        )
    };
    let last = |to: &str| format!("{}{to}", &good[..good.len() - 1]);
    let cases: Vec<(&str, String)> = vec![
        ("no algorithm", none),
        ("the public half as a shared secret", hmac),
        ("HS256", h(&header().replace("EdDSA", "HS256"))),
        ("RS256", h(&header().replace("EdDSA", "RS256"))),
        ("ES256", h(&header().replace("EdDSA", "ES256"))),
        (
            "EdDSA in other letters",
            h(&header().replace("EdDSA", "eddsa")),
        ),
        ("Ed25519", h(&header().replace("EdDSA", "Ed25519"))),
        ("another type", h(&header().replace(DERIVED_TYPE, "JWT"))),
        ("no type", h(&format!(r#"{{"alg":"EdDSA","kid":"{KID}"}}"#))),
        (
            "no kid",
            h(&format!(r#"{{"alg":"EdDSA","typ":"{DERIVED_TYPE}"}}"#)),
        ),
        ("another kid", h(&header().replace(KID, "AbCdEfGhIjKm"))),
        (
            "a kid that is none",
            h(&header().replace(KID, "../../etc/pw")),
        ),
        (
            "a kid that is a number",
            h(&header().replace(&format!("\"{KID}\""), "1")),
        ),
        ("crit", h(&header().replace('}', r#","crit":["exp"]}"#))),
        ("jwk", h(&header().replace('}', r#","jwk":{"kty":"OKP"}}"#))),
        (
            "jku",
            h(&header().replace('}', r#","jku":"https://evil.example"}"#)),
        ),
        ("x5c", h(&header().replace('}', r#","x5c":["AA=="]}"#))),
        (
            "x5u",
            h(&header().replace('}', r#","x5u":"https://evil.example"}"#)),
        ),
        ("zip", h(&header().replace('}', r#","zip":"DEF"}"#))),
        ("b64", h(&header().replace('}', r#","b64":false}"#))),
        ("alg twice", h(&header().replace('}', r#","alg":"none"}"#))),
        (
            "kid twice",
            h(&header().replace('}', &format!(r#","kid":"{KID}"}}"#))),
        ),
        ("a header that is a list", h("[]")),
        ("a header that is no JSON", h("alg")),
        ("text behind the header", h(&format!("{}x", header()))),
        ("no audience", c(&[("aud", None)])),
        (
            "another audience",
            c(&[("aud", Some("\"05000000000000000000000002\""))]),
        ),
        (
            "several audiences",
            c(&[("aud", Some(&format!("[\"{PROJECT}\"]")))]),
        ),
        ("no iat", c(&[("iat", None)])),
        ("made later than now", c(&[("iat", Some("1772366431"))])),
        ("made when it ends", c(&[("iat", Some("1772367300"))])),
        ("iat as a text", c(&[("iat", Some("\"1772366400\""))])),
        ("no exp", c(&[("exp", None)])),
        ("exp null", c(&[("exp", Some("null"))])),
        ("exp as a fraction", c(&[("exp", Some("1772367300.5"))])),
        (
            "exp in the past",
            c(&[
                ("iat", Some("1772366000")),
                ("exp", Some("1772366400")),
                ("jti", Some("\"1772366400-0123456789abcdef\"")),
            ]),
        ),
        (
            "a life of more than a day",
            c(&[
                ("exp", Some("1772452801")),
                ("jti", Some("\"1772452801-0123456789abcdef\"")),
            ]),
        ),
        (
            "an exp without end",
            c(&[
                ("exp", Some("99999999999999999999")),
                ("jti", Some("\"99999999999999999999-0123456789abcdef\"")),
            ]),
        ),
        ("begins later than now", c(&[("nbf", Some("1772366431"))])),
        (
            "begins before it was made",
            c(&[("nbf", Some("1772366399"))]),
        ),
        ("begins when it ends", c(&[("nbf", Some("1772367300"))])),
        ("no jti", c(&[("jti", None)])),
        (
            "a jti of another end",
            c(&[("jti", Some("\"1772367301-0123456789abcdef\""))]),
        ),
        (
            "a short jti",
            c(&[("jti", Some("\"1772367300-0123456789abcde\""))]),
        ),
        (
            "a jti with a slash",
            c(&[("jti", Some("\"1772367300-0123456789abcde/\""))]),
        ),
        ("a jti that is a number", c(&[("jti", Some("1772367300"))])),
        ("no grants", c(&[("grants", None)])),
        ("an empty list of grants", c(&[("grants", Some("[]"))])),
        ("another word for grants", c(&[("grants", Some("\"all\""))])),
        ("a grant that is a name", c(&[("grants", Some("[\"x\"]"))])),
        (
            "a whole grant",
            c(&[(
                "grants",
                Some(r#"[{"on":"pool:*","actions":["query"],"constraints":"all_rows"}]"#),
            )]),
        ),
        (
            "an action that is none",
            c(&[(
                "grants",
                Some(r#"[{"id":"00000000000000000000000001","actions":["admin"]}]"#),
            )]),
        ),
        (
            "a grant twice",
            c(&[(
                "grants",
                Some(
                    r#"[{"id":"00000000000000000000000001"},{"id":"00000000000000000000000001"}]"#,
                ),
            )]),
        ),
        ("all rows", c(&[("constraints", Some("\"all_rows\""))])),
        (
            "no constraints in a list",
            c(&[("constraints", Some("[]"))]),
        ),
        (
            "a filter that is none",
            c(&[(
                "constraints",
                Some(r#"[{"field":"n","operator":"?","value":1}]"#),
            )]),
        ),
        ("fields that are a list", c(&[("fields", Some("[]"))])),
        (
            "an address that is none",
            c(&[("restrictions", Some(r#"{"ip_ranges":["x"]}"#))]),
        ),
        (
            "no address in a list",
            c(&[("restrictions", Some(r#"{"ip_ranges":[]}"#))]),
        ),
        (
            "an unknown restriction",
            c(&[("restrictions", Some(r#"{"signed_requests":false}"#))]),
        ),
        (
            "pages of a secret key",
            c(&[("restrictions", Some(r#"{"allowed_domains":["a.example"]}"#))]),
        ),
        (
            "an unknown limit",
            c(&[("limits", Some(r#"{"concurrent_queries":1}"#))]),
        ),
        (
            "no request at all",
            c(&[("limits", Some(r#"{"requests_per_second":0}"#))]),
        ),
        (
            "negative credits",
            c(&[("limits", Some(r#"{"credits":{"core":-1}}"#))]),
        ),
        ("an unknown claim", c(&[("sub", Some("\"ada\""))])),
        ("iss", c(&[("iss", Some("\"ada\""))])),
        ("an admin claim", c(&[("admin", Some("true"))])),
        (
            "aud twice",
            signed(
                &header(),
                &claims(&[]).replace('}', &format!(r#","aud":"{PROJECT}"}}"#)),
            ),
        ),
        ("a list of claims", signed(&header(), "[]")),
        ("no claims", signed(&header(), "")),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("four parts", format!("{good}.x")),
        ("an empty signature", format!("{}.{}.", parts[0], parts[1])),
        (
            "half a signature",
            format!("{}.{}.{}", parts[0], parts[1], &parts[2][..43]),
        ),
        ("padding", format!("{good}==")),
        (
            "a space in front",
            format!("{}. {}.{}", parts[0], parts[1], parts[2]),
        ),
        (
            "a line break",
            format!("{}\n.{}.{}", parts[0], parts[1], parts[2]),
        ),
        (
            "bits that no byte holds",
            last(if good.ends_with('A') { "B" } else { "_" }),
        ),
        (
            "the alphabet of base64",
            format!(
                "{}.{}.{}",
                parts[0],
                parts[1],
                parts[2].replace(['-', '_'], "+")
            ),
        ),
        (
            "the parts of another order",
            format!("{}.{}.{}", parts[1], parts[0], parts[2]),
        ),
        ("another's claims", {
            let other = c(&[(
                "constraints",
                Some(r#"[{"field":"n","operator":"eq","value":1}]"#),
            )]);
            let other: Vec<&str> = other.split('.').collect();
            format!("{}.{}.{}", parts[0], other[1], parts[2])
        }),
        (
            "too long",
            c(&[(
                "constraints",
                Some(&format!(
                    r#"[{{"field":"n","operator":"eq","value":"{}"}}]"#,
                    "x".repeat(4_000)
                )),
            )]),
        ),
    ];
    assert!(cases.len() >= 80, "{}", cases.len());
    for (what, token) in &cases {
        assert!(let_in(&record, token, noon()).is_err(), "{what}: {token}");
        assert_ne!(token, &good, "{what}");
    }
    // Whoever holds the secret and says something that cannot be said is told what.
    let told = |token: &str| let_in(&record, token, noon()).expect_err("refused");
    let fault = |fault| AuthError::Derived(fault);
    assert_eq!(
        told(&c(&[("sub", Some("1"))])),
        fault(DerivedFault::UnknownClaim)
    );
    assert_eq!(
        told(&c(&[("fields", Some("1"))])),
        fault(DerivedFault::Claim("fields"))
    );
    assert_eq!(told(&h("[]")), fault(DerivedFault::Header));
    assert_eq!(told("a.b.c"), fault(DerivedFault::Form));
    // A stranger is not.
    let stranger = h(&header().replace(KID, "AbCdEfGhIjKm"));
    assert_eq!(told(&stranger), AuthError::Unknown);
}

#[test]
fn every_bit_of_a_derived_token_counts() {
    let record = record();
    let good = good();
    let (signed, signature) = good.rsplit_once('.').expect("three parts");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
    for bit in 0..512 {
        let mut altered = signature.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(altered));
        assert_eq!(
            let_in(&record, &token, noon()).err(),
            Some(AuthError::Unknown),
            "{bit}"
        );
    }
    for at in 0..signed.len() {
        let mut altered = good.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        let token = String::from_utf8(altered).expect("ASCII");
        assert!(let_in(&record, &token, noon()).is_err(), "{at}");
    }
}

#[test]
fn a_derived_token_ends_with_its_key_its_secret_and_by_itself() {
    let good = good();
    let after = |seconds| {
        noon()
            .checked_add(Duration::from_secs(seconds))
            .expect("a time")
    };
    let in_time = after(899);
    let_in(&record(), &good, in_time).expect("in time");
    let ended = Some(AuthError::Expired);
    assert_eq!(let_in(&record(), &good, after(900)).err(), ended);
    // The clock of whoever made it may be ahead by half a minute.
    let early = noon().checked_sub(Duration::from_secs(30)).expect("a time");
    let_in(&record(), &good, early).expect("nearly in time");
    let key = with(|draft| draft.expires_at = Some(after(10)));
    assert_eq!(let_in(&key, &good, in_time).err(), ended);
    let off = with(|draft| draft.derived_tokens = false);
    let refused = Some(AuthError::Derived(DerivedFault::NotAllowed));
    assert_eq!(let_in(&off, &good, noon()).err(), refused);
    let mut disabled = parts(record().draft().clone(), &secret());
    disabled.disabled = true;
    let disabled = KeyRecord::restore(disabled);
    assert_eq!(
        let_in(&disabled, &good, noon()).err(),
        Some(AuthError::Disabled)
    );
    // A roll with a grace of 5 minutes, and what is left of the old secret after it.
    let mut rolled = parts(record().draft().clone(), &secret());
    rolled.secrets[0].expires_at = Some(after(300));
    let rolled = KeyRecord::restore(rolled);
    let_in(&rolled, &good, after(299)).expect("in grace");
    assert_eq!(let_in(&rolled, &good, after(300)).err(), ended);
    let mut gone = parts(record().draft().clone(), &secret());
    gone.secrets.clear();
    let gone = KeyRecord::restore(gone);
    assert_eq!(let_in(&gone, &good, noon()).err(), Some(AuthError::Unknown));
    // One that was verified before is no use either.
    let envelope = Envelope::read(&good).expect("of the form");
    let token = record().verify_derived(&envelope).expect("good");
    let seen = Circumstances::unknown();
    assert_eq!(
        gone.admit_derived(&token, &seen, noon()).err(),
        Some(AuthError::Unknown)
    );
    assert_eq!(
        disabled.admit_derived(&token, &seen, noon()).err(),
        Some(AuthError::Disabled)
    );
}

#[test]
fn the_restrictions_of_both_hold() {
    let from =
        |address: &str| Circumstances::from_address(Some(address.parse().expect("an address")));
    let ranges = |text: &str| IpRanges::parse(json(text).as_array().expect("a list")).ok();
    let key = with(|draft| {
        draft.restrictions = Restrictions {
            ip_ranges: ranges(r#"["10.0.0.0/8","192.0.2.0/24"]"#),
            ..Restrictions::NONE
        };
    });
    let token = signed(
        &header(),
        &claims(&[(
            "restrictions",
            Some(r#"{"ip_ranges":["10.1.0.0/16","198.51.100.0/24"]}"#),
        )]),
    );
    let envelope = Envelope::read(&token).expect("of the form");
    let token = key.verify_derived(&envelope).expect("good");
    let outcome = |address| key.admit_derived(&token, &from(address), noon()).err();
    let refused = Some(AuthError::AddressNotAllowed);
    assert_eq!(outcome("10.1.2.3"), None);
    assert_eq!(outcome("10.2.2.3"), refused, "the token's");
    assert_eq!(outcome("192.0.2.1"), refused, "the token's");
    assert_eq!(outcome("198.51.100.1"), refused, "the key's");
    let nowhere = key.admit_derived(&token, &Circumstances::unknown(), noon());
    assert_eq!(nowhere.err(), refused);
    // To sign a token is to sign: a key that takes no shown secret may let them be made.
    let signs = with(|draft| {
        draft.restrictions = Restrictions {
            signed_requests: true,
            ..Restrictions::NONE
        };
    });
    let_in(&signs, &good(), noon()).expect("its owner says so");
    let shown = signs.verify(&secret(), &pepper(), &Circumstances::unknown(), noon());
    assert_eq!(shown.err(), Some(AuthError::Unsigned));
}

#[test]
fn what_was_narrowed_before_is_used_for_the_same_grants_alone() {
    let key = record();
    let text = good();
    let envelope = Envelope::read(&text).expect("of the form");
    let token = key.verify_derived(&envelope).expect("good");
    let seen = Circumstances::unknown();
    let grants = |key: &KeyRecord| {
        let access = key.admit_derived(&token, &seen, noon()).expect("let in");
        access.grants_as_written().len()
    };
    assert_eq!(grants(&key), 2);
    assert_eq!(grants(&key), 2);
    let narrower = with(|draft| {
        draft.grants.pop();
    });
    assert_eq!(grants(&narrower), 1);
    assert_eq!(grants(&with(|draft| draft.grants.clear())), 0);
    assert_eq!(grants(&key), 2);
}

#[test]
fn an_id_says_when_its_token_ends() {
    let id = DerivedId::parse(ID).expect("an id");
    assert_eq!(id.ends(), at("2026-03-01T12:15:00Z"));
    assert_eq!(id.to_string(), ID);
    for text in [
        "",
        "-0123456789abcdef",
        "01772367300-0123456789abcdef",
        "+1772367300-0123456789abcdef",
        "-1-0123456789abcdef",
        "1772367300-0123456789abcde",
        "1772367300-0123456789abcdé",
        "1772367300-0123456789abcde/",
        "9999999999999-0123456789abcdef",
        &format!("1772367300-{}", "a".repeat(65)),
    ] {
        assert_eq!(DerivedId::parse(text), None, "{text}");
    }
}

use super::*;
use crate::fixtures::{draft, noon, parts};
use crate::keys::Restrictions;
use crate::secrets::Secret;

/// A token, and a request that another implementation signed with it:
/// `docs/restrictions/sign.py`, at noon.
const TOKEN: &str = "tg_sk_AbCdEfGhIjKl_000000000000000000000000000000000000000000709H3UK";
const INPUT: &str = "sig=(\"@method\" \"@target-uri\" \"content-digest\" \"content-type\");created=1772366400;nonce=\"0123456789abcdef\";keyid=\"AbCdEfGhIjKl\"";
const HEAD: SignedHead<'static> = SignedHead {
    method: "POST",
    authority: "data.example",
    path_and_query: "/v1/query",
    content_type: Some("application/json"),
    content_digest: Some("sha-256=:EHHbNQD+slQELDv/Lhxf8HGvkbm8r7mf6EbyZKfrXSA=:"),
    signature_input: INPUT,
    signature: Some(
        "sig=:J5Bkzwhrt3VKHs7vQrf9I98xAxEw9p1N4rlA0JroPy0bP/Uqtlu30q7t6Bsk8CWYGwgwItBA3bYvxhcS3cdpAA==:",
    ),
};

fn record() -> KeyRecord {
    let secret = Secret::parse(TOKEN).expect("a token");
    let mut signs = draft(Vec::new());
    signs.restrictions = Restrictions {
        signed_requests: true,
        ..Restrictions::NONE
    };
    let mut stored = parts(signs, &secret);
    stored.secrets[0].public_key = secret.public_key();
    KeyRecord::restore(stored)
}

#[test]
fn k11_what_another_implementation_signs_is_let_in() {
    let record = record();
    let request = SignedRequest::read(HEAD, noon()).expect("of the form");
    let body = br#"{"analysis":"count","pool":"sales"}"#;
    assert_eq!(request.digest(), <[u8; 32]>::from(Sha256::digest(body)));
    let seen = Circumstances::unknown();
    let unspent = record.verify_signed(&request, &seen, noon());
    let unspent = unspent.expect("a good signature");
    let window = noon().checked_add(Duration::from_secs(900));
    assert_eq!(Some(unspent.nonce().1), window);
    assert_eq!(unspent.spent().key(), record.id());
    // The holder of the token is not let in by showing it.
    let secret = Secret::parse(TOKEN).expect("a token");
    let shown = record.verify(&secret, &crate::fixtures::pepper(), &seen, noon());
    assert_eq!(shown.err(), Some(AuthError::Unsigned));
    assert_eq!(
        KeyRecord::verify_signed_absent(&request),
        AuthError::Unknown
    );
}

#[test]
fn k11_every_bit_of_the_signature_counts() {
    let record = record();
    let good = HEAD.signature.and_then(|text| read::bytes(text, "sig"));
    let good: [u8; 64] = good.expect("64 bytes");
    for bit in 0..512 {
        let mut signature = good;
        signature[bit / 8] ^= 1 << (bit % 8);
        let mut request = SignedRequest::read(HEAD, noon()).expect("of the form");
        request.signature = signature;
        let outcome = record.verify_signed(&request, &Circumstances::unknown(), noon());
        assert_eq!(outcome.err(), Some(AuthError::Unknown), "{bit}");
    }
}

#[test]
fn k11_the_rule_that_is_broken_is_named() {
    let of = |head: SignedHead<'_>| SignedRequest::read(head, noon()).err();
    for (head, fault) in [
        (
            SignedHead {
                signature_input: "sig",
                ..HEAD
            },
            SignatureFault::Input,
        ),
        (
            SignedHead {
                content_type: None,
                ..HEAD
            },
            SignatureFault::Uncovered,
        ),
        (
            SignedHead {
                signature: None,
                ..HEAD
            },
            SignatureFault::Signature,
        ),
        (
            SignedHead {
                content_digest: None,
                ..HEAD
            },
            SignatureFault::Digest,
        ),
        (
            SignedHead {
                content_digest: Some("sha-256=:AAAA:"),
                ..HEAD
            },
            SignatureFault::Digest,
        ),
    ] {
        assert_eq!(of(head), Some(fault));
    }
    for (seconds, is_good) in [(0, true), (300, true), (301, false)] {
        let now = noon()
            .checked_add(Duration::from_secs(seconds))
            .expect("a time");
        assert_eq!(SignedRequest::read(HEAD, now).is_ok(), is_good, "{seconds}");
    }
}

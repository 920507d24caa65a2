use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

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

/// The example of RFC 9421 for Ed25519: its key (B.1.4), what it sends, and
/// what is signed of it (B.2.6).
const RFC_KEY: &str = "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs";
const RFC_INPUT: &str = r#"sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#;
const RFC_SIGNATURE: &str = "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:";
const RFC_BASE: &str = r#""date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@authority": example.com
"content-type": application/json
"content-length": 18
"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#;

/// The request of the RFC behind our policy, which takes none that covers so
/// little: of its components only these, and its parameters word for word.
fn of_the_rfc<'r>(components: Vec<&'r str>, content_type: &'r str) -> SignedRequest<'r> {
    let (label, params) = RFC_INPUT.split_once('=').expect("a label");
    SignedRequest {
        head: SignedHead {
            method: "POST",
            authority: "example.com",
            path_and_query: "/foo?param=Value&Pet=dog",
            content_type: Some(content_type),
            content_digest: None,
            signature_input: RFC_INPUT,
            signature: Some(RFC_SIGNATURE),
        },
        input: read::Input {
            label,
            params,
            components,
            created: 1_618_884_473,
            nonce: "",
            // Its own is no id of ours; what is signed is in the parameters.
            keyid: SecretId::parse("AbCdEfGhIjKl").expect("an id"),
        },
        signature: read::bytes(RFC_SIGNATURE, label).expect("64 bytes"),
        digest: [0; 32],
    }
}

#[test]
fn k11_the_lines_of_the_signature_base_are_those_of_the_rfc() {
    let ours = of_the_rfc(vec!["@method", "content-type"], "application/json");
    let names = ["\"@method\"", "\"content-type\"", "\"@signature-params\""];
    let of_ours = |line: &&str| names.iter().any(|name| line.starts_with(*name));
    let theirs: Vec<&str> = RFC_BASE.lines().filter(of_ours).collect();
    assert_eq!(theirs.len(), 3);
    assert_eq!(ours.base("https"), theirs.join("\n"));
    // Section 2.2.2.
    let mut aimed = of_the_rfc(vec!["@target-uri"], "application/json");
    aimed.head.authority = "www.example.com";
    aimed.head.path_and_query = "/path?param=value";
    let base = aimed.base("https");
    assert_eq!(
        base.lines().next(),
        Some("\"@target-uri\": https://www.example.com/path?param=value")
    );
    // As it is, the policy does not take it.
    let refused = SignedRequest::read(ours.head, noon());
    assert_eq!(refused.err(), Some(SignatureFault::Input));
}

/// Lines of components that our form has not are carried in the value of the
/// first one, so that the signed bytes are those of the RFC.
#[test]
fn k11_the_signature_of_the_rfc_is_verified() {
    let key = URL_SAFE_NO_PAD.decode(RFC_KEY).expect("base64");
    let key: [u8; 32] = key.try_into().expect("32 bytes");
    let lines = RFC_BASE.strip_prefix("\"date\": ").expect("the first line");
    let (lines, _) = lines
        .split_once("\n\"@signature-params\"")
        .expect("the last line");
    let request = of_the_rfc(vec!["date"], lines);
    assert_eq!(request.base("https"), RFC_BASE);
    assert!(request.is_by(&key));
    assert!(!request.is_by(&BASE_POINT), "the key of nobody");
    for (told, other) in [
        ("02:07:55", "02:07:56"),
        ("POST", "PUT"),
        ("/foo", "/bar"),
        ("example.com", "example.org"),
        ("application/json", "text/plain"),
        ("\": 18", "\": 19"),
    ] {
        let altered = lines.replace(told, other);
        assert_ne!(altered, lines, "{told}");
        assert!(!of_the_rfc(vec!["date"], &altered).is_by(&key), "{other}");
    }
    let mut renamed = of_the_rfc(vec!["date"], lines);
    renamed.input.params = renamed.input.params.trim_end_matches('"');
    assert!(!renamed.is_by(&key), "the parameters are signed, too");
}

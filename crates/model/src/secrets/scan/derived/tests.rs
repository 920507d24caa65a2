use super::*;
use crate::keys::{Envelope, KeyKind};
use crate::random::SeededRandom;
use crate::secrets::Secret;

fn token(seed: u64, claims: &str) -> (Secret, String) {
    let secret = Secret::generate(KeyKind::Secret, &SeededRandom::new(seed));
    let claims = crate::json::parse(claims.as_bytes()).expect("JSON");
    let token = Envelope::sign(&secret, &claims);
    (secret, token)
}

fn scan(text: &str, piece: usize) -> Vec<(u64, String)> {
    let mut scanner = DerivedScanner::default();
    let found = text
        .as_bytes()
        .chunks(piece)
        .flat_map(|piece| scanner.feed(piece));
    found
        .map(|(place, token)| (place.line, token.reveal().to_owned()))
        .collect()
}

#[test]
fn k21_derived_tokens_are_found_wherever_pieces_end() {
    let (secret, first) = token(1, r#"{"aud":"p","exp":1}"#);
    let (_, second) = token(2, &format!(r#"{{"x":"{}"}}"#, "y".repeat(2_000)));
    let text = format!("a\nkey={first}.\n\nBearer {second}\"eyJ{first}{second}");
    let expected = [
        (2, first.clone()),
        (4, second.clone()),
        (4, first.clone()),
        (4, second.clone()),
    ];
    for piece in [1, 2, 3, 7, 64, 1_000, text.len()] {
        assert_eq!(scan(&text, piece), expected, "{piece}");
    }
    let mut scanner = DerivedScanner::default();
    let found = scanner.feed(first.as_bytes());
    assert_eq!(found[0].0.secret, secret.id());
    assert!(!format!("{found:?}").contains(&first[..40]));
}

#[test]
fn k21_what_only_looks_like_a_derived_token_is_none() {
    let (_, token) = token(1, "{}");
    let (header, rest) = token.split_once('.').expect("parts");
    let of_others = [
        // The example of RFC 8037, and a JWT of another type.
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg".to_owned(),
        format!("{header}.{}", &rest[..rest.len() - 1]),
        format!("{header}..{rest}"),
        format!("{header} .{rest}"),
        format!("{}.{rest}", header.replace('J', "K")),
        format!("eyJ{}.{rest}", "A".repeat(HEADER_CHARS_MAX)),
        "eyJ".repeat(5_000),
    ];
    for text in of_others {
        for piece in [1, 50, text.len()] {
            assert_eq!(scan(&format!("{text}\n"), piece), [], "{text}");
        }
    }
    // And none of them hides one behind it.
    assert_eq!(
        scan(&format!("eyJhbGciOiJFZERTQSJ9.a.b {token}"), 9).len(),
        1
    );
}

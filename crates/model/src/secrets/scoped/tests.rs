use super::*;
use crate::random::SeededRandom;

/// A master key, and texts that the PyPI package `keen` 0.7.0 made under it.
const MASTER: &str = "6363636363636363636363635a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";
const PADDED: &str = "000102030405060708090a0b0c0d0e0fbac5b246714aef1b4c12fe5a6d48076b887c12628ec82bbc6ed9cb8eef8b1493\
    d956839003495a96cae14f0bdc0df086825df1538d010b1bbdc51235afbb95cf2568994bfc24e5dac71671214e32181f\
    03cf7e6939714f8f9e535a5538c31df9b124c7329d60efd716f32667597794c00193edf01e4e3cc9716a004a132e4e9e";
const UNPADDED: &str = "000102030405060708090a0b0c0d0e0fbac5b246714aef1b4c12fe5a6d48076b887c12628ec82bbc6ed9cb8eef8b1493\
    d956839003495a96cae14f0bdc0df086825df1538d010b1bbdc51235afbb95cfaa5ef81d7555b7419bc7a186c56d6c3b\
    5914520d2947e2b7b34832550040549d80bd829cc66d790037d150f04e633f5e";

fn pepper() -> Pepper {
    Pepper::from_bytes([7; 32])
}

fn master() -> Secret {
    Secret::parse(MASTER).expect("a key")
}

fn sealed() -> SealedSecret {
    SealedSecret::seal(&master(), &pepper(), &SeededRandom::new(1)).expect("a key of the dialect")
}

fn said(text: &str) -> String {
    let text = ScopedText::parse(text).expect("of the form");
    let said = sealed().read(master().id(), &text, &pepper());
    String::from_utf8_lossy(&said.expect("its own")).into_owned()
}

#[test]
fn what_the_published_library_makes_is_read() {
    let filter = |name: &str, value: &str| {
        format!(
            r#"{{"allowed_operations": ["read"], "filters": [{{"property_name": "{name}", "operator": "eq", "property_value": {value}}}]}}"#
        )
    };
    assert_eq!(said(PADDED), filter("customer.id", "\"c1\""));
    assert_eq!(said(UNPADDED), filter("aaaaa", "1"));
    assert_eq!(said(&PADDED.to_ascii_uppercase()), said(PADDED));
}

#[test]
fn what_has_not_the_form_is_no_scoped_key() {
    let long = "0".repeat(2 * (BLOCK_BYTES + SCOPED_KEY_BYTES_MAX + BLOCK_BYTES));
    assert!(ScopedText::parse(&long).is_some());
    for text in [
        String::new(),
        MASTER.to_owned(),
        "0".repeat(32),
        PADDED[1..].to_owned(),
        PADDED[2..].to_owned(),
        format!("{}g", &PADDED[1..]),
        format!("{}é", &PADDED[2..]),
        format!("{long}{}", "0".repeat(32)),
    ] {
        assert!(ScopedText::parse(&text).is_none(), "{}", text.len());
    }
}

#[test]
fn what_is_sealed_opens_under_its_own_secret_and_server_alone() {
    let text = ScopedText::parse(PADDED).expect("of the form");
    let other = Secret::generate(KeyKind::Legacy, &SeededRandom::new(5));
    assert!(sealed().read(other.id(), &text, &pepper()).is_none());
    let elsewhere = Pepper::from_bytes([8; 32]);
    assert!(sealed().read(master().id(), &text, &elsewhere).is_none());
    let bytes = sealed().as_bytes().to_vec();
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        let altered = SealedSecret::from_bytes(altered);
        assert!(
            altered.read(master().id(), &text, &pepper()).is_none(),
            "{at}"
        );
        let short = SealedSecret::from_bytes(bytes[..at].to_vec());
        assert!(
            short.read(master().id(), &text, &pepper()).is_none(),
            "{at}"
        );
    }
    let native = Secret::generate(KeyKind::Secret, &SeededRandom::new(5));
    assert!(SealedSecret::seal(&native, &pepper(), &SeededRandom::new(1)).is_none());
}

#[test]
fn nothing_of_the_key_stands_in_what_is_sealed() {
    let key = bytes_of_hex(MASTER).expect("hex");
    let sealed = sealed();
    assert!(
        !key.windows(8)
            .any(|part| sealed.as_bytes().windows(8).any(|other| other == part))
    );
    let again = SealedSecret::seal(&master(), &pepper(), &SeededRandom::new(2));
    assert_ne!(again, Some(sealed));
}

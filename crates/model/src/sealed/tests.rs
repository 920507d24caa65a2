use super::*;
use crate::random::SeededRandom;

const PLAIN: &[u8] = b"a plain text that is known";

fn seal(byte: u8, purpose: &str) -> Seal {
    Seal::new(&Pepper::from_bytes([byte; 32]), purpose)
}

#[test]
fn what_was_sealed_opens_there_alone() {
    let sealed = seal(1, "a").seal(1, b"here", PLAIN, &SeededRandom::new(1));
    assert_eq!(
        seal(1, "a").open(1, b"here", &sealed).as_deref(),
        Some(PLAIN)
    );
    assert_eq!(sealed.len(), Seal::chars(PLAIN.len()).min(sealed.len()));
    let elsewhere = [
        seal(2, "a").open(1, b"here", &sealed),
        seal(1, "b").open(1, b"here", &sealed),
        seal(1, "a").open(2, b"here", &sealed),
        seal(1, "a").open(1, b"there", &sealed),
        seal(1, "a").open(1, b"", &sealed),
    ];
    assert!(elsewhere.iter().all(Option::is_none), "{elsewhere:?}");
}

#[test]
fn a_sealed_text_says_nothing_and_repeats_nothing() {
    let random = SeededRandom::new(1);
    let [first, second] = [(); 2].map(|()| seal(1, "a").seal(1, b"", PLAIN, &random));
    assert_ne!(first, second);
    assert!(
        first
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    );
    let bytes = text::decode(&first).expect("own text");
    assert!(!bytes.windows(5).any(|window| window == b"plain"));
    assert_eq!(format!("{:?}", seal(1, "a")), "Seal");
}

#[test]
fn every_altered_character_is_refused() {
    let seal = seal(1, "a");
    let sealed = seal.seal(1, b"", PLAIN, &SeededRandom::new(1));
    for place in 0..sealed.len() {
        for other in (b' '..=b'~').map(char::from) {
            let mut altered = sealed.clone();
            altered.replace_range(place..=place, &other.to_string());
            let opens = seal.open(1, b"", &altered).is_some();
            assert_eq!(opens, altered == sealed, "{other:?} at {place}");
        }
        assert!(
            seal.open(1, b"", &sealed[..place]).is_none(),
            "cut at {place}"
        );
    }
}

mod opaque;

use std::collections::HashSet;

use super::*;
use crate::random::SeededRandom;

const TOKEN: &str = r"tg_(?:sk|pk)_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}";

fn secret(seed: u64, kind: KeyKind) -> Secret {
    Secret::generate(kind, &SeededRandom::new(seed))
}

/// Tokens that are made: a million of them by `TIDEGATE_PROOF=long` (K1).
fn many() -> usize {
    match std::env::var("TIDEGATE_PROOF").as_deref() {
        Ok("long") => 1_000_000,
        _ => 100_000,
    }
}

#[test]
fn k1_many_tokens_are_distinct_and_read_back() {
    let random = SeededRandom::new(7);
    let (mut texts, mut ids) = (HashSet::new(), HashSet::new());
    for n in 0..many() {
        let kind = KeyKind::NATIVE[n % 2];
        let made = Secret::generate(kind, &random);
        let read = Secret::parse(made.reveal()).expect("own token");
        assert_eq!((read.kind(), read.id()), (kind, made.id()));
        assert_eq!(read.reveal(), made.reveal());
        ids.insert(made.id());
        texts.insert(made.reveal().to_owned());
    }
    assert_eq!((texts.len(), ids.len()), (many(), many()));
}

#[test]
fn k1_every_mistyped_character_is_refused() {
    for (seed, kind) in [
        (1, KeyKind::Secret),
        (2, KeyKind::Publishable),
        (3, KeyKind::Secret),
    ] {
        let token = secret(seed, kind).reveal().to_owned();
        let others = BASE62
            .iter()
            .map(|byte| char::from(*byte))
            .chain("_- \n/+=.é\0".chars());
        let others: Vec<char> = others.collect();
        for (place, right) in token.char_indices() {
            for other in others.iter().filter(|other| **other != right) {
                let typo = format!("{}{other}{}", &token[..place], &token[place + 1..]);
                assert!(Secret::parse(&typo).is_none(), "{typo}");
            }
        }
    }
}

#[test]
fn k1_every_cut_lengthened_or_swapped_token_is_refused() {
    let token = secret(4, KeyKind::Secret).reveal().to_owned();
    for cut in 0..token.len() {
        assert!(Secret::parse(&token[..cut]).is_none());
        assert!(Secret::parse(&token[token.len() - cut..]).is_none());
        let without = format!("{}{}", &token[..cut], &token[cut + 1..]);
        assert!(Secret::parse(&without).is_none());
        let doubled = format!("{}{}", &token[..=cut], &token[cut..]);
        assert!(Secret::parse(&doubled).is_none());
    }
    for (place, pair) in token.as_bytes().windows(2).enumerate() {
        if pair[0] != pair[1] {
            let mut swapped = token.clone().into_bytes();
            swapped.swap(place, place + 1);
            let swapped = String::from_utf8(swapped).expect("ASCII");
            assert!(Secret::parse(&swapped).is_none(), "{swapped}");
        }
    }
    for around in [
        format!(" {token}"),
        format!("{token} "),
        format!("{token}\n"),
        format!("Bearer {token}"),
    ] {
        assert!(Secret::parse(&around).is_none());
    }
    let other = secret(5, KeyKind::Secret).reveal().to_owned();
    let mixed = format!("{}{}", &token[..19], &other[19..]);
    assert!(
        Secret::parse(&mixed).is_none(),
        "the id of one and the secret of another"
    );
}

#[test]
fn one_expression_finds_every_token_and_no_hint() {
    let finder = regex::Regex::new(TOKEN).expect("an expression");
    for kind in KeyKind::NATIVE {
        let made = secret(6, kind);
        let log = format!("x{}y {}", made.hint(), made.reveal());
        let found: Vec<&str> = finder.find_iter(&log).map(|found| found.as_str()).collect();
        assert_eq!(found, [made.reveal()]);
        assert!(!made.hint().contains(&made.reveal()[19..]));
    }
}

#[test]
fn the_form_is_the_documented_one() {
    let made = secret(8, KeyKind::Publishable);
    let parts: Vec<&str> = made.reveal().split('_').collect();
    assert_eq!(
        (parts[0], parts[1], parts[2].len(), parts[3].len()),
        ("tg", "pk", 12, 49)
    );
    assert_eq!(made.id().to_string(), parts[2]);
    assert_eq!(made.hint(), format!("tg_pk_{}_…", parts[2]));
    assert_eq!(to_base62::<43>(&[0xff; 32]).len(), 43);
    // 2^256 - 1 has its 43 digits, so that no secret loses its top.
    assert_ne!(to_base62::<43>(&[0xff; 32]).as_bytes()[0], b'0');
    assert_eq!(to_base62::<6>(&u32::MAX.to_be_bytes()).as_str(), "4gfFC3");
    assert_eq!(to_base62::<3>(&[61]).as_str(), "00z");
}

#[test]
fn all_of_the_256_bits_are_in_the_text() {
    let mut bits = [0_u8; 32];
    let zero = to_base62::<43>(&bits).to_string();
    let mut seen = HashSet::from([zero]);
    for bit in 0..256 {
        bits[bit / 8] ^= 1 << (bit % 8);
        assert!(seen.insert(to_base62::<43>(&bits).to_string()));
        bits[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn the_hash_depends_on_pepper_text_and_purpose() {
    let (one, two) = (Pepper::from_bytes([1; 32]), Pepper::from_bytes([2; 32]));
    let (made, other) = (secret(9, KeyKind::Secret), secret(10, KeyKind::Secret));
    let again = Secret::parse(made.reveal()).expect("own token");
    assert!(made.hash(&one).matches(&again.hash(&one)));
    assert!(!made.hash(&one).matches(&made.hash(&two)));
    assert!(!made.hash(&one).matches(&other.hash(&one)));
    assert!(
        made.hash(&one)
            .matches(&SecretHash::from_bytes(*made.hash(&one).as_bytes()))
    );
    assert_ne!(*one.derive(made.reveal()), *made.hash(&one).as_bytes());
    assert_ne!(*one.derive("a"), *one.derive("b"));
    assert_ne!(*one.derive("a"), *two.derive("a"));
    assert_ne!(*one.derive("a"), *one.as_bytes());
    for bit in 0..256 {
        let mut near = *made.hash(&one).as_bytes();
        near[bit / 8] ^= 1 << (bit % 8);
        assert!(!made.hash(&one).matches(&SecretHash::from_bytes(near)));
    }
}

#[test]
fn the_public_key_comes_from_the_secret_alone() {
    let made = secret(11, KeyKind::Secret);
    let again = Secret::parse(made.reveal()).expect("own token");
    assert_eq!(made.public_key(), again.public_key());
    assert_ne!(made.public_key(), secret(12, KeyKind::Secret).public_key());
    assert_ne!(made.public_key(), [0; 32]);
}

#[test]
fn debug_shows_nothing_that_is_secret() {
    let made = secret(13, KeyKind::Secret);
    let pepper = Pepper::generate(&SeededRandom::new(14));
    let shown = format!("{made:?} {made:#?} {:?} {:?}", made.hash(&pepper), pepper);
    assert!(
        shown.contains(&made.id().to_string()),
        "the public part may be told"
    );
    let secret = &made.reveal()[19..];
    for start in 0..secret.len() - 4 {
        assert!(!shown.contains(&secret[start..start + 4]));
    }
    assert_eq!(
        format!("{:?} {pepper:?}", made.hash(&pepper)),
        "SecretHash Pepper"
    );
}

#[test]
fn peppers_are_fresh() {
    let random = SeededRandom::new(15);
    assert_ne!(
        Pepper::generate(&random).as_bytes(),
        Pepper::generate(&random).as_bytes()
    );
}

#[test]
fn every_character_of_an_id_is_as_likely() {
    let random = SeededRandom::new(16);
    let mut counts = [0_u32; 256];
    for _ in 0..62_000 {
        counts[usize::from(random_base62(&random))] += 1;
    }
    for byte in BASE62 {
        assert!(
            (800..1_200).contains(&counts[usize::from(*byte)]),
            "{}",
            char::from(*byte)
        );
    }
}

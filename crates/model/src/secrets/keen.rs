//! Keys as clients of the Keen dialect take them: 64 hex digits and nothing
//! else, since one of them checks for that.
//!
//! The first 24 digits are the public part, written as the hex of its 12
//! characters; the other 40 are 160 random bits. There is no room for a
//! checksum: a typo behind the public part is found by the comparison alone.

use std::fmt::Write;

use zeroize::Zeroizing;

use super::{ID_CHARS, Secret, SecretId};
use crate::keys::KeyKind;
use crate::random::RandomSource;

const ID_DIGITS: usize = 2 * ID_CHARS;
const SECRET_DIGITS: usize = 40;
const DIGITS: usize = ID_DIGITS + SECRET_DIGITS;

/// A fresh secret under the public part.
pub(super) fn generate(id: SecretId, random: &dyn RandomSource) -> Secret {
    let mut bits = Zeroizing::new([0_u8; SECRET_DIGITS / 2]);
    random.fill(&mut *bits);
    let mut text = Zeroizing::new(String::with_capacity(DIGITS));
    text.push_str(&id.to_hex());
    for byte in bits.iter() {
        let _ = write!(*text, "{byte:02x}");
    }
    Secret {
        kind: KeyKind::Legacy,
        id,
        text,
    }
}

/// What stands for a key once its secret is not shown any more: a key by its
/// form, and the name of one in paths, but never a credential.
pub(super) fn hint(id: SecretId) -> String {
    format!("{}{}", id.to_hex(), "0".repeat(SECRET_DIGITS))
}

impl SecretId {
    /// The public part as the first 24 digits of a key of the Keen dialect.
    fn to_hex(self) -> String {
        self.0.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The public part of a key of the Keen dialect, be it whole or only what
    /// is shown of it later. Letters may be large or small.
    pub fn of_keen(key: &str) -> Option<Self> {
        let is_key = key.len() == DIGITS && key.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = key.get(..ID_DIGITS).filter(|_| is_key)?;
        Self::parse(std::str::from_utf8(&bytes_of_hex(id)?).ok()?)
    }
}

/// The bytes of a text of hex digits, small or large.
pub(super) fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(*high)? << 4 | digit(*low)?).ok(),
        _ => None,
    };
    pairs.map(byte).collect()
}

impl Secret {
    /// Reads a key of the Keen dialect. What stands for one that is not shown
    /// any more is none.
    pub(super) fn parse_keen(text: &str) -> Option<Self> {
        let id = SecretId::of_keen(text)?;
        let is_shown = text.get(ID_DIGITS..)?.bytes().any(|digit| digit != b'0');
        is_shown.then(|| Self {
            kind: KeyKind::Legacy,
            id,
            text: Zeroizing::new(text.to_ascii_lowercase()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SeededRandom;
    use crate::secrets::Pepper;

    #[test]
    fn keys_are_64_hex_digits_and_read_back() {
        let random = SeededRandom::new(3);
        for _ in 0..1_000 {
            let made = Secret::generate(KeyKind::Legacy, &random);
            assert_eq!(made.reveal().len(), 64);
            assert!(made.reveal().bytes().all(|b| b.is_ascii_hexdigit()));
            let large = made.reveal().to_ascii_uppercase();
            for text in [made.reveal(), &large] {
                let read = Secret::parse(text).expect("own key");
                assert_eq!((read.kind(), read.id()), (KeyKind::Legacy, made.id()));
                let pepper = Pepper::from_bytes([1; 32]);
                assert!(read.hash(&pepper).matches(&made.hash(&pepper)));
            }
            assert_eq!(SecretId::of_keen(&made.hint()), Some(made.id()));
        }
    }

    #[test]
    fn what_is_shown_later_and_what_is_no_key_is_refused() {
        let made = Secret::generate(KeyKind::Legacy, &SeededRandom::new(4));
        assert!(Secret::parse(&made.hint()).is_none());
        let key = made.reveal();
        let texts = [
            key[1..].to_owned(),
            format!("{key}0"),
            format!("g{}", &key[1..]),
            format!("00{}", &key[2..]),
            format!("é{}", &key[2..]),
            String::new(),
        ];
        for text in texts {
            assert!(Secret::parse(&text).is_none(), "{text}");
        }
    }
}

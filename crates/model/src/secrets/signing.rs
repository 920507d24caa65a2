//! Signing secrets: what requests are signed with in the HMAC schemes of
//! `keys/keyed.rs`. The server has to compute the same, so it can recover them:
//! each is a credential of its own, never the token of a key, and is stored
//! sealed under the pepper for the one key that it is of.
//!
//! Form: that of a token, of the kind `hs`.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{
    Pepper, SECRET_CHARS, SecretId, TOKEN_CHARS, checksum, random_base62, read_form, to_base62,
};
use crate::ids::KeyId;
use crate::random::RandomSource;
use crate::sealed::Seal;

const WORD: &str = "hs";
const VERSION: u8 = 1;
const PURPOSE: &str = "signing secrets";

/// A signing secret's text. Opaque, and wiped from memory when dropped.
///
/// ```compile_fail,E0277
/// fn print(secret: model::secrets::SigningSecret) { println!("{secret}"); }
/// ```
pub struct SigningSecret {
    id: SecretId,
    text: Zeroizing<String>,
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningSecret({})", self.id)
    }
}

impl SigningSecret {
    /// A fresh one of 256 bits.
    pub fn generate(random: &dyn RandomSource) -> Self {
        let id = SecretId(std::array::from_fn(|_| random_base62(random)));
        let mut bits = Zeroizing::new([0_u8; 32]);
        random.fill(&mut *bits);
        let mut text = Zeroizing::new(String::with_capacity(80));
        text.push_str(&format!("tg_{WORD}_{id}_"));
        text.push_str(&to_base62::<SECRET_CHARS>(&bits[..]));
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Self { id, text }
    }

    /// Reads one; a text with any single mistyped character is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (word, id) = read_form(text)?;
        (word == WORD).then(|| Self {
            id,
            text: Zeroizing::new(text.to_owned()),
        })
    }

    /// The public part.
    pub fn id(&self) -> SecretId {
        self.id
    }

    /// What may be shown of it later.
    pub fn hint(&self) -> String {
        format!("tg_{WORD}_{}_…", self.id)
    }

    /// The whole text, for the one answer that shows it, and to sign with.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// Whether the two are the same, in constant time.
    pub fn is(&self, other: &Self) -> bool {
        self.text.as_bytes().ct_eq(other.text.as_bytes()).into()
    }

    /// The form to store, which opens for this key alone.
    pub fn seal(&self, key: KeyId, pepper: &Pepper, random: &dyn RandomSource) -> SealedSigning {
        let seal = Seal::new(pepper, PURPOSE);
        let bound = bound_to(key, self.id);
        SealedSigning(seal.seal(VERSION, &bound, self.text.as_bytes(), random))
    }
}

fn bound_to(key: KeyId, id: SecretId) -> Vec<u8> {
    let mut bound = key.to_bytes().to_vec();
    bound.extend(id.0);
    bound
}

/// A stored signing secret, sealed under the server's pepper.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSigning(String);

impl fmt::Debug for SealedSigning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedSigning")
    }
}

impl SealedSigning {
    /// A stored text.
    pub fn from_text(text: String) -> Self {
        Self(text)
    }

    /// One that opens for nobody, at the price of one that opens.
    pub(crate) fn of_nobody() -> Self {
        let bytes = 1 + 24 + TOKEN_CHARS + 16;
        let zeros = "A".repeat((bytes * 8).div_ceil(6) - 2);
        Self(format!("AQ{zeros}"))
    }

    /// The text to store.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The secret; `None` under another pepper, for another key and under
    /// another public part.
    pub fn open(&self, id: SecretId, key: KeyId, pepper: &Pepper) -> Option<SigningSecret> {
        let seal = Seal::new(pepper, PURPOSE);
        let plain = seal.open(VERSION, &bound_to(key, id), &self.0)?;
        let plain = Zeroizing::new(String::from_utf8(plain).ok()?);
        SigningSecret::parse(&plain).filter(|secret| secret.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SeededRandom;

    #[test]
    fn k12_a_signing_secret_opens_for_its_own_key_and_pepper_alone() {
        let random = SeededRandom::new(3);
        let pepper = Pepper::generate(&random);
        let key = KeyId::from_bytes([1; 16]);
        let secret = SigningSecret::generate(&random);
        let sealed = secret.seal(key, &pepper, &random);
        assert!(!sealed.as_str().contains(&secret.reveal()[19..]));
        let open = |key, pepper: &Pepper, id| sealed.open(id, key, pepper);
        let opened = open(key, &pepper, secret.id()).expect("its own");
        assert!(opened.is(&secret));
        let other = SigningSecret::generate(&random);
        assert!(open(KeyId::from_bytes([2; 16]), &pepper, secret.id()).is_none());
        assert!(open(key, &Pepper::generate(&random), secret.id()).is_none());
        assert!(open(key, &pepper, other.id()).is_none());
        assert!(!other.is(&secret));
        let nobodys = SealedSigning::of_nobody();
        assert_eq!(nobodys.as_str().len(), sealed.as_str().len());
        assert!(nobodys.open(secret.id(), key, &pepper).is_none());
    }

    #[test]
    fn k1_a_signing_secret_is_no_token_and_a_typo_is_none() {
        let secret = SigningSecret::generate(&SeededRandom::new(4));
        let text = secret.reveal();
        assert!(SigningSecret::parse(text).is_some());
        assert!(super::super::Secret::parse(text).is_none());
        for (at, right) in text.char_indices() {
            let typo = if right == 'x' { 'y' } else { 'x' };
            let typo = format!("{}{typo}{}", &text[..at], &text[at + 1..]);
            assert!(SigningSecret::parse(&typo).is_none(), "{typo}");
        }
    }
}

//! The token texts of keys: made once, shown once, stored only as a hash.
//!
//! Form: `tg_<kind>_<secret id: 12 base62>_<43 base62 = 256 bits><6 base62 CRC-32>`.
//! Signing secrets have it, too, and are no tokens: `secrets/signing.rs`.
//! Clients of the Keen dialect know keys of hex digits alone: `secrets/keen.rs`.

#[cfg(test)]
pub(crate) mod counted;
mod keen;
mod scan;
mod scoped;
mod signing;

pub use scan::{
    DerivedScanner, FoundDerived, FoundText, FoundToken, TOKEN_PATTERN, TokenKind, TokenScanner,
};
pub use scoped::{ScopedText, SealedSecret};
pub use signing::{SealedSigning, SigningSecret};

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::keys::KeyKind;
use crate::random::RandomSource;

const ID_CHARS: usize = 12;
const SECRET_CHARS: usize = 43;
const CHECKSUM_CHARS: usize = 6;
/// Characters of a whole token.
const TOKEN_CHARS: usize = 6 + ID_CHARS + 1 + SECRET_CHARS + CHECKSUM_CHARS;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The public part of a token that names one secret of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretId([u8; ID_CHARS]);

impl SecretId {
    /// One that no token has, since it is no base 62.
    pub(crate) const OF_NO_KEY: Self = Self([b'-'; ID_CHARS]);

    /// Reads the 12 characters.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; ID_CHARS] = text.as_bytes().try_into().ok()?;
        bytes
            .iter()
            .all(u8::is_ascii_alphanumeric)
            .then_some(Self(bytes))
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

/// A token's text. It has no `Clone`, no `Display` and an opaque `Debug`; it
/// is wiped from memory when dropped.
///
/// ```compile_fail,E0277
/// fn print(secret: model::secrets::Secret) { println!("{secret}"); }
/// ```
/// ```compile_fail,E0308
/// fn copy(secret: &model::secrets::Secret) -> model::secrets::Secret { secret.clone() }
/// ```
pub struct Secret {
    kind: KeyKind,
    id: SecretId,
    text: Zeroizing<String>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.id)
    }
}

impl Secret {
    /// A fresh secret of 256 bits; for a key of a dialect one of 160 bits, in
    /// the form that the dialect's clients take.
    pub fn generate(kind: KeyKind, random: &dyn RandomSource) -> Self {
        let id = SecretId(std::array::from_fn(|_| random_base62(random)));
        if kind == KeyKind::Legacy {
            return keen::generate(id, random);
        }
        let mut bits = Zeroizing::new([0_u8; 32]);
        random.fill(&mut *bits);
        let mut text = Zeroizing::new(String::with_capacity(80));
        text.push_str(&format!("tg_{}_{id}_", kind.token_word()));
        text.push_str(&to_base62::<SECRET_CHARS>(&bits[..]));
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Self { kind, id, text }
    }

    /// Reads a token of either form. A native text that is not one, any single
    /// mistyped character included, is refused here, before anything is looked up.
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_native(text).or_else(|| Self::parse_keen(text))
    }

    fn parse_native(text: &str) -> Option<Self> {
        let (word, id) = read_form(text)?;
        let kind = KeyKind::NATIVE
            .into_iter()
            .find(|known| known.token_word() == word)?;
        Some(Self {
            kind,
            id,
            text: Zeroizing::new(text.to_owned()),
        })
    }

    /// The kind that the prefix names.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The public part.
    pub fn id(&self) -> SecretId {
        self.id
    }

    /// What may be shown of it later: the public part and three dots, or
    /// zeros where a client expects a whole key.
    pub fn hint(&self) -> String {
        match self.kind {
            KeyKind::Legacy => keen::hint(self.id),
            KeyKind::Secret | KeyKind::Publishable => {
                format!("tg_{}_{}_…", self.kind.token_word(), self.id)
            }
        }
    }

    /// The whole text, for the one answer that shows it.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The only form in which a secret is stored.
    pub fn hash(&self, pepper: &Pepper) -> SecretHash {
        SecretHash(pepper.mac(b"token", self.text.as_bytes()))
    }

    /// The public half of the Ed25519 pair that is derived from this secret,
    /// for signed requests and derived tokens.
    pub fn public_key(&self) -> [u8; 32] {
        self.key_pair().verifying_key().to_bytes()
    }

    /// Signs a message under the private half of that pair.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        use ed25519_dalek::Signer;
        self.key_pair().sign(message).to_bytes()
    }

    fn key_pair(&self) -> ed25519_dalek::SigningKey {
        let seed = Zeroizing::new(mac(self.text.as_bytes(), b"tidegate ed25519 v1", b""));
        ed25519_dalek::SigningKey::from_bytes(&seed)
    }
}

/// HMAC-SHA-256 of a token under the server's pepper. Comparison takes the
/// same time wherever two hashes differ, and there is no other.
///
/// ```compile_fail,E0369
/// fn same(one: &model::secrets::SecretHash, other: &model::secrets::SecretHash) -> bool { one == other }
/// ```
#[derive(Clone, Copy)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// A stored hash.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Of a text that is nobody's token, at the price of one that is.
    pub(crate) fn of_nobody(pepper: &Pepper) -> Self {
        Self(pepper.mac(b"token", &[b'-'; TOKEN_CHARS]))
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether the two are equal, in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl ConstantTimeEq for SecretHash {
    fn ct_eq(&self, other: &Self) -> Choice {
        #[cfg(test)]
        counted::compares();
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash")
    }
}

/// The server's own secret, kept in a file outside the data directory's
/// backup: without it a copy of the data lets nobody in.
pub struct Pepper(Zeroizing<[u8; 32]>);

impl Pepper {
    /// A fresh pepper.
    pub fn generate(random: &dyn RandomSource) -> Self {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        random.fill(&mut *bytes);
        Self(bytes)
    }

    /// The pepper of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes to write to the pepper's file.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A key for another purpose, from which the pepper cannot be learnt.
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.mac(b"derive", purpose.as_bytes()))
    }

    fn mac(&self, purpose: &[u8], message: &[u8]) -> [u8; 32] {
        #[cfg(test)]
        counted::hashes();
        mac(&*self.0, purpose, message)
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper")
    }
}

fn mac(key: &[u8], purpose: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(purpose);
    mac.update(&[0]);
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// The word for the kind and the public part of a text that has the form of a
/// token, its checksum included.
fn read_form(text: &str) -> Option<(&str, SecretId)> {
    let rest = text.strip_prefix("tg_")?;
    let (word, rest) = rest.split_once('_')?;
    let (id, secret) = rest.split_once('_')?;
    let id = SecretId::parse(id)?;
    let is_base62 = secret.bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_base62 || secret.len() != SECRET_CHARS + CHECKSUM_CHARS {
        return None;
    }
    let (body, sent) = text.split_at(text.len() - CHECKSUM_CHARS);
    (checksum(body) == sent).then_some((word, id))
}

/// One of 62 characters, each equally likely.
fn random_base62(random: &dyn RandomSource) -> u8 {
    loop {
        let mut byte = [0_u8];
        random.fill(&mut byte);
        if byte[0] < 248 {
            return BASE62[usize::from(byte[0] % 62)];
        }
    }
}

fn to_base62<const CHARS: usize>(bytes: &[u8]) -> Zeroizing<String> {
    let mut number = Zeroizing::new(bytes.to_vec());
    let mut text = [b'0'; CHARS];
    for place in text.iter_mut().rev() {
        let mut rest = 0_u32;
        for byte in number.iter_mut() {
            let step = rest << 8 | u32::from(*byte);
            *byte = u8::try_from(step / 62).expect("the quotient of a digit is a digit");
            rest = step % 62;
        }
        *place = BASE62[rest as usize];
    }
    Zeroizing::new(text.iter().copied().map(char::from).collect())
}

fn checksum(body: &str) -> String {
    let crc = crc32fast::hash(body.as_bytes());
    to_base62::<CHECKSUM_CHARS>(&crc.to_be_bytes()).to_string()
}

#[cfg(test)]
mod tests;

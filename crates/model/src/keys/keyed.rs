//! Signed requests by HMAC, in the scheme of the clients of Apperate: for
//! clients that sign like that and no otherwise. What it does not cover
//! (`Content-Type`, most headers) the scheme of `signed.rs` does.
//!
//! The signature alone lets somebody in. `Credential` stands outside of it and
//! only says under which signing secret it is to be looked for.
//! `docs/adr/037-keyed-signatures.md`.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::signed::Unspent;
use super::{AuthError, Circumstances, KeyKind, KeyRecord, Proof};
use crate::ids::KeyId;
use crate::limits::{
    SIGNATURE_CLOCK_SECONDS_MAX, SIGNATURE_SECONDS_AHEAD_MAX, SIGNATURE_SECONDS_MAX,
    SIGNING_SECRETS_MAX,
};
use crate::secrets::{Pepper, SealedSigning, Secret, SecretHash, SecretId, SigningSecret};
use crate::time::Timestamp;
use crate::uniqueness::TokenTag;

/// The scheme's name, with which `Authorization` begins.
pub const KEYED_SCHEME: &str = "IEX-HMAC-SHA256";
const TERMINATOR: &str = "iex_request";
const SIGNED_HEADERS: &str = "host;x-iex-date";

/// One signing secret of a key, in its stored form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningRecord {
    /// The public part.
    pub id: SecretId,
    /// The secret, sealed for its key.
    pub sealed: SealedSigning,
    /// What may be shown of it.
    pub hint: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The parts of a request that a signature is about, as they were sent.
#[derive(Clone, Copy, Debug)]
pub struct KeyedHead<'r> {
    /// The method.
    pub method: &'r str,
    /// What the server was asked as, with the port where the client says one.
    pub host: &'r str,
    /// The path.
    pub path: &'r str,
    /// The query, without its question mark.
    pub query: &'r str,
    /// `Authorization`.
    pub authorization: &'r str,
    /// `x-iex-date`.
    pub date: Option<&'r str>,
    /// The SHA-256 of the body, also of an empty one.
    pub body: [u8; 32],
}

/// Under which signing secrets a signature is to be looked for.
#[derive(Debug)]
enum Credential {
    /// The public part of one, or of a secret of the key that has them.
    Id(SecretId),
    /// The token of a publishable key, which is no secret.
    Token(Secret),
}

/// A request with a signature that is to be verified. It lets nobody in:
/// [`KeyRecord::verify_keyed`] does.
#[derive(Debug)]
pub struct KeyedRequest<'r> {
    head: KeyedHead<'r>,
    credential: Credential,
    date: &'r str,
    at: Timestamp,
    signature: [u8; 32],
}

/// Why a request's signature is no use, whatever the secret: told to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyedFault {
    /// `Authorization` is not of the one form.
    #[error(
        "Authorization is IEX-HMAC-SHA256 Credential=<id or token>/<yyyymmdd>/iex_request, \
         SignedHeaders=host;x-iex-date, Signature=<64 lower-case hex digits>, once and nothing else"
    )]
    Authorization,
    /// The token of a secret key was sent along.
    #[error(
        "Credential names the signing secret by its id, or a publishable key by its token; \
         the token of a secret key stays where it is: replace that key, whose token was sent"
    )]
    Exposed,
    /// `x-iex-date` is not of the one form, or of another day than the credential.
    #[error(
        "x-iex-date is the time of signing in UTC, such as 20260301T120000Z, and Credential has its day"
    )]
    Date,
    /// It was signed too long ago, or in the future.
    #[error("x-iex-date is at most 300 s ago and 30 s ahead")]
    Time,
    /// It is not known what the server was asked as.
    #[error("a signed request has one Host, which is signed")]
    Host,
}

impl<'r> KeyedRequest<'r> {
    /// Reads a signed request and refuses what the policy does not take.
    /// `arrived` is when the head came: how long the body takes makes it no older.
    ///
    /// # Errors
    /// Says which rule was broken.
    pub fn read(head: KeyedHead<'r>, arrived: Timestamp) -> Result<Self, KeyedFault> {
        let (credential, day, signature) =
            authorization(head.authorization).ok_or(KeyedFault::Authorization)?;
        let credential = read_credential(credential)?;
        if head.host.is_empty() {
            return Err(KeyedFault::Host);
        }
        let date = head.date.ok_or(KeyedFault::Date)?;
        let at = time_of(date).ok_or(KeyedFault::Date)?;
        if date.split_once('T').map(|(date, _)| date) != Some(day) {
            return Err(KeyedFault::Date);
        }
        let second = 1_000_000;
        let ago = arrived.as_microsecond() - at.as_microsecond();
        let window = -SIGNATURE_SECONDS_AHEAD_MAX * second..=SIGNATURE_SECONDS_MAX * second;
        if !window.contains(&ago) {
            return Err(KeyedFault::Time);
        }
        Ok(Self {
            head,
            credential,
            date,
            at,
            signature,
        })
    }

    /// The secret, of whichever kind, that says whose signature it should be.
    pub fn named(&self) -> SecretId {
        match &self.credential {
            Credential::Id(id) => *id,
            Credential::Token(token) => token.id(),
        }
    }

    /// What the token in its credential hashes to; without one as much is done
    /// for nothing.
    fn hash(&self, pepper: &Pepper) -> SecretHash {
        match &self.credential {
            Credential::Token(token) => token.hash(pepper),
            Credential::Id(_) => SecretHash::of_nobody(pepper),
        }
    }

    /// When it says it was signed.
    pub fn created(&self) -> Timestamp {
        self.at
    }

    /// What is remembered of the signature, which has no nonce, and until when.
    /// `Credential` is no part of it: one signature is one request, whatever
    /// name is put on it.
    fn nonce(&self) -> (TokenTag, Timestamp) {
        let mut hash = Sha256::new();
        hash.update(KEYED_SCHEME);
        hash.update([0_u8]);
        hash.update(self.signature);
        let hash: [u8; 32] = hash.finalize().into();
        let mut tag = [0; 16];
        tag.copy_from_slice(&hash[..16]);
        let lasts = SIGNATURE_SECONDS_MAX + SIGNATURE_CLOCK_SECONDS_MAX;
        let lasts = Duration::from_secs(lasts.unsigned_abs());
        let ends = self.at.checked_add(lasts).unwrap_or(Timestamp::MAX);
        (TokenTag::from_bytes(tag), ends)
    }

    /// Whether it was signed with this secret, in constant time.
    fn is_by(&self, secret: &str) -> bool {
        let day = self.date.get(..8).unwrap_or_default();
        let key = signing_key(secret, day);
        let signature = mac(key.as_bytes(), self.string_to_sign(day).as_bytes());
        signature.ct_eq(&self.signature).into()
    }

    fn string_to_sign(&self, day: &str) -> String {
        let KeyedHead {
            method,
            host,
            path,
            query,
            body,
            ..
        } = self.head;
        let date = self.date;
        let body = hex(&body);
        let canonical = format!(
            "{method}\n{path}\n{query}\nhost:{host}\nx-iex-date:{date}\n\n{SIGNED_HEADERS}\n{body}"
        );
        let canonical: [u8; 32] = Sha256::digest(canonical).into();
        format!(
            "{KEYED_SCHEME}\n{date}\n{day}/{TERMINATOR}\n{}",
            hex(&canonical)
        )
    }
}

/// Each result is the next key as a text of lower-case hex digits.
fn signing_key(secret: &str, day: &str) -> Zeroizing<String> {
    let of_day = Zeroizing::new(hex(&mac(secret.as_bytes(), day.as_bytes())));
    Zeroizing::new(hex(&mac(of_day.as_bytes(), TERMINATOR.as_bytes())))
}

fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// The credential, its day and the signature of an `Authorization`.
fn authorization(text: &str) -> Option<(&str, &str, [u8; 32])> {
    let rest = text.strip_prefix(KEYED_SCHEME)?.strip_prefix(' ')?;
    let rest = rest.strip_prefix("Credential=")?;
    let (credential, rest) = rest.split_once(", SignedHeaders=")?;
    let signature = rest
        .strip_prefix(SIGNED_HEADERS)?
        .strip_prefix(", Signature=")?;
    let (credential, day) = credential
        .strip_suffix(TERMINATOR)?
        .strip_suffix('/')?
        .split_once('/')?;
    let signature = data_encoding::HEXLOWER.decode(signature.as_bytes()).ok()?;
    Some((credential, day, signature.try_into().ok()?))
}

fn read_credential(text: &str) -> Result<Credential, KeyedFault> {
    if let Some(id) = SecretId::parse(text) {
        return Ok(Credential::Id(id));
    }
    let token = Secret::parse(text).ok_or(match SigningSecret::parse(text) {
        Some(_) => KeyedFault::Exposed,
        None => KeyedFault::Authorization,
    })?;
    match token.kind() {
        KeyKind::Publishable => Ok(Credential::Token(token)),
        KeyKind::Secret | KeyKind::Legacy => Err(KeyedFault::Exposed),
    }
}

/// The moment of a `yyyymmddThhmmssZ`.
fn time_of(text: &str) -> Option<Timestamp> {
    let digits = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then_some(digits)
    };
    let marks = [(8, b'T'), (15, b'Z')];
    let is_marked = |(at, mark): (usize, u8)| text.as_bytes().get(at) == Some(&mark);
    if text.len() != 16 || !marks.into_iter().all(is_marked) {
        return None;
    }
    let [year, month, day] = [digits(0, 4)?, digits(4, 6)?, digits(6, 8)?];
    let [hour, minute, second] = [digits(9, 11)?, digits(11, 13)?, digits(13, 15)?];
    Timestamp::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")).ok()
}

/// What is computed with where there is no signing secret.
const OF_NOBODY: &str = "tg_hs_------------_";

impl KeyRecord {
    /// The key with these signing secrets, of which it has none otherwise.
    #[must_use]
    pub fn with_signing_secrets(mut self, mut signing: Vec<SigningRecord>) -> Self {
        signing.sort_by_key(|known| (known.created_at, known.id));
        self.signing = signing;
        self
    }

    /// Its signing secrets, oldest first.
    pub fn signing_secrets(&self) -> &[SigningRecord] {
        &self.signing
    }

    /// Whether the text is this signing secret of the key.
    pub fn has_signing_secret(&self, presented: &SigningSecret, pepper: &Pepper) -> bool {
        let mut signing = self.signing.iter();
        let known = signing.find(|known| known.id == presented.id());
        let opened = known.and_then(|known| known.sealed.open(known.id, self.id, pepper));
        opened.is_some_and(|own| own.is(presented))
    }

    /// Lets the sender of a request in that was signed with one of the signing
    /// secrets of this key, once the signature is spent.
    ///
    /// # Errors
    /// Says why not, for the log.
    pub fn verify_keyed(
        &self,
        request: &KeyedRequest<'_>,
        pepper: &Pepper,
        seen: &Circumstances<'_>,
        now: Timestamp,
    ) -> Result<Unspent, AuthError> {
        let mut found = None;
        let hash = request.hash(pepper);
        let nobodys = SealedSigning::of_nobody();
        // As much is done for whoever has fewer of them, or none.
        for at in 0..SIGNING_SECRETS_MAX {
            let known = self.signing.get(at);
            let meant = known.filter(|known| self.means(request, known.id, &hash, now));
            let (sealed, id) = meant.map_or((&nobodys, request.named()), |known| {
                (&known.sealed, known.id)
            });
            let opened = sealed.open(id, self.id, pepper);
            let text = opened.as_ref().map_or(OF_NOBODY, SigningSecret::reveal);
            let is_by = request.is_by(text);
            if is_by && opened.is_some() {
                found = meant;
            }
        }
        let signing = found.ok_or(AuthError::Unknown)?;
        let signing = self.live_signing(signing);
        let access = self.admit_by(signing, (Proof::Signature, seen), now)?;
        Ok(Unspent::new(access, request.nonce()))
    }

    /// Whether some signature would let the sender of this request in, from where
    /// it comes and as the key is now. Whether it is signed well is not asked.
    pub fn may_be_signed(
        &self,
        request: &KeyedRequest<'_>,
        pepper: &Pepper,
        seen: &Circumstances<'_>,
        now: Timestamp,
    ) -> bool {
        let hash = request.hash(pepper);
        let mut signing = self.signing.iter();
        signing.any(|known| {
            let proof = (Proof::Signature, seen);
            self.means(request, known.id, &hash, now)
                && self.admit_by(self.live_signing(known), proof, now).is_ok()
        })
    }

    /// Whether the request's credential names this signing secret: by its own
    /// public part, or by a secret of the key that lives.
    fn means(
        &self,
        request: &KeyedRequest<'_>,
        signing: SecretId,
        hash: &SecretHash,
        now: Timestamp,
    ) -> bool {
        let id = request.named();
        if id == signing {
            return matches!(request.credential, Credential::Id(_));
        }
        let mut secrets = self.secrets.iter();
        let named = secrets.find(|known| known.id == id);
        named.is_some_and(|known| {
            let lives = known.expires_at.is_none_or(|end| end > now);
            let is_it = match &request.credential {
                Credential::Id(_) => true,
                Credential::Token(_) => known.hash.matches(hash),
            };
            lives && is_it
        })
    }

    /// Does the work of [`KeyRecord::verify_keyed`] for what names no key.
    pub fn verify_keyed_absent(request: &KeyedRequest<'_>, pepper: &Pepper) -> AuthError {
        std::hint::black_box(request.hash(pepper));
        let (nobodys, nobody) = (SealedSigning::of_nobody(), KeyId::from_bytes([0; 16]));
        for _ in 0..SIGNING_SECRETS_MAX {
            std::hint::black_box(nobodys.open(request.named(), nobody, pepper));
            std::hint::black_box(request.is_by(OF_NOBODY));
        }
        AuthError::Unknown
    }
}

#[cfg(test)]
mod tests;

//! The scheme of the clients of Apperate: the host and the time are signed with
//! the request and its whole body, and `Content-Type` is not.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Credential, KeyedRequest, Scheme, counts};
use crate::keys::KeyKind;
use crate::secrets::{Secret, SecretId, SigningSecret};
use crate::time::Timestamp;

/// The scheme's name, with which `Authorization` begins.
pub const KEYED_SCHEME: &str = "IEX-HMAC-SHA256";
const TERMINATOR: &str = "iex_request";
const SIGNED_HEADERS: &str = "host;x-iex-date";

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

/// What is signed, and the signature.
#[derive(Debug)]
pub(super) struct Signed<'r> {
    head: KeyedHead<'r>,
    date: &'r str,
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
        if !counts(at, arrived) {
            return Err(KeyedFault::Time);
        }
        let signed = Signed {
            head,
            date,
            signature,
        };
        Ok(Self {
            credential,
            at,
            scheme: Scheme::Apperate(signed),
        })
    }
}

impl Signed<'_> {
    /// Whether it was signed with this secret, in constant time.
    pub(super) fn is_by(&self, secret: &str) -> bool {
        let day = self.date.get(..8).unwrap_or_default();
        let key = signing_key(secret, day);
        let signature = mac(key.as_bytes(), self.string_to_sign(day).as_bytes());
        signature.ct_eq(&self.signature).into()
    }

    /// The bytes of the signature.
    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
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

#[cfg(test)]
mod tests;

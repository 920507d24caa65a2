//! The scheme of a list of headers, which is the draft of "Signing HTTP
//! Messages" of before RFC 9421 as clients of Ubiq have it: HMAC-SHA-512, and a
//! line feed behind the last line, too.
//!
//! The client says what is covered, and the policy here what must be. The body
//! is by its digest, which stands in the head, so that nobody has to hold it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;

use super::{Credential, KeyedRequest, Scheme, counts};
use crate::keys::Said;
use crate::secrets::{Secret, SecretId, SigningSecret};
use crate::time::Timestamp;

/// The scheme's name, and its one algorithm.
pub(super) const ALGORITHM: &str = "hmac-sha512";
/// The names of what is no header.
const TARGET: &str = "(request-target)";
const CREATED: &str = "(created)";
/// What is covered in any case.
const COVERED: [&str; 4] = [TARGET, CREATED, "digest", "host"];
/// What is covered when the request has it, since it changes what is done.
const TELLING: [&str; 2] = ["content-encoding", "idempotency-key"];
/// Names that a list may have.
const NAMES_MAX: usize = 32;

/// The parts of a request that a signature is about beside its headers, as they
/// were sent, with the signature.
#[derive(Clone, Copy, Debug)]
pub struct ListedHead<'r> {
    /// The method.
    pub method: &'r str,
    /// The path with the query.
    pub target: &'r str,
    /// `Signature`.
    pub signature: &'r str,
}

/// What is signed, and the signature.
#[derive(Debug)]
pub(super) struct Signed {
    message: String,
    signature: [u8; 64],
}

/// Why a request's signature is no use, whatever the secret: told to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListedFault {
    /// `Signature` is not of the one form.
    #[error(
        "Signature is keyId=\"<id>\", algorithm=\"hmac-sha512\", created=<seconds>, headers=\"<names>\", \
         signature=\"<the 64 bytes in base64>\", once and nothing else"
    )]
    Signature,
    /// A token or a signing secret was sent along.
    #[error(
        "keyId names the signing secret by its id, which is its third piece between _; \
         the secret stays where it is: replace the one that was sent"
    )]
    Exposed,
    /// The list of names is not of the one form.
    #[error(
        "headers=\"…\" lists at most 32 lower-case names, each once, with one blank between two; \
         of what is no header it may list (request-target) and (created)"
    )]
    List,
    /// Something that must be covered is not.
    #[error(
        "the signature covers (request-target), (created), digest and host, content-type when the \
         request has it or a body, and content-encoding and idempotency-key when the request has them"
    )]
    Uncovered,
    /// A header that is covered is not there, or it is there more than once.
    #[error("each header that the signature covers stands in the request, and once")]
    Header,
    /// `Digest` is not of the one form.
    #[error("Digest is SHA-512=…, with the 64 bytes in base64, also of an empty body")]
    Digest,
    /// It was signed too long ago, or in the future.
    #[error("created is the time of signing in seconds, at most 300 s ago and 30 s ahead")]
    Time,
}

impl<'r> KeyedRequest<'r> {
    /// Reads the head of a request that is signed over a list of headers, and
    /// refuses what the policy does not take. `said` tells what the header of a
    /// lower-case name says; as `host`, what the server was asked as. `arrived`
    /// is when the head came: how long the body takes makes it no older.
    ///
    /// Whoever lets the sender in has the body checked against
    /// [`listed_digest`] before anything is done with it.
    ///
    /// # Errors
    /// Says which rule was broken.
    pub fn read_listed(
        head: ListedHead<'r>,
        said: impl Fn(&str) -> Said<'r>,
        arrived: Timestamp,
    ) -> Result<Self, ListedFault> {
        let text = Parameters::of(head.signature).ok_or(ListedFault::Signature)?;
        let id = read_id(text.key_id)?;
        let seconds = seconds(text.created).ok_or(ListedFault::Signature)?;
        let signature = bytes(text.signature).ok_or(ListedFault::Signature)?;
        let names = names(text.headers).ok_or(ListedFault::List)?;
        check_covered(&names, &said)?;
        let mut message = String::new();
        for name in names {
            let value = match name {
                TARGET => format!("{} {}", head.method.to_ascii_lowercase(), head.target),
                CREATED => text.created.to_owned(),
                header => match said(header) {
                    Said::Text(value) => value.to_owned(),
                    Said::Nothing | Said::Unclear => return Err(ListedFault::Header),
                },
            };
            message.push_str(&format!("{name}: {value}\n"));
        }
        let at = time_of(seconds).ok_or(ListedFault::Time)?;
        if !counts(at, arrived) {
            return Err(ListedFault::Time);
        }
        let signed = Signed { message, signature };
        Ok(Self {
            credential: Credential::Id(id),
            at,
            scheme: Scheme::Listed(signed),
        })
    }
}

/// Refuses a list that leaves out what must be covered. Whether there is a body
/// the digest says, which is covered itself.
fn check_covered<'r>(names: &[&str], said: &impl Fn(&str) -> Said<'r>) -> Result<(), ListedFault> {
    let covers = |name: &str| names.contains(&name);
    if !COVERED.into_iter().all(covers) {
        return Err(ListedFault::Uncovered);
    }
    let digest = match said("digest") {
        Said::Text(text) => listed_digest(text).ok_or(ListedFault::Digest)?,
        Said::Nothing | Said::Unclear => return Err(ListedFault::Digest),
    };
    let of_nothing: [u8; 64] = Sha512::digest(b"").into();
    let has_type = said("content-type") != Said::Nothing;
    let is_told = |name: &str| said(name) != Said::Nothing;
    if TELLING
        .into_iter()
        .any(|name| is_told(name) && !covers(name))
    {
        return Err(ListedFault::Uncovered);
    }
    if (has_type || digest != of_nothing) && !covers("content-type") {
        return Err(ListedFault::Uncovered);
    }
    Ok(())
}

impl Signed {
    /// Whether it was signed with this secret, in constant time.
    pub(super) fn is_by(&self, secret: &str) -> bool {
        let mac = Hmac::<Sha512>::new_from_slice(secret.as_bytes());
        let mut mac = mac.expect("HMAC takes a key of any length");
        mac.update(self.message.as_bytes());
        let signature: [u8; 64] = mac.finalize().into_bytes().into();
        signature.ct_eq(&self.signature).into()
    }

    /// The bytes of the signature.
    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }
}

/// What a `Signature` says, word for word.
struct Parameters<'r> {
    key_id: &'r str,
    created: &'r str,
    headers: &'r str,
    signature: &'r str,
}

impl<'r> Parameters<'r> {
    fn of(text: &'r str) -> Option<Self> {
        let (key_id, rest) = text
            .strip_prefix("keyId=\"")?
            .split_once("\", algorithm=")?;
        let rest = rest.strip_prefix('"')?.strip_prefix(ALGORITHM)?;
        let rest = rest.strip_prefix("\", created=")?;
        let (created, rest) = rest.split_once(", headers=\"")?;
        let (headers, rest) = rest.split_once("\", signature=\"")?;
        Some(Self {
            key_id,
            created,
            headers,
            signature: rest.strip_suffix('"')?,
        })
    }
}

fn read_id(text: &str) -> Result<SecretId, ListedFault> {
    SecretId::parse(text).ok_or_else(|| {
        let is_secret = Secret::parse(text).is_some() || SigningSecret::parse(text).is_some();
        match is_secret {
            true => ListedFault::Exposed,
            false => ListedFault::Signature,
        }
    })
}

/// The names of a list, each once.
fn names(text: &str) -> Option<Vec<&str>> {
    let is_part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
    let is_header = |name: &str| !name.is_empty() && name.bytes().all(is_part);
    let mut names: Vec<&str> = Vec::new();
    for name in text.split(' ') {
        let is_name = [TARGET, CREATED].contains(&name) || is_header(name);
        if !is_name || names.contains(&name) || names.len() == NAMES_MAX {
            return None;
        }
        names.push(name);
    }
    Some(names)
}

/// The digest that a `Digest` says, of the one algorithm.
pub fn listed_digest(digest: &str) -> Option<[u8; 64]> {
    bytes(digest.strip_prefix("SHA-512=")?)
}

/// The bytes of a base64 text, which has one spelling.
fn bytes(text: &str) -> Option<[u8; 64]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

fn seconds(text: &str) -> Option<i64> {
    let number = text.parse::<i64>().ok()?;
    (number >= 0 && number.to_string() == text).then_some(number)
}

fn time_of(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(seconds.checked_mul(1_000_000)?)
}

#[cfg(test)]
mod tests;

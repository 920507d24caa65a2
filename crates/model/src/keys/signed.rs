//! Signed requests (RFC 9421 with Content-Digest, RFC 9530): the holder of a
//! secret proves that it has it, and the secret stays where it is.
//!
//! The policy is ours and not a library's default: what must be covered is
//! covered or the request is refused, and one request has one form, so that no
//! two readers understand it differently.

mod read;

use std::time::Duration;

use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use super::{AuthError, Circumstances, KeyRecord, Proof};
use crate::limits::{
    SIGNATURE_CLOCK_SECONDS_MAX, SIGNATURE_SECONDS_AHEAD_MAX, SIGNATURE_SECONDS_MAX,
};
use crate::permit::Access;
use crate::secrets::SecretId;
use crate::time::Timestamp;
use crate::uniqueness::TokenTag;

/// The parts of a request's head that a signature is about, as they were sent.
#[derive(Clone, Copy, Debug)]
pub struct SignedHead<'r> {
    /// The method.
    pub method: &'r str,
    /// The host, with its port where it is not the usual one.
    pub authority: &'r str,
    /// The path with the query.
    pub path_and_query: &'r str,
    /// `Content-Type`.
    pub content_type: Option<&'r str>,
    /// `Content-Digest`.
    pub content_digest: Option<&'r str>,
    /// `Signature-Input`.
    pub signature_input: &'r str,
    /// `Signature`.
    pub signature: Option<&'r str>,
}

/// A request with a signature that is to be verified. It lets nobody in:
/// [`KeyRecord::verify_signed`] does.
#[derive(Clone, Debug)]
pub struct SignedRequest<'r> {
    head: SignedHead<'r>,
    input: read::Input<'r>,
    signature: [u8; 64],
    digest: [u8; 32],
}

/// The base point of the curve, which is no key's and signs nothing here.
pub(super) const BASE_POINT: [u8; 32] = {
    let mut point = [0x66; 32];
    point[0] = 0x58;
    point
};

/// Why a request's signature is no use, whatever the secret: told to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// `Signature-Input` is not of the one form.
    #[error(
        "Signature-Input is sig=(\"@method\" \"@target-uri\" \"content-digest\" \"content-type\");created=…;nonce=\"…\";keyid=\"…\", \
         one signature, nothing twice and nothing else but alg=\"ed25519\""
    )]
    Input,
    /// Something that must be covered is not.
    #[error(
        "the signature covers \"@method\", \"@target-uri\" and \"content-digest\", and \"content-type\" when the request has it"
    )]
    Uncovered,
    /// `Signature` is not of the one form.
    #[error(
        "Signature is sig=:…:, under the label of Signature-Input, with the 64 bytes in base64"
    )]
    Signature,
    /// `Content-Digest` is not of the one form.
    #[error("Content-Digest is sha-256=:…:, with the 32 bytes in base64, also of an empty body")]
    Digest,
    /// It was signed too long ago, or in the future.
    #[error("created is the time of signing in seconds, at most 300 s ago and 30 s ahead")]
    Time,
}

impl<'r> SignedRequest<'r> {
    /// Reads a signed request's head and refuses what the policy does not take.
    /// `arrived` is when the head came: how long the body takes, and how often
    /// the request is looked at meanwhile, makes it no older.
    ///
    /// # Errors
    /// Says which rule was broken.
    pub fn read(head: SignedHead<'r>, arrived: Timestamp) -> Result<Self, SignatureFault> {
        let input = read::input(head.signature_input).ok_or(SignatureFault::Input)?;
        let covers = |name: &str| input.components.contains(&name);
        let is_covered = ["@method", "@target-uri", "content-digest"]
            .into_iter()
            .all(covers)
            && covers("content-type") == head.content_type.is_some();
        if !is_covered {
            return Err(SignatureFault::Uncovered);
        }
        let signature = head
            .signature
            .and_then(|text| read::bytes(text, input.label));
        let signature = signature.ok_or(SignatureFault::Signature)?;
        let digest = head.content_digest.and_then(digest_of);
        let digest = digest.ok_or(SignatureFault::Digest)?;
        let request = Self {
            head,
            input,
            signature,
            digest,
        };
        request.check_time(arrived)?;
        Ok(request)
    }

    fn check_time(&self, arrived: Timestamp) -> Result<(), SignatureFault> {
        let second = 1_000_000;
        let ago = arrived.as_microsecond() - self.input.created.saturating_mul(second);
        let window = -SIGNATURE_SECONDS_AHEAD_MAX * second..=SIGNATURE_SECONDS_MAX * second;
        match window.contains(&ago) {
            true => Ok(()),
            false => Err(SignatureFault::Time),
        }
    }

    /// The secret that it says it is signed under.
    pub fn secret(&self) -> SecretId {
        self.input.keyid
    }

    /// When it says it was signed.
    pub fn created(&self) -> Timestamp {
        let created = self.input.created.saturating_mul(1_000_000);
        Timestamp::from_microsecond(created).unwrap_or(Timestamp::MAX)
    }

    /// What the body must hash to.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// What is remembered of the nonce, and until when.
    fn nonce(&self) -> (TokenTag, Timestamp) {
        let mut hash = Sha256::new();
        hash.update(self.input.keyid.to_string());
        hash.update([0_u8]);
        hash.update(self.input.nonce);
        let hash: [u8; 32] = hash.finalize().into();
        let mut tag = [0; 16];
        tag.copy_from_slice(&hash[..16]);
        let lasts = SIGNATURE_SECONDS_MAX + SIGNATURE_CLOCK_SECONDS_MAX;
        let lasts = Duration::from_secs(lasts.unsigned_abs());
        let ends = self.created().checked_add(lasts).unwrap_or(Timestamp::MAX);
        (TokenTag::from_bytes(tag), ends)
    }

    /// Whether the holder of the private half signed this request. The scheme
    /// is not on the wire, so either of the two is taken.
    fn is_by(&self, public_key: &[u8; 32]) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(public_key) else {
            return false;
        };
        let signature = Signature::from_bytes(&self.signature);
        ["https", "http"].iter().any(|scheme| {
            let base = self.base(scheme);
            key.verify_strict(base.as_bytes(), &signature).is_ok()
        })
    }

    /// The signature base (RFC 9421, section 2.5).
    fn base(&self, scheme: &str) -> String {
        let SignedHead {
            method,
            authority,
            path_and_query,
            ..
        } = self.head;
        let mut base = String::new();
        for name in &self.input.components {
            let value = match *name {
                "@method" => method.to_owned(),
                "@target-uri" => format!("{scheme}://{authority}{path_and_query}"),
                "content-digest" => self.head.content_digest.unwrap_or_default().to_owned(),
                _ => self.head.content_type.unwrap_or_default().to_owned(),
            };
            base.push_str(&format!("\"{name}\": {value}\n"));
        }
        base.push_str(&format!("\"@signature-params\": {}", self.input.params));
        base
    }
}

/// The digest that a `Content-Digest` says, of the one algorithm.
pub fn digest_of(content_digest: &str) -> Option<[u8; 32]> {
    read::bytes(content_digest, "sha-256")
}

/// A caller whose signature is good and whose nonce is still to be spent.
#[derive(Debug)]
pub struct Unspent {
    access: Access,
    nonce: (TokenTag, Timestamp),
}

impl Unspent {
    /// A caller whose signature was found good.
    pub(super) fn new(access: Access, nonce: (TokenTag, Timestamp)) -> Self {
        Self { access, nonce }
    }

    /// What is to be remembered of the nonce before anything else happens, and
    /// until when.
    pub fn nonce(&self) -> (TokenTag, Timestamp) {
        self.nonce
    }

    /// The caller, to be asked about before its nonce is spent. Only the control
    /// plane calls this, and gives nobody the right to act by it.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Lets the caller in. Only the control plane calls this, once the nonce is
    /// on stable storage and was not there before.
    pub fn spent(self) -> Access {
        self.access
    }
}

impl KeyRecord {
    /// Lets the sender of a signed request in, once its nonce is spent.
    ///
    /// # Errors
    /// Says why not, for the log. Whether the secret is unknown or the
    /// signature another's, the work is the same.
    pub fn verify_signed(
        &self,
        request: &SignedRequest<'_>,
        seen: &Circumstances<'_>,
        now: Timestamp,
    ) -> Result<Unspent, AuthError> {
        let mut secrets = self.secrets.iter();
        let secret = secrets.find(|secret| secret.id == request.secret());
        let Some(secret) = secret.filter(|secret| request.is_by(&secret.public_key)) else {
            return Err(AuthError::Unknown);
        };
        let access = self.admit_by(secret, (Proof::Signature, seen), now)?;
        Ok(Unspent::new(access, request.nonce()))
    }

    /// Does the work of [`KeyRecord::verify_signed`] for a secret that no key has.
    pub fn verify_signed_absent(request: &SignedRequest<'_>) -> AuthError {
        std::hint::black_box(request.is_by(&BASE_POINT));
        AuthError::Unknown
    }
}

#[cfg(test)]
mod tests;

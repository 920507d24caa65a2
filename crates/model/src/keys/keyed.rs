//! Signed requests by HMAC, for clients that sign like that and no otherwise, in
//! two schemes: that of the clients of Apperate (`keyed/apperate.rs`), and that of
//! a list of headers (`keyed/listed.rs`). What they do not cover the scheme of
//! `signed.rs` does.
//!
//! The signature alone lets somebody in. What names the signing secret stands
//! outside of it and only says where that is to be looked for.
//! `docs/adr/037-keyed-signatures.md`.

mod apperate;
mod listed;

pub use apperate::{KEYED_SCHEME, KeyedFault, KeyedHead};
pub use listed::{ListedFault, ListedHead, listed_digest};

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::signed::Unspent;
use super::{AuthError, Circumstances, KeyRecord, Proof};
use crate::ids::KeyId;
use crate::limits::{
    SIGNATURE_CLOCK_SECONDS_MAX, SIGNATURE_SECONDS_AHEAD_MAX, SIGNATURE_SECONDS_MAX,
    SIGNING_SECRETS_MAX,
};
use crate::secrets::{Pepper, SealedSigning, Secret, SecretHash, SecretId, SigningSecret};
use crate::time::Timestamp;
use crate::uniqueness::TokenTag;

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
    credential: Credential,
    at: Timestamp,
    scheme: Scheme<'r>,
}

/// What is signed with the signature, in the form of its scheme.
#[derive(Debug)]
enum Scheme<'r> {
    Apperate(apperate::Signed<'r>),
    Listed(listed::Signed),
}

impl Scheme<'_> {
    /// Whether it was signed with this secret, in constant time.
    fn is_by(&self, secret: &str) -> bool {
        match self {
            Self::Apperate(signed) => signed.is_by(secret),
            Self::Listed(signed) => signed.is_by(secret),
        }
    }

    /// The scheme's name and the bytes of the signature.
    fn signature(&self) -> (&'static str, &[u8]) {
        match self {
            Self::Apperate(signed) => (KEYED_SCHEME, signed.signature()),
            Self::Listed(signed) => (listed::ALGORITHM, signed.signature()),
        }
    }
}

/// Whether what was signed at this moment counts when it arrives at that one.
fn counts(at: Timestamp, arrived: Timestamp) -> bool {
    let second = 1_000_000;
    let ago = arrived.as_microsecond() - at.as_microsecond();
    let window = -SIGNATURE_SECONDS_AHEAD_MAX * second..=SIGNATURE_SECONDS_MAX * second;
    window.contains(&ago)
}

impl KeyedRequest<'_> {
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
    /// The credential is no part of it: one signature is one request, whatever
    /// name is put on it.
    fn nonce(&self) -> (TokenTag, Timestamp) {
        let (scheme, signature) = self.scheme.signature();
        let mut hash = Sha256::new();
        hash.update(scheme);
        hash.update([0_u8]);
        hash.update(signature);
        let hash: [u8; 32] = hash.finalize().into();
        let mut tag = [0; 16];
        tag.copy_from_slice(&hash[..16]);
        let lasts = SIGNATURE_SECONDS_MAX + SIGNATURE_CLOCK_SECONDS_MAX;
        let lasts = Duration::from_secs(lasts.unsigned_abs());
        let ends = self.at.checked_add(lasts).unwrap_or(Timestamp::MAX);
        (TokenTag::from_bytes(tag), ends)
    }
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
            let is_by = request.scheme.is_by(text);
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
            std::hint::black_box(request.scheme.is_by(OF_NOBODY));
        }
        AuthError::Unknown
    }
}

//! Derived tokens: less than a key may do, for a short time, said and signed
//! by whoever holds a secret of the key, without asking the server.
//!
//! A derived token is a JWT in one form (`envelope.rs`), signed with the
//! Ed25519 pair of the secret, of which the server has the public half. What it
//! claims (`claims.rs`) is laid on the key's grants as they are when a request
//! comes (`narrow.rs`): the result is made out of the key's own grants, so that
//! no claim can say more than they do. What is not understood is refused.

mod claims;
mod envelope;
mod narrow;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

pub use envelope::{DerivedText, Envelope};

use super::{AuthError, Circumstances, KeyKind, KeyRecord, Proof};
use crate::credits::Tier;
use crate::grants::Grant;
use crate::limits::{
    DERIVED_CLOCK_SECONDS_MAX, DERIVED_ID_CHARS_MAX, DERIVED_ID_CHARS_MIN, DERIVED_SECONDS_MAX,
};
use crate::permit::Access;
use crate::secrets::SecretId;
use crate::time::Timestamp;
use claims::Claims;

/// The media type that a derived token's header names.
pub const DERIVED_TYPE: &str = "tidegate-derived+jwt";

/// What names a derived token among those of its key: the second in which it
/// ends, a hyphen, and characters that its maker drew.
///
/// Since it says when the token ends, a revocation is kept until then and no
/// longer, also of a token that nobody has used yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DerivedId {
    ends: i64,
    text: Arc<str>,
}

impl DerivedId {
    /// Reads `<seconds since 1970>-<characters>`.
    pub fn parse(text: &str) -> Option<Self> {
        let (seconds, drawn) = text.split_once('-')?;
        let ends: i64 = seconds.parse().ok()?;
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let is_id = ends >= 0
            && ends.to_string() == seconds
            && ends
                .checked_mul(1_000_000)
                .and_then(Timestamp::from_microsecond)
                .is_some()
            && (DERIVED_ID_CHARS_MIN..=DERIVED_ID_CHARS_MAX).contains(&drawn.len())
            && drawn.bytes().all(is_plain);
        is_id.then(|| Self {
            ends,
            text: text.into(),
        })
    }

    /// When the token of this id ends.
    pub fn ends(&self) -> Timestamp {
        Timestamp::from_microsecond(self.ends * 1_000_000).unwrap_or(Timestamp::MAX)
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for DerivedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// How much of what its key may take a derived token may take. What is `None`
/// is limited by the key alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DerivedLimits {
    /// Requests that are let in within any one second.
    pub requests_per_second: Option<NonZeroU32>,
    /// Credits of the tier `core`, over the whole life of the token.
    pub core: Option<u64>,
    /// The same of `premium`.
    pub premium: Option<u64>,
}

impl DerivedLimits {
    /// The credits of this tier, over the token's life.
    pub fn credits(self, tier: Tier) -> Option<u64> {
        match tier {
            Tier::Core => self.core,
            Tier::Premium => self.premium,
        }
    }

    /// Whether what was taken must be known for as long as the token lives.
    pub fn must_be_remembered(self) -> bool {
        self.core.is_some() || self.premium.is_some()
    }
}

/// What a caller who came by a derived token is held to beside its grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derived {
    id: DerivedId,
    limits: DerivedLimits,
    restrictions: super::Restrictions,
}

impl Derived {
    /// Names the token.
    pub fn id(&self) -> &DerivedId {
        &self.id
    }

    /// How much it may take.
    pub fn limits(&self) -> DerivedLimits {
        self.limits
    }

    /// What its requests are held to beside what the key's are held to.
    pub fn restrictions(&self) -> &super::Restrictions {
        &self.restrictions
    }
}

/// Why a derived token is no use: told to whoever sends it, since it follows
/// from its text, or was signed by the key's own holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DerivedFault {
    /// It is not of the one form.
    #[error(
        "a derived token is three parts in base64url without padding, with a dot between them, and at most 4,096 characters"
    )]
    Form,
    /// Its header says something else, or more.
    #[error(
        "the header of a derived token is {{\"alg\":\"EdDSA\",\"typ\":\"tidegate-derived+jwt\",\"kid\":\"<public id of the secret>\"}}, each once and nothing else"
    )]
    Header,
    /// It claims something that no derived token can claim.
    #[error(
        "a derived token has the claims aud, iat, nbf, exp, jti, grants, constraints, fields, restrictions and limits, each once and no other"
    )]
    UnknownClaim,
    /// A claim is missing or says what it cannot say.
    #[error("the claim {0} is missing, or not as derived tokens have it")]
    Claim(&'static str),
    /// It lives longer than one may, or its times contradict each other.
    #[error(
        "a derived token lives for at most 24 hours (exp - iat), nbf lies between the two, and jti begins with exp and a hyphen"
    )]
    Life,
    /// It is said to be made or to begin later than now.
    #[error("the derived token is not valid yet; compare the clock of its maker")]
    NotYet,
    /// It is for another project or server.
    #[error("the derived token is for another project (aud); it is the project of GET /v1/whoami")]
    Audience,
    /// The key's owner did not say that it may be made.
    #[error(
        "the key makes no derived tokens; who administers it can switch them on (derived_tokens)"
    )]
    NotAllowed,
    /// It stamps something else than its key does.
    #[error("the derived token injects another value than its key does, or one twice")]
    Injections,
}

/// A derived token whose signature was found good under the public half of one
/// secret. It lets nobody in: [`KeyRecord::admit_derived`] does.
#[derive(Debug)]
pub struct DerivedToken {
    secret: SecretId,
    public_key: [u8; 32],
    claims: Claims,
    /// The grants that were last laid under it, and what came of them.
    narrowed: Mutex<Option<Narrowed>>,
}

#[derive(Clone, Debug)]
struct Narrowed {
    of: Arc<[Grant]>,
    to: Arc<[Grant]>,
}

impl DerivedToken {
    /// The secret that it was signed under.
    pub fn secret(&self) -> SecretId {
        self.secret
    }

    /// Names it.
    pub fn id(&self) -> &DerivedId {
        &self.claims.terms.id
    }

    /// When it says it was made.
    pub fn issued(&self) -> Timestamp {
        let issued = self.claims.issued.saturating_mul(1_000_000);
        Timestamp::from_microsecond(issued).unwrap_or(Timestamp::MAX)
    }

    /// The key's grants as this token leaves them. What was made of the very
    /// same grants before is used again.
    fn narrow(&self, grants: &Arc<[Grant]>) -> Result<Arc<[Grant]>, DerivedFault> {
        let known = || self.narrowed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(narrowed) = known()
            .as_ref()
            .filter(|known| Arc::ptr_eq(&known.of, grants))
        {
            return Ok(Arc::clone(&narrowed.to));
        }
        let to: Arc<[Grant]> = self.claims.narrow(grants)?.into();
        *known() = Some(Narrowed {
            of: Arc::clone(grants),
            to: Arc::clone(&to),
        });
        Ok(to)
    }
}

impl KeyKind {
    /// Whether a key of this kind may make derived tokens at all.
    pub fn may_derive(self) -> bool {
        match self {
            Self::Secret | Self::Publishable => true,
            Self::Legacy => false,
        }
    }
}

impl KeyRecord {
    /// Opens an envelope that names one of this key's secrets.
    ///
    /// # Errors
    /// [`AuthError::Unknown`] when the secret is none of this key's, or did not
    /// sign it; a fault of what the holder of the secret signed.
    pub fn verify_derived(&self, envelope: &Envelope<'_>) -> Result<DerivedToken, AuthError> {
        let secret = self
            .secrets
            .iter()
            .find(|live| live.id == envelope.secret());
        let signed = secret.filter(|secret| envelope.is_by(&secret.public_key));
        let secret = signed.ok_or(AuthError::Unknown)?;
        let claims = Claims::parse(envelope.payload()).map_err(AuthError::Derived)?;
        Ok(DerivedToken {
            secret: secret.id,
            public_key: secret.public_key,
            claims,
            narrowed: Mutex::default(),
        })
    }

    /// Does the work of [`KeyRecord::verify_derived`] for a secret that no key has.
    pub fn verify_derived_absent(envelope: &Envelope<'_>) -> AuthError {
        std::hint::black_box(envelope.is_by(&super::signed::BASE_POINT));
        AuthError::Unknown
    }

    /// Lets the holder of a derived token in with what it leaves of the key as
    /// the key is now: as long as the key, the secret that signed it and the
    /// token itself are in use, and the request keeps the restrictions of both.
    ///
    /// # Errors
    /// Says why not.
    pub fn admit_derived(
        &self,
        token: &DerivedToken,
        seen: &Circumstances<'_>,
        now: Timestamp,
    ) -> Result<Access, AuthError> {
        let secret = self.secrets.iter().find(|live| live.id == token.secret);
        let signed = secret.filter(|secret| secret.public_key == token.public_key);
        let secret = signed.ok_or(AuthError::Unknown)?;
        let access = self.admit_by(secret, (Proof::Derived, seen), now)?;
        self.check_derived(&token.claims, now)?;
        let terms = &token.claims.terms;
        terms.restrictions.check(Proof::Derived, seen)?;
        let grants = token.narrow(&self.grants).map_err(AuthError::Derived)?;
        Ok(access.derived(Arc::clone(terms), grants))
    }

    /// Whether the token would let in now whoever comes from where it is for:
    /// the key, the secret that signed it and what it claims are in order.
    pub fn could_admit(&self, token: &DerivedToken, now: Timestamp) -> bool {
        let mut secrets = self.secrets.iter();
        let signed =
            secrets.find(|live| live.id == token.secret && live.public_key == token.public_key);
        signed.is_some_and(|secret| self.check_in_use(secret, now).is_ok())
            && self.check_derived(&token.claims, now).is_ok()
            && token.narrow(&self.grants).is_ok()
    }

    fn check_derived(&self, claims: &Claims, now: Timestamp) -> Result<(), AuthError> {
        let refuse = |fault| Err(AuthError::Derived(fault));
        if !self.draft.derived_tokens || !self.draft.kind.may_derive() {
            return refuse(DerivedFault::NotAllowed);
        }
        if claims.project != self.project {
            return refuse(DerivedFault::Audience);
        }
        let pages = &claims.terms.restrictions.allowed_domains;
        if pages.is_some() && self.draft.kind == KeyKind::Secret {
            // A page cannot use it, and it must not be thought to be safe there.
            return refuse(DerivedFault::Claim("restrictions"));
        }
        if claims.terms.id.ends() <= now {
            return Err(AuthError::Expired);
        }
        let seconds = now.as_microsecond().div_euclid(1_000_000);
        let ahead = seconds + DERIVED_CLOCK_SECONDS_MAX;
        if claims.issued > ahead || claims.not_before > ahead {
            return refuse(DerivedFault::NotYet);
        }
        match claims.terms.id.ends - claims.issued <= DERIVED_SECONDS_MAX {
            true => Ok(()),
            false => refuse(DerivedFault::Life),
        }
    }
}

#[cfg(test)]
mod tests;

//! Keys: named credentials that carry their own policy.

mod agents;
mod circumstances;
mod copy;
mod derived;
mod draft;
mod issued;
mod keyed;
mod limits;
mod live;
mod networks;
mod publishable;
mod quarantine;
mod refused;
mod restrictions;
pub mod review;
mod roll;
mod scoped;
mod secret;
mod signed;
mod status;

pub use agents::shown_agent;
pub use circumstances::{Circumstances, Said};
pub use copy::KeyCopy;
pub use derived::{
    DERIVED_TYPE, Derived, DerivedFault, DerivedId, DerivedLimits, DerivedText, DerivedToken,
    Envelope,
};
pub use draft::KeyDraft;
pub use keyed::{
    KEYED_SCHEME, KeyedFault, KeyedHead, KeyedRequest, ListedFault, ListedHead, SigningRecord,
    listed_digest,
};
pub use limits::KeyLimits;
pub use live::LiveSecret;
pub use networks::{Network, SeenNetwork, SeenNetworks, Sighting, USUAL_AFTER, WHEREABOUTS_KEPT};
pub use quarantine::{Quarantine, TRICKLE};
pub use refused::AuthError;
pub use restrictions::{AllowedDomains, IpRanges, Page, Restrictions, Site};
pub use roll::Roll;
pub use scoped::Scoped;
pub use secret::{SecretRecord, Silence};
pub use signed::{SignatureFault, SignedHead, SignedRequest, Unspent, digest_of};
pub use status::KeyStatus;

use std::sync::Arc;

use crate::filters::Filter;
use crate::grants::Grant;
use crate::ids::{KeyId, ProjectId};
use crate::permit::{Access, Issuer};
use crate::secrets::{Pepper, Secret, SecretHash};
use crate::tickets::Ticket;
use crate::time::Timestamp;

/// What a key is for; fixed at birth and visible in its tokens' prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Kept on servers.
    Secret,
    /// May live in a page.
    Publishable,
    /// A key of a dialect, in the form that the dialect's clients take. It
    /// never administers the project by the native API, and may come from a page.
    Legacy,
}

impl KeyKind {
    /// The kinds of native tokens.
    pub const NATIVE: [KeyKind; 2] = [Self::Secret, Self::Publishable];

    /// The kind's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Publishable => "publishable",
            Self::Legacy => "legacy",
        }
    }

    /// The word in a native token's prefix.
    pub(crate) fn token_word(self) -> &'static str {
        match self {
            Self::Secret => "sk",
            Self::Publishable => "pk",
            Self::Legacy => "lk",
        }
    }
}

/// By what the holder of a secret proves that it is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// It shows the secret, or what was made out of it.
    Token,
    /// It signed a token that says less than the secret does. Whoever has that
    /// may send it, but the key's owner said that there may be such tokens.
    Derived,
    /// It signed this very request.
    Signature,
}

/// A stored key.
///
/// Only the control plane's store makes one, by [`KeyRecord::restore`]; the
/// house rules check that by name.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    id: KeyId,
    project: ProjectId,
    draft: KeyDraft,
    grants: Arc<[Grant]>,
    restrictions: Arc<Restrictions>,
    disabled: bool,
    secrets: Vec<SecretRecord>,
    signing: Vec<SigningRecord>,
    within: Option<Arc<Filter>>,
    /// Of a key that a key issued, once that one is known.
    issuer: Option<Arc<Issuer>>,
    created_by: String,
    created_at: Timestamp,
    revision: i64,
}

/// The stored parts of a key.
#[derive(Debug)]
pub struct KeyParts {
    /// Names the key for ever.
    pub id: KeyId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// What its owner says of it.
    pub draft: KeyDraft,
    /// Whether it is switched off.
    pub disabled: bool,
    /// Its secrets.
    pub secrets: Vec<SecretRecord>,
    /// The rows that its maker was held to; `None` for a maker who was held to none.
    pub within: Option<Filter>,
    /// Who made it: `server`, or `key:` and an id.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts changes; part of the `ETag`.
    pub revision: i64,
}

impl KeyRecord {
    /// The key of these stored parts.
    pub fn restore(parts: KeyParts) -> Self {
        let KeyParts {
            id,
            project,
            draft,
            disabled,
            mut secrets,
            within,
            created_by,
            created_at,
            revision,
        } = parts;
        secrets.sort_by_key(|secret| !secret.is_replaced());
        let grants = draft.grants.as_slice().into();
        let restrictions = Arc::new(draft.restrictions.clone());
        Self {
            id,
            project,
            draft,
            grants,
            restrictions,
            disabled,
            secrets,
            signing: Vec::new(),
            within: within.map(Arc::new),
            issuer: None,
            created_by,
            created_at,
            revision,
        }
    }

    /// Lets the holder of the secret in: the one way to an [`Access`] that
    /// reaches as far as the key does. That of scoped keys is
    /// [`KeyRecord::read_scoped`], that of tickets [`KeyRecord::admit`], that
    /// of derived tokens [`KeyRecord::admit_derived`].
    ///
    /// The comparison takes the same time for every wrong secret.
    ///
    /// # Errors
    /// Says why not, for the log.
    pub fn verify(
        &self,
        presented: &Secret,
        pepper: &Pepper,
        seen: &Circumstances<'_>,
        now: Timestamp,
    ) -> Result<Access, AuthError> {
        let hash = presented.hash(pepper);
        let secret = self
            .secrets
            .iter()
            .find(|secret| secret.id == presented.id());
        let Some(secret) = secret.filter(|secret| secret.hash.matches(&hash)) else {
            return Err(AuthError::Unknown);
        };
        self.admit_by(secret, (Proof::Token, seen), now)
    }

    /// Lets the holder of a ticket in, to the one query that it is for, as
    /// long as the key and the secret that made it are in use. The key's
    /// restrictions hold for them as for its own holder.
    ///
    /// # Errors
    /// Says why not, for the log.
    pub fn admit(
        &self,
        ticket: &Ticket,
        seen: &Circumstances<'_>,
        now: Timestamp,
    ) -> Result<Access, AuthError> {
        let secret = self.live(ticket.secret());
        let Some(secret) = secret.filter(|_| self.id == ticket.key()) else {
            return Err(AuthError::Unknown);
        };
        let access = self.admit_by(secret, (Proof::Token, seen), now)?;
        Ok(access.held_to(ticket.saved_query()))
    }

    /// Every road to an [`Access`] ends here.
    fn admit_by<'k>(
        &'k self,
        secret: impl Into<LiveSecret<'k>>,
        (proof, seen): (Proof, &Circumstances<'_>),
        now: Timestamp,
    ) -> Result<Access, AuthError> {
        let secret = secret.into();
        self.check_in_use(secret, now)?;
        self.check_issuer((proof, seen), now)?;
        self.restrictions.check(proof, seen)?;
        if let Some(quarantine) = secret.quarantine {
            quarantine.check(seen)?;
        }
        Ok(Access::admitted(self, secret, seen, now))
    }

    fn check_in_use<'k>(
        &self,
        secret: impl Into<LiveSecret<'k>>,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        if self.disabled {
            return Err(AuthError::Disabled);
        }
        let ends = [self.draft.expires_at, secret.into().expires_at];
        if ends.into_iter().flatten().any(|end| end <= now) {
            return Err(AuthError::Expired);
        }
        Ok(())
    }

    /// Does the work of [`KeyRecord::verify`] for a secret that no key has,
    /// so that the time taken does not tell.
    pub fn verify_absent(presented: &Secret, pepper: &Pepper) -> AuthError {
        let hash = presented.hash(pepper);
        std::hint::black_box(hash.matches(&SecretHash::from_bytes([0; 32])));
        AuthError::Unknown
    }

    /// Whether the text is a secret of this key, whatever state both are in.
    /// It takes the same time for every text.
    pub fn has_secret(&self, presented: &Secret, pepper: &Pepper) -> bool {
        let hash = presented.hash(pepper);
        let mut secrets = self.secrets.iter();
        secrets.any(|secret| secret.id == presented.id() && secret.hash.matches(&hash))
    }

    /// Whether the key is in use at `now`.
    pub fn status(&self, now: Timestamp) -> KeyStatus {
        match self.draft.expires_at {
            Some(end) if end <= now => KeyStatus::Expired,
            _ if self.disabled => KeyStatus::Disabled,
            _ if self
                .secrets
                .last()
                .is_some_and(|last| last.quarantine.is_some()) =>
            {
                KeyStatus::Quarantined
            }
            _ => KeyStatus::Active,
        }
    }

    /// The key's id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The project it belongs to.
    pub fn project(&self) -> ProjectId {
        self.project
    }

    /// What its owner says of it.
    pub fn draft(&self) -> &KeyDraft {
        &self.draft
    }

    /// The rows that its maker was held to, if any.
    pub fn within(&self) -> Option<&Arc<Filter>> {
        self.within.as_ref()
    }

    /// Whether it was made by somebody held to these rows, or fewer, and opens
    /// nothing beyond them now.
    pub fn is_within(&self, held: &Filter) -> bool {
        let made = self.within.as_ref();
        let made_within = made.is_some_and(|made| made.says_all_of(held));
        made_within && self.grants.iter().all(|grant| grant.is_within(held))
    }

    /// Its grants.
    pub fn grants(&self) -> &Arc<[Grant]> {
        &self.grants
    }

    /// Whether a request from a page is refused whatever else it is.
    pub fn must_not_be_in_a_page(&self) -> bool {
        match self.draft.kind {
            KeyKind::Secret => true,
            KeyKind::Publishable => false,
            KeyKind::Legacy => self.draft.is_admin(),
        }
    }

    /// Whether whoever opens a page may come by its token, as is meant: then
    /// where its requests come from is where visitors are.
    pub fn may_be_in_a_page(&self) -> bool {
        !self.must_not_be_in_a_page()
    }

    /// What a request must be for its sender to be let in.
    pub fn restrictions(&self) -> &Arc<Restrictions> {
        &self.restrictions
    }

    /// Whether a person switched it off.
    pub fn is_disabled(&self) -> bool {
        self.disabled
    }

    /// Its secrets, the current one last: at most one that was replaced
    /// stands before it.
    pub fn secrets(&self) -> &[SecretRecord] {
        &self.secrets
    }

    /// Who made it.
    pub fn created_by(&self) -> &str {
        &self.created_by
    }

    /// When it was made.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// The secret that replaces all others.
    pub fn current_secret(&self) -> Option<&SecretRecord> {
        self.secrets.last().filter(|secret| !secret.is_replaced())
    }

    /// The secret that was replaced and may still go on.
    pub fn replaced_secret(&self) -> Option<&SecretRecord> {
        self.secrets.first().filter(|secret| secret.is_replaced())
    }

    /// Since when it should have been rolled; `None` while that is not due,
    /// and where nobody asked to be told.
    pub fn rotation_due(&self, now: Timestamp) -> Option<Timestamp> {
        let age = self.draft.rotate_after?.as_duration();
        let due = self.current_secret()?.created_at.checked_add(age)?;
        (due <= now).then_some(due)
    }

    /// Counts changes.
    pub fn revision(&self) -> i64 {
        self.revision
    }
}

#[cfg(test)]
mod tests;

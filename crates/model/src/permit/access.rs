//! Who an admitted caller is.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Access, Issuer};
use crate::filters::Filter;
use crate::grants::{Action, Grant, Target};
use crate::ids::{KeyId, ProjectId};
use crate::keys::{KeyKind, KeyLimits, KeyRecord, Restrictions};
use crate::secrets::SecretId;
use crate::time::Timestamp;

/// The grants at an instant; mostly they are the same at all of them.
pub(super) fn as_of(grants: &Arc<[Grant]>, now: Timestamp) -> Arc<[Grant]> {
    if grants.iter().all(|grant| grant.windows.is_empty()) {
        return grants.clone();
    }
    grants.iter().map(|grant| grant.at(now)).collect()
}

impl Access {
    /// The caller's key. Of a person it is the person's own id, which no key
    /// has: what counts by key counts by person there.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// The caller's key's name.
    pub fn key_name(&self) -> &str {
        &self.key_name
    }

    /// The caller's key's kind.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The secret that was presented.
    pub fn secret(&self) -> SecretId {
        self.secret
    }

    /// Since when the secret that was presented is in quarantine.
    pub fn quarantined_at(&self) -> Option<Timestamp> {
        self.quarantined_at
    }

    /// The project of the caller's key.
    pub fn project(&self) -> ProjectId {
        self.project
    }

    /// How much the caller's key may take. A scoped key and a ticket take of
    /// what the key has that they were made out of.
    pub fn limits(&self) -> KeyLimits {
        self.limits
    }

    /// The key that issued the caller's, as it was when the caller was let in:
    /// what the caller takes is taken of that one's limits, too.
    pub fn issuer(&self) -> Option<&Arc<Issuer>> {
        self.issuer.as_ref()
    }

    /// Where its request was seen to come from; `None` when that is not known.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The restrictions of the caller's key that its request was found to keep.
    pub fn restrictions(&self) -> &Restrictions {
        &self.restrictions
    }

    /// The rows that the caller is held to in whatever it makes and knows of: of a
    /// person with such a role, and of a key that one made. `None` without.
    pub fn within(&self) -> Option<&Arc<Filter>> {
        self.within.as_ref()
    }

    /// Whether the caller may know of the key, if it may know of keys.
    pub fn knows(&self, key: &KeyRecord) -> bool {
        self.within().is_none_or(|held| key.is_within(held))
    }

    /// The caller's grants as they are written.
    pub fn grants_as_written(&self) -> &[Grant] {
        &self.written
    }

    /// The caller's grants, with what their windows of time were about when it was let in.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// Whether this grant of the caller shows rows of what `covers` is about. A
    /// key in a page sees without a constraint what is public now; what was
    /// made out of such a key adds constraints of its own, which open nothing.
    pub(super) fn may_show(
        &self,
        at: usize,
        is_public: bool,
        action: Action,
        covers: &impl Fn(&Target) -> bool,
    ) -> bool {
        let own = self.written.get(at);
        let shows = |grant: &Grant| self.kind.may_show(grant, is_public);
        let made_out_of = self.made_out_of.iter().flat_map(|grants| grants.iter());
        let given = self.issuer.iter().flat_map(|issuer| issuer.own());
        let mut behind = made_out_of.chain(given);
        own.is_some_and(shows)
            && behind.all(|grant| shows(grant) || !grant.allows(action) || !covers(&grant.on))
    }
}

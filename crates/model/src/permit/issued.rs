//! What keys are held to that a key issued.

use std::sync::Arc;

use super::Access;
use crate::grants::Grant;
use crate::ids::KeyId;
use crate::keys::{KeyLimits, KeyRecord, Restrictions};

/// The key that issued another one, as it was at some instant, and what that
/// other one says of itself.
#[derive(Clone, Debug)]
pub struct Issuer {
    maker: Arc<KeyRecord>,
    own: Arc<[Grant]>,
}

impl Issuer {
    /// For [`KeyRecord::under`] alone, which lays the one on the other.
    pub(crate) fn new(maker: Arc<KeyRecord>, own: Arc<[Grant]>) -> Self {
        Self { maker, own }
    }

    /// Names the key that issued the other.
    pub fn id(&self) -> KeyId {
        self.maker.id()
    }

    /// How much it may take, together with all keys that it issued.
    pub fn limits(&self) -> KeyLimits {
        self.maker.draft().limits
    }

    /// What the other key was given, before anything is laid on it.
    pub(super) fn own(&self) -> &[Grant] {
        &self.own
    }

    /// The stored key.
    pub fn record(&self) -> &Arc<KeyRecord> {
        &self.maker
    }

    /// What its requests are held to, and those of the keys that it issued.
    pub fn restrictions(&self) -> &Restrictions {
        self.maker.restrictions()
    }
}

impl Access {
    /// The grants of the caller's key as they are stored: of a key that a key
    /// issued, before what that one has now is laid on them.
    pub fn grants_as_stored(&self) -> &[Grant] {
        match &self.issuer {
            Some(issuer) => issuer.own(),
            None => self.grants_of_key(),
        }
    }
}

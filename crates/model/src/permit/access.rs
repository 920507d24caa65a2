//! Who an admitted caller is.

use super::Access;
use crate::ids::{KeyId, ProjectId};
use crate::keys::{KeyKind, KeyLimits};
use crate::secrets::SecretId;

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

    /// The project of the caller's key.
    pub fn project(&self) -> ProjectId {
        self.project
    }

    /// How much the caller's key may take. A scoped key and a ticket take of
    /// what the key has that they were made out of.
    pub fn limits(&self) -> KeyLimits {
        self.limits
    }
}

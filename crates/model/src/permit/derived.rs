//! Callers who come by a derived token.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Access, as_of};
use crate::canonical;
use crate::grants::Grant;
use crate::keys::Derived;

impl Access {
    /// For `KeyRecord::admit_derived` alone, which narrowed the grants.
    pub(crate) fn derived(self, terms: Arc<Derived>, grants: Arc<[Grant]>) -> Self {
        Self {
            grants: as_of(&grants, self.let_in_at),
            made_out_of: Some(self.written),
            written: grants,
            derived: Some(terms),
            ..self
        }
    }

    /// What the caller's derived token is held to beside its grants; `None` for
    /// one who comes otherwise.
    pub fn derived_token(&self) -> Option<&Arc<Derived>> {
        self.derived.as_ref()
    }

    /// What tells policies of derived tokens apart: a digest of the grants that
    /// the caller's leaves, as they are written. `None` for one who comes
    /// otherwise, whose policy is that of its key.
    pub fn derived_policy(&self) -> Option<[u8; 32]> {
        self.derived.as_ref()?;
        let mut hash = Sha256::new();
        for grant in self.written.iter() {
            let text = canonical::to_bytes(&grant.to_value());
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        Some(hash.finalize().into())
    }
}

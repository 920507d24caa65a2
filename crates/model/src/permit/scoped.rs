//! Callers who come by a scoped key of the Keen dialect.

use super::Access;
use crate::grants::Grant;

impl Access {
    /// For `Scoped::held_to` alone, which narrowed the grants.
    pub(crate) fn scoped(self, grants: Vec<Grant>) -> Self {
        Self {
            grants: grants.into(),
            made_out_of: Some(self.grants),
            ..self
        }
    }

    /// Those of its key, or of the key that its scoped key was made out of.
    pub fn grants_of_key(&self) -> &[Grant] {
        self.made_out_of.as_ref().unwrap_or(&self.grants)
    }

    /// Whether the caller comes by a scoped key.
    pub fn is_scoped(&self) -> bool {
        self.made_out_of.is_some()
    }
}

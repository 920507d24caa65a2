//! Callers who come by a scoped key of the Keen dialect.

use std::sync::Arc;

use super::{Access, as_of};
use crate::grants::Grant;

impl Access {
    /// For `Scoped::held_to` alone, which narrowed the grants.
    pub(crate) fn scoped(self, grants: Vec<Grant>) -> Self {
        let written: Arc<[Grant]> = grants.into();
        Self {
            grants: as_of(&written, self.let_in_at),
            made_out_of: Some(self.written),
            written,
            ..self
        }
    }

    /// Those of its key as they are written, or of the key that its scoped key
    /// or derived token was made out of.
    pub fn grants_of_key(&self) -> &[Grant] {
        self.made_out_of.as_ref().unwrap_or(&self.written)
    }

    /// Whether the caller comes by a scoped key.
    pub fn is_scoped(&self) -> bool {
        self.made_out_of.is_some() && self.derived.is_none()
    }
}

//! Callers who were let in by a ticket: their permits are for its one query.

use super::{Access, On};
use crate::ids::SavedQueryId;

impl Access {
    /// The same caller, who may do nothing but with this saved query.
    pub(crate) fn held_to(self, saved: SavedQueryId) -> Self {
        Self {
            only: Some(saved),
            ..self
        }
    }

    /// Whether a ticket let the caller in.
    pub fn is_by_ticket(&self) -> bool {
        self.only.is_some()
    }

    /// Whether a permit may be for this resource at all.
    pub(super) fn reaches(&self, on: On<'_>) -> bool {
        match (self.only, on) {
            (None, _) => true,
            (Some(only), On::Saved(Some(saved)) | On::Cached(Some(saved))) => saved.item.id == only,
            (Some(_), _) => false,
        }
    }
}

//! By what somebody was let in: a secret of a key, or a signing secret.

use super::{KeyRecord, Quarantine, SecretRecord, SigningRecord};
use crate::secrets::SecretId;
use crate::time::Timestamp;

/// A credential of a key, as far as it says whether its holder is let in.
#[derive(Clone, Copy, Debug)]
pub struct LiveSecret<'k> {
    /// The public part.
    pub id: SecretId,
    /// When it ends at the latest.
    pub expires_at: Option<Timestamp>,
    /// What it is held to.
    pub quarantine: Option<&'k Quarantine>,
}

impl<'k> From<&'k SecretRecord> for LiveSecret<'k> {
    fn from(secret: &'k SecretRecord) -> Self {
        Self {
            id: secret.id,
            expires_at: secret.expires_at,
            quarantine: secret.quarantine.as_ref(),
        }
    }
}

impl From<&SigningRecord> for LiveSecret<'_> {
    /// One has no end but to be deleted.
    fn from(signing: &SigningRecord) -> Self {
        Self {
            id: signing.id,
            expires_at: None,
            quarantine: None,
        }
    }
}

impl KeyRecord {
    /// The secret or signing secret of this public part, whatever state the key
    /// is in.
    pub fn live(&self, id: SecretId) -> Option<LiveSecret<'_>> {
        let mut secrets = self.secrets.iter();
        let secret = secrets.find(|secret| secret.id == id).map(LiveSecret::from);
        secret.or_else(|| {
            let mut signing = self.signing.iter();
            signing.find(|known| known.id == id).map(LiveSecret::from)
        })
    }
}

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

impl KeyRecord {
    /// The secret or signing secret of this public part, whatever state the key
    /// is in.
    pub fn live(&self, id: SecretId) -> Option<LiveSecret<'_>> {
        let mut secrets = self.secrets.iter();
        let secret = secrets.find(|secret| secret.id == id).map(LiveSecret::from);
        secret.or_else(|| {
            let mut signing = self.signing.iter();
            let known = signing.find(|known| known.id == id);
            known.map(|known| self.live_signing(known))
        })
    }

    /// The public parts of its secrets, then of its signing secrets.
    pub fn live_ids(&self) -> impl Iterator<Item = SecretId> + '_ {
        let secrets = self.secrets.iter().map(|secret| secret.id);
        secrets.chain(self.signing.iter().map(|known| known.id))
    }

    /// A signing secret of this key. It has no end but to be deleted, and while a
    /// token of the key is in quarantine it is held to the same.
    pub(super) fn live_signing(&self, signing: &SigningRecord) -> LiveSecret<'_> {
        let mut secrets = self.secrets.iter();
        LiveSecret {
            id: signing.id,
            expires_at: None,
            quarantine: secrets.find_map(|secret| secret.quarantine.as_ref()),
        }
    }
}

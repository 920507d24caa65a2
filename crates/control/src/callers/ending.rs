//! When secrets end by themselves.

use model::keys::SecretRecord;
use model::secrets::SecretId;
use model::time::Timestamp;

use super::{Caller, Callers};

impl Caller {
    /// An end of one of its secrets, or that of the key where that comes first.
    fn ends_with_key(&self, end: Timestamp) -> Timestamp {
        let key_ends = self.record.draft().expires_at;
        key_ends.map_or(end, |key_ends| key_ends.min(end))
    }
}

impl Callers {
    /// Of a secret that was replaced: when it ends at the latest.
    pub(crate) fn grace_of(&self, secret: SecretId) -> Option<Timestamp> {
        let caller = self.read().secrets.get(&secret).cloned()?;
        let end = caller.record_of(secret)?.expires_at?;
        Some(caller.ends_with_key(end))
    }

    /// When a secret ends by itself and its key does not end before.
    pub(crate) fn secret_lasts_until(&self, secret: &SecretRecord) -> Option<Timestamp> {
        let end = self.secret_ends_at(secret)?;
        match self.read().secrets.get(&secret.id) {
            Some(known) => Some(known.ends_with_key(end)),
            None => Some(end),
        }
    }

    /// The same, however long its key lasts.
    pub(crate) fn secret_ends_at(&self, secret: &SecretRecord) -> Option<Timestamp> {
        match self.read().secrets.get(&secret.id) {
            Some(known) => known.secret.ends_at(secret),
            None => secret.ends_at(None),
        }
    }
}

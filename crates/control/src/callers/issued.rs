//! Keys that a key issued: they let in as far as that one does at the moment.

use std::sync::{Arc, Mutex, PoisonError};

use model::keys::KeyRecord;
use model::secrets::SecretId;

use super::{Caller, Callers};

/// A key laid under the one that issued it, as both were when it was last asked.
#[derive(Debug, Default)]
pub(super) struct Under(Mutex<Option<Arc<KeyRecord>>>);

impl Caller {
    /// The key as it is under the one that issued it. What was made of the very
    /// same one before is used again.
    fn under(&self, maker: &Arc<KeyRecord>) -> Arc<KeyRecord> {
        let mut known = self.under.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |known: &&Arc<KeyRecord>| {
            let issuer = known.issuer();
            issuer.is_some_and(|issuer| Arc::ptr_eq(issuer.record(), maker))
        };
        if let Some(known) = known.as_ref().filter(is_same) {
            return Arc::clone(known);
        }
        let key = Arc::new(self.record.under(maker));
        *known = Some(Arc::clone(&key));
        key
    }
}

impl Callers {
    /// Whose secret it is, and the key as it lets in now. Of a key that a key
    /// issued both are of one moment. Where that one is gone, the key as it is
    /// stored, which then lets nobody in.
    pub(super) fn find(&self, secret: SecretId) -> Option<(Arc<Caller>, Arc<KeyRecord>)> {
        let maps = self.read();
        let caller = maps.secrets.get(&secret).cloned()?;
        let issuer = caller.record.draft().issued_by;
        let maker = issuer.and_then(|issuer| maps.records.get(&issuer).cloned());
        drop(maps);
        let key = match maker {
            Some(maker) => caller.under(&maker),
            None => Arc::clone(&caller.record),
        };
        Some((caller, key))
    }
}

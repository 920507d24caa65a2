//! Who comes with a request that is signed by HMAC.

use model::ids::KeyId;
use model::keys::{AuthError, Circumstances, KeyRecord, KeyedRequest, Unspent};
use model::secrets::{Pepper, SecretId, SigningSecret};
use model::time::Timestamp;
use std::sync::Arc;

use super::Callers;

impl Callers {
    /// Verifies a signed request. Nobody is let in before its signature is spent.
    pub(crate) fn verify_keyed(
        &self,
        request: &KeyedRequest<'_>,
        pepper: &Pepper,
        seen: &Circumstances<'_>,
        now: Timestamp,
    ) -> Result<Unspent, AuthError> {
        let Some((caller, key)) = self.find(request.named()) else {
            return Err(KeyRecord::verify_keyed_absent(request, pepper));
        };
        let unspent = key.verify_keyed(request, pepper, seen, now)?;
        // A replaced secret that was silent for too long names nothing, too.
        caller.check_heard(request.named(), now)?;
        Ok(unspent)
    }

    /// The key whose signature would let the sender of this request in, if there
    /// is such a key. Whether it is signed well is not asked.
    pub(crate) fn may_be_signed(
        &self,
        request: &KeyedRequest<'_>,
        pepper: &Pepper,
        seen: &Circumstances<'_>,
        now: Timestamp,
    ) -> Option<KeyId> {
        let (caller, key) = self.find(request.named())?;
        let is_heard = caller.check_heard(request.named(), now).is_ok();
        let may_be = is_heard && key.may_be_signed(request, pepper, seen, now);
        may_be.then(|| key.id())
    }

    /// The key that has this signing secret, whatever state it is in.
    pub(crate) fn key_signing_with(
        &self,
        presented: &SigningSecret,
        pepper: &Pepper,
    ) -> Option<Arc<KeyRecord>> {
        let key = self.key_with(presented.id())?;
        key.has_signing_secret(presented, pepper).then_some(key)
    }
}

/// The public parts by which a key's holders are found: those of its secrets,
/// then those of its signing secrets.
pub(super) fn ids_of(key: &KeyRecord) -> impl Iterator<Item = (SecretId, bool)> + '_ {
    let secrets = key.secrets().iter().map(|secret| (secret.id, false));
    let signing = key.signing_secrets().iter().map(|known| (known.id, true));
    secrets.chain(signing)
}

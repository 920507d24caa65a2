//! Who comes by a derived token: it is found by the secret that signed it.

use model::keys::{AuthError, Circumstances, DerivedToken, Envelope, KeyRecord};
use model::permit::Access;
use model::time::Timestamp;

use super::Callers;

impl Callers {
    /// Opens the envelope of a derived token. Nobody is let in yet.
    pub(crate) fn verify_derived(
        &self,
        envelope: &Envelope<'_>,
    ) -> Result<DerivedToken, AuthError> {
        let caller = self.read().secrets.get(&envelope.secret()).cloned();
        let Some(caller) = caller else {
            return Err(KeyRecord::verify_derived_absent(envelope));
        };
        caller.record.verify_derived(envelope)
    }

    /// Lets the holder of a derived token in while the secret that signed it lives.
    pub(crate) fn admit_derived(
        &self,
        token: &DerivedToken,
        seen: &Circumstances<'_>,
        now: Timestamp,
    ) -> Result<Access, AuthError> {
        let (caller, key) = self.find(token.secret()).ok_or(AuthError::Unknown)?;
        let access = key.admit_derived(token, seen, now)?;
        caller.check_heard(token.secret(), now)?;
        Ok(access)
    }
}

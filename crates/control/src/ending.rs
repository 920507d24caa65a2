//! Ending keys and secrets for good: by who administers, and by whoever holds
//! the token.

use model::ids::KeyId;
use model::keys::KeyRecord;
use model::permit::{Access, Admin, Permit};
use model::secrets::SecretId;
use model::time::Timestamp;

use crate::control::Control;
use crate::error::{ControlError, Refusal};
use crate::keys::find;

/// How one of two secrets is ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ending {
    /// Also when somebody used it a moment ago.
    pub force: bool,
    /// Of this revision of the key alone; whatever it is without one.
    pub expected: Option<i64>,
}

impl From<bool> for Ending {
    fn from(force: bool) -> Self {
        Self {
            force,
            expected: None,
        }
    }
}

impl Control {
    /// Ends a key for good.
    ///
    /// # Errors
    /// [`ControlError::StaleRevision`], [`Refusal::LastAdmin`]; without force
    /// [`ControlError::SeenRecently`].
    pub async fn end_key(
        &self,
        by: &Permit<Admin>,
        id: KeyId,
        expected: Option<i64>,
        force: bool,
    ) -> Result<(), ControlError> {
        self.change(by, |change| {
            let key = find(change, id, expected)?;
            self.check_unused(&key, change.now, force)?;
            change.end_key(&key)
        })
        .await
    }

    /// Refuses to end a key that somebody used a short while ago, by whatever
    /// secret.
    pub(crate) fn check_unused(
        &self,
        key: &KeyRecord,
        now: Timestamp,
        force: bool,
    ) -> Result<(), ControlError> {
        let secrets: Vec<SecretId> = key.live_ids().collect();
        self.check_silent(&secrets, now, force)
    }

    /// Ends the secret that the caller presented, for good: whoever has a
    /// token may end it, and needs no grant for that. The key stays with its
    /// grants and its history, and with its other secret when it has one; a
    /// roll makes it a new one. Where the other one is to end, its owner is told
    /// that none comes after it. Nothing keeps a leaked token alive, so this
    /// may also be the last one that administers.
    ///
    /// # Errors
    /// [`Refusal::CallerChanged`] when it was ended meanwhile; a person presents none.
    pub async fn revoke_presented(&self, access: &Access) -> Result<(), ControlError> {
        if access.person().is_some() {
            return Err(Refusal::NeedsKey.into());
        }
        // Whoever has a derived token has no more than that to end.
        if let Some(token) = access.derived_token() {
            return self.revoke_own_derived(access, token.id()).await;
        }
        self.change_by(access, |change| {
            let before = find(change, access.key(), None)?;
            let mut signing = before.signing_secrets().iter();
            if signing.any(|known| known.id == access.secret()) {
                change.end_signing("key.delete_signing_secret", &before, access.secret())?;
                return Ok(());
            }
            let mut secrets = before.secrets().to_vec();
            secrets.retain(|secret| secret.id != access.secret());
            let after = change.change_secrets("key.revoke_secret", &before, secrets)?;
            self.tell_of_last_secret(change, &after);
            Ok(())
        })
        .await
    }

    /// Notes that a secret came from a page, where it must not be; and from
    /// which one, as it says.
    pub fn note_page(&self, secret: SecretId, page: Option<&str>) {
        let now = self.0.options.clock.now();
        self.0.callers.note_page(secret, page, now);
    }

    /// When a secret last came from a page, where it must not be.
    pub fn last_on_page(&self, secret: SecretId) -> Option<Timestamp> {
        self.0.callers.last_on_page(secret)
    }
}

//! Derived tokens that are ended before their time.

use std::time::Duration;

use model::fault::{Fault, FaultCode};
use model::ids::KeyId;
use model::json;
use model::keys::{DerivedId, KeyRecord};
use model::limits::DERIVED_AHEAD_SECONDS_MAX;
use model::permit::{Access, Admin, Permit};
use model::time::Timestamp;
use model::value::{Object, Value};

use crate::change::Change;
use crate::control::Control;
use crate::error::{ControlError, Refusal};
use crate::keys::{find, subject};

impl Control {
    /// Ends one derived token of a key, also one that nobody has used yet. When
    /// it returns, that is on stable storage and in force.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for a key that is none.
    pub async fn revoke_derived(
        &self,
        by: &Permit<Admin>,
        key: KeyId,
        id: &DerivedId,
    ) -> Result<(), ControlError> {
        self.revoke_derived_by(by.access(), key, id).await
    }

    /// The same by the holder of the key that made it.
    ///
    /// # Errors
    /// [`Refusal::NeedsKey`] for a person, who has no key; [`Refusal::TooManyChanges`].
    pub async fn revoke_own_derived(
        &self,
        access: &Access,
        id: &DerivedId,
    ) -> Result<(), ControlError> {
        if access.person().is_some() {
            return Err(Refusal::NeedsKey.into());
        }
        self.take_change(access)?;
        self.revoke_derived_by(access, access.key(), id).await
    }

    async fn revoke_derived_by(
        &self,
        access: &Access,
        key: KeyId,
        id: &DerivedId,
    ) -> Result<(), ControlError> {
        self.change_by(access, |change| {
            let key = find(change, key, None)?;
            if !self.is_over(change.now, &key, id) {
                check_revocable(access, change.now, id)?;
            }
            self.end_derived(change, &key, id)?;
            Ok(())
        })
        .await
    }

    fn is_over(&self, now: Timestamp, key: &KeyRecord, id: &DerivedId) -> bool {
        let known = self.0.derived.find(key.id(), id);
        id.ends() <= now || known.is_some_and(|known| known.is_revoked())
    }

    /// Plans the end of a token; whether it was not over before.
    ///
    /// # Errors
    /// One more revocation cannot be kept until its token ends.
    pub(crate) fn end_derived(
        &self,
        change: &mut Change,
        key: &KeyRecord,
        id: &DerivedId,
    ) -> Result<bool, ControlError> {
        if self.is_over(change.now, key, id) {
            return Ok(false);
        }
        if self.0.derived.has_no_room_for(key.id(), id) {
            let detail = "as many derived tokens of the key are revoked as may be before they end; \
                 to end all others as well, roll the key or switch derived_tokens off";
            return Err(Fault::new(FaultCode::LimitExceeded, detail).into());
        }
        change.revoke_derived(key.id(), id.clone());
        let revoked = Object::new().with("jti", id.as_str());
        let revoked = json::to_text(&Value::Object(revoked));
        change.audit("key.revoke_derived", subject(key), None, Some(revoked));
        Ok(true)
    }
}

/// Whether this caller may end a token of this id so long before its end.
fn check_revocable(by: &Access, now: Timestamp, id: &DerivedId) -> Result<(), ControlError> {
    let own = by.derived_token();
    // It would outlast the quarantine.
    if by.quarantined_at().is_some() && own.is_none_or(|own| own.id() != id) {
        return Err(ControlError::NotFound);
    }
    let latest = now.checked_add(Duration::from_secs(DERIVED_AHEAD_SECONDS_MAX));
    if latest.is_some_and(|latest| id.ends() > latest) {
        let detail = "the token of this id ends in more than 31 days, and lives for at most one: \
                revoke it later, or roll the key, which ends all that its old secret signed";
        return Err(Fault::new(FaultCode::LimitExceeded, detail).into());
    }
    Ok(())
}

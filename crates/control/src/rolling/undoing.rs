//! Taking a roll back.
//!
//! An old secret has its end by the roll that replaced it. That very roll, taken
//! back, gives it what it had before; the undoing of any other one would make a
//! secret permanent that its owner meant to be rid of.

use std::sync::Arc;

use model::ids::KeyId;
use model::keys::{KeyRecord, SecretRecord};
use model::permit::{Admin, Issue, Permit};
use model::secrets::SecretId;
use model::time::Timestamp;

use crate::change::Change;
use crate::control::Control;
use crate::ending::Ending;
use crate::error::{ControlError, Refusal};
use crate::issuing::find_issued;
use crate::keys::{check_unchanged, find};

impl Control {
    /// Takes a roll back while the old secret still goes on: it has no end
    /// any more, and the new one ends at once.
    ///
    /// # Errors
    /// As for [`Control::undoable`]; a fault when the caller could not make a
    /// key with these grants; without force [`ControlError::SeenRecently`].
    pub async fn undo_roll(
        &self,
        by: &Permit<Admin>,
        id: KeyId,
        ending: impl Into<Ending>,
    ) -> Result<Arc<KeyRecord>, ControlError> {
        let Ending { force, expected } = ending.into();
        self.change(by, |change| {
            let before = find(change, id, expected)?;
            check_unchanged(by, before.grants())?;
            self.plan_undo(change, &before, force)
        })
        .await
    }

    /// The same for a key that the caller's key issued, without a code.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for every other key; else as
    /// [`Control::undo_roll`].
    pub async fn undo_roll_issued(
        &self,
        by: &Permit<Issue>,
        id: KeyId,
        force: bool,
    ) -> Result<Arc<KeyRecord>, ControlError> {
        self.change_by(by.access(), |change| {
            let before = find_issued(change, by.access(), id)?;
            change.is_by_maker = true;
            self.plan_undo(change, &before, force)
        })
        .await
    }

    /// The old secret of a key that would have no end any more, were the key's
    /// last roll taken back at `now`.
    ///
    /// # Errors
    /// [`Refusal::NotRolling`] where no old one goes on, [`Refusal::NewestGone`]
    /// where the one that the roll made is gone, [`Refusal::OtherRoll`] where the
    /// old one has its end by another roll, or was replaced before that was noted.
    pub fn undoable<'a>(
        &self,
        key: &'a KeyRecord,
        now: Timestamp,
    ) -> Result<&'a SecretRecord, Refusal> {
        let old = self.going_on(key, now).ok_or(Refusal::NotRolling)?;
        let new = key.current_secret().ok_or(Refusal::NewestGone)?;
        match old.replaced_by == Some(new.id) {
            true => Ok(old),
            false => Err(Refusal::OtherRoll),
        }
    }

    fn plan_undo(
        &self,
        change: &mut Change,
        before: &Arc<KeyRecord>,
        force: bool,
    ) -> Result<Arc<KeyRecord>, ControlError> {
        let old = self.undoable(before, change.now)?;
        let others = before.secrets().iter().filter(|other| other.id != old.id);
        let others: Vec<SecretId> = others.map(|other| other.id).collect();
        self.check_silent(&others, change.now, force)?;
        let old = SecretRecord {
            expires_at: None,
            silence: None,
            replaced_by: None,
            ..old.clone()
        };
        change.change_secrets("key.undo_roll", before, vec![old])
    }
}

//! Making, changing, copying and ending keys.

use std::sync::Arc;

use model::fault::{Fault, FaultCode};
use model::grants::Grant;
use model::ids::{GrantId, KeyId};
use model::json;
use model::keys::{KeyCopy, KeyDraft, KeyKind, KeyRecord, KeyStatus, SecretRecord};
use model::permit::{Admin, Permit};
use model::secrets::{Pepper, Secret};
use model::value::Value;

use crate::audit::Subject;
use crate::change::Change;
use crate::control::Control;
use crate::error::{ControlError, Refusal};
use crate::grants::{Renamed, is_as_wide};
use crate::issuing::check_issued;
use crate::once::{Made, Once};
use crate::store::KeyRow;

impl Control {
    /// Makes a key with one secret. Its grants are narrowed to what the
    /// caller may give. This is the only time that the token can be had.
    ///
    /// # Errors
    /// A fault that points at a grant which the caller may not give.
    pub async fn create_key(
        &self,
        by: &Permit<Admin>,
        mut draft: KeyDraft,
    ) -> Result<(Arc<KeyRecord>, Secret), ControlError> {
        self.change(by, |change| {
            draft.grants = by.narrow(draft.grants, &[])?;
            change.create_key(self.pepper(), &draft)
        })
        .await
    }

    /// The same for a request that its sender may repeat.
    ///
    /// # Errors
    /// As [`Control::create_key`], and [`ControlError::OtherRequest`].
    pub async fn create_key_once(
        &self,
        by: &Permit<Admin>,
        mut draft: KeyDraft,
        once: Option<Once>,
    ) -> Result<Made, ControlError> {
        self.change_once(by, once, |change| {
            draft.grants = by.narrow(draft.grants, &[])?;
            change.create_key(self.pepper(), &draft)
        })
        .await
    }

    /// Changes a key, all but its kind. A grant that it has already stays as
    /// it is; others are narrowed to what the caller may give.
    ///
    /// # Errors
    /// [`ControlError::StaleRevision`] when the key's revision is not the
    /// expected one; a fault for another kind, or a grant which the caller
    /// may not give; [`Refusal::LastAdmin`].
    pub async fn change_key(
        &self,
        by: &Permit<Admin>,
        id: KeyId,
        expected: Option<i64>,
        mut draft: KeyDraft,
    ) -> Result<Arc<KeyRecord>, ControlError> {
        self.change(by, |change| {
            let before = find(change, id, expected)?;
            if draft.kind != before.draft().kind {
                return Err(Fault::new(
                    FaultCode::InvalidValue,
                    "a key keeps its kind; make another key",
                )
                .at("/kind")
                .into());
            }
            draft.grants = by.narrow(draft.grants, before.grants())?;
            draft = check_issued(change, &before, draft)?;
            if draft == *before.draft() {
                return Ok(before);
            }
            let key = change.update_key(&before, row(&before, &draft, before.is_disabled()))?;
            change.check_admin_left(&before)?;
            let texts = (Some(text(&before)), Some(text(&key)));
            change.audit("key.change", subject(&key), texts.0, texts.1);
            Ok(key)
        })
        .await
    }

    /// Ends a key for good, whoever uses it.
    ///
    /// # Errors
    /// [`ControlError::StaleRevision`], [`Refusal::LastAdmin`].
    pub async fn delete_key(
        &self,
        by: &Permit<Admin>,
        id: KeyId,
        expected: Option<i64>,
    ) -> Result<(), ControlError> {
        self.end_key(by, id, expected, true).await
    }

    /// Switches a key off or on again. Off is in force for every request
    /// that presents it after this returns.
    ///
    /// # Errors
    /// [`Refusal::LastAdmin`].
    pub async fn set_key_disabled(
        &self,
        by: &Permit<Admin>,
        id: KeyId,
        disabled: bool,
    ) -> Result<Arc<KeyRecord>, ControlError> {
        self.change(by, |change| {
            let before = find(change, id, None)?;
            if before.is_disabled() == disabled {
                return Ok(before);
            }
            let key = change.update_key(&before, row(&before, before.draft(), disabled))?;
            change.check_admin_left(&before)?;
            let action = if disabled {
                "key.disable"
            } else {
                "key.enable"
            };
            let texts = (Some(text(&before)), Some(text(&key)));
            change.audit(action, subject(&key), texts.0, texts.1);
            Ok(key)
        })
        .await
    }

    /// Makes a key with the same grants and restrictions and a life and
    /// secret of its own. It is switched on, whatever the first one is.
    /// Without a name it is called after the first one; without an end it ends
    /// when the first one does.
    ///
    /// # Errors
    /// A fault when the caller may not give one of the grants as it is, and
    /// where the copy would be over at once, see [`KeyCopy::of`].
    pub async fn copy_key(
        &self,
        by: &Permit<Admin>,
        id: KeyId,
        copy: KeyCopy,
    ) -> Result<(Arc<KeyRecord>, Secret), ControlError> {
        let plan = |change: &mut Change| change.copy_key(self.pepper(), by, id, copy);
        self.change(by, plan).await
    }

    /// The same for a request that its sender may repeat.
    ///
    /// # Errors
    /// As [`Control::copy_key`], and [`ControlError::OtherRequest`].
    pub async fn copy_key_once(
        &self,
        by: &Permit<Admin>,
        id: KeyId,
        copy: KeyCopy,
        once: Option<Once>,
    ) -> Result<Made, ControlError> {
        let plan = |change: &mut Change| change.copy_key(self.pepper(), by, id, copy);
        self.change_once(by, once, plan).await
    }
}

impl Change {
    /// Makes a key with one secret, and says so to the audit.
    pub(crate) fn create_key(
        &mut self,
        pepper: &Pepper,
        draft: &KeyDraft,
    ) -> Result<(Arc<KeyRecord>, Secret), ControlError> {
        let secret = Secret::generate(draft.kind, &*self.random);
        let record = SecretRecord::fresh(&secret, pepper, self.now);
        let row = KeyRow {
            id: KeyId::generate(self.now, &*self.random),
            project: self.project,
            definition: KeyRow::definition_of(draft, self.author.within.as_deref()),
            disabled: false,
            created_by: self.author.name.clone(),
            created_at: self.now,
            revision: 1,
        };
        let key = self.insert_key(row, record)?;
        self.audit("key.create", subject(&key), None, Some(text(&key)));
        Ok((key, secret))
    }

    fn copy_key(
        &mut self,
        pepper: &Pepper,
        by: &Permit<Admin>,
        id: KeyId,
        copy: KeyCopy,
    ) -> Result<(Arc<KeyRecord>, Secret), ControlError> {
        let first = find(self, id, None)?;
        let mut draft = copy.of(first.draft(), self.now)?;
        // As letting the key itself last longer is.
        self.outlives |= lasts_longer(first.draft(), &draft);
        check_unchanged(by, &draft.grants)?;
        for grant in &mut draft.grants {
            grant.id = GrantId::generate(self.now, &*self.random);
        }
        self.create_key(pepper, &draft)
    }

    /// Ends a key for good, and says so to the audit.
    pub(crate) fn end_key(&mut self, key: &Arc<KeyRecord>) -> Result<(), ControlError> {
        self.delete_key(key);
        self.check_admin_left(key)?;
        self.audit("key.delete", subject(key), Some(text(key)), None);
        Ok(())
    }

    /// Writes a resource's new name into the grants that speak of it.
    pub(crate) fn follow_in_keys(&mut self, renamed: &Renamed<'_>) -> Result<(), ControlError> {
        let keys = self.definitions.keys().filter_map(|key| {
            let grants = renamed.apply_to(key.grants())?;
            Some((Arc::clone(key), grants))
        });
        let keys: Vec<_> = keys.collect();
        for (key, grants) in keys {
            self.update_key(&key, with_grants(&key, grants))?;
        }
        Ok(())
    }

    /// Refuses to take the last active key that administers the project.
    pub(crate) fn check_admin_left(&self, before: &KeyRecord) -> Result<(), ControlError> {
        // A key of a dialect administers by its dialect alone, which may be switched off.
        let admin = |key: &KeyRecord| {
            key.draft().is_admin()
                && key.draft().kind != KeyKind::Legacy
                && !key.secrets().is_empty()
                && key.status(self.now) == KeyStatus::Active
        };
        if admin(before) && !self.definitions.keys().any(|key| admin(key)) {
            return Err(Refusal::LastAdmin.into());
        }
        Ok(())
    }
}

pub(crate) fn find(
    change: &Change,
    id: KeyId,
    expected: Option<i64>,
) -> Result<Arc<KeyRecord>, ControlError> {
    let key = change.definitions.key(id).ok_or(ControlError::NotFound)?;
    if expected.is_some_and(|revision| revision != key.revision()) {
        return Err(ControlError::StaleRevision);
    }
    Ok(Arc::clone(key))
}

/// The next stored form of a key that has these grants and is the same otherwise.
pub(crate) fn with_grants(before: &KeyRecord, grants: Vec<Grant>) -> KeyRow {
    let draft = KeyDraft {
        grants,
        ..before.draft().clone()
    };
    row(before, &draft, before.is_disabled())
}

/// The next stored form of a key.
pub(crate) fn row(before: &KeyRecord, draft: &KeyDraft, disabled: bool) -> KeyRow {
    KeyRow {
        id: before.id(),
        project: before.project(),
        definition: KeyRow::definition_of(draft, before.within().map(|held| &**held)),
        disabled,
        created_by: before.created_by().to_owned(),
        created_at: before.created_at(),
        revision: before.revision() + 1,
    }
}

/// Refuses to let a key do more than before by whoever could not make one with
/// its grants: whoever has its token has them. New grants are narrowed
/// anyway, and a key may be taken away by anybody who manages keys.
pub(crate) fn check_gives(by: &Permit<Admin>, change: &Change) -> Result<(), Fault> {
    for key in change.revived_keys() {
        check_unchanged(by, key.grants()).map_err(|fault| {
            let detail = "the key reaches further than the caller, who therefore cannot enable it or let it do more than before";
            Fault::new(fault.code, detail)
        })?;
    }
    Ok(())
}

pub(crate) fn check_unchanged(by: &Permit<Admin>, grants: &[Grant]) -> Result<(), Fault> {
    let narrowed = by.narrow(grants.to_vec(), &[])?;
    let narrower = narrowed
        .iter()
        .zip(grants)
        .position(|(narrowed, grant)| !is_as_wide(narrowed, grant));
    match narrower {
        None => Ok(()),
        Some(index) => Err(Fault::new(
            FaultCode::InvalidValue,
            "the calling key cannot give this grant as it is, since it does not reach as far itself",
        )
        .at(format!("/grants/{index}"))),
    }
}

/// Whether a key that was to end ends later, or never.
pub(crate) fn lasts_longer(before: &KeyDraft, after: &KeyDraft) -> bool {
    match (before.expires_at, after.expires_at) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(before), Some(after)) => before < after,
    }
}

pub(crate) fn subject(key: &KeyRecord) -> Subject {
    Subject::new(key.id(), &key.draft().name)
}

/// What the audit keeps of a key: nothing of its secrets.
pub(crate) fn text(key: &KeyRecord) -> String {
    let definition = match key.draft().to_value() {
        Value::Object(object) => Value::Object(object.with("disabled", key.is_disabled())),
        other => other,
    };
    json::to_text(&definition)
}

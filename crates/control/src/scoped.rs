//! Scoped keys of the Keen dialect: the one secret that can be had again, and
//! only under the pepper. Off by default; `docs/adr/022-scoped-keys.md`.

use std::sync::Arc;

use model::fault::{Fault, FaultCode};
use model::grants::Grant;
use model::ids::{KeyId, ProjectId};
use model::keys::{AuthError, Circumstances, KeyKind, KeyRecord, Scoped};
use model::permit::{Access, Admin, Permit};
use model::secrets::{ScopedText, SealedSecret, Secret, SecretId};

use crate::audit::Subject;
use crate::change::{Change, still};
use crate::control::Control;
use crate::definitions::ProjectRecord;
use crate::error::{ControlError, Refusal};
use crate::store::Write;

/// The master key under which clients of a project make scoped keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scoping {
    pub(crate) key: KeyId,
    pub(crate) secret: SecretId,
    pub(crate) sealed: SealedSecret,
}

impl Control {
    /// Lets scoped keys that are made out of this master key in, from now on.
    /// Those of another one that were let in before no longer are.
    ///
    /// # Errors
    /// A fault when it is no master key of the project's dialect that is in use.
    pub async fn switch_scoped_on(
        &self,
        by: &Permit<Admin>,
        master: &Secret,
        seen: &Circumstances<'_>,
    ) -> Result<(), ControlError> {
        let maker = self.master_of_dialect(by.access().project(), master, seen);
        let maker = maker.ok_or_else(no_master)?;
        self.change(by, |change| {
            // As the key is now, with nobody else changing it.
            let key = change.definitions.key(maker.key()).cloned();
            let key =
                key.filter(|key| is_master(key) && still(&change.definitions, &maker, change.now));
            let key = key.ok_or_else(no_master)?;
            let is_same = |scoping: &Scoping| scoping.secret == master.id();
            if change.scoping().is_some_and(is_same) {
                return Ok(());
            }
            change.read_scoped_of(self, &key, master)
        })
        .await
    }

    /// Lets no scoped key in any more, and erases what was sealed.
    ///
    /// # Errors
    /// [`Refusal::KeenIsOff`].
    pub async fn switch_scoped_off(&self, by: &Permit<Admin>) -> Result<(), ControlError> {
        self.change(by, |change| {
            if !change.definitions.project().keen {
                return Err(Refusal::KeenIsOff.into());
            }
            change.forget_scoping();
            Ok(())
        })
        .await
    }

    /// Reads a text as a scoped key of the project. Nobody is let in yet.
    ///
    /// # Errors
    /// As for a token that no key has.
    pub fn read_scoped(
        &self,
        project: ProjectId,
        presented: &ScopedText,
        seen: &Circumstances<'_>,
    ) -> Result<Scoped, AuthError> {
        let definitions = self.definitions(project);
        let scoping = definitions.project().scoping.as_ref();
        let scoping = scoping.ok_or(AuthError::Unknown)?;
        let key = definitions.key(scoping.key).ok_or(AuthError::Unknown)?;
        let (options, sealed) = (&self.0.options, (scoping.secret, &scoping.sealed));
        let now = options.clock.now();
        let scoped = key.read_scoped(sealed, presented, &options.pepper, seen, now)?;
        self.0.callers.check_heard(scoping.secret, now)?;
        Ok(scoped)
    }

    /// Lets the holder of a scoped key in with the grants that it says, and
    /// notes the use of the key that it was made out of.
    ///
    /// # Errors
    /// [`AuthError::NotUnderstood`] when it may not say that.
    pub fn let_scoped_in(&self, scoped: Scoped, grants: Vec<Grant>) -> Result<Access, AuthError> {
        let access = scoped.held_to(grants)?;
        let now = self.0.options.clock.now();
        self.0.callers.note(access.secret(), now);
        Ok(access)
    }

    fn master_of_dialect(
        &self,
        project: ProjectId,
        master: &Secret,
        seen: &Circumstances<'_>,
    ) -> Option<Access> {
        let access = self.authenticate(master, seen).ok()?;
        (access.project() == project && access.kind() == KeyKind::Legacy).then_some(access)
    }
}

impl Change {
    fn scoping(&self) -> Option<&Scoping> {
        self.definitions.project().scoping.as_ref()
    }

    /// Seals the secret of a master key, in the place of another one.
    pub(crate) fn read_scoped_of(
        &mut self,
        control: &Control,
        key: &Arc<KeyRecord>,
        master: &Secret,
    ) -> Result<(), ControlError> {
        let sealed = SealedSecret::seal(master, control.pepper(), &*self.random);
        let scoping = Scoping {
            key: key.id(),
            secret: master.id(),
            sealed: sealed.ok_or_else(no_master)?,
        };
        self.forget_scoping();
        self.writes
            .push(Write::InsertScoping(self.project, scoping.clone()));
        self.put_scoping(Some(scoping));
        self.audit("project.scoped_keys_on", subject(key), None, None);
        Ok(())
    }

    /// Erases what was sealed, when something was.
    pub(crate) fn forget_scoping(&mut self) {
        let Some(scoping) = self.scoping() else {
            return;
        };
        let key = self.definitions.key(scoping.key).map(subject);
        self.writes.push(Write::DeleteScoping(self.project));
        self.put_scoping(None);
        if let Some(key) = key {
            self.audit("project.scoped_keys_off", key, None, None);
        }
    }

    /// Scoped keys end with the key that they were made out of.
    pub(crate) fn forget_scoping_of(&mut self, key: KeyId) {
        if self.scoping().is_some_and(|scoping| scoping.key == key) {
            self.forget_scoping();
        }
    }

    /// And with its secret.
    pub(crate) fn forget_scoping_by(&mut self, secret: SecretId) {
        if self
            .scoping()
            .is_some_and(|scoping| scoping.secret == secret)
        {
            self.forget_scoping();
        }
    }

    fn put_scoping(&mut self, scoping: Option<Scoping>) {
        let before = self.definitions.project().clone();
        self.definitions
            .put_project(ProjectRecord { scoping, ..before });
    }
}

fn subject(key: &Arc<KeyRecord>) -> Subject {
    Subject::new(key.id(), &key.draft().name)
}

/// Whether it is a key that a project of the dialect begins with, or a copy of one, and administers.
fn is_master(key: &KeyRecord) -> bool {
    let draft = key.draft();
    draft.kind == KeyKind::Legacy && draft.dialect.is_none() && draft.is_admin()
}

fn no_master() -> ControlError {
    let rule = "master_key is the key that the Keen dialect showed as master_key when it was switched on, of this project and in use";
    Fault::new(FaultCode::InvalidValue, rule)
        .at("/master_key")
        .into()
}

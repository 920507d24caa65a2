//! The one road of a change: planned against memory, written in one
//! transaction with its audit entry, then in force in memory, then
//! acknowledged.

use std::sync::Arc;

use model::audit::AuditEntry;
use model::datasets::Dataset;
use model::ids::{AuditId, KeyId, ProjectId};
use model::keys::{AuthError, DerivedId, KeyRecord, KeyStatus, SecretRecord};
use model::permit::Access;
use model::pools::Pool;
use model::random::RandomSource;
use model::saved_queries::SavedQuery;
use model::time::Timestamp;
use model::views::View;

use crate::audit::{Author, Subject};
use crate::definitions::Definitions;
use crate::error::{ControlError, Ended};
use crate::keys;
use crate::people::PeopleChange;
use crate::store::{Claim, DerivedRow, KeyRow, PoolRow, Question, QuestionRow, ViewRow, Write};

/// A project as it will be when the change is in force, and the rows that
/// make it so. Each method does both, so that memory and database cannot
/// come to differ by an omission.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) project: ProjectId,
    pub(crate) now: Timestamp,
    pub(crate) random: Arc<dyn RandomSource>,
    pub(crate) author: Author,
    pub(crate) definitions: Definitions,
    pub(crate) writes: Vec<Write>,
    pub(crate) callers: Vec<CallerChange>,
    pub(crate) people: Vec<PeopleChange>,
    /// Derived tokens that are kept out when the change is in force.
    pub(crate) revoked: Vec<(KeyId, DerivedId)>,
    /// Whether the project is gone when the change is in force.
    pub(crate) is_deleted: bool,
    /// Whether it is what a key may do to one that it issued, which widens nothing.
    pub(crate) is_by_maker: bool,
    /// Whether a copy lasts longer than the key that it is one of.
    pub(crate) outlives: bool,
    /// The next ordinal that is free.
    pub(crate) ordinal: i64,
}

/// A key as it was and as it will be.
#[derive(Debug)]
pub(crate) struct CallerChange {
    pub(crate) id: KeyId,
    pub(crate) before: Option<Arc<KeyRecord>>,
    pub(crate) after: Option<Arc<KeyRecord>>,
}

impl Change {
    pub(crate) fn take_ordinal(&mut self) -> i64 {
        let ordinal = self.ordinal;
        self.ordinal += 1;
        ordinal
    }

    /// What it may use up of a full disk's last room: a change of a key that exists, an end of scoped
    /// keys, of a derived token, of a session or a person may take rights away, and must not be kept from it.
    pub(crate) fn claim(&self) -> Claim {
        let ends = |write: &Write| match write {
            Write::DeleteScoping(_) | Write::RevokeDerived(_) => true,
            Write::People(write) => write.takes_away(),
            _ => false,
        };
        let of_key = self.callers.iter().any(|caller| caller.before.is_some());
        if of_key || self.writes.iter().any(ends) {
            Claim::Everything
        } else {
            Claim::Shared
        }
    }

    /// Notes what is done, for the audit.
    pub(crate) fn audit(
        &mut self,
        action: &str,
        subject: Subject,
        before: Option<String>,
        after: Option<String>,
    ) {
        self.audit_in(self.project, action, subject, (before, after));
    }

    /// The same in the audit of another project.
    pub(crate) fn audit_in(
        &mut self,
        project: ProjectId,
        action: &str,
        subject: Subject,
        (before, after): (Option<String>, Option<String>),
    ) {
        let entry = AuditEntry {
            id: AuditId::generate(self.now, &*self.random),
            project,
            at: self.now,
            actor: self.author.name.clone(),
            secret: self.author.secret,
            address: self.author.address,
            action: action.to_owned(),
            subject_id: subject.id,
            subject_name: subject.name,
            before,
            after,
        };
        let ordinal = self.take_ordinal();
        self.writes.push(Write::InsertAudit(entry, ordinal));
    }

    pub(crate) fn insert_pool(&mut self, pool: &Pool) -> Result<Arc<Pool>, ControlError> {
        let row = PoolRow::of(self.project, pool);
        let pool = Arc::new(row.read()?);
        let ordinal = self.take_ordinal();
        let name = pool.draft.name.to_string();
        self.writes.push(Write::InsertPool(row, ordinal, name));
        self.definitions.put_pool(Arc::clone(&pool));
        Ok(pool)
    }

    pub(crate) fn update_pool(&mut self, pool: &Pool) -> Result<Arc<Pool>, ControlError> {
        let row = PoolRow::of(self.project, pool);
        let pool = Arc::new(row.read()?);
        let name = pool.draft.name.to_string();
        self.writes.push(Write::UpdatePool(row, name));
        self.definitions.put_pool(Arc::clone(&pool));
        Ok(pool)
    }

    pub(crate) fn delete_pool(&mut self, pool: &Pool) {
        self.writes.push(Write::DeletePool(pool.id));
        self.writes.push(Write::MarkDropped(pool.id, self.project));
        self.definitions.remove_pool(pool.id);
    }

    pub(crate) fn insert_view(&mut self, view: &View) -> Result<Arc<View>, ControlError> {
        let (row, view) = self.read_view(view)?;
        let ordinal = self.take_ordinal();
        let name = view.draft.name.to_string();
        self.writes.push(Write::InsertView(row, ordinal, name));
        self.definitions.put_view(Arc::clone(&view));
        Ok(view)
    }

    pub(crate) fn update_view(&mut self, view: &View) -> Result<Arc<View>, ControlError> {
        let (row, view) = self.read_view(view)?;
        let name = view.draft.name.to_string();
        self.writes.push(Write::UpdateView(row, name));
        self.definitions.put_view(Arc::clone(&view));
        Ok(view)
    }

    pub(crate) fn delete_view(&mut self, view: &View) {
        self.writes.push(Write::DeleteView(view.id));
        self.definitions.remove_view(view.id);
    }

    pub(crate) fn insert_saved(
        &mut self,
        saved: &SavedQuery,
    ) -> Result<Arc<SavedQuery>, ControlError> {
        let row = QuestionRow::of_saved(self.project, saved);
        let saved = Arc::new(row.read_saved()?);
        let ordinal = self.take_ordinal();
        let name = saved.draft.name.to_string();
        self.writes.push(Write::InsertQuestion(row, ordinal, name));
        self.definitions.put_saved(Arc::clone(&saved));
        Ok(saved)
    }

    pub(crate) fn update_saved(
        &mut self,
        saved: &SavedQuery,
    ) -> Result<Arc<SavedQuery>, ControlError> {
        let row = QuestionRow::of_saved(self.project, saved);
        let saved = Arc::new(row.read_saved()?);
        let name = saved.draft.name.to_string();
        self.writes.push(Write::UpdateQuestion(row, name));
        self.definitions.put_saved(Arc::clone(&saved));
        Ok(saved)
    }

    pub(crate) fn delete_saved(&mut self, saved: &SavedQuery) {
        let id = saved.id.to_string();
        self.writes.push(Write::DeleteQuestion(Question::Saved, id));
        self.definitions.remove_saved(saved.id);
    }

    pub(crate) fn insert_dataset(
        &mut self,
        dataset: &Dataset,
    ) -> Result<Arc<Dataset>, ControlError> {
        let row = QuestionRow::of_dataset(self.project, dataset);
        let dataset = Arc::new(row.read_dataset()?);
        let ordinal = self.take_ordinal();
        let name = dataset.draft.name.to_string();
        self.writes.push(Write::InsertQuestion(row, ordinal, name));
        self.definitions.put_dataset(Arc::clone(&dataset));
        Ok(dataset)
    }

    pub(crate) fn update_dataset(
        &mut self,
        dataset: &Dataset,
    ) -> Result<Arc<Dataset>, ControlError> {
        let row = QuestionRow::of_dataset(self.project, dataset);
        let dataset = Arc::new(row.read_dataset()?);
        let name = dataset.draft.name.to_string();
        self.writes.push(Write::UpdateQuestion(row, name));
        self.definitions.put_dataset(Arc::clone(&dataset));
        Ok(dataset)
    }

    pub(crate) fn delete_dataset(&mut self, dataset: &Dataset) {
        let gone = Write::DeleteQuestion(Question::Dataset, dataset.id.to_string());
        self.writes.push(gone);
        self.definitions.remove_dataset(dataset.id);
    }

    fn read_view(&self, view: &View) -> Result<(ViewRow, Arc<View>), ControlError> {
        let pool = self.definitions.pool_by_id(view.pool);
        let schema = &pool.ok_or(ControlError::NotFound)?.draft.schema;
        let row = ViewRow::of(self.project, view);
        let view = Arc::new(row.read(schema)?);
        Ok((row, view))
    }

    /// Adds a key with its first secret.
    pub(crate) fn insert_key(
        &mut self,
        row: KeyRow,
        secret: SecretRecord,
    ) -> Result<Arc<KeyRecord>, ControlError> {
        let key = Arc::new(row.read(vec![secret.clone()], Vec::new())?);
        let ordinal = self.take_ordinal();
        self.writes.push(Write::InsertKey(row, ordinal));
        self.writes.push(Write::InsertSecret(key.id(), secret));
        self.definitions.put_key(ordinal, Arc::clone(&key));
        self.callers.push(CallerChange {
            id: key.id(),
            before: None,
            after: Some(Arc::clone(&key)),
        });
        Ok(key)
    }

    /// Changes a key; its secrets stay.
    pub(crate) fn update_key(
        &mut self,
        before: &Arc<KeyRecord>,
        row: KeyRow,
    ) -> Result<Arc<KeyRecord>, ControlError> {
        let key = row.read(before.secrets().to_vec(), before.signing_secrets().to_vec())?;
        Ok(self.put_key(before, row, key))
    }

    /// Has a key be another one from now on.
    pub(crate) fn put_key(
        &mut self,
        before: &Arc<KeyRecord>,
        row: KeyRow,
        key: KeyRecord,
    ) -> Arc<KeyRecord> {
        let key = Arc::new(key);
        self.writes.push(Write::UpdateKey(row));
        // The ordinal given here is not looked at: the key is there already.
        self.definitions.put_key(0, Arc::clone(&key));
        self.callers.push(CallerChange {
            id: key.id(),
            before: Some(Arc::clone(before)),
            after: Some(Arc::clone(&key)),
        });
        key
    }

    /// Gives a key other secrets; all else stays.
    pub(crate) fn update_secrets(
        &mut self,
        before: &Arc<KeyRecord>,
        secrets: Vec<SecretRecord>,
    ) -> Result<Arc<KeyRecord>, ControlError> {
        for old in before.secrets() {
            match secrets.iter().find(|secret| secret.id == old.id) {
                None => {
                    self.forget_scoping_by(old.id);
                    self.writes.push(Write::DeleteSecret(old.id));
                }
                Some(new) => {
                    if !new.ends_like(old) {
                        self.writes.push(Write::EndSecret(new.clone()));
                    }
                    if new.quarantine != old.quarantine {
                        let held = new.quarantine.clone();
                        self.writes.push(Write::Quarantine(new.id, held));
                    }
                }
            }
        }
        let known = |id| before.secrets().iter().any(|secret| secret.id == id);
        for new in secrets.iter().filter(|secret| !known(secret.id)) {
            self.writes
                .push(Write::InsertSecret(before.id(), new.clone()));
        }
        let row = keys::row(before, before.draft(), before.is_disabled());
        let key = row.read(secrets, before.signing_secrets().to_vec())?;
        Ok(self.put_key(before, row, key))
    }

    /// Ends one derived token of a key.
    pub(crate) fn revoke_derived(&mut self, key: KeyId, id: DerivedId) {
        self.writes.push(Write::RevokeDerived(DerivedRow {
            revoked: Some(self.now),
            ..DerivedRow::of(key, id.clone())
        }));
        self.revoked.push((key, id));
    }

    pub(crate) fn delete_key(&mut self, key: &Arc<KeyRecord>) {
        self.forget_scoping_of(key.id());
        self.writes.push(Write::DeleteSecretsOf(key.id()));
        if !key.signing_secrets().is_empty() {
            self.writes.push(Write::DeleteSigningOf(key.id()));
        }
        self.writes.push(Write::DeleteKey(key.id()));
        self.definitions.remove_key(key.id());
        self.callers.push(CallerChange {
            id: key.id(),
            before: Some(Arc::clone(key)),
            after: None,
        });
    }
}

/// Whether the caller's key would let it in now, with the same rights.
pub(crate) fn still(definitions: &Definitions, access: &Access, now: Timestamp) -> bool {
    check_still(definitions, access, now).is_ok()
}

/// Refuses a caller whose key would not let it in now, or with other rights.
pub(crate) fn check_still(
    definitions: &Definitions,
    access: &Access,
    now: Timestamp,
) -> Result<(), Ended> {
    let key = definitions.key(access.key()).ok_or(AuthError::Unknown)?;
    let secret = key.live(access.secret()).ok_or(AuthError::Unknown)?;
    match key.status(now) {
        KeyStatus::Disabled => return Err(AuthError::Disabled.into()),
        KeyStatus::Expired => return Err(AuthError::Expired.into()),
        KeyStatus::Active | KeyStatus::Quarantined => {}
    }
    if secret.expires_at.is_some_and(|end| end <= now) {
        return Err(AuthError::Expired.into());
    }
    // What was begun before it, at full speed and with all rights, goes no further.
    let quarantined_at = secret.quarantine.map(|held| held.since);
    if quarantined_at != access.quarantined_at() {
        return Err(Ended::Changed);
    }
    let scoping = definitions.project().scoping.as_ref();
    if access.is_scoped() && scoping.is_none_or(|s| s.secret != access.secret()) {
        return Err(AuthError::Unknown.into());
    }
    check_issuer_still(definitions, access, now)?;
    let is_same = **key.grants() == *access.grants_as_stored()
        && **key.restrictions() == *access.restrictions();
    match is_same {
        true => Ok(()),
        false => Err(Ended::Changed),
    }
}

/// The same of the key that issued the caller's, whose rights the caller's end with.
fn check_issuer_still(
    definitions: &Definitions,
    access: &Access,
    now: Timestamp,
) -> Result<(), Ended> {
    let Some(issuer) = access.issuer() else {
        return Ok(());
    };
    let maker = definitions.key(issuer.id());
    let maker = maker.filter(|maker| maker.is_in_use(issuer.id(), now));
    let maker = maker.ok_or(AuthError::IssuerEnded)?;
    if access.derived_token().is_some() && !maker.draft().derived_tokens {
        return Err(AuthError::Unknown.into());
    }
    let is_same = maker.grants() == issuer.record().grants()
        && **maker.restrictions() == *issuer.restrictions();
    match is_same {
        true => Ok(()),
        false => Err(Ended::Changed),
    }
}

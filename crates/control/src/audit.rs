//! The audit: who changed what, from what to what. What an entry is and how
//! it is bound to others: [`model::audit`].

use std::fmt::Display;
use std::net::IpAddr;
use std::sync::Arc;

use model::audit::{AuditEntry, ChainedEntry, Checkpoint, CheckpointKey, VerifierKey};
use model::filters::Filter;
use model::permit::{Access, Admin, Permit, Upkeep};
use model::secrets::SecretId;
use model::time::Timestamp;

use crate::control::{Control, Inner};
use crate::error::{ControlError, InternalError};
use crate::store::Store;
use crate::writer::{Link, Writer};

/// Who makes a change.
#[derive(Debug)]
pub(crate) struct Author {
    /// `server`, or `key:` or `person:` and an id.
    pub(crate) name: String,
    /// The public part of the secret that was presented.
    pub(crate) secret: Option<SecretId>,
    /// Where the caller was seen.
    pub(crate) address: Option<IpAddr>,
    /// The rows that the caller is held to in whatever it makes.
    pub(crate) within: Option<Arc<Filter>>,
}

impl Author {
    /// A caller who was let in.
    pub(crate) fn of(access: &Access) -> Self {
        let (name, secret) = match access.person() {
            Some(person) => (format!("person:{}", person.id), None),
            None => (format!("key:{}", access.key()), Some(access.secret())),
        };
        Self {
            name,
            secret,
            address: access.address(),
            within: access.within().cloned(),
        }
    }
}

/// Somebody who presented no secret.
impl From<String> for Author {
    fn from(name: String) -> Self {
        Self {
            name,
            secret: None,
            address: None,
            within: None,
        }
    }
}

/// What a change is about.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) id: String,
    pub(crate) name: String,
}

impl Subject {
    pub(crate) fn new(id: impl Display, name: impl Display) -> Self {
        Self {
            id: id.to_string(),
            name: name.to_string(),
        }
    }
}

/// Which entries are looked for: those that fit all that is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditSearch {
    /// Of this actor.
    pub actor: Option<String>,
    /// About what has this id, or had this name.
    pub subject: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// Of this moment or later.
    pub from: Option<Timestamp>,
    /// Of before this moment.
    pub to: Option<Timestamp>,
}

/// A page of entries, the newest first. Where little is found it may be short,
/// or empty, with more to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPage {
    /// What was found.
    pub entries: Vec<ChainedEntry>,
    /// Entries before the one with this number were not looked at.
    pub next: Option<u64>,
}

impl Writer {
    fn store(&mut self) -> Result<&mut Store, ControlError> {
        match &mut self.link {
            Link::Open(store) => Ok(store),
            Link::Lost | Link::Closed => {
                Err(InternalError::new("the writer was given without a database").into())
            }
        }
    }
}

impl Inner {
    fn checkpoint_key(&self) -> CheckpointKey {
        CheckpointKey::new(&self.options.pepper)
    }
}

impl Control {
    /// The latest `limit` entries of the caller's project, newest first.
    pub async fn audit_entries(
        &self,
        by: &Permit<Admin>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, ControlError> {
        let all = AuditSearch::default();
        let page = self.audit_page(by, &all, None, limit).await?;
        let entries = page.entries.into_iter();
        Ok(entries.map(|chained| chained.entry).collect())
    }

    /// At most `limit` entries of the caller's project that fit, newest first,
    /// all before the one with the number `before`.
    pub async fn audit_page(
        &self,
        by: &Permit<Admin>,
        search: &AuditSearch,
        before: Option<u64>,
        limit: usize,
    ) -> Result<AuditPage, ControlError> {
        let project = by.access().project();
        let mut writer = self.0.writer().await?;
        let store = writer.store()?;
        store.audit_page(project, search, before, limit).await
    }

    /// At most `limit` entries of the caller's project in their order, from the
    /// one with the number `from` on.
    pub async fn audit_from(
        &self,
        by: &Permit<Admin>,
        from: u64,
        limit: usize,
    ) -> Result<Vec<ChainedEntry>, ControlError> {
        let mut writer = self.0.writer().await?;
        let store = writer.store()?;
        store.audit_from(by.access().project(), from, limit).await
    }

    /// What the log of the caller's project is now, signed.
    pub async fn audit_checkpoint(&self, by: &Permit<Admin>) -> Result<Checkpoint, ControlError> {
        let project = by.access().project();
        let mut writer = self.0.writer().await?;
        let log = writer.store()?.audit_log(project).await?;
        let now = self.0.options.clock.now();
        Ok(self.0.checkpoint_key().sign(project, now, log.head()))
    }

    /// What the log of every project is now, signed.
    pub async fn audit_checkpoints(
        &self,
        _: &Permit<Upkeep>,
    ) -> Result<Vec<Checkpoint>, ControlError> {
        let mut writer = self.0.writer().await?;
        let logs = writer.store()?.audit_logs().await?;
        drop(writer);
        let (key, now) = (self.0.checkpoint_key(), self.0.options.clock.now());
        let sign = |(project, log): (_, model::audit::Log)| key.sign(project, now, log.head());
        Ok(logs.into_iter().map(sign).collect())
    }

    /// What verifies the checkpoints of this server.
    pub fn audit_verifier(&self) -> VerifierKey {
        self.0.checkpoint_key().verifier()
    }
}

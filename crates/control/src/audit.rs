//! The audit: who changed what, from what to what. What an entry is and how
//! it is bound to others: [`model::audit`].

use std::fmt::Display;
use std::net::IpAddr;
use std::sync::Arc;

use model::audit::{AuditEntry, ChainedEntry, Checkpoint, CheckpointKey, VerifierKey};
use model::filters::Filter;
use model::ids::{InvitationId, PersonId};
use model::permit::{Access, Admin, Permit, Upkeep};
use model::secrets::SecretId;
use model::time::Timestamp;

use crate::control::{Control, Inner};
use crate::error::ControlError;
use crate::reading::ROWS_IN_A_TURN;

/// Entries that one page looks at, whether they are what is looked for or not.
const LOOKED_AT: u64 = 20_000;

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
    /// The server itself.
    pub(crate) fn server() -> Self {
        Self::named("server".to_owned(), None)
    }

    /// Somebody who changes what is the person's own, seen at this address.
    pub(crate) fn person(id: PersonId, address: Option<IpAddr>) -> Self {
        Self::named(format!("person:{id}"), address)
    }

    /// Whoever has the token of an invitation, seen at this address.
    pub(crate) fn invited(id: InvitationId, address: Option<IpAddr>) -> Self {
        Self::named(format!("invitation:{id}"), address)
    }

    /// Somebody who presented no secret. There is no other way to one: whoever
    /// adds an action is asked from where it comes.
    fn named(name: String, address: Option<IpAddr>) -> Self {
        Self {
            name,
            secret: None,
            address,
            within: None,
        }
    }

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
        let (mut entries, mut next) = (Vec::new(), before);
        for _ in 0..LOOKED_AT / ROWS_IN_A_TURN {
            let mut turn = self.0.turn().await?;
            let rest = limit - entries.len();
            let page = turn
                .store()?
                .audit_page(project, search, next, rest)
                .await?;
            drop(turn);
            entries.extend(page.entries);
            next = page.next;
            if next.is_none() || entries.len() >= limit {
                break;
            }
        }
        Ok(AuditPage { entries, next })
    }

    /// At most `limit` entries of the caller's project in their order, from the
    /// one with the number `from` on.
    pub async fn audit_from(
        &self,
        by: &Permit<Admin>,
        from: u64,
        limit: usize,
    ) -> Result<Vec<ChainedEntry>, ControlError> {
        let (project, mut from) = (by.access().project(), from);
        let mut entries = Vec::new();
        while entries.len() < limit {
            let rest = limit - entries.len();
            let rest = rest.min(usize::try_from(ROWS_IN_A_TURN).unwrap_or(rest));
            let mut turn = self.0.turn().await?;
            let read = turn.store()?.audit_from(project, from, rest).await?;
            drop(turn);
            let (count, last) = (read.len(), read.last().map(|last| last.sequence));
            entries.extend(read);
            match last {
                Some(last) if count == rest => from = last + 1,
                _ => break,
            }
        }
        Ok(entries)
    }

    /// What the log of the caller's project is now, signed.
    pub async fn audit_checkpoint(&self, by: &Permit<Admin>) -> Result<Checkpoint, ControlError> {
        let project = by.access().project();
        let log = self.0.turn().await?.store()?.audit_log(project).await?;
        let now = self.0.options.clock.now();
        Ok(self.0.checkpoint_key().sign(project, now, log.head()))
    }

    /// What the log of every project is now, signed.
    pub async fn audit_checkpoints(
        &self,
        _: &Permit<Upkeep>,
    ) -> Result<Vec<Checkpoint>, ControlError> {
        let logs = self.0.turn().await?.store()?.audit_logs().await?;
        let (key, now) = (self.0.checkpoint_key(), self.0.options.clock.now());
        let sign = |(project, log): (_, model::audit::Log)| key.sign(project, now, log.head());
        Ok(logs.into_iter().map(sign).collect())
    }

    /// What verifies the checkpoints of this server.
    pub fn audit_verifier(&self) -> VerifierKey {
        self.0.checkpoint_key().verifier()
    }
}

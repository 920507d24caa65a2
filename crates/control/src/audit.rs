//! The audit: who changed what, from what to what.

use std::fmt::Display;

use model::ids::{AuditId, ProjectId};
use model::permit::{Admin, Permit};
use model::time::Timestamp;

use crate::control::Control;
use crate::error::ControlError;

/// One change. It is in the database exactly when the change is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Names the entry.
    pub id: AuditId,
    /// The project that was changed.
    pub project: ProjectId,
    /// When.
    pub at: Timestamp,
    /// Who: `server`, or `key:` and an id.
    pub actor: String,
    /// What was done, such as `key.create`.
    pub action: String,
    /// The id of what was changed.
    pub subject_id: String,
    /// Its name at the time, after the change.
    pub subject_name: String,
    /// The definition before, as JSON text; never a token or its hash.
    pub before: Option<String>,
    /// The definition afterwards, as JSON text; never a token or its hash.
    pub after: Option<String>,
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

impl Control {
    /// The latest `limit` entries of the caller's project, newest first.
    pub async fn audit_entries(
        &self,
        by: &Permit<Admin>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, ControlError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.0.audit_entries(by.access().project(), limit).await
    }
}

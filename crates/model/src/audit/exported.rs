//! An entry as a line of an export: a JSON object with every text that is
//! hashed exactly as it is hashed, so that an export is verified alone.

use std::net::IpAddr;

use super::{AuditEntry, ChainedEntry, Digest};
use crate::document::Document;
use crate::fault::Fault;
use crate::ids::{AuditId, ProjectId};
use crate::json;
use crate::secrets::SecretId;
use crate::time::Timestamp;
use crate::value::Object;

/// Why a line is no entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableLine {
    /// It is no object with the members of an entry.
    #[error("{0}")]
    Shape(#[from] Fault),
    /// A member has another form than the server writes.
    #[error("{0} is not what the server writes there")]
    Member(&'static str),
}

/// Reads a text that must be the one text of what it means.
fn exactly<T: ToString>(
    name: &'static str,
    text: &str,
    read: Option<T>,
) -> Result<T, UnreadableLine> {
    read.filter(|read| read.to_string() == text)
        .ok_or(UnreadableLine::Member(name))
}

impl ChainedEntry {
    /// The members of a line.
    pub fn to_object(&self) -> Object {
        let entry = &self.entry;
        Object::new()
            .with("sequence", i128::from(self.sequence))
            .with("id", entry.id.to_string())
            .with("project", entry.project.to_string())
            .with("at", entry.at.to_string())
            .with("actor", entry.actor.as_str())
            .with("secret", entry.secret.map(|secret| secret.to_string()))
            .with("address", entry.address.map(|address| address.to_string()))
            .with("action", entry.action.as_str())
            .with("subject_id", entry.subject_id.as_str())
            .with("subject_name", entry.subject_name.as_str())
            .with("before", entry.before.clone())
            .with("after", entry.after.clone())
            .with("link", self.link.to_string())
    }

    /// Reads a line.
    ///
    /// # Errors
    /// When it is not what [`ChainedEntry::to_object`] says.
    pub fn parse(line: &str) -> Result<Self, UnreadableLine> {
        let value = json::parse(line.as_bytes())?;
        let mut line = Document::new(&value)?;
        line.required("sequence")?;
        let sequence = line.optional_integer("sequence", 0..=i64::MAX)?;
        let sequence = sequence.and_then(|number| u64::try_from(number).ok());
        let sequence = sequence.ok_or(UnreadableLine::Member("sequence"))?;
        let id = line.text("id")?;
        let project = line.text("project")?;
        let at = line.text("at")?;
        let secret = line.optional_text("secret")?.map(|text| {
            let read = SecretId::parse(text);
            exactly("secret", text, read)
        });
        let address = line.optional_text("address")?.map(|text| {
            let read = text.parse::<IpAddr>().ok();
            exactly("address", text, read)
        });
        let link = line.text("link")?;
        let entry = AuditEntry {
            id: exactly("id", id, AuditId::parse(id).ok())?,
            project: exactly("project", project, ProjectId::parse(project).ok())?,
            at: exactly("at", at, Timestamp::parse(at).ok())?,
            actor: line.text("actor")?.to_owned(),
            secret: secret.transpose()?,
            address: address.transpose()?,
            action: line.text("action")?.to_owned(),
            subject_id: line.text("subject_id")?.to_owned(),
            subject_name: line.text("subject_name")?.to_owned(),
            before: line.optional_text("before")?.map(str::to_owned),
            after: line.optional_text("after")?.map(str::to_owned),
        };
        line.finish()?;
        Ok(Self {
            sequence,
            link: exactly("link", link, Digest::parse(link))?,
            entry,
        })
    }
}

//! The access of a person.

use std::sync::Arc;

use super::{Access, as_of};
use crate::filters::Filter;
use crate::grants::Grant;
use crate::ids::{KeyId, PersonId, ProjectId, SessionId};
use crate::keys::{KeyKind, KeyLimits, Restrictions};
use crate::people::{Area, Role};
use crate::secrets::SecretId;
use crate::time::Timestamp;

/// Who signed in, and as what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// The person.
    pub id: PersonId,
    /// The session that the request came by.
    pub session: SessionId,
    /// The person's role in the project.
    pub role: Role,
    /// Whether the role is held to some rows.
    pub is_held: bool,
}

impl Person {
    /// Whether the person's role has this in the project.
    pub fn may(&self, area: Area) -> bool {
        self.role.may(area) && (!self.is_held || area.is_within_rows())
    }
}

impl Access {
    /// Only [`PersonRecord::enter`](crate::people::PersonRecord::enter) calls
    /// this, after it compared the session.
    ///
    /// What counts by key counts by the person's id here: no key has it. And
    /// no key has the secret, so that no ticket made of it lets anybody in.
    pub(crate) fn of_person(
        person: Person,
        name: &str,
        project: ProjectId,
        written: Arc<[Grant]>,
        within: Option<Arc<Filter>>,
        now: Timestamp,
    ) -> Self {
        Self {
            key: KeyId::from_bytes(person.id.to_bytes()),
            key_name: name.into(),
            kind: KeyKind::Secret,
            secret: SecretId::OF_NO_KEY,
            project,
            grants: as_of(&written, now),
            written,
            restrictions: Arc::new(Restrictions::NONE),
            address: None,
            limits: KeyLimits::NONE,
            issuer: None,
            made_out_of: None,
            derived: None,
            let_in_at: now,
            quarantined_at: None,
            only: None,
            person: Some(Arc::new(person)),
            within,
        }
    }

    /// The same person, seen to come from there. A key's request was seen
    /// before it was let in.
    #[must_use]
    pub fn seen_from(self, address: Option<std::net::IpAddr>) -> Self {
        match self.person {
            Some(_) => Self { address, ..self },
            None => self,
        }
    }

    /// The person who signed in; `None` for a caller with a key.
    pub fn person(&self) -> Option<Person> {
        self.person.as_deref().copied()
    }
}

//! A person as the house knows one, and an invitation to become one.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use subtle::ConstantTimeEq;

use super::shown_once::shown_once;
use super::{
    Attempts, PasswordHash, RecoveryHash, RoleGrant, SealedTotp, SessionHash, SessionRecord,
    SignInName,
};
use crate::document::Document;
use crate::fault::{Fault, FaultCode};
use crate::grants::Grant;
use crate::ids::{InvitationId, OrganizationId, PersonId, ProjectId};
use crate::keys::AuthError;
use crate::limits::PERSON_NAME_CHARS_MAX;
use crate::permit::{Access, Person};
use crate::time::Timestamp;
use crate::value::{Object, Value};

/// What is said of a person by others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonDraft {
    /// The name to be shown.
    pub name: String,
    /// What the person is, and where; never empty.
    pub roles: Vec<RoleGrant>,
}

impl PersonDraft {
    /// Reads the stored form.
    ///
    /// # Errors
    /// A fault that names the member.
    pub fn parse(value: &Value) -> Result<Self, Fault> {
        let mut document = Document::new(value)?;
        let name = Self::parse_name(document.text("name")?).map_err(|f| f.at("/name"))?;
        let roles = RoleGrant::parse_all(document.required("roles")?);
        let roles = roles.map_err(|f| f.under("/roles"))?;
        document.finish()?;
        Ok(Self { name, roles })
    }

    /// Checks a person's name.
    ///
    /// # Errors
    /// A fault for an empty or a long one, and for control characters.
    pub fn parse_name(text: &str) -> Result<String, Fault> {
        let chars = text.chars().count();
        let fits = (1..=PERSON_NAME_CHARS_MAX).contains(&chars);
        if fits && !text.chars().any(char::is_control) && !text.trim().is_empty() {
            return Ok(text.to_owned());
        }
        let detail = format!(
            "a person's name has from 1 to {PERSON_NAME_CHARS_MAX} characters, none of which is a control character"
        );
        Err(Fault::new(FaultCode::InvalidValue, detail))
    }

    /// The stored form.
    pub fn to_value(&self) -> Value {
        let roles: Vec<Value> = self.roles.iter().map(RoleGrant::to_value).collect();
        let object = Object::new().with("name", self.name.as_str());
        Value::Object(object.with("roles", roles))
    }

    /// The role in a project: that for the project itself, else that in the organization.
    pub fn role_in(&self, project: ProjectId) -> Option<&RoleGrant> {
        let of = |wanted| move |role: &&RoleGrant| role.project == wanted;
        let own = self.roles.iter().find(of(Some(project)));
        own.or_else(|| self.roles.iter().find(of(None)))
    }
}

/// A stored person.
///
/// Only the control plane makes one, by [`PersonRecord::restore`]; the house
/// rules check that by name.
#[derive(Clone, Debug)]
pub struct PersonRecord {
    parts: PersonParts,
    grants: Vec<Arc<[Grant]>>,
}

/// The stored parts of a person.
#[derive(Clone, Debug)]
pub struct PersonParts {
    /// Names the person for ever.
    pub id: PersonId,
    /// The organization.
    pub organization: OrganizationId,
    /// What the person signs in with.
    pub sign_in: SignInName,
    /// What is said of the person.
    pub draft: PersonDraft,
    /// The password.
    pub password: PasswordHash,
    /// What the person's app shares with the server.
    pub totp: SealedTotp,
    /// The last step whose code was used.
    pub last_step: u64,
    /// Wrong codes since the last good one.
    pub attempts: Attempts,
    /// Wrong codes since then that callers with keys brought.
    pub by_keys: Attempts,
    /// The recovery codes that are left.
    pub recovery: Vec<RecoveryHash>,
    /// Who made it: `key:` or `person:` and an id.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts changes of what others say.
    pub revision: i64,
}

impl PersonRecord {
    /// The person of these stored parts.
    ///
    /// # Errors
    /// A fault for a role that cannot be.
    pub fn restore(parts: PersonParts) -> Result<Self, Fault> {
        let grants = parts.draft.roles.iter().map(RoleGrant::grants);
        let grants = grants.collect::<Result<_, Fault>>()?;
        Ok(Self { parts, grants })
    }

    /// Everything that is stored.
    pub fn parts(&self) -> &PersonParts {
        &self.parts
    }

    /// The person's id.
    pub fn id(&self) -> PersonId {
        self.parts.id
    }

    /// Lets the person in to a project by a session that was looked up by the
    /// token's hash: the one way from a session to an [`Access`].
    ///
    /// # Errors
    /// Says why not, for the log: a session of somebody else, one that has
    /// ended, no role in the project.
    pub fn enter(
        &self,
        session: &SessionRecord,
        presented: &SessionHash,
        project: ProjectId,
        used: Timestamp,
        now: Timestamp,
    ) -> Result<Access, AuthError> {
        let is_own: bool = session.hash.as_bytes().ct_eq(presented.as_bytes()).into();
        if !is_own || session.person != self.parts.id {
            return Err(AuthError::Unknown);
        }
        if !session.lasts(used, now) {
            return Err(AuthError::Expired);
        }
        let (role, grants) = self.in_project(project).ok_or(AuthError::Unknown)?;
        let person = Person {
            id: self.parts.id,
            session: session.id,
            role: role.role,
            is_held: role.constraints.is_some(),
        };
        let within = role.constraints.clone().map(Arc::new);
        Ok(Access::of_person(
            person,
            &self.parts.draft.name,
            project,
            Arc::clone(grants),
            within,
            now,
        ))
    }

    /// Whether an access that this person came by still says what the person's
    /// role says now.
    pub fn still_grants(&self, access: &Access) -> bool {
        self.in_project(access.project())
            .is_some_and(|(role, grants)| {
                let same_role = access.person().is_some_and(|p| p.role == role.role);
                same_role && **grants == *access.grants_of_key()
            })
    }

    /// What the person's role opens in a project.
    pub fn grants_in(&self, project: ProjectId) -> Option<&[Grant]> {
        self.in_project(project).map(|(_, grants)| &**grants)
    }

    fn in_project(&self, project: ProjectId) -> Option<(&RoleGrant, &Arc<[Grant]>)> {
        let role = self.parts.draft.role_in(project)?;
        let at = self.parts.draft.roles.iter().position(|r| r == role)?;
        Some((role, &self.grants[at]))
    }
}

shown_once! {
    /// What an invited person brings: 256 random bits.
    InvitationToken,
    /// What is stored of it.
    InvitationHash, 32, BASE64URL_NOPAD, "invitations"
}

impl InvitationToken {
    /// Reads a token.
    pub fn parse(text: &str) -> Option<Self> {
        let bits = zeroize::Zeroizing::new(BASE64URL_NOPAD.decode(text.as_bytes()).ok()?);
        (bits.len() == 32).then(|| Self(zeroize::Zeroizing::new(text.to_owned())))
    }
}

/// A stored invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationRecord {
    /// Names the invitation in lists.
    pub id: InvitationId,
    /// The organization.
    pub organization: OrganizationId,
    /// What the person will sign in with.
    pub sign_in: SignInName,
    /// What is said of the person.
    pub draft: PersonDraft,
    /// What its token hashes to.
    pub hash: InvitationHash,
    /// Who made it: `person:` and an id.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub ends_at: Timestamp,
}

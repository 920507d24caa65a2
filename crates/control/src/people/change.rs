//! What a change does to people: the row that it writes and what memory holds
//! afterwards, together, so that the two cannot come to differ by an omission.

use std::sync::Arc;

use model::ids::{InvitationId, PersonId, ProjectId};
use model::json;
use model::people::{
    InvitationRecord, PersonDraft, PersonParts, PersonRecord, RecoveryHash, RoleGrant, SessionHash,
    SessionRecord, SignInName,
};
use model::value::{Object, Value};

use crate::audit::Subject;
use crate::change::Change;
use crate::error::ControlError;
use crate::store::{PeopleWrite, Write};

/// One change of what is in memory of people.
#[derive(Debug)]
pub(crate) enum PeopleChange {
    PutPerson(Arc<PersonRecord>),
    /// With everything that is the person's.
    RemovePerson(PersonId),
    PutSession(SessionRecord),
    RemoveSession(SessionHash),
    PutInvitation(Arc<InvitationRecord>),
    RemoveInvitation(InvitationId),
}

impl Change {
    fn writes_people(&mut self, write: PeopleWrite) {
        self.writes.push(Write::People(write));
    }

    pub(super) fn insert_person(
        &mut self,
        parts: PersonParts,
    ) -> Result<Arc<PersonRecord>, ControlError> {
        let person = Arc::new(PersonRecord::restore(parts)?);
        let ordinal = self.take_ordinal();
        self.writes_people(PeopleWrite::InsertPerson(Arc::clone(&person), ordinal));
        for code in &person.parts().recovery {
            self.writes_people(PeopleWrite::InsertCode(person.id(), *code));
        }
        self.people
            .push(PeopleChange::PutPerson(Arc::clone(&person)));
        Ok(person)
    }

    /// A person as the change leaves it, when it changes that one.
    pub(super) fn changed_person(&self, id: PersonId) -> Option<&Arc<PersonRecord>> {
        self.people.iter().rev().find_map(|change| match change {
            PeopleChange::PutPerson(person) if person.id() == id => Some(person),
            _ => None,
        })
    }

    /// Writes everything of a person but the recovery codes.
    pub(crate) fn update_person(
        &mut self,
        parts: PersonParts,
    ) -> Result<Arc<PersonRecord>, ControlError> {
        let person = Arc::new(PersonRecord::restore(parts)?);
        self.writes_people(PeopleWrite::UpdatePerson(Arc::clone(&person)));
        self.people
            .push(PeopleChange::PutPerson(Arc::clone(&person)));
        Ok(person)
    }

    /// Writes that a recovery code is used up. The person is to be updated, too.
    pub(super) fn spend_code(&mut self, parts: &mut PersonParts, code: RecoveryHash) {
        parts.recovery.retain(|kept| *kept != code);
        self.writes_people(PeopleWrite::DeleteCode(code));
    }

    /// Writes another set of recovery codes. The person is to be updated, too.
    pub(super) fn replace_codes(&mut self, parts: &mut PersonParts, codes: Vec<RecoveryHash>) {
        self.writes_people(PeopleWrite::DeleteCodesOf(parts.id));
        for code in &codes {
            self.writes_people(PeopleWrite::InsertCode(parts.id, *code));
        }
        parts.recovery = codes;
    }

    /// Notes what became of somebody. The project's audit has what of the roles
    /// reaches into the project, and nothing of who has none there; that of the
    /// organization's first project, `home`, has everything.
    pub(super) fn audit_person(
        &mut self,
        home: ProjectId,
        action: &str,
        subject: impl Fn() -> Subject,
        [before, after]: [Option<&PersonTold>; 2],
    ) {
        let project = self.project;
        let text = |told: PersonTold| told.text();
        let texts = [before, after].map(|told| told.map(PersonTold::text));
        let here = [before, after].map(|told| told?.in_project(project).map(text));
        if home == project || here == texts {
            let [before, after] = texts;
            return self.audit(action, subject(), before, after);
        }
        let [before, after] = here;
        if before != after {
            self.audit(action, subject(), before, after);
        }
        let [before, after] = texts;
        self.audit_in(home, action, subject(), (before, after));
    }

    /// Notes what else became of somebody, as much in every audit that has the
    /// roles of the person: the project's, and that of the organization's first
    /// project, `home`.
    pub(super) fn audit_of_person(
        &mut self,
        (home, person): (ProjectId, &PersonParts),
        action: &str,
        texts: (Option<String>, Option<String>),
    ) {
        self.audit_by_roles(
            (home, &person.draft.roles),
            action,
            || subject(person),
            texts,
        );
    }

    /// The same of whoever has these roles, or will have them.
    pub(super) fn audit_by_roles(
        &mut self,
        (home, roles): (ProjectId, &[RoleGrant]),
        action: &str,
        subject: impl Fn() -> Subject,
        (before, after): (Option<String>, Option<String>),
    ) {
        let project = self.project;
        if home == project || roles.iter().any(|role| reaches(role, project)) {
            self.audit(action, subject(), before.clone(), after.clone());
        }
        if home != project && !roles.iter().all(|role| reaches(role, project)) {
            self.audit_in(home, action, subject(), (before, after));
        }
    }

    /// Removes a person with everything that is the person's.
    pub(super) fn delete_person(&mut self, id: PersonId) {
        self.writes_people(PeopleWrite::DeleteSessionsOf(id));
        self.writes_people(PeopleWrite::DeleteCodesOf(id));
        self.writes_people(PeopleWrite::DeletePerson(id));
        self.people.push(PeopleChange::RemovePerson(id));
    }

    pub(super) fn insert_session(&mut self, session: SessionRecord) {
        self.writes_people(PeopleWrite::InsertSession(session.clone()));
        self.people.push(PeopleChange::PutSession(session));
    }

    pub(super) fn delete_session(&mut self, hash: SessionHash) {
        self.writes_people(PeopleWrite::DeleteSession(hash));
        self.people.push(PeopleChange::RemoveSession(hash));
    }

    pub(super) fn insert_invitation(&mut self, invitation: InvitationRecord) {
        let invitation = Arc::new(invitation);
        let ordinal = self.take_ordinal();
        let write = PeopleWrite::InsertInvitation(Arc::clone(&invitation), ordinal);
        self.writes_people(write);
        self.people.push(PeopleChange::PutInvitation(invitation));
    }

    pub(super) fn delete_invitation(&mut self, id: InvitationId) {
        self.writes_people(PeopleWrite::DeleteInvitation(id));
        self.people.push(PeopleChange::RemoveInvitation(id));
    }
}

/// Whether a role is one of the project: its own, or that for every project.
fn reaches(role: &RoleGrant, project: ProjectId) -> bool {
    role.project.is_none_or(|other| other == project)
}

/// What the audit calls a person.
pub(super) fn subject(person: &PersonParts) -> Subject {
    Subject::new(person.id, &person.sign_in)
}

/// What the audit keeps of somebody: nothing of what lets the person in.
#[derive(Clone, Debug)]
pub(super) struct PersonTold {
    pub(super) draft: PersonDraft,
    /// Where it is told besides the audit's own name.
    pub(super) sign_in: Option<SignInName>,
}

impl PersonTold {
    pub(super) fn of(person: &PersonParts) -> Self {
        Self {
            draft: person.draft.clone(),
            sign_in: Some(person.sign_in.clone()),
        }
    }

    pub(super) fn text(&self) -> String {
        let definition = match (self.draft.to_value(), &self.sign_in) {
            (Value::Object(object), Some(sign_in)) => {
                Value::Object(object.with("sign_in", sign_in.as_str()))
            }
            (other, _) => other,
        };
        json::to_text(&definition)
    }

    /// With the roles alone that reach into the project; `None` where there is none.
    fn in_project(&self, project: ProjectId) -> Option<Self> {
        let mut told = self.clone();
        told.draft.roles.retain(|role| reaches(role, project));
        (!told.draft.roles.is_empty()).then_some(told)
    }
}

/// What the audit keeps of a step with factors.
pub(super) fn note(members: Object) -> Option<String> {
    Some(json::to_text(&Value::Object(members)))
}

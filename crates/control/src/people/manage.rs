//! Who manages whom: reading people, changing their roles, removing them.

use std::sync::Arc;

use model::fault::{Fault, FaultCode};
use model::ids::{OrganizationId, PersonId, ProjectId};
use model::people::{Area, PersonDraft, PersonRecord, Role, RoleGrant};
use model::permit::{Access, Admin, Permit};

use super::change::{PersonTold, subject};
use crate::audit::Author;
use crate::change::Change;
use crate::control::Control;
use crate::error::{ControlError, Refusal};
use crate::store::Write;

impl Control {
    /// The people that the caller knows of, oldest first: everybody of the
    /// organization, for a person who manages people in all of it; for others
    /// those with a role in the project.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] when the project is gone.
    pub fn people_of(&self, by: &Permit<Admin>) -> Result<Vec<Arc<PersonRecord>>, ControlError> {
        let organization = self.organization_of(by.access().project())?;
        let mut people = self.people().of_organization(organization);
        people.retain(|person| self.knows(by, &person.parts().draft));
        Ok(people)
    }

    /// How many people that the caller knows of are owners or admins of the project.
    ///
    /// # Errors
    /// As [`Control::people_of`].
    pub(crate) fn people_administering(&self, by: &Permit<Admin>) -> Result<usize, ControlError> {
        let project = by.access().project();
        let people = self.people_of(by)?;
        let administers = |person: &&Arc<PersonRecord>| {
            let role = person.parts().draft.role_in(project);
            role.is_some_and(|role| matches!(role.role, Role::Owner | Role::Admin))
        };
        Ok(people.iter().filter(administers).count())
    }

    /// Whether the caller knows of whom this is said.
    pub(super) fn knows(&self, by: &Permit<Admin>, draft: &PersonDraft) -> bool {
        let access = by.access();
        let person = access.person().map(|own| own.id);
        let has_all = person.is_some_and(|own| self.has_everywhere(own, Area::People));
        let there = draft.role_in(access.project());
        let held = access.within().map(|held| &**held);
        has_all || there.is_some_and(|role| role.is_within(held))
    }

    /// Changes a person's name and roles; in force for every request that
    /// the person sends after this returns.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::StaleRevision`],
    /// [`Refusal::NotAllowed`] when the caller's role reaches neither as far as
    /// the roles before nor as those afterwards, [`Refusal::LastOwner`].
    pub async fn change_person(
        &self,
        by: &Permit<Admin>,
        id: PersonId,
        expected: Option<i64>,
        draft: PersonDraft,
    ) -> Result<Arc<PersonRecord>, ControlError> {
        // Whoever made the draft: what is stored must be what can be read.
        let draft = PersonDraft::parse(&draft.to_value())?;
        self.change(by, |change| {
            by.access().person().ok_or(Refusal::NeedsPerson)?;
            let before = self.find(by, id, expected)?;
            self.check_covers(by, &before.parts().draft.roles)?;
            let organization = self.check_covers(by, &draft.roles)?;
            self.check_projects(organization, &draft.roles)?;
            if draft == before.parts().draft {
                return Ok(before);
            }
            let mut parts = before.parts().clone();
            parts.draft = draft;
            parts.revision += 1;
            if !is_owner(&parts.draft) {
                self.check_owner_left(&before)?;
            }
            let after = change.update_person(parts)?;
            let home = self.home_of(organization)?;
            self.end_invitations_by(change, (organization, home), &after.parts().draft, id);
            let told = [before.parts(), after.parts()].map(PersonTold::of);
            let told = told.each_ref().map(Some);
            change.audit_person(home, "person.change", || subject(after.parts()), told);
            Ok(after)
        })
        .await
    }

    /// Removes a person who leaves: sessions end with it, before this returns.
    /// Keys that the person made live on.
    ///
    /// # Errors
    /// As for [`Control::change_person`].
    pub async fn remove_person(
        &self,
        by: &Permit<Admin>,
        id: PersonId,
        expected: Option<i64>,
    ) -> Result<(), ControlError> {
        self.change(by, |change| {
            by.access().person().ok_or(Refusal::NeedsPerson)?;
            let person = self.find(by, id, expected)?;
            let organization = self.check_covers(by, &person.parts().draft.roles)?;
            self.check_owner_left(&person)?;
            let nothing = PersonDraft {
                roles: Vec::new(),
                ..person.parts().draft.clone()
            };
            let home = self.home_of(organization)?;
            self.end_invitations_by(change, (organization, home), &nothing, id);
            change.delete_person(id);
            let told = PersonTold::of(person.parts());
            let subject = || subject(person.parts());
            change.audit_person(home, "person.delete", subject, [Some(&told), None]);
            Ok(())
        })
        .await
    }

    /// Removes everybody of the first project's organization, with every
    /// invitation, for somebody who holds the machine when no owner can sign in
    /// any more. The first owner can be set up again. Keys stay as they are.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] when there is no project.
    pub async fn forget_people(&self) -> Result<(), ControlError> {
        let first = self.projects().first().copied();
        let first = first.ok_or(ControlError::NotFound)?;
        let organization = self.organization_of(first)?;
        self.change_as(Author::server(), first, |change| {
            for person in self.everybody_of(organization) {
                change.delete_person(person.id());
                let told = PersonTold::of(person.parts());
                let subject = || subject(person.parts());
                change.audit_person(first, "person.delete", subject, [Some(&told), None]);
            }
            for invitation in self.every_invitation_of(organization) {
                change.delete_invitation(invitation);
            }
            Ok(())
        })
        .await
    }

    pub(super) fn find(
        &self,
        by: &Permit<Admin>,
        id: PersonId,
        expected: Option<i64>,
    ) -> Result<Arc<PersonRecord>, ControlError> {
        let organization = self.organization_of(by.access().project())?;
        let person = self.people().person(id);
        let person = person.filter(|person| {
            let parts = person.parts();
            parts.organization == organization && self.knows(by, &parts.draft)
        });
        let person = person.ok_or(ControlError::NotFound)?;
        if expected.is_some_and(|revision| revision != person.parts().revision) {
            return Err(ControlError::StaleRevision);
        }
        Ok(person)
    }

    /// Refuses a caller who is no person, or whose role does not reach over
    /// each of these; answers the caller's organization.
    pub(super) fn check_covers(
        &self,
        by: &Permit<Admin>,
        roles: &[RoleGrant],
    ) -> Result<OrganizationId, ControlError> {
        let organization = self.organization_of(by.access().project())?;
        let caller = by.access().person().ok_or(Refusal::NeedsPerson)?;
        let caller = self
            .people()
            .person(caller.id)
            .ok_or(Refusal::CallerChanged)?;
        match covers_all(&caller.parts().draft, roles) {
            true => Ok(organization),
            false => Err(Refusal::NotAllowed(Area::People).into()),
        }
    }

    /// Takes back what a person invited others to and could not any more, with
    /// these roles from now on.
    fn end_invitations_by(
        &self,
        change: &mut Change,
        (organization, home): (OrganizationId, ProjectId),
        own: &PersonDraft,
        id: PersonId,
    ) {
        let author = format!("person:{id}");
        for invitation in self.invitations_of(organization) {
            if invitation.created_by == author && !covers_all(own, &invitation.draft.roles) {
                change.take_back(home, &invitation);
            }
        }
    }

    /// Refuses roles in projects that the organization does not have.
    pub(super) fn check_projects(
        &self,
        organization: OrganizationId,
        roles: &[RoleGrant],
    ) -> Result<(), Fault> {
        let projects = self.projects_of(organization);
        let is_unknown = |role: &RoleGrant| role.project.is_some_and(|id| !projects.contains(&id));
        let unknown = roles.iter().position(is_unknown);
        unknown.map_or(Ok(()), |index| {
            let detail = "the organization has no such project";
            let fault = Fault::new(FaultCode::UnknownResource, detail);
            Err(fault.at(format!("/roles/{index}/project")))
        })
    }

    /// Whether a person's role for the whole organization has this.
    pub(crate) fn has_everywhere(&self, person: PersonId, area: Area) -> bool {
        let person = self.people().person(person);
        person.is_some_and(|person| {
            let mut roles = person.parts().draft.roles.iter();
            roles.any(|role| role.project.is_none() && role.may(area))
        })
    }

    /// What the caller may be told of a person: of its roles those that reach
    /// into the caller's project, and those in projects whose people it manages.
    pub fn told_of(&self, by: &Permit<Admin>, draft: &PersonDraft) -> PersonDraft {
        let access = by.access();
        let own = access.person();
        let all = own.is_some_and(|own| self.has_everywhere(own.id, Area::People));
        let mut told = draft.clone();
        told.roles.retain(|role| {
            let is_there =
                |id: ProjectId| id == access.project() || self.knows_there(access, id, role);
            // Whoever is held to rows knows of the role that is held to them.
            let is_above = role.project.is_none() && access.within().is_none();
            all || is_above || role.project.is_some_and(is_there)
        });
        told
    }

    /// Whether the role of a person who signed in reaches over this one in another
    /// project: somebody held to rows there knows of roles over these alone.
    fn knows_there(&self, access: &Access, project: ProjectId, other: &RoleGrant) -> bool {
        let person = access.person().and_then(|own| self.people().person(own.id));
        person.is_some_and(|person| {
            let own = person.parts().draft.role_in(project);
            let own = own.filter(|own| own.may(Area::People));
            own.is_some_and(|own| other.is_within(own.constraints.as_ref()))
        })
    }

    /// Whether the role of a person who signed in has this in a project.
    pub(crate) fn has_there(&self, access: &Access, project: ProjectId, area: Area) -> bool {
        let person = access.person().and_then(|own| self.people().person(own.id));
        person.is_some_and(|person| {
            let role = person.parts().draft.role_in(project);
            role.is_some_and(|role| role.may(area))
        })
    }

    pub(crate) fn is_without_people(&self, organization: OrganizationId) -> bool {
        self.everybody_of(organization).is_empty()
    }

    pub(crate) fn everybody_of(&self, organization: OrganizationId) -> Vec<Arc<PersonRecord>> {
        self.people().of_organization(organization)
    }

    fn check_owner_left(&self, before: &PersonRecord) -> Result<(), ControlError> {
        let parts = before.parts();
        let others = self.people().of_organization(parts.organization);
        let another =
            |other: &Arc<PersonRecord>| other.id() != parts.id && is_owner(&other.parts().draft);
        if is_owner(&parts.draft) && !others.iter().any(another) {
            return Err(Refusal::LastOwner.into());
        }
        Ok(())
    }

    /// Refuses a change of a key that the caller may not know of, or to one:
    /// whoever is held to some rows changes keys within them, and makes such alone.
    pub(crate) fn check_within(
        &self,
        change: &Change,
        access: &Access,
    ) -> Result<(), ControlError> {
        let others = change.callers.iter().filter(|one| one.id != access.key());
        let mut keys = others.flat_map(|one| one.before.iter().chain(&one.after));
        match keys.all(|key| access.knows(key)) {
            true => Ok(()),
            false => Err(ControlError::NotFound),
        }
    }

    /// Refuses a change that the caller's role does not have. Every change has
    /// its entry for the audit, and the entry says what it is about; so nothing
    /// is changed by a person that the matrix of roles does not know.
    pub(crate) fn check_role(&self, change: &Change, access: &Access) -> Result<(), ControlError> {
        let Some(person) = access.person() else {
            return Ok(());
        };
        // The change may be to another project, where the person is something else.
        let record = self.people().person(person.id);
        let role = record.and_then(|record| record.parts().draft.role_in(change.project).cloned());
        let role = role.ok_or(Refusal::CallerChanged)?;
        let entries = change.writes.iter().filter_map(|write| match write {
            Write::InsertAudit(entry, _) => Some(entry),
            _ => None,
        });
        for entry in entries {
            let area = area_of(&entry.action).ok_or(Refusal::NeedsKey)?;
            if !role.may(area) {
                return Err(Refusal::NotAllowed(area).into());
            }
        }
        Ok(())
    }
}

/// Whether somebody with these roles may give each of the others.
fn covers_all(own: &PersonDraft, roles: &[RoleGrant]) -> bool {
    let covers = |role: &RoleGrant| {
        let area = match role.role {
            Role::Owner => Area::Owners,
            _ => Area::People,
        };
        let held = match role.project {
            Some(project) => own.role_in(project),
            // It reaches into every project, and so must the giver's own roles.
            None => {
                let mut held = own.roles.iter();
                let held = held.find(|held| held.project.is_none());
                held.filter(|held| {
                    let reaches = |one: &RoleGrant| one.may(area) && one.constraints.is_none();
                    held.role == Role::Owner || own.roles.iter().all(reaches)
                })
            }
        };
        held.is_some_and(|held| held.may(area) && role.is_within(held.constraints.as_ref()))
    };
    roles.iter().all(covers)
}

fn is_owner(draft: &PersonDraft) -> bool {
    draft.roles.iter().any(|role| role.role == Role::Owner)
}

/// What a kind of change is about; `None` for one that no role has.
fn area_of(action: &str) -> Option<Area> {
    let (noun, _) = action.split_once('.')?;
    match noun {
        "pool" | "view" | "saved_query" | "dataset" => Some(Area::Definitions),
        "key" | "notice" => Some(Area::Keys),
        "project" => Some(Area::Projects),
        "person" => Some(Area::People),
        _ => None,
    }
}

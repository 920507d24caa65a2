//! How somebody becomes a person here: the first owner by the master key,
//! everybody else by an invitation.

use std::net::IpAddr;
use std::sync::Arc;

use model::fault::{Fault, FaultCode};
use model::ids::{OrganizationId, PersonId};
use model::limits::{PEOPLE_MAX, RECOVERY_CODES};
use model::people::{
    Attempts, InvitationToken, Password, PasswordHash, PersonDraft, PersonParts, PersonRecord,
    RecoveryCode, Role, RoleGrant, SignInName, Totp,
};
use model::permit::{Admin, Permit};

use super::change::{PersonTold, subject};
use super::own::OwnSession;
use crate::audit::Author;
use crate::change::Change;
use crate::control::{Control, Inner};
use crate::error::{ControlError, Refusal};

/// What a person says when becoming one.
#[derive(Debug)]
pub struct NewPerson {
    /// The name to be shown.
    pub name: String,
    /// The password, which was checked when it was chosen.
    pub password: Password,
}

/// What is shown once: to the person whose factors were made.
#[derive(Debug)]
pub struct Shown {
    /// For the person's app.
    pub totp: Totp,
    /// For the day that the app is lost.
    pub recovery: Vec<RecoveryCode>,
}

/// The factors of a person, made outside of the writer's lock.
pub(super) struct Made {
    password: PasswordHash,
    pub(super) shown: Shown,
}

impl Made {
    pub(super) fn shown(inner: &Inner) -> Shown {
        let random = &*inner.options.random;
        let codes = std::iter::repeat_with(|| RecoveryCode::generate(random));
        Shown {
            totp: Totp::generate(random),
            recovery: codes.take(RECOVERY_CODES).collect(),
        }
    }
}

impl Control {
    /// Makes the first owner of the caller's organization. Only the master
    /// key may: one that itself holds everything that an owner holds.
    ///
    /// # Errors
    /// [`Refusal::PeopleExist`] when there is somebody already; a fault when
    /// the caller's key does not reach as far; [`Refusal::NeedsMasterKey`] for
    /// a person; [`Refusal::TooManyPasswords`].
    pub async fn set_up_first_owner(
        &self,
        by: &Permit<Admin>,
        sign_in: SignInName,
        new: NewPerson,
    ) -> Result<(Arc<PersonRecord>, Shown), ControlError> {
        let organization = self.organization_of(by.access().project())?;
        let is_alone = || self.people().of_organization(organization).is_empty();
        if by.access().person().is_some() {
            return Err(Refusal::NeedsMasterKey.into());
        }
        // An owner reaches every project: only who runs the first one makes the first owner.
        if self.home_of(organization)? != by.access().project() {
            return Err(Refusal::NeedsMasterKey.into());
        }
        if !is_alone() {
            return Err(Refusal::PeopleExist.into());
        }
        let draft = PersonDraft {
            name: new.name,
            roles: vec![RoleGrant {
                project: None,
                role: Role::Owner,
                constraints: None,
            }],
        };
        let made = self.make_factors(new.password).await?;
        let project = by.access().project();
        let person = self
            .change(by, |change| {
                // Somebody may have come meanwhile.
                if !is_alone() {
                    return Err(Refusal::PeopleExist.into());
                }
                let person = self.insert_new_person(change, organization, sign_in, draft, &made)?;
                let grants = person.grants_in(project).unwrap_or_default();
                crate::keys::check_unchanged(by, grants).map_err(|_| Refusal::NeedsMasterKey)?;
                Ok(person)
            })
            .await?;
        Ok((person, made.shown))
    }

    /// Makes the person who was invited. The invitation is used up.
    ///
    /// # Errors
    /// [`Refusal::NoInvitation`] for a token that is unknown, used or ended, and
    /// for one of a name that somebody has, which is not told;
    /// [`Refusal::TooManyPasswords`].
    pub async fn accept_invitation(
        &self,
        token: &InvitationToken,
        new: NewPerson,
        address: Option<IpAddr>,
    ) -> Result<(Arc<PersonRecord>, Shown), ControlError> {
        let hash = token.hash(self.pepper());
        let invitation = self.people().invitation_by(&hash, self.people_now());
        let invitation = invitation.ok_or(Refusal::NoInvitation)?;
        let made = self.make_factors(new.password).await?;
        let project = self.home_of(invitation.organization)?;
        let author = Author::invited(invitation.id, address);
        let person = self
            .change_as(author, project, |change| {
                // Somebody may have been faster, or taken it back.
                let still = self.people().invitation_by(&hash, self.people_now());
                let invitation = still.ok_or(Refusal::NoInvitation)?;
                let draft = PersonDraft {
                    name: new.name,
                    roles: invitation.draft.roles.clone(),
                };
                if self.people().by_name(&invitation.sign_in).is_some()
                    || self.people().is_second(&invitation, self.people_now())
                {
                    return Err(Refusal::NoInvitation.into());
                }
                change.delete_invitation(invitation.id);
                let (organization, sign_in) = (invitation.organization, invitation.sign_in.clone());
                self.insert_new_person(change, organization, sign_in, draft, &made)
            })
            .await?;
        Ok((person, made.shown))
    }

    /// Gives somebody who signed in the roles of an invitation under the person's
    /// own name, in projects where there was none of the person's. The
    /// invitation is used up.
    ///
    /// # Errors
    /// [`Refusal::NoInvitation`] for a token that is unknown, used or ended, for
    /// one under another name, and for one that brings nothing;
    /// [`Refusal::CallerChanged`].
    pub async fn join_by_invitation(
        &self,
        own: OwnSession<'_>,
        token: &InvitationToken,
    ) -> Result<Arc<PersonRecord>, ControlError> {
        let hash = token.hash(self.pepper());
        let found = || self.people().invitation_by(&hash, self.people_now());
        let invitation = found().ok_or(Refusal::NoInvitation)?;
        let organization = invitation.organization;
        let home = self.home_of(organization)?;
        let projects = invitation
            .draft
            .roles
            .iter()
            .filter_map(|role| role.project);
        // Its audit tells of it, beside that of the whole organization.
        let project = projects.min().unwrap_or(home);
        let id = own.person.id();
        self.change_as(own.author(), project, |change| {
            // It may have been taken back meanwhile.
            let invitation = found().ok_or(Refusal::NoInvitation)?;
            let before = self.people().person(id).ok_or(Refusal::CallerChanged)?;
            let mut parts = before.parts().clone();
            if (parts.organization, &parts.sign_in) != (organization, &invitation.sign_in) {
                return Err(Refusal::NoInvitation.into());
            }
            let further = further_roles(&parts.draft, &invitation.draft);
            if further.is_empty() {
                return Err(Refusal::NoInvitation.into());
            }
            parts.draft.roles.extend(further);
            parts.draft = PersonDraft::parse(&parts.draft.to_value())?;
            parts.revision += 1;
            change.delete_invitation(invitation.id);
            let after = change.update_person(parts)?;
            let told = [before.parts(), after.parts()].map(PersonTold::of);
            let told = told.each_ref().map(Some);
            change.audit_person(home, "person.change", || subject(after.parts()), told);
            Ok(after)
        })
        .await
    }

    pub(super) async fn make_factors(&self, password: Password) -> Result<Made, ControlError> {
        self.hashing(move |pepper, inner| Made {
            password: password.hash(pepper, &*inner.options.random),
            shown: Made::shown(inner),
        })
        .await
    }

    fn insert_new_person(
        &self,
        change: &mut Change,
        organization: OrganizationId,
        sign_in: SignInName,
        draft: PersonDraft,
        made: &Made,
    ) -> Result<Arc<PersonRecord>, ControlError> {
        if self.people().by_name(&sign_in).is_some() {
            return Err(ControlError::NameTaken);
        }
        if self.people().of_organization(organization).len() >= PEOPLE_MAX {
            let detail = format!("an organization has at most {PEOPLE_MAX} people");
            return Err(Fault::new(FaultCode::LimitExceeded, detail).into());
        }
        let random = Arc::clone(&change.random);
        let id = PersonId::generate(change.now, &*random);
        let codes = made.shown.recovery.iter();
        let parts = PersonParts {
            id,
            organization,
            sign_in,
            draft,
            password: made.password.clone(),
            totp: made.shown.totp.seal(id, self.pepper(), &*random),
            last_step: 0,
            attempts: Attempts::default(),
            by_keys: Attempts::default(),
            recovery: codes.map(|code| code.hash(self.pepper())).collect(),
            created_by: change.author.name.clone(),
            created_at: change.now,
            revision: 1,
        };
        let person = change.insert_person(parts)?;
        let after = Some(PersonTold::of(person.parts()).text());
        change.audit("person.create", subject(person.parts()), None, after);
        Ok(person)
    }
}

/// The roles of an invitation where a person has none: what somebody was given
/// since is neither taken away nor narrowed by it.
fn further_roles(own: &PersonDraft, invited: &PersonDraft) -> Vec<RoleGrant> {
    let has = |role: &&RoleGrant| match role.project {
        Some(project) => own.role_in(project).is_some(),
        None => own.roles.iter().any(|own| own.project.is_none()),
    };
    let roles = invited.roles.iter().filter(|role| !has(role));
    roles.cloned().collect()
}

//! Invitations: shown once, for a week, used once.

use std::sync::Arc;
use std::time::Duration;

use model::fault::{Fault, FaultCode};
use model::ids::{InvitationId, OrganizationId, ProjectId};
use model::limits::{INVITATION_SECONDS, PEOPLE_MAX, PEOPLE_OF_ROWS_MAX};
use model::people::{InvitationHash, InvitationRecord, InvitationToken, PersonDraft, SignInName};
use model::permit::{Admin, Permit};
use model::time::Timestamp;
use model::value::Object;

use super::People;
use super::change::{PersonTold, note};
use crate::audit::Subject;
use crate::change::Change;
use crate::control::Control;
use crate::error::{ControlError, Refusal};
use crate::once::{Carried, Once};

impl People {
    /// The invitation of this hash, while it counts.
    pub(super) fn invitation_by(
        &self,
        hash: &InvitationHash,
        now: Timestamp,
    ) -> Option<Arc<InvitationRecord>> {
        let maps = self.read();
        let found = maps.invitations.values().find(|i| i.hash == *hash);
        found.filter(|found| now < found.ends_at).cloned()
    }

    /// Whether somebody was invited under the same name before, and still is:
    /// the name is kept for the first.
    pub(super) fn is_second(&self, invitation: &InvitationRecord, now: Timestamp) -> bool {
        let maps = self.read();
        let age = |of: &InvitationRecord| (of.created_at, of.id);
        maps.invitations.values().any(|other| {
            other.sign_in == invitation.sign_in
                && now < other.ends_at
                && age(other) < age(invitation)
        })
    }
}

impl Control {
    /// Invites somebody: the token can be had this time alone, and makes one
    /// person with the password that this person chooses. Somebody who is there
    /// already, and is not known to the caller, takes the roles by it
    /// ([`Control::join_by_invitation`]); the answer is the same.
    ///
    /// # Errors
    /// [`Refusal::NotAllowed`] when the caller's role does not reach so far,
    /// [`ControlError::NameTaken`] for a name that the caller may know to be.
    pub async fn invite(
        &self,
        by: &Permit<Admin>,
        sign_in: SignInName,
        draft: PersonDraft,
    ) -> Result<(Arc<InvitationRecord>, InvitationToken), ControlError> {
        match self.invite_once(by, sign_in, draft, None).await? {
            Carried::Now(made) => Ok(made),
            Carried::Before(_) => Err(ControlError::OtherRequest),
        }
    }

    /// The same for a request that its sender may repeat.
    ///
    /// # Errors
    /// As [`Control::invite`], and [`ControlError::OtherRequest`].
    pub async fn invite_once(
        &self,
        by: &Permit<Admin>,
        sign_in: SignInName,
        draft: PersonDraft,
        once: Option<Once>,
    ) -> Result<Carried<(Arc<InvitationRecord>, InvitationToken)>, ControlError> {
        // Whoever made the draft: what is stored must be what can be read.
        let draft = PersonDraft::parse(&draft.to_value())?;
        let (access, project) = (by.access(), by.access().project());
        self.change_once_in((access, project), once, |change| {
            let organization = self.check_covers(by, &draft.roles)?;
            let now = self.people_now();
            let invited = self.invitations_of(organization);
            // Nobody is told of whom they do not know: an invitation of a name
            // that others have is made, and makes nobody. Whoever has the name
            // joins by it.
            let tells = |draft: &PersonDraft| self.knows(by, draft);
            let mut same = invited.iter().filter(|other| other.sign_in == sign_in);
            let there = self.people().by_name(&sign_in);
            if same.any(|other| tells(&other.draft))
                || there.is_some_and(|other| tells(&other.parts().draft))
            {
                return Err(ControlError::NameTaken);
            }
            self.check_places(by, organization)?;
            self.check_projects(organization, &draft.roles)?;
            // Of one who was invited before in vain.
            for ended in self.ended_invitations(organization) {
                change.delete_invitation(ended);
            }
            let token = InvitationToken::generate(&*change.random);
            let life = Duration::from_secs(INVITATION_SECONDS);
            let invitation = InvitationRecord {
                id: InvitationId::generate(now, &*change.random),
                organization,
                sign_in,
                draft,
                hash: token.hash(self.pepper()),
                created_by: change.author.name.clone(),
                created_at: now,
                ends_at: now.checked_add(life).unwrap_or(Timestamp::MAX),
            };
            change.insert_invitation(invitation.clone());
            let told = PersonTold {
                draft: invitation.draft.clone(),
                sign_in: None,
            };
            let home = self.home_of(organization)?;
            let subject = || subject(&invitation);
            change.audit_person(home, "person.invite", subject, [None, Some(&told)]);
            let id = invitation.id.to_string();
            Ok(((Arc::new(invitation), token), id))
        })
        .await
    }

    /// The invitations that count and that the caller knows of, as of people,
    /// oldest first.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] when the project is gone.
    pub fn invitations(
        &self,
        by: &Permit<Admin>,
    ) -> Result<Vec<Arc<InvitationRecord>>, ControlError> {
        let organization = self.organization_of(by.access().project())?;
        let mut invitations = self.invitations_of(organization);
        invitations.retain(|invitation| self.knows(by, &invitation.draft));
        Ok(invitations)
    }

    /// Takes an invitation back: its token makes nobody when this returns.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`Refusal::NotAllowed`].
    pub async fn take_invitation_back(
        &self,
        by: &Permit<Admin>,
        id: InvitationId,
    ) -> Result<(), ControlError> {
        self.change(by, |change| {
            by.access().person().ok_or(Refusal::NeedsPerson)?;
            let invitations = self.invitations(by)?;
            let found = invitations.into_iter().find(|other| other.id == id);
            let invitation = found.ok_or(ControlError::NotFound)?;
            let organization = self.check_covers(by, &invitation.draft.roles)?;
            change.take_back(self.home_of(organization)?, &invitation);
            Ok(())
        })
        .await
    }

    /// Whether there is a place for one more. Whoever is held
    /// to rows has few of the organization's, together with all whom they know
    /// of, and learns nothing of the others.
    fn check_places(
        &self,
        by: &Permit<Admin>,
        organization: OrganizationId,
    ) -> Result<(), ControlError> {
        let people = self.people().of_organization(organization);
        let invited = self.invitations_of(organization);
        let full = |detail: String| Err(Fault::new(FaultCode::LimitExceeded, detail).into());
        let is_full = people.len() + invited.len() >= PEOPLE_MAX;
        if by.access().within().is_none() {
            return match is_full {
                true => full(format!("an organization has at most {PEOPLE_MAX} people")),
                false => Ok(()),
            };
        }
        let known = people.iter().map(|person| &person.parts().draft);
        let known = known.chain(invited.iter().map(|invitation| &invitation.draft));
        let most = known.filter(|draft| self.knows(by, draft)).count();
        match is_full || most >= PEOPLE_OF_ROWS_MAX {
            true => full(format!(
                "there is no place for one more; within the rows of a role there are at most {PEOPLE_OF_ROWS_MAX} people"
            )),
            false => Ok(()),
        }
    }

    pub(crate) fn invitations_of(
        &self,
        organization: OrganizationId,
    ) -> Vec<Arc<InvitationRecord>> {
        let now = self.people_now();
        let maps = self.people().read();
        let own = maps.invitations.values().filter(|invitation| {
            invitation.organization == organization && now < invitation.ends_at
        });
        own.cloned().collect()
    }

    pub(super) fn every_invitation_of(&self, organization: OrganizationId) -> Vec<InvitationId> {
        let maps = self.people().read();
        let own = maps.invitations.values();
        let own = own.filter(|invitation| invitation.organization == organization);
        own.map(|invitation| invitation.id).collect()
    }

    fn ended_invitations(&self, organization: OrganizationId) -> Vec<InvitationId> {
        let now = self.people_now();
        let maps = self.people().read();
        let ended = maps.invitations.values().filter(|invitation| {
            invitation.organization == organization && invitation.ends_at <= now
        });
        ended.map(|invitation| invitation.id).collect()
    }
}

impl Change {
    /// Ends an invitation that counts. The audit tells of it where it tells of
    /// the roles, as of a person's.
    pub(super) fn take_back(&mut self, home: ProjectId, invitation: &InvitationRecord) {
        self.delete_invitation(invitation.id);
        let members = Object::new().with("invitation", invitation.id.to_string());
        let place = (home, &*invitation.draft.roles);
        let subject = || subject(invitation);
        self.audit_by_roles(place, "person.uninvite", subject, (note(members), None));
    }
}

fn subject(invitation: &InvitationRecord) -> Subject {
    Subject::new(invitation.id, &invitation.sign_in)
}

//! Sessions: letting their holders in, listing and ending them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::ids::{PersonId, ProjectId, SessionId};
use model::keys::AuthError;
use model::people::{PersonRecord, SessionRecord, SessionToken};
use model::permit::{Access, Admin, Permit};
use model::time::Timestamp;
use model::value::Object;

use super::change::{note, subject};
use super::own::OwnSession;
use crate::control::Control;
use crate::definitions::Definitions;
use crate::error::{ControlError, Refusal};

/// A session, and when it was last used. After a restart a session counts as
/// used when it began.
#[derive(Clone, Debug)]
pub struct OpenSession {
    /// The session.
    pub record: SessionRecord,
    /// When it was last used.
    pub last_used: Timestamp,
}

impl Control {
    /// Who holds a session; the use is noted. Memory alone is asked.
    ///
    /// # Errors
    /// Says why not, for the log; the caller is told the same in all cases.
    pub fn session(
        &self,
        token: &SessionToken,
    ) -> Result<(Arc<PersonRecord>, SessionRecord), AuthError> {
        let now = self.people_now();
        let live = self.people().live(&token.hash(self.pepper()));
        let live = live.ok_or(AuthError::Unknown)?;
        if !live.lasts(now) {
            return Err(AuthError::Expired);
        }
        let person = self.people().person(live.record.person);
        let person = person.ok_or(AuthError::Unknown)?;
        live.used.fetch_max(now.as_microsecond(), Ordering::Relaxed);
        Ok((person, live.record.clone()))
    }

    /// Lets the holder of a session in to a project, named by its id or name;
    /// without one, to the oldest in which the person has a role.
    ///
    /// # Errors
    /// Says why not, for the log; the caller is told the same in all cases.
    pub fn enter(&self, token: &SessionToken, project: Option<&str>) -> Result<Access, AuthError> {
        let (person, session) = self.session(token)?;
        let projects = self.projects_of(person.parts().organization);
        let has_role = |id: &ProjectId| person.parts().draft.role_in(*id).is_some();
        let open: Vec<ProjectId> = projects.into_iter().filter(has_role).collect();
        let mut ids = open.iter();
        let found = match project {
            None => ids.next(),
            // An id first: no name takes the place of another project's.
            Some(text) => ids.find(|id| id.to_string() == text).or_else(|| {
                let mut ids = open.iter();
                ids.find(|id| self.definitions(**id).project().name == text)
            }),
        };
        let project = *found.ok_or(AuthError::Unknown)?;
        let (now, hash) = (self.people_now(), token.hash(self.pepper()));
        // The use was noted just now.
        person.enter(&session, &hash, project, now, now)
    }

    /// The projects in which a person has a role, oldest first.
    pub fn projects_open_to(&self, person: &PersonRecord) -> Vec<(ProjectId, Arc<Definitions>)> {
        let projects = self.projects_of(person.parts().organization);
        let has_role = |id: &ProjectId| person.parts().draft.role_in(*id).is_some();
        let open = projects.into_iter().filter(has_role);
        open.map(|id| (id, self.definitions(id))).collect()
    }

    /// Whether anybody can sign in: until then the first owner is to be set up.
    pub fn is_set_up(&self) -> bool {
        self.people().is_somebody()
    }

    /// The sessions of a person that last, oldest first.
    pub fn sessions_of(&self, person: PersonId) -> Vec<OpenSession> {
        let now = self.people_now();
        let sessions = self.people().sessions_of(person);
        let lasting = sessions.into_iter().filter(|live| live.lasts(now));
        let shown = lasting.map(|live| OpenSession {
            record: live.record.clone(),
            last_used: live.used(),
        });
        shown.collect()
    }

    /// Ends a session of the person, this one or another: it lets nobody in when this returns.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] when the person has no such session.
    pub async fn end_session(
        &self,
        own: OwnSession<'_>,
        session: SessionId,
    ) -> Result<(), ControlError> {
        let person = own.person;
        let home = self.home_of(person.parts().organization)?;
        self.change_as(own.author(), home, |change| {
            let sessions = self.people().sessions_of(person.id());
            let live = sessions.iter().find(|live| live.record.id == session);
            let live = live.ok_or(ControlError::NotFound)?;
            change.delete_session(live.record.hash);
            let ended = note(Object::new().with("session", session.to_string()));
            change.audit("person.sign_out", subject(person.parts()), None, ended);
            Ok(())
        })
        .await
    }

    /// Ends every session of a person whom the caller manages, and answers how
    /// many there were: none of them lets anybody in when this returns.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for somebody whom the caller does not know of,
    /// [`Refusal::NeedsPerson`], [`Refusal::NotAllowed`] when the caller's role
    /// does not reach as far as those of the person.
    pub async fn end_sessions_of(
        &self,
        by: &Permit<Admin>,
        id: PersonId,
    ) -> Result<usize, ControlError> {
        self.change(by, |change| {
            by.access().person().ok_or(Refusal::NeedsPerson)?;
            let person = self.find(by, id, None)?;
            let parts = person.parts();
            let organization = self.check_covers(by, &parts.draft.roles)?;
            let now = self.people_now();
            let mut sessions = self.people().sessions_of(id);
            for live in &sessions {
                change.delete_session(live.record.hash);
            }
            // Those that are over let nobody in anyway, and are nothing to tell of.
            sessions.retain(|live| live.lasts(now));
            if !sessions.is_empty() {
                let ended = i64::try_from(sessions.len()).unwrap_or(i64::MAX);
                let ended = note(Object::new().with("sessions", ended));
                let home = self.home_of(organization)?;
                change.audit_of_person((home, parts), "person.sign_out", (None, ended));
            }
            Ok(sessions.len())
        })
        .await
    }
}

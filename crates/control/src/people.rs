//! People and their sessions: in memory, found by the hash of what they bring.

mod brought;
mod change;
mod first;
mod guesses;
mod invitations;
mod manage;
mod own;
mod renewals;
mod sessions;
mod sign_in;
mod step_up;
mod stretches;

pub use first::{NewPerson, Shown};
pub use own::OwnSession;
pub use sessions::OpenSession;
pub use sign_in::{SecondFactor, SignIn, SignedIn};
pub use step_up::Proof;
pub use stretches::SharedAccount;

pub(crate) use change::PeopleChange;
pub(crate) use step_up::{Proving, StepUp};
pub(crate) use stretches::LiveStretches;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use model::ids::{InvitationId, OrganizationId, PersonId, ProjectId, SessionId};
use model::limits::PASSWORD_HASHES_AT_ONCE;
use model::people::{
    InvitationRecord, PersonRecord, SessionHash, SessionRecord, SignInName, Stretches,
};
use model::permit::Access;
use model::secrets::Pepper;
use model::time::Timestamp;
use tokio::sync::Semaphore;

use crate::control::{Control, Inner};
use crate::error::{ControlError, InternalError, Refusal};
use crate::store::LoadedPeople;
use brought::Brought;
use guesses::Guesses;
use renewals::Renewals;

/// Everybody. The holder of the writer changes it, after the database.
#[derive(Debug)]
pub(crate) struct People {
    maps: RwLock<Maps>,
    /// The latest moment that was seen, in microseconds: a clock that steps
    /// back lets no session last longer. After a restart it is the latest that
    /// is stored of people.
    latest: AtomicI64,
    guesses: Guesses<SignInName>,
    brought: Brought,
    renewals: Renewals,
    hashing: Arc<Semaphore>,
}

/// Ids sort as their owners were made.
#[derive(Debug, Default)]
struct Maps {
    people: BTreeMap<PersonId, Arc<PersonRecord>>,
    names: HashMap<SignInName, PersonId>,
    invitations: BTreeMap<InvitationId, Arc<InvitationRecord>>,
    sessions: HashMap<SessionHash, Arc<Live>>,
}

/// A session, and when it was last used.
#[derive(Debug)]
struct Live {
    record: SessionRecord,
    used: AtomicI64,
    stretches: Arc<LiveStretches>,
}

impl Live {
    fn used(&self) -> Timestamp {
        let used = self.used.load(Ordering::Relaxed);
        Timestamp::from_microsecond(used).unwrap_or(self.record.created_at)
    }

    fn lasts(&self, now: Timestamp) -> bool {
        self.record.lasts(self.used(), now)
    }
}

impl Default for People {
    fn default() -> Self {
        Self {
            maps: RwLock::default(),
            latest: AtomicI64::new(i64::MIN),
            guesses: Guesses::of_strangers(),
            brought: Brought::default(),
            renewals: Renewals::default(),
            hashing: Arc::new(Semaphore::new(PASSWORD_HASHES_AT_ONCE)),
        }
    }
}

impl People {
    /// The present, which never goes back.
    fn now(&self, clock: Timestamp) -> Timestamp {
        let clock = clock.as_microsecond();
        let before = self.latest.fetch_max(clock, Ordering::AcqRel);
        Timestamp::from_microsecond(before.max(clock)).unwrap_or(Timestamp::MAX)
    }

    /// Knows these people from now on and no others. What is known of the use
    /// of a session is kept; of others it is that they were begun.
    pub(crate) fn replace_all(&self, loaded: LoadedPeople) {
        let mut known = self.write();
        let mut maps = Maps::default();
        for person in loaded.people {
            let parts = person.parts();
            let failed = parts.attempts.last().max(parts.by_keys.last());
            let seen = failed.max(Some(parts.created_at));
            self.latest.fetch_max(
                seen.map_or(i64::MIN, Timestamp::as_microsecond),
                Ordering::AcqRel,
            );
            maps.put_person(person);
        }
        for invitation in loaded.invitations {
            let made = invitation.created_at.as_microsecond();
            self.latest.fetch_max(made, Ordering::AcqRel);
            maps.invitations.insert(invitation.id, invitation);
        }
        for (record, stretches) in loaded.sessions {
            let began = record.created_at.as_microsecond();
            self.latest.fetch_max(began, Ordering::AcqRel);
            let before = known.sessions.get(&record.hash);
            let used = before.map_or(began, |live| live.used.load(Ordering::Relaxed));
            let stretches = match before {
                Some(live) => Arc::clone(&live.stretches),
                None => LiveStretches::saved(stretches),
            };
            maps.put_session(record, used, stretches);
        }
        *known = maps;
    }

    /// Lets nobody in from now on.
    pub(crate) fn clear(&self) {
        *self.write() = Maps::default();
    }

    /// Lets changes take effect.
    pub(crate) fn apply(&self, changes: Vec<PeopleChange>) {
        if changes.is_empty() {
            return;
        }
        let mut maps = self.write();
        let mut ended = HashMap::new();
        for change in changes {
            maps.apply(change, &mut ended);
        }
    }

    fn person(&self, id: PersonId) -> Option<Arc<PersonRecord>> {
        self.read().people.get(&id).cloned()
    }

    fn by_name(&self, name: &SignInName) -> Option<Arc<PersonRecord>> {
        let maps = self.read();
        let id = maps.names.get(name)?;
        maps.people.get(id).cloned()
    }

    /// Everybody of every organization.
    pub(crate) fn everybody(&self) -> Vec<Arc<PersonRecord>> {
        self.read().people.values().cloned().collect()
    }

    fn is_somebody(&self) -> bool {
        !self.read().people.is_empty()
    }

    fn of_organization(&self, organization: OrganizationId) -> Vec<Arc<PersonRecord>> {
        let maps = self.read();
        let people = maps.people.values();
        let own = people.filter(|person| person.parts().organization == organization);
        own.cloned().collect()
    }

    fn live(&self, hash: &SessionHash) -> Option<Arc<Live>> {
        self.read().sessions.get(hash).cloned()
    }

    fn sessions_of(&self, person: PersonId) -> Vec<Arc<Live>> {
        let maps = self.read();
        let all = maps.sessions.values();
        let mut own: Vec<_> = all
            .filter(|live| live.record.person == person)
            .cloned()
            .collect();
        own.sort_by_key(|live| live.record.id);
        own
    }

    /// Whether a person who was let in would be let in now, with the same rights.
    pub(crate) fn still(&self, access: &Access, clock: Timestamp) -> bool {
        let now = self.now(clock);
        let Some(person) = access.person() else {
            return false;
        };
        let record = self.person(person.id);
        let sessions = self.sessions_of(person.id);
        let lasts = |live: &Arc<Live>| live.record.id == person.session && live.lasts(now);
        sessions.iter().any(lasts) && record.is_some_and(|record| record.still_grants(access))
    }

    // No code panics while it holds the lock, and a map is never half changed
    // in a way that lets somebody in; so a poisoned lock is used as it is.
    fn read(&self) -> RwLockReadGuard<'_, Maps> {
        self.maps.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Maps> {
        self.maps.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Maps {
    fn put_person(&mut self, person: Arc<PersonRecord>) {
        let parts = person.parts();
        self.names.insert(parts.sign_in.clone(), parts.id);
        self.people.insert(parts.id, person);
    }

    fn put_session(&mut self, record: SessionRecord, used: i64, stretches: Arc<LiveStretches>) {
        let hash = record.hash;
        let live = Live {
            record,
            used: AtomicI64::new(used),
            stretches,
        };
        self.sessions.insert(hash, Arc::new(live));
    }

    /// `ended` are the sessions that ended by the same changes: one that goes on
    /// with another token keeps what is known of it.
    fn apply(&mut self, change: PeopleChange, ended: &mut HashMap<SessionId, Arc<Live>>) {
        match change {
            PeopleChange::PutPerson(person) => self.put_person(person),
            PeopleChange::RemovePerson(id) => {
                self.people.remove(&id);
                self.names.retain(|_, named| *named != id);
                self.sessions.retain(|_, live| live.record.person != id);
            }
            PeopleChange::PutSession(record) => {
                let began = record.created_at.as_microsecond();
                let before = ended.remove(&record.id);
                let stretches = match before {
                    Some(live) => live.stretches.renewed(),
                    None => LiveStretches::saved(Stretches::default()),
                };
                self.put_session(record, began, stretches);
            }
            PeopleChange::RemoveSession(hash) => {
                let live = self.sessions.remove(&hash);
                ended.extend(live.map(|live| (live.record.id, live)));
            }
            PeopleChange::PutInvitation(invitation) => {
                self.invitations.insert(invitation.id, invitation);
            }
            PeopleChange::RemoveInvitation(id) => {
                self.invitations.remove(&id);
            }
        }
    }
}

impl Control {
    fn people(&self) -> &People {
        &self.0.people
    }

    /// The present as people and sessions see it.
    pub(crate) fn people_now(&self) -> Timestamp {
        self.people().now(self.0.options.clock.now())
    }

    /// The organization of a project that is there.
    pub(crate) fn organization_of(
        &self,
        project: ProjectId,
    ) -> Result<OrganizationId, ControlError> {
        let organization = self.definitions(project).project().organization;
        organization.ok_or(ControlError::NotFound)
    }

    /// The projects of an organization, oldest first.
    pub(crate) fn projects_of(&self, organization: OrganizationId) -> Vec<ProjectId> {
        let mut projects = self.projects();
        projects.retain(|id| self.organization_of(*id).is_ok_and(|o| o == organization));
        projects
    }

    /// The project whose audit tells of what concerns a whole organization:
    /// its oldest.
    pub(crate) fn home_of(&self, organization: OrganizationId) -> Result<ProjectId, ControlError> {
        let first = self.projects_of(organization).first().copied();
        first.ok_or(ControlError::NotFound)
    }

    /// Works with a password, on a thread that answers no requests and at
    /// most [`PASSWORD_HASHES_AT_ONCE`] at a time.
    ///
    /// # Errors
    /// [`Refusal::TooManyPasswords`] when so many are at work.
    async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Pepper, &Inner) -> T + Send + 'static,
    ) -> Result<T, ControlError> {
        let permit = Arc::clone(&self.people().hashing).try_acquire_owned();
        let permit = permit.map_err(|_| Refusal::TooManyPasswords)?;
        let inner = Arc::clone(&self.0);
        let worked = tokio::task::spawn_blocking(move || {
            let done = work(&inner.options.pepper, &inner);
            // Whoever asked may have gone; the memory is taken until here.
            drop(permit);
            done
        });
        let worked = worked.await;
        worked.map_err(|error| InternalError::caused("hashing a password", error).into())
    }
}

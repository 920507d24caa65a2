//! What a person changes of what lets that person in. Each asks for the
//! password and for a code or recovery code, and ends every session but the
//! one that it gives.
//!
//! Another secret for the app counts when the app has shown a code of it, and
//! not before: an answer that is lost on its way locks nobody out.

use std::net::IpAddr;
use std::sync::Arc;

use model::ids::{PersonId, SessionId};
use model::people::{Attempts, Code, Password, PasswordHash, PersonParts, PersonRecord};
use model::secrets::Pepper;
use model::value::Object;

use super::change::{note, subject};
use super::first::{Made, Shown};
use super::renewals::Renewal;
use super::sign_in::{SecondFactor, SignedIn};
use crate::audit::Author;
use crate::change::Change;
use crate::control::{Control, Inner};
use crate::error::{ControlError, Refusal};

/// Somebody in a session, who changes what is the person's own.
#[derive(Clone, Copy, Debug)]
pub struct OwnSession<'a> {
    /// Who it is.
    pub person: &'a PersonRecord,
    /// The session.
    pub session: SessionId,
    /// Where the request was seen.
    pub address: Option<IpAddr>,
}

impl OwnSession<'_> {
    pub(super) fn author(&self) -> Author {
        Author::person(self.person.id(), self.address)
    }
}

impl Control {
    /// Gives a person another password, which was checked when it was chosen.
    ///
    /// # Errors
    /// As for [`Control::sign_in`].
    pub async fn change_password(
        &self,
        own: OwnSession<'_>,
        password: Password,
        second: SecondFactor,
        new: Password,
    ) -> Result<SignedIn, ControlError> {
        let hash = move |pepper: &Pepper, inner: &Inner| new.hash(pepper, &*inner.options.random);
        let (compared, hash) = self.compared(own.person, password, hash).await?;
        let OwnSession {
            person, session, ..
        } = own;
        let home = self.home_of(person.parts().organization)?;
        let signed_in = self.change_as(own.author(), home, |change| {
            let agent = self.agent_of(person.id(), session)?;
            let spent = self.spend_own(change, person.id(), &compared, &second)?;
            let Some((mut parts, by)) = spent else {
                return Ok(None);
            };
            parts.password = hash.clone();
            let person = change.update_person(parts)?;
            let members = Object::new().with("by", by);
            let entry = note(members);
            change.audit("person.password", subject(person.parts()), None, entry);
            Ok(Some(self.begin_alone(change, person, agent)))
        });
        signed_in.await?.ok_or_else(|| Refusal::SignIn.into())
    }

    /// Makes another secret for the app and another set of recovery codes.
    /// They count once [`Control::confirm_factors`] was sent a code of them in
    /// the same session, for which there are 15 minutes; those before count until
    /// then. What was made before and not confirmed is of no use any more.
    ///
    /// # Errors
    /// As for [`Control::sign_in`].
    pub async fn offer_factors(
        &self,
        own: OwnSession<'_>,
        password: Password,
        second: SecondFactor,
    ) -> Result<Shown, ControlError> {
        let make = |_: &Pepper, inner: &Inner| Made::shown(inner);
        let (compared, shown) = self.compared(own.person, password, make).await?;
        let OwnSession {
            person, session, ..
        } = own;
        let home = self.home_of(person.parts().organization)?;
        let offered = self.change_as(own.author(), home, |change| {
            self.agent_of(person.id(), session)?;
            let spent = self.spend_own(change, person.id(), &compared, &second)?;
            let Some((parts, by)) = spent else {
                return Ok(false);
            };
            let person = change.update_person(parts)?;
            let members = Object::new().with("by", by);
            let entry = note(members);
            change.audit(
                "person.factors_offered",
                subject(person.parts()),
                None,
                entry,
            );
            Ok(true)
        });
        if !offered.await? {
            return Err(Refusal::SignIn.into());
        }
        let (pepper, random) = (self.pepper(), &*self.0.options.random);
        let codes = shown.recovery.iter();
        let renewal = Renewal {
            session,
            totp: shown.totp.seal(person.id(), pepper, random),
            recovery: codes.map(|code| code.hash(pepper)).collect(),
            offered_at: self.people_now(),
        };
        self.people().renewals.put(person.id(), renewal);
        Ok(shown)
    }

    /// Lets the factors count that were offered in this session. Those before
    /// are of no use from then on.
    ///
    /// # Errors
    /// [`Refusal::NothingOffered`] when none were, or too long ago;
    /// [`Refusal::NotTheNewApp`] for a code that the new app does not show, which is
    /// counted; [`Refusal::TooManyAttempts`].
    pub async fn confirm_factors(
        &self,
        own: OwnSession<'_>,
        code: Code,
    ) -> Result<SignedIn, ControlError> {
        let OwnSession {
            person, session, ..
        } = own;
        let home = self.home_of(person.parts().organization)?;
        let confirmed = self.change_as(own.author(), home, |change| {
            let person = self.people().person(person.id());
            let person = person.ok_or(Refusal::CallerChanged)?;
            let agent = self.agent_of(person.id(), session)?;
            self.check_code_wait(&person)?;
            let now = self.people_now();
            let renewals = &self.people().renewals;
            let offered = renewals.of(person.id(), session, now);
            let offered = offered.ok_or(Refusal::NothingOffered)?;
            let mut parts = person.parts().clone();
            // None of its codes was used: it is new.
            let totp = offered.totp.open(parts.id, self.pepper());
            let Some(step) = totp.and_then(|totp| totp.step_of(&code, now, 0)) else {
                self.count_failure(change, parts)?;
                return Ok(None);
            };
            parts.totp = offered.totp.clone();
            // Never lower than one that was used: the new app may show an earlier one.
            parts.last_step = parts.last_step.max(step);
            parts.attempts = Attempts::default();
            parts.by_keys = Attempts::default();
            change.replace_codes(&mut parts, offered.recovery.clone());
            let person = change.update_person(parts)?;
            let subject = subject(person.parts());
            change.audit("person.factors", subject, None, None);
            Ok(Some(self.begin_alone(change, person, agent)))
        });
        let signed_in = confirmed.await?.ok_or(Refusal::NotTheNewApp)?;
        self.people().renewals.forget(person.id());
        Ok(signed_in)
    }

    /// Compares the password, and makes something besides when it is right:
    /// answers that, and the hash that must still be the person's later.
    async fn compared<T: Send + 'static>(
        &self,
        person: &PersonRecord,
        password: Password,
        make: impl FnOnce(&Pepper, &Inner) -> T + Send + 'static,
    ) -> Result<(PasswordHash, T), ControlError> {
        let name = &person.parts().sign_in;
        self.check_wait(person)?;
        let compared = person.parts().password.clone();
        let worked = self.hashing(move |pepper, inner| {
            let is_right = password.is(&compared, pepper);
            (compared, is_right.then(|| make(pepper, inner)))
        });
        let (compared, made) = worked.await?;
        self.check_wait(person)?;
        match made {
            Some(made) => Ok((compared, made)),
            None => {
                self.people().guesses.failed(name, self.people_now());
                Err(Refusal::SignIn.into())
            }
        }
    }

    /// Uses up the second factor of a person whose password is still the one
    /// that was compared.
    fn spend_own(
        &self,
        change: &mut Change,
        person: PersonId,
        compared: &PasswordHash,
        second: &SecondFactor,
    ) -> Result<Option<(PersonParts, &'static str)>, ControlError> {
        let person = self.people().person(person);
        let person = person.filter(|person| person.parts().password == *compared);
        let person = person.ok_or(Refusal::SignIn)?;
        self.check_wait(&person)?;
        self.spend(change, &person, second)
    }

    /// What the client of a session that is there calls itself.
    fn agent_of(&self, person: PersonId, session: SessionId) -> Result<String, Refusal> {
        let sessions = self.people().sessions_of(person);
        let own = sessions.iter().find(|live| live.record.id == session);
        Ok(own.ok_or(Refusal::CallerChanged)?.record.agent.clone())
    }

    /// Begins a session and ends every other one.
    fn begin_alone(
        &self,
        change: &mut Change,
        person: Arc<PersonRecord>,
        agent: String,
    ) -> SignedIn {
        for live in self.people().sessions_of(person.id()) {
            change.delete_session(live.record.hash);
        }
        let (session, token) = self.only_session(change, &person, agent);
        SignedIn {
            person,
            session,
            token,
        }
    }
}

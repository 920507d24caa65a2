//! Signing in: the password, then a code by the clock or a recovery code.

use std::net::IpAddr;
use std::sync::Arc;

use model::ids::SessionId;
use model::limits::{SESSION_AGENT_CHARS_MAX, SESSIONS_MAX};
use model::people::{
    Attempts, Code, Password, PasswordHash, PersonParts, PersonRecord, RecoveryCode, SessionRecord,
    SessionToken, SignInName, Wait,
};
use model::value::Object;

use super::change::{note, subject};
use super::guesses::longer;
use crate::audit::Author;
use crate::change::Change;
use crate::control::Control;
use crate::error::{ControlError, Refusal};

/// What somebody brings to sign in.
#[derive(Debug)]
pub struct SignIn {
    /// The name.
    pub name: SignInName,
    /// The password.
    pub password: Password,
    /// What comes beside the password, never instead of it.
    pub second: SecondFactor,
    /// What the client calls itself; cut to what a session keeps.
    pub agent: String,
    /// Where it was seen.
    pub address: Option<IpAddr>,
}

/// What proves the second factor.
#[derive(Debug)]
pub enum SecondFactor {
    /// What the person's app shows.
    Code(Code),
    /// A code kept for the day that the app is lost.
    Recovery(RecoveryCode),
}

/// Somebody who signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// Who it is.
    pub person: Arc<PersonRecord>,
    /// The session.
    pub session: SessionRecord,
    /// What brings the session back; shown this time alone.
    pub token: SessionToken,
}

impl Control {
    /// Begins a session. The code is used up, on stable storage, before this
    /// answers; a wrong one is counted and in the audit.
    ///
    /// Whether somebody has the name cannot be told from the answer, nor from
    /// the work that is done for it.
    ///
    /// # Errors
    /// [`Refusal::SignIn`] when anything of it is wrong,
    /// [`Refusal::TooManyAttempts`], [`Refusal::TooManyPasswords`].
    pub async fn sign_in(&self, asked: SignIn) -> Result<SignedIn, ControlError> {
        let person = self.people().by_name(&asked.name);
        // Of codes nothing is asked before the password is right: whether one has
        // to wait would say that somebody has the name.
        self.check_guess_wait(&asked.name)?;
        let stored = person
            .as_deref()
            .map(|person| person.parts().password.clone());
        let compared = stored.unwrap_or_else(PasswordHash::of_nobody);
        let password = asked.password;
        let (is_right, compared) = self
            .hashing(move |pepper, _| (password.is(&compared, pepper), compared))
            .await?;
        // Others may have guessed meanwhile.
        self.check_guess_wait(&asked.name)?;
        let Some(person) = person.filter(|_| is_right) else {
            self.people().guesses.failed(&asked.name, self.people_now());
            return Err(Refusal::SignIn.into());
        };
        let agent = asked.agent.chars().take(SESSION_AGENT_CHARS_MAX).collect();
        let signed_in = self
            .second_step((&person, asked.address), &compared, &asked.second, agent)
            .await?;
        match signed_in {
            Some(signed_in) => {
                self.people().guesses.forget(&asked.name);
                Ok(signed_in)
            }
            None => Err(Refusal::SignIn.into()),
        }
    }

    pub(crate) async fn second_step(
        &self,
        (person, address): (&PersonRecord, Option<IpAddr>),
        compared: &PasswordHash,
        second: &SecondFactor,
        agent: String,
    ) -> Result<Option<SignedIn>, ControlError> {
        let home = self.home_of(person.parts().organization)?;
        let author = Author::person(person.id(), address);
        self.change_as(author, home, |change| {
            // The password that was compared must still be the person's.
            let person = self.people().person(person.id());
            let person = person.filter(|person| person.parts().password == *compared);
            let person = person.ok_or(Refusal::SignIn)?;
            self.check_wait(&person)?;
            let Some((parts, by)) = self.spend(change, &person, second)? else {
                return Ok(None);
            };
            let person = change.update_person(parts)?;
            let (session, token) = self.begin_session(change, &person, agent);
            let left = person.parts().recovery.len();
            let members = Object::new()
                .with("session", session.id.to_string())
                .with("by", by)
                .with("recovery_codes_left", i64::try_from(left).unwrap_or(0));
            change.audit(
                "person.sign_in",
                subject(person.parts()),
                None,
                note(members),
            );
            Ok(Some(SignedIn {
                person,
                session,
                token,
            }))
        })
        .await
    }

    /// Uses up what proves the second factor; the answer's parts are to be
    /// written with whatever it is good for. `None` for one that proves
    /// nothing: then that is what the change writes.
    pub(super) fn spend(
        &self,
        change: &mut Change,
        person: &PersonRecord,
        second: &SecondFactor,
    ) -> Result<Option<(PersonParts, &'static str)>, ControlError> {
        let spent = self.prove(change, person, second);
        if spent.is_none() {
            self.count_failure(change, person.parts().clone())?;
        }
        Ok(spent)
    }

    /// The same; what proves nothing is left to the caller to count.
    pub(super) fn prove(
        &self,
        change: &mut Change,
        person: &PersonRecord,
        second: &SecondFactor,
    ) -> Option<(PersonParts, &'static str)> {
        let now = self.people_now();
        let mut parts = person.parts().clone();
        let by = match second {
            SecondFactor::Code(code) => {
                let totp = parts.totp.open(parts.id, self.pepper())?;
                parts.last_step = totp.step_of(code, now, parts.last_step)?;
                "code"
            }
            SecondFactor::Recovery(code) => {
                let hash = code.hash(self.pepper());
                if !parts.recovery.contains(&hash) {
                    return None;
                }
                change.spend_code(&mut parts, hash);
                "recovery_code"
            }
        };
        parts.attempts = Attempts::default();
        parts.by_keys = Attempts::default();
        Some((parts, by))
    }

    /// Writes that a code of a person was wrong: that is what the change writes.
    pub(super) fn count_failure(
        &self,
        change: &mut Change,
        mut parts: PersonParts,
    ) -> Result<(), ControlError> {
        parts.attempts = parts.attempts.and_one_more(self.people_now());
        let failures = i64::from(parts.attempts.failures());
        let subject = subject(&parts);
        change.update_person(parts)?;
        let members = Object::new().with("in_a_row", failures);
        change.audit("person.code_refused", subject, None, note(members));
        Ok(())
    }

    /// Begins a session of a person; sessions that ended go, and the oldest
    /// when there are too many.
    pub(super) fn begin_session(
        &self,
        change: &mut Change,
        person: &PersonRecord,
        agent: String,
    ) -> (SessionRecord, SessionToken) {
        let now = self.people_now();
        let sessions = self.people().sessions_of(person.id());
        let (kept, ended): (Vec<_>, Vec<_>) =
            sessions.into_iter().partition(|live| live.lasts(now));
        let too_many = (kept.len() + 1).saturating_sub(SESSIONS_MAX);
        for live in ended.iter().chain(kept.iter().take(too_many)) {
            change.delete_session(live.record.hash);
        }
        self.only_session(change, person, agent)
    }

    /// Begins a session and leaves the others to the caller.
    pub(super) fn only_session(
        &self,
        change: &mut Change,
        person: &PersonRecord,
        agent: String,
    ) -> (SessionRecord, SessionToken) {
        let now = self.people_now();
        let token = SessionToken::generate(&*change.random);
        let session = SessionRecord {
            id: SessionId::generate(now, &*change.random),
            person: person.id(),
            hash: token.hash(self.pepper()),
            created_at: now,
            ends_at: SessionRecord::end_of(now),
            agent,
        };
        change.insert_session(session.clone());
        (session, token)
    }

    /// Refuses to look at a code that comes too soon after wrong ones of the
    /// person. Passwords that strangers guess at do not count.
    pub(super) fn check_code_wait(&self, person: &PersonRecord) -> Result<(), ControlError> {
        let wait = person.parts().attempts.wait(self.people_now());
        longer(Wait::No, wait).map_err(|wait| Refusal::TooManyAttempts { wait }.into())
    }

    /// Refuses to look at a password that comes too soon after wrong ones for
    /// this name.
    fn check_guess_wait(&self, name: &SignInName) -> Result<(), ControlError> {
        let wait = self.people().guesses.of(name).wait(self.people_now());
        longer(wait, Wait::No).map_err(|wait| Refusal::TooManyAttempts { wait }.into())
    }

    /// Refuses to look at an attempt that comes too soon after wrong ones: of
    /// passwords for this person's name, and of codes of this person.
    pub(super) fn check_wait(&self, person: &PersonRecord) -> Result<(), ControlError> {
        let (parts, now) = (person.parts(), self.people_now());
        let passwords = self.people().guesses.of(&parts.sign_in).wait(now);
        longer(passwords, parts.attempts.wait(now))
            .map_err(|wait| Refusal::TooManyAttempts { wait }.into())
    }
}

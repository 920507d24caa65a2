//! What a person changes of what lets that person in. Each asks for the
//! password and for a code or recovery code, and ends every session but the
//! one that it gives.

use std::sync::Arc;

use model::ids::SessionId;
use model::people::{Password, PersonRecord};
use model::value::Object;

use super::change::{note, subject};
use super::first::{Made, Shown};
use super::sign_in::{SecondFactor, SignedIn};
use crate::control::Control;
use crate::error::{ControlError, Refusal};

/// What is exchanged.
enum Exchange {
    Password(Password),
    Factors,
}

impl Control {
    /// Gives a person another password, which was checked when it was chosen.
    ///
    /// # Errors
    /// As for [`Control::sign_in`].
    pub async fn change_password(
        &self,
        person: &PersonRecord,
        session: SessionId,
        password: Password,
        second: SecondFactor,
        new: Password,
    ) -> Result<SignedIn, ControlError> {
        let exchange = Exchange::Password(new);
        let done = self.exchange(person, session, password, second, exchange);
        done.await.map(|(signed_in, _)| signed_in)
    }

    /// Gives a person another secret for the app and another set of recovery
    /// codes; those before are of no use from then on.
    ///
    /// # Errors
    /// As for [`Control::sign_in`].
    pub async fn change_factors(
        &self,
        person: &PersonRecord,
        session: SessionId,
        password: Password,
        second: SecondFactor,
    ) -> Result<(SignedIn, Shown), ControlError> {
        let done = self.exchange(person, session, password, second, Exchange::Factors);
        let (signed_in, shown) = done.await?;
        Ok((signed_in, shown))
    }

    async fn exchange(
        &self,
        person: &PersonRecord,
        session: SessionId,
        password: Password,
        second: SecondFactor,
        exchange: Exchange,
    ) -> Result<(SignedIn, Shown), ControlError> {
        let name = &person.parts().sign_in;
        self.check_wait(name, Some(person))?;
        let compared = person.parts().password.clone();
        let worked = self.hashing(move |pepper, inner| {
            let is_right = password.is(&compared, pepper);
            let made = match &exchange {
                Exchange::Password(new) if is_right => {
                    Some(new.hash(pepper, &*inner.options.random))
                }
                _ => None,
            };
            (is_right, made, compared, Made::shown(inner))
        });
        let (is_right, new_hash, compared, shown) = worked.await?;
        self.check_wait(name, Some(person))?;
        if !is_right {
            self.people().guesses.failed(name, self.people_now());
            return Err(Refusal::SignIn.into());
        }
        let home = self.home_of(person.parts().organization)?;
        let actor = format!("person:{}", person.id());
        let signed_in = self.change_as(actor, home, |change| {
            let person = self.people().person(person.id());
            let person = person.filter(|person| person.parts().password == compared);
            let person = person.ok_or(Refusal::SignIn)?;
            self.check_wait(&person.parts().sign_in, Some(&person))?;
            let sessions = self.people().sessions_of(person.id());
            let own = sessions.iter().find(|live| live.record.id == session);
            let agent = own.ok_or(Refusal::CallerChanged)?.record.agent.clone();
            let Some((mut parts, by)) = self.spend(change, &person, &second)? else {
                return Ok(None);
            };
            let action = match &new_hash {
                Some(hash) => {
                    parts.password = hash.clone();
                    "person.password"
                }
                None => {
                    parts.totp = shown.totp.seal(parts.id, self.pepper(), &*change.random);
                    let codes = shown.recovery.iter();
                    let codes = codes.map(|code| code.hash(self.pepper())).collect();
                    change.replace_codes(&mut parts, codes);
                    "person.factors"
                }
            };
            let person: Arc<PersonRecord> = change.update_person(parts)?;
            for live in &sessions {
                change.delete_session(live.record.hash);
            }
            let (session, token) = self.only_session(change, &person, agent);
            let members = Object::new().with("by", by);
            change.audit(action, subject(person.parts()), None, note(members));
            Ok(Some(SignedIn {
                person,
                session,
                token,
            }))
        });
        match signed_in.await? {
            Some(signed_in) => Ok((signed_in, shown)),
            None => Err(Refusal::SignIn.into()),
        }
    }
}

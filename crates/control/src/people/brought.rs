//! Codes that a caller brings for a change: its own, of a person who signed in,
//! or with a key those of somebody whom it names.
//!
//! What a key brings is counted apart from what is brought at sign-in, at the
//! person and at the caller. So whoever has a key guesses no faster than others,
//! and shuts out nobody: the person goes on signing in.

use std::sync::Arc;

use model::ids::{KeyId, ProjectId};
use model::people::{PersonParts, PersonRecord, SignInName, Wait};
use model::permit::Access;
use model::value::Object;

use super::change::{note, subject};
use super::guesses::{Guesses, longer};
use super::sign_in::SecondFactor;
use super::step_up::vouches;
use crate::audit::Subject;
use crate::change::Change;
use crate::control::Control;
use crate::error::{ControlError, Refusal};

/// Wrong codes that callers brought.
#[derive(Debug, Default)]
pub(super) struct Brought {
    callers: Guesses<KeyId>,
    /// Of names that nobody has who stands behind changes: they wait as others do.
    names: Guesses<SignInName>,
}

/// Whose code a caller brings.
pub(super) enum Whose {
    /// The caller's own, who signed in.
    Own(Arc<PersonRecord>),
    /// Of the person whom a caller with a key names.
    Named(Arc<PersonRecord>),
    /// Of nobody who stands behind changes of the project.
    Unknown(SignInName),
    /// Of another person than the one who signed in.
    Other(SignInName),
}

impl Control {
    /// Whose code a caller brings who may be looked at now.
    ///
    /// # Errors
    /// [`Refusal::NeedsCode`] with a key and without a name;
    /// [`Refusal::TooManyAttempts`], for known and unknown names alike.
    pub(super) fn whose_code(
        &self,
        access: &Access,
        named: Option<&SignInName>,
    ) -> Result<Whose, ControlError> {
        let signed_in = access.person().and_then(|own| self.people().person(own.id));
        let whose = match (signed_in, named) {
            (Some(own), None) => Whose::Own(own),
            (Some(own), Some(name)) if own.parts().sign_in == *name => Whose::Own(own),
            (Some(_), Some(name)) => Whose::Other(name.clone()),
            (None, None) => return Err(Refusal::NeedsCode.into()),
            (None, Some(name)) => match self.behind_key(access.project(), name)? {
                Some(person) => Whose::Named(person),
                None => Whose::Unknown(name.clone()),
            },
        };
        let (now, brought) = (self.people_now(), &self.people().brought);
        let of_code = match &whose {
            Whose::Own(person) => {
                self.check_code_wait(person)?;
                return Ok(whose);
            }
            Whose::Named(person) => person.parts().by_keys.wait_of_keys(now),
            Whose::Unknown(name) => brought.names.of(name).wait_of_keys(now),
            Whose::Other(_) => Wait::No,
        };
        let of_caller = brought.callers.of(&access.key()).wait_of_caller(now);
        longer(of_caller, of_code).map_err(|wait| Refusal::TooManyAttempts { wait })?;
        Ok(whose)
    }

    /// Uses the code up that a caller brings. `None` for one that proves
    /// nothing, which is counted: then that is what the change writes.
    pub(super) fn bring(
        &self,
        change: &mut Change,
        access: &Access,
        (whose, second): (&Whose, &SecondFactor),
    ) -> Result<Option<PersonParts>, ControlError> {
        let (now, brought) = (self.people_now(), &self.people().brought);
        let (caller, name) = (access.key(), access.key_name());
        match whose {
            Whose::Own(person) => {
                let spent = self.spend(change, person, second)?;
                return Ok(spent.map(|(parts, _)| parts));
            }
            Whose::Named(person) => {
                if let Some((parts, _)) = self.prove(change, person, second) {
                    brought.callers.forget(&caller);
                    return Ok(Some(parts));
                }
                let mut parts = person.parts().clone();
                parts.by_keys = parts.by_keys.and_one_more(now);
                let members = Object::new().with("in_a_row", i64::from(parts.by_keys.failures()));
                let subject = subject(&parts);
                change.update_person(parts)?;
                change.audit("person.code_refused", subject, None, note(members));
            }
            Whose::Unknown(named) | Whose::Other(named) => {
                if let Whose::Unknown(named) = whose {
                    brought.names.failed(named, now);
                }
                // About the caller: whom it named need not exist.
                let subject = match access.person().and_then(|own| self.people().person(own.id)) {
                    Some(own) => subject(own.parts()),
                    None => Subject::new(caller, name),
                };
                let members = Object::new().with("named", named.as_str());
                change.audit("person.code_refused", subject, None, note(members));
            }
        }
        brought.callers.failed(&caller, now);
        Ok(None)
    }

    /// The person whom a caller with a key names: one who manages the keys of
    /// the project, and who is not shut out.
    fn behind_key(
        &self,
        project: ProjectId,
        name: &SignInName,
    ) -> Result<Option<Arc<PersonRecord>>, ControlError> {
        let (organization, now) = (self.organization_of(project)?, self.people_now());
        Ok(self.people().by_name(name).filter(|person| {
            let parts = person.parts();
            let role = parts.draft.role_in(project);
            parts.organization == organization
                && role.is_some_and(vouches)
                && parts.attempts.wait(now) != Wait::ForHelp
        }))
    }
}

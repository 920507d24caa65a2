//! The rows of people, their sessions and invitations.

mod sealing;

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;

use model::ids::{InvitationId, OrganizationId, PersonId, SessionId};
use model::json;
use model::people::{
    Attempts, InvitationHash, InvitationRecord, PasswordHash, PersonDraft, PersonParts,
    PersonRecord, RecoveryHash, SealedTotp, SessionHash, SessionRecord, SignInName, Stretches,
};
use model::time::Timestamp;
use model::value::Value;
use sqlx::sqlite::SqliteRow;

use super::Store;
use super::load::{bytes, column, damaged, id, optional_time, time, unreadable};
use super::sealed::{ROTTEN, unseal, unseal_any};
use super::write::Query;
use crate::error::ControlError;
use sealing::{INVITATION, PERSON, Proofs, SESSION, sealed, sealed_invitation, sealed_session};

const INSERT_PERSON: &str = "INSERT INTO people (id, organization_id, ordinal, sign_in, \
     definition, password, totp, last_step, failures, failed_at, created_by, created_at, revision, \
     key_failures, key_failed_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";

/// Touches no row when the stored step is a later one: no step is used twice.
const UPDATE_PERSON: &str = "UPDATE people SET definition = $2, password = $3, totp = $4, \
     last_step = $5, failures = $6, failed_at = $7, revision = $8, \
     key_failures = $9, key_failed_at = $10 \
     WHERE id = $1 AND last_step <= $5";

const DELETE_PERSON: &str = "DELETE FROM people WHERE id = $1";

const SELECT_PEOPLE: &str = "SELECT id, organization_id, ordinal, sign_in, definition, password, \
     totp, last_step, failures, failed_at, created_by, created_at, revision, \
     key_failures, key_failed_at FROM people ORDER BY ordinal";

const INSERT_CODE: &str = "INSERT INTO recovery_codes (hash, person_id) VALUES ($1, $2)";
const DELETE_CODE: &str = "DELETE FROM recovery_codes WHERE hash = $1";
const DELETE_CODES_OF: &str = "DELETE FROM recovery_codes WHERE person_id = $1";
const SELECT_CODES: &str = "SELECT hash, person_id FROM recovery_codes ORDER BY hash";

const INSERT_SESSION: &str = "INSERT INTO sessions (id, person_id, hash, created_at, ends_at, \
     agent) VALUES ($1, $2, $3, $4, $5, $6)";
const DELETE_SESSION: &str = "DELETE FROM sessions WHERE hash = $1";
const SESSION_STRETCHES: &str = "UPDATE sessions SET stretches = $2 WHERE hash = $1";
const DELETE_SESSIONS_OF: &str = "DELETE FROM sessions WHERE person_id = $1";
const SELECT_SESSIONS: &str =
    "SELECT id, person_id, hash, created_at, ends_at, agent, stretches FROM sessions ORDER BY id";

const INSERT_INVITATION: &str = "INSERT INTO invitations (id, organization_id, ordinal, hash, \
     sign_in, definition, created_by, created_at, ends_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const DELETE_INVITATION: &str = "DELETE FROM invitations WHERE id = $1";
const SELECT_INVITATIONS: &str = "SELECT id, organization_id, ordinal, hash, sign_in, \
     definition, created_by, created_at, ends_at FROM invitations ORDER BY ordinal";

/// One change of what is stored of people.
#[derive(Debug)]
pub(crate) enum PeopleWrite {
    /// With its ordinal; the recovery codes come apart.
    InsertPerson(Arc<PersonRecord>, i64),
    UpdatePerson(Arc<PersonRecord>),
    DeletePerson(PersonId),
    InsertCode(PersonId, RecoveryHash),
    DeleteCode(RecoveryHash),
    DeleteCodesOf(PersonId),
    InsertSession(SessionRecord),
    DeleteSession(SessionHash),
    /// From where it was used.
    SessionStretches(SessionHash, Stretches),
    DeleteSessionsOf(PersonId),
    /// With its ordinal.
    InsertInvitation(Arc<InvitationRecord>, i64),
    DeleteInvitation(InvitationId),
}

impl PeopleWrite {
    /// Whether somebody has less of a right afterwards.
    pub(crate) fn takes_away(&self) -> bool {
        matches!(
            self,
            Self::DeletePerson(_) | Self::DeleteSession(_) | Self::DeleteInvitation(_)
        )
    }

    /// Whether something sealed is to be gone with it.
    pub(super) fn erases(&self) -> bool {
        matches!(self, Self::DeletePerson(_) | Self::DeleteCodesOf(_))
    }

    /// Whether it touches exactly one row.
    pub(super) fn touches_one(&self) -> bool {
        // A session that was used may be gone before that is noted.
        !matches!(
            self,
            Self::DeleteCodesOf(_) | Self::DeleteSessionsOf(_) | Self::SessionStretches(..)
        )
    }

    pub(super) fn query(&self) -> Query<'_> {
        match self {
            Self::InsertPerson(person, ordinal) => insert_person(person.parts(), *ordinal),
            Self::UpdatePerson(person) => update_person(person.parts()),
            Self::DeletePerson(id) => sqlx::query(DELETE_PERSON).bind(id.to_string()),
            Self::InsertCode(person, hash) => sqlx::query(INSERT_CODE)
                .bind(hash.as_bytes().as_slice())
                .bind(person.to_string()),
            Self::DeleteCode(hash) => sqlx::query(DELETE_CODE).bind(hash.as_bytes().as_slice()),
            Self::DeleteCodesOf(id) => sqlx::query(DELETE_CODES_OF).bind(id.to_string()),
            Self::InsertSession(session) => sqlx::query(INSERT_SESSION)
                .bind(session.id.to_string())
                .bind(session.person.to_string())
                .bind(session.hash.as_bytes().as_slice())
                .bind(session.created_at.as_microsecond())
                .bind(session.ends_at.as_microsecond())
                .bind(sealed_session(session)),
            Self::DeleteSession(hash) => {
                sqlx::query(DELETE_SESSION).bind(hash.as_bytes().as_slice())
            }
            Self::SessionStretches(hash, stretches) => sqlx::query(SESSION_STRETCHES)
                .bind(hash.as_bytes().as_slice())
                .bind(json::to_text(&stretches.to_value())),
            Self::DeleteSessionsOf(id) => sqlx::query(DELETE_SESSIONS_OF).bind(id.to_string()),
            Self::InsertInvitation(invitation, ordinal) => sqlx::query(INSERT_INVITATION)
                .bind(invitation.id.to_string())
                .bind(invitation.organization.to_string())
                .bind(*ordinal)
                .bind(invitation.hash.as_bytes().as_slice())
                .bind(invitation.sign_in.as_str())
                .bind(sealed_invitation(invitation))
                .bind(&invitation.created_by)
                .bind(invitation.created_at.as_microsecond())
                .bind(invitation.ends_at.as_microsecond()),
            Self::DeleteInvitation(id) => sqlx::query(DELETE_INVITATION).bind(id.to_string()),
        }
    }
}

fn insert_person(parts: &PersonParts, ordinal: i64) -> Query<'_> {
    sqlx::query(INSERT_PERSON)
        .bind(parts.id.to_string())
        .bind(parts.organization.to_string())
        .bind(ordinal)
        .bind(parts.sign_in.as_str())
        .bind(sealed(parts))
        .bind(parts.password.to_bytes())
        .bind(parts.totp.as_str())
        .bind(step(parts))
        .bind(i64::from(parts.attempts.failures()))
        .bind(parts.attempts.last().map(Timestamp::as_microsecond))
        .bind(&parts.created_by)
        .bind(parts.created_at.as_microsecond())
        .bind(parts.revision)
        .bind(i64::from(parts.by_keys.failures()))
        .bind(parts.by_keys.last().map(Timestamp::as_microsecond))
}

fn update_person(parts: &PersonParts) -> Query<'_> {
    sqlx::query(UPDATE_PERSON)
        .bind(parts.id.to_string())
        .bind(sealed(parts))
        .bind(parts.password.to_bytes())
        .bind(parts.totp.as_str())
        .bind(step(parts))
        .bind(i64::from(parts.attempts.failures()))
        .bind(parts.attempts.last().map(Timestamp::as_microsecond))
        .bind(parts.revision)
        .bind(i64::from(parts.by_keys.failures()))
        .bind(parts.by_keys.last().map(Timestamp::as_microsecond))
}

fn step(parts: &PersonParts) -> i64 {
    i64::try_from(parts.last_step).unwrap_or(i64::MAX)
}

/// Everything that is stored of people.
#[derive(Debug, Default)]
pub(crate) struct LoadedPeople {
    pub(crate) people: Vec<Arc<PersonRecord>>,
    pub(crate) invitations: Vec<Arc<InvitationRecord>>,
    pub(crate) sessions: Vec<(SessionRecord, Stretches)>,
}

impl Store {
    /// Reads everything that is stored of people. `ordinal` is told of each
    /// ordinal that is taken.
    pub(super) async fn load_people(
        &mut self,
        mut takes_ordinal: impl FnMut(i64),
    ) -> Result<LoadedPeople, ControlError> {
        let mut loaded = LoadedPeople::default();
        let mut codes: HashMap<PersonId, Vec<RecoveryHash>> = HashMap::new();
        for row in self.rows(SELECT_CODES).await? {
            let hash = RecoveryHash::from_bytes(bytes(&row, 0)?);
            let of_person = codes.entry(id(&row, 1, PersonId::parse)?).or_default();
            of_person.push(hash);
        }
        for row in self.rows(SELECT_PEOPLE).await? {
            takes_ordinal(column(&row, 2)?);
            loaded.people.push(Arc::new(person(&row, &mut codes)?));
        }
        for row in self.rows(SELECT_INVITATIONS).await? {
            takes_ordinal(column(&row, 2)?);
            loaded.invitations.push(Arc::new(invitation(&row)?));
        }
        for row in self.rows(SELECT_SESSIONS).await? {
            match session(&row) {
                Ok(record) => loaded.sessions.push((record, stretches(&row)?)),
                // Nobody is let in by it; its person signs in again.
                Err(error) => {
                    tracing::error!(cause = told(&error), "a session that rots has ended");
                }
            }
        }
        Ok(loaded)
    }
}

fn told(error: &ControlError) -> String {
    match error {
        ControlError::Internal(cause) => cause.to_string(),
        other => other.to_string(),
    }
}

fn session(row: &SqliteRow) -> Result<SessionRecord, ControlError> {
    let stored: String = column(row, 5)?;
    let agent = stored.split('\n').next().unwrap_or_default();
    let record = SessionRecord {
        id: id(row, 0, SessionId::parse)?,
        person: id(row, 1, PersonId::parse)?,
        hash: SessionHash::from_bytes(bytes(row, 2)?),
        created_at: time(row, 3)?,
        ends_at: time(row, 4)?,
        agent: agent.to_owned(),
    };
    match agent == stored || stored == sealed_session(&record) {
        true => Ok(record),
        false => Err(damaged(SESSION, record.id, ROTTEN)),
    }
}

/// What is not as it was written is not known: nobody is let in or kept out by it.
fn stretches(row: &SqliteRow) -> Result<Stretches, ControlError> {
    let stored: Option<String> = column(row, 6)?;
    let stored = stored.and_then(|stored| json::parse(stored.as_bytes()).ok());
    Ok(Stretches::restore(&stored.unwrap_or(Value::Null)))
}

fn person(
    row: &SqliteRow,
    codes: &mut HashMap<PersonId, Vec<RecoveryHash>>,
) -> Result<PersonRecord, ControlError> {
    let person = id(row, 0, PersonId::parse)?;
    let password: Vec<u8> = column(row, 5)?;
    let password = PasswordHash::from_bytes(&password)
        .ok_or_else(|| damaged("person", person, "the password is in no known form"))?;
    let number = |index| -> Result<u64, ControlError> {
        let number: i64 = column(row, index)?;
        u64::try_from(number).map_err(|_| damaged("person", person, "a number is negative"))
    };
    let failures = |index| -> Result<u32, ControlError> {
        Ok(u32::try_from(number(index)?).unwrap_or(u32::MAX))
    };
    let organization = id(row, 1, OrganizationId::parse)?;
    let (name, revision): (_, i64) = (sign_in(row, 3, person)?, column(row, 12)?);
    let totp = SealedTotp::from_text(column(row, 6)?);
    let recovery = codes.remove(&person).unwrap_or_default();
    let proofs = Proofs {
        password: &password,
        totp: &totp,
        last_step: number(7)?,
        failures: [failures(8)?, failures(13)?],
        recovery: &recovery,
    };
    let about: [&dyn Display; 4] = [&organization, &name.as_str(), &revision, &proofs];
    let stored = unseal_any(PERSON, &person, &[&about[..], &about[..3]], column(row, 4)?)?;
    let draft = draft(&stored, person)?;
    let parts = PersonParts {
        id: person,
        organization,
        sign_in: name,
        draft,
        last_step: proofs.last_step,
        attempts: Attempts::restore(proofs.failures[0], optional_time(row, 9)?),
        by_keys: Attempts::restore(proofs.failures[1], optional_time(row, 14)?),
        password,
        totp,
        recovery,
        created_by: column(row, 10)?,
        created_at: time(row, 11)?,
        revision,
    };
    PersonRecord::restore(parts).map_err(|fault| unreadable("person", person, fault))
}

fn invitation(row: &SqliteRow) -> Result<InvitationRecord, ControlError> {
    let invitation = id(row, 0, InvitationId::parse)?;
    let organization = id(row, 1, OrganizationId::parse)?;
    let name = sign_in(row, 4, invitation)?;
    let about: [&dyn Display; 2] = [&organization, &name.as_str()];
    let stored = unseal(INVITATION, &invitation, &about, column(row, 5)?)?;
    Ok(InvitationRecord {
        id: invitation,
        organization,
        hash: InvitationHash::from_bytes(bytes(row, 3)?),
        sign_in: name,
        draft: draft(&stored, invitation)?,
        created_by: column(row, 6)?,
        created_at: time(row, 7)?,
        ends_at: time(row, 8)?,
    })
}

fn sign_in(row: &SqliteRow, index: usize, of: impl Display) -> Result<SignInName, ControlError> {
    let text: String = column(row, index)?;
    SignInName::parse(&text).map_err(|fault| unreadable("sign-in name of", of, fault))
}

fn draft(text: &str, of: impl Display) -> Result<PersonDraft, ControlError> {
    let parsed = json::parse(text.as_bytes()).and_then(|value| PersonDraft::parse(&value));
    parsed.map_err(|fault| unreadable("definition of", of, fault))
}

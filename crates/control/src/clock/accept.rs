//! Taking a false time back: what had ended by it stays ended.
//!
//! Each kind of thing that lives by time is ended here, or bounded by the true
//! time, in the one transaction that sets the mark back. A crash before its end
//! leaves the false time in force with all that is there, and it is done again.
//! Why: docs/adr/030-a-clock-that-was-ahead.md.

use std::sync::Arc;

use model::json;
use model::keys::{KeyRecord, SecretRecord, Silence};
use model::people::step_at;
use model::time::Timestamp;
use model::value::{Object, Value};

use crate::audit::{Author, Subject};
use crate::change::Change;
use crate::control::Control;
use crate::error::ControlError;
use crate::keys;
use crate::store::{Claim, TimeWrite, Write};

/// A key that is ended for good, or whose old secret ends sooner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedKey {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// What taking a false time back ends, or did end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClockAccepted {
    /// Keys that had expired by the false time: their `expires_at` is the true one.
    pub expired: Vec<AcceptedKey>,
    /// Keys that were rolled under the false time: the grace of their old
    /// secret, counted from the true one.
    pub graces: Vec<AcceptedKey>,
    /// Sign-in names of those who used a one-time code of a time that is still
    /// to come: until then they sign in by a recovery code.
    pub people: Vec<String>,
}

impl Control {
    /// The latest time that was known when the file was opened, and what the
    /// clock beneath said then.
    pub fn known_at_start(&self) -> (Timestamp, Timestamp) {
        self.0.at_start
    }

    /// When a false time was last taken back; [`Timestamp::EPOCH`] for never.
    /// What was made before it and lives by its time alone counts no more.
    pub fn clock_accepted(&self) -> Timestamp {
        self.0.accepted
    }

    /// What taking the false time back to `wall` would end. Nothing is changed.
    pub fn clock_plan(&self, wall: Timestamp) -> ClockAccepted {
        let mark = self.0.options.clock.now();
        let name = |key: &Arc<KeyRecord>| AcceptedKey {
            id: key.id().to_string(),
            name: key.draft().name.clone(),
        };
        let mut plan = ClockAccepted::default();
        for project in self.projects() {
            let definitions = self.definitions(project);
            for key in definitions.keys() {
                if expires_between(key, wall, mark) {
                    plan.expired.push(name(key));
                }
                if bounded(key, wall, mark).is_some() {
                    plan.graces.push(name(key));
                }
            }
        }
        // A code of the true time is at most one step early.
        let latest = step_at(wall).saturating_add(1);
        for person in self.0.people.everybody() {
            if person.parts().last_step > latest {
                plan.people.push(person.parts().sign_in.as_str().to_owned());
            }
        }
        plan
    }

    /// Takes the false time back to `wall`, the true one, ends for good what
    /// had ended by the false one, and closes the file. Every session and
    /// invitation ends. For a server that does not run.
    ///
    /// # Errors
    /// Of the database; the false time is then still in force.
    pub async fn accept_clock(&self, wall: Timestamp) -> Result<ClockAccepted, ControlError> {
        let plan = self.clock_plan(wall);
        let mark = self.0.options.clock.now();
        // Secrets that have ended by the false time go.
        self.tidy_secrets().await?;
        let writer = self.0.writer().await?;
        let (mut writes, mut ordinal) = (Vec::new(), writer.ordinal);
        let projects = self.projects();
        let first = projects.first().copied().ok_or(ControlError::NotFound)?;
        for project in projects {
            let mut change = self.begin(&writer, Author::server(), project);
            change.ordinal = ordinal;
            end_keys(&mut change, wall, mark)?;
            if project == first {
                note(&mut change, &plan, wall, mark);
            }
            ordinal = change.ordinal;
            writes.append(&mut change.writes);
        }
        // The false time has gone on until now.
        writes.push(Write::Time(TimeWrite::Mark(mark)));
        writes.push(Write::Time(TimeWrite::Accept(wall)));
        // All of it or nothing. Memory is not told: nobody is served from it any more.
        let done = self
            .0
            .carry_out(writer, writes, ordinal, Claim::Everything, |_| ());
        done.await?;
        self.abandon().await;
        Ok(plan)
    }
}

/// Ends the keys of a project that had expired by the false time, and bounds
/// the graces of those that were rolled by it.
fn end_keys(change: &mut Change, wall: Timestamp, mark: Timestamp) -> Result<(), ControlError> {
    let all: Vec<_> = change.definitions.keys().cloned().collect();
    for key in all.iter().filter(|key| expires_between(key, wall, mark)) {
        let mut draft = key.draft().clone();
        draft.expires_at = Some(wall);
        let after = change.update_key(key, keys::row(key, &draft, key.is_disabled()))?;
        let texts = (Some(keys::text(key)), Some(keys::text(&after)));
        change.audit("key.change", keys::subject(&after), texts.0, texts.1);
    }
    let all: Vec<_> = change.definitions.keys().cloned().collect();
    for key in &all {
        if let Some(secrets) = bounded(key, wall, mark) {
            change.change_secrets("key.clock_accept", key, secrets)?;
        }
    }
    Ok(())
}

/// Notes that the time was taken back, for the audit.
fn note(change: &mut Change, plan: &ClockAccepted, wall: Timestamp, mark: Timestamp) {
    let time = |at: Timestamp| Object::new().with("time", at.to_string());
    let after = time(wall)
        .with("keys_expired", plan.expired.len() as u64)
        .with("graces_bounded", plan.graces.len() as u64);
    let texts = [time(mark), after].map(|object| json::to_text(&Value::Object(object)));
    let [before, after] = texts;
    let subject = Subject::new(change.project, "clock");
    change.audit("clock.accept", subject, Some(before), Some(after));
}

/// Whether the key has expired by the false time and would live by the true one.
fn expires_between(key: &KeyRecord, wall: Timestamp, mark: Timestamp) -> bool {
    let end = key.draft().expires_at;
    end.is_some_and(|end| end > wall && end <= mark)
}

/// The secrets of a key that was rolled under the false time, with what was
/// left of the grace counted from the true one; `None` for a key without such.
fn bounded(key: &KeyRecord, wall: Timestamp, mark: Timestamp) -> Option<Vec<SecretRecord>> {
    let sooner = |secret: &SecretRecord| {
        let end = secret.expires_at.filter(|end| *end > mark)?;
        let silence = secret.silence.map(|silence| Silence {
            since: silence.since.min(wall),
            ..silence
        });
        Some(SecretRecord {
            expires_at: wall.checked_add(end.since(mark)),
            silence,
            ..secret.clone()
        })
    };
    let is_replaced = |secret: &&SecretRecord| secret.expires_at.is_some_and(|end| end > mark);
    key.secrets().iter().find(is_replaced)?;
    let secrets = key.secrets().iter();
    let secrets = secrets.map(|secret| sooner(secret).unwrap_or_else(|| secret.clone()));
    Some(secrets.collect())
}

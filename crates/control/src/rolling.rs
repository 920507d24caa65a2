//! Rolling: a new secret beside the old one, and what becomes of the old one.

mod told;
mod undoing;

use std::sync::Arc;
use std::time::Duration;

use model::ids::KeyId;
use model::keys::{KeyRecord, Roll, SecretRecord, Silence};
use model::limits::SEEN_RECENTLY_MINUTES;
use model::permit::{Admin, Issue, Permit};
use model::secrets::{Secret, SecretId};
use model::time::Timestamp;

use crate::audit::Author;
use crate::change::Change;
use crate::control::Control;
use crate::ending::Ending;
use crate::error::{ControlError, Refusal};
use crate::issuing::find_issued;
use crate::keys::{check_unchanged, find, subject};
use crate::notices::{NewsOf, NoticeKind};
use crate::once::{Made, Once};
use crate::store::Claim;

/// Keys whose ended secrets are taken away in one transaction; between two,
/// changes get their turn.
const KEYS_TIDIED_AT_ONCE: usize = 256;
/// Keys that one line of the log names; the others are counted.
const KEYS_NAMED_MAX: usize = 10;

impl Control {
    /// Makes a new secret for a key. The old one goes on for the grace, and
    /// never for longer than the key. All else of the key stays as it is.
    /// This is the only time that the token can be had. Where the newest secret
    /// is gone and only one that was replaced goes on, that one keeps its end,
    /// or ends sooner by the grace.
    ///
    /// # Errors
    /// [`Refusal::Rolling`] while another old secret goes on beside the newest;
    /// where the old one ends at once, without force
    /// [`ControlError::SeenRecently`]; a fault when the caller could not make a
    /// key with these grants, for the grace, see [`Roll::ends_at`];
    /// [`ControlError::OtherRequest`].
    pub async fn roll_key(
        &self,
        by: &Permit<Admin>,
        id: KeyId,
        roll: Roll,
        once: Option<Once>,
    ) -> Result<Made, ControlError> {
        self.change_once(by, once, |change| {
            let before = find(change, id, None)?;
            // Whoever has the token has the grants.
            check_unchanged(by, before.grants())?;
            self.plan_roll(change, &before, roll)
        })
        .await
    }

    /// The same for a key that the caller's key issued. No code is asked for it:
    /// the key is never more than the caller's, which could issue another one.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for every other key; else as
    /// [`Control::roll_key`].
    pub async fn roll_issued(
        &self,
        by: &Permit<Issue>,
        id: KeyId,
        roll: Roll,
        once: Option<Once>,
    ) -> Result<Made, ControlError> {
        self.change_once_by(by.access(), once, |change| {
            let before = find_issued(change, by.access(), id)?;
            change.is_by_maker = true;
            self.plan_roll(change, &before, roll)
        })
        .await
    }

    fn plan_roll(
        &self,
        change: &mut Change,
        before: &Arc<KeyRecord>,
        roll: Roll,
    ) -> Result<(Arc<KeyRecord>, Secret), ControlError> {
        let now = change.now;
        let old = match (before.current_secret(), self.going_on(before, now)) {
            (Some(_), Some(_)) => return Err(Refusal::Rolling.into()),
            (current, replaced) => current.or(replaced),
        };
        let ends_at = roll.ends_at(now, before.draft().expires_at)?;
        if let (Some(old), None) = (old, ends_at) {
            self.check_silent(&[old.id], now, roll.is_forced())?;
        }
        let token = Secret::generate(before.draft().kind, &*change.random);
        let fresh = SecretRecord::fresh(&token, self.pepper(), now);
        let silence = |minutes| Silence {
            since: now,
            minutes,
        };
        let old = old.zip(ends_at).map(|(old, ends_at)| SecretRecord {
            // No roll gives back the time that an earlier one took.
            expires_at: Some(old.expires_at.map_or(ends_at, |end| end.min(ends_at))),
            silence: match (roll.silence_minutes(), old.silence) {
                (Some(minutes), Some(known)) => {
                    Some(known.shortened(minutes, now, self.secret_last_used(old.id)))
                }
                (asked, known) => asked.map(silence).or(known),
            },
            // And none takes over the end that an earlier one set.
            replaced_by: match old.is_replaced() {
                true => old.replaced_by,
                false => Some(fresh.id),
            },
            ..old.clone()
        });
        let secrets = old.into_iter().chain([fresh]).collect();
        let key = change.change_secrets("key.roll", before, secrets)?;
        Ok((key, token))
    }

    /// Ends the grace of the secret that was replaced, at once.
    ///
    /// # Errors
    /// [`Refusal::NotRolling`]; without force [`ControlError::SeenRecently`].
    pub async fn end_grace(
        &self,
        by: &Permit<Admin>,
        id: KeyId,
        ending: impl Into<Ending>,
    ) -> Result<Arc<KeyRecord>, ControlError> {
        let Ending { force, expected } = ending.into();
        self.change(by, |change| {
            let before = find(change, id, expected)?;
            self.plan_end_grace(change, &before, force)
        })
        .await
    }

    /// The same for a key that the caller's key issued.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for every other key; else as
    /// [`Control::end_grace`].
    pub async fn end_grace_issued(
        &self,
        by: &Permit<Issue>,
        id: KeyId,
        force: bool,
    ) -> Result<Arc<KeyRecord>, ControlError> {
        self.change_by(by.access(), |change| {
            let before = find_issued(change, by.access(), id)?;
            self.plan_end_grace(change, &before, force)
        })
        .await
    }

    fn plan_end_grace(
        &self,
        change: &mut Change,
        before: &Arc<KeyRecord>,
        force: bool,
    ) -> Result<Arc<KeyRecord>, ControlError> {
        let old = self.going_on(before, change.now);
        let old = old.ok_or(Refusal::NotRolling)?.id;
        self.check_silent(&[old], change.now, force)?;
        let mut secrets = before.secrets().to_vec();
        secrets.retain(|secret| secret.id != old);
        change.change_secrets("key.end_grace", before, secrets)
    }

    /// When a secret ends if it is not used any more, no later than its key;
    /// `None` for never by itself.
    pub fn secret_ends_at(&self, secret: &SecretRecord) -> Option<Timestamp> {
        self.0.callers.secret_lasts_until(secret)
    }

    /// Of a secret that was replaced: when it ends at the latest.
    pub fn grace_of(&self, secret: SecretId) -> Option<Timestamp> {
        self.0.callers.grace_of(secret)
    }

    /// Writes the last use of a replaced secret down, when by it the secret's
    /// silence is counted anew. To be called before the request is answered:
    /// then no crash ends a secret that somebody uses.
    ///
    /// # Errors
    /// Of the database. The secret goes on all the same as long as this
    /// process runs.
    pub async fn settle_use(&self, secret: SecretId) -> Result<(), ControlError> {
        if self.0.callers.telling_use(secret).is_none() {
            return Ok(());
        }
        let writer = self.0.writer().await?;
        // Another request may have written it meanwhile.
        let Some(telling) = self.0.callers.telling_use(secret) else {
            return Ok(());
        };
        let (write, noted) = telling.split();
        let ordinal = writer.ordinal;
        let apply = move |_: &_| noted.is_saved();
        self.0
            .carry_out(writer, vec![write], ordinal, Claim::Nothing, apply)
            .await
    }

    /// Takes secrets that have ended out of the database, with an audit entry
    /// for each key. They let nobody in before that either; afterwards no
    /// clock revives them. For a timer.
    ///
    /// # Errors
    /// Of the database.
    pub async fn tidy_secrets(&self) -> Result<(), ControlError> {
        for project in self.projects() {
            loop {
                let now = self.0.options.clock.now();
                let definitions = self.definitions(project);
                let ended = definitions
                    .keys()
                    .filter(|key| self.has_ended_secret(key, now));
                if ended.take(1).count() == 0 {
                    break;
                }
                self.change_as(Author::server(), project, |change| {
                    let keys = change.definitions.keys();
                    let keys = keys.filter(|key| self.has_ended_secret(key, change.now));
                    let keys: Vec<_> = keys.take(KEYS_TIDIED_AT_ONCE).cloned().collect();
                    for key in keys {
                        let mut secrets = key.secrets().to_vec();
                        secrets.retain(|secret| !self.has_ended(secret, change.now));
                        change.change_secrets("key.grace_over", &key, secrets)?;
                    }
                    Ok(())
                })
                .await?;
            }
        }
        Ok(())
    }

    /// Says in the log which keys should be rolled since a moment in
    /// `(after, until]`. For a timer.
    pub fn log_due_rotations(&self, after: Timestamp, until: Timestamp) {
        for project in self.projects() {
            let definitions = self.definitions(project);
            let fell_due = |key: &&Arc<KeyRecord>| {
                let due = key.rotation_due(until);
                due.is_some_and(|due| due > after) && !key.is_disabled()
            };
            let due: Vec<&Arc<KeyRecord>> = definitions.keys().filter(fell_due).collect();
            if due.is_empty() {
                continue;
            }
            for key in &due {
                self.note_due(key, until);
            }
            let named = due.iter().take(KEYS_NAMED_MAX);
            let named: Vec<String> = named.map(|key| key.id().to_string()).collect();
            tracing::warn!(
                %project,
                count = due.len(),
                keys = named.join(" "),
                "secrets are older than rotate_after; roll these keys"
            );
        }
    }

    fn note_due(&self, key: &KeyRecord, now: Timestamp) {
        let Some(secret) = key.current_secret() else {
            return;
        };
        let of = NewsOf::key(key, NoticeKind::RotationDue, secret.id);
        self.0.callers.news.note(of, now, || {
            format!(
                "the secret {} is of {} and older than rotate_after; roll the key",
                secret.id, secret.created_at
            )
        });
    }

    /// The secret that was replaced and still lets its holder in.
    fn going_on<'a>(&self, key: &'a KeyRecord, now: Timestamp) -> Option<&'a SecretRecord> {
        let replaced = key.replaced_secret();
        replaced.filter(|secret| !self.has_ended(secret, now))
    }

    fn has_ended_secret(&self, key: &KeyRecord, now: Timestamp) -> bool {
        key.secrets()
            .iter()
            .any(|secret| self.has_ended(secret, now))
    }

    fn has_ended(&self, secret: &SecretRecord, now: Timestamp) -> bool {
        // A key that has ended may be given a later end, and its secrets with it.
        let end = self.0.callers.secret_ends_at(secret);
        secret.is_replaced() && end.is_some_and(|end| end <= now)
    }

    /// Refuses to end secrets that somebody used a short while ago.
    pub(crate) fn check_silent(
        &self,
        secrets: &[SecretId],
        now: Timestamp,
        force: bool,
    ) -> Result<(), ControlError> {
        let recent = Duration::from_secs(60 * SEEN_RECENTLY_MINUTES);
        let seen = secrets.iter().filter_map(|id| {
            let used = self.secret_last_used(*id)?;
            (now.since(used) < recent).then(|| format!("secret {id}, used at {used}"))
        });
        let seen: Vec<String> = seen.collect();
        match seen.is_empty() || force {
            true => Ok(()),
            false => Err(ControlError::SeenRecently(seen)),
        }
    }
}

impl Change {
    /// Gives a key other secrets, and says so to the audit.
    pub(crate) fn change_secrets(
        &mut self,
        action: &str,
        before: &Arc<KeyRecord>,
        secrets: Vec<SecretRecord>,
    ) -> Result<Arc<KeyRecord>, ControlError> {
        let key = self.update_secrets(before, secrets)?;
        let texts = (Some(told::text(before)), Some(told::text(&key)));
        self.audit(action, subject(&key), texts.0, texts.1);
        Ok(key)
    }
}

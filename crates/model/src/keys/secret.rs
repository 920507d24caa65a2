//! The stored form of a key's secrets, and when each ends.

use std::time::Duration;

use super::Quarantine;
use crate::limits::SILENCE_STEP_SECONDS;
use crate::secrets::{Pepper, Secret, SecretHash, SecretId};
use crate::time::Timestamp;

/// One secret of a key, in its stored form.
#[derive(Clone, Debug)]
pub struct SecretRecord {
    /// The public part of the token.
    pub id: SecretId,
    /// The stored form of the token.
    pub hash: SecretHash,
    /// The Ed25519 public key derived from the token.
    pub public_key: [u8; 32],
    /// What may be shown of the token.
    pub hint: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Of a secret that was replaced: when it ends at the latest.
    pub expires_at: Option<Timestamp>,
    /// Of a secret that was replaced: whether it ends sooner when nobody uses it.
    pub silence: Option<Silence>,
    /// Of a secret that was replaced: which one the roll made that replaced it.
    /// `None` also of those that were replaced before this was noted.
    pub replaced_by: Option<SecretId>,
    /// Of a secret that was reported as leaked: what it is held to.
    pub quarantine: Option<Quarantine>,
}

/// Ends a replaced secret once it was not used for a while.
///
/// Its last use is counted at the end of the step of
/// [`SILENCE_STEP_SECONDS`] in which it fell, so that each step has to be
/// written down once and not each use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// From when on it is counted: silence before that does not count.
    pub since: Timestamp,
    /// The minutes after which it ends.
    pub minutes: u32,
}

impl SecretRecord {
    /// The stored form of a secret that was made just now.
    pub fn fresh(secret: &Secret, pepper: &Pepper, now: Timestamp) -> Self {
        Self {
            id: secret.id(),
            hash: secret.hash(pepper),
            public_key: secret.public_key(),
            hint: secret.hint(),
            created_at: now,
            expires_at: None,
            silence: None,
            replaced_by: None,
            quarantine: None,
        }
    }

    /// Whether another one took its place.
    pub fn is_replaced(&self) -> bool {
        self.expires_at.is_some()
    }

    /// Whether it ends as the other one does, and by the same roll.
    pub fn ends_like(&self, other: &Self) -> bool {
        let end = |of: &Self| (of.expires_at, of.silence, of.replaced_by);
        end(self) == end(other)
    }

    /// When it ends if it is not used after `last_used`; `None` for never by itself.
    pub fn ends_at(&self, last_used: Option<Timestamp>) -> Option<Timestamp> {
        let silent = self.silence.map(|silence| silence.ends_at(last_used));
        [self.expires_at, silent].into_iter().flatten().min()
    }
}

impl Silence {
    /// When the secret ends if it is not used after `last_used`.
    pub fn ends_at(self, last_used: Option<Timestamp>) -> Timestamp {
        let heard = last_used.map_or(self.since, |used| used.max(self.since));
        let micros = 1_000_000 * (step_of(heard) + 1) * SILENCE_STEP_SECONDS
            + 60_000_000 * i64::from(self.minutes);
        Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
    }

    /// What becomes of it when a roll at `now` asks for so many minutes: whatever
    /// is used afterwards, it ends no secret later than it would have without.
    pub fn shortened(self, minutes: u32, now: Timestamp, last_used: Option<Timestamp>) -> Self {
        let Some(fewer) = self.minutes.checked_sub(minutes) else {
            return self;
        };
        let heard = last_used.map_or(self.since, |used| used.max(self.since));
        let spared = Duration::from_secs(60 * u64::from(fewer));
        Self {
            since: heard.checked_add(spared).map_or(now, |at| at.min(now)),
            minutes,
        }
    }

    /// Whether a use at `now` moves the end that follows from the use at `known`.
    pub fn is_moved_by(self, known: Option<Timestamp>, now: Timestamp) -> bool {
        self.ends_at(known) != self.ends_at(Some(now))
    }
}

fn step_of(at: Timestamp) -> i64 {
    at.as_microsecond()
        .div_euclid(1_000_000 * SILENCE_STEP_SECONDS)
}

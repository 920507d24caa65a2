//! Sessions: how a person who signed in is known again.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;

use super::shown_once::shown_once;
use crate::ids::{PersonId, SessionId};
use crate::limits::{SESSION_IDLE_SECONDS_MAX, SESSION_SECONDS_MAX};
use crate::time::Timestamp;

/// Characters of 256 bits.
const TOKEN_CHARS: usize = 43;

shown_once! {
    /// What a browser brings to be known again: 256 random bits.
    SessionToken,
    /// What is stored of it.
    SessionHash, 32, BASE64URL_NOPAD, "sessions"
}

impl SessionToken {
    /// Reads a token.
    pub fn parse(text: &str) -> Option<Self> {
        let bits = zeroize::Zeroizing::new(BASE64URL_NOPAD.decode(text.as_bytes()).ok()?);
        let fits = text.len() == TOKEN_CHARS && bits.len() == 32;
        fits.then(|| Self(zeroize::Zeroizing::new(text.to_owned())))
    }
}

/// A stored session.
///
/// Only the control plane makes one; the house rules check that by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// Names the session in lists.
    pub id: SessionId,
    /// Whose it is.
    pub person: PersonId,
    /// What its token hashes to.
    pub hash: SessionHash,
    /// When the person signed in, or took the last step that gave it a new token.
    pub created_at: Timestamp,
    /// When it ends at the latest.
    pub ends_at: Timestamp,
    /// What the client called itself.
    pub agent: String,
}

impl SessionRecord {
    /// When a session ends that begins now.
    pub fn end_of(now: Timestamp) -> Timestamp {
        now.checked_add(Duration::from_secs(SESSION_SECONDS_MAX))
            .unwrap_or(Timestamp::MAX)
    }

    /// Whether it still lasts at `now`, having been used last at `used`.
    pub fn lasts(&self, used: Timestamp, now: Timestamp) -> bool {
        let idle = Duration::from_secs(SESSION_IDLE_SECONDS_MAX);
        let idle_end = used.checked_add(idle).unwrap_or(Timestamp::MAX);
        now < self.ends_at && now < idle_end
    }
}

//! Nonces of signed requests: each counts once, through restarts and crashes.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use model::keys::{AuthError, Circumstances, SignedRequest, Unspent};
use model::limits::NONCES_MAX;
use model::permit::Access;
use model::time::Timestamp;
use model::uniqueness::TokenTag;

use crate::control::Control;
use crate::error::ControlError;
use crate::store::TokenFile;

/// Nonces that one call of many forgets, once they are too old to count.
const FORGOTTEN_AT_ONCE: usize = 2_000;

/// Why the sender of a signed request is not let in.
#[derive(Debug)]
pub enum SignedError {
    /// As with a token.
    Auth(AuthError),
    /// The same request was let in before.
    Replayed,
    /// More nonces are kept than there is room for; they end by themselves.
    Busy,
    /// The nonce could not be written down, so nothing is done.
    Control(ControlError),
}

/// The nonces that were spent. In memory those of this run, so that of two
/// requests at once one is the first; in the file all of them, before anything
/// is done for their senders.
#[derive(Debug)]
pub(crate) struct Nonces {
    file: TokenFile,
    recent: Mutex<HashMap<TokenTag, Timestamp>>,
}

impl Nonces {
    /// The nonces beside the control plane's file.
    pub(crate) async fn beside(file: &Path) -> Result<Self, ControlError> {
        let path = file.with_file_name("nonces.sqlite");
        let file = match TokenFile::open(&path).await {
            Err(error) if !matches!(error, ControlError::Refused(_)) => {
                tracing::error!(file = %path.display(), %error,
                    "the file of nonces does not open; signed requests are refused until it does; \
                     if it is damaged, stop the server for six minutes and take it away");
                TokenFile::unopened(&path)?
            }
            opened => opened?,
        };
        let recent = Mutex::default();
        Ok(Self { file, recent })
    }

    pub(crate) async fn close(&self) {
        self.file.close().await;
    }

    /// Spends the nonce; when this returns, no request with it is let in again.
    async fn spend(
        &self,
        (tag, ends): (TokenTag, Timestamp),
        now: Timestamp,
    ) -> Result<(), SignedError> {
        if !self.note(tag, ends, now)? {
            return Err(SignedError::Replayed);
        }
        // What failed stays noted: its sender makes another nonce.
        match self.write(tag, ends, now).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(SignedError::Replayed),
            Err(error) => Err(SignedError::Control(error)),
        }
    }

    /// Writes the nonce down, unless a run before this one did.
    async fn write(
        &self,
        tag: TokenTag,
        ends: Timestamp,
        now: Timestamp,
    ) -> Result<bool, ControlError> {
        if self.file.known(&[tag], now).await? == [true] {
            return Ok(false);
        }
        self.file.insert(&[(tag, ends)]).await?;
        self.file.forget(now, FORGOTTEN_AT_ONCE).await?;
        Ok(true)
    }

    /// Whether this is the first with the tag in this run.
    fn note(&self, tag: TokenTag, ends: Timestamp, now: Timestamp) -> Result<bool, SignedError> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() >= NONCES_MAX {
            recent.retain(|_, ends| *ends > now);
        }
        if recent.len() >= NONCES_MAX {
            return Err(SignedError::Busy);
        }
        Ok(recent.insert(tag, ends).is_none())
    }
}

impl Control {
    /// Lets the sender of a signed request in, and spends its nonce first: it
    /// is on stable storage before this returns. A request that is let in once
    /// more on its way, when its body is there, names the nonce that it spent.
    ///
    /// # Errors
    /// Says why not; nothing was done for the sender then.
    pub async fn authenticate_signed(
        &self,
        request: &SignedRequest<'_>,
        seen: &Circumstances<'_>,
        spent: Option<TokenTag>,
    ) -> Result<(Access, TokenTag), SignedError> {
        let now = self.0.options.clock.now();
        let callers = &self.0.callers;
        let unspent = callers.verify_signed(request, seen, now);
        let unspent: Unspent = unspent.map_err(SignedError::Auth)?;
        let (tag, ends) = unspent.nonce();
        if spent != Some(tag) {
            self.0.nonces.spend((tag, ends), now).await?;
        }
        let access = unspent.spent();
        callers.note_from(access.secret(), seen, now);
        Ok((access, tag))
    }
}

#[cfg(test)]
mod tests;

//! Nonces of signed requests: each counts once, through restarts and crashes.

mod recent;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::ids::KeyId;
use model::keys::{AuthError, Circumstances, KeyedRequest, SignedRequest, Unspent};
use model::permit::Access;
use model::time::Timestamp;
use model::uniqueness::TokenTag;

use crate::control::Control;
use crate::error::ControlError;
use crate::store::TokenFile;
use recent::Recent;

/// Nonces that one call of many forgets, once they are too old to count.
const FORGOTTEN_AT_ONCE: usize = 2_000;

/// Why the sender of a signed request is not let in.
#[derive(Debug)]
pub enum SignedError {
    /// As with a token.
    Auth(AuthError),
    /// The same request was let in before.
    Replayed,
    /// It was signed before a false time was taken back, and nonces of then
    /// are not known any more.
    BeforeClock,
    /// It came so late that what is known of its nonce may be forgotten.
    TooLate,
    /// It was signed at a time that the clock showed while it was wrong: it may
    /// have been let in then.
    FalseTime,
    /// More nonces are kept than there is room for, of all or of this key; they
    /// end by themselves.
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
    recent: Mutex<Recent>,
}

impl Nonces {
    /// The nonces beside the control plane's file.
    pub(crate) async fn beside(file: &Path) -> Result<Self, ControlError> {
        let path = file.with_file_name("nonces.sqlite");
        let file = match TokenFile::open(&path).await {
            Err(error) if !matches!(error, ControlError::Refused(_)) && !error.is_failed_sync() => {
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

    /// Takes hold of a nonce of a key, so that of two requests with it one goes
    /// on. It is given back, unspent, when the claim is dropped.
    fn claim(
        &self,
        (tag, ends): (TokenTag, Timestamp),
        of: KeyId,
        now: Timestamp,
    ) -> Result<Claim<'_>, SignedError> {
        self.recent().note((tag, ends), of, now)?;
        let nonces = Some(self);
        Ok(Claim { nonces, tag, ends })
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
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
}

/// A nonce that one request holds and has not spent.
#[derive(Debug)]
struct Claim<'n> {
    nonces: Option<&'n Nonces>,
    tag: TokenTag,
    ends: Timestamp,
}

impl Claim<'_> {
    /// Spends the nonce; when this returns, no request with it is let in again.
    async fn spend(mut self, now: Timestamp) -> Result<(), SignedError> {
        // From here on it stays noted, also when it cannot be written: what
        // was begun may be on the disk. Its sender makes another nonce.
        let Some(nonces) = self.nonces.take() else {
            return Err(SignedError::Replayed);
        };
        match nonces.write(self.tag, self.ends, now).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(SignedError::Replayed),
            Err(error) => Err(SignedError::Control(error)),
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if let Some(nonces) = self.nonces {
            nonces.recent().forget(self.tag);
        }
    }
}

impl Control {
    /// Lets the sender of a signed request in, and spends its nonce first: it
    /// is on stable storage before this returns. A request that is let in once
    /// more on its way, when its body is there, names the nonce that it spent.
    ///
    /// `admit` is asked about a caller whose signature is good and whose nonce
    /// was not seen in this run, before anything is written: whom it refuses
    /// has cost nothing, and the nonce is as unspent as before.
    ///
    /// # Errors
    /// Says why not, or what `admit` says; nothing was done for the sender then.
    pub async fn authenticate_signed<E: From<SignedError>>(
        &self,
        request: &SignedRequest<'_>,
        seen: &Circumstances<'_>,
        spent: Option<TokenTag>,
        admit: impl FnOnce(&Access) -> Result<(), E>,
    ) -> Result<(Access, TokenTag), E> {
        let now = self.0.options.clock.now();
        self.check_signed_at(request.created())?;
        let unspent = self.0.callers.verify_signed(request, seen, now);
        let unspent = unspent.map_err(SignedError::Auth)?;
        self.spend_and_admit((unspent, spent), seen, now, admit)
            .await
    }

    /// The same for a request that is signed by HMAC, of which the signature
    /// itself is spent.
    ///
    /// # Errors
    /// As [`Control::authenticate_signed`].
    pub async fn authenticate_keyed<E: From<SignedError>>(
        &self,
        request: &KeyedRequest<'_>,
        seen: &Circumstances<'_>,
        spent: Option<TokenTag>,
        admit: impl FnOnce(&Access) -> Result<(), E>,
    ) -> Result<(Access, TokenTag), E> {
        let now = self.0.options.clock.now();
        let check = || {
            self.check_signed_at(request.created())?;
            let pepper = &self.0.options.pepper;
            let unspent = self.0.callers.verify_keyed(request, pepper, seen, now);
            unspent.map_err(SignedError::Auth)
        };
        let unspent = check().map_err(E::from)?;
        self.spend_and_admit((unspent, spent), seen, now, admit)
            .await
    }

    /// The key whose signature would let the sender of this request in, before
    /// its body is there; to nobody may it be told whether there is such a key.
    pub fn may_be_signed(
        &self,
        request: &KeyedRequest<'_>,
        seen: &Circumstances<'_>,
    ) -> Option<KeyId> {
        let (pepper, now) = (&self.0.options.pepper, self.0.options.clock.now());
        self.0.callers.may_be_signed(request, pepper, seen, now)
    }

    /// Refuses what was signed at a time that the clock showed when it was wrong.
    fn check_signed_at(&self, created: Timestamp) -> Result<(), SignedError> {
        if created < self.clock_accepted() {
            return Err(SignedError::BeforeClock);
        }
        match self.was_false(created) {
            true => Err(SignedError::FalseTime),
            false => Ok(()),
        }
    }

    async fn spend_and_admit<E: From<SignedError>>(
        &self,
        (unspent, spent): (Unspent, Option<TokenTag>),
        seen: &Circumstances<'_>,
        now: Timestamp,
        admit: impl FnOnce(&Access) -> Result<(), E>,
    ) -> Result<(Access, TokenTag), E> {
        let callers = &self.0.callers;
        let (tag, ends) = unspent.nonce();
        if spent == Some(tag) {
            admit(unspent.access())?;
        } else {
            // What is noted of it is forgotten from its end on: whether it was let
            // in before, nobody could say.
            if ends <= now {
                return Err(SignedError::TooLate.into());
            }
            let access = unspent.access();
            // Whoever makes keys gets no more room by it.
            let of = access.issuer().map_or(access.key(), |issuer| issuer.id());
            let claim = self.0.nonces.claim((tag, ends), of, now)?;
            admit(access)?;
            claim.spend(now).await?;
        }
        let access = unspent.spent();
        callers.note_from(access.secret(), seen, now);
        Ok((access, tag))
    }
}

#[cfg(test)]
mod tests;

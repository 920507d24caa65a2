//! Batches under idempotency keys, each charged exactly once.
//!
//! A kill may come when a batch is stored and its charge is not written. What is
//! repeated under the idempotency key is answered from the journal; so it is
//! then that the batch is charged. That a batch is charged is written with the
//! total that it is in, by one transaction. Whoever repeats it finds that there.
//!
//! It is known for as long as answers are saved. Of what is forgotten, or of
//! before it was noted, it is said that it is charged: nothing is charged twice.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use model::ids::{KeyId, PoolId};
use model::limits::IDEMPOTENCY_SECONDS;
use model::time::Timestamp;
use sha2::{Digest, Sha256};

use crate::control::Control;
use crate::error::{ControlError, InternalError};
use crate::store::{BatchWrite, Write};
use crate::writer::Link;

/// What tells a stored batch from every other whose answer is saved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SavedBatch {
    pub(crate) at: Timestamp,
    pub(crate) name: [u8; 32],
}

impl SavedBatch {
    /// Of what a key stored in a pool under this idempotency key at this time:
    /// that of the first of all requests that are answered the same.
    pub fn new(pool: PoolId, key: KeyId, idempotency_key: &str, at: Timestamp) -> Self {
        let mut digest = Sha256::new();
        digest.update(pool.to_bytes());
        digest.update(key.to_bytes());
        digest.update(idempotency_key.as_bytes());
        let name = digest.finalize().into();
        Self { at, name }
    }
}

/// Until when batches were stored of which is not known any more whether they
/// are charged.
#[derive(Debug)]
pub(super) struct ChargedUntil(AtomicI64);

impl Default for ChargedUntil {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl ChargedUntil {
    fn raise(&self, until: Timestamp) {
        self.0.fetch_max(until.as_microsecond(), Ordering::SeqCst);
    }

    pub(super) fn holds(&self, batch: &SavedBatch) -> bool {
        batch.at.as_microsecond() <= self.0.load(Ordering::SeqCst)
    }
}

impl super::Ledger {
    /// Before anybody is let in: `known` is of the database. In one that never
    /// noted it all that was stored until `now` is charged.
    pub(crate) fn begin_batches(&self, known: Option<Timestamp>, now: Timestamp) {
        self.charged_until.raise(known.unwrap_or(now));
    }

    /// What is forgotten of batches whose answers are not saved any more, and
    /// what is to be written of it. Whoever has the writer asks.
    pub(crate) fn forget_batches(&self, now: Timestamp) -> Write {
        let life = Duration::from_secs(IDEMPOTENCY_SECONDS.unsigned_abs());
        if let Some(until) = now.checked_sub(life) {
            self.charged_until.raise(until);
        }
        self.batches_begin()
    }

    /// The same of nothing more than is forgotten already.
    pub(crate) fn batches_begin(&self) -> Write {
        let until = self.charged_until.0.load(Ordering::SeqCst);
        let until = Timestamp::from_microsecond(until).unwrap_or(Timestamp::EPOCH);
        Write::Batch(BatchWrite::Forget(until))
    }
}

impl Control {
    /// Whether a batch is charged, or it is not known any more.
    ///
    /// # Errors
    /// Of the database.
    pub async fn is_charged(&self, batch: &SavedBatch) -> Result<bool, ControlError> {
        let mut writer = self.0.writer().await?;
        if self.0.ledger.charged_until.holds(batch) {
            return Ok(true);
        }
        match &mut writer.link {
            Link::Open(store) => store.is_charged(batch).await,
            Link::Lost | Link::Closed => {
                Err(InternalError::new("the writer was given without a database").into())
            }
        }
    }
}

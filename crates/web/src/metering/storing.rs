//! What a request stores, and what that takes of the limits of its key.

use control::{Did, Reservation, SavedBatch, UsageCounts};
use model::answers::AppendReceipt;
use model::credits::{Tier, ingest_cost};
use model::ids::{KeyId, PoolId};
use model::permit::{Access, AdmittedBatch};

use super::LetIn;
use crate::error::ApiError;
use crate::state::AppState;
use crate::storage;

/// What is left of a batch when it is stored: whose it is, and of what.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) pool: PoolId,
    pub(super) tier: Tier,
    pub(super) key: KeyId,
    /// The idempotency key.
    pub(super) named: Option<String>,
}

impl Sent {
    fn of(batch: &AdmittedBatch) -> Self {
        Self {
            pool: batch.pool().id,
            tier: batch.pool().draft.tier,
            key: batch.key(),
            named: batch.idempotency().map(|sent| sent.key.clone()),
        }
    }

    /// What the receipt is of, if it is saved.
    fn saved(&self, receipt: &AppendReceipt) -> Option<SavedBatch> {
        let (named, at) = self.named.as_deref().zip(receipt.saved_at)?;
        Some(SavedBatch::new(self.pool, self.key, named, at))
    }
}

impl LetIn {
    /// Stores a batch of a caller who would still be let in with the same rights,
    /// where there is room and it can be paid for, and charges it. What is stored
    /// already is answered all the same: whoever lost the answer brings nothing new,
    /// and pays once, if a kill came before it was charged.
    ///
    /// # Errors
    /// [`crate::error::Code::QuotaReached`] and
    /// [`crate::error::Code::CreditsSpent`], with which nothing was stored, nor
    /// with those of a key that ended or changed meanwhile; those of [`crate::plane::DataPlane::append`].
    pub(crate) async fn store(
        &self,
        state: &AppState,
        access: &Access,
        batch: AdmittedBatch,
    ) -> Result<AppendReceipt, ApiError> {
        // Since the caller was let in it may have waited for room, and long.
        state.control.check_still(access)?;
        let sent = Sent::of(&batch);
        let reserved = match self.storing(state, access, &batch) {
            Ok(reserved) => reserved,
            Err(refused) => {
                let repeated = state.plane.repeated(&batch).await?;
                let repeated = repeated.ok_or(refused)?;
                return pay_repeated(state, access, &sent, repeated).await;
            }
        };
        let receipt = state.plane.append(batch).await?;
        self.stored(state, (reserved, sent), &receipt).await?;
        Ok(receipt)
    }

    /// Sets aside what storing a batch costs, for [`LetIn::stored`].
    pub(super) fn storing(
        &self,
        state: &AppState,
        access: &Access,
        batch: &AdmittedBatch,
    ) -> Result<Reservation, ApiError> {
        self.touch(batch.pool().id, None);
        if !batch.records().is_empty() {
            storage::check_room(state, access, batch.pool())?;
        }
        let records = u64::try_from(batch.records().len()).unwrap_or(u64::MAX);
        let cost = ingest_cost(records);
        Ok(state
            .control
            .reserve(access, batch.pool().draft.tier, cost)?)
    }

    /// Charges what was stored: a batch whose saved answer is repeated, unless it
    /// is charged.
    ///
    /// # Errors
    /// The charge was not carried out; the records are stored.
    pub(super) async fn stored(
        &self,
        state: &AppState,
        (reservation, sent): (Reservation, Sent),
        receipt: &AppendReceipt,
    ) -> Result<(), ApiError> {
        let (cost, saved) = (ingest_cost(receipt.accepted), sent.saved(receipt));
        if receipt.repeated {
            let Some(saved) = saved else { return Ok(()) };
            let charged = state.control.charge_repeated(reservation, cost, saved);
            return Ok(charged.await?);
        }
        let accepted = receipt.accepted;
        // At once and for its own pool: a request may write to many, and its
        // sender may be gone at its end.
        if let Some(access) = self.access().filter(|_| accepted > 0) {
            let counts = UsageCounts {
                records: accepted,
                ..UsageCounts::default()
            };
            let did = Did {
                pool: Some(sent.pool),
                view: None,
                from: self.network(),
                counts,
            };
            state.control.note_usage(access, did);
        }
        let charged = state.control.charge_done(reservation, cost, saved);
        Ok(charged.await?)
    }
}

/// Answers what is stored already and could not be stored now: what of it is not
/// charged is charged, or has to be paid for first.
async fn pay_repeated(
    state: &AppState,
    access: &Access,
    sent: &Sent,
    receipt: AppendReceipt,
) -> Result<AppendReceipt, ApiError> {
    let Some(saved) = sent.saved(&receipt) else {
        return Ok(receipt);
    };
    let cost = ingest_cost(receipt.accepted);
    match state.control.reserve(access, sent.tier, cost) {
        Ok(reserved) => {
            let charged = state.control.charge_repeated(reserved, cost, saved);
            charged.await?;
        }
        Err(_) if state.control.is_charged(&saved).await? => {}
        Err(spent) => return Err(spent.into()),
    }
    Ok(receipt)
}

//! What a request stores, and what that takes of the limits of its key.

use control::{Did, Reservation, UsageCounts};
use model::answers::AppendReceipt;
use model::credits::ingest_cost;
use model::ids::PoolId;
use model::permit::{Access, AdmittedBatch};

use super::LetIn;
use crate::error::ApiError;
use crate::state::AppState;
use crate::storage;

impl LetIn {
    /// Stores a batch of a caller who would still be let in with the same rights,
    /// where there is room and it can be paid for, and charges it. What is stored
    /// already is answered all the same: whoever lost the answer brings nothing new.
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
        let reserved = match self.storing(state, access, &batch) {
            Ok(reserved) => reserved,
            Err(refused) => {
                let repeated = state.plane.repeated(&batch).await?;
                return repeated.ok_or(refused);
            }
        };
        let pool = batch.pool().id;
        let receipt = state.plane.append(batch).await?;
        self.stored(state, (reserved, pool), &receipt).await?;
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

    /// Charges what was stored: nothing for a batch whose saved answer is repeated.
    ///
    /// # Errors
    /// The charge was not carried out; the records are stored.
    pub(super) async fn stored(
        &self,
        state: &AppState,
        (reservation, pool): (Reservation, PoolId),
        receipt: &AppendReceipt,
    ) -> Result<(), ApiError> {
        let accepted = match receipt.repeated {
            true => 0,
            false => receipt.accepted,
        };
        // At once and for its own pool: a request may write to many, and its
        // sender may be gone at its end.
        if let Some(access) = self.access().filter(|_| accepted > 0) {
            let counts = UsageCounts {
                records: accepted,
                ..UsageCounts::default()
            };
            let (pool, view) = (Some(pool), None);
            state.control.note_usage(access, Did { pool, view, counts });
        }
        let cost = ingest_cost(accepted);
        Ok(state.control.charge_done(reservation, cost).await?)
    }
}

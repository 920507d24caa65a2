//! From an admitted batch to what is submitted for it.

use model::answers::AppendReceipt;
use model::limits::BATCH_FAULTS_LISTED_MAX;
use model::names::FieldPath;
use model::permit::{AdmittedBatch, Idempotency};
use model::pools::Pool;
use model::records::Record;

use super::Lake;
use crate::buffer::Segment;
use crate::columns::Layout;
use crate::error::{LakeError, Result};
use crate::operation::{IdempotencyTag, SavedAnswer, encode_append, weight};
use crate::store::{Operation, Outcome};
use crate::upserts::{Sameness, unique_columns};

/// The most that the records of one batch may take in columns, whose offsets
/// reach 2 GiB.
const BATCH_WEIGHT_MAX: usize = 1 << 30;

pub(super) fn too_large(bytes: usize, limit: usize) -> LakeError {
    LakeError::LimitExceeded(format!(
        "one request may bring {limit} bytes to store and this one brings {bytes}; send less at once"
    ))
}

/// The answer to a batch that is stored.
pub(crate) fn new_receipt(batch: &AdmittedBatch) -> AppendReceipt {
    let listed = batch.faults().iter().take(BATCH_FAULTS_LISTED_MAX);
    AppendReceipt {
        accepted: batch.records().len() as u64,
        rejected: batch.faults().len() as u64,
        faults: listed.cloned().collect(),
        repeated: false,
        saved_at: batch.idempotency().map(|_| batch.at()),
    }
}

/// The columns of records that are added to a pool together by keys that
/// inject the fields of these columns.
pub(crate) fn segment_of<'a>(
    pool: &Pool,
    layout: &Layout,
    records: &[Record],
    injected: impl Iterator<Item = &'a FieldPath>,
) -> Result<Segment> {
    let segment = Segment::of_records(layout, records)?;
    let schema = &pool.draft.schema;
    let segment = match Sameness::of(&unique_columns(pool), injected) {
        None => segment,
        Some(sameness) => segment.replacing(layout, sameness)?,
    };
    let isolation = pool.draft.isolation_field.as_ref();
    let isolation = isolation.map(|path| schema.column_path(path));
    Ok(segment.indexed(isolation.as_ref()))
}

fn tag_of(batch: &AdmittedBatch, idempotency: &Idempotency) -> IdempotencyTag {
    IdempotencyTag {
        pool: batch.pool().id,
        key: batch.key(),
        text: idempotency.key.clone(),
    }
}

impl Lake {
    /// The saved answer to a batch that was stored under its idempotency key,
    /// or is being stored, and the answer to one without a key of which each
    /// record comes with a token of uniqueness that is known; `None` for one
    /// that brings something new. Nothing is stored.
    ///
    /// # Errors
    /// [`LakeError::IdempotencyMismatch`] when another body was sent under the key.
    pub async fn repeated(&self, batch: &AdmittedBatch) -> Result<Option<AppendReceipt>> {
        let Some(idempotency) = batch.idempotency() else {
            let is_known = self.has_every_token(batch).await?;
            return Ok(is_known.then(|| AppendReceipt {
                repeated: true,
                ..new_receipt(batch)
            }));
        };
        let repeat = Operation::Repeat {
            tag: tag_of(batch, idempotency),
            fingerprint: idempotency.fingerprint,
        };
        match self.submit(repeat).await? {
            Outcome::NotRepeated => Ok(None),
            outcome => self.appended(outcome, new_receipt(batch)).map(Some),
        }
    }
}

/// What is submitted for a batch, of at most `operation_bytes`.
pub(crate) fn append_operation(
    batch: &AdmittedBatch,
    receipt: &AppendReceipt,
    operation_bytes: usize,
) -> Result<Operation> {
    let pool = batch.pool();
    let bytes = batch.records().iter().map(weight).sum::<usize>();
    if bytes > BATCH_WEIGHT_MAX {
        return Err(too_large(bytes, BATCH_WEIGHT_MAX));
    }
    let mut payload = Vec::new();
    encode_append(batch, receipt, &mut payload)?;
    if payload.len() > operation_bytes {
        return Err(too_large(payload.len(), operation_bytes));
    }
    let layout = Layout::of(&pool.draft.schema);
    let schema = &pool.draft.schema;
    let injected = batch.injections().iter();
    let injected: Vec<_> = injected.map(|(path, _)| schema.column_path(path)).collect();
    let segment = segment_of(pool, &layout, batch.records(), injected.iter())?;
    let saved = batch.idempotency().map(|idempotency| {
        let tag = tag_of(batch, idempotency);
        let answer = SavedAnswer {
            fingerprint: idempotency.fingerprint,
            at: batch.at(),
            accepted: receipt.accepted,
            rejected: receipt.rejected,
            faults: receipt.faults.clone(),
        };
        (tag, answer)
    });
    Ok(Operation::Append {
        pool: pool.clone(),
        payload,
        segment,
        saved,
        tokens: None,
    })
}

//! The lake as the rest of the house sees it.

mod analyse;
mod append;
mod delete;
mod export;
mod inspect;
mod open;
mod page;
mod query;
mod stopping;
mod touched;
mod unique;
mod upkeep;

pub(crate) use append::{append_operation, new_receipt, segment_of};
pub use inspect::{InspectedFile, InspectedPart, InspectedPool, Inspection, Strays};
pub use open::{Environment, LakeOptions, UpkeepOptions};
pub use page::{Page, PageCell, PageColumn, PageRows};
pub use upkeep::{PoolLayout, Scrubbed};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use model::answers::{AppendReceipt, Columnar, PlaneMetrics, SeenField};
use model::fault::{Fault, FaultCode};
use model::ids::PoolId;
use model::permit::{AdmittedBatch, ConstrainedSchema, Permit, Upkeep};
use model::queries::OutputColumn;
use model::random::RandomSource;
use model::records::SentRecord;
use model::time::Clock;

use crate::columnar;
use crate::error::{LakeError, Result};
use crate::journal::{self, Journal, JournalError};
use crate::operation::{SavedAnswer, encode_drop};
use crate::run::{Asker, RowStream, Runner};
use crate::store::{AnswersFull, Operation, Outcome, Pools, Store};
use crate::tables::Tables;
use crate::uniqueness::{RecentTokens, TokenOptions, TokenStore};
use append::too_large;
use stopping::Stopping;

/// The rows of an answer under their columns.
pub struct Answer {
    /// The columns.
    pub columns: Vec<OutputColumn>,
    /// The rows.
    pub rows: RowStream,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

/// Records of pools, durable in a directory.
#[derive(Debug)]
pub struct Lake {
    journal: Journal<Store>,
    pools: Arc<Pools>,
    tables: Arc<Tables>,
    runner: Runner,
    clock: Arc<dyn Clock>,
    random: Arc<dyn RandomSource>,
    tokens: Arc<RecentTokens>,
    token_store: Arc<dyn TokenStore>,
    token_options: TokenOptions,
    /// Tells versions of this run from those of others.
    run: u64,
    upkeep: upkeep::State,
    stopping: Stopping,
    buffer_bytes: u64,
    operation_bytes: usize,
    records_stored: AtomicU64,
    queries_answered: AtomicU64,
    plans_refused: AtomicU64,
    constraints_unresolved: AtomicU64,
}

impl Lake {
    /// Stores a batch. When it returns, the accepted records are on stable
    /// storage and visible to every question that starts afterwards; a
    /// repetition under the same idempotency key gets the first answer. Of the
    /// records with one token of uniqueness the first is stored, and all count
    /// as accepted.
    ///
    /// # Errors
    /// Nothing of the batch is stored, but for [`JournalError::Stopped`], after which the log
    /// tells at the restart. [`LakeError::LimitExceeded`] for a batch that is too large for one
    /// operation of the journal, or for one run of columns.
    pub async fn append(&self, batch: AdmittedBatch) -> Result<AppendReceipt> {
        let receipt = new_receipt(&batch);
        if receipt.accepted == 0 && batch.idempotency().is_none() {
            return Ok(receipt);
        }
        let held = self.pools.bytes();
        // A repetition needs no room, and only the journal's thread knows whether it is one.
        if held >= self.buffer_bytes && batch.idempotency().is_none() {
            return Err(self.buffer_full(held));
        }
        if !batch.tokens().is_empty() {
            return self.append_unique(batch, receipt).await;
        }
        let operation = self.append_operation(Arc::new(batch), &receipt).await?;
        self.appended(self.submit(operation).await?, receipt)
    }

    /// The answer to a batch that the journal is done with.
    fn appended(&self, outcome: Outcome, receipt: AppendReceipt) -> Result<AppendReceipt> {
        match outcome {
            Outcome::Done(done) => {
                self.records_stored.fetch_add(done?, Ordering::Relaxed);
                Ok(receipt)
            }
            Outcome::Repeated(SavedAnswer {
                at,
                accepted,
                rejected,
                faults,
                ..
            }) => Ok(AppendReceipt {
                accepted,
                rejected,
                faults,
                repeated: true,
                saved_at: Some(at),
            }),
            Outcome::Mismatch => Err(LakeError::IdempotencyMismatch),
            Outcome::NoRoom(held) => Err(self.buffer_full(held)),
            Outcome::NoRoomForAnswers(AnswersFull { held, bound }) => {
                Err(LakeError::AnswersFull { held, bound })
            }
            Outcome::NoRoomForTokens(held) => Err(LakeError::TokensFull {
                held,
                bound: self.tokens.room(),
            }),
            Outcome::Deleted(_)
            | Outcome::Carried(_)
            | Outcome::Dropped
            | Outcome::NotRepeated
            | Outcome::TokensRepeated(_)
            | Outcome::LookAgain => Err(answered_otherwise("a batch")),
        }
    }

    /// What is submitted for a batch. For many records that is work for a
    /// thread that answers no other requests.
    async fn append_operation(
        &self,
        batch: Arc<AdmittedBatch>,
        receipt: &AppendReceipt,
    ) -> Result<Operation> {
        const FEW_RECORDS: usize = 256;
        let bytes = self.operation_bytes;
        if batch.records().len() <= FEW_RECORDS {
            return append_operation(&batch, receipt, bytes);
        }
        let receipt = receipt.clone();
        let learned = self.pools.learned(batch.pool());
        let work = move || {
            let operation = append_operation(&batch, &receipt, bytes)?;
            Ok(operation.indexed(learned.as_ref()))
        };
        self.runner.aside(work).await?
    }

    fn buffer_full(&self, held: u64) -> LakeError {
        LakeError::BufferFull {
            held,
            bound: self.buffer_bytes,
        }
    }

    async fn submit(&self, operation: Operation) -> Result<Outcome> {
        match self.journal.submit(operation).await {
            Err(JournalError::Oversized { bytes, limit }) => Err(too_large(bytes, limit)),
            answer => Ok(answer?),
        }
    }

    /// Forgets a pool and all its records, and those that are still on their
    /// way to it.
    pub async fn drop_pool(&self, _: &Permit<Upkeep>, pool: PoolId) -> Result<()> {
        self.submit(drop_operation(pool)).await.map(|_| ())
    }

    /// The fields that the key sees, over the rows that it sees.
    pub async fn schema(&self, schema: ConstrainedSchema) -> Result<Vec<SeenField>> {
        let snapshot = self.pools.snapshot(schema.pool());
        let key = schema.key();
        let look = move |asker: &Asker| crate::seen::seen_fields(&schema, &snapshot, asker);
        self.runner.work(key, look).await
    }

    /// Reads the records of a columnar body.
    pub async fn decode(&self, format: Columnar, body: Bytes) -> Result<Vec<SentRecord>, Fault> {
        // Decoding is work, not waiting; it must not hold up other requests.
        let decoded = self.runner.aside(move || columnar::decode(format, body));
        decoded.await.unwrap_or_else(|_| {
            let detail = "the body is not a whole file of its announced format";
            Err(Fault::new(FaultCode::MalformedBody, detail))
        })
    }

    /// Which journal it is, and how far it goes.
    #[must_use]
    pub fn journal_extent(&self) -> journal::Extent {
        self.journal.extent()
    }

    /// Counters for operators.
    pub fn metrics(&self) -> PlaneMetrics {
        let journal = self.journal.counts();
        PlaneMetrics {
            records_stored: self.records_stored.load(Ordering::Relaxed),
            queries_answered: self.queries_answered.load(Ordering::Relaxed),
            plans_refused: self.plans_refused.load(Ordering::Relaxed),
            constraints_unresolved: self.constraints_unresolved.load(Ordering::Relaxed),
            journal_entries: journal.records,
            journal_bytes: journal.bytes,
            journal_syncs: journal.syncs,
            journal_queue: journal.queued,
            buffer_bytes: self.pools.bytes(),
            buffer_records: self.pools.records(),
            tables: self.table_metrics(),
        }
    }

    /// Ends the journal's thread after everything queued is durable.
    pub fn close(&self) {
        self.stop();
        self.journal.close();
    }

    /// Gives up the upkeep that is under way, and lets none begin.
    pub fn stop(&self) {
        self.stopping.tell();
    }
}

fn answered_otherwise(what: &str) -> LakeError {
    LakeError::Internal(format!("{what} was answered as something else"))
}

fn drop_operation(pool: PoolId) -> Operation {
    let mut payload = Vec::new();
    encode_drop(pool, &mut payload);
    Operation::Drop { pool, payload }
}

#[cfg(test)]
mod given;
#[cfg(test)]
pub(crate) mod tests;

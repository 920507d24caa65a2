//! The lake as the rest of the house sees it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::StreamExt;
use model::answers::{AppendReceipt, Columnar, PlaneMetrics, SeenField};
use model::fault::Fault;
use model::ids::PoolId;
use model::limits::BATCH_FAULTS_LISTED_MAX;
use model::permit::{
    AdmittedBatch, ConstrainedDelete, ConstrainedQuery, ConstrainedSchema, Permit, Upkeep,
};
use model::pools::Pool;
use model::queries::{OutputColumn, Query};
use model::records::SentRecord;
use model::time::Clock;

use crate::buffer::Segment;
use crate::columnar::{self, ByteStream};
use crate::columns::Layout;
use crate::disk::Disk;
use crate::error::{LakeError, Result};
use crate::finish::finish;
use crate::journal::{self, Journal, JournalError};
use crate::operation::{
    IdempotencyTag, SavedAnswer, encode_append, encode_delete, encode_drop, weight,
};
use crate::output::output_columns;
use crate::plan::{Plan, plan};
use crate::run::{RowStream, RunOptions, Runner, broken, forwards, groups, record_rows};
use crate::store::{Operation, Outcome, Pools, Store};

/// Bounds of the lake.
#[derive(Clone, Debug)]
pub struct LakeOptions {
    /// Bounds of the journal.
    pub journal: journal::Options,
    /// Bounds of the execution of questions.
    pub run: RunOptions,
    /// Bytes of records that may be held in memory.
    pub buffer_bytes: u64,
}

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
    runner: Runner,
    buffer_bytes: u64,
    operation_bytes: usize,
    records_stored: AtomicU64,
    queries_answered: AtomicU64,
    plans_refused: AtomicU64,
    constraints_unresolved: AtomicU64,
}

impl Lake {
    /// Opens the lake in a directory, whose parent exists, and reads back
    /// every durable record of the `known` pools. Records of pools that are
    /// not known any more are forgotten.
    pub fn open(
        disk: Arc<dyn Disk>,
        directory: &Path,
        known: Vec<Arc<Pool>>,
        clock: Arc<dyn Clock>,
        options: LakeOptions,
    ) -> Result<Self> {
        let pools = Arc::new(Pools::default());
        let (store, replay) = Store::new(pools.clone(), options.buffer_bytes, clock, known);
        let operation_bytes = options.journal.max_record_bytes;
        let journal = Journal::open(disk, directory, options.journal, store)?;
        let unknown = {
            let mut replay = replay
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            replay.finish()?;
            replay.unknown_records()
        };
        if unknown > 0 {
            tracing::error!(
                records = unknown,
                "the journal holds records of pools that the control database does not know; \
                 was an older control database put back?"
            );
        }
        Ok(Self {
            journal,
            pools,
            runner: Runner::new(options.run)?,
            buffer_bytes: options.buffer_bytes,
            operation_bytes,
            records_stored: AtomicU64::new(0),
            queries_answered: AtomicU64::new(0),
            plans_refused: AtomicU64::new(0),
            constraints_unresolved: AtomicU64::new(0),
        })
    }

    /// Stores a batch. When it returns, the accepted records are on stable
    /// storage and visible to every question that starts afterwards; a
    /// repetition under the same idempotency key gets the first answer.
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
        let operation = self.append_operation(batch, &receipt).await?;
        match self.submit(operation).await? {
            Outcome::Done(done) => {
                self.records_stored.fetch_add(done?, Ordering::Relaxed);
                Ok(receipt)
            }
            Outcome::Repeated(SavedAnswer {
                accepted,
                rejected,
                faults,
                ..
            }) => Ok(AppendReceipt {
                accepted,
                rejected,
                faults,
                repeated: true,
            }),
            Outcome::Mismatch => Err(LakeError::IdempotencyMismatch),
            Outcome::NoRoom(held) => Err(self.buffer_full(held)),
        }
    }

    /// What is submitted for a batch. For many records that is work for a
    /// thread that answers no other requests.
    async fn append_operation(
        &self,
        batch: AdmittedBatch,
        receipt: &AppendReceipt,
    ) -> Result<Operation> {
        const FEW_RECORDS: usize = 256;
        let bytes = self.operation_bytes;
        if batch.records().len() <= FEW_RECORDS {
            return append_operation(&batch, receipt, bytes);
        }
        let receipt = receipt.clone();
        let work = move || append_operation(&batch, &receipt, bytes);
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|_| Err(broken()))
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

    /// Deletes the records that the key sees and asks for, durably and at
    /// once; answers how many went.
    pub async fn delete(&self, delete: ConstrainedDelete) -> Result<u64> {
        match self.submit(delete_operation(&delete)).await? {
            Outcome::Done(done) => done,
            _ => Err(LakeError::Internal(
                "a delete was answered as something else".to_owned(),
            )),
        }
    }

    /// Forgets a pool and all its records, and those that are still on their
    /// way to it.
    pub async fn drop_pool(&self, _: &Permit<Upkeep>, pool: PoolId) -> Result<()> {
        self.submit(drop_operation(pool)).await.map(|_| ())
    }

    fn plan(&self, query: &ConstrainedQuery) -> Result<Plan> {
        let snapshot = self.pools.snapshot(query.pool());
        let planned = plan(query.pool(), query.rows(), query.query(), &snapshot);
        match &planned {
            Err(LakeError::PlanRefused(reason)) => {
                self.plans_refused.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%reason, key = %query.key(), "a plan was refused");
            }
            Ok(Plan {
                unresolved: Some(reason),
                ..
            }) => {
                self.constraints_unresolved.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%reason, key = %query.key(), "a constraint admits no row");
            }
            _ => {}
        }
        planned
    }

    /// Answers a question over the rows that its constraint admits.
    pub async fn query(&self, query: ConstrainedQuery) -> Result<Answer> {
        let columns = output_columns(query.query(), &query.pool().draft.schema)?;
        let plan = self.plan(&query)?;
        self.queries_answered.fetch_add(1, Ordering::Relaxed);
        let rows = match query.query() {
            Query::Aggregate(aggregate) => {
                let batches = self.runner.collect_for(query.key(), plan.root).await?;
                let (aggregate, pool) = (aggregate.clone(), query.pool().clone());
                let finished = move || {
                    let groups = groups(&aggregate, &batches);
                    finish(&aggregate, &pool.draft.schema, groups)
                };
                let rows = self.runner.work(query.key(), finished).await?;
                futures::stream::iter([Ok(rows)]).boxed()
            }
            Query::Records(records) if records.limit.is_some_and(|limit| limit <= PAGE_ROWS) => {
                let batches = self.runner.collect_for(query.key(), plan.root).await?;
                let mut rows = Vec::new();
                for batch in &batches {
                    rows.extend(record_rows(records, batch)?);
                }
                futures::stream::iter([Ok(forwards(records, rows))]).boxed()
            }
            Query::Records(records) => {
                let records = records.clone();
                let batches = self.runner.stream(query.key(), plan.root).await?;
                batches
                    .map(move |batch| record_rows(&records, &batch?))
                    .boxed()
            }
        };
        Ok(Answer { columns, rows })
    }

    /// Answers a question as a file of a columnar format.
    pub async fn export(&self, query: ConstrainedQuery, format: Columnar) -> Result<ByteStream> {
        let answer = self.query(query).await?;
        columnar::encode(answer, format)
    }

    /// The fields that the key sees, over the rows that it sees.
    pub async fn schema(&self, schema: ConstrainedSchema) -> Result<Vec<SeenField>> {
        let snapshot = self.pools.snapshot(schema.pool());
        let key = schema.key();
        let look = move || crate::seen::seen_fields(&schema, &snapshot);
        self.runner.work(key, look).await
    }

    /// Reads the records of a columnar body.
    pub fn decode(&self, format: Columnar, body: Bytes) -> Result<Vec<SentRecord>, Fault> {
        columnar::decode(format, body)
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
        }
    }

    /// Ends the journal's thread after everything queued is durable.
    pub fn close(&self) {
        self.journal.close();
    }
}

/// The most that the records of one batch may take in columns, whose offsets
/// reach 2 GiB.
const BATCH_WEIGHT_MAX: usize = 1 << 30;

fn too_large(bytes: usize, limit: usize) -> LakeError {
    LakeError::LimitExceeded(format!(
        "one request may bring {limit} bytes to store and this one brings {bytes}; send less at once"
    ))
}

/// The answer to a batch that is stored.
fn new_receipt(batch: &AdmittedBatch) -> AppendReceipt {
    let listed = batch.faults().iter().take(BATCH_FAULTS_LISTED_MAX);
    AppendReceipt {
        accepted: batch.records().len() as u64,
        rejected: batch.faults().len() as u64,
        faults: listed.cloned().collect(),
        repeated: false,
    }
}

/// What is submitted for a batch, of at most `operation_bytes`.
fn append_operation(
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
    encode_append(batch, &receipt.faults, &mut payload)?;
    if payload.len() > operation_bytes {
        return Err(too_large(payload.len(), operation_bytes));
    }
    let layout = Layout::of(&pool.draft.schema);
    let segment =
        Segment::of_records(&layout, batch.records())?.indexed(pool.draft.isolation_field.as_ref());
    let saved = batch.idempotency().map(|idempotency| {
        let tag = IdempotencyTag {
            pool: pool.id,
            key: batch.key(),
            text: idempotency.key.clone(),
        };
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
    })
}

fn delete_operation(delete: &ConstrainedDelete) -> Operation {
    let mut payload = Vec::new();
    encode_delete(delete, &mut payload);
    Operation::Delete {
        pool: delete.pool().clone(),
        payload,
        rows: delete.rows().clone(),
        filter: delete.filter().cloned(),
    }
}

fn drop_operation(pool: PoolId) -> Operation {
    let mut payload = Vec::new();
    encode_drop(pool, &mut payload);
    Operation::Drop { pool, payload }
}

/// Rows up to which an answer is collected rather than streamed: a page and
/// the row that tells whether there is another.
const PAGE_ROWS: u64 = model::limits::PAGE_ROWS_MAX + 1;

mod settle;

#[cfg(test)]
mod given;
#[cfg(test)]
pub(crate) mod tests;
